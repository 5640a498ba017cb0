use infield_domain::network::{Allowance, Policy, Traffic};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn id(number: u8) -> SandboxId {
    SandboxId::from_random([number; 16])
}

fn terms(policy: Policy, owner: &str, name: &str, networks: &[&str]) -> Terms {
    let networks = networks.iter().map(|network| network.parse().expect("a word")).collect();
    let (owner, name) = (owner.to_owned(), name.parse().expect("a name"));
    let membership = Membership { owner, name, networks };
    Terms { policy, allowance: Allowance::DEFAULT, membership, before: Traffic::default() }
}

fn limited(owner: &str, name: &str, networks: &[&str]) -> Terms {
    terms(Policy::Limited, owner, name, networks)
}

/// One, two and three of alice's, of which the first two are in a network, and one of bob's.
fn peers() -> Arc<Peers> {
    let peers = Arc::<Peers>::default();
    peers.change(&id(1), Some(&limited("alice", "one", &["team", "dev"])));
    peers.change(&id(2), Some(&limited("alice", "Two", &["team"])));
    peers.change(&id(3), Some(&limited("alice", "three", &[])));
    peers.change(&id(4), Some(&limited("bob", "four", &["team"])));
    peers
}

fn member(number: u8) -> Found {
    Found::Member(id(number), "team".parse().expect("a word"))
}

#[test]
fn members_of_one_network_of_one_owner_find_each_other() {
    let door = Door::new(peers());
    let check = |from, sandbox, expected| assert_eq!(door.find(&id(from), sandbox), expected);
    check(1, "two", member(2));
    check(1, "TWO", member(2));
    check(2, "one", member(1));
    check(1, "three", Found::Stranger);
    check(3, "one", Found::Alone);
    check(1, "four", Found::Stranger);
    check(4, "one", Found::Stranger);
    check(1, "nobody", Found::Stranger);
}

#[test]
fn who_leaves_ends_or_loses_its_network_is_not_found() {
    let peers = peers();
    let door = Door::new(Arc::clone(&peers));
    let mut changes = door.changes();
    for gone in [
        None,
        Some(limited("alice", "Two", &["dev2"])),
        Some(limited("bob", "Two", &["team"])),
        Some(terms(Policy::None, "alice", "Two", &["team"])),
    ] {
        peers.change(&id(2), gone.as_ref());
        assert!(changes.has_changed().expect("it goes on"), "{gone:?}");
        assert_eq!(door.find(&id(1), "two"), Found::Stranger, "{gone:?}");
        peers.change(&id(2), Some(&limited("alice", "Two", &["team"])));
        changes.mark_unchanged();
        assert_eq!(door.find(&id(1), "two"), member(2));
    }
    peers.change(&id(2), Some(&limited("alice", "Two", &["team"])));
    assert!(!changes.has_changed().expect("it goes on"), "nothing is another way");
}

#[test]
fn a_name_that_is_somebody_elses_now_is_another_sandbox() {
    let peers = peers();
    let door = Door::new(Arc::clone(&peers));
    peers.change(&id(2), None);
    peers.change(&id(5), Some(&limited("bob", "two", &["team"])));
    assert_eq!(door.find(&id(1), "two"), Found::Stranger);
    peers.change(&id(5), Some(&limited("alice", "two", &["dev"])));
    let dev = "dev".parse().expect("a word");
    assert_eq!(door.find(&id(1), "two"), Found::Member(id(5), dev));
}

/// Waits until the daemon is to be asked something.
async fn asked(peers: &Peers) -> Reach {
    let asked = timeout(SOON, async {
        loop {
            match peers.take().pop() {
                Some(reach) => return reach,
                None => peers.news.at_once.notified().await,
            }
        }
    });
    asked.await.expect("in time")
}

fn socket() -> OwnedFd {
    std::os::unix::net::UnixStream::pair().expect("a pair").0.into()
}

#[tokio::test]
async fn an_answer_is_for_whoever_asked_exactly_that() {
    let peers = peers();
    let door = Arc::new(Door::new(Arc::clone(&peers)));
    let asker = {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.reach(&id(1), &id(2), 80).await })
    };
    let reach = asked(&peers).await;
    assert_eq!((&reach.from, &reach.to, reach.port), (&id(1), &id(2), 80));
    // One to a process before this one has the same number.
    let other = Reach { to: id(4), ..reach.clone() };
    peers.answer(&other, Outcome::Connected(Vec::new()), Some(socket()));
    assert!(!asker.is_finished());
    peers.answer(&reach, Outcome::Connected(b"hi".to_vec()), Some(socket()));
    let reached = timeout(SOON, asker).await.expect("in time").expect("it ran").expect("reached");
    assert_eq!(reached.early, b"hi");
    // Nobody waits for it any more.
    peers.answer(&reach, Outcome::Refused, None);
}

#[tokio::test]
async fn what_is_not_made_says_why() {
    let peers = peers();
    let door = Arc::new(Door::new(Arc::clone(&peers)));
    let unreachable = |why: &str| Failure::Unreachable(why.to_owned());
    for (outcome, expected) in [
        (Outcome::Refused, Failure::Refused),
        (Outcome::Unreachable("nothing listens".to_owned()), unreachable("nothing listens")),
        (Outcome::Connected(Vec::new()), unreachable(AWAY)),
    ] {
        let asker = {
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.reach(&id(1), &id(2), 80).await })
        };
        let reach = asked(&peers).await;
        peers.answer(&reach, outcome, None);
        assert_eq!(asker.await.expect("it ran").expect_err("not made"), expected);
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_five_seconds_and_nothing_is_left() {
    let peers = peers();
    let door = Door::new(Arc::clone(&peers));
    let places = peers.places(&id(2));
    let most = u32::try_from(MOST_INTO_ONE).expect("few");
    let taken = places.clone().acquire_many_owned(most).await.expect("free");
    let begun = Instant::now();
    // Nobody answers the one, and there is no place for the other.
    let (one, two) = (id(1), id(2));
    let (late, full) = tokio::join!(door.reach(&two, &one, 80), door.reach(&one, &two, 80));
    let waited = begun.elapsed();
    assert!((PATIENCE..PATIENCE + SOON).contains(&waited), "{waited:?}");
    assert_eq!(late.expect_err("away"), Failure::Unreachable(AWAY.to_owned()));
    assert_eq!(full.expect_err("full"), Failure::Unreachable(FULL.to_owned()));
    assert!(peers.take().is_empty() && peers.lock().waiting.is_empty(), "it is forgotten");
    assert_eq!(door.room.available_permits(), MOST_AT_ONCE);
    drop((taken, places));
    assert_eq!(peers.places(&id(2)).available_permits(), MOST_INTO_ONE);
}
