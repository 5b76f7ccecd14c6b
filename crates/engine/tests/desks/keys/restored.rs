//! Keys that change on desks that come back from an old backup: nothing of what they said is lost, or taken for a thief's.

use deskwire_proto::receipt::Receipt;

use super::*;

use crate::harness::receipts_of;

#[test]
fn a_desk_restored_without_its_key_gets_back_what_it_had_said_under_the_old_one() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    shop.comment(1, "And it beeps.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    settle(&mut shop, &mut acme);
    let (length, head) = (shop.stream().out_length, shop.stream().out_head);

    let mut shop = shop.restore(&copy);
    shop.run(PlanKey { key: key(1, 0).public().commitment(), places: Vec::new(), restored: true }).unwrap();
    let mut shop = rotate(shop, 1);
    // What was said is fetched, then what was heard comes again, then the place can be told.
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme);
    resend(&mut acme, &mut shop);
    assert_eq!((shop.stream().out_length, shop.stream().out_head), (length, head));
    shop.act(1, Action::Confirm).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 0, "nothing of it is disowned");
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Confirmed, State::Confirmed));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else the offer is numbered anew behind the answer to it, and dropped here; the partner has an answer to nothing.
#[test]
fn what_the_partner_has_counted_keeps_its_numbers_where_it_was_restored_before_it_gave_a_receipt() {
    let (mut shop, mut acme) = linked();
    let copy = acme.copy();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let opened = open(&mut shop, &mut acme);
    let offer = next(&mut shop, opened, None).unwrap();
    deliver(&shop, &mut acme, &offer).unwrap();
    acme.act(1, Action::Decline(because("No spare parts."))).unwrap();
    carry(&mut acme, &mut shop);
    let (length, head) = (shop.stream().out_length, shop.stream().out_head);
    assert_eq!((shop.stream().acked, shop.stream().in_seen), (0, length));

    let (mut shop, mut acme) = (rotate(shop, 1), acme.restore(&copy));
    open(&mut shop, &mut acme);
    let place = acme.stream().in_change.unwrap().place.unwrap();
    assert_eq!((place.0, place.1), (length, head));
    while shop.stream().acked < length || acme.stream().recovery.is_some() {
        let _ = greet(&mut acme, &mut shop).map_err(|_| fetch(&mut acme, &mut shop));
        resend(&mut shop, &mut acme);
    }
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Declined, State::Declined));
    assert_eq!((heard(&acme).1, shop.stream().waiting), (0, 0));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else its author gives the number up, and the answer to it, which comes back, is an answer to nothing.
#[test]
fn what_a_restored_partner_had_counted_without_a_receipt_is_disowned_on_both_sides() {
    let (mut shop, mut acme) = working();
    let place = shop.stream().out_length;
    let copy = acme.copy();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    let opened = open(&mut shop, &mut acme);
    let offer = next(&mut shop, opened, None).unwrap();
    deliver(&shop, &mut acme, &offer).unwrap();
    acme.act(2, Action::Decline(because("No spare parts."))).unwrap();
    carry(&mut acme, &mut shop);
    assert_eq!((shop.stream().acked, shop.stream().in_seen), (place, place + 1));

    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, place)], restored: false };
    shop.run(plan).unwrap();
    let (mut shop, mut acme) = (rotate(shop, 1), acme.restore(&copy));
    open(&mut shop, &mut acme);
    for _ in 0..4 {
        open(&mut acme, &mut shop);
        resend(&mut shop, &mut acme);
    }
    quiet(&mut shop, &mut acme);
    assert_eq!((heard(&acme).1, shop.stream().waiting), (1, 0));
    let counted = |desk: &Desk| desk.rows().list(DELEGATIONS, &(), usize::MAX).unwrap().len();
    assert_eq!((counted(&shop), counted(&acme)), (2, 2), "what was answered is shown where it was");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else it disowns all that it had lost: its partner no longer counts what was agreed, and what it is asked to do is gone.
#[test]
fn a_key_that_changes_while_what_was_lost_comes_back_disowns_none_of_it() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
    settle(&mut shop, &mut acme);
    let (length, head) = (shop.stream().out_length, shop.stream().out_head);
    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let place = acme.stream().in_change.unwrap().place.unwrap();
    assert_eq!((place.0, place.1), (length, head), "all that was said under the key that went stands");
    assert_eq!(heard(&acme).1, 0, "nothing of it is disowned");
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// An old backup with the newest keys: what the desk had said under the older one was taken for a thief's.
#[test]
fn a_desk_from_before_its_change_of_key_is_no_thief_of_itself() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = rotate(shop, 1);
    shop.comment(1, "And it beeps.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    let (length, head) = (shop.stream().out_length, shop.stream().out_head);
    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme);
    resend(&mut acme, &mut shop);
    assert_eq!((shop.stream().out_length, shop.stream().out_head), (length, head));
    shop.comment(1, "Here again.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 0, "nothing of it is disowned");
    assert!(!codes(&acme).iter().any(|code| code == "fork"));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// An offer that has a number and never arrived.
fn unheard() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let opened = open(&mut shop, &mut acme);
    next(&mut shop, opened, None).unwrap();
    (shop, acme)
}

