//! What a desk needs besides its settings and its store, read from its folder: keys, TLS, tokens.

use std::fs;
use std::path::Path;

use deskwire_api::Token;
use deskwire_http::tls::{PemFiles, ServerIdentity};
use deskwire_proto::code::Code;
use deskwire_proto::id::Spki;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::Person;

use crate::config::Config;
use crate::error::StartError;
use crate::folder::{Folder, Readers, check_secret};
use crate::{face, rekey, signing_key, tls_change, token};

/// Everything secret that the daemon works with, and what vouches for it.
pub(crate) struct Material {
    pub(crate) keys: KeyLog,
    pub(crate) secret: SecretKey,
    pub(crate) tls: ServerIdentity,
    pub(crate) next_tls: Option<Spki>,
    pub(crate) tokens: Vec<Token>,
}

impl Material {
    /// Reads all of it, and refuses secret files that others may read. The store has to be open: whoever changes the key
    /// holds it too.
    pub(crate) fn load(folder: &Folder, config: &Config) -> Result<Self, StartError> {
        let keys = key_log(&folder.key_log())?;
        rekey::finish(folder, &keys)?;
        let secret = signing_key::load(&folder.signing_key())?;
        tls_change::finish(folder)?;
        let tls = tls(folder, config)?;
        let next_tls = tls_change::next(folder)?;
        own_token(folder)?;
        let tokens = token::load(&folder.tokens())?;
        Ok(Self { keys, secret, tls, next_tls, tokens: tokens.into_iter().map(token).collect() })
    }

    /// Why a start could not load it. Changes nothing: what a start finishes by itself is no fault.
    pub(crate) fn faults(folder: &Folder, config: &Config) -> Vec<StartError> {
        // The certificate that lies ready is taken into use by the next start.
        let moves = !folder.tls().exists() && folder.next_tls().exists();
        let identity = if moves { tls_change::next(folder).map(drop) } else { tls(folder, config).map(drop) };
        let tokens = own_token(folder).and_then(|()| token::load(&folder.tokens()).map(drop));
        [signs(folder), identity, tokens].into_iter().filter_map(Result::err).collect()
    }
}

/// Whether the desk has the newest key of its log, or brings it into use at the next start.
fn signs(folder: &Folder) -> Result<(), StartError> {
    let log = key_log(&folder.key_log())?;
    let is_named = |secret: &SecretKey| secret.public() == *log.current();
    let beside = folder.next_signing_key();
    if beside.exists() && signing_key::load(&beside).is_ok_and(|secret| is_named(&secret)) {
        return Ok(());
    }
    let secret = signing_key::load(&folder.signing_key())?;
    if is_named(&secret) { Ok(()) } else { Err(face::refused(folder, Code::KeyUnknown)) }
}

fn own_token(folder: &Folder) -> Result<(), StartError> {
    if folder.token().exists() { check_secret(&folder.token(), Readers::None) } else { Ok(()) }
}

pub(crate) fn key_log(path: &Path) -> Result<KeyLog, StartError> {
    let bytes = fs::read(path).map_err(|error| StartError::file("read", path, &error))?;
    KeyLog::decode(&bytes).map_err(|code| {
        let words = format!("{} is not a whole key log ({code}).", path.display());
        StartError::new("key-log-unreadable", words, "Restore it from a backup: it says who this desk is.")
    })
}

fn tls(folder: &Folder, config: &Config) -> Result<ServerIdentity, StartError> {
    let files = PemFiles {
        certificate: folder.resolve(&config.peer.certificate),
        key: folder.resolve(&config.peer.key),
    };
    // A key of elsewhere may be shared with other servers through a group.
    let readers = if folder.holds(&files.key) { Readers::None } else { Readers::Group };
    check_secret(&files.key, readers)?;
    Ok(ServerIdentity::load(&files)?)
}

fn token(entry: token::TokenEntry) -> Token {
    Token { sha256: entry.sha256, person: Person { name: Some(entry.person), function: entry.function } }
}
