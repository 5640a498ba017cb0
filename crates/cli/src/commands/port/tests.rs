use super::*;

#[test]
fn a_sandbox_has_a_loopback_address_of_its_own() {
    let one = loopback("sbx-0123456789abcdef");
    assert_eq!(one, loopback("sbx-0123456789abcdef"), "it stays");
    assert_ne!(one, loopback("sbx-0123456789abcdeg"));
    for letter in 'a'..='z' {
        let address = loopback(&format!("sbx-{letter}"));
        assert!(address.is_loopback() && address != Ipv4Addr::LOCALHOST);
        assert!(!matches!(address.octets(), [_, 255, 255, 255] | [_, _, _, 0]));
    }
}
