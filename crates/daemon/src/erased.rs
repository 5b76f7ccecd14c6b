//! The list of what was erased, in a file beside the store: a restored backup that is older has the texts still, and loses
//! them by this list before it speaks. proto-spec, section 9.7.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use deskwire_engine::Engine;
use deskwire_engine::custody::{Custody, ErasedLine, Listed};
use deskwire_store::{Error, Result};

use crate::error::StartError;
use crate::folder::{parent, sync_folder};

/// The file, and what it says.
#[derive(Debug)]
pub(crate) struct ErasedList {
    path: PathBuf,
    listed: Listed,
}

impl ErasedList {
    /// The list as it stands. What cannot be read of it is written once more.
    pub(crate) fn new(path: PathBuf) -> Self {
        let listed = lines(&path).map(|lines| Listed::read(&lines)).unwrap_or_default();
        Self { path, listed }
    }

    /// Whether partners are waited for.
    pub(crate) fn waits(&self) -> bool {
        self.listed.waits()
    }

    /// Writes down what is to be erased, here and at partners, and was not written down before; durable on return.
    pub(crate) fn note(&mut self, custody: &Custody) -> Result<()> {
        let mut listed = self.listed.clone();
        let lines = custody.erased_lines(&mut listed)?;
        self.append(&lines)?;
        self.listed = listed;
        Ok(())
    }

    fn append(&self, lines: &[ErasedLine]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        append(&self.path, lines).map_err(|error| Error::io(format!("write {}", self.path.display()), error))
    }
}

/// Before a desk says anything: erases again what the list names and an older state that was restored still has, and asks
/// those partners again who have not answered.
///
/// # Errors
/// When the list cannot be read or written, or the store fails: the desk must not speak then.
pub(crate) async fn apply(engine: &Engine, custody: &Custody, path: &Path) -> Result<(), StartError> {
    let lines = lines(path).map_err(|error| StartError::file("read", path, &error))?;
    let Some(apply) = custody.erased_since(&lines)? else { return Ok(()) };
    let (texts, items, asked) = (apply.here.entries.len(), apply.items.len(), apply.ask.len());
    let applied = engine.call(apply).await?;
    let line = custody.order_line(applied)?;
    ErasedList::new(path.to_owned()).append(&[line])?;
    tracing::warn!(
        texts,
        items,
        asked,
        "an older state was restored: what was erased since then is erased again, and who has not answered is asked again"
    );
    Ok(())
}

/// The lines of a list; none when there is none.
fn lines(path: &Path) -> io::Result<Vec<ErasedLine>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.parse::<ErasedLine>() {
            Ok(line) => lines.push(line),
            // Cut off by a power failure; it stands there again, whole.
            Err(_) => {
                tracing::warn!(path = %path.display(), "a line of the list of erased texts is no whole one")
            }
        }
    }
    Ok(lines)
}

fn append(path: &Path, lines: &[ErasedLine]) -> io::Result<()> {
    let new = !path.exists();
    let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if !new && !fs::read(path)?.ends_with(b"\n") {
        text.insert(0, '\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if new { sync_folder(&parent(path)) } else { Ok(()) }
}
