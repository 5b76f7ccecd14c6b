//! What mends something that a restore, or the want of room, has left open.

use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::record::MendRecord;
use deskwire_store::table::{ANNOUNCED, BROUGHT, DELEGATIONS, LOST, Rows, RowsMut, Table};
use deskwire_store::{EntryRef, Result};

use super::{change, link, recover, stream};
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
        MendRecord::Leaving { no, leaving } => stream::with(rows, *no, |row| row.leaving = leaving.clone()),
        MendRecord::ReceiptKept { no, event, .. } => link::note(rows, (*no, at), event),
        MendRecord::BranchLeft { no, ours, cut, seen, delegations } => {
            recover::left(rows, at, (*no, *ours), (cut, *seen), delegations)
        }
    }
}

/// A file is at the partner, or is not taken there.
pub(super) fn brought(rows: &mut Overlay, no: LinkNo, seq: u64) -> Result<()> {
    let file = rows.get(ANNOUNCED, &(no, seq))?;
    rows.delete(ANNOUNCED, &(no, seq));
    file.map_or(Ok(()), |file| rows.put(BROUGHT, &(no, seq), &file))
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
