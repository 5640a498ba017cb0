//! Ports of sandboxes: listed, linked to, opened to everybody, and connected to.

use std::num::NonZeroU16;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use infield_domain::preview::Change;
use infield_domain::{Error, Result};

use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::serve::Context;
use crate::upgrade::{self, MaybeUpgrade};
use crate::{body, convert, wire};

/// The two parts of the path: a sandbox and a port of it.
pub(crate) struct Place(String, NonZeroU16);

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Ok(Path((reference, port))) = path else {
            return Err(Error::invalid("a name in the path is not UTF-8").into());
        };
        Ok(Self(reference, read_port(&port)?))
    }
}

fn read_port(text: &str) -> Result<NonZeroU16> {
    text.parse().map_err(|_| {
        let shown = crate::hint::shown(text);
        Error::invalid(format!("`{shown}` is no port")).with_hint("write a number from 1 to 65535")
    })
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
) -> Answer<Json<wire::Page<wire::Port>>> {
    let ports = context.doors.engine.list_ports(&who, &reference).await?;
    Ok(Json(convert::whole(ports, convert::port)))
}

pub(crate) async fn change(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, port): Place,
    body::Json(wish): body::Json<wire::ChangePort>,
) -> Answer<Json<wire::Port>> {
    let change = (port, Change::Access(wish.access));
    let port = context.doors.engine.change_preview(&who, &reference, change).await?;
    Ok(Json(convert::port(port)))
}

pub(crate) async fn link(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, port): Place,
    body::Json(wish): body::Json<wire::LinkPort>,
) -> Answer<Json<wire::PortLink>> {
    let link = convert::link_preview(port, &wish);
    let made = context.doors.engine.link_preview(&who, &reference, &link)?;
    Ok(Json(convert::port_link(made)))
}

pub(crate) async fn expire(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, port): Place,
    body::Json(wire::Done {}): body::Json<wire::Done>,
) -> Answer<Json<wire::Port>> {
    let change = (port, Change::Expire);
    let port = context.doors.engine.change_preview(&who, &reference, change).await?;
    Ok(Json(convert::port(port)))
}

pub(crate) async fn connect(
    State(context): State<Context>,
    Who(who): Who,
    Place(reference, port): Place,
    upgrade: MaybeUpgrade,
    // What is not read would be taken for the first bytes of the stream.
    body::Json(wire::Done {}): body::Json<wire::Done>,
) -> Answer<Response> {
    let upgrade = upgrade.required()?;
    let visit = context.doors.engine.dial_port(&who, &reference, port).await?;
    Ok(upgrade::visit(&context, upgrade, visit))
}
