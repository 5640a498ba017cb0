//! Files, trees and git inside a sandbox. Content passes through as it comes, in both directions.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use infield_domain::files::{FileEntry, Range};
use infield_domain::{Error, GuestPath, Result};
use infield_engine::toolbox::files::DeleteFile;

use crate::failure::{Answer, Failure};
use crate::gate::Who;
use crate::serve::Context;
use crate::{body, convert, wire};

/// The header that holds a file's permission bits in octal.
const MODE_HEADER: &str = "infield-file-mode";

pub(crate) async fn read(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Query(query): body::Query<wire::TreeQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let path = guest_path(&query.path)?;
    let asked = body::parse_range(&headers);
    let range = asked.unwrap_or(Range { offset: 0, length: None });
    let file = context.doors.engine.read_file(&who, &reference, &path, range).await?;
    let mut response = body::download(file.content, "application/octet-stream");
    match asked {
        Some(range) => describe_part(&mut response, range, &file.entry),
        None => describe_whole(&mut response, &file.entry),
    }
    Ok(response)
}

fn describe_whole(response: &mut Response, entry: &FileEntry) {
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Files of /proc say 0 and hold more, so 0 promises nothing.
    if entry.size > 0 {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(entry.size));
    }
    if let Ok(mode) = HeaderValue::from_str(&format!("{:o}", entry.mode & 0o7777)) {
        headers.insert(MODE_HEADER, mode);
    }
}

fn describe_part(response: &mut Response, range: Range, entry: &FileEntry) {
    let left = entry.size.saturating_sub(range.offset);
    let length = range.length.map_or(left, |length| length.min(left));
    if length == 0 {
        let error = Error::invalid("the range begins behind the end of the file")
            .with_hint(format!("the file has {} bytes", entry.size));
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        *response = Failure::with_status(error, status).into_response();
        content_range(response, &format!("bytes */{}", entry.size));
        return;
    }
    describe_whole(response, entry);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let last = range.offset + (length - 1);
    content_range(response, &format!("bytes {}-{last}/{}", range.offset, entry.size));
}

fn content_range(response: &mut Response, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
}

pub(crate) async fn write(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Query(query): body::Query<wire::WriteQuery>,
    upload: body::Upload,
) -> Answer<Json<wire::FileEntry>> {
    let write = convert::write(&query)?;
    let limits = &context.doors.settings.limits;
    let content = upload.into_stream(limits.upload_bytes, limits.body_stall);
    Ok(Json(context.doors.engine.write_file(&who, &reference, write, content).await?))
}

pub(crate) async fn delete(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Query(query): body::Query<wire::FileQuery>,
) -> Answer<Json<wire::Done>> {
    let delete = DeleteFile { path: guest_path(&query.path)?, recursive: query.recursive };
    context.doors.engine.delete_file(&who, &reference, delete).await?;
    Ok(Json(wire::Done {}))
}

pub(crate) async fn list(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::ListFiles>,
) -> Answer<Json<wire::Listing<wire::FileEntry>>> {
    let list = convert::list(&wish)?;
    Ok(Json(context.doors.engine.list_files(&who, &reference, list).await?))
}

pub(crate) async fn stat(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::StatFile>,
) -> Answer<Json<wire::FileEntry>> {
    let path = guest_path(&wish.path)?;
    Ok(Json(context.doors.engine.stat_file(&who, &reference, &path).await?))
}

pub(crate) async fn edit(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::LargeJson(wish): body::LargeJson<wire::EditFile>,
) -> Answer<Json<wire::EditDone>> {
    let edit = convert::edit(wish)?;
    let replaced = context.doors.engine.edit_file(&who, &reference, edit).await?;
    Ok(Json(wire::EditDone { replaced }))
}

pub(crate) async fn move_file(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::MoveFile>,
) -> Answer<Json<wire::Done>> {
    let files = convert::move_file(&wish)?;
    context.doors.engine.move_file(&who, &reference, files).await?;
    Ok(Json(wire::Done {}))
}

pub(crate) async fn make_directory(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::MakeDirectory>,
) -> Answer<Json<wire::Done>> {
    let path = guest_path(&wish.path)?;
    context.doors.engine.make_directory(&who, &reference, &path).await?;
    Ok(Json(wire::Done {}))
}

pub(crate) async fn search(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::SearchFiles>,
) -> Answer<Json<wire::Listing<wire::Match>>> {
    let search = convert::search(wish)?;
    Ok(Json(context.doors.engine.search_files(&who, &reference, search).await?))
}

pub(crate) async fn download_tree(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Query(query): body::Query<wire::TreeQuery>,
) -> Answer<Response> {
    let path = guest_path(&query.path)?;
    let archive = context.doors.engine.download_tree(&who, &reference, &path).await?;
    Ok(body::download(archive, "application/x-tar"))
}

pub(crate) async fn upload_tree(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Query(query): body::Query<wire::TreeQuery>,
    upload: body::Upload,
) -> Answer<Json<wire::TreeDone>> {
    let path = guest_path(&query.path)?;
    let limits = &context.doors.settings.limits;
    let archive = upload.into_stream(limits.upload_bytes, limits.body_stall);
    let entries = context.doors.engine.upload_tree(&who, &reference, &path, archive).await?;
    Ok(Json(wire::TreeDone { entries }))
}

pub(crate) async fn git(
    State(context): State<Context>,
    Who(who): Who,
    body::Part(reference): body::Part,
    body::Json(wish): body::Json<wire::Git>,
) -> Answer<Json<wire::GitAnswer>> {
    let request = convert::git(wish)?;
    let outcome = context.doors.engine.git(&who, &reference, request).await?;
    Ok(Json(convert::git_answer(outcome)))
}

fn guest_path(text: &str) -> Result<GuestPath> {
    text.parse()
}
