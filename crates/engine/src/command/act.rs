//! What a person does with a delegation.

use deskwire_machine::delegation::{Event, Fields, Progress, State};
use deskwire_machine::disclosure::{self, Changes, Disclosed};
use deskwire_machine::mapping::Mapping;
use deskwire_proto::message::common::{Own, Person, ReasonText};
use deskwire_proto::message::{
    Body, accept, answer, ask, change_decline, change_take, confirm, decline, rate, recall, reopen, resolve,
    return_, status,
};
use deskwire_proto::number::{Revision, Stars, Version};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code, Label, Prose};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{ActorText, Record, encode_text};
use deskwire_store::row::DelegationRow;

use super::say::{Saying, say};
use super::{find, queue, rule, typed};
use crate::query::clock::{History, Part};
use crate::{Command, Fault, Refusal, Step};

/// An action of a person on a delegation, with what the person says beside it. Whether the state and the role allow it
/// is the fold's to say. All of it happens, or nothing.
#[derive(Debug, Clone)]
pub struct Act {
    /// The delegation.
    pub delegation: DelegationNo,
    /// What is done.
    pub action: Action,
    /// The version of the offer that the person has read: a newer one is a reason to look again.
    pub read: Option<u64>,
    /// What changes of this desk's own status.
    pub own: OwnStatus,
    /// Who does it.
    pub by: Person,
}

/// A change of this desk's own status; a label alone gives the present status new words.
#[derive(Debug, Clone, Default)]
pub struct OwnStatus {
    /// The status code.
    pub status: Option<Code>,
    /// How this desk calls it.
    pub label: Option<Label>,
}

/// Why, in words and perhaps as a code that both desks understand.
#[derive(Debug, Clone)]
pub struct Reason {
    /// For people.
    pub words: Prose,
    /// For programs.
    pub code: Option<Code>,
}

/// What can be done with a delegation.
#[derive(Debug, Clone)]
pub enum Action {
    /// The contractor takes the work.
    Accept,
    /// The contractor does not take it.
    Decline(Reason),
    /// The contractor gives it back.
    Return(Reason),
    /// The principal takes it back.
    Recall(Reason),
    /// Either side tells its own status; the contractor may say what it means for the delegation.
    Status(Option<status::Progress>),
    /// The contractor says that the work is done.
    Resolve {
        /// What was done.
        solution: Option<Prose>,
        /// The same for programs.
        code: Option<Code>,
    },
    /// The principal agrees.
    Confirm,
    /// The principal does not agree, or the fault came back.
    Reopen(Reason),
    /// The principal changes what it offered.
    Update(Box<Changes>),
    /// The contractor takes a change of what binds: that of this version.
    ChangeTake(u64),
    /// The contractor does not take it.
    ChangeDecline {
        /// The version that proposed it.
        version: u64,
        /// Why.
        reason: Prose,
    },
    /// The contractor asks, and waits for the principal.
    Ask {
        /// The question.
        question: Prose,
    },
    /// The principal answers.
    Answer {
        /// The answer.
        answer: Prose,
        /// False: it need not have been asked.
        needed: bool,
    },
    /// The principal rates the work; the newest rating counts.
    Rate {
        /// 1 to 5.
        stars: Stars,
        /// A word about it.
        words: Option<Prose>,
    },
}

impl Command for Act {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::delegation(step, self.delegation)?;
        queue::offered(step, self.delegation, &row)?;
        let link = find::link(step, row.link)?;
        find::speakable(&link)?;
        self.action.check(step, &row)?;
        check_version(step, &row, self.read)?;
        self.own.record(step, row.ticket, &self.by)?;
        let terms = find::terms(step, &link)?;
        if let Action::Update(changes) = &self.action {
            can_be_meant(step, (self.delegation, &row), changes, &terms)?;
        }
        let own = find::own(step, row.ticket, &link, &terms)?;
        let mapping = rule::mapping(step, &link)?;
        let acting = Acting { row: &row, own, terms: &terms, mapping, by: &self.by };
        let body = acting.body(self.action)?;
        say(step, Saying::event(row.link, (self.delegation, row.id), body)).map(drop)
    }
}

