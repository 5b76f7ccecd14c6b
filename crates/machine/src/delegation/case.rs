//! One delegation as one desk holds it: what is settled, what is open, and the operations on both
//! (proto-spec, sections 7.4, 7.5 and 7.8).

use serde::{Deserialize, Serialize};

use super::changes::{Before, Changes, fold};
use super::event::{Event, EventKind};
use super::fold::{Judgement, Memory, Why};
use super::open::{Answer, OpenEvent, Place};
use super::order::{self, seen_upto};
use super::refusal::Refusal;
use super::state::Role;
use super::table::{FOLD_RULES, may_say};
use super::view::{self, View};
use super::words::{Book, Said, Words};

/// How many events of one side may be open in one delegation.
pub const OPEN_MAX: usize = 64;
/// The version of an offer; updates count on from it.
const OFFER: u64 = 1;

/// One delegation, seen from one side. Stored as one small record.
///
/// `cursor` is everywhere the length of the peer's stream that this desk has applied, the message being
/// worked on included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    ours: Role,
    settled: Memory,
    /// Highest settled sequence number of the principal and of the contractor.
    heads: (u64, u64),
    /// Highest `seen` of a settled event of the contractor that was taken.
    seen: u64,
    /// Highest version among our numbered offer and updates, whatever became of them.
    version: u64,
    /// In order: the numbered ones by the order rule, then our waiting ones.
    open: Vec<OpenEvent>,
    words: Book,
    /// Own numbered events may be missing that stand before some of the peer's.
    #[serde(default)]
    gap: Option<Gap>,
}

/// Own numbered events that are missing, because a branch of a fork was left: until they are here, what the peer said
/// later than they were said does not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// The last own number before the gap.
    pub own: u64,
    /// `seen` of that message.
    pub seen: u64,
}

/// A waiting item that got its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// What the message has to say: an update has its final version.
    pub event: Event,
    /// What changed.
    pub changes: Changes,
}

/// Asking.
impl Case {
    /// A delegation of which nothing has been said. The principal goes on with [`Case::accept`] of its offer,
    /// the contractor with [`Case::receive`].
    pub fn new(ours: Role) -> Self {
        Self {
            ours,
            settled: Memory::default(),
            heads: (0, 0),
            seen: 0,
            version: 0,
            open: Vec::new(),
            words: Book::default(),
            gap: None,
        }
    }

    /// Which side this desk is.
    pub const fn role(&self) -> Role {
        self.ours
    }

    /// What is settled up to the last operation; equal on both sides after quiet, hence what a digest covers.
    pub const fn settled(&self) -> &Memory {
        &self.settled
    }

    /// The open events in their order.
    pub fn open(&self) -> &[OpenEvent] {
        &self.open
    }

    /// The own events that may be missing.
    pub const fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// The words of one side: its ticket id, status and label. Ours as we said them last.
    pub const fn words(&self, of: Role) -> &Words {
        self.words.visible(self.ours, of)
    }

    /// The words of one side that both have; ours as far as receipts cover them.
    pub const fn shared_words(&self, of: Role) -> &Words {
        self.words.standing(of)
    }

    /// Everything that a screen or a program shows of it.
    pub fn view(&self, cursor: u64) -> View {
        view::of(self, self.settled_prefix(cursor))
    }

    /// What `role` may say now, as far as this side knows.
    pub fn allowed(&self, role: Role) -> Vec<EventKind> {
        view::allowed(&self.visible(), role)
    }

    /// The version that the next own update will have if nothing else is numbered before it.
    pub fn next_version(&self) -> u64 {
        let updates = self.open.iter().filter(|open| open.is_waiting() && is_update(&open.event)).count();
        self.base() + u64::try_from(updates).unwrap_or(u64::MAX) + 1
    }

    /// The version after which own updates are counted: that of the offer, also while the offer itself waits.
    fn base(&self) -> u64 {
        self.version.max(OFFER)
    }

