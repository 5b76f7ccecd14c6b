//! Comments and files on a delegation that is over: what the terms let become of them, at the author's desk and at the
//! reader's. proto-spec, section 9.3.

use std::collections::BTreeMap;
use std::sync::Arc;

use deskwire_machine::delegation::{Role, State};
use deskwire_machine::disclosure::{self, Preview};
use deskwire_machine::relay::Verdict;
use deskwire_proto::envelope::text_body;
use deskwire_proto::message::common::{Person, ReasonText};
use deskwire_proto::message::{Body, Kind, offer, reopen};
use deskwire_proto::terms::{Late, Terms};
use deskwire_proto::text::Prose;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::{Record, ThreadRecord};
use deskwire_store::row::{Audience, DelegationRow, LinkRow};
use deskwire_store::table::{DELEGATION_IDS, Rows, STREAMS};

use super::delegate::Anew;
use super::say::{Saying, say};
use super::{comment, consume, delegate, find};
use crate::query::clock::Source;
use crate::{Fault, Refusal, Step};

/// What is said before something of ours that comes late, and where that belongs.
pub(super) enum Plan {
    /// To the delegation itself.
    Here,
    /// To the delegation itself, which is opened again first.
    Reopens(Box<Body>),
    /// To one of the same ticket and partner that follows it already.
    Joins(DelegationNo, Box<DelegationRow>),
    /// To a new one, which is offered first.
    Follows(Box<Anew>),
}

/// Where something of ours belongs that is added to a delegation, and what goes before it: for the command that adds it and
/// for its preview.
///
/// # Errors
/// `not-allowed-by-terms` where nothing is taken any more.
pub(super) fn plan(
    source: &impl Source,
    row: &DelegationRow,
    (link, terms): (&LinkRow, &Terms),
    by: &Person,
) -> Result<Plan, Refusal> {
    let state = state(source, row)?;
    if row.case.role() == Role::Contractor || !state.is_terminal() {
        return Ok(Plan::Here);
    }
    match terms.late.unwrap_or(Late::Refuse) {
        Late::Refuse => Err(too_late(state)),
        Late::Reopen if state == State::Confirmed => {
            let own = find::own(source, row.ticket, link, terms)?;
            let text =
                ReasonText { by: disclosure::person(by, terms), reason: fixed("There is more to say.") };
            let facts = reopen::Facts { own: Some(own), code: None };
            Ok(Plan::Reopens(Box::new(Body::Reopen { facts, text })))
        }
        // The others cannot be opened again; it is taken as late.
        Late::Reopen => Ok(Plan::Here),
        Late::FollowUp => follow_up(source, row, (link, terms)),
    }
}

impl Plan {
    /// What of it leaves, each field under the name of its message.
    pub(super) fn preview(&self) -> Preview {
        match self {
            Self::Here | Self::Joins(..) => Preview::default(),
            Self::Reopens(body) => disclosure::contribution(body).of_message("reopen"),
            Self::Follows(offer) => offer.preview().of_message("offer"),
        }
    }
}

/// Before something of ours is added to a delegation: where it belongs. The delegation itself; opened again; or a new one
/// that follows it.
///
/// # Errors
/// As [`plan`].
pub(super) fn before(
    step: &mut Step<'_>,
    no: DelegationNo,
    row: &DelegationRow,
    terms: &Terms,
    by: &Person,
) -> Result<(DelegationNo, DelegationRow), Refusal> {
    let link = find::link(step, row.link)?;
    match plan(step, row, (&link, terms), by)? {
        Plan::Here => Ok((no, row.clone())),
        Plan::Reopens(body) => {
            say(step, Saying::event(row.link, (no, row.id), *body))?;
            Ok((no, find::delegation(step, no)?))
        }
        Plan::Joins(open, row) => Ok((open, *row)),
        Plan::Follows(offer) => follow(step, row, *offer),
    }
}

