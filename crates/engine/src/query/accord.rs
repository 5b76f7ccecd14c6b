//! What a link agrees on: terms in force and proposed, its suspension and its end, this desk's mapping and rules, and what
//! would get lost on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskwire_machine::disclosure;
use deskwire_machine::mapping::{Gap, Mapping, Used, gaps};
use deskwire_machine::rules::Rule;
use deskwire_machine::terms::{Difference, differences};
use deskwire_proto::envelope::text_body;
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::{Priority, ReasonText};
use deskwire_proto::message::{Body, Kind};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::record::{Record, TermsRecord};
use deskwire_store::row::{LinkRow, LinkState, ProposalRow};
use deskwire_store::table::{OPEN_DELEGATIONS, Rows, TICKETS, VERSIONS};
use deskwire_store::{Direction, Text};

use super::labels;
use super::link::Link;
use super::lookup::broken;
use crate::calendar::in_utc;
use crate::command::clock::Skew;
use crate::command::rule;
use crate::{Partner, Reader, Refusal};

/// Tickets whose statuses are looked at for a check.
pub(super) const TICKETS_LOOKED_AT: usize = 2_000;

/// Terms of a link.
#[derive(Debug, Clone)]
pub struct LinkTerms {
    /// What holds for what this desk says now.
    pub in_force: Arc<Terms>,
    /// Since when, if other terms were in force before.
    pub since: Option<Timestamp>,
    /// What this desk has proposed and the partner can accept.
    pub ours: Option<Proposal>,
    /// What the partner has proposed and this desk can accept.
    pub theirs: Option<Proposal>,
    /// Versions that were in force before, oldest first.
    pub before: Vec<u64>,
    /// Whether a proposal that only renews the calendar is accepted without a person.
    pub takes_calendars: bool,
}

/// Terms that can be accepted.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What would hold.
    pub terms: Terms,
    /// Their hash.
    pub hash: Hash,
    /// When they were said.
    pub at: Timestamp,
    /// What would be different.
    pub differences: Vec<Difference>,
}

/// Something that one side said to the link, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidOnLink {
    /// Whether this desk said it.
    pub ours: bool,
    /// When.
    pub at: Timestamp,
    /// Until when, for a suspension.
    pub until: Option<Timestamp>,
    /// Why; nothing once it was erased.
    pub reason: Option<String>,
}

/// Something about a link that a person should know before work goes over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for programs.
    pub code: String,
    /// Whether it stands in the way of work.
    pub serious: bool,
    /// What it is about.
    pub about: String,
    /// A sentence.
    pub words: String,
}

/// The terms of a link, in force and proposed.
///
/// # Errors
/// When the store fails.
pub fn link_terms(reader: &Reader, partner: &Partner) -> Result<LinkTerms, Refusal> {
    let accord = &partner.row.accord;
    let versions = reader.rows().list(VERSIONS, &partner.no, usize::MAX)?;
    let mut before: Vec<u64> = versions.iter().map(|((_, version), _)| *version).collect();
    before.pop();
    if accord.agreed.is_some() {
        before.insert(0, deskwire_machine::terms::FIRST);
    }
    Ok(LinkTerms {
        in_force: Arc::clone(&partner.terms),
        since: accord.agreed.map(|agreed| agreed.since),
        ours: accord.ours.map(|row| proposal(reader, partner, row)).transpose()?,
        theirs: accord.theirs.map(|row| proposal(reader, partner, row)).transpose()?,
        before,
        takes_calendars: accord.takes_calendars,
    })
}

fn proposal(reader: &Reader, partner: &Partner, row: ProposalRow) -> Result<Proposal, Refusal> {
    let terms = reader.terms(row.entry)?;
    let differences = differences(&partner.terms, &terms);
    Ok(Proposal { hash: row.hash, at: row.at, differences, terms })
}

/// This desk's words for those of a link.
///
/// # Errors
/// When the store fails.
pub fn mapping(reader: &Reader, link: &LinkRow) -> Result<Mapping, Refusal> {
    rule::mapping(reader, link)
}

/// The rules of a link.
///
/// # Errors
/// When the store fails.
pub fn rules(reader: &Reader, link: &LinkRow) -> Result<Vec<Rule>, Refusal> {
    let Some(at) = link.accord.rules else { return Ok(Vec::new()) };
    match reader.record(at)? {
        Record::Terms(TermsRecord::Ruled { rules, .. }) => Ok(rules),
        _ => Err(broken("rules are another record")),
    }
}