    /// The cursor at which [`Case::settle`] next has something to do, if the cursor alone is missing.
    pub fn settles_at(&self) -> Option<u64> {
        let first = self.open.first()?;
        match (first.answer, first.author) {
            (Answer::Unknown, Role::Principal | Role::Contractor) => None,
            (Answer::Applied | Answer::Refused, Role::Principal) => first.receipt_length,
            (Answer::Applied, Role::Contractor) => Some(first.seen.max(self.seen)),
            (Answer::Refused, Role::Contractor) => Some(self.seen),
        }
    }

    /// The local number of a waiting status with words alone which a newer status makes superfluous: the caller
    /// may drop that item instead of sending both.
    pub fn replaced_by(&self, event: &Event) -> Option<u64> {
        let last = self.open.last()?;
        match last.place {
            Place::Waiting(local) if is_words(&last.event) && is_words(event) => Some(local),
            Place::Waiting(_) | Place::Numbered(_) => None,
        }
    }

    /// Checks an own event without saying it. The version of an update does not matter.
    ///
    /// # Errors
    /// The refusal that [`Case::accept`] would give.
    pub fn check(&self, event: &Event, cursor: u64) -> Result<(), Refusal> {
        known_rules(event)?;
        self.check_room(self.ours, event)?;
        let event = stamped(*event, self.next_version());
        judge_own(&self.visible(), self.ours, cursor, &event)
    }

    /// Decides about a message of the peer without taking it in.
    ///
    /// # Errors
    /// A [`Refusal`] of what the peer's role may never say, of unknown fold rules, or of too much at once.
    pub fn check_peer(&self, event: &Event) -> Result<(), Refusal> {
        let peer = self.ours.other();
        if !may_say(peer, event.kind()) {
            return Err(Refusal::WrongRole { event: event.kind(), role: peer });
        }
        known_rules(event)?;
        self.check_room(peer, event)
    }
}

/// Saying and hearing. Each operation also folds what it settles.
impl Case {
    /// Takes an own event as an item that waits for its number. `local` ascends from call to call.
    ///
    /// # Errors
    /// A [`Refusal`] for the person, and nothing is changed.
    pub fn accept(&mut self, local: u64, said: Said, cursor: u64) -> Result<Changes, Refusal> {
        self.check(&said.event, cursor)?;
        let place = Place::Waiting(local);
        if self.open.iter().any(|open| open.is_waiting() && open.place >= place) {
            return Err(Refusal::OutOfOrder { number: local });
        }
        let before = self.before();
        let event = stamped(said.event, self.next_version());
        self.insert(unanswered(self.ours, place, cursor, event));
        if let Some(words) = said.words {
            self.words.say(place, words);
        }
        Ok(self.finish(before, cursor))
    }

    /// Gives a waiting item its number; `seen` is the `seen` of the message, the length of the peer's stream
    /// applied. Other waiting items, also earlier ones that are parked, do not count as said.
    ///
    /// # Errors
    /// A [`Refusal`] when what the peer said meanwhile has made it impossible: nothing is changed, and the
    /// caller drops the item and tells its author.
    pub fn number(&mut self, local: u64, seq: u64, seen: u64) -> Result<Numbered, Refusal> {
        let at = self.waiting(local)?;
        self.check_order(self.ours, seq)?;
        let item = self.open[at];
        let event = stamped(item.event, self.version + 1);
        judge_own(&self.numbered(), self.ours, item.seen, &event)?;
        let mut before = self.before();
        before.renumber(self.ours, local, seq);
        self.gap = None;
        self.open.remove(at);
        self.insert_own(unanswered(self.ours, Place::Numbered(seq), seen, event));
        self.words.number(local, seq);
        Ok(Numbered { event, changes: self.finish(before, seen) })
    }

    /// Whether an own event that is still to come back, with this `seen`, stands before what is settled already: the
    /// contractor took more of the principal's before it knew that it had lost something. Then the case has to be
    /// folded anew with it, see [`Case::refold`].
    #[must_use]
    pub fn is_settled_beyond(&self, seen: u64) -> bool {
        self.ours == Role::Contractor && self.heads.0 > self.seen.max(seen)
    }

    /// Whether the words of our event with this number, which no receipt covers, are kept.
    #[must_use]
    pub fn has_words(&self, seq: u64) -> bool {
        self.words.has(Place::Numbered(seq))
    }

