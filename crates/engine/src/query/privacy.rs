//! Erasures: what a case or a person consists of, wherever it went, and how far each erasure has come.
//!
//! A text is one, however many records and items carry it: a comment with its edits and every item that took it to a
//! partner, the fields of a ticket with every offer and update that told them.

mod search;
mod strings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::text::{Code, Label};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{PrivacyRecord, Record, Rest, Subject};
use deskwire_store::row::{ErasureRow, LinkState};
use deskwire_store::table::{
    ERASE_REQUESTS, ERASING, ERASURE_REQUESTS, ERASURES, LINKS, OPEN_ERASURES, Rows, STREAMS,
};
use deskwire_store::{Direction, EntryRef};

use super::lookup::broken;
use crate::command::privacy::{Adopt, Carry, Finish, Standing, is_done, standing, standing_request, stands};
use crate::project::privacy::whole;
use crate::{Fault, Reader, Refusal};

pub use search::{find_case, find_person};
pub use strings::Person;

/// Most erasures that are looked at together.
const TOGETHER: usize = 256;

/// After how long a partner is asked again for what it did not take: a day, in milliseconds.
const AGAIN: u64 = 24 * 60 * 60 * 1_000;

/// What has to go.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Records whose texts go.
    pub entries: BTreeSet<EntryRef>,
    /// Own items whose texts have to go when the partner has them.
    pub unsent: BTreeSet<EntryRef>,
    /// Tickets whose titles go.
    pub tickets: BTreeSet<TicketNumber>,
    /// Tickets whose status loses its name at this desk.
    pub statuses: BTreeSet<TicketNumber>,
    /// Files whose bytes go.
    pub files: BTreeSet<FileNo>,
    /// The items by which partners have them, of both streams.
    pub items: BTreeMap<LinkNo, BTreeSet<ItemId>>,
    /// Delegations of which a partner has to erase everything, because it works on the case for this desk.
    pub cases: BTreeMap<LinkNo, BTreeSet<DelegationId>>,
    /// Tickets among them that partners still work on.
    pub open: BTreeSet<TicketNumber>,
    /// The same for people.
    pub shown: Vec<Shown>,
}

impl Found {
    /// Whether nothing has to go.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.unsent.is_empty() && self.items.is_empty()
    }
}

/// One text that would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The ticket on which it stands.
    pub ticket: Option<TicketNumber>,
    /// What it is: the kind of the message, or `ticket`, `comment`, `file`, `status`, or `queue` for who parked or dropped
    /// something.
    pub kind: String,
    /// The link over which it came or went, if it did.
    pub link: Option<LinkNo>,
    /// When it was stored.
    pub at: Timestamp,
}

/// How an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureState {
    /// Something of it is still on this disk.
    Here,
    /// It is gone here; partners have not all acknowledged.
    Partners,
    /// Everything is gone everywhere.
    Done,
}

/// One erasure.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The record with which it began.
    pub at: EntryRef,
    /// What it is about.
    pub subject: Subject,
    /// The partner who asks for it.
    pub by: Option<Label>,
    /// Code of the ground.
    pub basis: Code,
    /// Since when.
    pub since: Timestamp,
    /// How many texts went here.
    pub texts: u64,
    /// How it stands.
    pub state: ErasureState,
    /// The partners who were asked.
    pub asked: Vec<Asked>,
    /// When all was done.
    pub done: Option<Timestamp>,
}

/// A partner who was asked to erase, or cannot be.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its link.
    pub link: LinkNo,
    /// Its name.
    pub partner: Label,
    /// How many items it was asked for.
    pub items: u64,
    /// Since when; nothing while it was not asked.
    pub since: Option<Timestamp>,
    /// Whether anything can be said over its link now.
    pub reachable: bool,
    /// When it acknowledged.
    pub done: Option<Timestamp>,
    /// Why it did not take the request.
    pub refused: Option<String>,
}

/// What is to be done next for an erasure.
#[derive(Debug, Clone)]
pub enum Work {
    /// A request that came back.
    Adopt(Adopt),
    /// A step further.
    Carry(Box<Carry>),
    /// The end.
    Finish(Finish),
}

