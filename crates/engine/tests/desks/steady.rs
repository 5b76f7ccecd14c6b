//! Nothing that one message, one link or one moment cannot do stops what others wait for, and nothing is said twice or
//! beyond the terms of today.

use std::sync::Arc;

use deskwire_engine::command::act::Action;
use deskwire_engine::command::comment;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::digest::SayDigest;
use deskwire_engine::command::file;
use deskwire_engine::command::queue::{DropItems, Target};
use deskwire_engine::command::revise::{EditComment, Withdraw};
use deskwire_engine::command::rule::SetMapping;
use deskwire_engine::command::terms::{AcceptTerms, ProposeTerms, TakeCalendars};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::port::SystemClock;
use deskwire_engine::query::own_digest;
use deskwire_engine::{Command, Fault, Reader, Refusal, Step};
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::{self, Preview, Sent};
use deskwire_machine::mapping::{Mapping, StatusPair};
use deskwire_proto::envelope::{Place, SALT_BYTES, Stream, accept, compose, seal};
use deskwire_proto::id::ItemId;
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, Kind, terms_propose};
use deskwire_proto::number::Version;
use deskwire_proto::terms::{FieldName, Interval, Late, Terms};
use deskwire_proto::text::{Code, FileName};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::Record;
use deskwire_store::row::{Audience, LinkRow, ThreadKind};
use deskwire_store::table::{AGREEMENTS, LINKS, RECEIVED, Rows, THREADS, TO_COMPARE, WAITING};
use deskwire_store::{Entry, EntryRef};

use crate::harness::*;
use crate::keys::{carry, quiet, rotate};
use crate::recovery::{offered, recover, same_after_rebuild};
use crate::terms::agree;

const CASE: DelegationNo = DelegationNo(1);

fn row(desk: &Desk) -> LinkRow {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap()
}

fn state(desk: &Desk, no: u64) -> State {
    desk.delegation(no).case.view(desk.stream().in_length).state
}

fn refused(desk: &Desk) -> Vec<String> {
    let rows = desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    rows.into_iter().filter_map(|(_, row)| row.refused.map(|(_, why)| why.code.to_string())).collect()
}

