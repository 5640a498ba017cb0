//! A daemon of the bench's own, which knows the server's name and trusts its authority.
//!
//! A process stands between: it starts the daemon as commands do, and when its standard input ends
//! it removes the sandboxes, ends the daemon and removes everything. So nothing is left when the
//! bench is killed, and it is in no terminal's group of processes, which an interrupt would end.

use std::fs;
use std::io::{self, BufRead, ErrorKind};
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use infield_domain::{Error, Result};
use infield_rest::wire::{Done, Page, Sandbox, Shutdown, ShutdownSandboxes};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::super::process::{OWN, PATIENCE, Process};
use super::super::server::{tell, until_the_end};
use super::super::{DAEMON, PEER};
use crate::client::{Client, Request, Starts};
use crate::commands::bench::random;
use crate::commands::block_on;
use crate::commands::info::path;
use crate::home::Home;
use crate::serve::{RESOLVER, TRUST};

/// What Debian calls the file with all authorities, which is what a sandbox has.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The daemon, from outside.
pub(super) struct Daemon {
    process: Process,
    pub(super) client: Client,
    /// What is removed with it.
    pub(super) folder: PathBuf,
}

/// What it is told of the server.
#[derive(Serialize, Deserialize)]
struct World {
    resolver: IpAddr,
    /// In PEM.
    authority: String,
}

impl Daemon {
    /// Starts it. The resolver is at an address, the authority in PEM.
    pub(super) async fn start(resolver: IpAddr, authority: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("infield-bench-{}", random()?));
        let client = Client::new(home(&folder)?, Starts::Nothing);
        let mut command = Command::new(OWN);
        command.args([PEER, DAEMON]).arg(&folder).process_group(0);
        // What the operator has settled for a daemon is not for this one.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env(RESOLVER, resolver.to_string()).env(TRUST, authority_in(&folder));
        let mut process = Process::lasting(command)?;
        let world = World { resolver, authority: authority.to_owned() };
        let world = serde_json::to_string(&world)
            .map_err(|source| Error::internal("cannot write JSON").with_source(source))?;
        process.tell(&world).await?;
        let said = process.line().await?;
        if said != READY {
            return Err(Error::unavailable(said));
        }
        Ok(Self { process, client, folder })
    }

    /// Ends it and removes all of it.
    pub(super) async fn end(self) -> Result<()> {
        self.process.end().await?;
        if self.folder.exists() {
            return Err(Error::internal("the daemon of the bench is not removed")
                .with_hint(format!("look at `{}`", self.folder.display())));
        }
        Ok(())
    }
}

/// What the process between says when the daemon is there.
const READY: &str = "ready";

fn home(folder: &Path) -> Result<Home> {
    Home::resolve(Some(&folder.join("home")))
}

fn authority_in(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

/// What a peer on the host trusts.
pub(super) fn bundle_in(folder: &Path) -> PathBuf {
    folder.join("bundle.pem")
}

/// Is the process between.
pub(in super::super) fn run(words: &[String]) -> io::Result<()> {
    let [folder] = words else { return Err(ErrorKind::InvalidInput.into()) };
    let folder = Path::new(folder);
    let mut world = String::new();
    io::stdin().lock().read_line(&mut world)?;
    let world: World = serde_json::from_str(&world)?;
    // Only a folder that nobody else has made is removed again.
    fs::DirBuilder::new().mode(0o755).create(folder)?;
    let kept = furnish(folder, &world).and_then(|()| keep(folder).map_err(io::Error::other));
    if let Err(error) = &kept {
        // The bench may be gone.
        drop(tell(&format!("the daemon of the bench failed: {error}")));
    }
    fs::remove_dir_all(folder)?;
    kept
}

fn furnish(folder: &Path, world: &World) -> io::Result<()> {
    let World { resolver, authority } = world;
    let mut bundle = fs::read_to_string(AUTHORITIES).unwrap_or_default();
    bundle.push_str(authority);
    fs::write(authority_in(folder), authority)?;
    fs::write(bundle_in(folder), bundle)?;
    fs::write(folder.join("resolv.conf"), format!("nameserver {resolver}\n"))?;
    fs::write(folder.join("nsswitch.conf"), "hosts: files dns\n")
}

/// Has a daemon until the bench is gone.
fn keep(folder: &Path) -> Result<()> {
    // One that died is started again, so that its sandboxes go in any case.
    let client = Client::new(home(folder)?, Starts::Daemon);
    let greeted = block_on(client.greet());
    let waited = greeted.and_then(|()| tell(READY).and_then(|()| until_the_end()).map_err(broken));
    let ended = block_on(async {
        let all: Page<Sandbox> = client.json(Request::get("/v1/sandboxes")).await?;
        for sandbox in all.items {
            let _gone: Sandbox = client.json(Request::delete(path(&sandbox.id))).await?;
        }
        let sandboxes = ShutdownSandboxes::Stop;
        let request = Request::post("/v1/shutdown", &Shutdown { sandboxes })?.patient(PATIENCE);
        let Done {} = client.json(request).await?;
        client.gone().await
    });
    waited.and(ended)
}

fn broken(source: io::Error) -> Error {
    Error::unavailable("the bench is gone").with_source(source)
}
