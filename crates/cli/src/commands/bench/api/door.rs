//! The API as an SDK meets it, and the engine's own work beside it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt as _;
use infield_domain::{Error, Result};
use infield_rest::wire::{CreateKey, CreateSandbox, Key, KeyMade, Sandbox};
use serde_json::{Value, json};

use super::{ApiArgs, SMALL_BYTES};
use crate::client::{Client, Request, segment};
use crate::commands::bench::random;
use crate::commands::info::path;
use crate::output::now_ms;

/// How long the key is good for when the bench is killed.
const KEY_MS: u64 = 60 * 60 * 1_000;
/// Between the parts of a form.
const BOUNDARY: &str = "infield-bench";
const FORM: &str = "multipart/form-data; boundary=infield-bench";
/// Bytes of one piece of an upload.
const PIECE: usize = 256 << 10;
/// Where the file is, below the sandbox's working directory: `/tmp` is small.
const LARGE: &str = "bench/large";
/// How long a transfer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Both ways to the engine, and a sandbox for files.
pub(super) struct Door {
    /// The operator's, over the daemon's socket.
    own: Client,
    /// A user's, over TCP.
    pub(super) user: Client,
    /// Where that is, and what it shows there.
    pub(super) address: String,
    pub(super) bearer: String,
    key: String,
    sandbox: String,
    unknown: u32,
    file_bytes: u64,
    /// Small files that go up at once, and how often they did, each time into another folder; why
    /// is said of the floor.
    files: u32,
    uploads: AtomicU32,
}

impl Door {
    /// Makes the key and the sandbox.
    pub(super) async fn open(own: Client, args: &ApiArgs) -> Result<Self> {
        let name = format!("bench-{}", random()?);
        let expires_at = Some(now_ms() + KEY_MS);
        let wish = CreateKey {
            name,
            owner: None,
            organization: None,
            permissions: None,
            sees_all: false,
            expires_at,
        };
        let made: KeyMade = own.json(Request::post("/v1/keys", &wish)?).await?;
        let mut door = Self {
            user: Client::over_network(&args.http, Some(&made.key))?,
            own,
            address: args.http.clone(),
            bearer: made.key,
            key: made.id,
            sandbox: String::new(),
            unknown: args.unknown,
            file_bytes: args.file_mib << 20,
            files: args.files,
            uploads: AtomicU32::new(0),
        };
        match door.create().await {
            Ok(sandbox) => {
                door.sandbox = sandbox;
                Ok(door)
            }
            Err(error) => {
                door.close().await?;
                Err(error)
            }
        }
    }

    /// Removes both.
    pub(super) async fn close(self) -> Result<()> {
        if !self.sandbox.is_empty() {
            self.delete(&self.sandbox).await?;
        }
        let target = format!("/v1/keys/{}", segment(&self.key));
        let _ended: Key = self.own.json(Request::delete(target)).await?;
        Ok(())
    }

    /// A sandbox by the engine's own request, over a connection that is open. What the launcher
    /// prepares is for a sandbox like the one before, so it comes after another one of its kind.
    pub(super) async fn engine_creates(&self) -> Result<Duration> {
        let wish = CreateSandbox {
            user: Some("daytona".to_owned()),
            network: Some("public".to_owned()),
            persistent: true,
            ..CreateSandbox::default()
        };
        let mut took = Duration::ZERO;
        for _ in 0..2 {
            let mut kept = self.own.keep().await?;
            tokio::time::sleep(super::PAUSE).await;
            let start = Instant::now();
            let made: Sandbox = kept.json(Request::post("/v1/sandboxes", &wish)?).await?;
            took = start.elapsed();
            self.delete(&made.id).await?;
        }
        Ok(took)
    }

    /// The same as an SDK asks for it.
    pub(super) async fn api_creates(&self) -> Result<Duration> {
        let mut took = Duration::ZERO;
        for _ in 0..2 {
            let mut kept = self.user.keep().await?;
            tokio::time::sleep(super::PAUSE).await;
            let start = Instant::now();
            let made: Value = kept.json(create_request()?).await?;
            took = start.elapsed();
            self.delete(&id_of(&made)?).await?;
        }
        Ok(took)
    }

    /// Many sandboxes that do not exist, at once, each over a connection of its own; how long until
    /// all were answered.
    pub(super) async fn ask_for_unknown(&self) -> Result<Duration> {
        let start = Instant::now();
        let all = (0..self.unknown).map(async |number| -> Result<StatusCode> {
            let mut kept = self.user.keep().await?;
            kept.status(Request::get(format!("/api/sandbox/nobody-{number}"))).await
        });
        let statuses = try_join_all(all).await?;
        let took = start.elapsed();
        match statuses.iter().find(|status| **status != StatusCode::NOT_FOUND) {
            None => Ok(took),
            Some(other) => {
                Err(Error::internal(format!("a sandbox that does not exist is answered {other}")))
            }
        }
    }

