//! Comments and files on a delegation that is over: what the terms let become of them, at the author's desk and at the
//! reader's. proto-spec, section 9.3.

use deskwire_machine::delegation::{Role, State};
use deskwire_machine::disclosure;
use deskwire_machine::relay::Verdict;
use deskwire_proto::envelope::text_body;
use deskwire_proto::message::common::{Person, ReasonText};
use deskwire_proto::message::{Body, Kind, offer, reopen};
use deskwire_proto::terms::{Late, Terms};
use deskwire_proto::text::Prose;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::{Record, ThreadRecord};
use deskwire_store::row::{Audience, DelegationRow};
use deskwire_store::table::{DELEGATION_IDS, Rows};

use super::say::{Saying, say};
use super::{consume, delegate, find};
use crate::{Fault, Refusal, Step};

/// Before something of ours is added to a delegation: where it belongs. The delegation itself; opened again; or a new one
/// that follows it.
///
/// # Errors
/// `not-allowed-by-terms` where nothing is taken any more.
pub(super) fn before(
    step: &mut Step<'_>,
    no: DelegationNo,
    row: &DelegationRow,
    terms: &Terms,
    by: &Person,
) -> Result<(DelegationNo, DelegationRow), Refusal> {
    let state = state(step, row)?;
    if row.case.role() == Role::Contractor || !state.is_terminal() {
        return Ok((no, row.clone()));
    }
    match terms.late.unwrap_or(Late::Refuse) {
        Late::Refuse => Err(too_late(state)),
        Late::Reopen if state == State::Confirmed => {
            let own = find::own(step, row.ticket, &find::link(step, row.link)?, terms)?;
            let text =
                ReasonText { by: disclosure::person(by, terms), reason: fixed("There is more to say.") };
            let body = Body::Reopen { facts: reopen::Facts { own: Some(own), code: None }, text };
            say(step, Saying::event(row.link, (no, row.id), body))?;
            Ok((no, find::delegation(step, no)?))
        }
        // The others cannot be opened again; it is taken as late.
        Late::Reopen => Ok((no, row.clone())),
        Late::FollowUp => follow_up(step, row, terms),
    }
}

/// Of the partners that a contribution would go to, those of a delegation that takes something late. All partners of a
/// case are those that take it; who was chosen is named in the refusal.
pub(super) fn reached(
    step: &mut Step<'_>,
    told: Vec<(DelegationNo, DelegationRow)>,
    audience: &Audience,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    if *audience != Audience::Thread {
        return Ok(told);
    }
    let (mut kept, mut last) = (Vec::new(), None);
    for (no, row) in told {
        let link = find::link(step, row.link)?;
        let terms = find::terms(step, &link)?;
        let state = state(step, &row)?;
        let refused = row.case.role() == Role::Principal && state.is_terminal();
        match terms.late.unwrap_or(Late::Refuse) {
            Late::Refuse if refused => last = Some(too_late(state)),
            Late::Refuse | Late::Reopen | Late::FollowUp => kept.push((no, row)),
        }
    }
    match last.filter(|_| kept.is_empty()) {
        Some(refusal) => Err(refusal),
        None => Ok(kept),
    }
}

/// What may go onward to the partner of this delegation, of what its link lets go: where it is over, nothing goes by
/// itself, so that nobody's thanks open a case again; and nothing at all where the terms take nothing late.
pub(super) fn onward(step: &mut Step<'_>, row: &DelegationRow, verdict: Verdict) -> Result<Verdict, Refusal> {
    if row.case.role() == Role::Contractor || !state(step, row)?.is_terminal() {
        return Ok(verdict);
    }
    let link = find::link(step, row.link)?;
    let terms = find::terms(step, &link)?;
    Ok(match (terms.late.unwrap_or(Late::Refuse), verdict) {
        (Late::Refuse, _) | (_, Verdict::Stays) => Verdict::Stays,
        (Late::Reopen | Late::FollowUp, Verdict::Waits | Verdict::Goes) => Verdict::Waits,
    })
}

