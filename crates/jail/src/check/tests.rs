use super::*;
use crate::request::{LayerPlace, Network};

fn honest() -> Start {
    Start {
        sandbox: "a1-b2".to_owned(),
        image: "host".to_owned(),
        hostname: "box".to_owned(),
        layer: LayerPlace::Memory,
        limits: Limits {
            memory_bytes: 1 << 30,
            cpu_millis: 1_000,
            pids: 256,
            disk_bytes: 1 << 30,
            inodes: 100_000,
            open_files: 1_024,
        },
        network: Network::Loopback,
        require: vec!["memory".to_owned()],
    }
}

fn check(change: impl FnOnce(&mut Start), expected: &str) {
    let mut start = honest();
    change(&mut start);
    let found =
        request(&Request::Start(start)).map_or_else(|failure| failure.message, |()| String::new());
    assert!(found.contains(expected), "`{found}` does not say `{expected}`");
    assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
}

#[test]
fn an_honest_start_passes() {
    check(|_| (), "");
    check(|start| start.image = "python:3.13%2Fslim".to_owned(), "");
}

#[test]
fn names_are_one_plain_path_component() {
    for name in ["", ".", "..", "../x", "a/b", "a\0b", "A", "a b", "ä", &"a".repeat(41)] {
        check(|start| start.sandbox = name.to_owned(), "is no sandbox id");
    }
    for name in ["", ".", "..", ".new-x", "a/b", "/etc", "a\0", "a\nb", &"a".repeat(201)] {
        check(|start| start.image = name.to_owned(), "is no image name");
    }
    for name in ["", "a b", "a\n", "a/b", &"a".repeat(64)] {
        check(|start| start.hostname = name.to_owned(), "is no host name");
    }
}

#[test]
fn numbers_have_bounds() {
    check(|start| start.limits.memory_bytes = 0, "`memory_bytes` is 0");
    check(|start| start.limits.memory_bytes = u64::MAX, "`memory_bytes`");
    check(|start| start.limits.cpu_millis = 0, "`cpu_millis` is 0");
    check(|start| start.limits.pids = 0, "`pids` is 0");
    check(|start| start.limits.pids = u32::MAX, "`pids`");
    check(|start| start.limits.disk_bytes = 0, "`disk_bytes` is 0");
    check(|start| start.limits.inodes = 0, "`inodes` is 0");
    check(|start| start.limits.open_files = 0, "`open_files` is 0");
    check(|start| start.require.push("luck".to_owned()), "`luck` is no control");
}

#[test]
fn the_host_image_cannot_be_replaced_or_removed() {
    for image in ["host", "..", "a/b", ".host"] {
        let remove = Request::RemoveImage { image: image.to_owned() };
        assert!(request(&remove).is_err(), "{image}");
        let import = Request::ImportImage {
            image: image.to_owned(),
            limit_bytes: 1,
            limit_entries: 1,
            created_at: 0,
        };
        assert!(request(&import).is_err(), "{image}");
    }
}

#[test]
fn every_request_with_a_name_checks_it() {
    let bad = || "../../etc".to_owned();
    for hostile in [
        Request::Stop { sandbox: bad() },
        Request::Remove { sandbox: bad() },
        Request::Watch { sandbox: bad() },
        Request::Measure { sandbox: bad() },
        Request::Inventory { only: Some(bad()) },
    ] {
        assert!(request(&hostile).is_err(), "{hostile:?}");
    }
}
