//! What people and partners can make large must never stop the desk: a row that no view takes would stop it for good.

use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::linking::Accepted;
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::{Command, Refusal, Step};
use deskwire_machine::disclosure::Choice;
use deskwire_proto::document::Signed;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::receipt::{NotApplied, Outcome, Receipt};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code, Label, Words};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::Record;
use deskwire_store::row::{Audience, ThreadKind};
use deskwire_store::table::{LINKS, Rows, THREADS};

use crate::harness::{
    Desk, LINK, ask, batch, deliver, linked, person, pump, reveal, session, settle, take_receipt,
};

/// A comment for so many that its row would be too long.
struct ForMany;

impl Command for ForMany {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let audience = Audience::Delegations(vec![DelegationNo(u64::MAX); 1_000]);
        let item = ItemId::new([1; ItemId::SIZE]);
        let record = Record::CommentMade { ticket: TicketNumber(1), item, audience, at: step.now };
        step.record(&record, None).map(drop)
    }
}

#[test]
fn a_row_too_long_for_the_view_is_refused_before_it_is_on_the_disk() {
    let mut desk = Desk::new("Shop", 1);
    desk.ticket("Dead cash register");
    assert_eq!(desk.run(ForMany).unwrap_err().code, "store-bad-row");
    desk.comment(1, "still at work", Audience::Internal).unwrap();
    let desk = desk.restart_with_other_rows();
    assert_eq!(desk.rows().list(THREADS, &TicketNumber(1), 10).unwrap().len(), 1);
}

fn linked_with(inviter: &mut Desk, accepter: &mut Desk) {
    let draw = Hash::of(b"draw");
    let made = MakeInvitation { draw, life_ms: None, terms: Terms::default(), approved: false };
    let made = inviter.run(made).unwrap();
    let text = invitation_text(&inviter.identity, &made, &draw, &Terms::default()).unwrap();
    let (request, nonce, answer) = ask(inviter, accepter, &text.parse().unwrap()).unwrap();
    let descriptor = inviter.identity.descriptor().clone();
    accepter.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    reveal(inviter, accepter);
    inviter.run(Approve { link: LINK }).unwrap();
}

#[test]
fn a_partner_with_a_name_that_grows_in_small_letters_is_linked_all_the_same() {
    // Two bytes each, and three as a small letter.
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new(&"Ⱥ".repeat(Label::MAX / 2), 2));
    linked_with(&mut shop, &mut acme);
    let name = shop.rows().get(LINKS, &LINK).unwrap().unwrap().name;
    assert!(name.as_str().starts_with('ⱥ') && name.as_str().len() <= Label::MAX, "{name}");
}

#[test]
fn long_refusals_of_many_partners_fit_on_one_comment() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    for _ in 0..8 {
        let (choice, by) = (Choice::default(), person("Anna"));
        shop.run(Delegate { ticket, link: LINK, choice, files: Vec::new(), anyway: true, by }).unwrap();
    }
    settle(&mut shop, &mut acme);
    let before = shop.stream().out_length;
    shop.comment(1, "Where are you?", Audience::Thread).unwrap();
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    let deskwire_engine::command::deliver::Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &sent)
    else {
        panic!("a receipt")
    };
    let key = acme.identity.keys().current();
    let mut body = Signed::<Receipt>::open(&receipt, key).unwrap().into_parts().1;
    let refused = |seq| {
        let words = Words::new("ß".repeat(Words::MAX / 2)).unwrap();
        Outcome(seq, NotApplied::Refused, Code::new("c".repeat(Code::MAX)).unwrap(), words)
    };
    body.outcomes = (before + 1..=body.upto).map(refused).collect();
    assert_eq!(body.outcomes.len(), 8);
    let receipt = Signed::seal(body, acme.identity.secret());
    take_receipt(&mut shop, &acme, receipt.raw()).unwrap();
    let rows = shop.rows().list(THREADS, &TicketNumber(1), 100).unwrap();
    let (_, comment) = rows.into_iter().find(|(_, row)| row.kind == ThreadKind::Comment).unwrap();
    assert!(comment.shared.iter().all(|shared| shared.refused.is_some()));
    assert_eq!(comment.shared[0].refused.as_ref().unwrap().words.as_str().len(), Words::MAX);
}

fn tell(desk: &mut Desk, number: usize) -> Result<(), Refusal> {
    let status = Code::new("c".repeat(Code::MAX)).unwrap();
    let label = Some(Label::new(format!("{number:0>width$}", width = Label::MAX)).unwrap());
    desk.run(SetStatus { ticket: TicketNumber(1), status, label, by: person("Anna") }).map(drop)
}

#[test]
fn a_delegation_with_very_many_unanswered_events_refuses_more_and_goes_on_later() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    let told = (0..100).take_while(|number| tell(&mut shop, *number).is_ok()).count();
    assert!((17..=64).contains(&told), "{told}");
    // The partner gets them, but its receipt is lost, and it says as much itself.
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    deliver(&shop, &mut acme, &sent);
    let answered = (0..100).take_while(|number| tell(&mut acme, *number).is_ok()).count();
    assert!(answered >= 17, "{answered}");
    pump(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    tell(&mut shop, 7).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
}