fn too_late(state: State) -> Refusal {
    Refusal::new(
        Fault::Forbidden,
        "not-allowed-by-terms",
        format!("This delegation is {}, and the terms of the link take nothing late.", state.words()),
        "Reopen it if its state allows, hand the work over anew, or agree other terms with the partner.",
    )
}

/// Whether something that the principal adds now is taken by us, its contractor.
pub(super) fn is_taken(row: &DelegationRow, cursor: u64, terms: &Terms) -> bool {
    let over = row.case.view(cursor).state.is_terminal();
    row.case.role() == Role::Principal || !over || terms.late.unwrap_or(Late::Refuse) != Late::Refuse
}

fn state(step: &Step<'_>, row: &DelegationRow) -> Result<State, Refusal> {
    Ok(row.case.view(find::stream(step, row.link)?.in_length).state)
}

/// Offers the same work once more, under the terms of today: no more than the partner was offered, as far as it was not
/// erased and may still travel.
fn follow_up(
    step: &mut Step<'_>,
    row: &DelegationRow,
    terms: &Terms,
) -> Result<(DelegationNo, DelegationRow), Refusal> {
    if let Some(open) = newer(step, row)? {
        return Ok(open);
    }
    let link = find::link(step, row.link)?;
    delegate::allowed(&link, terms)?;
    let body = offered(step, row)?;
    let (body, tag) = delegate::anew(step, row, (&link, terms), body)?;
    if let Some(words) = consume::offends(&body, terms, link.side) {
        return Err(Refusal::new(
            Fault::Forbidden,
            "not-allowed-by-terms",
            words,
            "Hand the ticket over anew with `deskwire ticket delegate`, and say it there.",
        ));
    }
    let delegation = DelegationNo(step.counters()?.delegation);
    let id = step.delegation_id();
    if let Some(known) = step.rows().get(DELEGATION_IDS, &(row.link, id))? {
        return Ok((known, find::delegation(step, known)?));
    }
    let record = Record::Delegated { delegation, no: row.link, id, ticket: row.ticket, at: step.now };
    step.record(&record, None)?;
    say(step, Saying::event(row.link, (delegation, id), body))?;
    if let Some(tag) = tag {
        let tagged = ThreadRecord::Tagged { tag, ticket: row.ticket, at: step.now };
        step.record(&Record::Thread(tagged), None)?;
    }
    Ok((delegation, find::delegation(step, delegation)?))
}

/// What the partner was offered.
fn offered(step: &Step<'_>, row: &DelegationRow) -> Result<(offer::Facts, offer::Text), Refusal> {
    let entry = step.entry(row.offer)?;
    let Record::ItemMade(made) = Record::read(&entry)? else {
        return Err(find::broken("an offer of ours that is another record"));
    };
    let text = entry.text.bytes().and_then(text_body);
    let body = text.and_then(|text| Body::decode(Kind::Offer, &made.facts, Some(text)).ok());
    match body {
        Some(Body::Offer { facts, text }) => Ok((facts, text)),
        _ => Err(Refusal::new(
            Fault::Conflict,
            "offer-erased",
            "What was offered has been erased, so no new delegation can follow it by itself.",
            "Hand the ticket over anew with `deskwire ticket delegate`, and say it there.",
        )),
    }
}

/// The delegation of the same ticket to the same partner that follows this one already.
fn newer(step: &Step<'_>, row: &DelegationRow) -> Result<Option<(DelegationNo, DelegationRow)>, Refusal> {
    let mut all = find::delegations(step, row.ticket)?;
    all.reverse();
    for (no, other) in all {
        let open = other.link == row.link && !state(step, &other)?.is_terminal();
        if open && other.case.role() == Role::Principal && state(step, &other)? != State::Unoffered {
            return Ok(Some((no, other)));
        }
    }
    Ok(None)
}

fn fixed(text: &str) -> Prose {
    Prose::new(text).expect("one short sentence")
}
