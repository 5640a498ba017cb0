//! Whom the certificates of hosts are verified by: the authorities of the system, and those that the
//! operator added.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Where distributions keep theirs; the first that is there counts.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities, read when the first host is verified.
pub(crate) struct Trust {
    added: Vec<u8>,
    provider: Arc<CryptoProvider>,
    roots: OnceLock<Arc<RootCertStore>>,
}

impl Trust {
    /// Those of the system and these, in PEM.
    pub(crate) fn new(added: Vec<u8>, provider: &Arc<CryptoProvider>) -> Self {
        Self { added, provider: Arc::clone(provider), roots: OnceLock::new() }
    }

    /// What hosts are spoken to with. Each sandbox has its own, so that none resumes what another
    /// began.
    pub(crate) fn client(&self) -> Result<ClientConfig, String> {
        let roots = self.roots.get_or_init(|| Arc::new(read(&self.added)));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth())
    }
}

fn read(added: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let system = SYSTEM.iter().find(|path| Path::new(path).exists());
    let bundle = system.and_then(|path| {
        std::fs::read(path)
            .inspect_err(|error| tracing::error!(path, %error, "no authorities of the system"))
            .ok()
    });
    for text in bundle.iter().map(Vec::as_slice).chain([added]) {
        let all = CertificateDer::pem_slice_iter(text).filter_map(Result::ok);
        let (known, strange) = roots.add_parsable_certificates(all);
        tracing::debug!(known, strange, "authorities were read");
    }
    if roots.is_empty() {
        tracing::warn!("there are no authorities here: no host can be verified");
    }
    roots
}
