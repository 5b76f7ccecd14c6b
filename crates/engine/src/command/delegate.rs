//! Handing a ticket to a partner.

use deskwire_machine::delegation::{Role, State, View};
use deskwire_machine::disclosure::{self, Choice, Disclosed, Kept, Preview, Reason, Requester, Source};
use deskwire_machine::relay as tagging;
use deskwire_proto::id::LoopTag;
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::message::{Body, offer};
use deskwire_proto::number::Hops;
use deskwire_proto::terms::{FieldName, Redelegate, Terms};
use deskwire_proto::text::Label;
use deskwire_store::Entry;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{Record, ThreadRecord, decode_text};
use deskwire_store::row::{DelegationRow, LinkRow, LinkState, TicketRow};
use deskwire_store::table::{DELEGATION_IDS, DELEGATIONS, LINKS, Rows, STREAMS, TICKET_DELEGATIONS, TICKETS};

use super::say::{Saying, say};
use super::{file, find, relay, rule, typed};
use crate::query::clock::{self, Offered, with_deadlines};
use crate::query::offer::Current;
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
    /// Although a recall of this ticket is not settled yet, and its contractor may still turn out to have been faster; or
    /// although this partner has the ticket already.
    pub anyway: bool,
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
        let before = came_from(step, &row, self.link)?;
        if !self.anyway {
            recalled(step, self.ticket, self.link)?;
        }
        let hops = match &before {
            Some(before) => before.hops,
            None => drawn(step),
        };
        let mut source = source(step, self.ticket, &row, self.by)?;
        rule::mapping(step, &link)?.apply(&mut source);
        let tags = tags(step.rows(), self.ticket, (&link, &terms), before.as_ref())?;
        let choice = chosen(step, &self.choice, (self.link, &terms, &row), source.priority)?;
        let offer = disclosure::offer(&source, &choice, &terms, hops);
        let Disclosed { facts, text, preview: _ } = disclosure::with_tags(offer, tags.clone());
        let delegation = DelegationNo(step.counters()?.delegation);
        let id = step.delegation_id();
        if let Some(known) = step.rows().get(DELEGATION_IDS, &(self.link, id))? {
            // The call was made before a restore, and what it caused came back.
            return Ok(known);
        }
        if !self.anyway {
            already(step, self.ticket, self.link)?;
        }
        let record = Record::Delegated { delegation, no: self.link, id, ticket: self.ticket, at: step.now };
        step.record(&record, None)?;
        say(step, Saying::event(self.link, (delegation, id), Body::Offer { facts, text }))?;
        if let Some(tag) = tags.as_ref().and_then(|tags| tags.last().copied()) {
            let tagged = ThreadRecord::Tagged { tag, ticket: self.ticket, at: step.now };
            step.record(&Record::Thread(tagged), None)?;
        }
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
    let before = came_from(reader, &row, link)?;
    let mut source = source(reader, ticket, &row, by)?;
    let lost = crate::query::mapping(reader, &partner.row)?.apply(&mut source);
    let tags = tags(reader.rows(), ticket, (&partner.row, &partner.terms), before.as_ref())?;
    let hops = before.as_ref().map_or(MOST_HOPS, |before| before.hops);
    let choice = chosen(reader, choice, (link, &partner.terms, &row), source.priority)?;
    let offer = disclosure::offer(&source, &choice, &partner.terms, hops);
    let mut preview = disclosure::with_tags(offer, tags).preview;
    preview.kept.extend(lost.into_iter().map(|lost| Kept { field: lost.field, reason: Reason::Unmapped }));
    without_drawn(&mut preview, before.is_none());
    Ok(preview)
}

/// What a person chose, with the deadlines that nobody typed; what cannot be meant is refused. `priority` is the ticket's in
/// the words of the link.
fn chosen(
    source: &impl clock::Source,
    choice: &Choice,
    (link, terms, ticket): (LinkNo, &Terms, &TicketRow),
    priority: Option<Priority>,
) -> Result<Choice, Refusal> {
    if let Some(price) = &choice.price {
        typed::price(price, terms)?;
    }
    let left_out = choice.fields.as_ref().is_some_and(|fields| !fields.contains(&FieldName::Priority));
    let priority = priority.filter(|_| terms.allows(FieldName::Priority) && !left_out);
    let offered = Offered { link, terms, ticket, priority };
    with_deadlines(source, choice, &offered, source.source_now())
}

/// The largest budget that an origin starts with; a smaller random one hides how far the chain has come.
const MOST_HOPS: u8 = 8;
const FEWEST_HOPS: u8 = 5;

/// The hop budget of a case that begins here.
fn drawn(step: &mut Step<'_>) -> u8 {
    let [drawn] = step.random::<1>();
    FEWEST_HOPS + drawn % (MOST_HOPS - FEWEST_HOPS + 1)
}

/// What the offer says by which a ticket came here, as far as it decides how it goes onward.
struct Before {
    /// What is left of its budget for the next offer. proto-spec, section 6.10.
    hops: u8,
    tags: Vec<LoopTag>,
}

