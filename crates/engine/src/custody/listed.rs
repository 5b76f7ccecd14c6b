//! What was erased, as it is written down outside the store, where a restored backup does not lose it: proto-spec, section
//! 9.7. Nothing in it says what a text was.
//!
//! One line for each: `record` with the place and the hash of a record that has lost its text, `item` with link and item of
//! a message, `request` with what a partner is asked to erase, and behind them `order` with the place and the hash of the
//! record that had ordered it. As long as the journal has the last order, it has all of them; if it has not, an older state
//! was restored. `answered` says that a request is waited for no more.

mod line;

use std::collections::{BTreeMap, BTreeSet};

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, Hash, ItemId, LinkId};
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::text::Code;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{KeepRecord, PrivacyRecord, Record, Rest};
use deskwire_store::table::{
    Committed, ERASE_REQUESTS, ERASING, ERASURE_REQUESTS, ERASURES, LINK_IDS, LINKS, OPEN_ERASURES, Rows,
};
use deskwire_store::{Entry, EntryRef, Error, Result};

use super::Custody;
use crate::command::erase::Erase;
use crate::command::privacy::{ApplyErased, AskAgain, CASES, NAMED};

pub use line::{ErasedLine, ListedRequest, NoErasedLine};

/// What a list says as it was written last.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Orders that were written since the start.
    orders: BTreeSet<EntryRef>,
    /// Requests that are waited for.
    requests: BTreeMap<(LinkId, ItemId), ListedRequest>,
    /// The last order.
    last: Option<(EntryRef, Hash)>,
}

impl Listed {
    /// What these lines say, the oldest first.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a ErasedLine>) -> Self {
        let mut listed = Self::default();
        lines.into_iter().for_each(|line| listed.take(line));
        listed
    }

    fn take(&mut self, line: &ErasedLine) {
        match line {
            ErasedLine::Record(..) | ErasedLine::Item(..) => {}
            ErasedLine::Order(at, hash) => self.last = Some((*at, *hash)),
            ErasedLine::Request(asked) => {
                drop(self.requests.insert((asked.link, asked.request), ListedRequest::clone(asked)));
            }
            ErasedLine::Answered(link, request) => drop(self.requests.remove(&(*link, *request))),
        }
    }

    /// Whether a request is waited for.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.requests.is_empty()
    }
}

impl Custody {
    /// The lines of what is not carried out and what partners are asked for that the list does not have; they are added to
    /// it. They have to be on stable storage before [`Custody::erase_ordered`].
    ///
    /// # Errors
    /// Whatever journal and view say.
    pub fn erased_lines(&self, listed: &mut Listed) -> Result<Vec<ErasedLine>> {
        let rows = Committed(self.view.clone());
        let (mut lines, before) = (self.request_lines(&rows, listed)?, listed.last);
        for (order, ()) in rows.list(ERASING, &(), usize::MAX)? {
            if !listed.orders.insert(order) {
                continue;
            }
            let ordered = self.journal.read(order)?;
            let Record::Keep(KeepRecord::Erased { entries, .. }) = Record::read(&ordered)? else {
                return Err(Error::BadRow("an erasure that is another record".into()));
            };
            for at in entries {
                let entry = self.journal.read(at)?;
                lines.push(ErasedLine::Record(at, blank_hash(&entry)?));
                if let Some((no, item)) = item_of(&Record::read(&entry)?) {
                    let link = rows.get(LINKS, &no)?.map(|row| row.link);
                    lines.extend(link.map(|link| ErasedLine::Item(link, item)));
                }
            }
            lines.push(ErasedLine::Order(order, Hash::of(&ordered.facts)));
        }
        lines.iter().for_each(|line| listed.take(line));
        // The last one is that behind which a backup has all of them, whatever was written once more after a start.
        let orders = lines.iter().filter_map(ErasedLine::order).chain(before);
        if let Some(last) = orders.max_by_key(|(at, _)| *at).filter(|last| listed.last != Some(*last)) {
            listed.last = Some(last);
            lines.push(ErasedLine::Order(last.0, last.1));
        }
        Ok(lines)
    }

