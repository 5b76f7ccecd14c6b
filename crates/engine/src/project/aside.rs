//! What was disowned or set aside: it stays where it is shown, and its delegations get another past. proto-spec,
//! sections 5.8 and 5.10.

use std::ops::ControlFlow;

use deskwire_machine::delegation::{Answer, Event, Fate, Place};
use deskwire_proto::id::Hash;
use deskwire_proto::keylog::KeyLog;
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::record::{Counted, Refolded, SetAside};
use deskwire_store::row::{Effect, FileState, KeyChange, OwnKeysRow};
use deskwire_store::table::{
    AGREEMENTS, ANNOUNCED, DELEGATIONS, EVENT_PLACES, FETCHING, FILES, OWN_KEYS, RECEIPTS, RECEIVED, REPORTS,
    Rows, RowsMut, SENT, STREAMS, THREADS, TICKET_DELEGATIONS, TO_COMPARE, VOID_RECEIPTS, WAITING,
};
use deskwire_store::{Direction, EntryRef, Result};

use super::delegation::{own_effect, place_key, store};
use super::{change, contradiction, link, need, recover, relay, stream};
use crate::overlay::Overlay;

/// Messages are kept and shown from now on, without effect; the folds follow as records of their own.
pub(super) fn set_aside(rows: &mut Overlay, aside: &SetAside) -> Result<()> {
    let (no, why) = (aside.no, &aside.why);
    for seq in aside.range.0..=aside.range.1 {
        if aside.ours {
            let sent = change(rows, SENT, &(no, seq), |row| row.aside = Some(why.clone()))?;
            stream::mark(rows, &sent.thread, (no, sent.order), why)?;
        } else {
            change(rows, RECEIVED, &(no, seq), |row| row.aside = Some(why.clone()))?;
        }
    }
    super::account::set_aside(rows, aside)?;
    for key in &aside.threads {
        let Some(mut row) = rows.get(THREADS, key)? else {
            unheard(rows, *key)?;
            continue;
        };
        row.aside = Some(why.clone());
        rows.put(THREADS, key, &row)?;
        relay::given_back(rows, no, *key)?;
    }
    for file in &aside.files {
        rows.delete(FETCHING, &(no, *file));
        change(rows, FILES, file, |row| {
            if row.state == FileState::Fetching {
                row.state = FileState::Failed(why.clone());
            }
        })?;
    }
    if let Some(end) = aside.end
        && need(rows, STREAMS, &no)?.acked > end.0
    {
        // The partner was restored and holds something else under numbers that its receipts cover.
        receipts_void(rows, no, end.0, false)?;
    }
    for given_up in &aside.given_up {
        rows.delete(SENT, &(no, given_up.seq));
        rows.delete(ANNOUNCED, &(no, given_up.seq));
        rows.put(WAITING, &(no, given_up.order), &given_up.row)?;
    }
    stream::with(rows, no, |row| {
        row.waiting += aside.given_up.len() as u64;
        if let Some(end) = aside.end {
            (row.out_length, row.out_head) = (end.0, end.1);
        }
        if aside.ours {
            // What was late may be among these; a tick finds out anew.
            row.late = None;
        }
        if aside.ours && aside.range.0 <= aside.range.1 {
            join(&mut row.out_aside, aside.range);
            recover::pass_aside(row);
        }
        if !aside.ours {
            row.disowning = row.disowning.and_then(|pending| rest(pending, aside.range));
        }
    })
}

/// A digest or a report of a chain, which no thread shows, says nothing any more.
fn unheard(rows: &mut Overlay, (ticket, at): (TicketNumber, EntryRef)) -> Result<()> {
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        if let Some(mut row) = rows.get(AGREEMENTS, &delegation)?
            && row.heard.as_ref().is_some_and(|heard| heard.entry == at)
        {
            row.heard = None;
            rows.put(AGREEMENTS, &delegation, &row)?;
            rows.delete(TO_COMPARE, &delegation);
        }
        if let Some(mut row) = rows.get(REPORTS, &delegation)?
            && row.theirs.is_some_and(|(heard, _)| heard == at)
        {
            row.theirs = None;
            rows.put(REPORTS, &delegation, &row)?;
            let known = need(rows, DELEGATIONS, &delegation)?;
            super::clock::touched(rows, delegation, &known)?;
        }
    }
    Ok(())
}

/// Ranges that follow one another are one: their row is small however many pages brought them.
fn join(ranges: &mut Vec<(u64, u64)>, new: (u64, u64)) {
    match ranges.last_mut() {
        Some(last) if new.0 >= last.0 && new.0 <= last.1.saturating_add(1) => last.1 = last.1.max(new.1),
        Some(_) | None => ranges.push(new),
    }
}

/// What is still to be disowned once this range is.
fn rest((first, last): (u64, u64), done: (u64, u64)) -> Option<(u64, u64)> {
    let first = if done.0 <= first { first.max(done.1.saturating_add(1)) } else { first };
    (first <= last).then_some((first, last))
}