    /// Says the words of our numbered event again, where they were forgotten while too many waited.
    pub fn say_again(&mut self, seq: u64, words: Words) {
        if !self.has_words(seq) {
            self.words.say(Place::Numbered(seq), words);
        }
    }

    /// Forgets a waiting item.
    ///
    /// # Errors
    /// [`Refusal::OutOfOrder`] when there is none with this local number.
    pub fn drop_waiting(&mut self, local: u64, cursor: u64) -> Result<Changes, Refusal> {
        let at = self.waiting(local)?;
        let before = self.before();
        self.open.remove(at);
        self.stamp_waiting();
        self.words.drop_waiting(local);
        Ok(self.finish(before, cursor))
    }

    /// Gives a waiting item another local number. The caller moves all that wait, in their order, behind all others.
    pub fn move_waiting(&mut self, from: u64, to: u64) {
        for open in self.open.iter_mut().filter(|open| open.place == Place::Waiting(from)) {
            open.place = Place::Waiting(to);
        }
        self.words.move_waiting(from, to);
    }

    /// Takes in an own numbered event which a restored backup did not hold and the peer handed back.
    /// It was said, so it is not judged; its receipt comes with [`Case::answer`].
    ///
    /// # Errors
    /// [`Refusal::OutOfOrder`] when the number does not fit what is settled.
    pub fn recover(&mut self, seq: u64, seen: u64, said: Said, cursor: u64) -> Result<Changes, Refusal> {
        self.check_order(self.ours, seq)?;
        let before = self.before();
        let place = Place::Numbered(seq);
        self.insert_own(unanswered(self.ours, place, seen, said.event));
        if let Some(words) = said.words {
            self.words.say(place, words);
        }
        Ok(self.finish(before, cursor))
    }

    /// Decides about a message of the peer and takes it in. What comes back as an error is the message's outcome
    /// (see [`Refusal::outcome`]): it is consumed without effect. An event that is merely superseded is applied.
    ///
    /// # Errors
    /// As [`Case::check_peer`].
    pub fn receive(&mut self, seq: u64, seen: u64, said: Said) -> Result<Changes, Refusal> {
        self.check_peer(&said.event)?;
        self.take(seq, seen, said)
    }

    /// Takes in a message of the peer that was decided to be applied: from the journal, or from an own receipt
    /// which came back after a restore.
    ///
    /// # Errors
    /// [`Refusal::OutOfOrder`] when the number does not fit what is settled.
    pub fn take(&mut self, seq: u64, seen: u64, said: Said) -> Result<Changes, Refusal> {
        let peer = self.ours.other();
        self.check_order(peer, seq)?;
        let before = self.before();
        let mut open = unanswered(peer, Place::Numbered(seq), seen, said.event);
        open.answer = Answer::Applied;
        self.insert(open);
        if let Some(words) = said.words {
            self.words.stand(peer, words);
        }
        Ok(self.finish(before, seq))
    }

    /// Takes in what a receipt says about our message `seq`. `receipt_length` is the length of the peer's own
    /// stream that this receipt names. The first answer stands; one for a settled event changes nothing.
    pub fn answer(&mut self, seq: u64, answer: Answer, receipt_length: u64, cursor: u64) -> Changes {
        let before = self.before();
        let (ours, place) = (self.ours, Place::Numbered(seq));
        let open = self.open.iter_mut().find(|open| open.author == ours && open.place == place);
        if let Some(open) = open
            && open.answer == Answer::Unknown
        {
            open.answer = answer;
            open.receipt_length = Some(receipt_length);
            self.words.answered(ours, seq, answer);
            order::arrange(&mut self.open, self.seen);
        }
        self.finish(before, cursor)
    }

    /// The peer's new hello names `length` for its own stream, less than an earlier receipt did: it was restored,
    /// and what it had numbered but not sent will never come.
    pub fn shorten(&mut self, length: u64, cursor: u64) -> Changes {
        let before = self.before();
        for open in &mut self.open {
            open.receipt_length = open.receipt_length.map(|named| named.min(length));
        }
        self.finish(before, cursor)
    }

    /// Folds what the cursor has settled by its mere moving on.
    pub fn settle(&mut self, cursor: u64) -> Changes {
        let before = self.before();
        self.finish(before, cursor)
    }

