//! Files: attached here, announced to partners, and fetched from them.

use deskwire_machine::disclosure::{self, Preview};
use deskwire_machine::thread::{self, Draft, File};
use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::message::common::Person;
use deskwire_proto::text::{FileName, Label};
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{FileMade, FileText, Record, decode_text, encode_text};
use deskwire_store::row::{Audience, DelegationRow, FileRow, FileState};
use deskwire_store::table::{ANNOUNCED, FILES, Rows};
use serde::{Deserialize, Serialize};

use super::comment::{draft, previews, recipients};
use super::say::{Saying, say};
use super::{find, late, relay};
use crate::{Command, Fault, Reader, Refusal, Step, refused};

/// Attaches a file whose bytes are among the blobs already.
#[derive(Debug, Clone)]
pub struct AttachFile {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Its name, without folders.
    pub name: FileName,
    /// Its media type.
    pub media: Option<Label>,
    /// SHA-256 of the bytes.
    pub blob: Hash,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the chunk list.
    pub chunks: Hash,
    /// Who sees it.
    pub audience: Audience,
    /// Who attaches it.
    pub by: Person,
}

/// A file that was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAttached {
    /// Its number at this desk.
    pub file: FileNo,
    /// The delegations whose partners will get it.
    pub told: Vec<DelegationNo>,
}

impl Command for AttachFile {
    type Reply = FileAttached;

    fn run(self, step: &mut Step<'_>) -> Result<FileAttached, Refusal> {
        find::ticket(step, self.ticket)?;
        let told = recipients(step.rows(), step.identity, self.ticket, &self.audience)?;
        let told = late::reached_by(step, told, &self.audience)?;
        let file = FileNo(step.counters()?.file);
        let item = step.item_id();
        let text = FileText { name: self.name.clone(), media: self.media.clone(), by: self.by.clone() };
        let made = FileMade {
            file,
            ticket: self.ticket,
            item,
            blob: self.blob,
            size: self.size,
            chunks: self.chunks,
            audience: self.audience.clone(),
            at: step.now,
        };
        let at = step.record(&Record::FileMade(made), Some(encode_text(&text)?))?;
        for (no, row) in &told {
            let item = (told.len() == 1).then_some(item);
            let (thread, audience) = ((self.ticket, at), &self.audience);
            let announce = Announce { file, thread, audience, text: &text, item };
            announce.to(step, (*no, row))?;
        }
        Ok(FileAttached { file, told: told.into_iter().map(|(no, _)| no).collect() })
    }
}

/// What attaching a file would send to each partner, by the function that announces it; nothing is changed. Without
/// the bytes their hash is not listed.
///
/// # Errors
/// The refusal that [`AttachFile`] would give.
pub fn preview(
    reader: &Reader,
    ticket: TicketNumber,
    (name, media, size): (&FileName, Option<&Label>, u64),
    blob: Option<Hash>,
    audience: &Audience,
    by: &Person,
) -> Result<Vec<(LinkNo, Preview)>, Refusal> {
    previews(reader, ticket, audience, by, |to| {
        if size > to.terms.file {
            return Err(too_large(name, size, to.terms.file, &to.link.partner_name));
        }
        let file = File {
            name: name.clone(),
            media: media.cloned(),
            blob: blob.unwrap_or_else(|| Hash::of(b"")),
            size: size.try_into().map_err(|error| Refusal::invalid("size", error))?,
            chunks: Hash::of(b""),
            comment: None,
        };
        let Draft::Shared(file) = draft(file, audience) else { return Ok(Preview::default()) };
        let mut preview = disclosure::contribution(&thread::file(&file, by, to.terms));
        preview.sent.retain(|sent| blob.is_some() || sent.field != "sha256");
        Ok(preview)
    })
}

/// A file of this desk that is announced to partners.
pub(super) struct Announce<'a> {
    pub(super) file: FileNo,
    pub(super) thread: (TicketNumber, EntryRef),
    pub(super) audience: &'a Audience,
    pub(super) text: &'a FileText,
    /// The file's own id, where it goes to one partner alone.
    pub(super) item: Option<ItemId>,
}

impl Announce<'_> {
    pub(super) fn to(
        &self,
        step: &mut Step<'_>,
        (no, row): (DelegationNo, &DelegationRow),
    ) -> Result<(), Refusal> {
        let stored =
            step.rows().get(FILES, &self.file)?.ok_or_else(|| find::broken("a file without a row"))?;
        let link = find::link(step, row.link)?;
        let terms = find::terms(step, &link)?;
        if stored.size > terms.file {
            return Err(too_large(&self.text.name, stored.size, terms.file, &link.partner_name));
        }
        let Draft::Shared(shareable) = draft(described(&stored, self.text)?, self.audience) else {
            return Ok(());
        };
        let (no, row) = late::before(step, no, row, &terms, &self.text.by)?;
        let body = thread::file(&shareable, &self.text.by, &terms);
        let delegation: Option<(DelegationNo, DelegationId)> = Some((no, row.id));
        let file = Some((self.file, stored.blob));
        let (thread, item) = (Some(self.thread), self.item);
        say(step, Saying { link: row.link, delegation, body, thread, file, item }).map(drop)
    }
}

