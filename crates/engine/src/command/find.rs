//! Looking things up for a command, with the refusal that a person gets when there is no such thing.

use std::sync::Arc;

use deskwire_machine::{delegation, disclosure};
use deskwire_proto::cbor;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::Own;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::Record;
use deskwire_store::row::{
    AgreedRow, DelegationRow, LinkEventRow, LinkRow, LinkState, Refused, StreamRow, TicketRow,
};
use deskwire_store::table::{DELEGATIONS, LINKS, Rows, STREAMS, TICKET_DELEGATIONS, TICKETS, VERSIONS};

use crate::project::terms::proposed;
use crate::query::clock::Source;
use crate::{Fault, Refusal, Step, refused};

pub(super) fn ticket(step: &Step<'_>, ticket: TicketNumber) -> Result<TicketRow, Refusal> {
    let unknown = || Refusal::unknown("ticket", step.identity.ticket_label(ticket), "deskwire ticket list");
    step.rows().get(TICKETS, &ticket)?.ok_or_else(unknown)
}

pub(super) fn delegation(step: &Step<'_>, delegation: DelegationNo) -> Result<DelegationRow, Refusal> {
    let row = step.rows().get(DELEGATIONS, &delegation)?;
    row.ok_or_else(|| Refusal::unknown("delegation", delegation, "deskwire delegation list"))
}

pub(super) fn link(step: &Step<'_>, link: LinkNo) -> Result<LinkRow, Refusal> {
    step.rows().get(LINKS, &link)?.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))
}

pub(super) fn stream(step: &Step<'_>, link: LinkNo) -> Result<StreamRow, Refusal> {
    step.rows().get(STREAMS, &link)?.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))
}

pub(super) fn terms(step: &mut Step<'_>, row: &LinkRow) -> Result<Arc<Terms>, Refusal> {
    terms_at(step, row.terms)
}

/// The terms that this record holds: that of the link's beginning, or a proposal.
pub(super) fn terms_at(step: &mut Step<'_>, at: EntryRef) -> Result<Arc<Terms>, Refusal> {
    if let Some(terms) = step.memory.terms.get(&at) {
        return Ok(Arc::clone(terms));
    }
    let terms = match step.read(at)? {
        Record::LinkOpened(opened) => Some(opened.terms),
        Record::Received(message) => proposed(&message.signed),
        Record::Numbered { signed, .. } => proposed(&signed),
        _ => None,
    };
    let terms = Arc::new(terms.ok_or_else(|| broken("a link's terms are another record"))?);
    let kept = Arc::clone(&terms);
    if step.is_staged(at) {
        // If this step is taken back, another record will stand there.
        step.once_kept(move |memory| drop(memory.terms.insert(at, kept)));
    } else {
        step.memory.terms.insert(at, kept);
    }
    Ok(terms)
}

/// The terms by which a message is checked: the newest whose accept its author knew. `ours`: whether this desk is the
/// author. proto-spec, section 6.4.
pub(super) fn terms_for(
    step: &mut Step<'_>,
    no: LinkNo,
    row: &LinkRow,
    (ours, seq, seen): (bool, u64, u64),
) -> Result<Arc<Terms>, Refusal> {
    let known = |agreed: &AgreedRow| if agreed.ours == ours { agreed.seq < seq } else { agreed.seq <= seen };
    if row.accord.agreed.as_ref().is_none_or(known) {
        return terms(step, row);
    }
    let versions = step.rows().list(VERSIONS, &no, usize::MAX)?;
    let version = versions.iter().rev().find(|(_, version)| known(&version.agreed));
    let first = row.accord.first.unwrap_or(row.terms);
    terms_at(step, version.map_or(first, |(_, version)| version.terms))
}

/// This desk's ticket and status as a message of this link names them: in the link's words, as far as the terms let.
pub(super) fn own(
    source: &impl Source,
    ticket_no: TicketNumber,
    link: &LinkRow,
    terms: &Terms,
) -> Result<Own, Refusal> {
    let label = source.source_identity().ticket_label(ticket_no);
    let ticket = source.source_rows().get(TICKETS, &ticket_no)?;
    let ticket = ticket.ok_or_else(|| Refusal::unknown("ticket", &label, "deskwire ticket list"))?;
    let (status, status_label, _) =
        super::rule::mapping(source, link)?.status(&ticket.status, ticket.status_label.as_ref());
    Ok(disclosure::own(label, &status, status_label.as_ref(), terms))
}

