//! What is on its way to partners, as text.

use deskwire_api_types::{QueueChanged, QueueItem, QueueList, QueuePreview, QueueState};

use super::{Style, Table, indent, short, when};

/// A page of what is on its way.
pub(crate) fn list(list: &QueueList, style: Style) -> String {
    let mut text = table(&list.items, style).render("Nothing is on its way: everything has been delivered.");
    for item in &list.items {
        if let Some(words) = &item.words {
            text.push_str(&format!("{} {}\n", style.red("!"), short(&item.item)));
            text.push_str(&indent(words, 2));
        }
    }
    if let Some(after) = &list.after {
        text.push_str(&style.dim(&format!("More: --after {after}")));
        text.push('\n');
    }
    text
}

/// What dropping would throw away.
pub(crate) fn preview(preview: &QueuePreview, style: Style) -> String {
    let mut text = table(&preview.items, style).render("Nothing would be dropped.");
    if preview.more {
        text.push_str("… and more.\n");
    }
    if !preview.items.is_empty() {
        text.push_str("This would be dropped for good. Nothing has changed yet.\n");
    }
    text
}

/// What a change has done.
pub(crate) fn changed(changed: &QueueChanged, done: &str, style: Style) -> String {
    let items = if changed.count == 1 { "item" } else { "items" };
    let mut text = format!("{} {items} {done}.\n", changed.count);
    for item in &changed.items {
        let ticket = item.ticket.as_ref().map(|ticket| format!("  {ticket}")).unwrap_or_default();
        text.push_str(&format!(
            "  {}  {}  {}{ticket}\n",
            style.bold(short(&item.item)),
            item.kind,
            item.link
        ));
    }
    if changed.count > changed.items.len() as u64 {
        text.push_str("  …\n");
    }
    if changed.more {
        text.push_str("There is more: run the same command again.\n");
    }
    text
}

fn table(items: &[QueueItem], style: Style) -> Table<6> {
    let mut table = Table::new(&["ITEM", "LINK", "STATE", "KIND", "TICKET", "SINCE"], style);
    for item in items {
        let since = when(item.since);
        table.row([
            style.bold(short(&item.item)),
            item.link.clone(),
            state(item, style),
            item.kind.clone(),
            item.ticket.clone().unwrap_or_default(),
            if item.late { style.red(&since) } else { since },
        ]);
    }
    table
}

fn state(item: &QueueItem, style: Style) -> String {
    match (item.state, item.seq) {
        (QueueState::Sent, Some(seq)) => format!("sent as {seq}"),
        (QueueState::Sent, None) => "sent".to_owned(),
        (QueueState::Waiting, _) => style.yellow("waiting"),
        (QueueState::Parked, _) if item.dead => style.red("parked, given up"),
        (QueueState::Parked, _) => style.red("parked"),
    }
}
