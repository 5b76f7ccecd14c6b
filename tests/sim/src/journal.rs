//! What the journal of a desk says of its items and streams, read from its beginning.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::session::Cut;
use deskwire_store::Replayed;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{MendRecord, Record};

use crate::care::Thinned;
use crate::desk::Desk;
use crate::model::token_in;

/// What the journal of a desk says, read from its beginning.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// How many records each action left that are not items.
    pub(crate) records: BTreeMap<usize, u64>,
    /// How many items each action made, by link.
    pub(crate) items: BTreeMap<(usize, LinkNo), u64>,
    /// Items by place that have neither a number nor were dropped.
    pub(crate) waiting: BTreeSet<(LinkNo, u64)>,
    /// Numbered messages: place and hash.
    pub(crate) sent: BTreeMap<(LinkNo, u64), (u64, Hash)>,
    /// Messages of partners.
    pub(crate) received: BTreeMap<(LinkNo, u64), Hash>,
    /// Changes of this desk's key and of the partner's, by the key log, of which the place was decided or heard.
    pub(crate) own_places: BTreeSet<(LinkNo, Hash)>,
    pub(crate) places: BTreeSet<(LinkNo, Hash)>,
    /// Links with a session since the last start.
    sessions: BTreeSet<LinkNo>,
    /// Which action an item came of, and its id.
    made: BTreeMap<(LinkNo, u64), (usize, ItemId)>,
    /// The place of the next item.
    next: BTreeMap<LinkNo, u64>,
    heads: BTreeMap<LinkNo, Hash>,
    /// Links on which something that was lost comes back; true once all of it was handed back.
    recovering: BTreeMap<LinkNo, bool>,
    /// Messages without effect.
    aside: BTreeSet<(LinkNo, u64)>,
    /// Welcomes since the last start may have been given back.
    thinned: Thinned,
    /// The last records of streams, for whoever has to understand what is wrong.
    last: VecDeque<String>,
    wrong: Option<String>,
}

impl Journal {
    pub(crate) fn of(desk: &Desk) -> Result<Self, String> {
        let core = desk.core.as_ref().ok_or("the desk is down")?;
        let mut journal = Self { thinned: Thinned::of(&core.custody()), ..Self::default() };
        let replayed = core.journal().replay(None, &mut |step| {
            if let Replayed::Entry(at, entry) = step {
                journal.thinned.reach(at.segment);
                match Record::read(&entry) {
                    Ok(_) if journal.wrong.is_some() => {}
                    Ok(record) => journal.take(&record, entry.text.bytes().unwrap_or_default()),
                    Err(error) => journal.wrong = Some(error.to_string()),
                }
            }
            ControlFlow::Continue(())
        });
        replayed.map_err(|error| error.to_string())?;
        journal.said_again();
        match journal.wrong.take() {
            Some(wrong) => Err(format!("{wrong}; before: {}", Vec::from(journal.last).join(", "))),
            None => Ok(journal),
        }
    }

    fn remember(&mut self, what: String) {
        if self.last.len() == 20 {
            self.last.pop_front();
        }
        self.last.push_back(what);
    }

    /// What of it is worth to be read by people.
    fn log(&mut self, record: &Record) {
        match record {
            Record::ItemMade(made) => self.remember(format!("item {} of link {}", made.order, made.no)),
            Record::Numbered { no, order, seq, .. } => {
                self.remember(format!("item {order} of link {no} is {seq}"));
            }
            Record::Struck { no, order } => self.remember(format!("item {order} of link {no} is struck")),
            Record::Dropped { no, order, .. } => {
                self.remember(format!("item {order} of link {no} is dropped"))
            }
            Record::PageTaken { no, .. } => self.remember(format!("page of link {no}")),
            Record::SetAside(aside) => self.remember(format!("set aside {aside:?}")),
            Record::Started { .. } => self.remember("start".to_owned()),
            _ => {}
        }
    }

