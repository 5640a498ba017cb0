//! Twice as much memory as allowed, held in different places. Numbers of calls are those of
//! x86_64.

use crate::attacks::Attack;

/// A program that is killed on the way has been held.
macro_rules! hoard {
    ($name:literal, $code:literal) => {
        Attack::inside(
            $name,
            "memory_limit",
            concat!("print('HELD so far', flush=True)", $code, "\nverdict(True)"),
        )
        .with(&["--memory=64m"])
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    hoard!(
        "cannot_hold_more_memory_than_allowed",
        "
hold = bytearray(128 << 20)
for at in range(0, len(hold), 4096):
    hold[at] = 1"
    ),
    hoard!(
        "cannot_share_more_memory_than_allowed",
        "
hold = mmap.mmap(-1, 128 << 20)
for at in range(0, len(hold), 4096):
    hold[at] = 1"
    ),
    hoard!(
        "cannot_hide_memory_in_a_file_without_a_name",
        "
file = os.memfd_create('x')
for _ in range(128):
    os.write(file, bytes(1 << 20))"
    ),
    hoard!(
        "cannot_hide_memory_in_a_segment",
        "
segment = call(29, 0, 128 << 20, 0o1600)
libc.shmat.restype = ctypes.c_void_p
at = libc.shmat(segment, None, 0)
for page in range(0, 128 << 20, 4096):
    ctypes.memset(at + page, 1, 1)
call(31, segment, 0, 0)"
    ),
    hoard!(
        "cannot_spread_memory_over_processes",
        "
ours, theirs = os.pipe()
children = []
for _ in range(8):
    children.append(os.fork())
    if not children[-1]:
        hold = b'x' * (16 << 20)
        os.write(theirs, b'.')
        time.sleep(20)
        os._exit(0)
os.close(theirs)
seen = 0
while seen < 8:
    part = os.read(ours, 8)
    if not part:
        os._exit(0)
    seen += len(part)
# One that was killed for the next one's sake had said its word before.
if any(os.waitpid(child, os.WNOHANG)[0] for child in children):
    os._exit(0)"
    ),
    hoard!(
        "cannot_hide_memory_in_connections",
        "
server = socket.create_server(('127.0.0.1', 0))
hold, total = [], 0
for _ in range(200):
    here = socket.create_connection(server.getsockname())
    hold.append((here, server.accept()))
    here.setblocking(False)
    try:
        while True:
            total += here.send(bytes(64 << 10))
    except BlockingIOError:
        pass
    if total > 128 << 20:
        break
else:
    os._exit(0)"
    ),
    hoard!(
        "cannot_hide_memory_in_sockets",
        "
hold, total = [], 0
while total < 128 << 20:
    here, there = socket.socketpair()
    here.setblocking(False)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    hold.append((here, there))
    try:
        while True:
            total += here.send(bytes(64 << 10))
    except BlockingIOError:
        pass"
    ),
];
