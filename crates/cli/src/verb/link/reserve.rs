//! `deskwire link reserve`: how much of an inherited deadline stays with this desk.

use deskwire_api_types::LinkReserve;

use crate::{context::Context, failure::Done, parse};

/// Look at, or set, how much of an inherited deadline stays with this desk when it hands work over on a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// How much, such as 4h; `0s` for nothing. `deskwire ticket delegate --reserve` says otherwise for one delegation.
    #[arg(value_name = "SPAN", allow_hyphen_values = true, value_parser = parse::span)]
    span: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link reserve kassa
  deskwire link reserve kassa 4h";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let setting = match self.span {
            None => context.talk(async |client| client.link_reserve(&self.link).await)?,
            Some(span) => {
                let setting = LinkReserve { reserve: Some(span).filter(|span| *span > 0) };
                context.talk(async |client| client.set_link_reserve(&self.link, &setting).await)?
            }
        };
        context.out.document(&setting, |_| shown(&self.link, setting))
    }
}

fn shown(link: &str, setting: LinkReserve) -> String {
    match setting.reserve {
        None => format!("Work handed over on {link} may take as long as this desk itself has.\n"),
        Some(seconds) if seconds % 3_600 == 0 => {
            format!(
                "Work handed over on {link} is due {} h before this desk's own deadline.\n",
                seconds / 3_600
            )
        }
        Some(seconds) => {
            let minutes = seconds.div_ceil(60);
            format!("Work handed over on {link} is due {minutes} min before this desk's own deadline.\n")
        }
    }
}
