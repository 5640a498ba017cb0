//! The one provider call of each moving state, bounded and repeated.

use std::time::Duration;

use infield_domain::lifecycle::State;
use infield_domain::provider::Running;
use infield_domain::sandbox::Sandbox;
use infield_domain::{Error, Kind, Result};

use crate::Engine;

/// How long the provider may take to make a sandbox.
const CREATE_LIMIT: Duration = Duration::from_secs(30);
/// To start one again; a saved layer is copied back.
const START_LIMIT: Duration = Duration::from_secs(120);
/// To stop one; its layer is saved.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// To hold one, or to let it go on.
const PAUSE_LIMIT: Duration = Duration::from_secs(10);
/// To remove one: thousands of files, on a disk that others keep busy.
const DELETE_LIMIT: Duration = Duration::from_secs(30);
/// Between two tries to remove one.
const DELETE_PAUSE: Duration = Duration::from_secs(2);
/// Between tries when the provider was away, such as while a launcher is started anew.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(400), Duration::from_millis(1_500)];

/// What came of a movement.
pub(crate) enum Performed {
    Ready(Running),
    Held,
    NotHeld(Error),
    Resumed,
    NotResumed(Error),
    Halted,
    Gone,
    Failed(Error),
    NotGone(Error),
}

/// Does what the state of the sandbox asks of the provider.
pub(crate) fn movement(
    engine: &Engine,
    sandbox: &Sandbox,
) -> impl Future<Output = Performed> + Send + use<> {
    let (engine, sandbox) = (engine.clone(), sandbox.clone());
    async move {
        // What is meant is on record before the provider is asked for it, so that whoever comes
        // after a crash in the middle goes on with it. A creation is recorded by its maker
        // meanwhile: nobody has heard of what has no record yet, and a recovery removes it.
        if sandbox.state != State::Creating
            && let Err(error) = engine.records().call(|_| Ok(())).await
        {
            tokio::time::sleep(DELETE_PAUSE).await;
            return Performed::Failed(error);
        }
        match sandbox.state {
            State::Creating => bring_up(&engine, &sandbox, First::Yes).await,
            // A sandbox that never ran has no layer to start from.
            State::Starting if sandbox.enforcement.is_none() => {
                bring_up(&engine, &sandbox, First::Yes).await
            }
            State::Starting => bring_up(&engine, &sandbox, First::No).await,
            State::Pausing => hold(&engine, &sandbox).await,
            State::Resuming => resume(&engine, &sandbox).await,
            State::Stopping => {
                let call = || engine.provider().stop(&sandbox.id, &sandbox.spec);
                match repeated(STOP_LIMIT, "stopping", call).await {
                    Ok(()) => Performed::Halted,
                    Err(error) => Performed::Failed(error),
                }
            }
            State::Deleting => remove(&engine, &sandbox).await,
            State::Running
            | State::Paused
            | State::Stopped
            | State::Archived
            | State::Failed
            | State::Deleted => {
                Performed::Failed(Error::internal("a resting sandbox has no movement"))
            }
        }
    }
}

/// Whether there is no layer yet.
enum First {
    Yes,
    No,
}

async fn bring_up(engine: &Engine, sandbox: &Sandbox, first: First) -> Performed {
    let provider = engine.provider();
    let secrets = match engine.given(&sandbox.spec.secrets).await {
        Ok(secrets) => secrets,
        Err(error) => return Performed::Failed(error),
    };
    let seat = engine.registry().by_id(&sandbox.id);
    let before = seat.map_or_else(Default::default, |seat| seat.moved.get());
    let result = match first {
        First::Yes => {
            let call = || provider.create(sandbox, &secrets);
            repeated(CREATE_LIMIT, "creating", call).await
        }
        First::No => {
            let call = || provider.start(sandbox, &secrets, &before);
            repeated(START_LIMIT, "starting", call).await
        }
    };
    let running = match result {
        Ok(running) => running,
        Err(error) => return Performed::Failed(error),
    };
    engine.note_use(&sandbox.spec.volumes);
    let missing = running.enforcement.missing(&sandbox.spec.require);
    if missing.is_empty() {
        return Performed::Ready(running);
    }
    let undone = match first {
        First::Yes => provider.delete(&sandbox.id).await,
        First::No => provider.stop(&sandbox.id, &sandbox.spec).await,
    };
    if let Err(error) = undone {
        return Performed::Failed(error);
    }
    let words: Vec<_> = missing.iter().map(|control| control.as_str()).collect();
    let error = Error::unsupported(format!("nothing here enforces `{}`", words.join("`, `")));
    Performed::Failed(error.with_hint("see `infield doctor` for the mend, or require less"))
}

