//! What the care of the store has done since the start, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deskwire_api::metrics::{Kind, Meter, Page};
use deskwire_engine::gauge::Tally;

/// A number that only grows.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Default)]
pub(super) struct Cared {
    pub(super) snapshots: Count,
    pub(super) scrubs: Count,
    pub(super) scrubbed: Count,
    pub(super) findings: Tally,
    pub(super) segments: Count,
    pub(super) records: Count,
    pub(super) given_back: Count,
    pub(super) expired: Count,
    pub(super) erasures: Count,
}

impl Cared {
    /// Shows it on the page of measures.
    pub(super) fn meter(cared: &Arc<Self>) -> Meter {
        let cared = Arc::clone(cared);
        Arc::new(move |page: &mut Page| cared.show(page))
    }

    fn show(&self, page: &mut Page) {
        let all = [
            ("deskwire_store_snapshots_total", "Snapshots made.", &self.snapshots),
            ("deskwire_store_scrubs_total", "Times that everything stored was read over.", &self.scrubs),
            ("deskwire_store_scrubbed_bytes_total", "Bytes read over to find damage.", &self.scrubbed),
            (
                "deskwire_store_segments_rewritten_total",
                "Segments of the journal rewritten without what is not needed any more.",
                &self.segments,
            ),
            ("deskwire_store_records_given_back_total", "Records dropped from the journal.", &self.records),
            (
                "deskwire_store_given_back_bytes_total",
                "Bytes that the journal got smaller.",
                &self.given_back,
            ),
            ("deskwire_store_tickets_expired_total", "Tickets erased as the retention says.", &self.expired),
            ("deskwire_store_erasures_total", "Erasures carried out everywhere.", &self.erasures),
        ];
        for (name, help, count) in all {
            page.family(name, Kind::Counter, help);
            page.sample(&[], count.read());
        }
        let help = "Things found that are not as they were written, by kind.";
        page.family("deskwire_store_findings_total", Kind::Counter, help);
        for (code, count) in self.findings.read() {
            page.sample(&[("code", &code)], count);
        }
    }
}
