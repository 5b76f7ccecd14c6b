//! HTTP for a server that faces strangers: listeners, TLS, limits, deadlines, graceful drain, request bodies,
//! problem details, and the guard on the addresses it dials. Knows nothing of what is said over it.
//!
//! Sole owner of hyper and rustls; every other crate serves an [`axum::Router`] through [`server::Listener`] and
//! takes its TLS configurations from [`tls`].

pub mod address;
pub mod body;
pub mod download;
mod error_chain;
pub mod problem;
pub mod request_id;
pub mod server;
pub mod tls;
