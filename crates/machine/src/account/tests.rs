//! Two desks that come to different statements have no account; one that pays a line twice has none either.

use deskwire_proto::id::{DelegationId, DeskId, Hash, ItemId, LinkId};
use deskwire_proto::message::work_add::{self, WorkType};
use deskwire_proto::session::Cut;
use deskwire_proto::terms::{Interval, Side};
use deskwire_proto::text::{Code, Currency, Decimal, Label, Percent};
use deskwire_proto::time::Timestamp;
use proptest::prelude::*;

use super::*;

const INVITER: DeskId = DeskId::new([1; 32]);
const ACCEPTER: DeskId = DeskId::new([2; 32]);

fn item(number: u64) -> ItemId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    ItemId::new(id)
}

fn delegation(number: u8) -> DelegationId {
    DelegationId::new([number; 16])
}

fn facts(quantity: &str, price: &str, tax: &str, date: u64) -> work_add::Facts {
    work_add::Facts {
        tax: Percent::new(tax).unwrap(),
        date: Timestamp(date),
        r#type: WorkType::Time,
        unit: Code::new("hour").unwrap(),
        price: Decimal::new(price).unwrap(),
        currency: Currency::new("EUR").unwrap(),
        quantity: Decimal::new(quantity).unwrap(),
    }
}

fn line(by: Side, seq: u64, id: u64, facts: work_add::Facts) -> Word {
    let said = Said::Line {
        delegation: of(by),
        item: item(id),
        hash: Hash::of(facts.price.as_str().as_bytes()),
        facts,
    };
    Word { by, seq, seen: 0, said }
}

/// Each side is the contractor of one delegation.
fn of(contractor: Side) -> DelegationId {
    delegation(if contractor == Side::Inviter { 1 } else { 2 })
}

fn verdict(by: Side, seq: u64, id: u64, approved: bool) -> Word {
    let said = Said::Verdict { delegation: of(by.other()), work: item(id), approved };
    Word { by, seq, seen: 0, said }
}

fn propose(by: Side, seq: u64, seen: u64, id: u64, until: u64) -> Word {
    let said = Said::Propose {
        item: item(id),
        cut: (seq - 1, seen),
        period: Interval(Timestamp(0), Timestamp(until)),
        hash: Hash::of(&id.to_be_bytes()),
    };
    Word { by, seq, seen, said }
}

fn sign(by: Side, seq: u64, seen: u64, id: u64) -> Word {
    let said = Said::Sign { statement: item(id), hash: Hash::of(&id.to_be_bytes()) };
    Word { by, seq, seen, said }
}

fn asked(proposer: Side, own: u64, other: u64, until: u64) -> Asked {
    Asked {
        link: LinkId::new([9; 32]),
        desks: (INVITER, ACCEPTER),
        proposer,
        cut: (Cut(own, Hash::of(b"own")), Cut(other, Hash::of(b"other"))),
        period: Interval(Timestamp(0), Timestamp(until)),
        zone: Label::new("Europe/Berlin").unwrap(),
    }
}

fn items(statement: &Statement) -> Vec<u64> {
    let number = |id: &ItemId| u64::from_be_bytes(id.as_bytes()[8..].try_into().unwrap());
    statement.lines().iter().map(|line| number(&line.1)).collect()
}

#[test]
fn only_what_is_approved_within_the_cut_and_the_period_is_paid() {
    let words = [
        line(Side::Inviter, 1, 11, facts("1.25", "95.00", "20", 5)),
        line(Side::Inviter, 2, 12, facts("1", "10", "20", 5)),
        line(Side::Inviter, 3, 13, facts("1", "10", "20", 5)),
        line(Side::Inviter, 4, 14, facts("1", "10", "20", 1_000)),
        line(Side::Inviter, 5, 15, facts("1", "10", "20", 5)),
        line(Side::Inviter, 6, 16, facts("1", "10", "20", 5)),
        verdict(Side::Accepter, 1, 11, true),
        verdict(Side::Accepter, 2, 12, true),
        verdict(Side::Accepter, 3, 12, false),
        verdict(Side::Accepter, 4, 14, true),
        verdict(Side::Accepter, 5, 16, true),
        verdict(Side::Accepter, 6, 15, true),
        verdict(Side::Accepter, 7, 11, false),
    ];
    let account = Account::of(words);
    let statement = Statement::of(&account, &asked(Side::Inviter, 6, 5, 1_000)).unwrap();
    assert_eq!(
        items(&statement),
        [11, 16],
        "12 is disputed, 13 open, 14 of the next period, 15 behind the cut"
    );
    assert_eq!((statement.5[0].9.as_str(), statement.5[0].10.as_str()), ("118.75", "23.75"));
    assert_eq!(statement.6[0].0.as_str(), "154.50");
    let other = Statement::of(&account, &asked(Side::Accepter, 5, 6, 1_000)).unwrap();
    assert_eq!(other.6[0].0.as_str(), "-154.50", "who owes is below zero");
    assert_eq!(items(&Statement::of(&account, &asked(Side::Inviter, 6, 7, 1_001)).unwrap()), [14, 15, 16]);
}

