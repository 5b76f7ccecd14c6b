//! What must hold: after each step, after each start of a desk, and once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use deskwire_machine::delegation::Role;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::Hash;
use deskwire_proto::session::Cut;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::{MendRecord, Record};
use deskwire_store::row::{DelegationRow, Effect, LinkState};
use deskwire_store::table::{
    COUNTERS, DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, FETCHING, RECEIVED, Rows,
};
use deskwire_store::{Direction, Replayed, View};

use crate::care::Thinned;
use crate::desk::Desk;
use crate::late::is_late;
use crate::model::{Token, TokenFate, token_in};
use crate::pull::Polls;
use crate::world::World;

/// What the journal of a desk says, read from its beginning.
#[derive(Debug, Default)]
struct Journal {
    /// How many records each action left that are not items.
    records: BTreeMap<usize, u64>,
    /// How many items each action made, by link.
    items: BTreeMap<(usize, LinkNo), u64>,
    /// Items by place that have neither a number nor were dropped.
    waiting: BTreeSet<(LinkNo, u64)>,
    /// Numbered messages: place and hash.
    sent: BTreeMap<(LinkNo, u64), (u64, Hash)>,
    /// Messages of partners.
    received: BTreeMap<(LinkNo, u64), Hash>,
    /// Links with a session since the last start.
    sessions: BTreeSet<LinkNo>,
    /// Which action an item came of.
    made: BTreeMap<(LinkNo, u64), usize>,
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
    fn of(desk: &Desk) -> Result<Self, String> {
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
                    self.made.insert((made.no, made.order.0), token);
                }
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
                self.aside.extend((aside.range.0..=aside.range.1).map(|seq| (aside.no, seq)));
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
                if let Some(token) = self.made.remove(&(*no, order.0)) {
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

/// Short looks.
impl World {
    /// What is cheap to look at, after each step.
    pub(crate) fn check_step(&mut self) {
        self.bury();
        for desk in 0..self.at_address.len() {
            for link in self.links_of(desk) {
                let no = self.number(desk, link);
                let Some(stream) = self.desks[desk].stream(no) else { continue };
                let told = self.model.receipts.get(&(link, desk)).map_or(0, |told| told.upto);
                if stream.in_length < told {
                    let words = format!(
                        "desk{desk} gave a receipt for {told} messages on link {link} and holds {}",
                        stream.in_length
                    );
                    return self.violate(words);
                }
                let bounded =
                    stream.pending.len() <= 4 && stream.retired.len() <= 8 && stream.promises.len() <= 8;
                if !bounded || stream.acked > stream.out_length {
                    return self
                        .violate(format!("the streams of link {link} at desk{desk} are odd: {stream:?}"));
                }
            }
        }
    }

    /// A desk has started: all that was ever answered is there.
    pub(crate) fn check_start(&mut self, desk: usize) {
        self.check_step();
        if self.broken.is_none() {
            self.check_journal(desk).err().into_iter().for_each(|what| self.violate(what));
        }
        let full = self.chance.of_thousand(200);
        if self.broken.is_none() && full {
            self.check_rebuild(desk).err().into_iter().for_each(|what| self.violate(what));
        }
    }

    /// Whether nothing moves and nothing waits any more.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.what_waits().is_empty()
    }

    /// What still waits, in words; nothing at rest.
    pub(crate) fn what_waits(&self) -> String {
        let mut waits = Vec::new();
        for desk in 0..self.at_address.len() {
            let one = &self.desks[desk];
            let Some(rows) = one.rows() else {
                waits.push(format!("desk{desk} is down"));
                continue;
            };
            if one.sealed.is_some() || !one.building.is_empty() || !one.early.is_empty() {
                waits.push(format!("desk{desk} is at work"));
            }
            for link in self.links_of(desk) {
                let no = self.number(desk, link);
                let (Some(stream), Some(row)) = (one.stream(no), one.link(no)) else { continue };
                if self.is_working(desk, link) {
                    waits.push(format!("desk{desk} is at work on link {link}"));
                }
                if self.is_stopped(link) {
                    continue;
                }
                if stream.waiting + stream.parked > 0
                    || row.trouble.is_some()
                    || stream.acked < stream.out_length
                    || row.state != LinkState::Active
                {
                    waits.push(format!(
                        "desk{desk}, link {link} ({:?}): {} items wait, {} of {} messages are covered",
                        row.state, stream.waiting, stream.acked, stream.out_length
                    ));
                }
                if stream.recovery.is_some() {
                    waits.push(format!("desk{desk}, link {link}: what was lost is not here again"));
                }
                if !self.has_spoken(desk, link) {
                    waits.push(format!("desk{desk} is restored and has not spoken on link {link}"));
                }
                if rows.list(FETCHING, &no, 1).is_ok_and(|files| !files.is_empty()) {
                    waits.push(format!("desk{desk}, link {link}: files are still to be fetched"));
                }
            }
        }
        let unanswered = |token: &Token| token.key.is_some() && token.fate == TokenFate::Unknown;
        let asked = self.model.tokens.iter().position(unanswered);
        waits.extend(asked.map(|number| format!("call {number} has no answer")));
        waits.join("; ")
    }

    /// Whether a desk that was restored has met its partner since it started: it finds out then what it has lost.
    pub(crate) fn has_spoken(&self, desk: usize, link: usize) -> bool {
        if !self.model.was_restored(link, desk) {
            return true;
        }
        let one = &self.desks[desk];
        if self.desks[self.partner(desk, link)].reachable {
            one.couriers.get(&link).is_some_and(|courier| courier.session.is_some())
        } else {
            one.polls.get(&link).is_some_and(Polls::are_several)
        }
    }

    /// A link that stands still because a desk was restored or ran twice: as it has to be, until it is repaired.
    pub(crate) fn is_stopped(&self, link: usize) -> bool {
        let stands = |side: usize| {
            let desk = self.links[link].ends[side];
            let state = self.desks[desk].link(self.links[link].numbers[side]).map(|row| row.state);
            !matches!(state, Some(LinkState::Active))
        };
        !self.model.mends_itself(link) && (stands(0) || stands(1))
    }
}

/// Long looks.
impl World {
    /// Everything, at rest.
    pub(crate) fn check_all(&mut self) {
        for desk in 0..self.at_address.len() {
            let found = self.check_journal(desk).and_then(|()| self.check_rebuild(desk));
            let found = found.and_then(|()| self.check_numbers(desk));
            if let Err(what) = found.and_then(|()| self.check_stored(desk)) {
                return self.violate(what);
            }
        }
        for link in 0..self.links.len() {
            if self.is_stopped(link) {
                self.report.count("links at a stop");
                continue;
            }
            if let Err(what) = self.check_streams(link).and_then(|()| self.check_folds(link)) {
                return self.violate(what);
            }
        }
    }

