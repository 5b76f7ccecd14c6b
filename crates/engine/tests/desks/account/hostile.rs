//! Partners that book, judge, sign and rate what is not theirs to say.

use super::*;

/// A message that the desk of `from` would not make: as its own program changed by somebody would.
pub(super) fn forge(
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

/// A partner that proposes without end, or signs the same again and again, cost the square of that with every statement.
#[test]
fn a_partner_keeps_no_more_than_so_many_statements_open() {
    let (mut shop, mut acme) = working();
    add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    let stream = shop.stream();
    let facts = statement_propose::Facts {
        cut: (Cut(stream.in_length, stream.in_head), Cut(stream.out_length, stream.out_head)),
        hash: Hash::of(b"x"),
        zone: Label::new("UTC").unwrap(),
        period: Interval(Timestamp(1), Timestamp(2)),
        totals: List::new(Vec::new()).unwrap(),
    };
    let proposes = Body::StatementPropose { facts, text: NoText };
    for item in 100..164 {
        assert_eq!(forge(&acme, &mut shop, item, None, &proposes), None);
    }
    assert_eq!(forge(&acme, &mut shop, 164, None, &proposes).as_deref(), Some("quota"));

    let (mut shop, mut acme) = working();
    let line = add(&mut acme, "1", "10").unwrap();
    settle(&mut shop, &mut acme);
    judge(&mut shop, line, None).unwrap();
    settle(&mut shop, &mut acme);
    let said = propose(&mut shop).unwrap();
    settle(&mut shop, &mut acme);
    let facts = statement_sign::Facts { hash: said.hash, statement: said.statement };
    let sign = Body::StatementSign { facts, text: NoText };
    for item in 1..=4 {
        assert_eq!(forge(&acme, &mut shop, item, None, &sign), None);
    }
    assert_eq!(forge(&acme, &mut shop, 5, None, &sign).as_deref(), Some("quota"));
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
