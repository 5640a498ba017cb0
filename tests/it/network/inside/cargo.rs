//! cargo, with the toolchain that builds this workspace: the host image has what lies below /usr,
//! and toolchains seldom do.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::attempts::Policy;
use super::super::product::Product;
use super::super::world::World;
use super::{Client, check_fails, check_works};

/// What it asks the registry of its own accord, and what it fetches from there.
pub(in crate::network) const CARGO: Client = Client {
    name: "cargo",
    script: "mkdir -p crate/src && cd crate && touch src/lib.rs && \
             printf '[package]\\nname = \"user\"\\nedition = \"2021\"\\n[dependencies]\\n\
             infield-probe = \"1\"\\n' > Cargo.toml && \
             CARGO_HOME=/workspace/cargo CARGO_NET_RETRY=0 RUSTC=/workspace/rust/bin/rustc \
             /workspace/rust/bin/cargo fetch && \
             cat /workspace/cargo/registry/src/*/infield-probe-1.0.0/src/lib.rs",
    printed: "probed",
};

/// The folder of the toolchain in use.
fn toolchain() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "sysroot"]).output().context("no rustc")?;
    let folder = PathBuf::from(String::from_utf8(asked.stdout)?.trim_end());
    ensure!(folder.join("bin/cargo").exists(), "no cargo in `{}`", folder.display());
    Ok(folder)
}

/// The parts of a toolchain that fetching takes: the two programs, and rustc's own libraries.
fn parts(toolchain: &Path) -> Result<Vec<PathBuf>> {
    let mut parts = vec!["bin/cargo".into(), "bin/rustc".into()];
    for entry in std::fs::read_dir(toolchain.join("lib"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            parts.push(Path::new("lib").join(entry.file_name()));
        }
    }
    Ok(parts)
}

impl Product {
    /// Brings cargo into a sandbox.
    pub(in crate::network) fn bring_cargo(&self, sandbox: &str) -> Result<()> {
        let toolchain = toolchain()?;
        self.run(&["exec", sandbox, "/bin/mkdir", "-p", "rust/bin", "rust/lib"])?;
        for part in parts(&toolchain)? {
            let from = self.readable(&toolchain.join(&part))?;
            let to = format!("{sandbox}:/workspace/rust/{}", part.display());
            self.run(&["cp", from.to_str().context("a plain path")?, &to])?;
        }
        Ok(())
    }
}

#[test]
fn cargo_fetches_from_the_registry() -> Result<()> {
    let Some(world) = World::shared("cargo_fetches_from_the_registry")? else { return Ok(()) };
    let product = Product::start(world)?;
    product.trusting("cargo", Policy::Limited)?;
    product.bring_cargo("cargo")?;
    check_works(&product, "cargo", &CARGO)?;
    let script = "rm -rf crate cargo; ".to_owned() + CARGO.script;
    let again = Client { script: script.leak(), ..CARGO };
    product.change("cargo", Policy::Custom(&["allow pypi.org"]))?;
    check_fails(&product, "cargo", &again, &["access denied"])?;
    product.change("cargo", Policy::None)?;
    check_fails(&product, "cargo", &again, &["could not resolve host", "resolve host"])
}
