use super::{Archive, Kind};
use crate::trees::error::TreeError;

/// Reads everything and gives the names, or the error.
fn check(bytes: &[u8]) -> Result<Vec<(String, Kind)>, TreeError> {
    let mut archive = Archive::new(bytes, 1 << 20);
    let mut found = Vec::new();
    while let Some(member) = archive.next()? {
        found.push((String::from_utf8_lossy(&member.name).into_owned(), member.kind));
    }
    Ok(found)
}

fn block(name: &str, kind: u8, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

const END: [u8; 1024] = [0; 1024];

fn pax(records: &str) -> Vec<u8> {
    [block("pax", b'x', records.len() as u64), padded(records.as_bytes())].concat()
}

#[test]
fn reads_plain_members() {
    let bytes = [block("a", b'0', 3), padded(b"abc"), block("d/", b'5', 0), END.to_vec()].concat();
    let expected = [("a".to_owned(), Kind::File), ("d/".to_owned(), Kind::Directory)];
    assert_eq!(check(&bytes).expect("it is well formed"), expected);
}

#[test]
fn pax_records_name_and_measure() {
    let records = "12 path=abc\n9 size=3\n";
    let bytes = [pax(records), block("x", b'0', 0), padded(b"abc"), END.to_vec()].concat();
    assert_eq!(check(&bytes).expect("it is well formed"), [("abc".to_owned(), Kind::File)]);
}

#[test]
fn refuses_what_is_cut_off() {
    let whole = [block("a", b'0', 3), padded(b"abc"), END.to_vec()].concat();
    for length in [0, 100, 512, 513, 600, 1024] {
        let error = check(&whole[..length]).expect_err("it is cut off");
        assert!(matches!(error, TreeError::Malformed { .. }), "{length}: {error}");
    }
}

#[test]
fn refuses_a_wrong_sum() {
    let mut bytes = [block("a", b'0', 0), END.to_vec()].concat();
    bytes[0] = b'b';
    assert!(check(&bytes).expect_err("it was changed").to_string().contains("sum"));
}

#[test]
fn bounds_every_length() {
    let long_name = [block("L", b'L', 1 << 40), END.to_vec()].concat();
    let error = check(&long_name).expect_err("nobody has such a name");
    assert!(error.to_string().contains("longer than a megabyte"), "{error}");

    let huge = [block("huge", b'0', 1 << 33), END.to_vec()].concat();
    assert!(matches!(check(&huge).expect_err("it is too long"), TreeError::Limit { .. }));

    let many = [pax("9 size=3\n").repeat(20), block("a", b'0', 0), END.to_vec()].concat();
    let error = check(&many).expect_err("there are too many");
    assert!(error.to_string().contains("too many extension headers"), "{error}");
}

#[test]
fn refuses_broken_records() {
    for records in ["5 a=b\n", "999 path=a\n", "path=a\n", "9 size=x\n", "6 abcd", "0 \n", "1 \n"] {
        let bytes = [pax(records), block("a", b'0', 0), END.to_vec()].concat();
        assert!(check(&bytes).is_err(), "{records:?}");
    }
}

#[test]
fn refuses_maps_that_lie() {
    for map in ["0,3,1,3", "0,2", "18446744073709551615,3", "100,3", "0,3,", "x"] {
        let realsize = "23 GNU.sparse.realsize=4\n".replace("23", "25");
        let entry = format!("GNU.sparse.map={map}\n");
        let length = entry.len() + 3;
        let records = format!("{length} {entry}{realsize}");
        let bytes = [pax(&records), block("a", b'0', 3), padded(b"abc"), END.to_vec()].concat();
        let error = check(&bytes).expect_err("the map lies");
        assert!(error.to_string().contains("sparse"), "{map}: {error}");
    }
}
