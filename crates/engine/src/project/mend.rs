//! What mends something that a restore, or the want of room, has left open.

use deskwire_store::Result;
use deskwire_store::record::MendRecord;
use deskwire_store::table::DELEGATIONS;

use super::change;
use crate::overlay::Overlay;

pub(super) fn record(rows: &mut Overlay, record: &MendRecord) -> Result<()> {
    match record {
        MendRecord::WordsSaid { delegation, seq, words } => {
            change(rows, DELEGATIONS, delegation, |row| row.case.say_again(*seq, words.clone())).map(drop)
        }
    }
}
