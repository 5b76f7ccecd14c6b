//! Restoring a desk from a backup: into an empty folder, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use data_encoding::HEXLOWER;
use deskwire_http::tls::{PemFiles, SelfSigned};
use deskwire_proto::id::DeskId;
use deskwire_proto::text::Label;
use deskwire_store::journal::Outline;
use zeroize::Zeroizing;

use crate::backup::{FORMAT, FileEntry, Hashing, MANIFEST, Manifest};
use crate::config::{Config, Sources};
use crate::error::StartError;
use crate::folder::{Folder, replace, sync_folder, write_new};
use crate::init::workplace::{self, Workplace};
use crate::init::{certificate_names, random};
use crate::sealed::{self, Opening};
use crate::token;

/// A manifest names every file of the desk, 200 bytes each; one that is larger is none.
const MANIFEST_BYTES: u64 = 256 << 20;
/// What is read into memory at once is at most a segment with its last group.
const SEGMENT_BYTES: u64 = 128 << 20;
/// For whom a token speaks that is drawn here.
const OWNER: &str = "Operator";

/// What to restore, and where.
#[derive(Debug, Clone)]
pub struct NewRestore {
    /// The backup.
    pub from: PathBuf,
    /// The folder to be made, which must be missing or empty.
    pub folder: PathBuf,
    /// A file with the passphrase, for a backup that is sealed.
    pub passphrase: Option<PathBuf>,
    /// The list of what the desk has erased. Without it the one that the settings name is taken, if it is there.
    pub erased: Option<PathBuf>,
}

/// A backup that was looked through, or a desk that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Whose it is.
    pub desk: DeskId,
    /// The last group of its journal.
    pub group: u64,
    /// Files of tickets in it.
    pub files: u64,
    /// Files of tickets that were damaged when the backup was made.
    pub damaged: Vec<String>,
    /// Whether the secret keys are there. Without them the desk starts after `key rotate` with the recovery words.
    pub keys: bool,
    /// Whether there is a list of what was erased since, which the desk applies before it speaks.
    pub erased: bool,
}

/// Looks through a whole backup: that nothing of it is missing or changed, and that its journal verifies.
///
/// # Errors
/// [`StartError`] that says what is wrong with it.
pub fn check_backup(from: &Path, passphrase: Option<&Path>) -> Result<Restored, StartError> {
    read(from, passphrase, None)
}

/// Restores a desk. A crash at any moment leaves either the whole folder or none.
///
/// # Errors
/// [`StartError`]; nothing was made then.
pub fn restore(new: &NewRestore) -> Result<Restored, StartError> {
    let folder = Folder::new(&new.folder);
    workplace::check_free(&folder)?;
    let place = Workplace::begin(&folder)?;
    let restored = read(&new.from, new.passphrase.as_deref(), Some(place.path()))?;
    let made = Folder::new(place.path());
    let config = ready(&made)?;
    let erased = take_list(&made, &config, new.erased.as_deref())?;
    place.publish(&folder)?;
    Ok(Restored { erased, ..restored })
}

/// Puts the list of what was erased where the desk looks for it. Whether it is there.
fn take_list(made: &Folder, config: &Config, given: Option<&Path>) -> Result<bool, StartError> {
    let target = made.resolve(&config.store.erased);
    let Some(given) = given else { return Ok(target.exists()) };
    let list = fs::read(given).map_err(|error| StartError::file("read", given, &error))?;
    if !made.holds(&target) && target.exists() {
        // The desk goes on with the one that its settings name, which nobody has replaced.
        let known = fs::read(&target).map_err(|error| StartError::file("read", &target, &error))?;
        if known.starts_with(&list) {
            return Ok(true);
        }
        let words =
            format!("The settings in the backup name another list of what was erased, {}.", target.display());
        let next = "Restore without --erased to use it, or move it away first.";
        return Err(StartError::new("erased-list-exists", words, next));
    }
    replace(&target, &list, 0o600).map_err(|error| StartError::file("write", &target, &error))?;
    Ok(true)
}

