//! What a partner says to the link as a whole: terms, suspension, end. proto-spec, sections 6.3 to 6.7.

use deskwire_machine::disclosure;
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::terms::{Side, Terms};
use deskwire_store::table::{Rows, WORDS};

use super::{Body, Consumed, Context, No, Stop, Verified, delegation_of, outside};
use crate::Step;
use crate::command::terms::unnamed;
use crate::command::{find, late};

/// So many words of one side to the link as a whole are taken: one a month for forty years.
const WORDS_MAX: usize = 512;

/// Whatever a partner says behind its end of the link.
pub(super) fn behind_end(context: &Context<'_>, message: &Verified) -> Result<(), Stop> {
    match context.link.accord.close.theirs {
        Some(end) if message.head.seq > end.seq => {
            let words = "Your desk has ended this link; nothing can be said behind that.";
            Err(Stop::Message(No(OutcomeCode::ActionNotAllowed, words.to_owned())))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn word(step: &Step<'_>, context: &Context<'_>, body: &Body) -> Result<Consumed, Stop> {
    // The way out is always open.
    if !matches!(body, Body::LinkClose { .. }) {
        let said = step.rows().list(WORDS, &context.no, 2 * WORDS_MAX)?;
        if said.iter().filter(|((_, (ours, _)), _)| *ours == 0).count() >= WORDS_MAX {
            let words = format!("{WORDS_MAX} proposals and suspensions are as many as this link takes.");
            return Err(Stop::Message(No(OutcomeCode::Quota, words)));
        }
    }
    if let Body::TermsPropose { facts, .. } = body
        && let Some(side) = unnamed(step, context.no, context.link, &facts.terms)?
    {
        let who = if side == context.link.side { "The other desk" } else { "Your desk" };
        let words = format!("{who} has handed work over that is open, and would not be allowed to any more.");
        return Err(Stop::Message(No(OutcomeCode::NotAllowedByTerms, words)));
    }
    Ok(Consumed::default())
}

/// An offer whose author knew that one of the two takes no new work.
pub(super) fn not_suspended(step: &Step<'_>, context: &Context<'_>, message: &Verified) -> Result<(), Stop> {
    let accord = &context.link.accord;
    if accord.our_stop.is_none() && accord.their_stop.is_none() {
        return Ok(());
    }
    let (inviter, accepter) = crate::project::terms::said(step.rows(), context.no, context.link.side)?;
    let author = (context.link.side.other(), message.head.seq, message.head.seen);
    if deskwire_machine::terms::suspended(&inviter, &accepter, author) {
        let words = "The link is suspended: no new work is taken for now. What is open goes on.";
        return Err(Stop::Message(No(OutcomeCode::ActionNotAllowed, words.to_owned())));
    }
    Ok(())
}

/// Something that the principal adds to a delegation that is over. proto-spec, section 9.3.
pub(super) fn not_too_late(step: &Step<'_>, context: &Context<'_>, message: &Verified) -> Result<(), Stop> {
    let (_, row) = delegation_of(step, context, message)?;
    let cursor = find::stream(step, context.no)?.in_length;
    if late::is_taken(&row, cursor, context.terms) {
        return Ok(());
    }
    let words = "The delegation is over, and the terms of this link take nothing late. Reopen it, or offer the work anew.";
    Err(Stop::Message(No(OutcomeCode::NotAllowedByTerms, words.to_owned())))
}

/// What of a body these terms do not let travel, in words. `author` is the side that says it.
pub(crate) fn offends(body: &Body, terms: &Terms, author: Side) -> Option<String> {
    let outside = match body {
        Body::Offer { .. } => {
            if !terms.may_delegate(author) {
                return Some("The terms of this link do not let this side hand work over.".to_owned());
            }
            outside(body, terms)
        }
        Body::Update { .. } => outside(body, terms),
        Body::FileAdd { facts, .. } if facts.size.get() > terms.file => {
            return Some(format!("The terms of this link take files up to {} bytes.", terms.file));
        }
        _ => Vec::new(),
    };
    if outside.is_empty() {
        return disclosure::excess(body, terms).map(|told| told.to_string());
    }
    Some(format!("The terms of this link do not let these fields travel: {}.", outside.join(", ")))
}
