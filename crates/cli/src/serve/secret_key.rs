//! Where the key for secrets comes from, and whom the opener trusts besides the system.
//!
//! A key is 32 bytes, written as 64 hexadecimal digits. It comes from a file, the environment, or
//! the service manager, which is how key services hand keys out. Without any of them it is made, and
//! lies beside the database: whoever gets both can read every value.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use infield_domain::isolation::{Check, Verdict};
use infield_domain::{Error, Result};
use infield_opener::{KEY_BYTES, Key};
use rustix::fs::{AtFlags, Mode, OFlags};
use zeroize::Zeroizing;

/// The variable that has the key.
pub(crate) const SECRET_KEY: &str = "INFIELD_SECRET_KEY";
/// The variable that names a file of authorities.
pub(crate) const TRUST: &str = "INFIELD_TRUST";
/// Names the folder of credentials that a service manager gives (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// The name of our credential.
const CREDENTIAL: &str = "infield-secret-key";
/// The file in the home.
const FILE: &str = "secret.key";

/// Where the key is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SecretKey {
    /// In the home, where it is made when it is missing.
    Beside,
    /// It was given, from this place.
    Given(Zeroizing<String>, &'static str),
}

/// A file with authorities that hosts are verified by besides those of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trust(Option<PathBuf>);

impl SecretKey {
    /// Finds the key: in the file that is named, in the environment, with the service manager, or
    /// beside the database.
    pub(crate) fn find(file: Option<&Path>) -> Result<Self> {
        if let Some(file) = file {
            return Ok(Self::Given(read(file)?, "a file"));
        }
        if let Ok(text) = std::env::var(SECRET_KEY) {
            let text = Zeroizing::new(text.trim().to_owned());
            decode(&text)?;
            return Ok(Self::Given(text, "the environment"));
        }
        let credential =
            std::env::var_os(CREDENTIALS).map(|folder| Path::new(&folder).join(CREDENTIAL));
        match credential.filter(|path| path.exists()) {
            Some(path) => Ok(Self::Given(read(&path)?, "the service manager")),
            None => Ok(Self::Beside),
        }
    }

    /// The key as text.
    pub(super) fn text(&self, home: impl std::os::fd::AsFd) -> Result<Zeroizing<String>> {
        match self {
            Self::Given(text, _) => Ok(text.clone()),
            Self::Beside => beside(home),
        }
    }

    /// What `infield doctor` says of it.
    pub(in crate::serve) fn check(&self) -> Check {
        let name = "key for secrets".to_owned();
        match self {
            Self::Given(_, place) => {
                Check { name, verdict: Verdict::Good, found: format!("from {place}"), mend: None }
            }
            Self::Beside => Check {
                name,
                verdict: Verdict::Weak,
                found: format!("`{FILE}` lies beside the database: a copy of the home has both"),
                mend: Some("keep it elsewhere, with `infield serve --secret-key FILE`".to_owned()),
            },
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beside => out.write_str("Beside"),
            Self::Given(_, place) => write!(out, "Given(from {place})"),
        }
    }
}

impl Trust {
    /// Checks that the file has a certificate.
    pub(crate) fn new(file: Option<PathBuf>) -> Result<Self> {
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if !text.contains("-----BEGIN CERTIFICATE-----") {
                let shown = path.display();
                return Err(Error::invalid(format!(
                    "`{shown}` is no readable file of certificates"
                ))
                .with_hint("name a file with certificates in PEM"));
            }
        }
        Ok(Self(file))
    }

    /// What the environment says.
    pub(crate) fn from_environment() -> Result<Self> {
        Self::new(std::env::var_os(TRUST).filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        self.0.clone()
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let shown = path.display();
    let unread = |error| {
        Error::invalid(format!("the key for secrets in `{shown}` cannot be read"))
            .with_hint("make one with `(umask 077; openssl rand -hex 32 > FILE)`")
            .with_source(error)
    };
    let mut file = std::fs::File::open(path).map_err(unread)?;
    let mode = file.metadata().map_err(unread)?.mode();
    if mode & 0o077 != 0 {
        return Err(Error::denied(format!("others may read the key for secrets in `{shown}`"))
            .with_hint(format!("chmod 0600 {shown}")));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(unread)?;
    let text = Zeroizing::new(text.trim().to_owned());
    decode(&text)?;
    Ok(text)
}

/// The key in the home, which belongs to whoever starts infield: the daemon cannot read it.
fn beside(home: impl std::os::fd::AsFd) -> Result<Zeroizing<String>> {
    let failed = |error: std::io::Error| {
        Error::internal(format!("the key for secrets `{FILE}` cannot be used")).with_source(error)
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::openat(&home, FILE, flags, Mode::empty()) {
        Ok(file) => {
            let mut text = Zeroizing::new(String::new());
            std::fs::File::from(file).read_to_string(&mut text).map_err(failed)?;
            let text = Zeroizing::new(text.trim().to_owned());
            decode(&text)?;
            Ok(text)
        }
        Err(rustix::io::Errno::NOENT) => {
            let text = fresh()?;
            // Written beside and renamed, so that a crash leaves no key of half the length.
            let draft = format!("{FILE}.new");
            let flags = OFlags::WRONLY
                | OFlags::CREATE
                | OFlags::TRUNC
                | OFlags::CLOEXEC
                | OFlags::NOFOLLOW;
            let mode = Mode::RUSR | Mode::WUSR;
            match rustix::fs::unlinkat(&home, &draft, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno.into())),
            }
            let file = rustix::fs::openat(&home, &draft, flags | OFlags::EXCL, mode);
            let mut file = std::fs::File::from(file.map_err(|errno| failed(errno.into()))?);
            file.write_all(text.as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            rustix::fs::renameat(&home, &draft, &home, FILE)
                .map_err(|errno| failed(errno.into()))?;
            Ok(text)
        }
        Err(errno) => Err(failed(errno.into())),
    }
}

fn fresh() -> Result<Zeroizing<String>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key)
        .map_err(|error| Error::internal("the host gives no random number").with_source(error))?;
    Ok(Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Reads a key of 64 hexadecimal digits.
pub(super) fn decode(text: &str) -> Result<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let is_hex = text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (place, byte) in key.iter_mut().enumerate() {
        let digits = text.get(2 * place..2 * place + 2).filter(|_| is_hex);
        let found = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        *byte = found.ok_or_else(|| {
            Error::invalid("the key for secrets is not 64 hexadecimal digits")
                .with_hint("make one with `openssl rand -hex 32`")
        })?;
    }
    Ok(Key(key))
}

#[cfg(test)]
mod tests;