    /// All own events up to the newest number are here. The next operation settles what had to wait for them.
    pub const fn close_gap(&mut self) {
        self.gap = None;
    }

    /// The same case with another past: `events` are all its numbered events that have effect, in any order, each with
    /// its words, and own events whose number was given up, which wait again. For when some of them were disowned or
    /// set aside by a repair. What waits stays. The changes tell the fate of every event. With `gap`, or where there is
    /// one already, own events are still to come back.
    #[must_use]
    pub fn refold(
        &self,
        events: Vec<(OpenEvent, Option<Words>)>,
        cursor: u64,
        gap: Option<Gap>,
    ) -> (Self, Changes) {
        let mut case = Self::new(self.ours);
        case.gap = gap.or(self.gap);
        let mut events = events;
        events.sort_by_key(|(open, _)| open.place);
        case.words.keep_waiting(&self.words);
        for (open, words) in events {
            if open.is_waiting() {
                case.insert(open);
            } else {
                case.insert_own(open);
            }
            if let Some(words) = words {
                case.words.replay(case.ours, &open, words);
            }
        }
        for open in self.open.iter().filter(|open| open.is_waiting()) {
            case.insert(*open);
        }
        case.stamp_waiting();
        let mut changes = case.finish(Before::of(&Memory::default(), &[]), cursor);
        (changes.from, changes.settled_from) = (self.visible().state, self.settled.state);
        (case, changes)
    }
}

/// The order, and what is settled in it.
impl Case {
    /// How many of the open events have a place and an answer that nothing can change.
    fn settled_prefix(&self, cursor: u64) -> usize {
        let last_seen =
            self.open.iter().filter(|open| open.author == Role::Contractor).map(|open| open.seen).max();
        let mut seen = self.seen;
        let mut fixed = |(at, open): (usize, &OpenEvent)| {
            seen = seen_upto(seen, open);
            self.is_fixed(open, cursor, (seen, last_seen.unwrap_or(0)))
                && !(self.ours == Role::Contractor && order::may_fall_behind(&self.open[at..], self.seen))
        };
        let loose = self.open.iter().enumerate().position(|open| !fixed(open));
        loose.unwrap_or(self.open.len())
    }

    /// `seen` is what the contractor had seen up to this event, `last_seen` the most that any open one of it has.
    fn is_fixed(&self, open: &OpenEvent, cursor: u64, (seen, last_seen): (u64, u64)) -> bool {
        let Place::Numbered(seq) = open.place else { return false };
        if open.answer == Answer::Unknown {
            return false;
        }
        match (self.ours, open.author) {
            // Nothing can come before it once the contractor's stream is here up to its receipt.
            (Role::Principal, Role::Principal) => {
                seq <= last_seen || open.receipt_length.is_some_and(|length| length <= cursor)
            }
            // After a restore our own events may be here before those they have seen.
            (Role::Contractor, Role::Contractor) => seen <= cursor,
            // An own event that is missing may stand before it.
            (Role::Principal, Role::Contractor) => self.gap.is_none_or(|gap| seen <= gap.own),
            (Role::Contractor, Role::Principal) => self.gap.is_none_or(|gap| seq <= gap.seen),
        }
    }

    fn before(&self) -> Before {
        Before::of(&self.settled, &self.open)
    }

    fn finish(&mut self, before: Before, cursor: u64) -> Changes {
        let prefix = self.settled_prefix(cursor);
        let (changes, settled) = before.compare(&self.settled, &self.open, prefix);
        for open in self.open.drain(..prefix) {
            let Place::Numbered(seq) = open.place else { continue };
            match open.author {
                Role::Principal => self.heads.0 = seq,
                Role::Contractor => {
                    self.heads.1 = seq;
                    self.seen = seen_upto(self.seen, &open);
                }
            }
        }
        self.settled = settled;
        changes
    }

    fn visible(&self) -> Memory {
        fold(self.settled.clone(), &self.open)
    }

    fn numbered(&self) -> Memory {
        let end = self.open.iter().position(OpenEvent::is_waiting).unwrap_or(self.open.len());
        fold(self.settled.clone(), &self.open[..end])
    }