    /// What partners are asked for that the list does not say, each with the record that says so; and what it says is
    /// waited for and is not any more.
    fn request_lines(&self, rows: &Committed, listed: &Listed) -> Result<Vec<ErasedLine>> {
        let (mut lines, mut unsaid) = (Vec::new(), BTreeSet::new());
        let mut list = |asked: ListedRequest, at: EntryRef| -> Result<()> {
            if !listed.requests.contains_key(&(asked.link, asked.request)) {
                lines.push(ErasedLine::Request(Box::new(asked)));
                lines.push(self.order_line(at)?);
            }
            Ok(())
        };
        for (erasure, ()) in rows.list(OPEN_ERASURES, &(), usize::MAX)? {
            let Some(row) = rows.get(ERASURES, &erasure)? else { continue };
            for ((_, (no, request)), ()) in rows.list(ERASURE_REQUESTS, &erasure, usize::MAX)? {
                let asked = rows.get(ERASE_REQUESTS, &(no, request))?;
                let Some(asked) = asked.filter(|asked| asked.done.is_none() && !asked.replaced) else {
                    continue;
                };
                let (Some(at), Some(link)) = (asked.entry, rows.get(LINKS, &no)?) else { continue };
                if let Some(asked) = said(&Record::read(&self.journal.read(at)?)?, link.link) {
                    list(asked, at)?;
                }
            }
            if let Some(at) = row.rest {
                for asked in self.not_said(rows, at, &row.basis)? {
                    unsaid.insert((asked.link, asked.request));
                    list(asked, at)?;
                }
            }
        }
        for (link, request) in listed.requests.keys().filter(|key| !unsaid.contains(key)) {
            let Some(no) = rows.get(LINK_IDS, link)? else { continue };
            let asked = rows.get(ERASE_REQUESTS, &(no, *request))?;
            if asked.is_none_or(|asked| asked.done.is_some() || asked.replaced) {
                lines.push(ErasedLine::Answered(*link, *request));
            }
        }
        Ok(lines)
    }

    /// What partners have to be asked for and could not be yet.
    fn not_said(&self, rows: &Committed, at: EntryRef, basis: &Code) -> Result<Vec<ListedRequest>> {
        let Record::Privacy(PrivacyRecord::Carried { rest: Rest { unasked, cases, .. }, .. }) =
            Record::read(&self.journal.read(at)?)?
        else {
            return Err(Error::BadRow("what is left of an erasure is another record".into()));
        };
        let links: BTreeSet<LinkNo> = unasked.iter().map(|(no, _)| *no).collect();
        let mut found = Vec::new();
        for no in links {
            let Some(link) = rows.get(LINKS, &no)?.map(|row| row.link) else { continue };
            let items: Vec<ItemId> = unasked.iter().filter(|(of, _)| *of == no).map(|(_, id)| *id).collect();
            let cases: Vec<_> = cases.iter().filter(|(of, _)| *of == no).map(|(_, id)| *id).collect();
            let parts = items.len().div_ceil(NAMED).max(cases.len().div_ceil(CASES));
            for part in 0..parts {
                let named = items.chunks(NAMED).nth(part).unwrap_or(&items[..1]).to_vec();
                let cases = cases.chunks(CASES).nth(part).unwrap_or_default().to_vec();
                let request = id_of(&link, &named, &cases);
                found.push(ListedRequest { link, request, basis: basis.clone(), items: named, cases });
            }
        }
        Ok(found)
    }

    /// What this store still has of what the list says, and what may come back; nothing as long as it is the store that the
    /// list was written for. Run it before anything is said, and then write down [`Custody::order_line`] of its reply.
    ///
    /// # Errors
    /// Whatever journal and view say.
    pub fn erased_since(&self, list: &[ErasedLine]) -> Result<Option<ApplyErased>> {
        let listed = Listed::read(list);
        let Some((order, hash)) = listed.last else { return Ok(None) };
        if self.held(order)?.is_some_and(|entry| Hash::of(&entry.facts) == hash) {
            return Ok(None);
        }
        let rows = Committed(self.view.clone());
        let (mut entries, mut items) = (BTreeSet::new(), BTreeSet::new());
        let mut belongs = Belongs::default();
        for line in list {
            match line {
                ErasedLine::Order(..) | ErasedLine::Request(_) | ErasedLine::Answered(..) => {}
                ErasedLine::Item(link, item) => {
                    items.extend(rows.get(LINK_IDS, link)?.map(|no| (no, *item)));
                }
                ErasedLine::Record(at, hash) => {
                    let Some(entry) = self.held(*at)? else { continue };
                    if blank_hash(&entry)? == *hash {
                        belongs.take(&Record::read(&entry)?);
                        entries.insert(*at);
                    }
                }
            }
        }
        let entries = entries.into_iter().collect();
        let Belongs { tickets, files, statuses } = belongs;
        let (tickets, files) = (tickets.into_iter().collect(), files.into_iter().collect());
        let here = Erase { entries, tickets, files, left: false, statuses: statuses.into_iter().collect() };
        let ask = ask_again(&rows, listed)?;
        Ok(Some(ApplyErased { here, items: items.into_iter().collect(), ask }))
    }

