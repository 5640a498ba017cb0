//! Volumes in real sandboxes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::jail::{self, Jail, as_range, start_of};
use crate::request::{
    Answer, FailureKind, LayerPlace, Mount, Request, Start, Started, VolumeLimits,
};

const LIMITS: VolumeLimits = VolumeLimits { bytes: 1 << 30, inodes: 1_000 };

fn make(jail: &mut Jail, volume: &str) {
    let request = Request::MakeVolume { volume: volume.to_owned(), limits: LIMITS };
    let (answer, _) = jail.ask(request, None);
    let Answer::Volume(report) = answer else { panic!("{answer:?}") };
    assert_eq!((report.volume.as_str(), report.limits), (volume, LIMITS));
    assert_eq!(report.mechanism, "sampled");
}

fn with(name: &str, mounts: &[(&str, &str, &str)]) -> Start {
    let mount = |(volume, path, subpath): &(&str, &str, &str)| Mount {
        volume: (*volume).to_owned(),
        path: (*path).to_owned(),
        subpath: (*subpath).to_owned(),
    };
    let volumes = mounts.iter().map(mount).collect();
    Start { volumes, ..start_of(name, LayerPlace::Memory) }
}

fn started(jail: &mut Jail, start: Start) -> Started {
    let (answer, _) = jail.ask(Request::Start(start), None);
    let Answer::Started(started) = answer else { panic!("{answer:?}") };
    started
}

fn inside(started: &Started, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root/{path}", started.pid))
}

fn root_on_disk(jail: &Jail, volume: &str) -> PathBuf {
    jail.home().join("volumes").join(volume).join("data")
}

/// The first id of a sandbox's range, outside.
fn first_id(started: &Started) -> u32 {
    let map = fs::read_to_string(format!("/proc/{}/uid_map", started.pid)).expect("it runs");
    map.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("it has a map")
}

/// Like [`as_range`], as another user of the sandbox.
fn as_user(started: &Started, id: u32, folder: &str, script: &str) {
    let id = first_id(started) + id;
    let folder = fs::File::open(inside(started, folder)).expect("it is there");
    let status = Command::new("sh")
        .args(["-ec", &format!("cd /proc/self/fd/0; {script}")])
        .stdin(folder)
        .uid(id)
        .gid(id)
        .status()
        .expect("the shell starts");
    assert!(status.success(), "{script}");
}

#[test]
fn two_sandboxes_share_files_with_the_same_owners() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    make(&mut jail, "vol-a");
    let one = started(&mut jail, with("one", &[("vol-a", "data", "")]));
    let two = started(&mut jail, with("two", &[("vol-a", "home/deep/er", "")]));
    assert_eq!(one.volumes.len(), 1, "{one:?}");
    as_range(one.pid, "data", "echo from one > note");
    as_user(&one, 1_000, "data", "echo x > theirs");
    let (first, second) = (first_id(&one), first_id(&two));
    assert_ne!(first, second);
    let owner = |path: PathBuf| fs::metadata(path).expect("it is there").uid();
    let note = fs::read_to_string(inside(&two, "home/deep/er/note"));
    assert_eq!(note.expect("it is shared"), "from one\n");
    for (file, id) in [("note", 0), ("theirs", 1_000)] {
        assert_eq!(owner(inside(&one, "data").join(file)), first + id, "{file} in one");
        assert_eq!(owner(inside(&two, "home/deep/er").join(file)), second + id, "{file} in two");
        let on_disk = owner(root_on_disk(&jail, "vol-a").join(file));
        assert!(on_disk != first + id && on_disk != second + id, "a range of its own");
    }
    as_range(two.pid, "home/deep/er", "echo more >> note; rm theirs");
    let note = fs::read_to_string(inside(&one, "data/note")).expect("it is shared");
    assert_eq!(note, "from one\nmore\n");
    assert!(!inside(&one, "data/theirs").exists());
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", one.pid)).expect("it runs");
    let mount = mounts.lines().find(|line| line.contains(" /data ")).expect("it is mounted");
    assert!(mount.contains("nosuid") && mount.contains("nodev"), "{mount}");
}

#[test]
fn a_volume_stays_over_stops_and_launchers_and_goes_when_nobody_has_it() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    let start = || with("keep", &[("vol-a", "data", "sub/folder")]);
    let one = started(&mut jail, start());
    as_range(one.pid, "data", "echo kept > note; ln -s /etc/shadow link; chmod 000 .");
    let remove = || Request::RemoveVolume { volume: "vol-a".to_owned() };
    assert_eq!(jail.failure(remove()).kind, FailureKind::Refused, "it runs with it");
    jail.kill_launcher();
    let mut jail = jail.again();
    let found = jail.inventory();
    assert_eq!(found.2.len(), 1, "{found:?}");
    let running = found.0[0].running.as_ref().expect("it went on");
    assert_eq!(running.volumes, found.2, "whoever runs has it still");
    assert_eq!(jail.failure(remove()).kind, FailureKind::Refused, "an adopted one has it");
    jail.done(Request::Stop { sandbox: "keep".to_owned() });
    assert_eq!(jail.failure(remove()).kind, FailureKind::Refused, "a stopped one has it");
    let again = started(&mut jail, start());
    assert_eq!(fs::read_to_string(inside(&again, "data/note")).expect("it is kept"), "kept\n");
    assert_eq!(fs::metadata(inside(&again, "data")).expect("it is there").mode() & 0o777, 0);
    jail.done(Request::Remove { sandbox: "keep".to_owned() });
    let (answer, _) = jail.ask(Request::MeasureVolume { volume: "vol-a".to_owned() }, None);
    let Answer::Usage(usage) = answer else { panic!("{answer:?}") };
    assert_eq!(usage.inodes, Some(4), "two folders, a file, a link");
    jail.done(remove());
    jail.done(remove());
    assert_eq!(jail.inventory().2, []);
    let left = fs::read_dir(jail.home().join("volumes")).expect("it is there").count();
    assert_eq!(left, 0);
    let failure = jail.failure(Request::Start(start()));
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure:?}");
    assert_eq!(jail.inventory().0, [], "nothing is left of the attempt");
}

