//! `deskwire queue withdraw`: takes back the text of a message that has left.

use crate::{context::Context, failure::Done};

/// Take back the text of a message that has left: the partner's desk hides it, or never gets it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Number of the message, as `deskwire log` shows it.
    seq: u64,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue withdraw kassa 42

The message itself keeps its effect. What somebody has read cannot be taken back.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let done = context.talk(async |client| client.withdraw_message(&self.link, self.seq).await)?;
        context.out.document(&done, |_| {
            let read = if done.read {
                "The partner's desk has it already and hides it now; somebody may have read it."
            } else {
                "The partner's desk has not confirmed it yet."
            };
            format!("The text of message {} on {} is withdrawn. {read}\n", done.seq, self.link)
        })
    }
}
