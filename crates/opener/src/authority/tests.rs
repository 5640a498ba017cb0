use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;

fn authority(hosts: &[&str]) -> Authority {
    let hosts: Vec<Pattern> = hosts.iter().map(|host| host.parse().expect("a host")).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Authority::new(&SandboxId::from_random([1; 16]), &hosts, &provider).expect("an authority")
}

/// Whether somebody who trusts the authority takes what it issues for a host.
fn is_taken(authority: &Authority, host: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).expect("a root");
    let provider = Arc::clone(&authority.provider);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().expect("a verifier");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &authority.issuer).expect("signed");
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    let now = UnixTime::now();
    verifier.verify_server_cert(certificate.der(), &[], &name, &[], now).is_ok()
}

#[test]
fn it_vouches_for_its_hosts_alone() {
    let authority = authority(&["api.example.org", "*.example.net"]);
    assert!(is_taken(&authority, "api.example.org"));
    assert!(is_taken(&authority, "a.b.example.net"));
    for other in ["example.org", "evil.example", "other.example.org", "1.2.3.4", "::1"] {
        assert!(!is_taken(&authority, other), "{other}");
    }
}

#[test]
fn a_certificate_is_kept_for_a_while() {
    let authority = authority(&["*.example.net"]);
    let host = |number: usize| format!("h{number}.example.net").parse().expect("a name");
    let first = authority.server(&host(0)).expect("issued");
    assert!(Arc::ptr_eq(&first, &authority.server(&host(0)).expect("issued")));
    for number in 0..2 * MOST_KEPT {
        authority.server(&host(number)).expect("issued");
    }
    assert!(authority.issued.lock().expect("whole").len() <= MOST_KEPT);
    assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
}
