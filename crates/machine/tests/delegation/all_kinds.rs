//! Five events a side with all kinds at once, in three parts that hold together.
//!
//! Played out with all nineteen kinds, two times five events that cross have some thousand million worlds. But a world is
//! no more than an **order** of events, the same for all kinds, and a **fold** of it, the same for both sides:
//!
//! 1. [`every_order_of_five_a_side`]: every interleaving of five events a side, with events that are nothing but their
//!    place (and of fewer, with receipts in every order, and any of them refused). Both sides settle the same events in the
//!    same order, nothing stays open, and nothing settles twice or moves once it has settled.
//! 2. [`the_order_knows_no_kinds`]: whatever is said with all kinds has, on each side and after each step, the same open
//!    events in the same order with the same answers as the same play with events that are nothing but their place.
//! 3. [`every_fold_of_all_kinds`]: what is appended to the contractor's order is what either side sees: at the contractor an
//!    event that arrives or is said stands last (section 7.4), and what the principal sees is the contractor's order as far
//!    as it has come, with the principal's own events behind. So every memory that any side can have is the fold of events
//!    that were appended one by one, each with whatever it has seen. All of them are visited, with all kinds, however many
//!    events it takes: each has a next step or is over, and everybody knows whose turn it is.
//!
//! Each part finds a mistake that is made for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};

use deskwire_machine::delegation::{
    Answer, Case, Event, EventKind, Field, Fields, Memory, Outcome, Place, Proposal, Question, Role, State,
    Turn, may_say, transition,
};

use crate::explore::{event, sayable};
use crate::support::World;

const TOKEN: Event = Event::Status { to: None };
const SIDE: u8 = 5;

/// One world, and what each side may still say in it.
#[derive(Clone)]
struct Node {
    world: World,
    left: [u8; 2],
}

fn offered() -> World {
    World::after(&[(Role::Principal, Event::Offer { rules: 1 })])
}

/// How orders are played.
#[derive(Clone, Copy)]
struct Play {
    /// How many events each side says.
    events: u8,
    /// Each of them may be refused.
    refused: bool,
    /// Receipts arrive in every order relative to messages; otherwise at once.
    receipts_apart: bool,
    /// What the principal reads every message as having seen: a mistake that has to be found.
    lie: Option<u64>,
}

/// Plays all orders, and tells how many different worlds there were. Worlds that differ in how much was settled before are
/// one; it is played on where most may still be said.
fn orders(play: Play) -> usize {
    let hasher = RandomState::new();
    let mut known: HashMap<u64, Vec<[u8; 2]>> = HashMap::new();
    let mut levels = vec![Vec::new(); 2 * usize::from(play.events) + 1];
    levels[0].push(Node { world: offered(), left: [play.events; 2] });
    for level in 0..levels.len() {
        while let Some(node) = levels[level].pop() {
            for next in steps(&node, play) {
                let left = known.entry(hasher.hash_one(next.world.relative())).or_default();
                if left.iter().any(|known| known[0] >= next.left[0] && known[1] >= next.left[1]) {
                    continue;
                }
                left.push(next.left);
                if next.world.is_quiet() {
                    next.world.assert_agreed();
                }
                let said = 2 * play.events - next.left[0] - next.left[1];
                levels[usize::from(said)].push(next);
            }
        }
    }
    known.len()
}

fn steps(node: &Node, play: Play) -> Vec<Node> {
    let mut next = Vec::new();
    for role in Role::ALL {
        if node.left[role as usize] > 0 {
            let mut said = node.clone();
            said.world.say(role, TOKEN).unwrap();
            said.left[role as usize] -= 1;
            next.push(said);
        }
        let lie = play.lie.filter(|_| role == Role::Principal);
        for refuse in [false, true].into_iter().take(if play.refused { 2 } else { 1 }) {
            let mut arrived = node.clone();
            if arrived.world.deliver_as(role, refuse, lie) {
                if !play.receipts_apart {
                    arrived.world.deliver_receipt(role.other());
                }
                next.push(arrived);
            }
        }
        let mut answered = node.clone();
        if play.receipts_apart && answered.world.deliver_receipt(role) {
            next.push(answered);
        }
    }
    next
}

const PLAY: Play = Play { events: SIDE, refused: false, receipts_apart: false, lie: None };

/// Two desks that settle the same words in another order tell their people two different stories.
#[test]
fn every_order_of_five_a_side() {
    let worlds = orders(PLAY);
    assert!(worlds > 1_000, "{worlds}");
}

