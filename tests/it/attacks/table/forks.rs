//! Processes and threads without end, where 32 are allowed.

use crate::attacks::Attack;

/// More than twice as many as allowed is a success.
macro_rules! bomb {
    ($name:literal, $code:literal) => {
        Attack::inside($name, "pids_limit", concat!($code, "\nverdict(made > 64, made)"))
            .with(&["--pids-limit=32"])
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    bomb!(
        "cannot_fork_without_end",
        "
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        made += 1
except OSError:
    pass"
    ),
    bomb!(
        "cannot_make_threads_without_end",
        "
made = 0
try:
    while made < 100:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        made += 1
except RuntimeError:
    pass"
    ),
    bomb!(
        "cannot_start_programs_without_end",
        "
made = 0
try:
    while made < 100:
        subprocess.Popen(['sleep', '20'])
        made += 1
except OSError:
    pass"
    ),
    bomb!(
        "cannot_keep_dead_children_without_end",
        "
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            os._exit(0)
        made += 1
except OSError:
    pass"
    ),
    bomb!(
        "cannot_leave_daemons_without_end",
        "
ours, theirs = os.pipe()
os.write(theirs, b'.')
try:
    for _ in range(100):
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(theirs, b'.')
                time.sleep(20)
            os._exit(0)
        os.waitpid(child, 0)
except OSError:
    if os.getpid() == os.getsid(0):
        os._exit(0)
made = len(os.read(ours, 4096))"
    ),
    bomb!(
        "cannot_fork_in_a_chain",
        "
ours, theirs = os.pipe()
first = os.getpid()
os.write(theirs, b'.')
try:
    for _ in range(100):
        if os.fork():
            break
        os.write(theirs, b'.')
except OSError:
    pass
if os.getpid() != first:
    time.sleep(20)
    os._exit(0)
made = 0
while made <= 64 and select.select([ours], [], [], 3)[0]:
    made += len(os.read(ours, 4096))"
    ),
    bomb!(
        "cannot_double_without_end",
        "
ours, theirs = os.pipe()
first = os.getpid()
os.write(theirs, b'.')
for _ in range(7):
    try:
        if os.fork() == 0:
            os.write(theirs, b'.')
    except OSError:
        pass
if os.getpid() != first:
    time.sleep(20)
    os._exit(0)
made = 0
while made <= 64 and select.select([ours], [], [], 3)[0]:
    made += len(os.read(ours, 4096))"
    ),
];
