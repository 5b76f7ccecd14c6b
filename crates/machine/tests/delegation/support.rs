//! Two desks with a first-in-first-out wire in each direction: messages one way, their receipts the other.

use std::collections::VecDeque;
use std::hash::Hash;

use deskwire_machine::delegation::{
    Answer, Case, Changes, Event, Fate, Memory, Place, Refusal, Role, Said, View,
};

/// A message on the wire; without an event it is one of another delegation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    pub(crate) seen: u64,
    pub(crate) event: Option<Event>,
}

/// What a receipt says of one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Receipt {
    pub(crate) seq: u64,
    pub(crate) answer: Answer,
    pub(crate) length: u64,
}

/// An event with its final fate, in the order of the delegation.
pub(crate) type Final = (Role, u64, Event, Fate);

/// One desk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Side {
    pub(crate) case: Case,
    /// Length of its own stream.
    pub(crate) length: u64,
    /// Length of the other stream as applied here.
    pub(crate) cursor: u64,
    /// Local numbers given.
    pub(crate) local: u64,
    /// Settled events that the other side has not settled yet.
    pub(crate) ahead: VecDeque<Final>,
}

/// Both desks and what is between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) principal: Side,
    pub(crate) contractor: Side,
    /// Messages on their way to the principal, to the contractor.
    to_principal: VecDeque<Message>,
    to_contractor: VecDeque<Message>,
    /// Receipts on their way to the principal, to the contractor.
    receipts_to_principal: VecDeque<Receipt>,
    receipts_to_contractor: VecDeque<Receipt>,
}

impl Side {
    fn new(role: Role) -> Self {
        Self { case: Case::new(role), length: 0, cursor: 0, local: 0, ahead: VecDeque::new() }
    }

    pub(crate) fn view(&self) -> View {
        self.case.view(self.cursor)
    }

    /// Accepts an event without numbering it.
    pub(crate) fn accept(&mut self, event: Event) -> Result<u64, Refusal> {
        self.local += 1;
        let changes = self.case.accept(self.local, Said::from(event), self.cursor)?;
        self.record(&changes);
        Ok(self.local)
    }

    fn number(&mut self, local: u64) -> Result<Message, Refusal> {
        let numbered = self.case.number(local, self.length + 1, self.cursor)?;
        self.length += 1;
        self.record(&numbered.changes);
        Ok(Message { seq: self.length, seen: self.cursor, event: Some(numbered.event) })
    }

    fn record(&mut self, changes: &Changes) {
        // The receiver keeps no place for what it refused.
        for change in changes.events.iter().filter(|change| change.settled && change.fate != Fate::Refused) {
            let Place::Numbered(seq) = change.place else { panic!("a waiting item settled: {change:?}") };
            self.ahead.push_back((change.author, seq, change.event, change.fate));
        }
    }
}

impl World {
    /// Nothing said yet.
    pub(crate) fn new() -> Self {
        Self {
            principal: Side::new(Role::Principal),
            contractor: Side::new(Role::Contractor),
            to_principal: VecDeque::new(),
            to_contractor: VecDeque::new(),
            receipts_to_principal: VecDeque::new(),
            receipts_to_contractor: VecDeque::new(),
        }
    }

    /// Said, delivered and answered, one after the other.
    pub(crate) fn after(history: &[(Role, Event)]) -> Self {
        let mut world = Self::new();
        for (role, event) in history {
            world.say(*role, *event).unwrap();
            world.quiet();
        }
        world
    }

    pub(crate) fn side(&self, role: Role) -> &Side {
        match role {
            Role::Principal => &self.principal,
            Role::Contractor => &self.contractor,
        }
    }

