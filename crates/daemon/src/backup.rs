//! Backups: everything that makes a desk, in one file, taken while the daemon runs.
//!
//! A backup is a tar archive, sealed under a passphrase where one is given. Its last entry, `manifest.json`, names every other
//! one with size and SHA-256, and where the journal ends; an archive without it is not whole. The journal's segments are read
//! up to the last whole group and made durable before they are copied, so a backup never holds what a power cut could still
//! take back. The view is not in it: it is folded from the journal.

mod manifest;
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use deskwire_proto::id::DeskId;
use deskwire_store::Position;
use deskwire_store::journal::Outline;

pub(crate) use manifest::{FORMAT, FileEntry, MANIFEST, Manifest};
pub(crate) use write::Hashing;

use crate::error::StartError;
use crate::folder::{Folder, parent, sync_folder};
use crate::sealed;
use write::Archive;

/// What a backup is to hold, and where.
#[derive(Debug, Clone)]
pub struct NewBackup {
    /// The desk's folder.
    pub folder: PathBuf,
    /// The file to be made; it must not be there.
    pub to: PathBuf,
    /// Whether the signing key and the TLS key go with it. Without them a stolen backup cannot speak, and restoring it takes
    /// the recovery words.
    pub keys: bool,
    /// Whether the files of tickets go with it.
    pub files: bool,
    /// A file with the passphrase under which it is sealed.
    pub passphrase: Option<PathBuf>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Whose.
    pub desk: DeskId,
    /// The last group of the journal in it.
    pub group: u64,
    /// Files of tickets in it.
    pub files: u64,
    /// Files of tickets that are damaged on this disk, by their names; they are not in it.
    pub damaged: Vec<String>,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Makes a backup. The daemon may run meanwhile.
///
/// # Errors
/// [`StartError`]; no file of that name was made then.
pub fn backup(new: &NewBackup) -> Result<Backup, StartError> {
    if new.to.exists() {
        let words = format!("{} exists already and is not replaced.", new.to.display());
        return Err(StartError::new("backup-exists", words, "Name a new file for each backup."));
    }
    let folder = Folder::new(&new.folder);
    let desk = crate::material::key_log(&folder.key_log())?.desk();
    let passphrase = new.passphrase.as_deref().map(sealed::passphrase).transpose()?;
    let unfinished = unfinished(&new.to)?;
    let made = Archive::create(&unfinished, passphrase.as_deref().map(Vec::as_slice))
        .map_err(|error| StartError::file("write", &unfinished, &error))
        .and_then(|archive| fill(archive, &folder, new, desk));
    let publish = |backup: Backup| {
        fs::rename(&unfinished, &new.to)
            .and_then(|()| sync_folder(&parent(&new.to)))
            .map_err(|error| StartError::file("write", &new.to, &error))?;
        Ok(backup)
    };
    made.and_then(publish).inspect_err(|_| {
        // It opens nothing without its manifest; if it cannot be removed it is in nobody's way.
        let _ = fs::remove_file(&unfinished);
    })
}

/// A name beside the file that nobody else uses.
fn unfinished(to: &Path) -> Result<PathBuf, StartError> {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".{}.unfinished", data_encoding::HEXLOWER.encode(&crate::init::random()?[..6])));
    Ok(name.into())
}

fn fill(mut archive: Archive, folder: &Folder, new: &NewBackup, desk: DeskId) -> Result<Backup, StartError> {
    // Opened all at once: what is dropped or rewritten from now on stays readable.
    let segments = segments(folder)?;
    for (name, secret) in SINGLE {
        let path = folder.root().join(name);
        if path.exists() && (new.keys || !secret) {
            let bytes = fs::read(&path).map_err(|error| StartError::file("read", &path, &error))?;
            archive.bytes(name, &bytes).map_err(|error| StartError::file("copy", &path, &error))?;
        }
    }
    let (journal, tail) = copy_segments(&mut archive, segments)?;
    let mut damaged = Vec::new();
    let before = archive.entries();
    if new.files {
        copy_blobs(&mut archive, &folder.store(), &mut damaged)?;
    }
    let files = archive.entries() - before;
    let manifest = Manifest::new(desk, journal, &tail, new.keys, damaged.clone());
    let bytes = archive.finish(manifest).map_err(|error| StartError::file("write", &new.to, &error))?;
    Ok(Backup { desk, group: tail.group, files, damaged, bytes })
}

