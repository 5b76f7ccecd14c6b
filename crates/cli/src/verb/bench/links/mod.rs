//! `deskwire bench links`: one hub with many partners, and what the good ones feel when others are dead, slow or hostile.

mod client;
mod compare;
mod peer;
mod report;
mod run;
mod server;

use std::path::{Path, PathBuf};

use deskwire_client::local::LocalDesk;

use super::{machine::Machine, process};
use crate::{
    context::Context,
    desks::{self, Scratch},
    failure::{self, Done, Failure},
    output::Output,
};
use report::{Memory, Report, Settings};
use run::{Partners, SLICE, Samples};

/// Measure what good partners feel of bad ones.
///
/// Two daemons are linked with as many partners each, which this process plays with real keys over TLS on loopback. All
/// partners of the first are good; a share of those of the second is bad: one third of these dead (nobody listens), one
/// third slow (answers come after ten seconds), one third hostile (rubbish and resets, and rubbish sent to the daemon as
/// well). Comments go to all partners at a steady pace, and come from good ones; the two daemons take turns of two
/// seconds, so that whatever else the machine does meets both. Compared are the times of partners that are good at
/// both: from the call of the API until the comment is at the partner, and from a partner's comment until its receipt
/// is back. Each pair of turns gives one ratio of each percentile; told are the median of the ratios and its 95 %
/// interval, and whether that lies within 20 %.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Partners.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(4..=5000))]
    links: u64,
    /// How many of a hundred partners of the second daemon are bad.
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=90))]
    bad: u64,
    /// Comments per second in each direction, over all partners.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    per_second: u64,
    /// Seconds that each daemon has its turn in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 80, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Folder for the desk, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench links
  deskwire bench links --links 200 --seconds 10
  deskwire bench links --bad 50 --json";

/// Seconds between the moment when partners turn bad and the measurement: the first tries fail meanwhile.
const SETTLE: u64 = 3;

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let settings = Settings {
            links: self.links,
            bad_percent: self.bad,
            per_second: self.per_second,
            seconds: self.seconds,
        };
        let report = desks::block_on(measure(settings, scratch.path(), context.out))?;
        context.out.document(&report, |style| report.render(style))
    }
}

async fn measure(settings: Settings, root: &Path, out: Output) -> Result<Report, Failure> {
    let machine = Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
    let at = desks::free_ports()?;
    let hubs = [start(root, "calm", at[0]).await?, start(root, "troubled", at[1]).await?];
    let measured = desks::unless_interrupted(runs(&hubs, at, &settings, out)).await;
    if let Err(failure) = &measured
        && failure.code() != "interrupted"
    {
        for hub in &hubs {
            out.note(&format!("A daemon's last lines:\n  {}", hub.last_words(12).join("\n  ")));
        }
    }
    let stopped = desks::stop_all(hubs).await;
    let (good, bad, change, memory) = measured?;
    stopped?;
    Ok(Report { machine, settings, good, bad, change, memory })
}

async fn start(root: &Path, name: &str, listen: std::net::SocketAddr) -> Result<LocalDesk, Failure> {
    let (program, folder) = (desks::program()?, root.join(name));
    LocalDesk::init(&program, &folder, &["--name", "Hub", "--listen", &listen.to_string()]).await?;
    // All partners come from one address here.
    let many = ["--peer-max-connections", "16384", "--peer-max-connections-per-address", "16384"];
    LocalDesk::start(&program, &folder, &many).await
}

type Measured = (report::Run, report::Run, report::Change, Memory);

async fn runs(
    hubs: &[LocalDesk; 2],
    at: [std::net::SocketAddr; 2],
    settings: &Settings,
    out: Output,
) -> Result<Measured, Failure> {
    let before = process::memory(hubs[0].pid())?;
    out.note(&format!("{} partners are made and linked with each of two desks.", settings.links));
    let calm = Partners::link(hubs[0].client(), at[0], settings).await?;
    let linked = process::memory(hubs[0].pid())?;
    let mut troubled = Partners::link(hubs[1].client(), at[1], settings).await?;
    out.note(&format!("{} of 100 partners of the second desk turn bad.", settings.bad_percent));
    troubled.turn_bad().await?;
    tokio::time::sleep(std::time::Duration::from_secs(SETTLE)).await;
    out.note(&format!("Both take turns, {} s each.", settings.seconds));
    let (mut good, mut bad) = (Samples::default(), Samples::default());
    for slice in 0..settings.seconds.div_ceil(SLICE) {
        // Each begins as often as the other: what grows worse or better within a pair of turns meets both.
        if slice % 2 == 0 {
            calm.slice(&hubs[0], settings, slice, &mut good).await?;
            troubled.slice(&hubs[1], settings, slice, &mut bad).await?;
        } else {
            troubled.slice(&hubs[1], settings, slice, &mut bad).await?;
            calm.slice(&hubs[0], settings, slice, &mut good).await?;
        }
    }
    let memory = Memory {
        start_bytes: before,
        linked_bytes: linked,
        bytes_per_link: linked.saturating_sub(before) / settings.links,
        peak_bytes: process::peak_memory(hubs[1].pid())?,
    };
    Ok((good.figures(), bad.figures(), good.compared(&bad), memory))
}
