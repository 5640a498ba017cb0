//! What a program sees of a refusal.
//!
//! It is told in its own language, so that the message it prints names the policy and not the
//! network: TLS gets a fatal alert, HTTP an answer in plain text, everything else a reset.

use std::fmt;
use std::io;
use std::time::Duration;

use infield_domain::SandboxId;
use infield_domain::network::is_sandbox;
use infield_domain::secret::STRAY;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::inspect::{self, First, Sight};
use crate::relay;

/// How long a client of TLS or HTTP may take until it says so.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where the client often waits for the server's first word.
const SHORT_PATIENCE: Duration = Duration::from_millis(500);
/// How long a client may take to read what it is told.
const FAREWELL: Duration = Duration::from_secs(2);
/// `access_denied` (RFC 8446, 6.2).
const ACCESS_DENIED: u8 = 49;

/// A refusal, for those who read it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) sandbox: SandboxId,
    /// The name or address that was asked for.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The word for the policy.
    pub(crate) policy: &'static str,
    /// The rule, or a sentence.
    pub(crate) why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sandbox, host, port, policy, why } = self;
        if why.starts_with(STRAY) {
            return write!(
                out,
                "infield refused the request to {host}:{port}: {why}; values of secrets go to the \
                 hosts that their secrets name, over TLS, and nowhere else"
            );
        }
        if is_sandbox(host) {
            return write!(
                out,
                "infield refused the connection to {host}:{port} ({why}); a person can put both \
                 sandboxes into one network with `infield net join {sandbox} NETWORK`"
            );
        }
        write!(
            out,
            "infield refused the connection to {host}:{port} under the network policy \
             `{policy}` ({why}); a person can allow it with `infield net allow {sandbox} \
             {host}:{port}`"
        )
    }
}

/// Tells a client that it is refused, and ends its connection. `first` is what it said so far.
pub(crate) async fn tell(client: &TcpStream, mut first: First, refusal: &Refusal) {
    let wait = if matches!(refusal.port, 80 | 443) { PATIENCE } else { SHORT_PATIENCE };
    let answer = match first.look(client, wait, inspect::language).await {
        Ok(Sight::Tls) => alert(&first.bytes),
        Ok(Sight::Http) => page(refusal),
        Ok(Sight::Bytes | Sight::More | Sight::Refused(_)) | Err(_) => {
            return relay::reset(client);
        }
    };
    farewell(client, &answer).await;
}

/// Says a last word to a client, if there is one, and ends its connection.
pub(crate) async fn farewell(client: &TcpStream, answer: &[u8]) {
    // All of it fits into the buffer of a socket that little was written to.
    match client.try_write(answer) {
        Ok(written) if written == answer.len() && written > 0 => close(client).await,
        Ok(_) | Err(_) => relay::reset(client),
    }
}

/// Ends a connection so that its client reads what was written to it: with bytes of the client
/// unread, the kernel would send a reset, and throw that away (RFC 1122, 4.2.2.13).
pub(crate) async fn close(client: &TcpStream) {
    if relay::finish(client).is_err() {
        return;
    }
    let drained = async {
        let mut buffer = [0; 2 << 10];
        loop {
            client.readable().await?;
            match client.try_read(&mut buffer) {
                Ok(0) => return Ok::<_, io::Error>(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    // It is over in any case.
    drop(timeout(FAREWELL, drained).await);
}

/// A fatal alert in a record of the version that the client's hello says.
fn alert(hello: &[u8]) -> Vec<u8> {
    let minor = match hello {
        [_, _, _, _, _, _, _, _, _, 3, minor @ 0..=3, ..] => *minor,
        _ => 3,
    };
    vec![0x15, 3, minor, 0, 2, 2, ACCESS_DENIED]
}

fn page(refusal: &Refusal) -> Vec<u8> {
    let text = format!("{refusal}\n");
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n";
    let length = text.len();
    format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}").into_bytes()
}

#[cfg(test)]
mod tests;
