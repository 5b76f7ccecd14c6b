//! Terms of a link: proposing others, accepting them, and looking again at what waits when they change. proto-spec,
//! sections 6.3 and 6.4.

use deskwire_machine::terms::{differences, is_calendar_renewal};
use deskwire_proto::envelope::text_body;
use deskwire_proto::limits::FILE_BYTES;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, Facts, Kind, terms_accept, terms_propose};
use deskwire_proto::number::Version;
use deskwire_proto::terms::{Side, Terms};
use deskwire_store::local::LinkNo;
use deskwire_store::record::{ItemMade, Record, TermsRecord};
use deskwire_store::row::{LinkRow, ProposalRow};
use deskwire_store::table::{OPEN_DELEGATIONS, Rows};

use super::closing::link_says;
use super::typed::{self, LONGEST};
use super::{consume, find};
use crate::{Command, Fault, Refusal, Step, cut_words};

/// The longest tolerance that is proposed, ms, a week: so far back a contractor may date what it says, and is believed.
const MOST_TOLERANCE: u64 = 7 * 86_400_000;

/// Proposes other terms to the partner. Nothing changes until it accepts; a newer proposal replaces this one.
#[derive(Debug, Clone)]
pub struct ProposeTerms {
    /// The link.
    pub link: LinkNo,
    /// The version in force from which they were made.
    pub base: u64,
    /// The terms; their version is set here.
    pub terms: Terms,
}

impl Command for ProposeTerms {
    /// The version proposed.
    type Reply = u64;

    fn run(self, step: &mut Step<'_>) -> Result<u64, Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let now = find::terms(step, &link)?;
        if self.base != now.v.get() {
            return Err(Refusal::new(
                Fault::Conflict,
                "terms-changed",
                format!("Version {} of the terms is in force on {} by now.", now.v, link.name),
                format!("Look at them with `deskwire link terms show {}` and propose again.", link.name),
            ));
        }
        let version = Version::new(self.base + 1).map_err(|error| Refusal::invalid("v", error))?;
        let terms = Terms { v: version, ..self.terms };
        sound(step, &terms)?;
        if differences(&now, &terms).is_empty() {
            return Err(Refusal::new(
                Fault::Invalid,
                "terms-same",
                format!("These are the terms of {} already.", link.name),
                "Change at least one of them.",
            ));
        }
        names_principals(step, self.link, &link, &terms)?;
        link_says(
            step,
            self.link,
            Body::TermsPropose { facts: terms_propose::Facts { terms }, text: NoText },
        )?;
        Ok(version.get())
    }
}

/// Accepts the newest proposal of the partner.
#[derive(Debug, Clone, Copy)]
pub struct AcceptTerms {
    /// The link.
    pub link: LinkNo,
    /// The version that the person has read, if said.
    pub version: Option<u64>,
    /// The hash of what the person has read, if said.
    pub hash: Option<deskwire_proto::id::Hash>,
}

impl Command for AcceptTerms {
    type Reply = u64;

    fn run(self, step: &mut Step<'_>) -> Result<u64, Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let Some(proposal) = link.accord.theirs else {
            return Err(Refusal::new(
                Fault::Conflict,
                "no-proposal",
                format!("{} has proposed no terms that could be accepted.", link.partner_name),
                format!("See what there is with `deskwire link terms show {}`.", link.name),
            ));
        };
        let other_version = self.version.is_some_and(|read| read != proposal.version);
        if other_version || self.hash.is_some_and(|read| read != proposal.hash) {
            return Err(Refusal::new(
                Fault::Conflict,
                "proposal-changed",
                format!(
                    "{} has proposed other terms since: version {}.",
                    link.partner_name, proposal.version
                ),
                format!("Look at them with `deskwire link terms show {}`, then accept.", link.name),
            ));
        }
        if link.accord.accept_asked == Some(proposal.hash) {
            return Err(Refusal::new(
                Fault::Conflict,
                "already-accepted",
                format!("This desk has accepted version {} already.", proposal.version),
                "It takes effect once it is sent; nothing has to be done.",
            ));
        }
        let terms = find::terms_at(step, proposal.entry)?;
        names_principals(step, self.link, &link, &terms)?;
        accept(step, self.link, proposal)?;
        Ok(proposal.version)
    }
}

