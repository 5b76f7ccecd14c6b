//! Comparing what both desks see of a delegation. proto-spec, section 6.24.

use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, digest};
use deskwire_proto::text::{Code, Line, Words};
use deskwire_store::EntryRef;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::{AgreementRecord, Record};
use deskwire_store::row::LinkEventRow;
use deskwire_store::table::{AGREEMENTS, Rows};

use super::find;
use super::say::{Saying, say};
use crate::{Command, Fault, Refusal, Step};

/// Says what this desk sees of a delegation, so that the partner can compare it.
#[derive(Debug, Clone)]
pub struct SayDigest {
    /// The delegation.
    pub delegation: DelegationNo,
    /// As [`crate::query::own_digest`] computed it.
    pub facts: digest::Facts,
}

impl Command for SayDigest {
    type Reply = ItemId;

    fn run(self, step: &mut Step<'_>) -> Result<ItemId, Refusal> {
        let row = find::delegation(step, self.delegation)?;
        let stream = find::stream(step, row.link)?;
        if self.facts.at.0 > stream.acked || self.facts.at.1 > stream.in_length {
            return Err(Refusal::new(
                Fault::Conflict,
                "digest-overtaken",
                "What was computed is of a stream that was cut since.",
                "Compare again.",
            ));
        }
        let body = Body::Digest { facts: self.facts, text: NoText };
        let delegation = Some((self.delegation, row.id));
        say(step, Saying { link: row.link, delegation, body, thread: None, file: None, item: None })
    }
}

/// Keeps what came of comparing the partner's digest with what this desk sees; a difference is told.
#[derive(Debug, Clone)]
pub struct KeepComparison {
    /// The delegation.
    pub delegation: DelegationNo,
    /// The partner's message that was compared.
    pub heard: EntryRef,
    /// What differs.
    pub differs: Vec<Code>,
    /// What this desk sees of it, a line each.
    pub details: Vec<Line>,
}

impl Command for KeepComparison {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Some(known) = step.rows().get(AGREEMENTS, &self.delegation)? else { return Ok(()) };
        if known.heard.is_none_or(|known| known.entry != self.heard || known.compared.is_some()) {
            return Ok(());
        }
        let row = find::delegation(step, self.delegation)?;
        let (delegation, heard, at) = (self.delegation, self.heard, step.now);
        if !self.differs.is_empty() {
            let names: Vec<_> = self.differs.iter().map(Code::as_str).collect();
            let words = format!(
                "The partner sees another {} of delegation {} than this desk. Export the case on both sides and compare \
                 the files with `deskwire delegation agreement --file`.",
                names.join(" and "),
                row.id
            );
            let event = LinkEventRow {
                at,
                code: Code::new("views-differ").expect("a code"),
                words: Words::new(words).map_err(|error| Refusal::invalid("words", error))?,
                details: self.details,
            };
            step.record(&Record::Noted { no: row.link, event }, None)?;
        }
        let compared = AgreementRecord::Compared { delegation, heard, differs: self.differs, at };
        step.record(&Record::Agreement(compared), None).map(drop)
    }
}
