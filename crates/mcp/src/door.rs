//! The door itself: one server of the protocol for each client, both eras.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use infield_domain::{Error, Principal, Result as DomainResult};
use infield_engine::Engine;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
    CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
    GetPromptResponse, GetTaskParams, GetTaskResult, Icon, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, Reference, ServerCapabilities, ServerConfig,
    Tool, UpdateTaskParams,
};
use rmcp::service::{RequestContext, ServiceExt};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::call::{Call, Report};

use crate::session::{Defaults, Folders, NoFolders, Session};
use crate::tasks::{Tasks, Work};
use crate::tools::{Catalogue, ToolName};
use crate::{prompts, resources};

/// What every client reads first; clients cut at 2 KB, and a model pays for each word.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// A square in a field, as a data address: nothing is fetched for it.
const ICON: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAxNiAxNiI+PHBhdGggZmlsbD0iIzI2MyIgZD0iTTAgMGgxNnYxNkgweiIvPjxwYXRoIGZpbGw9IiM5ZDQiIGQ9Ik00IDRoOHY4SDR6Ii8+PC9zdmc+";

/// How long clients may keep the list of tools, which never changes while a server runs.
const LIST_TTL_MS: u64 = 300_000;

/// How long a call waits for a daemon that starts, and how often it looks.
const READY_PATIENCE: Duration = Duration::from_secs(20);
const READY_LOOK: Duration = Duration::from_millis(20);

/// An MCP server over the engine. Cheap to clone; every clone serves the same clients.
#[derive(Clone)]
pub struct Door {
    engine: Engine,
    caller: Caller,
    defaults: Defaults,
    folders: Arc<dyn Folders>,
    catalogue: Catalogue,
    tasks: Tasks,
}

/// Who calls.
#[derive(Clone)]
enum Caller {
    /// The client at the other end of the pipe.
    Known(Box<Principal>),
    /// Whoever the layer in front found for this one HTTP request.
    OfRequest,
}

impl Door {
    /// A door for one client behind a byte pipe.
    pub fn new(engine: Engine, session: Session) -> Self {
        Self {
            engine,
            caller: Caller::Known(Box::new(session.principal)),
            defaults: session.defaults,
            folders: session.folders,
            catalogue: Catalogue::new(),
            tasks: Tasks::default(),
        }
    }

    /// A door for everybody who comes over HTTP, each request with its own principal.
    pub(crate) fn over_http(engine: Engine, defaults: Defaults) -> Self {
        Self {
            engine,
            caller: Caller::OfRequest,
            defaults,
            folders: Arc::new(NoFolders::OVER_HTTP),
            catalogue: Catalogue::new(),
            tasks: Tasks::default(),
        }
    }

    /// Serves the client until it closes the pipe or `shutdown` is cancelled.
    ///
    /// Background commands go on; calls that still wait are ended.
    pub async fn serve(
        self,
        pipe: impl AsyncRead + AsyncWrite + Send + 'static,
        shutdown: CancellationToken,
    ) -> DomainResult<()> {
        // A child: rmcp cancels the token that it is given when the conversation is over.
        let ending = shutdown.child_token();
        let service = match self.serve_with_ct(tokio::io::split(pipe), ending).await {
            Ok(service) => service,
            Err(error) => {
                return Err(Error::invalid("the client did not open an MCP conversation")
                    .with_source(error));
            }
        };
        match service.waiting().await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(Error::internal("the MCP conversation broke down").with_source(error))
            }
        }
    }

    fn who(&self, context: &RequestContext<RoleServer>) -> Result<Principal, ErrorData> {
        let known = match &self.caller {
            Caller::Known(principal) => Some(principal.as_ref().clone()),
            Caller::OfRequest => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Principal>())
                .cloned(),
        };
        // Default deny: a request that no layer in front has let in does nothing.
        let Some(principal) = known else {
            return Err(ErrorData::invalid_request("no valid key came with the request", None));
        };
        Ok(self.for_request(principal))
    }

    /// Waits while the daemon starts: the front of a client opens the pipe before recovery is over.
    /// What then still cannot be done says so itself.
    pub(crate) async fn until_ready(&self, given_up: &CancellationToken) {
        let mut look = tokio::time::interval(READY_LOOK);
        let ready = async {
            while !self.engine.is_ready() {
                look.tick().await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(READY_PATIENCE, ready) => {}
            () = given_up.cancelled() => {}
        }
    }

    /// A caller, for one request.
    pub(crate) fn for_request(&self, who: Principal) -> Principal {
        who.for_request(self.engine.new_request_id())
    }

    /// Every tool there is.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.catalogue.all()
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(crate) fn call(
        &self,
        who: Principal,
        cancel: CancellationToken,
        report: watch::Receiver<Report>,
    ) -> Call {
        Call {
            engine: self.engine.clone(),
            who,
            defaults: self.defaults.clone(),
            folders: Arc::clone(&self.folders),
            cancel,
            report,
        }
    }

    /// Answers a call that may outlast the client's patience: by its result, or by a task.
    async fn long_call(
        &self,
        tool: ToolName,
        request: CallToolRequestParams,
        (who, given_up): (Principal, CancellationToken),
        report: Report,
    ) -> Result<CallToolResponse, ErrorData> {
        let stop = CancellationToken::new();
        let (reports, receiver) = watch::channel(report);
        let owner = who.owner.clone();
        let mut call = self.call(who, stop.clone(), receiver);
        // The task is the hand-over, so the call itself waits to the end.
        call.defaults.foreground_ms = u64::MAX;
        let catalogue = self.catalogue.clone();
        let answer = tokio::spawn(async move { answer(&catalogue, tool, &call, request).await });
        let foreground = Duration::from_millis(self.defaults.foreground_ms);
        let work = Work { answer, stop, report: reports };
        self.tasks.await_or_keep(&owner, work, foreground, &given_up).await
    }
}

