//! Everything that is captured: the bytes of every connection, every file, every log, the figures, backups.

use std::{collections::BTreeMap, fs, io, path::Path};

use deskwire_tests::{
    desk::Desk,
    recorder::{Conversation, Recorder},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ledger::{Ledger, Place, Who};

/// So many bytes are looked at once more with what comes behind them: a text may be cut by a piece of a connection.
const OVERLAP: usize = 256;

/// The recorders in front of the desks that listen, and what they heard last.
pub(super) struct Ears {
    recorders: Vec<(Who, Recorder)>,
    ids: Vec<Vec<u8>>,
    lines: BTreeMap<(Who, usize), Line>,
}

/// A connection: who dialled, as far as it is known, and the ends of what was heard.
#[derive(Default)]
struct Line {
    dialled: Option<Who>,
    asked: Vec<u8>,
    answered: Vec<u8>,
}

impl Ears {
    pub(super) fn new(recorders: Vec<(Who, Recorder)>, ids: Vec<Vec<u8>>) -> Self {
        Self { recorders, ids, lines: BTreeMap::new() }
    }

    /// Searches what crossed the wire since the last time, by the desk that dialled: its id stands in everything that it
    /// signs. What nobody signed, the reading of a descriptor, counts for each neighbour.
    pub(super) fn search(&mut self, ledger: &mut Ledger) {
        for (behind, recorder) in &self.recorders {
            for (place, heard) in recorder.take().into_iter().enumerate() {
                if heard.asked.is_empty() && heard.answered.is_empty() {
                    continue;
                }
                let line = self.lines.entry((*behind, place)).or_default();
                let neighbours = super::play::neighbours(*behind);
                let holds = |who: &Who| memchr::memmem::find(&heard.asked, &self.ids[*who]).is_some();
                line.dialled = line.dialled.or(neighbours.iter().copied().find(holds));
                let known = line.dialled.map_or(neighbours, |who| vec![who]);
                let Conversation { asked, answered } = heard;
                let asked = [std::mem::take(&mut line.asked), asked].concat();
                let answered = [std::mem::take(&mut line.answered), answered].concat();
                for who in known {
                    ledger.search(Place::Way(who, *behind), &asked);
                    ledger.search(Place::Way(*behind, who), &answered);
                }
                line.asked = end(&asked);
                line.answered = end(&answered);
            }
        }
    }
}

fn end(bytes: &[u8]) -> Vec<u8> {
    bytes[bytes.len().saturating_sub(OVERLAP)..].to_vec()
}

/// Every file below a folder.
pub(super) fn search_files(ledger: &mut Ledger, place: Place, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => search_files(ledger, place, &path),
            Ok(kind) if kind.is_file() => match fs::read(&path) {
                Ok(bytes) => ledger.search(place, &bytes),
                // The store has done away with it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            },
            Ok(_) | Err(_) => {}
        }
    }
}

/// The log, the figures, and a backup of a desk; the backup in the open and sealed.
pub(super) async fn search_around(ledger: &mut Ledger, who: Who, desk: &mut Desk, at: &Path) {
    let log = fs::read(desk.daemon().log()).unwrap();
    ledger.search(Place::Operator(who, "the log"), &log);
    let token = desk.token();
    assert!(memchr::memmem::find(&log, token.as_bytes()).is_none(), "the token is in the log");
    ledger.search(Place::Operator(who, "the figures"), &get(desk, "/metrics").await);
    let (open, sealed, words) = (at.join("open.tar"), at.join("sealed.tar"), at.join("passphrase"));
    fs::write(&words, "correct horse battery staple").unwrap();
    let (open, sealed, words) = (text(&open), text(&sealed), text(&words));
    desk.json(&["backup", open]).await;
    desk.json(&["backup", "--passphrase-file", words, sealed]).await;
    ledger.search(Place::Own(who, "a backup"), &fs::read(open).unwrap());
    ledger.search(Place::Operator(who, "a sealed backup"), &fs::read(sealed).unwrap());
    [open, sealed].iter().for_each(|path| fs::remove_file(path).unwrap());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn get(desk: &Desk, path: &str) -> Vec<u8> {
    let mut line = tokio::net::TcpStream::connect(desk.api()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        desk.api(),
        desk.token()
    );
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer
}
