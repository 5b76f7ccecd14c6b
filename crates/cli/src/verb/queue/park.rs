//! `deskwire queue park`: takes items out of the queue.

use super::target::Target;
use crate::{context::Context, failure::Done, render};

/// Take an item, or all that waits on a link, out of the queue; others overtake it until it is sent again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue park 3f9a2c71
  deskwire queue park --link kassa

What rests on an item, such as later events of its delegation, is parked with it. A message that has its number cannot be
parked any more.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let done = context.talk(async |client| {
            let target = self.target.resolve(&client).await?;
            client.park_queue(&target).await
        })?;
        context.out.document(&done, |style| render::queue_changed(&done, "parked", style))
    }
}
