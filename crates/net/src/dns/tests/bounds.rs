//! What bounds a sandbox: rate, look-ups at once, names below a wildcard.

use std::collections::HashSet;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::asking::{World, question, read, reason, receive, write};
use crate::upstream::tests::authority::Says;

fn refused(replies: &[Message]) -> usize {
    replies.iter().filter(|reply| reply.response_code == ResponseCode::Refused).count()
}

/// Names that somebody outside was asked about.
fn distinct_names(world: &World) -> usize {
    world.authority.names().into_iter().collect::<HashSet<_>>().len()
}

/// Asks about all of these before any answer is taken.
async fn ask_at_once(world: &World, names: impl Iterator<Item = String>) -> Vec<Message> {
    let socket = world.socket().await;
    let mut sent = 0;
    for name in names {
        let bytes = question(&name, RecordType::A).to_vec().expect("a message");
        socket.send(&bytes).await.expect("sent");
        sent += 1;
    }
    let mut replies = Vec::new();
    while replies.len() < sent {
        replies.push(receive(&socket).await.expect("an answer to each"));
    }
    replies
}

#[tokio::test]
async fn too_many_questions_a_second_are_refused_and_counted() {
    let world = World::start("limited").await;
    let mut replies = Vec::new();
    // In portions that the sockets have room for.
    for _ in 0..10 {
        replies.extend(ask_at_once(&world, (0..60).map(|_| "www.example.org".to_owned())).await);
    }
    let refused = refused(&replies);
    assert!((20..=200).contains(&refused), "{refused}");
    assert_eq!(world.sandbox.counters.traffic().refused, refused as u64);
    let last = replies.iter().rfind(|reply| reply.response_code == ResponseCode::Refused);
    let (_, text) = reason(last.expect("one")).expect("a reason");
    assert_eq!(text, "too many look-ups a second");
    let again =
        async { while world.ask("www.example.org", RecordType::A).await.answers.is_empty() {} };
    timeout(Duration::from_secs(2), again).await.expect("the rate comes back");
}

#[tokio::test]
async fn too_many_look_ups_at_once_are_refused() {
    let world = World::start("public").await;
    (0..80).for_each(|number| world.exists(&format!("n{number}.example.org"), Says::late));
    let names = (0..80).map(|number| format!("n{number}.example.org"));
    let replies = ask_at_once(&world, names).await;
    assert_eq!(refused(&replies), 16);
    assert_eq!(distinct_names(&world), 64);
    assert_eq!(world.sandbox.counters.traffic().refused, 16);
    let reply = world.ask("n79.example.org", RecordType::A).await;
    assert_eq!(reply.response_code, ResponseCode::NoError, "places are given back");
}

#[tokio::test]
async fn too_many_names_below_a_wildcard_are_refused_and_those_written_out_are_not() {
    let world = World::start("allow *.example.org,allow spelled.example.org").await;
    for number in 0..1_000 {
        let name = format!("n{number}.example.org").parse().expect("a name");
        assert!(world.sandbox.lookups.admit_name(&name, Instant::now()));
    }
    world.exists("spelled.example.org", |says| says);
    world.exists("new.example.org", |says| says);
    let reply = world.ask("new.example.org", RecordType::A).await;
    assert_eq!(reply.response_code, ResponseCode::Refused);
    assert_eq!(reason(&reply).expect("a reason").1, "too many different names in one minute");
    assert_eq!(world.authority.asked(), 0);
    world.check_stand_in("spelled.example.org").await;
    world.change("public");
    world.check_stand_in("new.example.org").await;
}

#[tokio::test]
async fn a_slow_name_holds_up_no_other_one() {
    let world = World::start("public").await;
    world.exists("slow.example.org", |_| Says::Silence);
    world.exists("fast.example.org", |says| says);
    let socket = world.socket().await;
    for name in ["slow.example.org", "fast.example.org"] {
        let bytes = question(name, RecordType::A).to_vec().expect("a message");
        socket.send(&bytes).await.expect("sent");
    }
    let first = timeout(Duration::from_secs(1), receive(&socket)).await.expect("at once");
    let name = first.expect("an answer").queries[0].name.to_ascii();
    assert_eq!(name, "fast.example.org.");
}

