//! Wired networks, from inside: where each kind of packet goes, and who cannot change that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use super::jail::{self, Jail, Wired, eventually, in_network, links};
use crate::request::{LayerPlace, Request};

/// How long something that is there may take, and something that is not is waited for.
const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(200);

const RESOLVER: &str = "198.18.0.1:53";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("it is an address")
}

fn connect(pid: u32, to: &str) -> io::Result<TcpStream> {
    in_network(pid, || TcpStream::connect_timeout(&address(to), LONG))
}

/// Connects from inside, and accepts outside what says that it is for `to`.
fn check_steered(sandbox: &Wired, to: &str) {
    let mut inner = connect(sandbox.pid, to).unwrap_or_else(|error| panic!("{to}: {error}"));
    let (mut outer, _) = sandbox.listener.accept().expect("what is connected was accepted");
    let own = outer.local_addr().expect("it is connected");
    let own = SocketAddr::new(own.ip().to_canonical(), own.port());
    assert_eq!(own, address(to));
    inner.write_all(b"out").expect("it is connected");
    let mut word = [0_u8; 3];
    outer.set_nonblocking(false).expect("it is a socket");
    outer.read_exact(&mut word).expect("it was sent");
    assert_eq!(&word, b"out");
}

/// Asks from inside, and answers outside.
fn check_resolved(sandbox: &Wired) {
    let asker = in_network(sandbox.pid, || {
        let asker = UdpSocket::bind("0.0.0.0:0").expect("there are ports");
        asker.connect(RESOLVER).expect("every address is local");
        asker.send(b"question").expect("somebody listens");
        asker.set_read_timeout(Some(LONG)).expect("it is a socket");
        asker
    });
    let mut word = [0_u8; 16];
    let (count, from) = sandbox.resolver.recv_from(&mut word).expect("it was sent");
    assert_eq!(&word[..count], b"question");
    sandbox.resolver.send_to(b"answer", from).expect("it asked");
    let count = asker.recv(&mut word).expect("it was answered, from where it asked");
    assert_eq!(&word[..count], b"answer");
}

pub(super) fn check_served(sandbox: &Wired) {
    check_steered(sandbox, "203.0.113.9:443");
    check_resolved(sandbox);
}

#[test]
fn what_goes_anywhere_lands_in_the_listener() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("wired"));
    for to in [
        "203.0.113.9:443",
        "[2001:db8::9]:8080",
        "10.0.0.1:22",
        "169.254.169.254:80",
        "198.18.0.1:53",
        "128.0.0.1:1",
        "[fd00::1]:80",
        "[::2]:80",
        "[64:ff9b::7f00:1]:443",
    ] {
        check_steered(&sandbox, to);
    }
    check_resolved(&sandbox);
}

#[test]
fn the_walls_let_clients_of_the_network_work() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("clients"));
    let answer = in_network(sandbox.pid, || {
        // Of this thread alone, like everything in here.
        rustix::thread::set_no_new_privs(true).expect("everybody may");
        crate::apply::landlock().expect("everybody may");
        crate::seccomp::Filter::compile().install().expect("everybody may");
        let asker = UdpSocket::bind("0.0.0.0:0").expect("it is allowed");
        asker.send_to(b"question", RESOLVER).expect("it is allowed");
        let mut connected = TcpStream::connect("203.0.113.9:443").expect("it is allowed");
        connected.set_nodelay(true).expect("it is allowed");
        connected.write_all(b"hello").expect("it is allowed");
        let refused = TcpStream::connect_timeout(&address("127.0.0.1:9"), LONG);
        refused.expect_err("nobody listens").kind()
    });
    assert_eq!(answer, ErrorKind::ConnectionRefused);
    assert_eq!(sandbox.resolver.recv(&mut [0; 16]).expect("it was sent"), 8);
    sandbox.listener.accept().expect("it was connected");
}

