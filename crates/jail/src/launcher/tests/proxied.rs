//! Networks of an ordinary user's sandboxes: a proxy on the loopback, and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::jail::{self, Jail, in_network};
use crate::request::{Answer, LayerPlace, Network, Request, Start};

const PROXY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 13_986);

/// Starts a sandbox that is to have a network.
fn start(name: &str) -> Request {
    let start = jail::start_of(name, LayerPlace::Memory);
    let require = vec!["egress".to_owned()];
    Request::Start(Start { network: Network::Wired, require, ..start })
}

/// The first process, and the listener if it came along.
fn proxied(jail: &mut Jail, request: Request) -> (u32, Option<TcpListener>) {
    let (answer, descriptors) = jail.ask_all(request, None);
    let Answer::Started(started) = answer else { panic!("it did not start: {answer:?}") };
    assert_eq!(started.network, Network::Proxied);
    let egress = started.enforced.iter().find(|one| one.control == "egress");
    assert_eq!(egress.map(|one| one.mechanism.as_str()), Some("proxy"));
    let mut descriptors = descriptors.into_iter();
    descriptors.next().expect("a pidfd comes along");
    (started.pid, descriptors.next().map(TcpListener::from))
}

fn connect(pid: u32, to: SocketAddr) -> std::io::Result<TcpStream> {
    in_network(pid, || TcpStream::connect(to))
}

fn check_served(pid: u32, listener: &TcpListener) {
    let mut inner = connect(pid, PROXY).expect("somebody listens");
    let (mut outer, _) = listener.accept().expect("what is connected was accepted");
    outer.write_all(b"out").expect("it is connected");
    inner.read_exact(&mut [0; 3]).expect("it was sent");
}

/// Tries to have the port, by every option that there is.
fn take(pid: u32, at: SocketAddr) -> rustix::io::Result<OwnedFd> {
    in_network(pid, || {
        let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        rustix::net::bind(&socket, &at)?;
        rustix::net::listen(&socket, 1)?;
        Ok(socket)
    })
}

/// What runs of an ordinary user can be entered by root alone.
fn open() -> Option<Jail> {
    rustix::process::geteuid().is_root().then(Jail::open_ordinary)
}

#[test]
fn an_ordinary_user_has_a_proxy_and_no_way_past_it() {
    let Some(mut jail) = open() else { return };
    let (pid, listener) = proxied(&mut jail, start("plain"));
    let listener = listener.expect("it comes along");
    assert_eq!(listener.local_addr().expect("it is bound"), PROXY);
    assert_eq!(listener.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
    check_served(pid, &listener);
    for to in ["203.0.113.9:443", "[2001:db8::9]:443", "198.18.0.1:53"] {
        let error = connect(pid, to.parse().expect("an address")).expect_err("there is no way");
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{to}");
    }
    for at in [PROXY.to_string(), "0.0.0.0:13986".to_owned(), "[::]:13986".to_owned()] {
        let taken = take(pid, at.parse().expect("an address"));
        assert_eq!(taken.expect_err("it is taken"), Errno::ADDRINUSE, "{at}");
    }
    // The launcher keeps a duplicate, and gives another.
    drop(listener);
    take(pid, PROXY).expect_err("it is taken");
    let (_, listener) = proxied(&mut jail, Request::Watch { sandbox: "plain".to_owned() });
    check_served(pid, &listener.expect("it comes along"));
    jail.done(Request::Stop { sandbox: "plain".to_owned() });
    let (pid, listener) = proxied(&mut jail, start("plain"));
    check_served(pid, &listener.expect("it comes along"));
}

#[test]
fn the_next_launcher_listens_unless_somebody_does() {
    let Some(mut jail) = open() else { return };
    let (pid, listener) = proxied(&mut jail, start("lasting"));
    let listener = listener.expect("it comes along");
    jail.kill_launcher();
    let mut jail = jail.again();
    let watch = || Request::Watch { sandbox: "lasting".to_owned() };
    let (same, held) = proxied(&mut jail, watch());
    assert_eq!(same, pid);
    assert!(held.is_none(), "who has it goes on with it");
    check_served(pid, &listener);
    drop(listener);
    let (_, listener) = proxied(&mut jail, watch());
    check_served(pid, &listener.expect("nobody has it"));
}

/// As on a kernel that cannot steer.
#[test]
fn root_has_a_proxy_where_it_has_nothing_better() {
    let Some(mut jail) = Jail::open() else { return };
    let start = jail::start_of("plain", LayerPlace::Memory);
    let start = Request::Start(Start { network: Network::Proxied, ..start });
    let (pid, listener) = proxied(&mut jail, start);
    let listener = listener.expect("it comes along");
    check_served(pid, &listener);
    take(pid, PROXY).expect_err("it is taken");
    jail.kill_launcher();
    let mut jail = jail.again();
    let watch = || Request::Watch { sandbox: "plain".to_owned() };
    assert!(proxied(&mut jail, watch()).1.is_none(), "who has it goes on with it");
    drop(listener);
    let (_, listener) = proxied(&mut jail, watch());
    check_served(pid, &listener.expect("nobody has it"));
}

#[test]
fn a_sandbox_without_a_policy_has_no_proxy() {
    let Some(mut jail) = open() else { return };
    let start = Start { require: Vec::new(), ..jail::start_of("quiet", LayerPlace::Memory) };
    let (answer, descriptors) = jail.ask_all(Request::Start(start), None);
    let Answer::Started(started) = answer else { panic!("it did not start: {answer:?}") };
    assert_eq!((started.network, descriptors.len()), (Network::Loopback, 1));
    let error = connect(started.pid, PROXY).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}
