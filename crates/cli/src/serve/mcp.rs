//! The MCP door, put together: over HTTP for everybody with a key, and over a byte pipe for each
//! front of this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use infield_domain::Result;
use infield_engine::Engine;
use infield_mcp::{
    Defaults, Door, Folders, HttpDoor, HttpSettings, IntentRequest, NoFolders, PlainDoor, Session,
};
use infield_rest::wire::{self, McpDefaults, McpFolders, McpHello};
use infield_rest::{Mcp, PipeCall, mcp_service};
use tokio_util::sync::CancellationToken;

use super::options::Names;
use crate::folders::{Fronts, Seat};

/// Makes the door. `listen` is where the network reaches it, if it does.
pub(super) fn door(
    engine: &Engine,
    listen: Option<SocketAddr>,
    names: &Names,
    shutdown: &CancellationToken,
) -> Mcp {
    let settings = HttpSettings {
        defaults: Defaults::standard(),
        allowed_hosts: hosts(listen, names),
        allowed_origins: names.origins.clone(),
        shutdown: shutdown.clone(),
    };
    let engine = engine.clone();
    let plain = PlainDoor::new(engine.clone(), Defaults::standard());
    let spoken = plain.clone();
    let fronts = Fronts::default();
    let seats = fronts.clone();
    Mcp {
        http: mcp_service(HttpDoor::new(engine.clone(), settings)),
        plain: Arc::new(move |who, message| {
            let plain = plain.clone();
            Box::pin(async move { plain.answer(who, message).await })
        }),
        intent: Arc::new(move |who, request| {
            let spoken = spoken.clone();
            Box::pin(async move { spoken.intent(who, asked(request)).await })
        }),
        pipe: Arc::new(move |call| Box::pin(serve(engine.clone(), seats.clone(), call))),
        folders: Arc::new(move |call| Box::pin(take(fronts.clone(), call))),
    }
}

fn asked(request: wire::Intent) -> IntentRequest {
    let wire::Intent { intent, context, sandbox_id, dry_run } = request;
    IntentRequest { intent, context, sandbox_id, dry_run: Some(dry_run) }
}

/// The names by which a client may know this server. The layer in front has checked them already;
/// for an address that stands for all of the machine's, it alone can.
fn hosts(listen: Option<SocketAddr>, names: &Names) -> Vec<String> {
    let named = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into_iter();
    let named = named.chain(names.hosts.iter().cloned());
    match listen.map(|address| address.ip()) {
        Some(address) if address.is_unspecified() => Vec::new(),
        Some(address) if !address.is_loopback() => named.chain([address.to_string()]).collect(),
        Some(_) | None => named.collect(),
    }
}

async fn serve(engine: Engine, fronts: Fronts, call: PipeCall<McpHello>) -> Result<()> {
    let PipeCall { who, hello, io, shutdown } = call;
    // The front's folders are found for as long as its pipe is open.
    let seat = match hello.folders.is_empty() {
        true => None,
        false => Some(fronts.seat(&hello.session, hello.folders)?),
    };
    let none = || Arc::new(NoFolders::NONE_OPENED) as Arc<dyn Folders>;
    let session = Session {
        principal: who,
        defaults: defaults(hello.defaults)?,
        folders: seat.as_ref().map_or_else(none, Seat::folders),
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

/// Takes a connection over which trees of the host come and go.
async fn take(fronts: Fronts, call: PipeCall<McpFolders>) -> Result<()> {
    fronts.connect(&call.hello.session, call.io).await
}
