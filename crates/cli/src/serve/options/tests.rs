//! Blocks of ids, and who may open the machine.

use super::{
    Access, IdBlock, Lifetime, Names, Networking, Options, Previewing, SecretKey, Sshing, Trust,
};
use crate::home::Home;

fn check_block(text: &str, expected: Option<IdBlock>) {
    assert_eq!(text.parse::<IdBlock>().ok(), expected, "{text}");
}

#[test]
fn a_block_of_ids_holds_a_sandbox() {
    check_block("100000:196608", Some(IdBlock { first: 100_000, ranges: 3 }));
    check_block("1073741824:536870912", Some(IdBlock::STANDARD));
    check_block("100000:196607", None);
    check_block("1000:196608", None);
    check_block("4294900000:196608", None);
    check_block("100000", None);
    check_block("a:b", None);
}

fn check_access(listen: Option<&str>, access: Access, fine: bool) {
    let options = Options {
        home: Home::resolve(Some("/nowhere".as_ref())).expect("the path is absolute"),
        listen: listen.map(|address| address.parse().expect("an address")),
        user: None,
        ids: IdBlock::STANDARD,
        access,
        names: Names::default(),
        lifetime: Lifetime::Unlimited,
        networking: Networking::new(None, None, &[]).expect("the built-in preset"),
        secret_key: SecretKey::Beside,
        trust: Trust::new(None).expect("no file"),
        previewing: Previewing::default(),
        sshing: Sshing::default(),
    };
    assert_eq!(options.check().is_ok(), fine, "{listen:?} {access:?}");
}

#[test]
fn only_a_loopback_address_may_be_open() {
    check_access(None, Access::Key, true);
    check_access(Some("0.0.0.0:3986"), Access::Key, true);
    check_access(Some("127.0.0.1:3986"), Access::Open, true);
    check_access(Some("[::1]:3986"), Access::Open, true);
    check_access(Some("0.0.0.0:3986"), Access::Open, false);
    check_access(None, Access::Open, false);
}
