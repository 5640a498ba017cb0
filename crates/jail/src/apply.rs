//! Carries out a plan in the sandbox's first process, and ends in the agent.
//!
//! Runs between clone and exec, in a copy of the launcher's memory, with all rights over the new
//! namespaces and none over the host's. An error goes to the launcher as the step's name and the
//! kernel's number; otherwise the agent has the channel, says when it is ready, and closes it.

mod mounts;
mod volumes;
mod walls;

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::net::{RecvFlags, SendFlags};
use rustix::thread::UnshareFlags;

use crate::cgroup::Groups;
use crate::plan::{Action, Step};
use crate::request::Mount;
use crate::seccomp::Filter;
use crate::sys;

pub(crate) use self::mounts::layer_folders;
#[cfg(test)]
pub(crate) use self::walls::landlock;
pub(crate) use self::walls::{become_root, has_landlock};

/// The launcher's channel, by which the agent's listening socket comes.
const CHANNEL: i32 = 3;
/// The root of the memory layer, or nothing of interest.
pub(crate) const LAYER: i32 = 4;
/// The first of the files that attach a command to the groups of the work.
const ATTACH: i32 = 5;
/// Where a weakened launcher leaves a folder of the host's.
const FORGOTTEN: i32 = 32;

/// What the launcher says when the ids are mapped.
pub(crate) const MAPPED: &[u8] = b"mapped";
/// What the process says when all walls stand and nothing is left but to execute the agent.
pub(crate) const READY: &[u8] = b"ready";

/// Where a tree comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A mount that the launcher cloned and mapped.
    Mount(OwnedFd),
    /// A path of the host's, where the launcher has no right to mount.
    Path(CString),
}

/// Where a volume's folder comes from.
#[derive(Debug)]
pub(crate) enum Folder {
    /// A mount that the launcher cloned and mapped.
    Mount(OwnedFd),
    /// A folder below one of the host's, where the launcher has no right to mount.
    Below {
        /// The data directory's folder of volumes.
        volumes: CString,
        /// The volume, and what is wanted of it.
        mount: Mount,
    },
}

/// Everything that the process was given.
#[derive(Debug)]
pub(crate) struct Materials {
    /// To the launcher.
    pub(crate) channel: OwnedFd,
    /// Read-only trees by their names on the stage.
    pub(crate) trees: Vec<(&'static str, Source)>,
    /// The disk layer's folder.
    pub(crate) layer: Option<Source>,
    /// The saved layer's folder.
    pub(crate) saved: Option<OwnedFd>,
    /// The volumes, in the order of the start's.
    pub(crate) volumes: Vec<Folder>,
    /// The control groups.
    pub(crate) groups: Groups,
    /// The name that the sandbox sees as its own, where that is known.
    pub(crate) hostname: Option<String>,
    /// The agent's program.
    pub(crate) program: OwnedFd,
    /// Its arguments, without those that are known at the hand-over.
    pub(crate) settings: Vec<CString>,
    /// A folder of the host's that a weakened launcher forgets to close.
    pub(crate) forgotten: Option<OwnedFd>,
}

impl Materials {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let mounts = self.trees.iter().map(|(_, source)| source).chain(&self.layer);
        let mounts = mounts.filter_map(|source| match source {
            Source::Mount(mount) => Some(mount),
            Source::Path(_) => None,
        });
        let folders = self.volumes.iter().filter_map(|folder| match folder {
            Folder::Mount(mount) => Some(mount),
            Folder::Below { .. } => None,
        });
        let groups = &self.groups;
        [&self.channel, &self.program]
            .into_iter()
            .chain(mounts)
            .chain(folders)
            .chain(&self.saved)
            .chain(&self.forgotten)
            .chain(&groups.birth)
            .chain(&groups.birth_door)
            .chain(&groups.out_of_memory)
            .chain(&groups.agent)
            .chain(&groups.work)
            .map(AsFd::as_fd)
            .collect()
    }
}

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Trouble {
    step: String,
    error: io::Error,
}

type Done<T = ()> = Result<T, Trouble>;

