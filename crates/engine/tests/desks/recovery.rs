//! A desk that was restored from an old copy gets back what it had said and heard, and nothing twice.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::Delivered;
use deskwire_engine::command::link::Resume;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::Changes;
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::Stream;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::message::common::Priority;
use deskwire_proto::recover::{RecoverPage, RecoverRequest};
use deskwire_store::row::{Audience, LinkState, Pause, Recovery};
use deskwire_store::table::{LINK_EVENTS, LINKS, Rows, TICKETS};

use crate::harness::{
    Desk, LINK, answer_hello, batch, because, deliver, insist, linked, prose, pump, say_hello, session,
    settle, take_receipt,
};
use crate::rebuild::all;

pub(crate) fn state(desk: &Desk) -> LinkState {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap().state
}

pub(crate) fn recovery(desk: &Desk) -> Option<Recovery> {
    desk.stream().recovery
}

pub(crate) fn codes(desk: &Desk) -> Vec<String> {
    let rows = desk.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap();
    rows.into_iter().map(|(_, event)| event.code.to_string()).collect()
}

pub(crate) fn hello(from: &mut Desk, to: &mut Desk) -> Result<(), Code> {
    let said = say_hello(from);
    answer_hello(from, to, said).map(drop)
}

pub(crate) fn request(from: &mut Desk) -> Option<Signed<RecoverRequest>> {
    let time = from.now;
    let request = from.run(AskPage { link: LINK, time }).unwrap()?;
    Some(Signed::open(&request, from.identity.keys().current()).unwrap())
}

pub(crate) fn open(bytes: &[u8], to: &Desk, from: &Desk) -> Result<Page, Code> {
    let link = to.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: to.identity.desk(), to: from.identity.desk() };
    Page::open(bytes, &to.identity, &stream, from.identity.keys())
}

/// Fetches all pages of at most so many bytes; how many there were.
pub(crate) fn fetch(restored: &mut Desk, other: &mut Desk, most: usize) -> usize {
    let mut pages = 0;
    while let Some(request) = request(restored) {
        let page = other.hand_back(LINK, request, most).unwrap();
        assert!(page.len() <= most);
        let page = open(&page, restored, other);
        let taken = restored.run(TakePage { link: LINK, page }).unwrap();
        assert!(!matches!(taken, Taken::Refused(_)), "{taken:?}");
        pages += 1;
    }
    pages
}

/// The whole recovery of a desk: hello, pages, then the partner's stream.
pub(crate) fn recover(restored: &mut Desk, other: &mut Desk) {
    assert_eq!(hello(restored, other), Err(Code::RecoveryNeeded));
    fetch(restored, other, BATCH_BYTES);
    send_again(other, restored);
    assert_eq!(recovery(restored), None);
}

/// Says hello and sends everything from where the reader stands.
pub(crate) fn send_again(from: &mut Desk, to: &mut Desk) {
    let session = session(from, to);
    let mut after = Some(to.stream().in_length);
    while let Some(sent) = batch(from, session, after) {
        let delivered = insist(from, to, &sent);
        let Delivered::Receipt(receipt) = delivered else { panic!("a receipt, not {delivered:?}") };
        take_receipt(from, to, &receipt).unwrap();
        after = Some(after.unwrap() + sent.deliveries.len() as u64);
    }
}

/// What both sides show of a delegation.
pub(crate) fn shown(desk: &Desk, no: u64) -> (State, u64, usize) {
    let view = desk.delegation(no).case.view(desk.stream().in_length);
    (view.state, view.version, desk.delegation(no).case.open().len())
}

pub(crate) fn same_after_rebuild(desk: Desk) -> Desk {
    let live = all(&desk);
    let desk = desk.restart_with_other_rows();
    let rebuilt = all(&desk);
    let differing: Vec<_> = live.iter().zip(&rebuilt).filter(|(one, other)| one != other).collect();
    assert_eq!((rebuilt.len(), differing.len()), (live.len(), 1), "{differing:?}");
    desk
}

pub(crate) fn offered() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

