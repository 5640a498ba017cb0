//! The authority that vouches for INTERNET's web servers, and how clients are told to trust it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Variables by which common clients learn of another file with authorities.
const VARIABLES: &[&str] = &[
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    // npm's settings for the whole machine may name a file, and that one wins over Node's.
    "npm_config_cafile",
];

/// What openssl-req(1) is told; the system's own file would add extensions of its choice.
const SETTINGS: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = infield test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// An authority of this world alone.
pub(crate) struct Authority {
    file: PathBuf,
    pem: String,
}

impl Authority {
    /// Makes it and two certificates in a folder: `site` for all names, by the authority, and
    /// `stranger` for one name, by nobody.
    pub(super) fn new(folder: &Path, names: &[String], strange: &str) -> Result<Self> {
        let list = |names: &[String]| {
            let all = names.iter().map(|name| match name.parse::<std::net::IpAddr>() {
                Ok(_) => format!("IP:{name}"),
                Err(_) => format!("DNS:{name}"),
            });
            all.collect::<Vec<_>>().join(",")
        };
        let site = format!("[site]\n.include = server\nsubjectAltName = {}\n", list(names));
        let site = site.replace(".include = server\n", section("server"));
        let stranger = format!("[stranger]\nsubjectAltName = DNS:{strange}\n");
        fs::write(folder.join("openssl.conf"), format!("{SETTINGS}{site}{stranger}"))?;
        request(folder, "authority", &[])?;
        request(folder, "site", &["-CA", "authority.pem", "-CAkey", "authority.key"])?;
        request(folder, "stranger", &[])?;
        let file = folder.join("authority.pem");
        let pem = fs::read_to_string(&file)?;
        Ok(Self { file, pem })
    }

    /// Its certificate as text.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The file with it.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The variables that name a file with authorities to clients, each with that path.
    pub(crate) fn variables(path: &str) -> impl Iterator<Item = (&'static str, &str)> {
        VARIABLES.iter().map(move |variable| (*variable, path))
    }
}

/// The lines of a section of [`SETTINGS`].
fn section(name: &str) -> &'static str {
    let start = SETTINGS.split_once(&format!("[{name}]\n")).map_or("", |(_, rest)| rest);
    start.split_once("[").map_or(start, |(lines, _)| lines)
}

/// Makes `NAME.pem` and `NAME.key` by the settings' section of that name.
fn request(folder: &Path, name: &str, signed: &[&str]) -> Result<()> {
    let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "3", "-config", "openssl.conf"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-extensions", name, "-out", &certificate, "-keyout", &key]);
    let output = openssl.args(signed).current_dir(folder).output().context("no openssl(1)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "no certificate for `{name}`: {said}");
    Ok(())
}
