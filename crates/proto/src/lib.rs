//! Deskwire protocol 1 as types: ids, key log, envelope, receipts, message kinds, strict CBOR.
//! No IO, no clock, no randomness: whatever is random or timed comes in as an argument.

pub mod batch;
pub mod cbor;
pub mod code;
pub mod cose;
pub mod delivery;
pub mod descriptor;
pub mod document;
pub mod endpoint;
pub mod envelope;
pub mod id;
pub mod invitation;
pub mod key;
pub mod keylog;
pub mod limits;
pub mod linking;
pub mod list;
pub mod message;
pub mod number;
pub mod proof;
pub mod pull;
pub mod receipt;
pub mod recover;
pub mod session;
pub mod terms;
pub mod text;
pub mod time;
pub mod transfer;
pub mod words;
