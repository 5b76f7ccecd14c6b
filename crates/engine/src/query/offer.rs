//! What a delegation asks for: the offer with the updates that have effect, and what is merely proposed.

use deskwire_machine::delegation::{EventKind, Field, Fields, Role, View};
use deskwire_machine::mapping::{Here, Mapping};
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Contact, CustomValue, Equipment, Money, Object, Person, Priority};
use deskwire_proto::message::{Body, Facts, offer, update};
use deskwire_proto::terms::FieldName;
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::{Here as Reading, Record, TermsRecord, TicketText};
use deskwire_store::row::{DelegationRow, Effect, TicketRow};
use deskwire_store::table::{DELEGATION_EVENTS, Rows};

use super::clock::Source;
use super::lookup::broken;
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

/// An offer as it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Current {
    /// What is asked for, in the words of the link.
    pub(crate) offer: Offer,
    /// The partner's offer in this desk's words; of an own offer the same as it says.
    pub(crate) here: Here,
    /// Who offered it.
    pub(crate) by: Option<Person>,
    /// Changes of what binds that wait for an answer, oldest first.
    pub(crate) pending: Vec<PendingChange>,
    /// What was changed since it was offered, and from which entry on that holds.
    pub(crate) changed: Vec<(EntryRef, Changed)>,
}

/// Something of an offer that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// Title.
    Title,
    /// Description.
    Description,
    /// When the work has to be done.
    Deadline,
    /// Any other field, which travels only where the terms name it.
    Field(FieldName),
}

impl Changed {
    /// The field of the terms that lets it travel; nothing for what always may.
    #[must_use]
    pub const fn field(self) -> Option<FieldName> {
        match self {
            Self::Title | Self::Description => None,
            Self::Deadline => Some(FieldName::Deadline),
            Self::Field(field) => Some(field),
        }
    }
}

/// An update that has effect, with the version that it makes.
struct Update {
    at: EntryRef,
    version: u64,
    facts: update::Facts,
    text: update::Text,
    here: Option<Reading>,
}

/// What said the values that each side has its own words for.
#[derive(Default)]
struct Sources {
    category: Option<EntryRef>,
    priority: Option<EntryRef>,
    custom: Option<EntryRef>,
}

impl Current {
    /// The offer of a delegation as it stands.
    pub(crate) fn of(
        source: &impl Source,
        no: DelegationNo,
        row: &DelegationRow,
        view: &View,
    ) -> Result<Self, Refusal> {
        let message = Message::read(source, row.offer)?;
        let (mut offer, mut by) = (Offer::default(), None);
        if let Some(Facts::Offer(facts)) = message.facts() {
            offer.take_facts(facts);
        }
        if let Some(Body::Offer { text, .. }) = message.body() {
            by.clone_from(&text.by);
            offer.take_text(text);
        }
        let read = message.here.map(|here| here.mapping);
        let mut sources = Sources { category: read, priority: read, custom: read };
        // Without a later version there is no update to look for.
        let said = if view.version > 1 { Said::load(source, no, row)? } else { Said::default() };
        let updates = &said.updates;
        let mut changed = Vec::new();
        for update in updates {
            // Of the scope, an update that says the title alone leaves the description of the one before.
            let bound = Fields::of(Field::ALL.into_iter().filter(|field| {
                view.versions.get(*field) == update.version
                    || (*field == Field::Scope && said.holds(update.version))
            }));
            offer.change(update, bound);
            sources.change(update, bound);
            changed.extend(update.changes(bound, said.taken(update.version).unwrap_or(update.at)));
        }
        let pending = view.proposals.iter().map(|proposal| {
            let update = updates.iter().find(|update| update.version == proposal.version);
            let fields = update.map(|update| proposed(update, proposal.fields)).unwrap_or_default();
            PendingChange { version: proposal.version, fields }
        });
        Ok(Self { here: sources.read(source, &offer)?, by, pending: pending.collect(), changed, offer })
    }
}

impl Current {
    /// The partner's offer as the ticket that it became: what lists show goes into `row`, all else into the text.
    pub(crate) fn into_ticket(self, row: &mut TicketRow) -> TicketText {
        let Self { offer, here, by, .. } = self;
        if let Some(title) = offer.title {
            row.title = title;
        }
        row.category = here.category;
        row.priority = here.priority.unwrap_or(Priority::Normal);
        TicketText {
            description: offer.description,
            requester: offer.contact,
            company: offer.company,
            object: offer.object,
            equipment: offer.equipment,
            agreement: offer.agreement,
            custom: here.custom,
            by: by.unwrap_or_default(),
        }
    }
}

impl Sources {
    fn change(&mut self, update: &Update, bound: Fields) {
        let read = update.here.as_ref().map(|here| here.mapping);
        if update.facts.category.is_some() {
            self.category = read;
        }
        if update.facts.priority.is_some() && bound.iter().any(|field| field == Field::Priority) {
            self.priority = read;
        }
        if update.text.custom.is_some() {
            self.custom = read;
        }
    }

    /// Reads an offer by the mappings that held when its values came.
    fn read(&self, source: &impl Source, offer: &Offer) -> Result<Here, Refusal> {
        let category = mapping(source, self.category)?.here(offer.category.as_ref(), None, &[]);
        let priority = mapping(source, self.priority)?.here(None, offer.priority, &[]);
        let custom = mapping(source, self.custom)?.here(None, None, &offer.custom);
        let unmapped = [category.unmapped, priority.unmapped, custom.unmapped].concat();
        Ok(Here { category: category.category, priority: priority.priority, custom: custom.custom, unmapped })
    }
}

