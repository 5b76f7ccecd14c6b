//! Receipts that a retired key of the partner signed, and what is left of them under its newest one. proto-spec, section 5.8.

use deskwire_proto::cose::Sign1;
use deskwire_proto::session::Welcome;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{Leaving, LinkRow};
use deskwire_store::table::{RECEIPTS, Rows};

use super::super::{aside, find};
use super::note;
use crate::{Refusal, Step};

/// A receipt that a retired key of the partner signed binds nobody if the partner's welcome says, under the new key, that
/// it does not hold what the receipt covers. `true` when that is more than one step does, and goes on.
pub(super) fn void_foreign_receipts(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    welcome: &Welcome,
) -> Result<bool, Refusal> {
    let stream = find::stream(step, no)?;
    if stream.in_change.is_none() || welcome.length >= stream.acked {
        return Ok(false);
    }
    if given_by_newest(step, no, link, welcome.length)? {
        return Ok(false);
    }
    aside::begin(step, no, Leaving::Receipts { upto: welcome.length })
}

/// Tells the operator that receipts bind nobody any more.
pub(in crate::command) fn told_void(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<(), Refusal> {
    let words = format!(
        "{} changed its signing key and does not hold what receipts under the old key say. Those receipts bind nobody any \
         more; what they covered is sent again.",
        link.partner_name
    );
    note(step, no, "receipts-void", &words, Vec::new())
}

/// Whether the newest key of the partner signed the last receipt, where that covers more than this, or none does: then it is
/// no thief who said so. Each receipt covers more than those before it, and none of an older key is taken behind one of the
/// newest.
pub(in crate::command) fn given_by_newest(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    length: u64,
) -> Result<bool, Refusal> {
    let newest = find::key_log(step, link)?.current().id();
    let mut last = None;
    step.rows().scan(RECEIPTS, &no, None, Direction::Backward, &mut |(_, upto), at| {
        last = (upto > length).then_some(at);
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    let Some(at) = last else { return Ok(true) };
    let Record::ReceiptTaken { receipt, .. } = step.read(at)? else {
        return Err(find::broken("a receipt that is another record"));
    };
    let parsed = Sign1::parse(&receipt).map_err(|_| find::broken("a receipt that was taken"))?;
    Ok(parsed.key_id() == newest)
}
