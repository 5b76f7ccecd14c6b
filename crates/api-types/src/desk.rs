//! The desk itself, and whether it is up.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// What this desk is and where it listens; the answer of `GET /v1/desk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Desk {
    /// Desk id in groups with check characters, as people read it to each other.
    pub id: String,
    /// The same id as 64 hexadecimal digits.
    pub id_hex: String,
    /// Display name.
    pub name: String,
    /// What stands before the numbers of this desk's tickets, such as `ACME`.
    pub prefix: String,
    /// Address of this API, such as `127.0.0.1:8440`.
    pub api: String,
    /// Addresses on which partners are listened to.
    pub listen: Vec<String>,
    /// URLs under which partners reach this desk; none for a desk that can only ask.
    pub endpoints: Vec<String>,
    /// Version of the software.
    pub version: String,
    /// Key id of the signing key in use, 32 hexadecimal digits.
    pub key_id: String,
    /// SHA-256 of the TLS certificate's public key info, 64 hexadecimal digits.
    pub tls_spki: String,
    /// Protocol versions that this desk speaks.
    pub protocols: Vec<u32>,
    /// When the daemon started.
    pub started: Time,
    /// Number of links, closed ones left out.
    pub links: u32,
}

/// The answer of `GET /healthz`: the process answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, or `degraded` when an operator should look at something.
    pub status: String,
    /// What that is: one sentence each. No partner is named, as this is told without a token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The answer of `GET /readyz`: whether new work is taken; status 200 when it is, 503 when not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether changing calls are taken now.
    pub ready: bool,
    /// Why not, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
