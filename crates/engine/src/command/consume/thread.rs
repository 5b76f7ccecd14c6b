//! Comments and files of a partner, and what it does to them afterwards. proto-spec, sections 6.9 and 6.25 to 6.29.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::{Facts, comment_add, comment_edit, file_add, link_withdraw};
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{Later, Local, Record};
use deskwire_store::row::{Audience, Author, DelegationRow, Revision, ThreadKind, ThreadRow};
use deskwire_store::table::{RECEIVED, REVISIONS, Rows, THREADS};
use deskwire_store::{Direction, EntryRef};

use super::{Consumed, Context, No, Stop, delegation_of};
use crate::{Refusal, Step};

/// A comment.
pub(super) fn added(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    text: &comment_add::Text,
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    proven(context, text, message.head.item)?;
    Ok(Consumed { local: local(delegation, &row, None), ..Consumed::default() })
}

/// Whether the proof of the author, if there is one, holds for these words; and, of the partner's own comment, for that
/// comment. Which id a relayed one has at its author, nobody else knows. proto-spec, section 9.4.
fn proven(context: &Context<'_>, text: &comment_add::Text, comment: ItemId) -> Result<(), Stop> {
    let Some(proof) = &text.proof else { return Ok(()) };
    let signed = proof.verify(&text.body).map_err(|_| Stop::from(OutcomeCode::MalformedText))?;
    let relayed = text.relayed == Some(true);
    if !relayed && (signed.comment != comment || signed.author != context.link.partner) {
        let words = "The author's proof belongs to another comment, or to another desk.";
        return Err(Stop::Message(No(OutcomeCode::MalformedText, words.to_owned())));
    }
    Ok(())
}

/// New words of a comment.
pub(super) fn edited(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    (facts, text): (&comment_edit::Facts, &comment_add::Text),
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    let search = Search { ticket: row.ticket, link: context.no, delegation, item: facts.comment };
    let of = search.theirs(step, |kind| *kind == ThreadKind::Comment)?;
    if facts.version.get() <= newest_version(step, row.ticket, of)? {
        return Err(OutcomeCode::MalformedFacts.into());
    }
    proven(context, text, facts.comment)?;
    let later = Later::Edits(of, facts.version.get());
    Ok(Consumed { local: local(delegation, &row, Some(later)), ..Consumed::default() })
}

/// A comment or a file is taken back.
pub(super) fn retracted(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    (item, is_file): (ItemId, bool),
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    let search = Search { ticket: row.ticket, link: context.no, delegation, item };
    let of = search.theirs(step, |kind| {
        if is_file { matches!(kind, ThreadKind::File(_)) } else { *kind == ThreadKind::Comment }
    })?;
    let later = Some(Later::Retracts(of));
    Ok(Consumed { local: local(delegation, &row, later), ..Consumed::default() })
}

/// The text of a message is taken back. What that concerned comes along, so that its text goes from there too.
pub(super) fn withdrawn(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &link_withdraw::Facts,
) -> Result<Consumed, Stop> {
    let seq = facts.seq.get();
    if seq >= message.head.seq {
        return Err(OutcomeCode::MalformedFacts.into());
    }
    let mut local = Local { later: Some(Later::Withdraws(seq)), ..Local::default() };
    let held = step.rows().get(RECEIVED, &(context.no, seq))?.filter(|row| row.refused.is_none());
    if let Some(row) = held
        && let Record::Received(before) = step.read(row.entry)?
    {
        (local.ticket, local.delegation) = (before.local.ticket, before.local.delegation);
    }
    Ok(Consumed { local, ..Consumed::default() })
}

/// Refuses a file that belongs to a comment which is none of this delegation.
pub(super) fn belongs(
    step: &Step<'_>,
    context: &Context<'_>,
    facts: &file_add::Facts,
    (delegation, ticket): (DelegationNo, TicketNumber),
) -> Result<(), Stop> {
    let Some(item) = facts.comment else { return Ok(()) };
    let search = Search { ticket, link: context.no, delegation, item };
    match search.find(step)? {
        Some(_) => Ok(()),
        None => Err(OutcomeCode::MalformedFacts.into()),
    }
}

