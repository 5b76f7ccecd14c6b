//! The shared case between exactly two desks: one table, one order, one fold, so that both sides come to the
//! same state from the same messages (proto-spec, chapter 7).
//!
//! [`Case`] is what a desk stores. Its operations are pure; each says in [`Changes`] what it changed.

mod case;
mod changes;
mod event;
mod fold;
mod open;
mod order;
mod refusal;
mod state;
mod table;
mod view;
mod words;

pub use case::{Case, Gap, Numbered, OPEN_MAX};
pub use changes::{Change, Changes};
pub use event::{Event, EventKind, Field, Fields, Progress};
pub use fold::{DISPUTED_SHOWN, Fate, Memory, Proposal, Question, Versions};
pub use open::{Answer, OpenEvent, Place};
pub use refusal::Refusal;
pub use state::{Role, State, Turn, WaitingOn};
pub use table::{FOLD_RULES, Outcome, may_say, transition};
pub use view::{Certainty, Shown, View};
pub use words::{Said, Words};
