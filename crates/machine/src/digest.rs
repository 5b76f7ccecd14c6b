//! What both desks compare to be sure that they see the same of a delegation (proto-spec, section 6.24).

use std::collections::BTreeMap;

use deskwire_proto::cbor;
use deskwire_proto::envelope::Head;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::{Facts, Kind, digest};
use deskwire_proto::terms::Side;

use crate::account::{Account, LineState, Said, Upto, Word, digest_work};
use crate::clock::order;
use crate::delegation::{Memory, Place, Role, State};
use crate::saying::said_in_facts;

/// One message below the cut that concerns the delegation: one of its own, a statement or the end of the link. Its signed
/// head, and whether the reader applied it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The head.
    pub head: Head,
    /// Whether it was written by the principal or the contractor.
    pub author: Role,
    /// Whether it was applied, and stands.
    pub applied: bool,
}

/// A comment or a file as the digest tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub author: Role,
    /// Its newest version.
    pub version: u64,
    /// Hash of the text part of that version.
    pub text: Hash,
    /// Whether it was taken back.
    pub retracted: bool,
}

/// One desk's view of a delegation at a cut through both streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Where it stands.
    pub state: State,
    /// The highest version of the offer of which a value binds.
    pub version: u64,
    /// The newest own words as they were sent, deterministic CBOR: the principal's, the contractor's.
    pub own: (Option<Vec<u8>>, Option<Vec<u8>>),
    /// Comments and files, by item.
    pub thread: BTreeMap<ItemId, Entry>,
    /// Work lines: hash of their facts, and state.
    pub work: BTreeMap<ItemId, (Hash, LineState)>,
}

impl Shared {
    /// The view of these messages, which may come in any order. `contractor` tells which side of the link has that role.
    #[must_use]
    pub fn of(messages: Vec<Message>, contractor: Side) -> Self {
        let mut messages = messages;
        messages.retain(|message| message.applied);
        messages.sort_by_key(|message| message.head.seq);
        let mut events = Vec::new();
        let mut own = (None, None);
        let mut thread = BTreeMap::new();
        for message in &messages {
            let head = &message.head;
            let facts =
                Kind::from_name(head.kind.as_str()).and_then(|kind| Facts::decode(kind, &head.facts).ok());
            if let Some(said) = facts.as_ref().and_then(said_in_facts) {
                events.push((message.author, Place::Numbered(head.seq), head.seen, said.event));
            }
            if let Some(facts) = &facts {
                told(&mut thread, message, facts);
            }
            if let Some(words) = cbor::member(&head.facts, "own") {
                let side = if message.author == Role::Principal { &mut own.0 } else { &mut own.1 };
                *side = Some(words.to_vec());
            }
        }
        let mut memory = Memory::default();
        for (author, place, seen, event) in order(events, |event| (event.0, event.1, Some(event.2))) {
            memory.apply(author, place, seen, &event);
        }
        let work = work(&messages, contractor);
        Self { state: memory.state, version: memory.binding_version(), own, thread, work }
    }

    /// The facts of a `delegation.digest`; `at` is the cut: length of the sender's stream, then of the reader's.
    #[must_use]
    pub fn facts(&self, at: (u64, u64)) -> digest::Facts {
        let work = digest_work(self.work.iter().map(|(item, (hash, state))| (*item, *hash, *state)));
        digest::Facts { at, work, state: self.state_hash(), thread: self.thread_hash() }
    }

    fn state_hash(&self) -> Hash {
        let mut bytes = vec![0x84];
        bytes.extend(plain(&self.state.name()));
        bytes.extend(plain(&self.version));
        for own in [&self.own.0, &self.own.1] {
            bytes.extend_from_slice(own.as_deref().unwrap_or(&[0xf6]));
        }
        Hash::of(&bytes)
    }

    fn thread_hash(&self) -> Hash {
        let entries: Vec<_> = self
            .thread
            .iter()
            .map(|(item, entry)| {
                let author = if entry.author == Role::Principal { "principal" } else { "contractor" };
                (item, author, entry.version, entry.text, entry.retracted)
            })
            .collect();
        Hash::of(&plain(&entries))
    }
}

fn plain<T: serde::Serialize>(value: &T) -> Vec<u8> {
    cbor::encode_plain(value).expect("arrays of ids, hashes, numbers and words have a CBOR form")
}

/// What a message does to the list of comments and files.
fn told(thread: &mut BTreeMap<ItemId, Entry>, message: &Message, facts: &Facts) {
    let text = message.head.text.unwrap_or_else(|| Hash::of(b""));
    let mut change = |item: &ItemId, change: &mut dyn FnMut(&mut Entry)| {
        if let Some(entry) = thread.get_mut(item).filter(|entry| entry.author == message.author) {
            change(entry);
        }
    };
    match facts {
        Facts::CommentAdd(_) | Facts::FileAdd(_) => {
            let entry = Entry { author: message.author, version: 1, text, retracted: false };
            thread.entry(message.head.item).or_insert(entry);
        }
        Facts::CommentEdit(facts) => change(&facts.comment, &mut |entry| {
            entry.version = facts.version.get();
            entry.text = text;
        }),
        Facts::CommentRetract(facts) => change(&facts.comment, &mut |entry| entry.retracted = true),
        Facts::FileRetract(facts) => change(&facts.file, &mut |entry| entry.retracted = true),
        _ => {}
    }
}

fn work(messages: &[Message], contractor: Side) -> BTreeMap<ItemId, (Hash, LineState)> {
    let word = |message: &Message| {
        let by = if message.author == Role::Contractor { contractor } else { contractor.other() };
        let (seq, seen) = (message.head.seq, message.head.seen);
        Said::read(&message.head).map(|said| Word { by, seq, seen, said })
    };
    let account = Account::of(messages.iter().filter_map(word));
    let signed = account.signed(&Upto::ALL);
    let lines = account.lines().map(|(_, item, line)| (*item, (line.hash, line.state(&Upto::ALL, &signed))));
    lines.collect()
}
