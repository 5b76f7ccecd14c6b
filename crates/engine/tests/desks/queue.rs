//! Every item ends as delivered, refused, parked or dropped where a person sees it, and never twice.

use deskwire_engine::Refusal;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::Delivered;
use deskwire_engine::command::link::{DeliveryFailed, End};
use deskwire_engine::command::queue::{Changed, DropItems, Park, Retry, Target};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::query;
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::Changes;
use deskwire_machine::retry::Failure;
use deskwire_proto::document::Signed;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::Priority;
use deskwire_proto::receipt::{NotApplied, Outcome, Receipt};
use deskwire_proto::text::{Code, Words};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::row::{Audience, Effect, LinkState, ThreadKind};
use deskwire_store::table::{
    DELEGATION_EVENTS, LINK_EVENTS, LINKS, PARKED, RECEIVED, Rows, THREADS, WAITING,
};

use crate::harness::{Desk, LINK, batch, because, deliver, linked, person, session, settle, take_receipt};
use crate::rebuild::all;

mod restored;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Time goes by while the daemon runs: it ticks every hour, or when the tick asked for it.
fn live(desk: &mut Desk, time: u64) {
    let end = desk.now.plus(time);
    while desk.now < end {
        let next = desk.run(Tick).unwrap();
        let hour = desk.now.plus(HOUR);
        desk.now = next.map_or(hour, |next| next.clamp(desk.now.plus(1), hour)).min(end);
    }
    desk.run(Tick).unwrap();
}

fn waiting(desk: &Desk) -> Vec<(Order, ItemId)> {
    let rows = desk.rows().list(WAITING, &LINK, usize::MAX).unwrap();
    rows.into_iter().map(|((_, order), row)| (order, row.item)).collect()
}

fn parked(desk: &Desk) -> Vec<ItemId> {
    let rows = desk.rows().list(PARKED, &LINK, usize::MAX).unwrap();
    rows.into_iter().map(|(_, row)| row.item.item).collect()
}

fn events(desk: &Desk, code: &str) -> usize {
    let rows = desk.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    rows.iter().filter(|(_, event)| event.code.as_str() == code).count()
}

fn park(desk: &mut Desk, item: ItemId) -> Result<Changed, Refusal> {
    desk.run(Park { target: Target::Item(item), by: person("Anna") })
}

fn retry(desk: &mut Desk, item: ItemId) -> Result<Changed, Refusal> {
    desk.run(Retry { target: Target::Item(item), parked: false })
}

fn drop_item(desk: &mut Desk, item: ItemId) -> Result<Changed, Refusal> {
    desk.run(DropItems { target: Target::Item(item), by: person("Anna") })
}

fn retry_link(desk: &mut Desk) -> Changed {
    desk.run(Retry { target: Target::Link(LINK), parked: true }).unwrap()
}

/// How many comments stand on a ticket.
fn comments(desk: &Desk, ticket: u64) -> usize {
    let rows = desk.rows().list(THREADS, &TicketNumber(ticket), usize::MAX).unwrap();
    rows.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).count()
}

fn state(desk: &Desk, delegation: u64) -> State {
    desk.delegation(delegation).case.view(desk.stream().in_length).state
}

/// The last event of the delegation, as it is shown.
fn last_effect(desk: &Desk, delegation: u64) -> Effect {
    let rows = desk.rows().list(DELEGATION_EVENTS, &DelegationNo(delegation), usize::MAX).unwrap();
    rows.last().unwrap().1.effect.clone()
}

/// The streams hold together, nothing came twice, and folding the journal anew gives the same rows.
fn sound(shop: Desk, acme: Desk) {
    assert_eq!(shop.stream().acked, acme.stream().in_length, "no hole: everything numbered has arrived");
    for desk in [shop, acme] {
        let mut items = std::collections::BTreeSet::new();
        for (_, row) in desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap() {
            assert!(items.insert(row.hash), "a message came twice");
        }
        let live = all(&desk);
        let rebuilt = all(&desk.restart_with_other_rows());
        let differing = live.iter().zip(&rebuilt).filter(|(one, other)| one != other).count();
        assert!(live.len() == rebuilt.len() && differing <= 1, "{differing} rows differ after a rebuild");
    }
}

/// A desk with an offer that was delivered and accepted.
fn at_work() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

