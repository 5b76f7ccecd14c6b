//! `deskwire rule remove`: one rule less.

use crate::{context::Context, failure::Done, render};

/// Remove a rule of a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Its number.
    rule: u32,
}

const EXAMPLES: &str = "\
Examples:
  deskwire rule remove kassa 1";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let rules = context.talk(async |client| {
            client.remove_rule(&self.link, self.rule).await?;
            client.rules(&self.link).await
        })?;
        context.out.document(&rules, |style| render::rules(&rules, style))
    }
}
