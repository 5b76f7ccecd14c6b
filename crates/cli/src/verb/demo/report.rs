//! What the demonstration ends with: what left which desk, the checks, and how to go on.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{cast::Cast, check::Checks, differs, readback::Flow, story::Told};
use crate::{
    desks,
    failure::Done,
    render::{Fields, Style},
};

/// The document of `deskwire demo --json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The four desks.
    desks: Vec<Player>,
    /// Links, ticket numbers, delegations and the file.
    story: Told,
    /// What left which desk.
    flows: Vec<Flow>,
    /// What was checked.
    pub(super) checks: Checks,
    /// Seconds from the beginning to the last check.
    pub(super) seconds: f64,
    /// The folder in which the desks are, when they run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<PathBuf>,
}

/// One desk.
#[derive(Clone, Debug, Serialize)]
struct Player {
    /// Display name.
    name: String,
    /// Desk id.
    id: String,
    /// Where partners reach it.
    endpoints: Vec<String>,
    /// Where its API was.
    api: String,
    /// Its folder.
    folder: PathBuf,
    /// Process id of its daemon.
    pid: u32,
    /// Milliseconds from its start until it took work.
    started_in_ms: u64,
}

impl Report {
    pub(super) fn new(cast: &Cast, story: Told, flows: Vec<Flow>, checks: Checks) -> Self {
        let desks = cast.players().map(|player| Player {
            name: player.name.to_owned(),
            id: player.info.id.clone(),
            endpoints: player.info.endpoints.clone(),
            api: player.info.api.clone(),
            folder: player.desk.folder().to_owned(),
            pid: player.desk.pid(),
            started_in_ms: u64::try_from(player.desk.took().as_millis()).unwrap_or(u64::MAX),
        });
        Self { desks: desks.into(), story, flows, checks, seconds: 0.0, kept: None }
    }

    /// Success, or what differs.
    pub(super) fn verdict(&self) -> Done {
        if self.checks.wrong() == 0 { Ok(()) } else { Err(differs(self)) }
    }

    /// What follows the transcript.
    pub(super) fn render(&self, style: Style) -> String {
        let mut text = format!("\n{}\n", style.bold("What left which desk, as the signed streams say"));
        let mut fields = Fields::default();
        for flow in &self.flows {
            fields = fields.put(&format!("{} → {}", flow.from, flow.to), kinds(flow));
        }
        text.push_str(&fields.render(style));
        text.push_str(&format!("\n{}\n", style.bold("What each desk holds, and what it does not")));
        text.push_str(&self.checks.render(style));
        text.push_str(&format!(
            "\n{} {:.1} s from the first process to the last check.\n",
            self.checks.verdict(style),
            self.seconds
        ));
        if let Some(folder) = &self.kept {
            text.push_str(&self.how_to_go_on(folder, style));
        }
        text
    }

    fn how_to_go_on(&self, root: &Path, style: Style) -> String {
        let program = desks::program().map_or_else(|_| "deskwire".into(), |path| path.display().to_string());
        let mut text = format!("\n{}\n", style.bold("The desks run on"));
        let mut fields = Fields::default();
        for (player, ticket) in self.desks.iter().zip(&self.story.tickets) {
            let command = format!("{program} ticket show {ticket} --data {}", player.folder.display());
            let log = format!("process {}, log {}.log", player.pid, player.folder.display());
            fields = fields.put(&player.name, format!("{command}\n{}", style.dim(&log)));
        }
        let pids: Vec<_> = self.desks.iter().map(|player| player.pid.to_string()).collect();
        fields = fields
            .put("start again", format!("{program} serve --data DIR"))
            .put("stop them", format!("kill {}", pids.join(" ")))
            .put("remove them", format!("rm -r {}", root.display()));
        text.push_str(&fields.render(style));
        text
    }
}

/// "2 delegation.offer, 5 comment.add".
fn kinds(flow: &Flow) -> String {
    let kinds: Vec<_> = flow.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    kinds.join(", ")
}

#[cfg(test)]
mod tests {
    //! Somebody who keeps the desks has to know how to reach them and how to get rid of them.
    use super::*;

    fn report() -> Report {
        let player = |name: &str, pid| Player {
            name: name.into(),
            id: "id".into(),
            endpoints: Vec::new(),
            api: "127.0.0.1:1".into(),
            folder: PathBuf::from("/demo").join(name),
            pid,
            started_in_ms: 30,
        };
        let tickets = ["SHOP-1", "ACME-1", "KASSA-1", "PETROV-1"].map(str::to_owned);
        Report {
            desks: vec![player("shop", 7), player("acme", 8), player("kassa", 9), player("petrov", 10)],
            story: Told { tickets, ..Told::default() },
            flows: vec![Flow {
                from: "Shop".into(),
                to: "Acme".into(),
                kinds: vec![("delegation.offer".into(), 1), ("comment.add".into(), 2)],
            }],
            checks: Checks::default(),
            seconds: 4.2,
            kept: None,
        }
    }

    #[test]
    fn kept_desks_can_be_reached_stopped_and_removed() {
        let mut report = report();
        let text = report.render(Style::new(false));
        assert!(text.contains("Shop → Acme  1 delegation.offer, 2 comment.add"), "{text}");
        assert!(!text.contains("kill"), "{text}");
        report.kept = Some("/demo".into());
        let text = report.render(Style::new(false));
        for words in
            ["ticket show ACME-1 --data /demo/acme", "kill 7 8 9 10", "rm -r /demo", "/demo/kassa.log"]
        {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_check_that_does_not_hold_ends_in_a_problem_with_the_whole_report() {
        let mut report = report();
        report.checks.equal("Shop", "one", &1, &1);
        assert_eq!(report.verdict(), Ok(()));
        report.checks.equal("Shop", "two", &1, &2);
        let problem = report.verdict().unwrap_err().to_problem();
        assert_eq!(problem.code, "demo-differs");
        assert_eq!(problem.extra["report"]["checks"][1]["found"], "expected 1, found 2");
        assert_eq!(problem.extra["report"]["story"]["tickets"][2], "KASSA-1");
    }
}
