//! `deskwire export`: everything signed of a link or a case, in one file that anybody can verify.

use std::path::PathBuf;

use deskwire_api_types::OtherCases;

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    part::Part,
    proof,
    verb::delegation::Target,
};

/// Write a proof file: all that was signed, with key logs and receipts. `deskwire verify --file` checks it without a desk.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    delegation: Option<Target>,
    /// Everything of this link, by local name or id, in place of one delegation.
    #[arg(long, conflicts_with = "id", required_unless_present = "id")]
    link: Option<String>,
    /// Where to put it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Of other delegations the hashes alone: nothing of them is disclosed, but a message could be hidden among them.
    #[arg(long, conflicts_with = "link")]
    leave_out_others: bool,
    /// Replace a file that is already there.
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire export ACME-12 -o case.deskwire-proof
  deskwire export ACME-12 -o case.deskwire-proof --leave-out-others
  deskwire export --link kassa -o kassa.deskwire-proof

`deskwire verify --file kassa.deskwire-proof` checks it, with no desk. The file of one delegation has its texts alone. Of
the other messages on the link it has the signed facts (codes, amounts, times, ids), unless --leave-out-others says
otherwise. Look at whom you give it to.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        Part::room(&self.output, self.force)?;
        context.talk(async |client| {
            let mut download = match (&self.link, &self.delegation) {
                (Some(link), _) => client.export_link(link).await?,
                (None, Some(target)) => {
                    let id = target.find(&client, None).await?;
                    let others = if self.leave_out_others { OtherCases::LeftOut } else { OtherCases::Signed };
                    client.export_delegation(&id, others).await?
                }
                (None, None) => return Err(failure::usage("name a delegation, or a link with --link")),
            };
            let part = Part::create(&self.output)?;
            while let Some(piece) = download.piece().await? {
                part.write(&piece)?;
            }
            part.finish(&self.output)
        })?;
        // What was written is what is verified: nobody is handed a file that does not hold.
        let report = proof::verify(&self.output)?;
        context.out.report(&proof::document(&report), not_whole(&report), |style| {
            format!("{}:\n\n{}", self.output.display(), proof::show(&report, style))
        })
    }
}

fn not_whole(report: &deskwire_machine::proof::Report) -> Option<Failure> {
    let detail = format!("Of what was written, {} places do not hold.", report.findings.len());
    let next = "Run `deskwire verify`: it looks at what this desk has stored.";
    (!report.holds()).then(|| failure::refused("verify-failed", "The file does not verify", detail, next))
}
