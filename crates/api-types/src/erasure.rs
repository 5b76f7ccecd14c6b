//! Erasures: what goes, who is asked, and who has acknowledged.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Time;

/// The body of `POST /v1/erasures` and `/v1/erasures/preview`: a case, or a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// Number of the ticket whose case goes as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How the person is written: name, e-mail address, telephone number. Every text goes in which one of these stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub person: Vec<String>,
    /// Only on these tickets; all when absent. For a person alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<String>,
    /// Code of the ground, such as `gdpr-17`; partners are told.
    pub basis: String,
    /// Cases that are not over go too.
    #[serde(default)]
    pub open: bool,
}

/// What an erasure would take away, and who would be asked. Made by the functions that carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasurePlan {
    /// What would go from this desk.
    pub texts: Vec<ErasedText>,
    /// How many files would go with their bytes.
    pub files: u64,
    /// Numbers of the tickets whose titles and fields would go.
    pub tickets: Vec<String>,
    /// Numbers of those that are not over.
    pub open: Vec<String>,
    /// Who would be asked.
    pub partners: Vec<ErasureAsked>,
}

/// One text that would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedText {
    /// Number of the ticket on which it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// What it is: the kind of the message, or `ticket`, `comment`, `file`, `status`.
    pub kind: String,
    /// Name of the link over which it came or went, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was stored.
    pub time: Time,
}

/// A partner and what it is asked to erase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureAsked {
    /// Name of its link.
    pub partner: String,
    /// How many items it is asked for.
    pub items: u64,
    /// Since when; absent while it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Whether it can be asked at all: nothing can be said over a link that has ended or is being ended.
    pub reachable: bool,
    /// When it said that everything is gone there and further on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
    /// Why it did not take the request; it is asked again a day later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How an erasure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureState {
    /// Something of it is still on this disk.
    Here,
    /// It is gone here; partners have not all acknowledged.
    Partners,
    /// Everything is gone everywhere.
    Done,
}

/// One erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erasure {
    /// Its id on this desk.
    pub id: String,
    /// What it is about: `case`, `person`, `partner` for what a partner asks for, `restored` for a request of this desk from
    /// before a restore.
    pub about: String,
    /// Number of the ticket, of a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Name of the link of the partner who asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Code of the ground.
    pub basis: String,
    /// Since when.
    pub since: Time,
    /// How many texts went from this desk.
    pub texts: u64,
    /// How it stands.
    pub state: ErasureState,
    /// The partners who were asked, or cannot be.
    pub asked: Vec<ErasureAsked>,
    /// When everything was gone everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
}

/// The answer of `GET /v1/erasures`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureList {
    /// The newest first.
    pub erasures: Vec<Erasure>,
}

/// The query of `GET /v1/erasures`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ErasureQuery {
    /// How many at most: 1 to 500, 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
