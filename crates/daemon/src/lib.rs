//! Configuration and wiring of the daemon: settings, the making of a desk, and its running.

pub mod config;
mod daemon;
mod error;
mod face;
mod folder;
mod init;
mod logging;
mod material;
mod prefix;
mod serve;
mod signing_key;
mod token;

pub use daemon::{Daemon, Serving};
pub use error::StartError;
pub use folder::Folder;
pub use init::{Made, NewDesk, Recovery, init};
pub use serve::{load, serve};
