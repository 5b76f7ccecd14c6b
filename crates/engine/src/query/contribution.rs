//! Comments: their versions, whether they were taken back, and what of partners' ones goes onward.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_proto::id::{DelegationId, DeskId, ItemId};
use deskwire_proto::message::common::Person;
use deskwire_proto::message::{Body, comment_add};
use deskwire_proto::text::{Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{ActorText, CommentText, Record, ThreadRecord, decode_text};
use deskwire_store::row::{Author, Refused, RelayRow, Revision, Shared, ThreadKind, ThreadRow};
use deskwire_store::table::{RELAYS, REVISIONS, Rows, THREADS};
use deskwire_store::{Direction, EntryRef};

use super::delivery::{self, Delivery};
use super::lookup::{Lookup, broken};
use super::message::{Message, written};
use super::thread::{Origin, SeenBy, origin, seen_by};
use super::ticket::quoted;
use crate::command::comment::CommentAdded;
use crate::{Fault, Reader, Refusal};

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
    /// What the partner says of the desk that wrote it, if that is another one.
    pub relayed: Option<Relayed>,
    /// Who sees it.
    pub audience: SeenBy,
    /// What it says; nothing when it was retracted, withdrawn or erased.
    pub body: Option<Prose>,
    /// When it was edited last.
    pub edited: Option<Timestamp>,
    /// Whether its author took it back.
    pub retracted: bool,
    /// Whether its author took its text back before anybody was meant to read it.
    pub withdrawn: bool,
    /// The versions of an own one before the present one, oldest first, and of the present one how far it has come.
    pub history: Vec<Version>,
    /// How an own one was taken back.
    pub retraction: Option<Retraction>,
    /// How far an own one has come, or a partner's one that goes onward.
    pub deliveries: Vec<Delivery>,
    /// Where a partner's one waits before it goes onward.
    pub relays: Vec<Relay>,
    /// Why a partner's one has no effect: its desk has disowned it.
    pub aside: Option<Refused>,
}

/// One version of an own comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// When it was written.
    pub time: Timestamp,
    /// Who wrote it.
    pub by: Option<Person>,
    /// What it says; nothing once that was erased.
    pub body: Option<Prose>,
    /// How far an edit has come.
    pub deliveries: Vec<Delivery>,
}

/// How something was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// When.
    pub time: Timestamp,
    /// Who did it.
    pub by: Option<Person>,
    /// It stays here as an internal one.
    pub kept: bool,
    /// How far that has come.
    pub deliveries: Vec<Delivery>,
}

/// What is said of the author of something that another desk of the chain wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relayed {
    /// Its name; without one it is "a partner".
    pub author: Option<Label>,
    /// Its id, which its proof shows.
    pub proven: Option<DeskId>,
}

/// A place to which a partner's contribution does not go, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Where what waits stands in the thread: the contribution, or newer words of it.
    pub of: EntryRef,
    /// Its id.
    pub item: ItemId,
    /// The delegation.
    pub delegation: DelegationId,
    /// This desk's number of it.
    pub no: DelegationNo,
    /// How the partner there calls itself.
    pub partner: Label,
    /// A person said that it does not go.
    pub skipped: bool,
    /// Why it could not go by itself.
    pub why: Option<Refused>,
    /// Since when.
    pub since: Timestamp,
}

type Done = BTreeMap<EntryRef, Vec<(EntryRef, ThreadRow, Revision)>>;

/// What was done to the contributions of a ticket and stands, and what waits to go onward.
#[derive(Default)]
pub(super) struct Revisions {
    done: Done,
    waits: BTreeMap<EntryRef, Vec<(DelegationNo, RelayRow)>>,
}

impl Revisions {
    /// Of a whole thread.
    pub(super) fn of(
        reader: &Reader,
        ticket: TicketNumber,
        rows: &[((TicketNumber, EntryRef), ThreadRow)],
    ) -> Result<Self, Refusal> {
        let mut done = Done::new();
        for ((_, at), row) in rows.iter().filter(|(_, row)| row.aside.is_none()) {
            if let ThreadKind::Revised(revised) = row.kind {
                done.entry(revised.of).or_default().push((*at, row.clone(), revised.what));
            }
        }
        let mut waits = BTreeMap::<_, Vec<_>>::new();
        for ((_, (of, no)), row) in reader.rows().list(RELAYS, &ticket, usize::MAX)? {
            waits.entry(of).or_default().push((no, row));
        }
        Ok(Self { done, waits })
    }

