//! Forks and clones: nothing goes on before people have looked, and then exactly what they chose.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::Delivered;
use deskwire_engine::command::link::{PauseTold, Resume};
use deskwire_engine::command::repair::{Branch, Repair};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::query::verify;
use deskwire_machine::delegation::State;
use deskwire_proto::code::Code;
use deskwire_store::row::{Audience, LinkState, Pause};
use deskwire_store::table::{LEFT_RECEIVED, LEFT_SENT, LINKS, RECEIVED, Rows};

use crate::harness::{Desk, LINK, batch, because, deliver, linked, pump, session, settle};
use crate::recovery::{fetch, hello, recover, same_after_rebuild, send_again, shown};

fn state(desk: &Desk) -> LinkState {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap().state
}

/// Two desks of which the first, the author, has written one page twice: the second holds "kept" and an acceptance's
/// recall, the author something else under the same numbers.
fn forked() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let copy = shop.copy();
    shop.comment(1, "on the reader's branch", Audience::Thread).unwrap();
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    let numbered = shop.stream().out_length;
    let more = batch(&mut shop, open, Some(numbered)).unwrap();
    // A copy that numbers on without asking, as no correct desk does.
    let mut shop = shop.restore(&copy);
    let early = session(&mut shop, &mut acme);
    shop.comment(1, "on the author's branch", Audience::Thread).unwrap();
    shop.comment(1, "and one more", Audience::Thread).unwrap();
    batch(&mut shop, early, None).unwrap();
    // Now what the other copy had sent arrives, over the session that it had opened.
    let open = session_of_copy(&mut acme, &sent, &more, &shop);
    assert!(open >= 2);
    (shop, acme)
}

/// Delivers what the other copy had sent; how many messages.
fn session_of_copy(
    acme: &mut Desk,
    sent: &deskwire_proto::batch::Batch,
    more: &deskwire_proto::batch::Batch,
    shop: &Desk,
) -> usize {
    for batch in [sent, more] {
        let delivered = deliver(shop, acme, batch);
        assert!(matches!(delivered, Delivered::Receipt(_)), "{delivered:?}");
    }
    sent.deliveries.len() + more.deliveries.len()
}

#[test]
fn a_fork_stops_both_sides_and_each_side_is_told() {
    let (mut shop, mut acme) = forked();
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    assert!(matches!(state(&acme), LinkState::Paused(Pause::Fork(_))));
    shop.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    assert!(matches!(state(&shop), LinkState::Paused(Pause::Told(_))));
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::LinkPaused));
    // If the two choose differently, it is a fork again.
    shop.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    assert!(matches!(state(&acme), LinkState::Paused(Pause::Fork(_))));
    assert!(
        shop.run(Repair { link: LINK, branch: Branch::Ours }).is_err(),
        "nothing to repair on this side yet"
    );
}

#[test]
fn the_authors_branch_can_be_chosen_and_the_readers_has_no_effect_any_more() {
    let (mut shop, mut acme) = forked();
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    shop.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    assert_eq!(shown(&acme, 1).0, State::Recalled);
    acme.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    shop.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    assert_eq!(shown(&acme, 1).0, State::Accepted, "the recall stood on the branch that was left");
    assert!(acme.rows().list(LEFT_RECEIVED, &LINK, usize::MAX).unwrap().len() >= 2);
    let (mut shop, mut acme) = (same_after_rebuild(shop), same_after_rebuild(acme));
    assert_eq!(hello(&mut shop, &mut acme), Ok(()));
    send_again(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    for desk in [&shop, &acme] {
        let report = verify(&desk.reader(), None).unwrap();
        assert!(
            report.problems.is_empty(),
            "receipts for the branch that was left are no damage: {report:?}"
        );
    }
    same_after_rebuild(acme);
}

#[test]
fn the_readers_branch_can_be_chosen_and_the_author_takes_it_back() {
    let (mut shop, mut acme) = forked();
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    shop.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    shop.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    assert_eq!(shop.rows().list(LEFT_SENT, &LINK, usize::MAX).unwrap().len(), 2);
    let mut shop = same_after_rebuild(shop);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme, deskwire_proto::limits::BATCH_BYTES);
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!((shown(&shop, 1).0, shown(&acme, 1).0), (State::Recalled, State::Recalled));
    same_after_rebuild(shop);
}