impl Before {
    /// Whether work that came over the first link may go onward over the second.
    fn new(
        (came, goes): (LinkNo, LinkNo),
        (link, terms): (&LinkRow, &Terms),
        offer: &Entry,
    ) -> Result<Self, Refusal> {
        let partner = &link.partner_name;
        if came == goes {
            return Err(Refusal::new(
                Fault::Conflict,
                "goes-back",
                format!("{partner} handed this case to you; it cannot go back there as a new offer."),
                "Decline or return it instead.",
            ));
        }
        match terms.redelegate {
            Redelegate::Allowed | Redelegate::Named => {}
            Redelegate::Forbidden => {
                return Err(Refusal::new(
                    Fault::Forbidden,
                    "not-allowed-by-terms",
                    format!("The terms with {partner} do not let you hand on what {partner} hands to you."),
                    "Do the work yourself, return it, or agree other terms.",
                ));
            }
        }
        let facts = offered(offer)?;
        let left = u8::try_from(facts.hops.get()).ok().and_then(|left| left.checked_sub(1));
        let hops = left.ok_or_else(|| {
            Refusal::new(
                Fault::Forbidden,
                "hop-budget-used",
                "This case has been handed on as often as its first principal allows.",
                "Do the work yourself, or return it.",
            )
        })?;
        Ok(Self { hops, tags: facts.loop_tags.map(List::into_vec).unwrap_or_default() })
    }
}

/// As far as a ticket came by an offer: what that says of going onward over another link.
fn came_from(source: &impl clock::Source, row: &TicketRow, goes: LinkNo) -> Result<Option<Before>, Refusal> {
    let Some(origin) = row.origin else { return Ok(None) };
    let rows = source.source_rows();
    let parent = rows.get(DELEGATIONS, &origin)?;
    let parent = parent.ok_or_else(|| find::broken("a ticket without origin"))?;
    let from = rows.get(LINKS, &parent.link)?.ok_or_else(|| find::broken("a delegation without a link"))?;
    let terms = clock::terms(source, from.terms)?;
    let offer = source.source_entry(parent.offer)?;
    Before::new((parent.link, goes), (&from, &terms), &offer).map(Some)
}

/// An offer that was made once, as it is made today.
pub(super) struct Anew {
    pub(super) facts: offer::Facts,
    pub(super) text: offer::Text,
    /// Whether the case begins here: then its budget is drawn when it is sent, and is the largest until then.
    pub(super) begins: bool,
}

impl Anew {
    /// The offer as it is sent, with our own tag, if it has one.
    pub(super) fn drawn(mut self, step: &mut Step<'_>) -> Result<(Body, Option<LoopTag>), Refusal> {
        if self.begins {
            self.facts.hops = hops(drawn(step))?;
        }
        let tag = self.facts.loop_tags.as_ref().and_then(|tags| tags.last().copied());
        Ok((Body::Offer { facts: self.facts, text: self.text }, tag))
    }

    /// What of it is shown before it is sent.
    pub(super) fn preview(&self) -> Preview {
        let mut preview = disclosure::offered(&self.facts, &self.text);
        without_drawn(&mut preview, self.begins);
        preview
    }
}

fn hops(left: u8) -> Result<Hops, Refusal> {
    Hops::new(u64::from(left)).map_err(|error| Refusal::invalid("hops", error))
}

/// A budget that is drawn when it is sent is not shown, so that nobody can tell from it where the case began.
fn without_drawn(preview: &mut Preview, begins: bool) {
    preview.sent.retain(|sent| !begins || sent.field != "hops");
}

/// An offer with the words that the partner knows, and with deadlines, budget, tags and status of now, as far as the case may still go
/// there.
pub(super) fn anew(
    source: &impl clock::Source,
    row: &DelegationRow,
    (link, terms): (&LinkRow, &Terms),
    (mut facts, text): (offer::Facts, offer::Text),
) -> Result<Anew, Refusal> {
    let ticket = source.source_rows().get(TICKETS, &row.ticket)?;
    let ticket = ticket.ok_or_else(|| find::broken("a delegation without a ticket"))?;
    let before = came_from(source, &ticket, row.link)?;
    facts.hops = hops(before.as_ref().map_or(MOST_HOPS, |before| before.hops))?;
    facts.loop_tags = tags(source.source_rows(), row.ticket, (link, terms), before.as_ref())?;
    facts.own = find::own(source, row.ticket, link, terms)?;
    if facts.respond.is_some() || facts.resolve.is_some() {
        let now = source.source_now();
        let offered = Offered { link: row.link, terms, ticket: &ticket, priority: facts.priority };
        let choice = with_deadlines(source, &Choice::default(), &offered, now)?;
        let travels = terms.allows(FieldName::Deadline);
        facts.respond = choice.respond.filter(|_| travels);
        facts.resolve = choice.resolve.filter(|_| travels);
    }
    Ok(Anew { facts, text, begins: before.is_none() })
}

