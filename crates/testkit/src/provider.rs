//! A provider that keeps sandboxes as records, and fails when a test asks it to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_core::future::BoxFuture;
use infield_domain::guest::Guest;
use infield_domain::image::{Image, Origin};
use infield_domain::isolation::{Control, Enforcement, Host, Mechanism};
use infield_domain::lifecycle::Cause;
use infield_domain::network::{Connection, Pattern, Report, Terms, Traffic};
use infield_domain::provider::{Found, ImageSource, Provider, Running};
use infield_domain::sandbox::{Millis, Resources, Sandbox, Spec, Usage};
use infield_domain::secret::{Given, Sealed, SecretName, Value};
use infield_domain::volume::VolumeLimits;
use infield_domain::{Error, ImageName, Kind, Result, SandboxId, VolumeId};
use tokio::sync::watch;

use crate::FakeGuest;

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Make a sandbox.
    Create,
    /// Start one.
    Start,
    /// Stop one.
    Stop,
    /// Hold one.
    Pause,
    /// Let one go on.
    Resume,
    /// Give one other limits.
    Resize,
    /// Remove one.
    Delete,
    /// Say what there is.
    Inventory,
    /// Measure one.
    Usage,
    /// Change what one may reach.
    SetNetwork,
    /// Change what secrets one can use.
    SetSecrets,
    /// Make a volume.
    MakeVolume,
    /// Remove one.
    RemoveVolume,
}

struct Place {
    guest: Arc<FakeGuest>,
    found: Found,
    died: watch::Sender<Option<Cause>>,
}

#[derive(Default)]
struct State {
    places: HashMap<SandboxId, Place>,
    images: Vec<Image>,
    failures: HashMap<Operation, VecDeque<(Kind, String)>>,
    delays: HashMap<Operation, Duration>,
    calls: Vec<(Operation, Option<SandboxId>)>,
    given: HashMap<SandboxId, Vec<Given>>,
    volumes: Vec<VolumeId>,
    unenforced: Vec<Control>,
    reports: VecDeque<(SandboxId, Report)>,
    /// What sandboxes had moved when they were started last.
    before: BTreeMap<SandboxId, Traffic>,
    /// What networks were held to last.
    terms: BTreeMap<SandboxId, Terms>,
}

/// A provider in memory. It outlives every engine over it, as sandboxes outlive a daemon.
pub struct FakeProvider {
    state: Mutex<State>,
    /// Something was put into the reports.
    news: tokio::sync::Notify,
}

impl FakeProvider {
    /// A provider without sandboxes, with the built-in image.
    pub fn new() -> Arc<Self> {
        let host = Image {
            name: ImageName::host(),
            origin: Origin::Host,
            size_bytes: 0,
            files: 0,
            created_at: 0,
            left_out: Vec::new(),
        };
        let state = State { images: vec![host], ..State::default() };
        Arc::new(Self { state: Mutex::new(state), news: tokio::sync::Notify::new() })
    }

    /// Lets the next call of this operation fail.
    pub fn fail_next(&self, operation: Operation, kind: Kind, message: &str) {
        let failure = (kind, message.to_owned());
        self.with(|state| state.failures.entry(operation).or_default().push_back(failure));
    }

    /// Lets every call of this operation take this long, from now on.
    pub fn delay(&self, operation: Operation, delay: Duration) {
        self.with(|state| {
            state.delays.insert(operation, delay);
        });
    }

    /// Leaves a control without anything that enforces it.
    pub fn leave_unenforced(&self, control: Control) {
        self.with(|state| state.unenforced.push(control));
    }

    /// Tells of connections of a sandbox.
    pub fn tell(&self, id: &SandboxId, connections: Vec<Connection>) {
        self.report_of(id, Report { connections, traffic: Traffic::default() });
    }

    /// Tells what the network of a sandbox has moved.
    pub fn tell_moved(&self, id: &SandboxId, traffic: Traffic) {
        self.report_of(id, Report { connections: Vec::new(), traffic });
    }

