//! What opening cuts off the end of the journal is kept aside for a while: nobody was told that it was stored, but whoever
//! looks into what happened to a disk wants to see it.

use std::io;

use super::entry::Position;
use super::segments::FOLDER;
use crate::disk::read_fully;
use crate::error::sync_failed;
use crate::{Disk, DiskFile, Error, Result};

/// What the name of such a file ends with.
const SUFFIX: &str = ".torn";

/// How many are kept.
const KEPT: usize = 4;

/// The most that is kept of one, bytes.
const MOST: u64 = 1 << 20;

/// Keeps what stands behind a position, as far as it is not zero. If that cannot be done it is not worth a desk that does
/// not start.
pub(crate) fn keep(disk: &dyn Disk, file: &dyn DiskFile, at: Position) {
    let kept = || -> io::Result<()> {
        let length = file.size()?.saturating_sub(at.offset).min(MOST);
        let mut bytes = vec![0; length as usize];
        read_fully(file, &mut bytes, at.offset)?;
        bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        if bytes.is_empty() {
            return Ok(());
        }
        let copy = disk.create(&format!("{FOLDER}/{:020}-{}{SUFFIX}", at.segment, at.offset))?;
        copy.write_at(&bytes, 0)?;
        copy.sync_all()?;
        let names = names(disk)?;
        let surplus = names.len().saturating_sub(KEPT);
        names.iter().take(surplus).try_for_each(|name| disk.remove(name))
    };
    let _ = kept();
}

/// Deletes all that is kept, durably.
///
/// # Errors
/// Whatever the disk says.
pub(crate) fn forget(disk: &dyn Disk) -> Result<()> {
    let remove = || {
        let names = names(disk)?;
        names.iter().try_for_each(|name| disk.remove(name))?;
        if names.is_empty() { Ok(()) } else { disk.sync_folder(FOLDER).map_err(sync_failed) }
    };
    remove().map_err(|error| Error::io("delete what was cut off the journal", error))
}

fn names(disk: &dyn Disk) -> io::Result<Vec<String>> {
    let mut names: Vec<String> =
        disk.list(FOLDER)?.into_iter().filter(|name| name.ends_with(SUFFIX)).collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|name| format!("{FOLDER}/{name}")).collect())
}
