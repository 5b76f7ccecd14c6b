//! Making a desk: its keys, its settings, its token, all there at once or not at all.

pub(crate) mod workplace;

use std::fs::{self, DirBuilder};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use deskwire_http::tls::{PemFiles, SelfSigned};
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::DeskId;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::text::Label;
use deskwire_proto::words::Mnemonic;
use zeroize::Zeroizing;

use crate::config::{Config, List, Listen, Prefix, SECTIONS, Sources, Value, Written, render};
use crate::error::StartError;
use crate::folder::{Folder, parent, sync_folder, write_new};
use crate::{face, prefix, signing_key, token};
use workplace::Workplace;

/// What a new desk is to be.
#[derive(Debug, Clone)]
pub struct NewDesk {
    /// Its folder, which must be missing or empty.
    pub folder: PathBuf,
    /// The name that partners see.
    pub name: Label,
    /// What stands before its ticket numbers; derived from the name when absent.
    pub prefix: Option<Prefix>,
    /// Where partners are listened to; every interface, port 8441, when absent.
    pub listen: Option<Listen>,
    /// Its public addresses, when the one listened on is not what partners reach.
    pub endpoints: List<Endpoint, 4>,
    /// For whom the first token of the API speaks.
    pub person: Label,
    /// Where the recovery key is written; shown when absent.
    pub recovery_file: Option<PathBuf>,
}

/// A desk that was made.
#[derive(Debug)]
pub struct Made {
    /// Who it is.
    pub desk: DeskId,
    /// Its settings as written.
    pub config: Config,
    /// What it will tell partners of where it is; none when that is not known.
    pub endpoints: Vec<Endpoint>,
    /// The one copy of its recovery key.
    pub recovery: Recovery,
}

/// Where the recovery key of a new desk is. It is stored nowhere else.
#[derive(Debug)]
pub enum Recovery {
    /// To be shown once.
    Words(Mnemonic),
    /// In this file.
    File(PathBuf),
}

/// Makes a desk. A crash at any moment leaves either the whole desk or none.
///
/// # Errors
/// [`StartError`]; nothing was made then.
pub fn init(new: &NewDesk) -> Result<Made, StartError> {
    let folder = Folder::new(&new.folder);
    workplace::check_free(&folder)?;
    let keys = Keys::draw()?;
    let text = settings(new);
    let config = Config::load(&Sources::of_file(folder.config(), text.as_str()))?;
    let saved = match &new.recovery_file {
        Some(path) => Some(SavedWords::write(path, &folder, &keys.recovery_words(), keys.log.desk())?),
        None => None,
    };
    let place = Workplace::begin(&folder)?;
    fill(&Folder::new(place.path()), &keys, &config, &text, &new.person)?;
    place.publish(&folder)?;
    let recovery = match saved {
        Some(saved) => Recovery::File(saved.keep()),
        None => Recovery::Words(keys.recovery_words()),
    };
    let endpoints = face::announced(&config, config.peer.listen);
    Ok(Made { desk: keys.log.desk(), config, endpoints, recovery })
}

/// The keys of a new desk.
struct Keys {
    signing: SecretKey,
    next: SecretKey,
    log: KeyLog,
}

impl Keys {
    fn draw() -> Result<Self, StartError> {
        let signing = SecretKey::from_seed(&*random()?);
        let next = SecretKey::from_seed(&*random()?);
        let log = KeyLog::incept(&signing, &next.public());
        Ok(Self { signing, next, log })
    }

    fn recovery_words(&self) -> Mnemonic {
        Mnemonic::new(&self.next.seed())
    }
}

pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, StartError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        let words = format!("The system gives no random numbers: {error}.");
        StartError::new("no-randomness", words, "No keys can be made on this machine.")
    })?;
    Ok(bytes)
}

/// The text of `deskwire.toml`.
fn settings(new: &NewDesk) -> String {
    let prefix = new.prefix.clone().unwrap_or_else(|| prefix::derive(new.name.as_str()));
    let plain = |name, literal| Written { name, literal, note: None };
    let mut written = vec![plain("desk.name", new.name.literal()), plain("desk.prefix", prefix.literal())];
    if let Some(listen) = new.listen {
        written.push(plain("peer.listen", listen.literal()));
        if let Some(range) = listen.0.and_then(|listen| own_range(listen.ip())) {
            let note = "Written because this desk listens on loopback: its partners are on this machine too.";
            written.push(Written { name: "peer.allow_ranges", literal: range.into(), note: Some(note) });
        }
    }
    if !new.endpoints.0.is_empty() {
        written.push(plain("peer.endpoints", new.endpoints.literal()));
    }
    render(SECTIONS, &written)
}