/// The offer stands at both desks, and nobody took the other's stream for two.
fn offered_alike(shop: &Desk, acme: &Desk) {
    assert_eq!((state(shop, 1), state(acme, 1)), (State::Offered, State::Offered));
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert!(!codes(acme).iter().any(|code| code == "fork"));
}

/// Its hello named nothing, which told the partner that the new key stands from the beginning; the next one, which named
/// the message, was a fork.
#[test]
fn a_first_message_that_never_arrived_under_the_old_key_is_said_again_under_the_new_one() {
    let (shop, mut acme) = unheard();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    offered_alike(&shop, &acme);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Its partner had seen other messages under these numbers: taken for the old ones, they would never be fetched, and the
/// link stood still for good.
#[test]
fn a_desk_from_before_its_change_of_key_asks_before_it_believes_what_its_partner_has_seen() {
    let (mut shop, mut acme) = working();
    let place = shop.stream().out_length;
    let opened = open(&mut shop, &mut acme);
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    shop.comment(1, "Pay there.", Audience::Thread).unwrap();
    next(&mut shop, opened, None).unwrap();
    let copy = shop.copy();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, place)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    carry(&mut shop, &mut acme);
    acme.comment(1, "On our way.", Audience::Thread).unwrap();

    let mut shop = shop.restore(&copy);
    let opened = open(&mut acme, &mut shop);
    let sent = next(&mut acme, opened, None).unwrap();
    assert!(sent.deliveries.len() == 1 && acme.stream().in_length == shop.stream().out_length);
    assert_eq!(deliver(&acme, &mut shop, &sent), Ok(Delivered::Refused(Code::Busy)));
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else a desk whose backup is older than its change of key stands still for good.
#[test]
fn a_desk_from_before_its_change_of_key_gets_back_what_it_then_numbered_anew() {
    let (shop, mut acme) = unheard();
    let copy = shop.copy();
    let mut shop = rotate(shop, 1);
    shop.comment(1, "It beeps.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    let (length, head) = (shop.stream().out_length, shop.stream().out_head);

    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::SessionUnknown));
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme);
    resend(&mut acme, &mut shop);
    assert_eq!((shop.stream().out_length, shop.stream().out_head), (length, head), "nothing is said twice");
    quiet(&mut shop, &mut acme);
    offered_alike(&shop, &acme);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Its hello named nothing, which told the partner that the new key stands from the beginning; the next one named a
