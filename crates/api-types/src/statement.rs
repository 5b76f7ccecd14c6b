//! Statements of account: what both sides of a link sign.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Money, Time, WorkType};

/// The body of `POST /v1/links/{link}/statements`: proposes a statement over what is settled now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeStatement {
    /// Begin of the period, included.
    pub from: Time,
    /// End of the period, not included. Lines that were done before it and are in no signed statement count.
    pub to: Time,
    /// IANA name of the time zone in which the period was chosen; for people.
    pub zone: String,
}

/// How far a statement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatementState {
    /// Ours, and not sent yet.
    Waiting,
    /// Ours: the partner has to sign it.
    Proposed,
    /// The partner's, and this desk comes to the same to the byte: a person may sign it.
    ToSign,
    /// The partner's, and this desk comes to another one.
    Differs,
    /// The partner's, and it counts messages of this desk that no receipt covers yet.
    Unsettled,
    /// Another one was signed that this one does not know: it cannot be signed any more.
    Overtaken,
    /// Without effect.
    Refused,
    /// Signed by both; the partner's receipt for our signature has not come yet.
    Signing,
    /// Signed by both.
    Signed,
}

impl StatementState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proposed => "proposed",
            Self::ToSign => "to-sign",
            Self::Differs => "differs",
            Self::Unsettled => "unsettled",
            Self::Overtaken => "overtaken",
            Self::Refused => "refused",
            Self::Signing => "signing",
            Self::Signed => "signed",
        }
    }
}

/// A statement as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// Its id, 32 hexadecimal digits, the same on both sides.
    pub id: String,
    /// Local name of the link.
    pub link: String,
    /// Name of the partner.
    pub partner: String,
    /// Whether this desk proposed it.
    pub ours: bool,
    /// How far it has come.
    pub state: StatementState,
    /// Begin of the period, included.
    pub from: Time,
    /// End of the period, not included.
    pub to: Time,
    /// The time zone in which the period was chosen.
    pub zone: String,
    /// SHA-256 of the statement, which both sides sign.
    pub hash: String,
    /// What the proposer gets with taxes, by currency; below zero what it owes.
    pub totals: Vec<Money>,
    /// When it was proposed.
    pub time: Time,
}

/// The answer of `GET /v1/links/{link}/statements`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementList {
    /// The statements.
    pub statements: Vec<Statement>,
}

/// A statement with its lines, as this desk computes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementDetail {
    /// The statement.
    pub statement: Statement,
    /// Length of the proposer's stream and of the other one at the cut.
    pub cut: [u64; 2],
    /// SHA-256 of what this desk comes to; absent while it cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed_hash: Option<String>,
    /// The lines, sorted by delegation and id.
    pub lines: Vec<StatementLine>,
    /// Ids of lines that the principal has disputed behind the cut: the statement pays them all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed_since: Vec<String>,
    /// What the proposer gets, as this desk computes it.
    pub totals: Vec<Money>,
    /// Sums by contractor, currency and tax rate.
    pub sums: Vec<StatementSum>,
    /// The signed proposal and, once it is there, the signature: messages of the protocol, hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A signed message that is part of the proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The kind of message.
    pub kind: String,
    /// The desk that signed it.
    pub from: String,
    /// Its number in the stream of that desk.
    pub seq: u64,
    /// The signed bytes, hexadecimal.
    pub signed: String,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// The delegation.
    pub delegation: String,
    /// The line of work.
    pub work: String,
    /// This desk's ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Whether this desk did the work.
    pub ours: bool,
    /// Id of the desk that did the work.
    pub contractor: String,
    /// When it was done.
    pub date: Time,
    /// What was done; absent once it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// What is counted.
    pub r#type: WorkType,
    /// How many.
    pub quantity: String,
    /// Of what.
    pub unit: String,
    /// Price of one.
    pub price: String,
    /// Its currency.
    pub currency: String,
    /// Tax, per cent.
    pub tax: String,
    /// Quantity times price.
    pub net: String,
    /// The tax.
    pub tax_amount: String,
}

/// The sum of the lines of one contractor in one currency at one tax rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementSum {
    /// Whether this desk did the work.
    pub ours: bool,
    /// The currency.
    pub currency: String,
    /// Tax, per cent.
    pub tax: String,
    /// How many lines.
    pub lines: u64,
    /// Sum of the nets.
    pub net: String,
    /// Sum of the taxes.
    pub tax_amount: String,
    /// Both together.
    pub gross: String,
}

/// As what a statement or a report is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// Comma-separated values, UTF-8, RFC 4180.
    Csv,
    /// The document of the API.
    #[default]
    Json,
    /// A page to print.
    Html,
}

impl ExportFormat {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Html => "html",
        }
    }
}

/// In which language people read an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
    /// German.
    De,
}

impl Language {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
            Self::De => "de",
        }
    }
}

/// The query of `GET /v1/statements/{id}/export`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StatementExportQuery {
    /// As what; JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ExportFormat>,
    /// In which language; English when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}
