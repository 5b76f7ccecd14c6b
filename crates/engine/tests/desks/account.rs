//! Work that is done and not paid, or paid twice; statements that two desks do not agree on.

use std::sync::Arc;

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::statement::{ProposeStatement, SignStatement, StatementSaid};
use deskwire_engine::command::work::{AddWork, JudgeWork, NewLine, WorkSaid};
use deskwire_engine::query::{self, StatementState};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::account::{Account, Asked, Figures, LineState, Said, Statement, Upto, Word};
use deskwire_machine::delegation::{Role, State};
use deskwire_proto::batch::BatchHead;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::{Place, Stream, accept, compose, read_head, seal};
use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::work_add::WorkType;
use deskwire_proto::message::{
    Body, Facts, Kind, rate, statement_propose, statement_sign, work_add, work_approve,
};
use deskwire_proto::number::Stars;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::Cut;
use deskwire_proto::terms::{Interval, Terms};
use deskwire_proto::text::{Code, Currency, Decimal, Label, Line, Percent};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::Record;
use deskwire_store::row::{AccountRow, FigureRow, StreamRow};
use deskwire_store::table::{ACCOUNT, FIGURES, LINKS, RECEIVED, Rows, RowsMut, SENT, STREAMS};
use deskwire_store::{Batch, Direction, EntryRef};

use crate::harness::{
    Desk, LINK, batch, because, deliver, link, linked, person, prose, pump, session, settle,
};

const D: DelegationNo = DelegationNo(1);

fn new_line(quantity: &str, price: &str, currency: Option<&str>, date: Timestamp) -> NewLine {
    NewLine {
        r#type: WorkType::Time,
        quantity: Decimal::new(quantity).unwrap(),
        unit: Code::new("hour").unwrap(),
        price: Decimal::new(price).unwrap(),
        currency: currency.map(|code| Currency::new(code).unwrap()),
        tax: Percent::new("20").unwrap(),
        date,
        what: Line::new("Replaced the power supply").unwrap(),
    }
}

/// Acme adds a line in euros.
fn add(acme: &mut Desk, quantity: &str, price: &str) -> Result<ItemId, Refusal> {
    let line = new_line(quantity, price, Some("EUR"), acme.now);
    acme.run(AddWork { delegation: D, line, by: person("Boris") }).map(|said: WorkSaid| said.item)
}

fn judge(desk: &mut Desk, work: ItemId, dispute: Option<&str>) -> Result<ItemId, Refusal> {
    let dispute = dispute.map(prose);
    desk.run(JudgeWork { delegation: D, work, dispute, by: person("Anna") }).map(|said: WorkSaid| said.item)
}

/// Shop has handed work to Acme, which accepted it.
fn working() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    begin(&mut shop, &mut acme);
    (shop, acme)
}

fn begin(shop: &mut Desk, acme: &mut Desk) {
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(shop, acme);
    acme.act(1, Action::Accept).unwrap();
    settle(shop, acme);
}

fn reader(desk: &Desk) -> Reader {
    Reader::new(&desk.core, Arc::new(deskwire_engine::port::SystemClock))
}

fn states(desk: &Desk) -> Vec<(Option<LineState>, Option<LineState>)> {
    query::work(&reader(desk), D).unwrap().lines.iter().map(|line| (line.state, line.settled)).collect()
}

fn propose(desk: &mut Desk) -> Result<StatementSaid, Refusal> {
    let period = Interval(Timestamp(0), desk.now.plus(86_400_000));
    let zone = Label::new("Europe/Berlin").unwrap();
    desk.run(ProposeStatement { link: LINK, period, zone })
}

fn sign(desk: &mut Desk, statement: ItemId) -> Result<StatementSaid, Refusal> {
    desk.run(SignStatement { link: LINK, statement })
}

fn listed(desk: &Desk) -> Vec<(bool, StatementState)> {
    let reader = reader(desk);
    let partner = reader.partner(LINK).unwrap().unwrap();
    query::statements(&reader, &partner).unwrap().iter().map(|info| (info.ours, info.state)).collect()
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    result.unwrap_err().code
}