#[test]
fn what_goes_to_itself_stays_its_own() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("own"));
    for (at, to) in [
        ("127.0.0.1:443", "127.0.0.1:443"),
        ("0.0.0.0:8080", "127.9.9.9:8080"),
        ("[::1]:80", "[::1]:80"),
        ("[::]:81", "[::ffff:127.0.0.1]:81"),
    ] {
        let server = in_network(sandbox.pid, || TcpListener::bind(at)).expect("ports are free");
        connect(sandbox.pid, to).unwrap_or_else(|error| panic!("{to}: {error}"));
        server.accept().expect("it is the sandbox's own");
    }
    let nobody = sandbox.listener.accept().expect_err("nothing came out");
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
    let closed = connect(sandbox.pid, "127.0.0.1:9").expect_err("nobody listens");
    assert_eq!(closed.kind(), ErrorKind::ConnectionRefused);
    // A server for every address gets none that is not the sandbox's.
    let server = in_network(sandbox.pid, || TcpListener::bind("0.0.0.0:443")).expect("it is free");
    check_steered(&sandbox, "203.0.113.9:443");
    server.set_nonblocking(true).expect("it is a socket");
    assert_eq!(server.accept().expect_err("nothing came").kind(), ErrorKind::WouldBlock);
}

#[test]
fn other_datagrams_find_nobody_at_once() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("quic"));
    for (from, to) in [("0.0.0.0:0", "203.0.113.9:443"), ("[::]:0", "[2001:db8::9]:443")] {
        let error = in_network(sandbox.pid, || {
            let socket = UdpSocket::bind(from).expect("there are ports");
            socket.connect(to).expect("every address is local");
            socket.set_read_timeout(Some(LONG)).expect("it is a socket");
            socket.send(b"hello").expect("the first is sent");
            socket.recv(&mut [0; 8]).expect_err("nobody answers")
        });
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{to}");
    }
}

/// Whether an echo comes back from an address.
fn pings(pid: u32, to: IpAddr) -> bool {
    let (family, protocol, request) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP, 8_u8),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6, 128_u8),
    };
    in_network(pid, || {
        let socket = rustix::net::socket(family, SocketType::DGRAM, Some(protocol));
        let socket = UdpSocket::from(socket.expect("every group may"));
        socket.set_read_timeout(Some(SHORT)).expect("it is a socket");
        socket.connect((to, 0)).expect("every address is local");
        let sent = socket.send(&[request, 0, 0, 0, 0, 0, 0, 1]);
        sent.is_ok() && socket.recv(&mut [0; 64]).is_ok()
    })
}

#[test]
fn no_address_seems_alive() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("silent"));
    for to in ["203.0.113.9", "198.18.0.1", "2001:db8::9"] {
        assert!(!pings(sandbox.pid, to.parse().expect("it is an address")), "{to}");
    }
    let (quiet, _) = jail.start("quiet", LayerPlace::Memory);
    assert!(pings(quiet.pid, Ipv4Addr::LOCALHOST.into()), "the question itself is a good one");
}

#[test]
fn without_wires_no_address_is_reached() {
    let Some(mut jail) = Jail::open() else { return };
    let (quiet, _) = jail.start("quiet", LayerPlace::Memory);
    for to in ["203.0.113.9:443", "[2001:db8::9]:443", RESOLVER] {
        let error = connect(quiet.pid, to).expect_err("there is no way");
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{to}");
    }
    let error = in_network(quiet.pid, || {
        let asker = UdpSocket::bind("0.0.0.0:0").expect("there are ports");
        asker.send_to(b"question", RESOLVER).expect_err("there is no way")
    });
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
}

/// Tries to have a port beside its owner, by every option that there is.
fn take(pid: u32, kind: SocketType, at: &str) -> rustix::io::Result<OwnedFd> {
    let at = address(at);
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    in_network(pid, || {
        let socket = rustix::net::socket(family, kind, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        rustix::net::bind(&socket, &at)?;
        if kind == SocketType::STREAM {
            rustix::net::listen(&socket, 1)?;
        }
        Ok(socket)
    })
}

#[test]
fn nobody_inside_takes_the_ports() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("thief"));
    for at in [RESOLVER, "0.0.0.0:53", "[::]:53", "[::ffff:198.18.0.1]:53"] {
        let taken = take(sandbox.pid, SocketType::DGRAM, at);
        assert_eq!(taken.expect_err("it is taken"), Errno::ADDRINUSE, "{at}");
    }
    let port = sandbox.listener.local_addr().expect("it is bound").port();
    for at in [format!("0.0.0.0:{port}"), format!("127.0.0.1:{port}"), format!("[::]:{port}")] {
        let taken = take(sandbox.pid, SocketType::STREAM, &at);
        assert_eq!(taken.expect_err("it is taken"), Errno::ADDRINUSE, "{at}");
    }
    // Somebody else's name server is no matter of the resolver's.
    take(sandbox.pid, SocketType::DGRAM, "127.0.0.1:53").expect("it is free");
    check_served(&sandbox);
}