#[test]
fn a_clone_stops_both_sides_and_the_copy_that_stays_recovers_after_a_restart() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    let copy = shop.copy();
    // The copy on another machine, with an instance of its own, says something.
    let disk = shop.copy();
    let mut clone = shop.restore(&copy);
    clone.comment(1, "from the copy", Audience::Thread).unwrap();
    pump(&mut clone, &mut acme);
    let length = acme.stream().in_length;
    // The first one starts from its own disk and recovers what the copy has said, as its own.
    let mut shop = clone.restore(&disk);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme, deskwire_proto::limits::BATCH_BYTES);
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_length, length);
    // Told that two copies run, it pauses, and goes on when its operator says so.
    shop.run(PauseTold { link: LINK, code: Code::CloneSuspected }).unwrap();
    assert!(matches!(state(&shop), LinkState::Paused(Pause::Told(_))));
    let mut shop = shop.restart();
    shop.run(Resume { link: LINK }).unwrap();
    shop.comment(1, "and on", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, length + 1);
    same_after_rebuild(shop);
}

/// The partner believes the first receipt: an offer that the copy refused, and the first one took, would stand on one side
/// alone for good.
#[test]
fn a_copy_refuses_nothing_that_follows_what_the_other_one_has_said() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    // The copy knows that it has lost nothing, and only reads.
    let mut twin = Desk::new("Shop", 1).restore(&shop.copy());
    twin.now = shop.now;
    hello(&mut twin, &mut acme).unwrap();
    shop.comment(1, "from the first one", Audience::Thread).unwrap();
    pump(&mut shop, &mut acme);
    let ticket = acme.ticket("No paper");
    acme.delegate(ticket).unwrap();
    let open = session(&mut acme, &mut twin);
    let sent = batch(&mut acme, open, None).unwrap();
    assert_eq!(deliver(&acme, &mut twin, &sent), Delivered::Refused(Code::Busy));
    assert_eq!(hello(&mut twin, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut twin, &mut acme, deskwire_proto::limits::BATCH_BYTES);
    send_again(&mut acme, &mut twin);
    assert_eq!(twin.stream().out_length, acme.stream().in_length);
    // The first one takes it, too, as the copy did.
    recover(&mut shop, &mut acme);
    for desk in [&twin, &shop, &acme] {
        assert_eq!(shown(desk, 2).0, State::Offered);
    }
    same_after_rebuild(twin);
    same_after_rebuild(shop);
}

/// Two copies of a principal's desk and its contractor. One copy has said `texts` comments and has had the resolution
/// that answers them; the other has numbered a status and `others` comments over a session from before, which nobody has.
fn torn(texts: usize, others: usize) -> (Desk, Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let mut twin = Desk::new("Shop", 1).restore(&shop.copy());
    twin.now = shop.now;
    let early = session(&mut twin, &mut acme);
    let open = session(&mut shop, &mut acme);
    for _ in 0..texts {
        shop.comment(1, "on one branch", Audience::Thread).unwrap();
    }
    shop.act(1, Action::Status(None)).unwrap();
    while let Some(sent) = batch(&mut shop, open, None) {
        let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &sent) else { panic!("a receipt") };
        crate::harness::take_receipt(&mut shop, &acme, &receipt).unwrap();
    }
    twin.act(1, Action::Status(None)).unwrap();
    for _ in 0..others {
        twin.comment(1, "on the other branch", Audience::Thread).unwrap();
    }
    batch(&mut twin, early, None).unwrap();
    (shop, twin, acme)
}

