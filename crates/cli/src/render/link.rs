//! Links as text.

use deskwire_api_types::{
    HealthState, Link, LinkEvent, LinkHealth, LinkList, LinkState, PersonTerm, Redelegate, SaidOnLink, Terms,
    Words,
};

use super::{Fields, Style, Table, bytes, when};

/// All links, and below them what is wrong with some.
pub(crate) fn list(list: &LinkList, style: Style) -> String {
    let mut table =
        Table::new(&["NAME", "PARTNER", "STATE", "HEALTH", "WORDS", "TO SEND", "LAST CONTACT"], style);
    for link in &list.links {
        table.row([
            style.bold(&link.name),
            link.partner.name.clone(),
            state(link.state, style),
            link.health.as_ref().map(|health| health_word(health, style)).unwrap_or_default(),
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
        .maybe("delivery", delivery(link))
        .maybe("link id", link.id.as_ref())
        .put("words", verified)
        .put("terms", terms(link))
        .put("to send", to_send(link))
        .put("sent", format!("{} messages, {} acknowledged", link.out.length, link.out.acknowledged))
        .put("received", format!("{} messages", link.incoming.length))
        .put("last contact", link.last_contact.map_or_else(|| "never".to_owned(), when))
        .maybe("last error", error)
        .maybe("next attempt", link.next_attempt.map(when));
    let fields = health(said(fields, link, style), link, style);
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

/// Who has suspended or ended the link, and why.
fn said(fields: Fields, link: &Link, style: Style) -> Fields {
    let who = |said: &SaidOnLink| {
        let who = if said.ours { "this desk" } else { link.partner.name.as_str() };
        let until = said.until.map(|until| format!(" until {}", when(until))).unwrap_or_default();
        let why = said.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("by {who}, {}{until}{why}", when(said.at))
    };
    let mut fields = fields;
    for stop in &link.suspended {
        fields = fields.put("suspended", style.yellow(&who(stop)));
    }
    for end in &link.ends {
        fields = fields.put("ended", who(end));
    }
    let closing = link.closing.then(|| style.yellow("both sides have to say so before it has ended"));
    fields.maybe("ending", closing)
}

/// How a link fares, in one word.
fn health_word(health: &LinkHealth, style: Style) -> String {
    let word = health.state.as_str();
    match health.state {
        HealthState::Good => style.green(word),
        HealthState::Ended | HealthState::Unapproved => style.dim(word),
        HealthState::Troubled => style.yellow(word),
        HealthState::Parked | HealthState::Late | HealthState::Stopped => style.red(word),
    }
}

/// Lines about how a link fares.
fn health(fields: Fields, link: &Link, style: Style) -> Fields {
    let Some(health) = &link.health else { return fields };
    let late =
        health.not_delivered_since.map(|since| style.red(&format!("not delivered since {}", when(since))));
    let oldest = late.or(health.oldest.map(|oldest| format!("since {}", when(oldest))));
    let parked = match (health.parked, health.oldest_parked) {
        (0, _) => None,
        (count, oldest) => {
            let since =
                oldest.map(|oldest| format!(", the oldest from {}", when(oldest))).unwrap_or_default();
            Some(style.red(&format!(
                "{count}{since}: see `deskwire queue list --link {}`, send again with `deskwire queue retry --link {} --parked`",
                link.name, link.name
            )))
        }
    };
    let failures = (health.failures > 0).then(|| format!("{} tries in a row", health.failures));
    let clock = health
        .clock
        .as_ref()
        .map(|clock| style.red(&format!("the partner's is {clock} of ours: set the wrong one")));
    fields
        .put("health", health_word(health, style))
        .maybe("oldest to send", oldest)
        .maybe("parked", parked)
        .maybe("failed", failures)
        .maybe("clock", clock)
        .maybe("partner runs since", health.partner_started.map(when))
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

/// Who goes to whom, where it is not both ways.
fn delivery(link: &Link) -> Option<String> {
    match (link.partner_fetches, link.fetches) {
        (true, true) => {
            Some("neither desk has an address: nothing can be delivered until one of them has".to_owned())
        }
        (true, false) => {
            let asked = link.last_asked.map_or_else(
                || "it has not asked since this desk was started".to_owned(),
                |at| format!("last asked {}", when(at)),
            );
            Some(format!("this partner fetches; {asked}"))
        }
        (false, true) => Some("this desk goes to the partner, and fetches there".to_owned()),
        (false, false) => None,
    }
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
