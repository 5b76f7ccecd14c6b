//! Keys that were stolen: what a thief says has no effect, and nobody loses what is true.

use deskwire_engine::command::digest::SayDigest;
use deskwire_engine::query::{agreement, own_digest};

use super::*;

#[test]
fn what_a_thief_said_behind_the_last_true_message_is_disowned_on_both_sides() {
    let (mut shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.comment(1, "Send the spare parts elsewhere.", Audience::Thread).unwrap();
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Recalled));
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();

    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!(heard(&acme).1, 2, "both messages of the thief are kept without effect");
    let marked = acme.rows().list(THREADS, &deskwire_store::local::TicketNumber(1), usize::MAX).unwrap();
    assert_eq!(marked.iter().filter(|(_, row)| row.aside.is_some()).count(), 2);
    assert_eq!(codes(&acme), ["messages-disowned"]);
    assert_eq!(codes(&shop), ["messages-disowned"]);
    let kept = shop.rows().list(SENT, &LINK, usize::MAX).unwrap();
    assert_eq!(kept.iter().filter(|(_, row)| row.aside.is_some()).count(), 2);
    assert_eq!(shop.stream().out_length, acme.stream().in_length);
    // Work goes on as if they had never been.
    acme.act(1, Action::Resolve { solution: Some(prose("Plugged in.")), code: None }).unwrap();
    quiet(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Confirmed, State::Confirmed));
    let (mut shop, mut acme) = (same_after_rebuild(shop), same_after_rebuild(acme));
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, shop.stream().out_length);
}

