//! Fetching back from a partner what this desk lost, page by page. proto-spec, section 5.7.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_engine::Partner;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_machine::retry::Failure;
use deskwire_proto::code::Code;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::time::Timestamp;

use super::{Courier, Setback};
use crate::peer::{Call, Cause, Trouble};

impl Courier {
    /// Asks until there is nothing left to ask for. What the partner then sends by itself completes it.
    ///
    /// # Errors
    /// [`Setback::Halted`] when what came back is not what was lost: the link is paused.
    pub(super) async fn recover(&self, partner: &Arc<Partner>) -> Result<(), Setback> {
        tracing::info!(link = %self.link, "fetching back from the partner what this desk lost");
        let mut pages = 0u64;
        while !self.stop.is_requested() {
            let Some(answer) = self.page().await? else { break };
            let page = self.verified(answer, partner).await?;
            pages += 1;
            match self.shared.engine.call(TakePage { link: self.link, page }).await? {
                Taken::More => {}
                Taken::Complete => break,
                Taken::Refused(code) => {
                    tracing::warn!(link = %self.link, %code, "what the partner handed back does not fit");
                    return Err(Setback::Halted);
                }
            }
        }
        tracing::info!(link = %self.link, pages, "the partner has handed back what it holds");
        Ok(())
    }

    /// The next page; nothing when there is nothing to ask for.
    async fn page(&self) -> Result<Option<Bytes>, Setback> {
        let now = self.shared.engine.now();
        match self.ask_page(now).await {
            Err(Setback::Peer(Trouble { cause: Cause::Stale(time), .. })) => {
                self.ask_page(Timestamp(time).max(now)).await
            }
            outcome => outcome,
        }
    }

    async fn ask_page(&self, time: Timestamp) -> Result<Option<Bytes>, Setback> {
        let time = self.lane.time_for(time);
        let Some(request) = self.shared.engine.call(AskPage { link: self.link, time }).await? else {
            return Ok(None);
        };
        let call = Call::sequence("recover", request, BATCH_BYTES);
        self.shared.call(self.link, &call).await.map(Some).map_err(Setback::Peer)
    }

    async fn verified(&self, answer: Bytes, partner: &Arc<Partner>) -> Result<Result<Page, Code>, Setback> {
        let (shared, partner) = (Arc::clone(&self.shared), Arc::clone(partner));
        let opened = tokio::task::spawn_blocking(move || {
            Page::open(&answer, shared.engine.identity(), &partner.stream_out(), partner.keys())
        });
        opened.await.map_err(|_| {
            let words =
                "A page could not be verified: a mistake of this program. Please report it.".to_owned();
            Setback::Peer(Trouble::new(Failure::Unreachable, "internal", words))
        })
    }
}
