//! What the launcher has of the host, opened once at its start.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};
use rustix::process::{Resource, Rlimit};
use rustix::thread::UnshareFlags;

use super::Settings;
use super::spare::Spare;
use crate::apply::Source;
use crate::cgroup::detect::Controller;
use crate::cgroup::{From, Trees};
use crate::defence::{Defence, Without};
use crate::failure::{At, Outcome, refused, unsupported};
use crate::folders::Folders;
use crate::ids::{Allotment, IdBlock};
use crate::maps::{self, Map};
use crate::network::Wires;
use crate::owner;
use crate::plan::IdShape;
use crate::request::{Enforced, LayerPlace, Network};
use crate::seccomp::Filter;
use crate::sys::{self, Depth, MountAttributes};
use crate::{apply, host_image, network, program};

/// Everything that starting a sandbox needs and that is the same for all.
pub(crate) struct Host {
    pub(crate) without: Without,
    pub(crate) folders: Folders,
    pub(crate) trees: Trees,
    pub(crate) filter: Filter,
    pub(crate) program: OwnedFd,
    pub(crate) boot: String,
    pub(crate) has_landlock: bool,
    /// Whether sandboxes can be wired, or why not.
    pub(crate) steering: Outcome<()>,
    /// Whether volumes can be mounted, or why not.
    pub(crate) mapping: Outcome<()>,
    /// The folder of the built-in image in `images/`, or why there is none.
    pub(crate) host_image: Outcome<String>,
    /// Ids for each sandbox; none without privilege.
    pub(crate) ranges: Option<Ranges>,
    /// The data directory, where a process without privilege must go by path.
    home: PathBuf,
}

/// What a privileged launcher has more.
pub(crate) struct Ranges {
    pub(crate) block: IdBlock,
    pub(crate) allotment: Allotment,
    pub(crate) network: network::Home,
    /// Who connects to the agents' sockets.
    pub(crate) account: u32,
    /// What is ready for the next start.
    pub(super) spare: Spare,
}

impl Host {
    /// Opens everything, and moves into a small mount namespace when there is the privilege.
    pub(crate) fn open(settings: &Settings, without: Without) -> Outcome<Self> {
        let filter = Filter::compile();
        raise_open_files().at("raise the limit of open files")?;
        let ranges =
            settings.ids.map(|block| open_ranges(block, settings.account, &without)).transpose()?;
        let folders = Folders::open(&settings.home, &without)?;
        let from = if ranges.is_some() { From::Top } else { From::OwnGroup };
        let trees = Trees::open(&folders.tag, from);
        let store = ranges.as_ref().map_or_else(Map::single, |r| Map::range(r.block.store()));
        let owner = ranges.as_ref().map(|r| r.block.store());
        let host_image = super::images::built_in(&folders, &filter, store, owner);
        let mut host = Self {
            program: program::seal()?,
            boot: crate::process::boot().at("read the boot id")?,
            has_landlock: apply::has_landlock(),
            steering: steering(ranges.as_ref(), &without),
            mapping: super::volumes::mapping(&folders, settings.ids),
            home: settings.home.clone(),
            without,
            folders,
            trees,
            filter,
            host_image,
            ranges,
        };
        if host.ranges.is_some() {
            owner::keep_capabilities().at("keep capabilities under another id")?;
            enter_small_root(&settings.home)?;
            // What is below must belong to mounts of the namespace that we are in now.
            host.folders = Folders::open(Path::new("/home"), &host.without)?;
        }
        Ok(host)
    }

    /// The folder of volumes, where a process without privilege must go by path.
    pub(super) fn volumes_path(&self) -> PathBuf {
        self.home.join(crate::folders::VOLUMES)
    }

    /// Which kind of ids sandboxes have.
    pub(crate) fn ids(&self) -> IdShape {
        if self.ranges.is_some() { IdShape::Range } else { IdShape::Single }
    }

    /// The id map of a sandbox with this range.
    pub(crate) fn map(&self, range: u32) -> Map {
        if self.ranges.is_some() { Map::range(range) } else { Map::single() }
    }

    /// The id map of the image store.
    pub(crate) fn store_map(&self) -> Map {
        self.ranges.as_ref().map_or_else(Map::single, |r| Map::range(r.block.store()))
    }

    /// The root of the image store's ids, where they are not the caller's own.
    pub(crate) fn store_owner(&self) -> Option<u32> {
        self.ranges.as_ref().map(|ranges| ranges.block.store())
    }