/// Of the partners that a contribution would go to, those of a delegation that takes something late. All partners of a
/// case are those that take it; who was chosen is named in the refusal.
pub(super) fn reached(
    source: &impl Source,
    told: Vec<(DelegationNo, DelegationRow)>,
    audience: &Audience,
    mut terms: impl FnMut(LinkNo) -> Result<Arc<Terms>, Refusal>,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    if *audience != Audience::Thread {
        return Ok(told);
    }
    let (mut kept, mut last) = (Vec::new(), None);
    for (no, row) in told {
        let terms = terms(row.link)?;
        let state = state(source, &row)?;
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

/// As [`reached`], for a command.
pub(super) fn reached_by(
    step: &mut Step<'_>,
    told: Vec<(DelegationNo, DelegationRow)>,
    audience: &Audience,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    let mut known = BTreeMap::new();
    for (_, row) in &told {
        let link = find::link(step, row.link)?;
        known.insert(row.link, find::terms(step, &link)?);
    }
    let terms = |link| known.get(&link).cloned().ok_or_else(|| find::broken("a delegation without a link"));
    reached(step, told, audience, terms)
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

fn state(source: &impl Source, row: &DelegationRow) -> Result<State, Refusal> {
    let stream = source.source_rows().get(STREAMS, &row.link)?;
    let stream = stream.ok_or_else(|| find::broken("a link without streams"))?;
    Ok(row.case.view(stream.in_length).state)
}

/// Offers the same work once more, under the terms of today: no more than the partner was offered, as far as it was not
/// erased and may still travel.
fn follow_up(
    source: &impl Source,
    row: &DelegationRow,
    (link, terms): (&LinkRow, &Terms),
) -> Result<Plan, Refusal> {
    if let Some((no, open)) = newer(source, row)? {
        return Ok(Plan::Joins(no, Box::new(open)));
    }
    delegate::allowed(link, terms)?;
    let offer = delegate::anew(source, row, (link, terms), offered(source, row)?)?;
    let body = Body::Offer { facts: offer.facts.clone(), text: offer.text.clone() };
    if let Some(words) = consume::offends(&body, terms, link.side) {
        return Err(Refusal::new(
            Fault::Forbidden,
            "not-allowed-by-terms",
            words,
            "Hand the ticket over anew with `deskwire ticket delegate`, and say it there.",
        ));
    }
    Ok(Plan::Follows(Box::new(offer)))
}

fn follow(
    step: &mut Step<'_>,
    row: &DelegationRow,
    offer: Anew,
) -> Result<(DelegationNo, DelegationRow), Refusal> {
    let (body, tag) = offer.drawn(step)?;
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

/// What the partner was offered, with all that was changed since and holds.
fn offered(source: &impl Source, row: &DelegationRow) -> Result<(offer::Facts, offer::Text), Refusal> {
    let entry = source.source_entry(row.offer)?;
    let Record::ItemMade(made) = Record::read(&entry)? else {
        return Err(find::broken("an offer of ours that is another record"));
    };
    let text = entry.text.bytes().and_then(text_body);
    let body = text.and_then(|text| Body::decode(Kind::Offer, &made.facts, Some(text)).ok());
    match body {
        Some(Body::Offer { mut facts, mut text }) => {
            let no = source.source_rows().get(DELEGATION_IDS, &(row.link, row.id))?;
            let no = no.ok_or_else(|| find::broken("a delegation without its number"))?;
            delegate::current(source, no)?.offer.put_into(&mut facts, &mut text);
            Ok((facts, text))
        }
        _ => Err(Refusal::new(
            Fault::Conflict,
            "offer-erased",
            "What was offered has been erased, so no new delegation can follow it by itself.",
            "Hand the ticket over anew with `deskwire ticket delegate`, and say it there.",
        )),
    }
}

/// The delegation of the same ticket to the same partner that follows this one already.
fn newer(
    source: &impl Source,
    row: &DelegationRow,
) -> Result<Option<(DelegationNo, DelegationRow)>, Refusal> {
    let mut all = comment::delegations(source.source_rows(), row.ticket)?;
    all.reverse();
    for (no, other) in all {
        let state = state(source, &other)?;
        let open = other.link == row.link && !state.is_terminal() && state != State::Unoffered;
        if open && other.case.role() == Role::Principal {
            return Ok(Some((no, other)));
        }
    }
    Ok(None)
}

fn fixed(text: &str) -> Prose {
    Prose::new(text).expect("one short sentence")
}
