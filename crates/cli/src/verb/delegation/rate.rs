//! `deskwire delegation rate`: the principal rates the work.

use deskwire_api_types::{Action, Rate};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Rate the work that you confirmed, 1 to 5 stars; the newest rating counts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Stars, 1 to 5.
    #[arg(value_parser = clap::value_parser!(u8).range(1..=5))]
    stars: u8,
    /// A word about it, for the partner to read; - reads it from standard input.
    words: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation rate 3f9a2c71 4 'Quick, and the shop was left clean'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let words = self.words.as_deref().map(parse::text_or_stdin).transpose()?;
        let body = Rate { stars: self.stars, words };
        self.target.act(context, Action::Rate, async |client, id| Ok(client.rate(id, &body).await?))
    }
}
