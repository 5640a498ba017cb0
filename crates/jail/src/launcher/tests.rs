//! Real starts, in a launcher of its own process. They need root and say so when it is not there.

mod jail;
mod pause;
mod proxied;
mod spare;
mod volumes;
mod wired;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;

use rustix::pipe::PipeFlags;

use self::jail::{Jail, LIMITS, as_range};
use crate::request::{Answer, FailureKind, LayerPlace, Limits, Network, Request, Start};

/// The entry of the launcher's process, see [`Jail::open`]. Does nothing in an ordinary run.
#[test]
fn as_launcher() {
    jail::run_if_asked();
}

#[test]
fn a_sandbox_starts_and_is_removed_without_a_trace() {
    let Some(mut jail) = Jail::open() else { return };
    let before = jail::Traces::of(&jail);
    let (started, _pidfd) = jail.start("a1", LayerPlace::Memory);
    let status = fs::read_to_string(format!("/proc/{}/status", started.pid)).expect("it runs");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t00000000000005fb"] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    jail.done(Request::Remove { sandbox: "a1".to_owned() });
    jail::eventually("nothing is left", || jail::Traces::of(&jail) == before);
}

#[test]
fn starting_what_runs_answers_with_it() {
    let Some(mut jail) = Jail::open() else { return };
    let (first, _) = jail.start("twice", LayerPlace::Memory);
    let (second, _) = jail.start("twice", LayerPlace::Memory);
    assert_eq!(first, second);
}

#[test]
fn a_memory_layer_is_saved_at_stop_and_comes_back() {
    check_layer_survives(LayerPlace::Memory);
}

#[test]
fn a_disk_layer_survives_a_stop() {
    check_layer_survives(LayerPlace::Disk);
}

fn check_layer_survives(place: LayerPlace) {
    let Some(mut jail) = Jail::open() else { return };
    let (started, _) = jail.start("keep", place);
    as_range(started.pid, "workspace", "echo kept > note; ln -s note link; mkdir -p deep/er");
    as_range(started.pid, "usr/bin", "echo mine > mine; rm true");
    jail.done(Request::Stop { sandbox: "keep".to_owned() });
    jail.done(Request::Stop { sandbox: "keep".to_owned() });
    let (again, _) = jail.start("keep", place);
    let root = format!("/proc/{}/root", again.pid);
    let note = fs::read_to_string(format!("{root}/workspace/link"));
    assert_eq!(note.expect("the note is there"), "kept\n");
    assert!(fs::metadata(format!("{root}/workspace/deep/er")).is_ok());
    assert!(fs::metadata(format!("{root}/usr/bin/mine")).is_ok());
    assert!(fs::metadata(format!("{root}/usr/bin/true")).is_err());
}

#[test]
fn a_save_goes_on_with_a_layer_that_a_killed_launcher_had_begun() {
    let Some(mut jail) = Jail::open() else { return };
    let (started, _) = jail.start("keep", LayerPlace::Memory);
    as_range(started.pid, "workspace", "echo kept > note");
    let begun = jail.home().join("sandboxes/keep/layer.new");
    fs::DirBuilder::new().mode(0o700).create(begun).expect("the folder is ours");
    jail.done(Request::Stop { sandbox: "keep".to_owned() });
    let (again, _) = jail.start("keep", LayerPlace::Memory);
    let note = fs::read_to_string(format!("/proc/{}/root/workspace/note", again.pid));
    assert_eq!(note.expect("the note is there"), "kept\n");
}

#[test]
fn a_new_launcher_finds_what_runs_and_why_others_ended() {
    let Some(mut jail) = Jail::open() else { return };
    let (alive, _) = jail.start("alive", LayerPlace::Memory);
    let (dead, _) = jail.start("dead", LayerPlace::Memory);
    jail.kill_launcher();
    jail::kill(dead.pid);
    let mut jail = jail.again();
    let (found, ..) = jail.inventory();
    let alive_now = found.iter().find(|found| found.sandbox == "alive").expect("it is found");
    assert_eq!(alive_now.running.as_ref().map(|started| started.pid), Some(alive.pid));
    let dead_now = found.iter().find(|found| found.sandbox == "dead").expect("it is found");
    assert_eq!(dead_now.running, None);
    assert_eq!(dead_now.ended.as_ref().map(|(word, _)| word.as_str()), Some("killed"));
    jail.done(Request::Stop { sandbox: "alive".to_owned() });
}

#[test]
fn a_start_that_the_host_cannot_hold_is_refused_and_leaves_nothing() {
    let Some(mut jail) = Jail::open() else { return };
    let start = Start { image: "absent".to_owned(), ..jail::start_of("none", LayerPlace::Memory) };
    let failure = jail.failure(Request::Start(start));
    assert_eq!(failure.kind, FailureKind::Kernel, "{failure:?}");
    let (found, ..) = jail.inventory();
    assert_eq!(found, []);
}

