//! What happened on a ticket, in the order it was stored: comments, files, events, changes of status.

use std::ops::ControlFlow;

use deskwire_machine::delegation::EventKind;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::Body;
use deskwire_proto::message::common::Person;
use deskwire_proto::text::{Code, KindName, Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{ActorText, CommentText, Record, decode_text};
use deskwire_store::row::{Audience, Author, Refused, ThreadKind, ThreadRow};
use deskwire_store::table::{DELEGATION_EVENTS, Rows, THREADS};

use super::delivery::{self, Delivery, DeliveryState};
use super::file::{self, File};
use super::lookup::{Lookup, broken};
use super::message::{Message, written};
use super::ticket::Ticket;
use crate::command::comment::CommentAdded;
use crate::{Reader, Refusal};

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

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: ItemId,
    /// When its author wrote it.
    pub time: Timestamp,
    /// Who wrote it.
    pub by: Option<Person>,
    /// The partner it came from; nothing for this desk's own.
    pub origin: Option<Origin>,
    /// Who sees it.
    pub audience: SeenBy,
    /// What it says; nothing when it was retracted or erased.
    pub body: Option<Prose>,
    /// When it was edited last.
    pub edited: Option<Timestamp>,
    /// Whether its author took it back.
    pub retracted: bool,
    /// How far an own one has come.
    pub deliveries: Vec<Delivery>,
    /// Why a partner's one has no effect: its desk has disowned it.
    pub aside: Option<Refused>,
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
    },
}

/// The thread of a ticket, oldest first.
pub(super) fn entries(lookup: &Lookup<'_>, ticket: &Ticket) -> Result<Vec<ThreadEntry>, Refusal> {
    let rows = lookup.reader.rows().list(THREADS, &ticket.number, usize::MAX)?;
    let mut entries = vec![ThreadEntry::Happened(opened(ticket))];
    for ((_, at), row) in rows {
        match row.kind {
            ThreadKind::Comment => said(lookup, at, row, &mut entries)?,
            ThreadKind::File(no) => {
                entries.push(ThreadEntry::File(file::with_thread(lookup, no, &row)?));
            }
            ThreadKind::Event(no) => entries.push(ThreadEntry::Happened(event(lookup, at, no, &row)?)),
            ThreadKind::Status => entries.push(ThreadEntry::Happened(status(lookup, at, &row)?)),
        }
    }
    Ok(entries)
}

/// One own comment, as it was just added.
///
/// # Errors
/// `unknown-comment`, or when the store fails.
pub fn comment(reader: &Reader, ticket: TicketNumber, added: &CommentAdded) -> Result<Comment, Refusal> {
    let missing = || broken("a comment was added and is not there");
    let at = match added.at {
        Some(at) => at,
        None => find(reader, ticket, &added.item)?.ok_or_else(missing)?,
    };
    let row = reader.rows().get(THREADS, &(ticket, at))?.ok_or_else(missing)?;
    own_comment(&Lookup::new(reader), at, row)
}

