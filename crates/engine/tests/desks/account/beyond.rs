//! Partners that say what the terms, the case or their own proof do not carry.

use deskwire_machine::disclosure::Changes;
use deskwire_proto::message::common::{Audience as Reach, ReasonText};
use deskwire_proto::message::{change_decline, change_take, comment_add, comment_edit, decline};
use deskwire_proto::number::Revision;
use deskwire_proto::terms::PersonRule;

use super::hostile::forge;
use super::*;

fn take(version: u64) -> Body {
    let facts = change_take::Facts { version: Revision::new(version).unwrap() };
    Body::ChangeTake { facts, text: None }
}

fn no_change(version: u64) -> Body {
    let facts = change_decline::Facts { version: Revision::new(version).unwrap() };
    Body::ChangeDecline { facts, text: ReasonText { by: None, reason: prose("No.") } }
}

/// What was never proposed would be kept as an answer that nobody can explain.
#[test]
fn a_change_that_was_never_proposed_is_neither_taken_nor_declined() {
    let (mut shop, mut acme) = working();
    let id = Some(shop.delegation(1).id);
    assert_eq!(forge(&acme, &mut shop, 1, id, &take(2)).as_deref(), Some("malformed-facts"));
    assert_eq!(forge(&acme, &mut shop, 2, id, &no_change(99)).as_deref(), Some("malformed-facts"));
    let changes = Changes { title: Line::new("Another fault").ok(), ..Changes::default() };
    shop.act(1, Action::Update(Box::new(changes))).unwrap();
    let open = session(&mut shop, &mut acme);
    assert!(batch(&mut shop, open, None).is_some(), "the change has its number");
    assert_eq!(forge(&acme, &mut shop, 3, id, &take(2)), None);
}

/// Otherwise a proof could be moved to any comment with the same words.
#[test]
fn a_partners_own_proof_is_over_the_comment_that_carries_it() {
    let (mut shop, acme) = working();
    let id = Some(shop.delegation(1).id);
    let text = |over: u8, relayed: Option<bool>| {
        let body = prose("It is in.");
        let (keys, key) = (acme.identity.keys(), acme.identity.secret());
        let over = ItemId::new([over; 16]);
        let proof = Some(comment_add::AuthorProof::seal(&body, over, acme.now, keys, key));
        comment_add::Text { by: None, body, proof, origin: None, relayed }
    };
    let said = |over, relayed| {
        let facts = comment_add::Facts { audience: Reach::Thread };
        Body::CommentAdd { facts, text: text(over, relayed) }
    };
    assert_eq!(forge(&acme, &mut shop, 1, id, &said(9, None)).as_deref(), Some("malformed-text"));
    assert_eq!(forge(&acme, &mut shop, 2, id, &said(2, None)), None);
    assert_eq!(forge(&acme, &mut shop, 3, id, &said(9, Some(true))), None, "its id at its author");
    let edit = |over| {
        let (comment, version) = (ItemId::new([2; 16]), Revision::new(2).unwrap());
        Body::CommentEdit { facts: comment_edit::Facts { comment, version }, text: text(over, None) }
    };
    assert_eq!(forge(&acme, &mut shop, 4, id, &edit(4)).as_deref(), Some("malformed-text"));
    assert_eq!(forge(&acme, &mut shop, 5, id, &edit(2)), None);
}

/// A line over nothing, or less, would stand in a statement that people sign.
#[test]
fn a_line_over_nothing_or_less_is_refused_from_a_partner_too() {
    let (mut shop, acme) = working();
    let id = Some(shop.delegation(1).id);
    for (item, quantity) in [(1, "0"), (2, "-1"), (3, "-0"), (4, "0.00")] {
        let facts = work_add::Facts { quantity: Decimal::new(quantity).unwrap(), ..work_facts("1") };
        let text = work_add::Text { by: None, what: Line::new("Nothing").unwrap() };
        let body = Body::WorkAdd { facts, text };
        assert_eq!(
            forge(&acme, &mut shop, item, id, &body).as_deref(),
            Some("malformed-facts"),
            "{quantity}"
        );
    }
    assert_eq!(states(&shop).len(), 0);
}

/// Names that the terms keep at home would be shown all the same, in every kind but the offer.
#[test]
fn a_partner_names_its_people_no_further_than_agreed() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms { person: PersonRule::Function, ..Terms::default() });
    begin(&mut shop, &mut acme);
    let id = Some(shop.delegation(1).id);
    let facts = comment_add::Facts { audience: Reach::Delegation };
    let body = prose("Hello.");
    let text =
        comment_add::Text { by: Some(person("Boris")), body, proof: None, origin: None, relayed: None };
    let named = Body::CommentAdd { facts, text };
    assert_eq!(forge(&acme, &mut shop, 1, id, &named).as_deref(), Some("not-allowed-by-terms"));
    let reason = ReasonText { by: Some(person("Boris")), reason: prose("No.") };
    let declined = Body::Decline { facts: decline::Facts { code: None }, text: reason };
    assert_eq!(forge(&acme, &mut shop, 2, id, &declined).as_deref(), Some("not-allowed-by-terms"));
}
