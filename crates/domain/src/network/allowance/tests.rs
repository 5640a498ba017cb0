use super::*;

const SOME: Allowance =
    Allowance { connections: 10, bytes_per_second: Some(2_000), total_bytes: Some(3) };

#[test]
fn what_is_not_said_stays_and_zero_is_no_ceiling() {
    let check = |ceilings: Ceilings, expected: Allowance| {
        assert_eq!(ceilings.settle(SOME).expect("in range"), expected);
    };
    let none = Ceilings::default();
    check(none, SOME);
    check(Ceilings { connections: Some(7), ..none }, Allowance { connections: 7, ..SOME });
    let unpaced = Allowance { bytes_per_second: None, ..SOME };
    check(Ceilings { bytes_per_second: Some(0), ..none }, unpaced);
    let more = Allowance { total_bytes: Some(1 << 40), ..SOME };
    check(Ceilings { total_bytes: Some(1 << 40), ..none }, more);
}

#[test]
fn what_nobody_could_use_is_refused() {
    let none = Ceilings::default();
    for ceilings in [
        Ceilings { connections: Some(0), ..none },
        Ceilings { connections: Some(70_000), ..none },
        Ceilings { bytes_per_second: Some(1), ..none },
    ] {
        let error = ceilings.settle(SOME).expect_err("out of range");
        assert!(error.hint().is_some_and(|hint| hint.starts_with("choose ")));
    }
}

#[test]
fn the_later_count_is_the_larger_one() {
    let early = Traffic { sent_bytes: 5, ..Traffic::default() };
    let late = Traffic { sent_bytes: 5, received_bytes: 1, open: 2, ..Traffic::default() };
    assert_eq!(early.later(late), late);
    assert_eq!(late.later(early), late);
}
