//! A raw HTTPS client and a raw TLS listener, for tests that send and answer what no desk does.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use deskwire_http::tls::{PemFiles, SelfSigned, ServerIdentity, ServerTls, observing_client};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, rustls::pki_types::ServerName};

/// The media type of signed bodies.
pub const MEDIA: &str = "application/deskwire+cbor";

/// No answer takes so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The code of a problem; empty for anything else.
    #[must_use]
    pub fn code(&self) -> String {
        let problem: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let kind =
            problem.and_then(|problem| problem["type"].as_str().map(str::to_owned)).unwrap_or_default();
        kind.strip_prefix("urn:deskwire:problem:").unwrap_or_default().to_owned()
    }

    /// A member of a problem.
    #[must_use]
    pub fn member(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&self.body)
            .map(|problem| problem[name].clone())
            .unwrap_or_default()
    }

    /// Reads what came until the other side closed; nothing when it is no answer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = bytes[end + 4..].to_vec();
        let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        Some(Self { status, head, body })
    }
}

/// The body behind a chunked transfer coding (RFC 9112, 7.1), as far as it came.
#[must_use]
pub fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size =
            std::str::from_utf8(&bytes[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(size @ 1..) = size else { break };
        let piece = &bytes[line + 2..];
        let piece_end = size.min(piece.len());
        whole.extend_from_slice(&piece[..piece_end]);
        bytes = piece.get(size + 2..).unwrap_or_default();
    }
    whole
}

/// A TLS connection to whatever key is there, speaking HTTP/1.1.
pub async fn connect(address: SocketAddr) -> client::TlsStream<TcpStream> {
    let (mut config, _) = observing_client();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::IpAddress(address.ip().into());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Sends bytes as they are and reads until the other side closes.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address).await;
    let mut came = Vec::new();
    // A server that closes early may do so with a reset: what came before counts.
    let _ = stream.write_all(request).await;
    let _ = timeout(PATIENCE, stream.read_to_end(&mut came)).await.expect("the connection is closed in time");
    came
}

/// A whole request, whose connection ends with it.
pub async fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    let came = raw(address, &bytes).await;
    Answer::parse(&came).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&came)))
}

/// `POST` of a signed body.
pub async fn post(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    request(address, "POST", path, &format!("content-type: {MEDIA}\r\n"), body).await
}

/// How a streamed body was received.
#[derive(Debug)]
pub struct Streamed {
    /// The answer, if one came.
    pub answer: Option<Answer>,
    /// How many bytes of the body the other side let us write.
    pub written: u64,
}

/// Sends the head, then zeros until the other side answers or closes, at most so many.
pub async fn stream_zeros(address: SocketAddr, head: &str, chunked: bool, most: u64) -> Streamed {
    let (mut reader, mut writer) = tokio::io::split(connect(address).await);
    writer.write_all(head.as_bytes()).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut came = Vec::new();
        let _ = timeout(PATIENCE, reader.read_to_end(&mut came)).await;
        came
    });
    let mut piece = vec![0; 16 << 10];
    if chunked {
        piece = [b"4000\r\n".as_slice(), &piece, b"\r\n"].concat();
    }
    let mut written = 0;
    while written < most && !reading.is_finished() {
        match timeout(PATIENCE, writer.write_all(&piece)).await {
            Ok(Ok(())) => written += piece.len() as u64,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    let _ = timeout(PATIENCE, writer.shutdown()).await;
    Streamed { answer: Answer::parse(&reading.await.unwrap()), written }
}

/// A listener's side of TLS that speaks HTTP/1.1 alone, where nothing is compressed.
#[must_use]
pub fn acceptor(identity: &ServerIdentity) -> TlsAcceptor {
    let mut config = (*ServerTls::new(identity).config()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// The TLS key of a desk, from its folder.
#[must_use]
pub fn identity_of(folder: &Path) -> ServerIdentity {
    let tls = folder.join("tls");
    let files = PemFiles { certificate: tls.join("certificate.pem"), key: tls.join("key.pem") };
    ServerIdentity::load(&files).unwrap()
}

/// A fresh TLS key.
#[must_use]
pub fn new_identity() -> ServerIdentity {
    SelfSigned::generate(&["127.0.0.1".to_owned()]).unwrap().identity().unwrap()
}