    /// The journal of a desk holds what callers were answered, once, and nothing of what was refused.
    fn check_journal(&self, desk: usize) -> Result<(), String> {
        let journal = Journal::of(&self.desks[desk]).map_err(|what| format!("desk{desk}: {what}"))?;
        let links = self.links_of(desk);
        for (number, token) in self.model.tokens.iter().enumerate().filter(|(_, token)| token.desk == desk) {
            let records = journal.records.get(&number).copied().unwrap_or(0);
            let items =
                |link: &usize| journal.items.get(&(number, self.number(desk, *link))).copied().unwrap_or(0);
            let all: u64 = links.iter().map(items).sum();
            let wrong = |what: &str| {
                Err(format!(
                    "desk{desk}: act {number} ({:?}) {what}: {records} records, {all} items",
                    token.act
                ))
            };
            match &token.fate {
                TokenFate::Refused if records + all > 0 => return wrong("was refused and left something"),
                TokenFate::Refused | TokenFate::Forgiven => {}
                TokenFate::Unknown if records > 1 => return wrong("was done more than once"),
                TokenFate::Unknown => {}
                TokenFate::Done(_, told) => {
                    if links.iter().any(|link| items(link) != told.get(link).copied().unwrap_or(0)) {
                        return wrong("was answered, and its items are not there, or more than once");
                    }
                    if records + all == 0 {
                        return wrong("was answered, and nothing of it is there");
                    }
                    if records > 1 {
                        return wrong("was done more than once");
                    }
                }
            }
        }
        Ok(())
    }

