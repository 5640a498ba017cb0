//! [`Provider`] over the launcher: each call is one or two questions and a conversion.
//!
//! Nothing here is a truth of its own: after a crash of the daemon everything is found again
//! through the launcher's inventory, and a sandbox that runs is watched from its first `died`.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::future::BoxFuture;
use infield_domain::guest::Guest;
use infield_domain::image::Image;
use infield_domain::isolation::{Host, Mechanism};
use infield_domain::lifecycle::{Cause, Reason};
use infield_domain::network::{Pattern, Policy, Report, Terms, Traffic};
use infield_domain::provider::{Found, ImageSource, Provider, Running};
use infield_domain::sandbox::{Millis, Resources, Sandbox, Spec, Usage};
use infield_domain::secret::{Given, Sealed, SecretName, Value};
use infield_domain::volume::VolumeLimits;
use infield_domain::{Error, ImageName, Kind, Result, SandboxId, VolumeId};
use infield_jail::request::{self, Answer, Request};
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::volumes::Volumes;
use crate::disk::{self, Allowance, Free, Gauges};
use crate::guest::Lines;
use crate::launcher::{Launcher, Reply};
use crate::network::Network;
use crate::opener::{self, Opener};
use crate::watch::Watches;
use crate::wires::{self, Brought, Fresh, Wires};
use crate::{convert, import};

mod peers;
mod secrets;
mod volumes;

/// The longest that each kind of work may take, the wait for a new launcher included.
mod limit {
    use std::time::Duration;

    pub(super) const LOOK: Duration = Duration::from_secs(20);
    pub(super) const START: Duration = Duration::from_secs(30);
    /// A full memory layer is written to disk meanwhile.
    pub(super) const STOP: Duration = Duration::from_secs(60);
    pub(super) const REMOVE: Duration = Duration::from_secs(30);
    /// A million files take their time, to be counted or removed.
    pub(super) const COUNT: Duration = Duration::from_secs(60);
    pub(super) const REMOVE_VOLUME: Duration = Duration::from_secs(300);
    pub(super) const IMPORT: Duration = Duration::from_secs(3_600);
}

/// Between two attempts to have a sandbox served whose port somebody else has.
const AGAIN: Duration = Duration::from_secs(1);
/// Between two attempts to learn about a death.
const PAUSE: Duration = Duration::from_millis(25);
/// How long the launcher may take to see that a process ended.
const NOTICE: Duration = Duration::from_secs(2);

/// What the launcher has.
#[derive(Default)]
struct Everything {
    sandboxes: Vec<request::Found>,
    images: Vec<request::ImageReport>,
    volumes: Vec<request::VolumeReport>,
}

/// Runs sandboxes on this machine.
pub struct Local {
    launcher: Launcher,
    network: Arc<Network>,
    opener: Arc<Opener>,
    home: Arc<OwnedFd>,
    lines: Arc<Lines>,
    watches: Watches,
    gauges: Mutex<Gauges>,
    volumes: Mutex<Volumes>,
}

impl Local {
    /// Makes the provider. `home` is the open data directory.
    pub fn new(
        launcher: Launcher,
        (network, opener): (Arc<Network>, Arc<Opener>),
        home: Arc<OwnedFd>,
    ) -> Self {
        let (watches, gauges) = (Watches::default(), Mutex::default());
        let lines = Lines::new(Arc::clone(&home));
        let volumes = Mutex::default();
        Self { launcher, network, opener, home, lines, watches, gauges, volumes }
    }

    /// Serves every sandbox anew when launcher, network process or opener have been started again.
    /// Never ends.
    pub async fn keep_network(&self) {
        let mut launchers = self.launcher.count();
        let mut left = Vec::new();
        loop {
            let mut due = None;
            tokio::select! {
                () = self.network.started() => opener::connect(&self.network, &self.opener).await,
                () = self.opener.started() => {
                    opener::connect(&self.network, &self.opener).await;
                    self.restore_secrets().await;
                    self.opener.sweep().await;
                    continue;
                }
                changed = launchers.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = sleep(AGAIN), if !left.is_empty() => due = Some(std::mem::take(&mut left)),
            }
            left = self.serve_all(due.as_deref()).await;
        }
    }

