//! `deskwire bench links`: one hub with many partners, and what the good ones feel when others are dead, slow or hostile.

mod client;
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
use run::Partners;

/// Measure what good partners feel of bad ones.
///
/// One daemon is linked with many partners, which this process plays with real keys over TLS on loopback. Comments go to
/// all of them at a steady pace, and come from some of them. First all are good; then a share of them is bad: one third
/// of those dead (nobody listens), one third slow (answers come after ten seconds), one third hostile (rubbish and
/// resets, and rubbish sent to the daemon as well). Compared are the times of those that are good all along: from the
/// call of the API until the comment is at the partner, and from a partner's comment until its receipt is back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Partners.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(4..=5000))]
    links: u64,
    /// How many of a hundred are bad in the second run.
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=90))]
    bad: u64,
    /// Comments per second in each direction, over all partners.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    per_second: u64,
    /// Seconds of each run.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
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

/// Seconds between the moment when partners turn bad and the second run: the first tries fail meanwhile.
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
    let [listen] = desks::free_ports()?;
    let hub = start(root, listen).await?;
    let measured = desks::unless_interrupted(runs(&hub, listen, &settings, out)).await;
    if let Err(failure) = &measured
        && failure.code() != "interrupted"
    {
        out.note(&format!("The daemon's last lines:\n  {}", hub.last_words(12).join("\n  ")));
    }
    let stopped = desks::stop_all([hub]).await;
    let (good, bad, memory) = measured?;
    stopped?;
    Ok(Report { machine, settings, good, bad, memory })
}

async fn start(root: &Path, listen: std::net::SocketAddr) -> Result<LocalDesk, Failure> {
    let (program, folder) = (desks::program()?, root.join("hub"));
    LocalDesk::init(&program, &folder, &["--name", "Hub", "--listen", &listen.to_string()]).await?;
    // All partners come from one address here.
    let many = ["--peer-max-connections", "16384", "--peer-max-connections-per-address", "16384"];
    Ok(LocalDesk::start(&program, &folder, &many).await?)
}

type Measured = (report::Run, report::Run, Memory);

async fn runs(
    hub: &LocalDesk,
    listen: std::net::SocketAddr,
    settings: &Settings,
    out: Output,
) -> Result<Measured, Failure> {
    let before = process::memory(hub.pid())?;
    out.note(&format!("{} partners are made and linked.", settings.links));
    let mut partners = Partners::link(hub.client(), listen, settings).await?;
    let linked = process::memory(hub.pid())?;
    out.note(&format!("All are good, for {} s.", settings.seconds));
    let good = partners.run(hub, settings).await?;
    out.note(&format!("{} of 100 turn bad; {} s more.", settings.bad_percent, settings.seconds));
    partners.turn_bad().await?;
    tokio::time::sleep(std::time::Duration::from_secs(SETTLE)).await;
    let bad = partners.run(hub, settings).await?;
    let memory = Memory {
        start_bytes: before,
        linked_bytes: linked,
        bytes_per_link: linked.saturating_sub(before) / settings.links,
        peak_bytes: process::peak_memory(hub.pid())?,
    };
    Ok((good, bad, memory))
}
