//! `POST /deskwire/1/blob`: parts of files that were announced on the link. proto-spec, sections 10.3 and 10.5.

use std::sync::Arc;
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
use futures_util::TryStreamExt as _;

use super::chunks::{self, open};
use super::pieces::pieces;
use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, body, open_for_files};
use crate::verify;

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
            let (reader, id) = (endpoint.shared.engine.reader().clone(), id(&request.blob));
            let pieces = pieces(file, range, download).inspect_err(move |_| reader.doubt(id));
            Ok(octets(size, Body::from_stream(pieces)))
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
