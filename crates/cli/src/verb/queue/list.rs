//! `deskwire queue list`: what is on its way.

use deskwire_api_types::{QueueQuery, QueueState};

use crate::{context::Context, failure::Done, parse::one_of, render};

/// List what is on its way to partners: numbered and not acknowledged, waiting, parked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only items of this link.
    #[arg(long, value_name = "NAME")]
    link: Option<String>,
    /// Only items in this state.
    #[arg(long, value_parser = one_of::<QueueState>(&["sent", "waiting", "parked"]))]
    state: Option<QueueState>,
    /// How many at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue list
  deskwire queue list --link kassa --state parked
  deskwire queue list --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = QueueQuery { link: self.link, state: self.state, limit: self.limit, after: self.after };
        let list = context.talk(async |client| client.queue(&query).await)?;
        context.out.document(&list, |style| render::queue_list(&list, style))
    }
}
