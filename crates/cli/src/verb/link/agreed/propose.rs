//! `deskwire link terms propose`: proposes other terms.

use std::path::PathBuf;

use deskwire_api_types::ProposeTerms;

use super::value;
use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Propose other terms to the partner. What is not named stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// One member and what it becomes; `none` takes it away. May be repeated.
    #[arg(long, value_name = "MEMBER=VALUE")]
    set: Vec<String>,
    /// A file with members, as TOML or JSON.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The version from which they are made; refused if another one is in force by then.
    #[arg(long, value_name = "VERSION")]
    base: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link terms propose kassa --set auto-confirm=72h --set late=reopen
  deskwire link terms propose kassa --set fields=company,contact,status --set currency=none
  deskwire link terms propose kassa --set deadlines=urgent:30m:4h,normal:4h:3d
  deskwire link terms propose kassa --set calendar=own
  deskwire link terms propose kassa --file terms.toml

Members: principals, fields, custom, person, redelegate, file, late, deadlines, calendar, auto-confirm, tolerance,
currency, loop-tags, retention. Custom fields come from a file; a
calendar is own, for this desk's hours of 13 months, or comes from a file, also as `deskwire calendar intervals --json` prints it.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let mut set = match &self.file {
            Some(path) => value::file(path)?,
            None => Default::default(),
        };
        for one in &self.set {
            let (member, value) = value::one(one).map_err(|words| failure::usage(&words))?;
            set.insert(member, value);
        }
        if set.is_empty() {
            return Err(failure::usage("give at least one change with --set, or a file with --file"));
        }
        let request = ProposeTerms { base: self.base, set };
        let terms = context.talk(async |client| client.propose_terms(&self.link, &request).await)?;
        context.out.document(&terms, |style| match &terms.ours {
            Some(_) => render::link_terms(&terms, style),
            // It is shown as proposed once it has its number in the stream.
            None => format!(
                "Proposed, and on its way to the partner. Until it accepts, version {} holds: see `deskwire link terms \
                 show {}`.\n",
                terms.version, terms.link
            ),
        })
    }
}
