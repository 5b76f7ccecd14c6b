//! What becomes due by the mere passing of time: marks of late items, dead letters, ends of links that nobody approved.
//! proto-spec, sections 3.7 and 5.12.

use deskwire_machine::retry::{DEAD_AFTER, LATE_AFTER};
use deskwire_proto::message::Kind;
use deskwire_proto::text::{Code, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::Record;
use deskwire_store::row::{LinkEventRow, LinkRow, LinkState, StreamRow, WaitingRow};
use deskwire_store::table::{LINKS, PARKED, Rows, SENT, WAITING};

use super::{aside, closing, find, queue, renew, rule};
use crate::port::Effect;
use crate::{Command, Refusal, Step, cut_words, refused};

/// A link that nobody has approved for so long is closed, milliseconds.
const APPROVAL: u64 = DEAD_AFTER;
/// When a part is tried again that failed, milliseconds.
const PAUSE: u64 = 600_000;
/// Items that one tick gives up, so that none takes long.
const AT_ONCE: usize = 256;
/// How long this desk has to run before it gives anything up, milliseconds: after a long sleep the partner is tried
/// first, and a clock that jumped costs nothing.
const GRACE: u64 = LATE_AFTER;
/// A tick that comes later than this after the one before, milliseconds, shows that this desk slept or its clock jumped.
const GAP: u64 = 2 * LATE_AFTER;

/// Does everything that is due by time, a bounded part of it at once. Replies when it has to be called next; whoever
/// drives the engine calls it then, and at least once an hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tick;

impl Command for Tick {
    type Reply = Option<Timestamp>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Timestamp>, Refusal> {
        let awake = awake_since(step);
        let mut due = Due { next: None, left: AT_ONCE, gives_up: awake.plus(GRACE) };
        for (no, link) in step.rows().list(LINKS, &(), usize::MAX)? {
            one_link(step, no, &link, &mut due);
        }
        part(step, &mut due, "clocks", |step, due| {
            super::due::due(step)?.into_iter().for_each(|moment| due.at(moment));
            Ok(())
        });
        Ok(due.next)
    }
}

/// Since when this desk has been awake without a gap in its time.
fn awake_since(step: &mut Step<'_>) -> Timestamp {
    let now = step.now;
    let (since, last) = step.memory.ticked.unwrap_or((now, now));
    let jumped = now < last || now.since(last) > GAP;
    let since = if jumped { now } else { since };
    step.memory.ticked = Some((since, now));
    since
}

/// What is due next, and what this tick may still do.
struct Due {
    next: Option<Timestamp>,
    left: usize,
    /// Nothing is given up before this moment.
    gives_up: Timestamp,
}

impl Due {
    fn at(&mut self, moment: Timestamp) {
        self.next = Some(self.next.map_or(moment, |next| next.min(moment)));
    }
}

/// Does one part of what is due. If it fails, it alone is taken back and tried again later: no link and no kind of work
/// keeps the others from being done.
fn part(
    step: &mut Step<'_>,
    due: &mut Due,
    what: &str,
    work: impl FnOnce(&mut Step<'_>, &mut Due) -> Result<(), Refusal>,
) {
    if let Err(refusal) = step.attempt(|step| work(step, due)) {
        tracing::error!(what, %refusal, "a part of what is due by time cannot be done");
        due.at(step.now.plus(PAUSE));
    }
}

fn one_link(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) {
    match link.state {
        LinkState::WaitingApproval | LinkState::WaitingPartner => {
            part(step, due, "approval", |step, due| unapproved(step, no, link, due));
        }
        LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) => {
            part(step, due, "what loses its effect", |step, due| {
                if aside::go_on(step, no)? {
                    // The rest of it without waiting for the partner to come again.
                    due.at(step.now);
                }
                Ok(())
            });
            part(step, due, "late items", |step, due| late(step, no, link, due));
            part(step, due, "dead letters", |step, due| dead(step, no, link, due));
            by_itself(step, no, link, due);
        }
        LinkState::Closed => part(step, due, "the end of a link", |step, due| {
            if aside::go_on(step, no)? {
                due.at(step.now);
                return Ok(());
            }
            // What waits leaves the folds first, so that they end as they stand without it.
            leftovers(step, no, due, false)?;
            if due.left == 0 || !closing::bring_end(step, no, link)? {
                due.at(step.now);
                return Ok(());
            }
            leftovers(step, no, due, true)
        }),
    }
}

/// What the terms, the operator's word and the rules of a link let happen without a person.
fn by_itself(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) {
    part(step, due, "rules", |step, due| {
        if !rule::run_due(step, no)? {
            due.at(step.now);
        }
        Ok(())
    });
    part(step, due, "confirmations", |step, due| {
        rule::confirm_due(step, no, link)?.into_iter().for_each(|next| due.at(next));
        Ok(())
    });
    part(step, due, "calendar", |step, due| {
        renew::due(step, no, link)?.into_iter().for_each(|next| due.at(next));
        Ok(())
    });
    part(step, due, "suspension", |step, due| {
        closing::due(step, no, link)?.into_iter().for_each(|next| due.at(next));
        Ok(())
    });
}

/// Ends a link that waits for approval in vain.
fn unapproved(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) -> Result<(), Refusal> {
    let end = link.created.plus(APPROVAL).max(due.gives_up);
    if step.now < end {
        due.at(end);
        return Ok(());
    }
    tracing::warn!(link = %no, "nobody has approved the link for 30 days: it is closed");
    step.record(&Record::LinkClosed { no, at: step.now }, None)?;
    note(
        step,
        no,
        "not-approved",
        "Nobody has approved this link for 30 days, so it was closed. Link again if it is wanted.",
        Vec::new(),
    )?;
    step.wake(no);
    step.after(Effect::Links);
    Ok(())
}

/// Tells the operator once that nothing gets through. The tickets show it by themselves.
fn late(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) -> Result<(), Refusal> {
    let stream = find::stream(step, no)?;
    if stream.late.is_some() {
        return Ok(());
    }
    let Some((order, since)) = oldest(step, no, &stream)? else { return Ok(()) };
    let moment = since.plus(LATE_AFTER);
    if step.now < moment {
        due.at(moment);
        return Ok(());
    }
    let (waiting, unacknowledged) = (stream.waiting, stream.out_length.saturating_sub(stream.acked));
    let trouble = link.trouble.as_ref().map_or("none", |trouble| trouble.last.code.as_str());
    tracing::warn!(link = %no, waiting, unacknowledged, trouble, "nothing has been delivered to the partner for an hour");
    step.record(&Record::LateNoticed { no, order, since, at: step.now }, None).map(drop)
}

/// The oldest item that a receipt can still cover and none does, and that is not parked: its place, and when it was
/// accepted. What was disowned or set aside is never sent again, so nothing waits for it.
fn oldest(step: &Step<'_>, no: LinkNo, stream: &StreamRow) -> Result<Option<(Order, Timestamp)>, Refusal> {
    if stream.is_unacknowledged() {
        let sent = step.rows().get(SENT, &(no, stream.sendable(stream.acked)))?;
        let sent = sent.ok_or_else(|| find::broken("a sent message without a row"))?;
        let Record::ItemMade(made) = step.read(sent.item)? else {
            return Err(find::broken("a sent item that is another record"));
        };
        return Ok(Some((sent.order, made.at)));
    }
    if stream.waiting == 0 {
        return Ok(None);
    }
    let first = step.rows().list(WAITING, &no, 1)?;
    Ok(first.into_iter().next().map(|((_, order), row)| (order, row.at)))
}

/// What is worth saying whenever the partner can be reached again: the end of a link; that a text has to go, or is gone.
fn is_owed_for_ever(kind: Kind) -> bool {
    matches!(kind, Kind::LinkClose | Kind::Erase | Kind::EraseDone)
}

/// Gives up, for now, what has waited for 30 days.
fn dead(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) -> Result<(), Refusal> {
    if find::stream(step, no)?.waiting == 0 {
        return Ok(());
    }
    let waiting = step.rows().list(WAITING, &no, due.left + 1)?;
    let mut given_up = Vec::new();
    for ((_, order), row) in waiting {
        if Kind::from_name(row.kind.as_str()).is_some_and(is_owed_for_ever) {
            continue;
        }
        let moment = row.at.plus(DEAD_AFTER).max(due.gives_up);
        if step.now < moment || due.left == 0 {
            due.at(moment.max(step.now));
            break;
        }
        let root = queue::root(step, &row)?;
        queue::park(step, (no, order), &queue::dead_letter(row.at, step.now), (true, root), None)?;
        due.left -= 1;
        given_up.push(row);
    }
    if given_up.is_empty() {
        return Ok(());
    }
    let count = given_up.len();
    tracing::warn!(link = %no, count, "items were not delivered for 30 days and are no longer tried");
    let words = format!(
        "{count} items could not be delivered for 30 days and are no longer tried. Their tickets say so; send them again with \
         `deskwire queue retry --link {} --parked`, or drop them.",
        link.name
    );
    note(step, no, "dead-letters", &words, named(&given_up))
}

/// What cannot leave any more because the link has ended: its authors are told.
fn leftovers(step: &mut Step<'_>, no: LinkNo, due: &mut Due, end_too: bool) -> Result<(), Refusal> {
    let stream = find::stream(step, no)?;
    if stream.waiting == 0 && stream.parked == 0 {
        return Ok(());
    }
    let why = refused(
        "link-closed",
        "The link ended before this was sent. Link again and say it anew if it still matters.",
    );
    let end = Kind::LinkClose.name();
    let goes = |(_, row): &((LinkNo, Order), WaitingRow)| end_too || row.kind.as_str() != end;
    let rows = step.rows();
    let mut orders: Vec<Order> =
        rows.list(WAITING, &no, due.left)?.into_iter().filter(goes).map(|((_, order), _)| order).collect();
    let parked = rows.list(PARKED, &no, due.left)?.into_iter();
    orders.extend(parked.map(|(key, row)| (key, row.item)).filter(goes).map(|((_, order), _)| order));
    orders.truncate(due.left);
    due.left -= orders.len();
    for order in orders {
        queue::drop_item(step, (no, order), why.clone(), None)?;
    }
    if due.left == 0 {
        due.at(step.now);
    }
    Ok(())
}

/// Lines that name items, as many as an event of a link takes.
fn named(items: &[WaitingRow]) -> Vec<Line> {
    const LINES: usize = 12;
    let line = |row: &WaitingRow| Line::new(format!("{} {}", row.kind, row.item)).ok();
    items.iter().filter_map(line).take(LINES).collect()
}

fn note(step: &mut Step<'_>, no: LinkNo, code: &str, words: &str, details: Vec<Line>) -> Result<(), Refusal> {
    let event = LinkEventRow {
        at: step.now,
        code: Code::new(code).expect("a code"),
        words: cut_words(words),
        details,
    };
    step.record(&Record::Noted { no, event }, None).map(drop)
}
