//! Steps as arguments of git. Nothing of a caller is taken for an option: names are checked, and
//! everything else stands behind `--`.

use infield_domain::{Error, GuestPath, Result};

use super::one_line;
use super::steps::{Exchange, Local, NewRepository, Reset, Scope, Setting, Step};
use crate::toolbox::git::named;

/// Commits of a history.
const COMMITS: &str = "--max-count=10000";
/// The fields of a commit, apart from each other by a letter that no text has.
const HISTORY_FORMAT: &str = "--format=%H%x1f%an%x1f%ae%x1f%aI%x1f%B";
/// The remote that is meant when nobody names one.
const ORIGIN: &str = "origin";

/// One call of git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) argv: Vec<String>,
    pub(super) stdin: Option<String>,
    pub(super) may_fail: bool,
}

impl Step {
    /// The calls of git that it takes.
    pub(super) fn parts(&self, path: Option<&GuestPath>) -> Result<Vec<Part>> {
        let at = path.map(GuestPath::as_str);
        let mut parts = match self {
            Self::New(new) => {
                return new.parts(at.ok_or_else(|| Error::invalid("`path` is missing"))?);
            }
            Self::Exchange(exchange) => exchange.parts()?,
            Self::Setting(setting) => setting.parts()?,
            Self::Local(local) => local.parts()?,
        };
        if let Some(at) = at {
            for part in &mut parts {
                part.argv.splice(..0, ["-C".to_owned(), at.to_owned()]);
            }
        }
        Ok(parts)
    }
}

impl NewRepository {
    fn parts(&self, at: &str) -> Result<Vec<Part>> {
        let mut line = Part::default();
        match self {
            Self::Clone { url, branch, commit, depth, unchecked_tls } => {
                line.add(if *unchecked_tls { &["-c", "http.sslVerify=false"] } else { &[] });
                line.add(&["clone", "--quiet"]);
                if let Some(branch) = branch {
                    line.add(&["--branch", named(branch)?]);
                }
                if let Some(depth) = depth {
                    line.add(&[&format!("--depth={}", (*depth).max(1))]);
                }
                line.add(&["--", url, at]);
                let mut parts = vec![line];
                if let Some(commit) = commit {
                    parts.push(part(&["-C", at, "checkout", "--quiet", named(commit)?, "--"]));
                }
                Ok(parts)
            }
            Self::Init { bare, branch } => {
                let branch = format!("--initial-branch={}", branch.as_deref().unwrap_or("main"));
                line.add(&["init", "--quiet", &branch]);
                line.add(if *bare { &["--bare"] } else { &[] });
                line.add(&["--", at]);
                Ok(vec![line])
            }
        }
    }
}

impl Exchange {
    fn parts(&self) -> Result<Vec<Part>> {
        let mut line = Part::default();
        match self {
            Self::Pull { remote, branch } => {
                line.add(&["pull", "--quiet", "--no-edit", "--no-rebase"]);
                if remote.is_some() || branch.is_some() {
                    line.add(&["--", named(remote.as_deref().unwrap_or(ORIGIN))?]);
                }
                if let Some(branch) = branch {
                    line.add(&[named(branch)?]);
                }
            }
            Self::Push { remote, branch, upstream } => {
                line.add(&["push", "--porcelain"]);
                line.add(if *upstream { &["--set-upstream"] } else { &[] });
                let remote = named(remote.as_deref().unwrap_or(ORIGIN))?;
                line.add(&["--", remote, named(branch.as_deref().unwrap_or("HEAD"))?]);
            }
            Self::AddRemote { name, url, fetch, overwrite } => {
                let name = named(name)?;
                line.add(&["remote", "add"]);
                line.add(if *fetch { &["--fetch"] } else { &[] });
                line.add(&["--", name, url]);
                if *overwrite {
                    let first = Part { may_fail: true, ..part(&["remote", "remove", name]) };
                    return Ok(vec![first, line]);
                }
            }
            Self::Remotes => line.add(&["remote", "--verbose"]),
        }
        Ok(vec![line])
    }
}

