//! Comments.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::{self, Preview};
use deskwire_machine::thread::{self, Draft, Reach, Shareable};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::Body;
use deskwire_proto::message::comment_add::AuthorProof;
use deskwire_proto::message::common::Person;
use deskwire_proto::number::Revision;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{CommentText, Record, encode_text};
use deskwire_store::row::{Audience, DelegationRow, LinkRow};
use deskwire_store::table::{DELEGATIONS, LINKS, Rows, TICKET_DELEGATIONS};
use serde::{Deserialize, Serialize};

use super::late::Plan;
use super::say::{Saying, say};
use super::{find, late, queue};
use crate::identity::Identity;
use crate::{Command, Fault, Reader, Refusal, Step};

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
        let told = recipients(step.rows(), step.identity, self.ticket, &self.audience)?;
        let told = late::reached_by(step, told, &self.audience)?;
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
    rows: &impl Rows,
    identity: &Identity,
    ticket: TicketNumber,
    audience: &Audience,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    let label = identity.ticket_label(ticket);
    let chosen = match audience {
        Audience::Internal | Audience::Requester => return Ok(Vec::new()),
        Audience::Thread => None,
        Audience::Delegations(chosen) => Some(chosen),
    };
    if let Some(chosen) = chosen {
        let found = |no: &DelegationNo| match rows.get(TICKET_DELEGATIONS, &(ticket, *no))? {
            Some(()) => Ok((*no, named(rows, *no)?)),
            None => Err(not_of_ticket(&label, *no)),
        };
        return chosen.iter().map(found).collect();
    }
    let mut open = Vec::new();
    for (no, row) in delegations(rows, ticket)? {
        if reachable(rows, no, &row)? {
            open.push((no, row));
        }
    }
    if open.is_empty() { Err(nobody(&label)) } else { Ok(open) }
}

/// The delegations of a ticket, oldest first.
pub(super) fn delegations(
    rows: &impl Rows,
    ticket: TicketNumber,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    let mut found = Vec::new();
    for ((_, no), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        found.push((no, named(rows, no)?));
    }
    Ok(found)
}

fn named(rows: &impl Rows, no: DelegationNo) -> Result<DelegationRow, Refusal> {
    let row = rows.get(DELEGATIONS, &no)?;
    row.ok_or_else(|| find::broken("a ticket names a delegation that is not there"))
}

/// A partner that declined, that no offer will reach, or whose link is closed, is no partner of the case any more.
pub(super) fn reachable(rows: &impl Rows, no: DelegationNo, row: &DelegationRow) -> Result<bool, Refusal> {
    let gone = match row.case.view(0).state {
        State::Declined | State::Returned | State::Recalled => true,
        // What is parked with its offer is sent with it.
        State::Unoffered => !queue::offer_is_parked(rows, no, row)?,
        State::Offered
        | State::Accepted
        | State::InProgress
        | State::Waiting { .. }
        | State::Resolved
        | State::Confirmed => false,
    };
    Ok(!gone && rows.get(LINKS, &row.link)?.is_some_and(|link| find::speakable(&link).is_ok()))
}

fn nobody(label: &Label) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "no-partners",
        format!("The ticket {label} has no partners to whom this could go."),
        "Delegate the ticket first, or write an internal comment.",
    )
}

fn not_of_ticket(label: &Label, no: DelegationNo) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-delegation",
        format!("The ticket {label} has no delegation {no}."),
        "See its delegations with `deskwire ticket show`.",
    )
}

/// The partner that something goes to, as far as it decides what is said.
pub(super) struct To<'a> {
    pub(super) link: &'a LinkRow,
    pub(super) terms: &'a Terms,
}

/// The message that carries a comment to a partner, for the command and for its preview. For all partners of the case it
/// carries this desk's proof, where this desk lets relays name it.
pub(super) fn composed(
    identity: &Identity,
    to: &To<'_>,
    words: &Shareable<Prose>,
    by: &Person,
    (item, at): (ItemId, Timestamp),
) -> Body {
    let body = thread::comment(words, by, to.terms);
    proven(identity, to, words, body, (item, at))
}

