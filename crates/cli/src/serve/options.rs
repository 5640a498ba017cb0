//! What `infield serve` was told, in the form in which the daemon gets it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use infield_domain::isolation::Check;
use infield_domain::preview::Origin;
use infield_domain::{Error, Result};
use serde::{Deserialize, Serialize};

use super::control::ToLauncher;
use super::networking::Networking;
use super::previewing::Previewing;
use super::secret_key::{SecretKey, Trust};
use super::sshing::{SshName, Sshing};
use crate::home::{Home, Owner};

/// Ids in each range; the launcher's word, repeated here for messages.
const RANGE_IDS: u32 = infield_jail::request::RANGE_IDS;

/// What `infield serve` does.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The data directory.
    pub(crate) home: Home,
    /// The address for HTTP, if any.
    pub(crate) listen: Option<SocketAddr>,
    /// The daemon's account when root starts it: a name, an id, or the block's first id.
    pub(crate) user: Option<String>,
    /// The ids that sandboxes get.
    pub(crate) ids: IdBlock,
    /// Who may use HTTP.
    pub(crate) access: Access,
    /// Names that HTTP answers to besides its own.
    pub(crate) names: Names,
    /// When the daemon ends by itself.
    pub(crate) lifetime: Lifetime,
    /// What holds for the network of all sandboxes.
    pub(crate) networking: Networking,
    /// The key for secrets.
    pub(crate) secret_key: SecretKey,
    /// Authorities besides those of the system.
    pub(crate) trust: Trust,
    /// How previews are served.
    pub(crate) previewing: Previewing,
    /// Where clients of SSH are served.
    pub(crate) sshing: Sshing,
}

/// Names that HTTP answers to besides its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    /// Values of `Host`, such as the name of a proxy in front.
    pub(crate) hosts: Vec<String>,
    /// Values of `Origin`: pages that may send requests.
    pub(crate) origins: Vec<String>,
}

/// Who may use the TCP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    /// Whoever brings a key.
    Key,
    /// Everybody who reaches the address.
    Open,
}

/// When a daemon ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lifetime {
    /// Never.
    Unlimited,
    /// After a while without a running sandbox, a client and a timer that is due.
    WhileUsed,
}

/// One block of host ids: some ranges of 65,536, from `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdBlock {
    /// The first id; the daemon's account when root starts infield.
    pub(crate) first: u32,
    /// How many ranges.
    pub(crate) ranges: u32,
}

impl IdBlock {
    /// Far from what distributions and directory services give out.
    pub(crate) const STANDARD: Self = Self { first: 1_073_741_824, ranges: 8_192 };
}

impl FromStr for IdBlock {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!("`{text}` is not a block of ids"))
                .with_hint("write it as FIRST:COUNT, such as `1073741824:536870912`")
        };
        let (first, count) = text.split_once(':').ok_or_else(wrong)?;
        let (first, count): (u32, u32) =
            (first.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
        // Two ranges are infield's own, so that less than three leave none for a sandbox. The
        // last id, u32::MAX, is no id: chown(2).
        if first < RANGE_IDS || count / RANGE_IDS < 3 || first.checked_add(count).is_none() {
            return Err(Error::invalid(format!("no sandbox fits in the block of ids `{text}`"))
                .with_hint(format!(
                    "begin at {RANGE_IDS} or later, and take {} ids or more",
                    3 * RANGE_IDS
                )));
        }
        Ok(Self { first, ranges: count / RANGE_IDS })
    }
}

/// The daemon's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// User and group id.
    pub(crate) id: u32,
}

/// What the keeper tells a new daemon first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The path of the home.
    pub(crate) home: PathBuf,
    /// The account to become, when root started infield.
    pub(crate) account: Option<Account>,
    /// The user that started infield, who may use the socket.
    pub(crate) operator: u32,
    /// Who may use HTTP.
    pub(crate) access: Access,
    /// Names that it answers to besides its own.
    pub(crate) names: Names,
    /// When to end.
    pub(crate) lifetime: Lifetime,
    /// What holds for the network of all sandboxes.
    pub(crate) networking: Networking,
    /// What is to be said of the key for secrets.
    pub(super) key_check: Check,
    /// Where previews are found, if there are any.
    pub(crate) previews: Option<Origin>,
    /// Where clients of SSH connect, if they can.
    pub(crate) ssh: Option<SshName>,
}

