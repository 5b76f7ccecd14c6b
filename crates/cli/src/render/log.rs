//! The signed stream of a link as text.

use deskwire_api_types::{Direction, LogEntry, LogOutcome, LogPage};

use super::{Style, indent, short, when};

/// A part of a stream.
pub(crate) fn show(page: &LogPage, style: Style) -> String {
    let whose = match page.direction {
        Direction::Out => "to",
        Direction::In => "from",
    };
    let mut text = format!("Stream {whose} {}, {} messages\n", style.bold(&page.link), page.length);
    for entry in &page.entries {
        text.push_str(&self::entry(entry, style));
    }
    if let Some(next) = page.next {
        text.push_str(&style.dim(&format!("More: --from {next}")));
        text.push('\n');
    }
    text
}

pub(super) fn entry(entry: &LogEntry, style: Style) -> String {
    let word = entry.outcome.as_str();
    let outcome = match entry.outcome {
        LogOutcome::Applied => style.green(word),
        LogOutcome::Refused | LogOutcome::Unsupported => style.red(word),
        LogOutcome::Unacknowledged => style.yellow(word),
    };
    let delegation =
        entry.delegation.as_ref().map(|id| format!(", delegation {}", short(id))).unwrap_or_default();
    let mut text = format!(
        "\n{}  {}  {}  {outcome}\n",
        style.bold(&format!("#{}", entry.seq)),
        when(entry.time),
        style.bold(&entry.kind),
    );
    let ids = format!(
        "hash {}, prev {}, key {}, seen {}, item {}{delegation}",
        short(&entry.hash),
        short(&entry.prev),
        short(&entry.key_id),
        entry.seen,
        short(&entry.item),
    );
    text.push_str(&indent(&style.dim(&ids), 4));
    if let Some(words) = &entry.words {
        let code = entry.code.as_deref().unwrap_or("no code");
        text.push_str(&indent(&style.red(&format!("{words} ({code})")), 4));
    }
    text.push_str(&indent(&format!("facts {}", entry.facts), 4));
    match (&entry.text, entry.erased) {
        (_, true) => text.push_str(&indent(&style.dim("text erased"), 4)),
        (Some(part), false) => text.push_str(&indent(&format!("text {part}"), 4)),
        (None, false) => {}
    }
    if let Some(signed) = &entry.signed_hex {
        text.push_str(&indent(&format!("signed {signed}"), 4));
    }
    text
}
