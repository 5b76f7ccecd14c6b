//! What is agreed and counted: work lines and statements, and the settings, terms, rules and pauses of links.

use std::collections::BTreeMap;

use deskwire_api_types::{
    AcceptTerms, ApproveWork, DelegationState, DisputeWork, FieldName, Hours, LinkMapping, MappedCode,
    MappedStatus, NewRule, NewWork, OtherCases, ProposeStatement, ProposeTerms, RelayMode, RelaySetting,
    SetCalendar, StatementState, SuspendLink, Time, WorkType,
};
use deskwire_client::Error;
use deskwire_tests::links::{PATIENCE, quiet, until};

use super::{
    ROOM,
    ledger::{Place, Who},
    play::{Play, neighbours},
};

/// What may be among the fields of terms drawn anew.
const FIELDS: [FieldName; 10] = [
    FieldName::Category,
    FieldName::Priority,
    FieldName::Deadline,
    FieldName::Contact,
    FieldName::Company,
    FieldName::Object,
    FieldName::Equipment,
    FieldName::Agreement,
    FieldName::Status,
    FieldName::Custom,
];

impl Play<'_> {
    /// A line of work, or what the principal says to one; a digest; a proof file.
    pub(super) async fn work(&mut self) -> Result<(), Error> {
        let Some(at) = self.one_handed() else { return Ok(()) };
        let handed = self.handed[at].clone();
        match self.random.below(8) {
            0..=3 => {
                let (mark, what) = self.plant(handed.contractor, "a line of work");
                self.ledger.allow(mark, handed.principal);
                let line = NewWork {
                    r#type: *self.random.pick(&[WorkType::Time, WorkType::Material]),
                    quantity: "1.5".to_owned(),
                    unit: "hour".to_owned(),
                    price: "95.00".to_owned(),
                    currency: Some("EUR".to_owned()),
                    tax: Some("20".to_owned()),
                    date: None,
                    what,
                };
                let client = self.actor(handed.contractor, &[handed.principal]).0;
                client.add_work(&handed.id, &line).await.map(drop)
            }
            4 | 5 => {
                let lines = self.desks[handed.principal].client().work(&handed.id).await?.lines;
                if lines.is_empty() {
                    return Ok(());
                }
                let line = self.random.pick(&lines).id.clone();
                let (mark, reason) = self.plant(handed.principal, "a reason of a dispute");
                self.ledger.allow(mark, handed.contractor);
                let client = self.actor(handed.principal, &[handed.contractor]).0;
                if self.random.one_in(2) {
                    client.approve_work(&handed.id, &ApproveWork { line }).await.map(drop)
                } else {
                    client.dispute_work(&handed.id, &DisputeWork { line, reason }).await.map(drop)
                }
            }
            6 => {
                let who = *self.random.pick(&[handed.principal, handed.contractor]);
                self.desks[who].client().say_digest(&handed.id).await.map(drop)
            }
            _ => self.prove(at).await,
        }
    }

    /// A proof file holds nothing but what the two desks of the delegation share of this case.
    pub(super) async fn prove(&mut self, at: usize) -> Result<(), Error> {
        let handed = self.handed[at].clone();
        let others = *self.random.pick(&[OtherCases::Signed, OtherCases::LeftOut]);
        let who = *self.random.pick(&[handed.principal, handed.contractor]);
        let mut download = self.desks[who].client().export_delegation(&handed.id, others).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = download.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        let root = self.cases[handed.case].root;
        let bare = others == OtherCases::LeftOut;
        self.ledger.search(Place::Proof(handed.principal, handed.contractor, root, bare), &bytes);
        Ok(())
    }

    /// Something of a link as a whole: a pause with a reason, a rule, a statement, a check.
    pub(super) async fn link(&mut self) -> Result<(), Error> {
        let at = self.random.below(4) as Who;
        let to = *self.random.pick(&neighbours(at));
        let link = self.links[&(at, to)].clone();
        match self.random.below(5) {
            0 => {
                let (mark, reason) = self.plant(at, "a reason of a pause");
                self.ledger.allow(mark, to);
                let client = self.actor(at, &[to]).0;
                // What crosses a pause is dropped, and its author told; here everything has to arrive.
                let rest = async || quiet(PATIENCE, &self.desks[at], &self.desks[to]).await;
                rest().await;
                client.suspend_link(&link, &SuspendLink { reason, until: None }).await?;
                rest().await;
                client.resume_link(&link).await.map(drop)
            }
            1 => self.rule(at, to).await,
            2 => {
                let created = self.desks[at].client().link(&link).await?.created.millis();
                let now = i64::try_from(
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(),
                );
                let (from, to) = (Time::from_millis(created), Time::from_millis(now.unwrap()));
                let body = ProposeStatement { from, to, zone: "UTC".to_owned() };
                self.desks[at].client().propose_statement(&link, &body).await.map(drop)
            }
            3 => {
                let client = self.desks[at].client().clone();
                let all = client.statements(&link).await?.statements;
                let Some(due) = all.iter().find(|one| one.state == StatementState::ToSign) else {
                    return Ok(());
                };
                client.sign_statement(&due.id).await.map(drop)
            }
            _ => {
                let client = self.desks[at].client().clone();
                client.check_link(&link).await?;
                let shown = serde_json::to_vec(&client.link(&link).await?).unwrap();
                self.ledger.search(Place::Own(at, "what is shown of a link"), &shown);
                Ok(())
            }
        }
    }

    /// A rule: its notice stays here; status, label and solution go as the terms let them.
    async fn rule(&mut self, at: Who, to: Who) -> Result<(), Error> {
        let link = self.links[&(at, to)].clone();
        let client = self.desks[at].client().clone();
        let known = client.rules(&link).await?.rules;
        if known.len() > 2 {
            return client.remove_rule(&link, known[0].no).await;
        }
        let (_, notify) = self.plant(at, "the notice of a rule");
        let (label_mark, label) = self.plant(at, "the label of a rule");
        let (solution_mark, solution) = self.plant(at, "the solution of a rule");
        for other in neighbours(at) {
            self.ledger.allow(solution_mark, other);
        }
        self.rules.labels.push((at, label_mark));
        self.allow_labels_of_rules();
        let when = *self.random.pick(&[
            DelegationState::Accepted,
            DelegationState::Resolved,
            DelegationState::Declined,
            DelegationState::Confirmed,
        ]);
        let resolve = when == DelegationState::Resolved && self.random.one_in(2);
        let rule = NewRule {
            role: None,
            when,
            status: Some("waiting".to_owned()),
            label: Some(label),
            notify: Some(notify),
            confirm: false,
            resolve,
            solution: resolve.then_some(solution),
            pass_solution: false,
        };
        client.add_rule(&link, &rule).await.map(drop)
    }

    /// Draws what holds in the next part: relays, mappings, a calendar, and the fields of the terms.
    pub(super) async fn agree_anew(&mut self) {
        self.root = None;
        self.rules.mapped.clear();
        for (at, to) in self.links.keys().copied().collect::<Vec<_>>() {
            self.set_relay(at, to).await;
            self.set_mapping(at, to).await;
        }
        let who = self.random.below(4) as Who;
        let day = |hours: &str| vec![hours.to_owned()];
        let week = ["monday", "tuesday", "thursday"].map(|name| (name.to_owned(), day("08:00-17:30")));
        let hours = Hours { zone: "Europe/Berlin".to_owned(), week: week.into(), days: BTreeMap::default() };
        let body = SetCalendar { hours: self.random.one_in(2).then_some(hours) };
        self.desks[who].client().set_calendar(&body).await.unwrap();
        let lower = self.random.below(3) as Who;
        self.propose(lower).await;
    }

    async fn set_relay(&mut self, at: Who, to: Who) {
        let mode = *self.random.pick(&[RelayMode::Off, RelayMode::Click, RelayMode::Automatic]);
        // Shop never signs, so its name never gets beyond Acme.
        let (named, sign) = (self.random.one_in(2), at != 0 && self.random.one_in(3));
        let setting = RelaySetting { mode, named, sign };
        self.desks[at].client().set_relay(&self.links[&(at, to)], &setting).await.unwrap();
        if named {
            self.rules.ever_named.insert((at, to));
        }
        if sign {
            self.rules.ever_signed.insert((at, to));
        }
        self.rules.relays.insert((at, to), setting);
    }

    async fn set_mapping(&mut self, at: Who, to: Who) {
        let mut mapping = LinkMapping::default();
        if self.random.one_in(2) {
            let (_, own) = self.plant(at, "an own status of a mapping");
            let (label_mark, label) = self.plant(at, "the label of a mapping");
            let (_, category) = self.plant(at, "an own category of a mapping");
            if self.rules.travels(at, to, FieldName::Status) {
                self.ledger.allow(label_mark, to);
            }
            let link = "open".to_owned();
            mapping.statuses.push(MappedStatus { own, link, label: Some(label) });
            mapping.categories.push(MappedCode { own: category, link: "net".to_owned() });
            self.rules.mapped.insert((at, to));
        }
        let link = &self.links[&(at, to)];
        self.desks[at].client().set_link_mapping(link, &mapping).await.unwrap();
    }

    /// Other fields for a link, proposed by one side and accepted by the other.
    async fn propose(&mut self, lower: Who) {
        let (from, to) = if self.random.one_in(2) { (lower, lower + 1) } else { (lower + 1, lower) };
        let fields = self.random.some(&FIELDS);
        let names: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
        let late = *self.random.pick(&["reopen", "follow-up", "refuse"]);
        let room = serde_json::json!([{"key": ROOM, "name": "Room", "type": "text"}]);
        let set = [("fields", serde_json::json!(names)), ("late", serde_json::json!(late)), ("custom", room)];
        let set = set.map(|(name, value)| (name.to_owned(), value)).into();
        let (ours, theirs) = (&self.links[&(from, to)], &self.links[&(to, from)]);
        let (proposer, other) = (self.desks[from].client(), self.desks[to].client());
        let proposal = proposer.propose_terms(ours, &ProposeTerms { base: None, set }).await;
        let before = match proposal {
            Ok(terms) => terms.version,
            // The same fields as before are no proposal.
            Err(Error::Refused(_)) => return,
            Err(error) => panic!("{error:?}"),
        };
        let proposal = until("The proposal", async || {
            Ok(other.link_terms(theirs).await?.theirs.filter(|proposal| proposal.version > before))
        });
        let version = proposal.await.version;
        other.accept_terms(theirs, &AcceptTerms { version: Some(version), hash: None }).await.unwrap();
        for (client, link) in [(proposer, ours), (other, theirs)] {
            until(
                "The terms",
                async || Ok((client.link_terms(link).await?.version == version).then_some(())),
            )
            .await;
        }
        self.rules.agreed[lower].fields = fields;
        self.rules.agreed[lower].room = true;
        self.allow_labels_of_rules();
    }

    /// A rule sets its label whenever it runs, also long after it was made.
    fn allow_labels_of_rules(&mut self) {
        for &(at, mark) in &self.rules.labels {
            for other in neighbours(at) {
                if self.rules.travels(at, other, FieldName::Status) {
                    self.ledger.allow(mark, other);
                }
            }
        }
    }
}
