pub(crate) mod authority;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use authority::{Authority, Says};

const FOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const SIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

/// Looks a name up about which the authority says this of its two families.
async fn look_up(four: Says, six: Says) -> (Outcome, Authority) {
    let authority = Authority::start().await;
    authority.say("www.example.org", RecordType::A, four);
    authority.say("www.example.org", RecordType::AAAA, six);
    let upstream = Upstream::new(&[authority.address()]);
    (upstream.addresses(&name("www.example.org")).await, authority)
}

async fn check(four: Says, six: Says, expected: Outcome) {
    let shown = format!("{four:?}, {six:?}");
    assert_eq!(look_up(four, six).await.0, expected, "{shown}");
}

#[tokio::test]
async fn both_families_are_found() {
    let both = vec![FOUR.into(), SIX.into()];
    check(Says::Address(FOUR.into(), 60), Says::Address(SIX.into(), 60), Ok(both)).await;
}

#[tokio::test]
async fn one_family_is_enough() {
    for six in [Says::Nothing, Says::NoSuchName, Says::Failure] {
        check(Says::Address(FOUR.into(), 60), six, Ok(vec![FOUR.into()])).await;
    }
    check(Says::NoSuchName, Says::Address(SIX.into(), 60), Ok(vec![SIX.into()])).await;
}

#[tokio::test]
async fn a_family_that_nobody_answers_for_is_not_waited_for() {
    let started = Instant::now();
    check(Says::Address(FOUR.into(), 60), Says::Silence, Ok(vec![FOUR.into()])).await;
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn that_there_is_no_name_no_address_or_no_answer_are_three_things() {
    check(Says::NoSuchName, Says::NoSuchName, Err(LookupFailure::NoSuchName)).await;
    check(Says::Nothing, Says::Nothing, Ok(Vec::new())).await;
    check(Says::Failure, Says::Failure, Err(LookupFailure::NoAnswer)).await;
    check(Says::Nothing, Says::Failure, Err(LookupFailure::NoAnswer)).await;
}

#[tokio::test]
async fn nobody_waits_longer_than_the_limit() {
    for says in [Says::Silence, Says::Garbage] {
        let started = Instant::now();
        check(says.clone(), says, Err(LookupFailure::NoAnswer)).await;
        assert!(started.elapsed() < LIMIT + Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_comes_whole_by_tcp() {
    let both = vec![FOUR.into(), SIX.into()];
    let (four, six) = (Says::Address(FOUR.into(), 60).cut(), Says::Address(SIX.into(), 60).cut());
    check(four, six, Ok(both)).await;
}

#[tokio::test]
async fn other_names_of_a_name_are_followed_and_loops_end() {
    let authority = Authority::start().await;
    authority.say("cdn.example.net", RecordType::A, Says::Address(FOUR.into(), 60));
    authority.say("cdn.example.net", RecordType::AAAA, Says::Nothing);
    for family in [RecordType::A, RecordType::AAAA] {
        authority.say("www.example.org", family, Says::OtherName("cdn.example.net"));
        authority.say("loop.example.org", family, Says::OtherName("loop.example.org"));
    }
    let upstream = Upstream::new(&[authority.address()]);
    assert_eq!(upstream.addresses(&name("www.example.org")).await, Ok(vec![FOUR.into()]));
    let looped = upstream.addresses(&name("loop.example.org")).await;
    assert!(looped.as_ref().map_or(true, Vec::is_empty), "{looped:?}");
}

#[tokio::test]
async fn what_is_known_is_not_asked_again() {
    for says in [Says::Address(FOUR.into(), 60), Says::NoSuchName, Says::Nothing] {
        let authority = Authority::start().await;
        authority.say("www.example.org", RecordType::A, says.clone());
        authority.say("www.example.org", RecordType::AAAA, says);
        let upstream = Upstream::new(&[authority.address()]);
        let first = upstream.addresses(&name("www.example.org")).await;
        let asked = authority.asked();
        assert_eq!(asked, 2, "one question for each family");
        assert_eq!(upstream.addresses(&name("WWW.example.org.")).await, first);
        assert_eq!(authority.asked(), asked);
    }
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_question() {
    let authority = Authority::start().await;
    for family in [RecordType::A, RecordType::AAAA] {
        authority.say("www.example.org", family, Says::Address(FOUR.into(), 60).late());
    }
    let upstream = Upstream::new(&[authority.address()]);
    let name = name("www.example.org");
    let (one, other) = tokio::join!(upstream.addresses(&name), upstream.addresses(&name));
    assert_eq!(one, other);
    assert_eq!(authority.asked(), 2);
}

#[tokio::test]
async fn names_of_the_hosts_file_and_search_domains_are_not_used() {
    let authority = Authority::start().await;
    let upstream = Upstream::new(&[authority.address()]);
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let named = hosts.lines().filter(|line| !line.trim_start().starts_with('#'));
    let named = named.flat_map(|line| line.split_whitespace().skip(1));
    // What is below `localhost` is answered without the file and without a question (RFC 6761).
    let named = named.filter(|name| !name.ends_with("localhost"));
    for text in named.chain(["printer"]) {
        let found = upstream.addresses(&name(text)).await;
        assert_eq!(found, Err(LookupFailure::NoSuchName), "{text}");
    }
    assert!(authority.names().contains(&"printer.".to_owned()));
    assert!(!authority.names().iter().any(|name| name.starts_with("printer.") && name.len() > 8));
}

#[tokio::test]
async fn an_attack_of_many_addresses_is_cut() {
    let (found, _authority) = look_up(Says::Many(FOUR, 60), Says::Nothing).await;
    assert_eq!(found.map(|found| found.len()), Ok(MOST_ADDRESSES));
}

#[tokio::test]
async fn look_ups_at_once_are_bounded() {
    let authority = Authority::start().await;
    let upstream = Upstream::new(&[authority.address()]);
    let places = u32::try_from(MOST_AT_ONCE).expect("small");
    let held = upstream.places.acquire_many(places).await.expect("open");
    let (one, other) = (name("one.example"), name("other.example"));
    let waiting = timeout(2 * LIMIT, upstream.addresses(&one)).await;
    assert_eq!(waiting.expect("waiting has a limit too"), Err(LookupFailure::NoAnswer));
    assert_eq!(authority.asked(), 0);
    drop(held);
    assert_eq!(upstream.addresses(&other).await, Err(LookupFailure::NoSuchName));
}
