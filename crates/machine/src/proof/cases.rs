//! The delegations of a proof file, folded from the facts of their messages alone.

use std::collections::BTreeMap;

use deskwire_proto::envelope::Head;
use deskwire_proto::id::{DelegationId, DeskId};
use deskwire_proto::message::{Facts, Kind};

use super::report::CaseReport;
use super::stream::{Told, Walk};
use crate::clock::order;
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
    let left_out = walks.iter().map(Walk::left_out).sum();
    let provisional = left_out > 0 || events.iter().any(|placed| told(placed) == Told::Nothing);
    let mut memory = Memory::default();
    let mut without_effect = 0;
    let role = |placed: &Placed| if placed.author == principal { Role::Principal } else { Role::Contractor };
    let key =
        |placed: &Placed| (role(placed), Place::Numbered(placed.seq), applied(placed).then_some(placed.seen));
    let ordered = order(events.iter().copied(), key);
    for placed in &ordered {
        let role = role(placed);
        let effective = applied(placed)
            && memory.apply(role, Place::Numbered(placed.seq), placed.seen, &placed.event).is_effective();
        without_effect += u64::from(!effective);
    }
    let events = ordered.len() as u64;
    Some(CaseReport { id, principal, state: memory.state, provisional, left_out, events, without_effect })
}
