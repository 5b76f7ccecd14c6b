//! Keys that change: nobody loses a message, and a thief who speaks under an old key is disowned on both sides.

use std::sync::Arc;

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::key::{ImportKeyLog, Imported, PlanKey, doubtful};
use deskwire_engine::command::link::TakeDescriptor;
use deskwire_engine::command::queue::{DropItems, Park, Retry, Target};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{AnswerHello, Opened, SayHello, TakeWelcome};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::SystemClock;
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::Changes;
use deskwire_proto::batch::Batch;
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Signers, Stream, accept_by};
use deskwire_proto::id::{Hash, Spki};
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::message::common::Priority;
use deskwire_proto::recover::RecoverPage;
use deskwire_proto::session::Hello;
use deskwire_proto::text::{Label, Url};
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{Audience, Effect, LinkState, Pause};
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATIONS, LINK_EVENTS, LINKS, OWN_KEYS, RECEIVED, Rows, SENT, THREADS, WAITING,
};

use crate::harness::{Desk, LINK, because, linked, person, prose, say_hello, settle};
use crate::rebuild::all;

mod ended;
mod gone;
mod placed;
mod pulled;
mod restored;
mod steps;
mod theft;

/// The key that a desk of this seed commits to after so many rotations.
fn key(seed: u8, rotations: u8) -> SecretKey {
    match rotations {
        0 => SecretKey::from_seed(&[seed ^ 0xff; 32]),
        later => SecretKey::from_seed(&[seed.wrapping_add(16 * later); 32]),
    }
}

fn face(desk: &Desk) -> Face {
    let body = desk.identity.descriptor().body();
    Face {
        name: body.name.clone(),
        prefix: desk.identity.prefix().to_owned(),
        endpoints: body.endpoints.clone(),
        tls: body.tls.clone(),
        file_bytes: body.limits.file,
    }
}

/// The desk stops, its key is changed, and it starts again.
pub(crate) fn rotate(mut desk: Desk, seed: u8) -> Desk {
    let done = u8::try_from(desk.identity.keys().keys().len() - 1).unwrap();
    let next = key(seed, done);
    let commitment = next.public().commitment();
    if desk.rows().get(OWN_KEYS, &()).unwrap().unwrap().planned.is_none_or(|(key, _)| key != commitment) {
        desk.run(PlanKey { key: commitment, places: Vec::new(), restored: false }).unwrap();
    }
    let keys = desk.identity.keys().rotate(&next, &key(seed, done + 1).public()).unwrap();
    let version = desk.identity.descriptor().body().version.plus(1);
    let identity = Identity::new(keys, next, face(&desk), version).unwrap();
    desk.restart_as(identity)
}

fn greet(from: &mut Desk, to: &mut Desk) -> Result<Opened, Code> {
    let hello = from.run(SayHello { link: LINK }).unwrap();
    welcomed(from, to, &hello)
}

fn welcomed(from: &mut Desk, to: &mut Desk, hello: &[u8]) -> Result<Opened, Code> {
    let hello = Signed::open(hello, from.identity.keys().current()).unwrap();
    let welcome = to.run(AnswerHello { link: LINK, hello }).unwrap()?;
    let welcome = Signed::open(&welcome, to.identity.keys().current()).unwrap();
    from.run(TakeWelcome { link: LINK, welcome }).unwrap()
}

fn fetch(from: &mut Desk, to: &mut Desk) {
    loop {
        match page(from, to).expect("there is something to ask for") {
            Taken::More => {}
            Taken::Complete => return,
            Taken::Refused(code) => panic!("{code}"),
        }
    }
}

/// Asks for a page and takes it, if there is something to ask for.
fn page(from: &mut Desk, to: &mut Desk) -> Option<Taken> {
    let time = from.now;
    let request = from.run(AskPage { link: LINK, time }).unwrap()?;
    let request = Signed::open(&request, from.identity.keys().current()).unwrap();
    let page = to.hand_back(LINK, request, BATCH_BYTES).unwrap();
    let link = from.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: from.identity.desk(), to: to.identity.desk() };
    let page = Page::open(&page, &from.identity, &stream, to.identity.keys());
    Some(from.run(TakePage { link: LINK, page }).unwrap())
}

/// Opens a session, as often as it takes.
fn open(from: &mut Desk, to: &mut Desk) -> Opened {
    for _ in 0..4 {
        match greet(from, to) {
            Ok(opened) => return opened,
            Err(Code::SessionUnknown) => {}
            Err(Code::RecoveryNeeded) => fetch(from, to),
            Err(code) => panic!("{code}"),
        }
    }
    panic!("a session opens after few hellos");
}