/// Else the two sides would show another version of the same case for good.
#[test]
fn what_came_back_stands_where_it_was_said_though_the_partner_was_heard_first() {
    let (mut shop, mut acme) = offered();
    let opened = session(&mut shop, &mut acme);
    let copy = acme.copy();
    let urgent = Changes { priority: Some(Priority::Urgent), ..Changes::default() };
    shop.act(1, Action::Update(Box::new(urgent))).unwrap();
    let crossing = batch(&mut shop, opened, None).unwrap();
    acme.act(1, Action::Decline(because("No time."))).unwrap();
    pump(&mut acme, &mut shop);

    let mut acme = acme.restore(&copy);
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &crossing) else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &receipt).unwrap();
    assert_eq!(shown(&acme, 1).0, State::Offered);
    assert_eq!(hello(&mut acme, &mut shop), Err(Code::RecoveryNeeded));
    fetch(&mut acme, &mut shop, BATCH_BYTES);
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&acme, 1), shown(&shop, 1));
    assert_eq!((shown(&acme, 1).0, shown(&acme, 1).1), (State::Declined, 1), "the update came too late");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

#[test]
fn a_principal_restored_from_an_old_copy_gets_back_its_offers_comments_and_answers() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    let second = shop.ticket("Printer jams");
    shop.delegate(second).unwrap();
    shop.comment(1, "It smells burnt.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    acme.act(2, Action::Decline(because("Not our device."))).unwrap();
    acme.comment(1, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let before = (shop.stream(), shown(&shop, 1), shown(&shop, 2));

    let mut shop = shop.restore(&copy);
    assert!(shop.stream().out_length < before.0.out_length);
    recover(&mut shop, &mut acme);
    assert_eq!((shop.stream().out_length, shop.stream().out_head), (before.0.out_length, before.0.out_head));
    assert_eq!((shop.stream().in_length, shop.stream().in_head), (before.0.in_length, before.0.in_head));
    settle(&mut shop, &mut acme);
    assert_eq!((shown(&shop, 1), shown(&shop, 2)), (before.1, before.2));
    assert_eq!(shop.rows().get(TICKETS, &second).unwrap().unwrap().title.as_str(), "Printer jams");
    assert_eq!(codes(&shop), ["recovered"]);
    assert_eq!(codes(&acme), ["handed-back"]);
    // Work goes on in both directions.
    shop.comment(2, "Who else could?", Audience::Internal).unwrap();
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    assert_eq!(shown(&acme, 1).0, State::Confirmed);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

#[test]
fn a_contractor_restored_before_the_offer_came_gets_offer_acceptance_and_ticket_number_back() {
    let (mut shop, mut acme) = linked();
    let copy = acme.copy();
    acme.ticket("An own one, lost for good");
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    acme.comment(2, "On our way.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Ask { question: prose("Which room?") }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Answer { answer: prose("The second."), needed: true }).unwrap();
    settle(&mut shop, &mut acme);
    let before = (acme.stream().out_head, acme.stream().in_head, shown(&acme, 1));

    let mut acme = acme.restore(&copy);
    recover(&mut acme, &mut shop);
    assert_eq!((acme.stream().out_head, acme.stream().in_head), (before.0, before.1));
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&acme, 1), before.2);
    assert_eq!(acme.delegation(1).ticket.0, 2, "the ticket has the number that the partner knows");
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    same_after_rebuild(acme);
}

#[test]
fn a_desk_in_the_middle_of_its_recovery_answers_busy_numbers_nothing_and_goes_on_after_a_restart() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    for number in 0..40 {
        shop.comment(1, &format!("{number}: {}", "x".repeat(900)), Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let before = shop.stream();

    let mut shop = shop.restore(&copy);
    shop.comment(1, "written while it recovers", Audience::Thread).unwrap();
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    // The partner speaks in the middle of it: too early.
    let open = session(&mut acme, &mut shop);
    let sent = batch(&mut acme, open, Some(shop.stream().in_length)).unwrap();
    assert_eq!(deliver(&acme, &mut shop, &sent), Delivered::Refused(Code::Busy));
    let request = request(&mut shop).unwrap();
    let page = acme.hand_back(LINK, request, 8_192).unwrap();
    let page = self::open(&page, &shop, &acme);
    assert_eq!(shop.run(TakePage { link: LINK, page }).unwrap(), Taken::More);

    let mut shop = same_after_rebuild(shop);
    assert!(recovery(&shop).is_some_and(|recovery| !recovery.complete));
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    assert!(fetch(&mut shop, &mut acme, 8_192) > 3);
    assert!(recovery(&shop).is_some_and(|recovery| recovery.complete));
    // It may say what it has numbered already, and nothing new, until it has heard what it had heard.
    let open = session(&mut shop, &mut acme);
    let numbered = shop.stream().out_length;
    assert!(batch(&mut shop, open, Some(numbered)).is_none());
    send_again(&mut acme, &mut shop);
    assert_eq!(recovery(&shop), None);
    assert_eq!(shop.stream().out_head, before.out_head);
    settle(&mut shop, &mut acme);
    assert_eq!(
        acme.stream().in_length,
        before.out_length + 1,
        "the new comment went out behind the old ones"
    );
    same_after_rebuild(shop);
}

#[test]
fn an_item_that_waited_in_the_old_copy_and_was_sent_since_is_not_sent_twice() {
    let (mut shop, mut acme) = offered();
    shop.comment(1, "waits in the copy", Audience::Thread).unwrap();
    acme.act(1, Action::Accept).unwrap();
    let copy = shop.copy();
    settle(&mut shop, &mut acme);
    let before = (shop.stream().out_length, acme.stream().in_length);
    let mut shop = shop.restore(&copy);
    assert_eq!(shop.stream().waiting, 1);
    recover(&mut shop, &mut acme);
    assert_eq!(shop.stream().waiting, 0);
    settle(&mut shop, &mut acme);
    assert_eq!((shop.stream().out_length, acme.stream().in_length), before);
    same_after_rebuild(shop);
}

#[test]
fn an_event_that_waited_in_the_old_copy_gives_way_to_its_message_and_what_waits_behind_goes_on() {
    let (mut shop, mut acme) = offered();
    acme.act(1, Action::Accept).unwrap();
    let copy = acme.copy();
    settle(&mut shop, &mut acme);
    let mut acme = acme.restore(&copy);
    acme.act(1, Action::Ask { question: prose("Which room?") }).unwrap();
    recover(&mut acme, &mut shop);
    assert_eq!(acme.stream().waiting, 1);
    let mut acme = same_after_rebuild(acme);
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&acme, 1), shown(&shop, 1));
    assert!(matches!(shown(&shop, 1).0, State::Waiting { .. }), "{:?}", shown(&shop, 1));
    same_after_rebuild(acme);
}