#[test]
fn what_is_not_delivered_for_an_hour_is_noticed_once_and_cleared_by_the_receipt() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    live(&mut shop, HOUR - 10_000);
    assert!(shop.stream().late.is_none(), "an hour is not over");
    live(&mut shop, 30_000);
    let late = shop.stream().late.expect("an hour is over");
    assert_eq!(late.order, waiting(&shop)[0].0);
    live(&mut shop, 5 * DAY);
    assert_eq!(events(&shop, "not-delivered"), 1, "the operator is told once");
    // Numbered and not acknowledged is no better.
    let opened = session(&mut shop, &mut acme);
    let first = batch(&mut shop, opened, None).unwrap();
    live(&mut shop, HOUR);
    assert!(shop.stream().late.is_some());
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &first) else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &receipt).unwrap();
    assert!(shop.stream().late.is_none());
    sound(shop, acme);
}

#[test]
fn fault_118_after_thirty_days_an_item_is_parked_and_sent_again_once_under_its_own_id() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    shop.comment(1, "two", Audience::Thread).unwrap();
    let items = waiting(&shop);
    live(&mut shop, 29 * DAY);
    assert_eq!(parked(&shop), []);
    live(&mut shop, 2 * DAY);
    let ids: Vec<_> = items.iter().map(|(_, item)| *item).collect();
    assert_eq!((waiting(&shop), parked(&shop)), (Vec::new(), ids.clone()));
    assert_eq!(events(&shop, "dead-letters"), 1);
    // The partner is back: nothing goes by itself, and what is new overtakes what is parked.
    shop.comment(1, "three", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 1);
    assert_eq!(retry(&mut shop, ids[0]).unwrap().count, 1);
    assert_eq!(retry(&mut shop, ids[0]).unwrap_err().code, "not-parked", "sent again once, not twice");
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 2);
    assert_eq!(retry(&mut shop, ids[0]).unwrap_err().code, "unknown-item", "it was delivered");
    assert_eq!(retry_link(&mut shop).count, 1);
    settle(&mut shop, &mut acme);
    assert_eq!((comments(&acme, 1), parked(&shop)), (3, Vec::new()));
    sound(shop, acme);
}

#[test]
fn fault_118_dropped_items_leave_no_hole_and_their_author_sees_it() {
    let (mut shop, mut acme) = at_work();
    for text in ["one", "two", "three"] {
        shop.comment(1, text, Audience::Thread).unwrap();
    }
    let items = waiting(&shop);
    drop_item(&mut shop, items[1].1).unwrap();
    park(&mut shop, items[2].1).unwrap();
    drop_item(&mut shop, items[2].1).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 1);
    let thread = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    let shared = thread.iter().flat_map(|(_, row)| &row.shared);
    let told: Vec<_> = shared.filter_map(|shared| shared.refused.as_ref()).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|why| why.code.as_str() == "dropped" && !why.words.as_str().contains("Anna")));
    let shown = format!("{:?}", query::ticket_detail(&shop.reader(), TicketNumber(1)).unwrap().thread);
    assert_eq!(shown.matches("Anna dropped this").count(), 2, "{shown}");
    assert_eq!(drop_item(&mut shop, items[1].1).unwrap_err().code, "unknown-item");
    sound(shop, acme);
}

#[test]
fn a_numbered_message_stays_in_the_stream_whatever_anybody_wants() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let item = waiting(&shop)[0].1;
    let opened = session(&mut shop, &mut acme);
    batch(&mut shop, opened, None).unwrap();
    let words = drop_item(&mut shop, item).unwrap_err();
    assert_eq!(words.code, "already-numbered");
    assert!(words.words.contains("a message that has its number cannot be dropped"), "{}", words.words);
    assert_eq!(park(&mut shop, item).unwrap_err().code, "already-numbered");
    live(&mut shop, 31 * DAY);
    assert_eq!(parked(&shop), [], "no dead letter");
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 1);
    sound(shop, acme);
}

