//! The data folder itself: who may use it, and whether it is one of ours.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deskwire_store::{Error, Result};

use crate::disk::sync_folder;

/// The version of the layout written, and the newest one known. Since 2 segments of the journal may be rewritten.
const FORMAT: u64 = 2;

const FORMAT_FILE: &str = "format";
const FORMAT_WORD: &str = "deskwire-store";

/// How long to wait for this process itself: the thread that keeps room for a view holds one just dropped a moment longer.
const OWN: Duration = Duration::from_millis(500);

/// How long a lock may outlive the process that held it.
const LINGER: Duration = Duration::from_secs(5);

/// How long to wait for a holder that seems to live: one that was just killed takes a moment to end.
const GRACE: Duration = Duration::from_millis(300);

/// The folder's lock, free again when this is dropped or the process ends.
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Creates the folder where it is missing, and locks it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let doing = |error| Error::io(format!("create the folder {}", folder.display()), error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(doing)?;
        let doing = |error| Error::io(format!("lock {}", folder.display()), error);
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(doing)?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(doing(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = holder(&mut file).map_err(doing)?;
            let patience = match holder {
                Some(pid) if pid == std::process::id() => OWN,
                Some(pid) if !is_running(pid) => LINGER,
                _ => GRACE,
            };
            if begin.elapsed() >= patience {
                let holder = holder.map_or("another process".into(), |pid| format!("process {pid}"));
                return Err(Error::Locked { folder: folder.display().to_string(), holder });
            }
            thread::sleep(Duration::from_millis(20));
        }
        write_holder(&mut file).map_err(doing)?;
        Ok(Self { _file: file })
    }
}

/// The process that locked the folder, as it says itself.
fn holder(file: &mut File) -> io::Result<Option<u32>> {
    let mut text = String::new();
    file.rewind()?;
    file.take(32).read_to_string(&mut text)?;
    Ok(text.trim().parse().ok())
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    match writeln!(file, "{}", std::process::id()) {
        // The name in the lock is a courtesy; a full disk must not keep the desk from starting.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        result => result,
    }
}

/// Whether a process runs, as far as can be seen: one that has ended and was not waited for does not.
fn is_running(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which is in parentheses and may contain any.
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| matches!(rest.trim_start().chars().next(), Some('Z' | 'X'))),
        Err(error) => error.kind() != io::ErrorKind::NotFound || !Path::new("/proc/self/stat").exists(),
    }
}

/// What kind of folder it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Nothing has been stored in it yet.
    Fresh,
    /// A store of an older format, which this program reads as it is.
    Older,
    /// A store of the present format.
    Present,
}

/// Reads the format of the folder.
pub(crate) fn check_format(folder: &Path) -> Result<Format> {
    let path = folder.join(FORMAT_FILE);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Format::Fresh),
        Err(error) => return Err(Error::io(format!("read {}", path.display()), error)),
    };
    let version =
        text.trim().strip_prefix(FORMAT_WORD).and_then(|rest| rest.strip_prefix(' ')?.parse::<u64>().ok());
    match version {
        Some(FORMAT) => Ok(Format::Present),
        Some(1..FORMAT) => Ok(Format::Older),
        Some(found) if found > FORMAT => {
            Err(Error::NewerFormat { folder: folder.display().to_string(), found, known: FORMAT })
        }
        _ => Err(without_format(folder, "its file `format` is damaged or of another program")),
    }
}

/// Why a folder with a journal and without that file is refused.
pub(crate) const NO_FORMAT: &str = "it has a journal but its file `format` is missing";

/// A store that does not say of which format it is, and what an operator can do who knows that.
pub(crate) fn without_format(folder: &Path, why: &str) -> Error {
    let reason = format!(
        "{why}. Put that file back from a backup; or, if no newer program has worked on this store, write this one line into it: {FORMAT_WORD} {FORMAT}"
    );
    Error::NotAStore { folder: folder.display().to_string(), reason }
}

/// Marks the folder as a store of the present format, once everything else is in place.
pub(crate) fn write_format(folder: &Path) -> Result<()> {
    write_durably(&folder.join(FORMAT_FILE), &format!("{FORMAT_WORD} {FORMAT}\n"))
}

/// Writes a small file so that it is there as a whole, or as it was before.
pub(crate) fn write_durably(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), sync_folder)
    };
    write().map_err(|error| Error::io(format!("write {}", path.display()), error))
}
