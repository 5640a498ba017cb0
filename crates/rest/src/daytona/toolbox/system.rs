//! What a sandbox uses, and which ports are listened on.

use axum::Json;
use axum::extract::{Path, State};
use axum::routing;
use infield_daytona as wire;
use infield_domain::Error;

use crate::body::Part;
use crate::failure::Answer;
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("GET", "/port", || routing::get(ports)),
    route("GET", "/port/{port}/in-use", || routing::get(port_in_use)),
    route("GET", "/system/metrics", || routing::get(metrics)),
];

async fn ports(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<wire::PortList>> {
    let ports = context.doors.engine.list_ports(&who, &sandbox).await?;
    let listening = ports.into_iter().filter(|port| port.is_listening == Some(true));
    Ok(Json(wire::PortList { ports: listening.map(|port| port.name.port.get()).collect() }))
}

async fn port_in_use(
    State(context): State<Context>,
    Who(who): Who,
    Path((sandbox, port)): Path<(String, String)>,
) -> Answer<Json<wire::IsPortInUse>> {
    let port: u16 = port.parse().map_err(|_| {
        Error::invalid("this is no port").with_hint("write a number from 1 to 65535")
    })?;
    let ports = context.doors.engine.list_ports(&who, &sandbox).await?;
    let is_in_use =
        ports.iter().any(|one| one.name.port.get() == port && one.is_listening == Some(true));
    Ok(Json(wire::IsPortInUse { is_in_use }))
}

async fn metrics(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
) -> Answer<Json<wire::SystemMetrics>> {
    let sample = context.doors.engine.sandbox_metrics(&who, &sandbox).await?;
    let at = i64::try_from(sample.at).unwrap_or_default();
    let moment = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    let (usage, resources) = (sample.usage, sample.resources);
    Ok(Json(wire::SystemMetrics {
        cpu_count: u64::from(resources.cpu_millis).div_ceil(1_000),
        cpu_used_pct: sample.cpu_share.map(|share| share * 100.0),
        mem_total: resources.memory_bytes,
        mem_used: usage.memory_bytes,
        disk_total: resources.disk_bytes,
        disk_used: usage.disk_bytes,
        disk_free: usage.disk_bytes.map(|used| resources.disk_bytes.saturating_sub(used)),
        timestamp: moment.to_string(),
        timestamp_unix: moment.as_second(),
    }))
}
