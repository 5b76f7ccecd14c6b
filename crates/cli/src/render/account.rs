//! Lines of work, statements and figures as text.

use deskwire_api_types::{
    LineState, Money, PartnerReport, Role, StatementDetail, StatementList, StatementState, WorkLine, WorkList,
};

use super::words::deliveries;
use super::{Fields, Style, Table, indent, person, short, when};

/// Lines of a statement that are printed; the export has all.
const SHOWN: usize = 200;

/// The lines of work of a delegation with their sums.
pub(crate) fn work(list: &WorkList, style: Style) -> String {
    let mut table =
        Table::new(&["LINE", "STATE", "DATE", "TYPE", "QUANTITY", "PRICE", "TAX %", "NET", "WHAT"], style);
    for line in &list.lines {
        table.row([
            style.bold(short(&line.id)),
            state(line, style),
            line.date.to_string().chars().take(10).collect(),
            line.r#type.as_str().to_owned(),
            format!("{} {}", line.quantity, line.unit),
            format!("{} {}", line.price, line.currency),
            line.tax.clone(),
            line.net.clone(),
            line.what.clone().unwrap_or_else(|| "(erased)".to_owned()),
        ]);
    }
    let mut text = table.render("No lines of work: `deskwire work add` books one.");
    for line in &list.lines {
        text.push_str(&beside(line, style));
    }
    for sum in &list.sums {
        text.push_str(&format!(
            "{}: open {}, approved {} (settled {}, in signed statements {}), disputed {}, taxes included\n",
            style.bold(&sum.currency),
            sum.open,
            sum.approved,
            sum.settled,
            sum.billed,
            sum.disputed
        ));
    }
    text
}

fn state(line: &WorkLine, style: Style) -> String {
    let word = line.state.as_str();
    let word = match line.state {
        LineState::Open => style.yellow(word),
        LineState::Approved => style.green(word),
        LineState::Disputed | LineState::Refused => style.red(word),
    };
    match (&line.statement, line.settled_state == Some(line.state)) {
        (Some(statement), _) => format!("{word}, in {}", short(statement)),
        (None, true) => word,
        (None, false) if line.state == LineState::Refused => word,
        (None, false) => format!("{word}, provisional"),
    }
}

/// What a person has to know beside the line: why it is disputed or has no effect, and what has not arrived.
fn beside(line: &WorkLine, style: Style) -> String {
    let mut text = String::new();
    if let Some(verdict) = &line.verdict {
        if let Some(reason) = &verdict.reason {
            text.push_str(&format!("{} disputes it: {reason}\n", person(verdict.by.as_ref())));
        }
        text.push_str(
            &verdict
                .delivery
                .iter()
                .map(|one| deliveries(std::slice::from_ref(one), style))
                .collect::<String>(),
        );
    }
    text.push_str(
        &line.delivery.iter().map(|one| deliveries(std::slice::from_ref(one), style)).collect::<String>(),
    );
    if let (Some(why), None) = (&line.no_effect, &line.delivery) {
        text.push_str(&style.red(&format!("without effect: {why}\n")));
    }
    if text.is_empty() {
        return text;
    }
    format!("{}\n{}", style.bold(short(&line.id)), indent(&text, 2))
}

/// The statements of a link.
pub(crate) fn statement_list(list: &StatementList, style: Style) -> String {
    let mut table = Table::new(&["ID", "STATE", "BY", "FROM", "TO", "ZONE", "TOTALS"], style);
    for one in &list.statements {
        table.row([
            style.bold(short(&one.id)),
            stand(one.state, style),
            if one.ours { "us".to_owned() } else { one.partner.clone() },
            when(one.from),
            when(one.to),
            one.zone.clone(),
            money(&one.totals),
        ]);
    }
    table.render("No statements: `deskwire statement propose` makes one.")
}

fn stand(state: StatementState, style: Style) -> String {
    let word = state.as_str();
    match state {
        StatementState::Signed => style.green(word),
        StatementState::Differs | StatementState::Refused | StatementState::Overtaken => style.red(word),
        StatementState::Waiting
        | StatementState::Proposed
        | StatementState::ToSign
        | StatementState::Unsettled
        | StatementState::Signing => style.yellow(word),
    }
}

