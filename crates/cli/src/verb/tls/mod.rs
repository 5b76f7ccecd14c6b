//! `deskwire tls`: the key by which partners know this desk's listener.

mod rotate;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Rotate => rotate,
}

/// Change the TLS key of the listener for partners.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire tls rotate --data acme";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
