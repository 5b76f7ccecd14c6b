//! What waited when the backup was made and had left since: a desk that comes back from there neither sends nor shows it
//! twice.

use deskwire_engine::command::revise::TakeBack;
use deskwire_store::table::DROPPED;

use super::*;
use crate::recovery::recover;

/// Events of the case and comments on its ticket.
fn shown(desk: &Desk) -> (usize, usize) {
    let events = desk.rows().list(DELEGATION_EVENTS, &DelegationNo(1), usize::MAX).unwrap();
    (events.len(), comments(desk, 1))
}

/// A contractor that comes back from where nothing of what it says has left. With what it showed when all of it had.
fn back_from_before(say: impl FnOnce(&mut Desk)) -> (Desk, Desk, (usize, usize)) {
    let (mut shop, mut acme) = at_work();
    say(&mut acme);
    let copy = acme.copy();
    retry_link(&mut acme);
    settle(&mut shop, &mut acme);
    let before = shown(&acme);
    (shop, acme.restore(&copy), before)
}

fn comment_and_resolve(acme: &mut Desk) {
    acme.comment(1, "plugged in", Audience::Thread).unwrap();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
}

/// What was parked when the backup was made, and sent again afterwards, must not be offered to be sent once more.
#[test]
fn fault_118_what_was_parked_in_a_backup_and_sent_since_is_struck_when_it_comes_back() {
    let (mut shop, mut acme, _) = back_from_before(|acme| {
        comment_and_resolve(acme);
        for (_, item) in waiting(acme) {
            park(acme, item).unwrap();
        }
    });
    assert_eq!((comments(&shop, 1), state(&shop, 1)), (1, State::Resolved));
    assert_eq!(acme.stream().parked, 2);
    recover(&mut acme, &mut shop);
    assert_eq!((acme.stream().parked, parked(&acme)), (0, Vec::new()));
    assert_eq!(state(&acme, 1), State::Resolved);
    settle(&mut shop, &mut acme);
    assert_eq!((comments(&shop, 1), comments(&acme, 1)), (1, 1));
    sound(acme, shop);
}

/// Whoever drops at a restored desk what waits there does not know that it has left. It has; and a ticket that showed it
/// twice, once as never sent, would be believed.
#[test]
fn fault_118_what_was_dropped_after_a_restore_and_had_left_before_is_shown_once() {
    let (mut shop, mut acme, before) = back_from_before(comment_and_resolve);
    let first = waiting(&acme)[0].1;
    park(&mut acme, first).unwrap();
    assert_eq!(acme.run(DropItems { target: Target::Link(LINK), by: person("Anna") }).unwrap().count, 2);
    assert_eq!(state(&acme, 1), State::Accepted);
    let mut acme = acme.restart();
    recover(&mut acme, &mut shop);
    assert_eq!(shown(&acme), before);
    assert_eq!((state(&acme, 1), state(&shop, 1)), (State::Resolved, State::Resolved));
    assert!(matches!(last_effect(&acme, 1), Effect::Fate { .. }), "{:?}", last_effect(&acme, 1));
    let thread = acme.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    let shared: Vec<_> = thread.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).collect();
    assert!(shared.iter().all(|(_, row)| row.shared.len() == 1 && row.shared[0].refused.is_none()));
    assert_eq!(acme.rows().list(DROPPED, &LINK, usize::MAX).unwrap(), Vec::new());
    settle(&mut shop, &mut acme);
    assert_eq!((comments(&shop, 1), comments(&acme, 1)), (1, 1));
    sound(acme, shop);
}

/// Taken back here, and yet the partner has it: its author has to see that, and can take it back from there.
#[test]
fn what_was_taken_back_after_a_restore_and_had_left_before_can_be_taken_back_from_the_partner() {
    let (mut shop, mut acme, _) = back_from_before(|acme| {
        acme.comment(1, "a mistake", Audience::Thread).unwrap();
    });
    let own = |desk: &Desk| {
        let rows = desk.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
        let own = rows.into_iter().filter(|(_, row)| row.kind == ThreadKind::Comment);
        own.map(|((_, at), _)| at).collect::<Vec<_>>()
    };
    let ticket = TicketNumber(1);
    let back = |of| TakeBack { ticket, of, keep: false, by: person("Anna") };
    let of = own(&acme)[0];
    assert_eq!(acme.run(back(of)).unwrap().never.len(), 1);
    recover(&mut acme, &mut shop);
    let of = *own(&acme).last().unwrap();
    assert_eq!(acme.run(back(of)).unwrap().told.len(), 1);
    settle(&mut shop, &mut acme);
    sound(acme, shop);
}
