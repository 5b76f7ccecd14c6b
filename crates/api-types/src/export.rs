//! Proof files: what is in one.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The query of `GET /v1/delegations/{id}/export`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// What stands for the messages of other delegations; absent: `signed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<OtherCases>,
}

/// What stands for the messages of other delegations in a proof file about one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherCases {
    /// Their signed bytes without texts: every change can be found, and codes, amounts, times and ids are disclosed.
    #[default]
    Signed,
    /// Their hashes alone: nothing of them is disclosed, and a message of this delegation could be hidden among them.
    LeftOut,
}
