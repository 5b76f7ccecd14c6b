//! Configuration and wiring of the daemon: settings, the making of a desk, and its running.

mod backup;
pub mod config;
mod daemon;
mod erased;
mod error;
mod face;
mod filling;
mod folder;
mod init;
mod logging;
mod material;
mod meter;
mod offline;
mod prefix;
mod rekey;
mod restore;
mod sealed;
mod serve;
mod signing_key;
mod tls_change;
mod token;
mod upkeep;

pub use backup::{Backup, NewBackup, backup};
pub use daemon::{Daemon, Serving};
pub use deskwire_engine::command::key::Doubtful;
pub use error::StartError;
pub use filling::Filling;
pub use folder::Folder;
pub use init::{Made, NewDesk, Recovery, init};
pub use offline::{Checked, Found, From, Rebuilt, Salvage, check, plan_salvage, rebuild, salvage};
pub use rekey::{Prepared, Rotated, Stopped, Theft, own_key_log, rotate_offline};
pub use restore::{NewRestore, Restored, check_backup, restore};
pub use serve::{load, serve};
pub use tls_change::{TlsStep, rotate_tls};
