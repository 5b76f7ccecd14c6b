//! What happens by itself when a delegation has changed for good: rules of one link, as data. They look at settled states
//! alone (proto-spec, section 7.8), and what they do never goes back to the partner whose word set them off, so no two
//! desks can set each other off for ever.

use deskwire_proto::text::{Code, Label, Line, Prose};
use serde::{Deserialize, Serialize};

use crate::delegation::{Role, State};

/// So many rules one link may have.
pub const RULES_MAX: usize = 32;

/// One rule: when the delegation has settled in `when`, do all of this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its number on the link.
    pub no: u32,
    /// The side on which this desk is; both if absent.
    #[serde(default)]
    pub role: Option<Role>,
    /// The settled state.
    pub when: State,
    /// What is done.
    pub then: Then,
}

/// What a rule does; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Then {
    /// Sets the status of this desk's ticket, with its label. Partners of other delegations of the ticket are told.
    pub status: Option<(Code, Option<Label>)>,
    /// Writes this as an internal comment on the ticket.
    pub notify: Option<Line>,
    /// Confirms the delegation: for the principal of one that is resolved.
    pub confirm: bool,
    /// Resolves the delegation through which the ticket came, with this solution if any: for whoever handed on what it
    /// was handed.
    #[serde(with = "solution")]
    pub resolve: Option<Option<Prose>>,
    /// The solution of the delegation that set it off goes up instead, where there is one; for a rule that resolves.
    pub pass: bool,
}

/// How a resolution is stored: without a solution it is the empty text, which no solution can be.
mod solution {
    use deskwire_proto::text::Prose;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde gives it so")]
    pub(super) fn serialize<S: Serializer>(
        resolve: &Option<Option<Prose>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = resolve.as_ref().map(|solution| solution.as_ref().map_or("", Prose::as_str));
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<Prose>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let solution = |text: String| if text.is_empty() { Ok(None) } else { Prose::new(text).map(Some) };
        text.map(solution).transpose().map_err(D::Error::custom)
    }
}

/// A rule that could never do what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It does nothing.
    #[error("the rule does nothing: give it a status, a notice, a confirmation or a resolution")]
    Nothing,
    /// Only the principal confirms, and only what is resolved.
    #[error("only the principal confirms, and only what is resolved")]
    Confirm,
    /// Only the principal of a delegation has one above it that it can resolve.
    #[error(
        "the case above is resolved by the desk that handed it on, once its partner has resolved or it has confirmed"
    )]
    Resolve,
    /// A solution goes up with a resolution.
    #[error("the partner's solution goes up with a resolution: say that the case above is resolved")]
    Pass,
    /// Nobody is told of it: it is where every delegation begins.
    #[error("no delegation settles in 'unoffered'")]
    Unoffered,
}

impl Rule {
    /// Checks what the shape does not.
    ///
    /// # Errors
    /// Why it could never do what it says.
    pub fn check(&self) -> Result<(), RuleError> {
        let Then { status, notify, confirm, resolve, pass } = &self.then;
        if status.is_none() && notify.is_none() && !confirm && resolve.is_none() {
            return Err(RuleError::Nothing);
        }
        let contractor = self.role == Some(Role::Contractor);
        if *confirm && (self.when != State::Resolved || contractor) {
            return Err(RuleError::Confirm);
        }
        let done = matches!(self.when, State::Resolved | State::Confirmed);
        if resolve.is_some() && (!done || contractor) {
            return Err(RuleError::Resolve);
        }
        if *pass && resolve.is_none() {
            return Err(RuleError::Pass);
        }
        if self.when == State::Unoffered { Err(RuleError::Unoffered) } else { Ok(()) }
    }

    /// Whether it speaks of a delegation in which this desk has this role and which has settled in this state.
    #[must_use]
    pub fn fits(&self, role: Role, settled: State) -> bool {
        self.when == settled && self.role.is_none_or(|wanted| wanted == role)
    }
}

/// The rules that speak of these states, in the order of the rules, each once.
pub fn due<'a>(rules: &'a [Rule], role: Role, states: &'a [State]) -> impl Iterator<Item = &'a Rule> {
    rules.iter().filter(move |rule| states.iter().any(|state| rule.fits(role, *state)))
}

#[cfg(test)]
mod tests {
    //! A rule that looks as if it did something and never does would be found out by a client.
    use deskwire_proto::cbor;

    use super::*;

    fn rule(when: State, then: Then) -> Rule {
        Rule { no: 1, role: None, when, then }
    }

    #[test]
    fn rules_that_never_do_what_they_say_are_refused() {
        let confirm = || Then { confirm: true, ..Then::default() };
        let resolve = || Then { resolve: Some(None), ..Then::default() };
        assert_eq!(rule(State::Resolved, Then::default()).check(), Err(RuleError::Nothing));
        assert_eq!(rule(State::Accepted, confirm()).check(), Err(RuleError::Confirm));
        assert_eq!(rule(State::Accepted, resolve()).check(), Err(RuleError::Resolve));
        assert_eq!(rule(State::Resolved, confirm()).check(), Ok(()));
        assert_eq!(rule(State::Confirmed, resolve()).check(), Ok(()));
        let contractor = Rule { role: Some(Role::Contractor), ..rule(State::Resolved, confirm()) };
        assert_eq!(contractor.check(), Err(RuleError::Confirm));
        let pass = Then { pass: true, ..confirm() };
        assert_eq!(rule(State::Resolved, pass).check(), Err(RuleError::Pass));
    }

    #[test]
    fn a_resolution_without_a_solution_is_kept_when_it_is_stored() {
        let solution = Prose::new("Replaced").ok();
        for resolve in [None, Some(None), Some(solution)] {
            let kept = Then { confirm: true, resolve, ..Then::default() };
            let bytes = cbor::encode_plain(&kept).expect("a rule can be stored");
            assert_eq!(cbor::decode_plain::<Then>(&bytes).ok(), Some(kept));
        }
    }

    #[test]
    fn each_rule_runs_once_for_all_the_states_that_were_passed() {
        let notify = Then { notify: Line::new("done").ok(), ..Then::default() };
        let rules = [
            Rule { no: 1, role: Some(Role::Principal), when: State::Resolved, then: notify.clone() },
            Rule { no: 2, role: Some(Role::Contractor), when: State::Resolved, then: notify.clone() },
            Rule { no: 3, role: None, when: State::Accepted, then: notify },
        ];
        let states = [State::Accepted, State::Resolved, State::Resolved];
        let ran: Vec<u32> = due(&rules, Role::Principal, &states).map(|rule| rule.no).collect();
        assert_eq!(ran, [1, 3]);
    }
}
