//! Which port a visitor asks for, and whether it is let in.
//!
//! A token may come in a header or in the query of a link. A person who follows a link gets our
//! cookie and is sent to the same address without the token, so that it stays neither in the
//! address bar nor in what pages tell other sites; a program is answered at once.

use std::net::SocketAddr;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use infield_domain::preview::{PreviewName, TOKEN_QUERY};
use infield_domain::{Error, Result};
use infield_engine::{PreviewPass, Proof};

use super::connection::Counted;
use super::headers::TOKEN_HEADERS;
use super::{Context, Response, cookies, forward, page, site};

#[cfg(test)]
mod tests;

/// Queries that carry a token: ours, and the one by which clients of Daytona send it.
const TOKEN_QUERIES: [&str; 2] = [TOKEN_QUERY, "DAYTONA_SANDBOX_AUTH_KEY"];

/// Tokens of one request that are looked at.
const MOST_TOKENS: usize = 4;

/// Answers one request of a visitor.
pub(super) async fn answer(
    context: &Context,
    peer: SocketAddr,
    request: Request<Incoming>,
    counted: Counted,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let host = match host(&parts) {
        Ok(host) => host,
        Err(error) => return page::of(&error),
    };
    if parts.method == Method::CONNECT {
        let error = Error::invalid("previews tunnel nothing");
        return page::with_status(&error, StatusCode::METHOD_NOT_ALLOWED);
    }
    let named = host.to_str().ok().and_then(|host| context.door.origin.read_host(host));
    let Some(name) = named else {
        let error = Error::not_found("there is no preview at this address")
            .with_hint("previews have addresses such as `3000-sbx-0123456789abcdef.localhost`");
        return page::with_status(&error, StatusCode::NOT_FOUND);
    };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let (rest, tokens) = without_tokens(&query);
    let by_link = !tokens.is_empty();
    let pass = match admit(context, &parts, (&name, &host), tokens) {
        Ok(pass) => pass,
        Err(error) => return page::of(&error),
    };
    if by_link {
        let target = target(parts.uri.path(), &rest);
        if site::is_navigation(&parts) {
            return send_on(context, &pass, (&host, &target));
        }
        match target.parse::<PathAndQuery>() {
            Ok(target) => parts.uri = target.into(),
            Err(error) => {
                let error = Error::invalid("the address cannot be read").with_source(error);
                return page::of(&error);
            }
        }
    }
    let visit = forward::Asked { pass, peer, host, counted };
    match forward::forward(context, visit, Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(error) => page::of(&error),
    }
}

/// The one host that a request names. Two that differ could mean one preview here and another to
/// somebody behind us.
fn host(parts: &Parts) -> Result<HeaderValue> {
    let wrong = || Error::invalid("the request does not name one host");
    let mut lines = parts.headers.get_all(header::HOST).iter();
    let (line, more) = (lines.next(), lines.next());
    let target = parts.uri.authority().map(|authority| authority.as_str());
    match (line, target, more) {
        (_, _, Some(_)) | (None, None, None) => Err(wrong()),
        (Some(line), None, None) => Ok(line.clone()),
        (None, Some(target), None) => HeaderValue::from_str(target).map_err(|_| wrong()),
        (Some(line), Some(target), None)
            if line.as_bytes().eq_ignore_ascii_case(target.as_bytes()) =>
        {
            Ok(line.clone())
        }
        (Some(_), Some(_), None) => Err(wrong()),
    }
}

fn admit(
    context: &Context,
    parts: &Parts,
    (name, host): (&PreviewName, &HeaderValue),
    mut tokens: Vec<String>,
) -> Result<PreviewPass> {
    let sent = TOKEN_HEADERS.iter().flat_map(|name| parts.headers.get_all(*name));
    tokens.extend(sent.filter_map(|value| value.to_str().ok()).map(|text| text.trim().to_owned()));
    tokens.truncate(MOST_TOKENS);
    let engine = &context.door.engine;
    let shown = Proof { tokens, cookies: Vec::new() };
    let admitted = engine.visit_preview(name, &shown);
    if admitted.is_ok() || !site::may_use_cookie(parts, host) {
        return admitted;
    }
    let cookies = cookies::ours(&parts.headers, context.scheme());
    engine.visit_preview(name, &Proof { tokens: Vec::new(), cookies })
}

/// A query without its tokens, and the tokens. What is left is as it was written.
fn without_tokens(query: &str) -> (String, Vec<String>) {
    let mut tokens = Vec::new();
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((name, token)) if TOKEN_QUERIES.contains(&name) => tokens.push(token.to_owned()),
            Some(_) | None => rest.push(pair),
        }
    }
    (rest.join("&"), tokens)
}

fn target(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Sends a person to the same address without the token. The address is whole, because a path
/// that begins with two slashes alone would name another host.
fn send_on(
    context: &Context,
    pass: &PreviewPass,
    (host, target): (&HeaderValue, &str),
) -> Response {
    let host = host.to_str().unwrap_or_default();
    let scheme = context.scheme();
    let Ok(location) = HeaderValue::from_str(&format!("{}://{host}{target}", scheme.as_str()))
    else {
        return page::of(&Error::invalid("the address cannot be read"));
    };
    let mut response = Response::new(page::full(""));
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    let cookie = pass.cookie().and_then(|(text, seconds)| cookies::set(scheme, &text, seconds));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    page::ours(&mut response);
    response
}
