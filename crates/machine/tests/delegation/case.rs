//! One side's case by itself: refusals, waiting items, words, recovery, and its size.

use deskwire_machine::delegation::{
    Answer, Case, Event, EventKind, Fate, Field, Fields, OPEN_MAX, OpenEvent, Place, Progress, Refusal, Role,
    Said, State, Words,
};
use deskwire_proto::cbor::{decode_plain, encode_plain};

use Role::{Contractor, Principal};

const OFFER: Event = Event::Offer { rules: 1 };
const ACCEPT: Event = Event::Accept { version: 1 };
const BEGIN: Event = Event::Status { to: Some(Progress::InProgress) };
const TELL: Event = Event::Status { to: None };

fn price(version: u64) -> Event {
    Event::Update { version, binding: Fields::of([Field::Price]) }
}

fn words(ticket: &str) -> Words {
    Words { ticket: ticket.to_owned(), status: "open".to_owned(), label: "Open".to_owned() }
}

fn said(event: Event, ticket: &str) -> Said {
    Said { event, words: Some(words(ticket)) }
}

/// The contractor's case with the offer received as message 1.
fn offered() -> Case {
    let mut case = Case::new(Contractor);
    case.receive(1, 0, OFFER.into()).unwrap();
    case
}

/// The principal's case with its offer answered, and accepted by the contractor's message 1.
fn accepted() -> Case {
    let mut case = Case::new(Principal);
    case.accept(1, OFFER.into(), 0).unwrap();
    case.number(1, 1, 0).unwrap();
    case.answer(1, Answer::Applied, 0, 0);
    case.receive(1, 1, ACCEPT.into()).unwrap();
    case
}

/// A person whose action has no place is told so at once, with what is possible instead.
#[test]
fn an_action_out_of_place_is_refused_with_what_is_possible() {
    let mut case = offered();
    let before = case.clone();
    let refusal = case.accept(1, Event::Resolve.into(), 1).unwrap_err();
    assert_eq!(refusal.code(), "action-not-allowed");
    assert_eq!(
        refusal.to_string(),
        "You cannot resolve it now: this delegation is offered and not answered. \
         Possible now: accept it, decline it, tell your status."
    );
    assert_eq!(case, before);
    case.receive(2, 0, Event::Recall.into()).unwrap();
    let refusal = case.accept(1, ACCEPT.into(), 2).unwrap_err();
    assert!(
        refusal.to_string().ends_with("this delegation is recalled. Possible now: tell your status."),
        "{refusal}"
    );
}

/// Nobody does the other side's part, neither a person here nor the peer.
#[test]
fn the_other_sides_part_is_refused() {
    let mut case = offered();
    let refusal = case.accept(1, Event::Confirm.into(), 1).unwrap_err();
    assert_eq!(refusal, Refusal::WrongRole { event: EventKind::Confirm, role: Contractor });
    assert_eq!(
        refusal.to_string(),
        "The contractor of a delegation cannot confirm it: this is for the principal alone."
    );
    let before = case.clone();
    for (event, outcome) in [(ACCEPT, "action-not-allowed"), (BEGIN, "not-your-field")] {
        let refusal = case.receive(2, 0, event.into()).unwrap_err();
        assert_eq!(refusal.outcome().unwrap().as_str(), outcome);
    }
    assert_eq!(case, before);
}

/// A peer with newer rules is told that its offer was not understood, instead of being folded wrongly.
#[test]
fn unknown_fold_rules_are_unsupported() {
    let refusal = Case::new(Contractor).receive(1, 0, Event::Offer { rules: 2 }.into()).unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.outcome().unwrap().as_str()),
        ("unsupported-rules", "unsupported-rules")
    );
    assert!(Case::new(Principal).accept(1, Event::Offer { rules: 2 }.into(), 0).is_err());
}

