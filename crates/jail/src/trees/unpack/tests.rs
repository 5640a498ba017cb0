use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use tar::EntryType;

use super::{UnpackLimits, Unpacked, land, unpack};
use crate::trees::{TreeError, pack};

const LIMITS: UnpackLimits = UnpackLimits { bytes: 1 << 20, entries: 1000 };

/// One member, with names put in as they are.
fn member(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o6755);
    header.set_mtime(1_000_000_000);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    let mut all = header.as_bytes().to_vec();
    all.extend_from_slice(content);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn file(name: &str, content: &str) -> Vec<u8> {
    member(EntryType::Regular, name, "", content.as_bytes())
}

fn directory(name: &str) -> Vec<u8> {
    member(EntryType::Directory, name, "", b"")
}

fn link(name: &str, target: &str) -> Vec<u8> {
    member(EntryType::Symlink, name, target, b"")
}

fn hard_link(name: &str, target: &str) -> Vec<u8> {
    member(EntryType::Link, name, target, b"")
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// A folder to unpack into, beside something that must stay as it is.
struct Place {
    top: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(top.path().join("into")).expect("a folder can be made");
        std::fs::create_dir(top.path().join("outside")).expect("a folder can be made");
        std::fs::write(top.path().join("outside/secret"), "secret").expect("it can be written");
        Self { top }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.top.path().join("into")
    }

    fn unpack(&self, members: &[Vec<u8>]) -> Result<Unpacked, TreeError> {
        let open = std::fs::File::open(self.folder()).expect("a folder can be opened");
        let result = unpack(archive(members).as_slice(), open.as_fd(), LIMITS);
        self.check_outside();
        result
    }

    fn land(&self, members: &[Vec<u8>]) -> Result<Unpacked, TreeError> {
        let open = std::fs::File::open(self.folder()).expect("a folder can be opened");
        let result = land(archive(members).as_slice(), open.as_fd(), None, LIMITS);
        self.check_outside();
        result
    }

    fn check_outside(&self) {
        let outside = self.top.path().join("outside");
        assert_eq!(std::fs::read_dir(&outside).expect("it is there").count(), 1);
        let secret = outside.join("secret");
        assert_eq!(std::fs::read(&secret).expect("it is there"), b"secret");
        assert_eq!(std::fs::metadata(&secret).expect("it is there").nlink(), 1);
        assert_eq!(std::fs::read_dir(self.top.path()).expect("it is there").count(), 2);
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).expect("it can be read")
    }
}

/// Both ways of unpacking refuse these members, and name the entry.
fn check_refused(members: &[Vec<u8>], entry: &str) {
    for error in [Place::new().unpack(members), Place::new().land(members)] {
        let error = error.expect_err("it is hostile").to_string();
        assert!(error.contains(entry), "{error}");
    }
}

#[test]
fn refuses_names_that_lead_up() {
    check_refused(&[file("../outside/new", "x")], "../outside/new");
    check_refused(&[file("a/../../outside/new", "x")], "a/../../outside/new");
    check_refused(&[directory("d"), hard_link("d/h", "../outside/secret")], "outside/secret");
}

#[test]
fn makes_absolute_names_relative_and_says_so() {
    let place = Place::new();
    let unpacked = place.unpack(&[file("/etc/x", "x")]).expect("it stays below");
    assert_eq!(place.read("etc/x"), "x");
    assert_eq!(
        unpacked.left_out,
        ["1 set-id bits: programs cannot gain rights in a sandbox", "1 leading slashes of names"]
    );
}

#[test]
fn never_writes_through_a_link_of_its_own() {
    // A link that leads out is left out already, and a plain folder stands there.
    let through = [link("d", "../outside"), file("d/new", "x")];
    Place::new().unpack(&through).expect("the link is left out");
    Place::new().land(&through).expect("the link is left out");
    for target in ["/outside", "/proc/self/cwd", "."] {
        let through = [link("d", target), file("d/new", "x")];
        let error = Place::new().unpack(&through).expect_err("a link stands there");
        assert!(error.to_string().contains("stands in the place"), "{error}");
    }
    let over = [link("f", "/outside/secret"), file("f", "x")];
    let place = Place::new();
    place.unpack(&over).expect("the link is replaced");
    assert_eq!(place.read("f"), "x");
    let inner = [directory("t"), directory("t/a"), link("t/l", "a"), file("t/l/x", "x")];
    check_refused(&inner, "t/l");
}

