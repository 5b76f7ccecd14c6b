//! What a desk gives back and what it erases: the disk stays small, nobody's words stay behind, and every row is as it was.

use std::ops::ControlFlow;

use deskwire_engine::Keyed;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::erase::EndSegment;
use deskwire_engine::custody::{GivenBack, HORIZON};
use deskwire_engine::query::{Report, verify};
use deskwire_proto::id::Hash;
use deskwire_store::local::TicketNumber;
use deskwire_store::row::Audience;
use deskwire_store::table::{HELLOS, KEYED, RECEIVED, Rows, SENT};

use crate::harness::{Desk, LINK, linked, person, prose, settle};
use crate::rebuild::all;

pub(crate) fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Ends the segment being written, so that all that was said so far is in closed ones.
pub(crate) fn end_segment(desk: &mut Desk) {
    desk.run(EndSegment).unwrap();
    desk.run(EndSegment).unwrap();
}

fn give_back(desk: &Desk) -> GivenBack {
    desk.core.custody().give_back(&mut |_| true, 0, &mut go_on).unwrap()
}

/// All rows but the counters, which count restarts.
pub(crate) fn rows(desk: &Desk) -> Vec<(Vec<u8>, Vec<u8>)> {
    all(desk).into_iter().filter(|(key, _)| key[0] != b'c').collect()
}

/// A comment by a call with a key, as bridges make it.
fn keyed_comment(desk: &mut Desk, number: u64, body: &str) {
    let key = Hash::of_parts(&[body.as_bytes(), &number.to_be_bytes()]);
    let command = AddComment {
        ticket: TicketNumber(1),
        body: prose(body),
        audience: Audience::Thread,
        by: person("Anna"),
    };
    desk.run(Keyed { key, request: key, command }).unwrap();
}

/// A day of traffic: comments both ways by keyed calls, several sessions, what the care of the store sweeps.
fn day(shop: &mut Desk, acme: &mut Desk, number: u64) {
    for part in 0..4 {
        keyed_comment(shop, number, &format!("shop says {number} {part}"));
        keyed_comment(acme, number, &format!("acme says {number} {part}"));
        settle(shop, acme);
    }
    for desk in [shop, acme] {
        desk.now = desk.now.plus(DAY);
        loop {
            let sweep = desk.core.custody().sweepable(desk.now).unwrap();
            if sweep.is_empty() {
                break;
            }
            desk.run(sweep).unwrap();
        }
    }
}

fn traffic(days: u64) -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    for number in 0..days {
        day(&mut shop, &mut acme, number);
        if number % 7 == 3 {
            shop = shop.restart();
        }
    }
    (shop, acme)
}

fn journal_bytes(desk: &Desk) -> u64 {
    let disk = desk.store.disk();
    let names = disk.names().into_iter().filter(|name| name.starts_with("journal/"));
    names.filter_map(|name| disk.content(&name)).map(|bytes| bytes.len() as u64).sum()
}

/// A desk that gave something back and lost its view must be the desk that it was, to the byte.
#[test]
fn rows_folded_from_a_rewritten_journal_equal_the_live_ones() {
    let (mut shop, mut acme) = traffic(40);
    for round in 0..3u64 {
        for desk in [&mut shop, &mut acme] {
            end_segment(desk);
            let (live, before) = (rows(desk), journal_bytes(desk));
            let done = give_back(desk);
            assert!(done.segments > 0 && done.records > 100, "round {round}: {done:?}");
            assert_eq!(before - journal_bytes(desk), done.bytes, "what is told is what the disk got back");
            assert_eq!(rows(desk), live, "the rows are not touched");
        }
        let live = [rows(&shop), rows(&acme)];
        (shop, acme) = (shop.restart_with_other_rows(), acme.restart_with_other_rows());
        for (desk, live) in [&shop, &acme].into_iter().zip(live) {
            assert_eq!(rows(desk), live, "round {round}");
        }
        for number in 0..8 {
            day(&mut shop, &mut acme, 1_000 * (round + 1) + number);
        }
        assert_eq!(shop.stream().acked, acme.stream().in_length, "messages flow as before");
    }
}

/// A snapshot made before or after segments were rewritten leads to the same rows.
#[test]
fn snapshots_and_rewritten_segments_agree() {
    let (mut shop, mut acme) = traffic(36);
    end_segment(&mut shop);
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    assert!(give_back(&shop).segments > 0);
    for number in 100..105 {
        day(&mut shop, &mut acme, number);
    }
    end_segment(&mut shop);
    let live = rows(&shop);
    shop = shop.restart_with_other_rows();
    assert_eq!(rows(&shop), live, "from the snapshot before");
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let scrubbed = shop.core.custody().scrub(&mut go_on).unwrap();
    assert_eq!(scrubbed.findings, []);
    end_segment(&mut shop);
    give_back(&shop);
    let (findings, live) = (shop.core.custody().scrub(&mut go_on).unwrap().findings, rows(&shop));
    assert_eq!(findings, []);
    assert_eq!(rows(&shop.restart_with_other_rows()), live, "from the snapshot after");
}

