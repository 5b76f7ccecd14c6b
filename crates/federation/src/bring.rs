//! Bringing files to a partner, where this desk has no endpoint at which they could be fetched.
//! proto-spec, section 10.4.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::command::file::Brought;
use deskwire_engine::{Partner, Refusal};
use deskwire_http::server::Shutdown;
use deskwire_machine::retry::{Failure, Retry};
use deskwire_proto::code::Code;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::Hash;
use deskwire_proto::limits::{CHUNKS_PER_REQUEST, DOCUMENT_BYTES};
use deskwire_proto::number::ChunkCount;
use deskwire_proto::time::Timestamp;
use deskwire_proto::transfer::{BlobHave, BlobPut, Part, Upload, chunk_count};
use deskwire_store::local::LinkNo;
use deskwire_store::row::{FileRow, FileState, LinkState};
use deskwire_store::{BlobFile, BlobId};
use tokio::time::{Instant, sleep};

use crate::endpoint::chunks::{self, hash, read_exact};
use crate::fetch::{Stride, jitter};
use crate::lane::Lane;
use crate::peer::{Call, Cause, Trouble, Wanted};
use crate::shared::Shared;

/// For one part: eight chunks over a very slow line.
const DEADLINE: Duration = Duration::from_secs(600);
/// After a failure of this desk itself.
const OWN_FAILURE: Duration = Duration::from_secs(60);
/// How often the partner may say that a chunk is wrong, or that it has less than before, until the file has to wait.
const TRIES: u32 = 3;

/// How bringing one file ended.
enum Ended {
    /// The partner does not take it.
    Unwanted(Code),
    /// Not now; the partner or the way to it is the reason.
    Later(Trouble),
    /// Not now; this desk is the reason.
    Own(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Own(refusal)
    }
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        match trouble.cause {
            Cause::Code(code @ Code::BlobUnknown) => Self::Unwanted(code),
            _ => Self::Later(trouble),
        }
    }
}

/// Brings the files of one link, one after the other.
pub(crate) struct Bringer {
    shared: Arc<Shared>,
    link: LinkNo,
    lane: Arc<Lane>,
    stop: Shutdown,
    retry: Retry,
    /// The chunk list of the file that was brought last.
    list: Option<(Hash, Arc<[u8]>)>,
}

impl Bringer {
    pub(crate) fn new(shared: &Arc<Shared>, link: LinkNo, stop: Shutdown) -> Self {
        let retry = Retry::reset();
        Self { shared: Arc::clone(shared), link, lane: shared.lanes.of(link), stop, retry, list: None }
    }