#[test]
fn where_a_thief_used_the_numbers_of_unacknowledged_messages_they_are_numbered_again_under_the_same_ids() {
    let (mut shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    // The owner has numbered two messages that never arrived: an event and a comment.
    let opened = open(&mut shop, &mut acme);
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
    let never = next(&mut shop, opened, None).unwrap();
    let items: Vec<_> = items(&never);
    // The thief uses the same numbers, and one more.
    for text in ["Pay here.", "Pay there.", "Pay now."] {
        thief.comment(1, text, Audience::Thread).unwrap();
    }
    carry(&mut thief, &mut acme);
    let agreed = shop.stream().acked;

    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_change.unwrap().place.unwrap().0, agreed);
    assert_eq!(heard(&acme).1, 3);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
    let sent = shop.rows().list(SENT, &LINK, usize::MAX).unwrap();
    assert!(sent.is_sorted_by_key(|(_, row)| row.order), "by its place an item finds its number");
    let again: Vec<_> = sent
        .iter()
        .filter(|(_, row)| row.aside.is_none())
        .map(|(_, row)| {
            match deskwire_store::record::Record::read(&shop.core.journal().read(row.item).unwrap()) {
                Ok(deskwire_store::record::Record::ItemMade(made)) => made.item,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert!(items.iter().all(|item| again.iter().filter(|other| *other == item).count() == 1));
    assert_eq!(shop.stream().acked, shop.stream().out_length);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

fn items(batch: &Batch) -> Vec<deskwire_proto::id::ItemId> {
    let head = |delivery: &deskwire_proto::delivery::Delivery| {
        deskwire_proto::envelope::read_head(delivery.signed()).unwrap().item
    };
    batch.deliveries.iter().map(head).collect()
}

#[test]
fn the_owner_says_how_far_its_stream_is_its_own_and_the_rest_has_no_effect_anywhere() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    // Somebody used the machine itself: two messages arrived, one is still here.
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    shop.act(1, Action::Recall(because("Cancelled."))).unwrap();
    settle(&mut shop, &mut acme);
    let opened = open(&mut shop, &mut acme);
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    next(&mut shop, opened, None).unwrap();
    assert_eq!(state(&acme, 1), State::Recalled);
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();

    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!(heard(&acme).1, 2);
    assert!(shop.stream().waiting == 0 && shop.stream().acked == shop.stream().out_length);
    let rows = acme.rows().list(DELEGATION_EVENTS, &DelegationNo(1), usize::MAX).unwrap();
    let disowned =
        |effect: &Effect| matches!(effect, Effect::Refused(why) if why.code.as_str() == "disowned");
    assert_eq!(rows.iter().filter(|(_, row)| disowned(&row.effect)).count(), 1);
    let (mut shop, mut acme) = (same_after_rebuild(shop), same_after_rebuild(acme));
    shop.act(1, Action::Recall(because("Really not needed."))).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
}

/// Else the owner numbers anew what its partner, once it has its receipts back, knows to be something else: a fork that no
/// choice of the operators ends.
#[test]
fn what_a_restored_partner_had_before_stays_disowned_in_its_place() {
    let (mut shop, mut acme) = working();
    let (mine, copy) = (shop.stream().out_length, acme.copy());
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    shop.comment(1, "Pay there.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let opened = open(&mut shop, &mut acme);
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    next(&mut shop, opened, None).unwrap();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();

    let (mut shop, mut acme) = (rotate(shop, 1), acme.restore(&copy));
    // The owner tells the place before its partner knows what it has lost.
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::SessionUnknown));
    open(&mut acme, &mut shop);
    resend(&mut shop, &mut acme);
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 2, "both doubtful messages come again, without effect");
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert!(!codes(&acme).iter().any(|code| code == "fork"));
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else a receipt stands for a number that was given up, and `deskwire verify` takes that for damage.
#[test]
fn a_receipt_from_before_a_restore_of_the_partner_keeps_no_number_that_a_thief_used() {
    let (mut shop, mut acme) = working();
    let (mut thief, before) = (Desk::new("Shop", 1).restore(&shop.copy()), acme.copy());
    let opened = open(&mut shop, &mut acme);
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
    let sent = next(&mut shop, opened, None).unwrap();
    // The receipt is on its way, with a request of the partner, when that is restored.
    let Delivered::Receipt(late) = deliver(&shop, &mut acme, &sent).unwrap() else { panic!("a receipt") };
    let mut acme = acme.restore(&before);
    thief.comment(1, "Pay here.", Audience::Thread).unwrap();
    carry(&mut thief, &mut acme);

    let mut shop = rotate(shop, 1);
    let agreed = shop.stream().acked;
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    take_receipt(&mut shop, &acme, &late).unwrap();
    assert_eq!(shop.stream().acked, agreed + 1);
    fetch(&mut shop, &mut acme);
    assert_eq!((shop.stream().acked, shop.stream().out_length), (agreed, agreed + 1));
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
    assert_eq!(heard(&acme).1, 1, "what the thief said alone");
    assert_eq!(shop.stream().acked, shop.stream().out_length);
    let problems = deskwire_engine::query::verify(&shop.reader(), None).unwrap().problems;
    assert!(problems.is_empty(), "{problems:?}");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

#[test]
fn receipts_that_a_thief_gave_bind_nobody_and_what_they_covered_is_sent_again() {
    let (shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    carry(&mut acme, &mut thief);
    let (acked, held) = (acme.stream().acked, shop.stream().in_length);
    assert!(acked > held, "the thief took what was meant for the owner");

    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().in_length, acme.stream().out_length);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    assert!(codes(&acme).contains(&"receipts-void".to_owned()));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

fn first_waiting(desk: &Desk) -> deskwire_proto::id::ItemId {
    desk.rows().list(WAITING, &LINK, 1).unwrap().remove(0).1.item
}

#[test]
fn what_a_thief_said_stays_in_doubt_though_an_older_item_was_sent_after_it() {
    let (mut shop, mut acme) = working();
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    let target = Target::Item(first_waiting(&shop));
    shop.run(Park { target, by: person("Anna") }).unwrap();
    let (mine, since) = (shop.stream().out_length, shop.now.plus(1));
    shop.comment(1, "Pay to another account.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    shop.run(Retry { target, parked: false }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_length, mine + 2);
    let (places, doubts) = doubtful(&reader(&shop), since).unwrap();
    assert_eq!(places, [(LINK, mine)]);
    let found: Vec<_> = doubts.iter().map(|doubt| (doubt.seq, doubt.time >= since)).collect();
    assert_eq!(found, [(mine + 1, true), (mine + 2, false)]);
}

#[test]
fn what_was_signed_after_a_theft_is_in_doubt_however_long_it_had_waited() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    let since = shop.now.plus(1);
    settle(&mut shop, &mut acme);
    assert_eq!(doubtful(&reader(&shop), since).unwrap().0, [(LINK, mine)]);
    assert_eq!(doubtful(&reader(&shop), shop.now.plus(1)).unwrap(), (vec![(LINK, mine + 1)], vec![]));
}

#[test]
fn messages_that_were_disowned_are_not_late() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    // Somebody used the machine itself; the receipt never came.
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    let opened = open(&mut shop, &mut acme);
    let batch = next(&mut shop, opened, None).unwrap();
    deliver(&shop, &mut acme, &batch).unwrap();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    let _ = open(&mut shop, &mut acme);
    let stream = shop.stream();
    assert!(stream.acked < stream.out_length, "no receipt covers what was disowned");
    shop.now = shop.now.plus(3 * 3_600_000);
    shop.run(Tick).unwrap();
    // What waits since then is: the new descriptor. What was disowned before is not.
    let late = shop.stream().late.unwrap();
    assert_eq!(
        shop.rows().get(WAITING, &(LINK, late.order)).unwrap().unwrap().kind.as_str(),
        "link.descriptor"
    );
}

const MANY: usize = 2_100;

/// The partner has disowned more than one step takes the effect from.
fn disowning_many() -> (Desk, Desk) {
    let (mut shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    for _ in 1..MANY {
        thief.comment(1, "Pay here.", Audience::Thread).unwrap();
    }
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();
    let mut shop = rotate(shop, 1);
    // The first hello takes the place; its session brings nothing while messages of the thief still count.
    while acme.stream().disowning.is_none() {
        match greet(&mut shop, &mut acme) {
            Ok(_) | Err(Code::SessionUnknown) => {}
            Err(Code::RecoveryNeeded) => fetch(&mut shop, &mut acme),
            Err(code) => panic!("{code}"),
        }
    }
    (shop, acme)
}

#[test]
fn what_was_disowned_loses_its_effect_though_the_partner_does_not_come_again() {
    let (_, mut acme) = disowning_many();
    assert_eq!(state(&acme, 1), State::Recalled);
    for _ in 0..4 {
        acme.run(Tick).unwrap();
    }
    assert_eq!((acme.stream().disowning, state(&acme, 1)), (None, State::Accepted));
    same_after_rebuild(acme);
}

#[test]
fn many_disowned_messages_lose_their_effect_bit_by_bit_and_nothing_new_is_taken_before() {
    let (mut shop, acme) = disowning_many();
    let mut acme = same_after_rebuild(acme);
    let opened = open(&mut shop, &mut acme);
    let mut busy = 0;
    let sent = next(&mut shop, opened, None).unwrap();
    while deliver(&shop, &mut acme, &sent) == Ok(Delivered::Refused(Code::Busy)) {
        busy += 1;
    }
    assert!(busy > 0);
    assert_eq!(acme.stream().disowning, None);
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, MANY);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!(shop.stream().out_aside.len(), 1, "one range, however many pages brought it");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// The principal disowns a comment and a recall, but for so many of these messages, and says something under its new key.
fn disowned((mut shop, mut acme): (Desk, Desk), but: u64) -> (Desk, Desk) {
    let place = shop.stream().out_length + but;
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    shop.act(1, Action::Recall(because("Cancelled."))).unwrap();
    settle(&mut shop, &mut acme);
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, place)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    shop.comment(1, "It was not us.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    (shop, acme)
}

/// What decision 0016 leaves open: the place of the newest key alone is told, so a desk from before two changes takes for
/// true what was disowned at the first. Nobody may believe for long that both see the same.
#[test]
fn a_reader_from_before_two_changes_of_key_learns_that_the_two_desks_see_a_case_differently() {
    let (shop, acme) = working();
    let copy = acme.copy();
    let (shop, mut acme) = disowned((shop, acme), 0);
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let mut acme = acme.restore(&copy);
    for _ in 0..4 {
        open(&mut acme, &mut shop);
        resend(&mut shop, &mut acme);
    }
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Recalled));
    assert_eq!(shop.stream().out_head, acme.stream().in_head);

    let reader = |desk: &Desk| Reader::new(&desk.core, Arc::new(SystemClock));
    let facts = own_digest(&reader(&shop), DelegationNo(1)).unwrap();
    shop.run(SayDigest { delegation: DelegationNo(1), facts }).unwrap();
    quiet(&mut shop, &mut acme);
    let found = agreement(&reader(&acme), DelegationNo(1)).unwrap().unwrap();
    assert!(found.differs.iter().any(|what| what.as_str() == "state"), "{:?}", found.differs);
}

/// The author left out what it had disowned, and what came behind that was a gap for ever.
#[test]
fn a_reader_from_before_messages_that_were_disowned_gets_them_again_without_effect() {
    let (shop, acme) = working();
    let copy = acme.copy();
    let (mut shop, mut acme) = disowned((shop, acme), 0);
    acme.comment(1, "Good to know.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    let before = (acme.stream().in_head, heard(&acme), state(&acme, 1));
    assert_eq!((before.1.1, before.2), (2, State::Accepted));

    let mut acme = acme.restore(&copy);
    for _ in 0..4 {
        // Its own messages come back, then those of the partner.
        open(&mut acme, &mut shop);
        resend(&mut shop, &mut acme);
    }
    assert_eq!((acme.stream().in_head, heard(&acme), state(&acme, 1)), before);
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// The receipt for it was lost, and there was nothing left that could be sent once more: the link was never at rest.
#[test]
fn a_desk_that_has_disowned_all_that_it_ever_said_gets_the_receipt_for_it_all_the_same() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let opened = open(&mut shop, &mut acme);
    let offer = next(&mut shop, opened, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &offer), Ok(Delivered::Receipt(_))));
    acme.act(1, Action::Decline(because("No spare parts."))).unwrap();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, 0)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    shop.run(DropItems { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    carry(&mut acme, &mut shop);
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, shop.stream().out_length);
    assert_eq!(shop.stream().out_length, 2, "its descriptor, once");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// It does not know that it has held them: the receipts that say so are of the key that it has given up, and bind nobody.
/// The author took its refusals for a fault that never ends, and nothing came any more.
#[test]
fn a_reader_from_before_messages_that_were_disowned_and_its_own_change_of_key_gets_them_again() {
    let (shop, acme) = working();
    let copy = acme.copy();
    let (mut shop, acme) = disowned((shop, acme), 1);
    let before = (shop.stream().out_head, heard(&acme).1, state(&acme, 1));
    assert_eq!((before.1, before.2), (1, State::Accepted));

    let mut acme = rotate(acme, 2).restore(&copy);
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::KeyUnknown));
    resend(&mut shop, &mut acme);
    assert!(codes(&shop).contains(&"receipts-void".to_owned()));
    assert_eq!((acme.stream().in_head, heard(&acme).1, state(&acme, 1)), before);
    // Behind that the old key opens as little as ever.
    let held = acme.stream().in_length;
    assert!(!acme.stream().key_stands(held + 1, 0));
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Its owner never held what it is to disown, and the author may not give up the numbers.
#[test]
fn what_was_disowned_comes_to_a_desk_whose_thief_gave_the_receipts_for_it() {
    let (mut shop, acme) = working();
    let mut thief = Desk::new("Acme", 2).restore(&acme.copy());
    let mine = shop.stream().out_length;
    shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    shop.comment(1, "Pay there.", Audience::Thread).unwrap();
    carry(&mut shop, &mut thief);
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();
    let (mut shop, mut acme) = (rotate(shop, 1), rotate(acme, 2));
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 2);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!((shop.stream().waiting, shop.stream().acked), (0, shop.stream().out_length));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else both sides would see another state of the same case for good.
#[test]
fn what_was_disowned_stays_so_though_the_partner_never_heard_of_that_change() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    shop.act(1, Action::Recall(because("Cancelled."))).unwrap();
    settle(&mut shop, &mut acme);
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();
    let shop = rotate(shop, 1);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Recalled));

    // The next change comes before the partner could be reached, and vouches for everything.
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!(heard(&acme).1, 1);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

