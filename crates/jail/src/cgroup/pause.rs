//! Holding all processes of a sandbox, agent and work, and letting them go on.
//!
//! The kernel holds a group at once with all that is born in it, so that nothing can outrun it. In
//! an old tree a killed process that is held ends only when it is let go, and does nothing else
//! then: whoever ends a sandbox kills first and lets go after that.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::detect::{Controller, Version};
use super::{Branch, Trees, field};
use crate::failure::{At, Outcome, late, unsupported};
use crate::folders;

/// How long the launcher, which has others to serve, waits until all processes stand still. Those in
/// the kernel come out first, and those that are out of their share of the processors wait for it.
const HELD_AFTER: Duration = Duration::from_millis(100);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_micros(200);

impl Trees {
    /// Holds every process of a sandbox. When some do not stand still yet it fails, and goes on: who
    /// asks again soon learns more, and who gives up has to resume.
    pub(crate) fn pause(&self, name: &str) -> Outcome<()> {
        let branch = self.freezer().ok_or_else(|| {
            unsupported(
                "this host has no control group that can hold processes",
                "run `infield serve` as root, or stop the sandbox",
            )
        })?;
        match branch.hold(name) {
            // It was started before there was a group to hold it by.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unsupported(
                format!("the sandbox `{name}` has no group that can hold it"),
                "stop it and start it again first",
            )),
            other => other.at("hold the processes"),
        }?;
        let end = Instant::now() + HELD_AFTER;
        while !branch.is_still(name) {
            if Instant::now() > end {
                return Err(late(
                    format!("some processes of the sandbox `{name}` do not stand still yet"),
                    "try again in a moment",
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Lets every process of a sandbox go on; one that is not held is fine.
    pub(crate) fn resume(&self, name: &str) -> Outcome<()> {
        let released = self.freezer().map_or(Ok(()), |branch| branch.let_go(name));
        match released {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.at("let the processes go on"),
        }
    }

    /// Whether the processes of a sandbox are held.
    pub(crate) fn is_paused(&self, name: &str) -> bool {
        self.freezer().is_some_and(|branch| branch.is_held(name))
    }

    /// The tree that can hold a sandbox.
    fn freezer(&self) -> Option<&Branch> {
        let old = |branch: &&Branch| branch.controllers.contains(&Controller::Freezer);
        let unified = |branch: &&Branch| branch.version == Version::V2;
        self.0.iter().find(old).or_else(|| self.0.iter().find(unified))
    }
}

impl Branch {
    fn hold(&self, name: &str) -> io::Result<()> {
        match self.version {
            Version::V1 => self.write(name, "freezer.state", "FROZEN"),
            Version::V2 => self.write(name, "cgroup.freeze", "1"),
        }
    }

    fn let_go(&self, name: &str) -> io::Result<()> {
        match self.version {
            Version::V1 => self.write(name, "freezer.state", "THAWED"),
            Version::V2 => self.write(name, "cgroup.freeze", "0"),
        }
    }

    /// Whether somebody asked for it, done or not.
    fn is_held(&self, name: &str) -> bool {
        match self.version {
            Version::V1 => self.look(name, "freezer.self_freezing").trim() == "1",
            Version::V2 => self.look(name, "cgroup.freeze").trim() == "1",
        }
    }

    /// Whether every process stands still.
    fn is_still(&self, name: &str) -> bool {
        match self.version {
            Version::V1 => self.look(name, "freezer.state").trim() == "FROZEN",
            Version::V2 => field(&self.look(name, "cgroup.events"), "frozen") == Some(1),
        }
    }

    fn write(&self, name: &str, file: &str, value: &str) -> io::Result<()> {
        folders::write_value(self.folder.as_fd(), &format!("{name}/{file}"), value)
    }

    fn look(&self, name: &str, file: &str) -> String {
        folders::read_file(self.folder.as_fd(), &format!("{name}/{file}")).unwrap_or_default()
    }
}
