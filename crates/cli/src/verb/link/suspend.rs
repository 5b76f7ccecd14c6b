//! `deskwire link suspend`: no new work for a while.

use deskwire_api_types::{SuspendLink, Time};

use crate::{context::Context, failure::Done, parse, render};

/// Take and give no new work over a link for a while. What is open goes on; `link resume` ends it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Why, for the partner to read; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    reason: String,
    /// Until when; the link goes on by itself then.
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    until: Option<Time>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link suspend kassa --reason 'Stocktaking' --until +3d

`deskwire link resume kassa` ends it.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = SuspendLink { reason: parse::text_or_stdin(&self.reason)?, until: self.until };
        let link = context.talk(async |client| client.suspend_link(&self.link, &request).await)?;
        let until = self.until.map(|until| format!(" until {}", render::when(until))).unwrap_or_default();
        let words = format!(
            "No new work goes over {0}{until}; what is open goes on. `deskwire link resume {0}` ends that.",
            link.name
        );
        context
            .out
            .document(&link, |style| format!("{}\n{}\n", render::link(&link, style), style.yellow(&words)))
    }
}
