//! Suspending and ending links: what is said, what follows from what the partner says, and how each delegation gets the end
//! of its link. proto-spec, sections 3.10 and 6.5 to 6.7.

use std::ops::ControlFlow;

use deskwire_machine::disclosure;
use deskwire_proto::envelope::{SALT_BYTES, compose};
use deskwire_proto::id::DelegationId;
use deskwire_proto::message::common::{NoText, Person, ReasonText};
use deskwire_proto::message::{Body, link_close, link_resume, link_suspend};
use deskwire_proto::text::Prose;
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, LinkNo, Order};
use deskwire_store::record::{EndedCase, ItemMade, Reached, Record, TermsRecord};
use deskwire_store::row::{LinkRow, LinkState};
use deskwire_store::table::{DELEGATION_IDS, OPEN_DELEGATIONS, Rows};

use super::say::{Saying, say};
use super::{due, find, queue, rule};
use crate::port::Effect;
use crate::project::ending::{self, Parts};
use crate::{Command, Fault, Refusal, Step};

/// Delegations of an ended link that one step looks at.
const LOOKED_AT: usize = 512;
/// When something is tried again that could not be said, milliseconds.
const PAUSE: u64 = 60_000;

/// Takes and gives no new work over a link for a while; everything that is open goes on.
#[derive(Debug, Clone)]
pub struct Suspend {
    /// The link.
    pub link: LinkNo,
    /// Until then, if that is known; the link goes on by itself.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Prose,
    /// Who says so.
    pub by: Person,
}

impl Command for Suspend {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        if link.accord.stopped_by_us() {
            return Err(Refusal::new(
                Fault::Conflict,
                "already-suspended",
                format!("The link {} is suspended by this desk already.", link.name),
                format!("End that with `deskwire link resume {}`.", link.name),
            ));
        }
        if self.until.is_some_and(|until| until <= step.now) {
            return Err(Refusal::invalid("until", "it has passed already"));
        }
        let text = reason(step, &link, self.reason, &self.by)?;
        let body = Body::LinkSuspend { facts: link_suspend::Facts { until: self.until }, text };
        link_says(step, self.link, body)?;
        step.after(Effect::Due);
        Ok(())
    }
}

/// Ends our suspension. `false` when there is none.
pub(super) fn take_up(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<bool, Refusal> {
    if !link.accord.stopped_by_us() || link.accord.close.is_begun() {
        return Ok(false);
    }
    link_says(step, no, Body::LinkResume { facts: link_resume::Facts {}, text: NoText })?;
    Ok(true)
}

/// Why this desk cannot end the suspension that stands.
pub(super) fn not_ours_to_end(link: &LinkRow) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "suspended-by-partner",
        format!("{} has suspended the link {}: this desk cannot end that.", link.partner_name, link.name),
        format!(
            "Only {} can; what is open goes on meanwhile, and what waits goes with `deskwire queue retry`.",
            link.partner_name
        ),
    )
}

/// Ends a link together with the partner: both say so, what was said before still arrives, and what is open comes to its
/// end.
#[derive(Debug, Clone)]
pub struct Close {
    /// The link.
    pub link: LinkNo,
    /// Why.
    pub reason: Prose,
    /// Who ends it.
    pub by: Person,
}

impl Command for Close {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let text = reason(step, &link, self.reason, &self.by)?;
        close(step, self.link, text)?;
        step.wake(self.link);
        Ok(())
    }
}

/// An operator ends a link on this side, whose partner is gone: nothing more goes over it, and the two desks can link anew.
/// What is open on it comes to its end here, as it does at the partner when that does the same. proto-spec, section 3.10.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// The link.
    pub link: LinkNo,
}

impl Command for End {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        if row.state == LinkState::Closed {
            return Err(Refusal::new(
                Fault::Conflict,
                "link-closed",
                format!("The link {} has ended already.", row.name),
                "Link again with a new invitation.",
            ));
        }
        step.record(&Record::LinkClosed { no: self.link, at: step.now }, None)?;
        step.wake(self.link);
        step.after(Effect::Due);
        Ok(())
    }
}

/// What follows when the partner has said something to the link as a whole.
pub(super) fn heard(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    let link = find::link(step, no)?;
    let end = &link.accord.close;
    if end.theirs.is_some() && end.asked.is_none() && end.ours.is_none() {
        let words =
            format!("{} ends this link; open work comes to its end on both sides.", link.partner_name);
        let event = find::event(step.now, "partner-closed-link", &words, Vec::new());
        step.record(&Record::Noted { no, event }, None)?;
        close(step, no, ReasonText { by: None, reason: fixed("The other side ended the link.") })?;
        step.wake(no);
        return Ok(());
    }
    if let Some((order, _)) = end.asked.filter(|_| end.theirs.is_some()) {
        return queue::release_end(step, no, order);
    }
    super::terms::heard(step, no, &link)
}

