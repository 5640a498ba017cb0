//! One sandbox against another. Numbers of calls are those of x86_64.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::attacks::stage::Sandbox;
use crate::attacks::{Attack, Outcome, Stage};

/// What one leaves behind in its IPC namespace, and whether another finds it.
macro_rules! share {
    ($name:literal, $leave:literal, $find:literal, $remove:literal) => {
        Attack::around($name, "ipc_namespace", |stage| {
            let (victim, attacker) = (stage.sandbox(&[])?, stage.sandbox(&[])?);
            let left = victim.python(concat!("print('left', ", $leave, ")"))?;
            let found = attacker.python(concat!("verdict(", $find, " >= 0)"));
            victim.python($remove)?;
            if !left.starts_with("left ") || left.starts_with("left -") {
                bail!("nothing was left: {left}");
            }
            Outcome::read(&found?)
        })
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    share!(
        "cannot_find_a_segment_of_another",
        "call(29, 0x1f1e1d01, 4096, 0o1666)",
        "call(29, 0x1f1e1d01, 0, 0)",
        "call(31, call(29, 0x1f1e1d01, 0, 0), 0, 0)"
    ),
    share!(
        "cannot_find_a_semaphore_of_another",
        "call(64, 0x1f1e1d02, 1, 0o1666)",
        "call(64, 0x1f1e1d02, 0, 0)",
        "call(66, call(64, 0x1f1e1d02, 0, 0), 0, 0)"
    ),
    share!(
        "cannot_find_a_queue_of_another",
        "call(68, 0x1f1e1d03, 0o1666)",
        "call(68, 0x1f1e1d03, 0)",
        "call(71, call(68, 0x1f1e1d03, 0), 0, 0)"
    ),
    Attack::around("cannot_reach_a_server_of_another", "network_namespace", reach),
    Attack::around("cannot_see_a_process_of_another", "pid_namespace", see),
    Attack::around("cannot_use_up_the_watchers_of_another", "namespace_owner", |stage| {
        use_up(stage, TAKE_WATCHERS, "verdict(call(294, 0) < 0)")
    }),
    Attack::around("cannot_use_up_the_watchers_of_the_host", "namespace_owner", use_up_watchers),
    Attack::around("cannot_use_up_the_pipes_of_another", "id_range", use_up_pipes),
    Attack::around("cannot_use_up_the_descriptors_in_flight_of_another", "id_range", use_up_flight),
];

fn reach(stage: &Stage) -> Result<Outcome> {
    let (victim, attacker) = (stage.sandbox(&[])?, stage.sandbox(&[])?);
    let port = infield_tests::free_address()?.port();
    victim.leave_running(&format!(
        "
server = socket.create_server(('127.0.0.1', {port}))
open('ready', 'w')
while True:
    server.accept()"
    ))?;
    wait_for(&victim)?;
    let code = format!("socket.create_connection(('127.0.0.1', {port}), 5)\nverdict(True)");
    Outcome::read(&attacker.python(&code)?)
}

fn see(stage: &Stage) -> Result<Outcome> {
    let (victim, attacker) = (stage.sandbox(&[])?, stage.sandbox(&[])?);
    let word = format!("canary-{}-{}", std::process::id(), victim.name);
    victim.leave_running(&format!(
        "
open('ready', 'w')
os.execv('/bin/sleep', ['{word}', '60'])"
    ))?;
    wait_for(&victim)?;
    Outcome::read(&attacker.python(&format!(
        "
seen = ''
for name in filter(str.isdigit, os.listdir('/proc')):
    try:
        seen += open(f'/proc/{{name}}/cmdline').read()
    except OSError:
        pass
verdict('{word}' in seen)"
    ))?)
}

/// The kernel charges inotify instances to the namespace's user, and to its owner in the namespace
/// above: inotify(7), user_namespaces(7).
const TAKE_WATCHERS: &str = "
while call(294, 0) >= 0:
    pass";

fn use_up_watchers(stage: &Stage) -> Result<Outcome> {
    let _alone = stage.alone();
    let attacker = stage.sandbox(&[])?;
    take(&attacker, TAKE_WATCHERS)?;
    let watcher = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC);
    Ok(Outcome::of(watcher.is_err()))
}

/// The kernel counts the pages of pipes for each user: pipe(7), pipe-user-pages-soft.
fn use_up_pipes(stage: &Stage) -> Result<Outcome> {
    let code = "
import fcntl
hold = []
try:
    while len(hold) < 200:
        hold.append(os.pipe())
        fcntl.fcntl(hold[-1][1], 1031, 1 << 20)
except PermissionError:
    hold += [os.pipe() for _ in range(20)]";
    let look = "
import fcntl
verdict(fcntl.fcntl(os.pipe()[1], 1032) < 65536)";
    use_up(stage, code, look)
}

/// The kernel counts the descriptors on their way through sockets for each user: unix(7).
fn use_up_flight(stage: &Stage) -> Result<Outcome> {
    let code = "
hold, file = [], os.open('/dev/null', os.O_RDONLY)
try:
    while len(hold) < 200:
        hold.append(socket.socketpair())
        socket.send_fds(hold[-1][0], [b'x'], [file] * 253)
except OSError:
    pass";
    let look = "
here, there = socket.socketpair()
try:
    socket.send_fds(here, [b'x'], [0])
    verdict(False)
except OSError as error:
    verdict(error.errno == errno.ETOOMANYREFS, error)";
    use_up(stage, code, look)
}

fn use_up(stage: &Stage, code: &str, look: &str) -> Result<Outcome> {
    let _alone = stage.alone();
    let (victim, attacker) = (stage.sandbox(&[])?, stage.sandbox(&[])?);
    take(&attacker, code)?;
    Outcome::read(&victim.python(look)?)
}

/// Takes something and keeps it.
fn take(attacker: &Sandbox<'_>, code: &str) -> Result<()> {
    // A file that is open before cannot be missed when all descriptors are taken.
    let keep = "ready = open('begun', 'w')";
    let told = "os.rename('begun', 'ready')\ntime.sleep(60)";
    attacker.leave_running(&format!("{keep}{code}\n{told}"))?;
    wait_for(attacker)
}

/// How long a sandbox may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(20);

fn wait_for(sandbox: &Sandbox<'_>) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        if sandbox.python("print('ready', os.path.exists('ready'))")?.starts_with("ready True") {
            return Ok(());
        }
    }
    bail!("`{}` is not ready after {PATIENCE:?}", sandbox.name)
}
