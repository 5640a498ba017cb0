//! One sandbox that takes so much that others, or the host, get nothing. While it goes on, a
//! neighbour fetches a page of an allowed name, and somebody lists sandboxes.

use super::{ALLOWED, Attempt, Policy, Success};

/// What goes on and on, and takes something each time.
macro_rules! flood {
    ($name:literal, $defence:literal, $script:literal) => {
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
def keep(what):
    if len(kept) < 30000:
        kept.append(what)
def flood(number):
    while True:
        try:
            once(number)
        except OSError:
            time.sleep(0.001)
        number += 16
def begin():
    for number in range(16):
        threading.Thread(target=flood, args=(number,), daemon=True).start()
    print('READY', flush=True)
    time.sleep(20)
    verdict(False)
",
                $script,
                "\nbegin()"
            ),
        )
        .when(Success::Starves)
    };
}

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    flood!("cannot_use_up_connections", "net_most", "
def once(number):
    keep(connect('streams.allowed.example', 7))"),
    flood!("cannot_use_up_memory_by_reading_slowly", "net_buffers", "
def once(number):
    stream = connect('streams.allowed.example', 19)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    keep(stream)"),
    flood!("cannot_use_up_connections_without_a_word", "net_patience", "
def once(number):
    keep(connect('raw.allowed.example', 443))"),
    flood!("cannot_use_up_the_queue_of_the_listener", "net_most", "
def once(number):
    stream = socket.socket()
    stream.setblocking(False)
    stream.connect_ex((RECORDER4, 80))
    keep(stream)"),
    flood!("cannot_use_up_names", "net_most", "
def once(number):
    ask(f'names{number}.tunnel.allowed.example', 1)"),
    flood!("cannot_use_up_waiting_look_ups", "net_rate", "
def once(number):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((resolver(), 53))
    sender.send(question('slow.allowed.example', 1, number & 0xffff))"),
    flood!("cannot_use_up_the_resolvers_streams", "net_most", "
def once(number):
    stream = connect(resolver(), 53)
    stream.sendall(b'\\xff\\xff')
    keep(stream)"),
    flood!("cannot_use_up_the_resolver_by_loops", "net_rate", "
def once(number):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((resolver(), 53))
    sender.send(struct.pack('!6H', 7, 0x100, 1, 0, 0, 0) + b'\\xc0\\x0c' * 200)"),
    flood!("cannot_use_up_the_journal", "net_journal", "
def once(number):
    where('evil.example', 80 + number % 40000)"),
    flood!("cannot_use_up_descriptors_by_half_closing", "net_patience", "
def once(number):
    stream = connect('streams.allowed.example', 7)
    stream.shutdown(socket.SHUT_WR)
    keep(stream)"),
    flood!("cannot_use_up_the_processor_by_small_pieces", "net_pace", "
def once(number):
    with connect('streams.allowed.example', 9) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(100000):
            stream.send(b'x')"),
    Attempt::new("cannot_pass_its_total", "net_total", Policy::Custom(&["allow *.allowed.example"]), "
with connect('streams.allowed.example', 19) as stream:
    count = 0
    while count < 64 << 20:
        piece = stream.recv(1 << 20)
        if not piece:
            verdict(False)
        count += len(piece)
verdict(True)").limited("total=16m"),
    Attempt::new("cannot_pass_its_bandwidth", "net_pace", Policy::Custom(&["allow *.allowed.example"]), "
begun, count = time.monotonic(), 0
with connect('streams.allowed.example', 19) as stream:
    while count < 32 << 20 and time.monotonic() < begun + 8:
        count += len(stream.recv(1 << 20))
verdict(count >= 32 << 20)").limited("bandwidth=2m"),
];