    fn report_of(&self, id: &SandboxId, report: Report) {
        self.with(|state| state.reports.push_back((id.clone(), report)));
        self.news.notify_one();
    }

    /// What a sandbox had moved when it was started last.
    pub fn before(&self, id: &SandboxId) -> Option<Traffic> {
        self.with(|state| state.before.get(id).copied())
    }

    /// What the network of a sandbox was held to last.
    pub fn terms(&self, id: &SandboxId) -> Option<Terms> {
        self.with(|state| state.terms.get(id).cloned())
    }

    /// How often this operation was called.
    pub fn calls(&self, operation: Operation) -> usize {
        self.with(|state| state.calls.iter().filter(|(called, _)| *called == operation).count())
    }

    /// Every call so far, in order.
    pub fn history(&self) -> Vec<(Operation, Option<SandboxId>)> {
        self.with(|state| state.calls.clone())
    }

    /// What there is of a sandbox.
    pub fn found(&self, id: &SandboxId) -> Option<Found> {
        self.with(|state| state.places.get(id).map(|place| place.found.clone()))
    }

    /// How many sandboxes there is anything of.
    pub fn count(&self) -> usize {
        self.with(|state| state.places.len())
    }

    /// Puts something there that no engine made, or changes what there is.
    pub fn plant(&self, id: &SandboxId, found: Found) {
        self.with(|state| {
            let place = state.places.entry(id.clone()).or_insert_with(Place::new);
            if !matches!(found, Found::Running(_) | Found::Paused(_)) {
                place.guest.die();
            }
            place.found = found;
        });
    }

    /// Takes everything of a sandbox away, behind the back of every engine.
    pub fn lose(&self, id: &SandboxId) {
        self.with(|state| {
            if let Some(place) = state.places.remove(id) {
                place.guest.die();
            }
        });
    }

    /// Lets a running sandbox die.
    pub fn kill(&self, id: &SandboxId, cause: Cause) {
        self.with(|state| {
            if let Some(place) = state.places.get_mut(id) {
                place.found = Found::Layer(Some(cause.clone()));
                place.died.send_replace(Some(cause));
                place.guest.die();
            }
        });
    }

    /// The inside of a sandbox, for a look from outside.
    pub fn inside(&self, id: &SandboxId) -> Option<Arc<FakeGuest>> {
        self.with(|state| state.places.get(id).map(|place| place.guest.clone()))
    }

    /// The secrets that a sandbox can use now.
    pub fn given(&self, id: &SandboxId) -> Vec<Given> {
        self.with(|state| state.given.get(id).cloned().unwrap_or_default())
    }

    fn give(&self, id: &SandboxId, secrets: &[Given]) {
        self.with(|state| state.given.insert(id.clone(), secrets.to_vec()));
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("no test panics here"))
    }

    async fn called(&self, operation: Operation, id: Option<&SandboxId>) -> Result<()> {
        let (failure, delay) = self.with(|state| {
            state.calls.push((operation, id.cloned()));
            let failures = state.failures.get_mut(&operation);
            (failures.and_then(VecDeque::pop_front), state.delays.get(&operation).copied())
        });
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        match failure {
            Some((kind, message)) => Err(Error::new(kind, message)),
            None => Ok(()),
        }
    }

    fn enforcement(&self) -> Enforcement {
        let unenforced = self.with(|state| state.unenforced.clone());
        let held = |control: &Control| match unenforced.contains(control) {
            true => (*control, Mechanism::None),
            false => (*control, Mechanism::Kernel),
        };
        Enforcement(Control::ALL.iter().map(held).collect())
    }

    async fn hold(&self, operation: Operation, id: &SandboxId) -> Result<()> {
        self.called(operation, Some(id)).await?;
        self.with(|state| {
            let place = state.places.get_mut(id);
            let place = place.ok_or_else(|| Error::not_found(format!("`{id}` does not run")))?;
            place.found = match (&place.found, operation) {
                (Found::Running(running) | Found::Paused(running), Operation::Pause) => {
                    Found::Paused(running.clone())
                }
                (Found::Running(running) | Found::Paused(running), _) => {
                    Found::Running(running.clone())
                }
                (Found::Layer(_) | Found::Remains, _) => {
                    return Err(Error::not_found(format!("`{id}` does not run")));
                }
            };
            Ok(())
        })
    }

    async fn bring_up(&self, operation: Operation, id: &SandboxId) -> Result<Running> {
        if let Some(Found::Running(running)) = self.found(id) {
            self.called(operation, Some(id)).await?;
            return Ok(running);
        }
        let before = self.found(id);
        // Half made for as long as it takes: whoever ends now leaves remains.
        self.with(|state| {
            state.places.entry(id.clone()).or_insert_with(Place::new).found = Found::Remains;
        });
        if let Err(error) = self.called(operation, Some(id)).await {
            self.with(|state| match before {
                Some(before) => {
                    if let Some(place) = state.places.get_mut(id) {
                        place.found = before;
                    }
                }
                None => drop(state.places.remove(id)),
            });
            return Err(error);
        }
        let running = Running { enforcement: self.enforcement() };
        self.with(|state| {
            let place = state.places.entry(id.clone()).or_insert_with(Place::new);
            place.found = Found::Running(running.clone());
            place.died.send_replace(None);
            place.guest.revive();
        });
        Ok(running)
    }
}

