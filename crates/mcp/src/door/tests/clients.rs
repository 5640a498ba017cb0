//! A client in process, and what tests ask of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use infield_domain::Principal;
use infield_domain::sandbox::Sandbox;
use infield_engine::{CreateSandbox, Engine};
use infield_testkit::{FakeGuest, TestEngine, open_engine};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation,
    ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{Defaults, Door, Folders, NoFolders, Session};

/// How the client opens the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    Legacy,
    Modern,
}

pub(super) const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// What the client is like.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) era: Era,
    pub(super) owner: &'static str,
    pub(super) defaults: Defaults,
    pub(super) folders: Arc<dyn Folders>,
    pub(super) tasks: bool,
}

impl Wanted {
    pub(super) fn plain(era: Era) -> Self {
        Self {
            era,
            owner: "tester",
            defaults: Defaults::standard(),
            folders: Arc::new(NoFolders::NONE_OPENED),
            tasks: false,
        }
    }
}

/// The client's side: it notes the reports of progress.
#[derive(Clone)]
pub(super) struct Ears {
    config: ClientConfig,
    pub(super) reports: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn on_progress(
        &self,
        report: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.reports.lock().expect("no test panics here").push(report);
    }
}

/// A conversation, and the engine behind it.
pub(super) struct Talk {
    pub(super) behind: TestEngine,
    pub(super) client: RunningService<RoleClient, Ears>,
    pub(super) reports: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

/// Somebody who sees only what is their own.
pub(super) fn somebody(owner: &str) -> Principal {
    Principal { sees_all: false, ..Principal::operator(owner) }
}

/// Opens a conversation with an engine of its own.
pub(super) async fn talk(wanted: Wanted) -> Talk {
    let behind = open_engine().await.expect("the fake engine opens");
    let (client, reports) = connect(&behind.engine, wanted).await;
    Talk { behind, client, reports }
}

/// Opens a conversation with an engine that others may have too.
pub(super) async fn connect(
    engine: &Engine,
    wanted: Wanted,
) -> (RunningService<RoleClient, Ears>, Arc<Mutex<Vec<ProgressNotificationParam>>>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let session = Session {
        principal: somebody(wanted.owner),
        defaults: wanted.defaults,
        folders: wanted.folders,
    };
    let door = Door::new(engine.clone(), session);
    tokio::spawn(door.serve(ours, CancellationToken::new()));
    let capabilities = ClientCapabilities::builder();
    let capabilities =
        if wanted.tasks { capabilities.enable_tasks().build() } else { capabilities.build() };
    let reports: Arc<Mutex<Vec<_>>> = Arc::default();
    let config = ClientConfig::new(capabilities, Implementation::new("test", "1"));
    let ears = Ears { config, reports: Arc::clone(&reports) };
    let lifecycle = match wanted.era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Modern => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    let client = ears.serve_with_lifecycle(theirs, lifecycle).await.expect("the door answers");
    (client, reports)
}

pub(super) fn request(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let arguments = serde_json::from_value(arguments).expect("an object");
    CallToolRequestParams::new(tool).with_arguments(arguments)
}

/// The whole result of a call as JSON.
pub(super) async fn call(
    client: &RunningService<RoleClient, Ears>,
    tool: &'static str,
    arguments: Value,
) -> Value {
    match client.call_tool_once(request(tool, arguments)).await.expect("an answer") {
        CallToolResponse::Complete(result) => serde_json::to_value(result).expect("JSON"),
        other => panic!("an answer at once, not {other:?}"),
    }
}

impl Talk {
    /// The structured half of a success; the text half says the same.
    pub(super) async fn facts(&self, tool: &'static str, arguments: Value) -> Value {
        let result = call(&self.client, tool, arguments).await;
        assert_ne!(result["isError"], json!(true), "{tool}: {result}");
        let facts = result["structuredContent"].clone();
        let text = result["content"][0]["text"].as_str().expect("the first block is text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), facts);
        assert!(!text.contains("null"), "{text}");
        facts
    }

    /// The first text of a success.
    pub(super) async fn text(&self, tool: &'static str, arguments: Value) -> String {
        let result = call(&self.client, tool, arguments).await;
        assert_ne!(result["isError"], json!(true), "{tool}: {result}");
        result["content"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// The text of a tool error, which says what to do next.
    pub(super) async fn refusal(&self, tool: &'static str, arguments: Value) -> String {
        let result = call(&self.client, tool, arguments).await;
        assert_eq!(result["isError"], json!(true), "{tool}: {result}");
        assert_eq!(result.get("structuredContent"), None, "{result}");
        let text = result["content"][0]["text"].as_str().expect("a text").to_owned();
        assert!(text.contains("Next:"), "{tool} does not say what to do next: {text}");
        text
    }

    /// Makes a sandbox called `box`.
    pub(super) async fn sandbox(&self) -> (Sandbox, Arc<FakeGuest>) {
        let create = CreateSandbox {
            name: Some("box".parse().expect("a name")),
            ..CreateSandbox::standard()
        };
        let engine = &self.behind.engine;
        let made = engine.create_sandbox(&somebody("tester"), create).await.expect("a sandbox");
        let guest = self.behind.provider.inside(&made.id).expect("it runs");
        (made, guest)
    }
}

/// A limit for what must come soon.
pub(super) const SOON: Duration = Duration::from_secs(5);
