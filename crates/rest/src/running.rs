//! Executions: started, followed, read, stopped.
//!
//! A start answers in JSON once the execution has ended or its caller has waited long enough; or,
//! when the client asks for an upgrade, with a stream that is the execution's terminal.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use infield_domain::{ExecutionId, Principal, Result};
use infield_engine::{Collect, Run, Target};
use tokio_util::sync::CancellationToken;

use crate::convert::{Mode, Work};
use crate::failure::Answer;
use crate::gate::Who;
use crate::serve::Context;
use crate::upgrade::{self, MaybeUpgrade};
use crate::{body, convert, wire};

pub(crate) async fn run(
    State(context): State<Context>,
    Who(who): Who,
    upgrade: MaybeUpgrade,
    body::LargeJson(wish): body::LargeJson<wire::Run>,
) -> Answer<Response> {
    let target = Target::Temporary(Box::new(convert::create_sandbox(wish.sandbox)?));
    answer(&context, &who, upgrade, (target, wish.execution)).await
}

pub(crate) async fn execute(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    upgrade: MaybeUpgrade,
    body::LargeJson(wish): body::LargeJson<wire::Execute>,
) -> Answer<Response> {
    answer(&context, &who, upgrade, (Target::Existing(reference), wish)).await
}

async fn answer(
    context: &Context,
    who: &Principal,
    upgrade: MaybeUpgrade,
    (target, wish): (Target, wire::Execute),
) -> Answer<Response> {
    let mode = if upgrade.0.is_some() { Mode::Stream } else { Mode::Answer };
    let (work, gather) = convert::work(wish, target, mode)?;
    let run = start(context, who, work).await?;
    if let Some(upgrade) = upgrade.0 {
        return Ok(upgrade::run(context, who, upgrade, run));
    }
    let outcome = run
        .collect(Collect {
            foreground_ms: gather.foreground_ms,
            max_chars: gather.max_chars,
            // A client that goes away drops this whole future, and with it the run.
            cancel: CancellationToken::new(),
            on_progress: None,
        })
        .await?;
    Ok(Json(convert::outcome(outcome)).into_response())
}

async fn start(context: &Context, who: &Principal, work: Work) -> Result<Run> {
    match work {
        Work::Code(code) => context.doors.engine.run_code(who, code).await,
        Work::Command(command) => context.doors.engine.run_command(who, command).await,
    }
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Page<wire::ExecutionRecord>>> {
    let records = context.doors.engine.list_executions(&who, &reference).await?;
    Ok(Json(convert::whole(records, convert::execution_record)))
}

pub(crate) async fn get(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(id): body::Part,
) -> Answer<Json<wire::ExecutionRecord>> {
    let record = context.doors.engine.get_execution(&who, &execution_id(&id)?).await?;
    Ok(Json(convert::execution_record(record)))
}

pub(crate) async fn stop(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(id): body::Part,
) -> Answer<Json<wire::ExecutionRecord>> {
    let record = context.doors.engine.stop_execution(&who, &execution_id(&id)?).await?;
    Ok(Json(convert::execution_record(record)))
}

pub(crate) async fn output(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(id): body::Part,
    body::Query(query): body::Query<wire::OutputQuery>,
) -> Answer<Json<wire::OutputPage>> {
    let request = convert::output_query(execution_id(&id)?, query);
    let output = context.doors.engine.read_output(&who, request).await?;
    Ok(Json(convert::output(output)))
}

pub(crate) async fn attach(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(id): body::Part,
    upgrade: MaybeUpgrade,
    body::Json(wish): body::Json<wire::Attach>,
) -> Answer<Response> {
    let upgrade = upgrade.required()?;
    let attach = convert::attach(execution_id(&id)?, wish);
    let run = context.doors.engine.attach(&who, attach).await?;
    Ok(upgrade::run(&context, &who, upgrade, run))
}

pub(crate) async fn signal(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(id): body::Part,
    body::Json(wish): body::Json<wire::SendSignal>,
) -> Answer<Json<wire::Done>> {
    context.doors.engine.signal_execution(&who, &execution_id(&id)?, wish.signal).await?;
    Ok(Json(wire::Done {}))
}

fn execution_id(text: &str) -> Result<ExecutionId> {
    text.parse()
}
