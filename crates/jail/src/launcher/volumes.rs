//! Volumes: made, mounted in sandboxes, counted, removed.
//!
//! Each has a range of ids of its own, which its files have on disk and no process ever has. A
//! mount of it turns them into those of the sandbox's range (an *idmapped* mount, mount_setattr(2)),
//! so that the user 1000 of one sandbox is the user 1000 of every other. A launcher without
//! privilege gives every sandbox the same single id, so that nothing has to be turned into anything.
//!
//! A folder whose name begins with `.gone-` is being removed.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};

use super::{Launcher, Watched};
use crate::apply::Folder;
use crate::check;
use crate::failure::{At, Outcome, not_found, refused, unsupported};
use crate::folders;
use crate::ids::IdBlock;
use crate::maps::{self, Map};
use crate::plan;
use crate::request::{Answer, Failure, Mount, RANGE_IDS, Usage, VolumeLimits, VolumeReport};
use crate::volumes::{self, DATA, RECORD, Volume};
use crate::worker::{Job, Report, Worker};

/// What holds a volume to its limits: somebody looks now and then.
const MECHANISM: &str = "sampled";
const GONE: &str = ".gone-";

/// What a worker does with a volume.
pub(super) enum VolumeTask {
    /// Counts what it holds, for everybody who asked meanwhile.
    Count { volume: String, numbers: Vec<u64> },
    /// Empties one that is no volume any more, for the answer to a request or for nobody.
    Clear { number: Option<u64>, folder: String, range: u32 },
}

/// Whether owners can be the same in every sandbox here, by turning the ids of a folder into
/// themselves.
pub(super) fn mapping(folders: &folders::Folders, block: Option<IdBlock>) -> Outcome<()> {
    let Some(block) = block else { return Ok(()) };
    let map = Map::between(block.store(), block.store()).namespace().at("make an id map")?;
    let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let mount = maps::mapped_clone(Some(folders.volumes.as_fd()), "", Some(map.as_fd()), flags);
    mount.map(drop).map_err(|error| {
        unsupported(
            format!("the data directory's file system has no idmapped mounts: {error}"),
            "put the data directory on ext4, xfs, btrfs or tmpfs, on a kernel of 5.12 or later",
        )
    })
}

impl Launcher {
    /// Makes a volume, or finds it.
    pub(super) fn make_volume(&mut self, number: u64, name: &str, limits: VolumeLimits) {
        match self.begin_volume(name, limits) {
            Ok(report) => self.channel.send(number, Answer::Volume(report), Vec::new()),
            Err(failure) => self.fail(number, failure),
        }
    }

    fn begin_volume(&mut self, name: &str, limits: VolumeLimits) -> Outcome<VolumeReport> {
        let step = "make the volume's folder";
        self.host.mapping.clone()?;
        let known = self.volumes.get(name).copied();
        let range = match (&mut self.host.ranges, known) {
            (_, Some(volume)) => volume.range,
            (Some(ranges), None) => ranges.allotment.allot()?,
            (None, None) => 0,
        };
        let volume = known.unwrap_or(Volume { range, limits });
        self.volumes.insert(name.to_owned(), volume);
        let parent = self.host.folders.volumes.as_fd();
        folders::make_folder(parent, name, 0o700).at(step)?;
        let folder = folders::open_folder(parent, name).at(step)?;
        if known.is_none() {
            folders::write_file(folder.as_fd(), RECORD, &volume.encode()).at(step)?;
        }
        volumes::make_root(folder.as_fd(), self.volume_owner(&volume)).at(step)?;
        Ok(report(name, &volume))
    }

    /// The first of the ids on disk, where they are not the caller's own.
    fn volume_owner(&self, volume: &Volume) -> Option<u32> {
        self.host.ranges.is_some().then_some(volume.range)
    }

    /// What is known of these volumes, as far as they are there.
    pub(super) fn volume_reports(&self, names: &[String]) -> Vec<VolumeReport> {
        let known = names.iter().filter_map(|name| Some((name, self.volumes.get(name)?)));
        known.map(|(name, volume)| report(name, volume)).collect()
    }

    /// What is known of every volume.
    pub(super) fn all_volumes(&self) -> Vec<VolumeReport> {
        self.volumes.iter().map(|(name, volume)| report(name, volume)).collect()
    }

    /// The folders of volumes for a sandbox with this range, each held open until it is mounted.
    pub(super) fn volume_folders(&self, mounts: &[Mount], range: u32) -> Outcome<Vec<Folder>> {
        mounts.iter().map(|mount| self.volume_folder(mount, range)).collect()
    }

