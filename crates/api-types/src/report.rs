//! Figures about partners over a period.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ExportFormat, Money, Role, Time};

/// The query of `GET /v1/reports/partners`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// Delegations that were offered from then on; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Delegations that were offered before; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// Only this link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// `json` or `csv`; JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ExportFormat>,
}

/// The answer of `GET /v1/reports/partners`. Everything in it is settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerReport {
    /// Begin of the period, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// End of the period, not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// One entry for each link and role with anything to tell.
    pub partners: Vec<PartnerFigures>,
}

/// Figures about one partner in one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerFigures {
    /// Local name of the link.
    pub link: String,
    /// Name of the partner.
    pub partner: String,
    /// What the partner is in these delegations.
    pub role: Role,
    /// Delegations that were offered in the period.
    pub offers: u64,
    /// Those that the contractor accepted.
    pub accepted: u64,
    /// Those that it declined.
    pub declined: u64,
    /// Accepted of those that were answered, per cent with one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_rate: Option<String>,
    /// Those that were resolved.
    pub resolved: u64,
    /// Those that were reopened at least once.
    pub reopened: u64,
    /// From the offer to the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Spread>,
    /// From the offer to the first resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Spread>,
    /// Deadlines that were kept.
    pub deadlines_kept: u64,
    /// Deadlines that were not kept.
    pub deadlines_missed: u64,
    /// How many were rated.
    pub ratings: u64,
    /// Mean of the ratings, stars with two places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// Approved lines of work that were done in the period, with taxes, by currency.
    pub cost: Vec<Money>,
}

/// Median and 90th percentile of a time, nearest rank, ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spread {
    /// Half of them took no longer.
    pub median_ms: u64,
    /// Nine of ten took no longer.
    pub p90_ms: u64,
}
