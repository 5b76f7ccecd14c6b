//! What the two desks of a link have to agree on.

use deskwire_api_types::{DelegationState, Direction, LogOutcome, LogPage};

use super::{Checks, Flow, Holding, Player};

/// The principal and the contractor of one delegation; what is given in twos has the principal's first.
pub(super) struct Pair<'a> {
    players: [&'a Player; 2],
    held: [&'a Holding; 2],
    id: &'a str,
    links: [&'a str; 2],
}

impl<'a> Pair<'a> {
    pub(super) fn new(
        players: [&'a Player; 2],
        held: [&'a Holding; 2],
        id: &'a str,
        links: [&'a str; 2],
    ) -> Self {
        Self { players, held, id, links }
    }

    /// Everything that has to be the same on both sides.
    pub(super) fn check(&self, solution: &str, checks: &mut Checks) {
        let both = self.name();
        let sides = self.held.map(|held| held.delegation(self.id));
        let [Some(principal), Some(contractor)] = sides else {
            checks.holds(&both, "both know the delegation", false, || "one of them does not".into());
            return;
        };
        let ended = (DelegationState::Confirmed, DelegationState::Confirmed, false);
        let states = sides.map(|side| side.map(|side| (side.state, side.settled_state, side.provisional)));
        checks.equal(&both, "confirmed and settled on both sides", &[Some(ended); 2], &states);
        let side = |side: &deskwire_api_types::OwnSide| {
            (Some(side.ticket.clone()), side.status.clone(), side.label.clone())
        };
        let seen = |side: &deskwire_api_types::PartnerSide| {
            (side.ticket.clone(), side.status.clone(), side.label.clone())
        };
        let what = format!(
            "both show both numbers, {} and {}, and both statuses",
            principal.own.ticket, contractor.own.ticket
        );
        let own = [side(&principal.own), side(&contractor.own)];
        checks.equal(&both, what, &own, &[seen(&contractor.partner), seen(&principal.partner)]);
        let told = own.iter().all(|(_, status, _)| status.is_some());
        checks.holds(&both, "each told its own status", told, || format!("{own:?}"));
        checks.equal(&both, "both have the same offer", &principal.offer, &contractor.offer);
        let solved = principal.timeline.iter().any(|event| event.reason.as_deref() == Some(solution));
        checks.holds(&both, "the solution is there to read for the principal", solved, || {
            format!("{:?}", principal.timeline)
        });
        self.streams(checks);
    }

    /// For a delegation that was declined: both sides say so, and why.
    pub(super) fn check_declined(&self, checks: &mut Checks) {
        let both = self.name();
        let ended = Some((DelegationState::Declined, DelegationState::Declined, false));
        let sides = self.held.map(|held| {
            let side = held.delegation(self.id)?;
            Some((side.state, side.settled_state, side.provisional))
        });
        checks.equal(
            &both,
            "the work that would go round in a circle is declined on both sides",
            &[ended; 2],
            &sides,
        );
        self.streams(checks);
    }

    /// What went over the link, in both directions.
    pub(super) fn flows(&self) -> Vec<Flow> {
        let [principal, contractor] = self.players.map(|player| player.short.to_owned());
        let down = self.held[0].stream(self.links[0], Direction::Out);
        let up = self.held[1].stream(self.links[1], Direction::Out);
        vec![
            Flow { from: principal.clone(), to: contractor.clone(), kinds: kinds(down) },
            Flow { from: contractor, to: principal, kinds: kinds(up) },
        ]
    }

    fn streams(&self, checks: &mut Checks) {
        let both = self.name();
        for (from, to) in [(0, 1), (1, 0)] {
            let sent = self.held[from].stream(self.links[from], Direction::Out);
            let taken = self.held[to].stream(self.links[to], Direction::In);
            let hashes = |page: Option<&LogPage>| {
                page.map(|page| page.entries.iter().map(|entry| entry.hash.clone()).collect::<Vec<_>>())
            };
            let [from, to] = [from, to].map(|side| self.players[side].short);
            let count = sent.map_or(0, |page| page.entries.len());
            let what =
                format!("the {count} messages that {from} signed are those that {to} has, byte for byte");
            checks.equal(&both, what, &hashes(sent), &hashes(taken));
            let odd: Vec<_> = sent
                .into_iter()
                .flat_map(|page| &page.entries)
                .filter(|entry| entry.outcome != LogOutcome::Applied)
                .map(|entry| (entry.seq, &entry.kind, entry.outcome))
                .collect();
            let what = format!("{to}'s signed receipts are back at {from} and say that each took effect");
            checks.holds(&both, what, odd.is_empty() && count > 0, || format!("not so for {odd:?}"));
        }
    }

    fn name(&self) -> String {
        let [principal, contractor] = self.players.map(|player| player.short);
        format!("{principal} and {contractor}")
    }
}

/// Kinds and how many of each, in the order of their first.
fn kinds(page: Option<&LogPage>) -> Vec<(String, usize)> {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for entry in page.into_iter().flat_map(|page| &page.entries) {
        match kinds.iter_mut().find(|(kind, _)| *kind == entry.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((entry.kind.clone(), 1)),
        }
    }
    kinds
}
