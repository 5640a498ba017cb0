//! Where a sandbox's processes live: folders, variables, and the toolbox's version.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::routing;
use infield_daytona::{Folder, UpdateEnvRequest};
use infield_engine::toolbox::environment::ChangeEnvironment;
use serde_json::{Value, json};

use crate::body::Part;
use crate::daytona::body;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("GET", "/user-home-dir", || routing::get(home)),
    route("GET", "/work-dir", || routing::get(working_directory)),
    route("GET", "/project-dir", || routing::get(working_directory)),
    route("GET", "/version", || routing::get(version)),
    route("POST", "/env", || routing::post(change)),
];

async fn home(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<Folder>> {
    let dir = context.doors.engine.home_directory(&who, &sandbox).await?;
    Ok(Json(Folder { dir }))
}

async fn working_directory(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<Folder>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &sandbox).await?;
    Ok(Json(Folder { dir: sandbox.spec.working_directory.into() }))
}

async fn version(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<Value>> {
    context.doors.engine.get_sandbox(&who, &sandbox).await?;
    Ok(Json(json!({ "version": context.doors.settings.build.version })))
}

async fn change(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<UpdateEnvRequest>,
) -> Answer<Json<BTreeMap<String, String>>> {
    let change = ChangeEnvironment {
        set: wish.set.unwrap_or_default(),
        unset: wish.unset.unwrap_or_default(),
        unset_value_prefix: wish.unset_value_prefix,
    };
    Ok(Json(context.doors.engine.change_environment(&who, &sandbox, change).await?))
}
