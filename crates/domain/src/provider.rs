//! Where sandboxes run, as the engine sees it.
//!
//! Every call is idempotent: the driver repeats it after a crash. A provider keeps no truth that
//! it cannot rebuild from what it drives.

use std::path::PathBuf;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::guest::{ByteStream, Guest};
use crate::image::Image;
use crate::isolation::{Enforcement, Host, Mechanism};
use crate::lifecycle::Cause;
use crate::network::{Pattern, Report, Terms, Traffic};
use crate::sandbox::{Millis, Resources, Sandbox, Spec, Usage};
use crate::secret::{Given, Sealed, SecretName, Value};
use crate::volume::VolumeLimits;
use crate::{ImageName, Result, SandboxId, VolumeId};

/// A sandbox that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// What holds it, by control.
    pub enforcement: Enforcement,
}

/// What a provider finds of one sandbox when it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It runs.
    Running(Running),
    /// Its processes are there and held.
    Paused(Running),
    /// It does not run; its writable layer is there, and how it ended if that is known.
    Layer(Option<Cause>),
    /// Something is left of it that is neither: a half-made or half-removed one.
    Remains,
}

/// Where an image comes from.
pub enum ImageSource {
    /// A tar stream.
    Archive(ByteStream),
    /// A folder of the host, which the operator named.
    Folder(PathBuf),
}

/// Runs sandboxes.
pub trait Provider: Send + Sync {
    /// The word for it in records, such as `local`.
    fn name(&self) -> &'static str;
    /// What this provider can enforce.
    fn probe(&self) -> BoxFuture<'_, Result<Host>>;
    /// Makes and starts a sandbox that can use these secrets. A failure leaves nothing behind and
    /// names the phase.
    fn create<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<Running>>;
    /// Starts a stopped sandbox from its saved layer, with these secrets. `before` is what its
    /// network has moved.
    fn start<'a>(
        &'a self,
        sandbox: &'a Sandbox,
        secrets: &'a [Given],
        before: &'a Traffic,
    ) -> BoxFuture<'a, Result<Running>>;
    /// Ends every process and saves the layer to disk before it answers; within ten seconds.
    fn stop<'a>(&'a self, id: &'a SandboxId, spec: &'a Spec) -> BoxFuture<'a, Result<()>>;
    /// Holds every process of a running sandbox, all of them or none.
    fn pause<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>>;
    /// Lets the processes of a paused sandbox go on.
    fn resume<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>>;
    /// Gives a running sandbox other limits; the disk's stay. A limit below what is in use is
    /// refused.
    fn resize<'a>(&'a self, id: &'a SandboxId, to: &'a Resources) -> BoxFuture<'a, Result<()>>;
    /// Removes everything, in whatever condition it is; within ten seconds.
    fn delete<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<()>>;
    /// Everything there is, also what no record names.
    fn inventory(&self) -> BoxFuture<'_, Result<Vec<(SandboxId, Found)>>>;
    /// Waits until a running sandbox has died, and tells how.
    fn died<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Cause>;
    /// The inside of a running sandbox; connects only when it is used.
    fn guest(&self, id: &SandboxId) -> Arc<dyn Guest>;
    /// The same, where file operations are done as this user of the sandbox, and as root
    /// otherwise. Commands name their own users.
    fn guest_as(&self, id: &SandboxId, user: &str) -> Arc<dyn Guest>;
    /// Puts other terms in force for the network of a running sandbox. Connections that no longer
    /// fit are cut before it answers.
    fn set_network<'a>(&'a self, id: &'a SandboxId, to: &'a Terms) -> BoxFuture<'a, Result<()>>;
    /// Seals a value for a secret of this name and these hosts: with another name or another host
    /// it cannot be opened.
    fn seal_secret<'a>(
        &'a self,
        name: &'a SecretName,
        hosts: &'a [Pattern],
        value: Value,
    ) -> BoxFuture<'a, Result<Sealed>>;
    /// Lets a running sandbox use these secrets from now on, and no others.
    fn set_secrets<'a>(
        &'a self,
        id: &'a SandboxId,
        secrets: &'a [Given],
    ) -> BoxFuture<'a, Result<()>>;
    /// What a running sandbox has moved; none for one without a network.
    fn traffic<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<Option<Traffic>>>;
    /// Waits for what there is to tell of a sandbox's network: connections that are over or were
    /// refused, and what was moved. One caller at a time.
    fn report(&self) -> BoxFuture<'_, (SandboxId, Report)>;
    /// What a running sandbox uses now.
    fn usage<'a>(&'a self, id: &'a SandboxId) -> BoxFuture<'a, Result<Usage>>;

    /// Every image, the built-in one first.
    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>>;
    /// Brings an image into the store; `created_at` is recorded with it.
    fn import_image<'a>(
        &'a self,
        name: &'a ImageName,
        source: ImageSource,
        created_at: Millis,
    ) -> BoxFuture<'a, Result<Image>>;
    /// Removes an image that no sandbox has.
    fn remove_image<'a>(&'a self, name: &'a ImageName) -> BoxFuture<'a, Result<()>>;

    /// Makes the folder of a volume; tells what will hold it to its limits.
    fn make_volume<'a>(
        &'a self,
        id: &'a VolumeId,
        limits: &'a VolumeLimits,
    ) -> BoxFuture<'a, Result<Mechanism>>;
    /// Removes a volume that no sandbox has, with all that is in it.
    fn remove_volume<'a>(&'a self, id: &'a VolumeId) -> BoxFuture<'a, Result<()>>;
    /// Every volume there is, also what no record names.
    fn volumes(&self) -> BoxFuture<'_, Result<Vec<VolumeId>>>;
    /// What a volume holds.
    fn volume_usage<'a>(&'a self, id: &'a VolumeId) -> BoxFuture<'a, Result<Usage>>;
}
