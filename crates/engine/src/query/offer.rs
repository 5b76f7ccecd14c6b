//! What a delegation asks for: the offer with the updates that have effect, and what is merely proposed.

use deskwire_machine::delegation::{EventKind, Field, Fields, Role, View};
use deskwire_proto::message::common::{Contact, Equipment, Money, Object, Priority};
use deskwire_proto::message::{Body, Facts, offer, update};
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::DelegationNo;
use deskwire_store::row::{DelegationRow, Effect};
use deskwire_store::table::{DELEGATION_EVENTS, Rows};

use super::lookup::Lookup;
use super::message::Message;
use crate::Refusal;

/// What was asked for; what was erased or never said is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// One line.
    pub title: Option<Line>,
    /// The whole story, CommonMark.
    pub description: Option<Prose>,
    /// Category code.
    pub category: Option<Code>,
    /// How pressing.
    pub priority: Option<Priority>,
    /// Accept or decline by.
    pub respond: Option<Timestamp>,
    /// Resolve by.
    pub resolve: Option<Timestamp>,
    /// Whom to talk to.
    pub contact: Option<Contact>,
    /// For whom the work is done.
    pub company: Option<Label>,
    /// Where.
    pub object: Option<Object>,
    /// On what.
    pub equipment: Option<Equipment>,
    /// Under which agreement.
    pub agreement: Option<Label>,
    /// Price limit.
    pub price: Option<Money>,
    /// Values of the custom fields of the terms.
    pub custom: Vec<(Code, Line)>,
    /// A trial.
    pub test: bool,
    /// How many more times the case may be handed on.
    pub hops: u64,
}

/// A change of what binds, which the contractor has neither taken nor declined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChange {
    /// The version of the offer that it makes.
    pub version: u64,
    /// What would hold then, and nothing else.
    pub fields: Offer,
}

/// An update that has effect, with the version that it makes.
struct Update {
    version: u64,
    facts: update::Facts,
    text: update::Text,
}

/// The offer as it stands, and the oldest change that waits for an answer.
pub(super) fn current(
    lookup: &Lookup<'_>,
    no: DelegationNo,
    row: &DelegationRow,
    view: &View,
) -> Result<(Offer, Option<PendingChange>), Refusal> {
    let mut offer = original(lookup, row.offer)?;
    // Without a later version there is no update to look for.
    let updates = if view.version > 1 { updates(lookup, no, row)? } else { Vec::new() };
    for update in &updates {
        offer.change(update, view);
    }
    let pending = view.proposals.first().map(|proposal| {
        let update = updates.iter().find(|update| update.version == proposal.version);
        let fields = update.map(|update| proposed(update, proposal.fields)).unwrap_or_default();
        PendingChange { version: proposal.version, fields }
    });
    Ok((offer, pending))
}

fn original(lookup: &Lookup<'_>, at: EntryRef) -> Result<Offer, Refusal> {
    let message = Message::read(lookup.reader, at)?;
    let mut offer = Offer::default();
    if let Some(Facts::Offer(facts)) = message.facts() {
        offer.take_facts(facts);
    }
    if let Some(Body::Offer { text, .. }) = message.body() {
        offer.take_text(text);
    }
    Ok(offer)
}

/// The updates that have effect, in the order in which they were stored.
fn updates(lookup: &Lookup<'_>, no: DelegationNo, row: &DelegationRow) -> Result<Vec<Update>, Refusal> {
    let mut updates = Vec::new();
    let events = lookup.reader.rows().list(DELEGATION_EVENTS, &no, usize::MAX)?;
    // Own updates get their versions one behind the other as they are numbered, whatever becomes of them.
    let mut own = 1;
    for ((_, at), event) in events {
        if event.kind != EventKind::Update || matches!(event.effect, Effect::Dropped(_)) {
            continue;
        }
        own += 1;
        let effective = matches!(&event.effect, Effect::Fate { fate, .. } if fate.is_effective());
        let message = Message::read(lookup.reader, at)?;
        if let (true, Some(Facts::Update(facts))) = (effective, message.facts()) {
            let text = match message.body() {
                Some(Body::Update { text, .. }) => text,
                Some(_) | None => update::Text::default(),
            };
            let version = match row.case.role() {
                Role::Principal => own,
                Role::Contractor => facts.version.get(),
            };
            updates.push(Update { version, facts, text });
        }
    }
    Ok(updates)
}

impl Offer {
    fn take_facts(&mut self, facts: offer::Facts) {
        self.category = facts.category;
        self.priority = facts.priority;
        self.respond = facts.respond;
        self.resolve = facts.resolve;
        self.price = facts.price;
        self.test = facts.test;
        self.hops = facts.hops.get();
    }

    fn take_text(&mut self, text: offer::Text) {
        self.title = Some(text.title);
        self.description = text.description;
        self.contact = text.contact;
        self.company = text.company;
        self.object = text.object;
        self.equipment = text.equipment;
        self.agreement = text.agreement;
        let custom = text.custom.map(|list| list.into_vec()).unwrap_or_default();
        self.custom = custom.into_iter().map(|field| (field.0, field.1)).collect();
    }

    /// What binds changes where this update is the source of its value, everything else at once (proto-spec, section 7.7).
    fn change(&mut self, update: &Update, view: &View) {
        let Update { version, facts, text } = update;
        let binds = Field::ALL.into_iter().filter(|field| view.versions.get(*field) == *version);
        self.change_binding(update, Fields::of(binds));
        replace(&mut self.category, &facts.category);
        replace(&mut self.respond, &facts.respond);
        replace(&mut self.contact, &text.contact);
        replace(&mut self.company, &text.company);
        replace(&mut self.object, &text.object);
        replace(&mut self.equipment, &text.equipment);
        replace(&mut self.agreement, &text.agreement);
        if let Some(custom) = &text.custom {
            self.custom = custom.iter().map(|field| (field.0.clone(), field.1.clone())).collect();
        }
    }

    fn change_binding(&mut self, update: &Update, fields: Fields) {
        for field in fields.iter() {
            match field {
                Field::Deadline => replace(&mut self.resolve, &update.facts.resolve),
                Field::Priority => replace(&mut self.priority, &update.facts.priority),
                Field::Price => replace(&mut self.price, &update.facts.price),
                Field::Scope => {
                    replace(&mut self.title, &update.text.title);
                    replace(&mut self.description, &update.text.description);
                }
            }
        }
    }
}

fn proposed(update: &Update, fields: Fields) -> Offer {
    let mut offer = Offer::default();
    offer.change_binding(update, fields);
    offer
}

fn replace<T: Clone>(value: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        value.clone_from(new);
    }
}