fn urgent() -> Changes {
    Changes { priority: Some(Priority::Urgent), ..Changes::default() }
}

/// The partner never had such an offer: it would refuse whatever is said about it, and the author would not know why.
#[test]
fn nothing_is_said_on_a_delegation_whose_offer_was_disowned() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    let opened = open(&mut shop, &mut acme);
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    next(&mut shop, opened, None).unwrap();
    shop.act(2, Action::Update(Box::new(urgent()))).unwrap();
    shop.run(Park { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!(state(&shop, 2), State::Unoffered);
    let refused = shop.comment(second.0, "When do you come?", Audience::Thread).unwrap_err();
    assert_eq!(refused.code, "no-partners");
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, shop.stream().out_length);
}

/// What was said already, and waits behind such an offer, does not leave without it; its author sees why.
#[test]
fn what_waits_behind_an_offer_that_was_disowned_does_not_leave() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    let opened = open(&mut shop, &mut acme);
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    next(&mut shop, opened, None).unwrap();
    shop.comment(second.0, "When do you come?", Audience::Thread).unwrap();
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let rows = acme.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    assert!(rows.iter().all(|(_, row)| row.refused.is_none()), "{rows:?}");
    assert!(shop.stream().waiting == 0 && shop.stream().acked == shop.stream().out_length);
    let thread = shop.rows().list(THREADS, &second, usize::MAX).unwrap();
    let why = thread.iter().flat_map(|(_, row)| &row.shared).filter_map(|shared| shared.refused.as_ref());
    assert!(why.clone().any(|why| why.code.as_str() == "not-offered"), "{:?}", why.collect::<Vec<_>>());
}

