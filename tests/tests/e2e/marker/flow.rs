//! How far a contribution may go: the audience, then the relays of the desks in the middle. proto-spec, section 9.4.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_api_types::{Audience, FieldName, RelayMode, RelaySetting};

use super::{
    case::{Case, Handed},
    ledger::{Ledger, MarkNo, Who},
};

/// What the two desks of a link have agreed, as far as texts depend on it.
#[derive(Clone)]
pub(super) struct Agreed {
    /// Fields that may travel.
    pub(super) fields: Vec<FieldName>,
    /// Whether the custom field of the play is defined.
    pub(super) room: bool,
    /// Whether names of persons travel.
    pub(super) names: bool,
    /// Whether whoever works for a contractor may be named to the principal.
    pub(super) named: bool,
}

/// The links with their settings of one part of the play.
pub(super) struct Rules {
    /// By the lower desk of the link.
    pub(super) agreed: [Agreed; 3],
    /// What goes onward, by desk and partner.
    pub(super) relays: BTreeMap<(Who, Who), RelaySetting>,
    /// Where authors were ever named onward.
    pub(super) ever_named: BTreeSet<(Who, Who)>,
    /// Who ever sent proofs to whom.
    pub(super) ever_signed: BTreeSet<(Who, Who)>,
    /// Where own words were given others.
    pub(super) mapped: BTreeSet<(Who, Who)>,
    /// The labels that rules set, by the desk with the rule.
    pub(super) labels: Vec<(Who, MarkNo)>,
}

impl Rules {
    pub(super) fn agreed(&self, one: Who, other: Who) -> &Agreed {
        &self.agreed[one.min(other)]
    }

    pub(super) fn travels(&self, one: Who, other: Who, field: FieldName) -> bool {
        let agreed = self.agreed(one, other);
        agreed.fields.contains(&field) && (field != FieldName::Custom || agreed.room)
    }

    /// The desks that may learn the name of a desk, beside its neighbours: `relay` says how each step is allowed.
    pub(super) fn know(&self, name: Who) -> BTreeSet<Who> {
        let mut know = BTreeSet::new();
        for step in [-1_isize, 1] {
            let at = |distance: isize| name.checked_add_signed(step * distance).filter(|who| *who < 4);
            let mut distance = 1;
            while let (Some(from), Some(to)) = (at(distance), at(distance + 1)) {
                know.insert(from);
                let signed = self.ever_signed.contains(&(name, at(1).unwrap()));
                let relayed = self.ever_named.contains(&(from, to)) && signed;
                if !(self.agreed(from, to).named || relayed) {
                    break;
                }
                know.insert(to);
                distance += 1;
            }
            know.extend(at(1));
        }
        know
    }
}

/// Something said, on its way.
#[derive(Clone)]
pub(super) struct Flow {
    /// What was said.
    pub(super) mark: MarkNo,
    /// Whether it is the name of whoever said it.
    pub(super) person: bool,
    /// Who says or relays it.
    pub(super) from: Who,
    /// Where it starts.
    pub(super) start: Start,
}

/// Where something starts.
#[derive(Clone)]
pub(super) enum Start {
    /// For all partners of a case.
    Thread(usize),
    /// For the desks of one delegation alone.
    Only(usize),
    /// Over one delegation and from there onward; whether somebody else has said it.
    Over(usize, bool),
}

impl Start {
    /// The starts of something said on a case.
    pub(super) fn of(audience: &Audience, case: usize, handed: &[Handed]) -> Vec<Self> {
        match audience {
            Audience::Internal | Audience::Requester => Vec::new(),
            Audience::Thread => vec![Self::Thread(case)],
            Audience::Delegations { ids } => {
                let place = |id: &String| handed.iter().rposition(|handed| handed.id == *id).unwrap();
                ids.iter().map(|id| Self::Only(place(id))).collect()
            }
        }
    }
}

/// Allows everything that the flows may have reached, over everything that was handed over.
pub(super) fn settle(
    ledger: &mut Ledger,
    flows: &[Flow],
    (cases, handed): (&[Case], &[Handed]),
    rules: &Rules,
) {
    for flow in flows {
        let (mut next, onward): (Vec<(Who, usize)>, bool) = match flow.start {
            Start::Thread(case) => {
                (cases[case].shared.iter().map(|(_, at)| (flow.from, *at)).collect(), true)
            }
            Start::Only(at) => (vec![(flow.from, at)], false),
            Start::Over(at, _) => (vec![(flow.from, at)], true),
        };
        let mut seen = BTreeSet::new();
        while let Some((from, at)) = next.pop() {
            let (to, case) = handed[at].across(from);
            let relayed = from != flow.from || matches!(flow.start, Start::Over(_, true));
            let hidden = flow.person
                && !(rules.agreed(from, to).names && (!relayed || rules.relays[&(from, to)].named));
            if hidden || !seen.insert(at) {
                continue;
            }
            ledger.allow(flow.mark, to);
            let Some(case) = case.filter(|_| onward) else { continue };
            for (other, onto) in cases[case].shared.iter().filter(|(_, onto)| *onto != at) {
                if rules.relays[&(to, *other)].mode == RelayMode::Automatic {
                    next.push((to, *onto));
                }
            }
        }
    }
}
