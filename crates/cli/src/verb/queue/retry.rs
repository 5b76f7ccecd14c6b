//! `deskwire queue retry`: sends again, or tries a link at once.

use deskwire_api_types::QueueRetry;

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Send a parked item again, under its own id, or try a link at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// With --link: send all its parked items again.
    #[arg(long)]
    parked: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue retry 3f9a2c71
  deskwire queue retry --link kassa
  deskwire queue retry --link kassa --parked

Sending again never makes a copy: it is the same item, with the same id.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.parked && self.target.link().is_none() {
            return Err(failure::usage("--parked is said of a link: name it with --link"));
        }
        let done = context.talk(async |client| {
            let target = self.target.resolve(&client).await?;
            let request = QueueRetry { item: target.item, link: target.link, parked: self.parked };
            client.retry_queue(&request).await
        })?;
        let tried = self.target.link().filter(|_| done.count == 0);
        context.out.document(&done, |style| match tried {
            Some(link) => format!("The link {link} is tried at once.\n"),
            None => render::queue_changed(&done, "sent again", style),
        })
    }
}