#[test]
fn a_line_that_a_signed_statement_holds_is_settled_for_good_and_in_no_other_one() {
    let words = vec![
        line(Side::Inviter, 1, 11, facts("1", "10", "0", 5)),
        verdict(Side::Accepter, 1, 11, true),
        propose(Side::Inviter, 2, 1, 100, 1_000),
        sign(Side::Accepter, 2, 2, 100),
        verdict(Side::Accepter, 3, 11, false),
        line(Side::Inviter, 3, 12, facts("1", "7", "0", 6)),
        verdict(Side::Accepter, 4, 12, true),
    ];
    let account = Account::of(words);
    let signed = account.signed(&Upto::ALL);
    assert_eq!(signed.len(), 1);
    let held = account.line(of(Side::Inviter), item(11)).unwrap();
    assert_eq!(held.state(&Upto::ALL, &signed), LineState::Approved);
    assert_eq!(held.held_by(&signed), Some(0));
    assert_eq!(items(&Statement::of(&account, &asked(Side::Accepter, 4, 3, 2_000)).unwrap()), [12]);
}

#[test]
fn of_two_statements_that_cross_one_is_signed() {
    let words = vec![
        line(Side::Inviter, 1, 11, facts("1", "10", "0", 5)),
        verdict(Side::Accepter, 1, 11, true),
        propose(Side::Inviter, 2, 1, 100, 1_000),
        propose(Side::Accepter, 2, 1, 200, 1_000),
        sign(Side::Inviter, 3, 2, 200),
        sign(Side::Accepter, 3, 2, 100),
    ];
    let signed = Account::of(words).signed(&Upto::ALL);
    assert_eq!(signed.iter().map(|one| one.item).collect::<Vec<_>>(), [item(200)]);
}

#[test]
fn nobody_signs_its_own_statement_or_another_hash_or_one_that_it_had_not_seen() {
    let proposed = propose(Side::Inviter, 1, 0, 100, 1_000);
    let own = sign(Side::Inviter, 2, 0, 100);
    let unseen = sign(Side::Accepter, 1, 0, 100);
    let other = Said::Sign { statement: item(100), hash: Hash::of(b"another") };
    let other = Word { by: Side::Accepter, seq: 2, seen: 1, said: other };
    let account = Account::of([proposed.clone(), own, unseen, other]);
    assert_eq!(account.signed(&Upto::ALL), []);
    assert_eq!(Account::of([proposed, sign(Side::Accepter, 3, 1, 100)]).signed(&Upto::ALL).len(), 1);
}

#[test]
fn the_digest_tells_states_at_its_place_and_changes_with_each() {
    let words = vec![
        line(Side::Inviter, 1, 11, facts("1", "10", "0", 5)),
        line(Side::Inviter, 2, 12, facts("1", "10", "0", 5)),
        verdict(Side::Accepter, 1, 11, true),
        verdict(Side::Accepter, 2, 11, false),
    ];
    let account = Account::of(words);
    let at = |inviter, accepter| account.digest(of(Side::Inviter), &Upto { inviter, accepter });
    let hash = Hash::of(b"10");
    assert_eq!(at(0, 0), digest_work([]));
    assert_eq!(at(1, 0), digest_work([(item(11), hash, LineState::Open)]));
    assert_eq!(at(1, 1), digest_work([(item(11), hash, LineState::Approved)]));
    let both = [(item(12), hash, LineState::Open), (item(11), hash, LineState::Disputed)];
    assert_eq!(at(2, 2), digest_work(both));
    assert_eq!(account.digest(delegation(7), &Upto::ALL), digest_work([]));
    // [[h'00..0b', hash, "open"]] by hand.
    let mut bytes = vec![0x81, 0x83, 0x50];
    bytes.extend_from_slice(item(11).as_bytes());
    bytes.extend_from_slice(&[0x58, 0x20]);
    bytes.extend_from_slice(hash.as_bytes());
    bytes.extend_from_slice(b"\x64open");
    assert_eq!(at(1, 0), Hash::of(&bytes));
}

