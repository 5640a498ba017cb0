//! A daemon that was taken over, before the real launcher: it sends what it likes, and does what
//! it likes in the home, which belongs to its account.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use infield_jail::request::{
    Answer, LayerPlace, Limits, Mount, Network, PACKET_BYTES, Packet, Request, Start, VolumeLimits,
};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, sockopt,
};

use crate::attacks::{Attack, Outcome, Stage};

const CHECKS: &str = "request_checks";
const BENEATH: &str = "beneath";

pub(crate) const ATTACKS: &[Attack] = &[
    Attack::around("cannot_make_a_folder_outside_of_its_own", CHECKS, |stage| {
        make_folder(stage, "../canary", |home| home.join("canary"))
    }),
    Attack::around("cannot_make_a_folder_in_usr_of_the_host", CHECKS, |stage| {
        let canary = stage.host.local.join("made-by-root");
        make_folder(stage, &format!("../..{}", canary.display()), |_| canary.clone())
    }),
    Attack::around("cannot_take_the_folder_of_all_for_a_sandbox", CHECKS, |stage| {
        make_folder(stage, ".", |home| home.join("sandboxes/record"))
    }),
    Attack::around("cannot_write_lines_into_a_record", CHECKS, forge_line),
    Attack::around("cannot_start_without_a_memory_limit", CHECKS, |stage| {
        start_with(stage, |limits| limits.memory_bytes = u64::MAX)
    }),
    Attack::around("cannot_start_with_a_disk_without_end", CHECKS, |stage| {
        start_with(stage, |limits| limits.disk_bytes = 0)
    }),
    Attack::around("cannot_start_with_files_without_end", CHECKS, |stage| {
        start_with(stage, |limits| limits.inodes = 0)
    }),
    Attack::around("cannot_remove_the_built_in_image", CHECKS, remove_built_in),
    Attack::around("cannot_make_a_volume_outside_of_its_own", CHECKS, |stage| {
        on_home(stage, |home| {
            let launcher = Launcher::start(stage, home)?;
            launcher.ask(make_volume("../volume-canary"))?;
            let canary = home.join("volume-canary");
            let made = canary.exists();
            if made {
                fs::remove_dir_all(&canary)?;
            }
            Ok(Outcome::of(made))
        })
    }),
    Attack::around("cannot_mount_a_volume_over_proc", CHECKS, |stage| {
        start_with_volume(stage, ("over-proc", "proc", ""), |_| Ok(()))
    }),
    Attack::around("cannot_leave_a_volume_by_a_link", BENEATH, |stage| {
        start_with_volume(stage, ("by-link", "data", "out"), |root| {
            // As a sandbox that has all of it would.
            Ok(symlink("/usr", root.join("out"))?)
        })
    }),
    Attack::around("cannot_have_root_write_below_a_folder_of_its_own", BENEATH, |stage| {
        replace(stage, |home| forge(&home.join("sandboxes")))
    }),
    Attack::around("cannot_have_root_write_through_a_link", BENEATH, |stage| {
        replace(stage, |home| {
            forge(&home.join("elsewhere"))?;
            Ok(symlink("elsewhere", home.join("sandboxes"))?)
        })
    }),
    Attack::around("cannot_pass_off_the_images_as_the_sandboxes", BENEATH, |stage| {
        replace(stage, |home| Ok(symlink("images", home.join("sandboxes"))?))
    }),
];

/// The first id of the standard block, the daemon's account.
const ACCOUNT: u32 = 1_073_741_824;
const RANGES: u32 = 8_192;

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    cpu_millis: 1_000,
    pids: 32,
    disk_bytes: 16 << 20,
    inodes: 1_000,
    open_files: 256,
};

/// A launcher, and the hostile daemon's end of its socket.
struct Launcher {
    child: Child,
    socket: OwnedFd,
    /// The keeper's end. The launcher ends when it is closed.
    guard: Option<OwnedFd>,
}

