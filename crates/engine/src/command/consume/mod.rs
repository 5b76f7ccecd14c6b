//! Deciding what comes of one message of a partner. The decision is recorded and never made again.

pub(super) mod account;
mod chain;
mod digest;
mod link;
mod privacy;
pub(super) mod thread;

use std::ops::ControlFlow;

use deskwire_machine::saying::said;
use deskwire_machine::{delegation, disclosure};
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::Verified;
use deskwire_proto::limits::FILE_BYTES;
use deskwire_proto::message::{Body, file_add, offer};
use deskwire_proto::terms::Terms;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{FoldEvent, Here, Local};
use deskwire_store::row::{DelegationEventRow, DelegationRow, LinkRow, Refused, StreamRow};
use deskwire_store::table::{DELEGATION_EVENTS, DELEGATION_IDS, RECEIVED, RETURNED_ITEMS, Rows, SENT};

use super::{find, rule};
use crate::{Refusal, Step, paged, quota, refused};

pub(super) use link::offends;

/// Messages behind the place of a change of key that are looked at for disowned ones.
const LOOKED: u32 = 1_024;

/// The link that a message came over.
pub(super) struct Context<'a> {
    pub(super) no: LinkNo,
    pub(super) link: &'a LinkRow,
    pub(super) terms: &'a Terms,
}

/// What comes of a message.
#[derive(Default)]
pub(super) struct Consumed {
    /// True for `unsupported`.
    pub(super) refused: Option<(bool, Refused)>,
    pub(super) local: Local,
    pub(super) event: Option<FoldEvent>,
    /// How an offer or an update reads in this desk's words.
    pub(super) here: Option<Here>,
    /// Bytes of the file that was announced.
    pub(super) size: u64,
}

/// Why a message has no effect: the code, and words for the person who caused it.
struct No(OutcomeCode, String);

impl From<OutcomeCode> for No {
    fn from(code: OutcomeCode) -> Self {
        Self(code, words(code).to_owned())
    }
}

/// Either the store fails, which refuses the whole batch for now, or the message does.
enum Stop {
    Store(Refusal),
    Message(No),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal)
    }
}

