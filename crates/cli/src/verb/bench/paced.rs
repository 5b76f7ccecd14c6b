//! `deskwire bench paced`: how long a comment is on its way when few go in.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    machine::Machine,
    pace::{self, Pace, Paced},
    pair::Pair,
};
use crate::{
    context::Context,
    desks::{self, Scratch},
    failure::{self, Done, Failure},
    render::Style,
};

/// Measure how long a comment takes from the call to the commit on the other desk, at a steady pace.
///
/// Two daemons in processes of their own are linked over TLS on loopback. Comments go in through the API, so many a
/// second, each at its time whatever became of those before, first at one pace and then at the next.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Comments per second, one pace after the other.
    #[arg(long, value_name = "COUNT,…", value_delimiter = ',', default_values_t = [20, 200],
          value_parser = clap::value_parser!(u64).range(1..=1000))]
    per_second: Vec<u64>,
    /// Seconds of each pace.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Size of each comment, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(super::SIZES))]
    size: u64,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench paced
  deskwire bench paced --per-second 20 --seconds 30 --json";

/// The document of `deskwire bench paced --json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    #[serde(flatten)]
    pace: Pace,
    #[serde(flatten)]
    paced: Paced,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let root = scratch.path();
        let machine =
            Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
        let paces = self.per_second.iter();
        let paces: Vec<_> = paces
            .map(|per_second| Pace { per_second: *per_second, seconds: self.seconds, size: self.size })
            .collect();
        let runs = desks::block_on(async {
            let pair = desks::unless_interrupted(Pair::start(root)).await?;
            pair.measured(context.out, async |pair| {
                let mut runs = Vec::new();
                for pace in paces {
                    context.out.note(&format!(
                        "{} comments a second go in, for {} s.",
                        pace.per_second, pace.seconds
                    ));
                    runs.push(Run { pace, paced: pace::run(pair, pace).await? });
                }
                Ok::<_, Failure>(runs)
            })
            .await
        })?;
        let report = Report { machine, runs };
        context.out.document(&report, |style| report.render(style))
    }
}

impl Report {
    fn render(&self, style: Style) -> String {
        let runs = self.runs.iter().map(|run| run.paced.render(run.pace.per_second, style));
        format!("{}\n{}", style.dim(&self.machine.render()), runs.collect::<String>())
    }
}
