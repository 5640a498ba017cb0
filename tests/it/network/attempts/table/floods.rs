//! One sandbox that takes so much that others, or the host, would get nothing. Most go on until
//! somebody has seen how much they took.

use super::{ALLOWED, Attempt, Ground, Policy, Success};

/// Descriptors of the network process that a single sandbox cannot need: two for each of its
/// 1,024 connections, and what the process has of its own.
const DESCRIPTORS: usize = 2_400;
/// Those of all look-ups that one sandbox may have at once, and the process's own: two for each,
/// twice when nobody answers at once.
const LOOK_UPS: usize = 800;
/// Bytes that may lie in the kernel for sixteen readers who do not read.
const PILE: u64 = 8 << 20;

/// What goes on and on, and takes something each time.
macro_rules! flood {
    ($name:literal, $defence:literal, $success:expr, $script:literal) => {
        Attempt::new(
            $name,
            $defence,
            ALLOWED,
            concat!(
                "
import resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = []
def flood(number):
    while True:
        try:
            once(number)
        except OSError:
            time.sleep(0.001)
        number += 8
def begin():
    for number in range(8):
        threading.Thread(target=flood, args=(number,), daemon=True).start()
    print('READY', flush=True)
    time.sleep(30)
    verdict(False)
",
                $script,
                "\nbegin()"
            ),
        )
        .when($success)
    };
}

/// Answers to what is cheap to ask and dear to read: names that point at themselves.
const LOOPS: &str = "
query = struct.pack('!6H', 7, 0x100, 1, 0, 0, 0) + b'\\xc0\\x0c' * 200
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((resolver(), 53))
sender.settimeout(0.05)
count, limit = 0, time.monotonic() + 3
while time.monotonic() < limit and count <= 6000:
    try:
        for _ in range(20):
            sender.send(query)
        for _ in range(20):
            sender.recv(100)
            count += 1
    except OSError:
        pass
verdict(count > 6000, count)";

/// Thousands of names that the resolver would have to remember.
const NAMES: &str = "
def one(start):
    for number in range(start, start + 250):
        ask(f'hoarded{number}.tunnel.allowed.example', 28)
threads = [threading.Thread(target=one, args=(start,)) for start in range(0, 2000, 250)]
for thread in threads: thread.start()
for thread in threads: thread.join()
verdict(False)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    flood!("cannot_use_up_connections", "most", Success::Opens(DESCRIPTORS), "
target = socket.gethostbyname('streams.allowed.example')
def once(number):
    kept.append(connect(target, 7))"),
    flood!("cannot_use_up_memory_by_reading_slowly", "buffers", Success::Piles(PILE), "
def once(number):
    if len(kept) >= 16:
        return time.sleep(1)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.settimeout(SECONDS)
    kept.append(stream)
    stream.connect((socket.gethostbyname('streams.allowed.example'), 19))"),
    flood!("cannot_use_up_connections_without_a_word", "most", Success::Opens(DESCRIPTORS), "
target = socket.gethostbyname('raw.allowed.example')
def once(number):
    kept.append(connect(target, 443))"),
    flood!("cannot_use_up_the_queue_of_the_listener", "most", Success::Opens(DESCRIPTORS), "
def once(number):
    stream = socket.socket()
    stream.setblocking(False)
    stream.connect_ex((RECORDER4, 80))
    kept.append(stream)"),
    Attempt::new("cannot_use_up_names", "rate", ALLOWED, NAMES)
        .when(Success::AskedOften("hoarded", 1_000)),
    flood!("cannot_use_up_waiting_look_ups", "rate", Success::Opens(LOOK_UPS), "
def once(number):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((resolver(), 53))
    sender.send(question(f'n{number}.slow.allowed.example', 1, number & 0xffff))
    sender.close()"),
    flood!("cannot_use_up_the_resolvers_streams", "most", Success::Opens(DESCRIPTORS), "
def once(number):
    stream = connect(resolver(), 53)
    stream.sendall(b'\\0\\x40')
    kept.append(stream)"),
    Attempt::new("cannot_use_up_the_resolver_by_loops", "rate", ALLOWED, LOOPS)
        .on(Ground::Sandbox),
    flood!("cannot_use_up_descriptors_by_half_closing", "most", Success::Opens(DESCRIPTORS), "
target = socket.gethostbyname('streams.allowed.example')
def once(number):
    stream = connect(target, 8)
    stream.shutdown(socket.SHUT_WR)
    kept.append(stream)"),
    Attempt::new("cannot_pass_its_total", "total", Policy::Custom(&["allow *.allowed.example"]), "
with connect('streams.allowed.example', 19) as stream:
    count = 0
    while count < 64 << 20:
        piece = stream.recv(1 << 20)
        if not piece:
            verdict(False)
        count += len(piece)
verdict(True)").limited("total=16m"),
    Attempt::new("cannot_pass_its_bandwidth", "pace", Policy::Custom(&["allow *.allowed.example"]), "
begun, count = time.monotonic(), 0
with connect('streams.allowed.example', 19) as stream:
    while count < 32 << 20 and time.monotonic() < begun + 8:
        count += len(stream.recv(1 << 20))
verdict(count >= 32 << 20)").limited("bandwidth=2m"),
];
