//! What the launcher tells the agent, as its arguments.
//!
//! `argv[1]` is the number of descriptors that attach a process to the cgroups of the work, from
//! descriptor 5 on; what follows are `key=value` settings. A word that is not known is an error:
//! launcher and agent are of one build.

#[cfg(test)]
mod tests;

use std::os::fd::RawFd;

use infield_protocol::message::Code;

use crate::failure::Failure;

/// How the agent works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many descriptors from 5 on attach to the cgroups of the work.
    pub attach: usize,
    /// Open files of each command at most; what it inherits when missing.
    pub open_files: Option<u64>,
    /// A descriptor whose text has an `oom_kill` counter.
    pub oom_fd: Option<RawFd>,
    /// Where relative paths start.
    pub workspace: String,
    /// Defences to leave out; empty in every build but those for attacks.
    pub without: Vec<Defence>,
}

/// A defence that a build for attacks can leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defence {
    /// The agent cannot be traced, nor its descriptors taken.
    Dumpable,
    /// A command's environment is built from nothing.
    Environment,
    /// A command inherits no descriptor.
    Descriptors,
    /// A command runs in the cgroups of the work.
    Attach,
    /// A command's processes are found whatever they do.
    Marker,
    /// Kept output is bounded.
    KeptOutput,
    /// File operations have none of the agent's descriptors.
    WorkerDescriptors,
}

impl Settings {
    /// Reads the arguments after the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut arguments = arguments.into_iter();
        let attach = match arguments.next() {
            Some(count) => number(&count)?,
            None => 0,
        };
        let mut settings = Self {
            attach,
            open_files: None,
            oom_fd: None,
            workspace: "/workspace".to_owned(),
            without: Vec::new(),
        };
        for argument in arguments {
            settings.set(&argument)?;
        }
        Ok(settings)
    }

    /// Whether a defence is on.
    pub fn keeps(&self, defence: Defence) -> bool {
        !self.without.contains(&defence)
    }

    fn set(&mut self, argument: &str) -> Result<(), Failure> {
        match argument.split_once('=') {
            Some(("open_files", value)) => self.open_files = Some(number(value)?),
            Some(("oom_fd", value)) => self.oom_fd = Some(number(value)?),
            Some(("workspace", value)) if value.starts_with('/') => {
                value.clone_into(&mut self.workspace)
            }
            #[cfg(feature = "weaken")]
            Some(("without", words)) => {
                self.without.extend(words.split(',').filter_map(defence));
            }
            _ => return Err(Failure::new(Code::Invalid, format!("unknown setting `{argument}`"))),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Failure> {
    let wrong = || Failure::new(Code::Invalid, format!("`{text}` is not a number"));
    text.parse().map_err(|_| wrong())
}

/// The words are shared with the launcher, which has more; those of others are passed over.
#[cfg(feature = "weaken")]
fn defence(word: &str) -> Option<Defence> {
    match word {
        "dumpable" => Some(Defence::Dumpable),
        "environment" => Some(Defence::Environment),
        "descriptors" => Some(Defence::Descriptors),
        "attach" => Some(Defence::Attach),
        "marker" => Some(Defence::Marker),
        "kept_output" => Some(Defence::KeptOutput),
        "worker_descriptors" => Some(Defence::WorkerDescriptors),
        _ => None,
    }
}
