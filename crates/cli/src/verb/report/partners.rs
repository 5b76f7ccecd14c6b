//! `deskwire report partners`: how partners work.

use deskwire_api_types::{ReportQuery, Time};

use crate::{
    context::Context,
    failure::{self, Done},
    parse, render,
};

/// Show how partners work: offers, answers, times, deadlines, ratings, cost. All of it is settled.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Delegations that were offered, and work that was done, from then on.
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    from: Option<Time>,
    /// And before then.
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    to: Option<Time>,
    /// Only this link.
    #[arg(long, value_name = "NAME")]
    link: Option<String>,
    /// Print comma-separated values.
    #[arg(long)]
    csv: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire report partners
  deskwire report partners --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z --link kassa
  deskwire report partners --csv";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = ReportQuery { from: self.from, to: self.to, link: self.link, format: None };
        if self.csv {
            if context.out.is_json() {
                return Err(failure::usage("--json and --csv both want standard output"));
            }
            let bytes = context.talk(async |client| Ok(client.partner_report_csv(&query).await?))?;
            return context.out.raw(&bytes);
        }
        let report = context.talk(async |client| Ok(client.partner_report(&query).await?))?;
        context.out.document(&report, |style| render::partner_report(&report, style))
    }
}