    /// One file in one call.
    pub(super) async fn file_up(&self) -> Result<Duration> {
        let piece = Bytes::from_static(&[0x5a; PIECE]);
        let pieces = self.file_bytes / PIECE as u64;
        let head = part(0, LARGE, "path") + &part_head(0, "file");
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let body = std::iter::once(Bytes::from(head))
            .chain((0..pieces).map(move |_| piece.clone()))
            .chain(std::iter::once(Bytes::from(tail)));
        let body = stream::iter(body.map(Ok));
        self.upload(Request::post_stream(self.toolbox("files/bulk-upload"), FORM, Box::pin(body)))
            .await
    }

    /// The same file in one call.
    pub(super) async fn file_down(&self) -> Result<Duration> {
        self.download(&json!({ "paths": [LARGE] }), self.file_bytes).await
    }

    /// Small files in one call.
    pub(super) async fn files_up(&self) -> Result<Duration> {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        let form = form(self.small());
        let body = stream::iter(
            form.chunks(PIECE).map(|piece| Ok(form.slice_ref(piece))).collect::<Vec<_>>(),
        );
        self.upload(Request::post_stream(self.toolbox("files/bulk-upload"), FORM, Box::pin(body)))
            .await
    }

    /// All of them in one call.
    pub(super) async fn files_down(&self) -> Result<Duration> {
        let paths = json!({ "paths": self.small().collect::<Vec<_>>() });
        self.download(&paths, u64::from(self.files) * SMALL_BYTES as u64).await
    }

    /// Where the small files are that went up last.
    fn small(&self) -> impl Iterator<Item = String> {
        let upload = self.uploads.load(Ordering::Relaxed);
        (0..self.files).map(move |number| format!("bench/small-{upload}/{number}"))
    }

    async fn upload(&self, request: Request) -> Result<Duration> {
        let start = Instant::now();
        let _written: Value = self.user.json(request.patient(PATIENCE)).await?;
        Ok(start.elapsed())
    }

    /// Reads an answer to its end, which must hold at least as many bytes as the files have.
    async fn download(&self, paths: &Value, least: u64) -> Result<Duration> {
        let start = Instant::now();
        let request = Request::post(self.toolbox("files/bulk-download"), paths)?.patient(PATIENCE);
        let mut body = self.user.download(request).await?;
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|source| {
                Error::unavailable("the download was cut short").with_source(source)
            })?;
            count += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        if count < least {
            return Err(Error::internal(format!("{count} bytes came of {least}")));
        }
        Ok(start.elapsed())
    }

    async fn create(&self) -> Result<String> {
        id_of(&self.user.json(create_request()?).await?)
    }

    async fn delete(&self, id: &str) -> Result<()> {
        let _gone: Sandbox = self.own.json(Request::delete(path(id))).await?;
        Ok(())
    }

    /// A route of the sandbox's toolbox.
    pub(super) fn toolbox(&self, what: &str) -> String {
        format!("/toolbox/{}/{what}", self.sandbox)
    }
}

/// What a bare `Daytona().create()` sends.
fn create_request() -> Result<Request> {
    let labels = json!({ "code-toolbox-language": "python" });
    Request::post("/api/sandbox", &json!({ "env": {}, "labels": labels, "volumes": [] }))
}

fn id_of(made: &Value) -> Result<String> {
    let id = made["id"].as_str().filter(|_| made["state"] == "started");
    id.map(str::to_owned).ok_or_else(|| Error::internal("the answer is no started sandbox"))
}

/// Small files at these paths, as the SDKs send them.
fn form(paths: impl Iterator<Item = String>) -> Bytes {
    let mut form = String::new();
    for (number, path) in paths.enumerate() {
        form.push_str(&part(number, &path, "path"));
        form.push_str(&part(number, &"Z".repeat(SMALL_BYTES), "file"));
    }
    write!(form, "--{BOUNDARY}--\r\n").expect("a string takes every write");
    form.into()
}

fn part(number: usize, content: &str, field: &str) -> String {
    part_head(number, field) + content + "\r\n"
}

fn part_head(number: usize, field: &str) -> String {
    let file = if field == "file" { "; filename=\"bench\"" } else { "" };
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files[{number}].{field}\"{file}\r\n\r\n"
    )
}