impl Action {
    /// Whether role and state allow it at all: this comes before everything that could be wrong with what is said.
    fn check(&self, step: &Step<'_>, row: &DelegationRow) -> Result<(), Refusal> {
        let stream = find::stream(step, row.link)?;
        // Behind a restore it may have been said already, and its message come back.
        if stream.out_returned {
            return Ok(());
        }
        Ok(row.case.check(&self.event(row), stream.in_length)?)
    }

    /// What of it the fold looks at.
    fn event(&self, row: &DelegationRow) -> Event {
        match self {
            Self::Accept => Event::Accept { version: row.version },
            Self::Decline(_) => Event::Decline,
            Self::Return(_) => Event::Return,
            Self::Recall(_) => Event::Recall,
            Self::Status(to) => Event::Status {
                to: to.map(|to| match to {
                    status::Progress::InProgress => Progress::InProgress,
                    status::Progress::WaitingThird => Progress::WaitingThird,
                }),
            },
            Self::Resolve { .. } => Event::Resolve,
            Self::Confirm => Event::Confirm,
            Self::Reopen(_) => Event::Reopen,
            // Its version is set by the case.
            Self::Update(_) => Event::Update { version: 0, binding: Fields::NONE },
            Self::ChangeTake(version) => Event::ChangeTake { version: *version },
            Self::ChangeDecline { version, reason: _ } => Event::ChangeDecline { version: *version },
            Self::Ask { .. } => Event::Ask,
            Self::Answer { answer: _, needed } => Event::Answer { needed: *needed },
            Self::Rate { .. } => Event::Rate,
        }
    }
}

/// Refuses what a person typed and cannot mean: a price, a currency, a moment.
fn can_be_meant(
    step: &Step<'_>,
    (no, row): (DelegationNo, &DelegationRow),
    changes: &Changes,
    terms: &Terms,
) -> Result<(), Refusal> {
    if let Some(price) = &changes.price {
        typed::price(price, terms)?;
    }
    typed::ahead(changes.respond, changes.resolve, step.now)?;
    if changes.respond.is_none() && changes.resolve.is_none() {
        return Ok(());
    }
    let history = History::load(step, no, row)?;
    let clock = history.read(step.now, Part::All);
    // Once it is answered, nobody has to answer any more.
    let unanswered = row.case.view(find::stream(step, row.link)?.in_length).state == State::Offered;
    let asked = clock.respond.map(|due| due.at).filter(|_| unanswered);
    let due = clock.resolve.map(|due| due.at);
    typed::in_order(changes.respond.or(asked), changes.resolve.or(due))
}

impl OwnStatus {
    fn record(self, step: &mut Step<'_>, ticket: TicketNumber, by: &Person) -> Result<(), Refusal> {
        let status = match (self.status, &self.label) {
            (None, None) => return Ok(()),
            (Some(status), _) => status,
            (None, Some(_)) => find::ticket(step, ticket)?.status,
        };
        let text = encode_text(&ActorText { by: by.clone() })?;
        let record = Record::TicketStatus { ticket, status, label: self.label, at: step.now };
        step.record(&record, Some(text)).map(drop)
    }
}

fn check_version(step: &Step<'_>, row: &DelegationRow, read: Option<u64>) -> Result<(), Refusal> {
    let Some(read) = read else { return Ok(()) };
    let newest = row.case.view(find::stream(step, row.link)?.in_length).version;
    if read == newest {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Conflict,
        "offer-changed",
        format!("Version {read} of the offer was read; the newest is {newest}."),
        "Look at the offer again, then accept or decline it.",
    ))
}

