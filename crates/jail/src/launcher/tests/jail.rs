//! A launcher in a process of its own, and questions to it.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::ids::IdBlock;
use crate::launcher::Settings;
use crate::request::{
    Answer, Failure, Found, ImageReport, LayerPlace, Limits, Network, PACKET_BYTES,
    PACKET_DESCRIPTORS, Packet, Request, Start, Started, VolumeReport,
};

pub(super) const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    cpu_millis: 1_000,
    pids: 64,
    disk_bytes: 64 << 20,
    inodes: 10_000,
    open_files: 256,
};

/// Ids that no other test of the host's uses at the same time.
const BLOCK: IdBlock = IdBlock { first: 1_900_000_000, ranges: 64 };
const ENTRY: &str = "launcher::tests::as_launcher";
const HOME: &str = "INFIELD_TEST_LAUNCHER";
/// An account that owns nothing, as which root tries what an ordinary user gets.
const NOBODY: u32 = 65_534;

/// Runs the launcher when this process was started for it.
pub(super) fn run_if_asked() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("the socket is open");
    let keeper = std::io::stderr().as_fd().try_clone_to_owned().expect("the pipe is open");
    let ids = rustix::process::geteuid().is_root().then_some(BLOCK);
    let settings =
        Settings { home: PathBuf::from(home), socket, keeper, ids, account: BLOCK.first };
    crate::launcher::run(settings).expect("the launcher ends well");
}

pub(super) struct Jail {
    home: tempfile::TempDir,
    launcher: Child,
    /// Whose launcher it is, if not the caller's.
    user: Option<u32>,
    socket: OwnedFd,
    _keeper: OwnedFd,
    next: u64,
}