/// Whether a proposal that renews the calendar and changes nothing else is accepted without a person.
#[derive(Debug, Clone, Copy)]
pub struct TakeCalendars {
    /// The link.
    pub link: LinkNo,
    /// Whether.
    pub on: bool,
}

impl Command for TakeCalendars {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        find::link(step, self.link)?;
        let record = TermsRecord::TakesCalendars { no: self.link, on: self.on, at: step.now };
        step.record(&Record::Terms(record), None)?;
        let link = find::link(step, self.link)?;
        heard(step, self.link, &link)
    }
}

/// Accepts without a person what may be accepted so.
pub(super) fn heard(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<(), Refusal> {
    let Some(proposal) = link.accord.theirs.filter(|_| link.accord.takes_calendars) else { return Ok(()) };
    if link.accord.accept_asked == Some(proposal.hash) || find::speakable(link).is_err() {
        return Ok(());
    }
    let now = find::terms(step, link)?;
    let then = find::terms_at(step, proposal.entry)?;
    if then.hash() != proposal.hash || !is_calendar_renewal(&now, &then) {
        return Ok(());
    }
    // Whatever stands in the way of saying it is for a person then.
    if step.attempt(|step| accept(step, no, proposal)).is_ok() {
        let words =
            format!("Version {} of the terms renews the calendar alone, and was accepted.", proposal.version);
        let event = find::event(step.now, "calendar-renewed", &words, Vec::new());
        step.record(&Record::Noted { no, event }, None)?;
    }
    Ok(())
}

fn accept(step: &mut Step<'_>, no: LinkNo, proposal: ProposalRow) -> Result<(), Refusal> {
    let version = Version::new(proposal.version).map_err(|_| find::broken("a proposal without a version"))?;
    let facts = terms_accept::Facts { hash: proposal.hash, version };
    link_says(step, no, Body::TermsAccept { facts, text: NoText })
}

/// What the shape of terms does not say.
fn sound(step: &Step<'_>, terms: &Terms) -> Result<(), Refusal> {
    terms.check().map_err(|error| Refusal::invalid("terms", error))?;
    if terms.file > FILE_BYTES {
        return Err(Refusal::invalid("file", format!("the largest file is {FILE_BYTES} bytes")));
    }
    if let Some(currency) = &terms.currency {
        typed::currency(currency)?;
    }
    if terms.auto_confirm.is_some_and(|span| span > LONGEST) {
        return Err(Refusal::invalid("auto-confirm", "it is more than a hundred years"));
    }
    if terms.tolerance.is_some_and(|span| span > MOST_TOLERANCE) {
        return Err(Refusal::invalid(
            "tolerance",
            "it is more than 7 days, and whatever is dated so far back would be believed",
        ));
    }
    if terms.auto_confirm == Some(0) {
        return Err(Refusal::invalid(
            "auto-confirm",
            "nobody could look at the work; leave it out for never",
        ));
    }
    if terms.retention.is_some_and(|days| days > 36_600) {
        return Err(Refusal::invalid("retention", "it is more than a hundred years"));
    }
    let deadlines = terms.deadlines.as_deref().unwrap_or_default();
    if deadlines.iter().any(|deadline| deadline.respond > deadline.resolve || deadline.resolve > LONGEST) {
        return Err(Refusal::invalid(
            "deadlines",
            "the answer is due before the work is done, and that within a hundred years",
        ));
    }
    let over =
        terms.calendar.as_deref().is_some_and(|hours| hours.last().is_none_or(|last| last.1 <= step.now));
    if over {
        return Err(Refusal::invalid("calendar", "it is over already, so no clock would ever run"));
    }
    Ok(())
}

/// Terms have to name every side that has open delegations as principal.
fn names_principals(step: &Step<'_>, no: LinkNo, link: &LinkRow, terms: &Terms) -> Result<(), Refusal> {
    let Some(side) = unnamed(step, no, link, terms)? else { return Ok(()) };
    let who = if side == link.side { "This desk" } else { link.partner_name.as_str() };
    Err(Refusal::new(
        Fault::Forbidden,
        "not-allowed-by-terms",
        format!("{who} has handed work over that is open, and would not be allowed to any more."),
        "Bring that work to its end first, or leave both sides among the principals.",
    ))
}

/// The side that has open delegations and is not named.
pub(super) fn unnamed(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    terms: &Terms,
) -> Result<Option<Side>, Refusal> {
    let open = step.rows().get(OPEN_DELEGATIONS, &no)?.unwrap_or_default();
    let sides = [(open.ours, link.side), (open.theirs, link.side.other())];
    Ok(sides.into_iter().find(|(open, side)| *open > 0 && !terms.may_delegate(*side)).map(|(_, side)| side))
}

/// Whether an item of the link still makes sense when it is numbered: the terms and the partner's words may have changed
/// since it was accepted.
pub(super) fn possible(
    step: &mut Step<'_>,
    link: &LinkRow,
    made: &ItemMade,
    text: Option<&[u8]>,
) -> Result<Result<(), Refusal>, Refusal> {
    let Some(kind) = Kind::from_name(made.kind.as_str()) else { return Ok(Ok(())) };
    // Whatever was said under which terms: the times of two desks say nothing of that.
    let changed = link.accord.agreed.is_some();
    let of_terms = matches!(kind, Kind::TermsPropose | Kind::TermsAccept);
    let stopped = kind == Kind::Offer && (link.accord.our_stop.is_some() || link.accord.their_stop.is_some());
    if !changed && !of_terms && !stopped {
        return Ok(Ok(()));
    }
    if stopped {
        return Ok(Err(find::suspended(link)));
    }
    let version = find::terms(step, link)?.v.get();
    match Facts::decode(kind, &made.facts) {
        Ok(Facts::TermsPropose(facts)) if facts.terms.v.get() != version + 1 => return Ok(Err(passed(link))),
        Ok(Facts::TermsAccept(facts))
            if link.accord.theirs.is_none_or(|theirs| theirs.hash != facts.hash) =>
        {
            return Ok(Err(passed(link)));
        }
        Ok(_) | Err(_) => {}
    }
    let Some(body) =
        changed.then(|| Body::decode(kind, &made.facts, text.and_then(text_body)).ok()).flatten()
    else {
        return Ok(Ok(()));
    };
    let terms = find::terms(step, link)?;
    match consume::offends(&body, &terms, link.side) {
        Some(words) => Ok(Err(Refusal::new(
            Fault::Forbidden,
            "not-allowed-by-terms",
            words,
            "Other terms came into force before this was sent. Say it again within them.",
        ))),
        None => Ok(Ok(())),
    }
}

/// Tells the operator that an item which no ticket shows was not sent.
pub(super) fn told_dropped(
    step: &mut Step<'_>,
    no: LinkNo,
    made: &ItemMade,
    why: &Refusal,
) -> Result<(), Refusal> {
    if made.delegation.is_some() {
        return Ok(());
    }
    let words = cut_words(&format!("{} was not sent. {} {}", made.kind, why.words, why.next));
    let event = find::event(step.now, why.code, words.as_str(), Vec::new());
    step.record(&Record::Noted { no, event }, None).map(drop)
}

fn passed(link: &LinkRow) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "terms-changed",
        "Other terms were agreed or proposed before this was sent.".to_owned(),
        format!("Look at them with `deskwire link terms show {}` and decide again.", link.name),
    )
}
