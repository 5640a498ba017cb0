use super::*;

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

fn bind_many(names: &Names, letter: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        names.bind(&name(&format!("{letter}{number}.example")));
    }
}

#[test]
fn each_name_has_an_address_of_its_own_in_both_families() {
    let names = Names::default();
    let (one, one_six) = names.bind(&name("one.example"));
    let (other, _) = names.bind(&name("other.example"));
    assert_ne!(one, other);
    assert_eq!(
        names.bind(&name("ONE.example.")),
        (one, one_six),
        "the same name, the same address"
    );
    assert_eq!(names.meaning(one.into()), Meaning::Name(name("one.example")));
    assert_eq!(names.meaning(one_six.into()), Meaning::Name(name("one.example")));
    assert_eq!(names.meaning(one.to_ipv6_mapped().into()), Meaning::Name(name("one.example")));
}

#[test]
fn an_address_of_the_blocks_that_was_not_given_means_nothing() {
    let names = Names::default();
    for text in ["198.18.0.0", "198.18.0.1", "198.19.255.255", "2001:2::1", "2001:2:0:ffff::1"] {
        assert_eq!(names.meaning(text.parse().expect("an address")), Meaning::Nothing, "{text}");
    }
    for text in ["1.1.1.1", "198.20.0.0", "2001:2:1::1", "::1"] {
        let address = text.parse().expect("an address");
        assert_eq!(names.meaning(address), Meaning::Address(address));
    }
}

#[test]
fn the_name_of_longest_ago_is_forgotten_and_its_address_rests() {
    let names = Names::default();
    let (first, _) = names.bind(&name("first.example"));
    let (second, _) = names.bind(&name("second.example"));
    bind_many(&names, "n", 2..MOST);
    names.bind(&name("first.example"));
    let (new, _) = names.bind(&name("new.example"));
    assert_eq!(names.meaning(second.into()), Meaning::Nothing);
    assert_eq!(names.meaning(first.into()), Meaning::Name(name("first.example")));
    assert!(![first, second].contains(&new));
    bind_many(&names, "m", 0..200_000);
    assert_eq!(names.0.lock().expect("whole").by_number.len(), MOST);
    assert_eq!(names.0.lock().expect("whole").by_turn.len(), MOST);
}
