//! Who connects to whom: pins right and wrong, versions, keys replaced while running.

use std::sync::Arc;

use deskwire_http::server::Transport;
use deskwire_http::tls::{ServerTls, TlsFailure, observing_client, pinned_client, tls_failure};
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::support::{Server, certificate, client, limits, router};

/// Partners with the right key must meet, over HTTP/2 and by an address no certificate authority would sign.
#[tokio::test]
async fn the_pinned_key_is_connected_to() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let url = format!("https://{}/hello", server.address);
    let response = client(pinned_client([[0; 32], pin])).get(url).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.text().await.unwrap(), "hello");
}

/// Another key must end the connection before a byte of ours, and say which key it was.
#[tokio::test]
async fn another_key_is_refused_and_named() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let url = format!("https://{}/hello", server.address);
    for pins in [vec![[7; 32]], vec![]] {
        let error = client(pinned_client(pins)).get(&url).send().await.unwrap_err();
        let Some(TlsFailure::PinMismatch(mismatch)) = tls_failure(&error) else { panic!("{error:?}") };
        assert_eq!(mismatch.presented, pin);
    }
}

/// A name in a certificate proves nothing, and a thief of the certificate without its key must fail.
#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let (stolen, own) = (certificate(), certificate());
    let chain =
        vec![rustls_pki_types::pem::PemObject::from_pem_slice(stolen.certificate_pem().as_bytes()).unwrap()];
    let key = key_of(&own);
    let signing = default_provider().key_provider.load_private_key(key).unwrap();
    let certified = rustls::sign::CertifiedKey::new(chain, signing);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let thief = tokio::spawn(async move {
        let (stream, _) = tcp.accept().await.unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.is_ok()
    });
    let (observing, seen) = observing_client();
    let error = connect(address, pinned_client([stolen.spki()])).await.unwrap_err();
    assert!(matches!(tls_failure(&error), Some(TlsFailure::Other(_))), "{error:?}");
    assert!(!thief.await.unwrap(), "the thief must not get a session either");
    drop(observing);
    assert_eq!(seen.get(), None);
}

/// While linking, the key must be told, and a second server must not slip in behind the first.
#[tokio::test]
async fn an_observing_client_tells_the_key_and_keeps_to_it() {
    let (first, pin) = Server::tls(router(), limits()).await;
    let (second, _) = Server::tls(router(), limits()).await;
    let (config, observed) = observing_client();
    assert_eq!(observed.get(), None);
    let client = client(config);
    client.get(format!("https://{}/hello", first.address)).send().await.unwrap();
    assert_eq!(observed.get(), Some(pin));
    let error = client.get(format!("https://{}/hello", second.address)).send().await.unwrap_err();
    assert!(matches!(tls_failure(&error), Some(TlsFailure::PinMismatch(_))), "{error:?}");
    assert_eq!(observed.get(), Some(pin));
}

/// A change of the TLS key must not need a restart, nor let the old key answer on.
#[tokio::test]
async fn a_replaced_certificate_serves_new_connections() {
    let (old, new) = (certificate(), certificate());
    let tls = ServerTls::new(&old.identity().unwrap());
    let server = Server::start(router(), Transport::Tls(tls.clone()), limits()).await;
    let url = format!("https://{}/hello", server.address);
    client(pinned_client([old.spki()])).get(&url).send().await.unwrap();
    tls.replace(&new.identity().unwrap());
    client(pinned_client([new.spki()])).get(&url).send().await.unwrap();
    let error = client(pinned_client([old.spki()])).get(&url).send().await.unwrap_err();
    assert!(matches!(tls_failure(&error), Some(TlsFailure::PinMismatch(_))), "{error:?}");
}

/// An attacker in the middle must not talk both sides down to an older version, nor out of TLS.
#[tokio::test]
async fn older_tls_and_plain_text_are_refused() {
    let (server, _) = Server::tls(router(), limits()).await;
    let (mut config, _) = observing_client();
    config.alpn_protocols = vec![];
    connect(server.address, config).await.expect("the same way works with TLS 1.3");
    let old = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let error = connect(server.address, old).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    let answer = server.raw("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!answer.contains("hello"), "{answer}");
    let plain = Server::plain(router(), limits()).await;
    let url = format!("https://{}/hello", plain.address);
    let error = client(pinned_client([[0; 32]])).get(url).send().await.unwrap_err();
    assert!(matches!(tls_failure(&error), Some(TlsFailure::Other(_))), "{error:?}");
}

async fn connect(address: std::net::SocketAddr, config: ClientConfig) -> std::io::Result<()> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(drop)
}

fn key_of(made: &deskwire_http::tls::SelfSigned) -> rustls_pki_types::PrivateKeyDer<'static> {
    let folder = tempfile::tempdir().unwrap();
    let files = deskwire_http::tls::PemFiles {
        certificate: folder.path().join("c.pem"),
        key: folder.path().join("k.pem"),
    };
    made.write(&files).unwrap();
    rustls_pki_types::pem::PemObject::from_pem_file(&files.key).unwrap()
}
