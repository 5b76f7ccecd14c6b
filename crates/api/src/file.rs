//! `/v1/files`: what is known of a file, and its bytes.

use std::io;
use std::ops::ControlFlow;
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
use deskwire_engine::{Fault, Reader, Refusal, query};
use deskwire_store::row::{Author, FileState};
use deskwire_store::{BlobFile, BlobId};
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};

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

/// A file's bytes, as an attachment of an inert type. Bytes that the disk has damaged are never given out as a whole: the
/// call is refused, or, where that shows with the last piece alone, broken off before it, and refused from then on.
#[utoipa::path(
    get, path = "/v1/files/{id}/content", tag = "files",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The bytes.", body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(crate) async fn content(State(api): State<Api>, Named(id): Named) -> Result<Response, ApiError> {
    let opened = api.read(move |reader| {
        let file = query::file(reader, query::find_file(reader, &id)?)?;
        let theirs = matches!(file.row.author, Author::Partner(_));
        let outgoing = match &file.row.state {
            _ if theirs && file.retracted => return Err(retracted(&file)),
            FileState::Here => Outgoing::open(reader, &file)?,
            FileState::Fetching => return Err(not_here(&file)),
            FileState::Failed(why) => return Err(failed(&file, why)),
        };
        // What is wrong with it may show at its beginning, or it is short: then somebody can still be told.
        let begun = outgoing.next().map_err(|broken| broken.refusal(&file))?;
        Ok((begun, file))
    });
    let (begun, file) = opened.await?;
    let mut response = Response::new(Body::from_stream(pieces(begun)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, file.row.size.into());
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

/// A piece, and what comes behind it; nothing at the end.
type Begun = Option<(Bytes, Outgoing)>;

/// Reads away from the threads that serve connections, one piece ahead of nobody.
fn pieces(begun: Begun) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    let begun = begun.map_or((Bytes::new(), None), |(piece, rest)| (piece, Some(rest)));
    let first = stream::iter([Ok(begun.0)]);
    first.chain(stream::try_unfold(begun.1, |rest| async move {
        let Some(outgoing) = rest else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || outgoing.next()).await;
        let next = read.map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok(next.map(|(piece, rest)| (piece, Some(rest))))
    }))
}

/// A file on its way out. Its last piece is held back until all of it was seen to be right.
struct Outgoing {
    reader: Reader,
    file: Arc<dyn BlobFile>,
    id: BlobId,
    hash: Sha256,
    at: u64,
}

/// Why a file cannot be given out as a whole.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the stored file is damaged")]
    Damaged,
    #[error(transparent)]
    Store(#[from] deskwire_store::Error),
}

impl Outgoing {
    /// Opens a file that is to be here. One that has given wrong bytes before is read over first.
    fn open(reader: &Reader, file: &query::File) -> Result<Self, Refusal> {
        let id = BlobId(*file.row.blob.as_bytes());
        let Some(bytes) = reader.blobs().open(&id)? else {
            reader.doubt(id);
            return Err(lost(file));
        };
        if bytes.size() != file.row.size {
            reader.doubt(id);
            return Err(damaged(file));
        }
        if reader.is_doubted(&id) {
            if bytes.hash(&mut |_| ControlFlow::Continue(()))? != Some(id) {
                return Err(damaged(file));
            }
            reader.trust(&id);
        }
        Ok(Self { reader: reader.clone(), file: bytes, id, hash: Sha256::new(), at: 0 })
    }

    /// The next piece. What is wrong is remembered, for the next call and for the care of the store.
    fn next(mut self) -> Result<Begun, Broken> {
        let read = self.piece();
        if read.is_err() {
            self.reader.doubt(self.id);
        }
        let piece = read?;
        Ok((!piece.is_empty()).then_some((piece, self)))
    }

    fn piece(&mut self) -> Result<Bytes, Broken> {
        let left = self.file.size() - self.at;
        let mut piece = vec![0; usize::try_from(left.min(PIECE)).unwrap_or_default()];
        let got = self.file.read_at(&mut piece, self.at)?;
        piece.truncate(got);
        self.hash.update(&piece);
        self.at += got as u64;
        let at_end = got == 0 || self.at == self.file.size();
        let whole = || BlobId(self.hash.clone().finalize().into()) == self.id;
        if at_end && !whole() { Err(Broken::Damaged) } else { Ok(piece.into()) }
    }
}

impl Broken {
    fn refusal(self, file: &query::File) -> Refusal {
        match self {
            Self::Damaged => damaged(file),
            Self::Store(error) => error.into(),
        }
    }
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
        MENDED,
    )
}

fn damaged(file: &query::File) -> Refusal {
    Refusal::new(
        Fault::Ours,
        "file-damaged",
        format!(
            "What the disk of this desk holds of “{}” is not what was stored; it is not given out.",
            name(file)
        ),
        MENDED,
    )
}

/// What comes of a file that is not as it was: the care of the store looks at it within seconds.
const MENDED: &str = "If a partner sent it, it is fetched again by itself: try again in a minute. If it is not, bring it back from a backup or attach it again; the log of the daemon says which.";
