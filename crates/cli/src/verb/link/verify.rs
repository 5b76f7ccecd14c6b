//! `deskwire link verify`: compares the words that both desks show.

use deskwire_api_types::LinkVerification;

use crate::{
    context::Context,
    failure::{Done, Failure},
    render,
};

/// Say whether the words that both desks show are the same.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// The words or digits that the partner read to you; the daemon compares them.
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
    /// They match; do not ask.
    #[arg(long, conflicts_with = "mismatch")]
    yes: bool,
    /// They do not match: end the link.
    #[arg(long, conflicts_with = "words")]
    mismatch: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link verify kassa
  deskwire link verify kassa --words 'the six words that you heard'
  deskwire link verify kassa --mismatch";

const OTHERWISE: &str =
    "nobody can be asked here: give --words WORDS as you heard them, --yes, or --mismatch";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let decided = self.yes || self.mismatch || self.words.is_some();
        if !decided && !self.ask(context)? {
            context
                .out
                .note("Nothing has changed. If the words differ: deskwire link verify LINK --mismatch");
            return Ok(());
        }
        let request = LinkVerification { matches: !self.mismatch, words: self.words };
        let link = context.talk(async |client| client.verify_link(&self.link, &request).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }

    /// Shows the words and asks.
    fn ask(&self, context: &Context) -> Result<bool, Failure> {
        let link = context.talk(async |client| client.link(&self.link).await)?;
        if let Some(words) = &link.words {
            context.out.aside(|style| render::words_to_compare(words, style));
        }
        context.out.ask(&format!("Does {} show the same words?", link.partner.name), OTHERWISE)
    }
}