#[test]
fn what_a_launcher_left_half_made_or_half_removed_goes() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    fs::write(root_on_disk(&jail, "vol-a").join("file"), "x").expect("root may");
    jail.kill_launcher();
    let volumes = jail.home().join("volumes");
    fs::create_dir(volumes.join("vol-half")).expect("root may");
    fs::rename(volumes.join("vol-a"), volumes.join(".gone-vol-a")).expect("root may");
    let mut jail = jail.again();
    jail::eventually("both are gone", || {
        fs::read_dir(&volumes).is_ok_and(|entries| entries.count() == 0)
    });
    assert_eq!(jail.inventory().2, []);
}

#[test]
fn a_folder_of_a_volume_is_not_left_by_a_link() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    let one = started(&mut jail, with("one", &[("vol-a", "data", "")]));
    as_range(one.pid, "data", "ln -s /home out; ln -s ../../.. up; mkdir in; ln -s in same");
    for subpath in ["out", "out/sandboxes", "up", "same", "same/new"] {
        let failure = jail.failure(Request::Start(with("two", &[("vol-a", "data", subpath)])));
        assert_eq!(failure.kind, FailureKind::Refused, "{subpath}: {failure:?}");
        assert!(failure.message.contains("is in its way"), "{failure:?}");
    }
    assert!(!inside(&one, "data/in/new").exists());
}

#[test]
fn a_mount_path_is_not_reached_by_a_link() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    let one = started(&mut jail, start_of("one", LayerPlace::Memory));
    as_range(one.pid, "workspace", "rm -rf data; ln -s /proc data; ln -s / out; echo x > file");
    jail.done(Request::Stop { sandbox: "one".to_owned() });
    for path in ["workspace/data", "workspace/out/proc", "workspace/out/new", "workspace/file"] {
        let failure = jail.failure(Request::Start(with("one", &[("vol-a", path, "")])));
        let told = failure.message.contains(path) && failure.message.contains("is in its way");
        assert!(told && failure.kind == FailureKind::Refused, "{path}: {failure:?}");
    }
    // It is stopped as it was, and starts without a volume or with one elsewhere.
    let again = started(&mut jail, with("one", &[("vol-a", "workspace/other", "")]));
    as_range(again.pid, "workspace/other", "echo here > note");
    assert!(root_on_disk(&jail, "vol-a").join("note").exists());
}

/// Sets-id bits and devices in a volume mean nothing, even such as only root of the host can make.
#[test]
fn set_id_bits_and_devices_mean_nothing() {
    let Some(mut jail) = Jail::open() else { return };
    make(&mut jail, "vol-a");
    let root = root_on_disk(&jail, "vol-a");
    fs::copy("/bin/true", root.join("tool")).expect("root may");
    fs::set_permissions(root.join("tool"), fs::Permissions::from_mode(0o4755)).expect("root may");
    let one = started(&mut jail, with("one", &[("vol-a", "data", "")]));
    let kind = rustix::fs::FileType::CharacterDevice;
    let (mode, null) = (rustix::fs::Mode::from_raw_mode(0o666), rustix::fs::makedev(1, 3));
    rustix::fs::mknodat(rustix::fs::CWD, root.join("null"), kind, mode, null).expect("root may");
    let opened = fs::File::open(inside(&one, "data/null")).expect_err("nodev");
    assert_eq!(opened.raw_os_error(), Some(libc::EACCES));
    // A file of an id that the volume's range has not belongs to nobody inside.
    let tool = fs::metadata(inside(&one, "data/tool")).expect("it is there");
    assert_eq!(tool.uid(), 65_534);
}

#[test]
fn an_ordinary_user_shares_a_volume_too() {
    let mut jail = Jail::open_ordinary();
    make(&mut jail, "vol-a");
    let plain =
        |name, subpath| Start { require: Vec::new(), ..with(name, &[("vol-a", "data", subpath)]) };
    let one = started(&mut jail, plain("one", ""));
    let note = root_on_disk(&jail, "vol-a").join("sub");
    let two = started(&mut jail, plain("two", "sub"));
    let owner = fs::metadata(&note).expect("it was made").uid();
    assert_eq!(owner, first_id(&two), "the user's own");
    fs::write(note.join("file"), "shared").expect("it is there");
    for (started, path) in [(&one, "data/sub/file"), (&two, "data/file")] {
        assert_eq!(fs::read_to_string(inside(started, path)).expect("it is shared"), "shared");
        let mounts = fs::read_to_string(format!("/proc/{}/mounts", started.pid)).expect("it runs");
        let mount = mounts.lines().find(|line| line.contains(" /data ")).expect("it is mounted");
        assert!(mount.contains("nosuid") && mount.contains("nodev"), "{mount}");
    }
    symlink("/etc", root_on_disk(&jail, "vol-a").join("link")).expect("it can be made");
    let (answer, _) = jail.ask(Request::Start(plain("three", "link")), None);
    let Answer::Failed(failure) = answer else { panic!("{answer:?}") };
    assert!(failure.message.contains("is in its way"), "{failure:?}");
}
