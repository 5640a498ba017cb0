//! Links to files that an owner of a sandbox signed: their key, and what a request says that shows
//! such a link. The path in it is what binds it to one file.

use axum::Json;
use axum::extract::{Query, State};
use axum::routing;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Uri, header};
use infield_engine::SignedFile;
use serde::Deserialize;

use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/sandbox/{sandboxId}/signing-key", || routing::get(key)),
    route("POST", "/sandbox/{sandboxId}/signing-key/rotate", || routing::post(rotate)),
];

/// What begins every signature of this kind.
const VERSION: &str = "v1_";
/// Letters of a signature: 32 bytes in base64.
const SIGNATURE_LETTERS: usize = 43;

#[derive(Deserialize)]
struct LinkQuery {
    path: String,
    expires: u64,
    signature: String,
}

/// What a request's link says, where a link may stand for a credential.
pub(crate) fn link(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<SignedFile> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let (sandbox, route) = uri.path().strip_prefix("/toolbox/")?.split_once('/')?;
    match (method, route) {
        (&Method::GET, "files/download") | (&Method::POST, "files/upload-v2") => {}
        _ => return None,
    }
    let Query(query) = Query::<LinkQuery>::try_from_uri(uri).ok()?;
    let letters = query.signature.strip_prefix(VERSION)?;
    if letters.len() != SIGNATURE_LETTERS {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(letters).ok()?;
    let (sandbox, method) = (sandbox.to_owned(), method.as_str().to_owned());
    Some(SignedFile { sandbox, method, path: query.path, expires: query.expires, signature })
}

async fn key(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<String>> {
    Ok(Json(context.doors.engine.signing_key(&who, &sandbox).await?))
}

async fn rotate(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<String>> {
    Ok(Json(context.doors.engine.rotate_signing_key(&who, &sandbox).await?))
}
