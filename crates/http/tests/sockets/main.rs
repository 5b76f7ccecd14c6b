//! The listener and the TLS configurations over real sockets on the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene has failed")]

mod download;
mod drain;
mod guard;
mod handshake;
mod refusals;
mod slowness;
mod support;
