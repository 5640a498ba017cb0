use infield_domain::Kind;

use super::*;

#[test]
fn a_key_is_read_as_it_was_written() {
    let key = HostKey::from_random([7; 32]);
    let text = key.text().expect("written");
    assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "{text}");
    let read = HostKey::parse(&text).expect("read");
    assert_eq!(read.fingerprint(), key.fingerprint());
    assert!(key.fingerprint().starts_with("SHA256:"));
    assert_ne!(HostKey::from_random([8; 32]).fingerprint(), key.fingerprint());
}

#[test]
fn what_is_no_key_is_refused() {
    let whole = HostKey::from_random([7; 32]).text().expect("written");
    for text in ["", "nothing", &whole[..whole.len() / 2]] {
        let error = HostKey::parse(text).err().expect("it is refused");
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
