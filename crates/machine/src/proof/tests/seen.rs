//! What was refused for its `seen` is used for nothing, and of what is left out nothing is concluded.

use super::*;

/// All messages of the file that are not of its case stand there with their hashes alone.
pub(super) fn left_out(told: &Told, keep: &[&str]) -> Vec<Item> {
    let mut items = told.items(Some(CASE));
    for item in &mut items {
        let Item::Message(delivery) = item else { continue };
        let head = deskwire_proto::envelope::read_head(delivery.signed()).unwrap();
        if keep.contains(&head.kind.as_str()) {
            delivery.1 = None;
        } else if head.delegation != Some(CASE) {
            *item = Item::LeftOut(head.seq, delivery.hash());
        }
    }
    items
}

/// A case that was accepted, and the offer of another one.
pub(super) fn accepted() -> Told {
    let mut told = Told::new();
    told.streams = [vec![], vec![]];
    told.heads = [(0, Hash::from(told.link)); 2];
    told.say(0, 0, CASE, offered("Dead register"));
    told.say(0, 0, OTHER, offered("Another client"));
    told.receipt(0, 0, 0, None);
    let accept = accept::Facts { own: own("K-1"), version: Version::new(1).unwrap() };
    told.say(1, 2, CASE, Body::Accept { facts: accept, text: None });
    told.receipt(1, 0, 2, None);
    told
}

/// A desk that says once too much to have seen and once too little, which its reader refuses.
pub(super) fn refused_for_seen() -> Told {
    let mut told = accepted();
    told.say(1, 900, CASE, words("From the future."));
    told.receipt_with(1, 1, 2, Some((2, "seen-ahead")));
    for _ in 0..3 {
        told.say(1, 2, CASE, words("As it should be."));
    }
    told.say(1, 1, CASE, words("Forgetful."));
    told.receipt_with(1, 2, 2, Some((6, "seen-falls")));
    told
}

/// One message of a desk that went wrong would turn the whole file, and every later message, into a lie.
#[test]
fn what_was_refused_for_its_seen_is_no_finding_and_is_not_used() {
    let report = verify(&refused_for_seen().items(None));
    assert!(report.findings.is_empty(), "{:?}", report.findings);

    // Taken, or refused for something else, each counts.
    let mut told = accepted();
    told.say(1, 900, CASE, words("From the future."));
    told.say(1, 1, CASE, words("Forgetful."));
    told.receipt(1, 1, 2, Some(2));
    let report = verify(&told.items(None));
    let named = [("seen-ahead", Some(2)), ("seen-falls", Some(3)), ("seen-behind-receipt", Some(3))];
    assert_eq!(found(&report), named);
    assert!(!report.holds());
}

/// Two honest desks would be accused of denying their receipts wherever other cases are left out.
#[test]
fn a_left_out_message_is_not_held_to_have_seen_nothing() {
    let mut told = accepted();
    // The principal has signed that it had the accept, and its next word, about the other case, says so.
    told.say(0, 1, OTHER, words("And the other one?"));
    told.say(0, 1, CASE, words("Thanks."));
    told.receipt(0, 2, 1, None);
    for items in [told.items(None), left_out(&told, &[])] {
        let report = verify(&items);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }

    let mut denies = accepted();
    denies.say(0, 1, OTHER, words("And the other one?"));
    denies.say(0, 0, CASE, words("Which accept?"));
    let report = verify(&left_out(&denies, &[]));
    assert_eq!(found(&report), [("seen-behind-receipt", Some(4))]);
    assert!(report.holds());
}