#[test]
fn parking_an_offer_parks_what_rests_on_it_and_sending_it_again_sends_all_of_it_in_order() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let other = shop.ticket("Printer");
    shop.delegate(other).unwrap();
    let items = waiting(&shop);
    assert_eq!(park(&mut shop, items[0].1).unwrap().count, 2, "the offer and its comment");
    assert_eq!((state(&shop, 1), state(&shop, 2)), (State::Unoffered, State::Offered));
    assert!(matches!(last_effect(&shop, 1), Effect::Parked(_)));
    shop.comment(1, "two", Audience::Delegations(vec![DelegationNo(1)])).unwrap();
    assert_eq!(parked(&shop).len(), 3, "what is said later about it waits with it");
    let changes = Changes { priority: Some(Priority::High), ..Changes::default() };
    for action in [Action::Confirm, Action::Update(Box::new(changes.clone()))] {
        let refusal = shop.act(1, action).unwrap_err();
        assert_eq!((refusal.fault, refusal.code), (deskwire_engine::Fault::Conflict, "rests-on-parked"));
        assert!(refusal.next.contains(&format!("deskwire queue retry {}", items[0].1)), "{}", refusal.next);
        assert!(refusal.next.contains("deskwire queue drop"), "{}", refusal.next);
    }
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, 1, "the other offer has overtaken");
    let comment = parked(&shop)[1];
    assert_eq!(retry(&mut shop, comment).unwrap_err().code, "rests-on-parked");
    assert_eq!(retry(&mut shop, items[0].1).unwrap().count, 3);
    settle(&mut shop, &mut acme);
    assert_eq!((acme.stream().in_length, comments(&acme, 2)), (4, 2));
    assert_eq!((state(&shop, 1), state(&acme, 2)), (State::Offered, State::Offered));
    shop.act(1, Action::Update(Box::new(changes))).unwrap();
    settle(&mut shop, &mut acme);
    let refused = acme.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    assert!(refused.iter().all(|(_, row)| row.refused.is_none()));
    sound(shop, acme);
}

/// Else whoever handed work to a partner that is away could not correct it before the partner is back.
#[test]
fn what_was_offered_is_updated_while_the_offer_waits() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    for priority in [Priority::High, Priority::Urgent] {
        let changes = Changes { priority: Some(priority), ..Changes::default() };
        shop.act(1, Action::Update(Box::new(changes))).unwrap();
    }
    settle(&mut shop, &mut acme);
    let received = acme.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    assert!(received.len() == 3 && received.iter().all(|(_, row)| row.refused.is_none()));
    assert_eq!((shop.delegation(1).version, acme.delegation(1).version), (3, 3));
    sound(shop, acme);
}

#[test]
fn events_of_one_delegation_keep_their_order_when_one_is_parked() {
    let (mut shop, mut acme) = linked();
    for title in ["Till", "Printer"] {
        let ticket = shop.ticket(title);
        shop.delegate(ticket).unwrap();
    }
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    acme.act(2, Action::Accept).unwrap();
    let items = waiting(&acme);
    assert_eq!(park(&mut acme, items[0].1).unwrap().count, 2, "what is resolved must be accepted first");
    settle(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&shop, 2)), (State::Offered, State::Accepted));
    assert_eq!(retry(&mut acme, items[1].1).unwrap_err().code, "rests-on-parked");
    retry(&mut acme, items[0].1).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    sound(shop, acme);
}

#[test]
fn a_parked_event_that_has_become_impossible_cannot_be_sent_again_and_can_be_dropped() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    let accept = waiting(&acme)[0].1;
    park(&mut acme, accept).unwrap();
    acme.act(1, Action::Decline(because("No time."))).unwrap();
    settle(&mut shop, &mut acme);
    let refusal = retry(&mut acme, accept).unwrap_err();
    assert_eq!(refusal.fault, deskwire_engine::Fault::Conflict);
    assert!(refusal.next.contains("deskwire queue drop"), "{}", refusal.next);
    assert_eq!(retry_link(&mut acme).count, 0, "and a retry of all leaves it");
    drop_item(&mut acme, accept).unwrap();
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Declined, State::Declined));
    sound(shop, acme);
}

#[test]
fn a_dead_offer_takes_along_what_would_be_refused_without_it() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    live(&mut shop, 29 * DAY);
    shop.comment(1, "still there?", Audience::Thread).unwrap();
    shop.act(1, Action::Recall(because("Too late."))).unwrap();
    live(&mut shop, 2 * DAY);
    assert_eq!((parked(&shop).len(), waiting(&shop).len()), (1, 2), "the offer alone is old enough");
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, 0, "nothing that the partner would have to refuse was sent");
    assert_eq!(parked(&shop).len(), 3);
    assert_eq!(retry_link(&mut shop).count, 3);
    settle(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1), comments(&acme, 1)), (State::Recalled, State::Recalled, 1));
    sound(shop, acme);
}

