//! `POST /deskwire/1/batch`: messages of a partner's stream. proto-spec, section 5.4.

use std::sync::Arc;

use axum::extract::{Request, State};
use deskwire_engine::{Partner, Refusal};
use deskwire_proto::batch::{Batch, BatchHead};
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::code::Code;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::envelope::{self, Verified};
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_store::local::LinkNo;
use deskwire_store::row::StreamRow;
use tokio::task::JoinHandle;

use super::ahead::Early;
use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, body, document, open_link};
use crate::lane::Lane;
use crate::verify;

/// More than any head has.
const HEAD: usize = 1_024;
/// Messages without a receipt that a partner with batches in flight may well have.
const MUCH: u64 = 2_048;
/// Bytes of a receipt for a full batch without refusals.
const USUAL_RECEIPT: usize = 4_096;
/// What a batch that does not verify costs at least, in requests: no correct desk sends one, but who mends one has to be
/// told what is wrong again and again.
const FINE: u32 = 2;
/// Messages that are checked for the price of a request.
const CHECKED: usize = 4;
/// Messages for which it is worth to ask another core.
const SHARE: usize = 32;

pub(super) async fn batch(State(endpoint): Shelf, request: Request) -> Answer {
    let begun = body::begin(request, HEAD, BATCH_BYTES).await?;
    // A session id is known to the two desks alone: who does not know one has the rest of its batch unread.
    let head = head(begun.beginning())?;
    let (partner, lane, _permit) = endpoint.door(&head.link)?;
    open_link(&partner.row.state)?;
    let stream = endpoint.shared.engine.reader().stream(partner.no).map_err(Refusal::from)?;
    check_session(&stream, &head)?;
    lane.meter.spend().map_err(Refused::limited)?;
    let (bytes, _share) = begun.whole_of(&endpoint.shared, partner.no).await?;
    let batch = Batch::decode(&bytes)?;
    if brings_little(&batch, &stream) {
        lane.idle.open().map_err(Refused::limited)?;
    }
    let count = batch.deliveries.len();
    let taken = endpoint.take(&partner, &lane, batch).await;
    match &taken {
        Ok(receipt) => {
            tracing::trace!(link = %partner.no, count, "took a batch");
            endpoint.shared.counters.batches_taken.one();
            let news = endpoint.length(partner.no)? > stream.in_length;
            if news {
                lane.meter.refund();
            }
            // A usual receipt is part of what a message costs.
            lane.idle.charge(if news { receipt.len().saturating_sub(USUAL_RECEIPT) } else { receipt.len() });
            endpoint.heard(partner.no, &lane).await;
        }
        Err(refused) => {
            tracing::debug!(link = %partner.no, count, code = %refused.code, "a batch was refused");
        }
    }
    taken.map(document)
}

impl Endpoint {
    /// Verifies a batch and delivers what verified; the receipt.
    async fn take(&self, partner: &Arc<Partner>, lane: &Arc<Lane>, batch: Batch) -> Result<Vec<u8>, Refused> {
        let size = batch.deliveries.iter().map(Delivery::size).sum();
        let fine = fine(batch.deliveries.len());
        let (messages, failed) = self.verify(partner, lane, batch.deliveries).await?;
        let early = Early { head: batch.head, messages, size };
        let Some(code) = failed else {
            return self.deliver(partner.no, lane, early).await;
        };
        // What stands before the bad message is consumed first; the sender meets the problem when it goes on there.
        let length = self.length(partner.no)?;
        if early.messages.last().is_some_and(|message| message.head.seq > length) {
            return self.deliver(partner.no, lane, early).await;
        }
        tracing::warn!(link = %partner.no, %code, "a message of the partner does not verify");
        lane.meter.fine(fine);
        Err(self.refused_at(partner.no, code))
    }

    /// The messages before the first that fails, and why that one fails.
    async fn verify(
        &self,
        partner: &Arc<Partner>,
        lane: &Lane,
        mut deliveries: Vec<Delivery>,
    ) -> Result<(Vec<Verified>, Option<Code>), Refused> {
        let _turn = lane.verifying.acquire().await.map_err(|_| Code::Busy)?;
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = deliveries.len().div_ceil(workers).max(SHARE);
        let stream = self.shared.engine.reader().stream(partner.no).map_err(Refusal::from)?;
        let older = stream.older_keys_upto();
        let mut shares = Vec::new();
        while !deliveries.is_empty() {
            let later = deliveries.split_off(share.min(deliveries.len()));
            let now = std::mem::replace(&mut deliveries, later);
            shares.push(self.verify_share(Arc::clone(partner), older, now).await?);
        }
        let (mut messages, mut failed) = (Vec::new(), None);
        for share in shares {
            let (good, bad) = share.await.map_err(|_| Code::Internal)?;
            if failed.is_none() {
                messages.extend(good);
                failed = bad;
            }
        }
        Ok((messages, failed))
    }

    async fn verify_share(
        &self,
        partner: Arc<Partner>,
        older: u64,
        deliveries: Vec<Delivery>,
    ) -> Result<JoinHandle<(Vec<Verified>, Option<Code>)>, Refused> {
        let permit = Arc::clone(&self.checking).acquire_owned().await.map_err(|_| Code::Busy)?;
        Ok(tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut good = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                match verify::message(&partner, older, delivery) {
                    Ok(message) => good.push(message),
                    Err(code) => return (good, Some(code)),
                }
            }
            (good, None)
        }))
    }

    /// How much of the partner's stream this desk holds.
    pub(super) fn length(&self, link: LinkNo) -> Result<u64, Refusal> {
        Ok(self.shared.engine.reader().stream(link)?.in_length)
    }

    /// A refusal with the place in the stream, where its code is one about that.
    pub(super) fn refused_at(&self, link: LinkNo, code: Code) -> Refused {
        self.shared.counters.requests_refused.one();
        match (code, self.shared.engine.reader().stream(link)) {
            (Code::Gap | Code::Fork | Code::BadPrev | Code::RecoveryNeeded, Ok(stream)) => {
                Refused::at(code, stream.in_length, stream.in_head)
            }
            _ => code.into(),
        }
    }
}

/// What a batch of so many messages costs beyond a request when it does not verify: checking it is dear.
fn fine(count: usize) -> u32 {
    u32::try_from(count / CHECKED).unwrap_or(u32::MAX).max(FINE)
}

/// Whether a batch has nothing new, or asks for a receipt over much of what its author has receipts for: what is stored
/// because of it counts for more than what it brings.
fn brings_little(batch: &Batch, stream: &StreamRow) -> bool {
    let last = batch.deliveries.last().and_then(|last| envelope::read_head(last.signed()).ok());
    last.is_none_or(|last| last.seq <= stream.in_length)
        || batch.head.known.saturating_add(MUCH) < stream.in_length
}

fn head(beginning: &[u8]) -> Result<BatchHead, Code> {
    let (head, _) = cbor::split(beginning, Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
    cbor::decode(head, Bounds::MESSAGE).map_err(|_| Code::Malformed)
}

fn check_session(stream: &StreamRow, head: &BatchHead) -> Result<(), Code> {
    let known = |session: &&deskwire_store::row::InSession| session.session == head.session;
    let waits = stream.pending.iter().find(known).is_some_and(|session| session.short);
    let found = stream.session.iter().chain(&stream.pending).any(|session| known(&session));
    match (found, waits) {
        (true, true) => Err(Code::RecoveryNeeded),
        (true, false) => Ok(()),
        (false, _) => Err(Code::SessionUnknown),
    }
}
