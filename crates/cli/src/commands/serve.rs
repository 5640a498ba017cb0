//! `infield serve`: the daemon, in the foreground.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use infield_domain::Result;
use infield_domain::network::{Ceilings, Policy};
use infield_domain::preview::Origin;

use crate::args::{Global, value};
use crate::home::Home;
use crate::serve::{
    Access, IdBlock, LIMITED, Lifetime, NET_BANDWIDTH, NET_CONNECTIONS, NET_TOTAL, NETWORK, Names,
    Networking, Options, PREVIEW, Previewing, RESOLVER, SSH, SecretKey, Sshing, TRUST, Trust,
};

/// Run the daemon, and open HTTP when asked to
///
/// Every other command starts a daemon in the background when none runs; that one ends by itself
/// after ten minutes without a running sandbox, a client and a timer that is due. Run it yourself
/// to open HTTP, to put it under a service manager, or to see its log.
///
/// SIGTERM ends the daemon and leaves the sandboxes running; the next daemon finds them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  infield serve                              the unix socket alone
  infield serve --listen 127.0.0.1:3986      also HTTP: /mcp, /v1 and /api/health, with a key
  infield key create laptop                  makes such a key")]
pub(crate) struct ServeArgs {
    /// Open HTTP on this address too
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Ask HTTP callers for no key: every program of every user on this machine may then do
    /// everything. Only on a loopback address
    #[arg(long, requires = "listen")]
    pub(crate) no_auth: bool,
    /// Answer to this `Host` too, such as the name of a proxy in front
    #[arg(long, requires = "listen", value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Take requests of this web page too, such as `https://tools.example`
    #[arg(long, requires = "listen", value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
    /// As root: the account that the daemon drops to, by name or number; by default an id that
    /// belongs to nobody
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// As root: the block of ids that sandboxes get theirs from
    #[arg(long, value_name = "FIRST:COUNT")]
    pub(crate) ids: Option<IdBlock>,
    /// What a sandbox may reach when its maker does not say: `none`, `limited` or `public`
    #[arg(long, value_name = "NETWORK", env = NETWORK)]
    pub(crate) network: Option<Policy>,
    /// A file with the rules of `limited`, one on a line, instead of the built-in ones
    #[arg(long, value_name = "FILE", env = LIMITED)]
    pub(crate) limited: Option<PathBuf>,
    /// Serve previews of ports inside on this address; beside `--listen` on a loopback address that
    /// is the next port
    #[arg(long, value_name = "ADDR:PORT", env = PREVIEW)]
    pub(crate) preview: Option<SocketAddr>,
    /// How visitors write that address, such as `https://preview.example.org`: every name below it
    /// must lead to the listener, or to a proxy in front
    #[arg(long, requires = "preview", value_name = "URL")]
    pub(crate) preview_url: Option<Origin>,
    /// The certificate for every name below it, with its chain, as PEM
    #[arg(long, requires_all = ["preview", "preview_key"], value_name = "FILE")]
    pub(crate) preview_cert: Option<PathBuf>,
    /// The key of that certificate, as PEM
    #[arg(long, requires = "preview_cert", value_name = "FILE")]
    pub(crate) preview_key: Option<PathBuf>,
    /// Serve clients of SSH on this address; beside `--listen` on a loopback address that is the
    /// second port after it
    #[arg(long, value_name = "ADDR:PORT", env = SSH)]
    pub(crate) ssh: Option<SocketAddr>,
    /// How users write that host, such as `ssh.example.org`
    #[arg(long, requires = "ssh", value_name = "HOST")]
    pub(crate) ssh_name: Option<String>,
    /// Bytes a second that the network of a sandbox carries when its maker does not say
    #[arg(long, value_name = "SIZE", env = NET_BANDWIDTH, value_parser = value::size_bytes)]
    pub(crate) net_bandwidth: Option<u64>,
    /// Connections out of a sandbox at once when its maker does not say
    #[arg(long, value_name = "NUMBER", env = NET_CONNECTIONS)]
    pub(crate) net_connections: Option<u32>,
    /// Bytes that the network of a sandbox carries in all when its maker does not say
    #[arg(long, value_name = "SIZE", env = NET_TOTAL, value_parser = value::size_bytes)]
    pub(crate) net_total: Option<u64>,
    /// Where names are looked up for sandboxes, instead of the host's own resolvers
    #[arg(long, value_name = "ADDR[:PORT]", env = RESOLVER, value_delimiter = ',')]
    pub(crate) resolver: Vec<String>,
    /// A file with the key for secrets, 64 hexadecimal digits that nobody else may read; without
    /// it the key is what INFIELD_SECRET_KEY says, the credential `infield-secret-key` of the
    /// service manager, or `secret.key` in the data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_key: Option<PathBuf>,
    /// A file with certificates of authorities that hosts of secrets are verified by, besides
    /// those of the system
    #[arg(long, value_name = "FILE", env = TRUST)]
    pub(crate) trust: Option<PathBuf>,
}

/// Serves until it is told to end.
pub(crate) fn run(global: &Global, args: ServeArgs) -> Result<ExitCode> {
    let ceilings = Ceilings {
        connections: args.net_connections,
        bytes_per_second: args.net_bandwidth,
        total_bytes: args.net_total,
    };
    let options = Options {
        home: Home::resolve(global.home.as_deref())?,
        listen: args.listen,
        user: args.user,
        ids: args.ids.unwrap_or(IdBlock::STANDARD),
        names: Names { hosts: args.allow_host, origins: args.allow_origin },
        access: if args.no_auth { Access::Open } else { Access::Key },
        lifetime: Lifetime::Unlimited,
        previewing: Previewing {
            listen: args.preview,
            origin: args.preview_url,
            tls: args.preview_cert.zip(args.preview_key),
        },
        sshing: Sshing::new(args.ssh, args.ssh_name)?,
        networking: Networking::new(args.network, args.limited.as_deref(), &args.resolver)?
            .with_ceilings(ceilings)?,
        secret_key: SecretKey::find(args.secret_key.as_deref())?,
        trust: Trust::new(args.trust)?,
    };
    options.check()?;
    crate::serve::run(&options)?;
    Ok(ExitCode::SUCCESS)
}