fn described(stored: &FileRow, text: &FileText) -> Result<File, Refusal> {
    let size = stored.size.try_into().map_err(|error| Refusal::invalid("size", error))?;
    Ok(File {
        name: text.name.clone(),
        media: text.media.clone(),
        blob: stored.blob,
        size,
        chunks: stored.chunks,
        comment: None,
    })
}

/// Announces a file that the ticket has already to the partner of a new delegation.
pub(super) fn share(
    step: &mut Step<'_>,
    ticket: TicketNumber,
    file: FileNo,
    delegation: DelegationNo,
) -> Result<(), Refusal> {
    let stored = step.rows().get(FILES, &file)?.filter(|row| row.ticket == ticket);
    let stored = stored.ok_or_else(|| Refusal::unknown("file", file, "deskwire ticket show"))?;
    let row = find::delegation(step, delegation)?;
    let text = file_text(step, &stored)?;
    let audience = Audience::Delegations(vec![delegation]);
    Announce { file, thread: (ticket, stored.entry), audience: &audience, text: &text, item: None }
        .to(step, (delegation, &row))
}

/// Name and author of a file that was attached here. A partner's file is not passed on under another name.
pub(super) fn file_text(step: &Step<'_>, stored: &FileRow) -> Result<FileText, Refusal> {
    let entry = step.entry(stored.entry)?;
    match Record::read(&entry)? {
        Record::FileMade(_) => decode_text(&entry)?.ok_or_else(|| {
            Refusal::new(Fault::Conflict, "erased", "The name of this file was erased.", "Attach it again.")
        }),
        _ => Err(Refusal::new(
            Fault::Forbidden,
            "not-your-file",
            "A partner's file does not go along with an offer.",
            "Save it, check that it may leave, and attach it to the ticket.",
        )),
    }
}

fn too_large(name: &FileName, size: u64, limit: u64, partner: &Label) -> Refusal {
    Refusal::new(
        Fault::TooLarge,
        "file-too-large",
        format!("'{name}' has {size} bytes; the terms with {partner} allow files of {limit} bytes."),
        "Send a smaller file, or agree new terms.",
    )
}

/// The bytes of an announced file have arrived and are verified.
#[derive(Debug, Clone, Copy)]
pub struct BlobHere {
    /// The file.
    pub file: FileNo,
}

impl Command for BlobHere {
    /// Whether the file is still wanted. If it was erased or taken back while its bytes came, whoever brought them takes
    /// them away again: nobody else knows of them.
    type Reply = bool;

    fn run(self, step: &mut Step<'_>) -> Result<bool, Refusal> {
        let Some(row) = step.rows().get(FILES, &self.file)? else { return Ok(false) };
        if row.state == FileState::Fetching {
            let at = step.now;
            step.record(&Record::BlobHere { file: self.file, at }, None)?;
            relay::file_here(step, self.file)?;
        }
        Ok(is_wanted(&row.state))
    }
}

/// Whether the bytes of a file in this state are here or still to come.
pub(crate) const fn is_wanted(state: &FileState) -> bool {
    matches!(state, FileState::Here | FileState::Fetching)
}

/// The partner has the file that our message announced, or does not take it: it is not brought again.
/// proto-spec, section 10.4.
#[derive(Debug, Clone, Copy)]
pub struct Brought {
    /// The link.
    pub link: LinkNo,
    /// The number of the message.
    pub seq: u64,
}

impl Command for Brought {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        if step.rows().get(ANNOUNCED, &(self.link, self.seq))?.is_some() {
            step.record(&Record::FileBrought { no: self.link, seq: self.seq, at: step.now }, None)?;
        }
        Ok(())
    }
}

/// An announced file cannot be fetched, and trying again would not help.
#[derive(Debug, Clone)]
pub struct BlobFailed {
    /// The file.
    pub file: FileNo,
    /// Stable code.
    pub code: String,
    /// What is wrong and what to do, for the ticket.
    pub words: String,
}

impl Command for BlobFailed {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = step.rows().get(FILES, &self.file)?;
        if row.is_some_and(|row| row.state == FileState::Fetching) {
            let why = refused(&self.code, &self.words);
            let at = step.now;
            step.record(&Record::BlobFailed { file: self.file, why, at }, None)?;
        }
        Ok(())
    }
}
