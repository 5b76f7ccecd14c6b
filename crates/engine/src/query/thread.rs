//! What happened on a ticket, in the order it was stored: comments, files, events, changes of status.

use deskwire_machine::clock::DueKind;
use deskwire_machine::delegation::{EventKind, Role};
use deskwire_machine::disclosure::{self, Sent};
use deskwire_proto::id::DelegationId;
use deskwire_proto::list::List;
use deskwire_proto::message::common::{CustomValue, Person};
use deskwire_proto::message::{Body, update};
use deskwire_proto::text::{Code, KindName, Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::{ActorText, Here, Record, decode_text};
use deskwire_store::row::{Audience, Author, Refused, ThreadKind, ThreadRow};
use deskwire_store::table::{DELEGATION_EVENTS, Rows, THREADS};

use super::account;
use super::clock;
use super::contribution::{self, Comment, Revisions};
use super::delivery::{self, Delivery, DeliveryState};
use super::file::{self, File};
use super::lookup::{Lookup, broken};
use super::message::{Message, written};
use super::offer;
use super::ticket::Ticket;
use crate::Refusal;

/// One entry of a ticket's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadEntry {
    /// Somebody said something.
    Comment(Comment),
    /// Somebody attached a file.
    File(File),
    /// Something happened.
    Happened(Happened),
}

/// Who sees something, by the ids that both desks use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenBy {
    /// Nobody outside this desk.
    Internal,
    /// The requester at this desk.
    Requester,
    /// The partners of these delegations.
    Delegations(Vec<DelegationId>),
    /// All partners of the ticket.
    Thread,
}

/// From whom something came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// How the partner calls itself.
    pub partner: Label,
    /// The delegation it came by.
    pub delegation: DelegationId,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When its author says that it did.
    pub time: Timestamp,
    /// What.
    pub what: What,
    /// Who did it.
    pub by: Option<Person>,
    /// The partner of the delegation concerned, whoever acted.
    pub partner: Option<Label>,
    /// Whether the partner did it.
    pub theirs: bool,
    /// The delegation concerned.
    pub delegation: Option<DelegationId>,
    /// Why an own event has no effect.
    pub refused: Option<Refused>,
    /// How far an own event has come, while it is not delivered.
    pub delivery: Option<Delivery>,
    /// Who sees it.
    pub audience: SeenBy,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The ticket was made.
    Opened,
    /// This desk's own status changed.
    Status {
        /// The new one.
        status: Code,
        /// How this desk calls it.
        label: Option<Label>,
    },
    /// An event of a delegation.
    Event {
        /// The kind of message that carries it.
        message: KindName,
        /// What was said.
        kind: EventKind,
        /// The reason, solution, question or answer that came with it.
        words: Option<Prose>,
        /// What an update changes: fields as a preview names them, with their values in this desk's words.
        changed: Vec<Sent>,
    },
    /// A deadline is near or has passed.
    Due {
        /// Which.
        kind: DueKind,
        /// When it is due.
        due: Timestamp,
        /// Who had the turn when it passed; nobody as long as it is near.
        by: Option<Role>,
    },
    /// A line of work, or what the principal says to one.
    Work {
        /// The kind of message that carries it.
        message: KindName,
        /// What was done, or why it is disputed.
        words: Option<String>,
    },
}

/// The thread of a ticket, oldest first.
pub(super) fn entries(lookup: &Lookup<'_>, ticket: &Ticket) -> Result<Vec<ThreadEntry>, Refusal> {
    let rows = lookup.reader.rows().list(THREADS, &ticket.number, usize::MAX)?;
    let revisions = Revisions::of(lookup.reader, ticket.number, &rows)?;
    let mut entries = vec![ThreadEntry::Happened(opened(ticket))];
    for (key, row) in rows {
        let at = key.1;
        match row.kind {
            ThreadKind::Comment => {
                entries.push(ThreadEntry::Comment(contribution::any(lookup, key, row, &revisions)?));
            }
            ThreadKind::File(no) => {
                entries.push(ThreadEntry::File(file::with_thread(lookup, no, (at, &row), &revisions)?));
            }
            // It is shown with what it was done to.
            ThreadKind::Revised(_) => {}
            ThreadKind::Event(no) => entries.push(ThreadEntry::Happened(event(lookup, at, no, &row)?)),
            ThreadKind::Status => entries.push(ThreadEntry::Happened(status(lookup, at, &row)?)),
            ThreadKind::Due(no) => {
                entries.push(ThreadEntry::Happened(clock::happened(lookup, at, no, &row)?))
            }
            ThreadKind::Work(no) => {
                entries.push(ThreadEntry::Happened(account::happened(lookup, at, no, &row)?));
            }
        }
    }
    Ok(entries)
}

