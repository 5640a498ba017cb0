//! Builds the agent, so that this crate can carry it.
//!
//! The agent is a static program for the same machine. It has its own target directory, because
//! the outer cargo holds the lock of the common one while it runs this script.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Gives a program that was built elsewhere, for packagers.
const PREBUILT: &str = "INFIELD_AGENT_BINARY";

/// The agent's profile in the workspace's manifest.
const PROFILE: &str = "agent";

/// Static, so that the image needs no library and no loader, and at a fixed address. One that can
/// be loaded anywhere writes 8,000 addresses into itself at each start: a sixth of the time until
/// it answers, and 140 KiB of memory that a thousand agents do not share. What is given up is small:
/// stack, heap and mappings stay at random addresses, the agent is memory-safe code without rights
/// outside its sandbox, and nothing that it says is believed.
const FLAGS: &str = "-C target-feature=+crt-static -C relocation-model=static";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let carried = variable("OUT_DIR")?.join("infield-agent");
    if let Some(prebuilt) = env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        println!("cargo::rerun-if-changed={}", Path::new(&prebuilt).display());
        std::fs::copy(&prebuilt, &carried)?;
        return Ok(());
    }
    let crates = variable("CARGO_MANIFEST_DIR")?.join("..").canonicalize()?;
    for source in ["agent/src", "agent/Cargo.toml", "protocol/src", "protocol/Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", crates.join(source).display());
    }
    for shared in ["../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", crates.join(shared).display());
    }
    let target = env::var("TARGET")?;
    if target.ends_with("-gnu") {
        check_static_libc()?;
    }
    std::fs::copy(build(&crates.join("agent/Cargo.toml"), &target)?, &carried)?;
    Ok(())
}

fn variable(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    Ok(PathBuf::from(env::var_os(name).ok_or_else(|| format!("cargo did not set `{name}`"))?))
}

/// Runs cargo for the agent alone and returns the program's path.
fn build(manifest: &Path, target: &str) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = variable("OUT_DIR")?.join("agent");
    let mut command = Command::new(variable("CARGO")?);
    command
        .args(["build", "--profile", PROFILE, "--bin", "infield-agent", "--target", target])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target_dir)
        // The flags of the outer build may be for another target or a sanitizer.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Both would make the inner cargo speak to the outer one's wrapper.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env("RUSTFLAGS", FLAGS);
    if env::var_os("CARGO_FEATURE_WEAKEN").is_some() {
        command.args(["--features", "weaken"]);
    }
    // The target directory of the outer build must not win over the one above.
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR");
    let status = command.status()?;
    if !status.success() {
        return Err(format!("the agent could not be built: cargo ended with {status}").into());
    }
    Ok(target_dir.join(target).join(PROFILE).join("infield-agent"))
}

/// A static program needs `libc.a`; without this check the error is a page of linker output.
fn check_static_libc() -> Result<(), Box<dyn Error>> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(&compiler).arg("-print-file-name=libc.a").output();
    let found = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    // The compiler answers with a path when it finds the file, else with the bare name.
    match found {
        Ok(path) if Path::new(&path).is_absolute() => Ok(()),
        Ok(_) => Err("the agent is a static program and `libc.a` is missing: install `libc6-dev` \
                      (Debian, Ubuntu), `glibc-static` (Fedora), or set `INFIELD_AGENT_BINARY`"
            .into()),
        Err(error) => {
            Err(format!("the C compiler `{compiler}` does not start: {error}; install `gcc`")
                .into())
        }
    }
}
