//! The MCP door, put together: over HTTP for everybody with a key, and over a byte pipe for each
//! front of this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use infield_domain::Result;
use infield_engine::Engine;
use infield_mcp::{Defaults, Door, HttpDoor, HttpSettings, NoFolders, Session};
use infield_rest::wire::{McpDefaults, McpFolders, McpHello};
use infield_rest::{Mcp, PipeCall, mcp_service};
use tokio_util::sync::CancellationToken;

/// Makes the door. `listen` is where the network reaches it, if it does.
pub(super) fn door(
    engine: &Engine,
    listen: Option<SocketAddr>,
    shutdown: &CancellationToken,
) -> Mcp {
    let settings = HttpSettings {
        defaults: Defaults::standard(),
        allowed_hosts: hosts(listen),
        allowed_origins: Vec::new(),
        shutdown: shutdown.clone(),
    };
    let engine = engine.clone();
    Mcp {
        http: mcp_service(HttpDoor::new(engine.clone(), settings)),
        pipe: Arc::new(move |call| Box::pin(serve(engine.clone(), call))),
        folders: Arc::new(refuse),
    }
}

/// The names by which a client may know this server. The layer in front has checked them already;
/// for an address that stands for all of the machine's, it alone can.
fn hosts(listen: Option<SocketAddr>) -> Vec<String> {
    let named = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
    match listen.map(|address| address.ip()) {
        Some(address) if address.is_unspecified() => Vec::new(),
        Some(address) if !address.is_loopback() => {
            named.into_iter().chain([address.to_string()]).collect()
        }
        Some(_) | None => named.into(),
    }
}

async fn serve(engine: Engine, call: PipeCall<McpHello>) -> Result<()> {
    let PipeCall { who, hello, io, shutdown } = call;
    let session = Session {
        principal: who,
        defaults: defaults(hello.defaults)?,
        folders: Arc::new(NoFolders::NONE_OPENED),
    };
    Door::new(engine, session).serve(io, shutdown).await
}

fn defaults(told: McpDefaults) -> Result<Defaults> {
    let standard = Defaults::standard();
    Ok(Defaults {
        image: told.image.map(|image| image.parse()).transpose()?,
        language: told.language.map(|language| language.parse()).transpose()?,
        persistent: told.persistent.unwrap_or(standard.persistent),
        sandbox: told.sandbox,
        foreground_ms: told.foreground_ms.unwrap_or(standard.foreground_ms),
    })
}

fn refuse(_: PipeCall<McpFolders>) -> BoxFuture<'static, Result<()>> {
    Box::pin(async {
        Err(infield_domain::Error::unsupported("this daemon takes no trees of the host yet"))
    })
}
