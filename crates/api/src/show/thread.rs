//! Comments, and what happened on a ticket, in words.

use deskwire_api_types as api;
use deskwire_engine::query::{Comment, Happened, ThreadEntry, What};
use deskwire_machine::clock::DueKind;
use deskwire_machine::delegation::{EventKind, Role};
use deskwire_machine::disclosure::Sent;
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;

use super::{audience, deliveries, file, person, relay, string, time};

pub(super) fn entry(ticket: &Label, entry: &ThreadEntry) -> api::ThreadEntry {
    match entry {
        ThreadEntry::Comment(said) => api::ThreadEntry::Comment(comment(ticket, said)),
        ThreadEntry::File(attached) => api::ThreadEntry::File(file(ticket, attached)),
        ThreadEntry::Happened(happened) => api::ThreadEntry::Event(event(happened)),
    }
}

/// One comment.
pub(crate) fn comment(ticket: &Label, comment: &Comment) -> api::Comment {
    api::Comment {
        id: comment.id.to_string(),
        ticket: ticket.to_string(),
        time: time(comment.time),
        by: person(comment.by.as_ref()),
        partner: comment.origin.as_ref().map(|origin| origin.partner.to_string()),
        delegation: comment.origin.as_ref().map(|origin| origin.delegation.to_string()),
        audience: audience(&comment.audience),
        body: string(comment.body.as_ref()),
        edited: comment.edited.map(time),
        retracted: comment.retracted,
        withdrawn: comment.withdrawn,
        relayed: comment.relayed.as_ref().map(relay::relayed),
        history: comment.history.iter().map(relay::version).collect(),
        retraction: comment.retraction.as_ref().map(relay::retraction),
        relays: comment.relays.iter().map(|one| relay::waiting(ticket, one)).collect(),
        deliveries: deliveries(&comment.deliveries),
        no_effect: comment.aside.as_ref().map(|why| why.words.to_string()),
    }
}

fn event(happened: &Happened) -> api::ThreadEvent {
    let (event, mut words) = match &happened.what {
        What::Opened => ("opened".to_owned(), opened(happened)),
        What::Status { status, label } => {
            let label = label.as_ref().map(|label| format!(" “{label}”")).unwrap_or_default();
            ("status".to_owned(), format!("status is {status}{label}"))
        }
        What::Due { kind, due, by } => ("deadline".to_owned(), deadline(happened, *kind, *due, *by)),
        What::Event { message, kind, words, changed: news } => {
            let words = words.as_ref().map(ToString::to_string).or_else(|| changed(news));
            (message.to_string(), said(happened, *kind, words.as_ref()))
        }
        What::Work { message, words } => {
            (message.to_string(), worked(happened, message.as_str(), words.as_ref()))
        }
    };
    if let Some(why) = &happened.refused {
        words = format!("{words}; it has no effect: {}", why.words);
    }
    api::ThreadEvent {
        delivery: happened.delivery.as_ref().map(super::delivery),
        time: time(happened.time),
        event,
        words,
        by: person(happened.by.as_ref()),
        partner: happened.partner.as_ref().filter(|_| happened.theirs).map(ToString::to_string),
        delegation: happened.delegation.map(|id| id.to_string()),
        code: happened.refused.as_ref().map(|why| why.code.to_string()),
        audience: audience(&happened.audience),
    }
}

/// What was said about a line of work, seen from this desk.
fn worked(happened: &Happened, message: &str, words: Option<&String>) -> String {
    let partner = happened.partner.as_ref().map_or("the partner", |partner| partner.as_str());
    let (own, theirs) = match message {
        "work.approve" => ("approved a line of work of PARTNER", "approved a line of work"),
        "work.dispute" => ("disputed a line of work of PARTNER", "disputed a line of work"),
        _ => ("added a line of work for PARTNER", "added a line of work"),
    };
    let sentence =
        if happened.theirs { format!("{partner} {theirs}") } else { own.replace("PARTNER", partner) };
    words.map_or(sentence.clone(), |words| format!("{sentence}: {}", words.trim_end()))
}

/// What people are told of a deadline.
fn deadline(happened: &Happened, kind: DueKind, due: Timestamp, by: Option<Role>) -> String {
    let partner = happened.partner.as_ref().map_or("the partner", |partner| partner.as_str());
    let what = match kind {
        DueKind::Respond => "to answer the offer",
        DueKind::Resolve => "to resolve the work",
    };
    match by {
        None => format!("the time {what} ends {}: it is nearly over (with {partner})", time(due)),
        Some(by) => {
            format!("the time {what} ended {}; the turn was the {by}'s (with {partner})", time(due))
        }
    }
}

fn opened(happened: &Happened) -> String {
    match &happened.partner {
        Some(partner) => format!("opened for {partner}"),
        None => "opened".to_owned(),
    }
}

/// What was said in a delegation, seen from this desk.
fn said(happened: &Happened, kind: EventKind, reason: Option<&impl ToString>) -> String {
    let partner = happened.partner.as_ref().map_or("the partner", |partner| partner.as_str());
    let (own, theirs) = doing(kind);
    let sentence =
        if happened.theirs { format!("{partner} {theirs}") } else { own.replace("PARTNER", partner) };
    match reason {
        Some(reason) => format!("{sentence}: {}", reason.to_string().trim_end()),
        None => sentence,
    }
}

/// What an update says, field by field; long texts by their names alone.
fn changed(news: &[Sent]) -> Option<String> {
    let one = |sent: &Sent| match sent.field.as_str() {
        "description" => "description".to_owned(),
        "deadline.respond" => format!("to answer by {}", sent.value),
        "deadline.resolve" => format!("to resolve by {}", sent.value),
        field => format!("{} {}", field.replace('.', " "), sent.value),
    };
    let news = news.iter().filter(|sent| sent.field != "contact.onward").map(one);
    Some(news.collect::<Vec<_>>().join(", ")).filter(|words| !words.is_empty())
}

/// What this desk did, with a place for the partner's name, and what the partner did.
const fn doing(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::Offer => ("delegated to PARTNER", "handed this work over"),
        EventKind::Accept => ("accepted the work of PARTNER", "accepted the work"),
        EventKind::Decline => ("declined the work of PARTNER", "declined the work"),
        EventKind::Return => ("returned the work to PARTNER", "returned the work"),
        EventKind::Recall => ("recalled the work from PARTNER", "recalled the work"),
        EventKind::Status => ("told PARTNER the status", "told its status"),
        EventKind::StatusInProgress => ("told PARTNER that work is in progress", "works on it"),
        EventKind::StatusWaitingThird => {
            ("told PARTNER of waiting for a third party", "waits for a third party")
        }
        EventKind::Resolve => ("resolved the work for PARTNER", "resolved the work"),
        EventKind::Confirm => ("confirmed the solution of PARTNER", "confirmed the solution"),
        EventKind::Reopen => ("reopened the work at PARTNER", "reopened the work"),
        EventKind::Update => ("changed the offer to PARTNER", "changed the offer"),
        EventKind::ChangeTake => ("took the change of PARTNER", "took the change"),
        EventKind::ChangeDecline => ("declined the change of PARTNER", "declined the change"),
        EventKind::Ask => ("asked PARTNER", "asked"),
        EventKind::Answer => ("answered PARTNER", "answered"),
        EventKind::AnswerNotNeeded => {
            ("told PARTNER that the question was not needed", "says that the question was not needed")
        }
        EventKind::Rate => ("rated the work of PARTNER", "rated the work"),
        EventKind::LinkClose => ("ended the link with PARTNER", "ended the link"),
    }
}
