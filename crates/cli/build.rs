//! Names the build: a hash of everything that goes into it.
//!
//! The front and the daemon compare this name on every connection, so that a daemon of another
//! build hands over. The hash covers the sources, manifests and the lock file of the workspace,
//! with their names, in the order of the names, and how they are compiled: the same tree gives
//! the same name on every machine.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What changes the program without changing a file.
const SETTINGS: &[&str] =
    &["PROFILE", "OPT_LEVEL", "TARGET", "CARGO_PKG_VERSION", "CARGO_FEATURE_WEAKEN"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    for member in sorted(&root.join("crates"))? {
        files.push(member.join("Cargo.toml"));
        files.push(member.join("build.rs"));
        collect(&member.join("src"), &mut files)?;
    }
    let mut hash = Fnv::new();
    for file in &files {
        // A package outside its workspace has fewer files; its name then says less.
        if let Ok(content) = fs::read(file) {
            hash.add(file.strip_prefix(&root)?.to_string_lossy().as_bytes());
            hash.add(&content);
        }
    }
    for setting in SETTINGS {
        println!("cargo::rerun-if-env-changed={setting}");
        hash.add(env::var(setting).unwrap_or_default().as_bytes());
    }
    println!("cargo::rerun-if-changed={}", root.join("crates").display());
    println!("cargo::rerun-if-changed={}", root.join("Cargo.lock").display());
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    println!("cargo::rustc-env=INFIELD_BUILD={}", hash.name()?);
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries {
            paths.push(entry?.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for path in sorted(folder)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// FNV-1a with 128 bits: it tells builds apart and keeps nobody out, so it needs no strength
/// against an enemy and no dependency.
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in (bytes.len() as u64).to_be_bytes().iter().chain(bytes) {
            self.0 ^= u128::from(*byte);
            self.0 = self.0.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn name(&self) -> Result<String, std::fmt::Error> {
        let mut name = String::new();
        write!(name, "{:032x}", self.0)?;
        Ok(name)
    }
}