impl Launcher {
    /// Starts one on a home that belongs to the daemon's account.
    fn start(stage: &Stage, home: &Path) -> Result<Self> {
        let pair = || {
            let flags = SocketFlags::CLOEXEC;
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        };
        let ((guard, input), (socket, theirs)) = (pair()?, pair()?);
        let told = serde_json::json!({
            "home": home,
            "ids": { "first": ACCOUNT, "ranges": RANGES },
            "account": ACCOUNT,
            "keeper": std::process::id(),
        });
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let passed = [theirs.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&passed));
        let told = serde_json::to_vec(&told)?;
        rustix::net::sendmsg(&guard, &[IoSlice::new(&told)], &mut control, SendFlags::empty())?;
        let mut command = stage.home().command(&["__launcher"]);
        command.stdin(Stdio::from(input)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("the binary is not built")?;
        let limit = Some(Duration::from_secs(30));
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, limit)?;
        Ok(Self { child, socket, guard: Some(guard) })
    }

    /// Asks and waits for the answer; none when the launcher has ended.
    fn ask(&self, request: Request) -> Result<Option<Answer>> {
        let packet = postcard::to_stdvec(&Packet { number: 7, body: request })?;
        if rustix::net::send(&self.socket, &packet, SendFlags::NOSIGNAL).is_err() {
            return Ok(None);
        }
        let mut bytes = vec![0; PACKET_BYTES];
        // Descriptors that come along are closed by the kernel: there is no room for them.
        let mut control = RecvAncillaryBuffer::default();
        let mut vectors = [IoSliceMut::new(&mut bytes)];
        let received =
            rustix::net::recvmsg(&self.socket, &mut vectors, &mut control, RecvFlags::empty());
        match received {
            Ok(received) if received.bytes > 0 => {
                let packet: Packet<Answer> = postcard::from_bytes(&bytes)?;
                Ok(Some(packet.body))
            }
            Ok(_) | Err(rustix::io::Errno::CONNRESET) => Ok(None),
            Err(error) => bail!("the launcher does not answer: {error}"),
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.guard = None;
        drop(self.child.wait());
    }
}

/// Does something with the one folder that a stage has for launchers.
fn on_home<T>(stage: &Stage, act: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let _alone = stage.alone();
    let home = stage.scratch().join("launcher");
    if !home.exists() {
        fs::create_dir(&home)?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        chown(&home, Some(ACCOUNT), Some(ACCOUNT))?;
        // The way to it is the host's.
        fs::set_permissions(stage.scratch(), fs::Permissions::from_mode(0o711))?;
    }
    act(&home)
}

fn sandbox(name: &str) -> Start {
    Start {
        sandbox: name.to_owned(),
        image: "host".to_owned(),
        hostname: "hostile".to_owned(),
        layer: LayerPlace::Memory,
        limits: LIMITS,
        network: Network::Loopback,
        volumes: Vec::new(),
        require: Vec::new(),
    }
}

/// Asks for a start, gives the answer to `look`, and has the sandbox removed.
fn start<T>(
    stage: &Stage,
    request: Start,
    look: impl FnOnce(&Path, Option<Answer>) -> Result<T>,
) -> Result<T> {
    on_home(stage, |home| {
        let launcher = Launcher::start(stage, home)?;
        let name = request.sandbox.clone();
        let answer = launcher.ask(Request::Start(request))?;
        let seen = look(home, answer);
        launcher.ask(Request::Remove { sandbox: name })?;
        seen
    })
}

fn make_folder(stage: &Stage, name: &str, place: impl Fn(&Path) -> PathBuf) -> Result<Outcome> {
    // One on disk has a folder before anything else, whatever becomes of the start.
    let request = Start { layer: LayerPlace::Disk, ..sandbox(name) };
    start(stage, request, |home, _| {
        let place = place(home);
        let made = place.exists();
        if place.is_dir() {
            fs::remove_dir_all(&place)?;
        }
        Ok(Outcome::of(made))
    })
}

/// The range in a record is where the next start maps root to.
fn forge_line(stage: &Stage) -> Result<Outcome> {
    let mut request = sandbox("forger");
    request.hostname = "x\nrange=0".to_owned();
    start(stage, request, |home, _| {
        let record = fs::read_to_string(home.join("sandboxes/forger/record")).unwrap_or_default();
        Ok(Outcome::of(record.lines().any(|line| line == "range=0")))
    })
}

