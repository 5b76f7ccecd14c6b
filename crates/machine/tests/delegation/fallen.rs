//! After the repair of a fork the contractor may have seen less than before: both desks keep one order, and both the same.

use deskwire_machine::clock::order;
use deskwire_machine::delegation::{
    Answer, Case, Event, EventKind, Memory, OpenEvent, Place, Role, Said, Words,
};
use proptest::prelude::*;

use crate::explore::event;

/// What one side says: the kind by its place among those that the side may say, and whether it is refused.
type Told = (usize, bool);

#[derive(Clone, Copy, Debug)]
enum Act {
    /// The contractor takes the principal's next message.
    Hears,
    /// The contractor says something.
    Says(Told),
    /// A branch is left behind so many of the principal's messages; they come once more.
    Repairs(u64),
}

struct Message {
    seen: u64,
    event: Event,
    refused: bool,
}

const PRINCIPAL: [EventKind; 6] = [
    EventKind::Offer,
    EventKind::Recall,
    EventKind::Confirm,
    EventKind::Reopen,
    EventKind::AnswerNotNeeded,
    EventKind::Update,
];
const CONTRACTOR: [EventKind; 6] = [
    EventKind::Accept,
    EventKind::StatusInProgress,
    EventKind::Ask,
    EventKind::Resolve,
    EventKind::StatusWaitingThird,
    EventKind::Return,
];

fn principal(told: &[Told]) -> Vec<Message> {
    let mut version = 1;
    let said = |(at, (kind, refused)): (usize, &Told)| {
        let kind = if at == 0 { EventKind::Offer } else { PRINCIPAL[1 + kind % 5] };
        version += u64::from(kind == EventKind::Update);
        Message { seen: at as u64, event: event(kind, version), refused: at > 0 && *refused }
    };
    told.iter().enumerate().map(said).collect()
}

fn open(author: Role, seq: usize, message: &Message, answer: Answer) -> (OpenEvent, Option<Words>) {
    let (seen, event) = (message.seen, message.event);
    (
        OpenEvent { author, place: Place::Numbered(seq as u64), seen, event, answer, receipt_length: None },
        None,
    )
}

/// The contractor's desk, and what it has said.
fn contractor(theirs: &[Message], acts: &[Act]) -> (Case, Vec<Message>) {
    let (mut case, mut cursor) = (Case::new(Role::Contractor), 0);
    let mut said: Vec<Message> = Vec::new();
    let hear = |case: &mut Case, cursor: &mut usize| {
        let Some(message) = theirs.get(*cursor) else { return };
        *cursor += 1;
        if !message.refused {
            case.take(*cursor as u64, message.seen, message.event.into()).unwrap();
        }
        case.settle(*cursor as u64);
    };
    hear(&mut case, &mut cursor);
    for act in acts {
        match *act {
            Act::Hears => hear(&mut case, &mut cursor),
            Act::Says((kind, refused)) => {
                let event = event(CONTRACTOR[kind % 6], 1);
                said.push(Message { seen: cursor as u64, event, refused });
                let words: Said = event.into();
                case.recover(said.len() as u64, cursor as u64, words, cursor as u64).unwrap();
            }
            Act::Repairs(to) => {
                cursor = cursor.min(1 + to as usize);
                let own = said.iter().enumerate();
                let own = own.map(|(at, one)| open(Role::Contractor, at + 1, one, Answer::Unknown));
                let kept = theirs[..cursor].iter().enumerate().filter(|(_, one)| !one.refused);
                let kept = kept.map(|(at, one)| open(Role::Principal, at + 1, one, Answer::Applied));
                case = case.refold(own.chain(kept).collect(), cursor as u64, None).0;
            }
        }
    }
    while cursor < theirs.len() {
        hear(&mut case, &mut cursor);
    }
    for (at, message) in said.iter().enumerate() {
        let answer = if message.refused { Answer::Refused } else { Answer::Applied };
        case.answer(at as u64 + 1, answer, theirs.len() as u64, cursor as u64);
    }
    (case, said)
}

/// The principal's desk, which had said everything before.
fn principals(ours: &[Message], theirs: &[Message]) -> Case {
    let mut case = Case::new(Role::Principal);
    for (at, message) in ours.iter().enumerate() {
        case.recover(at as u64 + 1, message.seen, message.event.into(), 0).unwrap();
    }
    for (at, message) in theirs.iter().enumerate().filter(|(_, message)| !message.refused) {
        case.take(at as u64 + 1, message.seen, message.event.into()).unwrap();
    }
    let length = theirs.len() as u64;
    for (at, message) in ours.iter().enumerate() {
        let answer = if message.refused { Answer::Refused } else { Answer::Applied };
        case.answer(at as u64 + 1, answer, length, length);
    }
    case
}

/// The order and the fold as the specification puts them.
fn reference(ours: &[Message], theirs: &[Message]) -> Memory {
    let all = [(Role::Principal, ours), (Role::Contractor, theirs)];
    let all = all.into_iter().flat_map(|(role, messages)| {
        messages.iter().enumerate().map(move |(at, message)| (role, Place::Numbered(at as u64 + 1), message))
    });
    let key = |(role, place, message): &(Role, Place, &Message)| {
        (*role, *place, (!message.refused).then_some(message.seen))
    };
    let mut memory = Memory::default();
    for (role, place, message) in order(all, key).into_iter().filter(|(_, _, message)| !message.refused) {
        memory.apply(role, place, message.seen, &message.event);
    }
    memory
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let told = (0_usize..6, prop::bool::weighted(0.2));
    let act = prop_oneof![
        3 => Just(Act::Hears),
        3 => told.prop_map(Act::Says),
        1 => (0_u64..8).prop_map(Act::Repairs),
    ];
    prop::collection::vec(act, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// A contractor that leaves a branch says the next thing without what its earlier words had seen: the desks would end
    /// with different states for good, or refuse what was said.
    #[test]
    fn what_has_seen_less_than_before_stands_in_one_order_on_both_sides(
        told in prop::collection::vec((0_usize..5, prop::bool::weighted(0.2)), 1..10),
        acts in acts(),
    ) {
        let ours = principal(&told);
        let (contractor, theirs) = contractor(&ours, &acts);
        let principal = principals(&ours, &theirs);
        prop_assert_eq!(contractor.open(), []);
        prop_assert_eq!(principal.open(), []);
        prop_assert_eq!(contractor.settled(), &reference(&ours, &theirs));
        prop_assert_eq!(principal.settled(), contractor.settled());
    }
}
