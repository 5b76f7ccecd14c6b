//! Changing the signing key: on the machine of the desk, or on another one that never sees a network. proto-spec,
//! sections 2.3, 2.7 and 5.8.
//!
//! The key log is what decides: it is replaced by one rename. The new signing key is laid beside the old one before, and
//! takes its place after; a start that finds the log ahead of the key goes on from there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskwire_engine::command::key::{Doubtful, Places, PlanKey, behind, doubtful};
use deskwire_engine::identity::Identity;
use deskwire_engine::port::{SystemClock, SystemEntropy};
use deskwire_engine::{Command, Core, Reader, Refusal};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::id::DeskId;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::limits::KEY_EVENTS;
use deskwire_proto::time::Timestamp;
use deskwire_proto::words::Mnemonic;
use deskwire_store::{Keeper, Opened};

use crate::config::Config;
use crate::error::StartError;
use crate::folder::{Folder, replace, sync_folder};
use crate::init::{SavedWords, random};
use crate::material::key_log;
use crate::{Recovery, signing_key};

/// Which of this desk's own messages are vouched for when its key changes.
#[derive(Debug, Clone, Default)]
pub struct Theft {
    /// When the key was stolen, at the earliest: nothing said since then is vouched for.
    pub since: Option<Timestamp>,
    /// For single links, by local name or id: the number of the last message that is vouched for.
    pub after: Vec<(String, u64)>,
    /// The desk was restored from a backup and has not run since: what partners hold beyond it is its own.
    pub restored: bool,
}

impl Theft {
    /// Whether there was none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.since.is_none() && self.after.is_empty()
    }
}

/// A desk whose daemon is stopped, held by this process.
pub struct Stopped {
    folder: Folder,
    store: Held,
    log: KeyLog,
}

/// The store of a stopped desk. As long as it is open, no daemon and no other change of key is at work.
enum Held {
    /// With its partners.
    Core(Box<Core>),
    /// The desk never ran, so it has no partners.
    New(Box<Opened>),
}

impl Held {
    fn new(folder: &Folder, config: &Config, log: &KeyLog, opened: Opened) -> Result<Self, StartError> {
        let Some(descriptor) = last_said(folder)? else { return Ok(Self::New(Box::new(opened))) };
        // Nothing is signed here, and the key in use may be what was lost.
        let secret = match signing_key::load(&folder.signing_key()) {
            Ok(secret) => secret,
            Err(_) => SecretKey::from_seed(&*random()?),
        };
        let prefix = config.desk.prefix.as_str().to_owned();
        let identity = Arc::new(Identity::resume(log.clone(), secret, descriptor, prefix));
        let now = deskwire_engine::port::Clock::now(&SystemClock);
        let core = Core::open(opened, identity, Box::new(SystemEntropy), now, &mut |_| {})?;
        Ok(Self::Core(Box::new(core)))
    }

    fn keeper(&self) -> &Arc<dyn Keeper> {
        match self {
            Self::Core(core) => core.keeper(),
            Self::New(opened) => &opened.keeper,
        }
    }
}

/// A change of key that is ready and has not happened yet.
#[derive(Debug)]
pub struct Prepared {
    log: KeyLog,
    secret: SecretKey,
    recovery: Option<Recovery>,
}

impl Prepared {
    /// The one copy of the key after the one that comes into use; nothing where it was drawn elsewhere.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }
}

/// A key that was changed.
#[derive(Debug)]
pub struct Rotated {
    /// Whose.
    pub desk: DeskId,
    /// The key log with the new key.
    pub log: KeyLog,
    /// The one copy of the key after it; nothing where it was drawn elsewhere.
    pub recovery: Option<Recovery>,
}

impl Stopped {
    /// Takes hold of a desk whose daemon does not run.
    ///
    /// # Errors
    /// `desk-running`, or what is wrong with the folder.
    pub fn hold(folder: &Folder, config: &Config) -> Result<Self, StartError> {
        // A desk that was not made yet gets no store of one.
        key_log(&folder.key_log())?;
        let options = deskwire_store_sled::Options {
            cache_bytes: config.store.cache.0,
            ..deskwire_store_sled::Options::new(deskwire_store::table::SCHEMA)
        };
        let opened = deskwire_store_sled::open(&folder.store(), options).map_err(|error| match error {
            deskwire_store::Error::Locked { holder, .. } => running(folder, &holder),
            error => error.into(),
        })?;
        // Whoever holds the store is alone with the keys, and only now.
        let log = key_log(&folder.key_log())?;
        if let Err(error) = finish(folder, &log) {
            // The key that comes next replaces it anyway.
            tracing::warn!(%error, "an interrupted change of key cannot be finished");
        }
        let store = Held::new(folder, config, &log, opened)?;
        Ok(Self { folder: folder.clone(), store, log })
    }

