//! Action by role by state: what each call does, or with which code it is refused and changes nothing.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Principal,
    Contractor,
    Both,
}

use By::{Both, Contractor, Principal};

/// Last part of the path, and what is sent.
type Call = (&'static str, &'static str);

const ACCEPT: (By, Call) = (Contractor, ("accept", "{}"));
const BEGIN: (By, Call) = (Contractor, ("status", r#"{"state": "in-progress"}"#));
const THIRD: (By, Call) = (Contractor, ("status", r#"{"state": "waiting-third"}"#));
const ASK: (By, Call) = (Contractor, ("ask", r#"{"question": "Which door?"}"#));
const RESOLVE: (By, Call) = (Contractor, ("resolve", "{}"));
const CONFIRM: (By, Call) = (Principal, ("confirm", "{}"));
const WHY: &str = r#"{"reason": "So it is."}"#;

/// The states, as columns of the table, and what leads there from an offer.
const STATES: [(&str, &[(By, Call)]); 10] = [
    ("offered", &[]),
    ("accepted", &[ACCEPT]),
    ("in-progress", &[ACCEPT, BEGIN]),
    ("waiting for the principal", &[ACCEPT, ASK]),
    ("waiting for a third party", &[ACCEPT, THIRD]),
    ("resolved", &[ACCEPT, RESOLVE]),
    ("confirmed", &[ACCEPT, RESOLVE, CONFIRM]),
    ("declined", &[(Contractor, ("decline", WHY))]),
    ("returned", &[ACCEPT, (Contractor, ("return", WHY))]),
    ("recalled", &[(Principal, ("recall", WHY))]),
];

/// Who may do it, what, and for each state: `+` it is done, `-` refused as `action-not-allowed`, `p` as `no-such-proposal`,
/// `q` as `no-question`. Whoever else tries gets `action-not-allowed`.
const TABLE: [(By, Call, &str); 17] = [
    (Contractor, ("accept", "{}"), "+---------"),
    (Contractor, ("decline", WHY), "+---------"),
    (Contractor, ("return", WHY), "-++++-----"),
    (Principal, ("recall", WHY), "+++++-----"),
    (Both, ("status", r#"{"label": "On our list"}"#), "++++++++++"),
    (Contractor, ("status", r#"{"state": "in-progress"}"#), "-+++++----"),
    (Contractor, ("status", r#"{"state": "waiting-third"}"#), "-+++++----"),
    (Contractor, ("resolve", "{}"), "-++++-----"),
    (Principal, ("confirm", "{}"), "-----+----"),
    (Principal, ("reopen", WHY), "-----++---"),
    (Principal, ("update", r#"{"company": "Shop GmbH"}"#), "++++++----"),
    (Contractor, ("change-take", r#"{"version": 2}"#), "-ppppp----"),
    (Contractor, ("change-decline", r#"{"version": 2, "reason": "No."}"#), "-ppppp----"),
    (Contractor, ("ask", r#"{"question": "Which one?"}"#), "-+++++----"),
    (Principal, ("answer", r#"{"answer": "The left one."}"#), "---+------"),
    (Principal, ("answer", r#"{"answer": "It is written there.", "needed": false}"#), "--q+qq----"),
    (Principal, ("rate", r#"{"stars": 4}"#), "------+---"),
];

/// The two desks, and the number of the next ticket of the principal.
struct Pair {
    acme: Desk,
    kassa: Desk,
    tickets: usize,
}

impl Pair {
    const fn desk(&self, by: By) -> &Desk {
        match by {
            Principal | Both => &self.acme,
            Contractor => &self.kassa,
        }
    }

    /// Paths of so many delegations with this history, which both desks know.
    async fn delegated(&mut self, count: usize, history: &[(By, Call)]) -> Vec<String> {
        let mut paths = Vec::new();
        for _ in 0..count {
            self.tickets += 1;
            self.acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
            let path = format!("/v1/tickets/{}/delegations", self.tickets);
            let made = self.acme.post(&path, json!({"link": "kassa"})).await;
            paths.push(format!("/v1/delegations/{}", made["id"].as_str().unwrap()));
        }
        talk(&self.acme, &self.kassa).await;
        for (by, (action, body)) in history {
            for path in &paths {
                self.desk(*by).post(&format!("{path}/{action}"), serde_json::from_str(body).unwrap()).await;
            }
            talk(&self.acme, &self.kassa).await;
        }
        paths
    }
}

/// Everything that a desk says of a delegation and its ticket, but for what the clock moves.
async fn told(desk: &Desk, path: &str) -> [Value; 2] {
    let mut delegation = desk.get(path).await;
    let number = delegation["own"]["ticket"].as_str().unwrap().to_owned();
    let mut ticket = desk.get(&format!("/v1/tickets/{number}")).await;
    delegation.as_object_mut().unwrap().remove("clock");
    let delegations = ticket["delegations"].as_array_mut().unwrap();
    delegations.iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().remove("clock")));
    [delegation, ticket]
}

/// A program that tries whatever it likes gets the same code each time, and breaks nothing.
#[tokio::test]
async fn each_action_by_each_side_in_each_state_is_done_or_refused_without_a_trace() {
    let (acme, kassa) = linked().await;
    let mut pair = Pair { acme, kassa, tickets: 0 };
    for (column, (state, history)) in STATES.into_iter().enumerate() {
        let mut done = Vec::new();
        let [still] = <[String; 1]>::try_from(pair.delegated(1, history).await).unwrap();
        for side in [Principal, Contractor] {
            let desk = pair.desk(side);
            let before = told(desk, &still).await;
            for (by, (action, body), cells) in TABLE {
                let cell = if by == side || by == Both { cells.as_bytes()[column] } else { b'-' };
                let code = match cell {
                    b'+' => {
                        done.push((side, (action, body)));
                        continue;
                    }
                    b'p' => "no-such-proposal",
                    b'q' => "no-question",
                    _ => "action-not-allowed",
                };
                let who = if side == Principal { "principal" } else { "contractor" };
                let document = serde_json::from_str(body).unwrap();
                let answer =
                    desk.call(Method::POST, &format!("{still}/{action}")).json(document).send().await;
                assert_eq!(answer.refusal(), (409, code.to_owned()), "{action} by the {who}: {state}");
                let wrong_role = by != side && by != Both;
                assert_eq!(
                    wrong_role,
                    answer.body["next"].is_string(),
                    "{action} by the {who}: {}",
                    answer.body
                );
            }
            assert_eq!(told(desk, &still).await, before, "a refused action left something: {state}");
        }
        let paths = pair.delegated(done.len(), history).await;
        for (path, (side, (action, body))) in paths.iter().zip(&done) {
            pair.desk(*side).post(&format!("{path}/{action}"), serde_json::from_str(body).unwrap()).await;
        }
        talk(&pair.acme, &pair.kassa).await;
        for (path, (_, (action, _))) in paths.iter().zip(&done) {
            let (ours, theirs) = (pair.acme.get(path).await, pair.kassa.get(path).await);
            assert_eq!(ours["state"], theirs["state"], "{action} in {state}");
            assert_eq!(
                (&ours["provisional"], &theirs["provisional"]),
                (&json!(false), &json!(false)),
                "{action} in {state}"
            );
        }
    }
}
