//! What the body of a message says to the fold of its delegation (proto-spec, sections 6.10 to 6.23 and 7.3).

use deskwire_proto::message::common::Own;
use deskwire_proto::message::{Body, Facts, status, update};
use deskwire_proto::number::Version;

use crate::delegation::{Event, Field, Fields, Progress, Said, Words};

/// The event that a body carries, with its author's own words; `None` for a body that is no event of the fold.
///
/// That of a `link.close` is an event in every delegation of the link.
#[must_use]
pub fn said(body: &Body) -> Option<Said> {
    let (event, own) = match body {
        Body::Offer { facts, .. } => (Event::Offer { rules: rules(facts.rules) }, Some(&facts.own)),
        Body::Accept { facts, .. } => (Event::Accept { version: facts.version.get() }, Some(&facts.own)),
        Body::Decline { .. } => (Event::Decline, None),
        Body::Return { facts, .. } => (Event::Return, facts.own.as_ref()),
        Body::Recall { facts, .. } => (Event::Recall, facts.own.as_ref()),
        Body::Status { facts, .. } => (Event::Status { to: facts.state.map(progress) }, Some(&facts.own)),
        Body::Resolve { facts, .. } => (Event::Resolve, Some(&facts.own)),
        Body::Confirm { facts, .. } => (Event::Confirm, facts.own.as_ref()),
        Body::Reopen { facts, .. } => (Event::Reopen, facts.own.as_ref()),
        Body::Update { facts, .. } => (updated(facts), None),
        Body::ChangeTake { facts, .. } => (Event::ChangeTake { version: facts.version.get() }, None),
        Body::ChangeDecline { facts, .. } => (Event::ChangeDecline { version: facts.version.get() }, None),
        Body::Ask { facts, .. } => (Event::Ask, facts.own.as_ref()),
        Body::Answer { facts, .. } => (Event::Answer { needed: facts.needed }, facts.own.as_ref()),
        Body::Rate { .. } => (Event::Rate, None),
        Body::LinkClose { .. } => (Event::LinkClose, None),
        Body::Digest { .. } | Body::ChainReport { .. } => return None,
        Body::CommentAdd { .. } | Body::CommentEdit { .. } | Body::CommentRetract { .. } => return None,
        Body::FileAdd { .. } | Body::FileRetract { .. } => return None,
        Body::WorkAdd { .. } | Body::WorkApprove { .. } | Body::WorkDispute { .. } => return None,
        Body::TermsPropose { .. } | Body::TermsAccept { .. } => return None,
        Body::LinkSuspend { .. } | Body::LinkResume { .. } => return None,
        Body::LinkDescriptor { .. } | Body::LinkWithdraw { .. } => return None,
        Body::StatementPropose { .. } | Body::StatementSign { .. } => return None,
        Body::Erase { .. } | Body::EraseDone { .. } => return None,
    };
    Some(Said { event, words: own.map(words) })
}

/// The event that facts alone carry, for a message whose text was erased.
#[must_use]
pub fn said_in_facts(facts: &Facts) -> Option<Said> {
    let (event, own) = match facts {
        Facts::Offer(facts) => (Event::Offer { rules: rules(facts.rules) }, Some(&facts.own)),
        Facts::Accept(facts) => (Event::Accept { version: facts.version.get() }, Some(&facts.own)),
        Facts::Decline(_) => (Event::Decline, None),
        Facts::Return(facts) => (Event::Return, facts.own.as_ref()),
        Facts::Recall(facts) => (Event::Recall, facts.own.as_ref()),
        Facts::Status(facts) => (Event::Status { to: facts.state.map(progress) }, Some(&facts.own)),
        Facts::Resolve(facts) => (Event::Resolve, Some(&facts.own)),
        Facts::Confirm(facts) => (Event::Confirm, facts.own.as_ref()),
        Facts::Reopen(facts) => (Event::Reopen, facts.own.as_ref()),
        Facts::Update(facts) => (updated(facts), None),
        Facts::ChangeTake(facts) => (Event::ChangeTake { version: facts.version.get() }, None),
        Facts::ChangeDecline(facts) => (Event::ChangeDecline { version: facts.version.get() }, None),
        Facts::Ask(facts) => (Event::Ask, facts.own.as_ref()),
        Facts::Answer(facts) => (Event::Answer { needed: facts.needed }, facts.own.as_ref()),
        Facts::Rate(_) => (Event::Rate, None),
        Facts::LinkClose(_) => (Event::LinkClose, None),
        Facts::Digest(_) | Facts::ChainReport(_) => return None,
        Facts::CommentAdd(_) | Facts::CommentEdit(_) | Facts::CommentRetract(_) => return None,
        Facts::FileAdd(_) | Facts::FileRetract(_) => return None,
        Facts::WorkAdd(_) | Facts::WorkApprove(_) | Facts::WorkDispute(_) => return None,
        Facts::TermsPropose(_) | Facts::TermsAccept(_) => return None,
        Facts::LinkSuspend(_) | Facts::LinkResume(_) => return None,
        Facts::LinkDescriptor(_) | Facts::LinkWithdraw(_) => return None,
        Facts::StatementPropose(_) | Facts::StatementSign(_) => return None,
        Facts::Erase(_) | Facts::EraseDone(_) => return None,
    };
    Some(Said { event, words: own.map(words) })
}

/// Rules beyond what the fold can number are rules that it does not know.
fn rules(version: Version) -> u16 {
    u16::try_from(version.get()).unwrap_or(u16::MAX)
}

fn progress(state: status::Progress) -> Progress {
    match state {
        status::Progress::InProgress => Progress::InProgress,
        status::Progress::WaitingThird => Progress::WaitingThird,
    }
}

