//! Setting much aside, a bounded part of it at a time: no link makes the others wait. What is under way is stored with
//! the streams of the link, so that a restart goes on where it stopped; until it is over nothing is said on the link.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::delegation::Gap;
use deskwire_proto::session::Cut;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, LinkNo, Order};
use deskwire_store::record::{MendRecord, Record};
use deskwire_store::row::{Leaving, LeavingBranch, LeavingOwn, LinkRow, LinkState, StreamRow};
use deskwire_store::table::{DELEGATION_EVENTS, RECEIPTS, Rows};

use super::super::queue::drop_item;
use super::super::repair::left_words;
use super::super::{change, find, session};
use super::{Away, Left, disown, message, numbered, received, sent, set_aside, taken};
use crate::port::Effect;
use crate::{Refusal, Step, refused};

/// Messages that lose their effect in one step, and events that are folded anew for them.
const AT_ONCE: u64 = 1_000;
const EVENTS: usize = 8_192;

/// How far a step has come.
enum Stage {
    /// So many messages were looked at, and there is more.
    More(u64),
    /// All of it is done.
    Done,
}

/// Begins to leave something on a link, and does the first part of it. `true` while there is more.
pub(in crate::command) fn begin(step: &mut Step<'_>, no: LinkNo, leaving: Leaving) -> Result<bool, Refusal> {
    step.memory.sessions.remove(&no);
    keep(step, no, Some(leaving))?;
    go_on(step, no)
}

/// A desk from before its change of key may have used the numbers again of what the partner did not hold then, under the
/// newer key: what has them here waits again, and whichever of it the partner holds comes back and strikes it. `true` if
/// there is any.
pub(in crate::command) fn wait_again(
    step: &mut Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
) -> Result<bool, Refusal> {
    // What the partner has told of our stream, in receipts or by what its own messages had seen.
    let (stays, most) = (change::surely_ours(stream), stream.out_length);
    if most <= stays {
        return Ok(false);
    }
    let first = stays + 1;
    let own = LeavingOwn { first, next: first, shared: stays, stays, most, dropped: 0 };
    begin(step, no, Leaving::Disowned(own))?;
    Ok(true)
}

/// Goes on with what is to lose its effect on a link, a bounded part of it. `true` while there is more.
pub(in crate::command) fn go_on(step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    let mut left = AT_ONCE;
    loop {
        let (link, stream) = (find::link(step, no)?, find::stream(step, no)?);
        if stream.disowning.is_some() {
            if disown_more(step, no, link.partner_name.as_str())? || stream.leaving.is_some() {
                step.after(Effect::Due);
                return Ok(true);
            }
            return Ok(false);
        }
        let stage = match stream.leaving.clone() {
            None => return Ok(false),
            Some(Leaving::Disowned(own)) => disowned(step, (no, &link, &stream), own)?,
            Some(Leaving::Branch(branch)) => leave(step, (no, &link, &stream), branch)?,
            Some(Leaving::Receipts { upto }) => void(step, (no, &link, &stream), upto)?,
            Some(Leaving::Voided { upto, next }) => fold_voided(step, (no, &stream), (upto, next))?,
        };
        match stage {
            Stage::Done => {
                step.wake(no);
                return Ok(false);
            }
            Stage::More(looked) => left = left.saturating_sub(looked.max(1)),
        }
        if left == 0 {
            step.after(Effect::Due);
            return Ok(true);
        }
    }
}

fn keep(step: &mut Step<'_>, no: LinkNo, leaving: Option<Leaving>) -> Result<(), Refusal> {
    step.record(&Record::Mend(MendRecord::Leaving { no, leaving }), None).map(drop)
}

/// Takes the effect from more of the messages that the partner has disowned, a bounded part of them. `true` while there
/// are more, and nothing new of the partner may be taken.
pub(in crate::command) fn disown_more(
    step: &mut Step<'_>,
    no: LinkNo,
    partner: &str,
) -> Result<bool, Refusal> {
    let Some((first, last)) = find::stream(step, no)?.disowning else { return Ok(false) };
    let part = part(step, no, false, first..=last)?;
    let end = first + part.count - 1;
    disown(step, no, (first, end), partner)?;
    Ok(end < last)
}

/// What one step takes of some messages.
struct Part {
    /// How many of them.
    count: u64,
    /// The delegations whose folds they belong to.
    delegations: BTreeSet<DelegationNo>,
    /// How much of a step that is.
    cost: u64,
}

/// The first of these messages of one stream, as many as one step takes.
fn part(
    step: &Step<'_>,
    no: LinkNo,
    ours: bool,
    messages: impl Iterator<Item = u64>,
) -> Result<Part, Refusal> {
    let (mut delegations, mut events, mut count) = (BTreeSet::new(), 0, 0);
    for seq in messages {
        if count == AT_ONCE {
            break;
        }
        let delegation = if ours { sent(step, no, seq)?.event } else { event_of(step, no, seq)? };
        if let Some(delegation) = delegation.filter(|delegation| !delegations.contains(delegation)) {
            events += count_events(step, delegation)?;
            if events > EVENTS && count > 0 {
                return Ok(Part { count, delegations, cost: AT_ONCE });
            }
            delegations.insert(delegation);
        }
        count += 1;
    }
    let cost = if events > EVENTS { AT_ONCE } else { count };
    Ok(Part { count, delegations, cost })
}

