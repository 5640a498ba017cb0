use super::*;

fn sample(state: State) -> Record {
    Record {
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
        network: Network::Wired,
        volumes: vec!["vol-1".to_owned(), "vol-2".to_owned()],
        range: 1_073_872_896,
        enforced: vec![("memory".to_owned(), "cgroup_v1".to_owned())],
        state,
    }
}

fn check(state: State) {
    let record = sample(state);
    let text = record.encode();
    assert_eq!(Record::decode(&text).as_ref(), Some(&record));
    for cut in 0..text.len() - 1 {
        assert_eq!(Record::decode(&text[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn a_record_survives_and_a_cut_one_is_none() {
    check(State::Fresh);
    check(State::Running(Process { pid: 42, started: 77, boot: "3f0e".to_owned() }));
    check(State::Stopped { cause: None });
    check(State::Stopped { cause: Some(("killed".to_owned(), "signal 9: by whom?".to_owned())) });
}

#[test]
fn a_record_from_before_there_were_networks_is_read() {
    let text = sample(State::Fresh).encode().replace("network=wired\n", "");
    let record = Record::decode(&text).expect("it is whole");
    assert_eq!(record.network, Network::Loopback);
}

#[test]
fn foreign_text_is_no_record() {
    for text in ["", "infield sandbox 2\nend=\n", "end=\n", "infield sandbox 1\nrange=-1\nend=\n"] {
        assert_eq!(Record::decode(text), None, "{text:?}");
    }
}