    /// Its key log.
    #[must_use]
    pub const fn log(&self) -> &KeyLog {
        &self.log
    }

    /// The messages of this desk that are in doubt after a theft, and the places before them.
    ///
    /// # Errors
    /// `unknown-link`, or when the store fails.
    pub fn doubtful(&self, theft: &Theft) -> Result<(Places, Vec<Doubtful>), StartError> {
        let core = match &self.store {
            Held::Core(core) => core,
            Held::New(opened) if opened.reader.tail().group > 0 && !theft.is_none() => {
                return Err(without_descriptor(&self.folder));
            }
            Held::New(_) => return Ok((Vec::new(), Vec::new())),
        };
        let reader = Reader::new(core, Arc::new(SystemClock));
        let (mut places, mut all) = match theft.since {
            Some(since) => doubtful(&reader, since)?,
            None => (Vec::new(), Vec::new()),
        };
        for (name, after) in &theft.after {
            let partner = reader.partner_by_name(name)?;
            let partner = partner.ok_or_else(|| Refusal::unknown("link", name, "deskwire link list"))?;
            let (no, name) = (partner.no, partner.row.name.as_str());
            places.retain(|(link, _)| *link != no);
            all.retain(|doubt| doubt.link != no);
            places.push((no, *after));
            all.extend(behind(&reader, no, name, *after)?);
        }
        Ok((places, all))
    }

    /// Makes the next event of the key log and the key after it, which is kept in a file or for the screen. Nothing of
    /// the desk changes before [`Stopped::adopt`]: the words have to be in safety first.
    ///
    /// # Errors
    /// That the words are not of this desk's next key.
    pub fn prepare(&self, words: &Mnemonic, recovery_file: Option<&Path>) -> Result<Prepared, StartError> {
        prepare(&self.log, words, recovery_file, &self.folder)
    }

    /// Takes a key log that was continued on another machine. The words are those of its newest key.
    ///
    /// # Errors
    /// That the log does not continue this desk's, or that the words are not of its newest key.
    pub fn prepare_import(&self, log: KeyLog, words: &Mnemonic) -> Result<Prepared, StartError> {
        if log == self.log {
            let words = "This desk uses that key log already.";
            return Err(StartError::new("key-log-known", words, "Nothing needs to be done."));
        }
        if !log.continues(&self.log) {
            return Err(StartError::new(
                "bad-key-log",
                "That key log does not continue the one of this desk.",
                "Export this desk's key log with `deskwire key export` and rotate from that one.",
            ));
        }
        let secret = SecretKey::from_seed(words.secret());
        if secret.public() != *log.current() {
            return Err(wrong_words("the newest key of that log"));
        }
        Ok(Prepared { log, secret, recovery: None })
    }

    /// Brings the prepared key into use. A crash leaves the old key or the new one, never half of each.
    ///
    /// # Errors
    /// When a file cannot be written, or the store fails.
    pub fn adopt(mut self, prepared: Prepared, theft: &Theft) -> Result<Rotated, StartError> {
        let (places, _) = self.doubtful(theft)?;
        let Prepared { log, secret, recovery } = prepared;
        if let Held::Core(core) = &mut self.store {
            // Without its old key this is a desk from a backup.
            let restored = theft.restored || !self.folder.signing_key().exists();
            // Always: what does not know of this change later on is from a time before it.
            run(core, PlanKey { key: secret.public().commitment(), places, restored })?;
        }
        // Whoever holds the store keeps every daemon out until the files are there.
        write(&self.folder, &log, &secret)?;
        if let Err(error) = self.store.keeper().close() {
            tracing::warn!(%error, "the store could not be closed cleanly");
        }
        Ok(Rotated { desk: log.desk(), log, recovery })
    }
}

/// Rotates on a machine that has nothing of the desk but its exported key log: makes the log with one more event. The key
/// that comes into use is the one of `words`, which the desk asks for again when it imports the log.
///
/// # Errors
/// That the words are not of the next key of that log.
pub fn rotate_offline(
    log: &KeyLog,
    words: &Mnemonic,
    recovery_file: Option<&Path>,
) -> Result<Rotated, StartError> {
    // There is no folder of a desk here that the words must stay out of.
    let prepared = prepare(log, words, recovery_file, &Folder::new("/nonexistent/desk"))?;
    Ok(Rotated { desk: prepared.log.desk(), log: prepared.log, recovery: prepared.recovery })
}

/// The key log of a desk, as its folder holds it.
///
/// # Errors
/// That there is none, or that it is damaged.
pub fn own_key_log(folder: &Folder) -> Result<KeyLog, StartError> {
    key_log(&folder.key_log())
}

fn rotated(log: &KeyLog, next: &SecretKey, after: &SecretKey) -> Result<KeyLog, StartError> {
    if log.events().len() >= KEY_EVENTS {
        return Err(StartError::new(
            "key-log-full",
            format!("This desk has used {KEY_EVENTS} keys, as many as a desk can have."),
            "Make a new desk and link it anew with your partners.",
        ));
    }
    log.rotate(next, &after.public()).map_err(|_| wrong_words("the next key of this desk"))
}