impl Place {
    fn new() -> Self {
        Self { guest: FakeGuest::new(), found: Found::Remains, died: watch::Sender::new(None) }
    }
}

impl Provider for FakeProvider {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn probe(&self) -> BoxFuture<'_, Result<Host>> {
        let ceilings = BTreeMap::from([("ids".to_owned(), 8_190)]);
        let enforcement = self.enforcement();
        let host = Host { privileged: true, enforcement, checks: Vec::new(), ceilings };
        Box::pin(std::future::ready(Ok(host)))
    }

    fn create<'a>(
        &'a self,
        Sandbox { id, .. }: &'a Sandbox,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<Running>> {
        self.give(id, secrets);
        Box::pin(self.bring_up(Operation::Create, id))
    }

    fn start<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        secrets: &'a [Given],
        before: &'a Traffic,
    ) -> BoxFuture<'a, Result<Running>> {
        let id = &sandbox.id;
        Box::pin(async move {
            self.give(id, secrets);
            self.with(|state| state.before.insert(id.clone(), *before));
            if self.found(id).is_none() {
                return Err(Error::not_found(format!("`{id}` has no layer")));
            }
            self.bring_up(Operation::Start, id).await
        })
    }

    fn stop<'a>(&'a self, id: &'a SandboxId, _: &'a Spec) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.called(Operation::Stop, Some(id)).await?;
            self.with(|state| {
                let place = state.places.entry(id.clone()).or_insert_with(Place::new);
                place.guest.die();
                place.found = Found::Layer(None);
            });
            Ok(())
        })
    }

    fn pause<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.hold(Operation::Pause, id))
    }

    fn resume<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.hold(Operation::Resume, id))
    }

    fn resize<'a>(&'a self, id: &'a SandboxId, _: &'a Resources) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.called(Operation::Resize, Some(id)))
    }

    fn delete<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.called(Operation::Delete, Some(id)).await?;
            self.lose(id);
            Ok(())
        })
    }

    fn inventory(&self) -> BoxFuture<'_, Result<Vec<(SandboxId, Found)>>> {
        Box::pin(async move {
            self.called(Operation::Inventory, None).await?;
            Ok(self.with(|state| {
                let places = state.places.iter();
                places.map(|(id, place)| (id.clone(), place.found.clone())).collect()
            }))
        })
    }

    fn died<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Cause> {
        Box::pin(async move {
            let watch = self.with(|state| state.places.get(id).map(|place| place.died.subscribe()));
            let Some(mut watch) = watch else { return std::future::pending().await };
            let cause = watch.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
            match cause {
                Some(cause) => cause,
                // It was removed; nobody waits for its death any more.
                None => std::future::pending().await,
            }
        })
    }

    fn guest(&self, id: &SandboxId) -> Arc<dyn Guest> {
        self.inside(id).unwrap_or_else(|| {
            let guest = FakeGuest::new();
            guest.die();
            guest
        })
    }

    /// Everything inside a fake sandbox belongs to root.
    fn guest_as(&self, id: &SandboxId, _user: &str) -> Arc<dyn Guest> {
        self.guest(id)
    }

    fn set_network<'a>(&'a self, id: &'a SandboxId, to: &'a Terms) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.called(Operation::SetNetwork, Some(id)).await?;
            self.with(|state| state.terms.insert(id.clone(), to.clone()));
            Ok(())
        })
    }

    /// Turned round, so that nobody takes it for the value.
    fn seal_secret<'a>(
        &'a self,
        _: &'a SecretName,
        _: &'a [Pattern],
        value: Value,
    ) -> BoxFuture<'a, Result<Sealed>> {
        let sealed = Sealed(value.expose().bytes().rev().collect());
        Box::pin(std::future::ready(Ok(sealed)))
    }

    fn set_secrets<'a>(
        &'a self,
        id: &'a SandboxId,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<()>> {
        self.give(id, secrets);
        Box::pin(self.called(Operation::SetSecrets, Some(id)))
    }

    fn traffic<'a>(&'a self, _: &'a SandboxId) -> BoxFuture<'a, Result<Option<Traffic>>> {
        Box::pin(std::future::ready(Ok(Some(Traffic::default()))))
    }

    fn report(&self) -> BoxFuture<'_, (SandboxId, Report)> {
        Box::pin(async {
            loop {
                let news = self.news.notified();
                if let Some(told) = self.with(|state| state.reports.pop_front()) {
                    return told;
                }
                news.await;
            }
        })
    }

    fn usage<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(async move {
            self.called(Operation::Usage, Some(id)).await?;
            Ok(Usage { memory_bytes: Some(1 << 20), pids: Some(1), ..Usage::default() })
        })
    }

    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>> {
        Box::pin(std::future::ready(Ok(self.with(|state| state.images.clone()))))
    }

    fn import_image<'a>(
        &'a self,
        name: &'a ImageName,
        _: ImageSource,
        created_at: Millis,
    ) -> BoxFuture<'a, Result<Image>> {
        let image = Image {
            name: name.clone(),
            origin: Origin::Import,
            size_bytes: 1,
            files: 1,
            created_at,
            left_out: Vec::new(),
        };
        self.with(|state| {
            state.images.retain(|image| image.name != *name);
            state.images.push(image.clone());
        });
        Box::pin(std::future::ready(Ok(image)))
    }

    fn remove_image<'a>(&'a self, name: &'a ImageName) -> BoxFuture<'a, Result<()>> {
        let found = self.with(|state| {
            let before = state.images.len();
            state.images.retain(|image| image.name != *name);
            state.images.len() < before
        });
        let result = match found {
            true => Ok(()),
            false => Err(Error::not_found(format!("there is no image `{name}`"))),
        };
        Box::pin(std::future::ready(result))
    }

    fn make_volume<'a>(
        &'a self,
        id: &'a VolumeId,
        _: &'a VolumeLimits,
    ) -> BoxFuture<'a, Result<Mechanism>> {
        Box::pin(async move {
            self.called(Operation::MakeVolume, None).await?;
            self.with(|state| state.volumes.push(id.clone()));
            Ok(Mechanism::Sampled)
        })
    }

    fn remove_volume<'a>(&'a self, id: &'a VolumeId) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.called(Operation::RemoveVolume, None).await?;
            self.with(|state| state.volumes.retain(|volume| volume != id));
            Ok(())
        })
    }

    fn volumes(&self) -> BoxFuture<'_, Result<Vec<VolumeId>>> {
        Box::pin(std::future::ready(Ok(self.with(|state| state.volumes.clone()))))
    }

    fn volume_usage<'a>(&'a self, _: &'a VolumeId) -> BoxFuture<'a, Result<Usage>> {
        let usage = Usage { disk_bytes: Some(4_096), inodes: Some(1), ..Usage::default() };
        Box::pin(std::future::ready(Ok(usage)))
    }
}
