//! Something at a desk's address that is no desk: silent, garbled, or an HTTPS server that answers what a test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use deskwire_http::tls::ServerIdentity;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::server::TlsStream;

use crate::https;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Method and path, such as `POST /deskwire/1/hello`.
    pub what: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer with a status, a media type and a body.
    Answer(u16, &'static str, Vec<u8>),
    /// These bytes and nothing else.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    /// A signed body.
    #[must_use]
    pub fn signed(bytes: Vec<u8>) -> Self {
        Self::Answer(200, https::MEDIA, bytes)
    }

    /// A problem with this code.
    #[must_use]
    pub fn problem(status: u16, code: &str) -> Self {
        let problem = serde_json::json!({
            "type": format!("urn:deskwire:problem:{code}"), "title": code, "status": status, "code": code,
            "detail": format!("The stub says {code}."),
        });
        Self::Answer(status, "application/problem+json", problem.to_string().into_bytes())
    }
}

/// A listener that is gone when this is dropped, together with its connections.
#[derive(Debug)]
pub struct Stub {
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<AtomicU32>,
    listening: JoinHandle<()>,
}

impl Stub {
    /// Accepts connections and says nothing.
    pub async fn silent(at: SocketAddr) -> Self {
        Self::each(at, |stream| async move {
            let _held = stream;
            std::future::pending().await
        })
        .await
    }

    /// Sends these bytes to whoever connects, and closes.
    pub async fn garbled(at: SocketAddr, bytes: &'static [u8]) -> Self {
        Self::each(at, move |mut stream| async move {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut rest = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
        })
        .await
    }

    /// An HTTPS server; `answer` sees one request after the other.
    pub async fn https(
        at: SocketAddr,
        identity: &ServerIdentity,
        answer: impl FnMut(&Heard) -> Reply + Send + 'static,
    ) -> Self {
        let acceptor = https::acceptor(identity);
        let answer = Arc::new(Mutex::new(answer));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        let mut stub = Self::each(at, move |stream| {
            let (acceptor, answer, noted) = (acceptor.clone(), Arc::clone(&answer), Arc::clone(&noted));
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Some(request) = read(&mut stream).await else { return };
                noted.lock().unwrap().push(request.clone());
                let reply = (*answer.lock().unwrap())(&request);
                write(&mut stream, reply).await;
            }
        })
        .await;
        stub.heard = heard;
        stub
    }

    /// How often somebody has connected.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// What was asked so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    async fn each<F>(at: SocketAddr, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(at).await.unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&connections);
        let listening = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(stream));
            }
        });
        Self { heard: Arc::default(), connections, listening }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let what = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Heard { what, body: bytes[end..].to_vec() })
}

async fn write(stream: &mut TlsStream<TcpStream>, reply: Reply) {
    let bytes = match reply {
        Reply::Silence => std::future::pending().await,
        Reply::Raw(bytes) => bytes,
        Reply::Answer(status, media, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            [head.into_bytes(), body].concat()
        }
    };
    // Who asked may have gone; that is no concern of a stub.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}