/// The files of a desk besides its store, and which of them are secret.
const SINGLE: &[(&str, bool)] = &[
    ("deskwire.toml", false),
    ("descriptor.cbor", false),
    ("keys/keylog.cbor", false),
    ("tokens.toml", false),
    ("store/format", false),
    ("keys/signing.key", true),
    ("tls/certificate.pem", true),
    ("tls/key.pem", true),
    ("token", true),
];

/// The journal's segments, in order, opened.
fn segments(folder: &Folder) -> Result<Vec<(u64, PathBuf, File)>, StartError> {
    let journal = folder.store().join("journal");
    let failed = |error: io::Error| StartError::file("read", &journal, &error);
    'again: loop {
        let mut found = Vec::new();
        for entry in fs::read_dir(&journal).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
            found.extend(number.map(|number| (number, journal.join(name))));
        }
        found.sort();
        let mut opened = Vec::with_capacity(found.len());
        for (number, path) in found {
            match File::open(&path) {
                Ok(file) => opened.push((number, path, file)),
                // Dropped meanwhile, because it is too old.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue 'again,
                Err(error) => return Err(StartError::file("read", &path, &error)),
            }
        }
        return Ok(opened);
    }
}

fn copy_segments(
    archive: &mut Archive,
    segments: Vec<(u64, PathBuf, File)>,
) -> Result<(deskwire_store::JournalId, Position), StartError> {
    let mut outline = Outline::new();
    let count = segments.len();
    for (place, (number, path, file)) in segments.into_iter().enumerate() {
        let failed = |error: io::Error| StartError::file("copy", &path, &error);
        let bytes =
            segment(&mut outline, number, &file, place + 1 == count).map_err(|error| match error {
                deskwire_store::Error::Io { .. } => failed(io::Error::other(error.to_string())),
                error => error.into(),
            })?;
        // What was read may not be on the disk yet. What a power cut could take back must not come back from here.
        file.sync_data().map_err(failed)?;
        archive.bytes(&format!("store/journal/{number:020}.seg"), &bytes).map_err(failed)?;
    }
    outline.end().ok_or_else(|| {
        StartError::new(
            "store-not-found",
            "There is no journal in this folder.",
            "Name the folder of a desk.",
        )
    })
}

/// How often the segment is read that a daemon may be writing to: a group written while it is read looks damaged.
const LOOKS: u32 = 5;

/// The verified bytes of one segment.
fn segment(outline: &mut Outline, number: u64, file: &File, last: bool) -> deskwire_store::Result<Vec<u8>> {
    let mut looks = 0;
    loop {
        let mut bytes = Vec::new();
        io::Seek::rewind(&mut &*file)
            .and_then(|()| io::Read::read_to_end(&mut &*file, &mut bytes))
            .map_err(|error| deskwire_store::Error::io(format!("read segment {number}"), error))?;
        let before = outline.clone();
        looks += 1;
        match outline.segment(number, bytes, last) {
            Err(deskwire_store::Error::Damaged { .. }) if last && looks < LOOKS => *outline = before,
            result => return result.map(|(_, bytes)| bytes),
        }
    }
}

/// Copies the files of tickets. One whose content does not fit its name is left out and told.
fn copy_blobs(archive: &mut Archive, store: &Path, damaged: &mut Vec<String>) -> Result<(), StartError> {
    let mut folders = vec![store.join("blobs")];
    while let Some(folder) = folders.pop() {
        let failed = |error: io::Error| StartError::file("read", &folder, &error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        let mut names: Vec<_> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
        names.sort();
        for path in names {
            if path.is_dir() {
                if path != store.join("blobs/partial") {
                    folders.push(path);
                }
                continue;
            }
            match copy_blob(archive, store, &path) {
                Ok(true) => {}
                Ok(false) => {
                    damaged.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
                }
                // Collected meanwhile, because nothing names it any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StartError::file("copy", &path, &error)),
            }
        }
    }
    Ok(())
}

/// Copies one file; false when its content is not the one that its name says.
fn copy_blob(archive: &mut Archive, store: &Path, path: &Path) -> io::Result<bool> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.len() == 64) else {
        return Ok(true);
    };
    let mut reading = Hashing::new(File::open(path)?);
    // What cannot be read is as lost as what reads wrong; the rest must get into the backup all the more.
    if io::copy(&mut reading, &mut io::sink()).is_err() || reading.hex() != name {
        return Ok(false);
    }
    let inside = path.strip_prefix(store).map_err(io::Error::other)?;
    archive.file(&format!("store/{}", inside.display()), File::open(path)?)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
