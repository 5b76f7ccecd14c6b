//! What is left out could change the state: the report has to say so.

use deskwire_proto::message::{confirm, link_close};

use super::seen::{accepted, left_out};
use super::*;

fn close() -> Body {
    let text =
        deskwire_proto::message::common::ReasonText { by: None, reason: Prose::new("We part.").unwrap() };
    Body::LinkClose { facts: link_close::Facts {}, text }
}

/// A case that the end of the link gave back would be shown as if its contractor still had it.
#[test]
fn the_end_of_the_link_tells_in_a_file_about_one_case() {
    let mut told = accepted();
    told.say_of(1, 2, None, close());
    told.receipt(1, 1, 2, None);
    let report = verify(&left_out(&told, &["link.close"]));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let case = report.cases[0];
    assert_eq!((case.state, case.left_out, case.provisional), (State::Returned, 1, true));
}

/// Whoever hides the confirmation shows work as unpaid: the report has to say that something is hidden.
#[test]
fn a_state_behind_which_something_is_left_out_is_no_certain_one() {
    let mut told = Told::new();
    let confirm = confirm::Facts { own: None, auto: None };
    told.say(0, 3, CASE, Body::Confirm { facts: confirm, text: None });
    told.receipt(0, 4, 3, None);
    let whole = verify(&told.items(None)).cases[0];
    assert_eq!((whole.state, whole.left_out, whole.provisional), (State::Confirmed, 0, false));

    let mut items = told.items(Some(CASE));
    change_message(&mut items, 1, |delivery| delivery.1 = None);
    let signed = verify(&items).cases[0];
    assert_eq!((signed.state, signed.left_out, signed.provisional), (State::Confirmed, 0, false));

    let at = at_message(&items, 4);
    let Item::Message(hidden) = items[at].clone() else { unreachable!() };
    items[at] = Item::LeftOut(5, hidden.hash());
    let hidden = verify(&items).cases[0];
    assert_eq!((hidden.state, hidden.left_out, hidden.provisional), (State::Resolved, 1, true));
}
