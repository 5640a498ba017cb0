//! The one way in: every request, known route or not, passes [`enter`].
//!
//! In this order: a request id; that no web page sent it ([`browser`]); that a client of our own
//! is of our build; who sent it. What follows sees a [`Who`] and never asks again.

mod browser;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use infield_domain::principal::Credential;
use infield_domain::{Error, Kind, Permission, Principal, Result};
use tracing::Instrument;

use crate::daytona::{Dialect, signed_link};
use crate::door::{Authentication, Settings};
use crate::failure::{Answer, Failure, finish};
use crate::serve::{Connection, Context, Peer};
use crate::wire::{BUILD_HEADER, CLIENT_HEADER, REQUEST_ID_HEADER};

/// Characters of an id or a name that a client gives.
const WORD_CHARS: usize = 64;

/// Routes that answer without a key.
/// Those of events show their key in the first packet after it.
const OPEN_ROUTES: &[&str] = &["/api/health", "/api/socket.io/"];

/// Routes that answer a client of another build, which compares builds and then hands over.
const ANY_BUILD_ROUTES: &[&str] = &["/api/health", "/v1/build", "/v1/shutdown"];

/// Who sent the request, for handlers.
#[derive(Clone)]
pub(crate) struct Who(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| Error::internal("the request came past the gate").into())
    }
}

/// Lets a request in, and gives every answer its id and its headers.
pub(crate) async fn enter(
    State(context): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = given_word(request.headers(), REQUEST_ID_HEADER)
        .unwrap_or_else(|| context.doors.engine.new_request_id());
    let span = tracing::info_span!(
        "request",
        id = %request_id,
        method = %request.method(),
        path = %request.uri().path(),
    );
    let dialect = Dialect::of(request.method(), request.uri().path());
    async {
        let answer = match admit(&context, &mut request, &request_id).await {
            Ok(()) => next.run(request).await,
            Err(failure) => failure.into_response(),
        };
        let mut answer = finish(answer, &dialect, &request_id);
        tracing::debug!(status = answer.status().as_u16(), "answered");
        add_headers(answer.headers_mut(), &request_id);
        answer
    }
    .instrument(span)
    .await
}

async fn admit(context: &Context, request: &mut Request, request_id: &str) -> Answer<()> {
    let settings = &context.doors.settings;
    let connection = request.extensions().get::<Connection>().cloned();
    let connection = connection.ok_or_else(|| Error::internal("a request has no connection"))?;
    let link = signed_link(request.method(), request.uri(), request.headers());
    browser::check(
        request.method(),
        request.uri(),
        request.headers(),
        &browser::Rules {
            address: match &connection.peer {
                Peer::Network(address) => Some(*address),
                Peer::Local(_) | Peer::Refused(_) => None,
            },
            hosts: &settings.allowed_hosts,
            origins: &settings.allowed_origins,
            is_signed: link.is_some(),
        },
    )?;
    let path = request.uri().path();
    if !ANY_BUILD_ROUTES.contains(&path) {
        check_build(request.headers(), settings)?;
    }
    if OPEN_ROUTES.contains(&path) {
        return Ok(());
    }
    if let Some(link) = link {
        let principal = context.doors.engine.admit_signed(link).await?;
        request.extensions_mut().insert(principal.for_request(request_id));
        return Ok(());
    }
    let principal = match &connection.peer {
        Peer::Local(principal) => named(principal.clone(), request.headers()),
        Peer::Refused(error) => return Err(refusal(error).into()),
        Peer::Network(_) => authenticate(context, request.headers()).await?,
    };
    request.extensions_mut().insert(principal.for_request(request_id));
    Ok(())
}

/// Whom a key stands for that did not come in a header.
pub(crate) async fn admit_token(
    context: &Context,
    connection: &Connection,
    token: &str,
) -> Result<Principal> {
    let no_auth = context.doors.settings.authentication == Authentication::None;
    match &connection.peer {
        Peer::Local(principal) => Ok(principal.clone()),
        Peer::Refused(error) => Err(refusal(error)),
        Peer::Network(_) if no_auth && token.is_empty() => Ok(anybody()),
        Peer::Network(_) => context.doors.engine.authenticate(token).await,
    }
}

fn check_build(headers: &HeaderMap, settings: &Settings) -> Answer<()> {
    match headers.get(BUILD_HEADER) {
        Some(build) if build.as_bytes() != settings.build.build.as_bytes() => {
            let error = Error::conflict("the daemon is of another build than this command")
                .with_hint("run `infield shutdown`; the next command starts the right one");
            Err(Failure::with_code(error, "build"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The caller of a unix socket, under the name that its client gave itself.
fn named(mut principal: Principal, headers: &HeaderMap) -> Principal {
    if let Some(name) = given_word(headers, CLIENT_HEADER) {
        principal.owner = name;
    }
    principal
}

fn refusal(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message());
    match error.hint() {
        Some(hint) => copy.with_hint(hint),
        None => copy,
    }
}

async fn authenticate(context: &Context, headers: &HeaderMap) -> Result<Principal> {
    let no_auth = context.doors.settings.authentication == Authentication::None;
    match headers.get(header::AUTHORIZATION) {
        None if no_auth => Ok(anybody()),
        None => Err(Error::new(Kind::Unauthenticated, "this server wants a key")
            .with_hint("send `Authorization: Bearer KEY`; `infield key create NAME` makes one")),
        Some(value) => context.doors.engine.authenticate(bearer(value)?).await,
    }
}

fn anybody() -> Principal {
    Principal {
        owner: "anybody".to_owned(),
        credential: Credential::None,
        permissions: Permission::ALL.to_vec(),
        sees_all: true,
        request_id: String::new(),
    }
}

fn bearer(value: &HeaderValue) -> Result<&str> {
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Ok(key.trim()),
        Some(_) | None => {
            Err(Error::new(Kind::Unauthenticated, "the header `Authorization` holds no bearer key")
                .with_hint("send `Authorization: Bearer KEY`"))
        }
    }
}

/// A header's word, when it is short and of harmless characters alone.
fn given_word(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-@ ".contains(c);
    let fits = (1..=WORD_CHARS).contains(&text.len()) && text.chars().all(harmless);
    fits.then(|| text.trim().to_owned()).filter(|word| !word.is_empty())
}

fn add_headers(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    // Answers hold foreign bytes: no browser shall guess a type for them or keep them.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
