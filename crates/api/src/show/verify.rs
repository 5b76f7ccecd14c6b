//! What a check of the store has found.

use std::time::Duration;

use deskwire_api_types as api;
use deskwire_engine::query::{Problem, Report, StreamReport};

use super::log::direction;

/// The report of a check that took so long.
pub(crate) fn report(report: &Report, took: Duration) -> api::VerifyReport {
    api::VerifyReport {
        ok: report.problems.is_empty(),
        streams: report.streams.iter().map(stream).collect(),
        journal: report.journal.map(|journal| api::JournalReport {
            segments: journal.segments,
            records: journal.records,
            bytes: journal.bytes,
        }),
        problems: report.problems.iter().map(problem).collect(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn stream(stream: &StreamReport) -> api::StreamReport {
    api::StreamReport {
        link: stream.link.to_string(),
        direction: direction(stream.way),
        messages: stream.messages,
        receipts: stream.receipts,
        erased: stream.erased,
        head: stream.head.to_string(),
    }
}

fn problem(problem: &Problem) -> api::VerifyProblem {
    api::VerifyProblem {
        code: problem.code.to_owned(),
        words: problem.words.clone(),
        link: problem.link.as_ref().map(ToString::to_string),
        direction: problem.way.map(direction),
        seq: problem.seq,
    }
}