    /// Has every sandbox served that is to be, or those of them that are `due`. Gives those that
    /// are not.
    async fn serve_all(&self, due: Option<&[SandboxId]>) -> Vec<SandboxId> {
        let mut left = Vec::new();
        for (id, terms) in self.network.expected() {
            if due.is_some_and(|due| !due.contains(&id)) {
                continue;
            }
            if let Err(error) = self.serve(&id, &terms).await {
                tracing::warn!(sandbox = %id, %error, "a sandbox is without its network");
                left.push(id);
            }
        }
        left
    }

    /// Has a sandbox that runs served, with the sockets that its launcher has now.
    async fn serve(&self, id: &SandboxId, terms: &Terms) -> Result<()> {
        match self.wires(id).await? {
            Some(wires) => {
                let secrets = self.opener.guarded(id);
                self.network.serve(id, terms, secrets, wires).await
            }
            None if terms.policy == Policy::None => Ok(()),
            None => Err(Error::conflict(format!("sandbox `{id}` was started without a network"))
                .with_hint("stop it, change its network, then start it")),
        }
    }

    /// The wires of a sandbox that runs; none for one that is not wired.
    async fn wires(&self, id: &SandboxId) -> Result<Option<Wires>> {
        let launcher = *self.launcher.count().borrow();
        match self.watches.take_wires(id, launcher) {
            // Whoever had it then may have it no more.
            Some(Wires::Held) | None => {}
            Some(wires) => return Ok(Some(wires)),
        }
        let request = Request::Watch { sandbox: id.as_str().to_owned() };
        let reply = self.launcher.ask(request, limit::LOOK).await?;
        Ok(wires::brought(reply)?.wires.map(|fresh| fresh.wires))
    }

    /// Stops sandboxes that pass a disk limit which nothing else enforces. Never ends.
    pub async fn watch_disks(&self) {
        let mut ticks = interval(disk::TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.gauges().is_empty() && self.shared().is_empty() {
                continue;
            }
            let Some(free) = self.free() else { continue };
            self.sample_volumes(free).await;
            let due = self.gauges().due(free, Instant::now());
            for id in due {
                self.sample(&id, free).await;
            }
        }
    }

    async fn sample(&self, id: &SandboxId, free: Free) {
        let usage = match self.usage(id).await {
            Ok(usage) => usage,
            Err(error) if error.kind() == Kind::NotFound => return self.gauges().remove(id),
            Err(error) => return tracing::warn!(sandbox = %id, %error, "disk use is not known"),
        };
        let Some(passed) = self.gauges().record(id, usage, free, Instant::now()) else { return };
        self.end_full(id, format!("it took {passed}")).await;
    }

    /// Stops a sandbox because of what it wrote.
    async fn end_full(&self, id: &SandboxId, why: String) {
        tracing::info!(sandbox = %id, why, "stopping a sandbox that passed a disk limit");
        self.watches.condemn(id, Cause::with(Reason::OutOfDisk, why));
        let request = Request::Stop { sandbox: id.as_str().to_owned() };
        if let Err(error) = self.launcher.ask(request, limit::STOP).await {
            tracing::error!(sandbox = %id, %error, "a sandbox over its disk limit was not stopped");
        }
    }

    fn free(&self) -> Option<Free> {
        let state = rustix::fs::fstatvfs(&self.home)
            .inspect_err(|error| tracing::warn!(%error, "free disk space is not known"))
            .ok()?;
        let bytes = state.f_bfree.saturating_mul(state.f_frsize);
        Some(Free { bytes, inodes: state.f_ffree })
    }

