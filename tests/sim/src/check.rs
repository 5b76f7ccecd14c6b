//! What must hold: after each step, after each start of a desk, and once everything has come to rest.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_machine::delegation::Role;
use deskwire_proto::id::Hash;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{DelegationRow, Effect, LinkState};
use deskwire_store::table::{
    COUNTERS, DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, FETCHING, RECEIVED, Rows,
};
use deskwire_store::{Direction, View};

use crate::desk::Desk;
use crate::journal::Journal;
use crate::late::is_late;
use crate::model::{Token, TokenFate};
use crate::pull::Polls;
use crate::world::World;

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
            if let Err(what) = self.check_streams(link) {
                return self.violate(what);
            }
            match self.check_folds(link) {
                Ok(()) => {}
                Err(_) if self.lacks_a_place(link) => {
                    self.report.count("links that differ after two changes of key");
                }
                Err(what) => return self.violate(what),
            }
        }
    }

    /// Whether a desk was restored from before a change of key that disowned messages, and was told the place of a later one
    /// alone: what the two desks hold then differs, as decision 0016 says.
    fn lacks_a_place(&self, link: usize) -> bool {
        let Link2 { desks, numbers } = self.both(link);
        let Ok(journals) = desks.iter().map(|desk| Journal::of(desk)).collect::<Result<Vec<_>, _>>() else {
            return false;
        };
        let restored = |side: usize| self.model.was_restored(link, desks[side].who);
        let lacks = |author: usize, rotations: u8| {
            let keys = desks[author].keys(rotations).head();
            let (own, heard) = (&journals[author].own_places, &journals[1 - author].places);
            restored(author) && !own.contains(&(numbers[author], keys))
                || restored(1 - author) && !heard.contains(&(numbers[1 - author], keys))
        };
        self.model.thefts.iter().any(|(who, rotations)| {
            let author = desks.iter().position(|desk| desk.who == *who);
            author.is_some_and(|author| *rotations < desks[author].rotations && lacks(author, *rotations))
        })
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
