//! Whether both desks see the same of a case: a difference that nobody tells costs more each day.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_engine::Reader;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::digest::{KeepComparison, SayDigest};
use deskwire_engine::port::SystemClock;
use deskwire_engine::query::{agreement, answer, own_digest, to_compare};
use deskwire_proto::id::Hash;
use deskwire_proto::message::digest;
use deskwire_store::local::DelegationNo;
use deskwire_store::row::Audience;
use deskwire_store::table::{LINK_EVENTS, Rows};

use crate::harness::{Desk, LINK, linked, settle};

const CASE: DelegationNo = DelegationNo(1);

fn reader(desk: &Desk) -> Reader {
    Reader::new(&desk.core, Arc::new(SystemClock))
}

fn at_work() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    shop.comment(1, "By the door.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    acme.comment(1, "Ask somebody nearer.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

/// Does what the daemon does about digests that came.
fn compare(desk: &mut Desk) {
    for delegation in to_compare(&reader(desk), 10, |_| false).unwrap() {
        let found = agreement(&reader(desk), delegation).unwrap().unwrap();
        let details = found.details();
        desk.run(KeepComparison { delegation, heard: found.heard, differs: found.differs, details }).unwrap();
    }
}

fn say(desk: &mut Desk, change: impl FnOnce(&mut digest::Facts)) {
    let mut facts = own_digest(&reader(desk), CASE).unwrap();
    change(&mut facts);
    desk.run(SayDigest { delegation: CASE, facts }).unwrap();
}

fn told(desk: &Desk) -> usize {
    let events = desk.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    events.iter().filter(|(_, event)| event.code.as_str() == "views-differ").count()
}

#[test]
fn both_desks_see_the_same_whoever_asks_and_also_after_more_was_said() {
    let (mut shop, mut acme) = at_work();
    say(&mut shop, |_| ());
    say(&mut acme, |_| ());
    // What is said meanwhile stands behind the place of the digests.
    shop.comment(1, "Is it?", Audience::Thread).unwrap();
    acme.comment(1, "It is.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&mut shop, &mut acme] {
        compare(desk);
        let found = agreement(&reader(desk), CASE).unwrap().unwrap();
        assert!(found.differs.is_empty(), "{:?}", found.differs);
        assert!(found.compared.is_some());
        assert_eq!(told(desk), 0);
        assert!(to_compare(&reader(desk), 10, |_| false).unwrap().is_empty());
    }
}

#[test]
fn a_difference_is_named_and_told_once() {
    let (mut shop, mut acme) = at_work();
    say(&mut shop, |facts| facts.thread = Hash::of(b"another thread"));
    settle(&mut shop, &mut acme);
    compare(&mut acme);
    compare(&mut acme);
    let found = agreement(&reader(&acme), CASE).unwrap().unwrap();
    let names: Vec<_> = found.differs.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(names, ["thread"]);
    assert_eq!(told(&acme), 1);
    assert_eq!(told(&acme.restart_with_other_rows()), 1);
}

/// A partner that asks about an old case on a busy link made this desk read everything of the link, twice and without pause.
#[test]
fn an_answer_reads_what_concerns_the_case_alone_and_ends_when_it_is_told_to() {
    let (mut shop, mut acme) = at_work();
    let other = shop.ticket("Printer");
    shop.delegate(other).unwrap();
    settle(&mut shop, &mut acme);
    for _ in 0..40 {
        shop.comment(2, "Still jammed.", Audience::Thread).unwrap();
        acme.comment(2, "Still looking.", Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    say(&mut shop, |_| ());
    settle(&mut shop, &mut acme);
    let mut bytes = 0;
    let mut pace = |more: u64| {
        bytes += more;
        ControlFlow::Continue(())
    };
    let answered = answer(&reader(&acme), CASE, &mut pace).unwrap().unwrap();
    assert!(answered.agreement.differs.is_empty());
    assert_eq!(answered.own, own_digest(&reader(&acme), CASE).unwrap());
    assert!(bytes < 40_000, "as much as the case, not as much as the link: {bytes}");
    assert!(answer(&reader(&acme), CASE, &mut |_| ControlFlow::Break(())).unwrap().is_none());
    assert_eq!(to_compare(&reader(&acme), 10, |_| false).unwrap(), [CASE], "it is still to be done");
    assert_eq!(
        to_compare(&reader(&acme), 10, |no| no == CASE).unwrap(),
        [],
        "what is put off stands in nobody's way"
    );
}

#[test]
fn a_digest_of_what_nobody_can_know_is_refused_and_harms_nothing() {
    let (mut shop, mut acme) = at_work();
    let facts = own_digest(&reader(&shop), CASE).unwrap();
    let ahead = digest::Facts { at: (facts.at.0 + 1, facts.at.1), ..facts };
    let refusal = shop.run(SayDigest { delegation: CASE, facts: ahead }).unwrap_err();
    assert_eq!(refusal.code, "digest-overtaken");
    settle(&mut shop, &mut acme);
    assert!(agreement(&reader(&acme), CASE).unwrap().is_none());
}