    fn gauges(&self) -> MutexGuard<'_, Gauges> {
        // Nothing in a critical section can panic half-way, so the gauges are whole.
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, sandbox: &Sandbox, secrets: &[Given], before: Traffic) -> Result<Running> {
        let (id, spec) = (&sandbox.id, &sandbox.spec);
        // Who serves it has to know of them from the first moment.
        let authority = self.provide_secrets(id, secrets).await?;
        let request = Request::Start(convert::start(id, spec));
        let terms = sandbox.terms(before);
        let (ahead, wires) = oneshot::channel();
        let started = self.launcher.ask_ahead(request, limit::START, ahead);
        let (started, served) = tokio::join!(started, self.serve_ahead(id, &terms, wires));
        let started = match started {
            Ok(started) => started,
            Err(error) => {
                self.network.forget(id).await;
                self.opener.forget(id).await;
                return Err(error);
            }
        };
        let launcher = started.launcher;
        let (running, _) = self.started(id, started)?;
        let served = match served {
            // What came ahead was of the launcher that has started it.
            Some((by, served)) if by == launcher => {
                drop(self.watches.take_wires(id, launcher));
                served
            }
            Some(_) | None => self.serve(id, &terms).await,
        };
        let in_force = match served {
            Ok(()) => self.let_trust(id, authority).await,
            Err(error) => Err(error),
        };
        if let Err(error) = in_force {
            // A start whose policy cannot be applied is none.
            let stop = Request::Stop { sandbox: id.as_str().to_owned() };
            done(self.launcher.ask(stop, limit::STOP).await?)?;
            self.forget(id).await;
            return Err(error);
        }
        Ok(running)
    }

    /// Has a sandbox served while it starts, if its wires come ahead. Tells whose they were.
    async fn serve_ahead(
        &self,
        id: &SandboxId,
        terms: &Terms,
        wires: oneshot::Receiver<Reply>,
    ) -> Option<(u64, Result<()>)> {
        let Fresh { wires, launcher } = wires::ahead(wires.await.ok()?).ok()?;
        let secrets = self.opener.guarded(id);
        Some((launcher, self.network.serve(id, terms, secrets, wires).await))
    }

    fn started(&self, id: &SandboxId, reply: Reply) -> Result<(Running, Arc<AsyncFd<OwnedFd>>)> {
        let Brought { started, pidfd, wires } = wires::brought(reply)?;
        let running = self.adopt(id, &started)?;
        Ok((running, self.watches.insert(id, pidfd, wires)?))
    }

    fn adopt(&self, id: &SandboxId, started: &request::Started) -> Result<Running> {
        let enforcement = convert::enforcement(&started.enforced)?;
        if disk::is_sampled(&enforcement) {
            let limits = started.limits;
            let allowance = Allowance { bytes: limits.disk_bytes, inodes: limits.inodes };
            self.gauges().insert(id, allowance);
        }
        self.share(id, &started.volumes)?;
        Ok(Running { enforcement })
    }

    async fn forget(&self, id: &SandboxId) {
        self.watches.remove(id);
        self.gauges().remove(id);
        self.shared().leave(id);
        self.network.forget(id).await;
        self.opener.forget(id).await;
    }

    /// The first process of a sandbox; none when the launcher knows that it does not run.
    async fn first_process(&self, id: &SandboxId) -> Option<Arc<AsyncFd<OwnedFd>>> {
        loop {
            if let Some(process) = self.watches.get(id) {
                return Some(process);
            }
            let request = Request::Watch { sandbox: id.as_str().to_owned() };
            let reply = self.launcher.ask(request, limit::LOOK).await;
            match reply.and_then(|reply| self.started(id, reply)) {
                Ok((_, process)) => return Some(process),
                Err(error) if error.kind() == Kind::NotFound => return None,
                Err(error) => tracing::warn!(sandbox = %id, %error, "a sandbox is not watched yet"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Why a sandbox ended, of whoever knows: this daemon, the launcher, or nobody.
    async fn cause(&self, id: &SandboxId) -> Cause {
        let deadline = Instant::now() + NOTICE;
        loop {
            if let Some(cause) = self.watches.sentence(id) {
                return cause;
            }
            match self.look(Some(id)).await.as_deref() {
                Ok([found]) if found.running.is_some() => {}
                Ok([found]) => match convert::ended(found) {
                    Ok(Some(cause)) => return cause,
                    Ok(None) | Err(_) => return unseen(),
                },
                Ok(_) => return unseen(),
                Err(error) => tracing::warn!(sandbox = %id, %error, "a death is not explained yet"),
            }
            if Instant::now() >= deadline {
                return unseen();
            }
            sleep(PAUSE).await;
        }
    }

    /// Has the launcher do what takes a moment.
    async fn command(&self, request: Request) -> Result<()> {
        done(self.launcher.ask(request, limit::LOOK).await?)
    }

    /// Whether nothing inside would answer.
    async fn is_paused(&self, id: &SandboxId) -> Result<bool> {
        Ok(self.look(Some(id)).await?.iter().any(|found| found.paused))
    }

    async fn look(&self, only: Option<&SandboxId>) -> Result<Vec<request::Found>> {
        Ok(self.inventory_of(only).await?.sandboxes)
    }

    async fn inventory_of(&self, only: Option<&SandboxId>) -> Result<Everything> {
        let only = only.map(|id| id.as_str().to_owned());
        let mut all = Everything::default();
        for reply in self.launcher.ask_parts(Request::Inventory { only }, limit::LOOK).await? {
            let Answer::Inventory { sandboxes, images, volumes, .. } = reply.answer else {
                return Err(convert::unexpected());
            };
            all.sandboxes.extend(sandboxes);
            all.images.extend(images);
            all.volumes.extend(volumes);
        }
        Ok(all)
    }

    async fn import(
        &self,
        name: &ImageName,
        source: ImageSource,
        created_at: Millis,
    ) -> Result<Image> {
        if name.as_str() == ImageName::HOST {
            return Err(Error::invalid("the image `host` is built in")
                .with_hint("choose another name for the import"));
        }
        let (theirs, ours) = import::pipe()?;
        let request = Request::ImportImage {
            image: convert::image_word(name),
            limit_bytes: import::MOST_BYTES,
            limit_entries: import::MOST_ENTRIES,
            created_at,
        };
        let unpacked = self.launcher.ask_once(request, theirs, limit::IMPORT);
        let sent = async {
            match source {
                ImageSource::Archive(archive) => import::pump(archive, ours).await,
                ImageSource::Folder(folder) => pack(folder, ours).await,
            }
        };
        let (unpacked, sent) = tokio::join!(unpacked, sent);
        let Answer::Imported(report) = unpacked?.answer else { return Err(convert::unexpected()) };
        let image = convert::image(report)?;
        if let Err(error) = sent {
            // An archive that broke off between two entries looks whole to the launcher.
            self.discard(name).await?;
            return Err(error);
        }
        Ok(image)
    }

    async fn discard(&self, name: &ImageName) -> Result<()> {
        let request = Request::RemoveImage { image: convert::image_word(name) };
        done(self.launcher.ask(request, limit::REMOVE).await?)
    }
}

async fn pack(folder: PathBuf, pipe: OwnedFd) -> Result<()> {
    let work = tokio::task::spawn_blocking(move || import::pack(&folder, pipe));
    work.await.map_err(|error| {
        Error::internal("the folder was not packed to the end").with_source(error)
    })?
}

fn unseen() -> Cause {
    Cause::with(Reason::Exit, "its first process ended, and nobody saw how")
}

fn done(reply: Reply) -> Result<()> {
    if matches!(reply.answer, Answer::Done) { Ok(()) } else { Err(convert::unexpected()) }
}

impl Provider for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn probe(&self) -> BoxFuture<'_, Result<Host>> {
        Box::pin(async {
            let reply = self.launcher.ask(Request::Probe, limit::LOOK).await?;
            let Answer::Host(report) = reply.answer else { return Err(convert::unexpected()) };
            convert::host(report)
        })
    }

    fn create<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<Running>> {
        Box::pin(self.run(sandbox, secrets, Traffic::default()))
    }

    fn start<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        secrets: &'a [Given],
        before: &'a Traffic,
    ) -> BoxFuture<'a, Result<Running>> {
        Box::pin(self.run(sandbox, secrets, *before))
    }

    fn stop<'a>(&'a self, id: &'a SandboxId, _spec: &'a Spec) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let request = Request::Stop { sandbox: id.as_str().to_owned() };
            done(self.launcher.ask(request, limit::STOP).await?)?;
            self.forget(id).await;
            Ok(())
        })
    }

    fn pause<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.command(Request::Pause { sandbox: id.as_str().to_owned() }))
    }

    fn resume<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.command(Request::Resume { sandbox: id.as_str().to_owned() }))
    }

    fn resize<'a>(&'a self, id: &'a SandboxId, to: &'a Resources) -> BoxFuture<'a, Result<()>> {
        let sandbox = id.as_str().to_owned();
        Box::pin(self.command(Request::Resize { sandbox, limits: convert::limits(to) }))
    }

    fn delete<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let request = Request::Remove { sandbox: id.as_str().to_owned() };
            done(self.launcher.ask(request, limit::REMOVE).await?)?;
            self.forget(id).await;
            self.network.forget_moved(id);
            Ok(())
        })
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Vec<(SandboxId, Found)>>> {
        Box::pin(async {
            let mut all = Vec::new();
            for found in self.look(None).await? {
                let (id, what) = convert::found(&found)?;
                if let Some(started) = &found.running {
                    self.adopt(&id, started)?;
                }
                all.push((id, what));
            }
            let living: Vec<SandboxId> = all.iter().map(|(id, _)| id.clone()).collect();
            if let Err(error) = self.network.keep_only(&living).await {
                tracing::warn!(%error, "the network may serve sandboxes that are gone");
            }
            self.opener.keep_only_later(living);
            Ok(all)
        })
    }

    fn died<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Cause> {
        Box::pin(async move {
            if let Some(process) = self.first_process(id).await
                && let Err(error) = process.readable().await
            {
                tracing::error!(sandbox = %id, %error, "a sandbox cannot be watched");
                std::future::pending::<()>().await;
            }
            self.cause(id).await
        })
    }

    fn guest(&self, id: &SandboxId) -> Arc<dyn Guest> {
        self.lines.guest(id)
    }

    fn guest_as(&self, id: &SandboxId, user: &str) -> Arc<dyn Guest> {
        Arc::new(self.lines.client(id).acting_as(user))
    }

    fn set_network<'a>(&'a self, id: &'a SandboxId, to: &'a Terms) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.network.change(id, to).await? { Ok(()) } else { self.serve(id, to).await }
        })
    }

    fn seal_secret<'a>(
        &'a self,
        name: &'a SecretName,
        hosts: &'a [Pattern],
        value: Value,
    ) -> BoxFuture<'a, Result<Sealed>> {
        Box::pin(async move { self.opener.seal(name, hosts, &value).await })
    }

    fn set_secrets<'a>(
        &'a self,
        id: &'a SandboxId,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.change_secrets(id, secrets))
    }

    fn traffic<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<Option<Traffic>>> {
        Box::pin(self.network.traffic(id))
    }

    fn report(&self) -> BoxFuture<'_, (SandboxId, Report)> {
        Box::pin(self.network.report())
    }

    fn usage<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(async move {
            let request = Request::Measure { sandbox: id.as_str().to_owned() };
            let reply = self.launcher.ask(request, limit::LOOK).await?;
            let Answer::Usage(usage) = reply.answer else { return Err(convert::unexpected()) };
            Ok(convert::usage(usage))
        })
    }

    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>> {
        Box::pin(async {
            let reports = self.inventory_of(None).await?.images;
            let imported = reports.into_iter().map(convert::image);
            std::iter::once(Ok(convert::host_image())).chain(imported).collect()
        })
    }

    fn import_image<'a>(
        &'a self,
        name: &'a ImageName,
        source: ImageSource,
        created_at: Millis,
    ) -> BoxFuture<'a, Result<Image>> {
        Box::pin(self.import(name, source, created_at))
    }

    fn remove_image<'a>(&'a self, name: &'a ImageName) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.discard(name))
    }

    fn make_volume<'a>(
        &'a self,
        id: &'a VolumeId,
        limits: &'a VolumeLimits,
    ) -> BoxFuture<'a, Result<Mechanism>> {
        Box::pin(self.add_volume(id, limits))
    }

    fn remove_volume<'a>(&'a self, id: &'a VolumeId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.drop_volume(id))
    }

    fn volumes(&self) -> BoxFuture<'_, Result<Vec<VolumeId>>> {
        Box::pin(async {
            let reports = self.inventory_of(None).await?.volumes;
            reports.iter().map(convert::volume).collect()
        })
    }

    fn volume_usage<'a>(&'a self, id: &'a VolumeId) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(self.measure_volume(id))
    }
}
