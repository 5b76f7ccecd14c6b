//! `deskwire delegation accept`: takes an offer.

use deskwire_api_types::{AcceptOffer, Action};

use super::target::Target;
use crate::{context::Context, failure::Done};

/// Accept an offer: a ticket is opened for it here.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Version of the offer that you read; refused when there is a newer one.
    #[arg(long, value_name = "NUMBER")]
    offer: Option<u64>,
    /// Own status code to report.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Own words for it.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation accept 3f9a2c71
  deskwire delegation accept SHOP-7 --label 'in our queue'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = AcceptOffer { version: self.offer, status: self.status, label: self.label };
        self.target.act(context, Action::Accept, async |client, id| client.accept(id, &body).await)
    }
}
