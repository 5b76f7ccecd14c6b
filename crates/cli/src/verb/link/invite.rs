//! `deskwire link invite`: makes an invitation for a partner.

use deskwire_api_types::InviteRequest;

use super::terms::TermsArgs;
use crate::{context::Context, failure::Done, parse, render};

/// Make an invitation: a link, and a QR code on a terminal.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How long it can be accepted, such as 12h or 7d; seven days unless given.
    #[arg(long, value_name = "SPAN", value_parser = parse::span)]
    expires: Option<u64>,
    /// Link with whoever accepts it, without a further approval.
    #[arg(long)]
    approved: bool,
    #[command(flatten)]
    terms: TermsArgs,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link invite
  deskwire link invite --expires 24h --approved
  deskwire link invite --delegate me --fields contact,object,equipment --max-file 100MiB

When standard output is no terminal, the invitation alone is printed.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = InviteRequest {
            expires_in_seconds: self.expires,
            terms: self.terms.offer(),
            approved: self.approved,
        };
        let invitation = context.talk(async |client| client.invite(&request).await)?;
        context.out.document(&invitation, |style| {
            if context.out.is_terminal() {
                render::invitation(&invitation, style)
            } else {
                format!("{}\n", invitation.text.as_deref().unwrap_or_default())
            }
        })
    }
}
