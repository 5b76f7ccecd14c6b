//! Tickets of this desk.

use deskwire_machine::delegation::State;
use deskwire_machine::disclosure;
use deskwire_proto::message::common::{Contact, Equipment, Object, Person, Priority};
use deskwire_proto::message::{Body, status};
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{ActorText, Record, TicketMade, TicketText, encode_text};
use serde::{Deserialize, Serialize};

use super::find;
use super::say::{Saying, say};
use crate::{Command, Refusal, Step};

/// Makes a ticket.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// One line.
    pub title: Line,
    /// The whole story, CommonMark.
    pub description: Option<Prose>,
    /// How urgent.
    pub priority: Priority,
    /// This desk's own category.
    pub category: Option<Code>,
    /// Who asked.
    pub requester: Option<Contact>,
    /// Whose ticket it is.
    pub company: Option<Label>,
    /// Where.
    pub object: Option<Object>,
    /// What.
    pub equipment: Option<Equipment>,
    /// Under which agreement.
    pub agreement: Option<Label>,
    /// Own fields.
    pub custom: Vec<(Code, Line)>,
    /// Who makes it.
    pub by: Person,
}

impl Command for NewTicket {
    type Reply = TicketNumber;

    fn run(self, step: &mut Step<'_>) -> Result<TicketNumber, Refusal> {
        let ticket = TicketNumber(step.counters()?.ticket);
        let text = TicketText {
            description: self.description,
            requester: self.requester,
            company: self.company,
            object: self.object,
            equipment: self.equipment,
            agreement: self.agreement,
            custom: self.custom,
            by: self.by,
        };
        let made = TicketMade {
            ticket,
            title: self.title,
            status: Code::new("new").expect("a code"),
            priority: self.priority,
            category: self.category,
            at: step.now,
        };
        step.record(&Record::TicketMade(made), Some(encode_text(&text)?))?;
        Ok(ticket)
    }
}

/// Sets this desk's own status of a ticket, and tells the partners of its open delegations.
#[derive(Debug, Clone)]
pub struct SetStatus {
    /// The ticket.
    pub ticket: TicketNumber,
    /// The new status.
    pub status: Code,
    /// How this desk calls it.
    pub label: Option<Label>,
    /// Who sets it.
    pub by: Person,
}

/// Which partners will be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Their delegations.
    pub delegations: Vec<DelegationNo>,
}

impl Command for SetStatus {
    type Reply = Told;

    fn run(self, step: &mut Step<'_>) -> Result<Told, Refusal> {
        find::ticket(step, self.ticket)?;
        let text = encode_text(&ActorText { by: self.by.clone() })?;
        let record = Record::TicketStatus {
            ticket: self.ticket,
            status: self.status.clone(),
            label: self.label.clone(),
            at: step.now,
        };
        step.record(&record, Some(text))?;
        let mut told = Told { delegations: Vec::new() };
        for (no, row) in find::delegations(step, self.ticket)? {
            let state = row.case.view(0).state;
            // To a partner whose offer was dropped or waits aside there is nothing to tell.
            if state.is_terminal() || state == State::Unoffered {
                continue;
            }
            let link = find::link(step, row.link)?;
            let terms = find::terms(step, &link)?;
            if find::speakable(&link).is_err() || !terms.allows(deskwire_proto::terms::FieldName::Status) {
                continue;
            }
            let own = find::own(step, self.ticket, &link, &terms)?;
            let text = disclosure::by_text(&self.by, &terms);
            let body = Body::Status { facts: status::Facts { own, state: None }, text };
            say(step, Saying::event(row.link, (no, row.id), body))?;
            told.delegations.push(no);
        }
        Ok(told)
    }
}