/// What the peer said before our item left makes it impossible: it stays here, and its author hears of it.
#[test]
fn a_waiting_item_that_became_impossible_is_not_numbered() {
    let mut case = offered();
    case.accept(1, ACCEPT.into(), 1).unwrap();
    case.accept(2, BEGIN.into(), 1).unwrap();
    let changes = case.receive(2, 0, Event::Recall.into()).unwrap();
    let lost: Vec<_> = changes.events.iter().filter(|change| change.fate == Fate::Superseded).collect();
    assert_eq!((lost.len(), changes.from, changes.to), (2, State::InProgress, State::Recalled));
    assert_eq!(case.number(1, 1, 2).unwrap_err().code(), "action-not-allowed");
    case.drop_waiting(1, 2).unwrap();
    assert_eq!(case.number(2, 1, 2).unwrap_err().code(), "action-not-allowed");
    case.drop_waiting(2, 2).unwrap();
    assert_eq!(case.open(), []);
}

/// Nobody is bound to a price that came in after the click: an accept that waits is not numbered over it.
#[test]
fn a_waiting_accept_is_not_numbered_over_a_changed_offer() {
    let mut case = offered();
    case.accept(1, ACCEPT.into(), 1).unwrap();
    case.receive(2, 0, price(2).into()).unwrap();
    assert_eq!(case.number(1, 1, 2).unwrap_err().code(), "offer-changed");
    case.drop_waiting(1, 2).unwrap();
    let version = case.view(2).version;
    case.accept(2, Event::Accept { version }.into(), 2).unwrap();
    case.number(2, 1, 2).unwrap();
    assert_eq!(case.view(2).versions.price, 2);
    // A change of what does not bind is no reason to ask again.
    let mut case = offered();
    case.accept(1, ACCEPT.into(), 1).unwrap();
    case.receive(2, 0, Event::Update { version: 2, binding: Fields::NONE }.into()).unwrap();
    assert!(case.number(1, 1, 2).is_ok());
}

/// A confirm that waits speaks of the resolution that was on the screen, also if a newer one comes before it leaves.
#[test]
fn a_waiting_confirm_is_not_numbered_over_a_new_resolution() {
    let mut case = accepted();
    case.receive(2, 1, Event::Resolve.into()).unwrap();
    case.accept(2, Event::Confirm.into(), 2).unwrap();
    case.receive(3, 1, BEGIN.into()).unwrap();
    case.receive(4, 1, Event::Resolve.into()).unwrap();
    let refusal = case.number(2, 2, 4).unwrap_err();
    assert_eq!(refusal.code(), "overtaken");
    assert_eq!(
        refusal.to_string(),
        "The contractor has written again meanwhile. Read what is new, then confirm it if it still fits."
    );
}

/// Whoever hands work to a partner that cannot be reached may correct it before it has left.
#[test]
fn an_offer_that_waits_can_be_updated() {
    let mut case = Case::new(Principal);
    case.accept(1, Event::Offer { rules: 1 }.into(), 0).unwrap();
    case.accept(2, price(0).into(), 0).unwrap();
    assert_eq!(case.next_version(), 3);
    assert_eq!(case.number(1, 1, 0).unwrap().event, Event::Offer { rules: 1 });
    assert_eq!(case.number(2, 2, 0).unwrap().event, price(2));
}

/// A parked item does not hold back the ones behind it, and is judged where it then comes.
#[test]
fn a_parked_item_is_overtaken() {
    let mut case = accepted();
    case.accept(2, price(0).into(), 1).unwrap();
    case.accept(3, price(0).into(), 1).unwrap();
    assert_eq!(case.next_version(), 4);
    let numbered = case.number(3, 2, 1).unwrap();
    assert_eq!((numbered.event, numbered.changes.events.len()), (price(2), 0));
    assert_eq!(case.view(1).proposals.iter().map(|proposal| proposal.version).collect::<Vec<_>>(), [3]);
    assert_eq!(case.number(2, 3, 1).unwrap().event, price(3));
    assert_eq!(case.next_version(), 4);
}