    /// A view folded anew from the journal is the present one, byte for byte.
    fn check_rebuild(&self, desk: usize) -> Result<(), String> {
        let one = &self.desks[desk];
        let mut copy = one.copy();
        copy.start(self.now).map_err(|why| format!("a copy of desk{desk} does not start: {why}"))?;
        let live = rows_of(one)?;
        let folded = rows_of(&copy)?;
        let counters = COUNTERS.key(&());
        for (key, value) in &live {
            if value.len() >= 4_096 {
                return Err(format!("desk{desk}: the row {key:02x?} has {} bytes", value.len()));
            }
            if *key != counters && folded.get(key) != Some(value) {
                return Err(format!(
                    "desk{desk}: the row {} is another one when folded anew",
                    String::from_utf8_lossy(&key[..1])
                ));
            }
        }
        match folded.keys().find(|key| !live.contains_key(*key)) {
            Some(key) => Err(format!("desk{desk}: folded anew there is a row {key:02x?} more")),
            None => Ok(()),
        }
    }

    /// What one side sent is what the other side holds.
    fn check_streams(&self, link: usize) -> Result<(), String> {
        let Link2 { desks, numbers } = self.both(link);
        let journals = [Journal::of(desks[0])?, Journal::of(desks[1])?];
        for side in 0..2 {
            let of = |journal: &Journal, no: LinkNo| -> Vec<Hash> {
                journal
                    .sent
                    .iter()
                    .filter(|((other, _), _)| *other == no)
                    .map(|(_, (_, hash))| *hash)
                    .collect()
            };
            let sent = of(&journals[side], numbers[side]);
            let other = 1 - side;
            let held: Vec<Hash> = journals[other]
                .received
                .iter()
                .filter(|((no, _), _)| *no == numbers[other])
                .map(|(_, hash)| *hash)
                .collect();
            if sent != held {
                return Err(format!(
                    "link {link}: {} sent {} messages, {} holds {}, and they differ",
                    desks[side].name(),
                    sent.len(),
                    desks[other].name(),
                    held.len()
                ));
            }
            self.check_receipts(link, desks[other], numbers[other])?;
        }
        Ok(())
    }

    /// What receipts told is what the reader holds.
    fn check_receipts(&self, link: usize, reader: &Desk, no: LinkNo) -> Result<(), String> {
        let Some(told) = self.model.receipts.get(&(link, reader.who)) else { return Ok(()) };
        let rows = reader.rows().ok_or("the desk is down")?;
        for (seq, (time, outcome)) in &told.outcomes {
            let row = rows.get(RECEIVED, &(no, *seq)).ok().flatten();
            let same = row.is_some_and(|row| {
                let refused = row.refused.map(|(_, why)| why.code.as_str().to_owned());
                row.at.0 == *time && refused == *outcome
            });
            if !same {
                return Err(format!("link {link}: what was told of message {seq} is not what is held"));
            }
            // Honest desks are refused for a file that is too large, and for what crossed the end of its delegation.
            let honest = |code: &String| match code.as_str() {
                "file-too-large" => true,
                "not-allowed-by-terms" => is_late(reader, no, *seq),
                _ => false,
            };
            if outcome.as_ref().is_some_and(|code| !honest(code)) && !self.model.is_odd(link) {
                return Err(format!("link {link}: message {seq} was refused: {outcome:?}"));
            }
        }
        Ok(())
    }

