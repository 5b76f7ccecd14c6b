//! The way out of a fork: the operators of both desks choose the branch on which the stream goes on. proto-spec,
//! section 5.10.

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::Hash;
use deskwire_proto::session::Cut;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{Leaving, LeavingBranch, LinkEventRow, LinkRow, LinkState, Pause, StreamRow};
use deskwire_store::table::{RECEIVED, Rows};

use super::{aside, find, session};
use crate::port::Effect;
use crate::{Command, Fault, Refusal, Step};

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
        match (&stream.leaving, self.branch) {
            // It is being done.
            (Some(Leaving::Branch(_)), Branch::Theirs) => return Ok(()),
            (Some(_), _) => return Err(under_way(&link)),
            (None, _) => {}
        }
        let Some(fork) = fork_of(&link.state) else { return Err(nothing_to_repair(&link)) };
        let cut = match (self.branch, fork) {
            (Branch::Ours, _) | (_, Fork::Beyond) => None,
            (Branch::Theirs, Fork::Own) => Some(own_cut(step, no, &link, &stream)?),
            (Branch::Theirs, Fork::Partners) => Some(partners_cut(step, no, &link, &stream)?),
        };
        let ours = fork == Fork::Own;
        if let Some((cut, seen)) = cut {
            let end = if ours { stream.out_length } else { stream.in_length };
            let branch = LeavingBranch { ours, cut, seen, end, looking: None };
            return aside::begin(step, no, Leaving::Branch(branch)).map(drop);
        }
        let words = words(&link, self.branch, fork, 0);
        let event = find::event(step.now, "branch-chosen", &words, Vec::new());
        step.record(&Record::BranchChosen { no, ours, cut: None, event }, None)?;
        step.memory.sessions.remove(&no);
        step.memory.claims.remove(&no);
        step.wake(no);
        step.after(Effect::Fetch(no));
        Ok(())
    }
}

/// What the operator is told once a branch of so many messages is left.
pub(super) fn left_words(now: Timestamp, link: &LinkRow, left: u64) -> LinkEventRow {
    let fork = fork_of(&link.state).unwrap_or(Fork::Partners);
    find::event(now, "branch-chosen", &words(link, Branch::Theirs, fork, left), Vec::new())
}

fn under_way(link: &LinkRow) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "repair-under-way",
        format!("Messages of the link {} are losing their effect just now.", link.name),
        format!("Wait until `deskwire link show {}` tells the end of it.", link.name),
    )
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

/// Where our own stream is certainly the partner's as well: as far as its receipts go. With the `seen` of that message.
fn own_cut(step: &Step<'_>, no: LinkNo, link: &LinkRow, stream: &StreamRow) -> Result<(Cut, u64), Refusal> {
    let (cut, hash) = (stream.acked, session::sent_hash(step, no, link, stream.acked)?);
    let seen = if cut == 0 { 0 } else { aside::seen_by_ours(step, no, cut)? };
    Ok((Cut(cut, hash), seen))
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
