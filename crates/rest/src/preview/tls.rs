//! The certificate of the listener.

use std::fmt;
use std::sync::Arc;

use infield_domain::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use tokio_rustls::TlsAcceptor;

/// A certificate for every name below the host of previews, and its key.
#[derive(Clone)]
pub struct PreviewTls(Arc<ServerConfig>);

impl fmt::Debug for PreviewTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PreviewTls")
    }
}

impl PreviewTls {
    /// Reads the chain, the server's own certificate first, and the key, both as PEM.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self> {
        let wrong = |what: &str| {
            Error::invalid(format!("{what} of the previews cannot be used"))
                .with_hint("give files in PEM form, the server's own certificate first")
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| wrong("the certificate").with_source(error))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| wrong("the key").with_source(error))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("the certificate").with_source(error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| wrong("the certificate or key").with_source(error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.clone())
    }
}