/// Messages and receipts are proof: nothing of them is given back, and all of them verify.
#[test]
fn every_message_stays_and_verifies() {
    let (mut shop, mut acme) = traffic(35);
    for desk in [&mut shop, &mut acme] {
        end_segment(desk);
        give_back(desk);
    }
    for desk in [shop, acme] {
        let (sent, received) = (desk.stream().out_length as usize, desk.stream().in_length as usize);
        assert_eq!(desk.rows().list(SENT, &LINK, usize::MAX).unwrap().len(), sent);
        assert_eq!(desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap().len(), received);
        let report = verified(&desk);
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        assert!(report.streams.len() == 2 && report.streams.iter().all(|stream| stream.messages > 100));
    }
}

pub(crate) fn verified(desk: &Desk) -> Report {
    let reader =
        deskwire_engine::Reader::new(&desk.core, std::sync::Arc::new(deskwire_engine::port::SystemClock));
    verify(&reader, None).unwrap()
}

/// A store must not cost more for each message the older it gets. Without rewriting the last rounds cost what the first
/// ones did, and answers of calls are kept for ever: this fails then.
#[test]
fn bytes_for_each_message_stay_below_a_bound_as_the_store_ages() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    let mut per_message = Vec::new();
    let mut untouched = 0;
    for round in 0..4u64 {
        for number in 0..40 {
            day(&mut shop, &mut acme, round * 1_000 + number);
        }
        end_segment(&mut shop);
        untouched += give_back(&shop).bytes;
        let stream = shop.stream();
        per_message.push(journal_bytes(&shop) / (stream.out_length + stream.in_length));
    }
    let stream = shop.stream();
    let without = (journal_bytes(&shop) + untouched) / (stream.out_length + stream.in_length);
    println!("bytes for each message by round: {per_message:?}, {without} without rewriting");
    let (first, last) = (per_message[0], per_message[3]);
    assert!(last <= first + first / 20, "it grows: {per_message:?}");
    assert!(last < BOUND && without > BOUND, "{per_message:?}, {without} without rewriting");
    let keyed = shop.rows().list(KEYED, &(), usize::MAX).unwrap().len();
    assert!(keyed <= 4 * 33, "answers are kept for a month: {keyed}");
    assert!(!shop.rows().list(HELLOS, &LINK, usize::MAX).unwrap().is_empty());
    shop.now = shop.now.plus(HORIZON + DAY);
    let sweep = shop.core.custody().sweepable(shop.now).unwrap();
    assert!(sweep.hellos.len() > 100, "hellos are forgotten after the restore horizon");
    shop.run(sweep).unwrap();
    assert!(shop.rows().list(HELLOS, &LINK, usize::MAX).unwrap().len() < 10);
    end_segment(&mut shop);
    give_back(&shop);
    let live = rows(&shop);
    assert_eq!(rows(&shop.restart_with_other_rows()), live);
}

/// Else a look over the store finds rows that nobody has damaged, and the view is folded anew for nothing.
#[test]
fn what_was_swept_since_the_newest_snapshot_stays_swept_when_segments_are_rewritten() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    keyed_comment(&mut shop, 1, "Said long ago.");
    end_segment(&mut shop);
    shop.core.custody().snapshot(&mut go_on).unwrap().expect("there are closed segments");
    shop.now = shop.now.plus(40 * DAY);
    let sweep = shop.core.custody().sweepable(shop.now).unwrap();
    assert!(!sweep.keyed.is_empty());
    shop.run(sweep).unwrap();
    end_segment(&mut shop);
    for _ in 0..2 {
        give_back(&shop);
    }
    assert_eq!(shop.core.custody().scrub(&mut go_on).unwrap().findings, []);
}

/// Bytes of journal for each message of a short comment, both ways counted, in small groups: `crates/ARCHITECTURE.md`
/// states what it takes.
const BOUND: u64 = 1_900;

/// The power may fail at any operation while the desk gives something back: nothing acknowledged is lost.
#[test]
fn a_power_cut_while_something_is_given_back_loses_nothing() {
    let (mut shop, _) = traffic(33);
    end_segment(&mut shop);
    let (copy, live) = (shop.copy(), rows(&shop));
    let mut shop = shop.restore(&copy);
    for operation in (0..).step_by(3) {
        shop.store.disk().crash_after(operation);
        let done = shop.core.custody().give_back(&mut |_| true, 0, &mut go_on);
        shop.store.power_cut(operation);
        shop.store.fail_view();
        shop = shop.restart();
        assert_eq!(rows(&shop), live, "cut at {operation}");
        if done.is_ok() {
            assert!(operation > 9);
            return;
        }
        shop = shop.restore(&copy);
    }
}

/// With little room on the disk nothing is rewritten: the new file stands beside the old one for a while.
#[test]
fn a_full_disk_gives_nothing_back_and_loses_nothing() {
    let (mut shop, _) = traffic(33);
    end_segment(&mut shop);
    let disk = shop.store.disk().clone();
    let live = rows(&shop);
    disk.set_capacity(Some(disk.used() + 2_000));
    let full = shop.core.custody().give_back(&mut |_| true, 1_000, &mut go_on).unwrap_err();
    assert!(full.is_full(), "{full}");
    disk.set_capacity(None);
    assert!(give_back(&shop).segments > 0);
    assert_eq!(rows(&shop.restart_with_other_rows()), live);
}
