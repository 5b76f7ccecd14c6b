//! Taking a partner's receipt. proto-spec, chapter 8.

use deskwire_proto::code::{Code, OutcomeCode};
use deskwire_proto::document::Signed;
use deskwire_proto::receipt::Receipt;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;

use super::{evidence, find, session};
use crate::port::Effect;
use crate::{Command, Refusal, Step};

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
        evidence::compare(step, self.link, stream.acked, body, self.receipt.raw())?;
        if body.upto <= stream.acked {
            return Ok(());
        }
        for outcome in body.outcomes.iter().filter(|outcome| outcome.0 > stream.acked) {
            // Only words of the specification: what else a partner writes is no label.
            let code = OutcomeCode::from_text(outcome.2.as_str()).map_or("other", OutcomeCode::as_str);
            step.memory.gauges.refused_out.one(code);
        }
        let (length, at) = (body.length, step.now);
        if stream.promises.iter().any(|promise| promise.length > length) {
            // It promises more than those before it, or its signer was restored and has counted anew.
            step.record(
                &Record::Shortened { no: self.link, length: length.max(stream.in_length), at },
                None,
            )?;
        }
        let receipt = self.receipt.into_parts().0.into();
        step.record(&Record::ReceiptTaken { no: self.link, receipt, at: step.now }, None)?;
        step.after(Effect::Advanced(self.link));
        Ok(())
    }
}