struct Acting<'a> {
    row: &'a DelegationRow,
    own: Own,
    mapping: Mapping,
    terms: &'a Terms,
    by: &'a Person,
}

impl Acting<'_> {
    fn body(&self, action: Action) -> Result<Body, Refusal> {
        let own = self.own.clone();
        let text = disclosure::by_text(self.by, self.terms);
        Ok(match action {
            Action::Accept => {
                let version =
                    Version::new(self.row.version).map_err(|error| Refusal::invalid("version", error))?;
                Body::Accept { facts: accept::Facts { own, version }, text }
            }
            Action::Decline(Reason { words, code }) => {
                Body::Decline { facts: decline::Facts { code }, text: self.reason(words) }
            }
            Action::Return(Reason { words, code }) => {
                Body::Return { facts: return_::Facts { own: Some(own), code }, text: self.reason(words) }
            }
            Action::Recall(Reason { words, code }) => {
                Body::Recall { facts: recall::Facts { own: Some(own), code }, text: self.reason(words) }
            }
            Action::Status(state) => Body::Status { facts: status::Facts { own, state }, text },
            Action::Resolve { solution, code } => {
                let text = resolve::Text { by: self.person(), solution, ..resolve::Text::default() };
                Body::Resolve { facts: resolve::Facts { own, code }, text }
            }
            Action::Confirm => Body::Confirm { facts: confirm::Facts { own: Some(own), auto: None }, text },
            Action::Reopen(Reason { words, code }) => {
                Body::Reopen { facts: reopen::Facts { own: Some(own), code }, text: self.reason(words) }
            }
            Action::Update(changes) => self.update(*changes)?,
            Action::ChangeTake(version) => {
                Body::ChangeTake { facts: change_take::Facts { version: revision(version)? }, text }
            }
            Action::ChangeDecline { version, reason } => {
                let facts = change_decline::Facts { version: revision(version)? };
                Body::ChangeDecline { facts, text: self.reason(reason) }
            }
            Action::Ask { question } => {
                let text = ask::Text { by: self.person(), question };
                Body::Ask { facts: ask::Facts { own: Some(own) }, text }
            }
            Action::Answer { answer, needed } => {
                Body::Answer { facts: answer::Facts { own: Some(own), needed }, text: self.reason(answer) }
            }
            Action::Rate { stars, words } => {
                Body::Rate { facts: rate::Facts { stars }, text: rate::Text { by: self.person(), words } }
            }
        })
    }

    fn person(&self) -> Option<Person> {
        disclosure::person(self.by, self.terms)
    }

    fn reason(&self, reason: Prose) -> ReasonText {
        ReasonText { by: self.person(), reason }
    }

    /// An update of what the terms let travel; a field outside them is refused rather than left out unsaid. A value without
    /// a counterpart on the link is left out, as of an offer, unless nothing else is changed.
    fn update(&self, mut changes: Changes) -> Result<Body, Refusal> {
        let version = revision(self.row.case.next_version())?;
        let lost = self.mapping.apply_to_change(&mut changes);
        if let Some(lost) = lost.first().filter(|_| changes == Changes::default()) {
            return Err(Refusal::new(
                Fault::Conflict,
                "no-counterpart",
                format!("The field '{}' has no counterpart on this link.", lost.field),
                "Give it one with `deskwire link map set`, or leave it out.",
            ));
        }
        let Disclosed { facts, text, preview } = disclosure::update(&changes, self.by, self.terms, version);
        if let Some(kept) = preview.kept.first() {
            return Err(Refusal::new(
                Fault::Forbidden,
                "not-allowed-by-terms",
                format!("The field '{}' may not go to this partner.", kept.field),
                "Leave it out, or agree other terms with the partner.",
            ));
        }
        Ok(Body::Update { facts, text })
    }
}

fn revision(version: u64) -> Result<Revision, Refusal> {
    Revision::new(version).map_err(|error| Refusal::invalid("version", error))
}