const OPEN: Option<LineState> = Some(LineState::Open);
const APPROVED: Option<LineState> = Some(LineState::Approved);
const DISPUTED: Option<LineState> = Some(LineState::Disputed);

#[test]
fn a_line_is_provisional_until_a_receipt_and_each_word_about_it_too() {
    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1.25", "95.00").unwrap();
    assert_eq!(states(&acme), [(OPEN, None)]);
    let told = query::work(&reader(&acme), D).unwrap();
    assert!(told.lines[0].delivery.is_some());
    settle(&mut shop, &mut acme);
    assert_eq!((states(&acme), states(&shop)), (vec![(OPEN, OPEN)], vec![(OPEN, OPEN)]));
    judge(&mut shop, line, None).unwrap();
    assert_eq!(states(&shop), [(APPROVED, OPEN)], "approved, and Acme has not answered");
    settle(&mut shop, &mut acme);
    judge(&mut shop, line, Some("It was one hour.")).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        let work = query::work(&reader(desk), D).unwrap();
        assert_eq!((work.lines[0].state, work.lines[0].settled), (DISPUTED, DISPUTED));
        let verdict = work.lines[0].verdict.as_ref().unwrap();
        assert_eq!(verdict.reason.as_ref().unwrap().as_str(), "It was one hour.");
        assert_eq!(
            (work.lines[0].net.to_string(), work.lines[0].tax.to_string()),
            ("118.75".into(), "23.75".into())
        );
        assert_eq!(
            (work.sums[0].disputed.to_string(), work.sums[0].approved.to_string()),
            ("142.50".into(), "0.00".into())
        );
    }
}

#[test]
fn bad_lines_are_refused_in_words_and_change_nothing() {
    let (mut shop, mut acme) = working();
    let now = acme.now;
    let mut tried = |line: NewLine| code(acme.run(AddWork { delegation: D, line, by: person("Boris") }));
    assert_eq!(tried(new_line("1", "1", None, now)), "currency-missing");
    assert_eq!(tried(new_line("1", "1", Some("ERU"), now)), "unknown-currency");
    assert_eq!(tried(new_line("0.00", "1", Some("EUR"), now)), "impossible-amount");
    assert_eq!(tried(new_line("-1", "1", Some("EUR"), now)), "impossible-amount");
    assert_eq!(tried(new_line("999999", "999999999", Some("EUR"), now)), "impossible-amount");
    assert_eq!(tried(new_line("1", "1", Some("EUR"), now.plus(3 * 86_400_000))), "impossible-date");
    assert_eq!(tried(new_line("1", "1", Some("EUR"), Timestamp(0))), "impossible-date");
    let line = new_line("1", "1", Some("EUR"), now);
    assert_eq!(
        code(acme.run(AddWork { delegation: DelegationNo(9), line, by: person("Boris") })),
        "unknown-delegation"
    );
    assert_eq!(code(add(&mut shop, "1", "1")), "action-not-allowed", "the principal bills nothing");
    let line = add(&mut acme, "1", "1").unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(code(judge(&mut acme, line, None)), "action-not-allowed", "nobody approves its own line");
    assert_eq!(code(judge(&mut shop, ItemId::new([7; 16]), None)), "unknown-work-line");
    assert_eq!(acme.stream().out_length, 2);
}

#[test]
fn work_is_billed_on_what_was_accepted_alone_and_only_in_the_agreed_currency() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let terms = Terms { currency: Some(Currency::new("RUB").unwrap()), ..Terms::default() };
    link(&mut shop, &mut acme, terms);
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(code(add(&mut acme, "1", "1")), "action-not-allowed");
    acme.act(1, Action::Accept).unwrap();
    assert_eq!(code(add(&mut acme, "1", "1")), "not-allowed-by-terms");
    let line = new_line("1", "1", None, acme.now);
    acme.run(AddWork { delegation: D, line, by: person("Boris") }).unwrap();
    assert_eq!(query::work(&reader(&acme), D).unwrap().lines[0].facts.currency.as_str(), "RUB");
}

