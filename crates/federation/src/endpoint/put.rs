//! `POST /deskwire/1/blob/put`: a partner without an endpoint brings a file that it announced. The list is checked first, each
//! chunk before it is written, the whole at the end. proto-spec, section 10.4.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use deskwire_engine::command::file::{BlobFailed, BlobHere};
use deskwire_engine::query::partial_key;
use deskwire_engine::{Partner, Refusal};
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::code::Code;
use deskwire_proto::document::V1;
use deskwire_proto::id::Hash;
use deskwire_proto::limits::UPLOAD_BYTES;
use deskwire_proto::transfer::{BlobHave, BlobPut, ChunkList, Part, Upload, chunk_count};
use deskwire_store::BlobId;
use deskwire_store::local::FileNo;
use deskwire_store::row::{Author, FileRow, FileState};
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::refuse::Refused;
use super::{Answer, Shelf, body, document, open_for_files};
use crate::fetch::{Ended, Incoming, Partial, damaged, unless_wanted, whole};
use crate::shared::Shared;
use crate::verify;

/// More than a signed blob-put has.
const PUT: usize = 2_048;
/// How long a request waits for the one before it, and for the disk.
const PATIENCE: Duration = Duration::from_secs(20);
const DISK: Duration = Duration::from_secs(60);