/// The range that partners of a desk on loopback are in.
fn own_range(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if !address.is_loopback() => None,
        IpAddr::V4(_) => Some("[\"127.0.0.0/8\"]"),
        IpAddr::V6(_) => Some("[\"::1/128\"]"),
    }
}

/// Writes everything that a desk consists of.
fn fill(desk: &Folder, keys: &Keys, config: &Config, text: &str, person: &Label) -> Result<(), StartError> {
    let write = |path: PathBuf, bytes: &[u8], mode| {
        write_new(&path, bytes, mode).map_err(|error| StartError::file("write", &path, &error))
    };
    let folder_of_keys = desk.keys();
    let made = DirBuilder::new().mode(0o700).create(&folder_of_keys);
    made.map_err(|error| StartError::file("make", &folder_of_keys, &error))?;
    let key = signing_key::encode(&keys.signing, keys.log.desk());
    write(desk.signing_key(), key.as_bytes(), 0o600)?;
    write(desk.key_log(), &keys.log.encode(), 0o600)?;
    let pem =
        PemFiles { certificate: desk.resolve(&config.peer.certificate), key: desk.resolve(&config.peer.key) };
    SelfSigned::generate(&certificate_names(config))?.write(&pem)?;
    let token = token::draw(person.clone(), &*random()?);
    write(desk.token(), format!("{}\n", token.line.as_str()).as_bytes(), 0o600)?;
    write(desk.tokens(), token::encode(vec![token.entry]).as_bytes(), 0o600)?;
    write(desk.config(), text.as_bytes(), 0o600)?;
    for folder in [folder_of_keys.as_path(), desk.root()] {
        sync_folder(folder).map_err(|error| StartError::file("sync", folder, &error))?;
    }
    Ok(())
}

/// The hosts under which partners will reach the desk, as far as they are known.
pub(crate) fn certificate_names(config: &Config) -> Vec<String> {
    let hosts = face::announced(config, config.peer.listen);
    hosts.iter().map(face::host_text).collect()
}

/// The recovery words in a file that goes away again unless the desk is made.
pub(crate) struct SavedWords {
    path: PathBuf,
    kept: bool,
}

impl SavedWords {
    pub(crate) fn write(
        path: &Path,
        desk: &Folder,
        words: &Mnemonic,
        id: DeskId,
    ) -> Result<Self, StartError> {
        if absolute(path)?.starts_with(absolute(desk.root())?) {
            let words = format!("{} would lie in the desk's own folder.", path.display());
            let next = "Whoever steals the folder must not get the recovery key with it: name a file elsewhere, such \
                        as on a stick that goes into the safe.";
            return Err(StartError::new("recovery-file-inside", words, next));
        }
        let phrase = words.phrase();
        let text = Zeroizing::new(format!(
            "# Recovery key of the Deskwire desk {}.\n\
             # With these 24 words its owner replaces a signing key that was lost or stolen. Keep them offline.\n{}\n",
            id,
            phrase.as_str()
        ));
        write_new(path, text.as_bytes(), 0o600).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StartError::new(
                "recovery-file-exists",
                format!("{} exists already and is not replaced.", path.display()),
                "Name another file.",
            ),
            _ => StartError::file("write", path, &error),
        })?;
        let saved = Self { path: path.to_owned(), kept: false };
        let folder = parent(path);
        sync_folder(&folder).map_err(|error| StartError::file("sync", &folder, &error))?;
        Ok(saved)
    }

    pub(crate) fn keep(mut self) -> PathBuf {
        self.kept = true;
        std::mem::take(&mut self.path)
    }
}

impl Drop for SavedWords {
    fn drop(&mut self) {
        if !self.kept {
            // The words open nothing: their desk was not made.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, StartError> {
    std::path::absolute(path).map_err(|error| StartError::file("find", path, &error))
}

#[cfg(test)]
pub(crate) mod tests;
