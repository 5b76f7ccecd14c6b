//! A new TLS key in two steps: announced first, so that every partner knows it, then used. proto-spec, section 2.5.
//!
//! The next key lies in `tls.next` beside `tls`; taking it into use renames folders, and a start that finds the first half
//! of that done does the other.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use deskwire_http::tls::{PemFiles, SelfSigned, ServerIdentity};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::id::Spki;

use crate::config::Config;
use crate::error::StartError;
use crate::folder::{Folder, sync_folder};
use crate::init::certificate_names;

/// How far the change of a TLS key has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsStep {
    /// The next key was made; it is announced from the next start on.
    Made(Spki),
    /// The next key is used from the next start on.
    Used(Spki),
}

/// Takes the next step: makes the next key, or brings the one that was announced into use.
///
/// # Errors
/// `tls-key-not-announced` before the desk has told partners of it, `tls-key-elsewhere` where the settings name other files.
pub fn rotate_tls(folder: &Folder, config: &Config) -> Result<TlsStep, StartError> {
    own_files(config)?;
    finish(folder)?;
    match next(folder)? {
        None => make(folder, config).map(TlsStep::Made),
        Some(next) if announced(folder, next)? => {
            fs::rename(folder.tls(), folder.old_tls()).map_err(|error| failed(folder, &error))?;
            finish(folder)?;
            Ok(TlsStep::Used(next))
        }
        Some(_) => Err(StartError::new(
            "tls-key-not-announced",
            "The next TLS key was made, and partners were not told of it yet.",
            "Start the desk once, wait until `deskwire queue list` is empty, then run this again.",
        )),
    }
}

/// The TLS key that will be used next, if one was made.
pub(crate) fn next(folder: &Folder) -> Result<Option<Spki>, StartError> {
    let files = files(folder.next_tls());
    if !files.certificate.exists() || !files.key.exists() {
        return Ok(None);
    }
    Ok(Some(Spki::new(ServerIdentity::load(&files)?.spki())))
}

/// Goes on where taking the next key into use was interrupted.
pub(crate) fn finish(folder: &Folder) -> Result<(), StartError> {
    if !folder.tls().exists() && folder.next_tls().exists() {
        fs::rename(folder.next_tls(), folder.tls()).map_err(|error| failed(folder, &error))?;
        sync_folder(folder.root()).map_err(|error| failed(folder, &error))?;
    }
    if folder.tls().exists() && folder.old_tls().exists() {
        fs::remove_dir_all(folder.old_tls()).map_err(|error| failed(folder, &error))?;
    }
    Ok(())
}

fn make(folder: &Folder, config: &Config) -> Result<Spki, StartError> {
    let place = folder.next_tls();
    match fs::remove_dir_all(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(folder, &error)),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&place).map_err(|error| failed(folder, &error))?;
    let files = files(place.clone());
    SelfSigned::generate(&certificate_names(config))?.write(&files)?;
    for folder_of_it in [place.as_path(), folder.root()] {
        sync_folder(folder_of_it).map_err(|error| failed(folder, &error))?;
    }
    Ok(Spki::new(ServerIdentity::load(&files)?.spki()))
}

/// Whether what this desk last said of itself names the key.
fn announced(folder: &Folder, key: Spki) -> Result<bool, StartError> {
    match fs::read(folder.descriptor()) {
        Ok(bytes) => Ok(Descriptor::open(&bytes).is_ok_and(|said| said.body().tls.contains(&key))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StartError::file("read", &folder.descriptor(), &error)),
    }
}

fn own_files(config: &Config) -> Result<(), StartError> {
    let usual = files(PathBuf::from("tls"));
    if config.peer.certificate == usual.certificate && config.peer.key == usual.key {
        return Ok(());
    }
    Err(StartError::new(
        "tls-key-elsewhere",
        "The settings name another certificate and key than the ones that `deskwire init` made.",
        "Change those files where they come from; keep the key when the certificate is renewed, and partners notice nothing.",
    ))
}

fn files(folder: PathBuf) -> PemFiles {
    PemFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

fn failed(folder: &Folder, error: &io::Error) -> StartError {
    StartError::file("change", &folder.tls(), error)
}

#[cfg(test)]
mod tests;