/// The same where receipts come late, or before what they speak of has arrived; and where any of them tells of a refusal.
#[test]
fn every_order_of_receipts_and_refusals() {
    let worlds = orders(Play { events: 3, receipts_apart: true, ..PLAY });
    assert!(worlds > 1_000, "{worlds}");
    let worlds = orders(Play { events: 2, receipts_apart: true, refused: true, ..PLAY });
    assert!(worlds > 1_000, "{worlds}");
}

/// A side that takes a message as if it had seen one more, or nothing, is found.
#[test]
fn a_side_that_orders_otherwise_is_found() {
    for seen in [0, u64::MAX] {
        let play = Play { events: 2, receipts_apart: true, lie: Some(seen), ..PLAY };
        let found = catch_unwind(AssertUnwindSafe(|| orders(play)));
        assert!(found.is_err(), "nobody noticed that every message has seen {seen}");
    }
}

/// What is open on a side, but for what it says.
fn places(world: &World, role: Role) -> Vec<(Role, Place, u64, Answer, Option<u64>)> {
    let open = world.side(role).case.open().iter();
    open.map(|open| (open.author, open.place, open.seen, open.answer, open.receipt_length)).collect()
}

/// Plays all kinds beside events that are nothing but their place, and compares.
fn beside(events: u8, mistaken: bool) -> usize {
    let hasher = RandomState::new();
    let mut known = HashSet::new();
    let mut open = vec![(offered(), offered(), [events; 2])];
    while let Some((world, shadow, left)) = open.pop() {
        for role in Role::ALL {
            let index = role as usize;
            let said = if left[index] > 0 { sayable(&world, role, &EventKind::ALL) } else { Vec::new() };
            let mut next = Vec::new();
            for event in said {
                let (mut world, mut shadow, mut left) = (world.clone(), shadow.clone(), left);
                world.say(role, event).unwrap();
                if !(mistaken && event.kind() == EventKind::Recall) {
                    shadow.say(role, TOKEN).unwrap();
                }
                left[index] -= 1;
                next.push((world, shadow, left));
            }
            let (mut one, mut other) = (world.clone(), shadow.clone());
            if one.deliver(role, false) {
                other.deliver(role, false);
                next.push((one, other, left));
            }
            let (mut one, mut other) = (world.clone(), shadow.clone());
            if one.deliver_receipt(role) {
                other.deliver_receipt(role);
                next.push((one, other, left));
            }
            for (world, shadow, left) in next {
                for role in Role::ALL {
                    assert_eq!(places(&world, role), places(&shadow, role));
                }
                if known.insert(hasher.hash_one((&world, left))) {
                    open.push((world, shadow, left));
                }
            }
        }
    }
    known.len()
}

/// If what a word says moved its place, the orders above would not be those of the words that people say.
#[test]
fn the_order_knows_no_kinds() {
    let worlds = beside(2, false);
    assert!(worlds > 5_000, "{worlds}");
}

#[test]
fn an_order_that_knows_kinds_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| beside(1, true)));
    assert!(found.is_err(), "nobody noticed that a recall has no place");
}

/// Both fields that changes of an offer may have here, one by one and together: the others are like these.
const BINDINGS: [&[Field]; 4] = [&[], &[Field::Price], &[Field::Deadline], &[Field::Price, Field::Deadline]];

/// A memory as it decides about what comes: places and versions by their order alone, and no fields that are alike.
fn plain(memory: &Memory) -> Memory {
    let mut memory = memory.clone();
    memory.disputed.clear();
    let versions = [memory.version, memory.versions.deadline, memory.versions.price];
    let versions: BTreeSet<u64> =
        versions.into_iter().chain(memory.proposals.iter().map(|p| p.version)).collect();
    let rank = |version: u64| 1 + versions.iter().position(|known| *known == version).unwrap() as u64;
    memory.version = rank(memory.version);
    memory.versions.deadline = rank(memory.versions.deadline);
    memory.versions.price = rank(memory.versions.price);
    memory.versions.priority = 0;
    memory.versions.scope = 0;
    for Proposal { version, .. } in &mut memory.proposals {
        *version = rank(*version);
    }
    let seq = |place: Place| if let Place::Numbered(seq) = place { seq } else { 0 };
    let question = memory.question.iter().flat_map(|question| [seq(question.first), seq(question.last)]);
    let places: BTreeSet<u64> = question.chain(memory.resolution.map(seq)).collect();
    let order: BTreeMap<u64, u64> = places.into_iter().zip(1..).collect();
    let placed = |place: Place| Place::Numbered(order[&seq(place)]);
    memory.question = memory.question.map(|q| Question { first: placed(q.first), last: placed(q.last) });
    memory.resolution = memory.resolution.map(placed);
    memory
}

