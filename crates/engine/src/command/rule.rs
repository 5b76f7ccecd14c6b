//! What happens by itself: rules of a link that run when one of its delegations has settled in a state, and resolutions
//! that confirm themselves. What came of it is recorded, so it happens once and is never decided again.

use std::ops::ControlFlow;

use deskwire_machine::delegation::{EventKind, Role, State};
use deskwire_machine::mapping::Mapping;
use deskwire_machine::relay;
use deskwire_machine::rules::{RULES_MAX, Rule, Then, due as speaking};
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::Person;
use deskwire_proto::message::{Body, Kind, confirm, resolve, status};
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_proto::text::{Code, Label, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{
    ActorText, CommentText, ItemMade, Record, TermsRecord, ThreadRecord, encode_text,
};
use deskwire_store::row::{Audience, DelegationRow, Effect, LinkRow, SentRow};
use deskwire_store::table::{
    DELEGATION_EVENTS, DUE, PASSED, RECEIVED, RECOVERED_ITEMS, RESOLVED, Rows, SENT, WAITING,
};
use deskwire_store::{Direction, EntryRef};

use super::find;
use super::queue::drop_resting;
use super::revise::{blank, never_sent, numbered};
use super::say::{Saying, say};
use crate::query::clock::{History, Source};
use crate::{Command, Fault, Refusal, Step};

/// Delegations for which rules run in one step, and that confirm themselves in one step.
const AT_ONCE: usize = 64;
/// Resolutions that are looked at in one step: most of them have been confirmed, and that is on its way.
const LOOKED_AT: usize = 4_096;

/// Places of what one message causes on a link: what is confirmed, and what a rule says beside that, with its number.
const CONFIRM: u32 = 1 << 28;
const RESOLVE: u32 = 2 << 28;
const STATUS: u32 = 3 << 28;

/// Adds a rule to a link. Replies with its number.
#[derive(Debug, Clone)]
pub struct AddRule {
    /// The link.
    pub link: LinkNo,
    /// The rule; its number is set here.
    pub rule: Rule,
}

impl Command for AddRule {
    type Reply = u32;

    fn run(self, step: &mut Step<'_>) -> Result<u32, Refusal> {
        let link = find::link(step, self.link)?;
        self.rule.check().map_err(|error| Refusal::invalid("rule", error))?;
        let mut rules = rules(step, &link)?;
        if rules.len() >= RULES_MAX {
            return Err(Refusal::new(
                Fault::Conflict,
                "too-many-rules",
                format!("The link {} has {RULES_MAX} rules, which is as many as there can be.", link.name),
                "Remove one first.",
            ));
        }
        let no = rules.iter().map(|rule| rule.no).max().unwrap_or(0) + 1;
        rules.push(Rule { no, ..self.rule });
        let record = TermsRecord::Ruled { no: self.link, rules, at: step.now };
        step.record(&Record::Terms(record), None)?;
        Ok(no)
    }
}

/// Removes a rule of a link.
#[derive(Debug, Clone, Copy)]
pub struct RemoveRule {
    /// The link.
    pub link: LinkNo,
    /// Its number.
    pub rule: u32,
}

impl Command for RemoveRule {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let link = find::link(step, self.link)?;
        let mut rules = rules(step, &link)?;
        let before = rules.len();
        rules.retain(|rule| rule.no != self.rule);
        if rules.len() == before {
            let next = format!("See what there is with `deskwire rule list {}`.", link.name);
            let words = format!("The link {} has no rule {}.", link.name, self.rule);
            return Err(Refusal::new(Fault::NotFound, "unknown-rule", words, next));
        }
        let record = TermsRecord::Ruled { no: self.link, rules, at: step.now };
        step.record(&Record::Terms(record), None).map(drop)
    }
}

/// Sets this desk's own words for those of a link.
#[derive(Debug, Clone)]
pub struct SetMapping {
    /// The link.
    pub link: LinkNo,
    /// All of them.
    pub mapping: Mapping,
}