    /// The line that says that the journal has an order.
    ///
    /// # Errors
    /// Whatever the journal says.
    pub fn order_line(&self, order: EntryRef) -> Result<ErasedLine> {
        Ok(ErasedLine::Order(order, Hash::of(&self.journal.read(order)?.facts)))
    }

    /// The entry at a place that may be another one's here, or nobody's.
    fn held(&self, at: EntryRef) -> Result<Option<Entry>> {
        match self.journal.read(at) {
            Ok(entry) => Ok(Some(entry)),
            Err(Error::NoEntry { .. } | Error::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the item of a request says.
fn said(record: &Record, link: LinkId) -> Option<ListedRequest> {
    let Record::ItemMade(made) = record else { return None };
    let Ok(Facts::Erase(facts)) = Facts::decode(Kind::Erase, &made.facts) else { return None };
    let cases = facts.cases.iter().flat_map(|cases| cases.iter().copied()).collect();
    let items = facts.items.iter().copied().collect();
    Some(ListedRequest { link, request: made.item, basis: facts.basis, items, cases })
}

/// Requests that are waited for and that this store knows nothing of, as it is older than they are.
fn ask_again(rows: &Committed, listed: Listed) -> Result<Vec<AskAgain>> {
    let mut ask = Vec::new();
    for ((link, request), ListedRequest { basis, items, cases, .. }) in listed.requests {
        match rows.get(LINK_IDS, &link)? {
            Some(no) if rows.get(ERASE_REQUESTS, &(no, request))?.is_none() => {
                ask.push(AskAgain { no, request, basis, items, cases });
            }
            Some(_) => {}
            None => tracing::warn!(
                link = %link.to_hex(),
                "a partner whose link is younger than this state was asked to erase, and has not answered"
            ),
        }
    }
    Ok(ask)
}

/// Under which id a request is listed that could not be said.
fn id_of(link: &LinkId, items: &[ItemId], cases: &[DelegationId]) -> ItemId {
    let mut parts: Vec<&[u8]> = vec![b"deskwire erase later", link.as_bytes()];
    parts.extend(items.iter().map(|item| item.as_bytes().as_slice()));
    parts.extend(cases.iter().map(|case| case.as_bytes().as_slice()));
    let hash = Hash::of_parts(&parts);
    let mut id = [0; ItemId::SIZE];
    id.copy_from_slice(&hash.as_bytes()[..ItemId::SIZE]);
    ItemId::new(id)
}

/// The hash of the facts of a record as they are when its text is gone.
fn blank_hash(entry: &Entry) -> Result<Hash> {
    Ok(Hash::of(&Record::blanked(entry)?.unwrap_or_else(|| entry.facts.clone())))
}

fn item_of(record: &Record) -> Option<(LinkNo, ItemId)> {
    match record {
        Record::Received(message) => read_head(&message.signed).ok().map(|head| (message.no, head.item)),
        Record::ItemMade(made) => Some((made.no, made.item)),
        _ => None,
    }
}

/// What goes with the texts of records: titles, names of statuses, and bytes.
#[derive(Default)]
struct Belongs {
    tickets: BTreeSet<TicketNumber>,
    files: BTreeSet<FileNo>,
    statuses: BTreeSet<TicketNumber>,
}

impl Belongs {
    fn take(&mut self, record: &Record) {
        match record {
            Record::TicketMade(made) => drop(self.tickets.insert(made.ticket)),
            Record::TicketStatus { ticket, .. } => drop(self.statuses.insert(*ticket)),
            Record::FileMade(made) => drop(self.files.insert(made.file)),
            Record::ItemMade(made) => self.files.extend(made.file.map(|(file, _)| file)),
            Record::Received(message) => {
                self.files.extend(message.local.file);
                let head = read_head(&message.signed).ok();
                let offers = head.and_then(|head| Kind::from_name(head.kind.as_str())) == Some(Kind::Offer);
                self.tickets.extend(message.local.ticket.filter(|_| offers));
            }
            _ => {}
        }
    }
}
