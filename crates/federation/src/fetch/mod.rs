//! Fetching the files that a partner announced, beside its messages: a large file never delays a comment.
//! proto-spec, section 10.3.

mod file;
mod incoming;
mod partial;
mod request;

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Refusal;
use deskwire_engine::command::file::{BlobFailed, BlobHere};
use deskwire_engine::command::keep::FetchAgain;
use deskwire_engine::query::partial_key;
use deskwire_http::server::Shutdown;
use deskwire_machine::retry::{Failure, Retry};
use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::row::{FileRow, LinkState};
use tokio::time::sleep;

pub(crate) use incoming::Incoming;
pub(crate) use partial::{Partial, unless_wanted, whole};
pub(crate) use request::Stride;

use crate::lane::Lane;
use crate::peer::Trouble;
use crate::shared::Shared;

/// How fetching one file ended.
pub(crate) enum Ended {
    /// It is here.
    Here,
    /// It cannot be had: a code, and words for the ticket.
    Failed(&'static str, String),
    /// Not now; the partner or the way to it is the reason.
    Later(Trouble),
    /// Not now; this desk is the reason.
    Own(Refusal),
}

/// What a fetcher does after a round.
enum Then {
    /// Waits until there is more to fetch.
    Bell,
    /// Tries again after this.
    Pause(Duration),
    /// Ends: the link is gone.
    End,
}

impl From<Trouble> for Ended {
    fn from(trouble: Trouble) -> Self {
        Self::Later(trouble)
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Own(refusal)
    }
}

/// What the partner serves is not what it announced.
pub(crate) fn damaged(how: &str) -> Ended {
    let words = format!("The file is damaged at the partner: {how}. Ask the partner to send it again.");
    Ended::Failed("blob-mismatch", words)
}

/// The announcement itself cannot be true.
fn announced_wrong(why: &str) -> Ended {
    let words = format!("The partner announced the file wrongly ({why}). Ask the partner to send it again.");
    Ended::Failed("file-announced-wrongly", words)
}

/// Fetches the files of one link, one after the other.
pub(crate) struct Fetcher {
    shared: Arc<Shared>,
    link: LinkNo,
    lane: Arc<Lane>,
    stop: Shutdown,
    /// The schedule of the link; begins again at each contact.
    retry: Retry,
}

impl Fetcher {
    pub(crate) fn new(shared: &Arc<Shared>, link: LinkNo, stop: Shutdown) -> Self {
        let retry = Retry::reset();
        Self { shared: Arc::clone(shared), link, lane: shared.lanes.of(link), stop, retry }
    }

    /// Works until the stop, or until the link is gone.
    pub(crate) async fn run(mut self) {
        while !self.stop.is_requested() {
            let pause = match self.round().await {
                Ok(Then::End) => return,
                Ok(Then::Bell) => None,
                Ok(Then::Pause(pause)) => Some(pause),
                Err(refusal) => Some(self.own_failure(&refusal)),
            };
            tokio::select! {
                () = self.stop.requested() => return,
                () = self.lane.fetch.notified() => self.retry = Retry::reset(),
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// Fetches what there is to fetch; one file that has to wait does not hold up the others. What to do then.
    async fn round(&mut self) -> Result<Then, Refusal> {
        let Some(partner) = self.shared.partner(self.link)? else { return Ok(Then::End) };
        if partner.row.state != LinkState::Active || partner.endpoints().is_empty() {
            return Ok(Then::Bell);
        }
        let mut then = Then::Bell;
        for (no, row) in self.shared.engine.reader().fetching(self.link)? {
            if self.stop.is_requested() {
                break;
            }
            let ended = self.fetch(no, &row).await;
            self.leave(no, &row).await;
            match ended {
                Ended::Here => self.here(no, &row).await?,
                Ended::Failed(code, words) => self.failed((no, &row), code, words).await?,
                Ended::Later(trouble) if trouble.reached => then = Then::Pause(self.pause(&trouble)),
                Ended::Later(trouble) => return Ok(Then::Pause(self.pause(&trouble))),
                Ended::Own(refusal) => then = Then::Pause(self.own_failure(&refusal)),
            }
        }
        Ok(then)
    }

    fn own_failure(&self, refusal: &Refusal) -> Duration {
        tracing::warn!(link = %self.link, code = refusal.code, "files cannot be fetched for a reason of this desk");
        Duration::from_secs(60)
    }

    /// Nothing stays here of a file that was erased, or taken back, while it came.
    async fn leave(&self, file: FileNo, row: &FileRow) {
        let names = (partial_key(file, row), row.blob);
        if let Err(Ended::Own(refusal)) = unless_wanted(&self.shared, file, names).await {
            tracing::warn!(code = refusal.code, %file, "what came of a file that is gone stays on the disk");
        }
    }

    async fn here(&mut self, file: FileNo, row: &FileRow) -> Result<(), Refusal> {
        self.retry = Retry::reset();
        tracing::info!(link = %self.link, %file, bytes = row.size, "fetched a file");
        let wanted = self.shared.engine.call(BlobHere { file }).await?;
        self.shared.engine.reader().note_arrived(file, None);
        if !wanted {
            // It was erased or taken back since the fetch ended: the writer knows for certain.
            self.leave(file, row).await;
            return Ok(());
        }
        // Bytes that another file had may have been found damaged, and put aside, while this one was taken for complete.
        if matches!(whole(self.shared.engine.reader().blobs(), row.blob).await, Ok(None)) {
            tracing::warn!(link = %self.link, %file, "a file is gone as soon as it was here: it is fetched again");
            self.shared.engine.call(FetchAgain(file)).await?;
        }
        Ok(())
    }

    async fn failed(
        &self,
        (file, row): (FileNo, &FileRow),
        code: &'static str,
        words: String,
    ) -> Result<(), Refusal> {
        tracing::info!(link = %self.link, %file, code, "a file cannot be fetched");
        self.shared.engine.reader().note_arrived(file, None);
        if let Err(Ended::Own(refusal)) = partial::give_up(&self.shared, file, row).await {
            tracing::warn!(
                code = refusal.code,
                "what is here of a file that will not come stays on the disk"
            );
        }
        self.shared.engine.call(BlobFailed { file, code: code.to_owned(), words }).await
    }

    fn pause(&mut self, trouble: &Trouble) -> Duration {
        tracing::debug!(link = %self.link, code = trouble.code, "a file has to wait");
        let now = self.shared.engine.now();
        let jitter = jitter();
        self.retry = match trouble.failure {
            Failure::Busy { retry_after } => self.retry.busy(now, retry_after, jitter),
            Failure::Unreachable | Failure::Refused => self.retry.failed(now, jitter),
        };
        Duration::from_millis(self.retry.next_at.since(now))
    }
}

/// Good enough to keep many desks from coming back at the same instant.
pub(crate) fn jitter() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0u8) & 0xffff) as u16
}
