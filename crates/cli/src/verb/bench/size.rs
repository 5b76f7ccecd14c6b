//! `deskwire bench size`: what changes as the store grows.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use deskwire_client::local::LocalDesk;
use deskwire_daemon::{Filling, Folder};
use serde::Serialize;

use super::{
    burst::{self, Load},
    disk,
    machine::Machine,
    pace::{self, Pace, Paced},
    pair::Pair,
    process,
};
use crate::{
    context::Context,
    desks::{self, Scratch},
    failure::{self, Done, Failure},
    output::Output,
    render::{Style, Table, bytes},
    verb::init::not_started,
};

/// Measure how speed, start and memory change with the number of tickets in the store.
///
/// For each number two new desks are filled with so many tickets by their own engine, without the API, then started
/// and linked. Comments go in through the API, spread over many tickets that the other desk has accepted; then at 20 a
/// second; then both daemons are killed and started again. At last the sender is killed twice more and started as after
/// a power cut, where nothing but the journal can be trusted: once without a snapshot, and once with one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Tickets in the store of each desk, one run after the other.
    #[arg(long, value_name = "COUNT,…", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000],
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    tickets: Vec<u64>,
    /// Comments of each run.
    #[arg(long, value_name = "COUNT", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    messages: u64,
    /// Tickets over which they are spread.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    spread: u64,
    /// Size of each, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(super::SIZES))]
    size: u64,
    /// Callers at once.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=512))]
    producers: u64,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// How long all rows may take to be folded anew.
const REBUILD: Duration = Duration::from_secs(1_800);

const EXAMPLES: &str = "\
Examples:
  deskwire bench size
  deskwire bench size --tickets 10000,1000000 --messages 10000 --json";

/// The document of `deskwire bench size --json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    messages: u64,
    size: u64,
    runs: Vec<Run>,
}

/// What was measured with so many tickets; of the two desks the sender's figures, unless the name says otherwise.
#[derive(Debug, Serialize)]
struct Run {
    tickets: u64,
    /// Microseconds that making one ticket took, from the engine on.
    fill_us_per_ticket: f64,
    /// Bytes of the folder before anything was sent.
    disk_bytes: u64,
    /// Seconds from the start to the first work, after a clean stop.
    start_seconds: f64,
    /// Memory resident before anything was sent, and the most of the run.
    idle_bytes: u64,
    peak_bytes: u64,
    messages_per_second: f64,
    cpu_us_per_message: f64,
    sender_cpu_us_per_message: f64,
    receiver_cpu_us_per_message: f64,
    paced: Paced,
    /// Seconds from the start to the first work after `kill -9`, the slower of the two desks.
    start_after_kill_seconds: f64,
    /// The same after a power cut, with all rows folded from the journal, and with a snapshot of its closed segments.
    start_after_cut_seconds: f64,
    start_after_cut_with_snapshot_seconds: f64,
    /// Size of that snapshot; none if no segment was closed yet. Seconds that making it took.
    snapshot_bytes: Option<u64>,
    snapshot_seconds: f64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let root = scratch.path();
        let machine =
            Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
        let runs = desks::block_on(async {
            let mut runs = Vec::new();
            for tickets in &self.tickets {
                let folder = root.join(tickets.to_string());
                runs.push(self.with(*tickets, &folder, context.out).await?);
                let removed = std::fs::remove_dir_all(&folder);
                removed.map_err(|error| failure::local(&folder.display().to_string(), &error))?;
            }
            Ok::<_, Failure>(runs)
        })?;
        let report = Report { machine, messages: self.messages, size: self.size, runs };
        context.out.document(&report, |style| report.render(style))
    }

    async fn with(&self, tickets: u64, root: &Path, out: Output) -> Result<Run, Failure> {
        let wrong = |error| failure::local(&root.display().to_string(), &error);
        std::fs::create_dir_all(root).map_err(wrong)?;
        out.note(&format!("{tickets} tickets are put into each of two desks."));
        let program = desks::program()?;
        let folders = ["sender", "receiver"].map(|name| root.join(name));
        let ports: [_; 2] = desks::free_ports()?;
        let mut fill_us_per_ticket = 0.0;
        for (folder, port) in folders.iter().zip(ports) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            LocalDesk::init(&program, folder, &["--name", &name, "--listen", &port.to_string()]).await?;
            let begun = Instant::now();
            fill(folder, tickets).await?;
            fill_us_per_ticket = begun.elapsed().as_secs_f64() * 1e6 / tickets as f64;
        }
        let disk_bytes = disk::usage(&folders[0]).map_err(wrong)?;
        let sender = LocalDesk::start(&program, &folders[0], &[]).await?;
        let receiver = LocalDesk::start(&program, &folders[1], &[]).await?;
        let start_seconds = sender.took().as_secs_f64();
        let idle_bytes = process::memory(sender.pid())?;
        let pair = desks::unless_interrupted(Pair::between(sender, receiver)).await?;
        let run = Run { fill_us_per_ticket, disk_bytes, start_seconds, idle_bytes, ..Run::new(tickets) };
        desks::unless_interrupted(self.traffic(pair, run, out)).await
    }

    async fn traffic(&self, pair: Pair, run: Run, out: Output) -> Result<Run, Failure> {
        out.note(&format!("{} comments go in, over {} tickets.", self.messages, self.spread));
        let mut writers = Vec::new();
        for _ in 0..self.spread {
            writers.push(pair.more(self.size).await?);
        }
        pair.drained().await?;
        let load = Load { messages: self.messages, producers: self.producers };
        let burst = burst::run(&pair, &writers, load).await?;
        let paced = pace::run(&pair, Pace { per_second: 20, seconds: 5, size: self.size }).await?;
        let peak_bytes = process::peak_memory(pair.pids()[0])?;
        out.note("Both are killed and started again.");
        let pair = Pair::again(pair.kill().await).await?;
        let start_after_kill_seconds = pair.took().iter().map(Duration::as_secs_f64).fold(0.0, f64::max);
        out.note("The sender is started as after a power cut.");
        let [folder, _] = pair.kill().await.folders;
        let snapshots = folder.join("store/snapshots");
        match std::fs::remove_dir_all(&snapshots) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failure::local(&snapshots.display().to_string(), &error));
            }
            Ok(()) | Err(_) => {}
        }
        let start_after_cut_seconds = after_cut(&folder).await?;
        let begun = Instant::now();
        let snapshot_bytes = snapshot(&folder).await?;
        let snapshot_seconds = begun.elapsed().as_secs_f64();
        let start_after_cut_with_snapshot_seconds = after_cut(&folder).await?;
        Ok(Run {
            start_after_cut_seconds,
            start_after_cut_with_snapshot_seconds,
            snapshot_bytes,
            snapshot_seconds,
            peak_bytes,
            messages_per_second: burst.messages_per_second,
            cpu_us_per_message: burst.cpu_us_per_message,
            sender_cpu_us_per_message: burst.sender_cpu_us_per_message,
            receiver_cpu_us_per_message: burst.receiver_cpu_us_per_message,
            paced,
            start_after_kill_seconds,
            ..run
        })
    }
}

