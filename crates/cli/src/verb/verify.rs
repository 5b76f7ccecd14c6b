//! `deskwire verify`: checks signatures, chains, receipts and the journal's checksums.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use deskwire_api_types::{VerifyReport, VerifyRequest};

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    proof, render,
};

/// Check what is stored: signatures, chains, receipts, checksums.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check this link alone, by local name or id.
    link: Option<String>,
    /// Check a proof file instead. Needs no desk, no daemon and no network.
    #[arg(long, value_name = "FILE", conflicts_with = "link")]
    file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire verify
  deskwire verify kassa --json
  deskwire verify --file case.deskwire-proof

The exit code is 1 when something is wrong; the report is printed all the same.";

/// A check reads everything that is stored.
const PATIENCE: Duration = Duration::from_secs(3600);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if let Some(file) = &self.file {
            return verify_file(context, file);
        }
        let request = VerifyRequest { link: self.link };
        let report = context.talk(async |client| client.with_timeout(PATIENCE).verify(&request).await)?;
        context.out.report(&report, wrong(&report), |style| render::verify(&report, style))
    }
}

fn wrong(report: &VerifyReport) -> Option<Failure> {
    let detail = format!("What is stored does not hold in {} places.", report.problems.len());
    let next = "Keep a copy of the folder and do not delete anything; the report names each place.";
    (!report.ok).then(|| failure::refused("verify-failed", "The check found something wrong", detail, next))
}

fn verify_file(context: &Context, file: &Path) -> Done {
    let report = proof::verify(file)?;
    let detail = format!("{} does not hold; {} findings.", file.display(), report.findings.len());
    let next = "Believe nothing in it; ask the desk that made it for another one.";
    let bad = || failure::refused("verify-failed", "The file does not verify", detail, next);
    let bad = (!report.holds()).then(bad);
    context.out.report(&proof::document(&report), bad, |style| proof::show(&report, style))
}
