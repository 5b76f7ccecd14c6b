//! Long random histories of two desks: parked and dropped items, refusals, other traffic, restored backups.

use std::collections::BTreeMap;

use deskwire_machine::delegation::{
    Answer, Case, Changes, Event, EventKind, Fate, Field, Fields, Memory, Place, Role, Said,
};
use proptest::prelude::*;

use crate::explore::event;
use crate::support::Final;

#[derive(Clone, Debug)]
struct Sent {
    item: u64,
    seen: u64,
    event: Option<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    answer: Answer,
    length: u64,
}

/// One desk with all that it keeps; a backup is a copy of it.
#[derive(Clone, Debug)]
struct Desk {
    case: Case,
    sent: Vec<Sent>,
    /// Receipts it gave, by the number of the peer's message; after a restore also for messages still to come.
    given: Vec<Given>,
    /// How many of the peer's messages it has applied.
    cursor: u64,
    /// How many of its own messages it has receipts for.
    heard: u64,
    local: u64,
    /// Item ids of waiting items, by local number.
    items: BTreeMap<u64, u64>,
    /// No number is given before the cursor is here.
    need: u64,
    /// What its timeline says: the settled events in order, and the fates of the open ones.
    settled: Vec<Final>,
    open: BTreeMap<(Role, Place), Fate>,
    backup: Option<Box<Self>>,
}

struct Net {
    desks: [Desk; 2],
    item: u64,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Say { kind: usize, fields: u8, send: bool },
    Number { which: usize },
    Drop { which: usize },
    Other,
    Deliver { refuse: bool },
    Receipt,
    Backup,
    Restore,
}

impl Desk {
    fn new(role: Role) -> Self {
        Self {
            case: Case::new(role),
            sent: Vec::new(),
            given: Vec::new(),
            cursor: 0,
            heard: 0,
            local: 0,
            items: BTreeMap::new(),
            need: 0,
            settled: Vec::new(),
            open: BTreeMap::new(),
            backup: None,
        }
    }

    fn length(&self) -> u64 {
        self.sent.len() as u64
    }

    /// The timeline is made from what each operation says that it changed, and from nothing else.
    fn note(&mut self, changes: &Changes) {
        for change in &changes.events {
            if !change.settled {
                self.open.insert((change.author, change.place), change.fate);
                continue;
            }
            self.open.remove(&(change.author, change.place));
            let Place::Numbered(seq) = change.place else { panic!("a waiting item settled") };
            self.settled.push((change.author, seq, change.event, change.fate));
        }
        let view = self.case.view(self.cursor);
        let shown: BTreeMap<_, _> =
            view.events.iter().map(|shown| ((shown.author, shown.place), shown.fate)).collect();
        assert_eq!(self.open, shown);
        assert_eq!(view.state, changes.to);
        assert_eq!(self.case.settled().state, changes.settled_to);
    }

    fn number(&mut self, local: u64) {
        if self.cursor < self.need {
            return;
        }
        let seq = self.length() + 1;
        let role = self.case.role();
        match self.case.number(local, seq, self.cursor) {
            Ok(numbered) => {
                let fate = self.open.remove(&(role, Place::Waiting(local))).unwrap();
                self.open.insert((role, Place::Numbered(seq)), fate);
                let item = self.items.remove(&local).unwrap();
                self.sent.push(Sent { item, seen: self.cursor, event: Some(numbered.event) });
                self.note(&numbered.changes);
            }
            Err(_) => self.drop_waiting(local),
        }
    }

    fn drop_waiting(&mut self, local: u64) {
        let changes = self.case.drop_waiting(local, self.cursor).unwrap();
        self.items.remove(&local);
        self.open.remove(&(self.case.role(), Place::Waiting(local)));
        self.note(&changes);
    }

    fn waiting(&self, which: usize) -> Option<u64> {
        let waiting: Vec<_> = self.items.keys().copied().collect();
        (!waiting.is_empty()).then(|| waiting[which % waiting.len()])
    }
}

impl Net {
    fn new() -> Self {
        Self { desks: Role::ALL.map(Desk::new), item: 0 }
    }

    fn both(&mut self, role: Role) -> (&mut Desk, &mut Desk) {
        let [principal, contractor] = &mut self.desks;
        match role {
            Role::Principal => (principal, contractor),
            Role::Contractor => (contractor, principal),
        }
    }

