//! Whether a connection by name speaks to that name: its first bytes, before any of them goes on.
//!
//! An address behind a name serves others too. So a TLS client must ask for that very name, in
//! the clear; HTTP goes through [`crate::web`], which looks at every request. What is neither
//! passes as bytes, except on the ports of both.

mod http;
mod tls;

use std::io;
use std::time::Duration;

use infield_domain::network::DomainName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::defence::{Defence, Without};

const FOR_HTTP: &str = "port 80 is for HTTP";
const FOR_TLS: &str = "port 443 is for TLS";

/// How long a client may take from its first byte to the last that is looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// What first bytes are, and whether they may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Too few to say.
    More,
    /// TLS for that name.
    Tls,
    /// A request of HTTP/1, which is for [`crate::web`].
    Http,
    /// Something else, on a port where it may be.
    Bytes,
    /// They may not go on.
    Refused(&'static str),
}

impl Sight {
    /// The same, unless the wall that it stands for is left out.
    pub(crate) fn without(self, without: Without) -> Self {
        let wall = match self {
            Self::Refused(FOR_HTTP | FOR_TLS) => Defence::Protocol,
            Self::Refused(tls::HIDDEN) => Defence::Ech,
            Self::Refused(_) => Defence::Sni,
            Self::Http => Defence::Requests,
            Self::More | Self::Tls | Self::Bytes => return self,
        };
        if without.keeps(wall) { self } else { Self::Bytes }
    }
}

/// Why nothing can be said of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It ended before.
    Ended,
    /// It took too long.
    Slow,
}

/// A client's first bytes.
#[derive(Debug, Default)]
pub(crate) struct First {
    /// All that was read.
    pub(crate) bytes: Vec<u8>,
}

/// Looks at first bytes that were sent to a port of that name. More of them never change what was
/// said once, except for [`Sight::More`].
pub(crate) fn look(bytes: &[u8], name: &DomainName, port: u16) -> Sight {
    let mut hello = Vec::new();
    match tls::look(bytes, &mut hello) {
        tls::Hello::More => Sight::More,
        tls::Hello::Refused(why) => Sight::Refused(why),
        tls::Hello::Sound(_) if port == 80 => Sight::Refused(FOR_HTTP),
        tls::Hello::Sound(asked) if is_same(asked, name) => Sight::Tls,
        tls::Hello::Sound(_) => Sight::Refused("its TLS hello is for another host"),
        tls::Hello::Other if port == 443 => Sight::Refused(FOR_TLS),
        tls::Hello::Other => match http::look(bytes) {
            http::Line::More => Sight::More,
            http::Line::Request => Sight::Http,
            http::Line::Other if port == 80 => Sight::Refused(FOR_HTTP),
            http::Line::Other => Sight::Bytes,
        },
    }
}

/// Where a TLS hello ends that may pass: what follows it is for [`look_again`].
pub(crate) fn end_of_hello(bytes: &[u8]) -> usize {
    tls::end(bytes)
}

/// Looks at what follows a TLS hello, up to where no second one can follow: [`Sight::Tls`] when
/// there was one or none can come, like [`look`] in everything else. `bytes` begin with the hello.
pub(crate) fn look_again(bytes: &[u8], name: &DomainName) -> Sight {
    match tls::look_again(bytes, &mut Vec::new()) {
        tls::Hello::More => Sight::More,
        tls::Hello::Refused(why) => Sight::Refused(why),
        tls::Hello::Sound(asked) if !is_same(asked, name) => {
            Sight::Refused("its second TLS hello is for another host")
        }
        tls::Hello::Sound(_) | tls::Hello::Other => Sight::Tls,
    }
}

fn is_same(asked: &[u8], name: &DomainName) -> bool {
    asked.eq_ignore_ascii_case(name.as_str().as_bytes())
}

/// Says what first bytes are, whomever they are for: so a refusal speaks the client's language.
pub(crate) fn language(bytes: &[u8]) -> Sight {
    match tls::look(bytes, &mut Vec::new()) {
        tls::Hello::More => Sight::More,
        tls::Hello::Sound(_) | tls::Hello::Refused(_) => Sight::Tls,
        tls::Hello::Other => match http::look(bytes) {
            http::Line::More => Sight::More,
            http::Line::Request => Sight::Http,
            http::Line::Other => Sight::Bytes,
        },
    }
}

impl First {
    /// Reads until it can be said what a client wants. Its first byte may take as long as `wait`.
    pub(crate) async fn look(
        &mut self,
        client: &TcpStream,
        wait: Duration,
        judge: impl Fn(&[u8]) -> Sight,
    ) -> Result<Sight, Silence> {
        let known = |bytes: &[u8]| Some(judge(bytes)).filter(|sight| *sight != Sight::More);
        self.until(client, wait, known).await
    }

    /// Reads until `judge` says what there is.
    pub(crate) async fn until<T>(
        &mut self,
        client: &TcpStream,
        wait: Duration,
        judge: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Silence> {
        let mut end = Instant::now() + wait;
        loop {
            if let Some(known) = judge(&self.bytes) {
                return Ok(known);
            }
            match timeout_at(end, self.read(client)).await {
                Ok(Ok(0) | Err(_)) => return Err(Silence::Ended),
                Ok(Ok(_)) => end = end.min(Instant::now() + PATIENCE),
                Err(_) => return Err(Silence::Slow),
            }
        }
    }

    /// Reads some more.
    async fn read(&mut self, client: &TcpStream) -> io::Result<usize> {
        loop {
            client.readable().await?;
            self.bytes.reserve(4 << 10);
            match client.try_read_buf(&mut self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

#[cfg(test)]
mod tests;
