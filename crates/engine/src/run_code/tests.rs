use super::*;

#[test]
fn what_the_prelude_carries_fits_into_its_quotes() {
    for text in [REPORT, PLOTS] {
        assert!(!text.contains("'''") && !text.contains('\\'), "{text}");
    }
}

#[test]
fn versions_of_node_are_read() {
    for (text, expected) in
        [("v22.18.0\n", (22, 18)), ("v20.20.2", (20, 20)), ("25.1", (25, 1)), ("what", (0, 0))]
    {
        assert_eq!(parse_version(text), expected, "{text}");
    }
}

/// Runs Python with the start that a sandbox would give it, on the machine that tests.
fn python(start: &str, input: &str) -> (Option<i32>, String, String) {
    use std::io::Write as _;
    let mut child = std::process::Command::new("python3")
        .args(["-u", "-c", start, "first", "second"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("tests need python3");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// Runs code from standard input and, with figures to look for, from a file.
fn check(code: &str, status: i32, stdout: &str, stderr: &[&str]) {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("main.py");
    std::fs::write(&file, code).expect("it is written");
    let path = |path: &std::path::Path| -> GuestPath {
        path.to_str().expect("it is text").parse().expect("it is absolute")
    };
    let (file, figures) = (path(&file), path(&folder.path().join("figures")));
    for (start, input) in [(prelude(None, None), code), (prelude(Some(&file), Some(&figures)), "")]
    {
        let (is, out, err) = python(&start, input);
        assert_eq!((is, out.as_str()), (Some(status), stdout), "{code}: {err}");
        assert_eq!(err.is_empty(), stderr.is_empty(), "{code}: {err}");
        for line in stderr {
            assert!(err.contains(line), "{code}: `{line}` in {err}");
        }
        for ours in ["_start", "_watch", "<string>", "later"] {
            assert!(!err.contains(ours), "{code}: `{ours}` in {err}");
        }
    }
}

#[test]
fn python_sees_its_own_lines_and_nothing_of_ours() {
    check(
        "import sys\nprint(__name__, sys.argv)\nsys.exit(3)",
        3,
        "__main__ ['execute_code.py', 'first', 'second']\n",
        &[],
    );
    check("print([n for n in dir() if not n.startswith('__')])", 0, "[]\n", &[]);
    check("import sys\nprint(sys.gettrace())", 0, "None\n", &[]);
    check("try:\n    input()\nexcept EOFError:\n    print('end')", 0, "end\n", &[]);
    check(
        "import inspect\ndef f():\n    return 7\nprint(inspect.getsource(f))",
        0,
        "def f():\n    return 7\n\n",
        &[],
    );
    check("", 0, "", &[]);
}

#[test]
fn errors_and_warnings_name_the_lines_of_the_user() {
    let frames = ["execute_code.py\", line 3, in <module>", "f()", "line 2, in f", "return 1 / 0"];
    check("def f():\n    return 1 / 0\nf()\n", 1, "", &frames);
    check("print(1)\nx = = 1\n", 1, "", &["execute_code.py\", line 2", "x = = 1", "SyntaxError"]);
    check("print(1)\n  print(2)\n", 1, "", &["execute_code.py\", line 2", "IndentationError"]);
    check("print(1)\nprint(2 is 2)\n", 0, "1\nTrue\n", &["execute_code.py:2: SyntaxWarning"]);
    check("import warnings\nwarnings.warn('oh')", 0, "", &["execute_code.py:2: UserWarning: oh"]);
    check("# -*- coding: latin-1 -*-\n1 / 0", 1, "", &["execute_code.py\", line 2", "1 / 0"]);
    check("from __future__ import annotations\ndef f(a: b): 1 / 0\nf(0)", 1, "", &["line 2, in f"]);
}