impl Jail {
    /// A launcher of an ordinary user's, without any privilege.
    pub(super) fn open_ordinary() -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        if !rustix::process::geteuid().is_root() {
            return Self::at(home);
        }
        std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
        Self::start_as(home, Some(NOBODY))
    }

    /// A launcher with a new data directory; none when we are not root.
    pub(super) fn open() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            // The test's name in the output of the run is the report.
            return None;
        }
        Some(Self::at(tempfile::tempdir().expect("a folder can be made")))
    }

    fn at(home: tempfile::TempDir) -> Self {
        Self::start_as(home, None)
    }

    fn start_as(home: tempfile::TempDir, user: Option<u32>) -> Self {
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .expect("sockets can be made");
        let (reader, keeper) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("pipes can be made");
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let launcher = command
            .args(["--exact", ENTRY, "--nocapture", "--test-threads=1"])
            .env(HOME, home.path())
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::from(reader))
            .spawn()
            .expect("the launcher starts");
        Self { home, launcher, user, socket, _keeper: keeper, next: 1 }
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn kill_launcher(&mut self) {
        self.launcher.kill().expect("it is our child");
        self.launcher.wait().expect("it is our child");
    }

    /// The next launcher on the same data directory.
    pub(super) fn again(self) -> Self {
        let mut jail = std::mem::ManuallyDrop::new(self);
        let home = std::mem::replace(&mut jail.home, tempfile::tempdir().expect("a folder"));
        Self::start_as(home, jail.user)
    }

    pub(super) fn ask(
        &mut self,
        request: Request,
        descriptor: Option<&OwnedFd>,
    ) -> (Answer, Option<OwnedFd>) {
        let (answer, descriptors) = self.ask_all(request, descriptor);
        (answer, descriptors.into_iter().next())
    }

    pub(super) fn ask_all(
        &mut self,
        request: Request,
        descriptor: Option<&OwnedFd>,
    ) -> (Answer, Vec<OwnedFd>) {
        let number = self.send(request, descriptor);
        loop {
            let (packet, descriptors) = self.receive();
            assert_eq!(packet.number, number);
            // The same two sockets come again with the answer itself.
            if !matches!(packet.body, Answer::Wired) {
                return (packet.body, descriptors);
            }
        }
    }

    pub(super) fn send(&mut self, request: Request, descriptor: Option<&OwnedFd>) -> u64 {
        let number = self.next;
        self.next += 1;
        let bytes = postcard::to_stdvec(&Packet { number, body: request }).expect("it encodes");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let passed: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
        if !passed.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&passed));
        }
        let vectors = [IoSlice::new(&bytes)];
        rustix::net::sendmsg(&self.socket, &vectors, &mut control, SendFlags::NOSIGNAL)
            .expect("the launcher listens");
        number
    }

    pub(super) fn send_garbage(&self) {
        rustix::net::send(&self.socket, &[0xff; 100], SendFlags::NOSIGNAL)
            .expect("the launcher listens");
    }

    fn receive(&self) -> (Packet<Answer>, Vec<OwnedFd>) {
        let mut bytes = vec![0_u8; PACKET_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PACKET_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut vectors = [IoSliceMut::new(&mut bytes)];
        let received =
            rustix::net::recvmsg(&self.socket, &mut vectors, &mut control, RecvFlags::CMSG_CLOEXEC)
                .expect("the launcher answers");
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(all) = message {
                descriptors.extend(all);
            }
        }
        let packet = postcard::from_bytes(&bytes[..received.bytes]).expect("it is an answer");
        (packet, descriptors)
    }

    pub(super) fn start(&mut self, name: &str, place: LayerPlace) -> (Started, OwnedFd) {
        match self.ask(Request::Start(start_of(name, place)), None) {
            (Answer::Started(started), Some(pidfd)) => (started, pidfd),
            other => panic!("`{name}` did not start: {other:?}"),
        }
    }

    /// Starts a wired sandbox, or finds one that runs.
    pub(super) fn wired(&mut self, request: Request) -> Wired {
        let (answer, descriptors) = self.ask_all(request, None);
        let Answer::Started(started) = answer else { panic!("it did not start: {answer:?}") };
        assert_eq!(started.network, Network::Wired);
        let [_pidfd, listener, resolver] =
            <[OwnedFd; 3]>::try_from(descriptors).expect("three descriptors come along");
        Wired { pid: started.pid, listener: listener.into(), resolver: resolver.into() }
    }

    /// How often the launcher holds something of this kind, as `/proc/PID/fd` names it.
    pub(super) fn holds(&self, kind: &str) -> usize {
        links(self.launcher.id()).into_iter().filter(|link| link.contains(kind)).count()
    }

    pub(super) fn done(&mut self, request: Request) {
        let (answer, _) = self.ask(request, None);
        assert!(matches!(answer, Answer::Done), "{answer:?}");
    }

    pub(super) fn failure(&mut self, request: Request) -> Failure {
        match self.ask(request, None).0 {
            Answer::Failed(failure) => failure,
            other => panic!("it was not refused: {other:?}"),
        }
    }

    pub(super) fn inventory(&mut self) -> (Vec<Found>, Vec<ImageReport>, Vec<VolumeReport>) {
        let (mut all, mut stored, mut shared) = (Vec::new(), Vec::new(), Vec::new());
        self.send(Request::Inventory { only: None }, None);
        loop {
            let (packet, _) = self.receive();
            let Answer::Inventory { sandboxes, images, volumes, more } = packet.body else {
                panic!("{packet:?}")
            };
            all.extend(sandboxes);
            stored.extend(images);
            shared.extend(volumes);
            if !more {
                return (all, stored, shared);
            }
        }
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill_launcher();
            let sandboxes = self.home().join("sandboxes");
            for entry in std::fs::read_dir(sandboxes).into_iter().flatten().flatten() {
                let record = std::fs::read_to_string(entry.path().join("record"));
                let record = record.unwrap_or_default();
                let pid = record.lines().find_map(|line| line.strip_prefix("pid="));
                if let Some(pid) = pid.and_then(|pid| pid.parse().ok()) {
                    kill(pid);
                }
            }
            return;
        }
        for found in self.inventory().0 {
            self.done(Request::Remove { sandbox: found.sandbox });
        }
        for found in self.inventory().2 {
            self.done(Request::RemoveVolume { volume: found.volume });
        }
        rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both).expect("it is a socket");
        self.launcher.wait().expect("it ends when its socket does");
    }
}