pub(crate) async fn answer(
    catalogue: &Catalogue,
    tool: ToolName,
    call: &Call,
    request: CallToolRequestParams,
) -> CallToolResult {
    let arguments = request.arguments.unwrap_or_default();
    match catalogue.call(tool, call, arguments).await {
        Ok(reply) => reply.into_result(),
        Err(failure) => failure.into_result(),
    }
}

fn report(context: &RequestContext<RoleServer>) -> Report {
    match context.meta.get_progress_token() {
        Some(token) => Report::Token(Box::new(context.peer.clone()), token),
        None => Report::Nowhere,
    }
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .enable_completions()
            .enable_tasks()
            .build();
        let icon =
            Icon::new(ICON).with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()]);
        let server = Implementation::new("infield", env!("CARGO_PKG_VERSION"))
            .with_title("infield sandboxes")
            .with_description(
                "Isolated environments on this machine for code, shell, files and git",
            )
            .with_icons(vec![icon]);
        ServerConfig::new(capabilities).with_server_info(server).with_instructions(INSTRUCTIONS)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        ToolName::find(name).map(|tool| self.catalogue.get(tool).clone())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.catalogue.all())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = ToolName::find(&request.name) else {
            return Err(ErrorData::invalid_params(Catalogue::unknown(&request.name), None));
        };
        let who = self.who(&context)?;
        self.until_ready(&context.ct).await;
        let report = report(&context);
        let tasks = context.client_capabilities().is_some_and(|its| its.supports_tasks());
        if tasks && tool.may_be_long() {
            return self.long_call(tool, request, (who, context.ct), report).await;
        }
        let (_reports, receiver) = watch::channel(report);
        let call = self.call(who, context.ct, receiver);
        Ok(answer(&self.catalogue, tool, &call, request).await.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let who = self.who(&context)?;
        let cursor = request.and_then(|page| page.cursor);
        let listed = resources::list(&self.engine, &who, cursor).await;
        listed.map_err(|error| resources::protocol_error(&error, ""))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates().with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let who = self.who(&context)?;
        Ok(resources::read(&self.engine, &who, &request.uri).await?.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list().with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Ok(prompts::get(&request.name, request.arguments.as_ref())?.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let who = self.who(&context)?;
        let argument = &request.argument;
        let before = request.context.and_then(|context| context.arguments).unwrap_or_default();
        let choices = match (&request.r#ref, argument.name.as_str(), before.get("sandbox_id")) {
            (_, "sandbox_id", _) => {
                resources::references(&self.engine, &who, &argument.value).await
            }
            (Reference::Resource(_), "path", Some(sandbox)) => {
                resources::paths(&self.engine, &who, sandbox, &argument.value).await
            }
            _ => Ok(Vec::new()),
        };
        // A completion that cannot be had is an empty one: the user only goes on typing.
        let choices = choices.unwrap_or_else(|error| {
            tracing::debug!(message = error.message(), "nothing to complete");
            Vec::new()
        });
        let info = CompletionInfo::with_all_values(choices);
        info.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let who = self.who(&context)?;
        self.tasks.get(&who.owner, &request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let who = self.who(&context)?;
        self.tasks.of(&who.owner).update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let who = self.who(&context)?;
        self.tasks.of(&who.owner).cancel_task(&request.task_id)
    }
}
