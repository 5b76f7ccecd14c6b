//! What the engine keeps for as long as the process lives, and draws anew after a restart.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError};

use deskwire_proto::id::{InstanceId, Nonce, SessionId};
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::LinkNo;

use crate::command::clock::Skew;
use crate::gauge::SharedGauges;
use crate::quota::{Room, Usage};
use crate::reader::{Contacts, Skews};

/// A hello of this process.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) raw: Vec<u8>,
    /// Whether a welcome to it was taken.
    pub(crate) welcomed: bool,
}

/// A partner's message has seen more of ours than are here, or has lost a text that may have been answered. This desk was
/// restored, or another copy of it runs; or it is a lie, or nobody knows any more what was said. What the partner holds is
/// asked for before anything is decided. proto-spec, section 5.7.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The last message that came along: what the partner answers counts for those up to here.
    pub(crate) upto: u64,
    pub(crate) asked: Asked,
}

/// How far a partner has been asked what it holds of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No hello was said since.
    NotYet,
    /// A hello was said since.
    Hello,
    /// The welcome to that says that the partner holds no more than is here.
    NothingMore,
}

/// Sessions of our own streams, and when partners were last heard.
#[derive(Debug)]
pub struct Memory {
    /// Drawn at this start.
    pub instance: InstanceId,
    /// The open sessions of our own streams.
    pub sessions: HashMap<LinkNo, SessionId>,
    /// What each partner claims to have seen of ours that is not here, and whether it was asked.
    pub(crate) claims: HashMap<LinkNo, Claim>,
    /// What is fetched from a partner because our key has changed: nonce of the welcome, and the next number.
    pub(crate) fetching: HashMap<LinkNo, (Nonce, u64)>,
    /// Links on which the partner has given a receipt in a session of this process, so that this is its current one. A receipt
    /// that comes before one is open is for what an earlier process has sent.
    pub(crate) confirmed: HashSet<LinkNo>,
    /// Whether the partner of a link had receipts of an earlier process of ours when it welcomed this one first, until
    /// something was said to it for their sake.
    pub(crate) receipted: HashMap<LinkNo, bool>,
    /// How many of our messages each partner held when it welcomed us last.
    pub(crate) held: HashMap<LinkNo, u64>,
    /// Of how many of our messages on each partner that was restored has lost files, as far as they were brought again.
    pub(crate) doubted: HashMap<LinkNo, u64>,
    /// Links on which this process has answered a new hello. The welcome to an old one, said again, tells of a time before.
    pub(crate) answered: HashSet<LinkNo>,
    /// Links whose partner has our descriptor of this start.
    pub(crate) greeted: HashSet<LinkNo>,
    /// Terms by the record that holds them, which never changes.
    pub(crate) terms: HashMap<EntryRef, Arc<Terms>>,
    /// Since when this desk has been awake without a gap in its time, and when that was last looked at.
    pub(crate) ticked: Option<(Timestamp, Timestamp)>,
    /// What is measured for people.
    pub(crate) gauges: SharedGauges,
    /// How the clock of each partner differs.
    pub(crate) skews: Skews,
    /// When an authenticated word of each partner last came.
    pub(crate) contacts: Contacts,
    /// What partners have left of their quotas.
    pub(crate) usage: Usage,
    /// When each partner last asked for our messages.
    pub(crate) asked: Contacts,
    /// When a receipt last took back what the partner had said of the length of its stream.
    pub(crate) shortened: HashMap<LinkNo, Timestamp>,
    /// Rows that were looked at to find what a message of a partner names; taken when it is consumed.
    pub(crate) looked: AtomicUsize,
    /// The hello last said on each link by this process.
    pub(crate) hellos: HashMap<LinkNo, Said>,
    /// Records whose texts are being erased, so that nothing that is said reads them any more; nothing when that has to be
    /// looked up anew.
    pub(crate) hidden: Option<HashSet<EntryRef>>,
}

impl Memory {
    pub(crate) fn new(instance: InstanceId, room: Room) -> Self {
        Self {
            instance,
            sessions: HashMap::new(),
            claims: HashMap::new(),
            fetching: HashMap::new(),
            confirmed: HashSet::new(),
            receipted: HashMap::new(),
            held: HashMap::new(),
            doubted: HashMap::new(),
            answered: HashSet::new(),
            greeted: HashSet::new(),
            terms: HashMap::new(),
            ticked: None,
            gauges: SharedGauges::default(),
            skews: Skews::default(),
            contacts: Contacts::default(),
            usage: Usage::new(room),
            asked: Contacts::default(),
            shortened: HashMap::new(),
            looked: AtomicUsize::new(0),
            hellos: HashMap::new(),
            hidden: None,
        }
    }

    /// Notes that the texts of these records are being erased.
    pub(crate) fn hide(&mut self, entries: Vec<EntryRef>) {
        if let Some(hidden) = &mut self.hidden {
            hidden.extend(entries);
        }
    }

    /// Notes that the texts of these records are gone.
    pub(crate) fn hide_no_more(&mut self, entries: &[EntryRef]) {
        if let Some(hidden) = &mut self.hidden {
            for at in entries {
                hidden.remove(at);
            }
        }
    }

    /// Whether the text of a record is being erased.
    pub(crate) fn hides(&self, at: EntryRef) -> bool {
        self.hidden.as_ref().is_some_and(|hidden| hidden.contains(&at))
    }

    /// Drops what commands noted that may rest on a group which was lost: a new hello brings all of it back.
    pub(crate) fn forget(&mut self) {
        self.sessions.clear();
        self.claims.clear();
        self.fetching.clear();
        self.greeted.clear();
        self.hellos.clear();
        self.terms.clear();
        self.hidden = None;
    }

    /// Notes that a partner asked for our messages.
    pub fn was_asked(&mut self, link: LinkNo, now: Timestamp) {
        self.heard(link, now);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(link, now);
    }

    /// Notes what a partner said of the time; what was known before.
    pub(crate) fn told_time(&mut self, link: LinkNo, skew: Skew) -> Option<Skew> {
        self.skews.lock().unwrap_or_else(PoisonError::into_inner).insert(link, skew)
    }

    /// Notes that an authenticated word of a partner came.
    pub fn heard(&mut self, link: LinkNo, now: Timestamp) {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner).insert(link, now);
    }
}
