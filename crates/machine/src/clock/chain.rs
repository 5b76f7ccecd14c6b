//! What a desk in the middle of a chain had in hand itself: durations that add up to the wall time of the case
//! (proto-spec, sections 6.36 and 8.6).

use deskwire_proto::time::Timestamp;

use super::split::{Clock, Hand};
use crate::delegation::Role;

/// A desk's own part of the wall time since it accepted, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Share {
    /// In its own hands.
    pub held: u64,
    /// In the hands of the desk above, and of nobody below.
    pub waited: u64,
    /// In the hands of somebody below.
    pub below: u64,
}

/// Divides the time of the delegation `above`, of which this desk is the contractor: what somebody below has in hand is
/// theirs, whatever the state above; the rest is held or waited. The three add up to the wall time since the acceptance.
/// `below` are the delegations that this desk handed on for it.
pub fn share<'a, 'b: 'a>(above: &Clock<'_>, below: impl IntoIterator<Item = &'a Clock<'b>>) -> Share {
    let away = union(below.into_iter().flat_map(in_hand));
    let mut share = Share::default();
    for stretch in above.stretches.iter().filter(|stretch| stretch.hand.is_accepted()) {
        let whole = stretch.to.since(stretch.from);
        let gone = overlap(&away, stretch.from, stretch.to);
        share.below += gone;
        match stretch.hand.of() {
            Some(Role::Contractor) => share.held += whole - gone,
            Some(Role::Principal) => share.waited += whole - gone,
            None => {}
        }
    }
    share
}

/// When the contractor of a delegation had it in hand, since it accepted.
fn in_hand(clock: &Clock<'_>) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let held = clock.stretches.iter().filter(|stretch| match stretch.hand {
        Hand::Working | Hand::Third | Hand::Disputed => true,
        Hand::Offered | Hand::Waiting | Hand::Resolved | Hand::Closed => false,
    });
    held.map(|stretch| (stretch.from, stretch.to))
}

/// Ascending, without overlaps.
fn union(times: impl Iterator<Item = (Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    let mut times: Vec<_> = times.filter(|(from, to)| from < to).collect();
    times.sort_unstable();
    let mut union: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(times.len());
    for (from, to) in times {
        match union.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => union.push((from, to)),
        }
    }
    union
}

fn overlap(times: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> u64 {
    let first = times.partition_point(|(_, end)| *end <= from);
    let inside = times[first..].iter().take_while(|(start, _)| *start < to);
    inside.map(|(start, end)| (*end).min(to).since((*start).max(from))).sum()
}
