//! Commands and programs that are run to their end.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::routing;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infield_daytona::{Artifacts, Chart, CodeRunRequest, ExecuteRequest, ExecuteResponse};
use infield_domain::command::OnDisconnect;
use infield_domain::{Error, GuestPath, Kind, Result};
use infield_engine::toolbox::execute::Executed;
use infield_engine::{CommandLine, Plot, RunCode, RunCommand, RunOptions, Target, TimeLimit};

use crate::body::Part;
use crate::daytona::body;
use crate::daytona::failure::PROCESS_EXECUTION_TIMEOUT;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("POST", "/process/execute", || routing::post(execute)),
    route("POST", "/process/code-run", || routing::post(run_code)),
];

/// What a command may take whose caller does not say, in milliseconds: a day.
const STANDARD_MS: u64 = 86_400_000;

async fn execute(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<ExecuteRequest>,
) -> Answer<Json<ExecuteResponse>> {
    if wish.command.trim().is_empty() {
        let error = Error::invalid("there is no command to run");
        return Err(error.with_hint("send `{\"command\": \"ls -l\"}`, for example").into());
    }
    let run = RunCommand {
        target: Target::Existing(sandbox),
        command: CommandLine::Shell(wish.command),
        options: options(wish.cwd, wish.envs, wish.timeout)?,
    };
    let done = context.doors.engine.execute_command(&who, run).await.map_err(refused)?;
    Ok(Json(ExecuteResponse { exit_code: done.exit_code, result: done.output, artifacts: None }))
}

async fn run_code(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<CodeRunRequest>,
) -> Answer<Json<ExecuteResponse>> {
    let run = RunCode {
        target: Target::Existing(sandbox),
        code: wish.code,
        language: wish.language.map(|word| word.parse()).transpose()?,
        arguments: wish.argv.unwrap_or_default(),
        options: options(None, wish.envs, wish.timeout)?,
    };
    let Executed { exit_code, output, plots } =
        context.doors.engine.execute_code(&who, run).await.map_err(refused)?;
    let artifacts = Some(Artifacts { charts: plots.iter().map(chart).collect() });
    Ok(Json(ExecuteResponse { exit_code, result: output, artifacts }))
}

/// Nobody can ask for its output later, so it ends with whoever asked for it now.
fn options(
    cwd: Option<String>,
    envs: Option<BTreeMap<String, String>>,
    timeout: Option<f64>,
) -> Result<RunOptions> {
    let directory = cwd.filter(|cwd| !cwd.is_empty()).map(|cwd| cwd.parse::<GuestPath>());
    Ok(RunOptions {
        working_directory: directory.transpose()?,
        environment: envs.unwrap_or_default(),
        time_limit: TimeLimit::After(milliseconds(timeout)?),
        on_disconnect: OnDisconnect::Kill,
        ..RunOptions::standard()
    })
}

fn milliseconds(timeout: Option<f64>) -> Result<u64> {
    match timeout {
        None | Some(0.0) => Ok(STANDARD_MS),
        Some(seconds) if seconds > 0.0 && seconds.is_finite() => {
            Ok(((seconds * 1_000.0) as u64).clamp(1, STANDARD_MS))
        }
        Some(_) => Err(Error::invalid("`timeout` is a number of seconds")
            .with_hint("leave it out for no limit")),
    }
}

fn refused(error: Error) -> Failure {
    match error.kind() {
        Kind::Timeout => Failure::with_code(error, PROCESS_EXECUTION_TIMEOUT),
        _ => error.into(),
    }
}

fn chart(plot: &Plot) -> Chart {
    let title = plot.path.rsplit('/').next().unwrap_or_default().to_owned();
    Chart { kind: "unknown", title, elements: Vec::new(), png: STANDARD.encode(&plot.data) }
}

#[cfg(test)]
mod tests;
