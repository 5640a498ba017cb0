use super::*;

const BLOCK: IdBlock = IdBlock { first: 1_000_000, ranges: 4 };

fn check(subuid: &str, passwd: &str, expected: Result<(), &str>) {
    let found = BLOCK.check(&[subuid.to_owned()], &[passwd.to_owned()]);
    assert_eq!(found.map_err(|failure| failure.message), expected.map_err(str::to_owned));
}

#[test]
fn a_block_must_belong_to_nobody_else() {
    check("", "root:x:0:0::/root:/bin/sh", Ok(()));
    check("alice:100000:65536\n# words", "", Ok(()));
    check(
        "alice:1200000:65536",
        "",
        Err("the id block overlaps the delegated range `alice:1200000:65536`"),
    );
    check(
        "alice:900000:100001",
        "",
        Err("the id block overlaps the delegated range `alice:900000:100001`"),
    );
    check("alice:900000:100000", "", Ok(()));
    check(
        "",
        "root:x:0:0\nbob:x:1000005:1::/:/bin/sh",
        Err("the id block holds the id of the account `bob`"),
    );
}

#[test]
fn a_block_must_fit() {
    for block in [
        IdBlock { first: 0, ranges: 10 },
        IdBlock { first: 1_000_000, ranges: 2 },
        IdBlock { first: u32::MAX - RANGE_IDS, ranges: 10 },
    ] {
        assert!(block.check(&[], &[]).is_err(), "{block:?}");
    }
    assert!(IdBlock::DEFAULT.check(&[], &[]).is_ok());
}

#[test]
fn ranges_are_given_once_and_rest_before_they_are_given_again() {
    let mut ranges = Allotment::new(BLOCK);
    let first = ranges.allot().expect("two are free");
    assert_eq!(first, 1_000_000 + 2 * RANGE_IDS);
    ranges.release(first);
    let second = ranges.allot().expect("two are free");
    assert_eq!(second, 1_000_000 + 3 * RANGE_IDS);
    assert_eq!(ranges.allot().ok(), Some(first));
    assert!(ranges.allot().is_err());
    assert_eq!(ranges.free(), 0);
}

#[test]
fn only_a_sandbox_range_of_the_block_counts() {
    for (first, expected) in [
        (BLOCK.first, false),
        (BLOCK.store(), false),
        (BLOCK.first + 2 * RANGE_IDS, true),
        (BLOCK.first + 2 * RANGE_IDS + 1, false),
        (BLOCK.first + 4 * RANGE_IDS, false),
        (0, false),
    ] {
        assert_eq!(BLOCK.holds(first), expected, "{first}");
    }
}