/// What follows when a partner's messages or a receipt were taken: rules run, and a link that both have ended ends.
pub(super) fn after(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<(), Refusal> {
    if link.accord.rules.is_some() && !rule::run_due(step, no)? {
        step.after(Effect::Due);
    }
    if link.accord.close.is_begun() { finish(step, no) } else { Ok(()) }
}

/// Whether the last of our messages has its number.
pub(super) fn has_ended(step: &Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    Ok(find::link(step, no)?.accord.close.ours.is_some())
}

/// Ends the link once both have said so and each knows that the other has heard it.
pub(super) fn finish(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    let link = find::link(step, no)?;
    if link.state == LinkState::Closed || !is_over(step, no, &link)? {
        return Ok(());
    }
    over(step, no)
}

/// The partner answers that the link has ended. It does so only when it has heard our end and its own was heard: then it
/// has ended here too. `false` when this desk knows of no end.
pub(super) fn told_over(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<bool, Refusal> {
    let end = &link.accord.close;
    let ends = end.theirs.is_some() && end.ours.is_some() && link.state != LinkState::Closed;
    if ends {
        over(step, no)?;
    }
    Ok(ends)
}

fn over(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    step.record(&Record::LinkClosed { no, at: step.now }, None)?;
    let words = "Both sides have ended this link, and everything that was said before has arrived.";
    let event = find::event(step.now, "link-closed", words, Vec::new());
    step.record(&Record::Noted { no, event }, None)?;
    step.wake(no);
    step.after(Effect::Links);
    step.after(Effect::Due);
    Ok(())
}

fn is_over(step: &Step<'_>, no: LinkNo, link: &LinkRow) -> Result<bool, Refusal> {
    let (Some(ours), Some(theirs)) = (link.accord.close.ours, link.accord.close.theirs) else {
        return Ok(false);
    };
    let stream = find::stream(step, no)?;
    Ok(stream.acked >= ours.seq && stream.given >= theirs.seq)
}

/// What is due on a link that goes on: the end of a suspension.
pub(super) fn due(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<Option<Timestamp>, Refusal> {
    let Some(until) = link.accord.our_stop.and_then(|stop| stop.until) else { return Ok(None) };
    if !link.accord.stopped_by_us() || link.accord.close.is_begun() {
        return Ok(None);
    }
    if until > step.now {
        return Ok(Some(until));
    }
    match step.attempt(|step| take_up(step, no, link)) {
        Ok(_) => Ok(None),
        Err(refusal) if refusal.fault == Fault::Ours => Err(refusal),
        Err(refusal) => {
            tracing::warn!(link = %no, code = refusal.code, "the end of a suspension cannot be said yet");
            Ok(Some(step.now.plus(PAUSE)))
        }
    }
}

/// Brings the end of a closed link to its delegations, a bounded part of them at once. `false` when there are more.
pub(super) fn bring_end(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<bool, Refusal> {
    if link.accord.close.done {
        return Ok(true);
    }
    let open = step.rows().get(OPEN_DELEGATIONS, &no)?.unwrap_or_default();
    let begun = link.accord.close.folded.is_some();
    if !begun && open.ours + open.theirs == 0 {
        return Ok(true);
    }
    let mut link = link.clone();
    if link.accord.close.ours.is_none() && link.accord.close.asked.is_none() {
        // Nobody ever said it to the partner; the tickets say it.
        close(step, no, ReasonText { by: None, reason: fixed("The link was ended on this side.") })?;
        link = find::link(step, no)?;
    }
    let (seen, last) = page(step, no, &link)?;
    let mut cases = Vec::new();
    for delegation in &seen {
        cases.extend(ended(step, no, &link, *delegation)?);
    }
    let upto = last.filter(|_| seen.len() == LOOKED_AT).map_or(Reached::All, Reached::Upto);
    step.record(&Record::Terms(TermsRecord::Ended { no, cases, upto: Some(upto), at: step.now }), None)?;
    Ok(upto == Reached::All)
}

/// Brings what is known of the end of its link to one delegation that is about to be touched: the end has its place in the
/// order before whatever has seen it.
pub(super) fn reach(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    delegation: DelegationNo,
) -> Result<(), Refusal> {
    let end = &link.accord.close;
    if end.ours.is_none() && end.theirs.is_none() {
        return Ok(());
    }
    let Some(case) = ended(step, no, link, delegation)?.filter(|case| case.ours || case.theirs) else {
        return Ok(());
    };
    let cases = vec![EndedCase { alone: false, ..case }];
    step.record(&Record::Terms(TermsRecord::Ended { no, cases, upto: None, at: step.now }), None).map(drop)
}

/// As [`reach`], for a delegation of which the partner says something.
pub(super) fn reached_by(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    id: DelegationId,
) -> Result<(), Refusal> {
    if !link.accord.close.is_begun() {
        return Ok(());
    }
    match step.rows().get(DELEGATION_IDS, &(no, id))? {
        Some(delegation) => reach(step, no, link, delegation),
        None => Ok(()),
    }
}

type Page = (Vec<DelegationNo>, Option<DelegationId>);

/// The next delegations of a link, by their shared id.
fn page(step: &Step<'_>, no: LinkNo, link: &LinkRow) -> Result<Page, Refusal> {
    let (mut found, mut last) = (Vec::new(), None);
    let behind = link.accord.close.folded;
    let from = behind.map(|id| (no, id));
    step.rows().scan(
        DELEGATION_IDS,
        &no,
        from.as_ref(),
        Direction::Forward,
        &mut |(_, id), delegation| {
            if behind == Some(id) {
                return Ok(ControlFlow::Continue(()));
            }
            found.push(delegation);
            last = Some(id);
            Ok(if found.len() < LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        },
    )?;
    Ok((found, last))
}

/// How the end of its link reaches a delegation; not at all one that has come to its end for good.
fn ended(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    delegation: DelegationNo,
) -> Result<Option<EndedCase>, Refusal> {
    let row = find::delegation(step, delegation)?;
    if row.case.open().is_empty() && row.case.settled().state.is_terminal() {
        return Ok(None);
    }
    let stream = find::stream(step, no)?;
    let end = &link.accord.close;
    let case = EndedCase {
        delegation,
        ours: end.ours.is_some() && !row.ended.0,
        theirs: end.theirs.is_some() && !row.ended.1,
        alone: end.ours.is_none() && end.asked.is_some() && link.state == LinkState::Closed,
        answered: end.ours.is_some_and(|ours| stream.acked >= ours.seq),
    };
    let (_, changes) = ending::folded(&row.case, &Parts::of(end, case), stream.in_length);
    Ok((!changes.is_empty()).then_some(case))
}

/// Says that the link ends, as the last of our messages. This is not bound by what may wait: it is the way out.
fn close(step: &mut Step<'_>, no: LinkNo, text: ReasonText) -> Result<(), Refusal> {
    due::last_reports(step, no)?;
    let stream = find::stream(step, no)?;
    let order = Order(stream.next_order);
    let salt = step.random::<SALT_BYTES>();
    let body = Body::LinkClose { facts: link_close::Facts {}, text };
    let composed = compose(&body, None, salt).map_err(|_| {
        Refusal::new(Fault::Invalid, "reason-missing", "This needs a reason.", "Give one and try again.")
    })?;
    let made = ItemMade {
        no,
        order,
        item: step.item_id(),
        kind: composed.kind,
        facts: composed.facts,
        delegation: None,
        thread: None,
        file: None,
        event: None,
        at: step.now,
    };
    step.record(&Record::ItemMade(made), composed.text.map(|text| text.into_vec())).map(drop)
}

/// Says something on the link rather than in a delegation.
pub(super) fn link_says(step: &mut Step<'_>, link: LinkNo, body: Body) -> Result<(), Refusal> {
    say(step, Saying { link, delegation: None, body, thread: None, file: None, item: None }).map(drop)
}

/// A reason with as much of its author as the terms let travel.
fn reason(step: &mut Step<'_>, link: &LinkRow, reason: Prose, by: &Person) -> Result<ReasonText, Refusal> {
    if reason.as_str().trim().is_empty() {
        return Err(Refusal::new(
            Fault::Invalid,
            "reason-missing",
            "This needs a reason.",
            "Give one and try again.",
        ));
    }
    let terms = find::terms(step, link)?;
    Ok(ReasonText { by: disclosure::person(by, &terms), reason })
}

fn fixed(text: &str) -> Prose {
    Prose::new(text).expect("one short sentence")
}
