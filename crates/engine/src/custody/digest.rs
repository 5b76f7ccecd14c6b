//! What can be given back of one closed segment of the journal: records that later ones in the same segment replace
//! whole, what no row needs, answers that nobody asks for any more. A fold of what is left gives the same rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::cose::Sign1;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::id::{DeskId, Hash, InstanceId, SessionId};
use deskwire_proto::session::Hello;
use deskwire_proto::time::Timestamp;
use deskwire_store::journal::Verdict;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::table::{Committed, HELLOS, KEYED, Rows, STREAMS};
use deskwire_store::{EntryRef, Result};

use crate::sabotage::{self, Sabotage};

/// Answered hellos of a link that may still wait for their first batch.
const PENDING: usize = 4;

/// Goes through a segment and notes what becomes of which entry.
pub(super) struct Digest<'a> {
    rows: &'a Committed,
    /// Whether what earlier segments held of swept rows is gone.
    nothing_before: bool,
    verdicts: BTreeMap<EntryRef, Verdict>,
    links: BTreeMap<LinkNo, OfLink>,
    asks: BTreeMap<DeskId, EntryRef>,
}

/// What was seen of one link so far.
#[derive(Default)]
struct OfLink {
    open: Option<BTreeSet<SessionId>>,
    /// The last hello of ours.
    hello: Option<EntryRef>,
    /// Receipts of ours that nothing seen so far covers, the newest last.
    given: Vec<(EntryRef, u64, u64)>,
    /// Failures since delivery last went on.
    failed: Vec<EntryRef>,
    back: Option<EntryRef>,
    /// Hellos of the partner without a batch yet, in order.
    answered: VecDeque<Answered>,
    /// Sessions that stay, and their instances.
    kept: BTreeMap<SessionId, InstanceId>,
    /// Whose session was taken last under the present keys.
    instance: Option<InstanceId>,
    /// The last descriptor, the head of its keys, and whether the one before had the same.
    descriptor: Option<(EntryRef, Hash, bool)>,
}

struct Answered {
    at: EntryRef,
    session: SessionId,
    instance: InstanceId,
    left: Verdict,
}

