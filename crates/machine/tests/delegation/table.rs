//! The transition table: its promises about every cell.

use deskwire_machine::delegation::{EventKind, Outcome, Role, State, Turn, may_say, transition};

fn cells() -> impl Iterator<Item = (State, EventKind, Role, Outcome)> {
    State::ALL.into_iter().flat_map(|state| {
        EventKind::ALL.into_iter().flat_map(move |event| {
            Role::ALL.into_iter().map(move |role| (state, event, role, transition(state, event, role)))
        })
    })
}

/// A state or event missing in the lists would be missing in every screen, digest and test made from them.
#[test]
fn lists_are_whole_and_names_differ() {
    let mut states: Vec<_> = State::ALL.iter().map(|state| state.name()).collect();
    let mut events: Vec<_> = EventKind::ALL.iter().map(|event| event.name()).collect();
    states.sort_unstable();
    events.sort_unstable();
    states.dedup();
    events.dedup();
    assert_eq!((states.len(), events.len()), (State::ALL.len(), EventKind::ALL.len()));
    assert_eq!(cells().count(), 11 * 19 * 2);
    // A state that some cell leads to and that no list has.
    for (_, _, _, outcome) in cells() {
        if let Outcome::Next(next) = outcome {
            assert!(State::ALL.contains(&next));
        }
    }
}

/// A peer that says what is not its to say is refused in every state, and what is its own never.
#[test]
fn who_may_say_it_does_not_depend_on_the_state() {
    for (state, event, role, outcome) in cells() {
        assert_eq!(outcome == Outcome::Forbidden, !may_say(role, event), "{role} says {event} in {state}");
    }
    for event in EventKind::ALL {
        assert!(Role::ALL.into_iter().any(|role| may_say(role, event)), "nobody may say {event}");
    }
}

/// Nobody accepts, returns, resolves or reports progress on a contractor's behalf, nor confirms or rates its own
/// work.
#[test]
fn each_side_says_its_own() {
    let contractor = "accept decline return status:in-progress status:waiting-third resolve change-take change-decline ask";
    let principal = "offer recall confirm reopen update answer answer:not-needed rate";
    for event in EventKind::ALL {
        let expected = match event.name() {
            name if contractor.split(' ').any(|other| other == name) => (false, true),
            name if principal.split(' ').any(|other| other == name) => (true, false),
            _ => (true, true),
        };
        assert_eq!((may_say(Role::Principal, event), may_say(Role::Contractor, event)), expected, "{event}");
    }
}

/// No delegation can get stuck: whoever has the turn can move it on, until it is over.
#[test]
fn whoever_has_the_turn_can_move_on() {
    for state in State::ALL {
        let moves = |role| {
            EventKind::ALL.into_iter().any(|event| matches!(transition(state, event, role), Outcome::Next(_)))
        };
        match state.turn() {
            Turn::Principal => assert!(moves(Role::Principal), "{state}"),
            Turn::Contractor => assert!(moves(Role::Contractor), "{state}"),
            Turn::Nobody => assert!(state.is_terminal(), "{state}"),
        }
        assert_eq!(state.is_terminal(), state.turn() == Turn::Nobody);
    }
}

/// What is over stays over: bills and ratings rest on it.
#[test]
fn only_a_reopen_leaves_an_end_and_only_confirmed() {
    for (state, event, role, outcome) in cells() {
        if state.is_terminal()
            && let Outcome::Next(next) = outcome
        {
            let reopened = (State::Confirmed, EventKind::Reopen, Role::Principal, State::InProgress);
            assert_eq!((state, event, role, next), reopened);
        }
    }
}

/// `Next` always moves: a cell that leads to its own state would be told as a change that is none.
#[test]
fn a_step_leads_elsewhere() {
    for (state, event, role, outcome) in cells() {
        assert_ne!(outcome, Outcome::Next(state), "{role} says {event} in {state}");
    }
}

/// Every state is reached from the beginning by what the two sides say.
#[test]
fn every_state_is_reached() {
    let mut reached = vec![State::Unoffered];
    let mut next = 0;
    while let Some(state) = reached.get(next).copied() {
        next += 1;
        for (from, _, _, outcome) in cells() {
            if let Outcome::Next(to) = outcome
                && from == state
                && !reached.contains(&to)
            {
                reached.push(to);
            }
        }
    }
    assert_eq!(reached.len(), State::ALL.len());
}

/// A person who must give a reason is asked for it by every program alike.
#[test]
fn reasons_are_needed_where_work_goes_back_or_a_wish_is_turned_down() {
    let needing: Vec<_> =
        EventKind::ALL.iter().filter(|kind| kind.needs_reason()).map(|kind| kind.name()).collect();
    let expected = "decline return recall reopen change-decline answer answer:not-needed link-close";
    assert_eq!(needing.join(" "), expected);
}