/// Gives the folder what a backup without secrets does not have: a token for its owner, and a TLS key.
fn ready(folder: &Folder) -> Result<Config, StartError> {
    let file = |doing: &'static str, path: PathBuf| move |error| StartError::file(doing, &path, &error);
    if !folder.token().exists() {
        let token = token::draw(Label::new(OWNER).expect("a name"), &*random()?);
        let line = Zeroizing::new(format!("{}\n", token.line.as_str()));
        write_new(&folder.token(), line.as_bytes(), 0o600).map_err(file("write", folder.token()))?;
        let mut known = if folder.tokens().exists() { token::load(&folder.tokens())? } else { Vec::new() };
        known.push(token.entry);
        replace(&folder.tokens(), token::encode(known).as_bytes(), 0o600)
            .map_err(file("write", folder.tokens()))?;
    }
    let settings = fs::read_to_string(folder.config()).map_err(file("read", folder.config()))?;
    let config = Config::load(&Sources::of_file(folder.config(), settings))?;
    let pem = PemFiles {
        certificate: folder.resolve(&config.peer.certificate),
        key: folder.resolve(&config.peer.key),
    };
    if !pem.key.exists() && folder.holds(&pem.key) {
        SelfSigned::generate(&certificate_names(&config))?.write(&pem)?;
    }
    sync_folder(folder.root()).map_err(file("sync", folder.root().to_owned()))?;
    Ok(config)
}

fn read(from: &Path, passphrase: Option<&Path>, to: Option<&Path>) -> Result<Restored, StartError> {
    let failed = |error: io::Error| unreadable(from, &error);
    let mut file = BufReader::with_capacity(1 << 20, File::open(from).map_err(failed)?);
    let mut first = [0; 16];
    let begun = file.read(&mut first).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let source: Box<dyn Read> = match (sealed::is_sealed(&first[..begun]), passphrase) {
        (true, Some(path)) => Box::new(Opening::new(file, &sealed::passphrase(path)?).map_err(failed)?),
        (false, None) => Box::new(file),
        (false, Some(_)) => {
            let words = format!("{} is not sealed, although a passphrase is given.", from.display());
            let next = "If you trust where it comes from, restore it without --passphrase-file.";
            return Err(StartError::new("backup-not-sealed", words, next));
        }
        (true, None) => {
            let words = format!("{} is sealed under a passphrase.", from.display());
            return Err(StartError::new("passphrase-needed", words, "Give it with --passphrase-file."));
        }
    };
    let mut reading = Reading::new(to);
    let manifest = reading.all(tar::Archive::new(source), from)?;
    let desk = reading.compare(&manifest, from)?;
    let files = reading.found.keys().filter(|name| name.starts_with("store/blobs/")).count() as u64;
    let Manifest { group, damaged, keys, .. } = manifest;
    Ok(Restored { desk, group, files, damaged, keys, erased: false })
}

/// What was found in an archive so far.
struct Reading<'a> {
    to: Option<&'a Path>,
    found: BTreeMap<String, FileEntry>,
    outline: Outline,
    /// A segment that is the last one unless another follows.
    segment: Option<(u64, Vec<u8>)>,
    key_log: Vec<u8>,
}

impl<'a> Reading<'a> {
    fn new(to: Option<&'a Path>) -> Self {
        Self { to, found: BTreeMap::new(), outline: Outline::new(), segment: None, key_log: Vec::new() }
    }

