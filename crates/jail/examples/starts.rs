//! Measures how long a start takes, from the request to the running agent, and what many cost.
//!
//! `starts [HOW_MANY]` as root makes that many sandboxes (default 100) one after another, removes
//! each again, then makes them again and keeps them alive. It starts itself once more as the
//! launcher, in the same way as infield does.

use std::error::Error;
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use infield_jail::launcher::{self, IdBlock, Settings};
use infield_jail::request::{
    Answer, LayerPlace, Limits, Network, PACKET_BYTES, PACKET_DESCRIPTORS, Packet, Request, Start,
};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendFlags, SocketFlags, SocketType,
};

const HOME: &str = "INFIELD_STARTS_HOME";
const BLOCK: IdBlock = IdBlock { first: 1_610_612_736, ranges: 4_096 };

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    if let Some(home) = std::env::var_os(HOME) {
        return serve(PathBuf::from(home));
    }
    let count = std::env::args().nth(1).map_or(Ok(100), |count| count.parse::<usize>())?;
    let home = tempfile::tempdir()?;
    let (socket, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let (reader, _keeper) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut launcher = Command::new(std::env::current_exe()?)
        .env(HOME, home.path())
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::from(reader))
        .spawn()?;
    let mut asker = Asker { socket, next: 1 };
    asker.ask(Request::Probe)?;
    measure(&mut asker, count)?;
    drop(asker);
    launcher.wait()?;
    Ok(())
}

fn serve(home: PathBuf) -> Done {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let keeper = std::io::stdout().as_fd().try_clone_to_owned()?;
    let settings = Settings { home, socket, keeper, ids: Some(BLOCK), account: BLOCK.first };
    launcher::run(settings).map_err(|failure| failure.message.into())
}

fn measure(asker: &mut Asker, count: usize) -> Done {
    let names: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
    let (mut starts, mut removes) = (Vec::new(), Vec::new());
    for name in &names {
        starts.push(asker.timed(start(name))?);
        removes.push(asker.timed(Request::Remove { sandbox: name.clone() })?);
    }
    report("start, then removed", starts)?;
    report("remove", removes)?;
    let before = memory()?;
    let begun = Instant::now();
    let mut starts = Vec::new();
    for name in &names {
        starts.push(asker.timed(start(name))?);
    }
    let all = begun.elapsed();
    let tenth = (count / 10).max(1);
    report("start, the first tenth alive", starts[..tenth].to_vec())?;
    report("start, the last tenth alive", starts[count - tenth..].to_vec())?;
    let each = before.saturating_sub(memory()?) / count as u64;
    writeln!(
        std::io::stderr(),
        "{count} alive: {:.0} starts a second, {each} KiB each",
        count as f64 / all.as_secs_f64()
    )?;
    let mut removes = Vec::new();
    for name in &names {
        removes.push(asker.timed(Request::Remove { sandbox: name.clone() })?);
    }
    report("remove of those", removes)
}

/// What the whole machine has left, KiB.
fn memory() -> Done<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no MemAvailable")?;
    Ok(number.parse()?)
}

fn report(what: &str, mut times: Vec<Duration>) -> Done {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    writeln!(
        std::io::stderr(),
        "{what:32} min {:6.2}  p50 {:6.2}  p90 {:6.2} ms",
        at(0),
        at(50),
        at(90)
    )?;
    Ok(())
}

fn start(name: &str) -> Request {
    Request::Start(Start {
        sandbox: name.to_owned(),
        image: "host".to_owned(),
        hostname: "box".to_owned(),
        layer: if std::env::var_os("DISK").is_some() {
            LayerPlace::Disk
        } else {
            LayerPlace::Memory
        },
        limits: Limits {
            memory_bytes: 1 << 30,
            cpu_millis: 1_000,
            pids: 256,
            disk_bytes: 1 << 30,
            inodes: 100_000,
            open_files: 1_024,
        },
        network: if std::env::var_os("WIRED").is_some() {
            Network::Wired
        } else {
            Network::Loopback
        },
        volumes: Vec::new(),
        require: Vec::new(),
    })
}

struct Asker {
    socket: OwnedFd,
    next: u64,
}

impl Asker {
    fn timed(&mut self, request: Request) -> Done<Duration> {
        let begun = Instant::now();
        match self.ask(request)? {
            Answer::Failed(failure) => Err(failure.message.into()),
            Answer::Done
            | Answer::Started(_)
            | Answer::Wired
            | Answer::Host(_)
            | Answer::Usage(_)
            | Answer::Inventory { .. }
            | Answer::Volume(_)
            | Answer::Imported(_) => Ok(begun.elapsed()),
        }
    }

    fn ask(&mut self, request: Request) -> Done<Answer> {
        let packet = postcard::to_stdvec(&Packet { number: self.next, body: request })?;
        self.next += 1;
        rustix::net::send(&self.socket, &packet, SendFlags::NOSIGNAL)?;
        let mut bytes = vec![0_u8; PACKET_BYTES];
        // What comes along is closed at once.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PACKET_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut vectors = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(&self.socket, &mut vectors, &mut control, flags)?;
        Ok(postcard::from_bytes::<Packet<Answer>>(&bytes[..received.bytes])?.body)
    }
}
