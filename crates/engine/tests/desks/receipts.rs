//! What a partner signs in its receipts can be wrong or a lie: it costs this desk little, and no event its end.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::Delivered;
use deskwire_proto::document::Signed;
use deskwire_proto::id::SessionId;
use deskwire_proto::receipt::{NotApplied, Outcome, Receipt};
use deskwire_proto::text::{Code, Words};
use deskwire_store::row::Audience;
use deskwire_store::table::{LINK_EVENTS, Rows};

use crate::harness::{Desk, LINK, batch, deliver, linked, session, settle, take_receipt};

/// A shop with work at Acme, which has accepted it; and a session of the shop.
fn at_work() -> (Desk, Desk, SessionId) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let opened = session(&mut shop, &mut acme);
    (shop, acme, opened)
}

/// Acme's honest receipt for what the shop says next.
fn receipt(shop: &mut Desk, acme: &mut Desk, opened: SessionId) -> Receipt {
    let said = batch(shop, opened, None).unwrap();
    let Delivered::Receipt(raw) = deliver(shop, acme, &said) else { panic!("a receipt") };
    Signed::<Receipt>::open(&raw, acme.identity.keys().current()).unwrap().body().clone()
}

fn take(shop: &mut Desk, acme: &Desk, receipt: Receipt) {
    let raw = Signed::seal(receipt, acme.identity.secret()).into_parts().0;
    take_receipt(shop, acme, &raw).unwrap();
}

/// The shop says one more thing, and Acme signs with `length` that it got it.
fn say(shop: &mut Desk, acme: &mut Desk, opened: SessionId, length: u64) {
    shop.comment(1, "And?", Audience::Thread).unwrap();
    let mut receipt = receipt(shop, acme, opened);
    receipt.length = length;
    take(shop, acme, receipt);
}

/// The length that the open event of the shop waits for.
fn awaited(shop: &Desk) -> Option<u64> {
    shop.delegation(1).case.open().iter().find_map(|open| open.receipt_length)
}

fn contradictions(desk: &Desk) -> usize {
    let rows = desk.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    rows.iter().filter(|(_, event)| event.code.as_str() == "receipts-differ").count()
}

/// A partner that takes back the length of its stream with every receipt has all that is open looked at now and then, not
/// each time; and one that was restored, and does so once, lets go what nothing comes for any more.
#[test]
fn a_length_that_is_taken_back_lets_go_what_waits_for_it_and_not_with_every_receipt() {
    let (mut shop, mut acme, opened) = at_work();
    shop.act(1, Action::Status(None)).unwrap();
    let mut first = receipt(&mut shop, &mut acme, opened);
    first.length = 1_000;
    take(&mut shop, &acme, first);
    assert_eq!(awaited(&shop), Some(1_000));

    say(&mut shop, &mut acme, opened, 500);
    assert_eq!(awaited(&shop), Some(500), "what it had numbered above is gone");
    say(&mut shop, &mut acme, opened, 400);
    assert_eq!(awaited(&shop), Some(500), "not again at once");
    shop.now = shop.now.plus(60_000);
    say(&mut shop, &mut acme, opened, 400);
    assert_eq!(awaited(&shop), Some(400), "but at the next receipt after a while");
}

/// Else the case waits for good for what the partner has taken back: its receipts come faster than they are heard.
#[test]
fn a_length_that_is_waited_for_is_not_forgotten_over_later_ones_that_were_reached() {
    let (mut shop, mut acme, _) = at_work();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Status(None)).unwrap();
    let opened = session(&mut shop, &mut acme);
    let mut first = receipt(&mut shop, &mut acme, opened);
    first.length = 1_000;
    take(&mut shop, &acme, first);
    say(&mut shop, &mut acme, opened, 500);
    for length in [0, 1] {
        say(&mut shop, &mut acme, opened, length);
    }
    assert_eq!(awaited(&shop), Some(500), "not again at once");
    shop.now = shop.now.plus(60_000);
    say(&mut shop, &mut acme, opened, 400);
    assert_eq!(awaited(&shop), Some(400));
}

/// A partner whose receipts name less than it has sent takes nothing back with that, so it is no work either.
#[test]
fn a_length_below_what_is_held_takes_nothing_back() {
    let (mut shop, mut acme, opened) = at_work();
    assert_eq!(shop.stream().in_length, 1);
    for _ in 0..3 {
        say(&mut shop, &mut acme, opened, 0);
    }
    shop.act(1, Action::Status(None)).unwrap();
    let mut first = receipt(&mut shop, &mut acme, opened);
    first.length = 1_000;
    take(&mut shop, &acme, first);
    assert_eq!(awaited(&shop), Some(1_000));
    say(&mut shop, &mut acme, opened, 500);
    assert_eq!(awaited(&shop), Some(500), "this is the first one that does");
}

/// Receipts over the whole stream again and again must not have this desk read all that it holds; a contradiction is found
/// all the same where a receipt covers as much as an honest one.
#[test]
fn a_receipt_is_compared_with_the_first_of_many() {
    let (mut shop, mut acme, opened) = at_work();
    let begin = shop.stream().acked;
    let (mut times, mut last) = (Vec::new(), None);
    for _ in 0..50 {
        shop.comment(1, "And?", Audience::Thread).unwrap();
        let receipt = receipt(&mut shop, &mut acme, opened);
        times.extend(receipt.commit_times().last().map(|(_, time)| time.0));
        take(&mut shop, &acme, receipt.clone());
        last = Some(receipt);
    }
    let last = last.unwrap();
    assert_eq!(contradictions(&shop), 0);
    let lie = |count: usize| {
        let told = &times[50 - count..];
        let steps = told.windows(2).map(|pair| pair[1] - pair[0]);
        let times = std::iter::once(told[0]).chain(steps).collect();
        let (code, words) = (Code::new("not-allowed-by-terms").unwrap(), Words::new("No.").unwrap());
        let outcomes = vec![Outcome(last.upto, NotApplied::Refused, code, words)];
        Receipt { base: last.upto - count as u64, times, outcomes, ..last.clone() }
    };
    assert_eq!(shop.stream().acked, begin + 50);
    take(&mut shop, &acme, lie(50));
    assert_eq!(contradictions(&shop), 0, "the last of fifty is not looked at");
    let told = shop.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    let told: Vec<_> =
        told.iter().filter(|(_, event)| event.code.as_str() == "receipt-not-compared").collect();
    let words = told[0].1.words.as_str();
    assert!(told.len() == 1 && words.contains("not compared. The receipt is kept"), "{words}");
    assert!(words.contains(&format!("messages {} to {} was", begin + 33, begin + 50)), "{words}");
    shop.now = shop.now.plus(3_600_000);
    take(&mut shop, &acme, lie(10));
    assert_eq!(contradictions(&shop), 1, "the last of ten is");
}