    fn volume_folder(&self, mount: &Mount, range: u32) -> Outcome<Folder> {
        let volume = self.volumes.get(&mount.volume).ok_or_else(|| missing(&mount.volume))?;
        self.host.mapping.clone()?;
        if self.host.ranges.is_none() {
            let path = self.host.volumes_path();
            let path = path.to_str().and_then(|path| CString::new(path).ok());
            let volumes = path.ok_or_else(|| refused("the data directory's path is no text"))?;
            return Ok(Folder::Below { volumes, mount: mount.clone() });
        }
        let step = format!("open the volume `{}`", mount.volume);
        let root = self.volume_root(&mount.volume, OFlags::PATH)?;
        let owner = self.volume_owner(volume);
        let folder = volumes::descend(root, &mount.subpath, owner).map_err(|error| match error
            .raw_os_error()
        {
            Some(_) => crate::failure::kernel(&step, &error),
            None => refused(format!("{step} at `{}`: {error}", mount.subpath)),
        })?;
        let map = Map::between(volume.range, range).namespace().at(&step)?;
        let flags = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        let flags = plan::flags(flags, &self.host.without);
        let clone = maps::mapped_clone(Some(folder.as_fd()), "", Some(map.as_fd()), flags);
        clone.map(Folder::Mount).at(&format!("map the volume `{}`", mount.volume))
    }

    fn volume_root(&self, name: &str, flags: OFlags) -> Outcome<OwnedFd> {
        let path = format!("{name}/{DATA}");
        let volumes = self.host.folders.volumes.as_fd();
        folders::open(volumes, &path, flags | OFlags::DIRECTORY).at("open the volume's folder")
    }

    /// Counts what a volume holds, by a worker.
    pub(super) fn measure_volume(&mut self, number: u64, name: &str) {
        if let Err(failure) = self.begin_count(number, name) {
            self.fail(number, failure);
        }
    }

    fn begin_count(&mut self, number: u64, name: &str) -> Outcome<()> {
        let counting = self.watched.values_mut().find_map(|watched| match watched {
            Watched::VolumeWorker(VolumeTask::Count { volume, numbers }, _) if volume == name => {
                Some(numbers)
            }
            _ => None,
        });
        if let Some(numbers) = counting {
            numbers.push(number);
            return Ok(());
        }
        let volume = *self.volumes.get(name).ok_or_else(|| missing(name))?;
        let job = Job::Count { folder: self.volume_root(name, OFlags::PATH)? };
        let worker = Worker::start(job, self.host.map(volume.range), &self.host.filter)?;
        let task = VolumeTask::Count { volume: name.to_owned(), numbers: vec![number] };
        self.follow_volume(task, worker)
    }

    fn follow_volume(&mut self, task: VolumeTask, worker: Worker) -> Outcome<()> {
        let token = self.follow(worker.descriptor())?;
        self.watched.insert(token, Watched::VolumeWorker(task, worker));
        Ok(())
    }

