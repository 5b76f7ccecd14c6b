//! Links as text.

use deskwire_api_types::{Link, LinkEvent, LinkList, LinkState, PersonTerm, Redelegate, Terms, Words};

use super::{Fields, Style, Table, bytes, when};

/// All links, and below them what is wrong with some.
pub(crate) fn list(list: &LinkList, style: Style) -> String {
    let mut table = Table::new(&["NAME", "PARTNER", "STATE", "WORDS", "TO SEND", "LAST CONTACT"], style);
    for link in &list.links {
        table.row([
            style.bold(&link.name),
            link.partner.name.clone(),
            state(link.state, style),
            if link.verified { "compared".to_owned() } else { style.yellow("not compared") },
            (link.out.waiting + link.out.unacknowledged).to_string(),
            link.last_contact.map_or_else(|| "never".to_owned(), when),
        ]);
    }
    let mut text = table.render("No links yet: `deskwire link invite` makes an invitation for a partner.");
    for link in &list.links {
        if let Some(trouble) = &link.last_error {
            text.push_str(&format!(
                "{} {}: {} ({})\n",
                style.red("!"),
                link.name,
                trouble.words,
                trouble.code
            ));
        }
    }
    text
}

/// One link with its terms, streams and what to do next.
pub(crate) fn show(link: &Link, style: Style) -> String {
    let verified =
        if link.verified { "compared, they match".to_owned() } else { style.yellow("not compared yet") };
    let error = link.last_error.as_ref().map(|trouble| {
        let at = trouble.at.map(|at| format!(", {}", when(at))).unwrap_or_default();
        format!("{} ({}{at})", style.red(&trouble.words), trouble.code)
    });
    let fields = Fields::default()
        .put("state", state(link.state, style))
        .put("desk id", &link.partner.id)
        .put("endpoints", endpoints(&link.partner.endpoints))
        .maybe("link id", link.id.as_ref())
        .put("words", verified)
        .put("terms", terms(link))
        .put("to send", to_send(link))
        .put("sent", format!("{} messages, {} acknowledged", link.out.length, link.out.acknowledged))
        .put("received", format!("{} messages", link.incoming.length))
        .put("last contact", link.last_contact.map_or_else(|| "never".to_owned(), when))
        .maybe("last error", error)
        .maybe("next attempt", link.next_attempt.map(when));
    let mut text = format!("{}  {}\n{}", style.bold(&link.name), link.partner.name, fields.render(style));
    if let (false, Some(words)) = (link.verified, &link.words) {
        text.push('\n');
        text.push_str(&words_to_compare(words, style));
    }
    text.push_str(&events(&link.events, style));
    if let Some(next) = next(link) {
        text.push_str(&format!("\n{next}\n"));
    }
    text
}

/// What happened to a link, newest first.
fn events(events: &[LinkEvent], style: Style) -> String {
    let mut text = String::new();
    for event in events {
        text.push_str(&format!("\n{}  {}  {}\n", when(event.at), style.bold(&event.code), event.words));
        for detail in &event.details {
            text.push_str(&format!("  {detail}\n"));
        }
    }
    text
}

/// What the two sides read to each other.
pub(crate) fn words_to_compare(words: &Words, style: Style) -> String {
    let fields = Fields::default()
        .put("English", style.bold(&words.en.join(" ")))
        .put("Русский", style.bold(&words.ru.join(" ")))
        .put("Deutsch", style.bold(&words.de.join(" ")))
        .put("digits", style.bold(&words.digits));
    format!(
        "Both desks show the same words; read them to each other over the phone:\n{}",
        fields.render(style)
    )
}

fn state(state: LinkState, style: Style) -> String {
    let word = state.as_str();
    match state {
        LinkState::Active => style.green(word),
        LinkState::WaitingApproval | LinkState::WaitingPartner | LinkState::Paused => style.yellow(word),
        LinkState::Quarantined => style.red(word),
        LinkState::Closed => style.dim(word),
    }
}

fn next(link: &Link) -> Option<String> {
    let name = &link.name;
    match link.state {
        LinkState::WaitingApproval => Some(format!("To let this desk in: deskwire link approve {name}")),
        LinkState::WaitingPartner => Some(format!("{} has to approve the link.", link.partner.name)),
        LinkState::Active if !link.verified => {
            Some(format!("When the words match: deskwire link verify {name} --words '<what you heard>'"))
        }
        LinkState::Active | LinkState::Paused | LinkState::Quarantined | LinkState::Closed => None,
    }
}

fn endpoints(endpoints: &[String]) -> String {
    if endpoints.is_empty() { "none: it comes to this desk".to_owned() } else { endpoints.join("\n") }
}

fn to_send(link: &Link) -> String {
    match (link.out.waiting, link.out.unacknowledged) {
        (0, 0) => "nothing".to_owned(),
        (waiting, open) => format!("{waiting} waiting, {open} not acknowledged yet"),
    }
}

fn terms(link: &Link) -> String {
    let Terms { version, principals, fields, person, redelegate, file } = &link.terms;
    let own = principals.contains(&link.side);
    let other = principals.iter().any(|side| *side != link.side);
    let who = match (own, other) {
        (true, true) => "both may delegate",
        (true, false) => "this desk may delegate",
        (false, true) => "the partner may delegate",
        (false, false) => "nobody may delegate",
    };
    let person = match person {
        PersonTerm::Name => "names travel",
        PersonTerm::Function => "functions travel, names do not",
        PersonTerm::Nothing => "nothing of a person travels",
    };
    let onward = match redelegate {
        Redelegate::Forbidden => "not handed on",
        Redelegate::Allowed => "may be handed on",
        Redelegate::Named => "may be handed on by name",
    };
    let names: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "version {version}: {who}; {onward}; {person}\noptional fields: {names}\nfiles up to {}",
        bytes(*file)
    )
}