    /// Of one contribution.
    pub(super) fn of_one(
        reader: &Reader,
        key: (TicketNumber, EntryRef),
        row: &ThreadRow,
    ) -> Result<Self, Refusal> {
        let mut rows = Vec::new();
        if row.revised {
            for ((_, (_, at)), ()) in reader.rows().list(REVISIONS, &key, usize::MAX)? {
                rows.extend(reader.rows().get(THREADS, &(key.0, at))?.map(|row| ((key.0, at), row)));
            }
        }
        Self::of(reader, key.0, &rows)
    }

    pub(super) fn done(&self, of: EntryRef) -> &[(EntryRef, ThreadRow, Revision)] {
        self.done.get(&of).map_or(&[], Vec::as_slice)
    }

    /// How an own contribution was taken back for good, or made internal and not opened again since.
    pub(super) fn retraction(
        &self,
        lookup: &Lookup<'_>,
        of: EntryRef,
    ) -> Result<Option<Retraction>, Refusal> {
        let is = |what: &Revision| matches!(what, Revision::Retracted | Revision::Hidden | Revision::Opened);
        let last = self.done(of).iter().rev().find(|(_, _, what)| is(what));
        let Some((at, row, what)) = last.filter(|(_, _, what)| *what != Revision::Opened) else {
            return Ok(None);
        };
        let entry = lookup.reader.entry(*at)?;
        let by = match Record::read(&entry)? {
            Record::Thread(_) => decode_text::<ActorText>(&entry)?.map(|text| text.by),
            _ => None,
        };
        let deliveries = delivery::all(lookup, row.at, &row.shared)?;
        Ok(Some(Retraction { time: row.at, by, kept: *what == Revision::Hidden, deliveries }))
    }

    /// Where a partner's contribution, or newer words of it, waits before it goes onward.
    pub(super) fn relays(
        &self,
        lookup: &Lookup<'_>,
        key: (TicketNumber, EntryRef),
        item: ItemId,
    ) -> Result<Vec<Relay>, Refusal> {
        let mut found = Vec::new();
        let stands = self.done(key.1).iter().map(|(at, ..)| *at).chain([key.1]);
        for of in stands {
            for (no, row) in self.waits.get(&of).map_or(&[][..], Vec::as_slice) {
                let delegation = lookup.delegation(*no)?;
                found.push(Relay {
                    ticket: key.0,
                    of,
                    item,
                    delegation: delegation.id,
                    no: *no,
                    partner: lookup.partner(delegation.link)?.row.partner_name.clone(),
                    skipped: row.skipped,
                    why: row.why.clone(),
                    since: row.at,
                });
            }
        }
        Ok(found)
    }
}

/// One own comment, as it was just added.
///
/// # Errors
/// `unknown-comment`, or when the store fails.
pub fn comment(reader: &Reader, ticket: TicketNumber, added: &CommentAdded) -> Result<Comment, Refusal> {
    let at = match added.at {
        Some(at) => at,
        None => find_comment(reader, ticket, &added.item.to_string())?,
    };
    comment_at(reader, ticket, at)
}

/// One comment by where it stands in the thread.
///
/// # Errors
/// When the store fails.
pub fn comment_at(reader: &Reader, ticket: TicketNumber, at: EntryRef) -> Result<Comment, Refusal> {
    let row = reader.rows().get(THREADS, &(ticket, at))?;
    let row = row.ok_or_else(|| broken("a comment that was found is not there"))?;
    let revisions = Revisions::of_one(reader, (ticket, at), &row)?;
    any(&Lookup::new(reader), (ticket, at), row, &revisions)
}