#[tokio::test]
async fn several_questions_come_on_one_connection() {
    let world = World::start("public").await;
    world.exists("late.example.org", Says::late);
    world.exists("fast.example.org", |says| says);
    let mut stream = world.connect().await;
    let asked = ["late.example.org", "fast.example.org"].map(|name| question(name, RecordType::A));
    for question in &asked {
        write(&mut stream, question).await;
    }
    let (first, second) = (read(&mut stream).await, read(&mut stream).await);
    assert_eq!([first.id, second.id], [asked[1].id, asked[0].id], "whichever is there first");
    let again = question("fast.example.org", RecordType::AAAA);
    write(&mut stream, &again).await;
    assert_eq!(read(&mut stream).await.answers.len(), 1);
}

#[tokio::test]
async fn one_that_sends_no_more_still_gets_its_answers() {
    let world = World::start("public").await;
    world.exists("late.example.org", Says::late);
    let mut stream = world.connect().await;
    write(&mut stream, &question("late.example.org", RecordType::A)).await;
    stream.shutdown().await.expect("shut");
    assert_eq!(read(&mut stream).await.answers.len(), 1);
    assert_eq!(stream.read(&mut [0]).await.expect("the end"), 0);
}

#[tokio::test]
async fn a_connection_waits_for_sixteen_answers_at_most() {
    let world = World::start("public").await;
    let mut stream = world.connect().await;
    for number in 0..40 {
        let name = format!("n{number}.example.org");
        world.exists(&name, |_| Says::Silence);
        write(&mut stream, &question(&name, RecordType::A)).await;
    }
    let all = async {
        while distinct_names(&world) < 16 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(2), all).await.expect("sixteen are looked up");
    // Time enough for more of them to come.
    world.exists("late.example.org", Says::late);
    world.check_stand_in("late.example.org").await;
    assert_eq!(distinct_names(&world), 17);
}

#[tokio::test]
async fn a_connection_that_makes_no_sense_is_closed() {
    let world = World::start("public").await;
    for bytes in [&[0xff, 0xff, 1, 2][..], &[0x10, 0x01, 0]] {
        let mut stream = world.connect().await;
        stream.write_all(bytes).await.expect("sent");
        let end = timeout(Duration::from_secs(2), stream.read(&mut [0])).await.expect("at once");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    let mut stream = world.connect().await;
    stream.write_all(&[0, 0]).await.expect("sent");
    write(&mut stream, &question("localhost", RecordType::A)).await;
    assert_eq!(read(&mut stream).await.answers.len(), 1, "nothing was asked, and then something");
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let world = World::start("public").await;
    let mut idle = world.connect().await;
    let mut half = world.connect().await;
    half.write_all(&[0, 30, 1]).await.expect("sent");
    for stream in [&mut idle, &mut half] {
        let end = timeout(Duration::from_secs(12), stream.read(&mut [0])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
}

#[tokio::test]
async fn an_asker_that_is_gone_ends_nothing() {
    let world = World::start("public").await;
    world.exists("late.example.org", Says::late);
    let socket = world.socket().await;
    for name in ["late.example.org", "localhost"] {
        let bytes = question(name, RecordType::A).to_vec().expect("a message");
        socket.send(&bytes).await.expect("sent");
    }
    drop(socket);
    world.check_stand_in("late.example.org").await;
    world.check_stand_in("late.example.org").await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_bytes_end_the_loop(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let world = World::start("public").await;
            let socket = world.socket().await;
            for packet in &packets {
                socket.send(packet).await.expect("sent");
            }
            let reply = world.ask("localhost", RecordType::A).await;
            assert_eq!(reply.answers.len(), 1);
            assert_eq!(world.authority.asked(), 0);
        });
    }
}