#[test]
fn hostile_requests_are_refused_and_the_launcher_goes_on() {
    let Some(mut jail) = Jail::open() else { return };
    for name in ["../../etc", "", "a/b", "..", "a\0"] {
        let failure = jail.failure(Request::Remove { sandbox: name.to_owned() });
        assert_eq!(failure.kind, FailureKind::Refused, "{name:?}");
    }
    jail.send_garbage();
    let limits = Limits { memory_bytes: 0, ..LIMITS };
    let start = Start { limits, ..jail::start_of("zero", LayerPlace::Memory) };
    assert_eq!(jail.failure(Request::Start(start)).kind, FailureKind::Refused);
    assert!(matches!(jail.ask(Request::Probe, None).0, Answer::Host(_)));
}

#[test]
fn each_sandbox_has_ids_of_its_own() {
    let Some(mut jail) = Jail::open() else { return };
    let (one, _) = jail.start("one", LayerPlace::Memory);
    let (two, _) = jail.start("two", LayerPlace::Memory);
    let map = |pid| fs::read_to_string(format!("/proc/{pid}/uid_map")).expect("it runs");
    assert_ne!(map(one.pid), map(two.pid));
}

#[test]
fn use_is_measured() {
    let Some(mut jail) = Jail::open() else { return };
    for (name, place) in [("mem", LayerPlace::Memory), ("disk", LayerPlace::Disk)] {
        let (started, _) = jail.start(name, place);
        as_range(started.pid, "workspace", "head -c 1000000 /dev/zero > big");
        let (answer, _) = jail.ask(Request::Measure { sandbox: name.to_owned() }, None);
        let Answer::Usage(usage) = answer else { panic!("{answer:?}") };
        assert!(
            usage.disk_bytes.is_some_and(|bytes| (1_000_000..3_000_000).contains(&bytes)),
            "{usage:?}"
        );
        assert!(usage.inodes.is_some_and(|inodes| inodes > 0), "{usage:?}");
    }
}

#[test]
fn an_ordinary_user_gets_a_sandbox_and_an_honest_report() {
    let mut jail = Jail::open_ordinary();
    let require = vec!["user_namespace".to_owned(), "seccomp".to_owned()];
    for place in [LayerPlace::Memory, LayerPlace::Disk] {
        let start = Start { require: require.clone(), ..jail::start_of("plain", place) };
        let (answer, _) = jail.ask(Request::Start(start.clone()), None);
        let Answer::Started(started) = answer else { panic!("{answer:?}") };
        let word = |control: &str| {
            let one = started.enforced.iter().find(|one| one.control == control);
            one.map(|one| one.mechanism.clone()).expect("every control is told")
        };
        assert_eq!(word("id_range"), "none");
        assert_eq!(word("network"), "kernel");
        jail.done(Request::Stop { sandbox: "plain".to_owned() });
        let (answer, _) = jail.ask(Request::Start(start), None);
        assert!(matches!(answer, Answer::Started(_)), "{answer:?}");
        jail.done(Request::Remove { sandbox: "plain".to_owned() });
    }
    let start =
        Start { require: vec!["id_range".to_owned()], ..jail::start_of("no", LayerPlace::Memory) };
    let failure = jail.failure(Request::Start(start));
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure:?}");
    let start = Start { network: Network::Wired, ..jail::start_of("no", LayerPlace::Memory) };
    let failure = jail.failure(Request::Start(start));
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure:?}");
    assert!(failure.hint.is_some(), "{failure:?}");
}

/// An archive with one file, a link and a device, as an image could come.
fn archive() -> std::fs::File {
    let mut builder = tar::Builder::new(tempfile::tempfile().expect("a file can be made"));
    let mut add = |name: &str, kind: tar::EntryType, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content).expect("it is written");
    };
    add("etc", tar::EntryType::Directory, b"");
    add("etc/motd", tar::EntryType::Regular, b"imported\n");
    add("dev/sda", tar::EntryType::Block, b"");
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_mode(0o777);
    link.set_uid(0);
    link.set_gid(0);
    link.set_mtime(0);
    link.set_size(0);
    builder.append_link(&mut link, "etc/resolv.conf", "motd").expect("it is written");
    let mut file = builder.into_inner().expect("it is whole");
    std::io::Seek::rewind(&mut file).expect("it is a file");
    file
}