    fn take(&mut self, record: &Record, text: &[u8]) {
        self.log(record);
        match record {
            Record::Started { .. } => self.thinned.start(&mut self.sessions),
            Record::Welcomed { no, .. } => {
                self.sessions.insert(*no);
            }
            Record::TicketMade(_)
            | Record::TicketStatus { .. }
            | Record::CommentMade { .. }
            | Record::FileMade(_) => {
                if let Some(token) = token_in(text) {
                    *self.records.entry(token).or_default() += 1;
                }
            }
            Record::ItemMade(made) => {
                self.waiting.insert((made.no, made.order.0));
                self.next.insert(made.no, made.order.0 + 1);
                if let Some(token) = token_in(text) {
                    *self.items.entry((token, made.no)).or_default() += 1;
                    self.made.insert((made.no, made.order.0), (token, made.item));
                }
            }
            Record::OwnKeyPlaced { no, change, .. } if change.place.is_some() => {
                self.own_places.insert((*no, change.keys));
            }
            Record::KeyPlaced { no, change, .. } => {
                self.places.insert((*no, change.keys));
            }
            Record::RecoveryNeeded { no, .. } => {
                self.recovering.insert(*no, false);
            }
            Record::RecoveryEnded { no, .. } => self.recovery_ended(*no),
            Record::Mend(MendRecord::WaitsBehind { no }) => self.move_behind(*no),
            Record::BranchChosen { no, ours, cut, .. } => {
                if let Some((cut, _)) = cut {
                    self.leave(*no, *ours, cut);
                }
                if self.recovering.get(no) == Some(&true) {
                    self.recovery_ended(*no);
                }
            }
            Record::SetAside(aside) if aside.ours => {
                for seq in aside.range.0..=aside.range.1 {
                    self.aside.insert((aside.no, seq));
                    self.kept_beside(aside.no, seq);
                }
                for given_up in &aside.given_up {
                    self.sent.remove(&(aside.no, given_up.seq));
                    self.waiting.insert((aside.no, given_up.order.0));
                }
            }
            Record::Parked { no, order, .. } | Record::Dropped { no, order, .. } => {
                self.waiting.remove(&(*no, order.0));
            }
            Record::Struck { no, order } => {
                self.waiting.remove(&(*no, order.0));
                if let Some((token, _)) = self.made.remove(&(*no, order.0)) {
                    *self.items.entry((token, *no)).or_default() -= 1;
                }
            }
            Record::Released { no, order, to, .. } => {
                self.next.insert(*no, to.0 + 1);
                self.moved(*no, order.0, to.0);
            }
            Record::PageTaken { no, complete, .. } => {
                self.recovering.insert(*no, *complete);
            }
            Record::Numbered { no, order, seq, hash, signed, at, .. } => {
                if !self.waiting.remove(&(*no, order.0)) {
                    self.wrong = Some(format!("item {} of link {no} was numbered twice", order.0));
                }
                // What comes back was numbered in a session long ago.
                if at.is_some() && !self.sessions.contains(no) && !self.thinned.lacks {
                    self.wrong = Some(format!("message {seq} of link {no} was numbered without a session"));
                }
                if seq.checked_sub(1).is_some_and(|before| {
                    let aside = self.aside.contains(&(*no, before));
                    let sent = self.sent.get(&(*no, before));
                    before > 0 && sent.is_none_or(|sent| sent.0 >= order.0 && !aside)
                }) {
                    self.wrong = Some(format!("message {seq} of link {no} is out of order"));
                }
                if Hash::of(signed) != *hash || self.sent.insert((*no, *seq), (order.0, *hash)).is_some() {
                    self.wrong = Some(format!("message {seq} of link {no} is not what it was"));
                }
            }
            Record::Received(message) => {
                self.received(message.no, message.seq, message.hash, &message.signed)
            }
            _ => {}
        }
    }

    /// A message that somebody else could have said is kept beside an item that waits to be said under the same id.
    fn kept_beside(&mut self, no: LinkNo, seq: u64) {
        let Some((order, _)) = self.sent.get(&(no, seq)) else { return };
        let Some(kept) = self.made.get(&(no, *order)).copied() else { return };
        let again = |other: &&(LinkNo, u64)| other.0 == no && self.made.get(*other) == Some(&kept);
        if self.waiting.iter().any(|other| again(&other)) {
            self.made.remove(&(no, *order));
            *self.items.entry((kept.0, no)).or_default() -= 1;
        }
    }

    /// What was said again while its message comes back gives way as soon as that takes effect.
    fn said_again(&mut self) {
        let waiting: Vec<_> =
            self.waiting.iter().filter(|(no, _)| self.recovering.contains_key(no)).copied().collect();
        for (no, order) in waiting {
            let Some(made) = self.made.get(&(no, order)).copied() else { continue };
            let is_it = |(order, _): &(u64, Hash)| self.made.get(&(no, *order)) == Some(&made);
            let mut sent = self.sent.range((no, 0)..=(no, u64::MAX)).map(|(_, sent)| sent);
            if sent.any(is_it) {
                self.made.remove(&(no, order));
                *self.items.entry((made.0, no)).or_default() -= 1;
            }
        }
    }

    fn moved(&mut self, no: LinkNo, order: u64, to: u64) {
        self.waiting.remove(&(no, order));
        self.waiting.insert((no, to));
        if let Some(token) = self.made.remove(&(no, order)) {
            self.made.insert((no, to), token);
        }
    }

    fn recovery_ended(&mut self, no: LinkNo) {
        self.recovering.remove(&no);
        self.move_behind(no);
    }

    /// A branch of a stream is left.
    fn leave(&mut self, no: LinkNo, ours: bool, cut: &Cut) {
        if ours {
            self.sent.retain(|(other, seq), _| *other != no || *seq <= cut.0);
        } else {
            self.received.retain(|(other, seq), _| *other != no || *seq <= cut.0);
            self.heads.insert(no, cut.1);
        }
    }

    /// What waits moves behind what came back.
    fn move_behind(&mut self, no: LinkNo) {
        let waiting: Vec<u64> =
            self.waiting.range((no, 0)..=(no, u64::MAX)).map(|(_, order)| *order).collect();
        for order in waiting {
            let next = self.next.entry(no).or_insert(1);
            let to = *next;
            *next += 1;
            self.moved(no, order, to);
        }
    }

    fn received(&mut self, no: LinkNo, seq: u64, hash: Hash, signed: &[u8]) {
        if self.received.insert((no, seq), hash).is_some() {
            self.wrong = Some(format!("message {seq} of link {no} was consumed twice"));
        }
        if seq > 1 && !self.received.contains_key(&(no, seq - 1)) {
            self.wrong =
                Some(format!("message {seq} of link {no} was consumed before the one in front of it"));
        }
        let before = self.heads.insert(no, hash);
        let prev = read_head(signed).map(|head| head.prev).ok();
        if before.is_some() && prev != before {
            self.wrong = Some(format!("message {seq} of link {no} does not follow the one before it"));
        }
    }
}
