//! `deskwire demo`: four real daemons do the main job, and what each of them holds is checked.

mod cast;
mod check;
mod props;
mod readback;
mod report;
mod search;
mod story;
mod transcript;

use std::path::{Path, PathBuf};

use crate::{
    context::Context,
    desks::{self, Scratch},
    failure::{self, Done, Failure},
    output::Output,
};
use cast::Cast;
use report::Report;
use transcript::Transcript;

/// Show four desks doing the main job, and check what each of them holds.
///
/// Shop, Acme, Kassa and Petrov are processes of their own on this machine, each with its folder, keys and store; Petrov
/// has no open port, as behind a router. They are linked by invitation; Shop hands a ticket to Acme, Acme hands the repair
/// to Kassa, Kassa the visit to Petrov; comments, a photo and a large file go as far as they may; Acme's daemon is killed
/// for a night; the answer, the bill and the proof come back up. Then every desk is asked, and its files are searched, for
/// what it must and must not hold. In the end everything is removed, also when it is broken off.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Leave the desks running, and say how to talk to them.
    #[arg(long)]
    keep: bool,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire demo
  deskwire demo --keep --dir demo
  deskwire demo --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let mut scratch = Scratch::new(self.dir.as_deref(), "deskwire-demo-")?;
        let report = desks::block_on(perform(context.out, &mut scratch, self.keep))?;
        let verdict = report.verdict();
        // One document: the report, or the problem that holds it.
        if !(context.out.is_json() && verdict.is_err()) {
            context.out.document(&report, |style| report.render(style))?;
        }
        verdict
    }
}

/// The whole demonstration. The desks have ended when it returns, unless they are to be kept and all of it was told.
async fn perform(out: Output, scratch: &mut Scratch, keep: bool) -> Result<Report, Failure> {
    let script = Transcript::new(out);
    let root = scratch.path().to_owned();
    let mut cast = desks::unless_interrupted(Cast::start(&root, &script)).await?;
    let shown = desks::unless_interrupted(show(&mut cast, &root, &script)).await;
    let (mut report, places) = match shown {
        Ok(shown) => shown,
        Err(failure) => {
            if failure.code() != "interrupted" {
                out.note(&cast.last_words());
            }
            // The failure that ended the story is the one to tell.
            let _ = cast.stop().await;
            return Err(failure);
        }
    };
    if keep {
        scratch.keep();
        report.kept = Some(root);
        cast.leave_running();
    } else {
        let ended = cast.stop().await;
        report.checks.holds("All", "each daemon ended by itself when it was asked to", ended.is_ok(), || {
            ended.as_ref().err().map(ToString::to_string).unwrap_or_default()
        });
    }
    readback::check_folders(&places, &mut report.checks)?;
    report.seconds = script.elapsed().as_secs_f64();
    Ok(report)
}

/// Tells the story and asks the desks what they hold.
async fn show(
    cast: &mut Cast,
    root: &Path,
    script: &Transcript,
) -> Result<(Report, readback::Places), Failure> {
    let told = story::tell(cast, root, script).await?;
    let places = readback::Places::of(cast, &told);
    let (checks, flows) = readback::check(cast, &told).await?;
    Ok((Report::new(cast, told, flows, checks), places))
}

/// What a check list that does not hold ends with.
fn differs(report: &Report) -> Failure {
    let detail = format!("{} of {} checks do not hold.", report.checks.wrong(), report.checks.len());
    let next = "Each of them is marked with ✗ above; --keep leaves the desks running to look at them.";
    let document = serde_json::to_value(report).unwrap_or_default();
    match failure::refused("demo-differs", "The desks do not hold what they must", detail, next) {
        Failure::Refused(problem) => Failure::Refused(Box::new(problem.with_extra("report", document))),
        other => other,
    }
}