    /// Works until the stop, or until the link is gone.
    pub(crate) async fn run(mut self) {
        let mut advanced = self.lane.advanced.subscribe();
        let mut bell = self.lane.bell.subscribe();
        while !self.stop.is_requested() {
            advanced.mark_unchanged();
            bell.mark_unchanged();
            let pause = match self.shared.partner(self.link) {
                Ok(Some(partner)) => self.round(&partner).await,
                Ok(None) => return,
                Err(refusal) => Some(own_failure(self.link, &refusal)),
            };
            tokio::select! {
                () = self.stop.requested() => return,
                _ = advanced.changed(), if pause.is_none() => {}
                _ = bell.changed(), if pause.is_none() => {}
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// Brings what there is to bring; how long to wait then, nothing for until something happens.
    async fn round(&mut self, partner: &Arc<Partner>) -> Option<Duration> {
        let open = partner.row.state == LinkState::Active && partner.row.trouble.is_none();
        if !open || partner.endpoints().is_empty() || self.shared.is_reachable() {
            return None;
        }
        let mut pause = None;
        let reader = self.shared.engine.reader();
        let stream = reader.stream(self.link);
        let files = match stream.and_then(|stream| reader.to_bring(self.link, stream.acked)) {
            Ok(files) => files,
            Err(error) => return Some(own_failure(self.link, &error.into())),
        };
        for (seq, row) in files {
            if self.stop.is_requested() {
                break;
            }
            match self.settle(seq, &row).await {
                Ok(()) => self.retry = Retry::reset(),
                Err(Ended::Later(trouble)) => {
                    pause = Some(self.pause(&trouble));
                    if !trouble.reached {
                        break;
                    }
                }
                Err(Ended::Own(refusal)) => pause = Some(own_failure(self.link, &refusal)),
                Err(Ended::Unwanted(_)) => {}
            }
        }
        pause
    }

    /// Brings one file, and notes that it is done with.
    async fn settle(&mut self, seq: u64, row: &FileRow) -> Result<(), Ended> {
        match self.bring(row).await {
            Ok(()) => tracing::info!(link = %self.link, bytes = row.size, "brought a file"),
            Err(Ended::Unwanted(code)) => {
                tracing::info!(link = %self.link, %code, "the partner does not take a file");
            }
            Err(ended) => return Err(ended),
        }
        Ok(self.shared.engine.call(Brought { link: self.link, seq }).await?)
    }

    async fn bring(&mut self, row: &FileRow) -> Result<(), Ended> {
        if row.state != FileState::Here {
            // What was erased is told to be gone, also where another file has the same bytes.
            return self.confess(row, Ended::Unwanted(Code::BlobUnknown)).await;
        }
        let list = match self.list(row).await {
            Ok(list) => list,
            Err(ended @ Ended::Unwanted(_)) => return self.confess(row, ended).await,
            Err(ended) => return Err(ended),
        };
        let count = chunk_count(row.size);
        let (mut held, mut stride, mut tries) = (None, Stride::first(), 0);
        loop {
            let part = match held {
                // The partner may have been started anew: it needs the list first.
                None => Part::ChunkList,
                Some(held) if held >= count => return Ok(()),
                Some(held) => stride.part(held, run(held, count)?),
            };
            if self.stop.is_requested() {
                return Err(Refusal::stopping().into());
            }
            let bytes = match part {
                Part::ChunkList => list.to_vec(),
                Part::Chunks { .. } => self.read(row, part).await?,
            };
            let begun = Instant::now();
            let answered = self.put(row, part, bytes).await;
            stride.took(begun.elapsed());
            let now = match answered {
                Ok(now) => now,
                Err(Trouble { cause: Cause::Code(Code::BlobMismatch), .. }) if tries < TRIES => {
                    // Either the line has changed it, or the disk.
                    self.doubt(row);
                    tries += 1;
                    held = None;
                    continue;
                }
                Err(trouble) => return Err(trouble.into()),
            };
            let grew = held.is_none_or(|held| now > held);
            tries = if grew { tries } else { tries + 1 };
            if tries > TRIES {
                let words = "The partner does not take the file forward. Deskwire tries again later.";
                return Err(Trouble::new(Failure::Unreachable, "blob-stuck", words.to_owned()).into());
            }
            held = if grew || now > 0 { Some(now) } else { None };
        }
    }

    /// The bytes of a file are gone here: a list that cannot be right, said twice, has the partner tell so on its ticket
    /// instead of waiting for ever.
    async fn confess(&self, row: &FileRow, ended: Ended) -> Result<(), Ended> {
        for _ in 0..2 {
            match self.put(row, Part::ChunkList, Vec::new()).await {
                Ok(_) | Err(Trouble { cause: Cause::Code(Code::BlobMismatch), .. }) => {}
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Err(ended)
    }

    /// The chunk list of a file.
    async fn list(&mut self, row: &FileRow) -> Result<Arc<[u8]>, Ended> {
        if let Some((_, list)) = self.list.as_ref().filter(|(blob, _)| *blob == row.blob) {
            return Ok(Arc::clone(list));
        }
        let (file, reader) = (self.open(row)?, self.shared.engine.reader());
        if let Some(noted) = reader.blobs().noted_chunks(&BlobId(*row.blob.as_bytes())) {
            return Ok(noted);
        }
        let read = tokio::task::spawn_blocking(move || hash(file.as_ref())).await;
        let read = read.map_err(|_| Code::Internal).and_then(|read| read);
        let hashed = chunks::list(reader, &row.blob, read).map_err(unreadable)?;
        let list = Arc::from(&*hashed.list);
        if hashed.blob == row.blob {
            self.list = Some((row.blob, Arc::clone(&list)));
        }
        Ok(list)
    }

    /// Leaves a file that may have changed on the disk to the care of the store.
    fn doubt(&self, row: &FileRow) {
        self.shared.engine.reader().doubt(BlobId(*row.blob.as_bytes()));
    }

    fn open(&self, row: &FileRow) -> Result<Arc<dyn BlobFile>, Ended> {
        chunks::open(self.shared.engine.reader(), &row.blob)?.ok_or(Ended::Unwanted(Code::BlobUnknown))
    }

    async fn read(&self, row: &FileRow, part: Part) -> Result<Vec<u8>, Ended> {
        let file = self.open(row)?;
        let range = part.range(row.size).map_err(unreadable)?;
        let read = tokio::task::spawn_blocking(move || {
            let size = usize::try_from(range.end - range.start).map_err(|_| Code::Internal)?;
            let mut bytes = vec![0; size];
            read_exact(file.as_ref(), &mut bytes, range.start).map(|()| bytes)
        });
        read.await.map_err(|_| Code::Internal).and_then(|bytes| bytes).map_err(unreadable)
    }

    /// Brings one part; how many chunks the partner has then.
    async fn put(&self, row: &FileRow, part: Part, bytes: Vec<u8>) -> Result<u64, Trouble> {
        let now = self.shared.engine.now();
        match self.put_at(row, part, bytes.clone(), now).await {
            Err(Trouble { cause: Cause::Stale(time), .. }) => {
                self.put_at(row, part, bytes, Timestamp(time).max(now)).await
            }
            outcome => outcome,
        }
    }

    async fn put_at(
        &self,
        row: &FileRow,
        part: Part,
        bytes: Vec<u8>,
        time: Timestamp,
    ) -> Result<u64, Trouble> {
        let gone = || Trouble::new(Failure::Unreachable, "unknown-link", "The link is gone.".to_owned());
        let partner = self.shared.partner(self.link).ok().flatten().ok_or_else(gone)?;
        let identity = self.shared.engine.identity();
        let put = BlobPut {
            v: V1,
            to: partner.desk(),
            blob: row.blob,
            from: identity.desk(),
            link: partner.row.link,
            part,
            time: self.lane.time_for(time),
            bytes: Hash::of(&bytes),
        };
        let size = bytes.len() as u64;
        let body = Upload::new(&Signed::seal(put, identity.secret()), bytes).encode().into();
        let wanted = Wanted::Document { max: DOCUMENT_BYTES };
        let call = Call { path: "blob/put", body, wanted, deadline: DEADLINE };
        let answer = self.shared.call(self.link, &call).await?;
        match BlobHave::decode(&answer) {
            Ok(have) if have.blob == row.blob => {
                self.shared.counters.bytes_served.more(size);
                Ok(have.have)
            }
            Ok(_) => Err(Trouble::unverified_answer("blob-have", Code::Malformed)),
            Err(code) => Err(Trouble::unverified_answer("blob-have", code)),
        }
    }

    fn pause(&mut self, trouble: &Trouble) -> Duration {
        tracing::debug!(link = %self.link, code = trouble.code, "a file has to wait to be brought");
        let now = self.shared.engine.now();
        self.retry = match trouble.failure {
            Failure::Busy { retry_after } => self.retry.busy(now, retry_after, jitter()),
            Failure::Unreachable | Failure::Refused => self.retry.failed(now, jitter()),
        };
        Duration::from_millis(self.retry.next_at.since(now))
    }
}

/// The chunks from `held` on that one request may bring.
fn run(held: u64, count: u64) -> Result<ChunkCount, Ended> {
    ChunkCount::new((count - held).min(CHUNKS_PER_REQUEST)).map_err(|_| unreadable(Code::Internal))
}

fn unreadable(_: Code) -> Ended {
    let words = "A file of this desk cannot be read. The log of the daemon has more.".to_owned();
    Ended::Own(Refusal::new(deskwire_engine::Fault::Ours, "internal", words, "Check the disk."))
}

fn own_failure(link: LinkNo, refusal: &Refusal) -> Duration {
    tracing::warn!(%link, code = refusal.code, "files cannot be brought for a reason of this desk");
    OWN_FAILURE
}
