//! Files: sent and fetched as streams, never held in memory.

use std::{
    io,
    path::Path as FilePath,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use deskwire_api_types::{FileInfo, FileQuery, OtherCases};
use http_body_util::{
    BodyExt as _, Empty,
    channel::{Channel, Sender},
};
use hyper::{
    Method,
    body::Incoming,
    header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue},
};
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncReadExt as _, sync::Notify};

use crate::{
    Client, Error,
    call::{Broken, read},
    query::Path,
};

/// Bytes read and sent at once.
const PIECE: usize = 256 << 10;

/// How long the bytes are held back for a daemon that does not say whether it wants them.
const PATIENCE: Duration = Duration::from_secs(2);

impl Client {
    /// `POST /v1/tickets/{number}/files`: attaches a file of this machine.
    ///
    /// The daemon is asked first and takes the bytes only when it agrees with the size. The file is looked at before and
    /// after it is read, and its last piece is held back until then, so that a file that changes meanwhile is not attached.
    ///
    /// # Errors
    /// See [`Error`]; refused with `file-unreadable`, `file-changed` and `file-damaged` by this client.
    pub async fn attach(&self, number: &str, query: &FileQuery, file: &FilePath) -> Result<FileInfo, Error> {
        let path = || {
            Path::new("tickets")
                .id(number)
                .word("files")
                .ask("name", Some(&query.name))
                .ask("media", query.media.as_ref())
                .ask("audience", query.audience.as_ref())
        };
        let key = self.new_key();
        for attempt in 0.. {
            match self.send_file(&path(), file, &key).await {
                Ok(info) => return Ok(info),
                Err(broken) => self.judge(broken, attempt, Some(&key)).await?,
            }
        }
        unreachable!("the attempts end with an error")
    }

    /// `GET /v1/files/{id}`: what is known of a file, and whether its bytes are here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn file(&self, id: &str) -> Result<FileInfo, Error> {
        self.get(Path::new("files").id(id)).await
    }

    /// `GET /v1/files/{id}/content`: a file's bytes, piece by piece.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn file_content(&self, id: &str) -> Result<Download, Error> {
        self.download(Path::new("files").id(id).word("content")).await
    }

    /// `GET /v1/links/{link}/export`: the proof file of a link, piece by piece.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn export_link(&self, link: &str) -> Result<Download, Error> {
        self.download(Path::new("links").id(link).word("export")).await
    }

    /// `GET /v1/delegations/{id}/export`: the proof file of a delegation, piece by piece.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn export_delegation(&self, id: &str, others: OtherCases) -> Result<Download, Error> {
        let others = match others {
            OtherCases::Signed => "signed",
            OtherCases::LeftOut => "left-out",
        };
        self.download(Path::new("delegations").id(id).word("export").ask("others", Some(others))).await
    }

    async fn download(&self, path: Path) -> Result<Download, Error> {
        for attempt in 0.. {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let request = self.request(&Method::GET, &path, None)?.map(|()| body);
            let broken = match self.send(request).await {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(Download {
                        body: answer.into_body(),
                        sha256: Sha256::new(),
                        client: self.clone(),
                    });
                }
                Ok(answer) => match read(answer).await {
                    Ok(_) => continue,
                    Err(broken) => broken,
                },
                Err(broken) => broken,
            };
            self.judge(broken, attempt, None).await?;
        }
        unreachable!("the attempts end with an error")
    }

    /// One attempt to send a file.
    async fn send_file(&self, path: &Path, file: &FilePath, key: &str) -> Result<FileInfo, Broken> {
        let mut source = Source::open(file).await.map_err(Broken::Final)?;
        let mut request = self.request(&Method::POST, path, Some(key)).map_err(Broken::Final)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(source.size));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        let wanted = Arc::new(Notify::new());
        let tell = Arc::clone(&wanted);
        hyper::ext::on_informational(&mut request, move |_| tell.notify_one());

        let (sender, body) = Channel::new(2);
        let request = request.map(|()| body.boxed_unsync());
        let end = Arc::new(OnceLock::new());
        let said = Arc::clone(&end);
        let feed = tokio::spawn(async move {
            // A daemon that says nothing before it has the bytes gets them after a while (RFC 9110, 10.1.1).
            let _ = tokio::time::timeout(PATIENCE, wanted.notified()).await;
            source.feed(sender, &said).await;
        });
        let answer = match self.send(request).await {
            Ok(answer) => read(answer).await,
            Err(broken) => Err(broken),
        };
        feed.abort();
        self.conclude(answer, end.get())
    }

    /// Puts the answer and what was read of the file together.
    fn conclude(&self, answer: Result<Bytes, Broken>, end: Option<&End>) -> Result<FileInfo, Broken> {
        match (answer, end) {
            (Err(Broken::Cut(_)), Some(Err(error))) => Err(Broken::Final(error.clone())),
            (Err(broken), _) => Err(broken),
            (Ok(bytes), end) => {
                let info: FileInfo = self.parse(&bytes).map_err(Broken::Final)?;
                match end {
                    Some(Ok(sha256)) if *sha256 != info.sha256 => Err(Broken::Final(damaged(&info.name))),
                    _ => Ok(info),
                }
            }
        }
    }
}