/// message that the partner never had, and the link stood still whatever the operators chose.
#[test]
fn a_desk_from_before_its_change_of_key_says_a_first_message_again_that_never_arrived() {
    let (shop, mut acme) = unheard();
    let copy = shop.copy();
    let mut shop = rotate(shop, 1).restore(&copy);
    quiet(&mut shop, &mut acme);
    offered_alike(&shop, &acme);
    shop.comment(1, "It beeps.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    assert!(receipts_of(&acme).iter().all(|(_, refused)| !refused), "nothing is said twice");
    assert_eq!((heard(&acme).1, shop.stream().waiting), (0, 0));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// It had told its partner a place that neither of them knows any more: the link stood still for good.
#[test]
fn a_desk_from_before_its_change_of_key_tells_a_place_that_is_gone_anew() {
    let (mut shop, mut acme) = working();
    let opened = open(&mut shop, &mut acme);
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    next(&mut shop, opened, None).unwrap();
    let copy = shop.copy();
    shop.comment(1, "And it beeps.", Audience::Thread).unwrap();
    let numbered = shop.stream().out_length;
    next(&mut shop, opened, Some(numbered)).unwrap();
    let mut shop = rotate(shop, 1);
    open(&mut shop, &mut acme);
    let place = |acme: &Desk| acme.stream().in_change.unwrap().place.unwrap().0;
    assert_eq!(place(&acme), numbered + 1);

    let mut shop = shop.restore(&copy);
    quiet(&mut shop, &mut acme);
    assert_eq!(place(&acme), numbered);
    assert!(!codes(&acme).iter().any(|code| code == "fork"));
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
    assert_eq!(heard(&acme).1, 0, "nothing of it is disowned");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else the end of what was said there is never known, and the case never settles.
#[test]
fn what_a_void_receipt_covered_in_part_is_answered_anew() {
    let (mut shop, mut acme) = working();
    let opened = open(&mut shop, &mut acme);
    let now = |priority| Changes { priority: Some(priority), ..Changes::default() };
    shop.act(1, Action::Update(Box::new(now(Priority::Urgent)))).unwrap();
    let first = next(&mut shop, opened, None).unwrap();
    deliver(&shop, &mut acme, &first).unwrap();
    let copy = acme.copy();
    shop.act(1, Action::Update(Box::new(now(Priority::Low)))).unwrap();
    let known = shop.stream().acked;
    let both = next(&mut shop, opened, Some(known)).unwrap();
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &both).unwrap() else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &receipt).unwrap();
    assert_eq!(shop.stream().acked, shop.stream().out_length);

    // From between the two, and with another key before it could learn what it had lost.
    let mut acme = rotate(acme.restore(&copy), 2);
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    open(&mut shop, &mut acme);
    quiet(&mut shop, &mut acme);
    assert!(codes(&shop).contains(&"receipts-void".to_owned()));
    assert_eq!(shop.delegation(1).case.open(), []);
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else nobody takes back what that receipt counted, and the case waits for messages that are gone.
#[test]
fn a_receipt_that_stands_keeps_its_length_where_a_void_one_named_the_same() {
    let (mut shop, mut acme) = working();
    let urgent = Changes { priority: Some(Priority::Urgent), ..Changes::default() };
    shop.act(1, Action::Update(Box::new(urgent))).unwrap();
    let opened = open(&mut shop, &mut acme);
    let update = next(&mut shop, opened, None).unwrap();
    deliver(&shop, &mut acme, &update).unwrap();
    let copy = acme.copy();
    // Its first receipt is lost. The one that comes counts messages that never leave, and so does the one after.
    let opened = open(&mut acme, &mut shop);
    for _ in 0..3 {
        acme.comment(1, "On our way.", Audience::Thread).unwrap();
    }
    next(&mut acme, opened, None).unwrap();
    let counted = acme.stream().out_length;
    carry(&mut shop, &mut acme);
    let stands = shop.stream().acked;
    shop.comment(1, "It beeps.", Audience::Thread).unwrap();
    carry(&mut shop, &mut acme);
    assert_eq!(shop.delegation(1).case.open()[0].receipt_length, Some(counted));

    let mut acme = rotate(acme.restore(&copy), 2);
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    greet(&mut shop, &mut acme).unwrap();
    assert_eq!(shop.stream().acked, stands, "the last one is void, and the one before it is not");
    quiet(&mut shop, &mut acme);
    assert!(shop.stream().in_length < counted);
    assert_eq!(shop.delegation(1).case.open(), []);
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// What came back and what a thief said, at a desk that changes its key because of the theft before all of it is here.
fn both_alike(mut shop: Desk, mut acme: Desk) {
    let places = vec![(LINK, shop.stream().out_length)];
    shop.run(PlanKey { key: key(1, 0).public().commitment(), places, restored: false }).unwrap();
    let mut shop = rotate(shop, 1);
    open(&mut shop, &mut acme);
    resend(&mut acme, &mut shop);
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!((heard(&acme).1, shop.stream().recovery.clone()), (1, None));
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else what a thief said takes effect as if it had been lost here.
#[test]
fn what_a_thief_said_does_not_come_back_at_a_desk_that_was_restored_before_it() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);

    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    both_alike(shop, acme);
}

/// Else it does so where something that is true has to come back before it.
#[test]
fn what_a_thief_said_is_passed_over_while_what_came_before_it_comes_back() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let newest = shop.copy();

    // The comment is here again, and waits for what it had seen.
    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme);
    let recovery = shop.stream().recovery.unwrap();
    assert_eq!(recovery.placed + 1, shop.stream().out_length);
    let mut thief = Desk::new("Shop", 1).restore(&newest);
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    both_alike(shop, acme);
}

/// Else a case waits for messages that its author has given up since it counted them.
#[test]
fn what_a_receipt_of_the_newest_key_counted_and_the_hello_does_not_is_waited_for_no_more() {
    let (mut shop, mut acme) = working();
    let mine = acme.stream().out_length;
    // Somebody used the machine itself: one message arrived, three more have their numbers.
    let opened = open(&mut acme, &mut shop);
    acme.comment(1, "Pay here.", Audience::Thread).unwrap();
    let first = next(&mut acme, opened, None).unwrap();
    deliver(&acme, &mut shop, &first).unwrap();
    for _ in 0..3 {
        acme.comment(1, "Pay there.", Audience::Thread).unwrap();
    }
    next(&mut acme, opened, Some(mine + 1)).unwrap();
    let plan = PlanKey { key: key(2, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    acme.run(plan).unwrap();
    let mut acme = rotate(acme, 2);
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    // Its new key gives a receipt before it has told where it begins, and counts what it gives up afterwards.
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
    let opened = open(&mut shop, &mut acme);
    let recall = next(&mut shop, opened, None).unwrap();
    let Delivered::Receipt(given) = deliver(&shop, &mut acme, &recall).unwrap() else { panic!("a receipt") };
    let mut given = Signed::<Receipt>::open(&given, acme.identity.keys().current()).unwrap().body().clone();
    assert_eq!(given.length, mine, "this desk does not, but others may");
    given.length = mine + 4;
    let receipt = Signed::seal(given, acme.identity.secret());
    shop.run(TakeReceipt { link: LINK, receipt }).unwrap();
    assert_eq!(shop.delegation(1).case.open().len(), 1, "something could come before the recall");
    assert_eq!(shop.stream().promises.last().unwrap().length, mine + 4);
    quiet(&mut acme, &mut shop);
    assert!(shop.stream().in_length < mine + 4);
    assert_eq!(shop.delegation(1).case.open(), []);
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}
