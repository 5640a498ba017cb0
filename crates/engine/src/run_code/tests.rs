use super::*;

#[test]
fn the_prelude_can_carry_the_hook() {
    assert!(!PLOTS.contains("'''") && !PLOTS.contains('\\'));
    assert!(prelude().ends_with("'''), 'exec'))"));
}

#[test]
fn versions_of_node_are_read() {
    for (text, expected) in
        [("v22.18.0\n", (22, 18)), ("v20.20.2", (20, 20)), ("25.1", (25, 1)), ("what", (0, 0))]
    {
        assert_eq!(parse_version(text), expected, "{text}");
    }
}

/// Runs code as a sandbox would, with the Python of the machine that tests.
fn python(code: &str) -> (Option<i32>, String, String) {
    use std::io::Write as _;
    let mut child = std::process::Command::new("python3")
        .args(["-u", "-c", &prelude(), "first", "second"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("tests need python3");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(code.as_bytes()).expect("it reads");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn python_sees_its_own_lines_and_nothing_of_ours() {
    let (code, stdout, _) = python("import sys\nprint(__name__, sys.argv[1:])\nsys.exit(3)");
    assert_eq!((code, stdout.as_str()), (Some(3), "__main__ ['first', 'second']\n"));
    let (code, _, stderr) = python("def f():\n    return 1 / 0\nf()\n");
    assert_eq!(code, Some(1));
    for line in ["line 3, in <module>", "f()", "line 2, in f", "return 1 / 0"] {
        assert!(stderr.contains(line), "{line} in {stderr}");
    }
    assert!(!stderr.contains("_start") && !stderr.contains("<string>"), "{stderr}");
    let (_, stdout, _) = python("print(sorted(n for n in dir() if not n.startswith('__')))");
    assert_eq!(stdout, "[]\n");
    let (_, stdout, _) = python("try:\n    input()\nexcept EOFError:\n    print('end')");
    assert_eq!(stdout, "end\n");
}
