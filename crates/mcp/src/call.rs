//! One tool call: who calls, what they brought, and how to tell them how it goes.

use std::future::Future;
use std::sync::Arc;

use infield_domain::{Kind, Principal};
use infield_engine::{Engine, ListSandboxes, Progress};
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use rmcp::task_manager::TaskContext;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::reply::seconds;
use crate::session::{Defaults, Folders};

/// Sandboxes that an error names as choices.
const CHOICES: u32 = 8;

/// One tool call.
pub(crate) struct Call {
    /// Does everything.
    pub(crate) engine: Engine,
    /// Who acts, for this one request.
    pub(crate) who: Principal,
    /// What the client wants when the call does not say.
    pub(crate) defaults: Defaults,
    /// The client's host folders.
    pub(crate) folders: Arc<dyn Folders>,
    /// The client gave up.
    pub(crate) cancel: CancellationToken,
    /// Where progress goes; a call that becomes a task reports elsewhere from then on.
    pub(crate) report: watch::Receiver<Report>,
}

/// Where progress goes.
#[derive(Clone)]
pub(crate) enum Report {
    /// Nobody asked.
    Nowhere,
    /// To the client, under the token that came with the request.
    Token(Box<Peer<RoleServer>>, ProgressToken),
    /// Into the status of a task: a task has no request to report under.
    Task(TaskContext),
}

impl Call {
    /// The same call, where a command is waited for this long, in milliseconds.
    pub(crate) fn waiting(&self, foreground_ms: u64) -> Self {
        Self {
            engine: self.engine.clone(),
            who: self.who.clone(),
            defaults: Defaults { foreground_ms, ..self.defaults.clone() },
            folders: Arc::clone(&self.folders),
            cancel: self.cancel.clone(),
            report: self.report.clone(),
        }
    }

    /// Runs `work` while its progress, which it sends into a channel, goes to the client.
    ///
    /// A client that does not read holds back the reports and never the work.
    pub(crate) async fn reporting<T, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(mpsc::Sender<Progress>) -> F,
    ) -> T {
        let (sender, receiver) = mpsc::channel(1);
        let work = work(sender);
        let pump = pump(&self.report, receiver);
        tokio::pin!(work, pump);
        tokio::select! {
            result = &mut work => result,
            () = &mut pump => work.await,
        }
    }

    /// An engine error as a tool error. A reference to no sandbox is answered with the choices.
    pub(crate) async fn failed(&self, error: infield_domain::Error, reference: &str) -> Failure {
        if error.kind() == Kind::NotFound && !reference.is_empty() {
            let found = self.engine.get_sandbox(&self.who, reference).await;
            if found.is_err_and(|error| error.kind() == Kind::NotFound) {
                return Failure::of(self.no_sandbox(reference).await);
            }
        }
        Failure::from_error(&error)
    }

    /// Says that there is no such sandbox, and which there are.
    pub(crate) async fn no_sandbox(&self, reference: &str) -> String {
        let shown: String = reference.chars().filter(|c| !c.is_control()).take(64).collect();
        let list = ListSandboxes {
            states: Vec::new(),
            labels: Default::default(),
            limit: CHOICES,
            cursor: None,
        };
        let existing = match self.engine.list_sandboxes(&self.who, list).await {
            Ok(page) if page.items.is_empty() => "none".to_owned(),
            Ok(page) => {
                let more = if page.next_cursor.is_some() { ", and more" } else { "" };
                let names = page.items.iter().map(|sandbox| {
                    let state = sandbox.state.as_str();
                    format!("{} ({}, {state})", sandbox.spec.name, sandbox.id)
                });
                names.collect::<Vec<_>>().join(", ") + more
            }
            Err(_) => "call list_sandboxes to see".to_owned(),
        };
        format!(
            "there is no sandbox `{shown}`. Existing: {existing}. \
             Next: use one of these as sandbox_id, or make one with create_sandbox."
        )
    }
}

async fn pump(report: &watch::Receiver<Report>, mut progress: mpsc::Receiver<Progress>) {
    let mut last = -1.0;
    while let Some(now) = progress.recv().await {
        let seconds = seconds(now.elapsed_ms);
        // The protocol wants every report to be higher than the one before.
        if seconds <= last {
            continue;
        }
        last = seconds;
        let report = report.borrow().clone();
        report.tell(seconds, now.last_line).await;
    }
}

impl Report {
    async fn tell(self, seconds: f64, line: String) {
        match self {
            Self::Nowhere => {}
            Self::Token(peer, token) => {
                let mut note = ProgressNotificationParam::new(token, seconds);
                if !line.is_empty() {
                    note = note.with_message(line);
                }
                if let Err(error) = peer.notify_progress(note).await {
                    tracing::debug!(%error, "the client takes no more progress");
                }
            }
            Self::Task(task) => task.set_status_message(line),
        }
    }
}
