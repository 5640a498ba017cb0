//! Names the build, and has the program linked statically.
//!
//! The name is a hash of everything that goes in. The front and the daemon compare it on every
//! connection, so that a daemon of another build hands over. It covers the sources, manifests and
//! the lock file of the workspace, with their names, in the order of the names, and how they are
//! compiled: the same tree gives the same name on every machine.
//!
//! A static program needs no loader and no library at its start, which is a third of what the
//! shortest command costs. `-C target-feature=+crt-static` says so to the compiler, but cargo gives
//! that to procedural macros as well, which cannot be built with it, or else puts the program into
//! another folder. So the linker is told: `-static-pie`, and a folder that it searches first, where
//! the names of the system's libraries stand for their static forms.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What changes the program without changing a file.
const SETTINGS: &[&str] =
    &["PROFILE", "OPT_LEVEL", "TARGET", "CARGO_PKG_VERSION", "CARGO_FEATURE_WEAKEN"];

/// What the compiler's standard library asks the linker for; since glibc 2.34 most are empty.
const SYSTEM: &[&str] = &["gcc_s", "util", "rt", "pthread", "m", "dl", "c"];

/// What has all of that in static form.
const STATIC: &[&str] = &["gcc_eh", "gcc", "util", "rt", "pthread", "m", "dl", "c"];

fn main() -> Result<(), Box<dyn Error>> {
    name_build()?;
    link_statically()
}

fn name_build() -> Result<(), Box<dyn Error>> {
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

/// Where a library has no static form, the program is linked as usual, and starts a little later.
fn link_statically() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    // Others are static by themselves, or use a linker that knows other words.
    let is_own = env::var("TARGET")? == env::var("HOST")?;
    if !is_own || env::var("CARGO_CFG_TARGET_ENV")? != "gnu" {
        return Ok(());
    }
    let Some(libraries) = STATIC.iter().map(|name| find_static(name)).collect::<Option<Vec<_>>>()
    else {
        return Ok(());
    };
    let folder = PathBuf::from(env::var("OUT_DIR")?).join("static");
    fs::create_dir_all(&folder)?;
    // A linker script. They need each other, in every order.
    let script = format!("GROUP({})\n", libraries.join(" "));
    for name in SYSTEM {
        fs::write(folder.join(format!("lib{name}.a")), &script)?;
    }
    println!("cargo::rustc-link-arg-bins=-static-pie");
    println!("cargo::rustc-link-arg-bins=-L{}", folder.display());
    Ok(())
}

/// Where the linker would find a static library; it answers with the bare name when it has none.
fn find_static(name: &str) -> Option<String> {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = Command::new(linker).arg(format!("-print-file-name=lib{name}.a")).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_absolute().then_some(path)
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
