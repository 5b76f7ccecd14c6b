//! What several kinds of message share: people, things, money, audiences. proto-spec, section 6.2.

use serde::{Deserialize, Serialize};

use crate::text::{Code, Currency, Decimal, Label, Line, Prose};

/// Who acted, as far as the terms let it travel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Label>,
    /// What the person does, such as "dispatcher".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Label>,
}

/// Whom to talk to about the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Name.
    pub name: Label,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Label>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Label>,
    /// Whether the contractor may pass this contact on to its own contractors.
    pub onward: bool,
}

/// Where the work is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Name, such as "Shop 17".
    pub name: Label,
    /// Postal address on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Line>,
    /// Latitude and longitude in degrees, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<(Decimal, Decimal)>,
}

/// What the work is done on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Equipment {
    /// Such as "cash register".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Label>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<Label>,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Label>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Label>,
    /// The owner's number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Label>,
}

/// The value of a custom field of the terms: its key, and the value as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomValue(pub Code, pub Line);

/// The sender's own ticket and its status there; the other side shows both and folds neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Status code of the sender's own ticket.
    pub status: Code,
    /// Id of the sender's own ticket.
    pub ticket: Label,
    /// The status in the sender's words.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "status-label")]
    pub status_label: Option<Label>,
}

/// How pressing the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// As usual.
    Normal,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

impl Priority {
    /// All priorities, rising.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];
}

/// Who may see a contribution beyond its author. Internal ones never become messages and have no value here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The two desks of the delegation.
    Delegation,
    /// All partners of the case whom the relays allow.
    Thread,
}

/// An amount of money: decimal number and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money(pub Decimal, pub Currency);

/// Marks a kind that has no text part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoText;

/// The text of an action whose only words are who took it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ByText {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// The text of an action that has to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonText {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why.
    pub reason: Prose,
}
