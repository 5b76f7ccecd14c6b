//! Invitations: how two desks become linked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Terms, TermsOffer, Time};

/// An invitation that this desk has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// SHA-256 of its secret, 64 hexadecimal digits.
    pub id: String,
    /// The invitation itself, as a URL and as the payload of a QR code; only in the answer that makes it, as the secret
    /// is stored hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When it was made.
    pub created: Time,
    /// When it ends.
    pub expires: Time,
    /// Terms that it offers.
    pub terms: Terms,
    /// Whether whoever accepts it is approved in advance.
    pub approved: bool,
    /// Whether it can still be accepted.
    pub state: InvitationState,
    /// Local name of the link that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Whether an invitation can still be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InvitationState {
    /// It can.
    Open,
    /// Somebody accepted it.
    Used,
    /// Its time is over.
    Expired,
    /// This desk took it back.
    Withdrawn,
}

impl InvitationState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The answer of `GET /v1/links/invitations`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationList {
    /// The invitations that are remembered.
    pub invitations: Vec<Invitation>,
}

/// The body of `POST /v1/links/invitations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// How long it can be accepted; seven days when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
    /// Terms to offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsOffer>,
    /// Whether whoever accepts it is approved in advance.
    #[serde(default)]
    pub approved: bool,
}

/// The body of `POST /v1/links/accept`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The invitation's text.
    pub invitation: String,
    /// Local short name for the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