/// The delegation to whose fold a message of the partner belongs.
fn event_of(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<Option<DelegationNo>, Refusal> {
    let row = received(step, no, seq)?;
    if row.refused.is_some() || row.aside.is_some() {
        return Ok(None);
    }
    let message = message(step, row.entry)?;
    Ok(message.local.delegation.filter(|_| message.event.is_some()))
}

fn count_events(step: &Step<'_>, delegation: DelegationNo) -> Result<usize, Refusal> {
    let mut count = 0;
    step.rows().scan(DELEGATION_EVENTS, &delegation, None, Direction::Forward, &mut |_, _| {
        count += 1;
        Ok(if count > EVENTS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(count)
}

type Place<'a> = (LinkNo, &'a LinkRow, &'a StreamRow);

/// Our own messages after a theft.
fn disowned(
    step: &mut Step<'_>,
    (no, link, stream): Place<'_>,
    mut own: LeavingOwn,
) -> Result<Stage, Refusal> {
    let why = change::disowned_here();
    let cost = if stream.out_length > own.stays {
        let part = part(step, no, true, (own.stays + 1..=stream.out_length).rev())?;
        let last = stream.out_length - part.count;
        let end = Cut(last, session::sent_hash(step, no, link, last)?);
        let doubtful = orders_above(step, no, own.most.max(last), stream.out_length)?;
        let (range, given_up) = ((1, 0), Some(last + 1));
        let away = Away { no, ours: true, range, given_up, end: Some(end), why: why.clone(), left: None };
        let again = set_aside(step, away)?;
        for order in again.into_iter().filter(|order| doubtful.contains(order)) {
            own.dropped += 1;
            drop_item(step, (no, order), why.clone(), None)?;
        }
        part.cost
    } else if own.next <= own.shared {
        let part = part(step, no, true, own.next..=own.shared)?;
        let range = (own.next, own.next + part.count - 1);
        own.next += part.count;
        set_aside(step, Away { no, ours: true, range, given_up: None, end: None, why, left: None })?;
        part.cost
    } else {
        keep(step, no, None)?;
        change::told_of(step, no, link, (own.first, own.shared), own.dropped)?;
        return Ok(Stage::Done);
    };
    keep(step, no, Some(Leaving::Disowned(own)))?;
    Ok(Stage::More(cost))
}

/// The places among the items of our messages behind this number.
fn orders_above(step: &Step<'_>, no: LinkNo, most: u64, length: u64) -> Result<Vec<Order>, Refusal> {
    (most + 1..=length).map(|seq| Ok(sent(step, no, seq)?.order)).collect()
}

/// Receipts of a thief, the last ones before the others.
fn void(step: &mut Step<'_>, (no, link, stream): Place<'_>, upto: u64) -> Result<Stage, Refusal> {
    if stream.acked <= upto {
        keep(step, no, None)?;
        change::told_void(step, no, link)?;
        return Ok(Stage::Done);
    }
    let part = part(step, no, true, (upto + 1..=stream.acked).rev())?;
    let low = stream.acked - part.count;
    // What is left ends with a whole receipt: what no receipt covers any more is sent again, and answered anew.
    let above =
        receipt_from(step, no, low, Direction::Forward)?.filter(|above| low > upto && *above < stream.acked);
    let edge = match above {
        Some(above) => above,
        None => receipt_from(step, no, low + 1, Direction::Backward)?.unwrap_or(0),
    };
    // One receipt may cover more than one step takes.
    let next = stream.acked;
    step.record(&Record::ReceiptsVoid { no, upto: edge, at: step.now, kept: true }, None)?;
    keep(step, no, Some(Leaving::Voided { upto, next }))?;
    Ok(Stage::More(1))
}

/// Delegations of messages whose receipts bind nobody any more are folded anew, those of the last messages first.
fn fold_voided(
    step: &mut Step<'_>,
    (no, stream): (LinkNo, &StreamRow),
    (upto, next): (u64, u64),
) -> Result<Stage, Refusal> {
    let part = part(step, no, true, (stream.acked + 1..=next).rev())?;
    let why =
        refused("receipt-void", "The receipt for it was given by somebody else who had the partner's key.");
    super::refold_all(step, no, why, Left { cursor: stream.in_length, gap: None }, part.delegations)?;
    let next = next - part.count;
    let leaving =
        if next > stream.acked { Leaving::Voided { upto, next } } else { Leaving::Receipts { upto } };
    keep(step, no, Some(leaving))?;
    Ok(Stage::More(part.cost))
}

/// The last message that the first receipt from here on covers; backward, the first one below.
fn receipt_from(step: &Step<'_>, no: LinkNo, seq: u64, direction: Direction) -> Result<Option<u64>, Refusal> {
    let mut found = None;
    step.rows().scan(RECEIPTS, &no, Some(&(no, seq)), direction, &mut |(_, covered), _| {
        found = Some(covered);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// A branch of a fork.
fn leave(
    step: &mut Step<'_>,
    (no, link, stream): Place<'_>,
    mut branch: LeavingBranch,
) -> Result<Stage, Refusal> {
    let length = if branch.ours { stream.out_length } else { stream.in_length };
    if length > branch.cut.0 {
        return leave_last(step, (no, link, stream), &branch, length);
    }
    let other = if branch.ours { stream.in_length } else { stream.out_length };
    let next = branch.looking.unwrap_or(other);
    let (count, concerned, cost) = rested(step, no, &branch, next)?;
    if count > 0 {
        let left = of(&branch, stream, branch.cut.0);
        let why = why_left(link);
        super::refold_all(step, no, why, left, concerned)?;
        branch.looking = Some(next - count);
        keep(step, no, Some(Leaving::Branch(branch)))?;
        return Ok(Stage::More(cost));
    }
    if link.state != LinkState::Closed {
        let (ours, cut, left) = (branch.ours, Some((branch.cut, branch.seen)), branch.end - branch.cut.0);
        let event = left_words(step.now, link, left);
        step.record(&Record::BranchChosen { no, ours, cut, event }, None)?;
        step.memory.sessions.remove(&no);
        step.memory.claims.remove(&no);
        step.after(Effect::Fetch(no));
    }
    keep(step, no, None)?;
    Ok(Stage::Done)
}

/// The last messages of a branch lose their effect, and the stream ends before them.
fn leave_last(
    step: &mut Step<'_>,
    (no, link, stream): Place<'_>,
    branch: &LeavingBranch,
    length: u64,
) -> Result<Stage, Refusal> {
    let ours = branch.ours;
    let part = part(step, no, ours, (branch.cut.0 + 1..=length).rev())?;
    let last = length - part.count;
    let (cut, seen) = if last == branch.cut.0 {
        (branch.cut, branch.seen)
    } else if ours {
        (Cut(last, session::sent_hash(step, no, link, last)?), 0)
    } else {
        let row = received(step, no, last)?;
        (Cut(last, row.hash), message(step, row.entry)?.seen)
    };
    let (range, left) = ((last + 1, length), Some(of(branch, stream, last)));
    set_aside(step, Away { no, ours, range, given_up: None, end: None, why: why_left(link), left })?;
    let delegations = if ours { Vec::new() } else { part.delegations.into_iter().collect() };
    let record = MendRecord::BranchLeft { no, ours, cut, seen, delegations };
    step.record(&Record::Mend(record), None)?;
    Ok(Stage::More(part.cost))
}

/// What stays when a branch is left behind this message.
fn of(branch: &LeavingBranch, stream: &StreamRow, last: u64) -> Left {
    if branch.ours {
        Left { cursor: stream.in_length, gap: Some(Gap { own: branch.cut.0, seen: branch.seen }) }
    } else {
        Left { cursor: last, gap: None }
    }
}

fn why_left(link: &LinkRow) -> deskwire_store::row::Refused {
    let words = format!(
        "This was on the branch of the fork with {} that the operators have left. It is kept, without effect.",
        link.partner_name
    );
    refused("branch-left", &words)
}

/// The delegations whose order the left messages may have settled: those of messages of the other stream that had seen
/// them, or of which receipts told that. From `next` downwards, as many as one step looks at; none at the end.
fn rested(
    step: &Step<'_>,
    no: LinkNo,
    branch: &LeavingBranch,
    next: u64,
) -> Result<(u64, BTreeSet<DelegationNo>, u64), Refusal> {
    let cut = branch.cut.0;
    let known = if branch.ours { branch.seen } else { told_before(step, no, cut)? };
    let mut end = next;
    while end > 0 && next - end < AT_ONCE {
        let seen = if branch.ours {
            message(step, received(step, no, end)?.entry)?.seen
        } else {
            numbered(step, &sent(step, no, end)?)?.1
        };
        if end <= known && seen <= cut {
            break;
        }
        end -= 1;
    }
    if end == next {
        return Ok((0, BTreeSet::new(), 0));
    }
    let part = part(step, no, !branch.ours, (end + 1..=next).rev())?;
    Ok((part.count, part.delegations, part.cost))
}

/// How far receipts of the partner cover our messages that name no more of its stream than stays.
fn told_before(step: &Step<'_>, no: LinkNo, cut: u64) -> Result<u64, Refusal> {
    let mut known = Ok(0);
    step.rows().scan(RECEIPTS, &no, None, Direction::Backward, &mut |(_, upto), at| {
        known = match taken(step, at) {
            Ok(receipt) if receipt.length > cut => return Ok(ControlFlow::Continue(())),
            Ok(_) => Ok(upto),
            Err(refusal) => Err(refusal),
        };
        Ok(ControlFlow::Break(()))
    })?;
    known
}
