//! The domain's words and the launcher's, each way.
//!
//! The launcher's answers are checked here: a word that is not known is an error of ours, never
//! guessed at.

use std::io;

use infield_domain::image::{Image, Origin};
use infield_domain::isolation::{Check, Control, Enforcement, Host, Mechanism, Verdict};
use infield_domain::lifecycle::{Cause, Reason};
use infield_domain::network::Policy;
use infield_domain::provider::{Found, Running};
use infield_domain::sandbox::{Resources, Spec, Usage};
use infield_domain::volume::{VolumeLimits, VolumeMount};
use infield_domain::{Error, ImageName, Kind, Result, SandboxId, VolumeId};
use infield_jail::request;
use infield_jail::request::FailureKind;

/// Stands for `/` in an image's name, which is a file name to the launcher. Image names never
/// have it themselves.
const SLASH: char = '+';

/// Characters of a text from the launcher that an answer shows at most.
const MOST_TEXT: usize = 1_000;

/// An answer that does not fit its question.
pub(crate) fn unexpected() -> Error {
    Error::internal("the launcher's answer does not fit the question")
}

/// The launcher's reason as an error for users.
pub(crate) fn failure(failure: request::Failure) -> Error {
    let kind = match failure.kind {
        FailureKind::NotFound => Kind::NotFound,
        FailureKind::Refused => Kind::Invalid,
        FailureKind::Unsupported => Kind::Unsupported,
        FailureKind::Full => Kind::Quota,
        FailureKind::Late => Kind::Unavailable,
        FailureKind::Kernel => Kind::Internal,
    };
    let message: String = failure.message.chars().take(MOST_TEXT).collect();
    let mut error = Error::new(kind, message);
    if let Some(hint) = failure.hint {
        error = error.with_hint(hint);
    }
    match failure.errno {
        Some(errno) => error.with_source(io::Error::from_raw_os_error(errno)),
        None => error,
    }
}

/// What to ask for so that a sandbox starts.
pub(crate) fn start(id: &SandboxId, spec: &Spec) -> request::Start {
    let layer = if spec.retention.persistent {
        request::LayerPlace::Disk
    } else {
        request::LayerPlace::Memory
    };
    request::Start {
        sandbox: id.as_str().to_owned(),
        image: image_word(&spec.image),
        hostname: spec.name.as_str().to_owned(),
        layer,
        network: network(&spec.network),
        volumes: spec.volumes.iter().map(mount).collect(),
        limits: limits(&spec.resources),
        require: spec.require.iter().map(|control| control.as_str().to_owned()).collect(),
    }
}

/// What a sandbox may use.
pub(crate) fn limits(resources: &Resources) -> request::Limits {
    request::Limits {
        memory_bytes: resources.memory_bytes,
        cpu_millis: resources.cpu_millis,
        pids: resources.pids,
        disk_bytes: resources.disk_bytes,
        inodes: resources.inodes,
        open_files: resources.open_files,
    }
}

/// A mount, whose path the launcher takes from the root.
fn mount(mount: &VolumeMount) -> request::Mount {
    let subpath = mount.subpath.as_ref().map_or("", |subpath| subpath.as_str());
    request::Mount {
        volume: mount.volume.as_str().to_owned(),
        path: mount.path.as_str().trim_start_matches('/').to_owned(),
        subpath: subpath.to_owned(),
    }
}

/// What a volume may hold.
pub(crate) fn volume_limits(limits: &VolumeLimits) -> request::VolumeLimits {
    request::VolumeLimits { bytes: limits.size_bytes, inodes: limits.inodes }
}

/// A volume of the launcher's.
pub(crate) fn volume(report: &request::VolumeReport) -> Result<VolumeId> {
    report.volume.parse().map_err(|_| unexpected())
}

/// What network a policy needs. The launcher makes a proxied one where it can make no wired one.
fn network(policy: &Policy) -> request::Network {
    match policy {
        Policy::None => request::Network::Loopback,
        Policy::Limited | Policy::Public | Policy::Custom(_) => request::Network::Wired,
    }
}

/// An image's name as the launcher writes it.
pub(crate) fn image_word(name: &ImageName) -> String {
    name.as_str().replace('/', &SLASH.to_string())
}

