//! The gateway for SSH: what the operator says about it, and the key of this host.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use infield_domain::isolation::{Check, Verdict};
use infield_domain::{Error, Result};
use infield_engine::{Engine, SshPlace};
use infield_ssh::{HostKey, Limits, SshDoor};
use rustix::fs::{AtFlags, Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::keeper::widened;
use super::options::Setup;

/// A variable that says the same as the option.
pub(crate) const SSH: &str = "INFIELD_SSH";
/// How far the port of the gateway is from that of HTTP; previews have the one between.
const BESIDE: u16 = 2;
/// The file with the key, in the data directory, and while it is written.
const KEY: &str = "ssh_host_key";
const KEY_DRAFT: &str = "ssh_host_key.new";
/// Bytes of that file.
const MOST_KEY_BYTES: u64 = 16 << 10;
/// Letters of a host's name, RFC 1035 section 2.3.4.
const NAME_LETTERS: usize = 253;

/// Where clients of SSH are served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sshing {
    listen: Option<SocketAddr>,
    name: Option<String>,
}

/// How users write where the gateway is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SshName {
    host: String,
    port: u16,
}

impl Sshing {
    /// What the operator asked for. The name becomes part of a command that users type.
    pub(crate) fn new(listen: Option<SocketAddr>, name: Option<String>) -> Result<Self> {
        let harmless = |letter: char| letter.is_ascii_alphanumeric() || ".-:".contains(letter);
        let fits = |name: &String| {
            (1..=NAME_LETTERS).contains(&name.len())
                && !name.starts_with('-')
                && name.chars().all(harmless)
        };
        match name {
            Some(name) if !fits(&name) => {
                Err(Error::invalid(format!("`{}` is no name of a host", name.escape_debug()))
                    .with_hint("write it like `ssh.example.org`, without a port"))
            }
            name => Ok(Self { listen, name }),
        }
    }

    /// Opens the listener. Beside a loopback listener for HTTP there is one on the second port after
    /// it; that nobody asked for, so that a port which is taken is no reason to fail.
    pub(super) fn bind(&self, http: Option<SocketAddr>) -> Result<Option<(TcpListener, SshName)>> {
        let beside = http.filter(|http| http.ip().is_loopback()).and_then(|http| {
            let port = http.port().checked_add(BESIDE)?;
            Some(SocketAddr::new(http.ip(), port))
        });
        let listener = match (self.listen, beside) {
            (Some(asked), _) => TcpListener::bind(asked).and_then(widened).map_err(|error| {
                Error::unavailable(format!("cannot listen on `{asked}` for SSH: {error}"))
                    .with_hint("choose another `--ssh ADDR:PORT`")
            })?,
            (None, Some(beside)) => match TcpListener::bind(beside).and_then(widened) {
                Ok(bound) => bound,
                Err(error) => {
                    tracing::warn!(%error, %beside, "no SSH: choose `--ssh ADDR:PORT`");
                    return Ok(None);
                }
            },
            (None, None) => return Ok(None),
        };
        let address = listener.local_addr().map_err(|error| {
            Error::internal("the listener for SSH has no address").with_source(error)
        })?;
        let ip = address.ip();
        let near = ip.is_loopback() || ip.is_unspecified();
        let host = if near { "localhost".to_owned() } else { ip.to_string() };
        let name = SshName { host: self.name.clone().unwrap_or(host), port: address.port() };
        if ip.is_unspecified() && self.name.is_none() {
            tracing::warn!("users are told to connect to `localhost`: say `--ssh-name HOST`");
        }
        Ok(Some((listener, name)))
    }
}

/// The gateway, before there is an engine.
pub(super) struct Opened {
    listener: tokio::net::TcpListener,
    key: HostKey,
    pub(super) place: SshPlace,
}

/// What the keeper bound, with the key of this host, which is made when it is not there. Without a
/// key that can be read there is no gateway, and the rest of the daemon goes on.
pub(super) fn opened(listener: Option<OwnedFd>, setup: &Setup, home: &OwnedFd) -> Option<Opened> {
    let (listener, name) = (listener?, setup.ssh.clone()?);
    let open = || -> Result<Opened> {
        let failed = |error: io::Error| {
            Error::internal("the listener for SSH cannot be used").with_source(error)
        };
        let key = host_key(home)?;
        let listener = TcpListener::from(listener);
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let place = SshPlace { host: name.host, port: name.port };
        Ok(Opened { listener, key, place })
    };
    match open() {
        Ok(opened) => {
            let SshPlace { host, port } = &opened.place;
            tracing::info!(%host, port, key = opened.key.fingerprint(), "SSH");
            Some(opened)
        }
        Err(error) => {
            tracing::error!(hint = error.hint(), %error, "no SSH");
            None
        }
    }
}

impl Opened {
    /// What `infield doctor` says of it.
    pub(super) fn check(&self) -> Check {
        let SshPlace { host, port } = &self.place;
        Check {
            name: "ssh".to_owned(),
            verdict: Verdict::Good,
            found: format!("at `{host}`, port {port}; host key {}", self.key.fingerprint()),
            mend: None,
        }
    }

    /// What answers there.
    pub(super) fn door(self, engine: Engine) -> (tokio::net::TcpListener, SshDoor) {
        (self.listener, SshDoor { engine, key: self.key, limits: Limits::STANDARD })
    }
}

/// The key of this host, in the data directory.
fn host_key(home: &OwnedFd) -> Result<HostKey> {
    let failed = |error: io::Error| {
        Error::internal(format!("`{KEY}` in the data directory cannot be used"))
            .with_hint("look whose it is, or move it away: another one is made")
            .with_source(error)
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(home, KEY, flags, Mode::empty()) {
        Ok(file) => {
            let mut text = String::new();
            let read = File::from(file).take(MOST_KEY_BYTES).read_to_string(&mut text);
            read.map_err(failed)?;
            HostKey::parse(&text)
        }
        Err(rustix::io::Errno::NOENT) => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| failed(error.into()))?;
            let key = HostKey::from_random(seed);
            keep(home, &key.text()?).map_err(failed)?;
            Ok(key)
        }
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Writes the key beside its place and renames it, so that there is never half of it.
fn keep(home: &OwnedFd, text: &str) -> io::Result<()> {
    match rustix::fs::unlinkat(home, KEY_DRAFT, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let mut file = File::from(rustix::fs::openat(home, KEY_DRAFT, flags, mode)?);
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    rustix::fs::renameat(home, KEY_DRAFT, home, KEY)?;
    rustix::fs::fsync(home)?;
    Ok(())
}

#[cfg(test)]
mod tests;
