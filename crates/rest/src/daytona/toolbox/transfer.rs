//! Contents of files, in and out. They pass through as they come, in both directions.

use std::collections::HashMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use infield_daytona as wire;
use infield_domain::files::Range;
use infield_domain::guest::{FileIn, FileOut, FilesIn, FilesOut, Written};
use infield_domain::{Error, Result};
use serde_json::{Value, json};

use super::files::{PathQuery, code, coded, guest_path};
use super::multipart::{Multipart, Piece};
use crate::body::{Part, Query, Upload, download as answer};
use crate::daytona::body;
use crate::failure::{self, Answer, Failure};
use crate::gate::Who;
use crate::routes::{Route, route};
use crate::serve::Context;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
pub(in crate::daytona) const ROUTES: &[Route] = &[
    route("POST", "/files/bulk-upload", || routing::post(upload_many)),
    route("POST", "/files/upload", || routing::post(upload_one)),
    route("POST", "/files/upload-v2", || routing::post(upload_one)),
    route("POST", "/files/bulk-download", || routing::post(download_many)),
    route("GET", "/files/download", || routing::get(download_one)),
];

/// Bytes of a path.
const PATH_BYTES: usize = 4_095;
/// Bytes of the paths that came before their files.
const PATHS_BYTES: usize = 32 << 20;
/// Bytes that are gathered before they are sent, so that small files share what each write costs.
const GATHERED_BYTES: usize = 64 << 10;

async fn upload_many(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    headers: HeaderMap,
    upload: Upload,
) -> Answer<Json<Value>> {
    let limits = &context.doors.settings.limits;
    let form =
        Multipart::new(&headers, upload.into_stream(limits.upload_bytes, limits.body_stall))?;
    let files = Uploads::new(form, Target::Named).into_stream();
    all(context.doors.engine.write_files(&who, &sandbox, files).await.map_err(coded)?)?;
    Ok(Json(json!({})))
}

/// One file, whose path is in the query.
async fn upload_one(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<PathQuery>,
    (headers, upload): (HeaderMap, Upload),
) -> Answer<Json<wire::UploadedFile>> {
    guest_path(&query.path)?;
    let limits = &context.doors.settings.limits;
    let form =
        Multipart::new(&headers, upload.into_stream(limits.upload_bytes, limits.body_stall))?;
    let files = Uploads::new(form, Target::One(query.path.clone())).into_stream();
    all(context.doors.engine.write_files(&who, &sandbox, files).await.map_err(coded)?)?;
    let name = query.path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Json(wire::UploadedFile { name, path: query.path, kind: "file".to_owned() }))
}

/// The failure of an upload of which some files were not written; it names each of them.
fn all(written: Written) -> Answer<()> {
    let mut refused = written.refused.into_iter();
    let Some(first) = refused.next() else { return Ok(()) };
    let others = refused.map(|error| error.message().to_owned()).collect();
    Err(coded(first).beside(others))
}

async fn download_one(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    Query(query): Query<PathQuery>,
) -> Answer<Response> {
    let (path, whole) = (guest_path(&query.path)?, Range { offset: 0, length: None });
    let file = context.doors.engine.read_file(&who, &sandbox, &path, whole).await.map_err(coded)?;
    let mut response = answer(file.content, "application/octet-stream");
    // Files of /proc say 0 and hold more, so 0 promises nothing.
    if file.entry.size > 0 {
        response.headers_mut().insert(header::CONTENT_LENGTH, file.entry.size.into());
    }
    Ok(response)
}