impl From<deskwire_store::Error> for Stop {
    fn from(error: deskwire_store::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<OutcomeCode> for Stop {
    fn from(code: OutcomeCode) -> Self {
        Self::Message(code.into())
    }
}

impl From<delegation::Refusal> for Stop {
    fn from(refusal: delegation::Refusal) -> Self {
        let code = refusal.outcome().unwrap_or(OutcomeCode::ActionNotAllowed);
        Self::Message(No(code, refusal.to_string()))
    }
}

/// Decides. Whatever the partner sent is consumed; only a failure of our own store is an error.
pub(super) fn consume(
    step: &Step<'_>,
    context: &Context<'_>,
    stream: &StreamRow,
    message: &Verified,
) -> Result<Consumed, Refusal> {
    match decide(step, context, stream, message) {
        Ok(consumed) => Ok(consumed),
        Err(Stop::Store(refusal)) => Err(refusal),
        Err(Stop::Message(No(code, words))) => {
            tracing::info!(link = %context.no, seq = message.head.seq, %code, "a message of the partner is refused");
            step.memory.gauges.refused_in.one(code.as_str());
            let refused = Some((unsupported(code), refused(code.as_str(), &words)));
            Ok(Consumed { refused, ..Consumed::default() })
        }
    }
}

/// What comes of a message whose event stands before what is settled: it has no effect.
pub(super) fn out_of_order(refusal: &delegation::Refusal) -> Consumed {
    let code = OutcomeCode::ActionNotAllowed;
    Consumed { refused: Some((false, refused(code.as_str(), &refusal.to_string()))), ..Consumed::default() }
}

fn decide(
    step: &Step<'_>,
    context: &Context<'_>,
    stream: &StreamRow,
    message: &Verified,
) -> Result<Consumed, Stop> {
    let body = match &message.body {
        Ok(body) => body,
        Err(code) => return Err((*code).into()),
    };
    seen(stream, message)?;
    link::behind_end(context, message)?;
    if stream.in_returned {
        said_before(step, context, message)?;
    }
    let consumed = of_kind(step, context, stream, (message, body))?;
    match disclosure::excess(body, context.terms) {
        Some(told) => Err(Stop::Message(No(told.outcome(), told.to_string()))),
        None => Ok(consumed),
    }
}

/// What the section of its kind says.
fn of_kind(
    step: &Step<'_>,
    context: &Context<'_>,
    stream: &StreamRow,
    (message, body): (&Verified, &Body),
) -> Result<Consumed, Stop> {
    match body {
        Body::Offer { facts, .. } => offered(step, context, message, (body, facts)),
        Body::Accept { .. }
        | Body::Decline { .. }
        | Body::Return { .. }
        | Body::Recall { .. }
        | Body::Status { .. }
        | Body::Resolve { .. }
        | Body::Confirm { .. }
        | Body::Reopen { .. }
        | Body::Update { .. }
        | Body::ChangeTake { .. }
        | Body::ChangeDecline { .. }
        | Body::Ask { .. }
        | Body::Answer { .. }
        | Body::Rate { .. } => event(step, context, message, body),
        Body::WorkAdd { facts, .. } => account::added(step, context, message, facts),
        Body::WorkApprove { facts, .. } => account::judged(step, context, message, facts.work),
        Body::WorkDispute { facts, .. } => account::judged(step, context, message, facts.work),
        Body::StatementPropose { facts, .. } => account::proposed(step, context, (stream, message), facts),
        Body::StatementSign { facts, .. } => account::signed(step, context, message, facts),
        Body::CommentAdd { text, .. } => {
            link::not_too_late(step, context, message)?;
            thread::added(step, context, message, text)
        }
        Body::CommentEdit { facts, text } => thread::edited(step, context, message, (facts, text)),
        Body::CommentRetract { facts, .. } => {
            thread::retracted(step, context, message, (facts.comment, false))
        }
        Body::FileRetract { facts, .. } => thread::retracted(step, context, message, (facts.file, true)),
        Body::LinkWithdraw { facts, .. } => thread::withdrawn(step, context, message, facts),
        Body::FileAdd { facts, .. } => {
            link::not_too_late(step, context, message)?;
            file(step, context, message, facts)
        }
        Body::LinkDescriptor { facts, .. } => match Descriptor::open(&facts.descriptor) {
            Ok(descriptor) if descriptor.desk() == context.link.partner => Ok(Consumed::default()),
            Ok(_) | Err(_) => Err(OutcomeCode::MalformedFacts.into()),
        },
        Body::TermsPropose { .. }
        | Body::TermsAccept { .. }
        | Body::LinkSuspend { .. }
        | Body::LinkResume { .. }
        | Body::LinkClose { .. } => link::word(step, context, body),
        Body::ChainReport { .. } => chain::reported(step, context, message),
        Body::Digest { facts, .. } => digest::heard(step, context, message, facts),
        Body::Erase { .. } => privacy::asked(step, context),
        Body::EraseDone { facts, .. } => privacy::done(step, context, message, facts),
    }
}

/// What the partner says to have seen must fit what it has received and what its receipts say. proto-spec, section 8.4.
pub(super) fn seen(stream: &StreamRow, message: &Verified) -> Result<(), OutcomeCode> {
    let (seq, seen) = (message.head.seq, message.head.seen);
    if seen > stream.out_length {
        return Err(OutcomeCode::SeenAhead);
    }
    if seen < stream.in_seen {
        return Err(OutcomeCode::SeenFalls);
    }
    if stream.promises.iter().any(|promise| seq > promise.length && seen < promise.upto) {
        return Err(OutcomeCode::SeenBehindReceipt);
    }
    Ok(())
}

/// A partner that was restored may say again what was handed back to it. Only then is it looked for: nobody else says
/// an item twice by mistake. proto-spec, section 4.6.
fn said_before(step: &Step<'_>, context: &Context<'_>, message: &Verified) -> Result<(), Stop> {
    match step.rows().get(RETURNED_ITEMS, &(context.no, message.head.item))? {
        Some(seq) if seq < message.head.seq => {
            // What somebody else had said with the partner's key, and the partner has disowned, it says again.
            let before = step.rows().get(RECEIVED, &(context.no, seq))?;
            if before.is_some_and(|row| row.aside.is_some()) {
                return Ok(());
            }
            Err(OutcomeCode::DuplicateItem.into())
        }
        Some(_) | None => Ok(()),
    }
}

const fn local(delegation: DelegationNo, ticket: TicketNumber, file: Option<FileNo>) -> Local {
    Local { delegation: Some(delegation), ticket: Some(ticket), file, later: None }
}

/// A partner's delegation is looked up by its link and its id alone.
fn delegation_of(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
) -> Result<(DelegationNo, DelegationRow), Stop> {
    let id = message.head.delegation.ok_or(OutcomeCode::UnknownDelegation)?;
    let no = step.rows().get(DELEGATION_IDS, &(context.no, id))?.ok_or(OutcomeCode::UnknownDelegation)?;
    Ok((no, find::delegation(step, no)?))
}

fn event(step: &Step<'_>, context: &Context<'_>, message: &Verified, body: &Body) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    if let Body::Update { .. } = body {
        within_terms(&outside(body, context.terms))?;
    }
    facts_fit(step, body, (delegation, &row))?;
    let said = said(body).ok_or(OutcomeCode::UnsupportedKind)?;
    row.case.check_peer(&said.event)?;
    find::has_room(&row)?;
    // A partner whose stream was cut or that denies what it had said may number an event before what is settled.
    row.case.clone().take(message.head.seq, message.head.seen, said.clone())?;
    let event = Some(FoldEvent(said.event, said.words));
    let here = here(step, context, body)?;
    Ok(Consumed { local: local(delegation, row.ticket, None), event, here, ..Consumed::default() })
}

/// An offer or an update in this desk's words, by the mapping that holds now.
fn here(step: &Step<'_>, context: &Context<'_>, body: &Body) -> Result<Option<Here>, Refusal> {
    let Some(at) = context.link.accord.mapping else { return Ok(None) };
    let (category, priority) = match body {
        Body::Offer { facts, .. } => (&facts.category, facts.priority),
        Body::Update { facts, .. } => (&facts.category, facts.priority),
        _ => return Ok(None),
    };
    let read = rule::mapping(step, context.link)?.here(category.as_ref(), priority, &[]);
    Ok(Some(Here { mapping: at, category: read.category, priority: read.priority }))
}

/// What the shape of the facts alone does not say. proto-spec, sections 6.11, 6.15 and 6.19 to 6.21.
fn facts_fit(step: &Step<'_>, body: &Body, (no, row): (DelegationNo, &DelegationRow)) -> Result<(), Stop> {
    let ours = row.case.role();
    match body {
        Body::Status { facts, .. } if facts.state.is_some() && ours == delegation::Role::Contractor => {
            Err(OutcomeCode::NotYourField.into())
        }
        Body::Accept { facts, .. } => said_version(step, facts.version.get(), (no, row)),
        Body::ChangeTake { facts, .. } => said_version(step, facts.version.get(), (no, row)),
        Body::ChangeDecline { facts, .. } => said_version(step, facts.version.get(), (no, row)),
        Body::Update { facts, .. } if facts.version.get() <= row.version => {
            Err(OutcomeCode::MalformedFacts.into())
        }
        _ => Ok(()),
    }
}

/// Refuses a version of the offer that this desk never said.
fn said_version(
    step: &Step<'_>,
    version: u64,
    (no, row): (DelegationNo, &DelegationRow),
) -> Result<(), Stop> {
    if version <= row.version || may_be_passed(step, version, (no, row))? {
        return Ok(());
    }
    let words = "There is no such version of the offer.".to_owned();
    Err(Stop::Message(No(OutcomeCode::MalformedFacts, words)))
}

/// Whether updates of ours can have come as far as this version, counting those that were set aside, and what somebody else
/// had said with our key: who accepts such a one has only not heard of that yet.
fn may_be_passed(
    step: &Step<'_>,
    version: u64,
    (no, row): (DelegationNo, &DelegationRow),
) -> Result<bool, Refusal> {
    let mut known = 1;
    paged::visit(step.rows(), DELEGATION_EVENTS, &no, None, &mut |_, event: DelegationEventRow| {
        known += u64::from(event.kind == delegation::EventKind::Update && event.by == row.case.role());
        Ok(if known < version { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    if version <= known {
        return Ok(true);
    }
    let change = find::stream(step, row.link)?.out_change;
    let Some(place) = change.and_then(|change| change.place) else { return Ok(false) };
    let (mut looked, mut disowned) = (0, 0);
    let behind = (row.link, place.0 + 1);
    step.rows().scan(SENT, &row.link, Some(&behind), Direction::Forward, &mut |_, sent| {
        looked += 1;
        disowned += u64::from(sent.aside.is_some());
        Ok(if looked < LOOKED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(version <= known + disowned)
}

fn offered(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    (body, facts): (&Body, &offer::Facts),
) -> Result<Consumed, Stop> {
    let id = message.head.delegation.ok_or(OutcomeCode::MalformedFacts)?;
    if step.rows().get(DELEGATION_IDS, &(context.no, id))?.is_some() {
        return Err(OutcomeCode::DuplicateDelegation.into());
    }
    if !context.terms.may_delegate(context.link.side.other()) {
        return Err(OutcomeCode::NotAllowedByTerms.into());
    }
    link::not_suspended(step, context, message)?;
    within_terms(&outside(body, context.terms))?;
    if facts.loop_tags.is_some() && context.terms.loop_tags != Some(true) {
        return within_terms(&["loop-tags"]).map(|()| Consumed::default());
    }
    if let Some(words) = quota::takes_offer(step, context.no)? {
        return Err(Stop::Message(No(OutcomeCode::Quota, words)));
    }
    let said = said(body).ok_or(OutcomeCode::UnsupportedKind)?;
    delegation::Case::new(delegation::Role::Contractor).check_peer(&said.event)?;
    let counters = step.counters()?;
    Ok(Consumed {
        local: local(DelegationNo(counters.delegation), TicketNumber(counters.ticket), None),
        event: Some(FoldEvent(said.event, said.words)),
        here: here(step, context, body)?,
        ..Consumed::default()
    })
}

fn within_terms(outside: &[&str]) -> Result<(), Stop> {
    if outside.is_empty() {
        return Ok(());
    }
    let words = format!("The terms of this link do not let these fields travel: {}.", outside.join(", "));
    Err(Stop::Message(No(OutcomeCode::NotAllowedByTerms, words)))
}

/// The fields of an offer or an update that the terms do not let travel.
fn outside(body: &Body, terms: &Terms) -> Vec<&'static str> {
    let met = disclosure::optional(body).into_iter();
    met.filter(|(field, _)| !terms.allows(*field)).map(|(_, name)| name).collect()
}

fn file(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &file_add::Facts,
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    let most = context.terms.file.min(step.identity.descriptor().body().limits.file).min(FILE_BYTES);
    if facts.size.get() > most {
        let words = format!("The file has {} bytes; {most} is the most that this link takes.", facts.size);
        return Err(Stop::Message(No(OutcomeCode::FileTooLarge, words)));
    }
    if let Err(words) = quota::takes_file(step, context.no, facts.size.get()) {
        return Err(Stop::Message(No(OutcomeCode::Quota, words)));
    }
    thread::belongs(step, context, facts, (delegation, row.ticket))?;
    let file = FileNo(step.counters()?.file);
    Ok(Consumed {
        size: facts.size.get(),
        local: local(delegation, row.ticket, Some(file)),
        ..Consumed::default()
    })
}

const fn unsupported(code: OutcomeCode) -> bool {
    matches!(code, OutcomeCode::UnsupportedKind | OutcomeCode::UnsupportedKey | OutcomeCode::UnsupportedRules)
}

/// A sentence for the person at the sending desk.
const fn words(code: OutcomeCode) -> &'static str {
    match code {
        OutcomeCode::MalformedFacts => {
            "The message is not well formed. Report it to the maker of your help desk."
        }
        OutcomeCode::MalformedText => {
            "The text is not well formed. Report it to the maker of your help desk."
        }
        OutcomeCode::TextMissing => "The text of the message did not come along. Send it again.",
        OutcomeCode::TextMismatch => "The text is not the one that was signed. Send it again.",
        OutcomeCode::UnknownDelegation => "There is no such delegation on this link.",
        OutcomeCode::NotYourField => "Only the other side may change this.",
        OutcomeCode::NotAllowedByTerms => "The terms of this link do not allow it. Agree other terms first.",
        OutcomeCode::ActionNotAllowed => "Your side may not take this action on this delegation.",
        OutcomeCode::SeenBehindReceipt => "The message denies what your desk has given a receipt for.",
        OutcomeCode::SeenFalls => "The message denies what an earlier one had seen.",
        OutcomeCode::SeenAhead => "The message claims to have seen what was never sent.",
        OutcomeCode::FileTooLarge => "The file is larger than this link takes.",
        OutcomeCode::DuplicateItem => "This was sent before.",
        OutcomeCode::DuplicateDelegation => "This delegation exists already.",
        OutcomeCode::UnsupportedKind => "The partner's desk does not handle this kind of message.",
        OutcomeCode::UnsupportedKey => {
            "The partner's desk does not understand a part that has to be understood."
        }
        OutcomeCode::UnsupportedRules => "The partner's desk does not have these fold rules.",
        OutcomeCode::ReasonMissing => "This needs a reason. Give one and try again.",
        OutcomeCode::Quota => "The partner takes no more of this kind for now.",
    }
}
