//! Language servers, and what they know of code.

use axum::Json;
use axum::extract::State;
use axum::routing;
use http::StatusCode;
use infield_daytona as wire;
use infield_domain::{Error, GuestPath, Kind};
use infield_engine::toolbox::lsp::{Completion, Position, Project, Symbol};

use super::files::{coded, guest_path};
use crate::body::{Part, Query};
use crate::daytona::body;
use crate::daytona::failure::LSP_SERVER_NOT_INITIALIZED;
use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("POST", "/lsp/start", || routing::post(start)),
    route("POST", "/lsp/stop", || routing::post(stop)),
    route("POST", "/lsp/did-open", || routing::post(did_open)),
    route("POST", "/lsp/did-close", || routing::post(did_close)),
    route("GET", "/lsp/document-symbols", || routing::get(document_symbols)),
    route("GET", "/lsp/workspacesymbols", || routing::get(project_symbols)),
    route("POST", "/lsp/completions", || routing::post(completions)),
];

async fn start(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::LspServerRequest>,
) -> Answer<StatusCode> {
    let project = project(wish.language_id, &wish.path_to_project)?;
    match context.doors.engine.start_language_server(&who, &sandbox, &project).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(error) if error.kind() == Kind::Unsupported => Err(not_initialized(error)),
        Err(error) => Err(coded(error)),
    }
}

async fn stop(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::LspServerRequest>,
) -> Answer<StatusCode> {
    let project = project(wish.language_id, &wish.path_to_project)?;
    let stopped = context.doors.engine.stop_language_server(&who, &sandbox, &project).await;
    stopped.map_err(refused)?;
    Ok(StatusCode::OK)
}

async fn did_open(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::LspDocumentRequest>,
) -> Answer<StatusCode> {
    let (project, file) = document(wish)?;
    let opened = context.doors.engine.open_document(&who, &sandbox, (&project, &file)).await;
    opened.map_err(refused)?;
    Ok(StatusCode::OK)
}

async fn did_close(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::LspDocumentRequest>,
) -> Answer<StatusCode> {
    let (project, file) = document(wish)?;
    let closed = context.doors.engine.close_document(&who, &sandbox, (&project, &file)).await;
    closed.map_err(refused)?;
    Ok(StatusCode::OK)
}

async fn document_symbols(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<wire::LspDocumentRequest>,
) -> Answer<Json<Vec<wire::LspSymbol>>> {
    let (project, file) = document(query)?;
    let found = context.doors.engine.document_symbols(&who, &sandbox, (&project, &file)).await;
    Ok(Json(found.map_err(refused)?.into_iter().map(symbol).collect()))
}

async fn project_symbols(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<wire::LspSymbolsQuery>,
) -> Answer<Json<Vec<wire::LspSymbol>>> {
    let project = project(query.language_id, &query.path_to_project)?;
    let about = (&project, query.query.as_str());
    let found = context.doors.engine.project_symbols(&who, &sandbox, about).await;
    Ok(Json(found.map_err(refused)?.into_iter().map(symbol).collect()))
}

async fn completions(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::LspCompletionParams>,
) -> Answer<Json<wire::CompletionList>> {
    let (project, file) = (project(wish.language_id, &wish.path_to_project)?, path(&wish.uri)?);
    let at = Position { line: wish.position.line, character: wish.position.character };
    let found = context.doors.engine.completions(&who, &sandbox, (&project, &file, at)).await;
    let found = found.map_err(refused)?;
    let items = found.items.into_iter().map(completion).collect();
    Ok(Json(wire::CompletionList { is_incomplete: found.is_incomplete, items }))
}

fn project(language: String, path: &str) -> Answer<Project> {
    Ok(Project { language, path: guest_path(path)? })
}

fn document(wish: wire::LspDocumentRequest) -> Answer<(Project, GuestPath)> {
    Ok((project(wish.language_id, &wish.path_to_project)?, path(&wish.uri)?))
}

/// SDKs put `file://` before whatever path they are given, and encode nothing.
fn path(uri: &str) -> Answer<GuestPath> {
    guest_path(uri.strip_prefix("file://").unwrap_or(uri))
}

/// A failure about a file, or of a server that does not run.
fn refused(error: Error) -> Failure {
    match error.kind() {
        Kind::Conflict => not_initialized(error),
        _ => coded(error),
    }
}

fn not_initialized(error: Error) -> Failure {
    Failure::with_code(error, LSP_SERVER_NOT_INITIALIZED).under(StatusCode::BAD_REQUEST)
}

fn symbol(symbol: Symbol) -> wire::LspSymbol {
    let place = |at: Position| wire::LspPosition { line: at.line, character: at.character };
    let range = wire::LspRange { start: place(symbol.range.start), end: place(symbol.range.end) };
    let location = wire::LspLocation { uri: symbol.uri, range };
    wire::LspSymbol { name: symbol.name, kind: symbol.kind, location }
}

fn completion(completion: Completion) -> wire::CompletionItem {
    let words = completion.documentation;
    wire::CompletionItem {
        label: completion.label,
        kind: completion.kind,
        detail: completion.detail,
        documentation: words.map(|(kind, value)| wire::Documentation { kind, value }),
        sort_text: completion.sort_text,
        filter_text: completion.filter_text,
        insert_text: completion.insert_text,
    }
}
