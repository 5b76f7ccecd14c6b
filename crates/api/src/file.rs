//! `/v1/files`: what is known of a file, and its bytes.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::Response;
use bytes::Bytes;
use deskwire_api_types as api;
use deskwire_engine::{Fault, Refusal, query};
use deskwire_store::row::{Author, FileState};
use deskwire_store::{BlobFile, BlobId};
use futures_util::stream;

use crate::error::ApiError;
use crate::request::Named;
use crate::show;
use crate::state::Api;

/// Bytes of one piece of a download.
const PIECE: u64 = 256 << 10;

/// What is known of a file, and whether its bytes are here.
#[utoipa::path(
    get, path = "/v1/files/{id}", tag = "files",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The file.", body = api::FileInfo)),
)]
pub(crate) async fn info(State(api): State<Api>, Named(id): Named) -> Result<Json<api::FileInfo>, ApiError> {
    let info = api.read(move |reader| {
        let file = query::file(reader, query::find_file(reader, &id)?)?;
        Ok(show::file(&reader.identity().ticket_label(file.row.ticket), &file))
    });
    info.await.map(Json)
}

/// A file's bytes, as an attachment of an inert type.
#[utoipa::path(
    get, path = "/v1/files/{id}/content", tag = "files",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The bytes.", body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(crate) async fn content(State(api): State<Api>, Named(id): Named) -> Result<Response, ApiError> {
    let opened = api.read(move |reader| {
        let file = query::file(reader, query::find_file(reader, &id)?)?;
        let theirs = matches!(file.row.author, Author::Partner(_));
        let bytes = match &file.row.state {
            _ if theirs && file.retracted => return Err(retracted(&file)),
            FileState::Here => reader.blobs().open(&BlobId(*file.row.blob.as_bytes()))?,
            FileState::Fetching => return Err(not_here(&file)),
            FileState::Failed(why) => return Err(failed(&file, why)),
        };
        Ok((bytes.ok_or_else(|| lost(&file))?, file))
    });
    let (bytes, file) = opened.await?;
    let mut response = Response::new(Body::from_stream(pieces(Arc::clone(&bytes))));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, bytes.size().into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", file.row.blob)) {
        headers.insert(ETAG, value);
    }
    let name = api::encode_percent(file.name.as_deref().unwrap_or("file"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Reads away from the threads that serve connections, one piece ahead of nobody.
fn pieces(file: Arc<dyn BlobFile>) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, 0), |(file, at)| async move {
        let left = file.size().saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        let source = Arc::clone(&file);
        let read = tokio::task::spawn_blocking(move || piece(source.as_ref(), at, left.min(PIECE))).await;
        let bytes = read.map_err(io::Error::other)??;
        let next = at + bytes.len() as u64;
        Ok(Some((bytes, (file, next))))
    })
}

fn piece(file: &dyn BlobFile, at: u64, length: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let got = file.read_at(&mut buffer, at).map_err(io::Error::other)?;
    if got < buffer.len() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stored file is shorter than it was"));
    }
    Ok(buffer.into())
}

fn name(file: &query::File) -> &str {
    file.name.as_deref().unwrap_or("(erased)")
}

fn not_here(file: &query::File) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "file-not-here",
        format!("“{}” is still on its way from the partner.", name(file)),
        "Try again when `deskwire file get` or the ticket says that it is here.",
    )
}

fn retracted(file: &query::File) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "file-retracted",
        format!("The partner has taken “{}” back; this desk gives its bytes to nobody any more.", name(file)),
        "Ask the partner to send it again if you still need it.",
    )
}

fn failed(file: &query::File, why: &deskwire_store::row::Refused) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "file-failed",
        format!("“{}” could not be fetched ({}): {}", name(file), why.code, why.words),
        "Ask the partner to send it again.",
    )
}

fn lost(file: &query::File) -> Refusal {
    Refusal::new(
        Fault::Ours,
        "file-lost",
        format!("The bytes of “{}” are not on the disk of this desk any more.", name(file)),
        "Restore them from a backup.",
    )
}