fn deliver(from: &Desk, to: &mut Desk, batch: &Batch) -> Result<Delivered, Code> {
    let link = from.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: from.identity.desk(), to: to.identity.desk() };
    // As the reader knows the keys, not as the author has them.
    let known = to.keys_of_partner();
    let signers = Signers { keys: known.keys(), older: to.stream().older_keys_upto() };
    let messages = batch.deliveries.iter().map(|delivery| accept_by(delivery.clone(), &stream, signers));
    let messages = messages.collect::<Result<Vec<_>, Code>>()?;
    Ok(to.run(Deliver { link: LINK, head: batch.head, messages }).unwrap())
}

fn next(from: &mut Desk, opened: Opened, after: Option<u64>) -> Option<Batch> {
    match from.run(NextBatch { link: LINK, session: opened.session, after }).unwrap() {
        Next::Batch { bytes, .. } => Some(Batch::decode(&bytes).unwrap()),
        Next::Idle => None,
        Next::NoSession => panic!("the session is open"),
    }
}

fn take_receipt(from: &mut Desk, to: &Desk, receipt: &[u8]) -> Result<(), Refusal> {
    let receipt = Signed::open(receipt, to.identity.keys().current()).unwrap();
    from.run(TakeReceipt { link: LINK, receipt })
}

pub(crate) fn carry(from: &mut Desk, to: &mut Desk) {
    let opened = open(from, to);
    while let Some(batch) = next(from, opened, None) {
        let mut delivered = deliver(from, to, &batch).unwrap();
        if delivered == Delivered::Refused(Code::Busy) {
            // The reader asks first what of its own the author holds.
            open(to, from);
            delivered = deliver(from, to, &batch).unwrap();
        }
        let Delivered::Receipt(receipt) = delivered else { panic!("{delivered:?}") };
        take_receipt(from, to, &receipt).unwrap();
    }
}

/// Carries both ways until both are quiet.
pub(crate) fn quiet(one: &mut Desk, other: &mut Desk) {
    loop {
        let before = (one.stream().out_length, other.stream().out_length);
        carry(one, other);
        carry(other, one);
        if before == (one.stream().out_length, other.stream().out_length) {
            return;
        }
    }
}

fn state(desk: &Desk, no: u64) -> State {
    desk.delegation(no).case.view(desk.stream().in_length).state
}

fn codes(desk: &Desk) -> Vec<String> {
    let rows = desk.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    rows.into_iter().map(|(_, event)| event.code.to_string()).collect()
}

/// Comments of the partner that count, and those that do not.
fn heard(desk: &Desk) -> (usize, usize) {
    let rows = desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    let aside = rows.iter().filter(|(_, row)| row.aside.is_some()).count();
    (rows.len() - aside, aside)
}

fn same_after_rebuild(desk: Desk) -> Desk {
    let live = all(&desk);
    let desk = desk.restart_with_other_rows();
    let rebuilt = all(&desk);
    let differing: Vec<_> = live.iter().zip(&rebuilt).filter(|(one, other)| one != other).collect();
    assert_eq!((rebuilt.len(), differing.len()), (live.len(), 1), "{differing:?}");
    desk
}

fn working() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

#[test]
fn a_key_changes_with_work_open_and_messages_under_way_and_nothing_breaks() {
    let (mut shop, mut acme) = working();
    // The receipt for this one is lost, and the next one is numbered and never left.
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    let opened = open(&mut shop, &mut acme);
    let lost = next(&mut shop, opened, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &lost), Ok(Delivered::Receipt(_))));
    shop.comment(1, "And it beeps.", Audience::Thread).unwrap();
    let length = shop.stream().out_length;
    next(&mut shop, opened, Some(length)).unwrap();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    let (acked, length) = (shop.stream().acked, shop.stream().out_length);
    assert!(acked + 1 < length);

    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let change = acme.stream().in_change.unwrap().place.unwrap();
    assert_eq!(change.0, length, "what was numbered under the old key stands");
    assert_eq!((shop.stream().acked, heard(&acme).1), (shop.stream().out_length, 0));
    assert_eq!(acme.stream().in_key, 1);
    acme.act(1, Action::Resolve { solution: Some(prose("Plugged in.")), code: None }).unwrap();
    quiet(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Confirmed, State::Confirmed));
    assert_eq!(codes(&acme), ["key-changed"]);
    // And once more, without anything under way.
    let mut shop = rotate(shop, 1);
    let again = shop.ticket("Printer");
    shop.delegate(again).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_key, 2);
    let (mut shop, mut acme) = (same_after_rebuild(shop), same_after_rebuild(acme));
    quiet(&mut shop, &mut acme);
}

