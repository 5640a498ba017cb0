use std::io::Read;

use super::*;

/// Writes members with this size of content and wants another implementation to read the same.
fn check(name: &str, kind: Kind, target: &str, size: usize, modified: i64) {
    let mut archive = Vec::new();
    let (uid, gid) = (1000, 50);
    let member = Member {
        name: name.as_bytes(),
        kind,
        mode: 0o750,
        uid,
        gid,
        size: size as u64,
        modified,
        target: target.as_bytes(),
    };
    for _ in 0..2 {
        header(&member, &mut archive);
        archive.resize(archive.len() + size, b'x');
        pad(size as u64, &mut archive);
    }
    end(&mut archive);
    assert_eq!(archive.len() % BLOCK, 0);
    let mut reader = ::tar::Archive::new(archive.as_slice());
    let mut seen = 0;
    for entry in reader.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        assert_eq!(entry.path_bytes(), name.as_bytes());
        assert_eq!(entry.link_name_bytes().unwrap_or_default(), target.as_bytes());
        assert_eq!(entry.header().mode().expect("a mode"), 0o750);
        assert_eq!(entry.header().uid().expect("a uid"), 1000);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        assert_eq!(content.len(), size);
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn another_implementation_reads_the_same() {
    check("a", Kind::File, "", 0, 0);
    check("a/b.txt", Kind::File, "", 513, 1_700_000_000);
    check("a/", Kind::Directory, "", 0, -5);
    check(&"n".repeat(100), Kind::File, "", 512, 1);
    check(&"n".repeat(101), Kind::File, "", 512, 1);
    check(&"long/".repeat(500), Kind::Directory, "", 0, 1);
    check("link", Kind::Symlink, &"t".repeat(300), 0, 1);
}

#[test]
fn a_records_length_counts_itself() {
    for value in ["x".repeat(4), "x".repeat(5), "x".repeat(90), "x".repeat(990), "x".repeat(991)] {
        let mut out = Vec::new();
        record("k", value.as_bytes(), &mut out);
        let (length, _) =
            std::str::from_utf8(&out).expect("text").split_once(' ').expect("a blank");
        assert_eq!(length.parse(), Ok(out.len()));
    }
}
