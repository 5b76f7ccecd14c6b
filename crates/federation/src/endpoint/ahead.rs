//! Batches that came before their turn: kept for a moment, in case what is missing arrives. proto-spec, section 5.4.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Refusal;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_proto::batch::BatchHead;
use deskwire_proto::code::Code;
use deskwire_proto::envelope::Verified;
use deskwire_proto::limits::AHEAD_WAIT;
use deskwire_store::local::LinkNo;
use tokio::time::{Instant, timeout_at};

use super::Endpoint;
use super::refuse::Refused;
use crate::lane::Lane;

/// A verified batch, and the bytes it takes.
pub(super) struct Early {
    pub(super) head: BatchHead,
    pub(super) messages: Vec<Verified>,
    pub(super) size: usize,
}

impl Endpoint {
    /// Delivers a batch as soon as it is its turn.
    ///
    /// # Errors
    /// What the engine refuses it with; `gap` when its turn does not come in time, or too much waits already.
    pub(super) async fn deliver(
        &self,
        link: LinkNo,
        lane: &Arc<Lane>,
        batch: Early,
    ) -> Result<Vec<u8>, Refused> {
        let Early { head, messages, size } = batch;
        let first = messages.first().map_or(0, |message| message.head.seq);
        let mut advanced = lane.advanced.subscribe();
        let mut room = None;
        if !self.in_turn(link, first)? {
            // The batch before this one may be on its way through the writer already.
            match self.shared.engine.call(Deliver { link, head, messages: messages.clone() }).await? {
                Delivered::Gap { .. } => room = lane.hold(size),
                other => return self.answer(link, other),
            }
        }
        let until = Instant::now() + Duration::from_millis(AHEAD_WAIT);
        while !self.in_turn(link, first)? {
            let came = room.is_some() && matches!(timeout_at(until, advanced.changed()).await, Ok(Ok(())));
            if !came {
                return Err(self.refused_at(link, Code::Gap));
            }
        }
        let delivered = self.shared.engine.call(Deliver { link, head, messages }).await?;
        self.answer(link, delivered)
    }

    fn in_turn(&self, link: LinkNo, first: u64) -> Result<bool, Refusal> {
        Ok(first <= self.length(link)?.saturating_add(1))
    }

    fn answer(&self, link: LinkNo, delivered: Delivered) -> Result<Vec<u8>, Refused> {
        match delivered {
            Delivered::Receipt(receipt) => Ok(receipt),
            Delivered::Gap { .. } => Err(self.refused_at(link, Code::Gap)),
            Delivered::Refused(code) => Err(self.refused_at(link, code)),
        }
    }
}
