//! A recovery in which the partner lies, the disk fills up or there is very much: nothing false is taken, nothing is
//! lost, and the desk goes on.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::deliver::Delivered;
use deskwire_engine::command::file::Brought;
use deskwire_engine::command::key::PlanKey;
use deskwire_engine::command::recover::{TakePage, Taken};
use deskwire_engine::command::repair::{Branch, Repair};
use deskwire_engine::command::session::{AnswerHello, TakeWelcome};
use deskwire_engine::identity::{Face, Identity};
use deskwire_machine::delegation::State;
use deskwire_proto::batch::{Batch, BatchHead};
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::id::{Hash, SessionId};
use deskwire_proto::key::SecretKey;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::list::List;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverPage;
use deskwire_proto::session::Welcome;
use deskwire_store::WriteError;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::row::{Audience, LinkState, Pause, ThreadKind};
use deskwire_store::table::{ANNOUNCED, RETURNED_ITEMS, Rows, THREADS};

use crate::harness::{
    Desk, LINK, answer_hello, attached, batch, because, deliver, import, linked, person, prose, say_hello,
    session, settle, take_receipt,
};
use crate::recovery::{
    codes, fetch, hello, offered, open, recover, recovery, request, same_after_rebuild, send_again, shown,
    state,
};

/// The desk says hello, and is answered with what `lie` makes of the partner's welcome.
fn lied_to(desk: &mut Desk, partner: &mut Desk, lie: impl FnOnce(&mut Welcome)) -> Result<(), Code> {
    let hello = say_hello(desk);
    let welcome = partner.run(AnswerHello { link: LINK, hello }).unwrap()?;
    let welcome = Signed::<Welcome>::open(&welcome, partner.identity.keys().current()).unwrap();
    let mut welcome = welcome.body().clone();
    lie(&mut welcome);
    let welcome = Signed::seal(welcome, partner.identity.secret());
    desk.run(TakeWelcome { link: LINK, welcome }).unwrap().map(drop)
}