/// New words of a comment that a partner knows as `item`: as [`composed`].
pub(super) fn recomposed(
    identity: &Identity,
    to: &To<'_>,
    words: &Shareable<Prose>,
    by: &Person,
    (item, at, version): (ItemId, Timestamp, Revision),
) -> Body {
    let body = thread::edit(words, item, version, by, to.terms);
    proven(identity, to, words, body, (item, at))
}

fn proven(
    identity: &Identity,
    to: &To<'_>,
    words: &Shareable<Prose>,
    body: Body,
    (item, at): (ItemId, Timestamp),
) -> Body {
    if !to.link.relay.sign || words.audience() != deskwire_proto::message::common::Audience::Thread {
        return body;
    }
    let proof = AuthorProof::seal(words.content(), item, at, identity.keys(), identity.secret());
    thread::with_proof(body, proof)
}

/// Says a comment to the partner of one delegation, naming the author as far as the terms let.
pub(super) fn send(
    step: &mut Step<'_>,
    thread: (TicketNumber, EntryRef),
    (no, item): (DelegationNo, Option<ItemId>),
    words: &Shareable<Prose>,
    by: &Person,
) -> Result<ItemId, Refusal> {
    let row = find::delegation(step, no)?;
    let link = find::link(step, row.link)?;
    let terms = find::terms(step, &link)?;
    let (no, row) = late::before(step, no, &row, &terms, by)?;
    let item = item.unwrap_or_else(|| step.item_id());
    let to = To { link: &link, terms: &terms };
    let body = composed(step.identity, &to, words, by, (item, step.now));
    let (delegation, thread) = (Some((no, row.id)), Some(thread));
    say(step, Saying { link: row.link, delegation, body, thread, file: None, item: Some(item) })
}

/// What [`AddComment`] would send to each partner, by the same function; nothing is changed.
///
/// # Errors
/// The refusal that [`AddComment`] would give.
pub fn preview(
    reader: &Reader,
    ticket: TicketNumber,
    body: &Prose,
    audience: &Audience,
    by: &Person,
) -> Result<Vec<(LinkNo, Preview)>, Refusal> {
    let identity = reader.identity();
    let Draft::Shared(words) = draft(body.clone(), audience) else { return Ok(Vec::new()) };
    previews(reader, ticket, audience, by, |to| {
        let message = composed(identity, to, &words, by, (ItemId::new([0; ItemId::SIZE]), reader.now()));
        Ok(disclosure::contribution(&message))
    })
}

/// What adding something to a ticket would send to each partner: what goes before it where it comes late, and the thing
/// itself.
pub(super) fn previews(
    reader: &Reader,
    ticket: TicketNumber,
    audience: &Audience,
    by: &Person,
    mut one: impl FnMut(&To<'_>) -> Result<Preview, Refusal>,
) -> Result<Vec<(LinkNo, Preview)>, Refusal> {
    let partner = |link: LinkNo| {
        let partner = reader.partner(link)?;
        partner.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))
    };
    let told = recipients(reader.rows(), reader.identity(), ticket, audience)?;
    let told = late::reached(reader, told, audience, |link| Ok(Arc::clone(&partner(link)?.terms)))?;
    let (mut followed, mut previews) = (BTreeSet::new(), Vec::new());
    for (_, row) in told {
        let partner = partner(row.link)?;
        find::speakable(&partner.row)?;
        let plan = late::plan(reader, &row, (&partner.row, &partner.terms), by)?;
        // What follows a second case of the same partner goes to the same new one.
        let again = matches!(plan, Plan::Follows(_)) && !followed.insert(row.link);
        let before = if again { Preview::default() } else { plan.preview() };
        let to = To { link: &partner.row, terms: &partner.terms };
        previews.push((row.link, before.then(one(&to)?)));
    }
    Ok(previews)
}
