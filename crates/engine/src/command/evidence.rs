//! Receipts that contradict what a partner has signed before: both are evidence, the first stands. proto-spec, section 8.3.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_proto::receipt::{Outcome, Receipt};
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{MendRecord, Record};
use deskwire_store::table::{LINK_EVENTS, RECEIPTS, Rows};

use super::find;
use crate::project::stream::read_receipt;
use crate::{Refusal, Step};

/// The code of what the operator is told.
pub(crate) const CODE: &str = "receipts-differ";
/// The code of what the operator is told where not all could be compared.
const NOT_COMPARED: &str = "receipt-not-compared";
/// A partner that goes on contradicting itself is heard once in so long, milliseconds.
const AGAIN: u64 = 3_600_000;
/// Receipts that one is compared with, and bytes of them after which there are no more.
const COMPARED: usize = 32;
const COMPARED_BYTES: usize = 256 * 1024;
/// Messages that are named.
const NAMED: usize = 3;

/// Compares a receipt with the first of those held that tell of the same messages. One that covers many of them is no
/// honest partner's, and reading them all is dear.
///
/// # Errors
/// When the store fails.
pub(super) fn compare(
    step: &mut Step<'_>,
    no: LinkNo,
    acked: u64,
    receipt: &Receipt,
    raw: &[u8],
) -> Result<(), Refusal> {
    let last = receipt.upto.min(acked);
    if receipt.base >= last || was_told(step, no)? {
        return Ok(());
    }
    let (held, upto) = held(step, no, receipt.base + 1, last)?;
    let times: BTreeMap<u64, Timestamp> = receipt.commit_times().collect();
    let differing: Vec<_> = held
        .iter()
        .filter(|(seq, (time, outcome))| {
            times.get(seq) != Some(time) || !same(receipt.outcome(**seq), outcome.as_ref())
        })
        .collect();
    if differing.is_empty() {
        return if upto < last { kept(step, no, receipt, raw, (upto, last)) } else { Ok(()) };
    }
    tracing::warn!(link = %no, messages = differing.len(), "a receipt of the partner contradicts one that it gave before");
    let line = |seq: u64, (time, outcome): &(Timestamp, Option<Outcome>)| {
        let text = format!(
            "message {seq}: first {} at {}, now {} at {}",
            came(outcome.as_ref()),
            time.0,
            came(receipt.outcome(seq)),
            times.get(&seq).map_or(0, |time| time.0)
        );
        Line::new(text).ok()
    };
    let details = differing.into_iter().filter_map(|(seq, held)| line(*seq, held)).take(NAMED).collect();
    let receipt = raw.to_vec().into();
    step.record(&Record::ReceiptsDiffer { no, receipt, details, at: step.now }, None).map(drop)
}

/// More was told of these messages before than one receipt is compared with. What was compared is alike; this one is kept,
/// so that whoever doubts the rest can look.
fn kept(
    step: &mut Step<'_>,
    no: LinkNo,
    receipt: &Receipt,
    raw: &[u8],
    (upto, last): (u64, u64),
) -> Result<(), Refusal> {
    let partner = find::link(step, no)?.partner_name;
    let words = format!(
        "{partner} gave one receipt for messages {} to {}, for which it had given more than {COMPARED} receipts before. Up to \
         message {upto} they say the same; what they say of messages {} to {last} was not compared. The receipt is kept.",
        receipt.base + 1,
        receipt.upto,
        upto + 1
    );
    tracing::info!(link = %no, upto, last, "a receipt was compared with the first of many alone");
    let event = find::event(step.now, NOT_COMPARED, &words, Vec::new());
    let receipt = raw.to_vec().into();
    step.record(&Record::Mend(MendRecord::ReceiptKept { no, receipt, event }), None).map(drop)
}

type Told = BTreeMap<u64, (Timestamp, Option<Outcome>)>;

/// What was first told of the messages `first ..= last`, or of the first of them; and up to which.
fn held(step: &Step<'_>, no: LinkNo, first: u64, last: u64) -> Result<(Told, u64), Refusal> {
    let mut entries = Vec::new();
    step.rows().scan(RECEIPTS, &no, Some(&(no, first)), Direction::Forward, &mut |(_, upto), at| {
        entries.push((upto, at));
        Ok(if upto < last && entries.len() < COMPARED {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    let (mut told, mut read, mut compared) = (Told::new(), 0, first.saturating_sub(1));
    for (upto, at) in entries {
        if read >= COMPARED_BYTES {
            break;
        }
        let Record::ReceiptTaken { receipt, .. } = step.read(at)? else { continue };
        read += receipt.len();
        let receipt = read_receipt(&receipt).ok_or_else(|| find::broken("a receipt that was taken"))?;
        for (seq, time) in receipt.commit_times().filter(|(seq, _)| (first..=last).contains(seq)) {
            told.entry(seq).or_insert_with(|| (time, receipt.outcome(seq).cloned()));
        }
        compared = upto.min(last);
    }
    Ok((told, compared))
}

/// The words may be said otherwise, by a newer version of the partner's program; what came of it may not.
fn same(one: Option<&Outcome>, other: Option<&Outcome>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.1 == other.1 && one.2 == other.2,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn came(outcome: Option<&Outcome>) -> String {
    outcome.map_or_else(|| "applied".to_owned(), |outcome| format!("not applied ({})", outcome.2.as_str()))
}

/// Whether the operator was told a short while ago.
fn was_told(step: &Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    let mut told = false;
    step.rows().scan(LINK_EVENTS, &no, None, Direction::Backward, &mut |_, event| {
        let recent = step.now.since(event.at) < AGAIN;
        told = recent && [CODE, NOT_COMPARED].contains(&event.code.as_str());
        Ok(if recent && !told { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(told)
}
