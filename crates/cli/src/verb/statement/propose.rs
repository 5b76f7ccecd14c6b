//! `deskwire statement propose`: proposes a statement to a partner.

use deskwire_api_types::ProposeStatement;

use super::period::period;
use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Propose a statement: approved lines that were done before the end of the period and are in no signed one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the link.
    link: String,
    /// The period: 2026-10, 2026-Q4, 2026, or days like 2026-10-01..2026-10-15.
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// The time zone of the period.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement propose kassa --period 2026-10 --zone Europe/Berlin
  deskwire statement propose kassa --period 2026-10-01..2026-10-15";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let period = period(&self.period, &self.zone).map_err(failure::usage)?;
        let body = ProposeStatement { from: period.from, to: period.to, zone: self.zone };
        let detail = context.talk(async |client| Ok(client.propose_statement(&self.link, &body).await?))?;
        context.out.document(&detail, |style| render::statement(&detail, style))
    }
}