/// The suspensions that stand, ours first.
///
/// # Errors
/// When the store fails.
pub fn suspensions(reader: &Reader, link: &LinkRow) -> Result<Vec<SaidOnLink>, Refusal> {
    let mut found = Vec::new();
    for (ours, stop) in [(true, link.accord.our_stop), (false, link.accord.their_stop)] {
        if let Some(stop) = stop {
            let reason = reason(reader, stop.text, Kind::LinkSuspend)?;
            found.push(SaidOnLink { ours, at: stop.at, until: stop.until, reason });
        }
    }
    Ok(found)
}

/// What was said of the end of a link, ours first.
///
/// # Errors
/// When the store fails.
pub fn ends(reader: &Reader, link: &LinkRow) -> Result<Vec<SaidOnLink>, Refusal> {
    let mut found = Vec::new();
    for (ours, end) in [(true, link.accord.close.ours), (false, link.accord.close.theirs)] {
        if let Some(end) = end {
            let reason = reason(reader, end.text, Kind::LinkClose)?;
            found.push(SaidOnLink { ours, at: end.at, until: None, reason });
        }
    }
    Ok(found)
}

/// The reason in the text of a message.
fn reason(reader: &Reader, at: EntryRef, kind: Kind) -> Result<Option<String>, Refusal> {
    let entry = reader.entry(at)?;
    let facts = match Record::read(&entry)? {
        Record::ItemMade(made) => made.facts.into_vec(),
        Record::Received(received) => {
            let head = deskwire_proto::envelope::read_head(&received.signed);
            head.map_err(|_| broken("a stored message has no head"))?.facts.into_vec()
        }
        _ => return Err(broken("a reason is another record")),
    };
    let Text::Kept(part) = &entry.text else { return Ok(None) };
    let text = match text_body(part).and_then(|body| Body::decode(kind, &facts, Some(body)).ok()) {
        Some(Body::LinkSuspend { text, .. } | Body::LinkClose { text, .. }) => Some(text),
        Some(_) | None => None,
    };
    Ok(text.map(|ReasonText { reason, .. }| reason.to_string()))
}

/// What would be lost on a link or stands in its way, before work goes over it.
///
/// # Errors
/// When the store fails.
pub fn check(reader: &Reader, link: &Link) -> Result<Vec<Finding>, Refusal> {
    let partner = &link.partner;
    let mut found = standing(link);
    let mapping = mapping(reader, &partner.row)?;
    let lost = gaps(&mapping, &partner.terms, &used(reader)?);
    found.extend(lost.into_iter().map(|Gap { code, about, words }| finding(code, false, about, words)));
    found.extend(labels::personal(reader, partner, &mapping)?);
    found.extend(open_questions(partner));
    found.extend(abilities(reader, partner));
    let open = reader.rows().get(OPEN_DELEGATIONS, &partner.no)?.unwrap_or_default();
    let over = partner.terms.calendar.as_deref().and_then(|hours| hours.last()).map(|last| last.1);
    if let Some(over) = over.filter(|over| *over < reader.now().plus(30 * 86_400_000)) {
        let gone = over <= reader.now();
        let words = "The business hours of the terms end within 30 days: propose a newer calendar.";
        found.push(finding(
            "calendar-ends",
            gone && open.ours + open.theirs > 0,
            "calendar",
            words.to_owned(),
        ));
    }
    Ok(found)
}

/// What of the terms waits for somebody, or says nothing where it says something beside it.
fn open_questions(partner: &Partner) -> Vec<Finding> {
    let mut found = Vec::new();
    let (row, terms) = (&partner.row, &partner.terms);
    if row.accord.theirs.is_some() {
        let words = format!(
            "{} proposes other terms: look with `deskwire link terms show {}`, and accept them.",
            row.partner_name, row.name
        );
        found.push(finding("terms-proposed", false, "terms", words));
    }
    if row.accord.ours.is_some() {
        let words = format!("The terms that this desk proposes wait for {}.", row.partner_name);
        found.push(finding("terms-wait", false, "terms", words));
    }
    let deadlines = terms.deadlines.as_deref().unwrap_or_default();
    for priority in Priority::ALL {
        if !deadlines.is_empty() && !deadlines.iter().any(|deadline| deadline.priority == priority) {
            let name = disclosure::priority_code(priority);
            let words = format!("The terms have deadlines, but none for the priority '{name}'.");
            found.push(finding("no-deadline", false, name, words));
        }
    }
    found
}