    /// Both sides see every delegation alike, and nothing about it is open.
    fn check_folds(&self, link: usize) -> Result<(), String> {
        let Link2 { desks, numbers } = self.both(link);
        let mut counts = [0, 0];
        for (number, row) in delegations(desks[0], numbers[0])? {
            counts[0] += 1;
            let rows = desks[1].rows().ok_or("the desk is down")?;
            let other = rows.get(DELEGATION_IDS, &(numbers[1], row.id)).ok().flatten();
            let found = other.and_then(|no| rows.get(DELEGATIONS, &no).ok().flatten().map(|row| (no, row)));
            let Some((other, theirs)) = found else {
                // An offer that was dropped or refused never came to be on the other side.
                if settled_events(desks[0], number)?.is_empty() {
                    counts[0] -= 1;
                    continue;
                }
                return Err(format!("link {link}: delegation {number} is unknown on the other side"));
            };
            self.check_fold(link, [(desks[0], number, &row), (desks[1], other, &theirs)])?;
        }
        counts[1] = delegations(desks[1], numbers[1])?
            .iter()
            .filter(|(no, _)| settled_events(desks[1], *no).is_ok_and(|events| !events.is_empty()))
            .count();
        if counts[0] < counts[1] {
            return Err(format!("link {link}: {} delegations here, {} there", counts[0], counts[1]));
        }
        Ok(())
    }

    fn check_fold(
        &self,
        link: usize,
        sides: [(&Desk, DelegationNo, &DelegationRow); 2],
    ) -> Result<(), String> {
        let mut seen = Vec::new();
        for (desk, number, row) in sides {
            let cursor = desk.stream(row.link).map_or(0, |stream| stream.in_length);
            let mut case = row.case.clone();
            case.settle(cursor);
            if !case.open().is_empty() {
                return Err(format!(
                    "link {link}: at {} events of delegation {number} are not settled: {:?}",
                    desk.name(),
                    case.open()
                ));
            }
            let words = [Role::Principal, Role::Contractor].map(|of| case.shared_words(of).clone());
            seen.push((case.settled().clone(), settled_events(desk, number)?, words));
        }
        if seen[0] != seen[1] {
            return Err(format!(
                "link {link}: the two sides of a delegation differ:\n{:?}\n{:?}",
                seen[0], seen[1]
            ));
        }
        Ok(())
    }

    fn both(&self, link: usize) -> Link2<'_> {
        let link = self.links[link];
        Link2 { desks: link.ends.map(|desk| &self.desks[desk]), numbers: link.numbers }
    }
}

struct Link2<'a> {
    desks: [&'a Desk; 2],
    numbers: [LinkNo; 2],
}

fn delegations(desk: &Desk, link: LinkNo) -> Result<Vec<(DelegationNo, DelegationRow)>, String> {
    let rows = desk.rows().ok_or("the desk is down")?;
    let all = rows.list(DELEGATIONS, &(), usize::MAX).map_err(|error| error.to_string())?;
    Ok(all.into_iter().filter(|(_, row)| row.link == link).collect())
}

/// The events of a delegation that reached both sides and had their say, sorted: each side holds them in its own order.
fn settled_events(desk: &Desk, delegation: DelegationNo) -> Result<Vec<String>, String> {
    let rows = desk.rows().ok_or("the desk is down")?;
    let all = rows.list(DELEGATION_EVENTS, &delegation, usize::MAX).map_err(|error| error.to_string())?;
    let mut events: Vec<String> = all
        .into_iter()
        .filter_map(|(_, row)| match row.effect {
            Effect::Fate { fate, .. } => Some(format!("{:?} {:?} {fate:?}", row.kind, row.by)),
            _ => None,
        })
        .collect();
    events.sort();
    Ok(events)
}

/// Every row of a desk's view.
fn rows_of(desk: &Desk) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, String> {
    let core = desk.core.as_ref().ok_or("the desk is down")?;
    let view: &dyn View = core.view().as_ref();
    let mut rows = BTreeMap::new();
    view.scan(&[1], None, Direction::Forward, &mut |key, value| {
        rows.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    })
    .map_err(|error| error.to_string())?;
    Ok(rows)
}