    /// Reads all entries up to the manifest.
    fn all(&mut self, mut archive: tar::Archive<Box<dyn Read>>, from: &Path) -> Result<Manifest, StartError> {
        let failed = |error: io::Error| unreadable(from, &error);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let name = entry.path().map_err(failed)?.to_string_lossy().into_owned();
            if name == MANIFEST {
                let mut text = Vec::new();
                entry.by_ref().take(MANIFEST_BYTES).read_to_end(&mut text).map_err(failed)?;
                // To the end: a seal is checked up to its last byte.
                io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
                return serde_json::from_slice(&text)
                    .map_err(|error| broken(from, &format!("its manifest cannot be read ({error})")));
            }
            if !is_expected(&name) || entry.header().entry_type() != tar::EntryType::Regular {
                return Err(broken(from, &format!("{name:?} does not belong into a backup")));
            }
            let size = entry.header().size().map_err(failed)?;
            self.entry(&name, size, entry, from)?;
        }
        Err(broken(from, "its end is missing"))
    }

    fn entry(&mut self, name: &str, size: u64, content: impl Read, from: &Path) -> Result<(), StartError> {
        let failed = |error: io::Error| unreadable(from, &error);
        let mut content = Hashing::new(content);
        let segment =
            name.strip_prefix("store/journal/").and_then(|name| name.strip_suffix(".seg")?.parse().ok());
        if segment.is_some() || name == "keys/keylog.cbor" {
            if size > SEGMENT_BYTES {
                return Err(broken(from, &format!("{name} is larger than any that a desk writes")));
            }
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(failed)?;
            self.write(name, &mut bytes.as_slice())?;
            match segment {
                Some(number) => self.next_segment(Some((number, bytes)))?,
                None => self.key_log = bytes,
            }
        } else {
            self.write(name, &mut content)?;
        }
        let (read, sha256) = (content.read_bytes(), content.hex());
        if read != size {
            return Err(broken(from, &format!("{name} is cut")));
        }
        self.found.insert(name.to_owned(), FileEntry { name: name.to_owned(), size, sha256 });
        Ok(())
    }

    fn next_segment(&mut self, next: Option<(u64, Vec<u8>)>) -> Result<(), StartError> {
        if let Some((number, bytes)) = std::mem::replace(&mut self.segment, next) {
            self.outline.segment(number, bytes, false)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, content: &mut dyn Read) -> Result<(), StartError> {
        let Some(to) = self.to else {
            return io::copy(content, &mut io::sink())
                .map(drop)
                .map_err(|error| unreadable(Path::new(name), &error));
        };
        let path = to.join(name);
        let failed = |error: io::Error| StartError::file("write", &path, &error);
        let folder = path.parent().unwrap_or(to);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        io::copy(content, &mut file).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        sync_folder(folder).map_err(failed)
    }

    /// Whether everything that the manifest names is there as it was, and nothing else.
    fn compare(&mut self, manifest: &Manifest, from: &Path) -> Result<DeskId, StartError> {
        if manifest.format > FORMAT {
            let words = format!(
                "{} has format {} of backups, this program knows {}.",
                from.display(),
                manifest.format,
                FORMAT
            );
            return Err(StartError::new("backup-newer-format", words, "Use a newer program."));
        }
        for file in &manifest.files {
            match self.found.get(&file.name) {
                Some(found) if found == file => {}
                Some(_) => return Err(broken(from, &format!("{} was changed", file.name))),
                None => return Err(broken(from, &format!("{} is missing", file.name))),
            }
        }
        if self.found.len() != manifest.files.len() {
            return Err(broken(from, "it holds files that its manifest does not name"));
        }
        self.next_segment(None)?;
        let end = self.outline.end();
        let fits = end.is_some_and(|(id, end)| {
            HEXLOWER.encode(&id.0) == manifest.journal
                && end.group == manifest.group
                && HEXLOWER.encode(&end.chain) == manifest.chain
        });
        if !fits {
            return Err(broken(from, "its journal does not end where it says"));
        }
        let log = deskwire_proto::keylog::KeyLog::decode(&self.key_log)
            .map_err(|code| broken(from, &format!("its key log does not verify ({code})")))?;
        if log.desk().to_hex() != manifest.desk {
            return Err(broken(from, "its key log is another desk's"));
        }
        Ok(log.desk())
    }
}

/// The names that a backup may have: nothing that leads out of the folder, and nothing that no desk has.
fn is_expected(name: &str) -> bool {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let known = ["deskwire.toml", "descriptor.cbor", "tokens.toml", "token", "store/format"].contains(&name);
    let inside =
        ["keys/", "tls/", "store/journal/", "store/blobs/"].iter().any(|folder| name.starts_with(folder));
    plain && (known || inside)
}

fn unreadable(from: &Path, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => {
            broken(from, &error.to_string())
        }
        _ => StartError::file("read", from, error),
    }
}

fn broken(from: &Path, why: &str) -> StartError {
    let words = format!("{} is no whole backup: {why}.", from.display());
    StartError::new("backup-damaged", words, "Take another copy of it, or an older backup.")
}
