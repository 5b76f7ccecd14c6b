//! `deskwire log`: the signed stream of a link, readable.

use deskwire_api_types::{Direction, LogQuery};

use crate::{context::Context, failure::Done, render};

/// Read the signed stream of a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// The partner's stream instead of this desk's.
    #[arg(long = "in")]
    incoming: bool,
    /// First number to show.
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// How many messages at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Show the signed bytes too.
    #[arg(long)]
    signed: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire log kassa
  deskwire log kassa --in --from 100 --limit 20
  deskwire log kassa --signed --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = LogQuery {
            direction: Some(if self.incoming { Direction::In } else { Direction::Out }),
            from: self.from,
            limit: self.limit,
            signed: self.signed.then_some(true),
        };
        let page = context.talk(async |client| client.log(&self.link, &query).await)?;
        context.out.document(&page, |style| render::log(&page, style))
    }
}
