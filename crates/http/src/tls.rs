//! TLS 1.3 between machines that know each other's keys: certificates, server and client configurations, pins.
//!
//! Certificates only carry a key. Who the other side *is* is decided above, by signatures; a pin (SHA-256 of the
//! certificate's public key) merely makes sure that the connection ends at the holder of that key.

mod certificate;
mod client;
mod server;

pub use certificate::{PemFiles, SelfSigned, ServerIdentity, SpkiHash, TlsError, spki_sha256};
pub use client::{ObservedKey, PinMismatch, TlsFailure, observing_client, pinned_client, tls_failure};
pub use rustls::ClientConfig;
pub use server::ServerTls;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Application protocols offered and accepted, best first.
fn alpn() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
