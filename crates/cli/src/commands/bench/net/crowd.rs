//! What many connections with slow readers hold.
//!
//! Counted are the network process's resident memory, and the kernel's of all TCP sockets of the
//! host in all its network namespaces (proc(5), `/proc/net/sockstat`). The latter has the buffers
//! of server and reader too, so the same crowd is held without the network, and taken off.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use infield_domain::{Error, Result};

use super::figures::Memory;
use super::places::{Place, Places};
use crate::serve::NETWORK_PROCESS;

/// Between two looks, and how many of them must agree before memory is settled.
const LOOK: Duration = Duration::from_millis(200);
const AGREEING: u32 = 5;
/// Looks at most. What changes even then is taken as it is.
const MOST_LOOKS: u32 = 40;
/// KiB that still count as no change.
const STILL: u64 = 1_024;

/// Memory as of one moment, in KiB.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    process: u64,
    kernel: u64,
}

/// Holds connections without and with the network, and compares.
pub(super) async fn memory(places: &Places, connections: u32) -> Result<Memory> {
    let process = places.network_process().await?;
    let direct = held(places, Place::Direct, connections, &process).await?;
    let sandbox = held(places, Place::Sandbox, connections, &process).await?;
    let each = |kib: u64| kib as f64 / f64::from(connections);
    let added = sandbox.kernel.saturating_sub(direct.kernel);
    Ok(Memory::new(connections, each(sandbox.process), each(added), each(direct.kernel)))
}

async fn held(places: &Places, place: Place, connections: u32, process: &str) -> Result<Look> {
    let before = settled(process).await?;
    let held = places.hold(place, connections).await?;
    let during = settled(process).await;
    held.release().await?;
    let during = during?;
    Ok(Look {
        process: during.process.saturating_sub(before.process),
        kernel: during.kernel.saturating_sub(before.kernel),
    })
}

/// Looks until nothing changes any more.
async fn settled(process: &str) -> Result<Look> {
    let mut last = look(process)?;
    let mut agreeing = 0;
    for _ in 0..MOST_LOOKS {
        tokio::time::sleep(LOOK).await;
        let now = look(process)?;
        let is_still =
            now.process.abs_diff(last.process) + now.kernel.abs_diff(last.kernel) < STILL;
        agreeing = if is_still { agreeing + 1 } else { 0 };
        if agreeing >= AGREEING {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

fn look(process: &str) -> Result<Look> {
    let status = read(&format!("/proc/{process}/status"))?;
    let resident = number(&status, "VmRSS:").ok_or_else(unreadable)?;
    let sockets = read("/proc/net/sockstat")?;
    let line = sockets.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let pages = number(line, "mem").ok_or_else(unreadable)?;
    let own = read("/proc/self/smaps")?;
    let page_kib = number(&own, "KernelPageSize:").ok_or_else(unreadable)?;
    Ok(Look { process: resident, kernel: pages * page_kib })
}

/// The number after a word.
fn number(text: &str, word: &str) -> Option<u64> {
    let mut words = text.split_whitespace().skip_while(|found| *found != word);
    words.nth(1)?.parse().ok()
}

/// The process of this keeper that carries what sandboxes send.
pub(super) fn network_process(keeper: i32) -> Result<String> {
    let is_meant = |folder: &PathBuf| {
        let words = fs::read(folder.join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
        // pid (comm) state ppid: proc(5).
        let parent =
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        words.split(|byte| *byte == 0).nth(1) == Some(NETWORK_PROCESS.as_bytes())
            && parent == Some(keeper)
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path()).find(is_meant);
    let name = found.and_then(|folder| Some(folder.file_name()?.to_str()?.to_owned()));
    name.ok_or_else(|| Error::not_found("the network process of this daemon is not found"))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|source| Error::unavailable(format!("cannot read `{path}`")).with_source(source))
}

fn unreadable() -> Error {
    Error::unsupported("this kernel does not tell the memory of sockets")
}