#[test]
fn a_refusal_that_was_told_stays_a_refusal_after_a_restore_and_the_time_stays_too() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    acme.act(1, Action::Accept).unwrap();
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    settle(&mut shop, &mut acme);
    let before = crate::harness::receipts_of(&shop);
    let mut shop = shop.restore(&copy);
    shop.now = shop.now.plus(900_000_000);
    recover(&mut shop, &mut acme);
    assert_eq!(crate::harness::receipts_of(&shop), before);
    settle(&mut shop, &mut acme);
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
}

#[test]
fn a_page_that_was_tampered_with_is_taken_in_no_part_and_the_operator_is_told() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    for number in 0..3 {
        shop.comment(1, &format!("comment {number}"), Audience::Thread).unwrap();
    }
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&copy);
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    let before = shop.stream();
    let request = request(&mut shop).unwrap();
    let page = acme.hand_back(LINK, request, BATCH_BYTES).unwrap();
    let mut torn = RecoverPage::decode(&page).unwrap();
    torn.deliveries.remove(1);
    let mut foreign = RecoverPage::decode(&page).unwrap();
    foreign.deliveries[0].0[40] ^= 1;
    let mut short = RecoverPage::decode(&page).unwrap();
    short.deliveries.pop();
    for (bad, code) in [(torn, Code::Gap), (foreign, Code::BadSignature), (short, Code::RecoveryNeeded)] {
        let page = open(&bad.encode(), &shop, &acme);
        let taken = shop.run(TakePage { link: LINK, page }).unwrap();
        assert!(
            matches!(taken, Taken::Refused(found) if found == code || code == Code::BadSignature),
            "{taken:?}"
        );
        assert!(matches!(state(&shop), LinkState::Paused(Pause::BadPage(_))));
        assert_eq!(shop.stream().out_length, before.out_length);
        shop.run(Resume { link: LINK }).unwrap();
    }
    assert_eq!(codes(&shop), ["recovery-failed"; 3]);
    // With an honest page it goes on.
    recover(&mut shop, &mut acme);
    assert_eq!(state(&shop), LinkState::Active);
}