/// What it said before the author's branch had come was refused: an earlier word of it had seen more, of the branch that
/// was left.
#[test]
fn what_the_reader_says_before_the_other_branch_is_there_counts() {
    let (mut shop, mut acme) = forked();
    acme.act(1, Action::Status(None)).unwrap();
    pump(&mut acme, &mut shop);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    shop.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    shop.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    pump(&mut acme, &mut shop);
    let received = shop.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    let refused: Vec<_> = received.iter().filter(|(_, row)| row.refused.is_some()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(shown(&shop, 1).0, State::Resolved);
    let (mut shop, mut acme) = (same_after_rebuild(shop), same_after_rebuild(acme));
    together(&mut shop, &mut acme);
    shop.act(1, Action::Reopen(because("It beeps again."))).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    assert_eq!(shown(&shop, 1).0, State::InProgress);
    assert_eq!(acme.delegation(1).case.settled(), shop.delegation(1).case.settled());
    assert_eq!((shop.delegation(1).case.open(), acme.delegation(1).case.open()), (&[][..], &[][..]));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Everything that either desk lacks is fetched and sent until both stand alike.
fn together(one: &mut Desk, other: &mut Desk) {
    for _ in 0..2 {
        if hello(one, other) == Err(Code::RecoveryNeeded) {
            fetch(one, other, deskwire_proto::limits::BATCH_BYTES);
        }
        send_again(other, one);
        if hello(other, one) == Err(Code::RecoveryNeeded) {
            fetch(other, one, deskwire_proto::limits::BATCH_BYTES);
        }
        send_again(one, other);
    }
    settle(one, other);
}

#[test]
fn what_this_desk_said_after_the_branch_that_was_left_does_not_stop_the_other_branch() {
    let (mut shop, mut twin, mut acme) = torn(4, 3);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    pump(&mut acme, &mut shop);
    let seen = acme.stream().in_length;
    assert_eq!(acme.delegation(1).case.open(), [], "the resolution is settled behind the whole branch");
    assert_eq!(hello(&mut twin, &mut acme), Err(Code::Fork));
    twin.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    twin.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    assert!(acme.stream().in_length + 1 < seen);
    let mut acme = same_after_rebuild(acme);
    together(&mut twin, &mut acme);
    assert_eq!(shown(&acme, 1).0, State::Resolved);
    // What it had seen of the branch that was left is counted on in the other one.
    twin.comment(1, "and on", Audience::Thread).unwrap();
    twin.act(1, Action::Confirm).unwrap();
    settle(&mut twin, &mut acme);
    assert_eq!(acme.stream().in_head, twin.stream().out_head);
    assert_eq!(shown(&twin, 1), shown(&acme, 1));
    assert_eq!(acme.delegation(1).case.settled(), twin.delegation(1).case.settled());
    assert_eq!(shown(&acme, 1).0, State::Confirmed);
    same_after_rebuild(twin);
    same_after_rebuild(acme);
}

#[test]
fn an_offer_on_both_branches_keeps_its_ticket_and_what_was_said_to_it() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let open = session(&mut shop, &mut acme);
    let offer = batch(&mut shop, open, None).unwrap();
    let mut twin = Desk::new("Shop", 1).restore(&shop.copy());
    twin.now = shop.now;
    let early = session(&mut twin, &mut acme);
    shop.comment(1, "on one branch", Audience::Thread).unwrap();
    let more = batch(&mut shop, open, Some(1)).unwrap();
    assert_eq!(session_of_copy(&mut acme, &offer, &more, &shop), 2);
    twin.comment(1, "on the other branch", Audience::Thread).unwrap();
    batch(&mut twin, early, Some(1)).unwrap();
    acme.act(1, Action::Accept).unwrap();
    acme.run(deskwire_engine::command::ticket::SetStatus {
        ticket: deskwire_store::local::TicketNumber(1),
        status: deskwire_proto::text::Code::new("in-progress").unwrap(),
        label: None,
        by: crate::harness::person("Boris"),
    })
    .unwrap();
    let before = acme.rows().get(deskwire_store::table::TICKETS, &deskwire_store::local::TicketNumber(1));
    let before = before.unwrap().unwrap();
    assert_eq!(hello(&mut twin, &mut acme), Err(Code::Fork));
    twin.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    twin.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    let cut = acme.stream().in_length;
    assert_eq!(cut, 0, "the author has not shown a receipt for the offer");
    together(&mut twin, &mut acme);
    let after = acme.rows().get(deskwire_store::table::TICKETS, &deskwire_store::local::TicketNumber(1));
    assert_eq!(after.unwrap().unwrap().status, before.status);
    assert_eq!(acme.delegation(1).case.settled(), twin.delegation(1).case.settled());
    assert_eq!(shown(&twin, 1), shown(&acme, 1));
    same_after_rebuild(acme);
}

#[test]
fn an_author_that_takes_the_readers_branch_puts_its_events_before_what_the_reader_said_to_them() {
    let (shop, mut twin, mut acme) = torn(2, 6);
    drop(shop);
    // What the reader says has seen the branch of the other copy; this one takes it for its own.
    acme.act(1, Action::Status(None)).unwrap();
    pump(&mut acme, &mut twin);
    assert!(twin.stream().in_seen > twin.stream().acked);
    assert_eq!(hello(&mut twin, &mut acme), Err(Code::Fork));
    twin.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    let mut twin = same_after_rebuild(twin);
    together(&mut twin, &mut acme);
    assert_eq!(twin.stream().out_head, acme.stream().in_head);
    let placed = twin.rows().list(
        deskwire_store::table::DELEGATION_EVENTS,
        &deskwire_store::local::DelegationNo(1),
        99,
    );
    let counted = placed
        .unwrap()
        .into_iter()
        .filter(|(_, row)| matches!(row.effect, deskwire_store::row::Effect::Fate { .. }));
    assert_eq!(counted.count(), 4, "offer, acceptance, and the two statuses");
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut acme, &mut twin);
    assert_eq!(shown(&twin, 1), shown(&acme, 1));
    assert_eq!(acme.delegation(1).case.settled(), twin.delegation(1).case.settled());
    same_after_rebuild(twin);
    same_after_rebuild(acme);
}

