//! The delegations of a proof file, folded from the facts of their messages alone.

use std::collections::BTreeMap;

use deskwire_proto::envelope::Head;
use deskwire_proto::id::{DelegationId, DeskId};
use deskwire_proto::message::{Facts, Kind};

use super::report::CaseReport;
use super::stream::{Told, Walk};
use crate::delegation::{Event, Memory, Place, Role};
use crate::saying::said_in_facts;

/// One event with its place.
#[derive(Debug, Clone, Copy)]
struct Placed {
    author: DeskId,
    seq: u64,
    seen: u64,
    event: Event,
}

/// The events of every delegation in the file.
#[derive(Debug, Default)]
pub(super) struct Cases {
    events: BTreeMap<DelegationId, Vec<Placed>>,
    /// The ends of the link, which are events in every delegation.
    closes: Vec<Placed>,
}

impl Cases {
    /// Takes what a message says to a fold, if it says anything.
    pub(super) fn add(&mut self, head: &Head) {
        let kind = Kind::from_name(head.kind.as_str());
        let facts = kind.and_then(|kind| Facts::decode(kind, &head.facts).ok());
        let Some(said) = facts.as_ref().and_then(said_in_facts) else { return };
        let placed = Placed { author: head.from, seq: head.seq, seen: head.seen, event: said.event };
        match head.delegation {
            Some(id) => self.events.entry(id).or_default().push(placed),
            None => self.closes.push(placed),
        }
    }

    /// Where they stand: all, or one.
    pub(super) fn fold(self, only: Option<DelegationId>, walks: &[Walk]) -> Vec<CaseReport> {
        let Self { events, closes } = self;
        let wanted = events.into_iter().filter(|(id, _)| only.is_none_or(|only| only == *id));
        wanted.filter_map(|(id, events)| fold(id, events, &closes, walks)).collect()
    }
}

fn fold(id: DelegationId, mut events: Vec<Placed>, closes: &[Placed], walks: &[Walk]) -> Option<CaseReport> {
    let told = |placed: &Placed| {
        walks
            .iter()
            .find(|walk| walk.author() == placed.author)
            .map_or(Told::Nothing, |walk| walk.told(placed.seq))
    };
    let applied = |placed: &Placed| told(placed) != Told::Refused;
    let offer =
        events.iter().find(|placed| matches!(placed.event, Event::Offer { .. }) && applied(placed))?;
    let principal = offer.author;
    events.extend_from_slice(closes);
    let provisional = events.iter().any(|placed| told(placed) == Told::Nothing);
    let mut memory = Memory::default();
    let mut without_effect = 0;
    let ordered = in_order(&events, principal);
    for placed in &ordered {
        let role = if placed.author == principal { Role::Principal } else { Role::Contractor };
        let effective = applied(placed)
            && memory.apply(role, Place::Numbered(placed.seq), placed.seen, &placed.event).is_effective();
        without_effect += u64::from(!effective);
    }
    let events = ordered.len() as u64;
    Some(CaseReport { id, principal, state: memory.state, provisional, events, without_effect })
}

/// The order of section 7.4: an event of the principal stands directly before the first of the contractor that has seen it.
fn in_order(events: &[Placed], principal: DeskId) -> Vec<Placed> {
    let of = |theirs: bool| {
        let mut list: Vec<Placed> =
            events.iter().filter(|placed| (placed.author == principal) != theirs).copied().collect();
        list.sort_by_key(|placed| placed.seq);
        list.into_iter().peekable()
    };
    let (mut principals, contractors) = (of(false), of(true));
    let mut ordered = Vec::with_capacity(events.len());
    for contractors in contractors {
        while let Some(earlier) = principals.next_if(|placed| placed.seq <= contractors.seen) {
            ordered.push(earlier);
        }
        ordered.push(contractors);
    }
    ordered.extend(principals);
    ordered
}
