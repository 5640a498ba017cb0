//! Long calls as tasks of the extension `io.modelcontextprotocol/tasks`.
//!
//! A client that declares the extension and makes a call that may be long waits for it like any
//! other client. When the foreground time is over, the call becomes a task instead of being
//! handed over to `read_output`. The work does not notice: it runs under a token of its own,
//! because rmcp ends a request's token as soon as the request is answered, and a task is an
//! answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask};
use rmcp::task_manager::{TaskExit, TaskManager, TaskOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::call::Report;

/// How long a task can be asked about after it began: an hour beyond the longest command.
const KEPT_MS: u64 = 25 * 3_600_000;

/// How often a client should ask.
const POLL_MS: u64 = 2_000;

/// Tasks of one owner that may run at once.
const MOST_RUNNING: usize = 64;

/// Everybody's tasks, each owner's apart from the others': the name of a task is no key.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    by_owner: Arc<Mutex<HashMap<String, TaskManager>>>,
}

/// A call that runs by itself.
pub(crate) struct Work {
    /// Gives the answer.
    pub(crate) answer: JoinHandle<CallToolResult>,
    /// Ends it.
    pub(crate) stop: CancellationToken,
    /// Where its progress goes.
    pub(crate) report: watch::Sender<Report>,
}

impl Tasks {
    /// The tasks of one owner.
    pub(crate) fn of(&self, owner: &str) -> TaskManager {
        let mut all = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(owner.to_owned()).or_default().clone()
    }

    /// A task of this owner.
    pub(crate) fn get(&self, owner: &str, id: &str) -> Result<DetailedTask, ErrorData> {
        self.of(owner).get_task(id)
    }

    /// Waits for `work` as long as the client does, then makes a task of it.
    pub(crate) async fn await_or_keep(
        &self,
        owner: &str,
        work: Work,
        foreground: Duration,
        given_up: &CancellationToken,
    ) -> Result<CallToolResponse, ErrorData> {
        let Work { mut answer, stop, report } = work;
        let manager = self.of(owner);
        let crowded = manager.running_task_count() >= MOST_RUNNING;
        tokio::select! {
            result = &mut answer => return finished(result).map(CallToolResponse::Complete),
            () = given_up.cancelled() => {
                stop.cancel();
                return finished(answer.await).map(CallToolResponse::Complete);
            }
            () = tokio::time::sleep(foreground), if !crowded => {}
        }
        let options = TaskOptions::new().with_ttl_ms(KEPT_MS).with_poll_interval_ms(POLL_MS);
        let task = manager.spawn(options, move |context| {
            Box::pin(async move {
                // Nobody listens when the work has just ended.
                report.send_replace(Report::Task(context.clone()));
                tokio::select! {
                    result = &mut answer => finished(result).map_err(TaskExit::Error),
                    () = context.cancelled() => {
                        stop.cancel();
                        finished(answer.await).map_err(TaskExit::Error)?;
                        Err(TaskExit::Cancelled)
                    }
                }
            })
        });
        Ok(CallToolResponse::Task(CreateTaskResult::new(task)))
    }
}

fn finished(
    result: Result<CallToolResult, tokio::task::JoinError>,
) -> Result<CallToolResult, ErrorData> {
    result.map_err(|error| {
        tracing::error!(%error, "a tool call broke down");
        ErrorData::internal_error("the call broke down; the operator's log says more", None)
    })
}
