//! The figures, as a document and for people.

use serde::Serialize;

use super::super::{machine::Machine, spread::Spread};
use super::compare::Ratios;
use crate::render::{Fields, Style, bytes};

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    /// Partners.
    pub(super) links: u64,
    /// How many of a hundred partners of the second daemon are bad.
    pub(super) bad_percent: u64,
    /// Comments per second in each direction.
    pub(super) per_second: u64,
    /// Seconds that each daemon has its turn in all.
    pub(super) seconds: u64,
}

/// What the partners that are good in both runs felt in one of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    /// Comments to them, and comments of theirs.
    pub(super) messages: (u64, u64),
    /// From the call of the API until the comment was at the partner, milliseconds.
    pub(super) out_ms: Spread,
    /// From a partner's comment until its receipt was back, milliseconds.
    pub(super) in_ms: Spread,
    /// How long the calls of the API took, milliseconds.
    pub(super) api_ms: Spread,
    /// CPU time of the daemon, milliseconds per second.
    pub(super) cpu_ms_per_second: f64,
}

/// How often a time is as long with bad partners as without, turn by turn.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Change {
    /// From the call of the API until the comment was at the partner.
    pub(super) out: Ratios,
    /// From a partner's comment until its receipt was back.
    pub(super) back: Ratios,
}

/// Memory of the daemon, resident.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Memory {
    pub(super) start_bytes: u64,
    pub(super) linked_bytes: u64,
    /// What one link takes, with its connections both ways.
    pub(super) bytes_per_link: u64,
    pub(super) peak_bytes: u64,
}

/// The document of `deskwire bench links --json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) settings: Settings,
    /// All partners are good.
    pub(super) good: Run,
    /// Some are bad; these are the figures of the others.
    pub(super) bad: Run,
    pub(super) change: Change,
    pub(super) memory: Memory,
}

impl Report {
    pub(super) fn render(&self, style: Style) -> String {
        let (settings, memory) = (&self.settings, &self.memory);
        let mut text = format!("{}\n", style.dim(&self.machine.render()));
        let title = format!("{} links, {} comments/s each way", settings.links, settings.per_second);
        text.push_str(&format!("\n{}\n", style.bold(&title)));
        for (name, run) in [("all good".to_owned(), &self.good), (self.share(), &self.bad)] {
            text.push_str(&format!("\n{}\n", style.bold(&name)));
            text.push_str(&run.fields().render(style));
        }
        text.push_str(&format!(
            "\n{}\n",
            style.bold("Change by the bad ones: median of the turns (95 % interval)")
        ));
        let fields = Fields::default()
            .put("to partners", format!("p50 {}", self.change.out.p50))
            .put("", format!("p99 {}", self.change.out.p99))
            .put("from partners", format!("p50 {}", self.change.back.p50))
            .put("", format!("p99 {}", self.change.back.p99))
            .put(
                "memory",
                format!(
                    "{} before, {} with all links ({} each), peak {}",
                    bytes(memory.start_bytes),
                    bytes(memory.linked_bytes),
                    bytes(memory.bytes_per_link),
                    bytes(memory.peak_bytes)
                ),
            );
        text.push_str(&fields.render(style));
        text
    }

    fn share(&self) -> String {
        format!("{} % dead, slow or hostile; these are the others", self.settings.bad_percent)
    }
}

impl Run {
    fn fields(&self) -> Fields {
        Fields::default()
            .put("to partners", format!("{} comments, {}", self.messages.0, self.out_ms))
            .put("from partners", format!("{} comments, {}", self.messages.1, self.in_ms))
            .put("API", self.api_ms.to_string())
            .put("CPU", format!("{:.0} ms per second", self.cpu_ms_per_second))
    }
}
