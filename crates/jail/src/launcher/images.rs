//! The image store: a folder for each image, with ids of the store's own range.
//!
//! `NAME/tree` is the tree and `NAME/about` what is said of it. A name with a dot in front is not
//! an image: `.host-*` is the built-in one for one state of the host, `.new-*` is being made,
//! `.gone-*` is being removed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, RenameFlags, Uid};

use super::{Launcher, Watched};
use crate::check;
use crate::failure::{At, Outcome, not_found, refused};
use crate::folders::{self, Folders};
use crate::host_image;
use crate::maps::Map;
use crate::request::{Answer, ImageReport};
use crate::seccomp::Filter;
use crate::trees::UnpackLimits;
use crate::worker::{Job, Report, Worker};

/// The folder with an imported image's tree.
pub(super) const TREE: &str = "tree";
const ABOUT: &str = "about";
const BUILT_IN: &str = ".host-";
const NEW_BUILT_IN: &str = ".host-new";

/// What a worker does for the store.
pub(super) enum ImageTask {
    /// Unpacks an image.
    Import(Import),
    /// Empties a folder that is no image any more, for the answer to a request or for nobody.
    Clear {
        /// The request, with what it is answered.
        number: Option<(u64, Answer)>,
        /// The folder.
        folder: String,
    },
}

/// An image that is being imported.
pub(super) struct Import {
    /// The request.
    pub(super) number: u64,
    /// The image.
    pub(super) image: String,
    /// When, as the request said.
    pub(super) created_at: u64,
}

/// The folder of the built-in image for the present state of the host; made if it is not there.
pub(super) fn built_in(
    folders: &Folders,
    filter: &Filter,
    store: Map,
    owner: Option<u32>,
) -> Outcome<String> {
    let images = folders.images.as_fd();
    let mut hasher = DefaultHasher::new();
    (host_image::fingerprint(), owner).hash(&mut hasher);
    let name = format!("{BUILT_IN}{:016x}", hasher.finish());
    if folders::exists(images, &name) {
        return Ok(name);
    }
    let step = "make the built-in image";
    let into = make_store_folder(images, NEW_BUILT_IN, owner).at(step)?;
    let again = rustix::io::fcntl_dupfd_cloexec(&into, 3).at(step)?;
    Worker::start(Job::Clear { folders: vec![again] }, store, filter)?.finish()?;
    Worker::start(Job::BuildHost { into }, store, filter)?.finish()?;
    rustix::fs::renameat(images, NEW_BUILT_IN, images, &name).at(step)?;
    Ok(name)
}

