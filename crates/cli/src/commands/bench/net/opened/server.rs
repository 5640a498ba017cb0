//! The server that speaks TLS, with the resolver that knows its name.
//!
//! It makes an authority of its own and tells it with its port. Every request has to show the
//! value of the secret; the answer to a short one echoes it, so that the way back has to mask it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde::{Deserialize, Serialize};

use super::super::peer::PIECE;
use super::super::server::{join, tell, until_the_end};
use super::wire::{Message, Socket};
use super::{NAME, names};

/// What a peer can ask for: a short answer, bytes without end, and to take such.
pub(super) const SHORT: &str = "/short";
pub(super) const DOWN: &str = "/down";
pub(super) const UP: &str = "/up";

/// The header of a short answer that says how hands were shaken on the server's side.
pub(super) const HANDSHAKE: &str = "x-handshake";

/// Bytes of a short answer, without the echo.
const FILLING: usize = 1 << 10;

/// What the server says when it is ready.
#[derive(Serialize, Deserialize)]
pub(super) struct Ready {
    /// Where it listens.
    pub(super) port: u16,
    /// The authority that vouches for it, in PEM.
    pub(super) authority: String,
}

/// Serves in a network namespace whose interface comes; what it is told with that is the value.
pub(in super::super) fn run(words: &[String]) -> io::Result<()> {
    let [address, interface] = words else { return Err(ErrorKind::InvalidInput.into()) };
    let value: Arc<str> = join(address, interface)?.into();
    let address: Ipv4Addr = address.parse().map_err(io::Error::other)?;
    names::serve(address)?;
    let (config, authority) = certify().map_err(io::Error::other)?;
    let listener = TcpListener::bind((address, 0))?;
    let ready = Ready { port: listener.local_addr()?.port(), authority };
    tell(&serde_json::to_string(&ready).map_err(io::Error::other)?)?;
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (config, value) = (Arc::clone(&config), Arc::clone(&value));
            // A connection that breaks is its client's business.
            thread::spawn(move || drop(answer(socket, config, &value)));
        }
    });
    until_the_end()
}

/// A certificate for the name, and the authority that vouches for it.
fn certify() -> Result<(Arc<ServerConfig>, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "infield bench");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), authority.pem()))
}

fn answer(socket: TcpStream, config: Arc<ServerConfig>, value: &str) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, Socket::new(socket)?);
    let bearer = format!("Bearer {value}");
    let body = format!("{bearer}\n{}", ".".repeat(FILLING));
    let length = body.len();
    while let Some(request) = Message::read(&mut stream)? {
        if request.header("authorization") != Some(&bearer) {
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        match request.first().split(' ').nth(1) {
            Some(SHORT) => {
                let kind = stream.conn.handshake_kind();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{HANDSHAKE}: {kind:?}\r\n\r\n"
                );
                stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())?;
            }
            Some(DOWN) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                let piece = vec![0; PIECE];
                loop {
                    stream.write_all(&piece)?;
                }
            }
            Some(UP) => {
                let mut piece = vec![0; PIECE];
                while stream.read(&mut piece)? > 0 {}
                return Ok(());
            }
            _ => return Err(ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}
