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
use deskwire_machine::chunks::Hashed;
use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::transfer::{BlobRequest, Part};
use deskwire_store::{BlobFile, BlobId};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::chunks::{self, open, read_exact};
use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, body, open_for_files};
use crate::verify;

/// What is read from the disk at once: more at a time wakes fewer threads, and takes memory that a slow reader holds. So few
/// answers have the large ones, whoever reads them.
const SMALL_PIECE: u64 = 256 * 1024;
const LARGE_PIECE: u64 = 1024 * 1024;
pub(super) const LARGE_ANSWERS: usize = 8;
/// So far into its buffer a piece begins. From there TLS copies it to five bytes into a page. Some processors copy ten times
/// slower to a place that lies less than 64 bytes further in its page than the source does (glibc bug 30994).
const LEAD: usize = 128;
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
            let list = endpoint.list(request.blob, &file).await?;
            endpoint.shared.counters.bytes_served.more(list.len() as u64);
            Ok(octets(list.len() as u64, Body::from(list)))
        }
        Part::Chunks { .. } => {
            let size = range.end - range.start;
            endpoint.shared.counters.bytes_served.more(size);
            let large = Arc::clone(&endpoint.large_answers).try_acquire_owned().ok();
            Ok(octets(size, stream(file, range, (download, large))))
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
        open(reader, blob)
    }

    /// The chunk list of a file, as it travels.
    async fn list(&self, blob: Hash, file: &Arc<dyn BlobFile>) -> Result<Bytes, Code> {
        let reader = self.shared.engine.reader();
        if let Some(noted) = reader.blobs().noted_chunks(&id(&blob)) {
            return Ok(Bytes::from_owner(noted));
        }
        let read = tokio::time::timeout(PATIENCE, self.chunk_lists.of(blob, file)).await;
        let hashed = chunks::list(reader, &blob, read.map_err(|_elapsed| Code::Busy)?)?;
        Ok(Bytes::from_owner(List(hashed)))
    }
}

/// The chunk list in what a file was read to be.
struct List(Arc<Hashed>);

impl AsRef<[u8]> for List {
    fn as_ref(&self) -> &[u8] {
        &self.0.list
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

/// What an answer holds until its end: its place among those of the partner, and among those with large pieces if it got one.
type Places = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// Pieces of the file, one read ahead of what the partner takes.
fn stream(file: Arc<dyn BlobFile>, range: Range<u64>, places: Places) -> Body {
    let size = if places.1.is_some() { LARGE_PIECE } else { SMALL_PIECE };
    let source = Arc::new(Source { file, buffers: Arc::default(), size });
    let start = (Reading::begin(&source, range), source, places);
    Body::from_stream(futures_util::stream::try_unfold(start, async |(reading, source, places)| {
        let Some(reading) = reading else { return Ok::<_, std::io::Error>(None) };
        let piece = reading.piece.await.map_err(std::io::Error::other)?;
        let piece = piece.map_err(|code| std::io::Error::other(code.as_str()))?;
        let next = Reading::begin(&source, reading.rest);
        Ok(Some((Bytes::from_owner(piece), (next, source, places))))
    }))
}

/// Where an answer reads, and how much at once.
struct Source {
    file: Arc<dyn BlobFile>,
    buffers: Arc<Buffers>,
    size: u64,
}

/// A piece that is being read, and what comes after it.
struct Reading {
    piece: JoinHandle<Result<Piece, Code>>,
    rest: Range<u64>,
}

impl Reading {
    fn begin(source: &Arc<Source>, range: Range<u64>) -> Option<Self> {
        let length = source.size.min(range.end - range.start);
        let size = usize::try_from(length).ok().filter(|size| *size > 0)?;
        let (source, mut piece) = (Arc::clone(source), source.buffers.lend(size));
        let piece = tokio::task::spawn_blocking(move || {
            read_exact(source.file.as_ref(), &mut piece.bytes[LEAD..], range.start).map(|()| piece)
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
        bytes.resize(LEAD + size, 0);
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
        &self.bytes[LEAD..]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.home.idle().push(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    //! A partner gets exactly the bytes that it asked for, also when all places with large pieces are taken.
    use tokio::sync::Semaphore;

    use super::*;

    struct Counting(u64);

    impl BlobFile for Counting {
        fn size(&self) -> u64 {
            self.0
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> deskwire_store::Result<usize> {
            buffer.iter_mut().zip(offset..self.0).for_each(|(byte, place)| *byte = (place % 251) as u8);
            Ok(buffer.len())
        }
    }

    #[tokio::test]
    async fn pieces_of_either_size_make_the_range() {
        let file: Arc<dyn BlobFile> = Arc::new(Counting(3 << 20));
        let places = Arc::new(Semaphore::new(2));
        let place = || Arc::clone(&places).try_acquire_owned().unwrap();
        for range in [0..3 << 20, 5..(2 << 20) + 9, 7..8] {
            let expected: Vec<u8> = range.clone().map(|place| (place % 251) as u8).collect();
            for large in [None, Some(place())] {
                let body = stream(Arc::clone(&file), range.clone(), (place(), large));
                let came = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                assert!(came == expected, "{range:?}");
            }
            assert_eq!(places.available_permits(), 2, "an answer gives its places back at its end");
        }
    }
}
