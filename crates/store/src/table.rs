//! Typed access to the view: which rows there are, under which keys, and how they are read and written.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::id::{DelegationId, DeskId, Hash, InstanceId, ItemId, LinkId, LoopTag};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::compact;
use crate::local::{DelegationNo, FileNo, LinkNo, Order, TicketNumber};
use crate::row::{
    AccountRow, AgreementRow, ClockRow, CounterRow, DelegationEventRow, DelegationRow, DerivingRow, DueRow,
    ErasureRow, ExchangeRow, ExpectedRow, FigureRow, FileRow, HelloRow, InvitationRow, KeyedRow,
    LinkEventRow, LinkRow, OpenRow, OwnKeysRow, ParkedRow, ReceivedRow, RelayRow, ReportRow, RequestRow,
    ResolvedKey, SentRow, StreamRow, ThreadRow, TicketRow, VersionRow, WaitingRow, WordRow, WorkItemRow,
};
use crate::{Direction, EntryRef, Error, Result, View, VisitRow};

/// The version of all rows together: a view of another version is set aside and folded anew.
pub const SCHEMA: u32 = 8;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $key:ty => $row:ty;)*) => {
        $($(#[$doc])*
        pub const $name: Table<$key, $row> = Table { prefix: $prefix, types: PhantomData };)*

        /// Every prefix that a row of the view can have.
        pub const PREFIXES: &[u8] = &[$($prefix),*];

        const _: () = assert!(are_distinct(PREFIXES), "two tables have one prefix");
    };
}

const fn are_distinct(prefixes: &[u8]) -> bool {
    let mut one = 0;
    while one < prefixes.len() {
        let mut other = one + 1;
        while other < prefixes.len() {
            if prefixes[one] == prefixes[other] {
                return false;
            }
            other += 1;
        }
        one += 1;
    }
    true
}