#[test]
fn both_desks_sign_the_same_statement_and_pay_nothing_twice() {
    let (mut shop, mut acme) = working();
    let first = add(&mut acme, "1.25", "95.00").unwrap();
    let second = add(&mut acme, "3", "33.333333").unwrap();
    add(&mut acme, "1", "5").unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(code(propose(&mut acme)), "nothing-to-settle");
    judge(&mut shop, first, None).unwrap();
    judge(&mut shop, second, None).unwrap();
    assert_eq!(code(propose(&mut shop)), "nothing-to-settle", "what no receipt covers does not count");
    settle(&mut shop, &mut acme);
    let proposed = propose(&mut acme).unwrap();
    assert_eq!(listed(&acme), [(true, StatementState::Waiting)]);
    settle(&mut shop, &mut acme);
    assert_eq!(
        (listed(&acme), listed(&shop)),
        (vec![(true, StatementState::Proposed)], vec![(false, StatementState::ToSign)])
    );
    assert_eq!(code(sign(&mut acme, proposed.statement)), "unknown-statement", "nobody signs its own");
    judge(&mut shop, first, Some("I have changed my mind.")).unwrap();
    sign(&mut shop, proposed.statement).unwrap();
    assert_eq!(code(sign(&mut shop, proposed.statement)), "statement-signed");
    settle(&mut shop, &mut acme);
    let mut bytes = Vec::new();
    for desk in [&shop, &acme] {
        let reader = reader(desk);
        let partner = reader.partner(LINK).unwrap().unwrap();
        let detail = query::statement(&reader, &partner, proposed.statement).unwrap();
        assert_eq!(detail.info.state, StatementState::Signed { settled: true });
        let computed = detail.computed.unwrap();
        assert_eq!(computed.lines().len(), 2);
        assert_eq!(computed.totals()[0].0.as_str(), "262.50");
        assert_eq!(detail.details[0].what.as_ref().unwrap().as_str(), "Replaced the power supply");
        bytes.push(computed.bytes());
        let work = query::work(&reader, D).unwrap();
        assert_eq!(work.lines[0].state, APPROVED, "a signed statement holds it");
        assert_eq!(work.lines[0].statement, Some(proposed.statement));
        assert_eq!(work.sums[0].billed.to_string(), "262.50");
    }
    assert_eq!(bytes[0], bytes[1]);
    assert_eq!(code(judge(&mut shop, first, Some("Too dear."))), "line-settled");
    assert_eq!(code(propose(&mut shop)), "nothing-to-settle");
}

#[test]
fn of_statements_that_cross_one_is_signed_and_the_other_one_cannot_be() {
    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, line, None).unwrap();
    settle(&mut shop, &mut acme);
    let (of_shop, of_acme) = (propose(&mut shop).unwrap(), propose(&mut acme).unwrap());
    settle(&mut shop, &mut acme);
    sign(&mut shop, of_acme.statement).unwrap();
    sign(&mut acme, of_shop.statement).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        let mut all: Vec<_> = listed(desk).into_iter().map(|(_, state)| state).collect();
        all.sort_by_key(|state| matches!(state, StatementState::Overtaken));
        assert_eq!(all, [StatementState::Signed { settled: true }, StatementState::Overtaken]);
    }
    let later = add(&mut acme, "1", "7").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, later, None).unwrap();
    settle(&mut shop, &mut acme);
    let next = propose(&mut shop).unwrap();
    settle(&mut shop, &mut acme);
    let reader = reader(&acme);
    let partner = reader.partner(LINK).unwrap().unwrap();
    let detail = query::statement(&reader, &partner, next.statement).unwrap();
    assert_eq!(detail.computed.unwrap().totals()[0].0.as_str(), "-8.40", "the later line alone");
}