async fn hold(engine: &Engine, sandbox: &Sandbox) -> Performed {
    let call = || engine.provider().pause(&sandbox.id);
    let Err(error) = repeated(PAUSE_LIMIT, "pausing", call).await else { return Performed::Held };
    // Nobody knows how far it came; one that is called running has to run.
    let call = || engine.provider().resume(&sandbox.id);
    if let Err(error) = repeated(PAUSE_LIMIT, "resuming", call).await {
        tracing::warn!(id = %sandbox.id, %error, "a sandbox that was not paused may be held");
    }
    Performed::NotHeld(error)
}

/// What it may reach is in force before it goes on, also when the network process is a new one.
async fn resume(engine: &Engine, sandbox: &Sandbox) -> Performed {
    let (provider, id) = (engine.provider(), &sandbox.id);
    let before = engine.registry().by_id(id).map_or_else(Default::default, |seat| seat.moved.get());
    let resumed = async {
        let terms = sandbox.terms(before);
        repeated(PAUSE_LIMIT, "resuming", || provider.set_network(id, &terms)).await?;
        repeated(PAUSE_LIMIT, "resuming", || provider.resume(id)).await?;
        if sandbox.spec.secrets.is_empty() {
            return Ok(());
        }
        let given = engine.still_given(&sandbox.spec.secrets).await?;
        repeated(PAUSE_LIMIT, "resuming", || provider.set_secrets(id, &given)).await
    };
    let Err(error) = resumed.await else { return Performed::Resumed };
    // A resumption whose policy cannot be applied is none.
    if let Err(error) = repeated(PAUSE_LIMIT, "pausing", || provider.pause(id)).await {
        tracing::warn!(%id, %error, "a sandbox that was not resumed may go on");
    }
    Performed::NotResumed(error)
}

async fn remove(engine: &Engine, sandbox: &Sandbox) -> Performed {
    let removed = tokio::time::timeout(DELETE_LIMIT, engine.provider().delete(&sandbox.id)).await;
    let error = match removed {
        Ok(Ok(())) => return Performed::Gone,
        Ok(Err(error)) => error,
        Err(_) => late("deleting", DELETE_LIMIT),
    };
    tracing::warn!(
        id = %sandbox.id,
        error = &error as &dyn std::error::Error,
        "a sandbox cannot be removed yet"
    );
    // The callers of today learn it at once from the next try; this one rests before it.
    tokio::time::sleep(DELETE_PAUSE).await;
    Performed::NotGone(error)
}

async fn repeated<'a, T>(
    limit: Duration,
    what: &str,
    call: impl Fn() -> futures_core::future::BoxFuture<'a, Result<T>>,
) -> Result<T> {
    let tries = async {
        for pause in PAUSES {
            match call().await {
                Err(error) if error.kind() == Kind::Unavailable => {
                    tokio::time::sleep(pause).await;
                }
                other => return other,
            }
        }
        call().await
    };
    tokio::time::timeout(limit, tries).await.unwrap_or_else(|_| Err(late(what, limit)))
}

fn late(what: &str, limit: Duration) -> Error {
    Error::timeout(format!("{what} took longer than {} s", limit.as_secs()))
        .with_hint("see the daemon's log, and try again")
}
