//! One event of a delegation with its place in the order, and the order itself (proto-spec, section 7.4).

use serde::{Deserialize, Serialize};

use super::event::{Event, Fields, Progress};
use super::state::Role;

/// Where an event stands in its author's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "(bool, u64)", from = "(bool, u64)")]
pub enum Place {
    /// A message with this sequence number.
    Numbered(u64),
    /// An own item that is not numbered yet, by the caller's ascending local number.
    Waiting(u64),
}

impl Place {
    /// True when a message whose `seen` is this has seen the event of this place.
    pub const fn seen_by(self, seen: u64) -> bool {
        match self {
            Self::Numbered(seq) => seq <= seen,
            Self::Waiting(_) => false,
        }
    }
}

impl From<Place> for (bool, u64) {
    fn from(place: Place) -> Self {
        match place {
            Place::Numbered(seq) => (true, seq),
            Place::Waiting(local) => (false, local),
        }
    }
}

impl From<(bool, u64)> for Place {
    fn from((numbered, number): (bool, u64)) -> Self {
        if numbered { Self::Numbered(number) } else { Self::Waiting(number) }
    }
}

/// What the receiver of a message did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// No receipt has come.
    Unknown,
    /// Taken.
    Applied,
    /// Refused, or of a kind or with a key that the receiver does not know: without effect on both sides.
    Refused,
}

/// An event whose place or outcome can still change, or which stands behind such a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Packed", try_from = "Packed")]
pub struct OpenEvent {
    /// Who said it.
    pub author: Role,
    /// Its place in the author's stream.
    pub place: Place,
    /// Length of the other stream that the author had applied when it was said (waiting) or numbered.
    pub seen: u64,
    /// What was said.
    pub event: Event,
    /// What the receiver did with it.
    pub answer: Answer,
    /// Length of the receiver's own stream, as named by the receipt that brought the answer.
    pub receipt_length: Option<u64>,
}

impl OpenEvent {
    /// True when it has no number yet.
    pub(super) const fn is_waiting(&self) -> bool {
        match self.place {
            Place::Waiting(_) => true,
            Place::Numbered(_) => false,
        }
    }

    /// True when `self` stands before `other` in the order of the delegation.
    pub(super) fn stands_before(&self, other: &Self) -> bool {
        match (self.place, other.place) {
            (Place::Waiting(a), Place::Waiting(b)) => a < b,
            (Place::Numbered(_), Place::Waiting(_)) => true,
            (Place::Waiting(_), Place::Numbered(_)) => false,
            (Place::Numbered(a), Place::Numbered(b)) => match (self.author, other.author) {
                (Role::Principal, Role::Principal) | (Role::Contractor, Role::Contractor) => a < b,
                (Role::Principal, Role::Contractor) => a <= other.seen,
                (Role::Contractor, Role::Principal) => b > self.seen,
            },
        }
    }
}

/// The stored form of an [`OpenEvent`]: flags, number, seen, argument of the event, receipt length.
///
/// Up to 128 of them share one record of the view, hence the bits.
#[derive(Serialize, Deserialize)]
struct Packed(u16, u64, u64, u64, Option<u64>);

const CONTRACTOR: u16 = 1;
const WAITING: u16 = 2;
const ANSWER_SHIFT: u16 = 2;
const CODE_SHIFT: u16 = 4;

impl From<OpenEvent> for Packed {
    fn from(open: OpenEvent) -> Self {
        let author = match open.author {
            Role::Principal => 0,
            Role::Contractor => CONTRACTOR,
        };
        let (waiting, number) = match open.place {
            Place::Numbered(seq) => (0, seq),
            Place::Waiting(local) => (WAITING, local),
        };
        let answer: u16 = match open.answer {
            Answer::Unknown => 0,
            Answer::Applied => 1,
            Answer::Refused => 2,
        };
        let (code, argument) = pack_event(open.event);
        let flags = author | waiting | answer << ANSWER_SHIFT | code << CODE_SHIFT;
        Self(flags, number, open.seen, argument, open.receipt_length)
    }
}

impl TryFrom<Packed> for OpenEvent {
    type Error = &'static str;

    fn try_from(Packed(flags, number, seen, argument, receipt_length): Packed) -> Result<Self, Self::Error> {
        let answer = match flags >> ANSWER_SHIFT & 3 {
            0 => Answer::Unknown,
            1 => Answer::Applied,
            2 => Answer::Refused,
            _ => return Err("no such answer of a receipt"),
        };
        Ok(Self {
            author: if flags & CONTRACTOR == 0 { Role::Principal } else { Role::Contractor },
            place: if flags & WAITING == 0 { Place::Numbered(number) } else { Place::Waiting(number) },
            seen,
            event: unpack_event(flags >> CODE_SHIFT, argument).ok_or("no such event of a delegation")?,
            answer,
            receipt_length,
        })
    }
}

/// Codes of the stored form; they are never used again for something else.
fn pack_event(event: Event) -> (u16, u64) {
    match event {
        Event::Offer { rules } => (0, rules.into()),
        Event::Accept { version } => (1, version),
        Event::Decline => (2, 0),
        Event::Return => (3, 0),
        Event::Recall => (4, 0),
        Event::Status { to: None } => (5, 0),
        Event::Status { to: Some(Progress::InProgress) } => (6, 0),
        Event::Status { to: Some(Progress::WaitingThird) } => (7, 0),
        Event::Resolve => (8, 0),
        Event::Confirm => (9, 0),
        Event::Reopen => (10, 0),
        Event::Update { version, binding } => (11, version << 4 | u64::from(u8::from(binding))),
        Event::ChangeTake { version } => (12, version),
        Event::ChangeDecline { version } => (13, version),
        Event::Ask => (14, 0),
        Event::Answer { needed: true } => (15, 0),
        Event::Answer { needed: false } => (16, 0),
        Event::Rate => (17, 0),
        Event::LinkClose => (18, 0),
    }
}

fn unpack_event(code: u16, argument: u64) -> Option<Event> {
    Some(match code {
        0 => Event::Offer { rules: u16::try_from(argument).ok()? },
        1 => Event::Accept { version: argument },
        2 => Event::Decline,
        3 => Event::Return,
        4 => Event::Recall,
        5 => Event::Status { to: None },
        6 => Event::Status { to: Some(Progress::InProgress) },
        7 => Event::Status { to: Some(Progress::WaitingThird) },
        8 => Event::Resolve,
        9 => Event::Confirm,
        10 => Event::Reopen,
        11 => Event::Update { version: argument >> 4, binding: Fields::from((argument & 15) as u8) },
        12 => Event::ChangeTake { version: argument },
        13 => Event::ChangeDecline { version: argument },
        14 => Event::Ask,
        15 => Event::Answer { needed: true },
        16 => Event::Answer { needed: false },
        17 => Event::Rate,
        18 => Event::LinkClose,
        _ => return None,
    })
}
