//! Helpers of the end-to-end tests: real desks as processes, a command line, a recorder between desks, and a puppet desk
//! that says whatever a test wants.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

pub mod answers;
pub mod binary;
pub mod cli;
pub mod cutter;
pub mod desk;
pub mod https;
pub mod image;
pub mod links;
pub mod proxy;
pub mod puppet;
pub mod random;
pub mod recorder;
pub mod stub;
pub mod trace;
pub mod world;