    /// Removes a volume that no sandbox has.
    pub(super) fn remove_volume(&mut self, number: u64, name: &str) {
        let has = |volumes: &[String]| volumes.iter().any(|volume| volume == name);
        let user = self.sandboxes.iter().find(|(_, sandbox)| has(&sandbox.record.volumes));
        if let Some((sandbox, _)) = user {
            let message = format!("the sandbox `{sandbox}` has the volume `{name}`");
            return self.fail(number, refused(message));
        }
        let Some(volume) = self.volumes.get(name).copied() else {
            return self.answer(number, Ok(()));
        };
        let volumes = self.host.folders.volumes.as_fd();
        let gone = format!("{GONE}{name}");
        match rustix::fs::renameat_with(volumes, name, volumes, &gone, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.volumes.remove(name);
                self.clear_volume(Some(number), gone, volume.range);
            }
            Err(error) => {
                let failed: Outcome<()> = Err(error).at("remove the volume");
                self.answer(number, failed);
            }
        }
    }

    fn clear_volume(&mut self, number: Option<u64>, folder: String, range: u32) {
        let begun = self.begin_clear_volume(&folder, range).and_then(|worker| match worker {
            Some(worker) => {
                let task = VolumeTask::Clear { number, folder: folder.clone(), range };
                self.follow_volume(task, worker).map(|()| true)
            }
            None => Ok(false),
        });
        match begun {
            Ok(true) => (),
            Ok(false) => self.volume_cleared(number, &folder, range, Ok(())),
            Err(failure) => self.volume_cleared(number, &folder, range, Err(failure)),
        }
    }

    /// None when it never had a root.
    fn begin_clear_volume(&self, folder: &str, range: u32) -> Outcome<Option<Worker>> {
        let step = "open the volume's folder";
        let volume = folders::open_folder(self.host.folders.volumes.as_fd(), folder).at(step)?;
        if !folders::exists(volume.as_fd(), DATA) {
            return Ok(None);
        }
        // Whoever had it may have shut it even to its owner.
        rustix::fs::chmodat(&volume, DATA, Mode::from_raw_mode(0o700), AtFlags::empty())
            .at(step)?;
        let root = folders::open_folder(volume.as_fd(), DATA).at(step)?;
        let job = Job::Clear { folders: vec![root] };
        Worker::start(job, self.host.map(range), &self.host.filter).map(Some)
    }

    /// Removes the folder whose root is empty now, and gives the range back. What could not be
    /// removed is tried again at the next start.
    fn volume_cleared(
        &mut self,
        number: Option<u64>,
        folder: &str,
        range: u32,
        cleared: Outcome<()>,
    ) {
        let removed = cleared.and_then(|()| self.remove_volume_folder(folder));
        if removed.is_ok()
            && let Some(ranges) = &mut self.host.ranges
        {
            ranges.allotment.release(range);
        }
        if let Some(number) = number {
            self.answer(number, removed);
        }
    }

    fn remove_volume_folder(&self, name: &str) -> Outcome<()> {
        let step = "remove the volume's folder";
        let volumes = self.host.folders.volumes.as_fd();
        let folder = folders::open_folder(volumes, name).at(step)?;
        folders::remove_name(folder.as_fd(), DATA, AtFlags::REMOVEDIR).at(step)?;
        for file in [RECORD, "record.new"] {
            folders::remove_name(folder.as_fd(), file, AtFlags::empty()).at(step)?;
        }
        folders::remove_name(volumes, name, AtFlags::REMOVEDIR).at(step)
    }

    pub(super) fn volume_worker_ended(&mut self, task: VolumeTask, report: Outcome<Report>) {
        match task {
            VolumeTask::Count { numbers, .. } => {
                let usage = report.and_then(counted);
                for number in numbers {
                    match &usage {
                        Ok(usage) => self.channel.send(number, Answer::Usage(*usage), Vec::new()),
                        Err(failure) => self.fail(number, failure.clone()),
                    }
                }
            }
            VolumeTask::Clear { number, folder, range } => {
                self.volume_cleared(number, &folder, range, report.map(drop));
            }
        }
    }

    /// Takes over the volumes that an earlier launcher left, before any sandbox: their ranges are
    /// nobody else's.
    pub(super) fn adopt_volumes(&mut self) {
        let volumes = self.host.folders.volumes.as_fd();
        for name in folders::names(volumes).unwrap_or_default() {
            let record = folders::read_file(volumes_of(self), &format!("{name}/{RECORD}"));
            let volume = record.ok().and_then(|text| Volume::decode(&text));
            if let (Some(volume), Some(ranges)) = (volume, &mut self.host.ranges) {
                ranges.allotment.take(volume.range);
            }
            match volume {
                Some(volume) if check::is_sandbox_name(&name) => {
                    self.volumes.insert(name, volume);
                }
                Some(volume) if name.starts_with(GONE) => {
                    self.clear_volume(None, name, volume.range);
                }
                Some(_) => (),
                None => self.adopt_remains(&name),
            }
        }
    }

    /// A folder without a record never had a root, and goes. If it has one, somebody took its
    /// record: nothing is done with it, and nobody gets its ids.
    fn adopt_remains(&mut self, name: &str) {
        let path = format!("{name}/{DATA}");
        let found = rustix::fs::statat(volumes_of(self), &path, AtFlags::SYMLINK_NOFOLLOW);
        match (found, &mut self.host.ranges) {
            (Err(_), _) => drop(self.remove_volume_folder(name)),
            (Ok(stat), Some(ranges)) => {
                let first = ranges.block.first;
                let range = stat.st_uid.saturating_sub(first) / RANGE_IDS * RANGE_IDS;
                ranges.allotment.take(first + range);
            }
            (Ok(_), None) => (),
        }
    }
}

fn volumes_of(launcher: &Launcher) -> BorrowedFd<'_> {
    launcher.host.folders.volumes.as_fd()
}

fn report(name: &str, volume: &Volume) -> VolumeReport {
    let mechanism = MECHANISM.to_owned();
    VolumeReport { volume: name.to_owned(), limits: volume.limits, mechanism }
}

fn missing(name: &str) -> Failure {
    not_found(format!("there is no volume `{name}` on disk"))
}

fn counted(report: Report) -> Outcome<Usage> {
    match report {
        Report::Done { bytes, entries, .. } => {
            Ok(Usage { disk_bytes: Some(bytes), inodes: Some(entries), ..Usage::default() })
        }
        Report::Failed { message, .. } => Err(refused(message)),
    }
}