impl<'a> Digest<'a> {
    pub(super) fn new(rows: &'a Committed, nothing_before: bool) -> Self {
        let (verdicts, links, asks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { rows, nothing_before, verdicts, links, asks }
    }

    /// Looks at the next entry.
    pub(super) fn look(&mut self, at: EntryRef, record: Record) -> Result<()> {
        match record {
            Record::Welcomed { .. } | Record::Keep(KeepRecord::SegmentEnded { .. }) => self.drop(at),
            Record::Answered { key, at: when, .. }
                if self.rows.get(KEYED, &key)?.is_none_or(|row| row.at != when) =>
            {
                self.drop(at);
            }
            Record::Swept { exchanges, hellos, .. } if self.nothing_before => {
                if exchanges.is_empty() && hellos.is_empty() {
                    self.drop(at);
                } else {
                    let left = Record::Swept { keyed: Vec::new(), exchanges, hellos };
                    self.replace(at, &left)?;
                }
            }
            Record::Keep(KeepRecord::HelloSeen { no, hello, .. })
                if self.rows.get(HELLOS, &(no, hello))?.is_none() =>
            {
                self.drop(at);
            }
            Record::AskFailed { desk, .. } => {
                let before = self.asks.insert(desk, at);
                self.drop_all(before);
            }
            Record::HelloSaid { no, hello, .. } => {
                let kept = if tells_change(&hello) { None } else { Some(at) };
                let before = std::mem::replace(&mut self.link(no).hello, kept);
                self.drop_all(before);
            }
            Record::HelloAnswered { no, hello, session, instance, at: when, .. } => {
                self.answered(at, no, &hello, (session, instance), when)?;
            }
            Record::SessionTaken { no, session, .. } => self.taken(at, no, session),
            Record::ReceiptGiven { no, upto, base, .. } => self.given(at, no, upto, base),
            Record::DeliveryFailed { no, .. } => self.link(no).failed.push(at),
            Record::DeliveryBack { no, .. } => self.back(no, Some(at)),
            Record::LinkApproved { no, .. } | Record::LinkActive { no, .. } | Record::Resumed { no, .. } => {
                self.back(no, None);
            }
            Record::DescriptorTaken { no, descriptor, .. } => self.described(at, no, &descriptor),
            Record::KeyLogTaken { no, .. } => self.link(no).instance = None,
            _ => {}
        }
        Ok(())
    }

    /// What becomes of which entry; the others stay.
    pub(super) fn finish(mut self) -> BTreeMap<EntryRef, Verdict> {
        for of in std::mem::take(&mut self.links).into_values() {
            // The first failure says since when, the last one what is tried next.
            let middle = of.failed.len().saturating_sub(1);
            of.failed[..middle].iter().skip(1).for_each(|at| self.drop(*at));
            // The batch of the newest ones may come in the next segment.
            let over = of.answered.len().saturating_sub(PENDING);
            for answered in of.answered.into_iter().take(over) {
                self.verdicts.insert(answered.at, answered.left);
            }
        }
        self.verdicts
    }

    fn link(&mut self, no: LinkNo) -> &mut OfLink {
        self.links.entry(no).or_default()
    }

    fn drop(&mut self, at: EntryRef) {
        self.verdicts.insert(at, Verdict::Drop);
    }

    fn drop_all(&mut self, entries: impl IntoIterator<Item = EntryRef>) {
        entries.into_iter().for_each(|at| self.drop(at));
    }

    fn replace(&mut self, at: EntryRef, left: &Record) -> Result<()> {
        self.verdicts.insert(at, Verdict::Replace(left.entry(None)?.facts));
        Ok(())
    }

    fn answered(
        &mut self,
        at: EntryRef,
        no: LinkNo,
        hello: &[u8],
        (session, instance): (SessionId, InstanceId),
        when: Timestamp,
    ) -> Result<()> {
        if self.link(no).open.is_none() {
            let row = self.rows.get(STREAMS, &no)?;
            let open = row.iter().flat_map(|row| row.pending.iter().chain(&row.session));
            let open = open.map(|session| session.session).collect();
            self.link(no).open = Some(open);
        }
        let seen = Hash::of(hello);
        let of = self.links.entry(no).or_default();
        if tells_change(hello) || of.open.as_ref().is_none_or(|open| open.contains(&session)) {
            of.kept.insert(session, instance);
            return Ok(());
        }
        let left = match self.rows.get(HELLOS, &(no, seen))? {
            Some(_) => {
                let left = KeepRecord::HelloSeen { no, hello: seen, at: when };
                Verdict::Replace(Record::Keep(left).entry(None)?.facts)
            }
            None => Verdict::Drop,
        };
        of.answered.push_back(Answered { at, session, instance, left });
        Ok(())
    }

    /// Of sessions of one instance that follow one another the first says all that the fold needs, and the open one.
    fn taken(&mut self, at: EntryRef, no: LinkNo, session: SessionId) {
        let of = self.link(no);
        let Some(place) = of.answered.iter().position(|answered| answered.session == session) else {
            of.instance = of.kept.get(&session).copied();
            return;
        };
        let Some(answered) = of.answered.remove(place) else { return };
        if of.instance == Some(answered.instance) {
            self.verdicts.insert(answered.at, answered.left);
            self.drop(at);
        } else {
            of.instance = Some(answered.instance);
        }
    }

    fn given(&mut self, at: EntryRef, no: LinkNo, upto: u64, base: u64) {
        let given = &mut self.link(no).given;
        let mut covered = Vec::new();
        while let Some((before, ..)) = given.pop_if(|(_, to, from)| *to <= upto && *from <= base) {
            covered.push(before);
        }
        if sabotage::makes(Sabotage::GiveBackTooMuch) {
            covered.push(at);
        }
        given.push((at, upto, base));
        self.drop_all(covered);
    }

    /// Delivery goes on: how it had failed before does not matter any more.
    fn back(&mut self, no: LinkNo, back: Option<EntryRef>) {
        let of = self.link(no);
        let failed = std::mem::take(&mut of.failed);
        let before = std::mem::replace(&mut of.back, back);
        self.drop_all(failed.into_iter().chain(before));
    }

    /// A descriptor between two others with the same keys. The first one with its keys stays where it is: it ends the
    /// sessions under those before.
    fn described(&mut self, at: EntryRef, no: LinkNo, raw: &[u8]) {
        let head = Descriptor::open(raw).ok().map(|descriptor| descriptor.keys().head());
        let of = self.link(no);
        let before = of.descriptor.take();
        let same = before.filter(|(_, old, _)| head == Some(*old));
        of.descriptor = head.map(|head| (at, head, same.is_some()));
        if same.is_none() {
            of.instance = None;
        }
        self.drop_all(same.filter(|(_, _, between)| *between).map(|(before, ..)| before));
    }
}

/// Whether a hello tells where a key begins in its stream, which is a proof; one that cannot be read may.
fn tells_change(raw: &[u8]) -> bool {
    let hello = Sign1::parse(raw)
        .ok()
        .and_then(|signed| cbor::decode::<Hello>(signed.unverified_payload(), Bounds::LARGE).ok());
    hello.is_none_or(|hello| hello.change.is_some())
}