/// Its messages cannot be looked through, so no choice among them is taken rather than none made unsaid.
fn without_descriptor(folder: &Folder) -> StartError {
    StartError::new(
        "descriptor-missing",
        format!(
            "{} is missing or damaged, so what this desk said cannot be looked through.",
            folder.descriptor().display()
        ),
        "Take it from a backup of this desk, then run this again.",
    )
}

fn wrong_words(what: &str) -> StartError {
    StartError::new(
        "recovery-words-wrong",
        format!("These are recovery words, but not those of {what}."),
        "Each change of key makes new words: use those that were written down last.",
    )
}

fn running(folder: &Folder, holder: &str) -> StartError {
    let root = folder.root().display();
    StartError::new(
        "desk-running",
        format!("A daemon runs on {root} ({holder}). The key is changed while it is stopped."),
        "Stop it (Ctrl-C, or `systemctl stop deskwire`), run this again, and start it. Partners wait meanwhile; nothing is lost.",
    )
}

fn prepare(
    log: &KeyLog,
    words: &Mnemonic,
    recovery_file: Option<&Path>,
    folder: &Folder,
) -> Result<Prepared, StartError> {
    let secret = SecretKey::from_seed(words.secret());
    let after = SecretKey::from_seed(&*random()?);
    let log = rotated(log, &secret, &after)?;
    let words = Mnemonic::new(&after.seed());
    let recovery = match recovery_file {
        // It stays whatever comes: if the rest fails half-way, these words are needed.
        Some(path) => Recovery::File(SavedWords::write(path, folder, &words, log.desk())?.keep()),
        None => Recovery::Words(words),
    };
    Ok(Prepared { log, secret, recovery: Some(recovery) })
}

fn run<C: Command>(core: &mut Core, command: C) -> Result<C::Reply, StartError> {
    let now = deskwire_engine::port::Clock::now(&SystemClock);
    let reply = core.step(now, command)?;
    core.commit().map_err(|error| {
        StartError::new(
            "store-failed",
            format!("The store failed: {error}."),
            "Nothing has changed. Check the disk.",
        )
    })?;
    Ok(reply)
}

fn write(folder: &Folder, log: &KeyLog, secret: &SecretKey) -> Result<(), StartError> {
    let beside = folder.next_signing_key();
    let failed = |path: PathBuf| move |error: io::Error| StartError::file("write", &path, &error);
    let text = signing_key::encode(secret, log.desk());
    replace(&beside, text.as_bytes(), 0o600).map_err(failed(beside))?;
    replace(&folder.key_log(), &log.encode(), 0o600).map_err(failed(folder.key_log()))?;
    finish(folder, log)?;
    let key = signing_key::load(&folder.signing_key())?;
    if key.public() == *log.current() {
        return Ok(());
    }
    let words = format!("{} is not the key that was just written.", folder.signing_key().display());
    let next = "Another program changes the files of this desk. Stop it, and change the key again with the newest words.";
    Err(StartError::new("signing-key-not-newest", words, next))
}

/// Goes on where a change of key was interrupted: the log is ahead of the signing key, and the new one lies beside it. A
/// key that lies there although the log does not know it was never brought into use. Only for whoever holds the store.
///
/// # Errors
/// When the key beside cannot be read and may be the one that the log names: it stays where it is.
pub(crate) fn finish(folder: &Folder, log: &KeyLog) -> Result<(), StartError> {
    let beside = folder.next_signing_key();
    if !beside.exists() {
        return Ok(());
    }
    let failed = |path: &PathBuf, error: io::Error| StartError::file("replace", path, &error);
    let is_named = |secret: &SecretKey| secret.public() == *log.current();
    let done = match signing_key::load(&beside) {
        Ok(secret) if is_named(&secret) => fs::rename(&beside, folder.signing_key()),
        Ok(_) => fs::remove_file(&beside),
        // Half of a file of a change that was interrupted; the key that the log names is in its place.
        Err(_) if signing_key::load(&folder.signing_key()).is_ok_and(|secret| is_named(&secret)) => {
            fs::remove_file(&beside)
        }
        Err(error) => return Err(error),
    };
    done.map_err(|error| failed(&beside, error))?;
    sync_folder(&folder.keys()).map_err(|error| failed(&folder.keys(), error))
}

/// The descriptor of the last start; none if the desk never started.
fn last_said(folder: &Folder) -> Result<Option<Descriptor>, StartError> {
    let path = folder.descriptor();
    match fs::read(&path) {
        Ok(bytes) => Ok(Descriptor::open(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::file("read", &path, &error)),
    }
}

#[cfg(test)]
mod tests;
