//! A partner's own connection to the hub: one request after the other, over HTTP/1.1 and TLS.

use std::{net::SocketAddr, sync::Arc};

use deskwire_http::tls::observing_client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::failure::{self, Failure};

/// A connection that is made when it is needed, and anew after it was lost.
pub(super) struct Line {
    hub: SocketAddr,
    connector: TlsConnector,
    stream: Option<TlsStream<TcpStream>>,
}

/// An answer of the hub.
pub(super) struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// The body, where the hub did what it was asked.
    pub(super) fn good(self, what: &str) -> Result<Vec<u8>, Failure> {
        if self.status == 200 {
            return Ok(self.body);
        }
        let said = String::from_utf8_lossy(&self.body);
        Err(super::peer::odd("a refusal", format!("{what} was answered {}: {said}", self.status)))
    }
}

impl Line {
    pub(super) fn new(hub: SocketAddr) -> Self {
        let (mut config, _) = observing_client();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { hub, connector: TlsConnector::from(Arc::new(config)), stream: None }
    }

    /// Drops the connection, wherever it stands.
    pub(super) fn give_up(&mut self) {
        self.stream = None;
    }

    /// Posts a body and reads the answer.
    pub(super) async fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer, Failure> {
        let kept = self.stream.is_some();
        match self.try_post(path, body).await {
            // The hub closes what was idle for long.
            Err(_) if kept => self.try_post(path, body).await,
            outcome => outcome,
        }
        .map_err(|error| failure::local("the connection to the hub", &error))
    }

    async fn try_post(&mut self, path: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let tcp = TcpStream::connect(self.hub).await?;
                tcp.set_nodelay(true)?;
                self.connector.connect(ServerName::IpAddress(self.hub.ip().into()), tcp).await?
            }
        };
        let head = format!(
            "POST /deskwire/1/{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/deskwire+cbor\r\n\
             content-length: {}\r\n\r\n",
            self.hub,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        let answer = read(&mut stream).await?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

async fn read(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Answer> {
    let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(cut());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length: usize = length.ok_or_else(cut)?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(cut());
        }
    }
    Ok(Answer { status, body: bytes.split_off(end) })
}
