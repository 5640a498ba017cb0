//! What the launcher writes down about a sandbox before it acts, and finds again after a crash.
//!
//! A record is a small text of `key=value` lines that is replaced by rename, so a reader sees the
//! old one or the new one. It names the id range from before anything on disk belongs to it until
//! the folder is gone, and the first process from before that process has its socket.

use crate::request::{LayerPlace, Limits, Network, Start};

const HEAD: &str = "infield sandbox 1";

/// Everything that outlives the launcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The image.
    pub(crate) image: String,
    /// The name that the sandbox sees as its own.
    pub(crate) hostname: String,
    /// Where the layer is while it runs.
    pub(crate) layer: LayerPlace,
    /// Its ceilings.
    pub(crate) limits: Limits,
    /// What its network is.
    pub(crate) network: Network,
    /// The volumes that it has.
    pub(crate) volumes: Vec<String>,
    /// The first id of its range.
    pub(crate) range: u32,
    /// What enforces each control, as `control:mechanism` words.
    pub(crate) enforced: Vec<(String, String)>,
    /// Whether it runs.
    pub(crate) state: State,
}

/// Whether a sandbox runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing of it ran yet.
    Fresh,
    /// It runs, or ran when the launcher or the host ended.
    Running(Process),
    /// It was stopped, or it ended by itself and then there is a cause.
    Stopped {
        /// A word and a sentence.
        cause: Option<(String, String)>,
    },
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its number in the launcher's pid namespace.
    pub(crate) pid: u32,
    /// Its start time in ticks since boot.
    pub(crate) started: u64,
    /// Which boot.
    pub(crate) boot: String,
}

/// The volumes of a start, each once: a sandbox may have several folders of one.
pub(crate) fn volumes_of(start: &Start) -> Vec<String> {
    let mut volumes: Vec<String> = start.volumes.iter().map(|one| one.volume.clone()).collect();
    volumes.sort_unstable();
    volumes.dedup();
    volumes
}

impl Record {
    /// A record for a sandbox that is about to be made.
    pub(crate) fn fresh(start: &Start, range: u32) -> Self {
        Self {
            image: start.image.clone(),
            hostname: start.hostname.clone(),
            layer: start.layer,
            limits: start.limits,
            network: start.network,
            volumes: volumes_of(start),
            range,
            enforced: Vec::new(),
            state: State::Fresh,
        }
    }

    /// The text on disk.
    pub(crate) fn encode(&self) -> String {
        let limits = &self.limits;
        let place = match self.layer {
            LayerPlace::Memory => "memory",
            LayerPlace::Disk => "disk",
        };
        let network = match self.network {
            Network::Loopback => "loopback",
            Network::Wired => "wired",
            Network::Proxied => "proxied",
        };
        let mut lines = vec![
            HEAD.to_owned(),
            format!("image={}", self.image),
            format!("hostname={}", self.hostname),
            format!("range={}", self.range),
            format!("layer={place}"),
            format!("memory_bytes={}", limits.memory_bytes),
            format!("cpu_millis={}", limits.cpu_millis),
            format!("pids={}", limits.pids),
            format!("disk_bytes={}", limits.disk_bytes),
            format!("inodes={}", limits.inodes),
            format!("open_files={}", limits.open_files),
            format!("network={network}"),
        ];
        lines.extend(self.volumes.iter().map(|volume| format!("volume={volume}")));
        lines.extend(self.enforced.iter().map(|(c, m)| format!("enforced={c}:{m}")));
        match &self.state {
            State::Fresh => lines.push("state=fresh".to_owned()),
            State::Running(process) => lines.extend([
                "state=running".to_owned(),
                format!("pid={}", process.pid),
                format!("started={}", process.started),
                format!("boot={}", process.boot),
            ]),
            State::Stopped { cause } => {
                lines.push("state=stopped".to_owned());
                if let Some((word, sentence)) = cause {
                    lines.push(format!("cause={word}:{}", sentence.replace('\n', " ")));
                }
            }
        }
        lines.push("end=".to_owned());
        lines.join("\n") + "\n"
    }

    /// Reads the text back; none when it is cut short or not a record.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEAD)?;
        let pairs: Vec<(&str, &str)> = body.lines().filter_map(|l| l.split_once('=')).collect();
        let get = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        get("end")?;
        Some(Self {
            image: get("image")?.to_owned(),
            hostname: get("hostname")?.to_owned(),
            layer: match get("layer")? {
                "memory" => LayerPlace::Memory,
                "disk" => LayerPlace::Disk,
                _ => return None,
            },
            limits: Limits {
                memory_bytes: get("memory_bytes")?.parse().ok()?,
                cpu_millis: get("cpu_millis")?.parse().ok()?,
                pids: get("pids")?.parse().ok()?,
                disk_bytes: get("disk_bytes")?.parse().ok()?,
                inodes: get("inodes")?.parse().ok()?,
                open_files: get("open_files")?.parse().ok()?,
            },
            network: match get("network") {
                Some("wired") => Network::Wired,
                Some("proxied") => Network::Proxied,
                // Records were written before there was anything else.
                Some("loopback") | None => Network::Loopback,
                Some(_) => return None,
            },
            volumes: pairs
                .iter()
                .filter(|(key, _)| *key == "volume")
                .map(|(_, volume)| (*volume).to_owned())
                .collect(),
            range: get("range")?.parse().ok()?,
            enforced: pairs
                .iter()
                .filter(|(key, _)| *key == "enforced")
                .filter_map(|(_, value)| value.split_once(':'))
                .map(|(control, mechanism)| (control.to_owned(), mechanism.to_owned()))
                .collect(),
            state: match get("state")? {
                "fresh" => State::Fresh,
                "running" => State::Running(Process {
                    pid: get("pid")?.parse().ok()?,
                    started: get("started")?.parse().ok()?,
                    boot: get("boot")?.to_owned(),
                }),
                "stopped" => State::Stopped {
                    cause: get("cause")
                        .and_then(|cause| cause.split_once(':'))
                        .map(|(word, sentence)| (word.to_owned(), sentence.to_owned())),
                },
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests;
