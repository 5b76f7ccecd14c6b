//! Erasures as text.

use std::collections::BTreeMap;

use deskwire_api_types::{Erasure, ErasureAsked, ErasureList, ErasurePlan, ErasureState};

use super::{Fields, Style, Table, when};

/// What would go, and who would be asked.
pub(crate) fn plan(plan: &ErasurePlan, style: Style) -> String {
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for text in &plan.texts {
        let (ticket, link) = (text.ticket.as_deref().unwrap_or("-"), text.link.as_deref().unwrap_or("here"));
        *counts.entry((ticket, &text.kind, link)).or_default() += 1;
    }
    let mut table = Table::new(&["TICKET", "TEXTS", "WHAT", "LINK"], style);
    for ((ticket, kind, link), count) in counts {
        table.row([ticket.to_owned(), count.to_string(), kind.to_owned(), link.to_owned()]);
    }
    let mut text = table.render("Nothing is here that would go.");
    if plan.files > 0 {
        text.push_str(&format!("\nFiles whose bytes go: {}\n", plan.files));
    }
    if !plan.tickets.is_empty() {
        text.push_str(&format!("\nTitle and fields go of: {}\n", plan.tickets.join(", ")));
    }
    if !plan.open.is_empty() {
        let open = format!("Not over yet: {}\n", plan.open.join(", "));
        text.push_str(&format!("\n{}", style.yellow(&open)));
    }
    text.push('\n');
    text.push_str(&partners(&plan.partners, style));
    text
}

/// One erasure, partner by partner.
pub(crate) fn one(erasure: &Erasure, style: Style) -> String {
    let mut fields = Fields::default()
        .put("erasure", erasure.id.clone())
        .put("of", about(erasure))
        .put("ground", erasure.basis.clone())
        .put("since", when(erasure.since))
        .put("texts here", erasure.texts.to_string())
        .put("state", state(erasure, style));
    if let Some(done) = erasure.done {
        fields = fields.put("done", when(done));
    }
    let mut text = fields.render(style);
    text.push('\n');
    if !erasure.asked.is_empty() {
        text.push('\n');
        text.push_str(&partners(&erasure.asked, style));
    }
    text
}

/// All of them.
pub(crate) fn list(list: &ErasureList, style: Style) -> String {
    let mut table = Table::new(&["ERASURE", "OF", "GROUND", "SINCE", "STATE"], style);
    for one in &list.erasures {
        table.row([one.id.clone(), about(one), one.basis.clone(), when(one.since), state(one, style)]);
    }
    table.render("Nothing was erased yet.")
}

fn about(erasure: &Erasure) -> String {
    match (&erasure.ticket, &erasure.by) {
        (Some(ticket), _) => format!("case {ticket}"),
        (None, Some(partner)) => format!("asked by {partner}"),
        (None, None) if erasure.about == "restored" => "asked before a restore".to_owned(),
        (None, None) => erasure.about.clone(),
    }
}

fn state(erasure: &Erasure, style: Style) -> String {
    match erasure.state {
        ErasureState::Here => style.yellow("going from this disk"),
        ErasureState::Partners => {
            let waits = erasure.asked.iter().filter(|asked| asked.done.is_none());
            let names: Vec<_> = waits.map(|asked| asked.partner.as_str()).collect();
            style.yellow(&format!("gone here, waits for {}", names.join(", ")))
        }
        ErasureState::Done => "gone everywhere".to_owned(),
    }
}

fn partners(asked: &[ErasureAsked], style: Style) -> String {
    let mut table = Table::new(&["PARTNER", "ITEMS", "STATE"], style);
    for one in asked {
        table.row([one.partner.clone(), one.items.to_string(), answer(one, style)]);
    }
    table.render("No partner has any of it.")
}

fn answer(asked: &ErasureAsked, style: Style) -> String {
    match (asked.done, &asked.refused, asked.since) {
        (Some(done), _, _) => format!("acknowledged {}", when(done)),
        (None, Some(words), _) => style.red(&format!("does not take it: {words}")),
        (None, None, _) if !asked.reachable => style.red("cannot be asked: its link has ended"),
        (None, None, Some(since)) => style.yellow(&format!("asked {}, waits", when(since))),
        (None, None, None) => "to be asked".to_owned(),
    }
}
