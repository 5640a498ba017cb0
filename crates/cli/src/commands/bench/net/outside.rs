//! Servers of the bench: on the host, and in network namespaces that stand for the world outside.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::{Command as Foreground, Stdio as Pipes};

use infield_domain::{Error, Result};
use tokio::process::Command;

use super::process::{OWN, Process, lost};
use super::{PEER, SERVER};
use crate::commands::bench::host;

/// Blocks for documents (RFC 5737), of which servers and the host get addresses.
const BLOCKS: [[u8; 3]; 3] = [[198, 51, 100], [203, 0, 113], [192, 0, 2]];

/// A server, which ends with this.
pub(super) struct Server {
    /// Where it is.
    pub(super) address: IpAddr,
    /// What it said when it was ready, its port first of all.
    pub(super) said: String,
    /// Its end is the server's.
    _process: Process,
}

impl Server {
    /// One on the host's loopback.
    pub(super) async fn here() -> Result<Self> {
        let address = Ipv4Addr::LOCALHOST;
        let mut command = Command::new(OWN);
        command.args([PEER, SERVER, &address.to_string()]);
        let mut process = Process::spawn(command)?;
        let said = process.line().await?;
        Ok(Self { address: address.into(), said, _process: process })
    }

    /// One of a kind in a network namespace, which lasts as long as its process. It is told a word
    /// when its interface is there.
    pub(super) async fn outside(kind: &str, word: &str) -> Result<Self> {
        for program in ["ip", "unshare"] {
            if !rustix::process::geteuid().is_root() || !host::has(program) {
                return Err(Error::unsupported("a namespace for the server cannot be made")
                    .with_hint("run this as root, with iproute2 and util-linux installed"));
            }
        }
        let own = std::env::current_exe().map_err(lost)?;
        let [here, outside] = free_addresses()?;
        let mut command = Command::new("unshare");
        command.args(["--net", "--"]).arg(own);
        command.args([PEER, kind, &outside.to_string(), "outside"]);
        let mut process = Process::spawn(command)?;
        process.line().await?;
        let pid = process.id()?;
        let interface = format!("ifb{pid}");
        for step in [
            format!("link add {interface} type veth peer name outside netns {pid}"),
            format!("addr add {here}/30 dev {interface}"),
            format!("link set {interface} up"),
        ] {
            let mut ip = Foreground::new("ip");
            host::to_end(ip.args(step.split(' ')).stdin(Pipes::null()))?;
        }
        process.tell(word).await?;
        let said = process.line().await?;
        Ok(Self { address: outside.into(), said, _process: process })
    }
}

/// Two addresses of a block that nothing of this host is in.
fn free_addresses() -> Result<[Ipv4Addr; 2]> {
    let addresses = BLOCKS.map(|[a, b, c]| [1, 2].map(|last| Ipv4Addr::new(a, b, c, last)));
    let is_free = |[_, outside]: &[Ipv4Addr; 2]| {
        // Nothing is sent: the kernel says from which address it would be.
        let source = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.connect((*outside, 9))?;
            socket.local_addr()
        });
        let block = |address: IpAddr| match address {
            IpAddr::V4(four) => Some(four.to_bits() >> 8),
            IpAddr::V6(_) => None,
        };
        source.map_or(true, |source| block(source.ip()) != block((*outside).into()))
    };
    addresses.into_iter().find(is_free).ok_or_else(|| {
        Error::unsupported("this host has addresses of every block for documents")
            .with_hint("end the other benches")
    })
}