fn opened(ticket: &Ticket) -> Happened {
    Happened {
        time: ticket.row.created,
        what: What::Opened,
        by: ticket.text.as_ref().map(|text| text.by.clone()),
        partner: ticket.origin.as_ref().map(|(_, partner)| partner.clone()),
        theirs: ticket.origin.is_some(),
        delegation: ticket.origin.as_ref().map(|(id, _)| *id),
        refused: None,
        delivery: None,
        audience: SeenBy::Internal,
    }
}

fn event(lookup: &Lookup<'_>, at: EntryRef, no: DelegationNo, row: &ThreadRow) -> Result<Happened, Refusal> {
    let delegation = lookup.delegation(no)?;
    let message = Message::read(lookup.reader, at)?;
    let shown = lookup.reader.rows().get(DELEGATION_EVENTS, &(no, at))?;
    let shown = shown.ok_or_else(|| broken("an event of a thread is none of its delegation"))?;
    let body = message.body();
    let changed = match &body {
        Some(Body::Update { facts, text }) => changed(lookup, message.here.as_ref(), facts, text)?,
        Some(_) | None => Vec::new(),
    };
    let (by, words) = body.map(written).unwrap_or_default();
    Ok(Happened {
        time: message.time,
        what: What::Event { message: message.kind.clone(), kind: shown.kind, words, changed },
        by,
        partner: Some(lookup.partner(delegation.link)?.row.partner_name.clone()),
        theirs: matches!(row.author, Author::Partner(_)),
        delegation: Some(delegation.id),
        refused: row.aside.clone().or_else(|| row.shared.iter().find_map(|shared| shared.refused.clone())),
        delivery: undelivered(delivery::all(lookup, row.at, &row.shared)?),
        audience: seen_by(lookup, &row.audience)?,
    })
}

/// What an update says, a partner's in this desk's words.
fn changed(
    lookup: &Lookup<'_>,
    here: Option<&Here>,
    facts: &update::Facts,
    text: &update::Text,
) -> Result<Vec<Sent>, Refusal> {
    let mapping = offer::mapping(lookup.reader, here.map(|here| here.mapping))?;
    let said = text.custom.as_deref().unwrap_or_default();
    let said: Vec<_> = said.iter().map(|field| (field.0.clone(), field.1.clone())).collect();
    let read = mapping.here(facts.category.as_ref(), facts.priority, &said);
    let facts = update::Facts { category: read.category, priority: read.priority, ..facts.clone() };
    let custom = read.custom.into_iter().map(|(key, value)| CustomValue(key, value)).collect();
    let custom = List::new(custom).ok().filter(|_| text.custom.is_some());
    Ok(disclosure::updated(&facts, &update::Text { custom, ..text.clone() }))
}

/// What is said about an event on its way: that it arrived, or was refused, is said otherwise.
fn undelivered(deliveries: Vec<Delivery>) -> Option<Delivery> {
    deliveries.into_iter().find(|delivery| match delivery.state {
        DeliveryState::Waiting | DeliveryState::Sent | DeliveryState::Parked(..) | DeliveryState::Lost(_) => {
            true
        }
        DeliveryState::Delivered | DeliveryState::Refused(_) | DeliveryState::Unsupported(_) => false,
    })
}

fn status(lookup: &Lookup<'_>, at: EntryRef, row: &ThreadRow) -> Result<Happened, Refusal> {
    let entry = lookup.reader.entry(at)?;
    let Record::TicketStatus { status, label, .. } = Record::read(&entry)? else {
        return Err(broken("a change of status is another record"));
    };
    let text: Option<ActorText> = decode_text(&entry)?;
    Ok(Happened {
        time: row.at,
        what: What::Status { status, label },
        by: text.map(|text| text.by),
        partner: None,
        theirs: false,
        delegation: None,
        refused: None,
        delivery: None,
        audience: seen_by(lookup, &row.audience)?,
    })
}

/// Local numbers become the ids that both desks use.
pub(super) fn seen_by(lookup: &Lookup<'_>, audience: &Audience) -> Result<SeenBy, Refusal> {
    Ok(match audience {
        Audience::Internal => SeenBy::Internal,
        Audience::Requester => SeenBy::Requester,
        Audience::Thread => SeenBy::Thread,
        Audience::Delegations(chosen) => {
            let ids: Result<_, Refusal> = chosen.iter().map(|no| Ok(lookup.delegation(*no)?.id)).collect();
            SeenBy::Delegations(ids?)
        }
    })
}

/// The partner and the delegation that something came by: a partner's contribution is seen by its delegation.
pub(super) fn origin(
    lookup: &Lookup<'_>,
    link: LinkNo,
    audience: &Audience,
) -> Result<Option<Origin>, Refusal> {
    let partner = lookup.partner(link)?.row.partner_name.clone();
    Ok(match audience {
        Audience::Delegations(by) => match by.first() {
            Some(no) => Some(Origin { partner, delegation: lookup.delegation(*no)?.id }),
            None => None,
        },
        Audience::Internal | Audience::Requester | Audience::Thread => None,
    })
}
