//! `POST /deskwire/1/recover`: a restored partner gets back what it has lost. proto-spec, section 5.7.

use axum::extract::{Request, State};
use deskwire_engine::command::recover::AnswerRecover;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::recover::RecoverRequest;

use super::refuse::Refused;
use super::{Answer, Shelf, body, document, open_link};
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
    let command = AnswerRecover { link: partner.no, request: opened.signed, most: BATCH_BYTES };
    match endpoint.shared.engine.call(command).await? {
        Ok(page) => {
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