fn local(delegation: DelegationNo, row: &DelegationRow, later: Option<Later>) -> Local {
    Local { delegation: Some(delegation), ticket: Some(row.ticket), file: None, later }
}

/// How often one comment may be edited: each edit looks at those before it.
pub(in crate::command) const EDITS_MAX: usize = 1_000;

/// The newest version of a partner's comment; the comment itself is version 1.
fn newest_version(step: &Step<'_>, ticket: TicketNumber, of: EntryRef) -> Result<u64, Stop> {
    let mut newest = 1;
    let edits = step.rows().list(REVISIONS, &(ticket, of), EDITS_MAX)?;
    step.memory.looked.fetch_add(edits.len(), Ordering::Relaxed);
    if edits.len() == EDITS_MAX {
        let words = format!("A comment may be edited {EDITS_MAX} times. Write another one.");
        return Err(Stop::Message(No(OutcomeCode::Quota, words)));
    }
    for ((_, (_, at)), ()) in edits {
        let row = step.rows().get(THREADS, &(ticket, at))?.filter(|row| row.aside.is_none());
        if let Some(ThreadKind::Revised(revised)) = row.map(|row| row.kind)
            && let Revision::Edited(version) = revised.what
        {
            newest = newest.max(version);
        }
    }
    Ok(newest)
}

/// A contribution that a partner names by its id.
pub(in crate::command) struct Search {
    pub(in crate::command) ticket: TicketNumber,
    pub(in crate::command) link: LinkNo,
    pub(in crate::command) delegation: DelegationNo,
    pub(in crate::command) item: ItemId,
}

impl Search {
    /// Where a contribution of the partner stands.
    fn theirs(&self, step: &Step<'_>, fits: impl Fn(&ThreadKind) -> bool) -> Result<EntryRef, Stop> {
        match self.find(step)? {
            Some((at, row)) if row.author == Author::Partner(self.link) && fits(&row.kind) => Ok(at),
            Some((_, row)) if fits(&row.kind) => Err(OutcomeCode::NotYourField.into()),
            Some(_) | None => Err(OutcomeCode::MalformedFacts.into()),
        }
    }

    /// The comment or file with this id on the delegation, whoever of the two desks wrote it, the newest first.
    pub(in crate::command) fn find(&self, step: &Step<'_>) -> Result<Option<(EntryRef, ThreadRow)>, Refusal> {
        let (mut found, mut looked) = (None, 0);
        step.rows().scan(THREADS, &self.ticket, None, Direction::Backward, &mut |(_, at), row| {
            looked += 1;
            if self.is(&row) {
                found = Some((at, row));
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        step.memory.looked.fetch_add(looked, Ordering::Relaxed);
        Ok(found)
    }

    fn is(&self, row: &ThreadRow) -> bool {
        let contribution = matches!(row.kind, ThreadKind::Comment | ThreadKind::File(_));
        let theirs = || {
            row.author == Author::Partner(self.link)
                && row.item == Some(self.item)
                && row.audience == Audience::Delegations(vec![self.delegation])
        };
        let ours = || {
            row.shared
                .iter()
                .any(|shared| shared.delegation == self.delegation && shared.item == Some(self.item))
        };
        contribution && row.aside.is_none() && (theirs() || ours())
    }
}

/// What a message that was applied once did to an earlier contribution of its author, decided anew from what it says.
pub(in crate::command) fn later(
    step: &Step<'_>,
    no: LinkNo,
    (ticket, delegation): (TicketNumber, DelegationNo),
    facts: &Facts,
) -> Result<Option<Later>, Refusal> {
    let (item, version) = if let Facts::CommentEdit(facts) = facts {
        (facts.comment, Some(facts.version.get()))
    } else if let Facts::CommentRetract(facts) = facts {
        (facts.comment, None)
    } else if let Facts::FileRetract(facts) = facts {
        (facts.file, None)
    } else {
        return Ok(None);
    };
    let search = Search { ticket, link: no, delegation, item };
    let found = search.find(step)?.map(|(at, _)| at);
    Ok(found.map(|of| match version {
        Some(version) => Later::Edits(of, version),
        None => Later::Retracts(of),
    }))
}