async fn download_many(
    State(context): State<Context>,
    Who(who): Who,
    Part(sandbox): Part,
    body::Json(wish): body::Json<wire::FilesDownloadRequest>,
) -> Answer<Response> {
    let engine = &context.doors.engine;
    let paths = wish.paths.iter().map(|path| guest_path(path)).collect::<Answer<Vec<_>>>()?;
    if paths.is_empty() {
        return Err(Error::invalid("`paths` names no file").into());
    }
    let files = engine.read_files(&who, &sandbox, &paths).await.map_err(coded)?;
    // Nobody inside can guess it, so no file can hold it.
    let boundary = format!("infield-{}", engine.new_request_id());
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    let kind = kind.map_err(|error| Error::internal("a boundary is no text").with_source(error))?;
    let parts = Parts { files, asked: wish.paths.into_iter(), boundary, held: None, over: false };
    let mut response = Response::new(Body::from_stream(parts.into_stream()));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Where the files of a form go.
enum Target {
    /// Where the field `KEY.path` says that came before `KEY.file`.
    Named,
    /// All of the first file here.
    One(String),
}

/// A form of files, as the engine takes them.
struct Uploads {
    form: Multipart,
    target: Target,
    /// Paths whose files have not come.
    paths: HashMap<String, String>,
    paths_bytes: usize,
    files: usize,
    field: Field,
}

/// The field that is being read.
enum Field {
    /// The path of the file of this key.
    Path(String, Vec<u8>),
    File,
    /// One that means nothing here.
    Other,
}

impl Uploads {
    fn new(form: Multipart, target: Target) -> Self {
        let paths = HashMap::new();
        Self { form, target, paths, paths_bytes: 0, files: 0, field: Field::Other }
    }

    fn into_stream(self) -> FilesIn {
        Box::pin(stream::unfold(Some(self), |state| async {
            let mut uploads = state?;
            match uploads.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(uploads))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<FileIn>> {
        loop {
            match self.form.next().await? {
                None if self.files == 0 => {
                    return Err(Error::invalid("the form has no file")
                        .with_hint("send `files[0].path`, then `files[0].file`"));
                }
                None => return Ok(None),
                Some(Piece::Begin(name)) => {
                    self.end_field()?;
                    if let Some(path) = self.begin_field(&name)? {
                        let path = path.parse()?;
                        return Ok(Some(FileIn::Begin { path, permissions: None }));
                    }
                }
                Some(Piece::Data(bytes)) => match &mut self.field {
                    Field::File => return Ok(Some(FileIn::Data(bytes))),
                    Field::Path(_, path) if path.len() + bytes.len() > PATH_BYTES => {
                        return Err(Error::invalid(format!(
                            "a path is longer than {PATH_BYTES} bytes"
                        )));
                    }
                    Field::Path(_, path) => path.extend_from_slice(&bytes),
                    Field::Other => {}
                },
            }
        }
    }

    /// The path of the file that begins here, if one does.
    fn begin_field(&mut self, name: &str) -> Result<Option<String>> {
        let path = match &self.target {
            Target::One(path) if self.files == 0 => path.clone(),
            Target::One(_) => {
                return Err(Error::invalid("the form has more than one file")
                    .with_hint("send several by `/files/bulk-upload`"));
            }
            Target::Named => {
                if let Some(key) = name.strip_suffix(".path") {
                    self.field = Field::Path(key.to_owned(), Vec::new());
                    return Ok(None);
                }
                let Some(key) = name.strip_suffix(".file") else {
                    self.field = Field::Other;
                    return Ok(None);
                };
                self.paths.remove(key).ok_or_else(|| {
                    let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
                    Error::invalid(format!("the file `{key}.file` came before its path"))
                        .with_hint(format!("send the field `{key}.path` first"))
                })?
            }
        };
        self.files += 1;
        self.field = Field::File;
        Ok(Some(path))
    }

    fn end_field(&mut self) -> Result<()> {
        let Field::Path(key, path) = std::mem::replace(&mut self.field, Field::Other) else {
            return Ok(());
        };
        self.paths_bytes += key.len() + path.len();
        if self.paths_bytes > PATHS_BYTES {
            let message = format!("the paths have more than {PATHS_BYTES} bytes");
            return Err(Error::invalid(message).with_hint("send fewer files at once"));
        }
        let path = String::from_utf8(path).map_err(|_| Error::invalid("a path is not UTF-8"))?;
        self.paths.insert(key, path);
        Ok(())
    }
}

/// The answer to a download: a part for each path, in the order of the request.
struct Parts {
    files: FilesOut,
    asked: std::vec::IntoIter<String>,
    boundary: String,
    /// The path of a file of which is not known yet whether it has bytes.
    held: Option<String>,
    over: bool,
}

impl Parts {
    fn into_stream(self) -> impl futures_util::Stream<Item = Result<Bytes>> + Send {
        let span = tracing::Span::current();
        stream::unfold(self, |mut parts| async {
            match parts.gather().await {
                Ok(bytes) if bytes.is_empty() => None,
                Ok(bytes) => Some((Ok(bytes), parts)),
                Err(error) => {
                    // Cut off without its last boundary, which tells the client.
                    parts.over = true;
                    Some((Err(error), parts))
                }
            }
        })
        .inspect(move |item| {
            if let Err(error) = item {
                span.in_scope(|| failure::log(error));
            }
        })
    }

    async fn gather(&mut self) -> Result<Bytes> {
        let mut out = BytesMut::new();
        while out.len() < GATHERED_BYTES && !self.over {
            match self.files.next().await {
                Some(piece) => self.take(piece?, &mut out),
                None => {
                    self.over = true;
                    out.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
                }
            }
        }
        Ok(out.freeze())
    }

    fn take(&mut self, piece: FileOut, out: &mut BytesMut) {
        match piece {
            FileOut::Begin(entry) => {
                let path = self.asked.next().unwrap_or_default();
                match entry.size {
                    0 => self.held = Some(path),
                    size => self.head(out, ("file", &path), Some(size)),
                }
            }
            FileOut::Data(bytes) => {
                if let Some(path) = self.held.take() {
                    self.head(out, ("file", &path), None);
                }
                out.extend_from_slice(&bytes);
            }
            FileOut::End => {
                if let Some(path) = self.held.take() {
                    self.head(out, ("file", &path), Some(0));
                }
                out.extend_from_slice(b"\r\n");
            }
            FileOut::Refused(error) => {
                let path = self.asked.next().unwrap_or_default();
                let text = refusal(error);
                self.head(out, ("error", &path), u64::try_from(text.len()).ok());
                out.extend_from_slice(&text);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn head(&self, out: &mut BytesMut, (name, path): (&str, &str), length: Option<u64>) {
        let kind = if name == "error" { "application/json" } else { "application/octet-stream" };
        let mut head = format!("--{}\r\nContent-Type: {kind}\r\n", self.boundary);
        head.push_str("Content-Disposition: form-data; name=\"");
        head.push_str(name);
        head.push_str("\"; ");
        head.push_str(&filename(path));
        if let Some(length) = length {
            head.push_str(&format!("\r\nContent-Length: {length}"));
        }
        head.push_str("\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
    }
}

/// The path as clients find it again: plain where it is plain, percent-encoded beside that where
/// it is not.
fn filename(path: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ';
    if path.chars().all(plain) {
        return format!("filename=\"{path}\"");
    }
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("filename*=utf-8''{encoded}")
}

fn refusal(error: Error) -> Vec<u8> {
    let code = code(&error).unwrap_or("FILE_READ_FAILED").to_owned();
    let failure = Failure::from(error);
    let body = wire::FileError {
        status_code: failure.status().as_u16(),
        message: failure.error().message().to_owned(),
        code,
        source: wire::Source::DaytonaDaemon,
    };
    serde_json::to_vec(&body).unwrap_or_default()
}
