//! What a check of the store found, as text.

use deskwire_api_types::{Direction, VerifyProblem, VerifyReport};

use super::{Style, Table, bytes, short};

/// What was checked, and what was found.
pub(crate) fn show(report: &VerifyReport, style: Style) -> String {
    let mut table = Table::new(&["LINK", "STREAM", "MESSAGES", "RECEIPTS", "ERASED", "HEAD"], style);
    for stream in &report.streams {
        table.row([
            stream.link.clone(),
            whose(stream.direction).to_owned(),
            stream.messages.to_string(),
            stream.receipts.to_string(),
            stream.erased.to_string(),
            short(&stream.head).to_owned(),
        ]);
    }
    let mut text = table.render("No streams: this desk has no links yet.");
    if let Some(journal) = &report.journal {
        text.push_str(&format!(
            "Journal: {} records in {} segments, {}\n",
            journal.records,
            journal.segments,
            bytes(journal.bytes)
        ));
    }
    for problem in &report.problems {
        text.push_str(&format!(
            "{} {}{} ({})\n",
            style.red("!"),
            place(problem),
            problem.words,
            problem.code
        ));
    }
    let verdict = if report.ok {
        style.green("Everything holds: signatures, chains, receipts and checksums.")
    } else {
        style.red(&format!("{} problems found.", report.problems.len()))
    };
    format!("{text}{verdict}\n")
}

fn whose(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "ours",
        Direction::In => "theirs",
    }
}

fn place(problem: &VerifyProblem) -> String {
    let seq = problem.seq.map(|seq| format!(" #{seq}")).unwrap_or_default();
    match (&problem.link, problem.direction) {
        (Some(link), Some(direction)) => format!("{link}, {}{seq}: ", whose(direction)),
        (Some(link), None) => format!("{link}{seq}: "),
        (None, _) => "journal: ".to_owned(),
    }
}
