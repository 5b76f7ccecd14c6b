//! What a desk erases, as it is asked to or as it was agreed to expire: nobody's words stay behind in any file, and what
//! others need stays.

use std::collections::BTreeSet;

use deskwire_engine::command::act::Action;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::erase::{EndSegment, Erase, ErasureDone, of_ticket};
use deskwire_engine::command::queue::{Park, Retry, Target};
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::custody::{Erasure, agreed_retention};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code, Label};
use deskwire_store::local::TicketNumber;
use deskwire_store::row::{Audience, FileState};
use deskwire_store::table::{ERASING, FILES, LINK_EVENTS, Rows, TICKETS, WAITING};

use crate::harness::{Desk, LINK, attached, because, import, link, linked, person, prose, settle};
use crate::rebuild::all;
use crate::recovery::{recover, send_again};
use crate::retain::{DAY, end_segment, go_on, rows, verified};

pub(crate) const MARKER: &str = "Kowalewskaja";

/// A case with a person in it, at both desks, with much else around it.
fn personal() -> (Desk, Desk, TicketNumber) {
    let (mut shop, mut acme) = linked();
    for number in 0..3 {
        let ticket = shop.ticket(&format!("Another {number}"));
        shop.delegate(ticket).unwrap();
    }
    let ticket = shop.ticket(&format!("{MARKER} cannot print"));
    let delegation = shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(delegation.0, Action::Accept).unwrap();
    for desk in [&mut shop, &mut acme] {
        let audience = if desk.rows().get(TICKETS, &ticket).unwrap().is_some() {
            Audience::Thread
        } else {
            Audience::Internal
        };
        let (body, by) = (prose(&format!("{MARKER} called again")), person(MARKER));
        desk.run(AddComment { ticket, body, audience, by }).unwrap();
    }
    let content = format!("scan of the passport of {MARKER}");
    let attach =
        attached(ticket, &format!("{MARKER}.txt"), import(&shop, content.as_bytes()), Audience::Thread);
    shop.run(attach).unwrap();
    settle(&mut shop, &mut acme);
    let resolve = Action::Resolve { solution: Some(prose(&format!("Told {MARKER}."))), code: None };
    acme.act(delegation.0, resolve).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme, ticket)
}

/// The files of a desk in which the person occurs.
pub(crate) fn traces(desk: &Desk) -> Vec<String> {
    let disk = desk.store.disk();
    let has = |name: &String| {
        let bytes = disk.content(name).unwrap();
        bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
    };
    disk.names().into_iter().filter(has).collect()
}

pub(crate) fn rows_with_traces(desk: &Desk) -> usize {
    let has = |value: &[u8]| value.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
    all(desk).iter().filter(|(_, value)| has(value)).count()
}