fn working() -> (Desk, Desk) {
    let (mut shop, mut acme) = offered();
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

fn say_digest(desk: &mut Desk) {
    let reader = Reader::new(&desk.core, Arc::new(SystemClock));
    let facts = own_digest(&reader, CASE).unwrap();
    desk.run(SayDigest { delegation: CASE, facts }).unwrap();
}

fn comments(desk: &Desk) -> Vec<EntryRef> {
    let rows = desk.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    rows.into_iter().filter(|(_, row)| row.kind == ThreadKind::Comment).map(|((_, at), _)| at).collect()
}

/// A thief's words that no thread shows must not keep the others, nor anything else of the desk, from being done.
#[test]
fn what_no_thread_shows_is_disowned_too() {
    let (shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.now = shop.now;
    thief.comment(1, "Send the spare parts elsewhere.", Audience::Thread).unwrap();
    carry(&mut thief, &mut acme);
    let seq = thief.stream().out_length;
    thief.run(Withdraw { link: LINK, seq }).unwrap();
    say_digest(&mut thief);
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    assert!(acme.rows().get(TO_COMPARE, &CASE).unwrap().is_some());
    let mut shop = rotate(shop, 1);
    quiet(&mut shop, &mut acme);
    assert_eq!((acme.stream().disowning, state(&acme, 1)), (None, State::Accepted));
    assert!(acme.rows().get(TO_COMPARE, &CASE).unwrap().is_none());
    assert!(acme.rows().get(AGREEMENTS, &CASE).unwrap().is_none_or(|row| row.heard.is_none()));
    acme.run(Tick).unwrap();
    same_after_rebuild(acme);
}

fn hours(from: u64) -> impl Fn(&mut Terms) {
    move |terms| {
        let end = Timestamp(2_000_000_000_000 + from);
        terms.calendar = List::new(vec![Interval(Timestamp(from), end)]).ok();
    }
}

fn propose(desk: &mut Desk, change: impl Fn(&mut Terms)) {
    let mut terms = Terms::clone(&desk.partner().terms);
    let base = terms.v.get();
    change(&mut terms);
    desk.run(ProposeTerms { link: LINK, base, terms }).unwrap();
}

#[test]
fn a_calendar_is_accepted_once_however_often_the_proposal_and_others_come() {
    let (mut shop, mut acme) = linked();
    agree(&mut acme, &mut shop, hours(0));
    shop.run(TakeCalendars { link: LINK, on: true }).unwrap();
    propose(&mut acme, hours(5));
    let open = session(&mut acme, &mut shop);
    let sent = batch(&mut acme, open, None).unwrap();
    for _ in 0..3 {
        deliver(&acme, &mut shop, &sent);
    }
    let accept = AcceptTerms { link: LINK, version: None, hash: None };
    assert_eq!(shop.run(accept).unwrap_err().code, "already-accepted");
    let waiting = shop.rows().list(WAITING, &LINK, 9).unwrap();
    let accepts = waiting.iter().filter(|(_, row)| row.kind.as_str() == "terms.accept").count();
    assert_eq!(accepts, 1);
    settle(&mut shop, &mut acme);
    assert_eq!((shop.partner().terms.v.get(), row(&shop).accord.accept_asked), (3, None));
    propose(&mut acme, hours(7));
    settle(&mut shop, &mut acme);
    assert_eq!(shop.partner().terms.v.get(), 4, "the next one is taken as well");
}

/// A batch whose step is taken back after everything in it was done.
struct TakenBack(Deliver);

impl Command for TakenBack {
    type Reply = Delivered;

    fn run(self, step: &mut Step<'_>) -> Result<Delivered, Refusal> {
        self.0.run(step)?;
        Err(Refusal::new(Fault::Passing, "taken-back", "Taken back.", ""))
    }
}

#[test]
fn terms_of_a_step_that_was_taken_back_are_not_taken_for_those_that_came_in_their_place() {
    let (mut shop, mut acme) = linked();
    agree(&mut acme, &mut shop, hours(0));
    shop.run(TakeCalendars { link: LINK, on: true }).unwrap();
    let open = session(&mut acme, &mut shop);
    let own = acme.stream();
    let (link, now) = (row(&acme).link, Terms::clone(&acme.partner().terms));
    let stream = Stream { link, from: acme.identity.desk(), to: shop.identity.desk() };
    let say = |change: &dyn Fn(&mut Terms)| {
        let mut terms = Terms { v: Version::new(now.v.get() + 1).unwrap(), ..now.clone() };
        change(&mut terms);
        let body = Body::TermsPropose { facts: terms_propose::Facts { terms }, text: NoText };
        let composed = compose(&body, None, [7; SALT_BYTES]).unwrap();
        let (prev, seen, time) = (own.out_head, own.in_length, acme.now);
        let place = Place { seq: own.out_length + 1, prev, seen, time };
        let delivery = seal(&stream, place, ItemId::new([9; 16]), &composed, acme.identity.secret()).unwrap();
        let head = deskwire_proto::batch::BatchHead {
            v: deskwire_proto::document::V1,
            link,
            known: own.acked,
            session: open,
        };
        let messages = vec![accept(delivery, &stream, acme.identity.keys().current()).unwrap()];
        Deliver { link: LINK, head, messages }
    };
    let renewal = hours(5);
    let other = |terms: &mut Terms| {
        renewal(terms);
        terms.file = 1;
    };
    assert!(shop.run(TakenBack(say(&renewal))).is_err());
    shop.run(say(&other)).unwrap();
    assert_eq!(shop.stream().waiting, 0, "nobody has consented to these");
}

fn confirmed(late: Late) -> (Desk, Desk) {
    let (mut shop, mut acme) = working();
    agree(&mut shop, &mut acme, |terms| terms.late = Some(late));
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

/// What a late comment would send, by field.
fn previewed(desk: &Desk, to: &Audience) -> Result<Vec<Sent>, Refusal> {
    let reader = Reader::new(&desk.core, Arc::new(SystemClock));
    let (words, by) = (prose("It is dead again"), person("Anna"));
    let mut previews = comment::preview(&reader, TicketNumber(1), &words, to, &by)?;
    let file = (&FileName::new("log.txt").unwrap(), None, 7);
    let files = file::preview(&reader, TicketNumber(1), file, None, to, &by)?;
    let before = |preview: &Preview| {
        preview.sent.iter().position(|sent| sent.field == "audience").map(|end| preview.sent[..end].to_vec())
    };
    assert_eq!(before(&files[0].1), before(&previews[0].1), "the same goes before a file");
    Ok(previews.remove(0).1.sent)
}

/// The entry with the offer of a delegation.
fn journal(desk: &Desk, no: u64) -> Entry {
    desk.core.journal().read(desk.delegation(no).offer).unwrap()
}

#[test]
fn a_case_that_follows_another_says_nothing_that_the_terms_of_today_do_not_let_travel() {
    let (mut shop, mut acme) = confirmed(Late::FollowUp);
    let before = shop.partner().terms.fields.clone();
    agree(&mut acme, &mut shop, |terms| terms.fields.retain(|field| *field != FieldName::Priority));
    let to = Audience::Delegations(vec![CASE]);
    assert_eq!(previewed(&shop, &to).unwrap_err().code, "not-allowed-by-terms");
    let refusal = shop.comment(1, "It is dead again", to.clone()).unwrap_err();
    assert_eq!((refusal.code, shop.stream().waiting), ("not-allowed-by-terms", 0));
    agree(&mut acme, &mut shop, |terms| terms.fields = before);
    let mut shown = previewed(&shop, &to).unwrap();
    let said = shown.iter().position(|sent| sent.field == "audience").unwrap();
    assert!(shown.iter().any(|sent| sent.field == "body" && sent.value == "It is dead again"));
    shown.truncate(said);
    shop.comment(1, "It is dead again", to).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((state(&acme, 2), refused(&acme)), (State::Offered, Vec::new()));
    // Whoever was shown what leaves has seen the whole offer, but for the budget that is drawn then.
    let Record::Received(offer) = Record::read(&journal(&acme, 2)).unwrap() else { panic!("an offer") };
    let facts = deskwire_proto::envelope::read_head(&offer.signed).unwrap().facts;
    let entry = journal(&acme, 2);
    let text = deskwire_proto::envelope::text_body(entry.text.bytes().unwrap());
    let Ok(Body::Offer { facts, text }) = Body::decode(Kind::Offer, &facts, text) else { panic!("an offer") };
    let mut left = disclosure::offered(&facts, &text).of_message("offer").sent;
    left.retain(|sent| sent.field != "offer.hops");
    assert!(left.iter().any(|sent| sent.field == "offer.title"));
    assert_eq!(shown, left);
}

#[test]
fn a_late_reopen_tells_the_status_in_the_words_of_the_link() {
    let (mut shop, mut acme) = confirmed(Late::Reopen);
    let pair = StatusPair {
        own: Code::new("in-werkstatt").unwrap(),
        link: Code::new("in-repair").unwrap(),
        label: None,
    };
    shop.run(SetMapping { link: LINK, mapping: Mapping { statuses: vec![pair], ..Mapping::default() } })
        .unwrap();
    let status = Code::new("bei-petrov").unwrap();
    shop.run(SetStatus { ticket: TicketNumber(1), status, label: None, by: person("Anna") }).unwrap();
    let to = Audience::Delegations(vec![CASE]);
    let shown = previewed(&shop, &to).unwrap();
    let fields: Vec<_> = shown.iter().map(|sent| (sent.field.as_str(), sent.value.as_str())).collect();
    assert!(fields.starts_with(&[("reopen.reason", "There is more to say.")]), "{fields:?}");
    assert!(fields.contains(&("reopen.status", "open")) && fields.contains(&("body", "It is dead again")));
    assert_eq!(shop.stream().waiting, 0, "a preview changes nothing");
    shop.comment(1, "It is dead again", to).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(state(&acme, 1), State::InProgress);
    let told = acme.delegation(1).case.view(acme.stream().in_length).principal.status;
    assert_eq!(told, "open");
}

#[test]
fn what_no_thread_shows_does_not_become_a_comment_by_a_restore() {
    let (mut shop, mut acme) = working();
    let copy = shop.copy();
    say_digest(&mut shop);
    say_digest(&mut acme);
    settle(&mut shop, &mut acme);
    let before = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap().len();
    let heard = |desk: &Desk| desk.rows().get(AGREEMENTS, &CASE).unwrap().unwrap();
    assert!(heard(&shop).heard.is_some());
    let said = heard(&shop).said;
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    settle(&mut shop, &mut acme);
    assert_eq!(shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap().len(), before);
    assert!(heard(&shop).heard.is_some(), "what the partner sees is known again");
    assert_eq!(heard(&shop).said, said);
    same_after_rebuild(shop);
}

#[test]
fn edits_after_a_restore_count_on_from_the_version_that_the_partner_has() {
    let (mut shop, mut acme) = working();
    shop.comment(1, "At nine.", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    let copy = shop.copy();
    let of = *comments(&shop).last().unwrap();
    let edit =
        |words: &str| EditComment { ticket: TicketNumber(1), of, body: prose(words), by: person("Anna") };
    shop.run(edit("At ten.")).unwrap();
    shop.run(DropItems { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    shop.run(edit("At eleven.")).unwrap();
    settle(&mut shop, &mut acme);
    let mut shop = shop.restore(&copy);
    recover(&mut shop, &mut acme);
    shop.run(edit("At noon.")).unwrap();
    shop.run(edit("At one.")).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(refused(&acme), Vec::<String>::new());
}