/// The version of a refused update is not used again, so that no two updates of one number are about.
#[test]
fn versions_of_refused_updates_are_not_used_again() {
    let mut case = accepted();
    case.accept(2, price(0).into(), 1).unwrap();
    case.number(2, 2, 1).unwrap();
    case.answer(2, Answer::Refused, 1, 1);
    case.accept(3, price(0).into(), 1).unwrap();
    assert_eq!(case.number(3, 3, 1).unwrap().event, price(3));
}

/// A change that is no longer proposed cannot be taken by accident.
#[test]
fn an_old_proposal_cannot_be_taken() {
    let mut case = offered();
    case.accept(1, ACCEPT.into(), 1).unwrap();
    case.receive(2, 0, price(2).into()).unwrap();
    assert_eq!(case.check(&Event::ChangeTake { version: 7 }, 2).unwrap_err().code(), "action-not-allowed");
    let mut case = offered();
    case.accept(1, ACCEPT.into(), 1).unwrap();
    case.number(1, 1, 1).unwrap();
    case.receive(2, 0, price(2).into()).unwrap();
    case.receive(3, 0, price(3).into()).unwrap();
    assert_eq!(case.check(&Event::ChangeTake { version: 2 }, 3), Err(Refusal::NoProposal { version: 2 }));
    assert_eq!(case.check(&Event::ChangeTake { version: 3 }, 3), Ok(()));
}

/// A partner that is silent for weeks does not make a record grow without bound, and the person is told why.
#[test]
fn too_many_unanswered_are_refused() {
    let mut case = accepted();
    for local in 2..2 + OPEN_MAX as u64 {
        case.accept(local, TELL.into(), 1).unwrap();
    }
    let refusal = case.accept(100, TELL.into(), 1).unwrap_err();
    assert_eq!(refusal.code(), "too-many-unanswered");
    assert!(case.accept(100, Event::LinkClose.into(), 1).is_ok(), "the end of the link has room");
}

/// A flood of the peer's events behind an unanswered one of ours is refused, not stored without bound.
#[test]
fn too_many_of_the_peer_are_refused() {
    let mut case = accepted();
    case.accept(2, price(0).into(), 1).unwrap();
    case.number(2, 2, 1).unwrap();
    let flood = (2..).take_while(|seq| case.receive(*seq, 2, TELL.into()).is_ok()).count();
    assert_eq!(flood, OPEN_MAX);
    let refusal = case.check_peer(&TELL).unwrap_err();
    assert_eq!(refusal.outcome().unwrap().as_str(), "quota");
    assert!(case.check_peer(&Event::LinkClose).is_ok());
}

/// The record of one delegation stays below the 4 KiB that the view's store takes, and survives it unchanged.
#[test]
fn the_fullest_case_fits_a_record() {
    const BASE: u64 = 4_000_000_000;
    let long = Words { ticket: "T".repeat(120), status: "s".repeat(40), label: "L".repeat(120) };
    let tell = |event| Said { event, words: Some(long.clone()) };
    let mut case = accepted();
    for number in 1..=OPEN_MAX as u64 {
        let binding = Fields::of([Field::ALL[number as usize % 4]]);
        case.accept(BASE + number, tell(Event::Update { version: 0, binding }), BASE).unwrap();
        case.number(BASE + number, BASE + number, BASE).unwrap();
    }
    for number in 1..=OPEN_MAX as u64 {
        let event = if number % 2 == 0 { Event::Ask } else { Event::ChangeTake { version: number } };
        case.receive(BASE + number, BASE + 1, tell(event)).unwrap();
    }
    for number in 2..=OPEN_MAX as u64 {
        case.answer(BASE + number, Answer::Applied, 2 * BASE, BASE);
    }
    assert_eq!(case.open().len(), 2 * OPEN_MAX);
    let bytes = encode_plain(&case).unwrap();
    // The row around it (ids, references, times) takes less than the rest.
    assert!(bytes.len() < 4096 - 256, "{} bytes", bytes.len());
    assert_eq!(decode_plain::<Case>(&bytes).unwrap(), case);
}