pub(super) async fn put(State(endpoint): Shelf, request: Request) -> Answer {
    let begun = body::begin(request, PUT, UPLOAD_BYTES).await?;
    // Who may not bring this file has its megabytes unread.
    let (put, _) = cbor::split(begun.beginning(), Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
    let (partner, lane, _permit) = endpoint.door(&verify::link_of::<BlobPut>(put)?)?;
    let opened = verify::open::<BlobPut>(put, &partner, endpoint.shared.us())?;
    open_for_files(&partner.row)?;
    lane.meter.spend().map_err(Refused::limited)?;
    let asked = opened.signed.body().clone();
    lane.fresh(asked.time).map_err(Refused::stale)?;
    endpoint.heard(partner.no, &lane).await;
    let files = match announced(&endpoint.shared, &partner, &asked.blob)? {
        Announced::Wanted(files) => files,
        Announced::Here(size) => return Ok(have(asked.blob, chunk_count(size))),
        Announced::Nothing => return Err(endpoint.refused_at(partner.no, Code::BlobUnknown)),
    };
    let incoming = timeout(PATIENCE, Arc::clone(&lane.incoming).lock_owned());
    let incoming = incoming.await.map_err(|_elapsed| Code::Busy)?;
    let (bytes, _share) = begun.whole_of(&endpoint.shared, partner.no).await?;
    let upload = Upload::decode(&bytes)?;
    if Hash::of(upload.bytes()) != asked.bytes {
        return Err(endpoint.refused_at(partner.no, Code::BlobMismatch));
    }
    let taking = Taking { shared: Arc::clone(&endpoint.shared), incoming, asked };
    let blob = taking.asked.blob;
    // What takes longer than the request goes on without it, and is there when the partner asks again.
    let taken = tokio::spawn(taking.take(files, upload));
    let held = timeout(DISK, taken).await.map_err(|_elapsed| Code::Busy)?.map_err(|_| Code::Internal)?;
    held.map(|held| have(blob, held)).inspect_err(|_| endpoint.shared.counters.requests_refused.one())
}

/// What was announced on the link under a hash.
enum Announced {
    /// To be brought.
    Wanted(Vec<(FileNo, FileRow)>),
    /// Here already; of so many bytes.
    Here(u64),
    /// Nothing, or nothing that is still wanted.
    Nothing,
}

fn announced(shared: &Shared, partner: &Partner, blob: &Hash) -> Result<Announced, Refusal> {
    let mut files = shared.engine.reader().files_of_blob(blob)?;
    files.retain(|(_, row)| row.author == Author::Partner(partner.no));
    let here = files.iter().find(|(_, row)| row.state == FileState::Here).map(|(_, row)| row.size);
    files.retain(|(_, row)| row.state == FileState::Fetching);
    Ok(match (files.is_empty(), here) {
        (false, _) => Announced::Wanted(files),
        (true, Some(size)) => Announced::Here(size),
        (true, None) => Announced::Nothing,
    })
}

fn have(blob: Hash, have: u64) -> axum::response::Response {
    document(BlobHave { v: V1, blob, have }.encode())
}

/// One part on its way to the disk.
struct Taking {
    shared: Arc<Shared>,
    incoming: OwnedMutexGuard<Incoming>,
    asked: BlobPut,
}

impl Taking {
    /// How many chunks are here then, from the first on.
    async fn take(mut self, files: Vec<(FileNo, FileRow)>, upload: Upload) -> Result<u64, Refused> {
        match self.asked.part {
            Part::ChunkList => self.list(files, upload.bytes()).await,
            Part::Chunks { first, .. } => self.chunks(first, upload).await,
        }
    }

    /// Begins a file, or goes on with what an earlier try has left of it.
    async fn list(&mut self, files: Vec<(FileNo, FileRow)>, bytes: &[u8]) -> Result<u64, Refused> {
        let decode = |row: &FileRow| ChunkList::decode(bytes, row.size, row.chunks).ok();
        let Some((no, row, list)) =
            files.iter().find_map(|(no, row)| decode(row).map(|list| (*no, row, list)))
        else {
            return self.wrong_list(files).await;
        };
        self.incoming.forgive(self.asked.blob);
        let begun = async {
            match whole(self.shared.engine.reader().blobs(), row.blob).await? {
                Some(size) if size == row.size => Ok(None),
                Some(_) | None => Partial::begin(&self.shared, no, row, list).await.map(Some),
            }
        };
        match begun.await {
            Ok(Some(partial)) => self.go_on(partial).await,
            Ok(None) => self.here(no, row.size, (partial_key(no, row), row.blob)).await,
            Err(ended) => Err(self.ended(no, ended).await),
        }
    }

    /// The next chunks. Those that do not begin where the file stands are not stored.
    async fn chunks(&mut self, first: u64, upload: Upload) -> Result<u64, Refused> {
        let Some(partial) = self.incoming.take_if(self.asked.blob) else { return Ok(0) };
        let (held, fits) = (partial.have(), partial.fits(self.asked.part, upload.bytes().len()));
        if first != held || !fits {
            self.incoming.keep(partial);
            return if first == held { Err(Code::BlobMismatch.into()) } else { Ok(held) };
        }
        let no = partial.no();
        let got = upload.bytes().len() as u64;
        match partial.store(first, upload.into_bytes().into()).await {
            Ok(partial) if partial.have() == held => {
                self.incoming.keep(partial);
                Err(Code::BlobMismatch.into())
            }
            Ok(partial) => {
                self.shared.counters.bytes_fetched.more(got);
                self.go_on(partial).await
            }
            Err(ended) => Err(self.ended(no, ended).await),
        }
    }

    async fn go_on(&mut self, partial: Partial) -> Result<u64, Refused> {
        let (no, held, size) = (partial.no(), partial.have(), partial.size());
        if !partial.is_complete() {
            self.incoming.keep(partial);
            return Ok(held);
        }
        let names = partial.names();
        let finished = partial.finish().await;
        // It may have been erased while it came.
        let left = unless_wanted(&self.shared, no, names).await;
        match finished.and(left) {
            Ok(()) => self.here(no, size, names).await,
            Err(ended) => Err(self.ended(no, ended).await),
        }
    }

    async fn here(&self, file: FileNo, size: u64, names: (BlobId, Hash)) -> Result<u64, Refused> {
        let wanted = self.shared.engine.call(BlobHere { file }).await?;
        self.shared.engine.reader().note_arrived(file, None);
        if !wanted && let Err(ended) = unless_wanted(&self.shared, file, names).await {
            return Err(self.ended(file, ended).await);
        }
        tracing::info!(%file, bytes = size, "a partner brought a file");
        Ok(chunk_count(size))
    }

    /// A list that is not the one announced is taken once more; then the file is damaged at the partner.
    async fn wrong_list(&mut self, files: Vec<(FileNo, FileRow)>) -> Result<u64, Refused> {
        if self.incoming.accuse(self.asked.blob) {
            for (file, _) in files {
                let _ = self.ended(file, damaged("its list of chunks does not fit")).await;
            }
        }
        Err(Code::BlobMismatch.into())
    }

    /// Says on the ticket that a file will not come, where that is so; the answer to the partner.
    async fn ended(&self, file: FileNo, ended: Ended) -> Refused {
        match ended {
            Ended::Failed(code, words) => {
                tracing::info!(%file, code, "a file that a partner brings cannot be taken");
                self.shared.engine.reader().note_arrived(file, None);
                let failed = BlobFailed { file, code: code.to_owned(), words };
                match self.shared.engine.call(failed).await {
                    Ok(()) => Code::BlobMismatch.into(),
                    Err(refusal) => refusal.into(),
                }
            }
            Ended::Own(refusal) => refusal.into(),
            Ended::Here | Ended::Later(_) => Code::Busy.into(),
        }
    }
}
