//! A sandbox's own authority, and the certificates that it issues for secret hosts.
//!
//! Its key is made here and never leaves. It is limited to the names of the sandbox's secret hosts
//! (RFC 5280, 4.2.1.10): were the key known to somebody, it would vouch for nothing else, and to
//! nobody but this one sandbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use infield_domain::SandboxId;
use infield_domain::network::{DomainName, Pattern};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// How far clocks may differ.
const BEFORE: Duration = Duration::from_secs(24 * 3_600);
/// How long an authority vouches: longer than any sandbox goes without a start.
const AUTHORITY: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
/// How long a certificate holds, and after how long a fresh one is made.
const CERTIFICATE: Duration = Duration::from_secs(30 * 24 * 3_600);
const FRESH: Duration = Duration::from_secs(24 * 3_600);
/// Hosts whose certificates are kept; a wildcard has any number.
const MOST_KEPT: usize = 64;

/// The authority of one sandbox.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    provider: Arc<CryptoProvider>,
    issued: Mutex<HashMap<DomainName, (SystemTime, Arc<ServerConfig>)>>,
}

impl Authority {
    /// Makes an authority for these hosts.
    pub(crate) fn new(
        sandbox: &SandboxId,
        hosts: &[Pattern],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let text = |error: rcgen::Error| error.to_string();
        let key = KeyPair::generate().map_err(text)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&format!("infield {sandbox}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(constraints(hosts));
        valid_for(&mut params, AUTHORITY);
        let certificate = params.self_signed(&key).map_err(text)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate: der,
            pem,
            provider: Arc::clone(provider),
            issued: Mutex::default(),
        })
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// What is shown to the sandbox for a host.
    pub(crate) fn server(&self, host: &DomainName) -> Result<Arc<ServerConfig>, String> {
        let now = SystemTime::now();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, config)) = issued.get(host)
            && now.duration_since(*at).is_ok_and(|age| age < FRESH)
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.issue(host)?);
        if issued.len() >= MOST_KEPT {
            issued.clear();
        }
        issued.insert(host.clone(), (now, Arc::clone(&config)));
        Ok(config)
    }

    fn issue(&self, host: &DomainName) -> Result<ServerConfig, String> {
        let text = |error: rcgen::Error| error.to_string();
        let key = KeyPair::generate().map_err(text)?;
        let mut params = CertificateParams::new(vec![host.as_str().to_owned()]).map_err(text)?;
        params.distinguished_name = name("infield");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid_for(&mut params, CERTIFICATE);
        let certificate = params.signed_by(&key, &self.issuer).map_err(text)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| error.to_string())
    }
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn valid_for(params: &mut CertificateParams, span: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + span).into();
}

/// These names and those below them, which nothing narrower can say; no address at all.
fn constraints(hosts: &[Pattern]) -> NameConstraints {
    let dns = |pattern: &Pattern| match pattern {
        Pattern::Exact(name) | Pattern::Below(name) => {
            GeneralSubtree::DnsName(name.as_str().to_owned())
        }
    };
    let none = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
    NameConstraints {
        permitted_subtrees: hosts.iter().map(dns).collect(),
        excluded_subtrees: none.map(GeneralSubtree::IpAddress).to_vec(),
    }
}

#[cfg(test)]
mod tests;
