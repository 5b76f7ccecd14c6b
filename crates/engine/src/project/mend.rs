//! What mends something that a restore, or the want of room, has left open.

use std::ops::ControlFlow;

use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::record::MendRecord;
use deskwire_store::table::{
    ANNOUNCED, BROUGHT, BROUGHT_AT, DELEGATIONS, LOST, Rows, RowsMut, STREAMS, Table,
};
use deskwire_store::{Direction, EntryRef, Result};

use super::{change, link, need, recover, stream};
use crate::overlay::Overlay;

pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &MendRecord) -> Result<()> {
    match record {
        MendRecord::WordsSaid { delegation, seq, words } => {
            change(rows, DELEGATIONS, delegation, |row| row.case.say_again(*seq, words.clone())).map(drop)
        }
        MendRecord::FilesLost { no, behind } => {
            let lost = |seq: u64| seq > *behind;
            transfer(rows, *no, (BROUGHT, LOST), lost)?;
            transfer(rows, *no, (ANNOUNCED, LOST), lost)
        }
        MendRecord::FilesAgain { no, upto } => transfer(rows, *no, (LOST, ANNOUNCED), |seq| seq <= *upto),
        MendRecord::FilesDoubted { no, behind } => doubted(rows, *no, *behind),
        MendRecord::WaitsBehind { no } => recover::behind(rows, *no),
        MendRecord::Leaving { no, leaving } => stream::with(rows, *no, |row| row.leaving = leaving.clone()),
        MendRecord::ReceiptKept { no, event, .. } => link::note(rows, (*no, at), event),
        MendRecord::BranchLeft { no, ours, cut, seen, delegations } => {
            recover::left(rows, at, (*no, *ours), (cut, *seen), delegations)
        }
    }
}

/// A file is at the partner, or is not taken there.
pub(super) fn brought(rows: &mut Overlay, no: LinkNo, seq: u64) -> Result<()> {
    let Some(file) = rows.get(ANNOUNCED, &(no, seq))? else { return Ok(()) };
    rows.delete(ANNOUNCED, &(no, seq));
    rows.put(BROUGHT, &(no, seq), &file)?;
    let length = need(rows, STREAMS, &no)?.out_length;
    rows.put(BROUGHT_AT, &(no, (length, seq)), &())
}

/// Announces again what was brought since our message with this number was the last one.
fn doubted(rows: &mut Overlay, no: LinkNo, behind: u64) -> Result<()> {
    let mut found = Vec::new();
    rows.scan(BROUGHT_AT, &no, Some(&(no, (behind, 0))), Direction::Forward, &mut |key, ()| {
        found.push(key);
        Ok(ControlFlow::Continue(()))
    })?;
    for key in found {
        rows.delete(BROUGHT_AT, &key);
        let place = (no, key.1.1);
        let Some(file) = rows.get(BROUGHT, &place)? else { continue };
        rows.delete(BROUGHT, &place);
        if rows.get(ANNOUNCED, &place)?.is_none() {
            rows.put(ANNOUNCED, &place, &file)?;
        }
    }
    Ok(())
}

type Files = Table<(LinkNo, u64), FileNo>;

/// Moves the files of some of our messages from one table to another.
fn transfer(
    rows: &mut Overlay,
    no: LinkNo,
    (from, to): (Files, Files),
    chosen: impl Fn(u64) -> bool,
) -> Result<()> {
    for (key, file) in rows.list(from, &no, usize::MAX)? {
        if chosen(key.1) {
            rows.delete(from, &key);
            rows.put(to, &key, &file)?;
        }
    }
    Ok(())
}