/// Where comments and files stand whose ids begin like this: an own one before partners', the newest of each id.
fn find_contributions(
    reader: &Reader,
    ticket: TicketNumber,
    id: &str,
) -> Result<Vec<(ItemId, EntryRef)>, Refusal> {
    let wanted = id.to_ascii_lowercase();
    let (mut own, mut theirs): (Vec<(ItemId, EntryRef)>, Vec<_>) = (Vec::new(), Vec::new());
    if wanted.len() < FEWEST_DIGITS {
        return Ok(own);
    }
    reader.rows().scan(THREADS, &ticket, None, Direction::Backward, &mut |(_, at), row| {
        if let Some(item) = row.item.filter(|item| item.to_hex().starts_with(&wanted)) {
            let found = match row.author {
                Author::Own => &mut own,
                Author::Partner(_) => &mut theirs,
            };
            if found.iter().all(|(known, _)| *known != item) {
                found.push((item, at));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    theirs.retain(|(item, _)| own.iter().all(|(known, _)| known != item));
    own.extend(theirs);
    Ok(own)
}

/// So many digits of an id have to be given at least.
const FEWEST_DIGITS: usize = 4;

/// Where a comment or a file stands in the thread of a ticket, by the id that a person gave.
///
/// # Errors
/// `unknown-comment`, `ambiguous-id`, or when the store fails.
pub fn find_comment(reader: &Reader, ticket: TicketNumber, id: &str) -> Result<EntryRef, Refusal> {
    let label = reader.identity().ticket_label(ticket);
    let found = find_contributions(reader, ticket, id)?;
    match found.as_slice() {
        [(_, at)] => Ok(*at),
        [] => Err(Refusal::new(
            Fault::NotFound,
            "unknown-comment",
            format!("The ticket {label} has no comment or file {}.", quoted(id)),
            format!("See what there is with `deskwire ticket show {label}`."),
        )),
        [..] => {
            let ids: Vec<_> = found.iter().take(4).map(|(item, _)| item.to_string()).collect();
            Err(Refusal::new(
                Fault::Invalid,
                "ambiguous-id",
                format!("Several ids on {label} begin with {}: {}.", quoted(id), ids.join(", ")),
                "Give more digits of it.",
            ))
        }
    }
}

/// What waits before it goes onward, of one ticket or of all, oldest first, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn relays(reader: &Reader, ticket: Option<TicketNumber>, limit: usize) -> Result<Vec<Relay>, Refusal> {
    let lookup = Lookup::new(reader);
    let mut rows = Vec::new();
    let mut visit = |key: (TicketNumber, (EntryRef, DelegationNo)), row: RelayRow| {
        rows.push((key, row));
        Ok(if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    match ticket {
        Some(ticket) => reader.rows().scan(RELAYS, &ticket, None, Direction::Forward, &mut visit)?,
        None => reader.rows().scan(RELAYS, &(), None, Direction::Forward, &mut visit)?,
    }
    let one = |((ticket, (of, no)), row): ((TicketNumber, (EntryRef, DelegationNo)), RelayRow)| {
        let delegation = lookup.delegation(no)?;
        let item = match reader.rows().get(THREADS, &(ticket, of))? {
            Some(row) => root_item(reader, ticket, &row)?,
            None => None,
        };
        Ok(Relay {
            ticket,
            of,
            item: item.ok_or_else(|| broken("what waits for a relay has no id"))?,
            delegation: delegation.id,
            no,
            partner: lookup.partner(delegation.link)?.row.partner_name.clone(),
            skipped: row.skipped,
            why: row.why,
            since: row.at,
        })
    };
    rows.into_iter().map(one).collect()
}

/// The id of a contribution, also by way of newer words of it.
fn root_item(reader: &Reader, ticket: TicketNumber, row: &ThreadRow) -> Result<Option<ItemId>, Refusal> {
    match row.kind {
        ThreadKind::Revised(revised) => {
            Ok(reader.rows().get(THREADS, &(ticket, revised.of))?.and_then(|root| root.item))
        }
        _ => Ok(row.item),
    }
}

/// A comment of a thread, whoever wrote it.
pub(super) fn any(
    lookup: &Lookup<'_>,
    key: (TicketNumber, EntryRef),
    row: ThreadRow,
    revisions: &Revisions,
) -> Result<Comment, Refusal> {
    match row.author {
        Author::Own => own(lookup, key.1, row, revisions),
        Author::Partner(link) => {
            let origin = origin(lookup, link, &row.audience)?;
            partners(lookup, key, (origin, row), revisions)
        }
    }
}

fn own(lookup: &Lookup<'_>, at: EntryRef, row: ThreadRow, revisions: &Revisions) -> Result<Comment, Refusal> {
    let mut history = Vec::new();
    let (id, by, body) = own_words(lookup, at)?;
    let deliveries = delivery::all(lookup, row.at, &present(&row.shared))?;
    history.push(Version { time: row.at, by: by.clone(), body, deliveries: Vec::new() });
    for (at, edit, what) in revisions.done(at) {
        if matches!(what, Revision::Edited(_)) {
            let (_, by, body) = own_words(lookup, *at)?;
            let deliveries = delivery::all(lookup, edit.at, &edit.shared)?;
            history.push(Version { time: edit.at, by, body, deliveries });
        }
    }
    let retraction = revisions.retraction(lookup, at)?;
    let retracted = retraction.as_ref().is_some_and(|back| !back.kept);
    let newest = history.last().cloned();
    let edited = newest.as_ref().filter(|_| history.len() > 1).map(|version| version.time);
    if edited.is_none() {
        history.clear();
    }
    Ok(Comment {
        id,
        time: row.at,
        by,
        origin: None,
        relayed: None,
        audience: seen_by(lookup, &row.audience)?,
        body: newest.and_then(|version| version.body).filter(|_| !retracted),
        edited,
        retracted,
        withdrawn: false,
        history,
        retraction,
        deliveries,
        relays: Vec::new(),
        aside: row.aside,
    })
}

/// Of what went to a partner again, after it was taken back, the last one.
fn present(shared: &[Shared]) -> Vec<Shared> {
    let later = |place: usize, one: &Shared| {
        shared.iter().skip(place + 1).any(|other| other.delegation == one.delegation)
    };
    shared.iter().enumerate().filter(|(place, one)| !later(*place, one)).map(|(_, one)| one.clone()).collect()
}

/// Id, author and words of an own comment, or of an edit of one.
fn own_words(lookup: &Lookup<'_>, at: EntryRef) -> Result<(ItemId, Option<Person>, Option<Prose>), Refusal> {
    let entry = lookup.reader.entry(at)?;
    let local = |item| -> Result<_, Refusal> {
        let text: Option<CommentText> = decode_text(&entry)?;
        let (by, body) = text.map(|text| (text.by, text.body)).unzip();
        Ok((item, by, body))
    };
    match Record::read(&entry)? {
        Record::CommentMade { item, .. } => local(item),
        Record::Thread(ThreadRecord::Edited { .. }) => local(ItemId::new([0; ItemId::SIZE])),
        // It was lost with a restore, and its message came back.
        Record::ItemMade(made) => {
            let (by, body) = Message::read(lookup.reader, at)?.body().map(written).unwrap_or_default();
            Ok((made.item, by, body))
        }
        _ => Err(broken("a comment is another record")),
    }
}

fn partners(
    lookup: &Lookup<'_>,
    key: (TicketNumber, EntryRef),
    (origin, row): (Option<Origin>, ThreadRow),
    revisions: &Revisions,
) -> Result<Comment, Refusal> {
    let message = Message::read(lookup.reader, key.1)?;
    let mut said = Said::of(message.body());
    let (mut withdrawn, mut edited, mut retracted) = (message.withdrawn, None, false);
    for (at, _, what) in revisions.done(key.1) {
        match what {
            Revision::Edited(_) => {
                let edit = Message::read(lookup.reader, *at)?;
                (withdrawn, edited) = (edit.withdrawn, Some(edit.time));
                said.take(edit.body());
            }
            Revision::Retracted => retracted = true,
            Revision::Hidden | Revision::Opened => {}
        }
    }
    Ok(Comment {
        id: message.item,
        time: message.time,
        by: said.by,
        origin,
        relayed: said.relayed,
        audience: seen_by(lookup, &row.audience)?,
        body: said.body.filter(|_| !retracted),
        edited,
        retracted,
        withdrawn,
        history: Vec::new(),
        retraction: None,
        deliveries: delivery::all(lookup, row.at, &row.shared)?,
        relays: revisions.relays(lookup, key, message.item)?,
        aside: row.aside,
    })
}

/// What a partner's comment says as it stands.
#[derive(Default)]
struct Said {
    by: Option<Person>,
    body: Option<Prose>,
    relayed: Option<Relayed>,
}

impl Said {
    fn of(body: Option<Body>) -> Self {
        let mut said = Self::default();
        said.take(body);
        said
    }

    /// An edit says everything anew; one that is gone leaves nothing.
    fn take(&mut self, body: Option<Body>) {
        match body {
            Some(Body::CommentAdd { text, .. } | Body::CommentEdit { text, .. }) => {
                let comment_add::Text { by, body, proof, origin, relayed } = text;
                let proven = proof.map(|proof| proof.0);
                self.relayed = (relayed == Some(true)).then_some(Relayed { author: origin, proven });
                (self.by, self.body) = (by.or_else(|| self.by.take()), Some(body));
            }
            Some(_) | None => self.body = None,
        }
    }
}
