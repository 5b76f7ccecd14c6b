//! Taking a partner's receipt. proto-spec, chapter 8.

use deskwire_proto::code::{Code, OutcomeCode};
use deskwire_proto::document::Signed;
use deskwire_proto::receipt::Receipt;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{MendRecord, Record};
use deskwire_store::table::{LOST, Rows};

use super::{closing, evidence, find, session};
use crate::port::Effect;
use crate::{Command, Refusal, Step};

/// A receipt takes back what those before it said of the length once in so long, milliseconds: all that is open is looked
/// at then. A partner that is restored does so once; who does so again has its next receipt heard.
const AGAIN: u64 = 60_000;

/// Takes a receipt for messages of ours. One that says nothing new changes nothing.
#[derive(Debug, Clone)]
pub struct TakeReceipt {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key.
    pub receipt: Signed<Receipt>,
}

impl Command for TakeReceipt {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let link = find::link(step, self.link)?;
        let stream = find::stream(step, self.link)?;
        if stream.leaving.is_some() {
            return Err(Refusal::busy());
        }
        let body = self.receipt.body();
        body.check()?;
        if body.link != link.link {
            return Err(Code::WrongLink.into());
        }
        if body.to != step.identity.desk() || body.from != link.partner {
            return Err(Code::WrongDesk.into());
        }
        // It cannot cover what was never said, nor leave out what is not told yet.
        if body.upto > stream.out_length || body.base > stream.acked {
            return Err(Code::Malformed.into());
        }
        if session::sent_hash(step, self.link, &link, body.upto)? != body.hash {
            return Err(Code::Fork.into());
        }
        step.memory.heard(self.link, step.now);
        if step.memory.sessions.contains_key(&self.link) {
            step.memory.confirmed.insert(self.link);
        }
        evidence::compare(step, self.link, stream.acked, body, self.receipt.raw())?;
        files_again(step, self.link, body.upto)?;
        if body.upto <= stream.acked {
            return Ok(());
        }
        for outcome in body.outcomes.iter().filter(|outcome| outcome.0 > stream.acked) {
            // Only words of the specification: what else a partner writes is no label.
            let code = OutcomeCode::from_text(outcome.2.as_str()).map_or("other", OutcomeCode::as_str);
            step.memory.gauges.refused_out.one(code);
        }
        // It promises more than those before it, or its signer was restored and has counted anew. What is held counts.
        let (length, at) = (body.length.max(stream.in_length), step.now);
        if stream.promises.iter().any(|promise| promise.length > length) && may_shorten(step, self.link) {
            step.record(&Record::Shortened { no: self.link, length, at }, None)?;
        }
        let receipt = self.receipt.into_parts().0.into();
        step.record(&Record::ReceiptTaken { no: self.link, receipt, at: step.now }, None)?;
        step.after(Effect::Advanced(self.link));
        closing::after(step, self.link, &link)
    }
}

/// A partner that was restored holds our messages again: what it has lost of files can be brought once more.
fn files_again(step: &mut Step<'_>, no: LinkNo, upto: u64) -> Result<(), Refusal> {
    let first = step.rows().list(LOST, &no, 1)?;
    if first.first().is_some_and(|((_, seq), _)| *seq <= upto) {
        step.record(&Record::Mend(MendRecord::FilesAgain { no, upto }), None)?;
        step.wake(no);
        step.after(Effect::Advanced(no));
    }
    Ok(())
}

fn may_shorten(step: &mut Step<'_>, no: LinkNo) -> bool {
    let (now, before) = (step.now, step.memory.shortened.get(&no));
    let due = before.is_none_or(|before| now.0.abs_diff(before.0) >= AGAIN);
    if due {
        step.memory.shortened.insert(no, now);
    }
    due
}
