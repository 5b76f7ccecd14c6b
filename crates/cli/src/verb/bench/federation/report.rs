//! The figures, as a document and for people.

use serde::Serialize;

use super::super::{
    burst::{Burst, Load},
    machine::Machine,
    pace::Paced,
};
use crate::render::{Fields, Style, bytes};

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    /// Comments in the first run.
    pub(super) messages: u64,
    /// Size of each, bytes.
    pub(super) size: u64,
    /// Callers at once in the first run.
    pub(super) producers: u64,
    /// Comments per second in the second run.
    pub(super) paced_per_second: u64,
    /// Seconds of the second run.
    pub(super) paced_seconds: u64,
}

impl Settings {
    /// What goes in in the first run.
    pub(super) fn load(&self) -> Load {
        Load { messages: self.messages, producers: self.producers }
    }
}

/// The most memory that each daemon had resident until the end of the first run, bytes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Memory {
    pub(super) sender_peak_bytes: u64,
    pub(super) receiver_peak_bytes: u64,
}

/// By how much each desk's folder grew per message, blocks of the file system after both daemons had ended, bytes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Disk {
    pub(super) sender_bytes_per_message: u64,
    pub(super) receiver_bytes_per_message: u64,
}

/// The document of `deskwire bench federation --json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) settings: Settings,
    pub(super) burst: Burst,
    /// Absent when it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paced: Option<Paced>,
    pub(super) memory: Memory,
    pub(super) disk: Disk,
}

impl Report {
    pub(super) fn render(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.dim(&self.machine.render()));
        text.push_str(&self.first(style));
        if let Some(paced) = &self.paced {
            text.push_str(&paced.render(self.settings.paced_per_second, style));
        }
        text.push_str(&format!("\n{}\n", style.bold("Memory and disk")));
        let (memory, disk) = (&self.memory, &self.disk);
        let fields = Fields::default()
            .put(
                "peak memory",
                format!(
                    "sender {}, receiver {}",
                    bytes(memory.sender_peak_bytes),
                    bytes(memory.receiver_peak_bytes)
                ),
            )
            .put(
                "disk per message",
                format!(
                    "sender {}, receiver {}",
                    bytes(disk.sender_bytes_per_message),
                    bytes(disk.receiver_bytes_per_message)
                ),
            );
        text.push_str(&fields.render(style));
        text
    }

    fn first(&self, style: Style) -> String {
        let (burst, settings) = (&self.burst, &self.settings);
        let title = format!(
            "{} comments of {} bytes from {} callers",
            settings.messages, settings.size, settings.producers
        );
        let mut fields = Fields::default()
            .put(
                "until receipts",
                format!(
                    "{} in {:.2} s, all committed there, all receipts durable here",
                    style.bold(&rate(burst.messages_per_second)),
                    burst.seconds
                ),
            )
            .put(
                "API alone",
                format!(
                    "{} in {:.2} s, all durable here",
                    rate(burst.api_messages_per_second),
                    burst.api_seconds
                ),
            )
            .put("per call", burst.api_ms.to_string())
            .put(
                "CPU per message",
                format!(
                    "{:.0} µs: sender {:.0}, receiver {:.0}",
                    burst.cpu_us_per_message,
                    burst.sender_cpu_us_per_message,
                    burst.receiver_cpu_us_per_message
                ),
            );
        if burst.pauses > 0 {
            fields = fields.put("pauses", format!("the API asked {} times for one", burst.pauses));
        }
        format!("\n{}\n{}", style.bold(&title), fields.render(style))
    }
}

fn rate(messages_per_second: f64) -> String {
    format!("{messages_per_second:.0} messages/s")
}
