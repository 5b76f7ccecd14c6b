//! Which contribution a decision is about.

use deskwire_api_types::RelayChoice;

/// What waits, and where it would go.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Number of the ticket.
    number: String,
    /// Id of the comment or the file, or the beginning of it.
    item: String,
    /// Only for this delegation; every place for which it waits otherwise.
    #[arg(long, value_name = "DELEGATION")]
    delegation: Option<String>,
}

impl Choice {
    /// As the API takes it.
    pub(crate) fn request(self) -> RelayChoice {
        RelayChoice { ticket: self.number, item: self.item, delegation: self.delegation }
    }
}
