//! Work lines, what is said to them, and statements of a partner. proto-spec, sections 6.30 to 6.35.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use deskwire_machine::account::{Amount, Said, is_quantity};
use deskwire_machine::delegation::Role;
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::{statement_propose, statement_sign, work_add};
use deskwire_proto::session::Cut;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{Local, Record};
use deskwire_store::row::{AccountRow, LinkRow, StreamRow};
use deskwire_store::table::{ACCOUNT, RECEIVED, Rows, SENT, WORK_ITEMS};

use super::super::find;
use super::{Consumed, Context, No, Stop, delegation_of};
use crate::{Refusal, Step};

/// Proposals of a partner that nobody has signed, and signatures of it under one statement: each costs whoever counts.
const OPEN_PROPOSALS: usize = 64;
const SIGNATURES: usize = 4;

/// A line of work of the contractor.
pub(super) fn added(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &work_add::Facts,
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    if row.case.role() == Role::Contractor {
        return Err(no(OutcomeCode::ActionNotAllowed, "The contractor alone adds lines of work."));
    }
    if !is_quantity(&facts.quantity) {
        return Err(no(OutcomeCode::MalformedFacts, "The quantity has to be more than nothing."));
    }
    let net = Amount::net(&facts.quantity, &facts.price);
    if !net.fits() || !net.tax(&facts.tax).fits() {
        return Err(no(OutcomeCode::MalformedFacts, "The amount has more than twelve digits."));
    }
    if let Some(known) = step.rows().get(WORK_ITEMS, &(context.no, (false, message.head.item)))? {
        // Somebody else may have said it with the partner's key; the partner says it again then.
        let line = step.rows().get(ACCOUNT, &(context.no, (false, (false, known.seq))))?;
        if line.is_none_or(|line| !line.aside) {
            return Err(OutcomeCode::DuplicateItem.into());
        }
    }
    Ok(of(delegation, row.ticket))
}

/// What the principal says to a line.
pub(super) fn judged(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    work: ItemId,
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    if row.case.role() == Role::Principal {
        return Err(no(
            OutcomeCode::ActionNotAllowed,
            "The principal alone approves or disputes a line of work.",
        ));
    }
    let unknown = || no(OutcomeCode::MalformedFacts, "There is no such line of work on this delegation.");
    let known = step.rows().get(WORK_ITEMS, &(context.no, (true, work)))?.ok_or_else(unknown)?;
    let line = step.rows().get(ACCOUNT, &(context.no, (false, (true, known.seq))))?.ok_or_else(unknown)?;
    let said = matches!(line.said, Said::Line { .. }) && known.seq <= message.head.seen;
    if !said || known.delegation != row.id || line.aside {
        return Err(unknown());
    }
    Ok(of(delegation, row.ticket))
}

/// A statement is proposed: its cuts have to be places in both streams that this desk knows too.
pub(super) fn proposed(
    step: &Step<'_>,
    context: &Context<'_>,
    (stream, message): (&StreamRow, &Verified),
    facts: &statement_propose::Facts,
) -> Result<Consumed, Stop> {
    let (theirs, ours) = facts.cut;
    let within = theirs.0 <= stream.in_length && ours.0 <= message.head.seen.min(stream.out_length);
    if !within
        || their_head(step, context.no, context.link, theirs.0)? != Some(theirs.1)
        || own_head(step, context.no, context.link, ours.0)? != Some(ours.1)
    {
        let words = "The statement counts up to a place in the streams that this desk does not have.";
        return Err(no(OutcomeCode::MalformedFacts, words));
    }
    let (theirs, ours) = (statements(step, context, false)?, statements(step, context, true)?);
    let signed: BTreeSet<ItemId> = ours.iter().filter_map(signature).collect();
    let open =
        theirs.iter().filter(|row| matches!(&row.said, Said::Propose { item, .. } if !signed.contains(item)));
    if open.count() >= OPEN_PROPOSALS {
        let words =
            format!("{OPEN_PROPOSALS} statements that nobody has signed are as many as this link takes.");
        return Err(Stop::Message(No(OutcomeCode::Quota, words)));
    }
    Ok(Consumed::default())
}

/// What a side has said about statements, and what stands of it.
fn statements(step: &Step<'_>, context: &Context<'_>, ours: bool) -> Result<Vec<AccountRow>, Stop> {
    let rows = step.rows().list(ACCOUNT, &(context.no, (true, ours)), usize::MAX)?;
    step.memory.looked.fetch_add(rows.len(), Ordering::Relaxed);
    Ok(rows.into_iter().map(|(_, row)| row).filter(|row| !row.aside).collect())
}

/// The statement that something signs.
fn signature(row: &AccountRow) -> Option<ItemId> {
    match &row.said {
        Said::Sign { statement, .. } => Some(*statement),
        Said::Line { .. } | Said::Verdict { .. } | Said::Propose { .. } => None,
    }
}

/// A statement of ours is signed.
pub(super) fn signed(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &statement_sign::Facts,
) -> Result<Consumed, Stop> {
    let ours = step.rows().list(ACCOUNT, &(context.no, (true, true)), usize::MAX)?;
    let proposed = ours.iter().any(|((_, (_, (_, seq))), row)| {
        let Said::Propose { item, hash, .. } = &row.said else { return false };
        *item == facts.statement && *hash == facts.hash && *seq <= message.head.seen && !row.aside
    });
    if !proposed {
        let words = "This desk has not proposed such a statement, or its hash is another one.";
        return Err(no(OutcomeCode::MalformedFacts, words));
    }
    let before = statements(step, context, false)?;
    if before.iter().filter_map(signature).filter(|statement| *statement == facts.statement).count()
        >= SIGNATURES
    {
        return Err(no(OutcomeCode::Quota, "This statement was signed before. See what became of it."));
    }
    Ok(Consumed::default())
}

/// Hash of the partner's message with this number; the link id for 0.
pub(in crate::command) fn their_head(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    seq: u64,
) -> Result<Option<Hash>, Refusal> {
    if seq == 0 {
        return Ok(Some(link.link.into()));
    }
    Ok(step.rows().get(RECEIVED, &(no, seq))?.map(|row| row.hash))
}

/// Hash of our own message with this number; the link id for 0.
pub(in crate::command) fn own_head(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    seq: u64,
) -> Result<Option<Hash>, Refusal> {
    if seq == 0 {
        return Ok(Some(link.link.into()));
    }
    let Some(sent) = step.rows().get(SENT, &(no, seq))? else { return Ok(None) };
    match step.read(sent.signed)? {
        Record::Numbered { hash, .. } => Ok(Some(hash)),
        _ => Err(find::broken("a numbered message is another record")),
    }
}

/// The place of our own stream up to which receipts go.
pub(in crate::command) fn own_cut(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    seq: u64,
) -> Result<Cut, Refusal> {
    let head = own_head(step, no, link, seq)?;
    Ok(Cut(seq, head.ok_or_else(|| find::broken("a receipt for a message that is not there"))?))
}

fn of(
    delegation: deskwire_store::local::DelegationNo,
    ticket: deskwire_store::local::TicketNumber,
) -> Consumed {
    let local = Local { delegation: Some(delegation), ticket: Some(ticket), ..Local::default() };
    Consumed { local, ..Consumed::default() }
}

fn no(code: OutcomeCode, words: &str) -> Stop {
    Stop::Message(No(code, words.to_owned()))
}
