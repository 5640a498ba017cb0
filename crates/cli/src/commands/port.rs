//! `infield port`: ports inside a sandbox, from outside.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use clap::{ArgGroup, Args};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use infield_domain::preview::Access;
use infield_domain::{Error, Result};
use infield_rest::wire::{ChangePort, Done, LinkPort, Page, Port, PortLink, Sandbox};
use tokio::net::{TcpListener, TcpStream};

use super::info::path;
use crate::args::{Format, value};
use crate::client::{Client, Request};
use crate::output::{self, Table};

#[cfg(test)]
mod tests;

/// Connections at once.
const CONNECTIONS: usize = 128;

/// Rest after a failed accept.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Reach ports inside a sandbox: forward one, link to it, or open it to everybody
///
/// With a port and nothing else it is forwarded: connections to an address of this machine's
/// loopback go to that port, whatever they speak, until you press Ctrl-C. Each sandbox has a
/// loopback address of its own, so that browsers keep their cookies apart. Every user of this
/// machine can connect meanwhile.
///
/// Links and public ports need a server with previews: `infield serve --preview ADDR:PORT`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("deed").multiple(false))]
#[command(after_help = "\
Examples:
  infield port web                           which ports are in use
  infield port web 3000                      forward it until Ctrl-C
  infield port web 3000 --link --expires 8h  a link for somebody else
  infield port web 3000 --public             everybody may visit
  infield port web 3000 --expire             end every link there is")]
pub(crate) struct PortArgs {
    /// A name or an id
    #[arg(value_name = "SANDBOX")]
    sandbox: String,
    /// The port inside; without it, the ports in use are listed
    #[arg(value_name = "PORT")]
    port: Option<NonZeroU16>,
    /// Forward from this address, instead of one of the loopback that is the sandbox's own
    #[arg(long, value_name = "ADDR:PORT", group = "deed", requires = "port")]
    listen: Option<SocketAddr>,
    /// Make a link: whoever has it may visit
    #[arg(long, group = "deed", requires = "port")]
    link: bool,
    /// How long the link lives; by default until `--expire`
    #[arg(long, value_name = "TIME", requires = "link", value_parser = value::duration_ms)]
    expires: Option<u64>,
    /// Let everybody who reaches the server visit
    #[arg(long, group = "deed", requires = "port")]
    public: bool,
    /// Let visitors with a link alone in again
    #[arg(long, group = "deed", requires = "port")]
    private: bool,
    /// End every link to the port, and whatever came through one
    #[arg(long, group = "deed", requires = "port")]
    expire: bool,
    #[command(flatten)]
    format: Format,
}

/// Does what was asked.
pub(crate) async fn run(client: &Client, args: PortArgs) -> Result<()> {
    let Some(port) = args.port else { return list(client, &args).await };
    let place = format!("{}/ports/{port}", path(&args.sandbox));
    if args.link {
        return link(client, &place, &args).await;
    }
    let change = match (args.public, args.private, args.expire) {
        (true, _, _) => Some(put(&place, Access::Public)?),
        (_, true, _) => Some(put(&place, Access::Private)?),
        (_, _, true) => Some(Request::post(format!("{place}/expire"), &Done {})?),
        (_, _, _) => None,
    };
    match change {
        Some(change) => show(&client.json::<Port>(change).await?, args.format),
        None => forward(client, port, &args).await,
    }
}

fn put(place: &str, access: Access) -> Result<Request> {
    Request::put_json(place, &ChangePort { access })
}

async fn list(client: &Client, args: &PortArgs) -> Result<()> {
    let place = format!("{}/ports", path(&args.sandbox));
    let page: Page<Port> = client.json(Request::get(place)).await?;
    if args.format.json {
        return output::json(&page.items);
    }
    let mut table = Table::new(&["PORT", "ACCESS", "IN USE", "PREVIEW"]);
    for port in &page.items {
        let used = if port.listening == Some(true) { "yes" } else { "no" };
        let url = port.url.clone().unwrap_or_else(|| "-".to_owned());
        table.row([port.port.to_string(), port.access.as_str().to_owned(), used.to_owned(), url]);
    }
    output::say(&table.render())
}