    /// The read-only trees of an image for a sandbox with this range.
    pub(crate) fn image_trees(
        &self,
        image: &str,
        range: u32,
    ) -> Outcome<Vec<(&'static str, Source)>> {
        let step = "map the image's tree";
        let host_image = (image == crate::check::HOST_IMAGE).then_some(&self.host_image);
        let (folder, parts): (&str, &[(&str, &str)]) = match host_image {
            Some(Ok(folder)) => {
                (folder, &[("lower", host_image::ROOT), ("usr-mask", host_image::USR_MASK)])
            }
            Some(Err(failure)) => return Err(failure.clone()),
            None => (image, &[("lower", super::images::TREE)]),
        };
        let mut trees = Vec::new();
        let Some(ranges) = &self.ranges else {
            for (name, part) in parts {
                let path = self.home.join("images").join(folder).join(part);
                trees.push((*name, path_source(&path)?));
            }
            if host_image.is_some() {
                trees.push(("usr", path_source(Path::new("/usr"))?));
            }
            return Ok(trees);
        };
        let store = crate::folders::open_folder(self.folders.images.as_fd(), folder).at(step)?;
        let map = Map::between(ranges.block.store(), range).namespace().at(step)?;
        for (name, part) in parts {
            let tree = self.mapped(Some(store.as_fd()), part, map.as_fd()).at(step)?;
            trees.push((*name, Source::Mount(tree)));
        }
        if host_image.is_some() {
            let map = Map::range(range).namespace().at(step)?;
            let usr = self.mapped(None, "/usr", map.as_fd()).at("map the host's /usr")?;
            trees.push(("usr", Source::Mount(usr)));
        }
        Ok(trees)
    }

    /// The folder of a disk layer as something that the sandbox can mount.
    pub(crate) fn disk_layer(&self, sandbox: &str, folder: BorrowedFd<'_>) -> Outcome<Source> {
        if self.ranges.is_none() {
            return path_source(&self.home.join("sandboxes").join(sandbox).join("layer"));
        }
        let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        let mount = maps::mapped_clone(Some(folder), "layer", None, flags);
        mount.map(Source::Mount).at("clone the layer's folder")
    }

    fn mapped(
        &self,
        directory: Option<BorrowedFd<'_>>,
        path: &str,
        map: BorrowedFd<'_>,
    ) -> std::io::Result<OwnedFd> {
        let flags = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        maps::mapped_clone(directory, path, Some(map), flags)
    }

    /// The network of a sandbox for which this one is asked.
    pub(crate) fn network(&self, asked: Network) -> Network {
        match (asked, &self.steering) {
            (Network::Wired, Err(_)) => Network::Proxied,
            (Network::Loopback | Network::Wired | Network::Proxied, _) => asked,
        }
    }

    /// Makes wires for a sandbox that runs and for which this launcher has none. None where somebody
    /// still listens for what is proxied.
    pub(super) fn wire(&self, pidfd: &OwnedFd, kind: Network) -> Outcome<Option<Wires>> {
        match (&self.ranges, kind) {
            (_, Network::Loopback) => Ok(None),
            (Some(ranges), _) => ranges.network.wire_again(pidfd, kind),
            (None, Network::Proxied) => network::visit(pidfd),
            // An earlier launcher, with root's privileges, started it.
            (None, Network::Wired) => Err(unsupported(
                "this launcher cannot steer a sandbox's connections",
                "run `infield serve` as root again, or start the sandbox anew",
            )),
        }
    }

    /// What enforces each control for a sandbox whose layer is at `place`.
    pub(crate) fn enforced(&self, place: LayerPlace, network: Network) -> Vec<Enforced> {
        let keeps =
            |defence, mechanism| if self.without.keeps(defence) { mechanism } else { "none" };
        let group = |controller| self.trees.mechanism(controller);
        let layer = match place {
            LayerPlace::Memory => "tmpfs",
            LayerPlace::Disk => "sampled",
        };
        let pids = match self.ids() {
            IdShape::Range => "none",
            IdShape::Single => "rlimit",
        };
        let landlock = if self.has_landlock { "kernel" } else { "none" };
        let kill = if self.trees.atomic_kill() { "cgroup_v2" } else { "kernel" };
        let id_range = if self.ranges.is_some() { "kernel" } else { "none" };
        let egress = match (network, &self.steering) {
            // What has no way out needs no other guard.
            (Network::Loopback, _) => "kernel",
            (Network::Wired, Ok(())) => "sk_lookup",
            (Network::Wired, Err(_)) => "none",
            (Network::Proxied, _) => "proxy",
        };
        [
            (
                Controller::Memory.as_str(),
                keeps(Defence::MemoryLimit, group(Controller::Memory).unwrap_or("none")),
            ),
            (
                Controller::Pids.as_str(),
                keeps(Defence::PidsLimit, group(Controller::Pids).unwrap_or(pids)),
            ),
            (
                Controller::Cpu.as_str(),
                keeps(Defence::CpuLimit, group(Controller::Cpu).unwrap_or("none")),
            ),
            ("disk", keeps(Defence::DiskLimit, layer)),
            ("inodes", keeps(Defence::InodeLimit, layer)),
            ("open_files", keeps(Defence::OpenFiles, "rlimit")),
            ("user_namespace", "kernel"),
            ("id_range", keeps(Defence::IdRange, id_range)),
            ("network", keeps(Defence::NetworkNamespace, "kernel")),
            ("egress", keeps(Defence::NetworkNamespace, egress)),
            ("seccomp", keeps(Defence::Seccomp, "kernel")),
            ("landlock", keeps(Defence::Landlock, landlock)),
            ("atomic_kill", kill),
        ]
        .into_iter()
        .map(|(control, mechanism)| Enforced {
            control: control.to_owned(),
            mechanism: mechanism.to_owned(),
        })
        .collect()
    }
}