    fn act(&mut self, role: Role, act: Act) {
        match act {
            Act::Say { kind, fields, send } => self.say(role, kind, fields, send),
            Act::Number { which } => {
                let (desk, _) = self.both(role);
                if let Some(local) = desk.waiting(which) {
                    desk.number(local);
                }
            }
            Act::Drop { which } => {
                let (desk, _) = self.both(role);
                if let Some(local) = desk.waiting(which) {
                    desk.drop_waiting(local);
                }
            }
            Act::Other => {
                let (desk, _) = self.both(role);
                if desk.cursor >= desk.need {
                    desk.sent.push(Sent { item: 0, seen: desk.cursor, event: None });
                }
            }
            Act::Deliver { refuse } => {
                self.deliver(role, refuse);
            }
            Act::Receipt => {
                self.receipt(role);
            }
            Act::Backup => {
                let (desk, _) = self.both(role);
                let copy = Desk { backup: None, ..desk.clone() };
                desk.backup = Some(Box::new(copy));
            }
            Act::Restore => self.restore(role),
        }
    }

    fn say(&mut self, role: Role, kind: usize, fields: u8, send: bool) {
        self.item += 1;
        let item = self.item;
        let (desk, _) = self.both(role);
        let view = desk.case.view(desk.cursor);
        let allowed = desk.case.allowed(role);
        if allowed.is_empty() {
            return;
        }
        let kind = allowed[kind % allowed.len()];
        let version = match kind {
            EventKind::Accept => view.version,
            _ => view.proposals.last().map_or(0, |proposal| proposal.version),
        };
        let mut event = event(kind, version);
        if let Event::Update { version, binding: _ } = event {
            let binding =
                Fields::of(Field::ALL.into_iter().filter(|field| Fields::from(fields).contains(*field)));
            event = Event::Update { version, binding };
        }
        desk.local += 1;
        let local = desk.local;
        // What is allowed can still be refused, where it is about something that nobody here has seen.
        if let Ok(changes) = desk.case.accept(local, Said::from(event), desk.cursor) {
            desk.items.insert(local, item);
            desk.note(&changes);
            if send {
                desk.number(local);
            }
        }
    }

    fn deliver(&mut self, role: Role, refuse: bool) -> bool {
        let (desk, peer) = self.both(role);
        let Some(message) = peer.sent.get(desk.cursor as usize).cloned() else { return false };
        desk.cursor += 1;
        let seq = desk.cursor;
        let decided = desk.given.get(seq as usize - 1).map(|given| given.answer);
        let mut answer = decided.unwrap_or(if refuse { Answer::Refused } else { Answer::Applied });
        if let (Some(event), Answer::Applied) = (message.event, answer) {
            let taken = match decided {
                Some(_) => desk.case.take(seq, message.seen, event.into()),
                None => desk.case.receive(seq, message.seen, event.into()),
            };
            match taken {
                Ok(changes) => desk.note(&changes),
                Err(refusal) => {
                    assert!(decided.is_none() && refusal.outcome().is_some(), "{refusal:?}");
                    answer = Answer::Refused;
                }
            }
        }
        let changes = desk.case.settle(desk.cursor);
        desk.note(&changes);
        if decided.is_none() {
            let length = desk.length();
            desk.given.push(Given { answer, length });
        }
        true
    }

    fn receipt(&mut self, role: Role) -> bool {
        let (desk, peer) = self.both(role);
        // A desk that is being restored answers for what it has applied again.
        if desk.heard >= peer.cursor {
            return false;
        }
        desk.heard += 1;
        let given = peer.given[desk.heard as usize - 1];
        let length = given.length.min(peer.length());
        let changes = desk.case.answer(desk.heard, given.answer, length, desk.cursor);
        desk.note(&changes);
        true
    }

