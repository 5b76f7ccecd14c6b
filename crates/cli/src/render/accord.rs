//! Terms, mapping, rules and the check of a link as text.

use deskwire_api_types::{
    LinkCheck, LinkLeftOpen, LinkMapping, LinkTerms, Priority, Rule, RuleList, TermsProposal,
};
use deskwire_proto::terms::Terms;
use serde_json::Value;

use super::{Fields, Style, Table, when};

/// The terms of a link, in force and proposed.
pub(crate) fn terms(terms: &LinkTerms, style: Style) -> String {
    let mut fields =
        Fields::default().put("version", terms.version.to_string()).maybe("since", terms.since.map(when));
    for (member, words) in in_words(terms) {
        fields = fields.put(&member, words);
    }
    let calendars = if terms.takes_calendars { "accepted by itself" } else { "a person accepts" };
    fields = fields.put("renewed calendar", calendars);
    let mut text = format!("{}\n{}", style.bold(&terms.link), fields.render(style));
    if let Some(ours) = &terms.ours {
        text.push_str("\nProposed by this desk; the partner has not accepted:\n");
        text.push_str(&proposal(ours, style));
    }
    if let Some(theirs) = &terms.theirs {
        text.push_str("\nProposed by the partner:\n");
        text.push_str(&proposal(theirs, style));
        text.push_str(&format!("Accept with `deskwire link terms accept {}`, or let it lie.\n", terms.link));
    }
    text
}

/// What would be different.
pub(crate) fn proposal(proposal: &TermsProposal, style: Style) -> String {
    let mut table = Table::new(&["MEMBER", "NOW", "THEN"], style);
    for difference in &proposal.differences {
        table.row([style.bold(&difference.member), difference.now.clone(), difference.then.clone()]);
    }
    format!(
        "version {}, {}\n{}",
        proposal.version,
        when(proposal.at),
        table.render("Nothing would be different.")
    )
}

/// Each member as people read it, in the words of the table of differences; one that this version does not know as it is.
fn in_words(terms: &LinkTerms) -> Vec<(String, String)> {
    let mut members = terms.terms.clone();
    members.insert("v".to_owned(), Value::from(terms.version));
    let read = serde_json::from_value::<Terms>(Value::Object(members.into_iter().collect()));
    let known: Vec<(String, String)> = match &read {
        Ok(read) => deskwire_machine::terms::in_words(read)
            .into_iter()
            .map(|(member, words)| (member.to_owned(), words))
            .collect(),
        Err(_) => Vec::new(),
    };
    let others = terms.terms.iter().filter(|(member, _)| known.iter().all(|(known, _)| known != *member));
    let others: Vec<_> = others.map(|(member, value)| (member.clone(), value.to_string())).collect();
    known.into_iter().chain(others).collect()
}

/// This desk's own words for those of a link.
pub(crate) fn mapping(mapping: &LinkMapping, style: Style) -> String {
    let mut table = Table::new(&["KIND", "HERE", "ON THE LINK", "LABEL"], style);
    for pair in &mapping.statuses {
        let label = pair.label.clone().unwrap_or_default();
        table.row(["status".to_owned(), pair.own.clone(), pair.link.clone(), label]);
    }
    for pair in &mapping.priorities {
        let (own, link) = (priority(pair.own), priority(pair.link));
        table.row(["priority".to_owned(), own.to_owned(), link.to_owned(), String::new()]);
    }
    for pair in &mapping.categories {
        table.row(["category".to_owned(), pair.own.clone(), pair.link.clone(), String::new()]);
    }
    for field in &mapping.custom {
        table.row(["field".to_owned(), field.own.clone(), field.link.clone(), String::new()]);
        for value in &field.values {
            table.row(["  value".to_owned(), value.own.clone(), value.link.clone(), String::new()]);
        }
    }
    table.render("Nothing is mapped: this desk's words go as they are.")
}

const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

/// What would be lost on a link or stands in its way.
pub(crate) fn check(check: &LinkCheck, style: Style) -> String {
    let mut text = String::new();
    for finding in &check.findings {
        let mark = if finding.serious { style.red("!") } else { style.yellow("·") };
        text.push_str(&format!("{mark} {}  {}\n", style.bold(&finding.code), finding.words));
    }
    let last = match (check.ready, check.findings.is_empty()) {
        (true, true) => style.green("Nothing stands in the way, and nothing is lost."),
        (true, false) => style.green("Work can go over this link."),
        (false, _) => style.red("Something stands in the way of work over this link."),
    };
    format!("{text}{last}\n")
}

/// What a link would leave behind if it ended now.
pub(crate) fn left_open(left: &LinkLeftOpen, style: Style) -> String {
    if left.open == 0 && left.unsettled.is_empty() {
        return format!("Nothing is open on the link {}, and all work is in signed statements.\n", left.link);
    }
    let mut text = String::new();
    if left.open > 0 {
        let cases = if left.open == 1 { "1 case is".to_owned() } else { format!("{} cases are", left.open) };
        let end = "what is not resolved falls back to whoever handed it over";
        text.push_str(&style.yellow(&format!("{cases} open on the link {}; {end}:\n", left.link)));
        for case in &left.delegations {
            let (id, state) = (super::short(&case.id), case.state.as_str());
            text.push_str(&format!(
                "  {}  {id}  {state}, as {}\n",
                style.bold(&case.ticket),
                case.role.as_str()
            ));
        }
        let more = left.open.saturating_sub(left.delegations.len() as u64);
        if more > 0 {
            text.push_str(&format!("  and {more} more\n"));
        }
    }
    for work in &left.unsettled {
        let lines = if work.lines == 1 {
            "1 line of work".to_owned()
        } else {
            format!("{} lines of work", work.lines)
        };
        text.push_str(&style.yellow(&format!(
            "{} {} in {lines} that no signed statement holds: {} approved, {} not judged, {} disputed.\n",
            work.sum, work.currency, work.approved, work.open, work.disputed
        )));
    }
    if !left.unsettled.is_empty() {
        text.push_str(&format!(
            "Nobody can approve or sign them on this link afterwards: see `deskwire statement propose --help` before, for {}.\n",
            left.link
        ));
    }
    text
}

/// The rules of a link.
pub(crate) fn rules(list: &RuleList, style: Style) -> String {
    let mut table = Table::new(&["NO", "WHEN", "AS", "DO"], style);
    for rule in &list.rules {
        let role = rule.rule.role.map_or("either side", |role| role.as_str());
        table.row([rule.no.to_string(), rule.rule.when.as_str().to_owned(), role.to_owned(), what(rule)]);
    }
    table.render(&format!("Nothing happens by itself on {}.", list.link))
}

fn what(rule: &Rule) -> String {
    let rule = &rule.rule;
    let mut said = Vec::new();
    if let Some(status) = &rule.status {
        let label = rule.label.as_ref().map(|label| format!(" “{label}”")).unwrap_or_default();
        said.push(format!("set the status {status}{label}"));
    }
    said.extend(rule.notify.as_ref().map(|words| format!("note “{words}”")));
    said.extend(rule.confirm.then(|| "confirm".to_owned()));
    let solution = if rule.pass_solution { " with the partner's solution" } else { "" };
    said.extend(rule.resolve.then(|| format!("resolve the case above{solution}")));
    said.join(", ")
}
