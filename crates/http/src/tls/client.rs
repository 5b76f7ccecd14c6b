//! The client's side of TLS: connect to exactly these keys, or learn which key is there.
//!
//! Both configurations are plain [`ClientConfig`]s, for `reqwest::ClientBuilder::tls_backend_preconfigured`.
//! Names and dates in certificates are ignored; the proof that the server holds the key is always checked.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerIncompatible, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{SpkiHash, spki_sha256};
use super::{alpn, provider};
use crate::error_chain;

/// A client that connects only to servers whose key is among `pins`; to none when there are none.
#[must_use]
pub fn pinned_client(pins: impl IntoIterator<Item = SpkiHash>) -> ClientConfig {
    let pins = pins.into_iter().collect();
    config(Arc::new(Verifier { rule: Rule::Pinned(pins), provider: provider() }))
}

/// A client that connects to any server once, and tells which key that server proved to hold.
///
/// For the one fetch in which a document is read that itself says which key is right. After the first connection
/// the client holds on to that key: the bytes read and the key told are of the same server.
#[must_use]
pub fn observing_client() -> (ClientConfig, ObservedKey) {
    let observed = ObservedKey::default();
    let rule = Rule::Observed(observed.clone());
    (config(Arc::new(Verifier { rule, provider: provider() })), observed)
}

/// The key an [`observing_client`] met.
#[derive(Debug, Clone, Default)]
pub struct ObservedKey(Arc<Mutex<Option<SpkiHash>>>);

impl ObservedKey {
    /// The key that the server proved to hold; `None` before the first completed handshake.
    #[must_use]
    pub fn get(&self) -> Option<SpkiHash> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first key; `false` when `presented` is another one.
    fn settle(&self, presented: SpkiHash) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(presented) == presented
    }
}

/// The server holds another key than the one expected: replaced without notice, or somebody sits in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinMismatch {
    /// The key that was presented instead.
    pub presented: SpkiHash,
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server presented the TLS key ")?;
        self.presented.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(", which is none of the expected ones")
    }
}

impl Error for PinMismatch {}

/// What went wrong in TLS, found in the error of an HTTP client.
#[derive(Debug, Clone, PartialEq)]
pub enum TlsFailure {
    /// The server's key is not pinned.
    PinMismatch(PinMismatch),
    /// Anything else: no TLS there, a version too old, a broken handshake.
    Other(rustls::Error),
}

/// Looks for a TLS failure in the chain of causes of `error` (for example a `reqwest::Error`); `None` when the
/// failure lies elsewhere.
#[must_use]
pub fn tls_failure(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    error_chain::find(error, |cause| {
        let failure = cause.downcast_ref::<rustls::Error>()?;
        if let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = failure
            && let Some(mismatch) = inner.downcast_ref::<PinMismatch>()
        {
            return Some(TlsFailure::PinMismatch(*mismatch));
        }
        Some(TlsFailure::Other(failure.clone()))
    })
}

fn config(verifier: Arc<Verifier>) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the ring provider has cipher suites for TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn();
    // A resumed session would skip the verifier.
    config.resumption = Resumption::disabled();
    config
}

#[derive(Debug)]
struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Rule {
    Pinned(HashSet<SpkiHash>),
    Observed(ObservedKey),
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = presented_key(end_entity)?;
        match &self.rule {
            Rule::Pinned(pins) if !pins.contains(&presented) => Err(mismatch(presented)),
            Rule::Pinned(_) | Rule::Observed(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)?;
        // Only now has the server proved that it holds the key it showed.
        if let Rule::Observed(observed) = &self.rule {
            let presented = presented_key(cert)?;
            if !observed.settle(presented) {
                return Err(mismatch(presented));
            }
        }
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn presented_key(certificate: &CertificateDer<'_>) -> Result<SpkiHash, rustls::Error> {
    spki_sha256(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn mismatch(presented: SpkiHash) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(PinMismatch { presented }))).into()
}