pub(super) fn start_of(name: &str, place: LayerPlace) -> Start {
    Start {
        sandbox: name.to_owned(),
        image: "host".to_owned(),
        hostname: "box".to_owned(),
        layer: place,
        limits: LIMITS,
        network: Network::Loopback,
        volumes: Vec::new(),
        require: ["memory", "pids", "seccomp", "id_range"].map(str::to_owned).to_vec(),
    }
}

pub(super) fn wired_start(name: &str) -> Request {
    Request::Start(Start { network: Network::Wired, ..start_of(name, LayerPlace::Memory) })
}

/// A wired sandbox with what the network process would get.
pub(super) struct Wired {
    pub(super) pid: u32,
    pub(super) listener: TcpListener,
    pub(super) resolver: UdpSocket,
}

/// What the descriptors of a process are.
pub(super) fn links(pid: u32) -> Vec<String> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let link = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).ok();
    let mut links: Vec<String> =
        folder.flatten().filter_map(link).map(|link| link.to_string_lossy().into_owned()).collect();
    links.sort();
    links
}

/// Does something in the network namespace of a process, as the user that its root is outside.
pub(super) fn in_network<T: Send>(pid: u32, work: impl FnOnce() -> T + Send) -> T {
    use rustix::thread::{LinkNameSpaceType, Uid};
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/net")).expect("it runs");
    let root = root_of(pid);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let kind = Some(LinkNameSpaceType::Network);
            rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).expect("root may");
            // Of this thread alone, which ends.
            let root = Uid::from_raw(root);
            rustix::thread::set_thread_res_uid(root, root, root).expect("root may");
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The id outside of a sandbox's root.
fn root_of(pid: u32) -> u32 {
    let map = std::fs::read_to_string(format!("/proc/{pid}/uid_map")).expect("it runs");
    map.split_whitespace().nth(1).and_then(|id| id.parse().ok()).expect("a map")
}

pub(super) fn kill(pid: u32) {
    crate::process::kill(pid);
    eventually("it ends", || crate::process::started(pid).is_err());
}

/// Runs a shell of the host's in a folder of a sandbox, with the ids of its root.
pub(super) fn as_range(pid: u32, folder: &str, script: &str) {
    let id = root_of(pid);
    let folder = std::fs::File::open(format!("/proc/{pid}/root/{folder}")).expect("it is there");
    let status = Command::new("sh")
        .args(["-ec", &format!("cd /proc/self/fd/0; {script}")])
        .stdin(Stdio::from(folder))
        .uid(id)
        .gid(id)
        .status()
        .expect("the shell starts");
    assert!(status.success(), "{script}");
}

pub(super) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a sandbox could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traces {
    files: Vec<PathBuf>,
    groups: Vec<PathBuf>,
}

impl Traces {
    pub(super) fn of(jail: &Jail) -> Self {
        let list = |folder: &Path| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            all.sort();
            all
        };
        let stat = rustix::fs::stat(jail.home()).expect("it is there");
        let tag = format!("{:x}-{:x}", stat.st_dev, stat.st_ino);
        let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").expect("it is there");
        let trees = crate::cgroup::detect::trees(&mountinfo, |_| String::new());
        let groups = trees.iter().flat_map(|tree| {
            list(&tree.mount.join("infield").join(&tag)).into_iter().filter(|path| {
                // What waits for the next start is nobody's.
                let name = path.file_name().and_then(|name| name.to_str());
                path.is_dir() && name.is_some_and(crate::check::is_sandbox_name)
            })
        });
        Self { files: list(&jail.home().join("sandboxes")), groups: groups.collect() }
    }
}