/// Names the step that an error belongs to.
trait During<T> {
    fn during(self, step: impl Into<String>) -> Done<T>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, step: impl Into<String>) -> Done<T> {
        self.map_err(|error| Trouble { step: step.into(), error: error.into() })
    }
}

/// Reads what [`tell`] wrote.
pub(crate) fn trouble_from(message: &[u8]) -> (String, i32) {
    let (number, step) = message.split_first_chunk::<4>().unwrap_or((&[0; 4], message));
    (String::from_utf8_lossy(step).into_owned(), i32::from_ne_bytes(*number))
}

/// Waits until its ids are mapped, carries out the steps and becomes the agent.
pub(crate) fn become_sandbox(steps: &[Step], materials: &mut Materials, filter: &Filter) -> ! {
    let mut word = [0_u8; 8];
    match rustix::net::recv(&materials.channel, &mut word[..], RecvFlags::empty()) {
        Ok((_, count)) if word.get(..count) == Some(MAPPED) => (),
        // The launcher is gone, and there is no record: there must be no process either.
        Ok(_) | Err(_) => sys::exit_now(1),
    }
    let environment = variables();
    let mut process = Process { materials, filter, layer: None, environment };
    let trouble = match process.run(steps) {
        Ok(()) => process.hand_over(),
        Err(trouble) => trouble,
    };
    tell(process.materials, &trouble);
    sys::exit_now(1)
}

/// The process on its way.
struct Process<'a> {
    materials: &'a mut Materials,
    filter: &'a Filter,
    /// The memory layer, once it is mounted.
    layer: Option<OwnedFd>,
    /// What the agent gets, as `NAME=value`.
    environment: Vec<CString>,
}

fn tell(materials: &Materials, trouble: &Trouble) {
    let mut message = trouble.error.raw_os_error().unwrap_or(0).to_ne_bytes().to_vec();
    message.extend_from_slice(trouble.step.as_bytes());
    if trouble.error.raw_os_error().is_none() {
        message.extend_from_slice(format!(": {}", trouble.error).as_bytes());
    }
    message.truncate(1_024);
    // The launcher may be gone; then nobody is left to be told, and the exit code remains.
    let _ = rustix::net::send(&materials.channel, &message, SendFlags::NOSIGNAL);
}