#[test]
fn never_follows_links_that_were_there() {
    let place = Place::new();
    symlink("../outside", place.folder().join("d")).expect("a link can be made");
    symlink("../outside/secret", place.folder().join("f")).expect("a link can be made");
    let error = place.land(&[file("d/new", "x")]).expect_err("a link stands there");
    assert!(error.to_string().contains("stands in the place"), "{error}");
    place.land(&[file("f", "x")]).expect("the link is replaced");
    assert_eq!(place.read("f"), "x");
}

#[test]
fn hard_links_lead_only_to_what_came_before() {
    let place = Place::new();
    place.unpack(&[file("a", "x"), hard_link("d/b", "a")]).expect("it is honest");
    assert_eq!(place.read("d/b"), "x");
    check_refused(&[hard_link("b", "a"), file("a", "x")], "b");
    check_refused(&[directory("d"), hard_link("b", "d")], "b");
    let place = Place::new();
    std::fs::write(place.folder().join("mine"), "mine").expect("it can be written");
    place.land(&[hard_link("b", "mine")]).expect_err("the archive did not bring it");
    // A file that both names stand for is replaced, not written.
    let place = Place::new();
    place
        .unpack(&[file("a", "one"), hard_link("b", "a"), file("b", "two"), hard_link("b", "b")])
        .expect("it is honest");
    assert_eq!((place.read("a"), place.read("b")), ("one".to_owned(), "two".to_owned()));
}

#[test]
fn links_that_lead_out_are_left_out_of_folders() {
    let place = Place::new();
    std::fs::create_dir(place.folder().join("t")).expect("a folder can be made");
    symlink("../../outside", place.folder().join("t/mine")).expect("a link can be made");
    let members = [
        directory("t"),
        link("t/up", "../x"),
        link("t/abs", "/etc/passwd"),
        link("t/round", "a/../../../outside"),
        link("t/through", "mine/secret"),
        link("t/cycle", "cycle"),
        link("t/good", "d/file"),
        link("t/d/up", "../good"),
    ];
    let landed = place.land(&members).expect("the rest is honest");
    assert_eq!(landed.left_out, ["5 links that lead out"]);
    let mut names: Vec<_> = std::fs::read_dir(place.folder().join("t"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["d", "good", "mine"]);
}

#[test]
fn links_that_climb_above_the_root_are_left_out_of_images() {
    let place = Place::new();
    let members = [
        link("good", "/usr/bin"),
        link("d/good", "../x/../y"),
        link("up", "../outside"),
        link("d/round", "../x/../../outside"),
        link("d/abs", "/../outside"),
    ];
    let unpacked = place.unpack(&members).expect("the rest is honest");
    assert_eq!(unpacked.left_out, ["3 links that lead out"]);
    assert_eq!(std::fs::read_dir(place.folder().join("d")).expect("it is there").count(), 1);
}

#[test]
fn devices_pipes_and_set_id_bits_stay_out() {
    let members = [
        member(EntryType::Char, "t/null", "", b""),
        member(EntryType::Block, "t/disk", "", b""),
        member(EntryType::Fifo, "t/pipe", "", b""),
        file("t/program", "x"),
    ];
    for (is_folder, count) in [(false, 2), (true, 1)] {
        let place = Place::new();
        let result = if is_folder { place.land(&members) } else { place.unpack(&members) };
        result.expect("it is honest");
        let names = std::fs::read_dir(place.folder().join("t")).expect("it is there").count();
        assert_eq!(names, count);
        let mode = std::fs::metadata(place.folder().join("t/program")).expect("it is there").mode();
        assert_eq!((mode & 0o6000, mode & 0o700), (0, 0o700));
    }
}

#[test]
fn attributes_of_hosts_and_overlays_stay_out() {
    let records = [
        "SCHILY.xattr.user.plain=1",
        "SCHILY.xattr.user.overlay.opaque=y",
        "SCHILY.xattr.trusted.overlay.opaque=y",
        "SCHILY.xattr.security.capability=1",
    ];
    let records: String =
        records.iter().map(|line| format!("{} {line}\n", line.len() + 4)).collect();
    let pax = member(EntryType::XHeader, "pax", "", records.as_bytes());
    let place = Place::new();
    let unpacked = place.unpack(&[pax, directory("d")]).expect("it is honest");
    assert_eq!(
        unpacked.left_out[1..],
        ["3 extended attributes that belong to a host or to overlay"]
    );
    let mut list = [0; 100];
    let length = rustix::fs::listxattr(place.folder().join("d"), &mut list[..]).expect("it lists");
    assert_eq!(&list[..length], b"user.plain\0");
}

#[test]
fn limits_hold() {
    let limits = UnpackLimits { bytes: 1 << 20, entries: 20 };
    let check = |members: &[Vec<u8>], words: &str| {
        let place = Place::new();
        let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
        let error = unpack(archive(members).as_slice(), open.as_fd(), limits);
        let error = error.expect_err("a limit is passed").to_string();
        assert!(error.contains(words), "{error}");
    };
    let many: Vec<_> = (0..21).map(|number| file(&format!("f{number}"), "")).collect();
    check(&many, "`f20` exceeds the limit of 20 entries");
    // Folders that no member describes count too.
    check(&[file(&"d/".repeat(30), ""), file("f", "")], "20 entries");
    let big = [file("f", "x"), member(EntryType::Regular, "big", "", &[1; 1 << 20])];
    check(&big, "`big` exceeds the limit of 1048576 bytes");
}

#[test]
fn folders_are_never_replaced() {
    check_refused(&[directory("t/d"), file("t/d", "x")], "d");
    check_refused(&[file("t/f", "x"), directory("t/f")], "t/f");
}

#[test]
fn existing_files_are_replaced_in_one_step() {
    let place = Place::new();
    std::fs::write(place.folder().join("f"), "old").expect("it can be written");
    std::fs::hard_link(place.folder().join("f"), place.folder().join("other")).expect("it links");
    place.land(&[file("f", "new")]).expect("it is honest");
    assert_eq!((place.read("f"), place.read("other")), ("new".to_owned(), "old".to_owned()));
    assert_eq!(std::fs::read_dir(place.folder()).expect("it is there").count(), 2);
}

#[test]
fn a_broken_file_leaves_the_old_one() {
    let place = Place::new();
    std::fs::write(place.folder().join("f"), "old").expect("it can be written");
    let whole = file("f", &"new".repeat(1000));
    let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
    land(&whole[..1024], open.as_fd(), None, LIMITS).expect_err("it is cut off");
    assert_eq!(place.read("f"), "old");
    assert_eq!(std::fs::read_dir(place.folder()).expect("it is there").count(), 1);
}

#[test]
fn another_name_stands_for_the_first_part() {
    let place = Place::new();
    let members = [directory("t"), file("t/f", "x"), hard_link("t/h", "t/f")];
    let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
    land(archive(&members).as_slice(), open.as_fd(), Some(c"new".to_owned()), LIMITS)
        .expect("it is honest");
    assert_eq!((place.read("new/f"), place.read("new/h")), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn gzip_is_taken_off_and_other_packings_are_named() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&archive(&[file("f", "x")])).expect("a vector takes everything");
    let packed = encoder.finish().expect("a vector takes everything");
    let place = Place::new();
    let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
    unpack(packed.as_slice(), open.as_fd(), LIMITS).expect("it is honest");
    assert_eq!(place.read("f"), "x");
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0];
    let error = unpack(&zstd[..], open.as_fd(), LIMITS).expect_err("it is not taken off");
    assert!(error.to_string().contains("zstd -d"), "{error}");
}

