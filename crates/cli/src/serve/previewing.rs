//! What the operator says about previews.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use infield_domain::preview::{Origin, Scheme};
use infield_domain::{Error, Result};

use super::keeper::widened;

/// A variable that says the same as the option, for a daemon in the background.
pub(crate) const PREVIEW: &str = "INFIELD_PREVIEW";

/// How previews are served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Previewing {
    /// The address that was asked for.
    pub(crate) listen: Option<SocketAddr>,
    /// How visitors write it, when that is not below `localhost`.
    pub(crate) origin: Option<Origin>,
    /// The files of certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

/// The listener, bound.
pub(super) struct Bound {
    pub(super) listener: TcpListener,
    pub(super) origin: Origin,
    tls: Option<(PathBuf, PathBuf)>,
}

impl Previewing {
    /// What the environment says.
    pub(crate) fn from_environment() -> Result<Self> {
        let text = std::env::var(PREVIEW).ok().filter(|text| !text.is_empty());
        let listen = text.map(|text| {
            text.parse().map_err(|_| {
                Error::invalid(format!("`{PREVIEW}` is no address: `{text}`"))
                    .with_hint("write it like `127.0.0.1:3987`")
            })
        });
        Ok(Self { listen: listen.transpose()?, ..Self::default() })
    }

    /// Opens the listener. Beside a loopback listener for HTTP there is one on the next port; that
    /// nobody asked for, so that a port which is taken is no reason to fail.
    pub(super) fn bind(&self, http: Option<SocketAddr>) -> Result<Option<Bound>> {
        let beside = http.filter(|http| http.ip().is_loopback()).and_then(|http| {
            let port = if http.port() == 0 { 0 } else { http.port().checked_add(1)? };
            Some(SocketAddr::new(http.ip(), port))
        });
        let bound = match (self.listen, beside) {
            (Some(asked), _) => {
                Some(TcpListener::bind(asked).and_then(widened).map_err(|error| {
                    Error::unavailable(format!("cannot listen on `{asked}` for previews: {error}"))
                        .with_hint("choose another `--preview ADDR:PORT`")
                })?)
            }
            (None, Some(beside)) => match TcpListener::bind(beside).and_then(widened) {
                Ok(bound) => Some(bound),
                Err(error) => {
                    tracing::warn!(%error, %beside, "no previews: choose `--preview ADDR:PORT`");
                    None
                }
            },
            (None, None) => None,
        };
        let Some(listener) = bound else { return Ok(None) };
        let port = listener.local_addr().map(|address| address.port()).map_err(|error| {
            Error::internal("the listener of previews has no address").with_source(error)
        })?;
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let origin = self.origin.clone().unwrap_or_else(|| Origin::localhost(scheme, port));
        let bound = Bound { listener, origin, tls: self.tls.clone() };
        // A wrong path is told now, and not in the log of a daemon.
        bound.files()?;
        tracing::info!(origin = %bound.origin, "previews");
        let open = bound.listener.local_addr().is_ok_and(|address| !address.ip().is_loopback());
        if open && bound.origin.scheme() == Scheme::Http {
            tracing::warn!("tokens of previews cross the network in the clear: use TLS");
        }
        Ok(Some(bound))
    }
}

impl Bound {
    /// The files of certificate and key, opened anew: they may have been replaced.
    pub(super) fn files(&self) -> Result<Option<(File, File)>> {
        let open = |path: &PathBuf| {
            File::open(path).map_err(|error| {
                Error::invalid(format!("`{}` cannot be read: {error}", path.display()))
                    .with_hint("name the files with `--preview-cert` and `--preview-key`")
            })
        };
        self.tls.as_ref().map(|(chain, key)| Ok((open(chain)?, open(key)?))).transpose()
    }
}
