//! The terms of a link: who may delegate to whom, and what may travel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The terms in force on a link; the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// Version on this link, from 1.
    pub version: u64,
    /// Sides that may hand work over.
    pub principals: Vec<Side>,
    /// Optional fields of an offer that may travel.
    pub fields: Vec<FieldName>,
    /// What of an acting person's name travels.
    pub person: PersonTerm,
    /// Whether the contractor may hand the work on.
    pub redelegate: Redelegate,
    /// Largest file, bytes.
    pub file: u64,
}

/// Terms that a caller wants for a new link; what is absent takes the desk's configured value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsOffer {
    /// Who may hand work over, seen from the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principals: Option<Principals>,
    /// Optional fields of an offer that may travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldName>>,
    /// What of an acting person's name travels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonTerm>,
    /// Whether the contractor may hand the work on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redelegate: Option<Redelegate>,
    /// Largest file, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u64>,
}

/// A side of a link, by the part it had when the link was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The desk that made the invitation.
    Inviter,
    /// The desk that accepted it.
    Accepter,
}

/// Who may hand work over, seen from the caller's desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Principals {
    /// Either desk to the other.
    Both,
    /// This desk to the partner.
    Me,
    /// The partner to this desk.
    Partner,
}

/// An optional field of an offer, by the protocol's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldName {
    /// The requester's company.
    Company,
    /// The requester.
    Contact,
    /// Custom fields.
    Custom,
    /// The equipment.
    Equipment,
    /// Reference of the agreement.
    Agreement,
    /// The category.
    Category,
    /// The service object.
    Object,
    /// The priority.
    Priority,
    /// Respond-by and resolve-by.
    Deadline,
    /// The desk's own status and its label.
    Status,
    /// The price limit.
    Price,
}

impl FieldName {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 11] = [
        Self::Category,
        Self::Priority,
        Self::Deadline,
        Self::Contact,
        Self::Company,
        Self::Object,
        Self::Equipment,
        Self::Agreement,
        Self::Status,
        Self::Price,
        Self::Custom,
    ];

    /// The protocol's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Contact => "contact",
            Self::Custom => "custom",
            Self::Equipment => "equipment",
            Self::Agreement => "agreement",
            Self::Category => "category",
            Self::Object => "object",
            Self::Priority => "priority",
            Self::Deadline => "deadline",
            Self::Status => "status",
            Self::Price => "price",
        }
    }
}

/// What of an acting person's name travels to the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersonTerm {
    /// Name and function.
    Name,
    /// The function alone.
    Function,
    /// Nothing.
    Nothing,
}

/// Whether the contractor may hand the work on to a partner of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redelegate {
    /// No.
    Forbidden,
    /// Yes, without saying to whom.
    Allowed,
    /// Yes, and the principal learns the name.
    Named,
}
