//! `deskwire erase list`: all erasures and how far they have come.

use deskwire_api_types::ErasureQuery;

use crate::{context::Context, failure::Done, render};

/// List erasures, this desk's own and those that partners ask for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire erase list
  deskwire erase list --limit 500";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = ErasureQuery { limit: self.limit };
        let list = context.talk(async |client| client.erasures(&query).await)?;
        context.out.document(&list, |style| render::erasures(&list, style))
    }
}