/// A delegation as it is without what was set aside.
pub(super) fn refolded(rows: &mut Overlay, anew: &Refolded) -> Result<()> {
    let delegation = anew.delegation;
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    for (author, place, entry) in &anew.aside {
        rows.delete(EVENT_PLACES, &(delegation, place_key(*author, *place)));
        own_effect(rows, delegation, *entry, Effect::Refused(anew.why.clone()))?;
    }
    for (seq, _) in &anew.given_up {
        rows.delete(EVENT_PLACES, &(delegation, place_key(row.case.role(), Place::Numbered(*seq))));
    }
    for Counted { open, entry, .. } in &anew.events {
        rows.put(EVENT_PLACES, &(delegation, place_key(open.author, open.place)), entry)?;
        match open.answer {
            // What the partner said of it stays said.
            Answer::Refused => {}
            Answer::Unknown | Answer::Applied => {
                let kept = Effect::Fate { fate: Fate::Kept, settled: false };
                own_effect(rows, delegation, *entry, kept)?;
            }
        }
    }
    let events = anew.events.iter().map(|event| (event.open, event.words.clone())).collect();
    let (case, changes) = row.case.refold(events, anew.cursor, anew.gap);
    super::figures::anew(rows, delegation, &row)?;
    row.case = case;
    row.version = anew.version;
    // Whichever side's end of the link does not stand in it has to be brought again when it is said.
    let ends = |author| {
        let mut of = anew.events.iter().filter(|event| event.open.author == author);
        of.any(|event| matches!(event.open.event, Event::LinkClose))
    };
    row.ended = (ends(row.case.role()), ends(row.case.role().other()));
    store(rows, delegation, &row, &changes)
}

/// With which keys this desk runs from now on.
pub(super) fn own_keys(rows: &mut Overlay, row: OwnKeysRow) -> Result<()> {
    rows.put(OWN_KEYS, &(), &row)
}

/// Where the newest key of the partner begins in its stream.
pub(super) fn partners_key_placed(
    rows: &mut Overlay,
    no: LinkNo,
    placed: KeyChange,
    seen: u64,
) -> Result<()> {
    stream::with(rows, no, |row| {
        row.in_change = Some(placed);
        if let Some(place) = placed.place.filter(|place| place.0 < row.in_length) {
            row.in_seen = seen;
            let first = place.0 + 1;
            let first = row.disowning.map_or(first, |pending| pending.0.min(first));
            row.disowning = Some((first, row.in_length));
            // What a thief promised binds nobody; what was settled by it waits for a receipt of the owner.
            for promise in row.promises.iter_mut().filter(|promise| promise.upto > seen) {
                (promise.upto, promise.void) = (seen, true);
            }
        }
    })
}

/// The partner's key log is another one: whatever was open under the older keys ends.
pub(super) fn partners_keys(rows: &mut Overlay, no: LinkNo, keys: Hash, count: usize) -> Result<()> {
    stream::with(rows, no, |row| {
        let newest = count.saturating_sub(1) as u64;
        match row.in_keys {
            Some(known) if known == keys => return,
            Some(_) => {
                row.session = None;
                row.pending.clear();
                row.in_change = Some(KeyChange { keys, place: None, most: 0, confirmed: false });
            }
            None => row.in_key = newest,
        }
        row.in_keys = Some(keys);
        row.in_newest = newest;
    })
}

/// A newer key log of the partner was brought by somebody else, without a descriptor.
pub(super) fn log_brought(rows: &mut Overlay, at: EntryRef, no: LinkNo, log: &[u8]) -> Result<()> {
    let log = KeyLog::decode(log).map_err(|_| contradiction("a key log that was verified"))?;
    partners_keys(rows, no, log.head(), log.keys().len())?;
    link::with(rows, no, |row| row.key_log = Some(at))
}

/// Receipts for our messages behind `upto` bind nobody: whoever gave them was not the partner. Where they are kept, it was
/// perhaps the partner all the same.
pub(super) fn receipts_void(rows: &mut Overlay, no: LinkNo, upto: u64, kept: bool) -> Result<()> {
    super::account::receipts_void(rows, no, upto)?;
    let mut void = Vec::new();
    let from = (no, upto.saturating_add(1));
    rows.scan(RECEIPTS, &no, Some(&from), Direction::Forward, &mut |key, at| {
        void.push((key, at));
        Ok(ControlFlow::Continue(()))
    })?;
    for (key, at) in &void {
        rows.delete(RECEIPTS, key);
        if kept {
            rows.put(VOID_RECEIPTS, key, at)?;
        }
    }
    let order = rows.get(SENT, &(no, upto))?.map_or(0, |sent| sent.order.0);
    stream::with(rows, no, |row| {
        row.acked = row.acked.min(upto);
        row.acked_order = row.acked_order.min(order);
        // A promise may be that of several receipts that name one length: it stays as far as the first of them goes.
        let stay = row.promises.iter().take_while(|promise| promise.upto <= upto).count();
        let whole = upto == 0 || row.promises[..stay].last().is_some_and(|promise| promise.upto == upto);
        row.promises.truncate(stay + usize::from(!whole));
        row.promises.iter_mut().for_each(|promise| promise.upto = promise.upto.min(upto));
    })
}