/// Else what was said later leaves before the offer, and the partner refuses it.
#[test]
fn an_offer_sent_again_takes_along_what_was_said_later_and_still_waits() {
    for by_item in [true, false] {
        let (mut shop, mut acme) = linked();
        let ticket = shop.ticket("Till");
        shop.delegate(ticket).unwrap();
        live(&mut shop, 29 * DAY);
        shop.comment(1, "still there?", Audience::Thread).unwrap();
        shop.act(1, Action::Recall(because("Too late."))).unwrap();
        live(&mut shop, 2 * DAY);
        let dead = parked(&shop);
        assert_eq!((dead.len(), waiting(&shop).len()), (1, 2), "the offer alone is old enough");
        let changed = if by_item { retry(&mut shop, dead[0]).unwrap() } else { retry_link(&mut shop) };
        assert_eq!(changed.count, 3);
        settle(&mut shop, &mut acme);
        assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Recalled, State::Recalled));
        assert_eq!(comments(&acme, 1), 1);
        let received = acme.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
        assert!(received.iter().all(|(_, row)| row.refused.is_none()));
        sound(shop, acme);
    }
}

#[test]
fn fault_105_a_backlog_of_thirty_days_dies_in_bounded_steps_and_comes_back_whole() {
    let (mut shop, mut acme) = at_work();
    for number in 0..700 {
        shop.comment(1, &format!("{number}"), Audience::Thread).unwrap();
    }
    live(&mut shop, 30 * DAY - HOUR);
    shop.now = shop.now.plus(HOUR + HOUR / 2);
    let next = shop.run(Tick).unwrap();
    assert_eq!(shop.stream().parked, 256, "one tick gives up so many");
    assert!(next.is_some_and(|next| next <= shop.now), "and asks for the next at once");
    live(&mut shop, HOUR);
    assert_eq!((shop.stream().parked, shop.stream().waiting), (700, 0));
    let done = retry_link(&mut shop);
    assert_eq!((done.count, done.more), (700, false));
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 700);
    sound(shop, acme);
}

#[test]
fn a_clock_that_jumped_ten_years_gives_nothing_up() {
    let (mut shop, mut acme) = at_work();
    live(&mut shop, DAY);
    shop.comment(1, "one", Audience::Thread).unwrap();
    shop.now = shop.now.plus(3_650 * DAY);
    let next = shop.run(Tick).unwrap().unwrap();
    assert!(next <= shop.now.plus(HOUR), "it looks again when the partner was tried for a while");
    assert_eq!(parked(&shop), []);
    settle(&mut shop, &mut acme);
    live(&mut shop, DAY);
    assert_eq!((comments(&acme, 1), parked(&shop).len()), (1, 0));
    // Ten years back: the item is younger than now, and goes as any other.
    shop.now = Timestamp(shop.now.0 - 3_650 * DAY);
    shop.comment(1, "two", Audience::Thread).unwrap();
    live(&mut shop, DAY);
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 2);
    sound(shop, acme);
}

#[test]
fn a_desk_that_slept_for_a_year_tries_its_partner_before_it_gives_up() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let mut shop = shop.restart();
    shop.now = shop.now.plus(365 * DAY);
    live(&mut shop, HOUR / 2);
    assert_eq!(parked(&shop), []);
    settle(&mut shop, &mut acme);
    live(&mut shop, DAY);
    assert_eq!((comments(&acme, 1), parked(&shop).len()), (1, 0));
}

#[test]
fn a_paused_link_keeps_its_items_and_an_ended_one_tells_their_authors() {
    let (mut shop, acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    shop.comment(1, "two", Audience::Thread).unwrap();
    let items = waiting(&shop);
    park(&mut shop, items[0].1).unwrap();
    shop.run(End { link: LINK }).unwrap();
    shop.run(Tick).unwrap();
    assert_eq!((waiting(&shop), parked(&shop)), (Vec::new(), Vec::new()));
    let thread = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    let told =
        thread.iter().flat_map(|(_, row)| &row.shared).filter(|shared| shared.refused.is_some()).count();
    assert_eq!(told, 2);
    assert_eq!(retry(&mut shop, items[0].1).unwrap_err().code, "unknown-item");
    sound(shop, acme);
}

#[test]
fn a_link_that_nobody_approves_for_thirty_days_is_closed() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    crate::harness::link_unapproved(&mut shop, &mut acme);
    for desk in [&mut shop, &mut acme] {
        live(desk, 29 * DAY);
        let before = desk.rows().get(LINKS, &LINK).unwrap().unwrap().state;
        assert!(matches!(before, LinkState::WaitingApproval | LinkState::WaitingPartner));
        live(desk, 2 * DAY);
        assert_eq!(desk.rows().get(LINKS, &LINK).unwrap().unwrap().state, LinkState::Closed);
        assert_eq!(events(desk, "not-approved"), 1);
    }
}

