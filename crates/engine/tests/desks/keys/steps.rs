//! Much that loses its effect does so step by step, also over a kill in the middle, and nothing is said meanwhile.

use deskwire_engine::Fault;

use super::*;

/// More than one step does.
const MANY: usize = 1_150;

/// The clock of the daemon goes on until nothing is left to do, killed in between.
fn done_by_ticks(mut desk: Desk) -> Desk {
    let mut steps = 0;
    while desk.stream().leaving.is_some() {
        assert!(desk.run(SayHello { link: LINK }).is_err_and(|refusal| refusal.fault == Fault::Passing));
        desk = if steps == 0 { same_after_rebuild(desk) } else { desk.restart() };
        desk.run(Tick).unwrap();
        steps += 1;
        assert!(steps < 20, "it ends");
    }
    assert!(steps > 0, "it was more than one step");
    desk
}

/// A desk whose key was used by somebody disowns more than one step takes: of what arrived and of what did not.
#[test]
fn a_theft_of_many_messages_is_undone_step_by_step_also_over_kills() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    for _ in 0..MANY {
        shop.comment(1, "Pay here.", Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    let arrived = shop.stream().out_length;
    for _ in 1..MANY {
        shop.comment(1, "And here.", Audience::Thread).unwrap();
    }
    shop.act(1, Action::Recall(because("Cancelled."))).unwrap();
    let opened = open(&mut shop, &mut acme);
    let mut numbered = arrived;
    while next(&mut shop, opened, Some(numbered)).is_some() {
        numbered = shop.stream().out_length;
    }
    assert_eq!((state(&shop, 1), numbered), (State::Recalled, arrived + MANY as u64));
    let plan = PlanKey { key: key(1, 0).public().commitment(), places: vec![(LINK, mine)], restored: false };
    shop.run(plan).unwrap();

    let mut shop = rotate(shop, 1);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::SessionUnknown));
    assert!(shop.stream().leaving.is_some() && shop.stream().out_length < numbered, "the first part is done");
    let mut shop = done_by_ticks(shop);
    assert_eq!(shop.stream().out_length, arrived);
    assert_eq!(shop.stream().out_aside, [(mine + 1, arrived)]);
    assert!(codes(&shop).contains(&"messages-disowned".to_owned()));
    while acme.stream().in_change.is_none_or(|change| change.place.is_none())
        || acme.stream().disowning.is_some()
    {
        let _ = greet(&mut shop, &mut acme);
        acme.run(Tick).unwrap();
    }
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, MANY);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// A principal, its contractor with more to say than one step takes, and who has stolen the principal's key.
fn much_to_say() -> (Desk, Desk, Desk) {
    let (shop, mut acme) = working();
    let thief = Desk::new("Shop", 1).restore(&shop.copy());
    for _ in 0..2 * MANY {
        acme.comment(1, "On our way.", Audience::Thread).unwrap();
    }
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    (shop, acme, thief)
}

/// One receipt of a thief may cover thousands of messages of as many delegations: no step folds all of them.
#[test]
fn one_receipt_of_a_thief_for_many_messages_loses_its_effect_step_by_step() {
    let (shop, mut acme, mut thief) = much_to_say();
    let held = shop.stream().in_length;
    let opened = open(&mut acme, &mut thief);
    let (mut after, mut last) = (None, None);
    while let Some(batch) = next(&mut acme, opened, after) {
        let Delivered::Receipt(receipt) = deliver(&acme, &mut thief, &batch).unwrap() else {
            panic!("a receipt")
        };
        (after, last) = (Some(acme.stream().out_length), Some(receipt));
    }
    take_receipt(&mut acme, &thief, &last.unwrap()).unwrap();
    assert!(acme.stream().acked > held + 2 * MANY as u64);

    let mut shop = rotate(shop, 1);
    let _ = greet(&mut shop, &mut acme);
    let _ = greet(&mut acme, &mut shop);
    assert!(acme.stream().leaving.is_some() && acme.stream().acked == held, "the first part is done");
    let mut acme = done_by_ticks(acme);
    assert!(codes(&acme).contains(&"receipts-void".to_owned()));
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().in_length, acme.stream().out_length);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Receipts of a thief for more messages than one step takes bind nobody in the end, and all of it is said again.
#[test]
fn many_receipts_of_a_thief_lose_their_effect_step_by_step() {
    let (shop, mut acme, mut thief) = much_to_say();
    let held = shop.stream().in_length;
    carry(&mut acme, &mut thief);
    assert!(acme.stream().acked > held + 2 * MANY as u64);

    let mut shop = rotate(shop, 1);
    let _ = greet(&mut shop, &mut acme);
    let _ = greet(&mut acme, &mut shop);
    assert!(acme.stream().leaving.is_some());
    let mut acme = done_by_ticks(acme);
    assert_eq!(acme.stream().acked, held);
    assert!(codes(&acme).contains(&"receipts-void".to_owned()));
    quiet(&mut shop, &mut acme);
    assert_eq!(shop.stream().in_length, acme.stream().out_length);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}