#[test]
fn a_statement_waits_until_receipts_cover_what_it_counts() {
    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, line, None).unwrap();
    // Acme takes the approval, and its receipt is lost; then it proposes.
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    deliver(&shop, &mut acme, &sent);
    let proposed = propose(&mut acme).unwrap();
    pump(&mut acme, &mut shop);
    assert_eq!(listed(&shop), [(false, StatementState::Unsettled)]);
    assert_eq!(code(sign(&mut shop, proposed.statement)), "statement-not-settled");
    pump(&mut shop, &mut acme);
    assert_eq!(listed(&shop), [(false, StatementState::ToSign)]);
    sign(&mut shop, proposed.statement).unwrap();
}

#[test]
fn the_principal_rates_what_it_confirmed_and_nobody_rates_itself() {
    let (mut shop, mut acme) = working();
    let rate = |stars| Action::Rate { stars: Stars::new(stars).unwrap(), words: Some(prose("Quick.")) };
    assert_eq!(code(shop.act(1, rate(4))), "action-not-allowed", "before the work is confirmed");
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(code(acme.act(1, rate(5))), "action-not-allowed", "of itself");
    shop.act(1, rate(4)).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        assert_eq!(desk.delegation(1).case.view(0).state, State::Confirmed);
        let shown = query::delegation(&reader(desk), D).unwrap();
        let last = shown.timeline.last().unwrap();
        assert_eq!(
            (last.kind.as_str(), last.words.as_ref().unwrap().as_str()),
            ("delegation.rate", "Quick.")
        );
    }
}

#[test]
fn a_rebuild_and_a_restore_from_an_old_backup_take_nothing_from_the_account() {
    let (mut shop, mut acme) = working();
    let first = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    let copy = acme.copy();
    judge(&mut shop, first, None).unwrap();
    let second = add(&mut acme, "2", "10").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, second, None).unwrap();
    settle(&mut shop, &mut acme);
    let proposed = propose(&mut acme).unwrap();
    settle(&mut shop, &mut acme);
    sign(&mut shop, proposed.statement).unwrap();
    settle(&mut shop, &mut acme);
    let before = (states(&acme), listed(&acme));
    assert_eq!(before.0, [(APPROVED, APPROVED), (APPROVED, APPROVED)]);
    let acme = acme.restart_with_other_rows();
    assert_eq!((states(&acme), listed(&acme)), before);
    let mut acme = acme.restore(&copy);
    assert_eq!(states(&acme), [(OPEN, OPEN)]);
    crate::recovery::recover(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    acme = crate::recovery::same_after_rebuild(acme);
    assert_eq!((states(&acme), listed(&acme)), before);
    assert_eq!(code(propose(&mut acme)), "nothing-to-settle");
}

/// A message that the desk of `from` would not make: as its own program changed by somebody would.
fn forge(
    from: &Desk,
    to: &mut Desk,
    item: u8,
    delegation: Option<DelegationId>,
    body: &Body,
) -> Option<String> {
    let link = from.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: from.identity.desk(), to: to.identity.desk() };
    let composed = compose(body, delegation, [3; 16]).unwrap();
    let seen = to.stream().out_length;
    let (seq, prev) = (to.stream().in_length + 1, to.stream().in_head);
    let place = Place { seq, prev, seen, time: from.now };
    let delivery = seal(&stream, place, ItemId::new([item; 16]), &composed, from.identity.secret()).unwrap();
    let message = accept(delivery, &stream, from.identity.keys().current()).unwrap();
    let head = BatchHead { v: V1, link, known: 0, session: to.stream().session.unwrap().session };
    assert!(matches!(
        to.run(Deliver { link: LINK, head, messages: vec![message] }).unwrap(),
        Delivered::Receipt(_)
    ));
    let row = to.rows().get(RECEIVED, &(LINK, seq)).unwrap().unwrap();
    row.refused.map(|(_, why)| why.code.to_string())
}

fn work_facts(price: &str) -> work_add::Facts {
    work_add::Facts {
        tax: Percent::new("0").unwrap(),
        date: Timestamp(1_790_000_000_000),
        r#type: WorkType::Fixed,
        unit: Code::new("piece").unwrap(),
        price: Decimal::new(price).unwrap(),
        currency: Currency::new("EUR").unwrap(),
        quantity: Decimal::new("999999").unwrap(),
    }
}