#[test]
fn sparse_files_have_their_holes() {
    // What GNU tar writes as kind `S`: two parts in the header.
    let mut header = tar::Header::new_gnu();
    header.set_path("sparse").expect("it is a name");
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(6);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let gnu = header.as_gnu_mut().expect("it was made so");
    gnu.set_real_size(500_000);
    for (part, offset) in gnu.sparse.iter_mut().zip([100, 400_000]) {
        part.set_offset(offset);
        part.set_length(3);
    }
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(b"onetwo");
    bytes.resize(1024, 0);
    let place = Place::new();
    place.unpack(&[bytes]).expect("it is honest");
    let content = std::fs::read(place.folder().join("sparse")).expect("it is there");
    assert_eq!(content.len(), 500_000);
    assert_eq!((&content[100..103], &content[400_000..400_003]), (&b"one"[..], &b"two"[..]));
    assert!(content.iter().filter(|byte| **byte != 0).count() == 6);
}

/// What is packed comes out the same.
fn check_round(make: impl FnOnce(&Path)) {
    let (from, to) = (Place::new(), Place::new());
    make(&from.folder());
    let open = |place: &Place| std::fs::File::open(place.folder()).expect("a folder can be opened");
    let mut bytes = Vec::new();
    pack(open(&from).as_fd(), &mut bytes).expect("it can be packed");
    unpack(bytes.as_slice(), open(&to).as_fd(), LIMITS).expect("it is honest");
    assert_eq!(seen(&from.folder()), seen(&to.folder()));
}

