//! Files: what is known of one, and whether its bytes are here.

use std::ops::ControlFlow;

use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::Body;
use deskwire_proto::message::common::Person;
use deskwire_store::local::FileNo;
use deskwire_store::record::{FileText, Record, decode_text};
use deskwire_store::row::{Author, FileRow, FileState, LinkState, Revision, ThreadRow};
use deskwire_store::table::{FILES, Rows, THREADS};
use deskwire_store::{BlobId, Direction, EntryRef};

use super::contribution::{Relay, Relayed, Retraction, Revisions};
use super::delivery::{self, Delivery};
use super::lookup::{Lookup, broken};
use super::message::Message;
use super::thread::{Origin, SeenBy, origin, seen_by};
use super::ticket::quoted;
use crate::{Reader, Refusal, refused};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its number at this desk.
    pub no: FileNo,
    /// Where its bytes are and what they hash to.
    pub row: FileRow,
    /// Its name without folders; nothing once that was erased.
    pub name: Option<String>,
    /// Its media type.
    pub media: Option<String>,
    /// Who attached it.
    pub by: Option<Person>,
    /// The partner it came from; nothing for this desk's own.
    pub origin: Option<Origin>,
    /// Who sees it.
    pub audience: SeenBy,
    /// What the partner says of the desk that attached it, if that is another one.
    pub relayed: Option<Relayed>,
    /// Whether it was taken back.
    pub retracted: bool,
    /// How an own one was taken back.
    pub retraction: Option<Retraction>,
    /// Where a partner's one waits before it goes onward.
    pub relays: Vec<Relay>,
    /// Verified bytes that are here of one that is arriving, as far as this daemon has looked since its start.
    pub arrived: u64,
    /// How far the announcement of an own one has come, or of a partner's one that goes onward.
    pub deliveries: Vec<Delivery>,
}

/// One file.
///
/// # Errors
/// `unknown-file`, or when the store fails.
pub fn file(reader: &Reader, no: FileNo) -> Result<File, Refusal> {
    let lookup = Lookup::new(reader);
    let row = row(reader, no)?;
    let thread = reader.rows().get(THREADS, &(row.ticket, row.entry))?;
    let thread = thread.ok_or_else(|| broken("a file hangs on no ticket"))?;
    let revisions = Revisions::of_one(reader, (row.ticket, row.entry), &thread)?;
    let at = row.entry;
    with_row(&lookup, no, row, (at, &thread), &revisions)
}

/// The number behind what a person typed: the id of 32 hexadecimal digits, or this desk's number.
///
/// # Errors
/// `unknown-file`, or when the store fails.
pub fn find_file(reader: &Reader, text: &str) -> Result<FileNo, Refusal> {
    let unknown = || Refusal::unknown("file", quoted(text), "deskwire ticket show");
    if let Some(id) = ItemId::from_hex(text) {
        return by_item(reader, &id)?.ok_or_else(unknown);
    }
    let no = text.parse().map(FileNo).map_err(|_| unknown())?;
    reader.rows().get(FILES, &no)?.map(|_| no).ok_or_else(unknown)
}

/// A file as an entry of a thread.
pub(super) fn with_thread(
    lookup: &Lookup<'_>,
    no: FileNo,
    thread: (EntryRef, &ThreadRow),
    revisions: &Revisions,
) -> Result<File, Refusal> {
    with_row(lookup, no, row(lookup.reader, no)?, thread, revisions)
}

/// Under which name an announced file is collected: a partner that announces a hash with another size or other chunks
/// than another one harms its own transfer alone.
#[must_use]
pub fn partial_key(no: FileNo, row: &FileRow) -> BlobId {
    let parts = [
        b"deskwire partial file".as_slice(),
        &no.0.to_be_bytes(),
        row.blob.as_bytes(),
        &row.size.to_be_bytes(),
        row.chunks.as_bytes(),
    ];
    BlobId(*Hash::of_parts(&parts).as_bytes())
}

fn row(reader: &Reader, no: FileNo) -> Result<FileRow, Refusal> {
    let row = reader.rows().get(FILES, &no)?;
    row.ok_or_else(|| Refusal::unknown("file", no, "deskwire ticket show"))
}

/// An own file before a partner's: who announces a file under the id of another one does not take its place.
fn by_item(reader: &Reader, id: &ItemId) -> Result<Option<FileNo>, Refusal> {
    let (mut own, mut theirs) = (None, None);
    reader.rows().scan(FILES, &(), None, Direction::Backward, &mut |no, row| {
        if row.item != *id {
            return Ok(ControlFlow::Continue(()));
        }
        match row.author {
            Author::Own => {
                own = Some(no);
                Ok(ControlFlow::Break(()))
            }
            Author::Partner(_) => {
                theirs = Some(no);
                Ok(ControlFlow::Continue(()))
            }
        }
    })?;
    Ok(own.or(theirs))
}

fn with_row(
    lookup: &Lookup<'_>,
    no: FileNo,
    mut row: FileRow,
    (at, thread): (EntryRef, &ThreadRow),
    revisions: &Revisions,
) -> Result<File, Refusal> {
    if row.state == FileState::Fetching
        && let Author::Partner(link) = row.author
        && let partner = lookup.partner(link)?
        && partner.row.state == LinkState::Closed
    {
        let words = format!(
            "The link with {} ended before this file was here. Ask for it by another way.",
            partner.row.partner_name
        );
        row.state = FileState::Failed(refused("link-closed", &words));
    }
    let Names { name, media, by, relayed } = names(lookup, &row)?;
    let retraction = match row.author {
        Author::Own => revisions.retraction(lookup, at)?,
        Author::Partner(_) => None,
    };
    let retracted = revisions.done(at).iter().any(|(_, _, what)| *what == Revision::Retracted);
    let origin = match row.author {
        Author::Own => None,
        Author::Partner(link) => origin(lookup, link, &thread.audience)?,
    };
    Ok(File {
        no,
        name,
        media,
        by,
        origin,
        audience: seen_by(lookup, &thread.audience)?,
        relayed,
        retracted,
        retraction,
        relays: revisions.relays(lookup, (row.ticket, at), row.item)?,
        arrived: lookup.reader.arrived(no),
        deliveries: delivery::all(lookup, thread.at, &thread.shared)?,
        row,
    })
}

/// What is said of a file beside its bytes.
#[derive(Default)]
struct Names {
    name: Option<String>,
    media: Option<String>,
    by: Option<Person>,
    relayed: Option<Relayed>,
}

fn names(lookup: &Lookup<'_>, row: &FileRow) -> Result<Names, Refusal> {
    let entry = lookup.reader.entry(row.entry)?;
    match Record::read(&entry)? {
        Record::FileMade(_) => {
            let text: Option<FileText> = decode_text(&entry)?;
            Ok(text.map_or_else(Names::default, |text| Names {
                name: Some(text.name.to_string()),
                media: text.media.map(String::from),
                by: Some(text.by),
                relayed: None,
            }))
        }
        // An own one whose announcement came back after a restore is a message as well.
        Record::Received(_) | Record::ItemMade(_) => {
            Ok(match Message::read(lookup.reader, row.entry)?.body() {
                Some(Body::FileAdd { text, .. }) => Names {
                    name: Some(text.name.to_string()),
                    media: text.media.map(String::from),
                    by: text.by,
                    relayed: (text.relayed == Some(true))
                        .then_some(Relayed { author: text.origin, proven: None }),
                },
                Some(_) | None => Names::default(),
            })
        }
        _ => Err(broken("a file begins with another record")),
    }
}
