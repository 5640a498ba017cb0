//! The ends of the way out that lie in the sandbox's own namespace, and its settings.

use super::{ALLOWED, Attempt, Ground, Policy, Step};

/// What works on HOST's own namespace, where its maker may do everything.
macro_rules! set {
    ($name:literal, $defence:literal, $script:expr) => {
        Attempt::new($name, $defence, ALLOWED, $script)
    };
}

/// What only a sandbox has.
macro_rules! own {
    ($name:literal, $defence:literal, $script:expr) => {
        Attempt::new($name, $defence, ALLOWED, $script).on(Ground::Sandbox)
    };
}

/// Ports with a listener, by the kernel's own list: proc(5), /proc/net/tcp6.
macro_rules! with_ports {
    ($script:literal) => {
        concat!(
            "
def listening():
    for line in list(open('/proc/net/tcp6'))[1:]:
        words = line.split()
        if words[3] == '0A':
            yield int(words[1].split(':')[1], 16)
",
            $script
        )
    };
}

/// Somebody waits at the port on HOST's own loopback, as whatever HOST runs there might.
const STRAIGHT: &str = with_ports!(
    "
for port in listening():
    where(HOST4, BAIT, f'LISTEN {port}\\n'.encode())
    if where('127.0.0.1', port) or where('::1', port):
        verdict(True)
verdict(False)"
);
/// Somebody waits at the port behind a name that is allowed on another.
const STRAIGHT_BY_SYNTHETIC: &str = with_ports!(
    "
for port in listening():
    where('raw.allowed.example', 8080, f'LISTEN {port}\\n'.encode())
    if where('raw.allowed.example', port, b'hello\\n'):
        verdict(True)
verdict(False)"
);
/// The port of the listener, from the death of who serves it on.
const TAKE: &str = with_ports!(
    "
ports = list(listening())
ready()
limit = time.monotonic() + 3
while time.monotonic() < limit:
    for port in ports:
        for address in ('::', '::1', EVIL6):
            mine = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                mine.bind((address, port))
                mine.listen()
                verdict(True)
            except OSError:
                mine.close()
    time.sleep(0.01)
verdict(False)"
);

/// Somebody else at the resolver's address and port, or at every address, who is asked then.
macro_rules! answer {
    ($addresses:literal) => {
        concat!(
            "
ready()
limit = time.monotonic() + 3
while time.monotonic() < limit:
    for address in ",
            $addresses,
            ":
        mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            mine.bind((address, 53))
            mine.settimeout(1)
            threading.Thread(target=ask, args=('allowed.example', 1), daemon=True).start()
            mine.recv(1000)
            verdict(True)
        except OSError:
            mine.close()
    time.sleep(0.01)
verdict(False)"
        )
    };
}

/// A connection with a source address of the sandbox's choice.
const SPOOF: &str = "
found = socket.getaddrinfo('raw.allowed.example', 80, socket.AF_INET)[0][4][0]
for source in ('127.0.0.1', found, RECORDER4, HOST4):
    try:
        with socket.create_connection((EVIL4, 80), SECONDS, (source, 0)) as stream:
            stream.sendall(get('evil.example'))
            if MARK in read(stream):
                verdict(True)
    except OSError:
        pass
with socket.create_connection((EVIL4, 80), SECONDS, ('0.0.0.0', 0)) as stream:
    stream.sendall(get('evil.example'))
    verdict(MARK in read(stream))";

const DEVICE: &str = "
for _, name in socket.if_nameindex():
    with socket.socket() as stream:
        stream.settimeout(SECONDS)
        try:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
            stream.connect((EVIL4, 80))
            stream.sendall(get('evil.example'))
        except OSError:
            continue
        if MARK in read(stream):
            verdict(True)
verdict(False)";

/// A message of rtnetlink(7) and the error number in its answer.
macro_rules! route {
    ($kind:literal, $flags:literal, $body:literal) => {
        concat!(
            "
body = ",
            $body,
            "
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
    link.settimeout(SECONDS)
    head = struct.pack('=IHHII', 16 + len(body), ",
            $kind,
            ", ",
            $flags,
            ", 1, 0)
    link.send(head + body)
    verdict(struct.unpack('=i', link.recv(4096)[16:20])[0] == 0)"
        )
    };
}

const SETTING: &str = "
name = '/proc/sys/net/ipv4/ip_default_ttl'
text = open(name).read()
open(name, 'w').write(text)
verdict(True)";

/// A namespace with all privileges in it: unshare(2), CLONE_NEWUSER and CLONE_NEWNET.
const NAMESPACE: &str = "
if call(272, 0x10000000 | 0x40000000) < 0:
    verdict(False)
socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)
verdict(True)";

