//! Disk space, and the end of a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskwire_store::{Error, Keeper, Result};

use crate::open::delete_set_aside;
use crate::reserve::Reserve;
use crate::view::SledView;

pub(crate) struct SledKeeper {
    folder: PathBuf,
    reserve: Reserve,
    view: Arc<SledView>,
    schema: u32,
}

impl SledKeeper {
    pub(crate) fn new(folder: &Path, reserve: Reserve, view: Arc<SledView>, schema: u32) -> Self {
        Self { folder: folder.to_owned(), reserve, view, schema }
    }
}

impl Keeper for SledKeeper {
    fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&self.folder).map_err(|error| {
            Error::io(format!("measure the disk of {}", self.folder.display()), error.into())
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn release_reserve(&self) -> Result<()> {
        self.reserve.release().map(drop)
    }

    fn restore_reserve(&self) -> Result<bool> {
        self.reserve.restore()
    }

    fn view_rebuilt(&self) -> Result<()> {
        delete_set_aside(&self.folder)
    }

    fn close(&self) -> Result<()> {
        if self.view.close()? {
            self.view.marker().write_clean(self.schema)?;
        } else {
            tracing::warn!(
                "the view was still being read at the end; it is rebuilt if the power fails before the next start"
            );
        }
        Ok(())
    }
}