/// Seconds from the start to the first work of a desk whose machine was started anew since it ended.
async fn after_cut(folder: &Path) -> Result<f64, Failure> {
    let state = folder.join("store/view.state");
    let cut = std::fs::read_to_string(&state).and_then(|text| {
        // By the machine's name of the time since its start the store knows that its view was not synced.
        let kept = text.lines().filter(|line| !line.starts_with("boot ") && !line.starts_with("clean "));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        std::fs::write(&state, format!("{kept}clean no\nboot another\n"))
    });
    cut.map_err(|error| failure::local(&state.display().to_string(), &error))?;
    let mut desk = LocalDesk::start_within(&desks::program()?, folder, &[], REBUILD).await?;
    let took = desk.took().as_secs_f64();
    desk.kill().await;
    Ok(took)
}

/// Has a stopped desk make a snapshot; its size.
async fn snapshot(folder: &Path) -> Result<Option<u64>, Failure> {
    let filling = Filling::open(&Folder::new(folder)).await.map_err(not_started)?;
    let made = filling.snapshot().map_err(not_started)?;
    filling.close().map_err(not_started)?;
    Ok(made)
}

async fn fill(folder: &Path, tickets: u64) -> Result<(), Failure> {
    let mut filling = Filling::open(&Folder::new(folder)).await.map_err(not_started)?;
    filling.tickets(tickets).and_then(|()| filling.close()).map_err(not_started)
}

impl Run {
    fn new(tickets: u64) -> Self {
        Self {
            tickets,
            fill_us_per_ticket: 0.0,
            disk_bytes: 0,
            start_seconds: 0.0,
            idle_bytes: 0,
            peak_bytes: 0,
            messages_per_second: 0.0,
            cpu_us_per_message: 0.0,
            sender_cpu_us_per_message: 0.0,
            receiver_cpu_us_per_message: 0.0,
            paced: Paced::default(),
            start_after_kill_seconds: 0.0,
            start_after_cut_seconds: 0.0,
            start_after_cut_with_snapshot_seconds: 0.0,
            snapshot_bytes: None,
            snapshot_seconds: 0.0,
        }
    }
}

impl Report {
    fn render(&self, style: Style) -> String {
        let headings = [
            "tickets",
            "disk",
            "start",
            "after kill",
            "after a cut",
            "with a snapshot",
            "idle",
            "peak",
            "messages/s",
            "CPU",
            "committed p50/p99",
        ];
        let mut table = Table::new(&headings, style);
        for run in &self.runs {
            table.row([
                run.tickets.to_string(),
                bytes(run.disk_bytes),
                format!("{:.2} s", run.start_seconds),
                format!("{:.2} s", run.start_after_kill_seconds),
                format!("{:.2} s", run.start_after_cut_seconds),
                format!(
                    "{:.2} s ({})",
                    run.start_after_cut_with_snapshot_seconds,
                    run.snapshot_bytes.map_or_else(|| "none".to_owned(), bytes)
                ),
                bytes(run.idle_bytes),
                bytes(run.peak_bytes),
                format!("{:.0}", run.messages_per_second),
                format!(
                    "{:.0} µs: {:.0} + {:.0}",
                    run.cpu_us_per_message, run.sender_cpu_us_per_message, run.receiver_cpu_us_per_message
                ),
                format!("{:.1} / {:.1} ms", run.paced.commit_ms.p50, run.paced.commit_ms.p99),
            ]);
        }
        format!("{}\n\n{}", style.dim(&self.machine.render()), table.render("Nothing was measured."))
    }
}
