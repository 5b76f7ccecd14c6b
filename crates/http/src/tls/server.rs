//! The server's side of TLS: one configuration, whose certificate may be replaced while it runs.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;

use super::certificate::ServerIdentity;
use super::{alpn, provider};

/// TLS 1.3 for a listener, without client certificates and without resumption. Clones share the certificate.
#[derive(Debug, Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    current: Arc<CurrentCertificate>,
}

impl ServerTls {
    /// Serves `identity` to everyone, whatever name the client asks for.
    #[must_use]
    pub fn new(identity: &ServerIdentity) -> Self {
        let current = Arc::new(CurrentCertificate(RwLock::new(Arc::clone(&identity.certified))));
        let resolver: Arc<dyn ResolvesServerCert> = current.clone();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect("the ring provider has cipher suites for TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = alpn();
        // A resumed session shows no certificate, hence no pin to check: every connection proves the key anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self { config: Arc::new(config), current }
    }

    /// New connections see `identity` from now on; open ones go on under the old key.
    pub fn replace(&self, identity: &ServerIdentity) {
        let mut current = self.current.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::clone(&identity.certified);
    }

    /// The configuration for an acceptor of one's own.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
