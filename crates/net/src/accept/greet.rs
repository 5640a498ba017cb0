//! A client of the proxy, until it is known where it wants to go, and whether that is looked up.

use std::time::Duration;

use infield_domain::network::{DomainName, Judgement};
use tokio::net::TcpStream;

use super::carry::Caller;
use super::entry::{Asked, Entry};
use super::{Shared, lead};
use crate::inspect::{First, Silence};
use crate::proxy::{self, Place, Said, Wanted, socks};
use crate::{dns, refusal};

/// How long a client may take until its first byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a client is not served.
enum Failure {
    /// It went without a word.
    Silent,
    /// It is answered like this, for this reason.
    Wrong(Vec<u8>, &'static str),
}

/// Hears a client, and carries its connection to its end.
pub(super) async fn greet(shared: &Shared, stream: TcpStream) {
    let mut first = First::default();
    let entry = |asked| Entry::new(&shared.sandbox, &shared.pace, asked);
    match hear(&stream, &mut first).await {
        Ok(Wanted { place, port, manner, taken }) => {
            first.bytes.drain(..taken.min(first.bytes.len()));
            let asked = match place {
                Place::Name(name) => Asked { name: Some(name), address: None, port },
                Place::Address(address) => {
                    Asked { name: None, address: Some(address.to_canonical()), port }
                }
            };
            let caller = Caller { stream, first, manner };
            lead(shared, &entry(asked), caller).await;
        }
        Err(Failure::Silent) => {}
        Err(Failure::Wrong(answer, why)) => {
            entry(Asked::NOBODY).end(Judgement::Refused, why);
            refusal::farewell(&stream, &answer).await;
        }
    }
}

async fn hear(stream: &TcpStream, first: &mut First) -> Result<Wanted, Failure> {
    let said = first.until(stream, PATIENCE, proxy::look).await;
    let complain = |first: &First, why| Failure::Wrong(proxy::complaint(&first.bytes, why), why);
    let length = match said.map_err(|silence| silent(silence, first))? {
        Said::Wanted(wanted) => return Ok(wanted),
        Said::Wrong(why) => return Err(complain(first, why)),
        Said::Greeting(length) => length,
    };
    first.bytes.drain(..length);
    if !matches!(stream.try_write(socks::WELCOME), Ok(written) if written == socks::WELCOME.len()) {
        return Err(Failure::Silent);
    }
    let wanted = first.until(stream, PATIENCE, socks::request).await;
    let wanted = wanted.map_err(|silence| silent(silence, first))?;
    wanted.map_err(|why| Failure::Wrong(socks::FAILED.to_vec(), why))
}

fn silent(silence: Silence, first: &First) -> Failure {
    match silence {
        Silence::Ended => Failure::Silent,
        Silence::Slow if first.bytes.is_empty() => Failure::Silent,
        Silence::Slow => Failure::Wrong(Vec::new(), "its head took too long"),
    }
}

/// Looks the name of a connection up, under the bounds of the sandbox's own resolver, which its
/// clients do without here. Why it is refused, if it is.
pub(super) async fn look_up(
    shared: &Shared,
    name: &DomainName,
    port: u16,
) -> Result<(), &'static str> {
    if !shared.sandbox.rules().opens(name, port) {
        return Err("no rule allows it");
    }
    if shared.upstream.knows(name) {
        return Ok(());
    }
    let _place = dns::admit(&shared.sandbox, name)?;
    // What is found is kept, and asked for again when it is decided about.
    drop((shared.dial.addresses)(name.clone()).await);
    Ok(())
}
