//! What is answered to whom, and what is ever asked outside.

use hickory_proto::op::ResponseCode::{NXDomain, NoError, Refused, ServFail};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::{A, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use super::asking::{World, question, reason};
use crate::upstream::tests::authority::Says;

const ALL_TYPES: [RecordType; 12] = [
    RecordType::TXT,
    RecordType::NULL,
    RecordType::MX,
    RecordType::SRV,
    RecordType::ANY,
    RecordType::HTTPS,
    RecordType::SVCB,
    RecordType::CNAME,
    RecordType::NS,
    RecordType::SOA,
    RecordType::PTR,
    RecordType::Unknown(65_280),
];

#[tokio::test]
async fn a_name_that_exists_stands_behind_addresses_of_both_families() {
    for policy in ["public", "allow www.example.org:443", "allow *.example.org"] {
        let world = World::start(policy).await;
        world.exists("www.example.org", |says| says);
        world.check_stand_in("www.example.org").await;
        assert_eq!(world.authority.asked(), 2, "{policy}");
    }
}

#[tokio::test]
async fn limited_goes_by_its_preset() {
    let world = World::start("limited").await;
    world.exists("pypi.org", |says| says);
    world.check_stand_in("pypi.org").await;
    assert_eq!(world.authority.asked(), 2);
    world.check_stand_in("example.org").await;
    assert_eq!(world.authority.asked(), 2);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_so() {
    let world = World::start("public").await;
    world.check("nobody.example.org", RecordType::A, (NXDomain, &[])).await;
    world.check("nobody.example.org", RecordType::AAAA, (NXDomain, &[])).await;
}

#[tokio::test]
async fn a_name_without_addresses_has_none_here_either() {
    let world = World::start("public").await;
    world.exists("mail.example.org", |_| Says::Nothing);
    world.check("mail.example.org", RecordType::A, (NoError, &[])).await;
}

#[tokio::test]
async fn when_nobody_outside_answers_the_reason_is_given() {
    for says in [Says::Failure, Says::Silence] {
        let world = World::start("public").await;
        world.authority.say("www.example.org", RecordType::A, says.clone());
        world.authority.say("www.example.org", RecordType::AAAA, says);
        let reply = world.ask("www.example.org", RecordType::A).await;
        assert_eq!(reply.response_code, ServFail);
        let (code, text) = reason(&reply).expect("a reason");
        assert_eq!((code, text.as_str()), (23, "no resolver of the host answered"));
    }
}

#[tokio::test]
async fn a_name_that_the_policy_does_not_resolve_is_never_asked_for() {
    for policy in ["limited", "allow example.com", "allow *.example.org,deny www.example.org"] {
        let world = World::start(policy).await;
        world.exists("www.example.org", |says| says);
        world.check_stand_in("www.example.org").await;
        assert_eq!(world.authority.asked(), 0, "{policy}");
    }
}

#[tokio::test]
async fn without_a_network_everything_is_refused() {
    let world = World::start("none").await;
    for kind in [RecordType::A, RecordType::AAAA, RecordType::TXT] {
        let reply = world.ask("www.example.org", kind).await;
        assert_eq!((reply.response_code, reply.answers.len()), (Refused, 0));
        assert_eq!(reason(&reply).expect("a reason").0, 15);
    }
    assert_eq!(world.authority.asked(), 0);
    assert_eq!(world.sandbox.counters.traffic().refused, 3);
}

#[tokio::test]
async fn a_change_holds_for_the_next_question() {
    let world = World::start("none").await;
    world.exists("www.example.org", |says| says);
    world.check("www.example.org", RecordType::A, (Refused, &[])).await;
    world.change("public");
    world.check_stand_in("www.example.org").await;
    world.change("none");
    world.check("www.example.org", RecordType::A, (Refused, &[])).await;
}

#[tokio::test]
async fn localhost_is_the_sandbox_itself_under_every_policy() {
    for policy in ["none", "limited", "public"] {
        let world = World::start(policy).await;
        for name in ["localhost", "LocalHost", "db.localhost"] {
            let four = RData::A(A::new(127, 0, 0, 1));
            world.check(name, RecordType::A, (NoError, &[four])).await;
            let six = RData::AAAA("::1".parse().expect("an address"));
            world.check(name, RecordType::AAAA, (NoError, &[six])).await;
            world.check(name, RecordType::TXT, (NoError, &[])).await;
        }
        assert_eq!(world.authority.asked(), 0);
    }
}

#[tokio::test]
async fn names_of_the_hosts_network_are_never_asked_for() {
    let world = World::start("public").await;
    for name in [
        "printer",
        "printer.local",
        "metadata.google.internal",
        "facebookcorewwwi.onion",
        "router.home.arpa",
        "8.8.8.8.in-addr.arpa",
        "169.254.169.254",
    ] {
        world.exists(name, |says| says);
        for kind in [RecordType::A, RecordType::AAAA, RecordType::PTR, RecordType::TXT] {
            world.check(name, kind, (NXDomain, &[])).await;
        }
    }
    assert_eq!(world.authority.asked(), 0);
}

#[tokio::test]
async fn an_address_that_stands_for_a_name_leads_back_to_it() {
    let world = World::start("limited").await;
    let (four, six) = world.sandbox.names.bind(&"www.example.org".parse().expect("a name"));
    let name = Name::from_ascii("www.example.org.").expect("a name");
    let other = "7.0.18.198.in-addr.arpa";
    for address in [four.into(), six.into()] {
        let backwards = backwards(address);
        let pointer = RData::PTR(PTR(name.clone()));
        world.check(&backwards, RecordType::PTR, (NoError, &[pointer])).await;
        world.check(&backwards, RecordType::A, (NoError, &[])).await;
    }
    world.check(other, RecordType::PTR, (NXDomain, &[])).await;
}

fn backwards(address: std::net::IpAddr) -> String {
    let name: Name = address.into();
    name.to_ascii().trim_end_matches('.').to_owned()
}

#[tokio::test]
async fn other_types_have_no_data_and_nobody_is_asked() {
    for policy in ["public", "limited", "allow *.example.org"] {
        let world = World::start(policy).await;
        world.exists("www.example.org", |says| says);
        for kind in ALL_TYPES {
            world.authority.say("www.example.org", kind, Says::NoSuchName);
            world.check("www.example.org", kind, (NoError, &[])).await;
        }
        assert_eq!(world.authority.asked(), 0, "{policy}");
    }
}

#[tokio::test]
async fn other_classes_are_refused() {
    let world = World::start("public").await;
    for class in [DNSClass::CH, DNSClass::HS, DNSClass::ANY, DNSClass::NONE] {
        let mut message = Message::query();
        let mut query =
            Query::query(Name::from_ascii("example.org.").expect("a name"), RecordType::A);
        query.set_query_class(class);
        message.add_query(query);
        let reply = world.send(&message).await.expect("an answer");
        assert_eq!(reply.response_code, Refused, "{class}");
    }
    assert_eq!(world.authority.asked(), 0);
}

#[tokio::test]
async fn the_root_has_no_data() {
    let world = World::start("public").await;
    world.check("", RecordType::NS, (NoError, &[])).await;
    assert_eq!(world.authority.asked(), 0);
}

#[tokio::test]
async fn one_that_does_not_speak_edns_is_not_spoken_to_so() {
    let world = World::start("none").await;
    let mut plain = question("www.example.org", RecordType::A);
    plain.edns = None;
    let reply = world.send(&plain).await.expect("an answer");
    assert_eq!((reply.response_code, reply.edns.is_none()), (Refused, true));
}

#[tokio::test]
async fn names_of_sandboxes_are_never_asked_for_outside() {
    for policy in ["public", "limited", "allow printer"] {
        let world = World::start(policy).await;
        world.exists("printer", |says| says);
        // It is in no network.
        world.check("printer", RecordType::A, (NXDomain, &[])).await;
        world.check("printer", RecordType::TXT, (NXDomain, &[])).await;
        // What is below the zone is answered alike, whether there is such a sandbox or not.
        world.check_stand_in("printer.infield.internal").await;
        world.joins("team");
        world.check_stand_in("printer").await;
        world.check("printer", RecordType::TXT, (NoError, &[])).await;
        world.check("infield.internal", RecordType::A, (NXDomain, &[])).await;
        assert_eq!(world.authority.asked(), 0, "{policy}");
    }
}
