//! Who a caller is. An organization is an owner, which has one user, who is called the same; there
//! is one region.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use infield_daytona::{Member, Organization, Region, RegionQuota, Role, Usage, User};
use infield_domain::{Error, Principal, Result};

use super::convert;
use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/users/me", || get(user)),
    route("GET", "/organizations", || get(organizations)),
    route("GET", "/organizations/{organizationId}", || get(organization)),
    route("GET", "/organizations/{organizationId}/usage", || get(usage)),
    route("GET", "/organizations/{organizationId}/roles", || get(roles)),
    route("GET", "/organizations/{organizationId}/users", || get(users)),
    route("GET", "/sandbox/{sandboxId}/organization", || get(organization_of)),
    route("GET", "/sandbox/{sandboxId}/region-quota", || get(quota_of)),
    route("GET", "/regions", || get(regions)),
    route("GET", "/regions/{id}", || get(region)),
    route("GET", "/shared-regions", || get(regions)),
];

async fn user(Who(who): Who) -> Json<User> {
    Json(convert::user(&who.owner))
}

async fn organizations(Who(who): Who) -> Json<Vec<Organization>> {
    Json(vec![convert::organization(&who.owner)])
}

async fn organization(Who(who): Who, Part(id): Part) -> Answer<Json<Organization>> {
    own(&who, &id)?;
    Ok(Json(convert::organization(&id)))
}

async fn usage(
    State(context): State<Context>,
    Who(who): Who,
    Part(id): Part,
) -> Answer<Json<Usage>> {
    own(&who, &id)?;
    let allotted = context.doors.engine.allotted(&who).await?;
    Ok(Json(convert::usage(&allotted)))
}

/// There is one role, and nobody makes others.
async fn roles(Who(who): Who, Part(id): Part) -> Answer<Json<Vec<Role>>> {
    own(&who, &id)?;
    Ok(Json(vec![convert::role()]))
}

async fn users(Who(who): Who, Part(id): Part) -> Answer<Json<Vec<Member>>> {
    own(&who, &id)?;
    Ok(Json(vec![convert::member(&id)]))
}

async fn organization_of(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<Json<Organization>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(convert::organization(&sandbox.owner)))
}

async fn quota_of(
    State(context): State<Context>,
    Who(who): Who,
    Part(reference): Part,
) -> Answer<Json<RegionQuota>> {
    let sandbox = context.doors.engine.get_sandbox(&who, &reference).await?;
    Ok(Json(convert::quota(&sandbox.owner)))
}

async fn regions(Who(_): Who) -> Json<Vec<Region>> {
    Json(vec![convert::region()])
}

async fn region(Who(_): Who, Part(id): Part) -> Answer<Json<Region>> {
    let region = convert::region();
    if region.id != id {
        let shown = crate::hint::shown(&id);
        return Err(Error::not_found(format!("there is no region `{shown}`"))
            .with_hint("list the regions to see the one that there is")
            .into());
    }
    Ok(Json(region))
}

/// Nobody learns of other organizations, whatever the key sees.
pub(super) fn own(who: &Principal, id: &str) -> Result<()> {
    if who.owner == id {
        return Ok(());
    }
    let shown = crate::hint::shown(id);
    Err(Error::not_found(format!("there is no organization `{shown}`"))
        .with_hint("list the organizations to see your own"))
}