fn add_body(price: &str) -> Body {
    let text = work_add::Text { by: None, what: Line::new("Something").unwrap() };
    Body::WorkAdd { facts: work_facts(price), text }
}

fn approve_body(work: ItemId) -> Body {
    Body::WorkApprove { facts: work_approve::Facts { work }, text: None }
}

#[test]
fn a_hostile_partner_books_approves_and_signs_nothing_that_is_not_its_to_say() {
    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    let id = Some(shop.delegation(1).id);
    let refused = |code: &str| Some(code.to_owned());
    // The principal bills, the contractor approves itself, and amounts that no statement can hold.
    assert_eq!(forge(&shop, &mut acme, 1, id, &add_body("1")), refused("action-not-allowed"));
    assert_eq!(forge(&acme, &mut shop, 2, id, &approve_body(line)), refused("action-not-allowed"));
    assert_eq!(forge(&acme, &mut shop, 3, id, &add_body("999999999")), refused("malformed-facts"));
    let other = Some(DelegationId::new([9; 16]));
    assert_eq!(forge(&acme, &mut shop, 4, other, &add_body("1")), refused("unknown-delegation"));
    assert_eq!(
        forge(&shop, &mut acme, 5, id, &approve_body(ItemId::new([8; 16]))),
        refused("malformed-facts")
    );
    assert_eq!(forge(&acme, &mut shop, 6, id, &add_body("1")), None);
    assert_eq!(forge(&acme, &mut shop, 6, id, &add_body("2")), refused("duplicate-item"));
    let cut = |length, head: &[u8]| Cut(length, Hash::of(head));
    let facts = statement_propose::Facts {
        cut: (cut(2, b"no head"), cut(1, b"of this stream")),
        hash: Hash::of(b"x"),
        zone: Label::new("UTC").unwrap(),
        period: Interval(Timestamp(1), Timestamp(2)),
        totals: List::new(Vec::new()).unwrap(),
    };
    let propose = Body::StatementPropose { facts, text: NoText };
    assert_eq!(forge(&acme, &mut shop, 7, None, &propose), refused("malformed-facts"));
    let facts = statement_sign::Facts { hash: Hash::of(b"x"), statement: ItemId::new([7; 16]) };
    let sign = Body::StatementSign { facts, text: NoText };
    assert_eq!(forge(&acme, &mut shop, 8, None, &sign), refused("malformed-facts"));
    assert_eq!(listed(&shop), []);
    assert_eq!(states(&shop).len(), 2, "the first line, and the one that was well formed");
}

#[test]
fn the_contractor_cannot_rate_itself_over_the_wire() {
    let (mut shop, mut acme) = working();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    let id = Some(shop.delegation(1).id);
    let facts = rate::Facts { stars: Stars::new(5).unwrap() };
    let body = Body::Rate { facts, text: rate::Text::default() };
    assert_eq!(forge(&acme, &mut shop, 1, id, &body), Some("action-not-allowed".to_owned()));
    assert_eq!(figures(&shop).0.ratings, (0, 0));
}

