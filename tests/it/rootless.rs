//! The same commands as an ordinary user: they work, and say what is weaker.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// An id that owns nothing; `nobody` on most systems.
const USER: u32 = 65_534;

/// A folder of an ordinary user, with a copy of the binary that this user may run.
struct Ordinary {
    folder: TempDir,
}

impl Ordinary {
    /// Makes one; none, and a word why, when the test cannot become another user.
    fn new() -> Result<Option<Self>> {
        // Only root can become somebody else.
        if !infield_tests::is_root("rootless") {
            return Ok(None);
        }
        let folder = TempDir::with_prefix("infield-user-")?;
        chown(folder.path(), Some(USER), Some(USER))?;
        let binary = folder.path().join("infield");
        fs::copy(infield_tests::binary(), &binary).context("the binary is not built")?;
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
        Ok(Some(Self { folder }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn output(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.path("infield"));
        command.args(words).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.env("INFIELD_HOME", self.path("home"));
        Ok(command.uid(USER).gid(USER).output()?)
    }

    fn run(&self, words: &[&str]) -> Result<String> {
        let output = self.output(words)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{words:?}: {}: {error}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Ordinary {
    fn drop(&mut self) {
        drop(self.output(&["shutdown", "--all"]));
    }
}

#[test]
fn an_ordinary_user_runs_code_and_comes_back_to_it() -> Result<()> {
    let Some(user) = Ordinary::new()? else { return Ok(()) };
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
    let Some(user) = Ordinary::new()? else { return Ok(()) };
    user.run(&["create", "--name", "plain"])?;
    let info: serde_json::Value = serde_json::from_str(&user.run(&["info", "plain", "--json"])?)?;
    let held = &info["sandbox"]["enforcement"];
    assert_eq!(held["id_range"], "none");
    assert_eq!(held["seccomp"], "kernel");
    assert_eq!(held["network"], "kernel");
    let text = user.run(&["info", "plain"])?;
    assert!(text.contains("/usr is read-only"), "{text}");
    let refused = user.output(&["create", "--name", "strict", "--require", "id_range"])?;
    assert!(!refused.status.success());
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("id_range") && error.contains("hint:"), "{error}");
    let write = user.output(&["exec", "plain", "touch", "/usr/bin/new"])?;
    assert!(!write.status.success(), "/usr is writable with one id");
    Ok(())
}
