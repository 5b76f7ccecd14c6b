//! What leaves the house: of a ticket, those fields alone that the terms of the link let travel and a person chose,
//! and a preview that lists exactly them (proto-spec, sections 6.2, 6.10, 6.19 and 9.5).

mod custom;
mod excess;
mod gate;
mod preview;

use std::collections::BTreeSet;

use deskwire_proto::id::LoopTag;
use deskwire_proto::list::List;
use deskwire_proto::message::common::{ByText, Contact, Equipment, Money, Object, Own, Person, Priority};
use deskwire_proto::message::{Body, offer, update};
use deskwire_proto::number::{Hops, Revision, Version};
use deskwire_proto::terms::{FieldName, PersonRule, Terms};
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use custom::fits;
pub use excess::{Excess, excess};
use gate::Gate;
pub use preview::{Kept, Preview, Reason, Sent, optional, priority_code};

use crate::delegation::FOLD_RULES;

/// A ticket of this desk, with everything that an offer could say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id, as people of this desk say it.
    pub label: Label,
    /// This desk's own status.
    pub status: Code,
    /// How this desk calls that status.
    pub status_label: Option<Label>,
    /// One line that says what is wrong.
    pub title: Line,
    /// The whole story.
    pub description: Option<Prose>,
    /// Whom to talk to.
    pub requester: Option<Requester>,
    /// For whom the work is done.
    pub company: Option<Label>,
    /// Where the work is done.
    pub object: Option<Object>,
    /// What the work is done on.
    pub equipment: Option<Equipment>,
    /// Reference of the agreement under which the work is done.
    pub agreement: Option<Label>,
    /// Own fields by key; those that the terms define can travel.
    pub custom: Vec<(Code, Line)>,
    /// Category.
    pub category: Option<Code>,
    /// How pressing it is.
    pub priority: Option<Priority>,
    /// Who hands it over.
    pub by: Person,
}

/// Whom to talk to, and who told this desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Requester {
    /// People of this desk entered it: it may be sent, and its `onward` says what the contractor may do with it.
    Own(Contact),
    /// It came in a partner's offer: it may be sent on only if its `onward` says so.
    FromPartner(Contact),
}

impl Requester {
    /// The contact.
    #[must_use]
    pub const fn contact(&self) -> &Contact {
        match self {
            Self::Own(contact) | Self::FromPartner(contact) => contact,
        }
    }

    const fn may_be_sent(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::FromPartner(contact) => contact.onward,
        }
    }
}

/// What a person chose to send of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Which optional fields of the ticket shall travel; `None`: all that the terms let. What is given here for this
    /// offer alone, deadlines and price, is chosen by being given.
    pub fields: Option<BTreeSet<FieldName>>,
    /// Another title than the ticket's.
    pub title: Option<Line>,
    /// Another description than the ticket's.
    pub description: Option<Prose>,
    /// Whether a description travels at all.
    pub send_description: bool,
    /// When the contractor has to answer.
    pub respond: Option<Timestamp>,
    /// When the work has to be done.
    pub resolve: Option<Timestamp>,
    /// What of an inherited deadline stays with this desk, milliseconds.
    pub reserve: Option<u64>,
    /// Price limit.
    pub price: Option<Money>,
    /// A trial: nobody shall do or bill anything.
    pub test: bool,
}

impl Default for Choice {
    /// Everything that the terms let travel, with the ticket's own description.
    fn default() -> Self {
        Self {
            fields: None,
            title: None,
            description: None,
            send_description: true,
            respond: None,
            resolve: None,
            reserve: None,
            price: None,
            test: false,
        }
    }
}

/// New values for what was offered; what is `None` or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// One line that says what is wrong.
    pub title: Option<Line>,
    /// The whole story.
    pub description: Option<Prose>,
    /// Category.
    pub category: Option<Code>,
    /// Priority.
    pub priority: Option<Priority>,
    /// When the contractor has to answer.
    pub respond: Option<Timestamp>,
    /// When the work has to be done.
    pub resolve: Option<Timestamp>,
    /// Price limit.
    pub price: Option<Money>,
    /// Whom to talk to.
    pub requester: Option<Requester>,
    /// For whom the work is done.
    pub company: Option<Label>,
    /// Where the work is done.
    pub object: Option<Object>,
    /// What the work is done on.
    pub equipment: Option<Equipment>,
    /// Reference of the agreement.
    pub agreement: Option<Label>,
    /// Own fields by key, all of them: they replace those sent before.
    pub custom: Vec<(Code, Line)>,
}

/// What will be sent, and what a person sees of it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed<F, T> {
    /// The facts of the message.
    pub facts: F,
    /// Its text.
    pub text: T,
    /// What it discloses, and what stays here.
    pub preview: Preview,
}