/// A damaged or foreign record is an error, not an event that nobody said.
#[test]
fn unknown_stored_events_are_errors() {
    let bytes = encode_plain(&(0x01f0_u16, 1_u64, 1_u64, 0_u64, None::<u64>)).unwrap();
    assert!(decode_plain::<OpenEvent>(&bytes).is_err());
    let bytes = encode_plain(&(0x000c_u16, 1_u64, 1_u64, 0_u64, None::<u64>)).unwrap();
    assert!(decode_plain::<OpenEvent>(&bytes).is_err());
}

/// Every event comes back from the store as it was.
#[test]
fn every_event_survives_the_store() {
    let rows = EventKind::ALL.map(|kind| crate::explore::event(kind, 9_007_199_254_740_991));
    for (index, event) in rows.into_iter().enumerate() {
        for (author, answer) in
            [(Principal, Answer::Unknown), (Contractor, Answer::Applied), (Principal, Answer::Refused)]
        {
            let place = if index % 2 == 0 { Place::Numbered(7) } else { Place::Waiting(7) };
            let open = OpenEvent { author, place, seen: 3, event, answer, receipt_length: Some(5) };
            assert_eq!(decode_plain::<OpenEvent>(&encode_plain(&open).unwrap()).unwrap(), open);
        }
    }
}

/// Each side sees the other's ticket id and status; its own as last said, and what both have in common.
#[test]
fn words_of_both_sides_are_shown() {
    let mut case = Case::new(Principal);
    case.accept(1, said(OFFER, "ACME-1"), 0).unwrap();
    assert_eq!((case.words(Principal), case.shared_words(Principal)), (&words("ACME-1"), &Words::default()));
    case.number(1, 1, 0).unwrap();
    case.answer(1, Answer::Applied, 0, 0);
    assert_eq!(case.shared_words(Principal), &words("ACME-1"));
    case.receive(1, 1, said(ACCEPT, "K-7")).unwrap();
    let view = case.view(1);
    assert_eq!((view.principal.ticket.as_str(), view.contractor.ticket.as_str()), ("ACME-1", "K-7"));
    // Also behind the end, and whatever the fold makes of the event.
    case.receive(2, 1, Event::Return.into()).unwrap();
    case.receive(3, 1, said(BEGIN, "K-8")).unwrap();
    assert_eq!((case.view(3).state, case.words(Contractor)), (State::Returned, &words("K-8")));
}

/// Refused words are taken back to those that the partner has.
#[test]
fn refused_words_do_not_stand() {
    let mut case = accepted();
    for (local, ticket) in [(2, "B"), (3, "C")] {
        case.accept(local, said(TELL, ticket), 1).unwrap();
        case.number(local, local, 1).unwrap();
    }
    case.accept(4, said(TELL, "D"), 1).unwrap();
    case.drop_waiting(4, 1).unwrap();
    case.answer(2, Answer::Applied, 1, 1);
    assert_eq!((case.words(Principal), case.shared_words(Principal)), (&words("C"), &words("B")));
    case.answer(3, Answer::Refused, 1, 1);
    assert_eq!((case.words(Principal), case.shared_words(Principal)), (&words("B"), &words("B")));
}

/// Words of a parked item are the newest once it leaves: that is the order in which the partner gets them.
#[test]
fn words_stand_in_the_order_of_the_stream() {
    let mut case = accepted();
    case.accept(2, said(TELL, "parked"), 1).unwrap();
    case.accept(3, said(TELL, "first"), 1).unwrap();
    case.number(3, 2, 1).unwrap();
    case.number(2, 3, 1).unwrap();
    assert_eq!(case.words(Principal), &words("parked"));
}

/// While a partner is away, a hundred changes of one's own status wait as one.
#[test]
fn a_waiting_status_is_replaced_by_a_newer_one() {
    let mut case = accepted();
    assert_eq!(case.replaced_by(&TELL), None);
    case.accept(2, TELL.into(), 1).unwrap();
    assert_eq!(case.replaced_by(&TELL), Some(2));
    assert_eq!(case.replaced_by(&Event::Recall), None);
    case.number(2, 2, 1).unwrap();
    assert_eq!(case.replaced_by(&TELL), None);
}

