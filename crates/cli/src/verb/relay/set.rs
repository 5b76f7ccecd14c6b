//! `deskwire relay set`: what goes onward over a link.

use deskwire_api_types::{RelayMode, RelaySetting};

use crate::{context::Context, failure::Done, parse::one_of, render};

/// Set what of other partners' comments and files goes onward over a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link over which it goes.
    link: String,
    /// Nothing, each after a click, or all by itself.
    #[arg(value_parser = one_of::<RelayMode>(&["off", "click", "automatic"]))]
    mode: RelayMode,
    /// Name the desk that wrote it, where it may be named; otherwise it is "a partner".
    #[arg(long)]
    named: bool,
    /// Sign your own words for all partners on this link, so that the partner may name you further on.
    #[arg(long)]
    sign: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay set kassa click
  deskwire relay set shop automatic --named
  deskwire relay set shop off";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let setting = RelaySetting { mode: self.mode, named: self.named, sign: self.sign };
        let setting = context.talk(async |client| client.set_relay(&self.link, &setting).await)?;
        context.out.document(&setting, |_| render::relay_setting(&self.link, &setting))
    }
}