#[test]
fn an_image_is_imported_used_and_removed() {
    let Some(mut jail) = Jail::open() else { return };
    let import = || Request::ImportImage {
        image: "small".to_owned(),
        limit_bytes: 1 << 20,
        limit_entries: 100,
        created_at: 7,
    };
    let (answer, _) = jail.ask(import(), Some(&archive().into()));
    let Answer::Imported(report) = answer else { panic!("{answer:?}") };
    assert!(!report.left_out.is_empty(), "a device cannot come along: {report:?}");
    assert_eq!(jail.inventory().1, [report]);
    assert_eq!(jail.failure(import()).kind, FailureKind::Refused);
    let start = Start { image: "small".to_owned(), ..jail::start_of("own", LayerPlace::Disk) };
    let (answer, _) = jail.ask(Request::Start(start.clone()), None);
    let Answer::Started(started) = answer else { panic!("{answer:?}") };
    let etc = |pid: u32, name| fs::read_to_string(format!("/proc/{pid}/root/etc/{name}"));
    // The image's link is replaced and not followed.
    assert_eq!(etc(started.pid, "motd").expect("it is there"), "imported\n");
    let resolver = etc(started.pid, "resolv.conf").expect("it is there");
    assert_eq!(resolver, crate::host_image::RESOLVER);
    as_range(started.pid, "etc", "echo mine > resolv.conf");
    jail.done(Request::Stop { sandbox: "own".to_owned() });
    let (answer, _) = jail.ask(Request::Start(start), None);
    let Answer::Started(started) = answer else { panic!("{answer:?}") };
    assert_eq!(etc(started.pid, "resolv.conf").expect("it is there"), "mine\n", "a change stays");
    let remove = || Request::RemoveImage { image: "small".to_owned() };
    assert_eq!(jail.failure(remove()).kind, FailureKind::Refused, "a sandbox has it");
    jail.done(Request::Remove { sandbox: "own".to_owned() });
    jail.done(remove());
    assert_eq!(jail.inventory().1, []);
    assert_eq!(jail.failure(remove()).kind, FailureKind::NotFound);
}

#[test]
fn an_archive_beyond_its_limit_leaves_nothing() {
    let Some(mut jail) = Jail::open() else { return };
    let import = Request::ImportImage {
        image: "big".to_owned(),
        limit_bytes: 1,
        limit_entries: 100,
        created_at: 0,
    };
    let (answer, _) = jail.ask(import, Some(&archive().into()));
    assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
    let left = fs::read_dir(jail.home().join("images")).expect("it is there").flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name())
        .filter(|name| !name.to_string_lossy().starts_with(".host-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_worker_ends_with_its_launcher() {
    let Some(mut jail) = Jail::open() else { return };
    let import = Request::ImportImage {
        image: "endless".to_owned(),
        limit_bytes: 1 << 30,
        limit_entries: 100,
        created_at: 0,
    };
    let (archive, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    jail.send(import, Some(&archive));
    drop(archive);
    let mut header = tar::Header::new_gnu();
    header.set_path("endless").expect("it is a name");
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(1 << 29);
    header.set_cksum();
    let mut writer = fs::File::from(writer);
    writer.write_all(header.as_bytes()).expect("somebody reads");
    // More than fits into a pipe: a worker takes it.
    writer.write_all(&vec![0; 1 << 20]).expect("somebody reads");
    jail.kill_launcher();
    rustix::io::ioctl_fionbio(&writer, true).expect("it is a pipe");
    jail::eventually("nobody reads", || {
        let written = (&writer).write(&[0]);
        written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    });
    let mut jail = jail.again();
    assert_eq!(jail.inventory().1, [], "what was half made is gone");
}

#[test]
fn the_end_of_a_first_process_has_a_cause() {
    let Some(mut jail) = Jail::open() else { return };
    let (started, _) = jail.start("gone", LayerPlace::Memory);
    jail::kill(started.pid);
    let found = jail.inventory().0;
    assert_eq!(found[0].running, None);
    let cause = ("killed".to_owned(), "its first process was ended by signal 9".to_owned());
    assert_eq!(found[0].ended, Some(cause));
}

#[test]
fn folders_of_somebody_else_are_refused() {
    use crate::defence::Without;
    use crate::folders::Folders;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = tempfile::tempdir().expect("a folder can be made");
    let open = || Folders::open(home.path(), &Without::nothing());
    assert!(open().is_ok());
    let sandboxes = home.path().join("sandboxes");
    std::os::unix::fs::chown(&sandboxes, Some(65_534), None).expect("root may");
    assert!(open().is_err(), "a stranger's folder");
    std::os::unix::fs::chown(&sandboxes, Some(0), None).expect("root may");
    fs::rename(&sandboxes, home.path().join("aside")).expect("root may");
    fs::rename(home.path().join("images"), &sandboxes).expect("root may");
    assert!(open().is_err(), "the image store under another name");
    fs::remove_dir(&sandboxes).expect("it is empty");
    std::os::unix::fs::symlink("/etc", &sandboxes).expect("root may");
    assert!(open().is_err(), "a link");
}
