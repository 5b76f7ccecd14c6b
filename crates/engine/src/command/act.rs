//! What a person does with a delegation.

use deskwire_machine::disclosure::{self, Changes, Disclosed};
use deskwire_proto::message::common::{Own, Person, ReasonText};
use deskwire_proto::message::{
    Body, accept, answer, ask, confirm, decline, recall, reopen, resolve, return_, status,
};
use deskwire_proto::number::{Revision, Version};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code, Label, Prose};
use deskwire_store::local::DelegationNo;
use deskwire_store::record::{ActorText, Record, encode_text};
use deskwire_store::row::{DelegationRow, TicketRow};

use super::find;
use super::say::{Saying, say};
use crate::{Command, Fault, Refusal, Step};

/// An action of a person on a delegation; whether the state and the role allow it is the fold's to say.
#[derive(Debug, Clone)]
pub struct Act {
    /// The delegation.
    pub delegation: DelegationNo,
    /// What is done.
    pub action: Action,
    /// Who does it.
    pub by: Person,
}

/// What can be done with a delegation.
#[derive(Debug, Clone)]
pub enum Action {
    /// The contractor takes the work.
    Accept,
    /// The contractor does not take it.
    Decline {
        /// Why.
        reason: Prose,
    },
    /// The contractor gives it back.
    Return {
        /// Why.
        reason: Prose,
    },
    /// The principal takes it back.
    Recall {
        /// Why.
        reason: Prose,
    },
    /// Either side tells its own status; the contractor may say what it means for the delegation.
    Status {
        /// From the contractor alone.
        state: Option<status::Progress>,
        /// This desk's own status, if it changes.
        status: Option<(Code, Option<Label>)>,
    },
    /// The contractor says that the work is done.
    Resolve {
        /// What was done.
        solution: Option<Prose>,
    },
    /// The principal agrees.
    Confirm,
    /// The principal does not agree, or the fault came back.
    Reopen {
        /// Why.
        reason: Prose,
    },
    /// The principal changes what it offered.
    Update(Box<Changes>),
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
}

impl Command for Act {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::delegation(step, self.delegation)?;
        if let Action::Status { status: Some((status, label)), .. } = &self.action {
            let text = encode_text(&ActorText { by: self.by.clone() })?;
            let (status, label) = (status.clone(), label.clone());
            step.record(
                &Record::TicketStatus { ticket: row.ticket, status, label, at: step.now },
                Some(text),
            )?;
        }
        let ticket = find::ticket(step, row.ticket)?;
        let terms = find::terms(step, &find::link(step, row.link)?)?;
        let acting = Acting { row: &row, ticket: &ticket, terms: &terms, by: &self.by };
        let body = acting.body(step, self.action)?;
        say(step, Saying::event(row.link, (self.delegation, row.id), body)).map(drop)
    }
}

struct Acting<'a> {
    row: &'a DelegationRow,
    ticket: &'a TicketRow,
    terms: &'a Terms,
    by: &'a Person,
}

impl Acting<'_> {
    fn body(&self, step: &Step<'_>, action: Action) -> Result<Body, Refusal> {
        let own = self.own(step);
        let text = disclosure::by_text(self.by, self.terms);
        Ok(match action {
            Action::Accept => {
                let version =
                    Version::new(self.row.version).map_err(|error| Refusal::invalid("version", error))?;
                Body::Accept { facts: accept::Facts { own, version }, text }
            }
            Action::Decline { reason } => {
                Body::Decline { facts: decline::Facts { code: None }, text: self.reason(reason) }
            }
            Action::Return { reason } => Body::Return {
                facts: return_::Facts { own: Some(own), code: None },
                text: self.reason(reason),
            },
            Action::Recall { reason } => Body::Recall {
                facts: recall::Facts { own: Some(own), code: None },
                text: self.reason(reason),
            },
            Action::Status { state, status: _ } => Body::Status { facts: status::Facts { own, state }, text },
            Action::Resolve { solution } => {
                let text = resolve::Text { by: self.person(), solution };
                Body::Resolve { facts: resolve::Facts { own, code: None }, text }
            }
            Action::Confirm => Body::Confirm { facts: confirm::Facts { own: Some(own), auto: None }, text },
            Action::Reopen { reason } => Body::Reopen {
                facts: reopen::Facts { own: Some(own), code: None },
                text: self.reason(reason),
            },
            Action::Update(changes) => self.update(&changes)?,
            Action::Ask { question } => {
                let text = ask::Text { by: self.person(), question };
                Body::Ask { facts: ask::Facts { own: Some(own) }, text }
            }
            Action::Answer { answer, needed } => {
                Body::Answer { facts: answer::Facts { own: Some(own), needed }, text: self.reason(answer) }
            }
        })
    }

    fn own(&self, step: &Step<'_>) -> Own {
        let label = step.identity.ticket_label(self.row.ticket);
        disclosure::own(label, &self.ticket.status, self.ticket.status_label.as_ref(), self.terms)
    }

    fn person(&self) -> Option<Person> {
        disclosure::person(self.by, self.terms)
    }

    fn reason(&self, reason: Prose) -> ReasonText {
        ReasonText { by: self.person(), reason }
    }

    /// An update of what the terms let travel; a field outside them is refused rather than left out unsaid.
    fn update(&self, changes: &Changes) -> Result<Body, Refusal> {
        let version = Revision::new(self.row.case.next_version());
        let version = version.map_err(|error| Refusal::invalid("version", error))?;
        let Disclosed { facts, text, preview } = disclosure::update(changes, self.by, self.terms, version);
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
