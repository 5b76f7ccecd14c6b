//! `POST /deskwire/1/blob`: parts of files that were announced on the link. proto-spec, sections 10.3 and 10.5.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use deskwire_engine::{Partner, Refusal};
use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::transfer::{BlobRequest, Part};
use deskwire_store::{BlobFile, BlobId};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::chunks::read_exact;
use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, body, open_for_files};
use crate::verify;

/// What is read from the disk at once.
const PIECE: u64 = 256 * 1024;
/// How long a request waits for a chunk list that is being computed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn blob(State(endpoint): Shelf, request: Request) -> Answer {
    let bytes = body::document(request).await?;
    let (partner, lane, _permit) = endpoint.door(&verify::link_of::<BlobRequest>(&bytes)?)?;
    let opened = verify::open::<BlobRequest>(&bytes, &partner, endpoint.shared.us())?;
    open_for_files(&partner.row)?;
    lane.meter.spend().map_err(Refused::limited)?;
    let request = opened.signed.body();
    lane.fresh(request.time).map_err(Refused::stale)?;
    let download = Arc::clone(&lane.downloads).try_acquire_owned().map_err(|_| Code::Busy)?;
    let file = endpoint.granted(&partner, &request.blob)?.ok_or(Code::BlobUnknown)?;
    let range = request.part.range(file.size())?;
    match request.part {
        Part::ChunkList => {
            let list = match endpoint.shared.engine.reader().blobs().noted_chunks(&id(&request.blob)) {
                Some(noted) => noted,
                None => {
                    let list = endpoint.chunk_lists.of(request.blob, &file);
                    tokio::time::timeout(PATIENCE, list).await.map_err(|_elapsed| Code::Busy)??
                }
            };
            endpoint.shared.counters.bytes_served.more(list.len() as u64);
            Ok(octets(list.len() as u64, Body::from(Bytes::from_owner(list))))
        }
        Part::Chunks { .. } => {
            let size = range.end - range.start;
            endpoint.shared.counters.bytes_served.more(size);
            Ok(octets(size, stream(file, range, download)))
        }
    }
}

impl Endpoint {
    /// A file that was announced on the link and is here. To know a hash is no right, and whether the file is
    /// missing or not granted cannot be told apart.
    fn granted(&self, partner: &Partner, blob: &Hash) -> Result<Option<Arc<dyn BlobFile>>, Refusal> {
        let reader = self.shared.engine.reader();
        if reader.granted(partner.no, blob)?.is_none() {
            return Ok(None);
        }
        Ok(reader.blobs().open(&id(blob))?)
    }
}

fn id(blob: &Hash) -> BlobId {
    BlobId(*blob.as_bytes())
}

fn octets(size: u64, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, size.to_string()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// Pieces of the file, one read ahead of what the partner takes.
fn stream(file: Arc<dyn BlobFile>, range: Range<u64>, download: OwnedSemaphorePermit) -> Body {
    let buffers = Arc::new(Buffers::default());
    let start = (Reading::begin(&file, &buffers, range), file, buffers, download);
    Body::from_stream(futures_util::stream::try_unfold(start, async |(reading, file, buffers, download)| {
        let Some(reading) = reading else { return Ok::<_, std::io::Error>(None) };
        let piece = reading.piece.await.map_err(std::io::Error::other)?;
        let piece = piece.map_err(|code| std::io::Error::other(code.as_str()))?;
        let next = Reading::begin(&file, &buffers, reading.rest);
        Ok(Some((Bytes::from_owner(piece), (next, file, buffers, download))))
    }))
}

/// A piece that is being read, and what comes after it.
struct Reading {
    piece: JoinHandle<Result<Piece, Code>>,
    rest: Range<u64>,
}

impl Reading {
    fn begin(file: &Arc<dyn BlobFile>, buffers: &Arc<Buffers>, range: Range<u64>) -> Option<Self> {
        let length = PIECE.min(range.end - range.start);
        let size = usize::try_from(length).ok().filter(|size| *size > 0)?;
        let (file, mut piece) = (Arc::clone(file), buffers.lend(size));
        let piece = tokio::task::spawn_blocking(move || {
            read_exact(file.as_ref(), &mut piece.bytes, range.start).map(|()| piece)
        });
        Some(Self { piece, rest: range.start + length..range.end })
    }
}

/// The buffers of one answer, used again and again.
#[derive(Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn lend(self: &Arc<Self>, size: usize) -> Piece {
        let mut bytes = self.idle().pop().unwrap_or_default();
        bytes.resize(size, 0);
        Piece { bytes, home: Arc::clone(self) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer that goes back when the partner has taken what is in it.
struct Piece {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.home.idle().push(std::mem::take(&mut self.bytes));
    }
}
