//! When a layer is measured, and what counts as too much.

use std::time::Duration;

use infield_domain::SandboxId;
use infield_domain::sandbox::Usage;
use tokio::time::Instant;

use super::{Allowance, Free, Gauges};

const MIB: u64 = 1 << 20;

struct Case {
    used_mib: u64,
    lost_mib: u64,
    seconds: u64,
}

fn check(case: Case, measured_again: bool, passed: Option<&str>) {
    let id = SandboxId::from_random([1; 16]);
    let start = Instant::now();
    let full = Free { bytes: 1 << 40, inodes: 1 << 20 };
    let mut gauges = Gauges::default();
    gauges.insert(&id, Allowance { bytes: 100 * MIB, inodes: 1_000 });
    assert_eq!(
        gauges.due(full, start),
        std::slice::from_ref(&id),
        "a new sandbox is measured at once"
    );
    let usage =
        Usage { disk_bytes: Some(case.used_mib * MIB), inodes: Some(10), ..Usage::default() };
    assert_eq!(gauges.record(&id, usage, full, start).as_deref(), passed);
    let free = Free { bytes: full.bytes - case.lost_mib * MIB, inodes: full.inodes };
    let due = gauges.due(free, start + Duration::from_secs(case.seconds));
    assert_eq!(!due.is_empty(), measured_again);
}

#[test]
fn a_layer_is_measured_when_it_may_have_passed_its_limit() {
    check(Case { used_mib: 20, lost_mib: 0, seconds: 1 }, false, None);
    check(Case { used_mib: 20, lost_mib: 39, seconds: 1 }, false, None);
    check(Case { used_mib: 20, lost_mib: 40, seconds: 1 }, true, None);
    check(Case { used_mib: 20, lost_mib: 0, seconds: 60 }, true, None);
    check(Case { used_mib: 100, lost_mib: 1, seconds: 1 }, true, None);
    let sentence = "105906176 of 104857600 bytes of disk";
    check(Case { used_mib: 101, lost_mib: 1, seconds: 1 }, true, Some(sentence));
}
