//! `deskwire link end`: ends a link on this side.

use crate::{context::Context, failure::Done, render};

/// End a link for good on this side alone, because the partner is gone; the two desks can link anew afterwards.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// End it without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link end kassa
  deskwire link end kassa --yes

Nothing more goes over the link, and the partner is not told. What is open on it comes to its end here. With a partner
that answers, use `deskwire link close`.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let question = format!("End the link {} for good?", self.link);
        if !self.yes && !context.out.ask(&question, "nobody can be asked here: give --yes")? {
            context.out.note("Nothing has changed.");
            return Ok(());
        }
        let link = context.talk(async |client| client.end_link(&self.link).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
