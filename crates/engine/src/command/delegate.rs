//! Handing a ticket to a partner.

use deskwire_machine::disclosure::{self, Choice, Disclosed, Preview, Requester, Source};
use deskwire_proto::message::common::Person;
use deskwire_proto::message::{Body, offer};
use deskwire_proto::terms::Terms;
use deskwire_store::Entry;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{Record, TicketText, decode_text};
use deskwire_store::row::{LinkRow, LinkState, TicketRow};
use deskwire_store::table::{DELEGATION_IDS, DELEGATIONS, LINKS, Rows, TICKETS};

use super::say::{Saying, say};
use super::{file, find};
use crate::identity::Identity;
use crate::reader::Reader;
use crate::{Command, Fault, Refusal, Step};

/// Hands a ticket to the partner of a link.
#[derive(Debug, Clone)]
pub struct Delegate {
    /// The ticket.
    pub ticket: TicketNumber,
    /// The partner.
    pub link: LinkNo,
    /// What may leave the house.
    pub choice: Choice,
    /// Files of the ticket that go along.
    pub files: Vec<FileNo>,
    /// Who hands it over.
    pub by: Person,
}

impl Command for Delegate {
    type Reply = DelegationNo;

    fn run(self, step: &mut Step<'_>) -> Result<DelegationNo, Refusal> {
        let row = find::ticket(step, self.ticket)?;
        let link = find::link(step, self.link)?;
        let terms = find::terms(step, &link)?;
        allowed(&link, &terms)?;
        let hops = hops(step, &row)?;
        let source = source(step.identity, self.ticket, &row, &step.entry(row.body)?, self.by)?;
        let Disclosed { facts, text, preview: _ } = disclosure::offer(&source, &self.choice, &terms, hops);
        let delegation = DelegationNo(step.counters()?.delegation);
        let id = step.delegation_id();
        if let Some(known) = step.rows().get(DELEGATION_IDS, &(self.link, id))? {
            // The call was made before a restore, and what it caused came back.
            return Ok(known);
        }
        let record = Record::Delegated { delegation, no: self.link, id, ticket: self.ticket, at: step.now };
        step.record(&record, None)?;
        say(step, Saying::event(self.link, (delegation, id), Body::Offer { facts, text }))?;
        for chosen in self.files {
            file::share(step, self.ticket, chosen, delegation)?;
        }
        Ok(delegation)
    }
}

/// What [`Delegate`] would send, by the same function; nothing is changed.
///
/// # Errors
/// The refusal that [`Delegate`] would give.
pub fn preview(
    reader: &Reader,
    ticket: TicketNumber,
    link: LinkNo,
    choice: &Choice,
    by: Person,
) -> Result<Preview, Refusal> {
    let label = reader.identity().ticket_label(ticket);
    let row = reader.rows().get(TICKETS, &ticket)?;
    let row = row.ok_or_else(|| Refusal::unknown("ticket", label, "deskwire ticket list"))?;
    let known = reader.rows().get(LINKS, &link)?.is_some();
    let partner = reader.partner(link)?.filter(|_| known);
    let partner = partner.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))?;
    allowed(&partner.row, &partner.terms)?;
    let source = source(reader.identity(), ticket, &row, &reader.entry(row.body)?, by)?;
    let mut preview = disclosure::offer(&source, choice, &partner.terms, MOST_HOPS).preview;
    // Drawn when it is sent, so that nobody can tell from it where the case began.
    preview.sent.retain(|sent| sent.field != "hops");
    Ok(preview)
}

/// The largest budget that an origin starts with; a smaller random one hides how far the chain has come.
const MOST_HOPS: u8 = 8;
const FEWEST_HOPS: u8 = 5;