tables! {
    /// What this desk counts.
    COUNTERS = b'c', () => CounterRow;
    /// Tickets.
    TICKETS = b't', TicketNumber => TicketRow;
    /// What happened on a ticket, in the order it was stored.
    THREADS = b'h', (TicketNumber, EntryRef) => ThreadRow;
    /// What authors did to contributions, by where each stands in the thread: the entries of [`THREADS`] that say it.
    REVISIONS = b'm', (TicketNumber, (EntryRef, EntryRef)) => ();
    /// What partners contributed and does not go onward to a delegation, or not yet.
    RELAYS = b'N', (TicketNumber, (EntryRef, DelegationNo)) => RelayRow;
    /// Loop tags of offers of ours, and whose they are.
    LOOP_TAGS = b'M', LoopTag => TicketNumber;
    /// The key by which ids are derived from their causes.
    DERIVING = b'1', () => DerivingRow;
    /// The delegations of a ticket.
    TICKET_DELEGATIONS = b'j', (TicketNumber, DelegationNo) => ();
    /// Delegations, both ways.
    DELEGATIONS = b'd', DelegationNo => DelegationRow;
    /// A link's delegations by the id that both desks use.
    DELEGATION_IDS = b'D', (LinkNo, DelegationId) => DelegationNo;
    /// The events of a delegation's fold and what became of them.
    DELEGATION_EVENTS = b'e', (DelegationNo, EntryRef) => DelegationEventRow;
    /// Where the event with a place in its author's stream stands in [`DELEGATION_EVENTS`].
    EVENT_PLACES = b'E', (DelegationNo, EventPlace) => EntryRef;
    /// Links.
    LINKS = b'l', LinkNo => LinkRow;
    /// What happened to a link, for its operator; what concerns the whole desk stands under link 0.
    LINK_EVENTS = b'V', (LinkNo, EntryRef) => LinkEventRow;
    /// Links by the id that both desks use.
    LINK_IDS = b'L', LinkId => LinkNo;
    /// Where both streams of a link stand.
    STREAMS = b's', LinkNo => StreamRow;
    /// The receipts of a partner, by how far each goes.
    RECEIPTS = b'R', (LinkNo, u64) => EntryRef;
    /// Receipts of a partner that bind nobody since its key changed, by how far each goes, until one covers what they did.
    VOID_RECEIPTS = b'*', (LinkNo, u64) => EntryRef;
    /// The hellos of a partner that were answered, by hash: one that comes again later is old.
    HELLOS = b'H', (LinkNo, Hash) => HelloRow;
    /// Erasures that are not done everywhere yet, by the record that orders each.
    ERASING = b'S', EntryRef => ();
    /// How many delegations of a link are open, and how many in all.
    OPEN_DELEGATIONS = b'n', LinkNo => OpenRow;
    /// Instances of a partner that a later one has replaced.
    RETIRED = b'I', (LinkNo, InstanceId) => ();
    /// Items accepted and not yet numbered.
    WAITING = b'w', (LinkNo, Order) => WaitingRow;
    /// Items that were taken out of the queue until somebody sends them again.
    PARKED = b'q', (LinkNo, Order) => ParkedRow;
    /// Items that were dropped and that a partner may hand back all the same, where this desk does not know yet what it
    /// has lost: those that stand on a ticket, until the next recovery on their link has ended.
    DROPPED = b'$', (LinkNo, Order) => WaitingRow;
    /// The parked items of a delegation.
    PARKED_OF = b'Q', (DelegationNo, Order) => ();
    /// Our numbered messages.
    SENT = b'o', (LinkNo, u64) => SentRow;
    /// The partner's messages.
    RECEIVED = b'r', (LinkNo, u64) => ReceivedRow;
    /// Our own receipts that a partner handed back after a loss, by how far each goes.
    TOLD = b'T', (LinkNo, u64) => EntryRef;
    /// Items of messages of ours that came back after a loss.
    RECOVERED_ITEMS = b'J', (LinkNo, ItemId) => u64;
    /// Items of messages that were handed back to a partner: it may say them again by mistake.
    RETURNED_ITEMS = b'U', (LinkNo, ItemId) => u64;
    /// Our messages of a branch that was left.
    LEFT_SENT = b'Y', (LinkNo, (u64, EntryRef)) => SentRow;
    /// The partner's messages of a branch that was left.
    LEFT_RECEIVED = b'Z', (LinkNo, (u64, EntryRef)) => ReceivedRow;
    /// Files.
    FILES = b'f', FileNo => FileRow;
    /// Files that are still to be fetched from a partner.
    FETCHING = b'F', (LinkNo, FileNo) => ();
    /// Files by the hash of their bytes.
    BLOB_FILES = b'y', (Hash, FileNo) => ();
    /// The files that our messages announced and that the partner may not have yet; what is brought is taken off.
    ANNOUNCED = b'O', (LinkNo, u64) => FileNo;
    /// The files that were brought to a partner, or that it did not take.
    BROUGHT = b'0', (LinkNo, u64) => FileNo;
    /// The same, by how many messages of ours there were when each was brought: a backup of the partner with more of them has
    /// the file too.
    BROUGHT_AT = b'&', (LinkNo, (u64, u64)) => ();
    /// The files that a restored partner has lost: announced once more when it holds the messages again.
    LOST = b'@', (LinkNo, u64) => FileNo;
    /// The record with the partner's own hello that told where its newest key begins.
    PLACED = b'^', LinkNo => EntryRef;
    /// Which blobs a partner may fetch.
    GRANTS = b'g', (LinkNo, Hash) => FileNo;
    /// Invitations by the hash of their secret.
    INVITATIONS = b'i', Hash => InvitationRow;
    /// Linking exchanges that we answered, by the hash of the answer.
    EXCHANGES = b'x', Hash => ExchangeRow;
    /// Desks that the operator added by hand and that have not linked yet.
    EXPECTED = b'X', DeskId => ExpectedRow;
    /// The keys of this desk as its journal knows them.
    OWN_KEYS = b'K', () => OwnKeysRow;
    /// The record with the descriptor that partners were told of last.
    OWN_FACE = b'8', () => EntryRef;
    /// How long before its own promise this desk wants work done that it hands over on a link, ms.
    RESERVES = b'9', LinkNo => u64;
    /// Messages that say something to a link as a whole: by 0 for the partner's and 1 for ours, then by number.
    WORDS = b'a', (LinkNo, (u64, u64)) => WordRow;
    /// Terms that came into force after those of linking, by version.
    VERSIONS = b'A', (LinkNo, u64) => VersionRow;
    /// Delegations whose settled state has changed and for which no rule of the link has run yet.
    DUE = b'W', (LinkNo, DelegationNo) => DueRow;
    /// Settled resolutions of partners that wait for our word, by when they were stored here.
    RESOLVED = b'v', (LinkNo, ResolvedKey) => ();
    /// Numbered messages of the account of a link: those about statements?, our own?, number.
    ACCOUNT = b'b', (LinkNo, (bool, (bool, u64))) => AccountRow;
    /// Where numbered messages about lines of work stand: our own?, item.
    WORK_ITEMS = b'B', (LinkNo, (bool, ItemId)) => WorkItemRow;
    /// What is settled of each delegation, for figures about partners: by the month of the offer, counted from 1970.
    FIGURES = b'G', (LinkNo, (u64, DelegationNo)) => FigureRow;
    /// The clocks of delegations with deadlines, as they were looked at last.
    CLOCKS = b'z', DelegationNo => ClockRow;
    /// When the clock of a delegation is looked at next, ms; 0 when something has happened since.
    CLOCK_DUE = b'u', (u64, DelegationNo) => ();
    /// Reports about desks further down.
    REPORTS = b'2', DelegationNo => ReportRow;
    /// The record with the business hours of this desk.
    HOURS = b'3', () => EntryRef;
    /// The partner's newest word on what it sees of a delegation.
    AGREEMENTS = b'p', DelegationNo => AgreementRow;
    /// Of those, what was not compared yet.
    TO_COMPARE = b'P', DelegationNo => ();
    /// Erasures along a chain, by the record with which each began.
    ERASURES = b'4', EntryRef => ErasureRow;
    /// Those that are not done, and requests of ours that came back after a restore and belong to none yet.
    OPEN_ERASURES = b'5', EntryRef => ();
    /// Our own `privacy.erase`, by their items.
    ERASE_REQUESTS = b'6', (LinkNo, ItemId) => RequestRow;
    /// Items that either desk of a link asked the other to erase: by which item of ours, or nothing for the partner's. Whole
    /// cases too, under the bytes of the delegation's id.
    ERASED_ITEMS = b'7', (LinkNo, ItemId) => Option<ItemId>;
    /// The requests to partners on which an erasure waits, or has waited.
    ERASURE_REQUESTS = b'C', (EntryRef, (LinkNo, ItemId)) => ();
    /// Erasures that a partner asks for and that are not done.
    ASKED_ERASURES = b'!', (LinkNo, EntryRef) => ();
    /// Items that were erased before this desk was restored: what comes back of them is taken without its text.
    GONE_ITEMS = b'#', (LinkNo, ItemId) => ();
    /// Records with texts that no ticket shows, by the ticket that they are about, 0 for none: items that never left, messages
    /// without effect, what was said about a link as a whole.
    UNSHOWN = b'%', (TicketNumber, EntryRef) => ();
    /// The record by which an item was taken out of the queue, or dropped, by the item's place: when, and by whom.
    HANDLED = b')', (LinkNo, Order) => EntryRef;
    /// Records that say the same, though each is shown by itself: a partner's solution, and our resolution that passed it on.
    /// Both ways.
    PASSED = b'(', (TicketNumber, (EntryRef, EntryRef)) => ();
    /// Answers to changing calls, by their idempotency key.
    KEYED = b'k', Hash => KeyedRow;
}

