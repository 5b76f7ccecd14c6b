//! Deskwire protocol 1 as types: ids, key log, envelope, receipts, message kinds, strict CBOR.
//! No IO, no clock, no randomness: whatever is random or timed comes in as an argument.

pub mod batch;
pub mod cbor;
pub mod code;
pub mod cose;
pub mod delivery;
pub mod descriptor;
pub mod document;
pub mod id;
pub mod key;
pub mod keylog;
pub mod limits;
pub mod receipt;
pub mod session;
pub mod text;
pub mod time;
