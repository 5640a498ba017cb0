//! Lists of sandboxes.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use infield_daytona::{NumberedPage, Sandbox, SandboxPage};

use super::convert::{self, Numbering, Seen};
use crate::body::Query;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

pub(super) const ROUTES: &[Route] = &[
    route("GET", "/sandbox", || get(list)),
    route("GET", "/sandbox/paginated", || get(list_numbered)),
];

async fn list(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<SandboxPage>> {
    let Some((find, _)) = convert::find_sandboxes(&query, Numbering::Cursor)? else {
        return Ok(Json(SandboxPage { items: Vec::new(), next_cursor: None }));
    };
    let page = context.doors.engine.find_sandboxes(&who, find).await?;
    let items = page.items.into_iter().map(|sandbox| convert::sandbox(sandbox, &seen)).collect();
    Ok(Json(SandboxPage { items, next_cursor: page.next_cursor }))
}

/// Older clients count pages.
async fn list_numbered(
    State(context): State<Context>,
    Who(who): Who,
    seen: Seen,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<Json<NumberedPage<Sandbox>>> {
    let Some((find, page)) = convert::find_sandboxes(&query, Numbering::Pages)? else {
        return Ok(Json(convert::numbered(Vec::new(), 0, (1, 1))));
    };
    let limit = find.list.limit as usize;
    let found = context.doors.engine.page_sandboxes(&who, find, page).await?;
    let items = found.items.into_iter().map(|sandbox| convert::sandbox(sandbox, &seen)).collect();
    Ok(Json(convert::numbered(items, found.total, (page, limit))))
}
