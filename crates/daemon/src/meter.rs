//! What the daemon measures around the engine: requests on both listeners, the couriers, the folder of the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use deskwire_api::metrics::{Kind, Meter, Page};
use deskwire_engine::gauge::{Histogram, TIMES, Tally};
use deskwire_federation::Numbers;
use deskwire_http::problem::RefusalCode;
use deskwire_http::server::Listener;

/// Requests of one listener.
pub(crate) struct Requests {
    /// By the first digit of the status.
    answered: [AtomicU64; 5],
    in_work: AtomicI64,
    took: Histogram,
    refused: Tally,
    connections: Arc<AtomicUsize>,
}

impl Requests {
    /// Nothing yet; `connections` is what the listener counts itself, if there is one.
    pub(crate) fn new(listener: Option<&Listener>) -> Arc<Self> {
        Arc::new(Self {
            answered: Default::default(),
            in_work: AtomicI64::new(0),
            took: Histogram::new(TIMES),
            refused: Tally::default(),
            connections: listener.map(Listener::connections).unwrap_or_default(),
        })
    }

    /// The same routes, counted.
    pub(crate) fn counted(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), count))
    }
}

async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    requests.in_work.fetch_add(1, Ordering::Relaxed);
    // A caller that goes away ends this without an answer; then nothing is counted but that it is gone.
    let gone = Gone(&requests.in_work);
    let response = next.run(request).await;
    drop(gone);
    requests.took.took(began.elapsed());
    let class = usize::from(response.status().as_u16() / 100).clamp(1, 5) - 1;
    requests.answered[class].fetch_add(1, Ordering::Relaxed);
    if let Some(RefusalCode(code)) = response.extensions().get::<RefusalCode>() {
        requests.refused.one(code);
    }
    response
}

struct Gone<'a>(&'a AtomicI64);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything, in the order in which it is shown.
pub(crate) fn meters(
    (peer, api): (Arc<Requests>, Arc<Requests>),
    numbers: impl Fn() -> Numbers + Send + Sync + 'static,
    store: PathBuf,
) -> Vec<Meter> {
    vec![
        Arc::new(move |page: &mut Page| requests(page, &[("peer", &peer), ("api", &api)])),
        Arc::new(move |page: &mut Page| couriers(page, &numbers())),
        Arc::new(move |page: &mut Page| sizes(page, &store)),
    ]
}

fn requests(page: &mut Page, listeners: &[(&str, &Arc<Requests>)]) {
    page.family(
        "deskwire_http_requests_total",
        Kind::Counter,
        "Requests answered, by listener and kind of status.",
    );
    for (listener, requests) in listeners {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&requests.answered) {
            page.sample(&[("listener", listener), ("status", class)], count.load(Ordering::Relaxed));
        }
    }
    let help = "Requests refused, by the code of the refusal.";
    page.family("deskwire_http_requests_refused_total", Kind::Counter, help);
    for (listener, requests) in listeners {
        for (code, count) in requests.refused.read() {
            page.sample(&[("listener", listener), ("code", &code)], count);
        }
    }
    page.family("deskwire_http_connections", Kind::Gauge, "Connections that are open.");
    for (listener, requests) in listeners {
        page.sample(&[("listener", listener)], requests.connections.load(Ordering::Relaxed) as u64);
    }
    page.family("deskwire_http_requests_in_work", Kind::Gauge, "Requests being worked on.");
    for (listener, requests) in listeners {
        let in_work = u64::try_from(requests.in_work.load(Ordering::Relaxed)).unwrap_or(0);
        page.sample(&[("listener", listener)], in_work);
    }
    for (listener, requests) in listeners {
        let name = format!("deskwire_http_{listener}_request_seconds");
        page.histogram(
            &name,
            "From the head of a request to the head of its answer.",
            &requests.took.read(),
            1_000_000,
        );
    }
}

fn couriers(page: &mut Page, numbers: &Numbers) {
    let all = [
        ("deskwire_hellos_answered_total", "Hellos of partners that were welcomed.", numbers.hellos_answered),
        ("deskwire_batches_taken_total", "Batches of partners that got a receipt.", numbers.batches_taken),
        (
            "deskwire_peer_requests_refused_total",
            "Requests of others that were refused.",
            numbers.requests_refused,
        ),
        ("deskwire_batches_sent_total", "Batches sent, repeats included.", numbers.batches_sent),
        ("deskwire_receipts_taken_total", "Receipts of partners that were taken.", numbers.receipts_taken),
        ("deskwire_attempts_failed_total", "Tries to reach a partner that failed.", numbers.attempts_failed),
        (
            "deskwire_files_fetched_bytes_total",
            "Bytes of files fetched from partners.",
            numbers.bytes_fetched,
        ),
        ("deskwire_files_served_bytes_total", "Bytes of files given to partners.", numbers.bytes_served),
    ];
    for (name, help, value) in all {
        page.family(name, Kind::Counter, help);
        page.sample(&[], value);
    }
}

/// The folders of the store that have few files each; the blobs are left out, as there may be a million of them.
fn sizes(page: &mut Page, store: &std::path::Path) {
    page.family(
        "deskwire_store_bytes",
        Kind::Gauge,
        "Bytes of the files of the store, by part; announced files left out.",
    );
    let Ok(parts) = std::fs::read_dir(store) else { return };
    let mut parts: Vec<_> = parts.filter_map(Result::ok).collect();
    parts.sort_by_key(std::fs::DirEntry::file_name);
    for part in parts {
        let name = part.file_name();
        let Some(name) = name.to_str().filter(|name| *name != "blobs") else { continue };
        page.sample(&[("part", name)], bytes(&part.path(), 0));
    }
}

/// What the files below a path have, a few levels deep. What goes away meanwhile counts as nothing.
fn bytes(path: &std::path::Path, depth: u8) -> u64 {
    const DEEPEST: u8 = 3;
    let Ok(info) = std::fs::symlink_metadata(path) else { return 0 };
    if !info.is_dir() {
        return info.len();
    }
    if depth == DEEPEST {
        return 0;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| bytes(&entry.path(), depth + 1)).sum()
}
