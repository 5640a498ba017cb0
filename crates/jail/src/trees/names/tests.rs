use proptest::prelude::*;

use super::{Name, join, link_leaves_root, link_stays};

fn check(bytes: &[u8], expected: Option<&[u8]>) {
    let name = Name::parse(bytes);
    assert_eq!(name.ok().map(|name| join(name.parts())).as_deref(), expected, "{bytes:?}");
}

#[test]
fn names_stay_below() {
    check(b"a/b", Some(b"a/b"));
    check(b"./a//b/", Some(b"a/b"));
    check(b"/etc/passwd", Some(b"etc/passwd"));
    check(b"..a/b..", Some(b"..a/b.."));
    check(b"\xff\x01/x", Some(b"\xff\x01/x"));
    check(b".", Some(b""));
    check(b"..", None);
    check(b"a/../b", None);
    check(b"/../etc", None);
    check(b"a\0b", None);
    check(&[b'x'; 255], Some(&[b'x'; 255]));
    check(&[b'x'; 256], None);
    check(&b"x/".repeat(2500), None);
}

fn check_link(target: &[u8], depth: usize, stays: bool) {
    assert_eq!(link_stays(target, depth), stays, "{target:?} at {depth}");
}

#[test]
fn links_stay_below() {
    check_link(b"a", 0, true);
    check_link(b"a/b", 0, true);
    check_link(b"./a", 0, true);
    check_link(b"..", 0, false);
    check_link(b"../a", 0, false);
    check_link(b"../a", 1, true);
    check_link(b"../../a", 1, false);
    check_link(b"/a", 5, false);
    // Behind a name the upward step leaves wherever that name leads.
    check_link(b"a/../b", 5, false);
    check_link(b"../a/../../b", 5, false);
}

#[test]
fn links_of_images_end_at_the_root() {
    let check = |target: &[u8], depth, leaves| {
        assert_eq!(link_leaves_root(target, depth), leaves, "{target:?} at {depth}");
    };
    check(b"/usr/bin", 0, false);
    check(b"../a", 1, false);
    check(b"../a", 0, true);
    check(b"a/../../b", 0, true);
    check(b"a/../../b", 1, false);
    check(b"/..", 3, true);
}

proptest! {
    #[test]
    fn no_name_leads_upwards(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(name) = Name::parse(&bytes) {
            for part in name.parts() {
                prop_assert!(!part.is_empty() && part.to_bytes().len() <= 255);
                prop_assert!(part.as_c_str() != c".." && part.as_c_str() != c".");
                prop_assert!(!part.to_bytes().contains(&b'/'));
            }
        }
    }
}
