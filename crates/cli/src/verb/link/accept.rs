//! `deskwire link accept`: accepts a partner's invitation.

use deskwire_api_types::AcceptInvitation;

use crate::{context::Context, failure::Done, parse, render};

/// Accept a partner's invitation.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The invitation, or - to read it from standard input.
    invitation: String,
    /// Local short name for the link, instead of one made from the partner's name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link accept 'the invitation as you got it'
  deskwire link accept - --name kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let invitation = parse::text_or_stdin(self.invitation.trim())?;
        let request = AcceptInvitation { invitation: invitation.trim().to_owned(), name: self.name };
        let link = context.talk(async |client| client.accept_invitation(&request).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