/// The loop tags of an offer, our own last, where the terms have them. proto-spec, section 9.6.
fn tags(
    rows: &impl Rows,
    ticket: TicketNumber,
    (link, terms): (&LinkRow, &Terms),
    before: Option<&Before>,
) -> Result<Option<List<LoopTag, 0, 8>>, Refusal> {
    if terms.loop_tags != Some(true) {
        return Ok(None);
    }
    let key = relay::key(rows)?;
    let own = tagging::tag(&key, ticket.0, &link.link);
    Ok(Some(tagging::tags(before.map_or(&[][..], |before| &before.tags), own)))
}

/// The refusal that [`Delegate`] would give where a person can hand the ticket over all the same.
///
/// # Errors
/// `recall-not-settled` or `already-delegated`.
pub fn asks_first(reader: &Reader, ticket: TicketNumber, link: LinkNo) -> Result<(), Refusal> {
    recalled(reader, ticket, link)?;
    already(reader, ticket, link)
}

/// Refuses to hand a ticket to somebody else while its contractor may still turn out to have been faster than our recall.
/// proto-spec, section 7.8.
fn recalled(source: &impl clock::Source, ticket: TicketNumber, goes: LinkNo) -> Result<(), Refusal> {
    // The same partner reads the recall before the new offer, and knows what it has done.
    for (link, view) in handed(source, ticket)?.into_iter().filter(|(link, _)| *link != goes) {
        if view.state != State::Recalled || !view.provisional {
            continue;
        }
        let partner = partner_name(source, link)?;
        return Err(Refusal::new(
            Fault::Conflict,
            "recall-not-settled",
            format!(
                "{partner} has not answered the recall of this ticket yet: it may have resolved the work before the recall \
                 reaches it, and then two partners would have done it."
            ),
            "Wait until the ticket shows the recall as settled, or hand it over all the same with --anyway.",
        ));
    }
    Ok(())
}

/// Refuses to hand a ticket to the same partner once more while it has it: it would do the work twice, and bill it twice.
fn already(source: &impl clock::Source, ticket: TicketNumber, goes: LinkNo) -> Result<(), Refusal> {
    let open = |state| match state {
        State::Offered | State::Accepted | State::InProgress | State::Waiting { .. } | State::Resolved => {
            true
        }
        State::Unoffered | State::Confirmed | State::Declined | State::Returned | State::Recalled => false,
    };
    if !handed(source, ticket)?.into_iter().any(|(link, view)| link == goes && open(view.state)) {
        return Ok(());
    }
    let partner = partner_name(source, goes)?;
    Err(Refusal::new(
        Fault::Conflict,
        "already-delegated",
        format!("{partner} has this ticket already, and that delegation is still open."),
        "Change what you asked for with `deskwire delegation update`, recall it first, or hand it over a second time with \
         --anyway.",
    ))
}

/// To which partners a ticket was handed, and how that stands.
fn handed(source: &impl clock::Source, ticket: TicketNumber) -> Result<Vec<(LinkNo, View)>, Refusal> {
    let rows = source.source_rows();
    let mut found = Vec::new();
    for ((_, no), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        let row =
            rows.get(DELEGATIONS, &no)?.ok_or_else(|| find::broken("a ticket without its delegation"))?;
        let stream = rows.get(STREAMS, &row.link)?.ok_or_else(|| find::broken("a link without streams"))?;
        if row.case.role() == Role::Principal {
            found.push((row.link, row.case.view(stream.in_length)));
        }
    }
    Ok(found)
}

fn partner_name(source: &impl clock::Source, link: LinkNo) -> Result<Label, Refusal> {
    let row = source.source_rows().get(LINKS, &link)?;
    Ok(row.ok_or_else(|| find::broken("a delegation without a link"))?.partner_name)
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
pub(super) fn allowed(link: &LinkRow, terms: &Terms) -> Result<(), Refusal> {
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
    if link.accord.is_stopped() {
        return Err(find::suspended(link));
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

/// The desk's own ticket as the disclosure takes it; what came from a partner as the partner wants it now.
fn source(
    source: &impl clock::Source,
    ticket: TicketNumber,
    row: &TicketRow,
    by: Person,
) -> Result<Source, Refusal> {
    let mut row = row.clone();
    let foreign = row.origin.is_some();
    let text = match row.origin {
        Some(origin) => current(source, origin)?.into_ticket(&mut row),
        None => decode_text(&source.source_entry(row.body)?)?.unwrap_or_default(),
    };
    Ok(Source {
        label: source.source_identity().ticket_label(ticket),
        status: row.status,
        status_label: row.status_label,
        title: row.title,
        description: text.description,
        requester: text.requester.map(if foreign { Requester::FromPartner } else { Requester::Own }),
        company: text.company,
        object: text.object,
        equipment: text.equipment,
        agreement: text.agreement,
        custom: text.custom,
        category: row.category,
        priority: Some(row.priority),
        by,
    })
}

/// The offer of a delegation as it stands.
pub(super) fn current(source: &impl clock::Source, no: DelegationNo) -> Result<Current, Refusal> {
    let rows = source.source_rows();
    let row = rows.get(DELEGATIONS, &no)?.ok_or_else(|| find::broken("a ticket without its delegation"))?;
    let stream = rows.get(STREAMS, &row.link)?.ok_or_else(|| find::broken("a link without streams"))?;
    Current::of(source, no, &row, &row.case.view(stream.in_length))
}
