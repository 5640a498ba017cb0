use std::collections::BTreeSet;

use super::*;

fn lines() -> impl Iterator<Item = &'static Line> {
    [ALLOWED, ALLOWED_HERE, REFUSED, REFUSED_HERE].into_iter().flatten()
}

#[test]
fn every_call_is_listed_once_with_a_reason() {
    let mut seen = BTreeSet::new();
    for line in lines() {
        assert!(line.reason.len() > 4, "{:?}", line.calls);
        for (name, number) in line.calls {
            assert!(seen.insert(number), "{name} is listed twice");
        }
    }
    assert!(seen.len() > 250);
}

#[test]
fn what_opens_the_kernel_is_not_allowed() {
    let allowed: BTreeSet<&str> =
        [ALLOWED, ALLOWED_HERE].into_iter().flatten().flat_map(|l| l.calls).map(|c| c.0).collect();
    for call in
        ["SYS_clone3", "SYS_mount", "SYS_bpf", "SYS_keyctl", "SYS_io_uring_setup", "SYS_setns"]
    {
        assert!(!allowed.contains(call), "{call}");
    }
}

#[test]
fn both_programs_compile_and_fit() {
    let programs = Programs::compile().expect("the table is sound");
    for program in programs.0 {
        assert!(program.len() > 50 && program.len() < 4096, "{}", program.len());
    }
}
