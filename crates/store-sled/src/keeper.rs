//! Disk space, and the end of a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deskwire_store::{Error, Keeper, Result};

use crate::aside::{delete_damaged, delete_set_aside};
use crate::disk::free_bytes;
use crate::renew;
use crate::reserve::Reserve;
use crate::steady::SteadyView;
use crate::sum::sum_of;
use crate::view::FOLDER as VIEW;

/// The disk has room for the reserve again when it has so many times what is missing of it.
const PLENTY: u64 = 4;

pub(crate) struct SledKeeper {
    folder: PathBuf,
    reserve: Reserve,
    view: Arc<SteadyView>,
    schema: u32,
    forgotten: AtomicBool,
    loss: Option<String>,
}

impl SledKeeper {
    pub(crate) fn new(
        folder: &Path,
        reserve: Reserve,
        view: Arc<SteadyView>,
        schema: u32,
        loss: Option<String>,
    ) -> Self {
        Self { folder: folder.to_owned(), reserve, view, schema, forgotten: AtomicBool::new(false), loss }
    }
}

impl Keeper for SledKeeper {
    fn free_bytes(&self) -> Result<u64> {
        free_bytes(&self.folder)
            .map_err(|error| Error::io(format!("measure the disk of {}", self.folder.display()), error))
    }

    fn release_reserve(&self) -> Result<()> {
        self.reserve.release().map(drop)
    }

    fn restore_reserve(&self) -> Result<bool> {
        self.reserve.restore()
    }

    fn restore_lost_reserve(&self) -> Result<bool> {
        let missing = self.reserve.missing()?;
        if missing == 0 || self.free_bytes()? < missing.saturating_mul(PLENTY) {
            return Ok(false);
        }
        self.reserve.restore()
    }

    fn loss(&self) -> Option<String> {
        self.loss.clone()
    }

    fn view_rebuilt(&self) -> Result<()> {
        self.view.sled().marker().write_in_use(self.schema)?;
        delete_set_aside(&self.folder)
    }

    fn forget_set_aside(&self) -> Result<()> {
        delete_set_aside(&self.folder)?;
        delete_damaged(&self.folder)
    }

    fn renew_view(&self) -> Result<()> {
        if !self.view.is_whole() {
            return self.forget_view();
        }
        match self.view.sled().renew() {
            Err(Error::ViewFailed(reason)) => {
                tracing::warn!(%reason, "the view is made anew at the next start");
                self.forget_view()
            }
            result => result,
        }
    }

    fn view_loading(&self) -> Result<()> {
        self.view.sled().marker().remove()
    }

    fn forget_view(&self) -> Result<()> {
        self.forgotten.store(true, Ordering::Release);
        self.view.sled().marker().remove()
    }

    fn close(&self) -> Result<()> {
        if let Err(error) = self.view.pour_all() {
            tracing::warn!(%error, "the view has no room for the last rows; it is rebuilt at the next start");
        }
        let whole = self.view.is_whole();
        if !whole {
            // The rows in memory go with the process; without its marker the view is not trusted.
            return self.view.sled().marker().remove();
        }
        let closed = self.view.sled().close()?;
        if closed {
            renew::settle(&self.folder)?;
        }
        if closed && !self.forgotten.load(Ordering::Acquire) {
            let sum = sum_of(&self.folder.join(VIEW))
                .map_err(|error| Error::io(format!("read {VIEW} in {}", self.folder.display()), error))?;
            self.view.sled().marker().write_clean(self.schema, sum)?;
        } else if !self.forgotten.load(Ordering::Acquire) {
            tracing::warn!(
                "the view was still being read at the end; it is rebuilt if the power fails before the next start"
            );
        }
        Ok(())
    }
}