impl Options {
    /// The options of a daemon that a command starts in the background.
    pub(crate) fn background(home: Home) -> Result<Self> {
        Ok(Self {
            home,
            listen: None,
            user: None,
            ids: IdBlock::STANDARD,
            access: Access::Key,
            names: Names::default(),
            lifetime: Lifetime::WhileUsed,
            networking: Networking::from_environment()?,
            secret_key: SecretKey::find(None)?,
            trust: Trust::from_environment()?,
            previewing: Previewing::from_environment()?,
            sshing: Sshing::default(),
        })
    }

    /// Refuses what would open the machine to strangers.
    pub(crate) fn check(&self) -> Result<()> {
        let open = self.access == Access::Open;
        match self.listen {
            None if open => Err(Error::invalid("`--no-auth` without `--listen` means nothing")
                .with_hint("add `--listen 127.0.0.1:3986`, or leave `--no-auth` out")),
            Some(address) if open && !address.ip().is_loopback() => {
                Err(Error::denied(format!("`--no-auth` is refused on `{address}`"))
                    .with_hint("listen on 127.0.0.1, or make a key with `infield key create`"))
            }
            _ => Ok(()),
        }
    }

    /// Who may own the home.
    pub(crate) fn owner(&self) -> Result<Owner> {
        let operator = rustix::process::geteuid().as_raw();
        Ok(Owner { operator, daemon: self.account()?.map_or(operator, |account| account.id) })
    }

    /// What the keeper tells a daemon.
    pub(super) fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            home: self.home.path().to_owned(),
            account: self.account()?,
            operator: rustix::process::geteuid().as_raw(),
            access: self.access,
            names: self.names.clone(),
            lifetime: self.lifetime,
            networking: self.networking.clone(),
            key_check: self.secret_key.check(),
            previews: None,
            ssh: None,
        })
    }

    /// The account of the network process: one that belongs to no sandbox and is not the daemon's.
    pub(super) fn network_account(&self) -> Result<Option<Account>> {
        let Some(daemon) = self.account()? else { return Ok(None) };
        let next = self.ids.first + 1;
        Ok(Some(Account { id: if next == daemon.id { next + 1 } else { next } }))
    }

    /// The account of the opener: one more of that kind.
    pub(super) fn opener_account(&self) -> Result<Option<Account>> {
        let (Some(daemon), Some(network)) = (self.account()?, self.network_account()?) else {
            return Ok(None);
        };
        let taken = [daemon.id, network.id];
        let free = (self.ids.first + 1..).find(|id| !taken.contains(id));
        Ok(free.map(|id| Account { id }))
    }

    /// What the keeper tells a launcher.
    pub(super) fn launcher_setup(&self) -> Result<ToLauncher> {
        Ok(ToLauncher {
            home: self.home.path().to_owned(),
            ids: self.account()?.map(|_| self.ids),
            account: self.owner()?.daemon,
            keeper: rustix::process::getpid().as_raw_pid(),
        })
    }

    /// The account of the daemon, when root starts infield and may give ids away.
    pub(crate) fn account(&self) -> Result<Option<Account>> {
        if !rustix::process::geteuid().is_root() {
            return match &self.user {
                None => Ok(None),
                Some(_) => Err(Error::denied("only root can run the daemon as another user")
                    .with_hint("leave `--user` out")),
            };
        }
        let id = match &self.user {
            None => self.ids.first,
            Some(user) => find_user(user)?,
        };
        if id == 0 {
            return Err(Error::denied("the daemon never runs as root")
                .with_hint("name an account without privileges, or leave `--user` out"));
        }
        let sandboxes = u64::from(self.ids.first) + u64::from(RANGE_IDS);
        let end = u64::from(self.ids.first) + u64::from(self.ids.ranges) * u64::from(RANGE_IDS);
        if (sandboxes..end).contains(&u64::from(id)) {
            return Err(Error::denied(format!("the id {id} may belong to a sandbox"))
                .with_hint("name an account outside of the block of ids"));
        }
        if !is_mapped(id) {
            // Root of a user namespace that has few ids is an ordinary user to the host.
            return Ok(None);
        }
        Ok(Some(Account { id }))
    }
}

/// An account by its id or its name in the host's `/etc/passwd`.
fn find_user(user: &str) -> Result<u32> {
    if let Ok(id) = user.parse() {
        return Ok(id);
    }
    let unknown = || {
        Error::not_found(format!("there is no user `{user}` in `/etc/passwd`"))
            .with_hint("give the number of the account")
    };
    let passwd = std::fs::read_to_string("/etc/passwd").map_err(|_| unknown())?;
    let id = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(user)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    id.ok_or_else(unknown)
}

/// Whether our user namespace has an id, user_namespaces(7).
fn is_mapped(id: u32) -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().any(|line| {
        let numbers: Vec<u64> =
            line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&id.into()))
    })
}

#[cfg(test)]
mod tests;
