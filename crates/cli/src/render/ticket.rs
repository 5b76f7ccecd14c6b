//! Tickets and their threads as text.

use deskwire_api_types::{
    Audience, Comment, Custom, FieldValue, FileInfo, Priority, Reading, ThreadEntry, ThreadEvent, Ticket,
    TicketDetail, TicketList, Untold, Withheld,
};

use super::{
    Fields, Style, Table, bytes, delegation_brief, file, indent, relay, when,
    words::{author, deliveries, person},
};

/// A page of tickets.
pub(crate) fn list(list: &TicketList, style: Style) -> String {
    let headings = ["NUMBER", "STATUS", "PRIORITY", "UPDATED", "DUE", "FROM", "HANDED OUT", "TITLE"];
    let mut table = Table::new(&headings, style);
    for ticket in &list.tickets {
        table.row([
            style.bold(&ticket.number),
            status(ticket),
            priority(ticket.priority, style),
            when(ticket.updated),
            super::clock::due(ticket.next_due.as_ref(), style),
            ticket.origin_partner.clone().unwrap_or_default(),
            ticket.handed.as_ref().map(relay::handed).unwrap_or_default(),
            cut(&ticket.title, 60),
        ]);
    }
    let mut text = table.render("No tickets.");
    if let Some(before) = list.before {
        text.push_str(&style.dim(&format!("More: --before {before}")));
        text.push('\n');
    }
    text
}

/// One line about a ticket.
pub(crate) fn brief(ticket: &Ticket, style: Style) -> String {
    format!("{}  {}  {}\n", style.bold(&ticket.number), status(ticket), ticket.title.replace('\n', " "))
}

/// One ticket, its delegations and its thread.
pub(crate) fn show(detail: &TicketDetail, style: Style) -> String {
    let ticket = &detail.ticket;
    let mut text =
        format!("{}  {}\n{}", style.bold(&ticket.number), style.bold(&ticket.title), head(ticket, style));
    if let Some(description) = &ticket.description {
        text.push('\n');
        text.push_str(&indent(description, 2));
    }
    if !detail.delegations.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("DELEGATIONS")));
        for delegation in &detail.delegations {
            text.push_str(&indent(&delegation_brief(delegation, style), 2));
        }
        for one in &detail.untold {
            text.push_str(&indent(&untold(one, style), 2));
        }
    }
    if !detail.thread.is_empty() {
        text.push_str(&format!("\n{}\n", style.dim("THREAD")));
        for entry in &detail.thread {
            text.push_str(&self::entry(entry, style));
        }
    }
    text
}

