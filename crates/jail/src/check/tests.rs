use super::*;
use crate::request::{LayerPlace, Network, VolumeLimits};

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
        volumes: Vec::new(),
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

fn mount(path: &str, subpath: &str) -> Mount {
    let volume = "vol-1".to_owned();
    Mount { volume, path: path.to_owned(), subpath: subpath.to_owned() }
}

#[test]
fn a_volume_goes_where_nothing_of_the_sandbox_is() {
    check(|start| start.volumes = vec![mount("data", ""), mount("home/a/b", "users/a")], "");
    for own in ["proc", "proc/1/root", "sys/fs", "dev", "dev/shm", "etc", "lib64/x", "tmp", "usr"] {
        check(|start| start.volumes = vec![mount(own, "")], "a place of the sandbox's own");
    }
    for path in ["", "/", "/data", "a/../proc", "..", ".", "a//b", "a/", "a\0b", "a\nb"] {
        check(|start| start.volumes = vec![mount(path, "")], "is no plain path");
    }
    for subpath in ["/", "/etc", "..", "a/../..", "a//b", "a/", "a\0b"] {
        check(|start| start.volumes = vec![mount("data", subpath)], "is no plain path");
    }
    check(|start| start.volumes = vec![mount(&"a/".repeat(40), "")], "is no plain path");
    let stranger = || Mount { volume: "../images".to_owned(), ..mount("data", "") };
    check(|start| start.volumes = vec![stranger()], "is no volume id");
}

#[test]
fn volumes_are_few_and_beside_each_other() {
    check(|start| start.volumes = vec![mount("a", ""), mount("ab", "")], "");
    for other in ["a", "a/b"] {
        check(|start| start.volumes = vec![mount("a", ""), mount(other, "")], "within that of");
        check(|start| start.volumes = vec![mount(other, ""), mount("a", "")], "within that of");
    }
    let many = || (0..17).map(|number| mount(&format!("m{number}"), "")).collect();
    check(|start| start.volumes = many(), "`volumes` is 17");
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
        Request::MakeVolume { volume: bad(), limits: VolumeLimits { bytes: 1 << 30, inodes: 64 } },
        Request::MeasureVolume { volume: bad() },
        Request::RemoveVolume { volume: bad() },
    ] {
        assert!(request(&hostile).is_err(), "{hostile:?}");
    }
}
