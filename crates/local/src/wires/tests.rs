use std::io;

use infield_domain::Kind;
use infield_jail::request::Limits;

use super::*;

fn reply(network: Network, descriptors: usize) -> Reply {
    let limits =
        Limits { memory_bytes: 1, cpu_millis: 1, pids: 1, disk_bytes: 1, inodes: 1, open_files: 1 };
    let volumes = Vec::new();
    let started = Started { pid: 1, enforced: Vec::new(), limits, network, volumes };
    let descriptor = |_| OwnedFd::from(io::pipe().expect("a pipe").0);
    let descriptors = (0..descriptors).map(descriptor).collect();
    Reply { answer: Answer::Started(started), descriptors, launcher: 3 }
}

/// `Some(true)` for an answer with wires, `Some(false)` for one without, none for no answer.
fn check(reply: Reply, expected: Option<bool>) {
    let found = brought(reply);
    if let Err(error) = &found {
        assert_eq!(error.kind(), Kind::Internal);
    }
    assert_eq!(found.ok().map(|brought| brought.wires.is_some()), expected);
}

#[test]
fn an_answer_brings_what_its_network_needs() {
    check(reply(Network::Loopback, 1), Some(false));
    check(reply(Network::Wired, 3), Some(true));
    check(reply(Network::Proxied, 2), Some(true));
    check(reply(Network::Proxied, 1), Some(true));
    for (network, count) in [
        (Network::Loopback, 0),
        (Network::Loopback, 3),
        (Network::Wired, 1),
        (Network::Wired, 2),
        (Network::Wired, 4),
        (Network::Proxied, 0),
        (Network::Proxied, 3),
    ] {
        check(reply(network, count), None);
    }
    let done = Reply { answer: Answer::Done, descriptors: Vec::new(), launcher: 1 };
    check(done, None);
}

#[tokio::test]
async fn wires_of_a_launcher_that_ended_are_not_given_out() {
    let watches = crate::watch::Watches::default();
    let id = "sbx-0000000000000000".parse().expect("it is an id");
    for (launcher, expected) in [(3, true), (4, false)] {
        let brought = brought(reply(Network::Wired, 3)).expect("it is whole");
        watches.insert(&id, brought.pidfd, brought.wires).expect("it can be watched");
        assert_eq!(watches.take_wires(&id, launcher).is_some(), expected);
        assert!(watches.take_wires(&id, launcher).is_none(), "they are given out once");
    }
}