/// What a `delegation.offer` of this ticket says under these terms. `hops` is how often the case may still be
/// handed on; more than 8 count as 8. Who may offer at all, and loop tags, are not looked at here.
#[must_use]
pub fn offer(
    source: &Source,
    choice: &Choice,
    terms: &Terms,
    hops: u8,
) -> Disclosed<offer::Facts, offer::Text> {
    let mut gate = Gate::new(terms, choice.fields.as_ref());
    let own = gate.own(source);
    let by = gate.person(&source.by);
    let description = gate.description(source, choice);
    let passed = gate.pass(&wanted(source, choice));
    let facts = offer::Facts {
        own,
        hops: Hops::new(u64::from(hops).min(Hops::MAX)).expect("0 to 8"),
        test: choice.test,
        price: passed.price,
        rules: Version::new(u64::from(FOLD_RULES)).expect("fold rules are numbered from 1"),
        resolve: passed.resolve,
        respond: passed.respond,
        category: passed.category,
        priority: passed.priority,
        loop_tags: None,
    };
    let text = offer::Text {
        by,
        title: choice.title.as_ref().unwrap_or(&source.title).clone(),
        custom: passed.custom,
        object: passed.object,
        company: passed.company,
        contact: passed.contact,
        agreement: passed.agreement,
        equipment: passed.equipment,
        description,
    };
    let preview = Preview { sent: preview::offer(&facts, &text), kept: gate.into_kept() };
    Disclosed { facts, text, preview }
}

/// The same offer with loop tags, which its preview lists too.
#[must_use]
pub fn with_tags(
    mut offer: Disclosed<offer::Facts, offer::Text>,
    tags: Option<List<LoopTag, 0, 8>>,
) -> Disclosed<offer::Facts, offer::Text> {
    offer.facts.loop_tags = tags;
    offer.preview.sent = preview::offer(&offer.facts, &offer.text);
    offer
}

/// What a `delegation.update` to `version` with these changes says under these terms. Every change was chosen by
/// being made; only the terms and the giver of a contact hold back. [`Preview::has_content`] tells whether anything
/// is left to send.
#[must_use]
pub fn update(
    changes: &Changes,
    by: &Person,
    terms: &Terms,
    version: Revision,
) -> Disclosed<update::Facts, update::Text> {
    let mut gate = Gate::new(terms, None);
    let by = gate.person(by);
    let passed = gate.pass(changes);
    let facts = update::Facts {
        price: passed.price,
        scope: (changes.title.is_some() || changes.description.is_some()).then_some(true),
        resolve: passed.resolve,
        respond: passed.respond,
        version,
        category: passed.category,
        priority: passed.priority,
    };
    let text = update::Text {
        by,
        title: changes.title.clone(),
        custom: passed.custom,
        object: passed.object,
        company: passed.company,
        contact: passed.contact,
        agreement: passed.agreement,
        equipment: passed.equipment,
        description: changes.description.clone(),
    };
    let preview = Preview { sent: preview::update(&facts, &text), kept: gate.into_kept() };
    Disclosed { facts, text, preview }
}

/// What an offer discloses that was composed before.
#[must_use]
pub fn offered(facts: &offer::Facts, text: &offer::Text) -> Preview {
    Preview { sent: preview::offer(facts, text), kept: Vec::new() }
}

/// What an update says, without who acted.
#[must_use]
pub fn updated(facts: &update::Facts, text: &update::Text) -> Vec<Sent> {
    preview::update(facts, &update::Text { by: None, ..text.clone() })
}

/// What a `comment.add`, a `comment.edit`, a `file.add` or a `delegation.reopen` discloses, read from the message itself.
#[must_use]
pub fn contribution(body: &Body) -> Preview {
    Preview { sent: preview::contribution(body), kept: Vec::new() }
}

/// As much of the acting person as the terms let travel; `None` where nothing is left.
#[must_use]
pub fn person(by: &Person, terms: &Terms) -> Option<Person> {
    let Person { name, function } = by.clone();
    let person = match terms.person {
        PersonRule::Name => Person { name, function },
        PersonRule::Function => Person { name: None, function },
        PersonRule::Nothing => Person::default(),
    };
    (person != Person::default()).then_some(person)
}

/// The text of an action whose only words are who took it; `None` where nothing of the person travels.
#[must_use]
pub fn by_text(by: &Person, terms: &Terms) -> Option<ByText> {
    person(by, terms).map(|by| ByText { by: Some(by) })
}

/// This desk's ticket and status as any message may name them. Where the terms do not let the status travel, it is
/// `closed` if it is so here, else `open`, and nothing is said of how this desk calls it.
#[must_use]
pub fn own(label: Label, status: &Code, status_label: Option<&Label>, terms: &Terms) -> Own {
    if terms.allows(FieldName::Status) {
        return Own { status: status.clone(), ticket: label, status_label: status_label.cloned() };
    }
    plain_own(label, status)
}

/// This desk's ticket with a status that tells no more than whether it is closed.
fn plain_own(label: Label, status: &Code) -> Own {
    let status = if status.as_str() == CLOSED { CLOSED } else { OPEN };
    Own { status: Code::new(status).expect("a short word"), ticket: label, status_label: None }
}

const OPEN: &str = "open";
const CLOSED: &str = "closed";

/// The optional fields as the ticket has them; title and description go their own way.
fn wanted(source: &Source, choice: &Choice) -> Changes {
    Changes {
        title: None,
        description: None,
        category: source.category.clone(),
        priority: source.priority,
        respond: choice.respond,
        resolve: choice.resolve,
        price: choice.price.clone(),
        requester: source.requester.clone(),
        company: source.company.clone(),
        object: source.object.clone(),
        equipment: source.equipment.clone(),
        agreement: source.agreement.clone(),
        custom: source.custom.clone(),
    }
}