fn start_with(stage: &Stage, change: fn(&mut Limits)) -> Result<Outcome> {
    let mut request = sandbox("unlimited");
    change(&mut request.limits);
    start(stage, request, |_, answer| Ok(Outcome::of(matches!(answer, Some(Answer::Started(_))))))
}

fn make_volume(name: &str) -> Request {
    let limits = VolumeLimits { bytes: 1 << 20, inodes: 64 };
    Request::MakeVolume { volume: name.to_owned(), limits }
}

/// Starts a sandbox with a volume in which something was put; success is that it starts.
fn start_with_volume(
    stage: &Stage,
    (name, path, subpath): (&str, &str, &str),
    put: impl FnOnce(&Path) -> Result<()>,
) -> Result<Outcome> {
    on_home(stage, |home| {
        let launcher = Launcher::start(stage, home)?;
        launcher.ask(make_volume(name))?.context("the launcher has ended")?;
        put(&home.join("volumes").join(name).join("data"))?;
        let mount =
            Mount { volume: name.to_owned(), path: path.to_owned(), subpath: subpath.to_owned() };
        let request = Start { volumes: vec![mount], ..sandbox(name) };
        let answer = launcher.ask(Request::Start(request))?;
        launcher.ask(Request::Remove { sandbox: name.to_owned() })?;
        launcher.ask(Request::RemoveVolume { volume: name.to_owned() })?;
        Ok(Outcome::of(matches!(answer, Some(Answer::Started(_)))))
    })
}

fn remove_built_in(stage: &Stage) -> Result<Outcome> {
    on_home(stage, |home| {
        let launcher = Launcher::start(stage, home)?;
        launcher.ask(Request::Probe)?.context("the launcher has ended")?;
        let images = home.join("images");
        let mut names = fs::read_dir(&images)?.flatten().map(|entry| entry.file_name());
        let built_in = names.find(|name| name.to_string_lossy().starts_with(".host-"));
        let built_in = built_in.context("there is no built-in image")?;
        let image = built_in.to_string_lossy().into_owned();
        launcher.ask(Request::RemoveImage { image })?;
        Ok(Outcome::of(!images.join(built_in).exists()))
    })
}

/// Makes a folder as the launcher would have it, but the daemon's own, with a record in it that
/// gives a sandbox the ids of the host.
fn forge(folder: &Path) -> Result<()> {
    let sandbox = folder.join("forged");
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o755).recursive(true).create(&sandbox)?;
    let record = sandbox.join("record");
    fs::write(&record, FORGED)?;
    for path in [folder, &sandbox, &record] {
        chown(path, Some(ACCOUNT), Some(ACCOUNT))?;
    }
    Ok(())
}

const FORGED: &str = "infield sandbox 1\nimage=host\nhostname=x\nrange=0\nlayer=memory\n\
    memory_bytes=67108864\ncpu_millis=1000\npids=32\ndisk_bytes=16777216\ninodes=1000\n\
    open_files=256\nstate=fresh\nend=\n";

/// Puts something in the place of the launcher's folder; success is a launcher that takes it.
fn replace(stage: &Stage, put: impl FnOnce(&Path) -> Result<()>) -> Result<Outcome> {
    on_home(stage, |home| {
        // With the built-in image made, whatever else goes wrong.
        Launcher::start(stage, home)?.ask(Request::Probe)?.context("the launcher has ended")?;
        let (place, aside) = (home.join("sandboxes"), home.join("aside"));
        fs::rename(&place, &aside)?;
        let taken = put(home).and_then(|()| {
            let launcher = Launcher::start(stage, home)?;
            launcher.ask(Request::Inventory { only: None })
        });
        match fs::symlink_metadata(&place) {
            Ok(file) if file.is_dir() => fs::remove_dir_all(&place)?,
            Ok(_) => fs::remove_file(&place)?,
            Err(_) => {}
        }
        drop(fs::remove_dir_all(home.join("elsewhere")));
        fs::rename(&aside, &place)?;
        Ok(Outcome::of(taken?.is_some()))
    })
}
