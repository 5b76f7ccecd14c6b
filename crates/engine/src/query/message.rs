//! What an entry of the journal says as a message: an own item, or what a partner sent.

use deskwire_machine::delegation::Event;
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::{ByText, Person, ReasonText};
use deskwire_proto::message::{Body, Facts, Kind, resolve};
use deskwire_proto::text::{KindName, Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::record::{FoldEvent, Here, ItemMade, Received, Record};
use deskwire_store::table::{DELEGATIONS, PASSED, RECEIVED, Rows};
use deskwire_store::{EntryRef, Text};

use super::clock::Source;
use super::lookup::broken;
use crate::Refusal;

/// A message as the journal holds it.
pub(super) struct Message {
    pub(super) item: ItemId,
    pub(super) kind: KindName,
    /// When its author says that it was said.
    pub(super) time: Timestamp,
    /// Number and `seen`, of a partner's message.
    pub(super) place: Option<(u64, u64)>,
    /// What it says to the fold of its delegation.
    pub(super) event: Option<FoldEvent>,
    /// How it reads in this desk's words.
    pub(super) here: Option<Here>,
    /// Whether its author took its text back.
    pub(super) withdrawn: bool,
    facts: Vec<u8>,
    text: Text,
}

impl Message {
    /// Reads the message of an entry that holds an own item or a partner's message.
    pub(super) fn read(source: &impl Source, at: EntryRef) -> Result<Self, Refusal> {
        let entry = source.source_entry(at)?;
        match Record::read(&entry)? {
            Record::ItemMade(made) => Ok(Self {
                withdrawn: is_of_withdrawn(source, at, &made)?,
                item: made.item,
                time: made.at,
                place: None,
                event: made.event.or_else(|| end_of_link(made.kind.as_str())),
                kind: made.kind,
                here: None,
                facts: made.facts.into_vec(),
                text: entry.text,
            }),
            Record::Received(received) => {
                let head = read_head(&received.signed).map_err(|_| broken("a stored message has no head"))?;
                Ok(Self {
                    withdrawn: is_withdrawn(source, at, &received)?,
                    item: head.item,
                    event: received.event.or_else(|| end_of_link(head.kind.as_str())),
                    kind: head.kind,
                    time: head.time,
                    place: Some((received.seq, received.seen)),
                    here: received.here,
                    facts: head.facts.into_vec(),
                    text: entry.text,
                })
            }
            _ => Err(broken("a row names a record that is no message")),
        }
    }

    /// Facts and text; nothing once the text was erased or withdrawn, or for a kind that this version does not know.
    pub(super) fn body(&self) -> Option<Body> {
        if self.withdrawn {
            return None;
        }
        let text = match &self.text {
            Text::None => None,
            Text::Kept(part) => Some(text_body(part)?),
            Text::Erased(_) => return None,
        };
        Body::decode(self.known_kind()?, &self.facts, text).ok()
    }

    /// The facts alone, which erasure leaves.
    pub(super) fn facts(&self) -> Option<Facts> {
        Facts::decode(self.known_kind()?, &self.facts).ok()
    }

    /// The kind, if this version knows it.
    pub(super) fn known_kind(&self) -> Option<Kind> {
        Kind::from_name(self.kind.as_str())
    }
}

/// The end of a link is said on the link, and is an event in each of its delegations.
fn end_of_link(kind: &str) -> Option<FoldEvent> {
    (kind == Kind::LinkClose.name()).then_some(FoldEvent(Event::LinkClose, None))
}

/// Who acted, and what that person wrote as reason, solution, question, answer or comment.
pub(super) fn written(body: Body) -> (Option<Person>, Option<Prose>) {
    match body {
        Body::Offer { text, .. } => (text.by, None),
        Body::Update { text, .. } => (text.by, None),
        Body::Accept { text, .. }
        | Body::Status { text, .. }
        | Body::Confirm { text, .. }
        | Body::ChangeTake { text, .. }
        | Body::WorkApprove { text, .. } => (by(text), None),
        Body::Decline { text, .. }
        | Body::Return { text, .. }
        | Body::Recall { text, .. }
        | Body::Reopen { text, .. }
        | Body::ChangeDecline { text, .. }
        | Body::Answer { text, .. }
        | Body::WorkDispute { text, .. }
        | Body::LinkSuspend { text, .. }
        | Body::LinkClose { text, .. } => reasoned(text),
        Body::Resolve { text, .. } => {
            let solution = text.solution.clone();
            (text.by.clone(), solution.map(|solution| attributed(&text, solution)))
        }
        Body::Ask { text, .. } => (text.by, Some(text.question)),
        Body::CommentAdd { text, .. } | Body::CommentEdit { text, .. } => (text.by, Some(text.body)),
        Body::FileAdd { text, .. } => (text.by, None),
        Body::WorkAdd { text, .. } => (text.by, None),
        Body::Rate { text, .. } => (text.by, text.words),
        Body::TermsPropose { .. }
        | Body::TermsAccept { .. }
        | Body::LinkResume { .. }
        | Body::LinkDescriptor { .. }
        | Body::LinkWithdraw { .. }
        | Body::Digest { .. }
        | Body::CommentRetract { .. }
        | Body::FileRetract { .. }
        | Body::StatementPropose { .. }
        | Body::StatementSign { .. }
        | Body::ChainReport { .. }
        | Body::Erase { .. }
        | Body::EraseDone { .. } => (None, None),
    }
}

/// A solution of another desk of the chain, with whose it is.
fn attributed(text: &resolve::Text, solution: Prose) -> Prose {
    if text.relayed != Some(true) {
        return solution;
    }
    let author = text.origin.as_ref().map_or("Our partner", Label::as_str);
    // One that is too long for it stays as it is.
    Prose::new(format!("{author}: {solution}")).unwrap_or(solution)
}

fn by(text: Option<ByText>) -> Option<Person> {
    text.and_then(|text| text.by)
}

fn reasoned(text: ReasonText) -> (Option<Person>, Option<Prose>) {
    (text.by, Some(text.reason))
}

fn is_withdrawn(source: &impl Source, at: EntryRef, received: &Received) -> Result<bool, Refusal> {
    let row = source.source_rows().get(RECEIVED, &(received.no, received.seq))?;
    Ok(row.is_some_and(|row| row.entry == at && row.withdrawn))
}

/// Whether what we said is a partner's solution, passed on by a rule, that the partner took back.
fn is_of_withdrawn(source: &impl Source, at: EntryRef, made: &ItemMade) -> Result<bool, Refusal> {
    let rows = source.source_rows();
    let Some((delegation, _)) = made.delegation.filter(|_| made.kind.as_str() == Kind::Resolve.name()) else {
        return Ok(false);
    };
    let Some(row) = rows.get(DELEGATIONS, &delegation)? else { return Ok(false) };
    for ((_, (_, of)), ()) in rows.list(PASSED, &(row.ticket, at), usize::MAX)? {
        if let Record::Received(received) = Record::read(&source.source_entry(of)?)?
            && is_withdrawn(source, of, &received)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