/// The hop budget of an offer: drawn at the origin, one less at each desk behind it. proto-spec, section 6.10.
fn hops(step: &mut Step<'_>, row: &TicketRow) -> Result<u8, Refusal> {
    let Some(origin) = row.origin else {
        let [drawn] = step.random::<1>();
        return Ok(FEWEST_HOPS + drawn % (MOST_HOPS - FEWEST_HOPS + 1));
    };
    let parent =
        step.rows().get(DELEGATIONS, &origin)?.ok_or_else(|| find::broken("a ticket without origin"))?;
    let left = offered(&step.entry(parent.offer)?)?.hops.get();
    u8::try_from(left).ok().and_then(|left| left.checked_sub(1)).ok_or_else(|| {
        Refusal::new(
            Fault::Forbidden,
            "hop-budget-used",
            "This case has been handed on as often as its first principal allows.",
            "Do the work yourself, or return it.",
        )
    })
}

fn offered(entry: &Entry) -> Result<offer::Facts, Refusal> {
    let facts = match Record::read(entry)? {
        Record::Received(received) => deskwire_proto::envelope::read_head(&received.signed)?.facts,
        Record::ItemMade(made) => made.facts,
        _ => return Err(find::broken("an offer that is another record")),
    };
    match deskwire_proto::message::Facts::decode(deskwire_proto::message::Kind::Offer, &facts) {
        Ok(deskwire_proto::message::Facts::Offer(facts)) => Ok(facts),
        Ok(_) | Err(_) => Err(find::broken("an offer that cannot be read")),
    }
}

/// Whether this desk may hand work to the partner of this link.
fn allowed(link: &LinkRow, terms: &Terms) -> Result<(), Refusal> {
    find::speakable(link)?;
    if link.state != LinkState::Active {
        return Err(Refusal::new(
            Fault::Conflict,
            "link-not-active",
            format!(
                "Nothing can be delegated over the link {} now: it is paused or the partner refuses it.",
                link.name
            ),
            format!("See why with `deskwire link show {}`.", link.name),
        ));
    }
    if terms.may_delegate(link.side) {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Forbidden,
        "not-allowed-by-terms",
        format!(
            "The terms of the link {} do not let this desk delegate to {}.",
            link.name, link.partner_name
        ),
        "Agree other terms with the partner.",
    ))
}

/// The desk's own ticket as the disclosure takes it.
fn source(
    identity: &Identity,
    ticket: TicketNumber,
    row: &TicketRow,
    entry: &Entry,
    by: Person,
) -> Result<Source, Refusal> {
    let foreign = row.origin.is_some();
    let text = if foreign { partner_text(entry)? } else { decode_text(entry)?.unwrap_or_default() };
    Ok(Source {
        label: identity.ticket_label(ticket),
        status: row.status.clone(),
        status_label: row.status_label.clone(),
        title: row.title.clone(),
        description: text.description,
        requester: text.requester.map(if foreign { Requester::FromPartner } else { Requester::Own }),
        company: text.company,
        object: text.object,
        equipment: text.equipment,
        agreement: text.agreement,
        custom: text.custom,
        category: row.category.clone(),
        priority: Some(row.priority),
        by,
    })
}

/// What a partner's offer said, as the text of the ticket that it became.
pub(crate) fn partner_text(entry: &Entry) -> Result<TicketText, Refusal> {
    let Record::Received(received) = Record::read(entry)? else {
        return Err(find::broken("a partner's ticket that is another record"));
    };
    let facts = deskwire_proto::envelope::read_head(&received.signed)?.facts;
    let body = entry.text.bytes().and_then(deskwire_proto::envelope::text_body);
    let kind = deskwire_proto::message::Kind::Offer;
    let Some(Ok(Body::Offer { text, .. })) = body.map(|body| Body::decode(kind, &facts, Some(body))) else {
        return Ok(TicketText::default());
    };
    let custom =
        text.custom.map(|values| values.iter().map(|value| (value.0.clone(), value.1.clone())).collect());
    Ok(TicketText {
        description: text.description,
        requester: text.contact,
        company: text.company,
        object: text.object,
        equipment: text.equipment,
        agreement: text.agreement,
        custom: custom.unwrap_or_default(),
        by: text.by.unwrap_or_default(),
    })
}
