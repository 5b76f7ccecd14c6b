//! A statement as comma-separated values (RFC 4180). What a partner wrote never becomes a formula of a spreadsheet.

use deskwire_api_types as api;

use super::words::{Words, of};

/// The lines of a statement under headings in a language.
pub(crate) fn statement(detail: &api::StatementDetail, language: api::Language) -> String {
    let words: &Words = of(language);
    let mut text = row(&words.columns.map(str::to_owned));
    for line in &detail.lines {
        text.push_str(&row(&[
            line.date.to_string(),
            line.ticket.clone().unwrap_or_default(),
            line.delegation.clone(),
            line.work.clone(),
            if line.ours { words.us } else { words.partner }.to_owned(),
            words.kind(line.r#type).to_owned(),
            line.what.clone().unwrap_or_else(|| words.erased.to_owned()),
            line.quantity.clone(),
            line.unit.clone(),
            line.price.clone(),
            line.currency.clone(),
            line.tax.clone(),
            line.net.clone(),
            line.tax_amount.clone(),
        ]));
    }
    text
}

fn row(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

/// One cell. Text that a spreadsheet would compute gets an apostrophe in front; a plain number stays a number.
pub(crate) fn cell(text: &str) -> String {
    let begins = text.trim_start_matches([' ', '\u{a0}', '\t', '\r', '\n']);
    let formula = begins.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        || text.starts_with(['\t', '\r']);
    let guard = if formula && !is_number(text) { "'" } else { "" };
    let text = format!("{guard}{text}");
    if text.contains([',', ';', '"', '\n', '\r', '\t', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Digits with a point, perhaps below zero: what this desk writes itself.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    whole && digits.starts_with(|first: char| first.is_ascii_digit()) && digits.matches('.').count() <= 1
}
