//! Comments.

use deskwire_machine::thread::{self, Draft, Reach, Shareable};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::Person;
use deskwire_proto::text::Prose;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{CommentText, Record, encode_text};
use deskwire_store::row::Audience;
use deskwire_store::table::{PARKED_OF, Rows};
use serde::{Deserialize, Serialize};

use super::find;
use super::say::{Saying, say};
use crate::{Command, Fault, Refusal, Step};

/// Adds a comment to a ticket and sends it to whom its audience names.
#[derive(Debug, Clone)]
pub struct AddComment {
    /// The ticket.
    pub ticket: TicketNumber,
    /// CommonMark.
    pub body: Prose,
    /// Who sees it.
    pub audience: Audience,
    /// Who writes it.
    pub by: Person,
}

/// A comment that was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentAdded {
    /// Its id at this desk.
    pub item: ItemId,
    /// The delegations whose partners will get it.
    pub told: Vec<DelegationNo>,
    /// Where it stands; unknown in answers that older versions stored.
    #[serde(default)]
    pub at: Option<EntryRef>,
}

impl Command for AddComment {
    type Reply = CommentAdded;

    fn run(self, step: &mut Step<'_>) -> Result<CommentAdded, Refusal> {
        find::ticket(step, self.ticket)?;
        let told = recipients(step, self.ticket, &self.audience)?;
        let item = step.item_id();
        let text = encode_text(&CommentText { body: self.body.clone(), by: self.by.clone() })?;
        let made =
            Record::CommentMade { ticket: self.ticket, item, audience: self.audience.clone(), at: step.now };
        let at = step.record(&made, Some(text))?;
        if let Draft::Shared(words) = draft(self.body, &self.audience) {
            let alone = (told.len() == 1).then_some(item);
            for (no, _) in &told {
                send(step, (self.ticket, at), (*no, alone), &words, &self.by)?;
            }
        }
        let told = told.into_iter().map(|(no, _)| no).collect();
        Ok(CommentAdded { item, told, at: Some(at) })
    }
}

/// What may be done with a contribution of this audience: only what is shareable can become a message.
pub(super) fn draft<T>(content: T, audience: &Audience) -> Draft<T> {
    Draft::new(
        content,
        match audience {
            Audience::Internal => None,
            Audience::Requester => Some(Reach::Requester),
            Audience::Delegations(_) => Some(Reach::Delegation),
            Audience::Thread => Some(Reach::Thread),
        },
    )
}

/// The delegations that an audience reaches.
pub(super) fn recipients(
    step: &Step<'_>,
    ticket: TicketNumber,
    audience: &Audience,
) -> Result<Vec<(DelegationNo, deskwire_store::row::DelegationRow)>, Refusal> {
    let all = find::delegations(step, ticket)?;
    match audience {
        Audience::Internal | Audience::Requester => Ok(Vec::new()),
        Audience::Thread => {
            let mut open = Vec::new();
            for (no, row) in all {
                if reachable(step, no, &row)? {
                    open.push((no, row));
                }
            }
            if open.is_empty() { Err(nobody(step, ticket)) } else { Ok(open) }
        }
        Audience::Delegations(chosen) => chosen
            .iter()
            .map(|no| {
                let found = all.iter().find(|(other, _)| other == no);
                found.cloned().ok_or_else(|| not_of_ticket(step, ticket, *no))
            })
            .collect(),
    }
}

/// A partner that declined, that no offer will reach, or whose link is closed, is no partner of the case any more.
fn reachable(
    step: &Step<'_>,
    no: DelegationNo,
    row: &deskwire_store::row::DelegationRow,
) -> Result<bool, Refusal> {
    use deskwire_machine::delegation::State;
    let gone = match row.case.view(0).state {
        State::Declined | State::Returned | State::Recalled => true,
        // What is parked with its offer is sent with it.
        State::Unoffered => step.rows().list(PARKED_OF, &no, 1)?.is_empty(),
        State::Offered
        | State::Accepted
        | State::InProgress
        | State::Waiting { .. }
        | State::Resolved
        | State::Confirmed => false,
    };
    Ok(!gone && find::link(step, row.link).is_ok_and(|link| find::speakable(&link).is_ok()))
}

fn nobody(step: &Step<'_>, ticket: TicketNumber) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "no-partners",
        format!("The ticket {} has no partners to whom this could go.", step.identity.ticket_label(ticket)),
        "Delegate the ticket first, or write an internal comment.",
    )
}

fn not_of_ticket(step: &Step<'_>, ticket: TicketNumber, no: DelegationNo) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-delegation",
        format!("The ticket {} has no delegation {no}.", step.identity.ticket_label(ticket)),
        "See its delegations with `deskwire ticket show`.",
    )
}

/// Says a comment to the partner of one delegation, naming the author as far as the terms let.
fn send(
    step: &mut Step<'_>,
    thread: (TicketNumber, EntryRef),
    (no, item): (DelegationNo, Option<ItemId>),
    words: &Shareable<Prose>,
    by: &Person,
) -> Result<ItemId, Refusal> {
    let row = find::delegation(step, no)?;
    let terms = find::terms(step, &find::link(step, row.link)?)?;
    let body = thread::comment(words, by, &terms);
    let (delegation, thread) = (Some((no, row.id)), Some(thread));
    say(step, Saying { link: row.link, delegation, body, thread, file: None, item })
}
