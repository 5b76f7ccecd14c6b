//! `deskwire bench drain`: how fast a backlog goes out once the partner is there again.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use deskwire_daemon::{Filling, Folder};
use serde::Serialize;

use super::{bare::Bare, machine::Machine, pair::Pair, process};
use crate::{
    context::Context,
    desks::{self, Scratch, noise},
    failure::{self, Done, Failure},
    output::Output,
    render::{Fields, Style, bytes},
    verb::init::not_started,
};

/// Texts that take the bare path, and bytes of them at most: enough for a rate.
const BARE: u64 = 20_000;
const BARE_BYTES: u64 = 64 << 20;

/// Measure how fast comments go out that waited while the partner was down.
///
/// Two daemons are linked and ended. Comments for the partner are put into the first one's store by its own engine,
/// without the API. Then both are started, the receiver first, and the run ends when the other desk has committed all
/// and the signed receipts are durable.
///
/// Before that and after it, texts of the same size take the bare path between two ends in this process: hashed, signed,
/// synced, posted in batches over HTTP/2 and TLS, checked strictly, synced again, receipted. No desk can be faster than its
/// processors are at that, so the share of this ceiling that the desks reach can be compared between machines.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Comments that wait.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    messages: u64,
    /// Size of each, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(super::SIZES))]
    size: u64,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench drain
  deskwire bench drain --messages 5000 --json";

/// The document of `deskwire bench drain --json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    messages: u64,
    size: u64,
    #[serde(flatten)]
    drained: Drained,
    /// The bare path before and after.
    bare: [Bare; 2],
    /// The share of its ceiling that the desks reached.
    share_of_ceiling: f64,
}

/// How a backlog went out.
#[derive(Debug, Serialize)]
struct Drained {
    /// Seconds that the sender took from its start until it took work.
    start_seconds: f64,
    /// Seconds from then until all was committed at the receiver and all receipts were durable at the sender.
    seconds: f64,
    messages_per_second: f64,
    /// CPU time of both daemons per message since they were started, microseconds.
    cpu_us_per_message: f64,
    sender_cpu_us_per_message: f64,
    receiver_cpu_us_per_message: f64,
    /// The most memory that each had resident.
    sender_peak_bytes: u64,
    receiver_peak_bytes: u64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let root = scratch.path();
        let machine =
            Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
        let before = self.bare(root, context.out)?;
        let drained = desks::block_on(self.measure(root, context.out))?;
        let bare = [before, self.bare(root, context.out)?];
        let share_of_ceiling = Bare::mean(bare).share(drained.messages_per_second);
        let (messages, size) = (self.messages, self.size);
        let report = Report { machine, messages, size, drained, bare, share_of_ceiling };
        context.out.document(&report, |style| report.render(style))
    }

    fn bare(&self, root: &Path, out: Output) -> Result<Bare, Failure> {
        out.note("Texts take the bare path.");
        Bare::measure(root, (BARE_BYTES / self.size).min(BARE), self.size())
    }

    fn size(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    async fn measure(&self, root: &Path, out: Output) -> Result<Drained, Failure> {
        out.note("Two desks are made, started and linked.");
        let pair = desks::unless_interrupted(Pair::start(root)).await?;
        let names = pair.names().clone();
        pair.stop().await?;
        out.note(&format!("{} comments of {} bytes are put in their queue.", self.messages, self.size));
        let mut filling = Filling::open(&Folder::new(&names.folders[0])).await.map_err(not_started)?;
        let size = self.size();
        // Each desk was new, so ticket and delegation are its first.
        filling
            .comments((1, 1), (0..self.messages).map(|number| noise::text(number, size)))
            .and_then(|()| filling.close())
            .map_err(not_started)?;
        out.note("Both desks are started.");
        let pair = desks::unless_interrupted(Pair::again(names)).await?;
        pair.measured(out, async |pair| self.drain(pair).await).await
    }

    async fn drain(&self, pair: &Pair) -> Result<Drained, Failure> {
        let begun = Instant::now();
        pair.drained().await?;
        let seconds = begun.elapsed().as_secs_f64();
        let [sender, receiver] = pair.pids();
        let count = self.messages as f64;
        let cpu = |pid| Ok::<_, Failure>(process::cpu_micros(pid)? as f64 / count);
        let (one, two) = (cpu(sender)?, cpu(receiver)?);
        Ok(Drained {
            start_seconds: pair.took()[0].as_secs_f64(),
            seconds,
            messages_per_second: count / seconds,
            cpu_us_per_message: one + two,
            sender_cpu_us_per_message: one,
            receiver_cpu_us_per_message: two,
            sender_peak_bytes: process::peak_memory(sender)?,
            receiver_peak_bytes: process::peak_memory(receiver)?,
        })
    }
}

impl Report {
    fn render(&self, style: Style) -> String {
        let drained = &self.drained;
        let title = format!("{} waiting comments of {} bytes", self.messages, self.size);
        let fields = Fields::default()
            .put(
                "until receipts",
                format!(
                    "{} in {:.2} s, all committed there, all receipts durable here",
                    style.bold(&format!("{:.0} messages/s", drained.messages_per_second)),
                    drained.seconds
                ),
            )
            .put("bare path before", self.bare[0].render())
            .put("bare path after", self.bare[1].render())
            .put("of that ceiling", style.bold(&format!("{:.0} %", self.share_of_ceiling * 100.0)))
            .put("start before", format!("{:.2} s", drained.start_seconds))
            .put(
                "CPU per message",
                format!(
                    "{:.0} µs: sender {:.0}, receiver {:.0}",
                    drained.cpu_us_per_message,
                    drained.sender_cpu_us_per_message,
                    drained.receiver_cpu_us_per_message
                ),
            )
            .put(
                "peak memory",
                format!(
                    "sender {}, receiver {}",
                    bytes(drained.sender_peak_bytes),
                    bytes(drained.receiver_peak_bytes)
                ),
            );
        format!("{}\n\n{}\n{}", style.dim(&self.machine.render()), style.bold(&title), fields.render(style))
    }
}