#[test]
fn the_statement_is_derived_again_from_messages_and_receipts_alone() {
    let (mut shop, mut acme) = working();
    let first = add(&mut acme, "1.25", "95.00").unwrap();
    add(&mut acme, "1", "5").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, first, None).unwrap();
    settle(&mut shop, &mut acme);
    let proposed = propose(&mut acme).unwrap();
    settle(&mut shop, &mut acme);
    sign(&mut shop, proposed.statement).unwrap();
    settle(&mut shop, &mut acme);
    // Somebody with Shop's signed messages and receipts and no row of any desk.
    let side = shop.rows().get(LINKS, &LINK).unwrap().unwrap().side;
    let mut words = Vec::new();
    let mut asked = None;
    let stream = shop.stream();
    let Record::ReceiptTaken { receipt, .. } = record(&shop, stream.receipt.unwrap()) else { panic!() };
    let receipt: Signed<Receipt> = Signed::open(&receipt, acme.identity.keys().current()).unwrap();
    for seq in 1..=receipt.body().upto {
        let sent = shop.rows().get(SENT, &(LINK, seq)).unwrap().unwrap();
        let Record::Numbered { signed, .. } = record(&shop, sent.signed) else { panic!() };
        let head = read_head(&signed).unwrap();
        if receipt.body().outcome(seq).is_none() {
            words.extend(Said::read(&head).map(|said| Word { by: side, seq, seen: head.seen, said }));
        }
    }
    for seq in 1..=stream.in_length {
        let row = shop.rows().get(RECEIVED, &(LINK, seq)).unwrap().unwrap();
        let Record::Received(received) = record(&shop, row.entry) else { panic!() };
        let head = read_head(&received.signed).unwrap();
        if let Ok(Facts::StatementPropose(facts)) = Facts::decode(Kind::StatementPropose, &head.facts) {
            let desks = (shop.identity.desk(), acme.identity.desk());
            asked = Some(Asked {
                link: head.link,
                desks,
                proposer: side.other(),
                cut: facts.cut,
                period: facts.period,
                zone: facts.zone,
            });
        }
        if received.refused.is_none() {
            words.extend(Said::read(&head).map(|said| Word { by: side.other(), seq, seen: head.seen, said }));
        }
    }
    let account = Account::of(words);
    let statement = Statement::of(&account, &asked.unwrap()).unwrap();
    assert_eq!(statement.hash(), proposed.hash);
    assert_eq!(account.signed(&Upto::ALL)[0].hash, proposed.hash);
    assert_eq!(statement.totals()[0].0.as_str(), "142.50");
}

fn record(desk: &Desk, at: EntryRef) -> Record {
    reader(desk).record(at).unwrap()
}

/// What the report says of the partner as contractor, and as principal.
fn figures(desk: &Desk) -> (Figures, Figures) {
    let reader = reader(desk);
    let all =
        query::partner_figures(&reader, &reader.partners().unwrap(), (Timestamp(0), Timestamp(u64::MAX)))
            .unwrap();
    let of =
        |role| all.iter().find(|one| one.role == role).map(|one| one.figures.clone()).unwrap_or_default();
    (of(Role::Contractor), of(Role::Principal))
}

#[test]
fn both_desks_report_the_same_settled_figures() {
    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, line, None).unwrap();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    assert_eq!(figures(&acme).1.resolved, 0, "not settled yet");
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Reopen(because("It died again."))).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Rate { stars: Stars::new(2).unwrap(), words: None }).unwrap();
    shop.act(1, Action::Rate { stars: Stars::new(4).unwrap(), words: None }).unwrap();
    settle(&mut shop, &mut acme);
    let ticket = shop.ticket("Another one");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(2, Action::Decline(because("No people."))).unwrap();
    settle(&mut shop, &mut acme);
    let ((mut theirs, _), (_, mut ours)) = (figures(&shop), figures(&acme));
    for one in [&mut theirs, &mut ours] {
        assert_eq!((one.offers, one.accepted, one.declined, one.resolved, one.reopened), (2, 1, 1, 1, 1));
        assert_eq!(one.ratings, (1, 4), "the newest rating counts");
        assert_eq!(one.cost[&Currency::new("EUR").unwrap()].to_string(), "12.00");
        assert!(one.response().is_some() && one.resolution().is_some());
    }
    let shop = shop.restart_with_other_rows();
    let mut again = figures(&shop).0;
    assert_eq!((again.response(), again.resolution()), (theirs.response(), theirs.resolution()));
    assert_eq!((again.offers, again.ratings, again.cost), (theirs.offers, theirs.ratings, theirs.cost));
}

/// Rows as a long life of a desk leaves them, written without that life.
#[derive(Default)]
struct Filling(Batch);