/// What concerns the link as it stands now.
fn standing(link: &Link) -> Vec<Finding> {
    let row = &link.partner.row;
    let mut found = Vec::new();
    let mut say =
        |code: &str, serious: bool, words: String| found.push(finding(code, serious, &row.name, words));
    match &row.state {
        LinkState::Active => {}
        LinkState::WaitingApproval | LinkState::WaitingPartner => {
            say("not-approved", true, "The link is not approved yet.".to_owned());
        }
        LinkState::Paused(_) | LinkState::Quarantined(_) => {
            say("stopped", true, "The link stands still.".to_owned())
        }
        LinkState::Closed => say("link-closed", true, "The link has ended.".to_owned()),
    }
    if let Some(trouble) = &link.trouble {
        say(&trouble.code, true, trouble.words.clone());
    }
    if row.verified != Some(true) {
        say(
            "unverified",
            false,
            "Nobody has compared the words of this link with the partner yet.".to_owned(),
        );
    }
    if row.accord.is_stopped() {
        say("suspended", true, stopped_words(row));
    }
    if row.state != LinkState::Closed && row.accord.close.is_begun() {
        say("closing", true, "The link is being ended.".to_owned());
    }
    if link.last_contact.is_none() {
        say("no-contact", false, "Nothing was heard of the partner since this daemon started.".to_owned());
    }
    if let Some(skew) = link.health.skew.filter(Skew::is_shown) {
        say("clock-skew", false, format!("The partner's clock is {}.", skew.words()));
    }
    found
}

/// Who takes and gives no new work, and until when.
fn stopped_words(row: &LinkRow) -> String {
    let until = |at: Option<Timestamp>| at.map(|at| format!(" until {}", in_utc(at))).unwrap_or_default();
    let accord = &row.accord;
    let ours = accord.stopped_by_us().then(|| {
        let end = accord.our_stop.and_then(|stop| stop.until);
        format!("by this desk{} (`deskwire link resume {}` ends that)", until(end), row.name)
    });
    let theirs = accord.their_stop.map(|stop| format!("by {}{}", row.partner_name, until(stop.until)));
    let who: Vec<_> = [ours, theirs].into_iter().flatten().collect();
    format!("The link is suspended {}: no new work goes over it.", who.join(" and "))
}

/// What the partner's desk cannot do.
fn abilities(reader: &Reader, partner: &Partner) -> Vec<Finding> {
    let theirs = partner.descriptor.body();
    let ours = reader.identity().descriptor().body();
    let mut found = Vec::new();
    if theirs.endpoints.is_empty() && ours.endpoints.is_empty() {
        let words = "Neither desk has an address: nothing can be delivered.".to_owned();
        found.push(finding("no-endpoint", true, "endpoint", words));
    }
    if !theirs.endpoints.is_empty() && theirs.tls.is_empty() {
        let words =
            "The partner's descriptor names no TLS key; its certificate is checked by names.".to_owned();
        found.push(finding("tls-by-name", false, "tls", words));
    }
    for feature in ours.features.iter().filter(|feature| !theirs.features.contains(feature)) {
        let words = format!("The partner's desk does not offer '{feature}', which this one does.");
        found.push(finding("feature-missing", false, feature, words));
    }
    if theirs.limits.file < partner.terms.file {
        let words = format!(
            "The partner's desk takes files up to {} bytes, less than the terms allow.",
            theirs.limits.file
        );
        found.push(finding("file-limit", false, "file", words));
    }
    found
}

/// The statuses and categories that tickets of this desk have, newest tickets first.
fn used(reader: &Reader) -> Result<Used, Refusal> {
    let (mut statuses, mut categories, mut looked) = (BTreeSet::new(), BTreeSet::new(), 0);
    reader.rows().scan(TICKETS, &(), None, Direction::Backward, &mut |_, ticket| {
        statuses.insert(ticket.status.to_string());
        categories.extend(ticket.category.map(|category| category.to_string()));
        looked += 1;
        Ok(if looked < TICKETS_LOOKED_AT {
            std::ops::ControlFlow::Continue(())
        } else {
            std::ops::ControlFlow::Break(())
        })
    })?;
    let codes = |words: BTreeSet<String>| words.into_iter().filter_map(|word| Code::new(word).ok()).collect();
    Ok(Used { statuses: codes(statuses), categories: codes(categories) })
}

fn finding(code: &str, serious: bool, about: impl ToString, words: String) -> Finding {
    Finding { code: code.to_owned(), serious, about: about.to_string(), words }
}
