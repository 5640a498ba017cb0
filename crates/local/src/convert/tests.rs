//! Words there and back.

use infield_domain::isolation::{Control, Mechanism};
use infield_domain::lifecycle::Reason;
use infield_domain::provider::Found;
use infield_jail::request::{self, Enforced, Limits, Started};

use super::{enforcement, found, image, image_word};

fn enforced(control: &str, mechanism: &str) -> Enforced {
    Enforced { control: control.to_owned(), mechanism: mechanism.to_owned() }
}

#[test]
fn every_control_and_mechanism_has_its_word() {
    let mechanisms = [
        "cgroup_v2",
        "cgroup_v1",
        "rlimit",
        "tmpfs",
        "sampled",
        "kernel",
        "sk_lookup",
        "proxy",
        "none",
    ];
    for mechanism in mechanisms {
        let words: Vec<_> =
            Control::ALL.iter().map(|control| enforced(control.as_str(), mechanism)).collect();
        let read = enforcement(&words).expect("known words");
        assert_eq!(read.0.len(), Control::ALL.len());
        let shown = serde_word(read.0[&Control::Memory]);
        assert_eq!(shown, mechanism, "the launcher and our JSON use one word");
    }
    assert!(enforcement(&[enforced("gravity", "kernel")]).is_err());
    assert!(enforcement(&[enforced("memory", "prayer")]).is_err());
}

fn serde_word(mechanism: Mechanism) -> String {
    format!("{mechanism:?}")
        .replace("CgroupV", "cgroup_v")
        .replace("SkL", "sk_l")
        .to_ascii_lowercase()
}

fn check_found(
    (running, paused): (bool, bool),
    layer: bool,
    ended: Option<&str>,
    expected: Option<&str>,
) {
    let limits =
        Limits { memory_bytes: 1, cpu_millis: 1, pids: 1, disk_bytes: 1, inodes: 1, open_files: 1 };
    let network = request::Network::Loopback;
    let volumes = Vec::new();
    let started = Started { pid: 1, enforced: Vec::new(), limits, network, volumes };
    let report = request::Found {
        sandbox: "sbx-0000000000000000".to_owned(),
        running: running.then_some(started),
        paused,
        layer,
        ended: ended.map(|word| (word.to_owned(), String::new())),
    };
    let seen = found(&report).ok().map(|(_, found)| match found {
        Found::Running(_) => "running",
        Found::Paused(_) => "paused",
        Found::Layer(None) => "layer",
        Found::Layer(Some(cause)) if cause.reason == Reason::OutOfMemory => "layer, memory",
        Found::Layer(Some(_)) => "layer, other",
        Found::Remains => "remains",
    });
    assert_eq!(seen, expected);
}

#[test]
fn what_was_found_is_told_apart() {
    check_found((true, false), true, None, Some("running"));
    check_found((true, true), true, None, Some("paused"));
    check_found((false, false), true, None, Some("layer"));
    check_found((false, false), true, Some("out_of_memory"), Some("layer, memory"));
    check_found((false, false), true, Some("host_restart"), Some("layer, other"));
    check_found((false, false), true, Some("boredom"), None);
    check_found((false, false), false, None, Some("remains"));
}

#[test]
fn image_names_survive_the_way() {
    for name in ["host", "python:3.12", "team/base:v1.0-x_y"] {
        let word = image_word(&name.parse().expect("an image name"));
        assert!(!word.contains('/'));
        let report = request::ImageReport {
            image: word,
            size_bytes: 1,
            files: 2,
            created_at: 3,
            left_out: Vec::new(),
        };
        assert_eq!(image(report).expect("the name is fine").name.as_str(), name);
    }
}