impl Rows for Filling {
    fn raw_get(&self, _: &[u8]) -> deskwire_store::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn raw_scan(
        &self,
        _: &[u8],
        _: &[u8],
        _: Direction,
        _: &mut deskwire_store::VisitRow<'_>,
    ) -> deskwire_store::Result<()> {
        Ok(())
    }
}

impl RowsMut for Filling {
    fn raw_put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.put(key, value);
    }

    fn raw_delete(&mut self, key: Vec<u8>) {
        self.0.delete(key);
    }
}

#[test]
fn many_lines_are_one_statement_and_many_delegations_one_report() {
    let many = std::env::var("DESKWIRE_LINES").ok().and_then(|text| text.parse::<u64>().ok());
    let (lines, delegations) = many.map_or((2_000, 10_000), |lines| (lines, lines * 20));
    let (shop, _acme) = working();
    let id = shop.delegation(1).id;
    let mut filling = Filling::default();
    for seq in 1..=lines {
        let mut item = [0; 16];
        item[..8].copy_from_slice(&seq.to_be_bytes());
        let work = ItemId::new(item);
        let hash = Hash::of(&item);
        let facts = work_add::Facts { quantity: Decimal::new("1.25").unwrap(), ..work_facts("95.00") };
        let line = Said::Line { delegation: id, item: work, facts, hash };
        let verdict = Said::Verdict { delegation: id, work, approved: true };
        for (ours, said) in [(false, line), (true, verdict)] {
            let entry = EntryRef { segment: 1, offset: seq };
            let row = AccountRow {
                entry,
                item: work,
                seen: 0,
                at: Timestamp(1),
                said,
                refused: false,
                aside: false,
            };
            filling.put(ACCOUNT, &(LINK, (false, (ours, 1_000 + seq))), &row).unwrap();
        }
    }
    for no in 1..=delegations {
        let row = FigureRow {
            theirs: true,
            offered: Timestamp(1_000_000),
            accepted: Some(Timestamp(1_000_000 + no)),
            stars: (no % 2 == 0).then_some(5),
            ..FigureRow::default()
        };
        filling.put(FIGURES, &(LINK, (0, DelegationNo(1_000 + no))), &row).unwrap();
    }
    let stream = StreamRow { acked: 1_000 + lines, in_length: 1_000 + lines, ..shop.stream() };
    filling.put(STREAMS, &LINK, &stream).unwrap();
    let view = Arc::clone(&shop.rows().0);
    view.apply(&filling.0, &view.position().unwrap().unwrap()).unwrap();

    let (mut theirs, _) = figures(&shop);
    assert_eq!((theirs.offers, theirs.ratings), (delegations + 1, (delegations / 2, delegations / 2 * 5)));
    assert!(theirs.response().unwrap().p90 > theirs.response().unwrap().median);
    let link = reader(&shop).partner(LINK).unwrap().unwrap();
    let counted = query::open_account(&reader(&shop), &link, Timestamp(u64::MAX)).unwrap();
    assert_eq!(
        (counted.0, counted.1[0].0.as_str()),
        (lines, format!("-{}.00", lines * 11_875 / 100).as_str())
    );
}

/// A thief sends what waits under the old key; the owner disowns it and says it again, and the money is not lost.
#[test]
fn a_line_that_a_thief_said_can_be_said_again_by_its_owner() {
    let (mut shop, mut acme) = working();
    let item = add(&mut acme, "2", "50").unwrap();
    let mut thief = Desk::new("Acme", 2).restore(&acme.copy());
    thief.now = acme.now;
    crate::keys::carry(&mut thief, &mut shop);
    let mut acme = crate::keys::rotate(acme, 2);
    crate::keys::quiet(&mut acme, &mut shop);
    let rows = shop.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    let refused: Vec<_> = rows.iter().filter_map(|(_, row)| row.refused.as_ref()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let known = shop.rows().get(deskwire_store::table::WORK_ITEMS, &(LINK, (false, item))).unwrap().unwrap();
    let place = (LINK, (false, (false, known.seq)));
    let line = shop.rows().get(ACCOUNT, &place).unwrap().unwrap();
    assert!(!line.aside, "the line counts");
}
