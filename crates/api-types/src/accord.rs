//! What a link agrees on: terms and proposals, its suspension and end, this desk's mapping and rules, and the check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{DelegationState, Priority, Role, Time};

/// The terms of a link, in force and proposed: `GET /v1/links/{link}/terms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkTerms {
    /// Local name of the link.
    pub link: String,
    /// The version in force.
    pub version: u64,
    /// Since when, if others were in force before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Every member that is agreed, as proto-spec 3.2 names them; lengths of time in milliseconds.
    #[schema(value_type = Object)]
    pub terms: BTreeMap<String, Value>,
    /// What this desk has proposed and the partner can accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ours: Option<TermsProposal>,
    /// What the partner has proposed and this desk can accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<TermsProposal>,
    /// Versions that were in force before, oldest first.
    #[serde(default)]
    pub before: Vec<u64>,
    /// Whether a proposal that only renews the calendar is accepted without a person.
    #[serde(default)]
    pub takes_calendars: bool,
}

/// Terms that one side has proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TermsProposal {
    /// Their version.
    pub version: u64,
    /// SHA-256 of them, 64 hexadecimal digits.
    pub hash: String,
    /// When they were said.
    pub at: Time,
    /// All members.
    #[schema(value_type = Object)]
    pub terms: BTreeMap<String, Value>,
    /// What would be different from what is in force.
    pub differences: Vec<TermsDifference>,
}

/// One member that would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TermsDifference {
    /// The member.
    pub member: String,
    /// What holds now, in words.
    pub now: String,
    /// What would hold.
    pub then: String,
}

/// The body of `POST /v1/links/{link}/terms/propose`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeTerms {
    /// The version from which they are made; the one in force if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u64>,
    /// Members that become others, as in proto-spec 3.2; `null` takes one away. The rest stays.
    #[schema(value_type = Object)]
    pub set: BTreeMap<String, Value>,
}

/// The body of `POST /v1/links/{link}/terms/accept`: what the person has read, if that is to be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptTerms {
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// The body of `POST /v1/links/{link}/terms/calendars`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeCalendars {
    /// Whether a proposal that only renews the calendar is accepted without a person.
    pub on: bool,
}

/// The body of `POST /v1/links/{link}/suspend`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendLink {
    /// Why, for the partner to read.
    pub reason: String,
    /// Until when; without it until `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// The body of `POST /v1/links/{link}/close`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseLink {
    /// Why, for the partner to read.
    pub reason: String,
}

/// What a link would leave behind if it ended now: `GET /v1/links/{link}/close`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkLeftOpen {
    /// Local name of the link.
    pub link: String,
    /// How many delegations have not ended. Those that are not resolved fall back to whoever handed them over.
    pub open: u64,
    /// The first 50 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<OpenDelegation>,
    /// Lines of work that no signed statement holds, by currency. Nobody can approve or sign them on this link afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<UnsettledWork>,
}

/// A delegation that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenDelegation {
    /// Its id.
    pub id: String,
    /// This desk's side.
    pub role: Role,
    /// This desk's ticket.
    pub ticket: String,
    /// Its state.
    pub state: DelegationState,
}

/// Lines of work in one currency that no signed statement holds; sums with two decimals, taxes included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnsettledWork {
    /// The currency.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// All of them.
    pub sum: String,
    /// Lines that wait for the principal's word.
    pub open: String,
    /// Approved lines.
    pub approved: String,
    /// Disputed lines.
    pub disputed: String,
}

/// Something that one side said to a link as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaidOnLink {
    /// Whether this desk said it.
    pub ours: bool,
    /// When.
    pub at: Time,
    /// Until when, for a suspension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why; absent once it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// This desk's own words for those of a link: `GET` and `POST /v1/links/{link}/map`. A list that is empty maps nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinkMapping {
    /// Statuses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<MappedStatus>,
    /// Priorities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<MappedPriority>,
    /// Categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<MappedCode>,
    /// Custom fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<MappedField>,
}

/// A status here and on the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappedStatus {
    /// This desk's.
    pub own: String,
    /// The link's.
    pub link: String,
    /// How the partner is told to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A priority here and on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappedPriority {
    /// This desk's.
    pub own: Priority,
    /// The link's.
    pub link: Priority,
}

/// A category here and on the link, or a value of a custom field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappedCode {
    /// This desk's.
    pub own: String,
    /// The link's.
    pub link: String,
}

/// A custom field here and on the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappedField {
    /// Key at this desk.
    pub own: String,
    /// Key of the terms.
    pub link: String,
    /// Values that are called otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<MappedCode>,
}

/// What would be lost on a link or stands in its way: `GET /v1/links/{link}/check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkCheck {
    /// Local name of the link.
    pub link: String,
    /// Whether work can go over it now.
    pub ready: bool,
    /// What was found, what stands in the way first.
    pub findings: Vec<LinkFinding>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkFinding {
    /// Stable, kebab-case.
    pub code: String,
    /// Whether it stands in the way of work.
    pub serious: bool,
    /// What it is about.
    pub about: String,
    /// A sentence.
    pub words: String,
}

/// A rule of a link: when a delegation has settled in `when`, all of the rest is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Its number on the link.
    pub no: u32,
    /// What it says.
    #[serde(flatten)]
    pub rule: NewRule,
}

/// The body of `POST /v1/links/{link}/rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewRule {
    /// The side on which this desk is; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The settled state.
    pub when: DelegationState,
    /// Sets the status of this desk's ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How this desk calls that status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Writes this as an internal comment on the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// Confirms the delegation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
    /// Resolves the delegation through which the ticket came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolve: bool,
    /// The solution that is told upward with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The partner's own solution goes upward with it, named as the relay setting there says; `solution` where it gave none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pass_solution: bool,
}

/// The rules of a link: `GET /v1/links/{link}/rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleList {
    /// Local name of the link.
    pub link: String,
    /// In the order in which they run.
    pub rules: Vec<Rule>,
}
