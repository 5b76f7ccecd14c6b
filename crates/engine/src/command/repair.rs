//! The way out of a fork: the operators of both desks choose the branch on which the stream goes on. proto-spec,
//! section 5.10.

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::Hash;
use deskwire_proto::session::Cut;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkRow, LinkState, Pause, StreamRow};
use deskwire_store::table::{RECEIVED, Rows};

use super::aside::{self, Away, set_aside};
use super::{find, session};
use crate::port::Effect;
use crate::{Command, Fault, Refusal, Step, refused};

/// Which branch of a fork a stream goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// What this desk holds.
    Ours,
    /// What the partner holds.
    Theirs,
}

/// An operator chooses a branch; the operator of the partner has to choose the same one. What is left is kept, without
/// effect.
#[derive(Debug, Clone, Copy)]
pub struct Repair {
    /// The link.
    pub link: LinkNo,
    /// The branch.
    pub branch: Branch,
}

impl Command for Repair {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let no = self.link;
        let link = find::link(step, no)?;
        let stream = find::stream(step, no)?;
        let Some(fork) = fork_of(&link.state) else { return Err(nothing_to_repair(&link)) };
        let cut = match (self.branch, fork) {
            (Branch::Ours, _) | (_, Fork::Beyond) => None,
            (Branch::Theirs, Fork::Own) => Some(own_cut(step, no, &link, &stream)?),
            (Branch::Theirs, Fork::Partners) => Some(partners_cut(step, no, &link, &stream)?),
        };
        let ours = fork == Fork::Own;
        while aside::disown_more(step, no, link.partner_name.as_str())? {}
        let left = match cut {
            Some((cut, _)) => leave(step, no, &link, ours, &stream, cut)?,
            None => 0,
        };
        let words = words(&link, self.branch, fork, left);
        let event = find::event(step.now, "branch-chosen", &words, Vec::new());
        step.record(&Record::BranchChosen { no, ours, cut, event }, None)?;
        step.memory.sessions.remove(&no);
        step.memory.complete.remove(&no);
        step.wake(no);
        step.after(Effect::Fetch(no));
        Ok(())
    }
}

/// Whose stream stands in two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fork {
    /// Our own.
    Own,
    /// The partner's.
    Partners,
    /// None: what was seen of the partner's stream is gone there.
    Beyond,
}

/// What a repair would settle.
pub(crate) fn fork_of(state: &LinkState) -> Option<Fork> {
    match state {
        LinkState::Paused(Pause::Fork(_)) => Some(Fork::Partners),
        LinkState::Paused(Pause::OwnFork(_)) => Some(Fork::Own),
        LinkState::Paused(Pause::Told(why)) if matches!(why.code.as_str(), "fork" | "bad-prev") => {
            Some(Fork::Own)
        }
        LinkState::Paused(Pause::Beyond(_)) => Some(Fork::Beyond),
        LinkState::Paused(Pause::Told(_) | Pause::Recovery | Pause::Clone | Pause::BadPage(_)) => None,
        LinkState::Active
        | LinkState::Quarantined(_)
        | LinkState::WaitingApproval
        | LinkState::WaitingPartner
        | LinkState::Closed => None,
    }
}

pub(crate) fn nothing_to_repair(link: &LinkRow) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "nothing-to-repair",
        format!("On the link {} no stream stands in two versions; there is nothing to choose.", link.name),
        format!("See how it stands with `deskwire link show {}`.", link.name),
    )
}

/// Where our own stream is certainly the partner's as well: as far as its receipts go.
fn own_cut(step: &Step<'_>, no: LinkNo, link: &LinkRow, stream: &StreamRow) -> Result<(Cut, u64), Refusal> {
    Ok((Cut(stream.acked, session::sent_hash(step, no, link, stream.acked)?), 0))
}

/// The last message of the partner before the first different one, with its `seen`: the evidence names it, or else
/// it is the last one for which the partner has shown our receipt.
fn partners_cut(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    stream: &StreamRow,
) -> Result<(Cut, u64), Refusal> {
    let known = match &link.state {
        LinkState::Paused(Pause::Fork(at)) => match step.read(*at)? {
            Record::Forked { held, other, .. } if !held.is_empty() => read_head(&other).ok(),
            _ => None,
        },
        _ => None,
    };
    let before = known.map(|head| (head.seq.saturating_sub(1), head.prev));
    let place = match before {
        Some((place, prev)) if place <= stream.in_length && theirs(step, no, link, place)?.0 == prev => place,
        Some(_) | None => stream.agreed.min(stream.in_length),
    };
    let (hash, seen) = theirs(step, no, link, place)?;
    Ok((Cut(place, hash), seen))
}

/// Hash and `seen` of the partner's message with this number.
fn theirs(step: &Step<'_>, no: LinkNo, link: &LinkRow, seq: u64) -> Result<(Hash, u64), Refusal> {
    if seq == 0 {
        return Ok((link.link.into(), 0));
    }
    let row = step.rows().get(RECEIVED, &(no, seq))?;
    let row = row.ok_or_else(|| find::broken("a received message without a row"))?;
    match step.read(row.entry)? {
        Record::Received(message) => Ok((row.hash, message.seen)),
        _ => Err(find::broken("a received message that is another record")),
    }
}

/// Sets aside what lies behind the cut, and opens again what was settled by it; how many messages that are.
fn leave(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    ours: bool,
    stream: &StreamRow,
    cut: Cut,
) -> Result<u64, Refusal> {
    let end = if ours { stream.out_length } else { stream.in_length };
    let left = if ours { aside::cut_ours(step, no, cut.0)? } else { aside::cut_theirs(step, no, cut.0)? };
    let words = format!(
        "This was on the branch of the fork with {} that the operators have left. It is kept, without effect.",
        link.partner_name
    );
    let why = refused("branch-left", &words);
    let range = (cut.0 + 1, end);
    set_aside(step, Away { no, ours, range, given_up: None, end: None, why, left: Some(left) })?;
    Ok(end.saturating_sub(cut.0))
}

fn words(link: &LinkRow, branch: Branch, fork: Fork, left: u64) -> String {
    let partner = &link.partner_name;
    let chosen = match (fork, branch) {
        (Fork::Beyond, _) => {
            return format!(
                "The link goes on with what there is; what {partner} has lost is gone on both sides."
            );
        }
        (Fork::Own | Fork::Partners, Branch::Ours) => "what this desk holds".to_owned(),
        (Fork::Own | Fork::Partners, Branch::Theirs) => format!("what {partner} holds"),
    };
    let aside = match left {
        0 => String::new(),
        left => format!(" {left} messages of the other branch are kept here, without effect."),
    };
    format!(
        "The operator chose to go on with {chosen}.{aside} The operator of {partner} has to choose the same."
    )
}