/// A receipt that is repeated, late, or about something long settled changes nothing; the first outcome stands.
#[test]
fn repeated_receipts_change_nothing() {
    let mut case = accepted();
    case.accept(2, Event::Recall.into(), 1).unwrap();
    case.number(2, 2, 1).unwrap();
    case.answer(2, Answer::Applied, 5, 1);
    let before = case.clone();
    assert_eq!(case.answer(2, Answer::Refused, 9, 1).events, []);
    assert_eq!(case.answer(1, Answer::Refused, 9, 1).events, []);
    assert_eq!(case, before);
    let changes = case.settle(5);
    assert_eq!(
        (changes.settled_from, changes.settled_to, changes.events.len()),
        (State::Accepted, State::Recalled, 1)
    );
    assert!(changes.events[0].settled);
}

/// A contractor restored from a backup gets back what it had said; it settles only with what it had then seen.
#[test]
fn recovered_events_take_their_place() {
    let mut case = offered();
    // Lost: the update 2, the accept that had seen it, and the begin.
    case.recover(1, 2, said(Event::Accept { version: 2 }, "K-7"), 1).unwrap();
    case.recover(2, 2, BEGIN.into(), 1).unwrap();
    case.answer(1, Answer::Applied, 2, 1);
    case.answer(2, Answer::Applied, 2, 1);
    assert_eq!((case.open().len(), case.settles_at()), (2, Some(2)));
    case.take(2, 0, price(2).into()).unwrap();
    let view = case.view(2);
    assert_eq!((view.settled_state, view.versions.price), (State::InProgress, 2));
    assert_eq!((case.open(), case.words(Contractor)), (&[][..], &words("K-7")));
}

/// Disowned messages of a thief lose their effect also when they had long been settled.
#[test]
fn a_disowned_past_is_folded_out() {
    let mut case = accepted();
    case.receive(2, 1, Event::Return.into()).unwrap();
    case.accept(2, said(TELL, "ACME-2"), 2).unwrap();
    assert_eq!(case.settled().state, State::Returned);
    let open = |author, seq, seen, event| OpenEvent {
        author,
        place: Place::Numbered(seq),
        seen,
        event,
        answer: Answer::Applied,
        receipt_length: Some(0),
    };
    let kept = vec![
        (open(Contractor, 1, 1, ACCEPT), Some(words("K-7"))),
        (open(Principal, 1, 0, OFFER), Some(words("ACME-1"))),
    ];
    let (case, changes) = case.refold(kept, 2, None);
    assert_eq!(changes.events.iter().filter(|change| change.settled).count(), 2, "each is told once more");
    assert_eq!((case.settled().state, case.open().len()), (State::Accepted, 1));
    assert_eq!((case.words(Principal), case.words(Contractor)), (&words("ACME-2"), &words("K-7")));
    assert_eq!(case.shared_words(Principal), &words("ACME-1"));
}

/// Numbers that cannot be are an error of ours, and never silently folded.
#[test]
fn numbers_out_of_order_are_errors() {
    let mut case = accepted();
    let number = |number| Err(Refusal::OutOfOrder { number });
    assert_eq!(case.receive(1, 1, BEGIN.into()), number(1));
    assert_eq!(case.drop_waiting(9, 1), number(9));
    case.accept(5, TELL.into(), 1).unwrap();
    assert_eq!(case.accept(5, TELL.into(), 1), number(5));
    assert_eq!(case.number(5, 1, 1).unwrap_err(), Refusal::OutOfOrder { number: 1 });
    case.number(5, 2, 1).unwrap();
    case.accept(6, TELL.into(), 1).unwrap();
    assert_eq!(case.number(6, 2, 1).unwrap_err(), Refusal::OutOfOrder { number: 2 });
}
