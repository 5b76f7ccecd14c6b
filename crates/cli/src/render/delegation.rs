//! Delegations as text.

use deskwire_api_types::{
    CountedTime, Delegation, DelegationList, DelegationState, Effect, OfferFields, PendingChange, Role,
    TimelineEvent, Turn, Undelivered, WaitingFor,
};

use super::words::exactly;
use super::{Fields, Style, Table, indent, person, short, when};

/// A page of delegations.
pub(crate) fn list(list: &DelegationList, style: Style) -> String {
    let mut table =
        Table::new(&["ID", "", "PARTNER", "STATE", "TURN", "DUE", "OURS", "THEIRS", "TITLE"], style);
    for delegation in &list.delegations {
        table.row([
            style.bold(short(&delegation.id)),
            arrow(delegation.role).to_owned(),
            delegation.partner.name.clone(),
            state(delegation, style),
            turn(delegation, style),
            super::clock::due(delegation.due.as_ref(), style),
            delegation.own.ticket.clone(),
            delegation.partner.ticket.clone().unwrap_or_else(|| "–".to_owned()),
            delegation.offer.title.clone().unwrap_or_else(|| "(erased)".to_owned()),
        ]);
    }
    let mut text = table.render("No delegations: `deskwire ticket delegate` hands a ticket over.");
    if let Some(before) = &list.before {
        text.push_str(&style.dim(&format!("More: --before {before}")));
        text.push('\n');
    }
    text
}

/// A line or two about a delegation: where it stands, and what has not arrived.
pub(crate) fn brief(delegation: &Delegation, style: Style) -> String {
    let partner = &delegation.partner;
    let ticket = partner.ticket.as_ref().map(|ticket| format!(", their {ticket}")).unwrap_or_default();
    let status = match (&partner.label, &partner.status) {
        (Some(label), _) => format!(" “{label}”"),
        (None, Some(status)) => format!(" “{status}”"),
        (None, None) => String::new(),
    };
    let mut text = format!(
        "{}  {} {}{ticket}{status}  {}  {}\n",
        style.bold(short(&delegation.id)),
        arrow(delegation.role),
        partner.name,
        state(delegation, style),
        turn(delegation, style),
    );
    for change in &delegation.changes {
        text.push_str(&indent(&style.yellow(&proposed(change, style)), 2));
    }
    if let Some(words) = super::ticket::left_out(&delegation.left_out) {
        text.push_str(&indent(&style.yellow(&format!("left out: {words}")), 2));
    }
    if let Some(undelivered) = &delegation.undelivered {
        text.push_str(&indent(&not_received(undelivered, style), 2));
    }
    text
}

/// One delegation with what was asked for, both sides and its events.
pub(crate) fn show(delegation: &Delegation, style: Style) -> String {
    let side = |ticket: &str, status: &Option<String>, label: &Option<String>| {
        let label = label.as_ref().map(|label| format!("“{label}”"));
        [Some(ticket.to_owned()), status.clone(), label].into_iter().flatten().collect::<Vec<_>>().join("  ")
    };
    let (own, partner) = (&delegation.own, &delegation.partner);
    let actions: Vec<_> = delegation.actions.iter().map(|action| action.as_str()).collect();
    let undelivered = delegation.undelivered.as_ref().map(|open| not_received(open, style));
    let fields = Fields::default()
        .put("partner", format!("{}, link {}", partner.name, delegation.link))
        .put("state", state(delegation, style))
        .put("turn", turn(delegation, style))
        .put("ours", side(&own.ticket, &own.status, &own.label))
        .put(
            "theirs",
            side(partner.ticket.as_deref().unwrap_or("no ticket yet"), &partner.status, &partner.label),
        )
        .maybe("here", partner.here.as_ref().map(|here| format!("{here}, by the mapping of the link")))
        .maybe("confirms itself", delegation.confirms.map(when))
        .maybe("question", delegation.question.as_ref())
        .maybe("in our words", delegation.reading.as_ref().and_then(super::ticket::reading))
        .all("change", delegation.changes.iter().map(|change| proposed(change, style)))
        .maybe("left out", super::ticket::left_out(&delegation.left_out))
        .maybe("not received", undelivered)
        .put("you can", if actions.is_empty() { "nothing more".to_owned() } else { actions.join(", ") })
        .put("offered", format!("{}, version {}", when(delegation.created), delegation.version));
    let title = delegation.offer.title.as_deref().unwrap_or("(erased)");
    let mut text = format!(
        "{}  {}\n{}\n{}\n{}",
        style.bold(&delegation.id),
        style.bold(title),
        fields.render(style),
        style.dim("OFFER"),
        offer(&delegation.offer, style),
    );
    if let Some(work) = &delegation.work {
        text.push_str(&format!("\n{}\n{}", style.dim("WORK"), super::work(work, style)));
    }
    if let Some(clock) = &delegation.clock {
        text.push_str(&format!("\n{}\n{}", style.dim("CLOCK"), super::clock::clock(clock, style)));
        if !clock.hops.is_empty() {
            text.push_str(&format!("\n{}", super::clock::chain(clock, style)));
        }
    }
    if !delegation.timeline.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("EVENTS")));
        for event in &delegation.timeline {
            text.push_str(&self::event(event, delegation, style));
        }
    }
    text
}