fn show(port: &Port, format: Format) -> Result<()> {
    if format.json {
        return output::json(port);
    }
    let mut table = Table::new(&[]);
    table.pair("port", port.port.to_string());
    table.pair("access", port.access.as_str().to_owned());
    table.pair("preview", port.url.clone().unwrap_or_else(|| no_previews().to_owned()));
    output::say(&table.render())
}

fn no_previews() -> &'static str {
    "none: the server has no previews"
}

async fn link(client: &Client, place: &str, args: &PortArgs) -> Result<()> {
    let wish = LinkPort { expires_in_ms: args.expires };
    let made: PortLink = client.json(Request::post(format!("{place}/link"), &wish)?).await?;
    if args.format.json {
        return output::json(&made);
    }
    match made.link {
        Some(link) => output::say(&format!("{link}\n")),
        None => Err(Error::unavailable("the server has no previews").with_hint(format!(
            "forward it with `infield port {} {}`, or run `infield serve --preview ADDR:PORT`",
            args.sandbox, made.port
        ))),
    }
}

async fn forward(client: &Client, port: NonZeroU16, args: &PortArgs) -> Result<()> {
    let sandbox: Sandbox = client.json(Request::get(path(&args.sandbox))).await?;
    let listener = listen(args.listen, &sandbox.id, port).await?;
    let address = listener.local_addr().map_err(|error| cannot_listen(&error.to_string()))?;
    if args.format.json {
        output::json(&serde_json::json!({"address": address.to_string(), "port": port}))?;
    } else {
        output::say(&format!("http://{address}/ leads to port {port} of `{}`\n", sandbox.name))?;
    }
    let place = format!("{}/ports/{port}/connect", path(&sandbox.id));
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => connections.push(carry(client, &place, stream)),
                Err(_) => tokio::time::sleep(ACCEPT_REST).await,
            },
            Some(carried) = connections.next() => if let Err(error) = carried {
                output::complain(&format!("a connection failed: {error}\n"));
            },
        }
    }
}

async fn carry(client: &Client, place: &str, mut stream: TcpStream) -> Result<()> {
    let request = Request::post(place, &Done {})?;
    let mut inside = client.upgrade(request).await?.bytes();
    // Either side may cut a connection at any time; that is no failure of ours.
    drop(tokio::io::copy_bidirectional(&mut stream, &mut inside).await);
    Ok(())
}

/// Opens the address that was asked for, or the sandbox's own with the port's number, or with any
/// when that one is taken or needs a privilege.
async fn listen(asked: Option<SocketAddr>, sandbox: &str, port: NonZeroU16) -> Result<TcpListener> {
    if let Some(asked) = asked {
        let bound = TcpListener::bind(asked).await;
        return bound.map_err(|error| cannot_listen(&format!("`{asked}`: {error}")));
    }
    let own = loopback(sandbox);
    match TcpListener::bind((own, port.get())).await {
        Err(error)
            if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            let bound = TcpListener::bind((own, 0)).await;
            bound.map_err(|error| cannot_listen(&format!("`{own}`: {error}")))
        }
        bound => bound.map_err(|error| cannot_listen(&format!("`{own}:{port}`: {error}"))),
    }
}

fn cannot_listen(why: &str) -> Error {
    Error::unavailable(format!("cannot listen on {why}"))
        .with_hint("choose an address with `--listen ADDR:PORT`")
}

/// An address of the loopback that belongs to a sandbox: browsers tell cookies apart by host and
/// not by port, and all of 127.0.0.0/8 is this machine. It follows from the id, so that a page
/// keeps its cookies.
fn loopback(sandbox: &str) -> Ipv4Addr {
    // FNV-1a; the id's letters are random already.
    let mixed = sandbox.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let [_, _, _, _, _, one, two, three] = mixed.to_be_bytes();
    // Neither the address that everybody uses nor the block's last one.
    Ipv4Addr::new(127, one.clamp(1, 254), two, three.clamp(1, 254))
}