/// The tables whose rows are written in the order of their keys and seldom changed later: a backend may keep several of
/// them together.
pub const PACKED: &[u8] = &[THREADS.prefix, RECEIPTS.prefix, WAITING.prefix, SENT.prefix, RECEIVED.prefix];

/// The tables of which a few rows are read with nearly every message.
pub const READ_OFTEN: &[u8] = &[
    COUNTERS.prefix,
    TICKETS.prefix,
    TICKET_DELEGATIONS.prefix,
    DELEGATIONS.prefix,
    DELEGATION_IDS.prefix,
    LINKS.prefix,
    LINK_IDS.prefix,
    STREAMS.prefix,
];

/// The place of an event of the fold: by the contractor?, numbered?, its sequence or waiting number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace(pub bool, pub bool, pub u64);

/// One kind of rows: its prefix, the type of its keys and of its values.
#[derive(Debug)]
pub struct Table<K, R> {
    prefix: u8,
    types: PhantomData<fn(K) -> R>,
}

impl<K, R> Clone for Table<K, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, R> Copy for Table<K, R> {}

impl<K: Key, R: Serialize + DeserializeOwned> Table<K, R> {
    /// The key's bytes in the view: prefix, then the key in an order-preserving form.
    pub fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40);
        bytes.push(self.prefix);
        key.write(&mut bytes);
        bytes
    }

    fn split(&self, bytes: &[u8]) -> Result<K> {
        let mut rest = bytes.get(1..).unwrap_or_default();
        K::read(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| {
            Error::BadRow(format!("a key of table '{}' cannot be read", char::from(self.prefix)))
        })
    }

    /// The row that these bytes of a view are.
    ///
    /// # Errors
    /// [`Error::BadRow`] for bytes of another type.
    pub fn value(&self, bytes: &[u8]) -> Result<R> {
        compact::decode(bytes)
            .map_err(|error| Error::BadRow(format!("a row of table '{}': {error}", char::from(self.prefix))))
    }
}

