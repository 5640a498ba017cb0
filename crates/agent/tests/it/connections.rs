//! Connections that misbehave, and many of them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use infield_domain::Kind;
use infield_domain::guest::Guest;
use infield_protocol::client::Client;
use infield_protocol::frame::{self, Decoder};
use infield_protocol::message::{Code, Event, GENERATION, Opening, Request};

use crate::agent::{Agent, LIMIT};

/// Sends these bytes, and gives the events until the agent closes.
fn say(agent: &Agent, bytes: &[u8]) -> Vec<Event> {
    let mut connection = agent.raw();
    connection.set_read_timeout(Some(LIMIT)).expect("a limit");
    connection.write_all(bytes).expect("is sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("the agent closes");
    let mut decoder = Decoder::default();
    decoder.push(&answer);
    let mut events = Vec::new();
    while let Some(body) = decoder.next_body().expect("frames") {
        events.push(frame::decode(body).expect("an event"));
    }
    events
}

/// Wants one failure with this code, and the agent to go on.
fn check(bytes: &[u8], expected: Code) {
    let agent = Agent::start();
    let events = say(&agent, bytes);
    assert!(
        matches!(&events[..], [Event::Failed(failure)] if failure.code == expected),
        "{events:?}"
    );
    assert_eq!(agent.shell("echo on").out(), "on\n");
}

fn opening(generation: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let opening = Opening { generation, request: Request::Executions };
    frame::encode(&opening, &mut bytes).expect("fits");
    bytes
}

#[test]
fn another_generation_is_told_so() {
    check(&opening(GENERATION + 1), Code::Conflict);
}

#[test]
fn garbage_is_answered_and_forgotten() {
    check(&[0xff; 64], Code::Invalid);
    check(b"GET / HTTP/1.1\r\n\r\n", Code::Invalid);
    check(&[0, 0, 0, 3, 1, 200, 200], Code::Conflict);
    check(&[0, 0, 0, 0], Code::Conflict);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let agent = Agent::start();
    let mut connection = agent.raw();
    connection.set_read_timeout(Some(LIMIT)).expect("a limit");
    for byte in opening(GENERATION) {
        connection.write_all(&[byte]).expect("is sent");
    }
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("the agent closes");
    assert_eq!(
        frame::decode::<Event>(&answer[4..]).expect("an event"),
        Event::Executions(Vec::new())
    );
}

#[test]
fn silent_connections_do_not_keep_others_out() {
    let agent = Agent::start();
    // As many as the agent has at a time: the next one waits until they are cut.
    let silent: Vec<_> = (0..200).map(|_| agent.raw()).collect();
    assert_eq!(agent.shell("echo on").out(), "on\n");
    drop(silent);
}

#[test]
fn many_file_operations_at_once_are_all_served() {
    let agent = Agent::start();
    let path = crate::agent::path(".");
    let all =
        agent.wait(futures_util::future::join_all((0..150).map(|_| agent.client.stat(&path))));
    assert!(all.iter().all(Result::is_ok));
}

#[test]
fn the_agent_shrugs_signals_off() {
    let agent = Agent::start();
    // It answers, so that it is not on its way up any more.
    assert_eq!(agent.shell("echo up").out(), "up\n");
    let pid = rustix::process::Pid::from_raw(agent.pid().cast_signed()).expect("a process");
    for signal in [
        rustix::process::Signal::TERM,
        rustix::process::Signal::HUP,
        rustix::process::Signal::INT,
        rustix::process::Signal::PIPE,
    ] {
        rustix::process::kill_process(pid, signal).expect("ours");
    }
    assert_eq!(agent.shell("echo on").out(), "on\n");
}

#[test]
fn an_agent_that_is_gone_is_told_with_what_to_do() {
    let agent = Agent::start();
    let nobody = Client::new(|| UnixStream::connect("/nowhere/agent.sock"));
    let error = agent.wait(nobody.executions()).expect_err("nobody is there");
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.hint(), Some("start the sandbox and try again"));
}

/// A server of the test on this machine's loopback, which is the agent's too. It answers what it
/// heard when the other side has said its last.
fn echo_at_the_end() -> std::num::NonZeroU16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("it is said to its end");
        stream.write_all(&heard).expect("it is answered");
    });
    port.try_into().expect("not zero")
}

#[test]
fn a_port_is_dialled_and_each_way_has_its_own_end() {
    let agent = Agent::start();
    let port = echo_at_the_end();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let heard = agent.wait(async {
        let mut stream = agent.client.dial(port).await.expect("somebody listens");
        let mut at = 0;
        while at < sent.len() {
            at += std::future::poll_fn(|context| stream.poll_write(context, &sent[at..]))
                .await
                .expect("it is taken");
        }
        std::future::poll_fn(|context| stream.poll_finish(context)).await.expect("it ends");
        let (mut heard, mut room) = (Vec::new(), [0; 10_000]);
        loop {
            let read = std::future::poll_fn(|context| stream.poll_read(context, &mut room));
            match read.await.expect("it answers") {
                0 => break heard,
                count => heard.extend_from_slice(&room[..count]),
            }
        }
    });
    assert!(heard == sent, "{} of {} bytes", heard.len(), sent.len());
}

#[test]
fn a_port_where_nobody_listens_is_not_found() {
    let agent = Agent::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let error = agent.wait(agent.client.dial(port.try_into().expect("not zero")));
    let error = error.err().expect("nobody listens");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(agent.shell("echo on").out(), "on\n");
}

#[test]
fn a_host_that_goes_away_ends_the_connection_inside() {
    let agent = Agent::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let stream = agent.wait(agent.client.dial(port.try_into().expect("not zero")));
    let (mut there, _) = listener.accept().expect("a connection");
    there.set_read_timeout(Some(LIMIT)).expect("a limit");
    drop(stream.expect("somebody listens"));
    assert_eq!(there.read(&mut [0]).expect("it ends"), 0);
    // Nor is what the server still says anybody's trouble.
    drop(there.write_all(&[0; 1 << 20]));
    assert_eq!(agent.shell("echo on").out(), "on\n");
}

#[test]
fn commands_run_beside_as_many_visits_as_there_may_be() {
    let agent = Agent::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut held = Vec::new();
    for _ in 0..128 {
        let mut stream = agent
            .wait(agent.client.dial(port.try_into().expect("not zero")))
            .expect("somebody listens");
        let (there, _) = listener.accept().expect("a connection");
        // Nobody reads: what is not taken must wait outside of the agent.
        let full = agent.wait(async {
            let mut sent = 0_usize;
            let fill = async {
                loop {
                    let piece = [7; 64 << 10];
                    let write = std::future::poll_fn(|context| stream.poll_write(context, &piece));
                    sent += write.await.expect("it is taken");
                }
            };
            let pause = std::time::Duration::from_millis(5);
            assert!(tokio::time::timeout(pause, fill).await.is_err(), "it never ends");
            sent
        });
        assert!(full < 64 << 20, "{full} bytes are somewhere");
        held.push((stream, there));
    }
    assert_eq!(agent.shell("echo on").out(), "on\n");
}
