//! Clocks, deadlines and business hours as text.

use deskwire_api_types::{Calendar, ChainHop, ClockSplit, DelegationClock, Due, DueKind, DueState};

use super::{Fields, Style, Table, when};

/// Business hours.
pub(crate) fn calendar(calendar: &Calendar, style: Style) -> String {
    let Some(hours) = &calendar.hours else {
        return "This desk is always open: `deskwire calendar set FILE` says otherwise.\n".to_owned();
    };
    let mut fields = Fields::default().put("zone", &hours.zone);
    for day in ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] {
        let spans = hours.week.get(day).map(|spans| spans.join(", ")).unwrap_or_default();
        fields = fields.put(day, if spans.is_empty() { "closed".to_owned() } else { spans });
    }
    for (day, spans) in &hours.days {
        fields = fields.put(day, if spans.is_empty() { "closed".to_owned() } else { spans.join(", ") });
    }
    let mut text = fields.render(style);
    text.push_str(&reach(calendar, style));
    text
}

/// The open intervals.
pub(crate) fn intervals(calendar: &Calendar, style: Style) -> String {
    let mut table = Table::new(&["FROM (UTC)", "TO (UTC)"], style);
    for (from, to) in &calendar.intervals {
        table.row([from.to_string(), to.to_string()]);
    }
    let mut text = table.render("This desk is always open.");
    text.push_str(&reach(calendar, style));
    text
}

fn reach(calendar: &Calendar, style: Style) -> String {
    let Some(until) = calendar.until else { return String::new() };
    let count = calendar.intervals.len();
    let words = format!("{count} intervals up to {}\n", when(until));
    if calendar.cut {
        let words =
            format!("{} Terms take no more: merge hours, or renew the calendar before then.\n", words.trim());
        return style.yellow(&words);
    }
    style.dim(&words)
}

/// A deadline in a list.
pub(crate) fn due(due: Option<&Due>, style: Style) -> String {
    let Some(due) = due else { return String::new() };
    let at = when(due.at);
    match due.state {
        DueState::Overdue => style.red(&format!("{at} overdue")),
        DueState::Near => style.yellow(&format!("{at} soon")),
        DueState::Open if due.stands => style.dim("stands"),
        DueState::Open => at,
        DueState::Met => style.dim("met"),
        DueState::Breached => style.red("late"),
        DueState::Void => String::new(),
    }
}

/// The deadline that a ticket shows now: what has to be done by then, and how that stands.
pub(crate) fn next(due: Option<&Due>, style: Style) -> Option<String> {
    due.map(|due| format!("to {} by {}", due.kind.as_str(), deadline(due, style)))
}

/// The clock of a delegation.
pub(crate) fn clock(clock: &DelegationClock, style: Style) -> String {
    let mut fields = Fields::default()
        .maybe("respond", clock.respond.as_ref().map(|due| deadline(due, style)))
        .maybe("resolve", clock.resolve.as_ref().map(|due| deadline(due, style)))
        .put("contractor", contractor(&clock.time))
        .put("principal", principal(&clock.time));
    if clock.wall != clock.time {
        let wall = format!("{} and {}", span(clock.wall.contractor), span(clock.wall.principal));
        fields = fields.put("on the wall", wall);
    }
    for breach in &clock.breaches {
        let what = match breach.kind {
            DueKind::Respond => "not answered",
            DueKind::Resolve => "not resolved",
        };
        let words = format!("{what} by {}, in the hands of the {}", when(breach.at), breach.by.as_str());
        fields = fields.put("breach", style.red(&words));
    }
    let mut text = fields.render(style);
    if clock.provisional {
        text.push_str(&format!("  {}\n", style.yellow("not everything of this is settled yet")));
    }
    text
}

/// The desks further down, as the contractor has reported them, and when.
pub(crate) fn chain(clock: &DelegationClock, style: Style) -> String {
    let as_of = clock.reported_at.map(|at| format!(" as of {}", when(at))).unwrap_or_default();
    format!("{}{}\n{}", style.dim("CHAIN"), style.dim(&as_of), hops(&clock.hops, style))
}

fn hops(hops: &[ChainHop], style: Style) -> String {
    let mut table = Table::new(&["DESK", "STATE", "IN HAND", "WAITED", "BREACHES", "RATING"], style);
    for hop in hops {
        table.row([
            style.bold(&hop.alias),
            hop.state.clone(),
            span(hop.held),
            span(hop.waited),
            hop.breaches.to_string(),
            hop.stars.map(|stars| format!("{stars}/5")).unwrap_or_default(),
        ]);
    }
    table.render("")
}

fn deadline(due: &Due, style: Style) -> String {
    let moved = if due.moved > 0 { format!(", moved by {}", span(due.moved)) } else { String::new() };
    let at = when(due.at);
    let by = due.by.map(|by| format!(" in the hands of the {}", by.as_str())).unwrap_or_default();
    let done = due.done.map(|done| format!(", done {}", when(done))).unwrap_or_default();
    match due.state {
        DueState::Open if due.stands => format!("{at}{moved}; the clock stands"),
        DueState::Open => format!("{at}{moved}"),
        DueState::Near => style.yellow(&format!("{at}{moved}, soon")),
        DueState::Overdue => style.red(&format!("{at}{moved}, passed{by}")),
        DueState::Met => format!("{at}{moved}, met{done}"),
        DueState::Breached => style.red(&format!("{at}{moved}, passed{by}{done}")),
        DueState::Void => style.dim(&format!("{at}{moved}, ended before")),
    }
}

fn contractor(split: &ClockSplit) -> String {
    let parts = [
        ("to answer", split.offered),
        ("waiting for others", split.third),
        ("asking without need", split.disputed),
    ];
    with_parts(split.contractor, &parts)
}

fn principal(split: &ClockSplit) -> String {
    with_parts(split.principal, &[("asked", split.waiting), ("to confirm", split.resolved)])
}

fn with_parts(whole: u64, parts: &[(&str, u64)]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .filter(|(_, time)| *time > 0)
        .map(|(what, time)| format!("{} {what}", span(*time)))
        .collect();
    if parts.is_empty() { span(whole) } else { format!("{}, of it {}", span(whole), parts.join(", ")) }
}

/// Milliseconds as people say them: `3d 04h`, `2h 05m`, `12m`, `40s`.
fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {:02}m", minutes % 60),
        (_, _, _) => format!("{days}d {:02}h", hours % 24),
    }
}
