//! Whose a file is, and what others may do with it.

use std::collections::BTreeMap;

use infield_domain::command::Stdin;
use infield_domain::files::{FileEntry, FileKind};
use infield_domain::{Error, GuestPath, Permission, Principal, Result};

use crate::Engine;
use crate::inside::Inside;
use crate::toolbox::ask::{Question, ask};

/// Links that are followed, as many as a kernel does, path_resolution(7).
const LINKS: usize = 40;
/// For a program that changes one file.
const CHANGE_MS: u64 = 10_000;
/// Letters of a user's or a group's name, useradd(8).
const NAME_LETTERS: usize = 32;

/// What to change; what is missing stays.
#[derive(Clone, Debug)]
pub struct SetPermissions {
    /// Of which file or folder.
    pub path: GuestPath,
    /// Permission bits.
    pub mode: Option<u32>,
    /// The new owner, by name or number.
    pub owner: Option<String>,
    /// The new group, by name or number.
    pub group: Option<String>,
}

impl Engine {
    /// Changes whose a file is and what others may do with it. Needs `execute`.
    pub async fn set_permissions(
        &self,
        who: &Principal,
        sandbox: &str,
        set: SetPermissions,
    ) -> Result<()> {
        let path = set.path.clone();
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            change(&inside, &set).await
        };
        self.noted_inside(who, ("file.permissions", sandbox, path.as_str()), result.await)
    }

    /// Makes a folder and the missing ones above it, with these permission bits when it is new or
    /// not. Needs `execute`.
    pub async fn make_directory_with(
        &self,
        who: &Principal,
        sandbox: &str,
        (path, mode): (&GuestPath, u32),
    ) -> Result<()> {
        let result = async {
            let inside = self.enter(who, Permission::Execute, sandbox).await?;
            let whole = inside.path(path)?;
            inside.files.make_directory(&whole).await?;
            let entry = inside.files.stat(&whole).await?;
            if entry.mode & 0o7777 == mode {
                return Ok(());
            }
            set_mode(&inside, &entry, mode).await
        };
        self.noted_inside(who, ("file.mkdir", sandbox, path.as_str()), result.await)
    }

    /// What is at a path, behind every link. Needs `read`.
    pub async fn stat_behind_links(
        &self,
        who: &Principal,
        sandbox: &str,
        path: &GuestPath,
    ) -> Result<FileEntry> {
        let inside = self.enter(who, Permission::Read, sandbox).await?;
        behind_links(&inside, path).await
    }
}

async fn behind_links(inside: &Inside, path: &GuestPath) -> Result<FileEntry> {
    let mut path = inside.path(path)?;
    for _ in 0..LINKS {
        let entry = inside.files.stat(&path).await?;
        let (FileKind::Symlink, Some(target)) = (entry.kind, &entry.target) else {
            return Ok(entry);
        };
        let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        path = if target.starts_with('/') {
            target.parse()?
        } else {
            format!("{folder}/{target}").parse()?
        };
    }
    Err(Error::invalid(format!("`{path}` leads through more than {LINKS} links")))
}

async fn change(inside: &Inside, set: &SetPermissions) -> Result<()> {
    let entry = behind_links(inside, &set.path).await?;
    let owner = set.owner.as_deref().map(account).transpose()?;
    let group = set.group.as_deref().map(account).transpose()?;
    let whose = match (owner, group) {
        (None, None) => None,
        (Some(owner), None) => Some(owner.to_owned()),
        (owner, Some(group)) => Some(format!("{}:{group}", owner.unwrap_or_default())),
    };
    if let Some(whose) = whose {
        // The kernel lets nobody else give files away, chown(2).
        run(inside, &["chown", "--", &whose, &entry.path], Some("root")).await?;
    }
    match set.mode {
        Some(mode) => set_mode(inside, &entry, mode).await,
        None => Ok(()),
    }
}

/// Whoever has given a file away may still say what others do with it, as the caller may be root
/// inside whenever it likes.
async fn set_mode(inside: &Inside, entry: &FileEntry, mode: u32) -> Result<()> {
    run(inside, &["chmod", "--", &format!("{mode:04o}"), &entry.path], Some("root")).await
}

/// A name that no program takes for an option, nor for two names.
fn account(name: &str) -> Result<&str> {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "._-$".contains(letter);
    let fits = (1..=NAME_LETTERS).contains(&name.len());
    if fits && name.chars().all(harmless) && !name.starts_with('-') {
        return Ok(name);
    }
    Err(Error::invalid("this is no name of a user or a group")
        .with_hint("give one of `/etc/passwd` or `/etc/group`, or its number"))
}

async fn run(inside: &Inside, argv: &[&str], user: Option<&str>) -> Result<()> {
    let question = Question {
        argv: argv.iter().map(|part| (*part).to_owned()).collect(),
        user: user.map(str::to_owned),
        folder: None,
        environment: BTreeMap::from([("LC_ALL".to_owned(), "C.UTF-8".to_owned())]),
        stdin: Stdin::Empty,
        timeout_ms: CHANGE_MS,
    };
    let said = ask(inside, question).await?;
    match said.exit_code {
        0 => Ok(()),
        _ if String::from_utf8_lossy(&said.stderr).contains("not permitted") => {
            Err(Error::denied(said.complaint()))
        }
        _ => Err(Error::invalid(said.complaint())),
    }
}
