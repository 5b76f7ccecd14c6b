//! Which statement was meant: by id or the beginning of it.

use deskwire_client::Client;

use crate::failure::{self, Failure};

/// The statement that a verb is about.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Id of the statement, or the beginning of it.
    #[arg(value_name = "STATEMENT")]
    id: String,
}

impl Target {
    /// The whole id of the statement that was meant.
    pub(super) async fn find(&self, client: &Client) -> Result<String, Failure> {
        let wanted = self.id.trim().to_lowercase();
        if wanted.len() == 32 {
            return Ok(wanted);
        }
        let mut found = Vec::new();
        for link in client.links().await?.links {
            // A link that waits has no account yet.
            let Ok(list) = client.statements(&link.name).await else { continue };
            let fits = |id: &String| wanted.len() >= 4 && id.starts_with(&wanted);
            found.extend(list.statements.into_iter().map(|one| one.id).filter(fits));
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(failure::usage(format!(
                "no statement begins with “{}”: see them with `deskwire statement list LINK`",
                self.id
            ))),
            _ => Err(failure::usage(format!("“{}” means several statements: type more of the id", self.id))),
        }
    }
}
