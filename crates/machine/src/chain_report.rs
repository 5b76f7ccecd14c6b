//! What a contractor tells its principal of everything below it: one hop for each desk (proto-spec, section 6.36).
//!
//! Only durations go up a chain, never points of time, and no name that the terms do not let travel.

use deskwire_proto::list::List;
use deskwire_proto::message::chain_report::{Facts, Hop};
use deskwire_proto::number::Stars;
use deskwire_proto::text::{Code, Label};

use crate::clock::{Clock, share};
use crate::delegation::{Role, State};

/// Hops that one report holds.
pub const HOPS: usize = 8;

/// A delegation that this desk handed on.
#[derive(Debug)]
pub struct Below<'a> {
    /// Its clock.
    pub clock: &'a Clock<'a>,
    /// How its contractor calls itself.
    pub name: Label,
    /// The newest report of its contractor.
    pub report: Option<&'a Facts>,
    /// The rating that this desk gave.
    pub stars: Option<Stars>,
}

/// What this desk reports about the delegation `above`, of which it is the contractor. `name` is how it calls itself;
/// `named` whether the terms above let desks below be named.
///
/// The held times of all hops and the waited time of the first add up to the wall time of `above` since its acceptance,
/// as long as what was handed on lies within it and not beside each other.
pub fn compose(above: &Clock<'_>, name: Label, below: &[Below<'_>], named: bool) -> Facts {
    let mut own = share(above, below.iter().map(|below| below.clock));
    let mut lower = Vec::new();
    for below in below {
        let (hops, beyond) = subtree(below);
        let from_held = beyond.min(own.held);
        own.held -= from_held;
        own.waited = own.waited.saturating_sub(beyond - from_held);
        lower.extend(hops);
    }
    let first = Hop {
        held: own.held,
        alias: name,
        stars: None,
        state: code(above.state),
        waited: own.waited,
        breaches: breaches(above),
    };
    let mut hops: Vec<Hop> = std::iter::once(first).chain(aliased(lower, named)).collect();
    merge_surplus(&mut hops);
    Facts { hops: List::new(hops).expect("from one to eight hops") }
}

/// The hops of one delegation below, and by how much they held the case longer than its clock here knows: somebody
/// further down worked while their principal was asked.
fn subtree(below: &Below<'_>) -> (Vec<Hop>, u64) {
    let (held, whole) = (below.clock.wall.held(), below.clock.wall.held() + below.clock.wall.principal());
    let own = Hop {
        held,
        alias: below.name.clone(),
        stars: below.stars,
        state: code(below.clock.state),
        waited: below.clock.wall.principal(),
        breaches: breaches(below.clock),
    };
    let Some(report) = below.report else { return (vec![own], 0) };
    if report.hops.iter().any(|hop| hop.held > whole) {
        // More than there was: what this desk saw itself is told instead.
        return (vec![own], 0);
    }
    let told = report.hops.iter().map(|hop| hop.held).sum::<u64>();
    let mut hops: Vec<Hop> = report.hops.iter().cloned().collect();
    // A state is a word of the protocol; anything else could name somebody.
    for hop in hops.iter_mut().filter(|hop| !is_state(&hop.state)) {
        hop.state = own.state.clone();
    }
    if let Some(first) = hops.first_mut() {
        // Of its own delegation this desk knows state, breaches and rating itself, and newer; what has passed since the
        // report is the nearest desk's until it reports again.
        first.held = first.held.saturating_add(held.saturating_sub(told));
        *first = Hop { held: first.held, waited: first.waited, ..own };
    }
    (hops, told.saturating_sub(held))
}

/// Where desks below are not named, all of them get letters; a letter from further down is given anew, so that none
/// occurs twice.
fn aliased(hops: Vec<Hop>, named: bool) -> impl Iterator<Item = Hop> {
    let mut letters = ('A'..='Z').cycle();
    hops.into_iter().map(move |mut hop| {
        let is_letter = matches!(hop.alias.as_str().as_bytes(), [letter] if letter.is_ascii_uppercase());
        if !named || is_letter {
            let letter = letters.next().unwrap_or('A').to_string();
            hop.alias = Label::new(letter).expect("a letter is a label");
        }
        hop
    })
}

/// The times of hops that do not fit count for the last one that does.
fn merge_surplus(hops: &mut Vec<Hop>) {
    let surplus = hops.split_off(hops.len().min(HOPS));
    if let Some(last) = hops.last_mut() {
        for hop in surplus {
            last.held = last.held.saturating_add(hop.held);
            last.breaches = last.breaches.saturating_add(hop.breaches);
        }
    }
}

fn breaches(clock: &Clock<'_>) -> u64 {
    let count = clock.breaches.iter().filter(|breach| breach.by == Role::Contractor).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn is_state(code: &Code) -> bool {
    State::ALL.iter().any(|state| state.name() == code.as_str())
}

fn code(state: State) -> Code {
    Code::new(state.name()).expect("the name of a state is a code")
}