#[test]
fn other_messages_behind_a_true_receipt_of_this_desk_are_a_fork_and_not_believed() {
    let (mut shop, mut acme) = offered();
    let (old_shop, old_acme) = (shop.copy(), acme.copy());
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    acme.comment(1, "We are there.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&old_shop);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme, BATCH_BYTES);
    assert_eq!(recovery(&shop).unwrap().told, 2);

    let mut liar = Desk::new("Acme", 2).restore(&old_acme);
    liar.comment(1, "You have agreed to pay twice.", Audience::Thread).unwrap();
    liar.comment(1, "And at once.", Audience::Thread).unwrap();
    // It gave them their numbers before it says hello.
    let mut other = Desk::new("Shop", 1).restore(&old_shop);
    let open = session(&mut liar, &mut other);
    batch(&mut liar, open, None).unwrap();
    let open = session(&mut liar, &mut shop);
    let sent = batch(&mut liar, open, None).unwrap();
    assert_eq!(deliver(&liar, &mut shop, &sent), Delivered::Refused(Code::Fork));
    assert!(matches!(state(&shop), LinkState::Paused(Pause::Fork(_))));
    assert!(shop.stream().in_length < 2);
    same_after_rebuild(shop);
}

/// The desk stops, its key is changed, and it starts again.
fn rotate(mut desk: Desk, seed: u8) -> Desk {
    let next = SecretKey::from_seed(&[seed ^ 0xff; 32]);
    let key = next.public().commitment();
    desk.run(PlanKey { key, places: Vec::new(), restored: false }).unwrap();
    let after = SecretKey::from_seed(&[seed.wrapping_add(16); 32]);
    let keys = desk.identity.keys().rotate(&next, &after.public()).unwrap();
    let body = desk.identity.descriptor().body();
    let face = Face {
        name: body.name.clone(),
        prefix: desk.identity.prefix().to_owned(),
        endpoints: body.endpoints.clone(),
        tls: body.tls.clone(),
        file_bytes: body.limits.file,
    };
    let identity = Identity::new(keys, next, face, body.version.plus(1)).unwrap();
    desk.restart_as(identity)
}

#[test]
fn what_a_stolen_key_signed_behind_the_change_does_not_come_back_as_lost() {
    let (shop, mut acme) = offered();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    let open_thief = session(&mut thief, &mut acme);
    thief.comment(1, "Pay to another account.", Audience::Thread).unwrap();
    let forged = batch(&mut thief, open_thief, None).unwrap();
    let mut shop = rotate(shop, 1);
    session(&mut shop, &mut acme);
    let before = shop.stream().out_length;
    let lie = lied_to(&mut shop, &mut acme, |welcome| {
        welcome.length = before + 1;
        welcome.head = Hash::of(b"whatever");
    });
    assert_eq!(lie, Err(Code::RecoveryNeeded));
    let link = request(&mut shop).unwrap().body().link;
    let head = deskwire_proto::recover::RecoverHead {
        v: deskwire_proto::document::V1,
        link,
        more: false,
        receipts: List::new(Vec::new()).unwrap(),
        descriptor: None,
    };
    let page = RecoverPage { head, deliveries: forged.deliveries };
    let page = open(&page.encode(), &shop, &acme);
    let taken = shop.run(TakePage { link: LINK, page }).unwrap();
    assert_eq!(taken, Taken::Refused(Code::BadSignature));
    assert_eq!(shop.stream().out_length, before);
    assert!(matches!(state(&shop), LinkState::Paused(Pause::BadPage(_))));
}

#[test]
fn very_many_messages_that_become_due_at_once_take_effect_in_steps() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    acme.comment(1, "How do we do it?", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    for number in 0..600 {
        shop.comment(1, &format!("step {number}"), Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    let before = (shop.stream().out_head, shown(&shop, 1));

    let mut shop = shop.restore(&copy);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme, BATCH_BYTES);
    let first = recovery(&shop).unwrap().placed;
    let open = session(&mut acme, &mut shop);
    let sent = batch(&mut acme, open, Some(shop.stream().in_length)).unwrap();
    assert!(matches!(deliver(&acme, &mut shop, &sent), Delivered::Receipt(_)));
    assert_eq!(recovery(&shop).unwrap().placed, first + 256);
    // Until all of them have, nothing of the partner is looked at.
    assert_eq!(deliver(&acme, &mut shop, &sent), Delivered::Refused(Code::Busy));
    assert_eq!(recovery(&shop).unwrap().placed, first + 512);
    let mut shop = same_after_rebuild(shop);
    session(&mut shop, &mut acme);
    assert_eq!(recovery(&shop), None);
    settle(&mut shop, &mut acme);
    assert_eq!((shop.stream().out_head, shown(&shop, 1)), before);
    assert!(codes(&shop).iter().any(|code| code == "recovered"));
    same_after_rebuild(shop);
}

#[test]
fn a_full_disk_in_the_middle_of_a_recovery_does_not_turn_true_messages_into_lies() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    shop.comment(1, "lost here", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    acme.comment(1, "an answer to it", Audience::Thread).unwrap();
    let open_acme = session(&mut acme, &mut shop);
    let answer = batch(&mut acme, open_acme, None).unwrap();

    let mut shop = shop.restore(&copy);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    let asked = request(&mut shop).unwrap();
    let page = acme.hand_back(LINK, asked, BATCH_BYTES).unwrap();
    let page = open(&page, &shop, &acme);
    let disk = shop.store.disk().clone();
    disk.set_capacity(Some(disk.used()));
    assert_eq!(shop.core.step(shop.now, TakePage { link: LINK, page }).unwrap(), Taken::Complete);
    for _ in 0..40 {
        let body = prose(&"x".repeat(40_000));
        let (ticket, audience, by) = (TicketNumber(1), Audience::Internal, person("Anna"));
        shop.core.step(shop.now, AddComment { ticket, body, audience, by }).unwrap();
    }
    assert!(matches!(shop.core.commit(), Err(WriteError::Full(_))));
    disk.set_capacity(None);

    let open_acme = session(&mut acme, &mut shop);
    let head = BatchHead { session: open_acme, known: 0, ..answer.head };
    let answer = Batch { head, deliveries: answer.deliveries };
    assert_eq!(deliver(&acme, &mut shop, &answer), Delivered::Refused(Code::Busy));
    recover(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    assert!(crate::harness::receipts_of(&shop).iter().all(|(_, refused)| !refused));
    same_after_rebuild(shop);
}

/// Both desks are restored: the shop has back what it said after it had seen a message of Acme that nobody holds any more.
fn beyond(say: impl FnOnce(&mut Desk)) -> (Desk, Desk) {
    let (mut shop, mut acme) = offered();
    let (old_shop, old_acme) = (shop.copy(), acme.copy());
    acme.comment(1, "Which room?", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    say(&mut shop);
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&old_shop);
    // Acme has kept the messages of the shop, and neither its own nor the receipts for them.
    let lie = lied_to(&mut shop, &mut acme, |welcome| welcome.known = 0);
    assert_eq!(lie, Err(Code::RecoveryNeeded));
    let mut taken = Taken::More;
    while taken == Taken::More {
        let asked = request(&mut shop).unwrap();
        let page = acme.hand_back(LINK, asked, BATCH_BYTES).unwrap();
        let mut page = RecoverPage::decode(&page).unwrap();
        let ours = page.head.receipts.iter();
        let theirs = ours.filter(|raw| Signed::<Receipt>::open(raw, acme.identity.keys().current()).is_ok());
        page.head.receipts = List::new(theirs.cloned().collect()).unwrap();
        let page = open(&page.encode(), &shop, &acme);
        taken = shop.run(TakePage { link: LINK, page }).unwrap();
    }
    assert_eq!(taken, Taken::Complete);
    assert_eq!(recovery(&shop).unwrap().upto, 1, "what it had seen");
    (shop, acme.restore(&old_acme))
}

#[test]
fn what_lost_messages_had_seen_and_nobody_holds_any_more_is_told_to_the_operator() {
    let (mut shop, mut acme) = beyond(|shop| {
        shop.comment(1, "The second.", Audience::Thread).unwrap();
    });
    assert_eq!(hello(&mut acme, &mut shop), Err(Code::LinkPaused));
    assert_eq!(state(&shop), LinkState::Paused(Pause::Beyond(1)));
    assert_eq!(codes(&shop), ["history-lost"]);
    same_after_rebuild(shop);
}

/// The desk that said it went on without it: its partner held the case for recalled, and it did not.
#[test]
fn what_came_back_takes_effect_although_nobody_holds_what_it_had_seen() {
    let (mut shop, mut acme) = beyond(|shop| {
        shop.act(1, Action::Recall(because("It works again."))).unwrap();
    });
    assert_eq!(hello(&mut acme, &mut shop), Err(Code::LinkPaused));
    assert_eq!(shown(&shop, 1).0, State::Recalled);
    shop.run(Repair { link: LINK, branch: Branch::Theirs }).unwrap();
    recover(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    assert_eq!((state(&shop), state(&acme)), (LinkState::Active, LinkState::Active));
    assert_eq!([&shop, &acme].map(|desk| shown(desk, 1).0), [State::Recalled; 2]);
    // The number that the shop had seen is used again.
    let other = acme.ticket("Broken door");
    acme.delegate(other).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().in_length, acme.stream().out_length);
    assert_eq!([&shop, &acme].map(|desk| shown(desk, 1).0), [State::Recalled; 2]);
    same_after_rebuild(shop);
}

/// More than one step takes: none of them is left out before the operator chooses.
#[test]
fn however_much_came_back_takes_effect_although_nobody_holds_what_it_had_seen() {
    const SAID: usize = 300;
    let (mut shop, mut acme) = beyond(|shop| {
        for said in 0..SAID {
            shop.comment(1, &format!("{said}"), Audience::Thread).unwrap();
        }
    });
    assert_eq!(hello(&mut acme, &mut shop), Err(Code::Busy));
    assert_eq!(state(&shop), LinkState::Active);
    assert_eq!(hello(&mut acme, &mut shop), Err(Code::LinkPaused));
    let thread = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    assert_eq!(thread.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).count(), SAID);
    same_after_rebuild(shop);
}

/// Attaches a file to the first ticket.
fn attach(desk: &mut Desk) {
    let attach = attached(TicketNumber(1), "photo.jpg", import(desk, b"a photo"), Audience::Thread);
    desk.run(attach).unwrap();
}

fn announced(desk: &Desk) -> Vec<((LinkNo, u64), FileNo)> {
    desk.rows().list(ANNOUNCED, &LINK, usize::MAX).unwrap()
}

/// Carries what waits in a session that is open.
fn say(from: &mut Desk, to: &mut Desk, open: SessionId) {
    let sent = batch(from, open, None).unwrap();
    let Delivered::Receipt(receipt) = deliver(from, to, &sent) else { panic!("a receipt") };
    take_receipt(from, to, &receipt).unwrap();
}

/// A desk without an endpoint brought it once and never again: its partner waited for the bytes for ever.
#[test]
fn a_file_that_was_brought_to_a_partner_restored_since_is_brought_once_more() {
    let (mut shop, mut acme) = offered();
    let copy = acme.copy();
    attach(&mut shop);
    settle(&mut shop, &mut acme);
    let before = announced(&shop);
    shop.run(Brought { link: LINK, seq: before[0].0.1 }).unwrap();
    assert!(announced(&shop).is_empty());
    let mut acme = acme.restore(&copy);
    recover(&mut acme, &mut shop);
    assert_eq!(announced(&shop), before);
    same_after_rebuild(shop);
}

/// What it had told with its older key was void, and with that how far it had been: it waited for the bytes for ever.
#[test]
fn a_file_that_was_brought_to_a_partner_restored_from_before_its_change_of_key_is_brought_once_more() {
    let (mut shop, mut acme) = linked();
    let copy = acme.copy();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    attach(&mut shop);
    settle(&mut shop, &mut acme);
    let before = announced(&shop);
    shop.run(Brought { link: LINK, seq: before[0].0.1 }).unwrap();
    assert!(announced(&shop).is_empty());
    let mut acme = rotate(acme, 2);
    assert!((0..3).any(|_| hello(&mut acme, &mut shop).is_ok()), "the place of the newer key is told");
    let mut acme = acme.restore(&copy);
    send_again(&mut shop, &mut acme);
    assert_eq!(announced(&shop), before);
    same_after_rebuild(shop);
}

/// Its backup had the message and not the bytes, which it had been brought since: it waited for them for ever.
#[test]
fn a_file_that_was_on_its_way_when_the_partner_was_backed_up_is_brought_once_more() {
    for more in [false, true] {
        let (mut shop, mut acme) = offered();
        attach(&mut shop);
        let open = session(&mut shop, &mut acme);
        say(&mut shop, &mut acme, open);
        let copy = acme.copy();
        let before = announced(&shop);
        shop.run(Brought { link: LINK, seq: before[0].0.1 }).unwrap();
        if more {
            // The partner held this too, and gave a receipt for it.
            shop.comment(1, "The second.", Audience::Thread).unwrap();
            say(&mut shop, &mut acme, open);
        }
        assert!(announced(&shop).is_empty());
        let mut acme = acme.restore(&copy);
        if more {
            recover(&mut acme, &mut shop);
        } else {
            // Its hello alone says that it was started anew.
            hello(&mut acme, &mut shop).unwrap();
        }
        assert_eq!(announced(&shop), before);
        same_after_rebuild(shop);
    }
}

/// In the session from before it would take what is said next, and nobody would know any more how much it had held. The
/// welcome to a hello from before its backup, which the network repeats, tells of the time before as well.
#[test]
fn a_partner_whose_backup_lacks_a_file_that_is_brought_learns_of_it_whoever_speaks_first() {
    let (mut shop, mut acme) = offered();
    attach(&mut shop);
    let said = say_hello(&mut shop);
    let open = answer_hello(&mut shop, &mut acme, said.clone()).unwrap();
    say(&mut shop, &mut acme, open);
    let copy = acme.copy();
    let before = announced(&shop);
    shop.run(Brought { link: LINK, seq: before[0].0.1 }).unwrap();
    let mut acme = acme.restore(&copy);
    shop.comment(1, "The second.", Audience::Thread).unwrap();
    let sent = batch(&mut shop, open, None).unwrap();
    assert_eq!(deliver(&shop, &mut acme, &sent), Delivered::Refused(Code::SessionUnknown));
    acme.run(AnswerHello { link: LINK, hello: said }).unwrap().unwrap();
    assert_eq!(deliver(&shop, &mut acme, &sent), Delivered::Refused(Code::SessionUnknown));
    settle(&mut shop, &mut acme);
    assert_eq!(announced(&shop), before);
    assert_eq!(acme.stream().in_length, shop.stream().out_length);
    same_after_rebuild(shop);
}

/// Only what came since the last message can be missing in a backup that has all messages.
#[test]
fn a_file_that_was_brought_before_a_later_message_is_not_brought_again_at_each_start_of_the_partner() {
    let (mut shop, mut acme) = offered();
    attach(&mut shop);
    let open = session(&mut shop, &mut acme);
    say(&mut shop, &mut acme, open);
    let seq = announced(&shop)[0].0.1;
    shop.run(Brought { link: LINK, seq }).unwrap();
    shop.comment(1, "The second.", Audience::Thread).unwrap();
    say(&mut shop, &mut acme, open);
    let mut acme = acme.restart();
    hello(&mut acme, &mut shop).unwrap();
    send_again(&mut shop, &mut acme);
    assert!(announced(&shop).is_empty());
}

/// The bytes are gone with the restore. The partner, which does not come for them, has to be told.
#[test]
fn of_a_file_that_was_lost_with_a_restore_the_partner_is_told() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    attach(&mut shop);
    settle(&mut shop, &mut acme);
    let before = announced(&shop);
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    let places = |files: &[((LinkNo, u64), FileNo)]| files.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    assert_eq!(places(&announced(&shop)), places(&before));
    same_after_rebuild(shop);
}

#[test]
fn a_file_that_waited_in_the_old_copy_and_was_announced_since_is_still_brought() {
    let (mut shop, mut acme) = offered();
    attach(&mut shop);
    let copy = shop.copy();
    settle(&mut shop, &mut acme);
    let before = shop.rows().list(ANNOUNCED, &LINK, usize::MAX).unwrap();
    assert_eq!(before.len(), 1);
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    assert_eq!(shop.rows().list(ANNOUNCED, &LINK, usize::MAX).unwrap(), before);
    same_after_rebuild(shop);
}

#[test]
fn all_that_was_handed_back_is_known_also_where_a_page_overlaps_one_before() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    for number in 0..20 {
        shop.comment(1, &format!("{number}: {}", "x".repeat(900)), Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&copy);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    // The first page is lost on its way; the next is larger.
    let asked = request(&mut shop).unwrap();
    acme.hand_back(LINK, asked, 8_192).unwrap();
    recover(&mut shop, &mut acme);
    assert_eq!(acme.rows().list(RETURNED_ITEMS, &LINK, usize::MAX).unwrap().len(), 20);
}