/// Makes a folder that belongs to the root of the store's ids, or opens the one that is there.
fn make_store_folder(
    parent: BorrowedFd<'_>,
    name: &str,
    owner: Option<u32>,
) -> std::io::Result<OwnedFd> {
    folders::make_folder(parent, name, 0o755)?;
    let folder = folders::open_folder(parent, name)?;
    if let Some(owner) = owner {
        rustix::fs::fchown(&folder, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    }
    Ok(folder)
}

impl Launcher {
    /// Unpacks an archive into a new image.
    pub(super) fn import_image(
        &mut self,
        import: Import,
        limits: UnpackLimits,
        archive: Option<OwnedFd>,
    ) {
        let number = import.number;
        if let Err(failure) = self.begin_import(import, limits, archive) {
            self.fail(number, failure);
        }
    }

    fn begin_import(
        &mut self,
        import: Import,
        limits: UnpackLimits,
        archive: Option<OwnedFd>,
    ) -> Outcome<()> {
        let image = import.image.as_str();
        let archive = archive.ok_or_else(|| refused("an archive must come along"))?;
        let images = self.host.folders.images.as_fd();
        let taken = folders::exists(images, image) || self.busy_images.iter().any(|i| i == image);
        if taken {
            return Err(refused(format!("the image `{image}` is there already")));
        }
        let step = "make the image's folder";
        let new = format!(".new-{image}");
        folders::make_folder(images, &new, 0o700).at(step)?;
        let folder = folders::open_folder(images, &new).at(step)?;
        let into = make_store_folder(folder.as_fd(), TREE, self.host.store_owner()).at(step)?;
        let job = Job::Unpack { archive, into, limits };
        let worker = Worker::start(job, self.host.store_map(), &self.host.filter)?;
        let token = self.follow(worker.descriptor())?;
        self.busy_images.push(import.image.clone());
        self.watched.insert(token, Watched::ImageWorker(ImageTask::Import(import), worker));
        Ok(())
    }

    /// Removes an image that no sandbox has.
    pub(super) fn remove_image(&mut self, number: u64, image: &str) {
        let user = self.sandboxes.iter().find(|(_, sandbox)| sandbox.record.image == image);
        if let Some((name, _)) = user {
            let message = format!("the sandbox `{name}` has the image `{image}`");
            return self.fail(number, refused(message));
        }
        let images = self.host.folders.images.as_fd();
        let gone = format!(".gone-{image}");
        match rustix::fs::renameat_with(images, image, images, &gone, RenameFlags::NOREPLACE) {
            Ok(()) => self.clear_image(Some((number, Answer::Done)), gone),
            Err(rustix::io::Errno::NOENT) => {
                self.fail(number, not_found(format!("there is no image `{image}`")));
            }
            Err(error) => {
                let failed: Outcome<()> = Err(error).at("remove the image");
                self.answer(number, failed);
            }
        }
    }

    /// Removes a folder that is no image, and then answers whoever waits for it.
    fn clear_image(&mut self, number: Option<(u64, Answer)>, folder: String) {
        let worker = self.begin_clear_image(&folder);
        match worker.and_then(|worker| Ok((self.follow(worker.descriptor())?, worker))) {
            Ok((token, worker)) => {
                let task = ImageTask::Clear { number, folder };
                self.watched.insert(token, Watched::ImageWorker(task, worker));
            }
            Err(failure) => {
                if let Some((number, _)) = number {
                    self.fail(number, failure);
                }
            }
        }
    }

    fn begin_clear_image(&self, name: &str) -> Outcome<Worker> {
        let folder = folders::open_folder(self.host.folders.images.as_fd(), name);
        let folder = folder.at("open the image's folder")?;
        let tree = match folders::open_folder(folder.as_fd(), TREE) {
            Ok(tree) => tree,
            // The built-in image has its parts at the top.
            Err(rustix::io::Errno::NOENT) => folder,
            Err(error) => return Err(error).at("open the image's tree"),
        };
        let job = Job::Clear { folders: vec![tree] };
        Worker::start(job, self.host.store_map(), &self.host.filter)
    }

    pub(super) fn image_worker_ended(&mut self, task: ImageTask, report: Outcome<Report>) {
        match task {
            ImageTask::Import(import) => {
                let (number, image) = (import.number, import.image.as_str());
                self.busy_images.retain(|busy| busy != image);
                match self.finish_import(&import, report) {
                    Ok(report) => self.channel.send(number, Answer::Imported(report), Vec::new()),
                    Err(failure) => {
                        let answer = Answer::Failed(failure);
                        self.clear_image(Some((number, answer)), format!(".new-{image}"));
                    }
                }
            }
            ImageTask::Clear { number, folder } => {
                let removed = report.and_then(|_| self.remove_image_folder(&folder));
                match (number, removed) {
                    (Some((number, answer)), Ok(())) => {
                        self.channel.send(number, answer, Vec::new())
                    }
                    (Some((number, _)), Err(failure)) => self.fail(number, failure),
                    // What could not be removed is tried again at the next start.
                    (None, _) => (),
                }
            }
        }
    }

    fn finish_import(&self, import: &Import, report: Outcome<Report>) -> Outcome<ImageReport> {
        let step = "put the image in place";
        let image = import.image.as_str();
        let report = match report? {
            Report::Done { bytes, entries, left_out } => ImageReport {
                image: image.to_owned(),
                size_bytes: bytes,
                files: entries,
                created_at: import.created_at,
                left_out,
            },
            Report::Failed { message, .. } => return Err(refused(message)),
        };
        let images = self.host.folders.images.as_fd();
        let new = format!(".new-{image}");
        let folder = folders::open_folder(images, &new).at(step)?;
        folders::write_file(folder.as_fd(), ABOUT, &encode(&report)).at(step)?;
        rustix::fs::renameat_with(images, new, images, image, RenameFlags::NOREPLACE).at(step)?;
        Ok(report)
    }

    fn remove_image_folder(&self, name: &str) -> Outcome<()> {
        let step = "remove the image's folder";
        let images = self.host.folders.images.as_fd();
        let folder = folders::open_folder(images, name).at(step)?;
        folders::remove_name(folder.as_fd(), TREE, AtFlags::REMOVEDIR).at(step)?;
        for file in [ABOUT, "about.new"] {
            folders::remove_name(folder.as_fd(), file, AtFlags::empty()).at(step)?;
        }
        folders::remove_name(images, name, AtFlags::REMOVEDIR).at(step)
    }

    /// Removes what an earlier launcher left half made or half removed, and built-in images of
    /// earlier states of the host when no sandbox runs on them.
    pub(super) fn clean_images(&mut self) {
        let current = self.host.host_image.as_ref().ok().cloned();
        let runs = self.sandboxes.values().any(|sandbox| sandbox.running.is_some());
        for name in folders::names(self.host.folders.images.as_fd()).unwrap_or_default() {
            let half = name.starts_with(".new-") || name.starts_with(".gone-");
            let old = name.starts_with(BUILT_IN) && current.as_ref() != Some(&name) && !runs;
            if half || old {
                self.clear_image(None, name);
            }
        }
    }

    /// What the store has.
    pub(super) fn image_reports(&self) -> Vec<ImageReport> {
        let images = self.host.folders.images.as_fd();
        let names = folders::names(images).unwrap_or_default();
        let images = names.into_iter().filter(|name| check::is_image_name(name)).map(|name| {
            let about = folders::read_file(images, &format!("{name}/{ABOUT}"));
            decode(name, &about.unwrap_or_default())
        });
        images.collect()
    }
}

fn encode(report: &ImageReport) -> String {
    let mut text = format!(
        "size_bytes={}\nfiles={}\ncreated_at={}\n",
        report.size_bytes, report.files, report.created_at
    );
    for line in &report.left_out {
        text += &format!("left_out={}\n", line.replace('\n', " "));
    }
    text
}

fn decode(image: String, text: &str) -> ImageReport {
    let values = |key: &'static str| {
        let value = move |line: &str| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
        text.lines().filter_map(value)
    };
    let number = |key| values(key).next().and_then(|value| value.parse().ok()).unwrap_or(0);
    ImageReport {
        image,
        size_bytes: number("size_bytes"),
        files: number("files"),
        created_at: number("created_at"),
        left_out: values("left_out").collect(),
    }
}