/// An honest contractor had accepted what it was told before it could know that a thief had said it.
#[test]
fn an_accept_that_crosses_the_disowning_of_what_it_accepts_is_no_fault() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.act(1, Action::Update(Box::new(urgent()))).unwrap();
    carry(&mut thief, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    let opened = open(&mut acme, &mut thief);
    next(&mut acme, opened, None).unwrap();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let rows = shop.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    let refused: Vec<_> = rows.iter().filter_map(|(_, row)| row.refused.as_ref()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(state(&shop, 1), state(&acme, 1));
    assert_eq!(acme.stream().acked, acme.stream().out_length);
}

/// Else the partner waits for messages that are held back for good, until something else is said.
#[test]
fn a_receipt_from_before_the_place_is_told_does_not_count_what_the_change_leaves_out() {
    let (mut shop, mut acme) = working();
    let mine = acme.stream().out_length;
    let opened = open(&mut acme, &mut shop);
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    next(&mut acme, opened, None).unwrap();
    assert!(acme.stream().out_length > mine, "it is numbered, and never arrives");
    let plan = PlanKey { key: key(2, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    acme.run(plan).unwrap();
    let mut acme = rotate(acme, 2);
    let descriptor = acme.identity.descriptor().clone();
    shop.run(TakeDescriptor { link: LINK, descriptor }).unwrap();
    shop.act(1, Action::Update(Box::new(urgent()))).unwrap();
    carry(&mut shop, &mut acme);
    assert!(acme.stream().out_change.unwrap().place.is_none());
    assert_eq!(shop.delegation(1).case.open(), [], "nothing can come before the update");

    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().in_change.unwrap().place.unwrap().0, mine);
    assert_eq!(shop.delegation(1).case.open(), []);
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}