fn seen(top: &Path) -> BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in std::fs::read_dir(&path).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let meta = std::fs::symlink_metadata(&path).expect("it can be looked at");
            let content = if meta.is_dir() {
                waiting.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                std::fs::read_link(&path).expect("it is a link").as_os_str().as_bytes().to_vec()
            } else {
                std::fs::read(&path).expect("it can be read")
            };
            let name = path.strip_prefix(top).expect("it is below").as_os_str().as_bytes();
            all.insert(name.to_vec(), (meta.mode(), meta.mtime(), content));
        }
    }
    all
}

#[test]
fn long_names_and_links_go_round() {
    check_round(|top| {
        let mut path = top.to_owned();
        for letter in ["a", "b", "c"] {
            path.push(letter.repeat(200));
        }
        std::fs::create_dir_all(&path).expect("folders can be made");
        std::fs::write(path.join("f\u{1b}\n"), "x").expect("it can be written");
        symlink("y".repeat(300), path.join("l")).expect("a link can be made");
        std::fs::hard_link(path.join("f\u{1b}\n"), top.join("h")).expect("it links");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever an archive says, nothing outside changes and nothing inside leads out.
    #[test]
    fn nothing_gets_out(
        members in proptest::collection::vec(
            (0_usize..4, "(\\.\\./|/|\\./)?[ab]{1}(/[ab]|/\\.\\.){0,2}", "(\\.\\./|/)?[ab.]{1,2}(/[ab.]{1,2}){0,2}"),
            0..12,
        )
    ) {
        let members: Vec<_> = members
            .iter()
            .map(|(kind, name, target)| match kind {
                0 => file(name, "x"),
                1 => directory(name),
                2 => link(name, target),
                _ => hard_link(name, target),
            })
            .collect();
        let place = Place::new();
        drop(place.unpack(&members));
        let place = Place::new();
        drop(place.land(&members));
        let into = place.folder().canonicalize().expect("it is there");
        for path in seen(&place.folder()).keys() {
            let path = into.join(std::ffi::OsStr::from_bytes(path));
            if let Ok(real) = path.canonicalize() {
                prop_assert!(real.starts_with(&into), "{}", real.display());
            }
        }
    }

    /// Bytes that are no archive are an error, never a crash.
    #[test]
    fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let place = Place::new();
        let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
        prop_assert!(bytes.starts_with(&[0; 512]) || unpack(bytes.as_slice(), open.as_fd(), LIMITS).is_err());
    }
}

/// The fuzz target's corpus: the first byte chooses the place, the rest is the archive.
#[test]
fn the_corpus_of_hostile_archives_stays_inside() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/archive");
    let mut replayed = 0;
    for seed in std::fs::read_dir(corpus).expect("the corpus is there") {
        let path = seed.expect("it can be listed").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        let (choice, archive) = bytes.split_first().expect("no seed is empty");
        let place = Place::new();
        let open = std::fs::File::open(place.folder()).expect("a folder can be opened");
        let result = match choice % 2 {
            0 => unpack(archive, open.as_fd(), LIMITS),
            _ => land(archive, open.as_fd(), None, LIMITS),
        };
        place.check_outside();
        // The plain ones prove that the others are not refused for a common fault.
        if path.to_string_lossy().ends_with("-plain") {
            assert_eq!(result.expect("it is honest").files, 4);
        }
        replayed += 1;
    }
    assert!(replayed >= 34, "{replayed}");
}

/// Somebody exchanges a folder for a link that leads out, again and again, while it is written.
#[test]
fn no_race_leads_out() {
    use rustix::fs::RenameFlags;
    use std::sync::atomic::{AtomicBool, Ordering};

    let place = Place::new();
    let top = std::fs::File::open(place.folder()).expect("a folder can be opened");
    std::fs::create_dir(place.folder().join("d")).expect("a folder can be made");
    symlink("../outside", place.folder().join("l")).expect("a link can be made");
    let is_over = AtomicBool::new(false);
    let members = [file("d/a", "x"), file("d/e/b", "x"), file("d/secret", "x"), link("d/k", "a")];
    let archive = archive(&members);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(&top, "d", &top, "l", RenameFlags::EXCHANGE)
                    .expect("both names stay there");
            }
        });
        let (mut refused, mut landed) = (0, 0);
        // Both outcomes have to be seen, or there was no race.
        for round in 0..100_000 {
            match land(archive.as_slice(), top.as_fd(), None, LIMITS) {
                Ok(_) => landed += 1,
                Err(_) => refused += 1,
            }
            if round >= 200 && refused > 0 && landed > 0 {
                break;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(refused > 0 && landed > 0, "{refused} refused, {landed} landed");
    });
    place.check_outside();
}
