//! Users and groups of the sandbox, from its own `/etc/passwd` and `/etc/group`.
//!
//! A static program has no `getpwnam`. The files are the guest's: they are read anew when they
//! changed, never waited for, and bounded.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use infield_protocol::message::Code;

use crate::failure::Failure;

/// Bytes of such a file that are looked at.
const FILE_BYTES: u64 = 1 << 20;

/// Who a command runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// The two files, as last read.
pub(crate) struct Accounts {
    passwd: Cached,
    group: Cached,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        Self { passwd: Cached::new("/etc/passwd"), group: Cached::new("/etc/group") }
    }

    /// Finds a user by name or number; `user:group` names the group as well.
    pub(crate) fn find(&mut self, user: &str) -> Result<Account, Failure> {
        find(user, self.passwd.text(), self.group.text())
    }
}

fn find(user: &str, passwd: &str, group: &str) -> Result<Account, Failure> {
    let (user, chosen_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let mut account = passwd
        .lines()
        .filter_map(passwd_line)
        .find(|account| account.name == user)
        .or_else(|| by_number(user, passwd))
        .or_else(|| (user == "root").then(|| nameless(0)))
        .ok_or_else(|| unknown("user", user, "/etc/passwd"))?;
    account.groups = member_of(&account.name, group);
    if let Some(chosen) = chosen_group {
        account.gid = group_id(chosen, group)?;
    }
    Ok(account)
}

fn by_number(user: &str, passwd: &str) -> Option<Account> {
    let uid = user.parse().ok().filter(|uid| *uid != u32::MAX)?;
    let known = passwd.lines().filter_map(passwd_line).find(|account| account.uid == uid);
    Some(known.unwrap_or_else(|| nameless(uid)))
}

/// A user of whom `/etc/passwd` says nothing.
pub(crate) fn nameless(uid: u32) -> Account {
    let (name, home) = match uid {
        0 => ("root".to_owned(), "/root"),
        _ => (uid.to_string(), "/"),
    };
    let shell = "/bin/sh".to_owned();
    Account { name, uid, gid: uid, groups: Vec::new(), home: home.to_owned(), shell }
}

/// `name:password:uid:gid:comment:home:shell`, passwd(5).
fn passwd_line(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields.as_slice() else { return None };
    let or = |text: &str, otherwise: &str| {
        if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
    };
    Some(Account {
        name: (*name).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        groups: Vec::new(),
        home: or(home, "/"),
        shell: or(shell, "/bin/sh"),
    })
}

/// `name:password:gid:member,member`, group(5).
fn group_line(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.splitn(4, ':');
    let (name, _, gid) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name, gid.parse().ok()?, fields.next().unwrap_or_default()))
}

fn member_of(user: &str, group: &str) -> Vec<u32> {
    let lines = group.lines().filter_map(group_line);
    lines.filter(|(_, _, members)| members.split(',').any(|m| m == user)).map(|g| g.1).collect()
}

fn group_id(chosen: &str, group: &str) -> Result<u32, Failure> {
    let named = group.lines().filter_map(group_line).find(|(name, ..)| *name == chosen);
    named
        .map(|(_, gid, _)| gid)
        .or_else(|| chosen.parse().ok().filter(|gid| *gid != u32::MAX))
        .ok_or_else(|| unknown("group", chosen, "/etc/group"))
}

fn unknown(what: &str, name: &str, file: &str) -> Failure {
    Failure::new(Code::NotFound, format!("there is no {what} `{name}` in this sandbox"))
        .with_hint(format!("choose one of {file}, such as `root`"))
}

/// A small file that is read again when it is another one than last time.
struct Cached {
    path: &'static str,
    seen: Option<(u64, u64, u64, i64, i64, i64, i64)>,
    text: String,
}

impl Cached {
    fn new(path: &'static str) -> Self {
        Self { path, seen: None, text: String::new() }
    }

    fn text(&mut self) -> &str {
        let now = std::fs::metadata(self.path).ok().map(|m| {
            (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec())
        });
        if now.is_none() || now != self.seen {
            // A sandbox without the file has nobody in it but root and numbers.
            self.text = read(self.path).unwrap_or_default();
            self.seen = now;
        }
        &self.text
    }
}

fn read(path: &str) -> io::Result<String> {
    // Not to wait for the writer of a pipe, should the guest have put one here.
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
