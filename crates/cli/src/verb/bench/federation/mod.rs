//! `deskwire bench federation`: two daemons in separate processes, linked over TLS on loopback, and how fast comments
//! come from the one to the other.

mod report;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    burst, disk,
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
};
use report::{Disk, Memory, Report, Settings};

/// Measure how fast comments come from one desk to another.
///
/// Two daemons in processes of their own are linked over TLS on loopback, and a ticket is handed from the one to the
/// other. First comments go in through the API as fast as it takes them, and the run ends when the other desk has
/// committed all and the signed receipts are back and durable. Then comments go in at a steady pace, and the time of
/// each is taken from the call to the commit on the other desk, which stores that time with the message (both
/// daemons have the same clock), and to the moment when the receipt is durable on the first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Comments in the first run.
    #[arg(long, value_name = "COUNT", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(COUNTS))]
    messages: u64,
    /// Size of each, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(super::SIZES))]
    size: u64,
    /// Callers at once, each with a connection of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=512))]
    producers: u64,
    /// Comments per second in the second run.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    paced_per_second: u64,
    /// Seconds that the second run takes; 0 leaves it out.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600))]
    paced_seconds: u64,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const COUNTS: RangeInclusive<u64> = 1..=10_000_000;
const EXAMPLES: &str = "\
Examples:
  deskwire bench federation --messages 5000 --size 2048
  deskwire bench federation --producers 1 --paced-seconds 0
  deskwire bench federation --dir /var/tmp/bench --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let settings = Settings {
            messages: self.messages,
            size: self.size,
            producers: self.producers,
            paced_per_second: self.paced_per_second,
            paced_seconds: self.paced_seconds,
        };
        let report = desks::block_on(measure(settings, scratch.path(), context.out))?;
        context.out.document(&report, |style| report.render(style))
    }
}

/// Everything, from the first process to the last figure. The desks have ended when it returns.
async fn measure(settings: Settings, root: &Path, out: Output) -> Result<Report, Failure> {
    let machine = Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
    out.note("Two desks are made, started and linked.");
    let pair = desks::unless_interrupted(Pair::start(root)).await?;
    let folders = pair.folders();
    let before = usage(&folders)?;
    // Only what a daemon leaves behind in the end is certain to be on the disk.
    let (burst, paced, memory) = pair.measured(out, async |pair| runs(pair, &settings, out).await).await?;
    let after = usage(&folders)?;
    let count = settings.messages + paced.as_ref().map_or(0, |paced| paced.messages);
    let grown = |desk: usize| after[desk].saturating_sub(before[desk]) / count;
    let disk = Disk { sender_bytes_per_message: grown(0), receiver_bytes_per_message: grown(1) };
    Ok(Report { machine, settings, burst, paced, memory, disk })
}

async fn runs(
    pair: &Pair,
    settings: &Settings,
    out: Output,
) -> Result<(burst::Burst, Option<Paced>, Memory), Failure> {
    out.note(&format!("{} comments of {} bytes go in.", settings.messages, settings.size));
    let burst = burst::run(pair, &[pair.writer(settings.size)], settings.load()).await?;
    let [sender, receiver] = pair.pids();
    let memory = Memory {
        sender_peak_bytes: process::peak_memory(sender)?,
        receiver_peak_bytes: process::peak_memory(receiver)?,
    };
    let paced = if settings.paced_seconds > 0 {
        let (per_second, seconds) = (settings.paced_per_second, settings.paced_seconds);
        out.note(&format!("{per_second} comments a second go in, for {seconds} s."));
        Some(pace::run(pair, Pace { per_second, seconds, size: settings.size }).await?)
    } else {
        None
    };
    Ok((burst, paced, memory))
}

fn usage(folders: &[PathBuf; 2]) -> Result<[u64; 2], Failure> {
    let mut usage = [0; 2];
    for (usage, folder) in usage.iter_mut().zip(folders) {
        *usage =
            disk::usage(folder).map_err(|error| failure::local(&folder.display().to_string(), &error))?;
    }
    Ok(usage)
}