pub(crate) fn carry_out(desk: &mut Desk) {
    for _ in 0..4 {
        match desk.core.custody().erase_ordered(&mut go_on).unwrap() {
            Some(Erasure::SegmentOpen) => desk.run(EndSegment).unwrap(),
            Some(Erasure::Done(orders)) => {
                desk.run(ErasureDone(orders)).unwrap();
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the segment does not end");
}

/// Fault 115: nothing of the person in journal, view, snapshots, files, next backup; signatures, chain and facts stay.
#[test]
fn an_erased_case_is_gone_from_every_file() {
    let (mut shop, mut acme, ticket) = personal();
    for desk in [&mut shop, &mut acme] {
        end_segment(desk);
        desk.core.custody().snapshot(&mut go_on).unwrap().unwrap();
        assert!(traces(desk).len() >= 2 && rows_with_traces(desk) > 0, "{:?}", traces(desk));
        let streams = desk.stream();
        let what = of_ticket(&desk.rows(), ticket).unwrap();
        assert!(what.entries.len() >= 4);
        let order = desk.run(what).unwrap()[0];
        assert_eq!(rows_with_traces(desk), 0, "nobody sees it any more at once");
        assert!(desk.rows().get(ERASING, &order).unwrap().is_some());
        carry_out(desk);
        assert!(desk.rows().list(ERASING, &(), 1).unwrap().is_empty());
        assert_eq!(traces(desk), Vec::<String>::new());
        assert_eq!(desk.stream(), streams);
        let report = verified(desk);
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        assert_eq!(desk.core.custody().scrub(&mut go_on).unwrap().findings, []);
    }
    let live = [rows(&shop), rows(&acme)];
    let (shop, acme) = (shop.restart_with_other_rows(), acme.restart_with_other_rows());
    assert_eq!([rows(&shop), rows(&acme)], live, "from a snapshot");
    for desk in [&shop, &acme] {
        let disk = desk.store.disk();
        disk.names().iter().filter(|name| name.starts_with("snapshots/")).for_each(|name| disk.lose(name));
        desk.store.fail_view();
        assert_eq!(traces(desk), Vec::<String>::new());
    }
    let (mut shop, mut acme) = (shop.restart(), acme.restart());
    assert_eq!([rows(&shop), rows(&acme)], live, "from nothing");
    let title = shop.rows().get(TICKETS, &ticket).unwrap().unwrap().title;
    assert_eq!(title.as_str(), "(erased)");
    shop.comment(1, "The desks go on.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, acme.stream().in_length);
}

/// A file of two tickets is gone when the second of them is erased, not before.
#[test]
fn bytes_that_another_ticket_needs_stay() {
    let (mut shop, _, ticket) = personal();
    let row = shop.rows().list(FILES, &(), 1).unwrap().remove(0).1;
    let blob = deskwire_store::BlobId(*row.blob.as_bytes());
    let again = attached(TicketNumber(1), "same.txt", (row.blob, row.size), Audience::Internal);
    shop.run(again).unwrap();
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert!(shop.core.blobs().exists(&blob).unwrap());
    let files = shop.rows().list(FILES, &(), 9).unwrap();
    assert!(matches!(files[0].1.state, FileState::Failed(_)) && files[1].1.state == FileState::Here);
    let what = of_ticket(&shop.rows(), TicketNumber(1)).unwrap();
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert!(!shop.core.blobs().exists(&blob).unwrap());
}

/// An erasure is a promise to a person: a crash anywhere delays it, and does not forget it.
#[test]
fn an_erasure_interrupted_anywhere_is_carried_out_after_the_next_start() {
    let (mut shop, _, ticket) = personal();
    end_segment(&mut shop);
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    shop.run(what).unwrap();
    end_segment(&mut shop);
    let copy = shop.copy();
    let mut shop = shop.restore(&copy);
    for operation in 0.. {
        shop.store.disk().crash_after(operation);
        let done = shop.core.custody().erase_ordered(&mut go_on);
        if operation % 2 == 0 {
            shop.store.power_cut(operation)
        } else {
            shop.store.kill(0)
        }
        shop.store.fail_view();
        shop = shop.restart();
        assert_eq!(shop.rows().list(ERASING, &(), 9).unwrap().len(), 1, "at {operation}");
        carry_out(&mut shop);
        assert_eq!(traces(&shop), Vec::<String>::new(), "at {operation}");
        assert!(verified(&shop).problems.is_empty());
        if done.is_ok() {
            assert!(operation > 10);
            return;
        }
        shop = shop.restore(&copy);
    }
}

/// What a desk keeps is for its operator to say, within what partners need for their restores.
#[test]
fn only_cases_that_rest_for_longer_than_the_retention_expire() {
    let (mut shop, mut acme, ticket) = personal();
    let expired = |desk: &Desk, days: u64| {
        let expired = desk.core.custody().expired(desk.now, days * DAY, &|_| Ok(0), None);
        expired.unwrap().into_iter().collect::<BTreeSet<_>>()
    };
    assert!(expired(&shop, 0).is_empty());
    shop.now = shop.now.plus(401 * DAY);
    assert!(expired(&shop, 0).is_empty(), "it is resolved, and not confirmed");
    shop.now = acme.now;
    shop.act(4, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(399 * DAY);
    assert!(expired(&shop, 30).is_empty(), "partners may restore old backups");
    shop.now = shop.now.plus(2 * DAY);
    assert_eq!(expired(&shop, 30), BTreeSet::from([ticket]));
    assert!(expired(&shop, 500).is_empty());
    let what: Erase = of_ticket(&shop.rows(), ticket).unwrap();
    shop.run(what).unwrap();
    assert!(expired(&shop, 30).is_empty(), "once is enough");
}

/// A case that came to its end at both desks, 401 days ago.
fn rested() -> (Desk, Desk, TicketNumber) {
    let (mut shop, mut acme, ticket) = personal();
    shop.act(4, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(401 * DAY);
    (shop, acme, ticket)
}

fn expired(desk: &Desk) -> Vec<TicketNumber> {
    desk.core.custody().expired(desk.now, 0, &|_| Ok(0), None).unwrap()
}

/// A partner can write as many records on a ticket as it likes: that must not keep them, nor those of other tickets, for ever.
#[test]
fn a_case_of_any_size_is_erased() {
    let (mut shop, _, ticket) = personal();
    let mut what = of_ticket(&shop.rows(), ticket).unwrap();
    what.entries = what.entries.iter().copied().cycle().take(120_001).collect();
    let orders = shop.run(what).unwrap();
    assert_eq!(orders.len(), 3);
    assert_eq!(shop.rows().get(TICKETS, &ticket).unwrap().unwrap().title.as_str(), "(erased)");
    carry_out(&mut shop);
    assert_eq!(traces(&shop), Vec::<String>::new());
}

/// A link carries more than one case: what this one has said to the partner stands anywhere among thousands of messages.
#[test]
fn what_a_case_has_said_is_found_among_more_messages_than_are_read_at_once() {
    let (mut shop, mut acme, ticket) = personal();
    let many = |shop: &mut Desk| {
        (0..1_100).for_each(|number| {
            drop(shop.comment(1, &format!("An apple {number}"), Audience::Thread).unwrap())
        });
    };
    many(&mut shop);
    settle(&mut shop, &mut acme);
    shop.comment(ticket.0, &format!("{MARKER} is content"), Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    many(&mut shop);
    shop.comment(ticket.0, &format!("{MARKER} thanks"), Audience::Thread).unwrap();
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(what.left, "some of it waits behind the others");
    shop.act(4, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(!what.left);
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert_eq!(traces(&shop), Vec::<String>::new());
}

/// A comment may be parked when its case expires. It stays as long as somebody can send it, and not for ever after that.
#[test]
fn a_comment_that_waited_when_its_case_expired_goes_when_the_partner_has_it() {
    let (mut shop, mut acme, ticket) = personal();
    shop.comment(ticket.0, &format!("{MARKER} thanks"), Audience::Thread).unwrap();
    let (_, waiting) = shop.rows().list(WAITING, &LINK, 1).unwrap().remove(0);
    let target = Target::Item(waiting.item);
    shop.run(Park { target, by: person("Boris") }).unwrap();
    shop.act(4, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(401 * DAY);
    assert_eq!(expired(&shop), [ticket]);
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(what.left);
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert!(!traces(&shop).is_empty() && expired(&shop).is_empty(), "nothing can be done while it is parked");
    shop.run(Retry { target, parked: true }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(expired(&shop), [ticket]);
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(!what.left);
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert_eq!((traces(&shop), expired(&shop)), (Vec::new(), Vec::new()));
}

/// What a title says does not keep a ticket from being erased; nor does that it was erased once.
#[test]
fn what_is_written_after_an_erasure_expires_too_and_a_title_is_no_mark() {
    let (mut shop, mut acme, ticket) = rested();
    assert_eq!(expired(&shop), [ticket]);
    let what: Erase = of_ticket(&shop.rows(), ticket).unwrap();
    shop.run(what).unwrap();
    assert_eq!(expired(&shop), [], "once is enough");
    shop.comment(ticket.0, &format!("{MARKER} asks what became of it"), Audience::Internal).unwrap();
    assert_eq!(expired(&shop), [], "it does not rest");
    shop.now = shop.now.plus(401 * DAY);
    assert_eq!(expired(&shop), [ticket]);
    let what: Erase = of_ticket(&shop.rows(), ticket).unwrap();
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert_eq!(traces(&shop), Vec::<String>::new());
    let named = shop.ticket("(erased)");
    let delegation = shop.delegate(named).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(delegation.0, Action::Decline(because("No."))).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(401 * DAY);
    assert!(expired(&shop).contains(&named));
}

/// What had still to reach the partner stays at first; it must not stay for ever.
#[test]
fn what_was_left_for_a_partner_is_erased_when_the_partner_has_it() {
    let (mut shop, mut acme, ticket) = personal();
    shop.act(4, Action::Reopen(because(&format!("{MARKER} is not content.")))).unwrap();
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(what.left);
    shop.run(what).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(4, Action::Return(because("No."))).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(401 * DAY);
    let what = of_ticket(&shop.rows(), ticket).unwrap();
    assert!(!what.left && expired(&shop) == [ticket]);
    shop.run(what).unwrap();
    carry_out(&mut shop);
    assert_eq!(traces(&shop), Vec::<String>::new());
}

/// Both desks have signed for how long texts are kept: an operator's setting does not make that shorter.
#[test]
fn texts_are_kept_for_as_long_as_was_agreed_with_whoever_works_on_the_case() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms { retention: Some(500), ..Terms::default() });
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Decline(because("No."))).unwrap();
    settle(&mut shop, &mut acme);
    for (days, gone) in [(499, vec![]), (2, vec![ticket])] {
        shop.now = shop.now.plus(days * DAY);
        let reader =
            deskwire_engine::Reader::new(&shop.core, std::sync::Arc::new(deskwire_engine::port::SystemClock));
        let agreed = |no| agreed_retention(&reader, no);
        assert_eq!(shop.core.custody().expired(shop.now, 400 * DAY, &agreed, None).unwrap(), gone, "{days}");
    }
}

/// Words of people in facts: labels of an own status, and titles in what was told of a restore.
#[test]
fn labels_of_a_status_and_titles_in_what_was_told_of_a_restore_go_too() {
    let (shop, mut acme, ticket) = personal();
    let early = shop.copy();
    let (mut shop, copy) = (shop, early);
    shop.comment(ticket.0, "One more thing.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    send_again(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    let events = shop.rows().list(LINK_EVENTS, &LINK, 99).unwrap();
    let told = events.iter().find(|(_, event)| event.code.as_str() == "recovered").unwrap();
    assert!(!told.1.details.is_empty() && told.1.details.iter().all(|line| !line.as_str().contains(MARKER)));
    let inner = shop.ticket("Inner");
    let status = SetStatus {
        ticket: inner,
        status: Code::new("waiting").unwrap(),
        label: Some(Label::new(format!("Waits for {MARKER}")).unwrap()),
        by: person("Anna"),
    };
    shop.run(status).unwrap();
    for ticket in [inner, ticket] {
        let what: Erase = of_ticket(&shop.rows(), ticket).unwrap();
        shop.run(what).unwrap();
    }
    assert_eq!(rows_with_traces(&shop), 0);
    carry_out(&mut shop);
    assert_eq!(traces(&shop), Vec::<String>::new());
    let live = rows(&shop);
    assert_eq!(rows(&shop.restart_with_other_rows()), live);
}
