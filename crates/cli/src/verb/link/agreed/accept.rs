//! `deskwire link terms accept`: accepts what the partner proposed.

use deskwire_api_types::AcceptTerms;

use crate::{context::Context, failure::Done, render};

/// Accept the newest proposal of the partner. The differences are shown before.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// The version that you have read; another one is refused.
    #[arg(long, value_name = "VERSION")]
    version: Option<u64>,
    /// Accept without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link terms accept kassa
  deskwire link terms accept kassa --version 3 --yes";

const OTHERWISE: &str = "nobody can be asked here: give --yes";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let known = context.talk(async |client| client.link_terms(&self.link).await)?;
        if !self.yes
            && let Some(proposal) = &known.theirs
        {
            context.out.aside(|style| render::terms_proposal(proposal, style));
            if !context.out.ask("Accept these terms?", OTHERWISE)? {
                context.out.note("Nothing has changed. The proposal stays until the partner replaces it.");
                return Ok(());
            }
        }
        let hash = known.theirs.as_ref().map(|proposal| proposal.hash.clone());
        let request = AcceptTerms { version: self.version, hash };
        let terms = context.talk(async |client| client.accept_terms(&self.link, &request).await)?;
        let accepted = known.theirs.map_or(0, |proposal| proposal.version);
        context.out.document(&terms, |style| match terms.version < accepted {
            true => format!(
                "Accepted. Version {accepted} holds as soon as this is on its way to the partner: see `deskwire link terms \
                 show {}`.\n",
                terms.link
            ),
            false => render::link_terms(&terms, style),
        })
    }
}