#[test]
fn the_bytes_of_a_statement_are_deterministic_cbor() {
    let words =
        [line(Side::Inviter, 1, 11, facts("1", "10", "19.5", 5)), verdict(Side::Accepter, 1, 11, true)];
    let statement = Statement::of(&Account::of(words), &asked(Side::Accepter, 1, 1, 9)).unwrap();
    let bytes = statement.bytes();
    deskwire_proto::cbor::check(&bytes, deskwire_proto::cbor::Bounds::LARGE).unwrap();
    assert_eq!(deskwire_proto::cbor::decode_plain::<Statement>(&bytes).unwrap(), statement);
    assert_eq!(statement.hash(), Hash::of(&bytes));
}

#[test]
fn sums_are_by_contractor_currency_and_rate_however_the_rate_is_written() {
    let words = [
        line(Side::Inviter, 1, 11, facts("1", "10", "20", 5)),
        line(Side::Inviter, 2, 12, facts("1", "5", "20.00", 5)),
        line(Side::Inviter, 3, 13, facts("1", "5", "7", 5)),
        line(Side::Accepter, 1, 14, facts("1", "1", "20", 5)),
        verdict(Side::Accepter, 2, 11, true),
        verdict(Side::Accepter, 3, 12, true),
        verdict(Side::Accepter, 4, 13, true),
        verdict(Side::Inviter, 4, 14, true),
    ];
    let statement = Statement::of(&Account::of(words), &asked(Side::Inviter, 9, 9, 9)).unwrap();
    let sums: Vec<_> = sums(statement.lines())
        .iter()
        .map(|sum| {
            (sum.contractor, sum.tax.to_string(), sum.lines, sum.net.to_string(), sum.tax_amount.to_string())
        })
        .collect();
    let row = |desk, rate: &str, lines, net: &str, tax: &str| {
        (desk, rate.to_owned(), lines, net.to_owned(), tax.to_owned())
    };
    assert_eq!(
        sums,
        [
            row(INVITER, "7", 1, "5.00", "0.35"),
            row(INVITER, "20", 2, "15.00", "3.00"),
            row(ACCEPTER, "20", 1, "1.00", "0.20")
        ]
    );
}

#[test]
fn the_first_line_that_differs_is_shown() {
    let statement = |price: &str, more: bool| {
        let mut words = vec![
            line(Side::Inviter, 1, 11, facts("1", "10", "0", 5)),
            line(Side::Inviter, 2, 12, facts("1", price, "0", 5)),
            line(Side::Inviter, 3, 13, facts("1", "3", "0", 5)),
            verdict(Side::Accepter, 1, 11, true),
            verdict(Side::Accepter, 2, 12, true),
        ];
        words.extend(more.then(|| verdict(Side::Accepter, 3, 13, true)));
        Statement::of(&Account::of(words), &asked(Side::Inviter, 3, 3, 9)).unwrap()
    };
    let ours = statement("7", false);
    assert_eq!(first_difference(&ours, &ours), None);
    let Some(Difference::Changed(lines)) = first_difference(&ours, &statement("8", true)) else { panic!() };
    assert_eq!((lines.0.1, lines.0.6.as_str(), lines.1.6.as_str()), (item(12), "7", "8"));
    assert!(
        matches!(first_difference(&ours, &statement("7", true)), Some(Difference::Surplus(line)) if line.1 == item(13))
    );
    assert!(
        matches!(first_difference(&statement("7", true), &ours), Some(Difference::Missing(line)) if line.1 == item(13))
    );
    let mut moved = ours.clone();
    moved.4 = Label::new("Asia/Yekaterinburg").unwrap();
    assert_eq!(first_difference(&ours, &moved), Some(Difference::Asked("zone")));
}

#[test]
fn totals_that_cannot_be_written_are_no_statement() {
    let mut words = Vec::new();
    for number in 1..=2 {
        words.push(line(Side::Inviter, number, number, facts("1", "999999999999", "0", 5)));
        words.push(verdict(Side::Accepter, number, number, true));
    }
    assert_eq!(
        Statement::of(&Account::of(words), &asked(Side::Inviter, 2, 2, 9)),
        Err(StatementError::TooMuch)
    );
    let mut words = Vec::new();
    for number in 0..17_u64 {
        let mut facts = facts("1", "1", "0", 5);
        let letter = char::from(b'A' + u8::try_from(number).unwrap());
        facts.currency = Currency::new(format!("XX{letter}")).unwrap();
        words.push(line(Side::Inviter, number + 1, number, facts));
        words.push(verdict(Side::Accepter, number + 1, number, true));
    }
    let wide = asked(Side::Inviter, 17, 17, 9);
    assert_eq!(Statement::of(&Account::of(words), &wide), Err(StatementError::Currencies));
}

