//! `deskwire link close`: ends a link together with the partner.

use deskwire_api_types::CloseLink;

use crate::{context::Context, failure::Done, parse, render};

/// End a link together with the partner. What was said before still arrives; open work falls back to whoever handed it
/// over, and the tickets say so.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Why, for the partner to read; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT", required_unless_present = "preview")]
    reason: Option<String>,
    /// Only show what would be left behind: open cases, and work that no signed statement holds.
    #[arg(long)]
    preview: bool,
    /// End it without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link close kassa --preview
  deskwire link close kassa --reason 'The contract has ended'

The two desks can link anew afterwards; nothing of the old link comes back. For a partner that is gone there is
`deskwire link end`.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let left = context.talk(async |client| client.left_open(&self.link).await)?;
        let Some(reason) = self.reason.as_deref().filter(|_| !self.preview) else {
            return context.out.document(&left, |style| render::left_open(&left, style));
        };
        // It is said before it happens, also where nobody is asked.
        context.out.aside(|style| render::left_open(&left, style));
        let question = format!("End the link {} for good, on both sides?", self.link);
        if !self.yes && !context.out.ask(&question, "nobody can be asked here: give --yes")? {
            context.out.note("Nothing has changed.");
            return Ok(());
        }
        let request = CloseLink { reason: parse::text_or_stdin(reason)? };
        let link = context.talk(async |client| client.close_link(&self.link, &request).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
