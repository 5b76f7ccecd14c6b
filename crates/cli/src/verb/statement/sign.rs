//! `deskwire statement sign`: signs a statement of the partner.

use super::target::Target;
use crate::{context::Context, failure::Done, render};

/// Sign a statement of the partner, if this desk comes to the same one to the byte.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement sign 51d0a3f2";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let detail = context.talk(async |client| {
            let id = self.target.find(&client).await?;
            client.sign_statement(&id).await
        })?;
        context.out.document(&detail, |style| render::statement(&detail, style))
    }
}
