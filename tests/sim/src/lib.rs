//! A deterministic simulation of whole desks: the production engine and the real wire bytes under a simulated network,
//! clock and disk, everything drawn from one seed. After each step and once everything has come to rest, what the desks
//! hold is compared with what their users and partners were told.

pub mod act;
mod bring;
mod care;
mod chance;
pub mod check;
mod courier;
pub mod desk;
mod endpoint;
mod fault;
mod journal;
mod late;
mod linking;
pub mod model;
mod mutant;
pub mod net;
mod numbers;
mod pull;
mod rekey;
mod repair;
mod report;
mod rounds;
mod sky;
mod verify;
pub mod world;

pub use mutant::Mutant;
pub use report::Report;
pub use rounds::{ARRIVED, Failure, flapping_hour, run, shrink};
pub use world::Config;