/// A key whose bytes sort as the key does.
pub trait Key: Sized {
    /// Appends the bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Takes the bytes off the front.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*front)
}

macro_rules! number_keys {
    ($($name:ty: $inner:ty, $make:expr, $number:expr;)*) => {
        $(impl Key for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let number: fn(&Self) -> $inner = $number;
                out.extend_from_slice(&number(self).to_be_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(<$inner>::from_be_bytes).map($make)
            }
        })*
    };
}

number_keys! {
    u64: u64, |n| n, |n| *n;
    TicketNumber: u64, TicketNumber, |n| n.0;
    DelegationNo: u64, DelegationNo, |n| n.0;
    FileNo: u64, FileNo, |n| n.0;
    Order: u64, Order, |n| n.0;
    LinkNo: u32, LinkNo, |n| n.0;
}

macro_rules! id_keys {
    ($($name:ident)*) => {
        $(impl Key for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map($name::new)
            }
        })*
    };
}

id_keys! { Hash DeskId LinkId DelegationId ItemId InstanceId LoopTag }

impl Key for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Key for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [flag] = take(bytes)?;
        Some(flag != 0)
    }
}

impl Key for EntryRef {
    fn write(&self, out: &mut Vec<u8>) {
        self.segment.write(out);
        self.offset.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { segment: u64::read(bytes)?, offset: u64::read(bytes)? })
    }
}

impl Key for EventPlace {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[u8::from(self.0), u8::from(self.1)]);
        self.2.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [contractor, numbered] = take(bytes)?;
        Some(Self(contractor != 0, numbered != 0, u64::read(bytes)?))
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

/// Rows that can be read: the committed view, or the view with the changes of a step not yet committed.
pub trait Rows {
    /// The bytes of one row.
    ///
    /// # Errors
    /// Whatever the view says.
    fn raw_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the rows from `start` up to, not including, `end`.
    ///
    /// # Errors
    /// Whatever the view says.
    fn raw_scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()>;

    /// One row.
    ///
    /// # Errors
    /// Whatever the view says, or [`Error::BadRow`] for bytes that are no such row.
    fn get<K: Key, R: Serialize + DeserializeOwned>(&self, table: Table<K, R>, key: &K) -> Result<Option<R>> {
        self.raw_get(&table.key(key))?.map(|bytes| table.value(&bytes)).transpose()
    }