/// A file's bytes on their way here.
pub struct Download {
    body: Incoming,
    sha256: Sha256,
    client: Client,
}

impl Download {
    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the connection broke: what came so far is not the file.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| self.client.give_up(Broken::Cut(error.to_string()), None))?;
            if let Ok(data) = frame.into_data() {
                self.sha256.update(&data);
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// SHA-256 of all pieces so far, 64 hexadecimal digits.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(&self.sha256.clone().finalize())
    }
}

/// How reading the file ended: its SHA-256, or why it was broken off. Said before the last byte or the break goes out.
type End = Result<String, Error>;

/// A local file as it was when it was opened.
struct Source {
    file: tokio::fs::File,
    name: String,
    size: u64,
    changed: Option<SystemTime>,
}

impl Source {
    async fn open(path: &FilePath) -> Result<Self, Error> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| unreadable(&name, &error.to_string());
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let meta = file.metadata().await.map_err(unreadable)?;
        if !meta.is_file() {
            return Err(self::unreadable(&name, "it is not a regular file"));
        }
        Ok(Self { file, size: meta.len(), changed: meta.modified().ok(), name })
    }

    /// Sends the bytes, as long as the other end takes them.
    async fn feed(&mut self, mut sender: Sender<Bytes, io::Error>, end: &OnceLock<End>) {
        let mut sha256 = Sha256::new();
        let mut left = self.size;
        loop {
            let piece = match self.read(left).await {
                Ok(piece) => piece,
                Err(error) => {
                    let words = error.to_string();
                    let _ = end.set(Err(error));
                    return sender.abort(io::Error::other(words));
                }
            };
            left -= piece.len() as u64;
            sha256.update(&piece);
            if left == 0 {
                let _ = end.set(Ok(HEXLOWER.encode(&sha256.clone().finalize())));
            }
            if sender.send_data(piece).await.is_err() || left == 0 {
                return;
            }
        }
    }

    /// The next piece; the last one only when the file is still the one that was opened.
    async fn read(&mut self, left: u64) -> Result<Bytes, Error> {
        let failed = |error: io::Error| unreadable(&self.name, &error.to_string());
        let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::zeroed(want);
        let mut have = 0;
        while have < want {
            let got = self.file.read(&mut piece[have..]).await.map_err(failed)?;
            if got == 0 {
                return Err(changed(&self.name));
            }
            have += got;
        }
        if left == want as u64 {
            let meta = self.file.metadata().await.map_err(failed)?;
            if meta.len() != self.size || meta.modified().ok() != self.changed {
                return Err(changed(&self.name));
            }
        }
        Ok(piece.freeze())
    }
}

fn unreadable(name: &str, why: &str) -> Error {
    let detail = format!("{name} cannot be read: {why}.");
    Error::local(
        400,
        "file-unreadable",
        "The file cannot be read",
        detail,
        "Check the path and the rights to it.",
    )
}

fn changed(name: &str) -> Error {
    let detail = format!("{name} changed while it was read; nothing was attached.");
    let next = "Wait until nobody writes to it, or attach a copy.";
    Error::local(409, "file-changed", "The file changed while it was read", detail, next)
}

fn damaged(name: &str) -> Error {
    let detail = format!("The daemon stored other bytes as {name} than were sent.");
    let next = "Retract the file on the ticket and attach it again; if this happens twice, check the machine's memory.";
    Error::local(500, "file-damaged", "The file was damaged on its way", detail, next)
}
