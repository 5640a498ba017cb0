//! Looks at what this host can enforce, and how many sandboxes it can hold.

use rustix::process::Resource;

use super::Launcher;
use crate::request::{CheckReport, Enforced, HostReport, LayerPlace, Network};
use crate::sys::{self, Cloned};

/// Descriptors that the launcher needs for itself and for work in progress.
const OWN_DESCRIPTORS: u64 = 64;
/// Descriptors that it holds for a sandbox that runs: its process, and three for a wired one.
const FOR_EACH: u64 = 4;
/// Descriptors that the network process holds for a wired sandbox, and for each of its connections.
const FOR_EACH_WIRED: u64 = 2;
const FOR_EACH_CONNECTION: u64 = 2;

impl Launcher {
    /// The report for `infield doctor`.
    pub(super) fn probe(&self) -> HostReport {
        let network = self.host.network(Network::Wired);
        let enforced = self.host.enforced(LayerPlace::Memory, network);
        let mut checks = vec![self.privilege(), user_namespaces(), self.landlock()];
        checks.push(self.built_in_image());
        checks.push(self.steering());
        checks.push(self.volumes());
        checks.extend(enforced.iter().filter_map(group));
        checks.push(self.one_write_kill());
        HostReport {
            privileged: self.host.ranges.is_some(),
            enforced,
            checks,
            ceilings: self.ceilings(),
        }
    }

    fn privilege(&self) -> CheckReport {
        match &self.host.ranges {
            Some(ranges) => good(
                "privilege",
                format!("root, {} id ranges from {}", ranges.block.ranges, ranges.block.first),
            ),
            None => weak(
                "privilege",
                "an ordinary user: one id inside, /usr read-only".to_owned(),
                "run `infield serve` as root for id ranges and control groups",
            ),
        }
    }

    fn landlock(&self) -> CheckReport {
        if self.host.has_landlock {
            return good("landlock", "the kernel has it".to_owned());
        }
        weak(
            "landlock",
            "the kernel has none".to_owned(),
            "boot a kernel of 5.13 or later with `lsm=landlock,...`",
        )
    }

    fn steering(&self) -> CheckReport {
        match &self.host.steering {
            Ok(()) => good("network policies", "the kernel steers connections".to_owned()),
            Err(failure) => weak(
                "network policies",
                format!("by a proxy: {}", failure.message),
                failure.hint.as_deref().unwrap_or("run `infield serve` as root"),
            ),
        }
    }

    fn volumes(&self) -> CheckReport {
        match (&self.host.mapping, &self.host.ranges) {
            (Ok(()), Some(_)) => good(
                "volumes",
                "owners are the same in every sandbox; sizes are sampled".to_owned(),
            ),
            (Ok(()), None) => weak(
                "volumes",
                "mounted with the one id that there is; sizes are sampled".to_owned(),
                "run `infield serve` as root for files of several users",
            ),
            (Err(failure), _) => weak(
                "volumes",
                failure.message.clone(),
                failure.hint.as_deref().unwrap_or("choose another `--home`"),
            ),
        }
    }

    fn built_in_image(&self) -> CheckReport {
        match &self.host.host_image {
            Ok(_) => good("image host", "mirrors the host's /usr".to_owned()),
            Err(failure) => weak(
                "image host",
                failure.message.clone(),
                failure.hint.as_deref().unwrap_or("import an image with `infield image import`"),
            ),
        }
    }

    fn one_write_kill(&self) -> CheckReport {
        if self.host.trees.atomic_kill() {
            return good("atomic kill", "cgroup.kill of the unified tree".to_owned());
        }
        good("atomic kill", "the end of the sandbox's first process".to_owned())
    }

    fn ceilings(&self) -> Vec<(String, u64)> {
        let open_files = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let running =
            self.sandboxes.values().filter(|sandbox| sandbox.running.is_some()).count() as u64;
        let mut ceilings = vec![(
            "descriptors".to_owned(),
            (open_files.saturating_sub(OWN_DESCRIPTORS) / FOR_EACH).saturating_sub(running),
        )];
        ceilings.push((
            // The network process has the same limit, of the same keeper.
            "connections of all sandboxes".to_owned(),
            open_files.saturating_sub(OWN_DESCRIPTORS + FOR_EACH_WIRED * running)
                / FOR_EACH_CONNECTION,
        ));
        if let Some(ranges) = &self.host.ranges {
            ceilings.push(("ids".to_owned(), ranges.allotment.free()));
        }
        if let Some(pids) = read_number("/proc/sys/kernel/pid_max") {
            let used = std::fs::read_dir("/proc").map_or(0, |entries| {
                let number = |name: &std::ffi::OsStr| name.to_string_lossy().parse::<u32>().is_ok();
                entries.flatten().filter(|entry| number(&entry.file_name())).count() as u64
            });
            ceilings.push(("pids".to_owned(), pids.saturating_sub(used)));
        }
        for (name, file) in [
            ("user_namespaces", "/proc/sys/user/max_user_namespaces"),
            ("network_namespaces", "/proc/sys/user/max_net_namespaces"),
        ] {
            ceilings.extend(read_number(file).map(|most| (name.to_owned(), most)));
        }
        ceilings
    }
}

fn group(enforced: &Enforced) -> Option<CheckReport> {
    if !["memory", "pids", "cpu"].contains(&enforced.control.as_str()) {
        return None;
    }
    let name = format!("{} limit", enforced.control);
    Some(match enforced.mechanism.as_str() {
        "none" => weak(
            &name,
            "no control group counts it".to_owned(),
            "run `infield serve` as root, or in a unit with `Delegate=yes`",
        ),
        "rlimit" => weak(
            &name,
            "counted for each user by a resource limit".to_owned(),
            "run `infield serve` as root, or in a unit with `Delegate=yes`",
        ),
        mechanism => good(&name, mechanism.to_owned()),
    })
}

/// Tries to make one, because many settings can forbid it.
fn user_namespaces() -> CheckReport {
    let tried = sys::clone(libc::CLONE_NEWUSER as u64, None);
    match tried {
        Ok(Cloned::Child) => sys::exit_now(0),
        Ok(Cloned::Parent { pidfd, .. }) => {
            crate::process::await_end(&pidfd);
            good("user namespaces", "allowed".to_owned())
        }
        Err(error) => CheckReport {
            name: "user namespaces".to_owned(),
            verdict: "broken".to_owned(),
            found: error.to_string(),
            mend: Some(forbidding_setting().to_owned()),
        },
    }
}

/// The setting that most likely forbids user namespaces.
pub(super) fn forbidding_setting() -> &'static str {
    let is = |path: &str, value: u64| read_number(path) == Some(value);
    if is("/proc/sys/user/max_user_namespaces", 0) {
        "set `sysctl user.max_user_namespaces=15000`"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", 0) {
        "set `sysctl kernel.unprivileged_userns_clone=1`, or run as root"
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) {
        "set `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root"
    } else {
        "allow user namespaces in the container or system call filter that infield runs in"
    }
}

fn read_number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn good(name: &str, found: String) -> CheckReport {
    CheckReport { name: name.to_owned(), verdict: "good".to_owned(), found, mend: None }
}

fn weak(name: &str, found: String, mend: &str) -> CheckReport {
    CheckReport {
        name: name.to_owned(),
        verdict: "weak".to_owned(),
        found,
        mend: Some(mend.to_owned()),
    }
}