/// A history as two desks could have it: each word with the number and the `seen` that a stream would give it.
fn history() -> impl Strategy<Value = Vec<Word>> {
    let step = (any::<bool>(), 0..6_u8, 0..8_u64, any::<bool>(), 0..1_000_u64, 0..4_u64);
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let (mut words, mut lengths, mut seen) = (Vec::new(), [0_u64; 2], [0_u64; 2]);
        let mut proposals: Vec<(Side, u64)> = Vec::new();
        for (number, (inviter, kind, id, yes, amount, lag)) in steps.into_iter().enumerate() {
            let by = if inviter { Side::Inviter } else { Side::Accepter };
            let (own, other) = if inviter { (0, 1) } else { (1, 0) };
            lengths[own] += 1;
            seen[own] = seen[own].max(lengths[other].saturating_sub(lag));
            let (seq, known) = (lengths[own], seen[own]);
            words.push(match kind {
                0 | 1 => line(by, seq, id, facts("0.5", &format!("{amount}.25"), "19", amount)),
                2 | 3 => Word { seen: known, ..verdict(by, seq, id, yes) },
                4 => {
                    proposals.push((by, number as u64));
                    propose(by, seq, known, number as u64, 500 + amount)
                }
                _ => {
                    let theirs: Vec<_> = proposals.iter().filter(|(proposer, _)| *proposer != by).collect();
                    let chosen = theirs.get(id as usize % theirs.len().max(1)).map_or(0, |chosen| chosen.1);
                    sign(by, seq, known, chosen)
                }
            });
        }
        words
    })
}

proptest! {
    /// Whatever each desk holds beyond a cut, and in whatever order it came, both come to the same bytes at the cut.
    #[test]
    fn both_sides_come_to_the_same_bytes_for_any_history(
        words in history(),
        cut in (0..60_u64, 0..60_u64),
        beyond in (0..60_u64, 0..60_u64),
        shuffle in any::<u64>(),
    ) {
        let upto = Upto { inviter: cut.0, accepter: cut.1 };
        let more = Upto { inviter: cut.0 + beyond.0, accepter: cut.1 + beyond.1 };
        let asked = asked(Side::Inviter, cut.0, cut.1, 700);
        let within = |upto: Upto| words.iter().filter(move |word| upto.covers(word.by, word.seq)).cloned();
        let bytes = |words: Vec<Word>| Statement::of(&Account::of(words), &asked).map(|one| one.bytes());
        let ours = bytes(within(upto).collect());
        let mut theirs: Vec<Word> = within(more).collect();
        theirs.sort_by_key(|word| Hash::of_parts(&[&shuffle.to_be_bytes(), &word.seq.to_be_bytes(), &[word.by as u8]]));
        let digest = Account::of(theirs.clone()).digest(of(Side::Inviter), &upto);
        prop_assert_eq!(Account::of(within(upto)).digest(of(Side::Inviter), &upto), digest);
        prop_assert_eq!(ours, bytes(theirs));
    }

    /// However proposals and signatures cross, no line is in two signed statements, and none is left out for ever.
    #[test]
    fn every_line_is_paid_once(words in history()) {
        let account = Account::of(words.clone());
        let signed = account.signed(&Upto::ALL);
        let mut paid = Vec::new();
        for one in &signed {
            let (own, other) = (one.upto.length(one.proposer), one.upto.length(one.proposer.other()));
            let asked = Asked { period: one.period, ..asked(one.proposer, own, other, 0) };
            let statement = Statement::of(&account, &asked).unwrap();
            paid.extend(statement.lines().iter().map(|line| (line.0, line.1)));
        }
        let last = Statement::of(&account, &asked(Side::Inviter, 1_000, 1_000, u64::MAX)).unwrap();
        let open: Vec<_> = last.lines().iter().map(|line| (line.0, line.1)).collect();
        let approved = account
            .lines()
            .filter(|(_, _, line)| line.state(&Upto::ALL, &signed) == LineState::Approved)
            .map(|(delegation, item, _)| (*delegation, *item));
        let mut all: Vec<_> = paid.into_iter().chain(open).collect();
        all.sort_unstable();
        prop_assert_eq!(all, approved.collect::<Vec<_>>());
    }
}

#[test]
fn fifty_thousand_lines_are_one_statement() {
    let mut words = Vec::new();
    for number in 1..=50_000_u64 {
        words.push(line(Side::Inviter, number, number, facts("1.25", "95.00", "19", 5)));
        words.push(verdict(Side::Accepter, number, number, true));
    }
    let account = Account::of(words);
    let statement = Statement::of(&account, &asked(Side::Accepter, 50_000, 50_000, 9)).unwrap();
    assert_eq!(statement.lines().len(), 50_000);
    assert_eq!(statement.totals()[0].0.as_str(), "-7065500.00");
    assert!(statement.lines().is_sorted_by_key(|line| (line.0, line.1)));
}