/// Everything that may be appended: all kinds, of whoever may say them, with every version and every place that matters.
fn appendable(memory: &Memory) -> Vec<(Role, u64, Event)> {
    let newest = memory.version;
    let mut all = Vec::new();
    for (role, kind) in Role::ALL.into_iter().flat_map(|role| EventKind::ALL.map(|kind| (role, kind))) {
        if !may_say(role, kind) {
            continue;
        }
        let events: Vec<Event> = match kind {
            EventKind::Update => {
                let binding = |fields: &&[Field]| Fields::of(fields.iter().copied());
                BINDINGS
                    .iter()
                    .map(|fields| Event::Update { version: newest + 1, binding: binding(fields) })
                    .collect()
            }
            EventKind::Accept | EventKind::ChangeTake | EventKind::ChangeDecline => {
                (0..=newest + 1).map(|version| event(kind, version)).collect()
            }
            _ => vec![event(kind, newest)],
        };
        all.extend(events.into_iter().flat_map(|event| (0..=4).map(move |seen| (role, seen, event))));
    }
    all
}

/// What is true of every memory.
fn sound(memory: &Memory, allowed: &dyn Fn(&Memory, EventKind, Role) -> bool) -> Result<(), String> {
    let state = memory.state;
    if (state.turn() == Turn::Nobody) != state.is_terminal() {
        return Err(format!("nobody knows whose turn it is in {state}"));
    }
    let somebody = Role::ALL.into_iter().any(|role| {
        EventKind::ALL.into_iter().any(|kind| kind != EventKind::Status && allowed(memory, kind, role))
    });
    if !somebody && !state.is_terminal() {
        return Err(format!("stuck in {state}"));
    }
    if state == State::WAITING_PRINCIPAL && memory.question.is_none() {
        return Err("it waits for an answer, and there is no question".to_owned());
    }
    if state == State::Resolved && memory.resolution.is_none() {
        return Err("it is resolved by nothing".to_owned());
    }
    if state.is_terminal() && !memory.proposals.is_empty() {
        return Err("a change is proposed to what is over".to_owned());
    }
    Ok(())
}

fn moves(memory: &Memory, kind: EventKind, role: Role) -> bool {
    match transition(memory.state, kind, role) {
        Outcome::Next(_) => kind != EventKind::LinkClose,
        Outcome::Keep => kind == EventKind::Update,
        Outcome::Superseded | Outcome::Forbidden => false,
    }
}

/// Visits every memory that events can lead to, appended one by one. How many there are.
fn folds(allowed: &dyn Fn(&Memory, EventKind, Role) -> bool) -> Result<usize, String> {
    let first = plain(&Memory::default());
    let mut known = HashMap::from([(first.clone(), 0_u8)]);
    let mut open = vec![first];
    while let Some(memory) = open.pop() {
        for (author, seen, event) in appendable(&memory) {
            let mut next = memory.clone();
            // Behind all places that a memory names.
            next.apply(author, Place::Numbered(4), seen, &event);
            let next = plain(&next);
            if known.insert(next.clone(), 0).is_none() {
                sound(&next, allowed)?;
                open.push(next);
            }
        }
    }
    Ok(known.len())
}

/// A case that nobody can bring on, or of which nobody knows whose turn it is, lies until somebody telephones.
#[test]
fn every_fold_of_all_kinds() {
    let memories = folds(&moves).unwrap();
    assert!(memories > 100, "{memories}");
}

/// The same with a table without the way out of a waiting: it is found.
#[test]
fn a_table_without_a_way_out_is_found() {
    let without = |memory: &Memory, kind: EventKind, role: Role| {
        memory.state != State::WAITING_THIRD && moves(memory, kind, role)
    };
    assert_eq!(folds(&without).unwrap_err(), format!("stuck in {}", State::WAITING_THIRD));
}

/// What is appended to a contractor's case stands last, whatever it has seen: the third part rests on it.
#[test]
fn what_comes_to_the_contractor_stands_last() {
    let mut case = Case::new(Role::Contractor);
    case.take(1, 0, Event::Offer { rules: 1 }.into()).unwrap();
    for seq in 1..=SIDE {
        case.recover(u64::from(seq), u64::from(seq), TOKEN.into(), u64::from(seq)).unwrap();
        case.take(u64::from(seq) + 1, 0, TOKEN.into()).unwrap();
        let last = case.open().last().unwrap();
        assert_eq!((last.author, last.place), (Role::Principal, Place::Numbered(u64::from(seq) + 1)));
    }
}