/// Where an own comment stands, by its id: the newest first.
fn find(reader: &Reader, ticket: TicketNumber, id: &ItemId) -> Result<Option<EntryRef>, Refusal> {
    let mut found = None;
    reader.rows().scan(THREADS, &ticket, None, deskwire_store::Direction::Backward, &mut |key, row| {
        if row.kind != ThreadKind::Comment || row.author != Author::Own {
            return Ok(ControlFlow::Continue(()));
        }
        let record = Record::read(&reader.entry(key.1)?)?;
        if matches!(record, Record::CommentMade { item, .. } if item == *id) {
            found = Some(key.1);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
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

/// A comment, or what its author did to an earlier one.
fn said(
    lookup: &Lookup<'_>,
    at: EntryRef,
    row: ThreadRow,
    entries: &mut Vec<ThreadEntry>,
) -> Result<(), Refusal> {
    match row.author {
        Author::Own => entries.push(ThreadEntry::Comment(own_comment(lookup, at, row)?)),
        Author::Partner(link) => {
            let message = Message::read(lookup.reader, at)?;
            let origin = origin(lookup, link, &row.audience)?;
            partner_said(lookup, &message, (origin, row), entries)?;
        }
    }
    Ok(())
}

fn own_comment(lookup: &Lookup<'_>, at: EntryRef, row: ThreadRow) -> Result<Comment, Refusal> {
    let entry = lookup.reader.entry(at)?;
    let (item, (by, body)) = match Record::read(&entry)? {
        Record::CommentMade { item, .. } => {
            let text: Option<CommentText> = decode_text(&entry)?;
            (item, text.map(|text| (text.by, text.body)).unzip())
        }
        // It was lost with a restore, and its message came back.
        Record::ItemMade(made) => {
            (made.item, Message::read(lookup.reader, at)?.body().map(written).unwrap_or_default())
        }
        _ => return Err(broken("a comment is another record")),
    };
    Ok(Comment {
        id: item,
        time: row.at,
        by,
        origin: None,
        audience: seen_by(lookup, &row.audience)?,
        body,
        edited: None,
        retracted: false,
        deliveries: delivery::all(lookup, row.at, &row.shared)?,
        aside: row.aside,
    })
}

fn partner_said(
    lookup: &Lookup<'_>,
    message: &Message,
    (origin, row): (Option<Origin>, ThreadRow),
    entries: &mut Vec<ThreadEntry>,
) -> Result<(), Refusal> {
    use deskwire_proto::message::Facts;
    match message.facts() {
        Some(Facts::CommentAdd(_)) => {
            let (by, body) = message.body().map(written).unwrap_or_default();
            entries.push(ThreadEntry::Comment(Comment {
                id: message.item,
                time: message.time,
                by,
                origin,
                audience: seen_by(lookup, &row.audience)?,
                body,
                edited: None,
                retracted: false,
                deliveries: Vec::new(),
                aside: row.aside,
            }));
        }
        Some(Facts::CommentEdit(facts)) => {
            if let Some(earlier) = comment_of(entries, &facts.comment, origin.as_ref())
                && !earlier.retracted
            {
                earlier.body = match message.body() {
                    Some(Body::CommentEdit { text, .. }) => Some(text.body),
                    Some(_) | None => None,
                };
                earlier.edited = Some(message.time);
            }
        }
        Some(Facts::CommentRetract(facts)) => {
            if let Some(earlier) = comment_of(entries, &facts.comment, origin.as_ref()) {
                earlier.body = None;
                earlier.retracted = true;
            }
        }
        Some(Facts::FileRetract(facts)) => retract_file(entries, &facts.file, origin.as_ref()),
        // Nothing that a person reads in a thread.
        Some(_) | None => {}
    }
    Ok(())
}

/// An earlier comment of the same partner.
fn comment_of<'a>(
    entries: &'a mut [ThreadEntry],
    id: &ItemId,
    origin: Option<&Origin>,
) -> Option<&'a mut Comment> {
    entries.iter_mut().find_map(|entry| match entry {
        ThreadEntry::Comment(comment) if comment.id == *id && comment.origin.as_ref() == origin => {
            Some(comment)
        }
        ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Happened(_) => None,
    })
}

fn retract_file(entries: &mut [ThreadEntry], id: &ItemId, origin: Option<&Origin>) {
    for entry in entries {
        match entry {
            ThreadEntry::File(file) if file.row.item == *id && file.origin.as_ref() == origin => {
                file.retracted = true;
            }
            ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Happened(_) => {}
        }
    }
}

fn event(lookup: &Lookup<'_>, at: EntryRef, no: DelegationNo, row: &ThreadRow) -> Result<Happened, Refusal> {
    let delegation = lookup.delegation(no)?;
    let message = Message::read(lookup.reader, at)?;
    let shown = lookup.reader.rows().get(DELEGATION_EVENTS, &(no, at))?;
    let shown = shown.ok_or_else(|| broken("an event of a thread is none of its delegation"))?;
    let (by, words) = message.body().map(written).unwrap_or_default();
    Ok(Happened {
        time: message.time,
        what: What::Event { message: message.kind.clone(), kind: shown.kind, words },
        by,
        partner: Some(lookup.partner(delegation.link)?.row.partner_name.clone()),
        theirs: matches!(row.author, Author::Partner(_)),
        delegation: Some(delegation.id),
        refused: row.aside.clone().or_else(|| row.shared.iter().find_map(|shared| shared.refused.clone())),
        delivery: undelivered(delivery::all(lookup, row.at, &row.shared)?),
        audience: seen_by(lookup, &row.audience)?,
    })
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
