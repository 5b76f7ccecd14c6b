//! Texts that are gone where a change of key has made receipts void: what was answered once stays answered.

use deskwire_engine::command::erase::of_ticket;
use deskwire_engine::command::recover::{AnswerRecover, Laid};
use deskwire_proto::recover::RecoverRequest;
use deskwire_store::local::TicketNumber;

use super::*;

use crate::erased::carry_out;
use crate::harness::receipts_of;
use crate::retain::end_segment;

/// A contractor took an offer, the case came to its end, and the contractor changed its key. The texts are erased at the
/// principal, and the contractor comes back from before the offer.
fn ended_and_erased(how: fn(&mut Desk, &mut Desk)) -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let copy = acme.copy();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    how(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    let mut acme = rotate(acme, 2);
    quiet(&mut shop, &mut acme);
    erase(&mut shop, ticket);
    let mut acme = acme.restore(&copy);
    assert_eq!(greet(&mut acme, &mut shop), Err(Code::RecoveryNeeded));
    (shop, acme)
}

fn erase(desk: &mut Desk, ticket: TicketNumber) {
    end_segment(desk);
    let what = of_ticket(&desk.rows(), ticket).unwrap();
    desk.run(what).unwrap();
    carry_out(desk);
}

fn declined(_: &mut Desk, acme: &mut Desk) {
    acme.act(1, Action::Decline(because("No spare parts."))).unwrap();
}

/// Its contractor has nothing to say to it any more.
fn recalled(shop: &mut Desk, acme: &mut Desk) {
    acme.act(1, Action::Accept).unwrap();
    settle(shop, acme);
    shop.act(1, Action::Recall(because("It works again."))).unwrap();
}

fn asked(acme: &mut Desk) -> Signed<RecoverRequest> {
    let time = acme.now;
    let request = acme.run(AskPage { link: LINK, time }).unwrap().unwrap();
    Signed::open(&request, acme.identity.keys().current()).unwrap()
}

/// The principal finds that the receipts for it bind nobody, and says all of it again before anything came back.
fn too_early(shop: &mut Desk, acme: &mut Desk) {
    let opened = greet(shop, acme).unwrap();
    assert!(codes(shop).contains(&"receipts-void".to_owned()));
    let batch = next(shop, opened, Some(opened.held)).unwrap();
    assert_eq!(batch.deliveries[0].1, None, "the text is gone");
    assert_eq!(deliver(shop, acme, &batch), Ok(Delivered::Refused(Code::Busy)));
}

fn alike(mut shop: Desk, mut acme: Desk, state_of_it: State) {
    quiet(&mut shop, &mut acme);
    assert!(receipts_of(&acme).iter().all(|(_, refused)| !refused), "nothing is refused that was taken once");
    assert_eq!((state(&shop, 1), state(&acme, 1)), (state_of_it, state_of_it));
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    assert!(!codes(&acme).contains(&"recovery-failed".to_owned()));
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else its contractor refuses the offer for the missing text, and the principal holds an answer to nothing.
#[test]
fn an_offer_without_its_text_waits_until_the_answer_to_it_has_come_back() {
    let (mut shop, mut acme) = ended_and_erased(declined);
    let request = asked(&mut acme);
    let laid = Laid::read(&shop.reader(), LINK, request.body(), BATCH_BYTES).unwrap().unwrap();
    too_early(&mut shop, &mut acme);
    let page = shop.run(AnswerRecover { link: LINK, request, laid }).unwrap().unwrap().encode();
    let link = acme.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: acme.identity.desk(), to: shop.identity.desk() };
    let page = Page::open(&page, &acme.identity, &stream, shop.identity.keys());
    assert_eq!(acme.run(TakePage { link: LINK, page }).unwrap(), Taken::Complete);
    alike(shop, acme, State::Declined);
}

/// Else the page lacks what the welcome told of, and the link stands still until an operator resumes it.
#[test]
fn receipts_that_became_void_since_the_welcome_come_back_all_the_same() {
    let (mut shop, mut acme) = ended_and_erased(declined);
    too_early(&mut shop, &mut acme);
    fetch(&mut acme, &mut shop);
    alike(shop, acme, State::Declined);
}

/// Else the recall is refused for its missing words, and work that was called off is open again.
#[test]
fn what_was_called_off_stays_so_though_nothing_was_said_to_it() {
    let (mut shop, mut acme) = ended_and_erased(recalled);
    too_early(&mut shop, &mut acme);
    fetch(&mut acme, &mut shop);
    alike(shop, acme, State::Recalled);
}

/// Else its receipts tell other times than it holds.
#[test]
fn what_came_back_was_not_there_before_what_was_taken_anew() {
    let (mut shop, mut acme) = linked();
    let copy = acme.copy();
    for title in ["Dead cash register", "Printer jams"] {
        let ticket = shop.ticket(title);
        shop.delegate(ticket).unwrap();
        settle(&mut shop, &mut acme);
    }
    acme.act(2, Action::Decline(because("Not our device."))).unwrap();
    settle(&mut shop, &mut acme);
    let mut acme = rotate(acme, 2);
    quiet(&mut shop, &mut acme);
    erase(&mut shop, TicketNumber(2));
    let mut acme = acme.restore(&copy);
    assert_eq!(greet(&mut acme, &mut shop), Err(Code::RecoveryNeeded));
    let opened = greet(&mut shop, &mut acme).unwrap();
    let batch = next(&mut shop, opened, Some(opened.held)).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &batch), Ok(Delivered::Receipt(_))));
    assert_eq!(acme.stream().in_length, 1, "the second offer has no text any more");
    fetch(&mut acme, &mut shop);
    quiet(&mut shop, &mut acme);
    let times: Vec<_> = receipts_of(&acme).into_iter().map(|(time, _)| time).collect();
    assert!(times.len() > 1 && times.is_sorted(), "{times:?}");
    assert_eq!((state(&shop, 2), state(&acme, 2)), (State::Declined, State::Declined));
}
