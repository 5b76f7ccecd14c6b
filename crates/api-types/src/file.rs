//! Files on tickets.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Audience, Delivery, Person, RelayWaiting, Relayed, Retraction, Time, Trouble};

/// One file on a ticket; its bytes are at `GET /v1/files/{id}/content`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileInfo {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// Number of the ticket it hangs on.
    pub ticket: String,
    /// File name without folders.
    pub name: String,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// Size, bytes.
    pub size: u64,
    /// SHA-256 of the bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Whether the bytes are here.
    pub state: FileState,
    /// How many bytes are here and checked.
    pub fetched: u64,
    /// Why fetching failed, or fails at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// When it was attached.
    pub time: Time,
    /// Who attached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Name of the partner it came from; absent for this desk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The delegation it came by; absent for this desk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// Who may read it.
    pub audience: Audience,
    /// Whether it was taken back.
    #[serde(default)]
    pub retracted: bool,
    /// What the partner says of the desk that attached it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Relayed>,
    /// For this desk's own: how it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retraction: Option<Retraction>,
    /// For a partner's: where it does not go onward, or not yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayWaiting>,
    /// How far its announcement has come, one per partner: of this desk's own, or of a partner's that goes onward.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
}

/// Whether a file's bytes are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// All of them, checked and synced.
    Here,
    /// They are being fetched, or wait to be.
    Fetching,
    /// They cannot be had; `trouble` says why.
    Failed,
}

/// The query of `POST /v1/tickets/{number}/files`, whose body is the file's bytes with a `Content-Length`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// File name without folders.
    pub name: String,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// `internal` (when absent), `requester`, `thread`, or `delegations:ID,ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}