/// Of the members of an update those of section 7.7 bind; when to respond does not. That the text changes the scope is said
/// in the facts, so that whoever has the signed bytes alone folds the same (decision 0013).
fn updated(facts: &update::Facts) -> Event {
    let binding = [
        (facts.resolve.is_some(), Field::Deadline),
        (facts.priority.is_some(), Field::Priority),
        (facts.price.is_some(), Field::Price),
        (facts.scope == Some(true), Field::Scope),
    ];
    let binding = Fields::of(binding.into_iter().filter(|(said, _)| *said).map(|(_, field)| field));
    Event::Update { version: facts.version.get(), binding }
}

fn words(own: &Own) -> Words {
    Words {
        ticket: own.ticket.to_string(),
        status: own.status.to_string(),
        label: own.status_label.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    //! Both desks come to one state only if both read the same event out of one message.
    use deskwire_proto::id::ItemId;
    use deskwire_proto::message::common::{NoText, Priority, ReasonText};
    use deskwire_proto::message::{accept, change_take, comment_retract, confirm, decline, link_close};
    use deskwire_proto::number::Revision;
    use deskwire_proto::text::{Code, Label, Line, Prose};
    use deskwire_proto::time::Timestamp;

    use super::*;

    fn own() -> Own {
        Own {
            status: Code::new("in-work").unwrap(),
            ticket: Label::new("K-12").unwrap(),
            status_label: Some(Label::new("In Arbeit").unwrap()),
        }
    }

    fn reason() -> ReasonText {
        ReasonText { by: None, reason: Prose::new("no").unwrap() }
    }

    fn binding(change: impl FnOnce(&mut update::Facts, &mut update::Text)) -> Fields {
        let mut facts = update::Facts {
            price: None,
            scope: None,
            resolve: None,
            respond: None,
            version: Revision::new(5).unwrap(),
            category: None,
            priority: None,
        };
        let mut text = update::Text::default();
        change(&mut facts, &mut text);
        let (event, bare) = (Body::Update { facts: facts.clone(), text }, Facts::Update(facts));
        assert_eq!(said(&event), said_in_facts(&bare), "a text that was erased changes no fold");
        match said(&event).unwrap().event {
            Event::Update { version: 5, binding } => binding,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_partners_ticket_and_status_come_along() {
        let facts = accept::Facts { own: own(), version: Version::new(4).unwrap() };
        let said = said(&Body::Accept { facts, text: None }).unwrap();
        let words = Words { ticket: "K-12".into(), status: "in-work".into(), label: "In Arbeit".into() };
        assert_eq!(said, Said { event: Event::Accept { version: 4 }, words: Some(words) });
    }

    #[test]
    fn words_that_were_not_said_do_not_blank_those_that_stand() {
        let confirm = Body::Confirm { facts: confirm::Facts { own: None, auto: None }, text: None };
        assert_eq!(said(&confirm).unwrap(), Event::Confirm.into());
        let decline = Body::Decline { facts: decline::Facts { code: None }, text: reason() };
        assert_eq!(said(&decline).unwrap(), Event::Decline.into());
    }

    #[test]
    fn waiting_for_a_third_party_is_told_apart_from_work() {
        let status = |state| {
            let facts = status::Facts { own: own(), state };
            said(&Body::Status { facts, text: None }).unwrap().event
        };
        let third = Event::Status { to: Some(Progress::WaitingThird) };
        assert_eq!(status(Some(status::Progress::WaitingThird)), third);
        let work = Event::Status { to: Some(Progress::InProgress) };
        assert_eq!(status(Some(status::Progress::InProgress)), work);
        assert_eq!(status(None), Event::Status { to: None });
    }

    #[test]
    fn each_binding_member_of_an_update_becomes_a_proposal_and_no_other_does() {
        assert_eq!(binding(|_, _| ()), Fields::NONE);
        assert_eq!(binding(|facts, _| facts.category = Code::new("till").ok()), Fields::NONE);
        assert_eq!(binding(|facts, _| facts.respond = Some(Timestamp(1))), Fields::NONE);
        assert_eq!(binding(|facts, _| facts.resolve = Some(Timestamp(1))), Fields::of([Field::Deadline]));
        assert_eq!(binding(|facts, _| facts.scope = Some(true)), Fields::of([Field::Scope]));
        assert_eq!(binding(|facts, _| facts.scope = Some(false)), Fields::NONE);
        assert_eq!(binding(|_, text| text.title = Line::new("Till").ok()), Fields::NONE);
        let several = binding(|facts, text| {
            (facts.priority, facts.scope) = (Some(Priority::Urgent), Some(true));
            text.description = Prose::new("now it burns").ok();
        });
        assert_eq!(several, Fields::of([Field::Priority, Field::Scope]));
    }

    #[test]
    fn a_change_is_taken_by_the_version_that_proposed_it() {
        let facts = change_take::Facts { version: Revision::new(3).unwrap() };
        let taken = said(&Body::ChangeTake { facts, text: None }).unwrap().event;
        assert_eq!(taken, Event::ChangeTake { version: 3 });
    }

    #[test]
    fn the_end_of_a_link_reaches_its_delegations_and_the_thread_does_not() {
        let close = Body::LinkClose { facts: link_close::Facts {}, text: reason() };
        assert_eq!(said(&close).unwrap(), Event::LinkClose.into());
        let facts = comment_retract::Facts { comment: ItemId::new([1; 16]) };
        assert_eq!(said(&Body::CommentRetract { facts, text: NoText }), None);
    }
}
