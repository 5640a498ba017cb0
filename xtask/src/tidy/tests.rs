use std::path::Path;

use super::{arrows, source};

fn check(path: &str, text: &str, expected: &[&str]) {
    let faults = source::check(Path::new(path), text).expect("the text is Rust");
    let holds = faults.len() == expected.len()
        && faults.iter().zip(expected).all(|(fault, word)| fault.contains(word));
    assert!(holds, "{path}: {faults:?} are not {expected:?}");
}

#[test]
fn a_tidy_file_has_no_faults() {
    check("crates/x/src/a.rs", "//! Doc.\nfn f(a: u32) -> u32 { a }\n", &[]);
}

#[test]
fn every_source_rule_finds_its_fault() {
    check("crates/x/src/a.rs", "fn f() {}\n", &["module doc"]);
    check("crates/x/src/mod.rs", "//! D.\nfn f() {}\n", &["mod.rs"]);
    check("crates/x/src/a.rs", "//! D.\nfn f(on: bool) {}\n", &["takes a bool"]);
    check("tests/it/a.rs", "//! D.\nfn f(on: bool) {}\n", &[]);
    check("crates/x/src/a.rs", "//! D.\nfn f(a:u8,b:u8,c:u8,d:u8,e:u8,g:u8) {}\n", &["parameters"]);
    check("crates/x/src/a.rs", "//! D.\nstruct FileManager;\n", &["Manager"]);
    check("crates/x/src/a.rs", "//! D.\nfn f() { unsafe { g() } }\n", &["unsafe"]);
    check("crates/jail/src/sys.rs", "//! D.\nfn f() { unsafe { g() } }\n", &[]);
    check("crates/x/src/a.rs", "//! D.\nstatic mut A: u8 = 0;\n", &["mutable static"]);
    let marker = format!("//! D.\n// {}{}: later\nfn f() {{}}\n", "TO", "DO");
    check("crates/x/src/a.rs", &marker, &["not allowed"]);
    let long = format!("//! D.\nfn f() {{\n{}}}\n", "    g();\n".repeat(81));
    check("crates/x/src/a.rs", &long, &["lines, more than"]);
    let large = format!("//! D.\n{}", "const _: u8 = 1;\n".repeat(601));
    check("crates/x/src/a.rs", &large, &["code lines"]);
}

#[test]
fn every_wall_holds() {
    let check = |name: &str, dependency: &str, count: usize| {
        let text = format!("[dependencies]\n{dependency}.workspace = true\n");
        let faults = arrows::check_manifest(name, &text).expect("the text is a manifest");
        assert_eq!(faults.len(), count, "{name} -> {dependency}: {faults:?}");
    };
    check("engine", "infield-store", 0);
    check("engine", "infield-local", 1);
    check("rest", "infield-mcp", 1);
    check("domain", "infield-store", 1);
    check("mcp", "rmcp", 0);
    check("engine", "rmcp", 1);
    check("jail", "tokio", 1);
    check("cli", "infield-local", 0);
}
