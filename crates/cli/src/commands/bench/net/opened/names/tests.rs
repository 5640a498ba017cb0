use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

fn question(kind: u8) -> Vec<u8> {
    let mut asked = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    asked.extend(b"\x05bench\x07example\x00");
    asked.extend([0, kind, 0, 1]);
    asked
}

#[test]
fn an_address_is_said_to_who_asks_for_one() {
    let answer = answer(&question(1), ADDRESS).unwrap_or_default();
    assert!(answer.starts_with(&[7, 9, 0x85, 0x80, 0, 1, 0, 1, 0, 0]));
    assert!(answer.ends_with(&[0, 4, 203, 0, 113, 2]));
}

#[test]
fn there_is_nothing_of_another_kind() {
    let answer = answer(&question(28), ADDRESS).unwrap_or_default();
    assert!(answer.starts_with(&[7, 9, 0x85, 0x80, 0, 1, 0, 0, 0, 1]));
}

#[test]
fn what_is_cut_off_has_no_answer() {
    let asked = question(1);
    for length in 0..asked.len() {
        assert_eq!(answer(&asked[..length], ADDRESS), None, "{length}");
    }
}
