//! Reports over delegations, and how much of them fits.

use deskwire_engine::command::tick::Tick;
use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::Deadline;

use super::*;

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

/// A contractor whose clock goes wrong would look better or worse in its own report than in its principal's, and each report
/// read the events of every delegation again.
#[test]
fn figures_of_both_desks_are_the_same_whatever_the_contractors_clock_says() {
    let high = Deadline { respond: 3_600_000, resolve: 8 * 3_600_000, priority: Priority::High };
    let terms = Terms { deadlines: Some(List::new(vec![high]).unwrap()), ..Terms::default() };
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, terms);
    for (number, wrong) in [(1, 0), (2, 1_200_000), (3, 7_200_000)] {
        let ticket = shop.ticket("Dead cash register");
        shop.delegate(ticket).unwrap();
        settle(&mut shop, &mut acme);
        let right = acme.now.max(shop.now).plus(600_000);
        (shop.now, acme.now) = (right, Timestamp(right.0 - wrong));
        acme.act(number, Action::Accept).unwrap();
        settle(&mut shop, &mut acme);
        acme.act(number, Action::Resolve { solution: None, code: None }).unwrap();
        settle(&mut shop, &mut acme);
        acme.now = shop.now;
        shop.act(number, Action::Confirm).unwrap();
        settle(&mut shop, &mut acme);
    }
    for desk in [&mut shop, &mut acme] {
        while desk.run(Tick).unwrap().is_some_and(|next| next <= desk.now) {}
        let rows = desk.rows().list(FIGURES, &LINK, usize::MAX).unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|(_, row)| row.closed && !row.inexact), "they are read from the rows");
    }
    let ((mut theirs, _), (_, mut ours)) = (figures(&shop), figures(&acme));
    assert_eq!((theirs.response(), theirs.resolution()), (ours.response(), ours.resolution()));
    assert_eq!(theirs.deadlines, ours.deadlines);
    assert_eq!(theirs.deadlines.0 + theirs.deadlines.1, 6);
    // The same as the events say, which a desk goes by that got its own back after a restore.
    let copy = acme.copy();
    let acme = acme.restore(&copy).restart_with_other_rows();
    let (_, mut again) = figures(&acme);
    assert_eq!((again.response(), again.resolution()), (ours.response(), ours.resolution()));
}
