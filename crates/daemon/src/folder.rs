//! The data folder of a desk: what lies where, how its files are written, and who may read the secret ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// A data folder, by the names of what is in it.
///
/// | name | what |
/// |---|---|
/// | `deskwire.toml` | settings |
/// | `keys/signing.key` | the signing key; secret |
/// | `keys/keylog.cbor` | the key log, which says who this desk is |
/// | `tls/` | certificate and key of the TLS listener, unless the settings name others |
/// | `token` | what opens the operator API; secret |
/// | `tokens.toml` | hashes of the tokens, and whose they are |
/// | `descriptor.cbor` | what this desk last said of itself |
/// | `store/` | journal, view and files |
/// | `erased` | what was erased, unless the settings name another place |
/// | `api.addr` | where the API listens, while the daemon runs |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at a path, whether it is there or not.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path as the operator gave it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("deskwire.toml")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        self.keys().join("signing.key")
    }

    /// Where a new signing key lies until the key log names it.
    pub(crate) fn next_signing_key(&self) -> PathBuf {
        self.keys().join("signing.key.next")
    }

    pub(crate) fn key_log(&self) -> PathBuf {
        self.keys().join("keylog.cbor")
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Where the next TLS key lies while it is announced.
    pub(crate) fn next_tls(&self) -> PathBuf {
        self.root.join("tls.next")
    }

    /// Where the former TLS key lies for a moment.
    pub(crate) fn old_tls(&self) -> PathBuf {
        self.root.join("tls.old")
    }

    pub(crate) fn token(&self) -> PathBuf {
        self.root.join("token")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.root.join("tokens.toml")
    }

    pub(crate) fn descriptor(&self) -> PathBuf {
        self.root.join("descriptor.cbor")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub(crate) fn api_address(&self) -> PathBuf {
        self.root.join("api.addr")
    }

    /// The path of a setting: a relative one begins in this folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Whether a resolved path lies in this folder.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }
}

/// Who may read a secret file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Nobody.
    None,
    /// The owning group, as is usual for TLS keys that several programs share.
    Group,
}

/// Refuses a secret file that others may read or change, or that belongs to somebody else.
pub(crate) fn check_secret(path: &Path, readers: Readers) -> Result<(), StartError> {
    let found = fs::metadata(path).map_err(|error| StartError::file("read", path, &error))?;
    let allowed = match readers {
        Readers::None => 0o700,
        Readers::Group => 0o750,
    };
    let mode = found.mode() & 0o777;
    if mode & !allowed == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(StartError::new(
        "key-file-exposed",
        format!("{shown} is secret, but other users of this machine may use it (its mode is {mode:03o})."),
        format!("Take their rights away with `chmod 600 {shown}`. If somebody may have read it, replace it."),
    ))
}

/// Writes a file that is not there yet, durably once its folder is synced.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes a file so that it is there as a whole or as it was before, durably.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_new(&new, bytes, mode)?;
    fs::rename(&new, path)?;
    sync_folder(&parent(path))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that a path lies in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
