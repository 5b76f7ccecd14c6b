//! A recorder between desks: it holds the receiver's TLS key, so it sees every byte that crosses the wire in clear.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::https;

/// What crossed one connection.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// From the desk that dialled.
    pub asked: Vec<u8>,
    /// From the desk behind the recorder.
    pub answered: Vec<u8>,
}

type Tape = Arc<Mutex<Vec<Conversation>>>;

/// A recorder in front of one desk.
#[derive(Debug)]
pub struct Recorder {
    tape: Tape,
    listening: JoinHandle<()>,
}

impl Recorder {
    /// Listens at `at` with the TLS key of the desk in `folder`, and passes everything on to it.
    pub async fn start(folder: &Path, at: SocketAddr, to: SocketAddr) -> Self {
        let acceptor = https::acceptor(&https::identity_of(folder));
        let listener = TcpListener::bind(at).await.unwrap();
        let tape = Tape::default();
        let listening = tokio::spawn(listen(listener, acceptor, to, Arc::clone(&tape)));
        Self { tape, listening }
    }

    /// Everything so far.
    #[must_use]
    pub fn conversations(&self) -> Vec<Conversation> {
        self.tape.lock().unwrap().clone()
    }

    /// Everything since the last time, by the places of the conversations. What comes later on them has the same places.
    #[must_use]
    pub fn take(&self) -> Vec<Conversation> {
        self.tape.lock().unwrap().iter_mut().map(std::mem::take).collect()
    }

    /// How many bytes the desk behind it has sent so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.tape.lock().unwrap().iter().map(|conversation| conversation.answered.len()).sum()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr, tape: Tape) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (acceptor, tape) = (acceptor.clone(), Arc::clone(&tape));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            if let Ok(dialler) = acceptor.accept(stream).await
                && TcpStream::connect(to).await.is_ok()
            {
                let behind = https::connect(to).await;
                let place = {
                    let mut tape = tape.lock().unwrap();
                    tape.push(Conversation::default());
                    tape.len() - 1
                };
                let (from_dialler, to_dialler) = tokio::io::split(dialler);
                let (from_behind, to_behind) = tokio::io::split(behind);
                let asked = |tape: &mut Conversation, bytes: &[u8]| tape.asked.extend_from_slice(bytes);
                let answered = |tape: &mut Conversation, bytes: &[u8]| tape.answered.extend_from_slice(bytes);
                tokio::join!(
                    copy(from_dialler, to_behind, |bytes| asked(&mut tape.lock().unwrap()[place], bytes)),
                    copy(from_behind, to_dialler, |bytes| answered(&mut tape.lock().unwrap()[place], bytes)),
                );
            }
        });
    }
}

/// Notes each piece before it is passed on, so that nothing arrives unrecorded.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, note: impl Fn(&[u8])) {
    let mut piece = vec![0; 32 << 10];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        note(&piece[..count]);
        if to.write_all(&piece[..count]).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// The marks that occur in bytes, as they are or in hexadecimal or base64, also where a chunked transfer coding cut them.
#[must_use]
pub fn marks(bytes: &[u8]) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for bytes in [bytes, &without_chunk_sizes(bytes)] {
        found.extend(plain(bytes));
        for place in places(bytes, HEXLOWER.encode(PREFIX).as_bytes()) {
            let letters = &bytes[place..bytes.len().min(place + 2 * MARK)];
            found.extend(HEXLOWER.decode(letters).iter().flat_map(|text| plain(text)));
        }
        for offset in 0..3 {
            found.extend(in_base64(bytes, offset));
        }
    }
    found
}

/// The text that is planted for a mark; it fits every field, also those that take a code.
#[must_use]
pub fn mark(number: u32) -> String {
    format!("xwmarker-{number:0DIGITS$}")
}

const PREFIX: &[u8] = b"xwmarker-";
const DIGITS: usize = 8;
const MARK: usize = PREFIX.len() + DIGITS;

fn plain(bytes: &[u8]) -> Vec<u32> {
    let number = |place: usize| {
        let digits = bytes.get(place + PREFIX.len()..place + MARK)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    places(bytes, PREFIX).into_iter().filter_map(number).collect()
}

/// Marks that stand at this offset within a group of base64: there the letters in the middle are always the same.
fn in_base64(bytes: &[u8], offset: usize) -> Vec<u32> {
    let whole = &PREFIX[offset..offset + (PREFIX.len() - offset) / 3 * 3];
    let mut found = Vec::new();
    for place in places(bytes, BASE64.encode(whole).as_bytes()) {
        let letters = &bytes[place..bytes.len().min(place + (MARK + 3) * 4 / 3)];
        let letters: Vec<u8> = letters.iter().copied().take_while(|letter| is_base64(*letter)).collect();
        let text = BASE64_NOPAD.decode(&letters[..letters.len() / 4 * 4]).unwrap_or_default();
        found.extend(plain(&[&PREFIX[..offset], &text].concat()));
    }
    found
}

fn is_base64(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || letter == b'+' || letter == b'/'
}

fn places(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(haystack, needle).collect()
}

/// The bytes without what stands between two pieces of a chunked body: a line with a hexadecimal number.
fn without_chunk_sizes(bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        whole.extend_from_slice(&rest[..end]);
        let line = &rest[end + 2..];
        let digits = line.iter().take(9).take_while(|digit| digit.is_ascii_hexdigit()).count();
        let size = (1..=8).contains(&digits) && line[digits..].starts_with(b"\r\n");
        if !size {
            whole.extend_from_slice(b"\r\n");
        }
        rest = if size { &line[digits + 2..] } else { line };
    }
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests {
    //! A recorder that overlooks a text would make the test of secrecy worthless.
    use data_encoding::BASE64URL_NOPAD;

    use super::*;

    #[test]
    fn a_mark_is_found_in_every_dress() {
        assert_eq!(marks(b"nothing here, xwmarker-12"), BTreeSet::new());
        let one = BTreeSet::from([123_456]);
        let text = mark(123_456);
        assert_eq!(marks(format!("a{text}b{text}").as_bytes()), one);
        assert_eq!(marks(HEXLOWER.encode(text.as_bytes()).as_bytes()), one);
        for before in 0..3 {
            let inside = format!("{}{text} and more", "x".repeat(before));
            assert_eq!(marks(BASE64URL_NOPAD.encode(inside.as_bytes()).as_bytes()), one, "{before} before");
        }
        for cut in 1..text.len() {
            let (start, end) = text.split_at(cut);
            assert_eq!(marks(format!("5\r\n{start}\r\n1f\r\n{end}\r\n").as_bytes()), one, "cut at {cut}");
        }
    }
}