/// What holds each control.
pub(crate) fn enforcement(words: &[request::Enforced]) -> Result<Enforcement> {
    let pair =
        |word: &request::Enforced| Ok((control(&word.control)?, mechanism(&word.mechanism)?));
    Ok(Enforcement(words.iter().map(pair).collect::<Result<_>>()?))
}

fn control(word: &str) -> Result<Control> {
    Control::ALL.into_iter().find(|control| control.as_str() == word).ok_or_else(unexpected)
}

pub(crate) fn mechanism(word: &str) -> Result<Mechanism> {
    match word {
        "cgroup_v2" => Ok(Mechanism::CgroupV2),
        "cgroup_v1" => Ok(Mechanism::CgroupV1),
        "rlimit" => Ok(Mechanism::Rlimit),
        "tmpfs" => Ok(Mechanism::Tmpfs),
        "sampled" => Ok(Mechanism::Sampled),
        "kernel" => Ok(Mechanism::Kernel),
        "sk_lookup" => Ok(Mechanism::SkLookup),
        "proxy" => Ok(Mechanism::Proxy),
        "none" => Ok(Mechanism::None),
        _ => Err(unexpected()),
    }
}

/// One sandbox of the launcher's inventory.
pub(crate) fn found(found: &request::Found) -> Result<(SandboxId, Found)> {
    let id: SandboxId = found.sandbox.parse().map_err(|_| unexpected())?;
    let what = match &found.running {
        Some(started) => {
            let running = Running { enforcement: enforcement(&started.enforced)? };
            if found.paused { Found::Paused(running) } else { Found::Running(running) }
        }
        None if found.layer => Found::Layer(ended(found)?),
        None => Found::Remains,
    };
    Ok((id, what))
}

/// How a sandbox ended, if the launcher knows.
pub(crate) fn ended(found: &request::Found) -> Result<Option<Cause>> {
    let Some((word, sentence)) = &found.ended else { return Ok(None) };
    let reason = match word.as_str() {
        "exit" => Reason::Exit,
        "out_of_memory" => Reason::OutOfMemory,
        "killed" => Reason::Killed,
        "host_restart" => Reason::HostRestart,
        _ => return Err(unexpected()),
    };
    let detail: String = sentence.chars().take(MOST_TEXT).collect();
    Ok(Some(Cause { reason, detail: (!detail.is_empty()).then_some(detail) }))
}

/// What a sandbox uses.
pub(crate) fn usage(usage: request::Usage) -> Usage {
    Usage {
        memory_bytes: usage.memory_bytes,
        cpu_us: usage.cpu_us,
        pids: usage.pids,
        disk_bytes: usage.disk_bytes,
        inodes: usage.inodes,
    }
}

/// The built-in image.
pub(crate) fn host_image() -> Image {
    Image {
        name: ImageName::host(),
        origin: Origin::Host,
        size_bytes: 0,
        files: 0,
        created_at: 0,
        left_out: Vec::new(),
    }
}

/// An image of the store.
pub(crate) fn image(report: request::ImageReport) -> Result<Image> {
    let name = report.image.replace(SLASH, "/").parse().map_err(|_| unexpected())?;
    Ok(Image {
        name,
        origin: Origin::Import,
        size_bytes: report.size_bytes,
        files: report.files,
        created_at: report.created_at,
        left_out: report.left_out,
    })
}

/// What this host can enforce.
pub(crate) fn host(report: request::HostReport) -> Result<Host> {
    let checks = report.checks.into_iter().map(check).collect::<Result<_>>()?;
    Ok(Host {
        privileged: report.privileged,
        enforcement: enforcement(&report.enforced)?,
        checks,
        ceilings: report.ceilings.into_iter().collect(),
    })
}

fn check(report: request::CheckReport) -> Result<Check> {
    let verdict = match report.verdict.as_str() {
        "good" => Verdict::Good,
        "weak" => Verdict::Weak,
        "broken" => Verdict::Broken,
        _ => return Err(unexpected()),
    };
    Ok(Check { name: report.name, verdict, found: report.found, mend: report.mend })
}

#[cfg(test)]
mod tests;