/// One statement with its lines.
pub(crate) fn statement(detail: &StatementDetail, style: Style) -> String {
    let one = &detail.statement;
    let fields = Fields::default()
        .put("partner", format!("{}, link {}", one.partner, one.link))
        .put("state", stand(one.state, style))
        .put("proposed", format!("{} by {}", when(one.time), if one.ours { "us" } else { &one.partner }))
        .put("period", format!("{} to {}, {}", when(one.from), when(one.to), one.zone))
        .put("hash", one.hash.clone())
        .maybe("ours is", detail.computed_hash.as_ref().filter(|hash| **hash != one.hash))
        .put("the proposer gets", money(&one.totals))
        .maybe(
            "disputed since",
            Some(paid_all_the_same(&detail.disputed_since)).filter(|words| !words.is_empty()),
        );
    let mut sums = Table::new(&["CONTRACTOR", "CURRENCY", "TAX %", "LINES", "NET", "TAX", "GROSS"], style);
    for sum in &detail.sums {
        sums.row([
            if sum.ours { "us".to_owned() } else { one.partner.clone() },
            sum.currency.clone(),
            sum.tax.clone(),
            sum.lines.to_string(),
            sum.net.clone(),
            sum.tax_amount.clone(),
            sum.gross.clone(),
        ]);
    }
    let mut lines =
        Table::new(&["LINE", "TICKET", "DATE", "BY", "QUANTITY", "PRICE", "NET", "TAX", "WHAT"], style);
    for line in detail.lines.iter().take(SHOWN) {
        lines.row([
            style.bold(short(&line.work)),
            line.ticket.clone().unwrap_or_default(),
            line.date.to_string().chars().take(10).collect(),
            if line.ours { "us".to_owned() } else { one.partner.clone() },
            format!("{} {}", line.quantity, line.unit),
            format!("{} {}", line.price, line.currency),
            line.net.clone(),
            line.tax_amount.clone(),
            line.what.clone().unwrap_or_else(|| "(erased)".to_owned()),
        ]);
    }
    let more = detail.lines.len().saturating_sub(SHOWN);
    let more =
        if more > 0 { format!("… and {more} more: `deskwire statement export`\n") } else { String::new() };
    format!(
        "{}\n{}\n{}\n{}{more}",
        style.bold(&one.id),
        fields.render(style),
        sums.render("No sums are known here yet."),
        lines.render("The lines cannot be told yet: receipts are on their way."),
    )
}

/// The lines that a statement pays although they were disputed behind its cut.
fn paid_all_the_same(disputed: &[String]) -> String {
    let lines: Vec<_> = disputed.iter().map(|line| short(line)).collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("{}: this statement pays it all the same", lines.join(", "))
    }
}

fn money(all: &[Money]) -> String {
    let all: Vec<_> = all.iter().map(|one| format!("{} {}", one.amount, one.currency)).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// Figures about partners.
pub(crate) fn report(report: &PartnerReport, style: Style) -> String {
    let headings = [
        "PARTNER",
        "AS",
        "OFFERS",
        "ACCEPTED",
        "RESPOND",
        "RESOLVE",
        "DEADLINES",
        "REOPENED",
        "RATING",
        "COST",
    ];
    let mut table = Table::new(&headings, style);
    for one in &report.partners {
        let times = |spread: Option<deskwire_api_types::Spread>| {
            spread.map_or("–".to_owned(), |spread| {
                format!("{} / {}", span(spread.median_ms), span(spread.p90_ms))
            })
        };
        let rate = one.accept_rate.as_ref().map(|rate| format!(" ({rate} %)")).unwrap_or_default();
        let due = one.deadlines_kept + one.deadlines_missed;
        table.row([
            style.bold(&one.partner),
            match one.role {
                Role::Principal => "principal".to_owned(),
                Role::Contractor => "contractor".to_owned(),
            },
            one.offers.to_string(),
            format!("{}{rate}", one.accepted),
            times(one.response),
            times(one.resolution),
            if due == 0 { "–".to_owned() } else { format!("{} of {due} kept", one.deadlines_kept) },
            one.reopened.to_string(),
            one.rating.as_ref().map_or("–".to_owned(), |stars| format!("{stars} ({})", one.ratings)),
            money(&one.cost),
        ]);
    }
    let mut text = table.render("Nothing was offered in this period.");
    if !report.partners.is_empty() {
        text.push_str(&style.dim("RESPOND and RESOLVE: median / 90th percentile. Everything is settled.\n"));
    }
    text
}

/// A span of time in its two largest units.
fn span(millis: u64) -> String {
    let minutes = millis / 60_000;
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{}s", millis / 1_000),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    //! Half a day that reads as half an hour is a partner judged wrongly.
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let told: Vec<_> = [5_000, 60_000, 3_900_000, 90_000_000].map(span).into();
        assert_eq!(told, ["5s", "1m", "1h05m", "1d01h"]);
    }
}
