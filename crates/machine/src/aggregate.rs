//! Several delegations of one ticket seen as one: where the work that was handed out stands, and who has to act.

use serde::{Deserialize, Serialize};

use crate::delegation::{State, WaitingOn};

/// Where the work that was handed out stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whole {
    /// Nothing was handed out.
    Nothing,
    /// Every contractor has still to answer.
    Offered,
    /// Somebody has taken it, nobody has begun.
    Accepted,
    /// Somebody works.
    InProgress,
    /// Nobody who has not finished can go on, because of somebody else.
    WaitingThird,
    /// Somebody has asked this desk something.
    WaitingPrincipal,
    /// Everybody is done; this desk has to confirm.
    Resolved,
    /// Everything is confirmed.
    Confirmed,
    /// Nobody has the work any more, and nobody has done it: declined, returned or recalled.
    Back,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Turns {
    /// This desk has something to do.
    pub ours: bool,
    /// A contractor has.
    pub theirs: bool,
}

/// The delegations of one ticket in which this desk is the principal, as one.
///
/// What came back without a result counts only where nothing else was handed out: what was declined and then given to
/// somebody else stands where that one is.
#[must_use]
pub fn aggregate(states: impl IntoIterator<Item = State>) -> (Whole, Turns) {
    let mut seen = Seen::default();
    states.into_iter().for_each(|state| seen.count(state));
    let whole = seen.whole();
    let ours = seen.asked || seen.resolved || whole == Whole::Back;
    (whole, Turns { ours, theirs: seen.offered || seen.accepted || seen.works || seen.third })
}

#[derive(Default)]
struct Seen {
    offered: bool,
    accepted: bool,
    works: bool,
    third: bool,
    asked: bool,
    resolved: bool,
    confirmed: bool,
    back: bool,
}

impl Seen {
    fn count(&mut self, state: State) {
        match state {
            State::Unoffered => {}
            State::Offered => self.offered = true,
            State::Accepted => self.accepted = true,
            State::InProgress => self.works = true,
            State::Waiting { on: WaitingOn::Principal } => self.asked = true,
            State::Waiting { on: WaitingOn::ThirdParty } => self.third = true,
            State::Resolved => self.resolved = true,
            State::Confirmed => self.confirmed = true,
            State::Declined | State::Returned | State::Recalled => self.back = true,
        }
    }

    /// What needs this desk first, then the furthest that anybody who has not finished has come.
    const fn whole(&self) -> Whole {
        if self.asked {
            Whole::WaitingPrincipal
        } else if self.works {
            Whole::InProgress
        } else if self.accepted {
            Whole::Accepted
        } else if self.third {
            Whole::WaitingThird
        } else if self.offered {
            Whole::Offered
        } else if self.resolved {
            Whole::Resolved
        } else if self.confirmed {
            Whole::Confirmed
        } else if self.back {
            Whole::Back
        } else {
            Whole::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    //! A ticket that says "done" while somebody still works, or waits for nobody while a question is open.
    use super::*;

    const ASKED: State = State::Waiting { on: WaitingOn::Principal };
    const THIRD: State = State::Waiting { on: WaitingOn::ThirdParty };

    fn of(states: &[State]) -> (Whole, bool, bool) {
        let (whole, turns) = aggregate(states.iter().copied());
        (whole, turns.ours, turns.theirs)
    }

    #[test]
    fn one_delegation_stands_for_itself() {
        for (state, whole) in [
            (State::Offered, (Whole::Offered, false, true)),
            (State::Accepted, (Whole::Accepted, false, true)),
            (State::InProgress, (Whole::InProgress, false, true)),
            (ASKED, (Whole::WaitingPrincipal, true, false)),
            (THIRD, (Whole::WaitingThird, false, true)),
            (State::Resolved, (Whole::Resolved, true, false)),
            (State::Confirmed, (Whole::Confirmed, false, false)),
            (State::Declined, (Whole::Back, true, false)),
            (State::Returned, (Whole::Back, true, false)),
            (State::Recalled, (Whole::Back, true, false)),
            (State::Unoffered, (Whole::Nothing, false, false)),
        ] {
            assert_eq!(of(&[state]), whole, "{state:?}");
        }
        assert_eq!(of(&[]), (Whole::Nothing, false, false));
    }

    #[test]
    fn a_question_goes_before_everything_and_nothing_is_done_before_all_are() {
        assert_eq!(of(&[State::InProgress, ASKED]), (Whole::WaitingPrincipal, true, true));
        assert_eq!(of(&[State::Resolved, State::InProgress]), (Whole::InProgress, true, true));
        assert_eq!(of(&[State::Confirmed, State::Resolved]), (Whole::Resolved, true, false));
        assert_eq!(of(&[State::Confirmed, THIRD]), (Whole::WaitingThird, false, true));
    }

    #[test]
    fn what_was_declined_and_given_to_another_stands_where_that_one_is() {
        assert_eq!(of(&[State::Declined, State::Accepted]), (Whole::Accepted, false, true));
        assert_eq!(of(&[State::Declined, State::Confirmed]), (Whole::Confirmed, false, false));
        assert_eq!(of(&[State::Declined, State::Recalled]), (Whole::Back, true, false));
    }
}