    /// Visits the rows of a table whose keys begin with `start` or come after it (before it, backward), as long as
    /// they begin with `prefix` and the visitor goes on.
    ///
    /// # Errors
    /// Whatever the view or the visitor says.
    fn scan<P: Key, K: Key, R: Serialize + DeserializeOwned>(
        &self,
        table: Table<K, R>,
        prefix: &P,
        from: Option<&K>,
        direction: Direction,
        visit: &mut dyn FnMut(K, R) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut low = vec![table.prefix];
        prefix.write(&mut low);
        let mut high = successor(&low);
        match (from, direction) {
            (Some(from), Direction::Forward) => low = table.key(from),
            (Some(from), Direction::Backward) => high = table.key(from),
            (None, Direction::Forward | Direction::Backward) => {}
        }
        let mut failure = None;
        self.raw_scan(&low, &high, direction, &mut |key, value| {
            let step = table.split(key).and_then(|key| visit(key, table.value(value)?));
            step.unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        })?;
        failure.map_or(Ok(()), Err)
    }

    /// Up to `limit` rows whose keys begin with `prefix`, after (or before) a key where one is given.
    ///
    /// # Errors
    /// Whatever the view says.
    fn list<P: Key, K: Key, R: Serialize + DeserializeOwned>(
        &self,
        table: Table<K, R>,
        prefix: &P,
        limit: usize,
    ) -> Result<Vec<(K, R)>> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        self.scan(table, prefix, None, Direction::Forward, &mut |key, row| {
            rows.push((key, row));
            Ok(if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(rows)
    }
}

/// Rows that a step of the engine changes.
pub trait RowsMut: Rows {
    /// Writes the bytes of one row.
    fn raw_put(&mut self, key: Vec<u8>, value: Vec<u8>);

    /// Deletes one row.
    fn raw_delete(&mut self, key: Vec<u8>);

    /// Writes a row.
    ///
    /// # Errors
    /// [`Error::BadRow`] if it has no stored form.
    fn put<K: Key, R: Serialize + DeserializeOwned>(
        &mut self,
        table: Table<K, R>,
        key: &K,
        row: &R,
    ) -> Result<()> {
        let bytes = compact::encode(row).map_err(|error| Error::BadRow(error.to_string()))?;
        self.raw_put(table.key(key), bytes);
        Ok(())
    }

    /// Deletes a row.
    fn delete<K: Key, R: Serialize + DeserializeOwned>(&mut self, table: Table<K, R>, key: &K) {
        self.raw_delete(table.key(key));
    }
}

/// The committed view as typed rows. Cheap to clone.
#[derive(Clone)]
pub struct Committed(pub Arc<dyn View>);

impl Rows for Committed {
    fn raw_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(key)
    }

    fn raw_scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        self.0.scan(start, Some(end), direction, visit)
    }
}

/// The smallest key after all keys that begin with `prefix`. Prefixes of tables are ASCII, so there always is one.
fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < 0xff {
            next.push(last + 1);
            break;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    //! A key that sorts wrongly would hide messages from a scan.
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_do_and_come_back() {
        let keys = [(LinkNo(1), 2u64), (LinkNo(1), 256), (LinkNo(2), 0), (LinkNo(0x100), 1)];
        let bytes: Vec<_> = keys.iter().map(|key| SENT.key(key)).collect();
        assert!(bytes.is_sorted());
        for (key, bytes) in keys.iter().zip(&bytes) {
            assert_eq!(SENT.split(bytes).unwrap(), *key);
        }
        assert!(SENT.split(&bytes[0][..5]).is_err());
    }

    #[test]
    fn no_two_tables_share_a_prefix() {
        let mut seen = PREFIXES.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), PREFIXES.len());
    }

    #[test]
    fn the_successor_ends_a_prefix_exactly() {
        assert_eq!(successor(&[b'a', 0xff]), [b'b']);
        assert_eq!(successor(&[b'a', 1]), [b'a', 2]);
    }
}