    /// The desk loses everything since its backup, and gets back what the peer holds of it (section 5.7).
    fn restore(&mut self, role: Role) {
        let (desk, peer) = self.both(role);
        if peer.cursor < peer.need || desk.cursor < desk.need || desk.backup.is_none() {
            return;
        }
        let lost = desk.clone();
        *desk = Desk { backup: lost.backup.clone(), ..(*lost.backup.unwrap()).clone() };
        desk.given = lost.given[..peer.heard.max(desk.cursor) as usize].to_vec();
        // A backup made during an earlier recovery holds messages that have seen more than it does.
        desk.need = desk.sent.iter().map(|message| message.seen).fold(peer.heard, u64::max);
        for seq in desk.length() + 1..=peer.cursor {
            let message = lost.sent[seq as usize - 1].clone();
            let struck = desk.items.iter().find(|(_, item)| **item == message.item).map(|(local, _)| *local);
            if let Some(local) = struck {
                desk.drop_waiting(local);
            }
            desk.need = desk.need.max(message.seen);
            desk.sent.push(message.clone());
            if let Some(event) = message.event {
                let changes = desk.case.recover(seq, message.seen, event.into(), desk.cursor).unwrap();
                desk.note(&changes);
            }
        }
        // Both say hello anew.
        let (length, other) = (desk.length(), peer.length());
        let changes = peer.case.shorten(length, peer.cursor);
        peer.note(&changes);
        let changes = desk.case.shorten(other, desk.cursor);
        desk.note(&changes);
    }

    fn quiet(&mut self) {
        while Role::ALL.into_iter().any(|role| self.deliver(role, false) || self.receipt(role)) {}
    }

    /// The order and fold as the specification puts it, from the messages and the outcomes alone.
    fn reference(&self) -> (Vec<Final>, Memory) {
        let [principal, contractor] = &self.desks;
        let mut memory = Memory::default();
        let mut told = Vec::new();
        let mut say = |author: Role, seq: usize, message: &Sent, given: Option<&Given>| {
            let answer = given.map(|given| given.answer);
            if let (Some(event), Some(Answer::Applied)) = (message.event, answer) {
                let fate = memory.apply(author, Place::Numbered(seq as u64), message.seen, &event);
                told.push((author, seq as u64, event, fate));
            }
        };
        let mut next = 0;
        for (index, message) in contractor.sent.iter().enumerate() {
            while next < message.seen as usize {
                say(Role::Principal, next + 1, &principal.sent[next], contractor.given.get(next));
                next += 1;
            }
            say(Role::Contractor, index + 1, message, principal.given.get(index));
        }
        for (index, message) in principal.sent.iter().enumerate().skip(next) {
            say(Role::Principal, index + 1, message, contractor.given.get(index));
        }
        (told, memory)
    }

    fn assert_agreed(&self) {
        let (told, memory) = self.reference();
        for desk in &self.desks {
            let settled: Vec<_> = desk.settled.iter().filter(|row| row.3 != Fate::Refused).copied().collect();
            assert_eq!(settled, told, "the timeline of the {}", desk.case.role());
            assert_eq!(desk.case.settled(), &memory);
            let waiting = desk.case.open().iter().all(|open| matches!(open.place, Place::Waiting(_)));
            assert!(waiting, "provisional after quiet: {:#?}", desk.case);
        }
    }

    /// What one side has settled, the other settles the same way or has not settled yet.
    fn assert_settled_alike(&self) {
        let [principal, contractor] = &self.desks;
        let effective =
            |desk: &'_ Desk| desk.settled.clone().into_iter().filter(|row| row.3 != Fate::Refused);
        for (ours, theirs) in effective(principal).zip(effective(contractor)) {
            assert_eq!(ours, theirs);
        }
    }
}

fn acts() -> impl Strategy<Value = (Role, Act)> {
    let role = prop_oneof![Just(Role::Principal), Just(Role::Contractor)];
    let act = prop_oneof![
        10 => (0_usize..40, 0_u8..16, prop::bool::weighted(0.8))
            .prop_map(|(kind, fields, send)| Act::Say { kind, fields, send }),
        2 => (0_usize..8).prop_map(|which| Act::Number { which }),
        1 => (0_usize..8).prop_map(|which| Act::Drop { which }),
        2 => Just(Act::Other),
        8 => prop::bool::weighted(0.1).prop_map(|refuse| Act::Deliver { refuse }),
        6 => Just(Act::Receipt),
        1 => Just(Act::Backup),
        1 => Just(Act::Restore),
    ];
    (role, act)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever two people do, and whatever gets lost and comes back, both desks tell the same story.
    #[test]
    fn both_sides_tell_the_same_story(history in prop::collection::vec(acts(), 1..160)) {
        let mut net = Net::new();
        net.act(Role::Principal, Act::Say { kind: 0, fields: 0, send: true });
        net.deliver(Role::Contractor, false);
        for (role, act) in history {
            net.act(role, act);
            net.assert_settled_alike();
        }
        net.quiet();
        net.assert_agreed();
    }
}