#[test]
fn after_a_change_of_key_the_old_one_opens_nothing() {
    let (shop, mut acme) = working();
    let stolen = shop.copy();
    let mut thief = Desk::new("Shop", 1).restore(&stolen);
    let mut shop = rotate(shop, 1);
    // A session of the thief from before, and a hello after.
    let opened = open(&mut thief, &mut acme);
    thief.comment(1, "Pay to another account.", Audience::Thread).unwrap();
    let forged = next(&mut thief, opened, None).unwrap();
    greet(&mut shop, &mut acme).unwrap();
    let length = acme.stream().in_length;
    assert_eq!(deliver(&thief, &mut acme, &forged), Err(Code::BadSignature));
    assert_eq!(greet(&mut thief, &mut acme), Err(Code::KeyUnknown));
    assert_eq!(acme.stream().in_length, length);
    assert!(acme.stream().session.is_none_or(|session| session.session != opened.session));
    quiet(&mut shop, &mut acme);
}

#[test]
fn a_place_of_a_change_once_told_stays_and_another_one_is_a_fork() {
    let (shop, mut acme) = working();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    let raw = shop.run(SayHello { link: LINK }).unwrap();
    let hello: Signed<Hello> = Signed::open(&raw, shop.identity.keys().current()).unwrap();
    let mut body = hello.body().clone();
    body.change = Some(deskwire_proto::session::Cut(1, Hash::of(b"another")));
    let other = Signed::seal(body, shop.identity.secret());
    assert_eq!(acme.run(AnswerHello { link: LINK, hello: other }).unwrap(), Err(Code::Fork));
    let row = acme.rows().get(LINKS, &LINK).unwrap().unwrap();
    assert!(matches!(row.state, LinkState::Paused(Pause::Fork(_))));
    assert!(codes(&acme).contains(&"fork".to_owned()), "the operator is told");
}

#[test]
fn two_different_rotations_shown_to_two_partners_are_found_out_by_whoever_sees_both() {
    let (shop, mut acme) = working();
    let stolen = shop.copy();
    let (next_key, one, other) = (key(1, 0), key(1, 7), key(1, 8));
    let log = shop.identity.keys().rotate(&next_key, &one.public()).unwrap();
    let forked = shop.identity.keys().rotate(&next_key, &other.public()).unwrap();
    let version = shop.identity.descriptor().body().version.plus(1);
    let identity = |keys: KeyLog, desk: &Desk| Identity::new(keys, key(1, 0), face(desk), version).unwrap();
    let mut thief = Desk::new("Shop", 1).restore(&stolen);
    let other_identity = identity(forked.clone(), &thief);
    thief = thief.restart_as(other_identity);
    let identity = identity(log.clone(), &shop);
    let mut shop = shop.restart_as(identity);
    quiet(&mut shop, &mut acme);
    // Somebody who was shown the other log brings it: both are kept, the first stays in use, the link pauses.
    assert_eq!(greet(&mut thief, &mut acme), Err(Code::BadKeyLog));
    let row = acme.rows().get(LINKS, &LINK).unwrap().unwrap();
    assert!(matches!(row.state, LinkState::Paused(Pause::Fork(_))));
    assert!(codes(&acme).contains(&"key-log-forked".to_owned()));
    assert_eq!(acme.stream().in_keys, Some(log.head()));
    // The same by hand, at a desk that knows the other one.
    let (shop, mut acme) = working();
    drop(shop);
    assert_eq!(acme.run(ImportKeyLog { log: log.clone() }).unwrap(), Imported::Newer);
    assert_eq!(acme.run(ImportKeyLog { log: log.clone() }).unwrap(), Imported::Known);
    assert_eq!(acme.run(ImportKeyLog { log: forked }).unwrap(), Imported::Forked);
    let stranger = KeyLog::incept(&key(9, 3), &key(9, 4).public());
    assert_eq!(acme.run(ImportKeyLog { log: stranger }).unwrap(), Imported::Unknown);
}

#[test]
fn a_newer_key_log_that_an_operator_brings_shuts_a_thief_out_before_the_owner_comes() {
    let (shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    let opened = open(&mut thief, &mut acme);
    let mut shop = rotate(shop, 1);
    let imported = acme.run(ImportKeyLog { log: shop.identity.keys().clone() }).unwrap();
    assert_eq!(imported, Imported::Newer);
    thief.comment(1, "Pay here.", Audience::Thread).unwrap();
    let forged = next(&mut thief, opened, None).unwrap();
    assert!(deliver(&thief, &mut acme, &forged).is_err());
    assert_eq!(greet(&mut thief, &mut acme), Err(Code::KeyUnknown));
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 0);
}