/// Why no new work goes over a suspended link.
pub(super) fn suspended(link: &LinkRow) -> Refusal {
    let who = if link.accord.stopped_by_us() { "this desk" } else { link.partner_name.as_str() };
    let next = if link.accord.stopped_by_us() {
        format!("End that with `deskwire link resume {}`.", link.name)
    } else {
        "What is open goes on; wait until the partner takes new work again.".to_owned()
    };
    let words = format!("The link {} is suspended by {who}: no new work goes over it.", link.name);
    Refusal::new(Fault::Conflict, "link-suspended", words, next)
}

pub(super) fn descriptor(step: &Step<'_>, at: EntryRef) -> Result<Descriptor, Refusal> {
    let raw = match step.read(at)? {
        Record::LinkOpened(opened) => opened.descriptor,
        Record::DescriptorTaken { descriptor, .. } => descriptor,
        _ => return Err(broken("a link's descriptor is another record")),
    };
    Ok(Descriptor::open(&raw)?)
}

/// The partner's newest key log, whoever brought it.
pub(super) fn key_log(step: &Step<'_>, row: &LinkRow) -> Result<KeyLog, Refusal> {
    let known = descriptor(step, row.descriptor)?.keys().clone();
    let Some(at) = row.key_log else { return Ok(known) };
    let Record::KeyLogTaken { log, .. } = step.read(at)? else {
        return Err(broken("a key log that is another record"));
    };
    let brought = KeyLog::decode(&log)?;
    Ok(if brought.continues(&known) { brought } else { known })
}

/// The delegations of a ticket, oldest first.
pub(super) fn delegations(
    step: &Step<'_>,
    ticket: TicketNumber,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    let keys = step.rows().list(TICKET_DELEGATIONS, &ticket, usize::MAX)?;
    keys.into_iter().map(|((_, no), ())| Ok((no, delegation(step, no)?))).collect()
}

/// How large the row of a delegation may be for one more event to enter it, bytes. What is left up to the limit of a
/// row is for what the events that are open already will still bring: numbers, receipts, words.
const ROOM_FOR_EVENT: usize = 2_600;
/// So many open events, with the longest words, never take more than that.
const FEW: usize = 16;

/// Refuses one more event where so many are open that their row would not hold it.
pub(super) fn has_room(row: &DelegationRow) -> Result<(), delegation::Refusal> {
    let open = row.case.open().len();
    let full = open > FEW && cbor::encode_packed(row).is_ok_and(|bytes| bytes.len() > ROOM_FOR_EVENT);
    if full { Err(delegation::Refusal::TooManyUnanswered { limit: open }) } else { Ok(()) }
}

/// Refuses new work for a link on which nothing can be said.
pub(super) fn speakable(row: &LinkRow) -> Result<(), Refusal> {
    if row.state != LinkState::Closed && row.accord.close.is_begun() {
        return Err(Refusal::new(
            Fault::Conflict,
            "link-closing",
            format!("The link {} is being ended: nothing more can be said over it.", row.name),
            "Once it has ended, link again with a new invitation if there is more to do.",
        ));
    }
    let (code, words, next) = match &row.state {
        LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) => return Ok(()),
        LinkState::WaitingApproval => (
            "link-not-approved",
            format!("The link {} is not approved yet.", row.name),
            format!("Compare the words by telephone, then run `deskwire link approve {}`.", row.name),
        ),
        LinkState::WaitingPartner => (
            "link-waiting",
            format!("{} has not approved the link yet.", row.partner_name),
            "Ask the partner's operator to approve it.".to_owned(),
        ),
        LinkState::Closed => (
            "link-closed",
            format!("The link {} is closed.", row.name),
            "Link again with a new invitation.".to_owned(),
        ),
    };
    Err(Refusal::new(Fault::Conflict, code, words, next))
}

/// Lines of details that one event of a link may have, and how long each is.
const DETAILS: usize = 12;

/// Something that the operator of a link is told.
pub(super) fn event(at: Timestamp, code: &str, words: &str, details: Vec<String>) -> LinkEventRow {
    let Refused { code, words } = refused(code, words);
    let cut = |line: String| {
        let end = line.floor_char_boundary(160.min(line.len()));
        Line::new(line.get(..end).unwrap_or_default()).ok()
    };
    LinkEventRow { at, code, words, details: details.into_iter().take(DETAILS).filter_map(cut).collect() }
}

pub(super) fn broken(what: &str) -> Refusal {
    deskwire_store::Error::BadRow(what.to_owned()).into()
}
