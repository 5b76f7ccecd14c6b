//! Who may read a comment or a file.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who may read a comment or a file: internal unless something else was said.
///
/// In a query string it is one word: `internal`, `requester`, `thread`, or `delegations:ID,ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Audience {
    /// This desk's own people; nothing leaves.
    #[default]
    Internal,
    /// The person who asked for help, and this desk.
    Requester,
    /// All partners of the case, as far as the relays allow.
    Thread,
    /// The partners of the chosen delegations.
    Delegations {
        /// Ids of delegations of the same ticket; at least one.
        ids: Vec<String>,
    },
}

/// The text names no audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAudience(String);

impl Audience {
    /// Whether something of this audience stays within the desk.
    pub fn is_internal(&self) -> bool {
        *self == Self::Internal
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal => f.write_str("internal"),
            Self::Requester => f.write_str("requester"),
            Self::Thread => f.write_str("thread"),
            Self::Delegations { ids } => write!(f, "delegations:{}", ids.join(",")),
        }
    }
}

impl FromStr for Audience {
    type Err = BadAudience;

    fn from_str(text: &str) -> Result<Self, BadAudience> {
        match text {
            "internal" => Ok(Self::Internal),
            "requester" => Ok(Self::Requester),
            "thread" => Ok(Self::Thread),
            _ => {
                let ids = text.strip_prefix("delegations:").ok_or_else(|| BadAudience(text.to_owned()))?;
                let ids: Vec<String> =
                    ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
                if ids.is_empty() { Err(BadAudience(text.to_owned())) } else { Ok(Self::Delegations { ids }) }
            }
        }
    }
}

impl fmt::Display for BadAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "“{}” is no audience: it is internal, requester, thread, or delegations: and the delegations' ids",
            self.0
        )
    }
}

impl std::error::Error for BadAudience {}