#[test]
fn a_page_is_for_the_restored_desk_alone_and_only_while_it_lacks_something() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    shop.comment(1, "one more", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&copy);
    assert!(request(&mut shop).is_none(), "nobody has told it that it lost something");
    assert_eq!(hello(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    let asked = request(&mut shop).unwrap();
    let mut other = asked.body().clone();
    other.welcome = deskwire_proto::id::Nonce::new([7; 32]);
    let other = Signed::seal(other, shop.identity.secret());
    let answer = acme.hand_back(LINK, other, BATCH_BYTES);
    assert!(answer == Err(Code::RecoveryNotOffered));
    recover(&mut shop, &mut acme);
    shop.comment(1, "and on", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    // An old request that somebody kept opens nothing once the session is over.
    let answer = acme.hand_back(LINK, asked, BATCH_BYTES);
    assert!(answer == Err(Code::RecoveryNotOffered));
}

/// What the newer backup has comes back to the older one, whoever has which; what neither has is said anew, under the same
/// numbers. Two backups cannot each lack what the other has: whoever has heard something had said before what it answers.
#[test]
fn of_two_desks_restored_to_different_times_the_older_gets_its_part_back_and_nothing_is_invented() {
    const BETWEEN: [&str; 3] = ["The till?", "The till.", "Which room?"];
    for shop_is_older in [true, false] {
        let (mut shop, mut acme) = offered();
        let (first_shop, first_acme) = (shop.copy(), acme.copy());
        shop.comment(1, BETWEEN[0], Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        acme.act(1, Action::Accept).unwrap();
        acme.comment(1, BETWEEN[1], Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        shop.comment(1, BETWEEN[2], Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        let (later_shop, later_acme) = (shop.copy(), acme.copy());
        shop.comment(1, "Nobody will have it.", Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        acme.comment(1, "Nor this.", Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);

        let (from_shop, from_acme) =
            if shop_is_older { (first_shop, later_acme) } else { (later_shop, first_acme) };
        let (mut shop, mut acme) = (shop.restore(&from_shop), acme.restore(&from_acme));
        let (older, newer) = if shop_is_older { (&mut shop, &mut acme) } else { (&mut acme, &mut shop) };
        recover(older, newer);
        settle(older, newer);
        for desk in [&shop, &acme] {
            assert_eq!(sorted(desk.bodies(1)), sorted(BETWEEN.map(str::to_owned).to_vec()));
            assert_eq!(shown(desk, 1).0, State::Accepted);
            assert_eq!((state(desk), recovery(desk)), (LinkState::Active, None));
        }
        shop.comment(1, "And on.", Audience::Thread).unwrap();
        acme.comment(1, "We too.", Audience::Thread).unwrap();
        settle(&mut shop, &mut acme);
        assert_eq!((shop.bodies(1).len(), acme.bodies(1).len()), (5, 5));
        assert_eq!(shop.stream().out_head, acme.stream().in_head);
        assert_eq!(acme.stream().out_head, shop.stream().in_head);
        assert!([&shop, &acme].iter().all(|desk| !codes(desk).contains(&"fork".to_owned())));
        same_after_rebuild(shop);
        same_after_rebuild(acme);
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_call_repeated_after_the_restore_makes_nothing_twice() {
    use deskwire_engine::Keyed;
    use deskwire_engine::command::comment::AddComment;
    use deskwire_proto::id::Hash;
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    let call = || Keyed {
        key: Hash::of(b"call"),
        request: Hash::of(b"request"),
        command: AddComment {
            ticket: deskwire_store::local::TicketNumber(1),
            body: prose("said once"),
            audience: Audience::Thread,
            by: crate::harness::person("Anna"),
        },
    };
    shop.run(call()).unwrap();
    settle(&mut shop, &mut acme);
    let length = acme.stream().in_length;
    // Repeated before the recovery: the waiting item gives way to the message that comes back.
    let mut shop = shop.restore(&copy);
    shop.run(call()).unwrap();
    recover(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, length);
    // Repeated after it: what came back is known by its id.
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    shop.run(call()).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, length);
}

#[test]
fn what_a_restored_contractor_had_counted_and_never_sent_keeps_nobody_waiting() {
    let (mut shop, mut acme) = offered();
    let copy = acme.copy();
    // It numbers two comments that never arrive, and then gives a receipt that counts them.
    acme.comment(1, "never arrives", Audience::Thread).unwrap();
    acme.comment(1, "nor does this", Audience::Thread).unwrap();
    let open = session(&mut acme, &mut shop);
    batch(&mut acme, open, None).unwrap();
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    pump(&mut shop, &mut acme);
    assert!(!shop.delegation(1).case.open().is_empty(), "something could come before the recall");
    let mut acme = acme.restore(&copy);
    recover(&mut acme, &mut shop);
    let event = acme.rows().list(LINK_EVENTS, &LINK, usize::MAX).unwrap().pop().unwrap().1;
    assert!(event.words.as_str().contains("2 more had been signed"), "{}", event.words.as_str());
    let audience = Audience::Delegations(vec![deskwire_store::local::DelegationNo(1)]);
    acme.comment(1, "back again", audience).unwrap();
    settle(&mut shop, &mut acme);
    assert!(shop.delegation(1).case.open().is_empty(), "nothing can come before the recall any more");
    assert_eq!(shown(&shop, 1), shown(&acme, 1));
    same_after_rebuild(shop);
}

/// Else the principal would show for good that its recall is not answered.
#[test]
fn a_restored_contractor_that_never_said_anything_else_keeps_nobody_waiting_either() {
    let (mut shop, mut acme) = offered();
    let copy = acme.copy();
    acme.comment(1, "never arrives", Audience::Thread).unwrap();
    let open = session(&mut acme, &mut shop);
    batch(&mut acme, open, None).unwrap();
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    pump(&mut shop, &mut acme);
    assert!(!shop.delegation(1).case.open().is_empty(), "something could come before the recall");
    let mut acme = acme.restore(&copy);
    recover(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    assert!(shop.delegation(1).case.open().is_empty(), "nothing can come before the recall any more");
    let mut acme = acme.restart();
    settle(&mut shop, &mut acme);
    assert_eq!(acme.stream().out_length, 1, "it says so once");
    same_after_rebuild(shop);
}

/// A receipt rides on a request of a partner that knows nothing of the restart yet.
#[test]
fn a_receipt_for_an_earlier_process_does_not_keep_a_restored_desk_from_opening_its_session() {
    let (mut shop, mut acme) = offered();
    acme.comment(1, "arrives", Audience::Delegations(vec![deskwire_store::local::DelegationNo(1)])).unwrap();
    let open = session(&mut acme, &mut shop);
    let sent = batch(&mut acme, open, None).unwrap();
    let Delivered::Receipt(receipt) = deliver(&acme, &mut shop, &sent) else { panic!("a receipt") };
    let copy = acme.copy();
    acme.comment(1, "never arrives", Audience::Thread).unwrap();
    batch(&mut acme, open, Some(1)).unwrap();
    shop.act(1, Action::Recall(because("Not needed."))).unwrap();
    pump(&mut shop, &mut acme);
    let mut acme = acme.restore(&copy);
    take_receipt(&mut acme, &shop, &receipt).unwrap();
    recover(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    assert!(shop.delegation(1).case.open().is_empty(), "nothing can come before the recall any more");
}

#[test]
fn a_restored_desk_that_need_not_ask_for_anything_opens_its_session_too() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    let open = session(&mut shop, &mut acme);
    let offer = batch(&mut shop, open, None).unwrap();
    deliver(&shop, &mut acme, &offer);
    let copy = acme.copy();
    acme.comment(1, "never arrives", Audience::Thread).unwrap();
    let opened = session(&mut acme, &mut shop);
    batch(&mut acme, opened, None).unwrap();
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &offer) else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &receipt).unwrap();
    assert!(!shop.delegation(1).case.open().is_empty(), "something could come before the offer is answered");
    let mut acme = acme.restore(&copy);
    settle(&mut acme, &mut shop);
    assert!(shop.delegation(1).case.open().is_empty(), "nothing that was counted is waited for any more");
    assert_eq!(acme.stream().out_length, 1);
}

#[test]
fn a_desk_that_may_have_lost_messages_does_not_call_it_a_lie_that_they_were_seen() {
    let (mut shop, mut acme) = offered();
    let copy = shop.copy();
    shop.comment(1, "lost here", Audience::Thread).unwrap();
    let open = session(&mut acme, &mut shop);
    pump(&mut shop, &mut acme);
    acme.comment(1, "an answer to it", Audience::Thread).unwrap();
    let answer = batch(&mut acme, open, None).unwrap();
    let mut shop = shop.restore(&copy);
    let open = session(&mut acme, &mut shop);
    let head = deskwire_proto::batch::BatchHead { session: open, known: 0, ..answer.head };
    let answer = deskwire_proto::batch::Batch { head, deliveries: answer.deliveries };
    assert_eq!(deliver(&acme, &mut shop, &answer), Delivered::Refused(Code::Busy));
    assert_eq!(shop.stream().in_length, 0);
    recover(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    let refused = crate::harness::receipts_of(&shop).into_iter().any(|(_, refused)| refused);
    assert!(!refused && shop.stream().in_length == acme.stream().out_length);
}