/// The branch of a fork may be longer than one step takes: it is left step by step, also over a kill, and what rests on it
/// with it.
#[test]
fn a_long_branch_is_left_step_by_step_also_over_a_kill() {
    const MANY: usize = 1_100;
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let (copy, same) = (shop.copy(), acme.stream().in_length);
    for _ in 0..MANY {
        shop.comment(1, "on the reader's branch", Audience::Thread).unwrap();
    }
    let sent = numbered(&mut shop, &mut acme);
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    let last = numbered(&mut shop, &mut acme);
    // A copy that numbers on without asking, as no correct desk does.
    let mut shop = shop.restore(&copy);
    let early = session(&mut shop, &mut acme);
    shop.comment(1, "on the author's branch", Audience::Thread).unwrap();
    batch(&mut shop, early, None).unwrap();
    for batch in &sent {
        assert!(matches!(deliver(&shop, &mut acme, batch), Delivered::Receipt(_)));
    }
    for _ in 0..MANY {
        acme.comment(1, "which has seen that", Audience::Thread).unwrap();
    }
    numbered(&mut acme, &mut shop);
    for batch in &last {
        assert!(matches!(deliver(&shop, &mut acme, batch), Delivered::Receipt(_)));
    }
    assert_eq!(shown(&acme, 1).0, State::Recalled);

    assert_eq!(hello(&mut shop, &mut acme), Err(Code::Fork));
    shop.run(PauseTold { link: LINK, code: Code::Fork }).unwrap();
    acme.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    let mut steps = 0;
    while acme.stream().leaving.is_some() {
        assert!(matches!(state(&acme), LinkState::Paused(Pause::Fork(_))), "nothing goes on before the end");
        assert!(acme.run(Repair { link: LINK, branch: Branch::Ours }).is_err(), "it is being left");
        acme = if steps == 0 { same_after_rebuild(acme) } else { acme.restart() };
        acme.run(Tick).unwrap();
        steps += 1;
        assert!(steps < 20, "it ends");
    }
    assert!(steps > 1, "it was more than one step");
    assert_eq!((acme.stream().in_length, state(&acme)), (same, LinkState::Active));
    assert_eq!(acme.rows().list(LEFT_RECEIVED, &LINK, usize::MAX).unwrap().len(), MANY + 1);
    shop.run(Repair { link: LINK, branch: Branch::Ours }).unwrap();
    assert_eq!(hello(&mut shop, &mut acme), Ok(()));
    send_again(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert_eq!((shown(&acme, 1).0, shown(&shop, 1)), (State::Accepted, shown(&acme, 1)));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Everything that waits is numbered and laid out, and nothing of it is carried.
fn numbered(from: &mut Desk, to: &mut Desk) -> Vec<deskwire_proto::batch::Batch> {
    let (open, mut last, mut sent) = (session(from, to), from.stream().out_length, Vec::new());
    while let Some(batch) = batch(from, open, Some(last)) {
        last = from.stream().out_length;
        sent.push(batch);
    }
    sent
}