impl Process<'_> {
    fn run(&mut self, steps: &[Step]) -> Done {
        // The launcher's own: they are not meant for the sandbox, and a thousand of them leave no
        // room below the limit of open files.
        sys::close_all_but(&self.materials.descriptors()).during("close the launcher's")?;
        walls::become_root().during("become root of the namespace")?;
        steps.iter().try_for_each(|step| self.act(&step.action))
    }

    fn act(&mut self, action: &Action) -> Done {
        let materials = &mut *self.materials;
        match action {
            Action::CloneTrees => mounts::clone_trees(materials),
            Action::EnterWorkGroups => enter(&materials.groups.work),
            Action::EnterAgentGroups => enter(&materials.groups.agent),
            Action::ReturnToAgentGroups => {
                enter(&materials.groups.agent)?;
                enter(materials.groups.birth_door.as_slice())
            }
            Action::OwnCgroupNamespace => {
                sys::unshare(UnshareFlags::NEWCGROUP).during("make a cgroup namespace")
            }
            Action::RaiseLoopback => {
                crate::network::raise_loopback().during("raise the loopback interface")
            }
            Action::PrivateMounts => mounts::make_private(),
            Action::Stage { bytes, inodes } => mounts::stage(*bytes, *inodes),
            Action::MemoryLayer { bytes, inodes } => {
                self.layer = Some(mounts::memory_layer(*bytes, *inodes)?);
                Ok(())
            }
            Action::RestoreLayer => mounts::restore_layer(materials),
            Action::DiskLayer => mounts::disk_layer(materials),
            Action::Attach { name } => mounts::attach_tree(materials, name),
            Action::Overlay(overlay) => mounts::overlay(overlay),
            Action::Kernel { kind, at, options } => mounts::kernel(kind, at, options),
            Action::HostProc => mounts::bind("/proc", "root/proc", 0),
            Action::Bind { from, at, flags } => mounts::bind(from, at, *flags),
            Action::Device { name } => mounts::device(name),
            Action::Link { at, target } => mounts::link(at, target),
            Action::Folder { at } => mounts::folder(at),
            Action::File { at: (folder, name), content } => mounts::file(folder, name, content),
            Action::Cover { at } => mounts::cover(at),
            Action::ReadOnly { at } => mounts::read_only(at),
            Action::Volume { number, at } => volumes::attach(materials, *number, at),
            Action::EnterRoot => mounts::enter_root(),
            Action::DropOldRoot => mounts::drop_old_root(),
            Action::Hostname => materials.hostname.as_ref().map_or(Ok(()), |name| {
                rustix::system::sethostname(name.as_bytes()).during("set the host name")
            }),
            Action::Limit { resource, value } => walls::limit(*resource, *value),
            Action::NoNewPrivileges => {
                rustix::thread::set_no_new_privs(true).during("forbid new privileges")
            }
            Action::BoundingSet => walls::bounding_set().during("bound the capabilities"),
            Action::Landlock => walls::landlock(),
            Action::Seccomp => self.filter.install().during("install the system call filter"),
            Action::Capabilities => walls::capabilities().during("drop capabilities"),
            // Carried out at the hand-over, when the descriptors that stay are in their places.
            Action::CloseDescriptors => sys::close_from_at_exec(3).during("close descriptors"),
            Action::ClearEnvironment => {
                self.environment.clear();
                Ok(())
            }
        }
    }

    /// Puts the descriptors in their places and becomes the agent. Returns only with the trouble.
    fn hand_over(&self) -> Trouble {
        match self.prepare() {
            Ok((program, arguments)) => {
                // Without a launcher the agent gets no socket, and ends by itself.
                let _ = rustix::net::send(&self.materials.channel, READY, SendFlags::NOSIGNAL);
                let error = sys::execute(program.as_fd(), &arguments, &self.environment);
                Trouble { step: "start the agent".to_owned(), error }
            }
            Err(trouble) => trouble,
        }
    }

    fn prepare(&self) -> Done<(OwnedFd, Vec<CString>)> {
        let step = "hand over descriptors";
        let materials = &*self.materials;
        // The places may be in use by what is to be handed over, so everything moves up first.
        let up = |descriptor: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(descriptor, 128);
        // Closed at once: a later drop would close the number that it had, taken by then.
        let null = up(&mounts::open_null().during(step)?).during(step)?;
        let channel = up(&materials.channel).during(step)?;
        let program = up(&materials.program).during(step)?;
        let layer = self.layer.as_ref().map(up).transpose().during(step)?;
        let work: Vec<OwnedFd> =
            materials.groups.work.iter().map(up).collect::<Result<_, _>>().during(step)?;
        let counter = materials.groups.out_of_memory.as_ref().map(up).transpose().during(step)?;
        for number in 0..3 {
            sys::place(null.as_fd(), number).during(step)?;
        }
        sys::place(channel.as_fd(), CHANNEL).during(step)?;
        sys::place(layer.as_ref().unwrap_or(&null).as_fd(), LAYER).during(step)?;
        let mut next = ATTACH;
        for door in &work {
            sys::place(door.as_fd(), next).during(step)?;
            next += 1;
        }
        let mut arguments = vec![c"infield-agent".to_owned(), number(work.len())];
        if let Some(counter) = counter {
            sys::place(counter.as_fd(), next).during(step)?;
            arguments.extend(CString::new(format!("oom_fd={next}")));
        }
        if let Some(forgotten) = &materials.forgotten {
            sys::place(up(forgotten).during(step)?.as_fd(), FORGOTTEN).during(step)?;
        }
        arguments.extend(materials.settings.iter().cloned());
        Ok((program, arguments))
    }
}

fn enter(doors: &[OwnedFd]) -> Done {
    for door in doors {
        rustix::io::write(door, b"0").during("enter a control group")?;
    }
    Ok(())
}

/// The launcher's own variables.
fn variables() -> Vec<CString> {
    let line = |(name, value): (OsString, OsString)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
    };
    std::env::vars_os().filter_map(line).collect()
}

fn number(value: usize) -> CString {
    CString::new(value.to_string()).expect("digits have no nul")
}