    fn waiting(&self, local: u64) -> Result<usize, Refusal> {
        let at = self.open.iter().position(|open| open.place == Place::Waiting(local));
        at.ok_or(Refusal::OutOfOrder { number: local })
    }

    fn insert(&mut self, open: OpenEvent) {
        let at = self.open.iter().position(|other| open.stands_before(other)).unwrap_or(self.open.len());
        self.open.insert(at, open);
        order::arrange(&mut self.open, self.seen);
    }

    /// Inserts a numbered event, and counts versions if it is an own one.
    fn insert_own(&mut self, open: OpenEvent) {
        if open.author == self.ours {
            let version = match open.event {
                Event::Offer { rules: _ } => OFFER,
                Event::Update { version, binding: _ } => version,
                Event::Accept { version: _ } | Event::ChangeTake { version: _ } => 0,
                Event::ChangeDecline { version: _ } | Event::Answer { needed: _ } | Event::Ask => 0,
                Event::Decline | Event::Return | Event::Recall | Event::Status { to: _ } => 0,
                Event::Resolve | Event::Confirm | Event::Reopen | Event::Rate | Event::LinkClose => 0,
            };
            self.version = self.version.max(version);
        }
        self.insert(open);
        self.stamp_waiting();
    }

    /// Waiting updates have the versions that they will have if they are numbered in their order.
    fn stamp_waiting(&mut self) {
        let mut version = self.base();
        for open in self.open.iter_mut().filter(|open| open.is_waiting() && is_update(&open.event)) {
            version += 1;
            open.event = stamped(open.event, version);
        }
    }

    /// The end of a link is said once, and always has room.
    fn check_room(&self, author: Role, event: &Event) -> Result<(), Refusal> {
        let full = self.open.iter().filter(|open| open.author == author).count() >= OPEN_MAX;
        if full && event.kind() != EventKind::LinkClose {
            return Err(Refusal::TooManyUnanswered { limit: OPEN_MAX });
        }
        Ok(())
    }

    /// A number must be new and lie behind all that is settled; the stream's own checks make sure of it.
    fn check_order(&self, author: Role, seq: u64) -> Result<(), Refusal> {
        let place = Place::Numbered(seq);
        let taken = self.open.iter().any(|open| open.author == author && open.place == place);
        let behind = match author {
            Role::Principal => seq <= self.heads.0 || seq <= self.seen,
            Role::Contractor => seq <= self.heads.1,
        };
        if taken || behind { Err(Refusal::OutOfOrder { number: seq }) } else { Ok(()) }
    }
}

const fn unanswered(author: Role, place: Place, seen: u64, event: Event) -> OpenEvent {
    OpenEvent { author, place, seen, event, answer: Answer::Unknown, receipt_length: None }
}

fn is_update(event: &Event) -> bool {
    event.kind() == EventKind::Update
}

fn is_words(event: &Event) -> bool {
    event.kind() == EventKind::Status
}

fn stamped(event: Event, next: u64) -> Event {
    if let Event::Update { version: _, binding } = event {
        return Event::Update { version: next, binding };
    }
    event
}

fn known_rules(event: &Event) -> Result<(), Refusal> {
    if let Event::Offer { rules } = *event
        && rules != FOLD_RULES
    {
        return Err(Refusal::UnknownRules { rules });
    }
    Ok(())
}

fn judge_own(memory: &Memory, ours: Role, seen: u64, event: &Event) -> Result<(), Refusal> {
    let kind = event.kind();
    let why = match memory.judge(ours, seen, event) {
        Judgement::Next(_) | Judgement::Keep => return Ok(()),
        Judgement::Forbidden => return Err(Refusal::WrongRole { event: kind, role: ours }),
        Judgement::Superseded(why) => why,
    };
    Err(match why {
        Why::State => {
            Refusal::NotAllowed { event: kind, state: memory.state, allowed: view::allowed(memory, ours) }
        }
        Why::OfferChanged => Refusal::OfferChanged,
        Why::Overtaken => Refusal::Overtaken { event: kind },
        Why::NoQuestion => Refusal::NoQuestion,
        Why::NoProposal(version) => Refusal::NoProposal { version },
        Why::OldVersion(number) => Refusal::OutOfOrder { number },
    })
}