#[test]
fn refusals_of_the_queue_say_what_is_wrong() {
    let (mut shop, _) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let item = waiting(&shop)[0].1;
    let nothing = ItemId::new([9; 16]);
    for refusal in [park(&mut shop, nothing), retry(&mut shop, nothing), drop_item(&mut shop, nothing)] {
        assert_eq!(refusal.unwrap_err().code, "unknown-item");
    }
    assert_eq!(retry(&mut shop, item).unwrap_err().code, "not-parked");
    park(&mut shop, item).unwrap();
    assert_eq!(park(&mut shop, item).unwrap_err().code, "already-parked");
    let nowhere = Target::Link(LinkNo(7));
    assert_eq!(shop.run(Park { target: nowhere, by: person("Anna") }).unwrap_err().code, "unknown-link");
    assert_eq!(shop.run(Retry { target: nowhere, parked: true }).unwrap_err().code, "unknown-link");
    assert_eq!(shop.run(DropItems { target: nowhere, by: person("Anna") }).unwrap_err().code, "unknown-link");
}

fn failed(desk: &mut Desk, failure: Failure) -> Option<Timestamp> {
    let (code, words) = ("unreachable".to_owned(), "The partner does not answer.".to_owned());
    desk.run(DeliveryFailed { link: LINK, failure, code, words }).unwrap()
}

#[test]
fn fault_9_a_storm_of_failures_is_waited_out_on_the_schedule_and_a_retry_begins_it_anew() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let mut pauses = Vec::new();
    let end = shop.now.plus(31 * DAY);
    while shop.now < end {
        let next = failed(&mut shop, Failure::Unreachable).expect("never given up");
        pauses.push(next.since(shop.now));
        shop.now = next;
        shop.run(Tick).unwrap();
    }
    assert!(pauses.len() < 31 * 24 * 2, "a server in trouble is not stormed: {} tries", pauses.len());
    assert!(pauses.iter().all(|pause| (3_750..=HOUR).contains(pause)));
    assert_eq!(parked(&shop).len(), 1);
    let item = parked(&shop)[0];
    retry(&mut shop, item).unwrap();
    let link = shop.rows().get(LINKS, &LINK).unwrap().unwrap();
    assert!(link.retry.is_due(shop.now) && link.retry.attempt == 0, "tried at once");
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 1);
    sound(shop, acme);
}

#[test]
fn fault_10_a_huge_retry_after_counts_as_an_hour() {
    let (mut shop, _) = at_work();
    let next = failed(&mut shop, Failure::Busy { retry_after: Some(u64::MAX) }).unwrap();
    assert_eq!(next.since(shop.now), HOUR);
    let next = failed(&mut shop, Failure::Busy { retry_after: Some(0) }).unwrap();
    assert_eq!(next.since(shop.now), 5_000);
}