/// What can be done now for erasures that are not done. Each is a command for the writer; ask again afterwards. `stop` is
/// asked now and then whether to leave off.
///
/// # Errors
/// Whatever the store says.
pub fn erasure_work(reader: &Reader, stop: &mut dyn FnMut() -> bool) -> Result<Vec<Work>, Refusal> {
    let mut work = Vec::new();
    let mut sought: BTreeMap<LinkNo, Vec<(EntryRef, Asking)>> = BTreeMap::new();
    let mut after = None;
    loop {
        let open = page(reader, after)?;
        after = open.last().copied();
        for at in open {
            match reader.rows().get(ERASURES, &at)? {
                None => work.extend(returned(reader, at)?),
                Some(row) if row.carried || !stands(reader.rows(), at, &row)? => {
                    work.extend(next(reader, at, &row)?);
                }
                Some(row) => {
                    if let Some((no, asking)) = sought_by(reader, at, &row)? {
                        sought.entry(no).or_default().push((at, asking));
                    }
                }
            }
        }
        if after.is_none() || work.len() >= TOGETHER || stop() {
            break;
        }
    }
    for (no, asking) in sought {
        work.extend(seek(reader, no, asking, stop)?);
    }
    Ok(work)
}

/// The next open erasures.
fn page(reader: &Reader, after: Option<EntryRef>) -> Result<Vec<EntryRef>, Refusal> {
    let mut found = Vec::new();
    reader.rows().scan(OPEN_ERASURES, &(), after.as_ref(), Direction::Forward, &mut |at, ()| {
        if Some(at) != after {
            found.push(at);
        }
        Ok(if found.len() < TOGETHER { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// What a partner names, or had been asked for: items, and whole cases.
type Asking = (BTreeSet<ItemId>, BTreeSet<DelegationId>);

/// The erasure of a partner that was not looked for yet; of one of our own all was found when it was ordered.
fn sought_by(reader: &Reader, at: EntryRef, row: &ErasureRow) -> Result<Option<(LinkNo, Asking)>, Refusal> {
    let (no, asking) = match row.subject {
        Subject::Case(_) | Subject::Person => return Ok(None),
        Subject::Partner(no, ..) => (no, asked_for(reader, at)?),
        Subject::Returned(no, item) => {
            let request = reader.rows().get(ERASE_REQUESTS, &(no, item))?;
            let entry = request.and_then(|row| row.entry);
            (no, entry.map(|entry| asked_for(reader, entry)).transpose()?.unwrap_or_default())
        }
    };
    Ok((!recovers(reader, no)?).then_some((no, asking)))
}

/// Looks for all that a partner names with one look at both streams.
fn seek(
    reader: &Reader,
    no: LinkNo,
    asking: Vec<(EntryRef, Asking)>,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Vec<Work>, Refusal> {
    let all = asking.iter().flat_map(|(_, (items, _))| items.iter().copied()).collect();
    let Some(records) = search::records_of(reader, no, all, stop)? else { return Ok(Vec::new()) };
    let mut work = Vec::new();
    for (erasure, (items, cases)) in asking {
        if stop() {
            break;
        }
        let here = items.iter().filter_map(|item| records.get(item).copied());
        match search::find_items(reader, no, here, &cases) {
            Ok(found) => work.push(Work::Carry(Box::new(Carry { erasure, found }))),
            Err(refusal) if refusal.fault == Fault::Ours => return Err(refusal),
            Err(refusal) => tracing::error!(link = %no, %refusal, "what a partner asks for cannot be erased"),
        }
    }
    Ok(work)
}

/// What a restored desk gets back is complete only when its recovery is over.
fn recovers(reader: &Reader, no: LinkNo) -> Result<bool, Refusal> {
    Ok(reader.rows().get(STREAMS, &no)?.is_some_and(|stream| stream.recovery.is_some()))
}

fn returned(reader: &Reader, at: EntryRef) -> Result<Option<Work>, Refusal> {
    let Record::ItemMade(made) = reader.record(at)? else {
        return Err(broken("a request to erase is another record"));
    };
    Ok((!recovers(reader, made.no)?).then_some(Work::Adopt(Adopt(at))))
}

/// What an erasure needs next for which everything was found.
fn next(reader: &Reader, at: EntryRef, row: &ErasureRow) -> Result<Option<Work>, Refusal> {
    if !stands(reader.rows(), at, row)? {
        return Ok(Some(Work::Finish(Finish(at))));
    }
    let mut found = Found::default();
    if let Some(rest) = row.rest {
        let rest = self::rest(reader, rest)?;
        if can_go_on(reader, &rest)? {
            found.unsent = rest.unsent.into_iter().collect();
            for (no, item) in rest.unasked {
                found.items.entry(no).or_default().insert(item);
            }
            for (no, case) in rest.cases {
                found.cases.entry(no).or_default().insert(case);
            }
        } else {
            return Ok(None);
        }
    }
    for (no, (items, cases)) in refused(reader, at)? {
        found.items.entry(no).or_default().extend(items);
        found.cases.entry(no).or_default().extend(cases);
    }
    if !found.is_empty() {
        return Ok(Some(Work::Carry(Box::new(Carry { erasure: at, found }))));
    }
    Ok(is_done(reader.rows(), at, row)?.then_some(Work::Finish(Finish(at))))
}

/// What a partner did not take is asked for again, a day later at the earliest: it may have another program by then, or
/// less to do.
fn refused(reader: &Reader, erasure: EntryRef) -> Result<Vec<(LinkNo, Asking)>, Refusal> {
    let mut found = Vec::new();
    for ((_, key), ()) in reader.rows().list(ERASURE_REQUESTS, &erasure, usize::MAX)? {
        let Some(row) = reader.rows().get(ERASE_REQUESTS, &key)? else { continue };
        if row.refused.is_some()
            && row.done.is_none()
            && !row.replaced
            && reader.now().since(row.at) >= AGAIN
            && speaks(reader, key.0)?
            && let Some(entry) = row.entry
        {
            found.push((key.0, asked_for(reader, entry)?));
        }
    }
    Ok(found)
}

/// What a request names: a message of the partner, or an item of ours.
fn asked_for(reader: &Reader, at: EntryRef) -> Result<Asking, Refusal> {
    let facts = match reader.record(at)? {
        Record::Received(message) => {
            let head = read_head(&message.signed)?;
            Facts::decode(Kind::Erase, &head.facts)
        }
        Record::ItemMade(made) => Facts::decode(Kind::Erase, &made.facts),
        _ => return Err(broken("a request to erase is another record")),
    };
    match facts {
        Ok(Facts::Erase(facts)) => {
            let cases = facts.cases.iter().flat_map(|cases| cases.iter().copied()).collect();
            Ok((facts.items.iter().copied().collect(), cases))
        }
        Ok(_) | Err(_) => Err(broken("a request to erase cannot be read")),
    }
}

fn rest(reader: &Reader, at: EntryRef) -> Result<Rest, Refusal> {
    match reader.record(at)? {
        Record::Privacy(PrivacyRecord::Carried { rest, .. }) => Ok(rest),
        _ => Err(broken("what is left of an erasure is another record")),
    }
}

/// Whether anything of what was left can be done now.
fn can_go_on(reader: &Reader, rest: &Rest) -> Result<bool, Refusal> {
    let links: BTreeSet<LinkNo> =
        rest.unasked.iter().map(|(no, _)| *no).chain(rest.cases.iter().map(|(no, _)| *no)).collect();
    for no in links {
        if speaks(reader, no)? {
            return Ok(true);
        }
    }
    for at in &rest.unsent {
        let Record::ItemMade(made) = reader.record(*at)? else {
            return Err(broken("an item is another record"));
        };
        let closed = reader.rows().get(LINKS, &made.no)?.is_none_or(|row| row.state == LinkState::Closed);
        match standing(reader.rows(), made.no, *at, made.order)? {
            Standing::Never | Standing::Numbered(true) => return Ok(true),
            Standing::Waits(_) | Standing::Numbered(false) if closed => return Ok(true),
            Standing::Waits(_) | Standing::Numbered(false) => {}
        }
    }
    Ok(false)
}

/// Whom an order of this would ask, and for how many items: nobody for what was asked before.
///
/// # Errors
/// Whatever the store says.
pub fn would_ask(reader: &Reader, found: &Found) -> Result<Vec<Asked>, Refusal> {
    let mut asked = Vec::new();
    for (no, items) in &found.items {
        let mut new = 0;
        for item in items {
            new += u64::from(standing_request(reader.rows(), (*no, *item))?.is_none());
        }
        for case in found.cases.get(no).into_iter().flatten() {
            new += u64::from(standing_request(reader.rows(), (*no, whole(*case)))?.is_none());
        }
        if new > 0 {
            let (partner, reachable) = (name(reader, *no)?, speaks(reader, *no)?);
            let (link, items) = (*no, items.len() as u64);
            asked.push(Asked { link, partner, items, since: None, reachable, done: None, refused: None });
        }
    }
    Ok(asked)
}

/// Whether something can be said over a link.
fn speaks(reader: &Reader, no: LinkNo) -> Result<bool, Refusal> {
    let row = reader.rows().get(LINKS, &no)?;
    Ok(row.is_some_and(|row| {
        let open = matches!(row.state, LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_));
        open && !row.accord.close.is_begun()
    }))
}

/// The erasures of this desk, the newest first.
///
/// # Errors
/// Whatever the store says.
pub fn erasures(reader: &Reader, limit: usize) -> Result<Vec<Erasure>, Refusal> {
    let mut rows = Vec::new();
    reader.rows().scan(ERASURES, &(), None, Direction::Backward, &mut |at: EntryRef, row: ErasureRow| {
        rows.push((at, row));
        Ok(if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    rows.into_iter().map(|(at, row)| shown(reader, at, row)).collect()
}

/// One erasure by the record with which it began.
///
/// # Errors
/// When it does not exist, and whatever the store says.
pub fn erasure(reader: &Reader, at: EntryRef) -> Result<Erasure, Refusal> {
    let id = format!("{}-{}", at.segment, at.offset);
    let row = reader.rows().get(ERASURES, &at)?.ok_or_else(|| no_erasure(&id))?;
    shown(reader, at, row)
}

/// No erasure has this id.
#[must_use]
pub fn no_erasure(id: &str) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-erasure",
        format!("There is no erasure {id}."),
        "See all of them with `deskwire erase list`.",
    )
}

fn shown(reader: &Reader, at: EntryRef, row: ErasureRow) -> Result<Erasure, Refusal> {
    let mut here = !row.carried;
    for order in &row.orders {
        here |= reader.rows().get(ERASING, order)?.is_some();
    }
    let mut asked = Vec::new();
    for ((_, key), ()) in reader.rows().list(ERASURE_REQUESTS, &at, usize::MAX)? {
        let Some(request) = reader.rows().get(ERASE_REQUESTS, &key)?.filter(|row| !row.replaced) else {
            continue;
        };
        asked.push(Asked {
            link: key.0,
            partner: name(reader, key.0)?,
            items: request.items,
            since: Some(request.at),
            reachable: speaks(reader, key.0)?,
            done: request.done,
            refused: request.refused.map(|why| why.words.to_string()),
        });
    }
    if let Some(rest) = row.rest {
        let rest = self::rest(reader, rest)?;
        here |= !rest.unsent.is_empty();
        let mut unasked: BTreeMap<LinkNo, u64> = BTreeMap::new();
        rest.unasked.iter().for_each(|(no, _)| *unasked.entry(*no).or_default() += 1);
        for (link, items) in unasked {
            let (partner, reachable) = (name(reader, link)?, speaks(reader, link)?);
            asked.push(Asked { link, partner, items, since: None, reachable, done: None, refused: None });
        }
    }
    let state = match row.done {
        Some(_) => ErasureState::Done,
        None if here => ErasureState::Here,
        None => ErasureState::Partners,
    };
    let by = match row.subject {
        Subject::Partner(no, ..) => Some(name(reader, no)?),
        Subject::Case(_) | Subject::Person | Subject::Returned(..) => None,
    };
    let ErasureRow { subject, basis, at: since, texts, done, .. } = row;
    Ok(Erasure { at, subject, by, basis, since, texts, state, asked, done })
}

fn name(reader: &Reader, no: LinkNo) -> Result<Label, Refusal> {
    let row =
        reader.rows().get(LINKS, &no)?.ok_or_else(|| broken("an erasure of a link that is not there"))?;
    Ok(row.name)
}