impl Command for SetMapping {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        find::link(step, self.link)?;
        self.mapping.check().map_err(|error| Refusal::invalid("mapping", error))?;
        let record = TermsRecord::Mapped { no: self.link, mapping: self.mapping, at: step.now };
        step.record(&Record::Terms(record), None).map(drop)
    }
}

/// This desk's own words for those of a link.
pub(crate) fn mapping(source: &impl Source, link: &LinkRow) -> Result<Mapping, Refusal> {
    crate::query::offer::mapping(source, link.accord.mapping)
}

fn rules(step: &Step<'_>, link: &LinkRow) -> Result<Vec<Rule>, Refusal> {
    let Some(at) = link.accord.rules else { return Ok(Vec::new()) };
    match step.read(at)? {
        Record::Terms(TermsRecord::Ruled { rules, .. }) => Ok(rules),
        _ => Err(find::broken("rules that are another record")),
    }
}

/// Runs the rules of a link that are due, for a bounded number of delegations. `false` when there are more.
pub(super) fn run_due(step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    let link = find::link(step, no)?;
    let due = step.rows().list(DUE, &no, LOOKED_AT)?;
    if due.is_empty() {
        return Ok(true);
    }
    let all = rules(step, &link)?;
    let (mut left, many) = (AT_ONCE, due.len() == LOOKED_AT);
    for ((_, delegation), due) in due {
        let row = find::delegation(step, delegation)?;
        if recovers(step, row.ticket)? {
            // What is still to come back may be what the rule has said.
            continue;
        }
        if left == 0 {
            return Ok(false);
        }
        left -= 1;
        let role = row.case.role();
        let due_rules: Vec<Rule> = speaking(&all, role, &due.states).cloned().collect();
        let ran = due_rules.iter().map(|rule| rule.no).collect();
        let record = TermsRecord::RulesRan { no, delegation, states: due.states, ran, at: step.now };
        step.record(&Record::Terms(record), None)?;
        for rule in due_rules {
            if let Err(refusal) = step.attempt(|step| obey(step, delegation, &row, &rule)) {
                tracing::error!(delegation = delegation.0, rule = rule.no, %refusal, "a rule cannot be obeyed");
            }
        }
    }
    Ok(!many || left == AT_ONCE)
}

