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

mod beyond;
mod hostile;
mod reports;

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

/// Whoever ends a link reads before that what nobody could approve, sign or pay afterwards.
#[test]
fn what_the_end_of_a_link_would_leave_behind_is_known_before() {
    let (mut shop, mut acme) = working();
    let left =
        |desk: &Desk| query::left_open(&reader(desk), &reader(desk).partner(LINK).unwrap().unwrap()).unwrap();
    let [first, _, third] = ["10.00", "20.00", "40.00"].map(|price| add(&mut acme, "1", price).unwrap());
    settle(&mut shop, &mut acme);
    judge(&mut shop, first, None).unwrap();
    judge(&mut shop, third, Some("Not ours.")).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        let left = left(desk);
        assert_eq!((left.open, left.cases.len()), (1, 1));
        assert_eq!((left.cases[0].state, left.cases[0].ticket.0), (State::Accepted, 1));
        let [work] = left.unsettled.as_slice() else { panic!("one currency: {left:?}") };
        assert_eq!(work.lines, 3);
        let net = |sum: deskwire_machine::account::Amount| sum.to_string();
        assert_eq!(work.sum(), work.open + work.approved + work.disputed);
        assert!(net(work.approved) < net(work.open) && net(work.open) < net(work.disputed), "{work:?}");
    }
    // What a signed statement holds is not left behind.
    let proposed = propose(&mut acme).unwrap();
    settle(&mut shop, &mut acme);
    sign(&mut shop, proposed.statement).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(left(&acme).unsettled[0].lines, 2);
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
