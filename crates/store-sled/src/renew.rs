//! A view made anew while it is in use: sled keeps old pages in its file for as long as it likes, and what was erased has
//! to go. All rows are copied into another database; what is written meanwhile goes into both.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use deskwire_store::{Batch, Direction, Error, Position, Result};

use crate::Options;
use crate::aside::{delete, delete_set_aside, retire};
use crate::disk::sync_folder;
use crate::fresh::Layer;
use crate::rows::{FOLDER, SledRows};

/// The folder of the database that takes the place of the other.
const RENEWED: &str = "view.renewed";

/// Rows copied at once; as long as that takes nothing else is handed over to sled.
const TOGETHER: usize = 500;

/// The first key a caller can have.
const FIRST_KEY: &[u8] = &[1];

/// The database in use, and the one that is to take its place.
pub(crate) struct Below {
    rows: RwLock<Arc<SledRows>>,
    /// Held while anything is handed over.
    renewal: Mutex<Option<Renewal>>,
}

struct Renewal {
    rows: Arc<SledRows>,
    /// Rows with lower keys are there already.
    upto: Vec<u8>,
    /// Why it cannot take the other's place.
    failed: Option<Error>,
}

impl Below {
    pub(crate) fn new(rows: Arc<SledRows>) -> Self {
        Self { rows: RwLock::new(rows), renewal: Mutex::new(None) }
    }

    /// The database in use.
    pub(crate) fn rows(&self) -> Arc<SledRows> {
        Arc::clone(&self.rows.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies a layer to the database in use, and what belongs there to the one that takes its place.
    pub(crate) fn apply(&self, layer: &Layer, position: &Position) -> Result<()> {
        let mut renewal = self.renewal();
        self.rows().apply(layer, Some(position))?;
        if let Some(renewal) = renewal.as_mut().filter(|renewal| renewal.failed.is_none()) {
            let copied = renewal.rows.room().ensure_batch();
            let copied = copied.and_then(|()| renewal.rows.apply(&layer.before(&renewal.upto), None));
            renewal.failed = copied.err();
        }
        Ok(())
    }

    fn renewal(&self) -> MutexGuard<'_, Option<Renewal>> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the next rows from a key on; with the last of them the new database takes the other's place. The key at
    /// which to go on, unless that was all.
    fn copy(&self, from: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut renewal = self.renewal();
        let Some(new) = renewal.as_mut() else { return Err(Error::Closed) };
        if let Some(error) = new.failed.take() {
            return Err(error);
        }
        let old = self.rows();
        let (mut batch, mut next) = (Batch::new(), None);
        let mut range = old.range(from, None, Direction::Forward)?;
        while let Some((key, value)) = range.next()? {
            if batch.len() >= TOGETHER {
                next = Some(key.to_vec());
                break;
            }
            batch.put(key.as_ref(), value.as_ref());
        }
        new.rows.room().ensure_batch()?;
        // One that is left half filled must not pass for one that reflects something.
        let position = if next.is_none() { old.position()? } else { None };
        new.rows.apply(&Layer::of(&batch), position.as_ref())?;
        match next {
            Some(key) => {
                new.upto.clone_from(&key);
                Ok(Some(key))
            }
            None => {
                *self.rows.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new.rows);
                *renewal = None;
                Ok(None)
            }
        }
    }
}

/// Makes the database anew, and deletes the former one.
pub(crate) fn renew(below: &Below, store: &Path, options: Options) -> Result<()> {
    let old = below.rows();
    let name = if old.folder() == store.join(FOLDER) { RENEWED } else { FOLDER };
    delete(&store.join(name))?;
    let new = Arc::new(SledRows::open(store, name, options)?);
    *below.renewal() = Some(Renewal { rows: Arc::clone(&new), upto: Vec::new(), failed: None });
    let copied = (|| {
        let mut from = FIRST_KEY.to_vec();
        while let Some(next) = below.copy(&from)? {
            from = next;
        }
        Ok(())
    })();
    if let Err(error) = copied {
        *below.renewal() = None;
        let _ = new.close();
        delete(&store.join(name))?;
        return Err(error);
    }
    new.flush()?;
    old.close()?;
    retire(store, old.folder())
}

/// Gives a view that has taken the place of another its name; one that has not is deleted, and one that was left half
/// filled has no position and is folded anew. Nothing may be in use.
pub(crate) fn settle(store: &Path) -> Result<()> {
    let (view, renewed) = (store.join(FOLDER), store.join(RENEWED));
    if !renewed.exists() {
        return Ok(());
    }
    if view.exists() {
        return delete(&renewed);
    }
    let rename = || {
        fs::rename(&renewed, &view)?;
        sync_folder(store)
    };
    rename().map_err(|error| Error::io(format!("rename {}", renewed.display()), error))?;
    delete_set_aside(store)
}