#[test]
fn a_new_address_name_and_tls_key_reach_the_partner_and_an_older_one_is_ignored() {
    let (shop, mut acme) = working();
    let before = shop.identity.descriptor().body().version;
    let mut now = face(&shop);
    now.name = Label::new("Shop and Sons").unwrap();
    now.endpoints = vec![Url::new("https://new.example:8441").unwrap()];
    now.tls = vec![Spki::new([1; 32]), Spki::new([77; 32])];
    let keys = shop.identity.keys().clone();
    let identity = Identity::new(keys, SecretKey::from_seed(&[1; 32]), now, before.plus(5)).unwrap();
    let mut shop = shop.restart_as(identity);
    quiet(&mut shop, &mut acme);
    let row = acme.rows().get(LINKS, &LINK).unwrap().unwrap();
    assert_eq!(row.partner_name.as_str(), "Shop and Sons");
    let newest = acme.partners_descriptor();
    assert_eq!(newest.body().endpoints[0].as_str(), "https://new.example:8441");
    assert_eq!(newest.body().tls.len(), 2);
    assert!(codes(&acme).contains(&"partner-changed".to_owned()));
    quiet(&mut shop, &mut acme);
    assert_eq!(state(&acme, 1), State::Accepted);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Partners would look for a desk that came back from before it moved at its last address for ever: what it says of itself
/// next has to be above all that they know, whatever its clock says.
#[test]
fn a_desk_restored_from_before_it_moved_passes_what_partners_know_of_it() {
    let (shop, mut acme) = working();
    let (copy, first) = (shop.copy(), Arc::clone(&shop.identity));
    let mut moved = face(&shop);
    moved.endpoints = vec![Url::new("https://new.example:8441").unwrap()];
    let version = first.descriptor().body().version.plus(5);
    let keys = first.keys().clone();
    let identity = Identity::new(keys, SecretKey::from_seed(&[1; 32]), moved, version).unwrap();
    let mut shop = shop.restart_as(identity);
    quiet(&mut shop, &mut acme);
    shop.identity = first;
    let mut shop = shop.restore(&copy);
    let known = |shop: &Desk| shop.rows().get(OWN_KEYS, &()).unwrap().unwrap();
    let planned = SecretKey::from_seed(&[99; 32]).public().commitment();
    shop.run(PlanKey { key: planned, places: Vec::new(), restored: false }).unwrap();
    assert!(known(&shop).version < version);
    crate::recovery::recover(&mut shop, &mut acme);
    assert_eq!((known(&shop).version, known(&shop).planned.unwrap().0), (version, planned));
    assert!(codes(&shop).contains(&"descriptor-newer".to_owned()));
    same_after_rebuild(shop);
}

/// A partner that quietly takes less than it did would be found out by whoever needs it that day. Fault case 36.
#[test]
fn a_desk_that_can_do_less_than_before_is_named_to_both_operators() {
    let (shop, mut acme) = working();
    let before = shop.identity.descriptor().body().version;
    let lower = Face { file_bytes: shop.identity.descriptor().body().limits.file / 2, ..face(&shop) };
    let keys = shop.identity.keys().clone();
    let identity = Identity::new(keys, SecretKey::from_seed(&[1; 32]), lower, before.plus(5)).unwrap();
    let mut shop = shop.restart_as(identity);
    quiet(&mut shop, &mut acme);
    assert_eq!(codes(&acme), ["partner-lowered"]);
    let own = shop.rows().list(LINK_EVENTS, &LinkNo(0), usize::MAX).unwrap();
    assert!(own.iter().any(|(_, event)| event.code.as_str() == "own-lowered"), "{own:?}");
    // What takes more again is no loss.
    let before = shop.identity.descriptor().body().version;
    let higher = Face { file_bytes: shop.identity.descriptor().body().limits.file * 2, ..face(&shop) };
    let keys = shop.identity.keys().clone();
    let identity = Identity::new(keys, SecretKey::from_seed(&[1; 32]), higher, before.plus(5)).unwrap();
    let mut shop = shop.restart_as(identity);
    quiet(&mut shop, &mut acme);
    assert_eq!(codes(&acme), ["partner-lowered"]);
}

/// Says hello and sends everything from where the reader stands.
fn resend(from: &mut Desk, to: &mut Desk) {
    let opened = open(from, to);
    let mut after = Some(opened.held);
    while let Some(batch) = next(from, opened, after) {
        let Delivered::Receipt(receipt) = deliver(from, to, &batch).unwrap() else { panic!("a receipt") };
        take_receipt(from, to, &receipt).unwrap();
        after = Some(after.unwrap() + batch.deliveries.len() as u64);
    }
}

#[test]
fn keys_from_before_a_change_do_not_start_the_desk() {
    let (shop, _) = working();
    let old = face(&shop);
    let keys = shop.identity.keys().clone();
    let version = shop.identity.descriptor().body().version;
    let shop = rotate(shop, 1);
    let identity = Identity::new(keys, SecretKey::from_seed(&[1; 32]), old, version).unwrap();
    let refused = shop.try_restart_as(identity).err().unwrap();
    assert_eq!(refused.code, "keys-too-old");
}

#[test]
fn a_link_number_that_is_not_there_is_no_plan() {
    let (mut shop, _) = working();
    let key = key(1, 0).public().commitment();
    assert!(shop.run(PlanKey { key, places: vec![(LINK, 9_999)], restored: false }).is_err());
    assert!(shop.run(PlanKey { key, places: vec![(LinkNo(77), 1)], restored: false }).is_err());
}

fn reader(desk: &Desk) -> Reader {
    Reader::new(&desk.core, Arc::new(SystemClock))
}

#[test]
fn a_choice_of_a_change_of_key_that_failed_does_not_become_the_one_of_the_next() {
    let (mut shop, mut acme) = working();
    let mine = shop.stream().out_length;
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let key = key(1, 0).public().commitment();
    shop.run(PlanKey { key, places: vec![(LINK, mine)], restored: false }).unwrap();
    shop.run(PlanKey { key, places: Vec::new(), restored: false }).unwrap();
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!(heard(&acme).1, 0, "the operator vouched for all of it");
}

#[test]
fn of_a_page_that_does_not_fit_to_its_end_nothing_is_kept() {
    let (shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.comment(1, "Send the spare parts elsewhere.", Audience::Thread).unwrap();
    thief.comment(1, "And pay here.", Audience::Thread).unwrap();
    carry(&mut thief, &mut acme);
    let mut shop = rotate(shop, 1);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    let held = |shop: &Desk| (shop.stream(), shop.rows().list(SENT, &LINK, usize::MAX).unwrap());
    let before = held(&shop);
    let request = shop.run(AskPage { link: LINK, time: shop.now }).unwrap().unwrap();
    let request = Signed::open(&request, shop.identity.keys().current()).unwrap();
    let page = acme.hand_back(LINK, request, BATCH_BYTES).unwrap();
    let mut bad = RecoverPage::decode(&page).unwrap();
    bad.deliveries.push(bad.deliveries[0].clone());
    let link = shop.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: shop.identity.desk(), to: acme.identity.desk() };
    let bad = Page::open(&bad.encode(), &shop.identity, &stream, acme.identity.keys()).unwrap();
    let taken = shop.run(TakePage { link: LINK, page: Ok(bad) }).unwrap();
    assert!(matches!(taken, Taken::Refused(Code::Gap)), "{taken:?}");
    assert_eq!(held(&shop), before);
}

#[test]
fn the_highest_version_of_a_descriptor_is_known_from_the_journal_alone() {
    let (shop, _) = working();
    let version = shop.identity.descriptor().body().version;
    let higher = version.plus(500);
    let keys = shop.identity.keys().clone();
    let mut now = face(&shop);
    let earlier = now.clone();
    now.name = Label::new("Shop and Sons").unwrap();
    let identity = |face, at| Identity::new(keys.clone(), SecretKey::from_seed(&[1; 32]), face, at).unwrap();
    // A start with an older descriptor does not make the newer one forgotten.
    let shop = shop.restart_as(identity(now, higher)).restart_as(identity(earlier, version));
    shop.store.fail_view();
    let store = shop.store.clone();
    drop(shop);
    store.kill(0);
    let mut opened = store.open(deskwire_store::table::SCHEMA).unwrap();
    deskwire_engine::catch_up(&mut opened, &mut |_| {}).unwrap();
    assert_eq!(deskwire_engine::last_version(&opened).unwrap(), Some(higher));
}

#[test]
fn a_receipt_of_the_newest_key_stands_also_when_an_older_one_is_below_it() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = rotate(shop, 1);
    acme.comment(1, "Nearly there.", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    let acked = acme.stream().acked;
    // Restored from before both; it holds less than what its own newest key has said.
    let mut shop = shop.restore(&copy);
    assert!(shop.stream().in_length + 1 < acked);
    greet(&mut acme, &mut shop).unwrap();
    assert_eq!(acme.stream().acked, acked);
    assert!(!codes(&acme).contains(&"receipts-void".to_owned()));
}
