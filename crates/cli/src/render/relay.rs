//! What goes onward, what was taken back, and what would leave, as text.

use deskwire_api_types::{
    Comment, Handed, HandedState, Previews, RelayList, RelayMode, RelaySetting, RelayWaiting, Relayed,
    Revised,
};

use super::{Style, Table, indent, preview, short, when, words::deliveries};

/// What would leave, partner by partner.
pub(crate) fn previews(previews: &Previews, style: Style) -> String {
    if previews.previews.is_empty() {
        return "Nothing leaves this desk.\n".to_owned();
    }
    let each: Vec<_> = previews.previews.iter().map(|one| preview::show(one, style)).collect();
    each.join("\n")
}

/// What waits, or what was decided.
pub(crate) fn list(list: &RelayList, done: &str, style: Style) -> String {
    if !done.is_empty() {
        let line = |one: &RelayWaiting| {
            format!("{done} to {}: {} of {}\n", one.partner, short(&one.item), one.ticket)
        };
        return list.relays.iter().map(line).collect();
    }
    let mut table = Table::new(&["TICKET", "ITEM", "TO", "SINCE", ""], style);
    for one in &list.relays {
        let why = match (&one.words, one.skipped) {
            (_, true) => "skipped".to_owned(),
            (Some(words), false) => style.red(words),
            (None, false) => String::new(),
        };
        table.row([
            one.ticket.clone(),
            short(&one.item).to_owned(),
            one.partner.clone(),
            when(one.since),
            why,
        ]);
    }
    table.render("Nothing waits to be relayed.")
}

/// One sentence about what is set for a link.
pub(crate) fn setting(link: &str, setting: &RelaySetting) -> String {
    let goes = match setting.mode {
        RelayMode::Off => "nothing of other partners goes onward",
        RelayMode::Click => "what other partners say goes onward after a click",
        RelayMode::Automatic => "what other partners say goes onward by itself",
    };
    let named = if setting.named { "they are named where they may be" } else { "they are “a partner”" };
    let sign = if setting.sign { "your own words carry your proof" } else { "your own words carry no proof" };
    format!("Over {link} {goes}; {named}; {sign}.\n")
}

/// Who never got what was taken back, and who may have read it.
pub(crate) fn taken_back(revised: &Revised, kept: bool, style: Style) -> String {
    let mut text = if kept {
        "Taken back from partners; it stays here as an internal one.\n".to_owned()
    } else {
        "Taken back.\n".to_owned()
    };
    if !revised.never.is_empty() {
        text.push_str(&format!("Never left to {}.\n", revised.never.join(", ")));
    }
    if !revised.read.is_empty() {
        let names = revised.read.join(", ");
        text.push_str(&style.yellow(&format!(
            "It had left to {names}: it is hidden there now, but what was read cannot be taken back."
        )));
        text.push('\n');
    }
    text
}

/// To whom something went that was opened to more readers.
pub(crate) fn shared(revised: &Revised, _: Style) -> String {
    if revised.told.is_empty() {
        return "Nobody else gets it; who has it keeps it.\n".to_owned();
    }
    format!("Sent to {}.\n", revised.told.join(", "))
}

/// What is said of the author of something that another desk of the chain wrote.
pub(super) fn author(relayed: &Relayed) -> String {
    match (&relayed.author, &relayed.proven) {
        (Some(author), Some(desk)) => format!("written by {author}, proven as {}", short(desk)),
        (Some(author), None) => format!("written by {author}, as this partner says"),
        (None, _) => "written by a partner of theirs".to_owned(),
    }
}

/// The versions, the retraction and the relays of a comment, as far as it has any.
pub(super) fn past(comment: &Comment, style: Style) -> String {
    let mut text = String::new();
    let last = comment.history.len().saturating_sub(1);
    for (place, version) in comment.history.iter().enumerate() {
        if place < last || comment.retracted {
            let body = version.body.as_deref().unwrap_or("(erased)");
            text.push_str(&style.dim(&format!("before: {body} ({})", when(version.time))));
            text.push('\n');
        }
        text.push_str(&deliveries(&version.deliveries, style));
    }
    if let Some(retraction) = &comment.retraction {
        let how = if retraction.kept { "made internal" } else { "taken back" };
        text.push_str(&style.dim(&format!("{how} {}", when(retraction.time))));
        text.push('\n');
        text.push_str(&deliveries(&retraction.deliveries, style));
    }
    text + &waits(&comment.relays, style)
}

/// Where something does not go onward, or not yet.
pub(super) fn waits(relays: &[RelayWaiting], style: Style) -> String {
    let line = |one: &RelayWaiting| {
        let words = match (&one.words, one.skipped) {
            (_, true) => return style.dim(&format!("not relayed to {}", one.partner)) + "\n",
            (Some(words), false) => format!("not relayed to {}: {words}", one.partner),
            (None, false) => format!(
                "waits to be relayed to {}: deskwire relay approve {} {}",
                one.partner,
                one.ticket,
                short(&one.item)
            ),
        };
        style.yellow(&words) + "\n"
    };
    indent(&relays.iter().map(line).collect::<String>(), 0)
}

/// Where the work stands that was handed out, and who has to act.
pub(super) fn handed(handed: &Handed) -> String {
    let state = match handed.state {
        HandedState::Offered => "offered",
        HandedState::Accepted => "accepted",
        HandedState::InProgress => "in progress",
        HandedState::WaitingThird => "waits for somebody else",
        HandedState::WaitingPrincipal => "waits for your answer",
        HandedState::Resolved => "done, to be confirmed",
        HandedState::Confirmed => "confirmed",
        HandedState::Back => "back: nobody has it",
    };
    let turn = match (handed.our_turn, handed.their_turn) {
        (true, true) => "your turn and theirs",
        (true, false) => "your turn",
        (false, true) => "their turn",
        (false, false) => return state.to_owned(),
    };
    format!("{state} ({turn})")
}