#[test]
fn nothing_of_the_wires_is_inside() {
    let Some(mut jail) = Jail::open() else { return };
    let wired = jail.wired(jail::wired_start("wired"));
    let (quiet, _) = jail.start("quiet", LayerPlace::Memory);
    let kinds = |pid| -> Vec<String> {
        let links = links(pid).into_iter().filter(|link| !link.starts_with('/'));
        links.map(|link| link.replace(|c: char| c.is_ascii_digit(), "")).collect()
    };
    eventually("the same descriptors", || kinds(wired.pid) == kinds(quiet.pid));
    assert!(!links(wired.pid).iter().any(|link| link.contains("bpf")));
}

#[test]
fn without_a_launcher_connections_are_refused_until_the_next_one_wires_again() {
    let Some(mut jail) = Jail::open() else { return };
    let before = jail.wired(jail::wired_start("lasting"));
    check_served(&before);
    let kept = connect(before.pid, "203.0.113.9:443").expect("it is served");
    jail.kill_launcher();
    // The sockets are still here, and a connection by name of the listener's own port is one that
    // the network process does not serve. Nothing else reaches it.
    for to in ["203.0.113.9:443", "[2001:db8::9]:8080"] {
        let refused = connect(before.pid, to).expect_err("nothing steers");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{to}");
    }
    let (mut accepted, _) = before.listener.accept().expect("it came before");
    accepted.write_all(b"still").expect("what is connected stays");
    kept.set_read_timeout(Some(LONG)).expect("it is a socket");
    (&kept).read_exact(&mut [0; 5]).expect("what is connected stays");

    let mut jail = jail.again();
    let watch = || Request::Watch { sandbox: "lasting".to_owned() };
    // As if the network process had not yet let go of the sockets of before.
    let after = jail.wired(watch());
    assert_eq!(after.pid, before.pid);
    assert_eq!(after.resolver.local_addr().expect("it is bound"), address(RESOLVER));
    drop(before);
    check_served(&after);
    // Asked again, the launcher gives the same ones.
    let same = jail.wired(watch());
    assert_eq!(same.listener.local_addr().ok(), after.listener.local_addr().ok());
    drop(after);
    check_served(&same);
}

#[test]
fn a_resolver_port_that_was_taken_harms_only_the_taker() {
    let Some(mut jail) = Jail::open() else { return };
    let sandbox = jail.wired(jail::wired_start("grab"));
    let pid = sandbox.pid;
    jail.kill_launcher();
    drop(sandbox);
    let mut taken = None;
    eventually("the port is free", || take(pid, SocketType::DGRAM, "0.0.0.0:53").is_ok());
    taken.replace(take(pid, SocketType::DGRAM, "0.0.0.0:53").expect("it is free"));
    let mut jail = jail.again();
    let sandbox = jail.wired(Request::Watch { sandbox: "grab".to_owned() });
    check_steered(&sandbox, "203.0.113.9:443");
    assert_ne!(sandbox.resolver.local_addr().expect("it is bound").port(), 53);
    drop(taken);
}

#[test]
fn the_launcher_lets_go_of_the_wires_of_what_ended() {
    let Some(mut jail) = Jail::open() else { return };
    let names = ["a", "b", "c", "d"];
    let wired = names.map(|name| jail.wired(jail::wired_start(name)));
    assert!(jail.holds("bpf_link") >= names.len());
    jail.done(Request::Stop { sandbox: "a".to_owned() });
    jail.done(Request::Remove { sandbox: "b".to_owned() });
    jail::kill(wired[2].pid);
    jail.done(Request::Remove { sandbox: "d".to_owned() });
    // Those of what is ready for the next stay: a set of parts and a process.
    eventually("the links are gone", || jail.holds("bpf_link") <= 2);
}
