//! Key logs that somebody carries from desk to desk.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key log of a partner, as `deskwire key export` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLogImport {
    /// `deskwire-keylog:` and base64url.
    pub key_log: String,
}

/// What became of a key log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyLogImported {
    /// Whose it is.
    pub desk: String,
    /// How many keys it names.
    pub keys: u64,
    /// What became of it.
    pub outcome: KeyLogOutcome,
}

/// What became of a key log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyLogOutcome {
    /// It is newer than what was known, and is used from now on.
    Newer,
    /// It was known already.
    Known,
    /// It contradicts what was known: both are kept, and the link is paused.
    Forked,
}
