//! A statement as a page to print: one file, without scripts, pictures or anything from elsewhere.

use deskwire_api_types as api;
use deskwire_engine::identity::Identity;

use super::words::{Words, of};

const STYLE: &str = "body{font:11pt/1.4 sans-serif;margin:2cm;color:#000;background:#fff}h1{font-size:18pt}h2{font-size:13pt;margin-top:1.5em}\
table{border-collapse:collapse;width:100%;font-size:9pt}th,td{border-bottom:1px solid #999;padding:.2em .4em;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}th{border-bottom:2px solid #000}td.n,th.n{text-align:right;white-space:nowrap}\
thead{display:table-header-group}tr{break-inside:avoid}code{font-size:8pt;overflow-wrap:anywhere}\
@page{size:A4 landscape;margin:1.5cm}@media print{body{margin:0}}";

/// The page.
pub(crate) fn statement(
    identity: &Identity,
    detail: &api::StatementDetail,
    language: api::Language,
) -> String {
    let own = identity.descriptor().body().name.to_string();
    page(&own, detail, of(language))
}

pub(super) fn page(own: &str, detail: &api::StatementDetail, words: &Words) -> String {
    let head = &detail.statement;
    let title = format!("{} {} – {}", words.title, day(head.from), day(head.to));
    let mut body = format!("<h1>{}</h1>\n<table>\n", escape(&title));
    let signed = matches!(head.state, api::StatementState::Signed);
    for (name, value) in [
        (words.between, format!("{own} ({}), {} ({})", words.us, head.partner, words.partner)),
        (words.period, format!("{} – {}", head.from, head.to)),
        (words.zone, head.zone.clone()),
        (words.proposed, format!("{}, {}", head.time, if head.ours { own } else { &head.partner })),
        (words.state, words.state(head.state).to_owned()),
        (words.hash, head.hash.clone()),
    ] {
        body.push_str(&format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(name), escape(&value)));
    }
    body.push_str("</table>\n");
    body.push_str(&sums(own, detail, words));
    body.push_str(&lines(detail, words));
    if signed {
        body.push_str(&format!("<p>{}</p>\n", escape(words.signatures)));
    }
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        words.code,
        escape(&title)
    )
}

fn sums(own: &str, detail: &api::StatementDetail, words: &Words) -> String {
    let columns = words.columns;
    let mut text = format!("<h2>{}</h2>\n<table>\n<thead><tr>", escape(words.sums));
    text.push_str(&heading(columns[4], false));
    for name in [columns[10], columns[11], words.count, columns[12], columns[13], words.gross] {
        text.push_str(&heading(name, true));
    }
    text.push_str("</tr></thead>\n");
    for sum in &detail.sums {
        let name = if sum.ours { own } else { &detail.statement.partner };
        text.push_str(&format!("<tr>{}", cell(name, false)));
        for value in [&sum.currency, &sum.tax, &sum.lines.to_string(), &sum.net, &sum.tax_amount, &sum.gross]
        {
            text.push_str(&cell(value, true));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table>\n");
    for total in &detail.totals {
        text.push_str(&format!(
            "<p>{}: <strong>{} {}</strong></p>\n",
            escape(words.totals),
            escape(&total.amount),
            escape(&total.currency)
        ));
    }
    text
}

fn lines(detail: &api::StatementDetail, words: &Words) -> String {
    // Everything but the ids of delegation and line, which nobody reads on paper.
    const SHOWN: [usize; 12] = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
    let mut text = format!("<h2>{}</h2>\n<table>\n<thead><tr>", escape(words.lines));
    for column in SHOWN {
        text.push_str(&heading(words.columns[column], is_number(column)));
    }
    text.push_str("</tr></thead>\n");
    for line in &detail.lines {
        let date = day(line.date);
        let cells = [
            (0, date.as_str()),
            (1, line.ticket.as_deref().unwrap_or_default()),
            (4, if line.ours { words.us } else { words.partner }),
            (5, words.kind(line.r#type)),
            (6, line.what.as_deref().unwrap_or(words.erased)),
            (7, &line.quantity),
            (8, &line.unit),
            (9, &line.price),
            (10, &line.currency),
            (11, &line.tax),
            (12, &line.net),
            (13, &line.tax_amount),
        ];
        text.push_str("<tr>");
        for (column, value) in cells {
            text.push_str(&cell(value, is_number(column)));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table>\n");
    text
}

const fn is_number(column: usize) -> bool {
    matches!(column, 7 | 9 | 11 | 12 | 13)
}

fn heading(name: &str, number: bool) -> String {
    format!("<th{}>{}</th>", class(number), escape(name))
}

fn cell(value: &str, number: bool) -> String {
    format!("<td{}>{}</td>", class(number), escape(value))
}

const fn class(number: bool) -> &'static str {
    if number { " class=\"n\"" } else { "" }
}

/// The day of a moment, in UTC.
fn day(time: api::Time) -> String {
    time.to_string().chars().take(10).collect()
}

/// Text as text, whatever a partner wrote; what turns the reading order is taken out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => {
                out.push('\u{fffd}');
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}