/// Whether a namespace can be wired, by making one.
fn steering(ranges: Option<&Ranges>, without: &Without) -> Outcome<()> {
    let ranges = ranges.ok_or_else(|| {
        unsupported("an ordinary user cannot steer connections", "run `infield serve` as root")
    })?;
    if !without.keeps(Defence::NetworkNamespace) {
        return Err(refused("a sandbox without a network namespace cannot be wired"));
    }
    ranges.network.make(Network::Wired).map(drop).map_err(|failure| {
        unsupported(
            format!("this host cannot steer connections: {}", failure.message),
            "boot a kernel of 5.9 or later with BPF and IPv6, and allow bpf(2) to root",
        )
    })
}

/// Each sandbox that runs costs a descriptor, a proxied one two, a wired one four.
fn raise_open_files() -> std::io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    Ok(rustix::process::setrlimit(Resource::Nofile, raised)?)
}

fn path_source(path: &Path) -> Outcome<Source> {
    let path = path.to_str().and_then(|path| CString::new(path).ok());
    path.map(Source::Path).ok_or_else(|| {
        unsupported("the data directory's path is not plain text", "choose another `--home`")
    })
}

fn open_ranges(block: IdBlock, account: u32, without: &Without) -> Outcome<Ranges> {
    let read = |paths: [&str; 2]| {
        paths.map(|path| std::fs::read_to_string(path).unwrap_or_default()).to_vec()
    };
    if without.keeps(Defence::IdRange) {
        block.check(&read(["/etc/subuid", "/etc/subgid"]), &read(["/etc/passwd", "/etc/group"]))?;
    }
    Ok(Ranges {
        block,
        allotment: Allotment::new(block),
        network: network::Home::open(without)?,
        account,
        spare: Spare::default(),
    })
}

/// Moves the process into a mount namespace with only what sandboxes need: each new sandbox's
/// namespace begins as a copy of it. Mounts that the host makes later are not seen here.
fn enter_small_root(home: &Path) -> Outcome<()> {
    let step = "make the launcher's mount namespace";
    sys::unshare(UnshareFlags::NEWNS).at(step)?;
    let private = MountAttributes { propagation: libc::MS_PRIVATE, ..Default::default() };
    sys::mount_setattr(CWD, c"/", Depth::Tree, private).at(step)?;
    let all = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let mut parts = Vec::new();
    for (name, source) in [
        ("proc", Path::new("/proc")),
        ("usr", Path::new("/usr")),
        ("dev", Path::new("/dev")),
        ("home", home),
    ] {
        // Below /dev are other mounts of the host's that no sandbox needs.
        let flags = if name == "dev" { all.difference(OpenTreeFlags::AT_RECURSIVE) } else { all };
        parts.push((name, rustix::mount::open_tree(CWD, source, flags).at(step)?));
    }
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).at(step)?;
    rustix::mount::fsconfig_set_string(&context, "mode", "0755").at(step)?;
    rustix::mount::fsconfig_create(&context).at(step)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let root =
        rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).at(step)?;
    let moved = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&root, "", CWD, "/tmp", moved).at(step)?;
    rustix::process::fchdir(&root).at(step)?;
    rustix::fs::mkdirat(CWD, "tmp", Mode::from_raw_mode(0o755)).at(step)?;
    for (name, part) in parts {
        rustix::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o755)).at(step)?;
        rustix::mount::move_mount(&part, "", CWD, name, moved).at(step)?;
    }
    rustix::process::pivot_root(".", ".").at(step)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).at(step)?;
    rustix::process::chdir("/").at(step)
}

/// A path to an open folder, for the calls that take no descriptor: a socket's name has room for
/// 108 bytes only.
pub(crate) fn short_path(folder: BorrowedFd<'_>, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())
}
