//! Offers that nobody ever accepted: their texts do not stay for ever because no case came of them.

use std::ops::ControlFlow;

use deskwire_engine::command::erase::{Erase, of_ticket};
use deskwire_engine::command::queue::{DropItems, Park, Target};
use deskwire_engine::custody::{ExpiredTexts, agreed_retention, expired_texts};
use deskwire_engine::quota::Quotas;
use deskwire_proto::terms::Terms;
use deskwire_store::local::TicketNumber;
use deskwire_store::table::{Rows, TICKETS, WAITING};

use crate::erased::{MARKER, carry_out, rows_with_traces, traces};
use crate::harness::{Desk, LINK, link, person, settle};
use crate::retain::{DAY, end_segment, rows};

/// Two desks that keep texts for 500 days, of which the second takes one case at a time, and has one.
fn full() -> (Desk, Desk) {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms { retention: Some(500), ..Terms::default() });
    let mut quotas = Quotas::default();
    quotas.link.open_delegations = 1;
    acme.core.limit(quotas, 0);
    let first = shop.ticket("The first");
    shop.delegate(first).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

fn expired(desk: &Desk) -> Vec<TicketNumber> {
    let reader = desk.reader();
    desk.core.custody().expired(desk.now, 0, &|no| agreed_retention(&reader, no), None).unwrap()
}

fn texts(desk: &Desk) -> ExpiredTexts {
    expired_texts(&desk.reader(), desk.now, 0, None).unwrap()
}

/// What the care of the store does once a day.
fn expire(desk: &mut Desk) {
    for ticket in expired(desk) {
        let what = of_ticket(&desk.rows(), ticket).unwrap();
        desk.run(what).unwrap();
    }
    let ExpiredTexts { entries, after } = texts(desk);
    assert_eq!(after, None);
    desk.run(Erase { entries, ..Erase::default() }).unwrap();
    carry_out(desk);
}

/// The partner has no ticket of what it refused, and has the text all the same.
#[test]
fn an_offer_that_was_refused_expires_at_both_desks() {
    let (mut shop, mut acme) = full();
    let ticket = shop.ticket(&format!("{MARKER} cannot print"));
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(acme.rows().list(TICKETS, &(), 9).unwrap().len(), 1, "it was refused");
    for desk in [&mut shop, &mut acme] {
        end_segment(desk);
        desk.core.custody().snapshot(&mut |_| ControlFlow::Continue(())).unwrap().unwrap();
        assert!(!traces(desk).is_empty());
        desk.now = desk.now.plus(499 * DAY);
        assert_eq!((expired(desk), texts(desk)), (Vec::new(), ExpiredTexts::default()), "as was agreed");
        desk.now = desk.now.plus(2 * DAY);
        expire(desk);
        assert_eq!((traces(desk), rows_with_traces(desk)), (Vec::new(), 0));
        assert_eq!((expired(desk), texts(desk)), (Vec::new(), ExpiredTexts::default()), "once is enough");
    }
    for desk in [shop, acme] {
        let live = rows(&desk);
        assert_eq!(rows(&desk.restart_with_other_rows()), live);
    }
}

/// What is parked may still be sent; what was dropped never will.
#[test]
fn an_offer_that_was_dropped_expires_and_one_that_is_parked_does_not() {
    let (mut shop, _) = full();
    let ticket = shop.ticket(&format!("{MARKER} cannot print"));
    shop.delegate(ticket).unwrap();
    let (_, waiting) = shop.rows().list(WAITING, &LINK, 1).unwrap().remove(0);
    let target = Target::Item(waiting.item);
    shop.now = shop.now.plus(501 * DAY);
    assert_eq!(expired(&shop), [], "it waits");
    shop.run(Park { target, by: person("Boris") }).unwrap();
    assert_eq!(expired(&shop), [], "it is parked");
    shop.run(DropItems { target, by: person(MARKER) }).unwrap();
    assert_eq!(expired(&shop), [], "it ended only now");
    shop.now = shop.now.plus(501 * DAY);
    assert_eq!(expired(&shop), [ticket]);
    expire(&mut shop);
    assert_eq!((traces(&shop), rows_with_traces(&shop)), (Vec::new(), 0));
}