#[test]
fn parking_all_of_a_link_and_sending_all_again_loses_and_doubles_nothing() {
    let (mut shop, mut acme) = at_work();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    for text in ["one", "two"] {
        shop.comment(2, text, Audience::Thread).unwrap();
        shop.comment(1, text, Audience::Thread).unwrap();
    }
    let done = shop.run(Park { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    assert_eq!((done.count, done.more, shop.stream().parked), (5, false, 5));
    settle(&mut shop, &mut acme);
    let mut shop = shop.restart();
    assert_eq!(retry_link(&mut shop).count, 5);
    settle(&mut shop, &mut acme);
    assert_eq!((comments(&acme, 1), comments(&acme, 2)), (2, 2));
    sound(shop, acme);
}

#[test]
fn a_dropped_link_of_items_drops_what_waits_and_what_is_parked() {
    let (mut shop, mut acme) = at_work();
    for text in ["one", "two", "three"] {
        shop.comment(1, text, Audience::Thread).unwrap();
    }
    let first = waiting(&shop)[0].1;
    park(&mut shop, first).unwrap();
    let done = shop.run(DropItems { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    assert_eq!((done.count, shop.stream().parked, shop.stream().waiting), (3, 0, 0));
    settle(&mut shop, &mut acme);
    assert_eq!(comments(&acme, 1), 0);
    sound(shop, acme);
}

/// What the partner's clock says is shown to people, and nothing else rests on it.
#[test]
fn fault_21_a_partner_whose_clock_is_ten_years_off_is_flagged_and_served_in_order() {
    for years in [-10_i64, 10] {
        let (mut shop, mut acme) = at_work();
        acme.now = Timestamp(acme.now.0.saturating_add_signed(years * 365 * DAY as i64));
        let said = ["one", "two", "three", "four"];
        for (turn, text) in said.into_iter().enumerate() {
            let desk = if turn % 2 == 0 { &mut shop } else { &mut acme };
            desk.comment(1, text, Audience::Thread).unwrap();
            settle(&mut shop, &mut acme);
        }
        assert_eq!(
            (shop.bodies(1), acme.bodies(1)),
            (said.map(Into::into).to_vec(), said.map(Into::into).to_vec())
        );
        for desk in [&shop, &acme] {
            assert_eq!(events(desk, "clock-skew"), 1, "told once, not with each hello");
        }
        acme.now = shop.now;
        acme.comment(1, "five", Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        assert_eq!((comments(&shop, 1), events(&shop, "clock-skew")), (5, 1));
        let refused = shop.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
        assert!(refused.iter().all(|(_, row)| row.refused.is_none()));
        sound(shop, acme);
    }
}

/// A partner that signs first that it took something, and then that it did not, has signed both.
#[test]
fn a_receipt_that_contradicts_an_earlier_one_changes_nothing_and_is_kept_as_evidence() {
    let (mut shop, mut acme) = at_work();
    shop.comment(1, "one", Audience::Thread).unwrap();
    let opened = session(&mut shop, &mut acme);
    let first = batch(&mut shop, opened, None).unwrap();
    let Delivered::Receipt(raw) = deliver(&shop, &mut acme, &first) else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &raw).unwrap();
    take_receipt(&mut shop, &acme, &raw).unwrap();
    assert_eq!(events(&shop, "receipts-differ"), 0, "the same receipt again contradicts nothing");
    let honest = Signed::<Receipt>::open(&raw, acme.identity.keys().current()).unwrap();
    let mut lie = honest.body().clone();
    let (code, words) = (Code::new("not-allowed-by-terms").unwrap(), Words::new("No.").unwrap());
    lie.outcomes.push(Outcome(lie.upto, NotApplied::Refused, code, words));
    let lie = Signed::seal(lie, acme.identity.secret()).into_parts().0;
    for _ in 0..3 {
        take_receipt(&mut shop, &acme, &lie).unwrap();
    }
    assert_eq!(events(&shop, "receipts-differ"), 1, "the operator is told, and not flooded");
    let thread = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    assert!(
        thread.iter().flat_map(|(_, row)| &row.shared).all(|shared| shared.refused.is_none()),
        "the first stands"
    );
    sound(shop, acme);
}

/// A ticket whose offer was dropped has to go on without that partner: its status can be set, and nothing of it is sent
/// where nobody knows it.
#[test]
fn a_ticket_whose_offer_was_dropped_goes_on_without_that_partner() {
    use deskwire_engine::command::comment::AddComment;
    use deskwire_engine::command::queue::{DropItems, Target};
    use deskwire_engine::command::ticket::SetStatus;
    use deskwire_proto::text::Code;
    use deskwire_store::row::Audience;

    let (mut shop, _) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let by = person("Anna");
    let target = Target::Link(LINK);
    assert_eq!(shop.run(DropItems { target, by: by.clone() }).unwrap().count, 1);
    let set = SetStatus { ticket, status: Code::new("in-work").unwrap(), label: None, by: by.clone() };
    assert_eq!(shop.run(set).unwrap().delegations, []);
    let body = crate::harness::prose("For all.");
    let said = shop.run(AddComment { ticket, body, audience: Audience::Thread, by });
    assert_eq!(said.unwrap_err().code, "no-partners");
}