fn head(ticket: &Ticket, style: Style) -> String {
    let requester = ticket.requester.as_ref().map(|contact| {
        let parts = [Some(&contact.name), contact.email.as_ref(), contact.phone.as_ref()];
        let onward = if contact.onward { " (may be handed on)" } else { "" };
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ") + onward
    });
    let object = ticket.object.as_ref().map(|object| {
        [Some(&object.name), object.address.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    });
    let equipment = ticket.equipment.as_ref().map(|equipment| {
        let serial = equipment.serial.as_ref().map(|serial| format!("serial {serial}"));
        let inventory = equipment.inventory.as_ref().map(|inventory| format!("inventory {inventory}"));
        let parts =
            [equipment.kind.clone(), equipment.maker.clone(), equipment.model.clone(), serial, inventory];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    Fields::default()
        .put("status", status(ticket))
        .put("priority", priority(ticket.priority, style))
        .maybe("category", ticket.category.as_ref())
        .maybe("requester", requester)
        .maybe("company", ticket.company.as_ref())
        .maybe("place", object)
        .maybe("equipment", equipment)
        .maybe("agreement", ticket.agreement.as_ref())
        .maybe("fields", custom(&ticket.custom))
        .maybe("not in our words", unmapped(&ticket.unmapped))
        .maybe("due", ticket.due.map(when))
        .maybe("deadline", super::clock::next(ticket.next_due.as_ref(), style))
        .maybe("handed over by", ticket.origin_partner.as_ref())
        .maybe("handed out", ticket.handed.as_ref().map(relay::handed))
        .put("opened", format!("{} by {}", when(ticket.created), person(ticket.by.as_ref())))
        .render(style)
}

/// Custom fields in one line.
fn custom(fields: &[Custom]) -> Option<String> {
    let fields: Vec<_> = fields.iter().map(|field| format!("{}={}", field.key, field.value)).collect();
    Some(fields.join(", ")).filter(|fields| !fields.is_empty())
}

/// What the mapping of the link has no word for, in one line.
fn unmapped(values: &[FieldValue]) -> Option<String> {
    let values: Vec<_> = values.iter().map(|value| format!("{} “{}”", value.field, value.value)).collect();
    (!values.is_empty()).then(|| format!("{}: as the partner calls it", values.join(", ")))
}

/// What of an offer the mapping of the link has words for, in one line.
pub(super) fn reading(reading: &Reading) -> Option<String> {
    let parts = [
        reading.category.as_ref().map(|category| format!("category {category}")),
        reading.priority.map(|priority| format!("priority {}", priority.as_str())),
        custom(&reading.custom),
        unmapped(&reading.unmapped).map(|words| format!("not in our words: {words}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What of an update stayed here.
pub(super) fn left_out(left: &[Withheld]) -> Option<String> {
    let left: Vec<_> = left
        .iter()
        .map(|one| format!("{}: {}", one.field, one.words.as_deref().unwrap_or("It stays here.")))
        .collect();
    (!left.is_empty()).then(|| left.join("; "))
}

/// Who below was not told of a change above, and how to tell it.
fn untold(untold: &Untold, style: Style) -> String {
    let option = |field: &String| match field.as_str() {
        "contact" => "--requester …".to_owned(),
        "equipment" => "--equipment …".to_owned(),
        field => format!("--{} …", field.replace('_', "-")),
    };
    let options: Vec<_> = untold.fields.iter().map(option).collect();
    let names: Vec<_> = untold.fields.iter().map(|field| field.replace("resolve_by", "deadline")).collect();
    let id = super::short(&untold.delegation);
    style.yellow(&format!(
        "{} was not told of what has changed ({}). Tell it: deskwire delegation update {id} {}",
        untold.partner,
        names.join(", "),
        options.join(" ")
    )) + "\n"
}

fn entry(entry: &ThreadEntry, style: Style) -> String {
    match entry {
        ThreadEntry::Comment(comment) => said(comment, style),
        ThreadEntry::File(file) => attached(file, style),
        ThreadEntry::Event(event) => happened(event, style),
    }
}

/// One comment with its past.
pub(crate) fn comment(comment: &Comment, style: Style) -> String {
    said(comment, style)
}

fn said(comment: &Comment, style: Style) -> String {
    let who = author(comment.by.as_ref(), comment.partner.as_ref());
    let edited = comment.edited.map(|at| format!(", edited {}", when(at))).unwrap_or_default();
    let body = match &comment.body {
        Some(body) => body.clone(),
        None if comment.retracted => style.dim("(retracted)"),
        None if comment.withdrawn => style.dim("(withdrawn by its author)"),
        None => style.dim("(erased)"),
    };
    let line = format!(
        "  {}  {}  {}{edited}  {}\n",
        when(comment.time),
        style.bold(&who),
        audience(&comment.audience, style),
        style.dim(super::short(&comment.id))
    );
    let author = comment.relayed.as_ref().map(relay::author).map(|words| style.dim(&words) + "\n");
    let author = author.unwrap_or_default();
    let disowned = comment.no_effect.as_ref().map(|why| style.red(why)).unwrap_or_default();
    let beside = author + &deliveries(&comment.deliveries, style) + &relay::past(comment, style);
    line + &indent(&body, 4) + &indent(&disowned, 4) + &indent(&beside, 4)
}

fn attached(info: &FileInfo, style: Style) -> String {
    let who = author(info.by.as_ref(), info.partner.as_ref());
    let line = format!("  {}  {}  {}\n", when(info.time), style.bold(&who), audience(&info.audience, style));
    let file = if info.retracted {
        style.dim("(file retracted)")
    } else {
        format!(
            "file {}, {}, {}  {}",
            info.name,
            bytes(info.size),
            file::state(info, style),
            style.dim(&info.id)
        )
    };
    let author = info.relayed.as_ref().map(relay::author).map(|words| style.dim(&words) + "\n");
    let taken_back =
        info.retraction.as_ref().map(|back| deliveries(&back.deliveries, style)).unwrap_or_default();
    let beside = author.unwrap_or_default()
        + &deliveries(&info.deliveries, style)
        + &taken_back
        + &relay::waits(&info.relays, style);
    line + &indent(&file, 4) + &indent(&beside, 4)
}

fn happened(event: &ThreadEvent, style: Style) -> String {
    let who = event.by.as_ref().map(|by| person(Some(by)));
    let who = [who, event.partner.clone()].into_iter().flatten().collect::<Vec<_>>().join(" of ");
    let who = if who.is_empty() { who } else { format!(", {who}") };
    let words = match &event.code {
        Some(code) => style.red(&format!("{} ({code})", event.words)),
        None => event.words.clone(),
    };
    let delivery = event.delivery.as_ref().map(|delivery| deliveries(std::slice::from_ref(delivery), style));
    format!("  {}  {}{}\n", when(event.time), words, style.dim(&who))
        + &indent(&delivery.unwrap_or_default(), 4)
}

/// The audience, so that what left the desk is seen at a glance.
fn audience(audience: &Audience, style: Style) -> String {
    match audience {
        Audience::Internal => style.dim("internal"),
        Audience::Requester => style.yellow("to the requester"),
        Audience::Thread => style.yellow("to all partners"),
        Audience::Delegations { ids } => {
            let ids: Vec<_> = ids.iter().map(|id| super::short(id)).collect();
            style.yellow(&format!("to {}", ids.join(", ")))
        }
    }
}

fn status(ticket: &Ticket) -> String {
    match &ticket.label {
        Some(label) => format!("{} “{label}”", ticket.status),
        None => ticket.status.clone(),
    }
}

fn priority(priority: Priority, style: Style) -> String {
    let word = priority.as_str();
    match priority {
        Priority::Low | Priority::Normal => word.to_owned(),
        Priority::High => style.yellow(word),
        Priority::Urgent => style.red(word),
    }
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}