impl Setting {
    fn parts(&self) -> Result<Vec<Part>> {
        match self {
            Self::GetConfig(scope, key) => {
                let get = part(&["config", scope.option(), "--get", named(key)?]);
                Ok(vec![Part { may_fail: true, ..get }])
            }
            Self::SetConfig(scope, settings) => settings
                .iter()
                .map(|(key, value)| {
                    Ok(part(&["config", scope.option(), "--replace-all", named(key)?, value]))
                })
                .collect(),
            Self::StoreCredential { protocol, host, username, password } => {
                let text = format!(
                    "protocol={}\nhost={}\nusername={}\npassword={}\n\n",
                    one_line(protocol)?,
                    one_line(host)?,
                    one_line(username)?,
                    one_line(password)?
                );
                let set = ["config", "--global", "--replace-all", "credential.helper", "store"];
                let store = part(&["credential-store", "store"]);
                Ok(vec![part(&set), Part { stdin: Some(text), ..store }])
            }
        }
    }
}

impl Local {
    fn parts(&self) -> Result<Vec<Part>> {
        let line = match self {
            Self::Add { files } => with_files(&["add", "--"], files),
            Self::Branches => {
                part(&["for-each-ref", "--format=%(HEAD)%(refname:short)", "refs/heads"])
            }
            Self::CreateBranch(name) => part(&["branch", "--", named(name)?]),
            Self::DeleteBranch(name) => {
                part(&["branch", "--delete", "--force", "--", named(name)?])
            }
            Self::Checkout(reference) => part(&["checkout", "--quiet", named(reference)?, "--"]),
            Self::Commit { message, author, email, may_be_empty } => {
                let who = [format!("user.name={author}"), format!("user.email={email}")];
                let message = format!("--message={message}");
                let mut line = part(&["-c", &who[0], "-c", &who[1], "commit", "--quiet", &message]);
                line.add(if *may_be_empty { &["--allow-empty"] } else { &[] });
                return Ok(vec![line, part(&["rev-parse", "HEAD"])]);
            }
            Self::History => part(&["log", COMMITS, "-z", HISTORY_FORMAT, "--"]),
            Self::Reset { what, target } => {
                let target = named(target.as_deref().unwrap_or("HEAD"))?;
                match what {
                    Reset::Branch(mode) => {
                        part(&["reset", "--quiet", &format!("--{mode}"), target, "--"])
                    }
                    Reset::Files(files) => with_files(&["reset", "--quiet", target, "--"], files),
                }
            }
            Self::Restore { files, staged, worktree, source } => {
                let mut line = part(&["restore"]);
                line.add(if *staged { &["--staged"] } else { &[] });
                line.add(if *worktree { &["--worktree"] } else { &[] });
                if let Some(source) = source {
                    line.add(&[&format!("--source={}", named(source)?)]);
                }
                line.add(&["--"]);
                with_files(&line.argv.iter().map(String::as_str).collect::<Vec<_>>(), files)
            }
            Self::Status => {
                part(&["status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z"])
            }
        };
        Ok(vec![line])
    }
}

impl Part {
    fn add(&mut self, parts: &[&str]) {
        self.argv.extend(parts.iter().map(|part| (*part).to_owned()));
    }
}

impl Scope {
    fn option(self) -> &'static str {
        match self {
            Self::Global => "--global",
            Self::Local => "--local",
            Self::System => "--system",
        }
    }
}

fn part(argv: &[&str]) -> Part {
    Part { argv: argv.iter().map(|part| (*part).to_owned()).collect(), ..Part::default() }
}

fn with_files(argv: &[&str], files: &[GuestPath]) -> Part {
    let mut line = part(argv);
    line.argv.extend(files.iter().map(|file| file.as_str().to_owned()));
    line
}
