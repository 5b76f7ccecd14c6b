//! `deskwire link withdraw`: takes an invitation back.

use deskwire_api_types::{Invitation, InvitationState};
use serde_json::json;

use crate::{
    context::Context,
    failure::{self, Done, Failure},
};

/// Take an invitation back that nobody has accepted yet.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Its id, or the beginning of it, as `deskwire link invitations` shows it.
    id: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link withdraw 3f9a2c71";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let id = context.talk(async |client| {
            let known = client.invitations().await?.invitations;
            let id = find(&known, &self.id)?;
            client.withdraw_invitation(&id).await?;
            Ok(id)
        })?;
        context.out.document(&json!({ "id": id, "state": InvitationState::Withdrawn }), |_| {
            "The invitation is withdrawn; nobody can accept it any more.\n".to_owned()
        })
    }
}

/// The whole id. One that is not in the list is left to the daemon, which says what is wrong with it.
fn find(known: &[Invitation], typed: &str) -> Result<String, Failure> {
    let typed = typed.trim().to_lowercase();
    let mut found = known.iter().filter(|invitation| invitation.id.starts_with(&typed));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id.clone()),
        (Some(_), Some(_)) => Err(failure::usage(format!("“{typed}” begins several ids: type more of it"))),
        (None, _) => Ok(typed),
    }
}
