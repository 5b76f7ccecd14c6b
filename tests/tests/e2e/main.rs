//! Whole desks as real processes: what their users would lose, tried out. `tests/README.md` says what is where.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod account;
mod backup;
mod copies;
mod cuts;
mod delivery;
mod drain;
mod erase;
mod files;
mod flood;
mod keys;
mod kill;
mod marker;
mod moving;
mod power;
mod proxy;
mod pull;
mod queue;
mod refusals;
mod restart;
mod sizes;
mod storage;
mod story;
mod wire;