/// What has not reached the partner, since when, and what of it waits for a person.
fn not_received(open: &Undelivered, style: Style) -> String {
    let parked = match open.parked {
        0 => String::new(),
        parked => format!(", {parked} of them parked: see `deskwire queue list`"),
    };
    let items = if open.items == 1 { "1 item".to_owned() } else { format!("{} items", open.items) };
    let words = match open.late || open.parked > 0 {
        true => format!("{items}, not delivered since {}{parked}", when(open.since)),
        false => format!("{items} on the way"),
    };
    if open.late || open.parked > 0 { style.red(&words) } else { style.yellow(&words) }
}

fn arrow(role: Role) -> &'static str {
    match role {
        Role::Principal => "to",
        Role::Contractor => "from",
    }
}

fn state(delegation: &Delegation, style: Style) -> String {
    let word = delegation.state.as_str();
    let text = match delegation.state {
        DelegationState::Offered | DelegationState::Resolved => style.yellow(word),
        DelegationState::Accepted | DelegationState::InProgress => style.green(word),
        DelegationState::Waiting => match delegation.waiting_for {
            Some(WaitingFor::Principal) => style.yellow("waiting for the principal"),
            Some(WaitingFor::Third) => style.yellow("waiting for a third party"),
            None => style.yellow(word),
        },
        DelegationState::Confirmed => style.dim(word),
        DelegationState::Declined | DelegationState::Returned | DelegationState::Recalled => style.red(word),
    };
    if delegation.provisional { format!("{text} (the partner has not answered)") } else { text }
}

fn turn(delegation: &Delegation, style: Style) -> String {
    match delegation.turn {
        Turn::Own => style.bold("your turn"),
        Turn::Partner => "their turn".to_owned(),
        Turn::Nobody => style.dim("ended"),
    }
}

fn proposed(change: &PendingChange, style: Style) -> String {
    let title = change.fields.title.as_ref().map(|title| format!("title {title}\n")).unwrap_or_default();
    let body = title + &offer(&change.fields, style);
    let lines: Vec<_> = body.lines().map(str::trim).collect();
    format!("version {} proposed: {}", change.version, lines.join("; "))
}

fn offer(offer: &OfferFields, style: Style) -> String {
    let contact = offer.contact.as_ref().map(|contact| {
        let parts = [Some(&contact.name), contact.email.as_ref(), contact.phone.as_ref()];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
    });
    let object = offer.object.as_ref().map(|object| {
        [Some(&object.name), object.address.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    });
    let equipment = offer.equipment.as_ref().map(|equipment| {
        let parts =
            [&equipment.kind, &equipment.maker, &equipment.model, &equipment.serial, &equipment.inventory];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
    });
    let mut fields = Fields::default()
        .maybe("description", offer.description.as_ref())
        .maybe("category", offer.category.as_ref())
        .maybe("priority", offer.priority.map(|priority| priority.as_str()))
        .maybe("respond by", offer.respond_by.map(when))
        .maybe("resolve by", offer.resolve_by.map(when))
        .maybe("contact", contact)
        .maybe("company", offer.company.as_ref())
        .maybe("place", object)
        .maybe("equipment", equipment)
        .maybe("agreement", offer.agreement.as_ref())
        .maybe(
            "price limit",
            offer.price.as_ref().map(|price| format!("{} {}", price.amount, price.currency)),
        );
    for custom in &offer.custom {
        fields = fields.put(&custom.key, &custom.value);
    }
    if offer.test {
        fields = fields.put("test", "a trial: nobody should travel for it");
    }
    fields.render(style)
}

/// The time that counts beside the one that was claimed, and why it is another.
fn both_times(event: &TimelineEvent, counted: &CountedTime, style: Style) -> String {
    let why = match counted.basis.as_str() {
        "before-seen" => ", which is before what its author had seen",
        "after-commit" => ", which is after the other desk had it",
        "beyond-tolerance" => ", longer ago than the tolerance of the terms",
        "raised" => ", which is before the event that it follows",
        _ => "",
    };
    let (claimed, counts) = (exactly(event.time), exactly(counted.at));
    style.yellow(&format!("(counted {counts}, claimed {claimed}{why})"))
}

fn event(event: &TimelineEvent, delegation: &Delegation, style: Style) -> String {
    let own = event.from == delegation.role;
    let who = match (&event.by, own) {
        (Some(by), true) => person(Some(by)),
        (Some(by), false) => format!("{} of {}", person(Some(by)), delegation.partner.name),
        (None, true) => "this desk".to_owned(),
        (None, false) => delegation.partner.name.clone(),
    };
    let word = event.effect.as_str();
    let effect = match event.effect {
        Effect::Applied => String::new(),
        Effect::Superseded => style.dim(word),
        Effect::Provisional | Effect::Waiting => style.yellow(word),
        Effect::Refused | Effect::Unsupported | Effect::Parked => style.red(word),
    };
    let counted = event.counted.as_ref().filter(|counted| counted.at != event.time);
    let counted = counted.map(|counted| both_times(event, counted, style)).unwrap_or_default();
    let line = format!("  {}  {}  {who}  {effect} {counted}", when(event.time), style.bold(&event.kind));
    let mut text = format!("{}\n", line.trim_end());
    if let Some(reason) = &event.reason {
        text.push_str(&indent(reason, 4));
    }
    if let Some(words) = &event.words {
        let code = event.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        text.push_str(&indent(&format!("{words}{code}"), 4));
    }
    text
}