/// Whether a link of the case gets back what was lost with a restore.
fn recovers(step: &Step<'_>, ticket: TicketNumber) -> Result<bool, Refusal> {
    for (_, row) in find::delegations(step, ticket)? {
        if find::stream(step, row.link)?.recovery.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id of what a rule, by its number, says on a link because of the partner's message that brought a delegation where it
/// is: the same cause never makes two, also after a restore.
fn caused(
    step: &Step<'_>,
    no: DelegationNo,
    row: &DelegationRow,
    (link, place): (&LinkRow, u32),
) -> Result<Option<ItemId>, Refusal> {
    let mut cause = None;
    let other = row.case.role().other();
    step.rows().scan(DELEGATION_EVENTS, &no, None, Direction::Backward, &mut |(_, at), event| {
        // A status moves nothing.
        if event.by != other || event.kind == EventKind::Status {
            return Ok(ControlFlow::Continue(()));
        }
        cause = Some(at);
        Ok(ControlFlow::Break(()))
    })?;
    let Some(at) = cause else { return Ok(None) };
    let Record::Received(message) = step.read(at)? else { return Ok(None) };
    Ok(Some(relay::item(&super::relay::key(step.rows())?, &message.hash, &link.link, place)))
}

/// Does what a rule says. What cannot be done now is written on the ticket.
fn obey(step: &mut Step<'_>, no: DelegationNo, row: &DelegationRow, rule: &Rule) -> Result<(), Refusal> {
    let Then { status, notify, confirm, resolve, pass } = &rule.then;
    let by = actor(rule);
    if let Some((code, label)) = status {
        set_status(step, (no, row), (code, label.as_ref()), (rule.no, &by))?;
    }
    if let Some(words) = notify {
        comment(step, row.ticket, words.as_str(), &by)?;
    }
    if *confirm && let Err(refusal) = step.attempt(|step| confirm_now(step, no, None)) {
        failed(step, row.ticket, &refusal, &by)?;
    }
    if let Some(solution) = resolve
        && let Err(refusal) =
            step.attempt(|step| resolve_above(step, (no, row), (solution.clone(), *pass), rule.no))
    {
        failed(step, row.ticket, &refusal, &by)?;
    }
    Ok(())
}

/// Sets the ticket's status and tells it to the partners of its other delegations. The one whose word set the rule off is
/// not told: nothing that came from a partner goes back to it.
fn set_status(
    step: &mut Step<'_>,
    (set_off, origin): (DelegationNo, &DelegationRow),
    (code, label): (&Code, Option<&Label>),
    (rule, by): (u32, &Person),
) -> Result<(), Refusal> {
    let ticket = find::ticket(step, origin.ticket)?;
    if ticket.status == *code && ticket.status_label.as_ref() == label {
        return Ok(());
    }
    let text = encode_text(&ActorText { by: by.clone() })?;
    let (ticket, status, label) = (origin.ticket, code.clone(), label.cloned());
    step.record(&Record::TicketStatus { ticket, status, label, at: step.now }, Some(text))?;
    for (no, row) in find::delegations(step, origin.ticket)? {
        let state = row.case.view(0).state;
        if row.link != origin.link && !state.is_terminal() && state != State::Unoffered {
            // What one partner cannot be told now must not keep the others from it.
            let told = step.attempt(|step| {
                let item = caused(step, set_off, origin, (&find::link(step, row.link)?, STATUS | rule))?;
                tell_status(step, (no, &row), item)
            });
            if let Err(refusal) = told {
                tracing::info!(delegation = no.0, code = refusal.code, "a partner is not told of a status");
            }
        }
    }
    Ok(())
}

fn tell_status(
    step: &mut Step<'_>,
    (no, row): (DelegationNo, &DelegationRow),
    item: Option<ItemId>,
) -> Result<(), Refusal> {
    let link = find::link(step, row.link)?;
    let terms = find::terms(step, &link)?;
    if !terms.allows(FieldName::Status) {
        return Ok(());
    }
    let own = find::own(step, row.ticket, &link, &terms)?;
    let body = Body::Status { facts: status::Facts { own, state: None }, text: None };
    say(step, Saying { item, ..Saying::event(row.link, (no, row.id), body) }).map(drop)
}

/// Confirms a delegation that is resolved, by a rule or because its time has come.
fn confirm_now(step: &mut Step<'_>, no: DelegationNo, auto: Option<bool>) -> Result<(), Refusal> {
    let row = find::delegation(step, no)?;
    let link = find::link(step, row.link)?;
    let terms = find::terms(step, &link)?;
    let own = find::own(step, row.ticket, &link, &terms)?;
    let body = Body::Confirm { facts: confirm::Facts { own: Some(own), auto }, text: None };
    let item = caused(step, no, &row, (&link, CONFIRM))?;
    say(step, Saying { item, ..Saying::event(row.link, (no, row.id), body) }).map(drop)
}

/// Resolves the delegation through which the ticket came.
fn resolve_above(
    step: &mut Step<'_>,
    (set_off, below): (DelegationNo, &DelegationRow),
    (solution, pass): (Option<Prose>, bool),
    rule: u32,
) -> Result<(), Refusal> {
    let Some(origin) = find::ticket(step, below.ticket)?.origin else { return Ok(()) };
    let row = find::delegation(step, origin)?;
    if below.case.role() != Role::Principal {
        return Ok(());
    }
    let link = find::link(step, row.link)?;
    let item = caused(step, set_off, below, (&link, RESOLVE | rule))?;
    let passed = if pass { solution_below(step, (set_off, below))? } else { None };
    let source = passed.as_ref().map(|(at, _)| (below.ticket, *at));
    if row.case.view(0).state == State::Resolved {
        // It may be what came back of this very resolution after a restore.
        return source.zip(item).map_or(Ok(()), |(source, item)| passed_on(step, source, (row.link, item)));
    }
    let terms = find::terms(step, &link)?;
    let own = find::own(step, row.ticket, &link, &terms)?;
    let text = match passed {
        Some((_, text)) => {
            let from = find::link(step, below.link)?.partner_name;
            let onward = relay::Onward { from: &from, setting: link.relay, terms: &terms, upward: true };
            relay::solution(&text, &onward)
        }
        // Who set up a rule is told to nobody.
        None => resolve::Text { solution, ..resolve::Text::default() },
    };
    let body = Body::Resolve { facts: resolve::Facts { own, code: None }, text };
    let item = say(step, Saying { item, ..Saying::event(row.link, (origin, row.id), body) })?;
    source.map_or(Ok(()), |source| passed_on(step, source, (row.link, item)))
}

/// Connects our resolution with the partner's whose solution it says, so that one is not erased without the other.
fn passed_on(
    step: &mut Step<'_>,
    (ticket, of): (TicketNumber, EntryRef),
    (no, item): (LinkNo, ItemId),
) -> Result<(), Refusal> {
    let rows = step.rows();
    let back = rows.get(RECOVERED_ITEMS, &(no, item))?.map(|seq| rows.get(SENT, &(no, seq))).transpose()?;
    let last = find::stream(step, no)?.next_order.checked_sub(1);
    let waits = last.map(|last| rows.get(WAITING, &(no, Order(last)))).transpose()?.flatten();
    let waits = waits.filter(|row| row.item == item).map(|row| row.entry);
    let Some(copy) = back.flatten().map(|row| row.item).or(waits) else { return Ok(()) };
    if step.rows().get(PASSED, &(ticket, (of, copy)))?.is_some() {
        return Ok(());
    }
    let record = ThreadRecord::Passed { ticket, of, copy, at: step.now };
    step.record(&Record::Thread(record), None).map(drop)
}

/// The partner withdrew a text: the message of ours that passed it on loses it too, or never leaves.
pub(super) fn source_withdrawn(step: &mut Step<'_>, source: (TicketNumber, EntryRef)) -> Result<(), Refusal> {
    for ((_, (_, at)), ()) in step.rows().list(PASSED, &source, usize::MAX)? {
        let Record::ItemMade(copy) = step.read(at)? else { continue };
        match message_of(step, at, &copy)? {
            Some((seq, sent)) => blank(step, copy.no, (seq, &sent))?,
            None => drop_resting(step, copy.item, &never_sent())?,
        }
    }
    Ok(())
}

/// The message that this item of ours became.
fn message_of(step: &Step<'_>, at: EntryRef, made: &ItemMade) -> Result<Option<(u64, SentRow)>, Refusal> {
    let mut found = numbered(step, made.no, made.order)?.filter(|(_, row)| row.item == at);
    if found.is_some() {
        return Ok(found);
    }
    // What was parked and released stands elsewhere than where it was made.
    step.rows().scan(SENT, &made.no, None, Direction::Backward, &mut |(_, seq), row| {
        if row.item != at {
            return Ok(ControlFlow::Continue(()));
        }
        found = Some((seq, row));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// What the contractor has said of its newest resolution that has effect, and the record of it; nothing once that was
/// erased or withdrawn.
fn solution_below(
    step: &Step<'_>,
    (no, row): (DelegationNo, &DelegationRow),
) -> Result<Option<(EntryRef, resolve::Text)>, Refusal> {
    let mut newest = None;
    step.rows().scan(DELEGATION_EVENTS, &no, None, Direction::Backward, &mut |(_, at), event| {
        let stands = matches!(&event.effect, Effect::Fate { fate, .. } if fate.is_effective());
        if event.by == row.case.role() || event.kind != EventKind::Resolve || !stands {
            return Ok(ControlFlow::Continue(()));
        }
        newest = Some(at);
        Ok(ControlFlow::Break(()))
    })?;
    let Some(at) = newest else { return Ok(None) };
    let entry = step.entry(at)?;
    let Record::Received(message) = Record::read(&entry)? else { return Ok(None) };
    if step.rows().get(RECEIVED, &(row.link, message.seq))?.is_none_or(|row| row.withdrawn) {
        return Ok(None);
    }
    let head = read_head(&message.signed)?;
    match Body::decode(Kind::Resolve, &head.facts, entry.text.bytes().and_then(text_body)) {
        Ok(Body::Resolve { text, .. }) => Ok(Some((at, text)).filter(|(_, text)| text.solution.is_some())),
        Ok(_) | Err(_) => Ok(None),
    }
}

fn failed(step: &mut Step<'_>, ticket: TicketNumber, why: &Refusal, by: &Person) -> Result<(), Refusal> {
    let words = format!("The rule could not do all that it says. {} {}", why.words, why.next);
    comment(step, ticket, words.trim_end(), by)
}

/// An internal comment: it never leaves.
fn comment(step: &mut Step<'_>, ticket: TicketNumber, words: &str, by: &Person) -> Result<(), Refusal> {
    let body = Prose::new(words).map_err(|error| Refusal::invalid("notice", error))?;
    let item = step.item_id();
    let text = encode_text(&CommentText { body, by: by.clone() })?;
    let made = Record::CommentMade { ticket, item, audience: Audience::Internal, at: step.now };
    step.record(&made, Some(text)).map(drop)
}

/// Who acts where a rule does: shown at this desk, and never told to a partner.
fn actor(rule: &Rule) -> Person {
    Person { name: Label::new(format!("rule {}", rule.no)).ok(), function: None }
}

/// Confirms what has waited in `resolved` as long as the terms say. Replies when the next one is due. proto-spec, section
/// 7.9.
pub(super) fn confirm_due(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
) -> Result<Option<Timestamp>, Refusal> {
    let terms = find::terms(step, link)?;
    let Some(after) = terms.auto_confirm else { return Ok(None) };
    let tolerance = terms.tolerance.unwrap_or(Terms::TOLERANCE);
    let mut next = None;
    if find::speakable(link).is_err() {
        return Ok(None);
    }
    let mut left = AT_ONCE;
    for ((_, (since, delegation)), ()) in step.rows().list(RESOLVED, &no, LOOKED_AT)? {
        // What counts is never later than the commit, and not so much earlier than it that the terms do not believe it.
        let earliest = Timestamp(Timestamp(since).plus(after).0.saturating_sub(tolerance));
        if step.now < earliest {
            return Ok(Some(next.map_or(earliest, |next: Timestamp| next.min(earliest))));
        }
        let row = find::delegation(step, delegation)?;
        let state = row.case.view(find::stream(step, no)?.in_length).state;
        // Somebody of this desk has answered already, and that is on its way.
        if state != State::Resolved {
            continue;
        }
        let counted = History::load(step, delegation, &row)?.resolved().unwrap_or(Timestamp(since));
        let moment = counted.plus(after);
        if step.now < moment {
            next = Some(next.map_or(moment, |next| next.min(moment)));
            continue;
        }
        if let Err(refusal) = step.attempt(|step| confirm_now(step, delegation, Some(true))) {
            tracing::warn!(link = %no, code = refusal.code, "a delegation does not confirm itself");
            let again = step.now.plus(60_000);
            next = Some(next.map_or(again, |next: Timestamp| next.min(again)));
            if refusal.fault == Fault::Passing {
                // Nothing can be said on the whole link now.
                return Ok(next);
            }
            continue;
        }
        left -= 1;
        if left == 0 {
            return Ok(Some(step.now));
        }
    }
    Ok(next)
}