/// The mapping of an entry; one that changes nothing without an entry.
pub(crate) fn mapping(source: &impl Source, at: Option<EntryRef>) -> Result<Mapping, Refusal> {
    let Some(at) = at else { return Ok(Mapping::default()) };
    match source.source_record(at)? {
        Record::Terms(TermsRecord::Mapped { mapping, .. }) => Ok(mapping),
        _ => Err(broken("a mapping that is another record")),
    }
}

impl Update {
    /// What it changes: what binds from the entry `took` on, everything else since it was said.
    fn changes(&self, bound: Fields, took: EntryRef) -> Vec<(EntryRef, Changed)> {
        let Self { facts, text, .. } = self;
        let mut changes = Vec::new();
        let took = took.max(self.at);
        for field in bound.iter() {
            let mut say = |there: bool, what| changes.extend(there.then_some((took, what)));
            match field {
                Field::Deadline => say(facts.resolve.is_some(), Changed::Deadline),
                Field::Priority => say(facts.priority.is_some(), Changed::Field(FieldName::Priority)),
                Field::Price => {}
                Field::Scope => {
                    say(text.title.is_some(), Changed::Title);
                    say(text.description.is_some(), Changed::Description);
                }
            }
        }
        let contact = text.contact.as_ref().is_some_and(|contact| contact.onward);
        let free = [
            (facts.category.is_some(), FieldName::Category),
            (contact, FieldName::Contact),
            (text.company.is_some(), FieldName::Company),
            (text.object.is_some(), FieldName::Object),
            (text.equipment.is_some(), FieldName::Equipment),
            (text.agreement.is_some(), FieldName::Agreement),
            (text.custom.is_some(), FieldName::Custom),
        ];
        let free = free.into_iter().filter(|(there, _)| *there);
        changes.extend(free.map(|(_, field)| (self.at, Changed::Field(field))));
        changes
    }
}

/// What was said about the offer since it was made, as far as it has effect.
#[derive(Default)]
struct Said {
    /// In the order in which they were stored.
    updates: Vec<Update>,
    /// Versions that were taken, and by which entries.
    taken: Vec<(u64, EntryRef)>,
    /// The version that was accepted.
    accepted: Option<u64>,
}

impl Said {
    fn load(source: &impl Source, no: DelegationNo, row: &DelegationRow) -> Result<Self, Refusal> {
        let mut said = Self::default();
        let events = source.source_rows().list(DELEGATION_EVENTS, &no, usize::MAX)?;
        // Own updates get their versions one behind the other as they are numbered, whatever becomes of them.
        let mut own = 1;
        for ((_, at), event) in events {
            let effective = matches!(&event.effect, Effect::Fate { fate, .. } if fate.is_effective());
            match event.kind {
                EventKind::Update if !matches!(event.effect, Effect::Dropped(_)) => own += 1,
                EventKind::Accept | EventKind::ChangeTake => {}
                _ => continue,
            }
            if !effective {
                continue;
            }
            let message = Message::read(source, at)?;
            match message.facts() {
                Some(Facts::Accept(facts)) => said.accepted = Some(facts.version.get()),
                Some(Facts::ChangeTake(facts)) => said.taken.push((facts.version.get(), at)),
                Some(Facts::Update(facts)) => {
                    let text = match message.body() {
                        Some(Body::Update { text, .. }) => text,
                        Some(_) | None => update::Text::default(),
                    };
                    let version = match row.case.role() {
                        Role::Principal => own,
                        Role::Contractor => facts.version.get(),
                    };
                    said.updates.push(Update { at, version, facts, text, here: message.here });
                }
                Some(_) | None => {}
            }
        }
        Ok(said)
    }

    /// The entry by which a version was taken.
    fn taken(&self, version: u64) -> Option<EntryRef> {
        self.taken.iter().find(|(taken, _)| *taken == version).map(|(_, at)| *at)
    }

    /// Whether what binds of a version came to hold, even if a later one has changed it since.
    fn holds(&self, version: u64) -> bool {
        self.accepted.is_none_or(|accepted| version <= accepted) || self.taken(version).is_some()
    }
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

    /// Writes what it says into the parts of an offer that are made of it; deadlines are another matter.
    pub(crate) fn put_into(self, facts: &mut offer::Facts, text: &mut offer::Text) {
        facts.category = self.category;
        facts.priority = self.priority;
        facts.price = self.price;
        if let Some(title) = self.title {
            text.title = title;
        }
        text.description = self.description;
        text.contact = self.contact;
        text.company = self.company;
        text.object = self.object;
        text.equipment = self.equipment;
        text.agreement = self.agreement;
        let custom = self.custom.into_iter().map(|(key, value)| CustomValue(key, value)).collect();
        text.custom = List::new(custom).ok().filter(|custom| !custom.is_empty());
    }

    /// What binds changes where this update is the source of its value, everything else at once (proto-spec, section 7.7).
    fn change(&mut self, update: &Update, bound: Fields) {
        let Update { facts, text, .. } = update;
        self.change_binding(update, bound);
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