const ABSTRACT: &str = "
with socket.socket(socket.AF_UNIX) as stream:
    stream.connect('\\0' + ABSTRACT)
    verdict(MARK in stream.recv(100))";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_connect_straight_to_the_listener", "straight,own",
        Policy::Custom(&["allow 127.0.0.1/32:1-65535", "allow 93.184.100.2"]), STRAIGHT)
        .on(Ground::Sandbox),
    Attempt::new("cannot_name_the_listeners_port", "ports",
        Policy::Custom(&["allow raw.allowed.example:8080"]), STRAIGHT_BY_SYNTHETIC)
        .on(Ground::Sandbox),
    own!("cannot_take_the_listeners_port", "duplicates", TAKE).during(&[Step::KillNetwork]),
    own!("cannot_take_the_resolvers_port", "duplicates", answer!("(resolver(),)"))
        .during(&[Step::KillNetwork]),
    own!("cannot_answer_beside_the_resolver", "duplicates", answer!("('0.0.0.0', '')"))
        .during(&[Step::KillNetwork]),
    set!("cannot_choose_a_source_that_passes", "rules", SPOOF),
    set!("cannot_bind_to_a_way_out", "rules", DEVICE),
    set!("cannot_mark_packets", "capabilities,network_owner",
        "socket.socket().setsockopt(socket.SOL_SOCKET, 36, 1)\nverdict(True)"),
    set!("cannot_be_transparent", "capabilities,network_owner",
        "socket.socket().setsockopt(socket.SOL_IP, 19, 1)\nverdict(True)"),
    set!("cannot_be_transparent6", "capabilities,network_owner",
        "socket.socket(socket.AF_INET6).setsockopt(socket.IPPROTO_IPV6, 75, 1)\nverdict(True)"),
    set!("cannot_raise_the_priority", "capabilities,network_owner",
        "socket.socket().setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 7)\nverdict(True)"),
    // RTM_NEWROUTE of 203.0.113.1/32 by the loopback, NLM_F_REQUEST | ACK | CREATE.
    set!("cannot_add_a_route", "capabilities,network_owner", route!("24", "0x405",
        "struct.pack('=8BI', 2, 32, 0, 0, 254, 4, 253, 1, 0) \
        + struct.pack('=HH4s', 8, 1, bytes([203, 0, 113, 1])) + struct.pack('=HHI', 8, 4, 1)")),
    // RTM_NEWADDR of 203.0.113.2/32 on the loopback, NLM_F_REQUEST | ACK | CREATE | REPLACE.
    set!("cannot_add_an_address", "capabilities,network_owner", route!("20", "0x505",
        "struct.pack('=4BI', 2, 32, 0, 0, 1) \
        + struct.pack('=HH4s', 8, 2, bytes([203, 0, 113, 2]))")),
    // RTM_DELROUTE of whatever leads to 127.0.0.1 in table local, NLM_F_REQUEST | ACK.
    own!("cannot_remove_the_route_inward", "capabilities,network_owner", route!("25", "0x5",
        "struct.pack('=8BI', 2, 32, 0, 0, 255, 0, 255, 0, 0) \
        + struct.pack('=HH4s', 8, 1, bytes([127, 0, 0, 1]))")),
    set!("cannot_change_a_setting_of_the_network", "read_only_proc,capabilities,network_owner", SETTING),
    set!("cannot_make_a_namespace_with_privileges", "seccomp", NAMESPACE),
    set!("cannot_reach_an_abstract_socket_of_the_host", "landlock,network_namespace", ABSTRACT),
    Attempt::new("cannot_reach_anything_with_none", "network_namespace", Policy::None,
        "reached('allowed.example', RECORDER4, RECORDER6)"),
    Attempt::new("cannot_look_up_with_none", "network_namespace", Policy::None,
        "verdict(any(answers(ask('allowed.example', 1, one)) for one in (RESOLVER4, resolver())))"),
    Attempt::new("cannot_reach_another_host_with_limited", "rules", Policy::Limited,
        "reached('evil.example', 'alone.example', EVIL4)"),
    own!("cannot_reach_another_sandbox", "network_namespace",
        "reached('127.0.0.1', '::1', '198.18.0.1', '198.18.1.0', '2001:2::100', port=NEIGHBOUR)"),
];