    pub(crate) fn side_mut(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Principal => &mut self.principal,
            Role::Contractor => &mut self.contractor,
        }
    }

    fn wire_to(&mut self, role: Role) -> &mut VecDeque<Message> {
        match role {
            Role::Principal => &mut self.to_principal,
            Role::Contractor => &mut self.to_contractor,
        }
    }

    fn receipts_to(&mut self, role: Role) -> &mut VecDeque<Receipt> {
        match role {
            Role::Principal => &mut self.receipts_to_principal,
            Role::Contractor => &mut self.receipts_to_contractor,
        }
    }

    /// Accepts, numbers and sends.
    pub(crate) fn say(&mut self, role: Role, event: Event) -> Result<(), Refusal> {
        let local = self.side_mut(role).accept(event)?;
        self.send(role, local)
    }

    /// Numbers a waiting item and sends it; one that has become impossible is dropped.
    pub(crate) fn send(&mut self, role: Role, local: u64) -> Result<(), Refusal> {
        let side = self.side_mut(role);
        match side.number(local) {
            Ok(message) => {
                self.wire_to(role.other()).push_back(message);
                self.compare();
                Ok(())
            }
            Err(refusal) => {
                let changes = side.case.drop_waiting(local, side.cursor).unwrap();
                side.record(&changes);
                Err(refusal)
            }
        }
    }

    /// A message of another delegation.
    pub(crate) fn send_other(&mut self, role: Role) {
        let side = self.side_mut(role);
        side.length += 1;
        let message = Message { seq: side.length, seen: side.cursor, event: None };
        self.wire_to(role.other()).push_back(message);
    }

    /// The next message arrives at `role`, which refuses it when `refuse` is set. False when there is none.
    pub(crate) fn deliver(&mut self, role: Role, refuse: bool) -> bool {
        self.deliver_as(role, refuse, None)
    }

    /// The same, read as if it had seen so much.
    pub(crate) fn deliver_as(&mut self, role: Role, refuse: bool, seen: Option<u64>) -> bool {
        let Some(mut message) = self.wire_to(role).pop_front() else { return false };
        message.seen = seen.unwrap_or(message.seen);
        let side = self.side_mut(role);
        side.cursor = message.seq;
        let mut answer = if refuse { Answer::Refused } else { Answer::Applied };
        if let Some(event) = message.event
            && !refuse
        {
            match side.case.receive(message.seq, message.seen, Said::from(event)) {
                Ok(changes) => side.record(&changes),
                Err(refusal) => {
                    assert!(refusal.outcome().is_some(), "no outcome for {refusal:?}");
                    answer = Answer::Refused;
                }
            }
        }
        // A refused or foreign message moves the cursor as well.
        let changes = side.case.settle(side.cursor);
        side.record(&changes);
        let length = side.length;
        self.receipts_to(role.other()).push_back(Receipt { seq: message.seq, answer, length });
        self.compare();
        true
    }

    /// The next receipt arrives at `role`. False when there is none.
    pub(crate) fn deliver_receipt(&mut self, role: Role) -> bool {
        let Some(receipt) = self.receipts_to(role).pop_front() else { return false };
        let side = self.side_mut(role);
        let changes = side.case.answer(receipt.seq, receipt.answer, receipt.length, side.cursor);
        side.record(&changes);
        self.compare();
        true
    }

    /// Everything on the wires arrives, and both sides must be of one mind.
    pub(crate) fn quiet(&mut self) {
        while Role::ALL.into_iter().any(|role| self.deliver(role, false) || self.deliver_receipt(role)) {}
        self.assert_agreed();
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.to_principal.is_empty()
            && self.to_contractor.is_empty()
            && self.receipts_to_principal.is_empty()
            && self.receipts_to_contractor.is_empty()
    }

    /// What both sides have settled must be the same, in the same order.
    fn compare(&mut self) {
        let both = self.principal.ahead.len().min(self.contractor.ahead.len());
        for _ in 0..both {
            assert_eq!(self.principal.ahead.pop_front(), self.contractor.ahead.pop_front());
        }
    }

    /// What is open or on its way, with numbers counted back from the ends of both streams: all that matters for what comes,
    /// where events are nothing but their place.
    pub(crate) fn relative(&self) -> impl Hash + use<> {
        let lengths = [self.principal.length, self.contractor.length];
        let back = |role: Role, number: u64| lengths[role as usize].wrapping_sub(number);
        let side = |side: &Side| {
            let ours = side.case.role();
            let open = side.case.open().iter().map(|open| {
                let Place::Numbered(seq) = open.place else { panic!("all is numbered when it is said") };
                let seen = back(open.author.other(), open.seen);
                let told = open.receipt_length.map(|length| back(open.author.other(), length));
                (open.author, back(open.author, seq), seen, open.answer, told)
            });
            let ahead = side.ahead.iter().map(|(author, seq, ..)| (*author, back(*author, *seq)));
            (open.collect::<Vec<_>>(), back(ours.other(), side.cursor), ahead.collect::<Vec<_>>())
        };
        let messages = |wire: &VecDeque<Message>, from: Role| {
            let one = |message: &Message| (back(from, message.seq), back(from.other(), message.seen));
            wire.iter().map(one).collect::<Vec<_>>()
        };
        let receipts = |wire: &VecDeque<Receipt>, to: Role| {
            let one =
                |receipt: &Receipt| (back(to, receipt.seq), receipt.answer, back(to.other(), receipt.length));
            wire.iter().map(one).collect::<Vec<_>>()
        };
        (
            [side(&self.principal), side(&self.contractor)],
            messages(&self.to_principal, Role::Contractor),
            messages(&self.to_contractor, Role::Principal),
            receipts(&self.receipts_to_principal, Role::Principal),
            receipts(&self.receipts_to_contractor, Role::Contractor),
        )
    }

    /// After quiet: nothing provisional but what has not been sent, and the same settled case on both sides.
    pub(crate) fn assert_agreed(&self) {
        assert!(self.principal.ahead.is_empty() && self.contractor.ahead.is_empty(), "{self:#?}");
        let (ours, theirs): (&Memory, &Memory) =
            (self.principal.case.settled(), self.contractor.case.settled());
        assert_eq!(ours, theirs);
        for side in [&self.principal, &self.contractor] {
            let waiting = side.case.open().iter().all(|open| matches!(open.place, Place::Waiting(_)));
            assert!(waiting, "still open after quiet: {side:#?}");
        }
    }
}
