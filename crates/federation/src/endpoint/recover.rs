//! `POST /deskwire/1/recover`: a restored partner gets back what it has lost. proto-spec, section 5.7.

use std::sync::Arc;

use axum::extract::{Request, State};
use deskwire_engine::Refusal;
use deskwire_engine::command::recover::{AnswerRecover, Laid};
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::recover::{RecoverHead, RecoverRequest};
use deskwire_store::local::LinkNo;

use super::refuse::Refused;
use super::{Answer, Shelf, body, document, open_link};
use crate::shared::Shared;
use crate::verify;

/// What a page costs beyond a request, and what one that is refused costs: pages are dear to lay out.
const PAGE: u32 = 1;
const REFUSED: u32 = 9;

pub(super) async fn recover(State(endpoint): Shelf, request: Request) -> Answer {
    let bytes = body::document(request).await?;
    let (partner, lane, _permit) = endpoint.door(&verify::link_of::<RecoverRequest>(&bytes)?)?;
    let opened = verify::open::<RecoverRequest>(&bytes, &partner, endpoint.shared.us())?;
    open_link(&partner.row.state)?;
    lane.meter.spend().map_err(Refused::limited)?;
    lane.meter.fine(PAGE);
    lane.fresh(opened.signed.body().time).map_err(Refused::stale)?;
    // The receipt of each page is stored.
    lane.idle.open().map_err(Refused::limited)?;
    match hand_back(&endpoint.shared, partner.no, opened.signed, BATCH_BYTES).await? {
        Ok(page) => {
            lane.idle.charge(stored(&page));
            tracing::info!(link = %partner.no, bytes = page.len(), "handed back a page of what the partner lost");
            Ok(document(page))
        }
        Err(code) => {
            lane.meter.fine(REFUSED);
            tracing::warn!(link = %partner.no, %code, "a request for lost messages was refused");
            Err(endpoint.refused_at(partner.no, code))
        }
    }
}

/// Lays out a page of at most `most` bytes of what a restored partner has lost, and has the engine answer with it. The
/// page is read beside the writer: no link waits for the disk because of the loss of another one.
pub(crate) async fn hand_back(
    shared: &Arc<Shared>,
    link: LinkNo,
    request: Signed<RecoverRequest>,
    most: usize,
) -> Result<Result<Vec<u8>, Code>, Refusal> {
    let (reader, asked) = (shared.engine.reader().clone(), request.clone());
    let laid = tokio::task::spawn_blocking(move || Laid::read(&reader, link, asked.body(), most)).await;
    let laid = match laid.unwrap_or_else(|_| Err(Refusal::stopping()))? {
        Ok(laid) => laid,
        Err(code) => return Ok(Err(code)),
    };
    let page = shared.engine.call(AnswerRecover { link, request, laid }).await?;
    Ok(page.map(|page| page.encode()))
}

/// What a page costs at least that was handed back, bytes.
const LEAST: usize = 2_048;

/// About how many bytes this desk stored for a page that it laid out: its own receipt stands last in the head.
pub(crate) fn stored(page: &[u8]) -> usize {
    let head =
        cbor::split(page, Bounds::LARGE).ok().and_then(|(head, _)| cbor::decode(head, Bounds::LARGE).ok());
    let receipt = head.map_or(0, |head: RecoverHead| head.receipts.last().map_or(0, |receipt| receipt.len()));
    receipt + LEAST
}

#[cfg(test)]
mod tests {
    //! What a page has this desk store is charged to who asked for it.
    use deskwire_proto::document::V1;
    use deskwire_proto::id::LinkId;
    use deskwire_proto::list::List;
    use deskwire_proto::recover::RecoverPage;

    use super::*;

    #[test]
    fn the_receipt_of_a_page_counts() {
        let page = |receipts: &[usize]| {
            let receipts = receipts.iter().map(|length| vec![0; *length].into()).collect();
            let receipts = List::new(receipts).unwrap();
            let head =
                RecoverHead { v: V1, link: LinkId::new([1; 32]), more: true, receipts, descriptor: None };
            RecoverPage { head, deliveries: Vec::new() }.encode()
        };
        assert_eq!(stored(&page(&[])), LEAST);
        assert_eq!(stored(&page(&[5_000, 70_000])), LEAST + 70_000, "the last one is this desk's");
    }
}
