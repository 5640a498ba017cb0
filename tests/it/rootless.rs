//! The same commands as an ordinary user: they work, and say what is weaker.

use anyhow::Result;
use infield_tests::Home;

/// An id that owns nothing; `nobody` on most systems.
const USER: u32 = 65_534;

/// A home of an ordinary user; none, and a word why, when the test cannot become one.
fn ordinary() -> Result<Option<Home>> {
    if infield_tests::is_root("rootless") { Home::of_user(USER).map(Some) } else { Ok(None) }
}

#[test]
fn an_ordinary_user_runs_code_and_comes_back_to_it() -> Result<()> {
    let Some(user) = ordinary()? else { return Ok(()) };
    assert_eq!(user.run(&["run", "-c", "import os; print(6 * 7, os.getuid())"])?, "42 0\n");
    user.run(&["create", "--name", "kept", "--persistent"])?;
    user.run(&["exec", "kept", "sh", "-c", "echo here > /workspace/note"])?;
    user.run(&["stop", "kept"])?;
    user.run(&["start", "kept"])?;
    assert_eq!(user.run(&["exec", "kept", "cat", "/workspace/note"])?, "here\n");
    user.run(&["rm", "-f", "kept"])?;
    Ok(())
}

#[test]
fn an_ordinary_user_is_told_what_is_weaker() -> Result<()> {
    let Some(user) = ordinary()? else { return Ok(()) };
    user.run(&["create", "--name", "plain"])?;
    let info: serde_json::Value = serde_json::from_str(&user.run(&["info", "plain", "--json"])?)?;
    let held = &info["sandbox"]["enforcement"];
    assert_eq!(held["id_range"], "none");
    assert_eq!(held["seccomp"], "kernel");
    assert_eq!(held["network"], "kernel");
    assert_eq!(held["egress"], "proxy");
    assert_eq!(info["sandbox"]["network"], "limited");
    let text = user.run(&["info", "plain"])?;
    assert!(text.contains("/usr is read-only"), "{text}");
    let refused =
        user.command(&["create", "--name", "strict", "--require", "id_range"]).output()?;
    assert!(!refused.status.success());
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("id_range") && error.contains("hint:"), "{error}");
    let write = user.command(&["exec", "plain", "touch", "/usr/bin/new"]).output()?;
    assert!(!write.status.success(), "/usr is writable with one id");
    Ok(())
}
