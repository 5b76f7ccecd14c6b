//! Terms: what both desks of a link have signed. proto-spec, section 3.2.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cbor;
use crate::id::Hash;
use crate::list::List;
use crate::message::common::Priority;
use crate::number::Version;
use crate::text::{Code, Currency, Label};
use crate::time::Timestamp;

/// The terms of a link. A member that is not known here cannot be agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Terms {
    /// Version of the terms of this link, from 1.
    pub v: Version,
    /// Largest file, bytes.
    pub file: u64,
    /// What becomes of a comment or file of the principal on a closed delegation; absent: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// Schema of the custom fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<List<CustomField, 0, 32>>,
    /// Optional fields of an offer that may travel, sorted.
    pub fields: Vec<FieldName>,
    /// What of an acting person travels.
    pub person: PersonRule,
    /// Business hours of the contractor; absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<List<Interval, 0, 800>>,
    /// Currency of work lines; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Time to respond and to resolve, for a priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlines: Option<List<Deadline, 0, 8>>,
    /// Whether loop tags travel; absent: no.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "loop-tags")]
    pub loop_tags: Option<bool>,
    /// For how many days at least texts of closed delegations are kept; absent: not agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<u64>,
    /// How far a claimed time is believed, ms; absent: [`Terms::TOLERANCE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<u64>,
    /// Which sides may hand work over, sorted.
    pub principals: List<Side, 1, 2>,
    /// Whether the contractor may hand the work on.
    pub redelegate: Redelegate,
    /// Confirmed by itself so long after resolve, ms; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "auto-confirm")]
    pub auto_confirm: Option<u64>,
}

/// A rule of the terms that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// `fields` twice or out of order.
    #[error("the fields are not sorted, or one occurs twice")]
    Fields,
    /// `principals` twice or out of order.
    #[error("the principals are not `inviter`, then `accepter`")]
    Principals,
    /// Two custom fields with one key, or choices where none belong, or none where they do.
    #[error("a custom field occurs twice, or its choices do not fit its type")]
    Custom,
    /// Two deadlines for one priority.
    #[error("a priority has two deadlines")]
    Deadlines,
    /// Intervals that are empty, overlap or touch.
    #[error("the business hours are not ascending intervals that do not touch")]
    Calendar,
}

impl Terms {
    /// Tolerance of claimed times where the terms are silent, ms.
    pub const TOLERANCE: u64 = 900_000;

    /// Checks what the shape alone does not: order, duplicates, choices.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn check(&self) -> Result<(), TermsError> {
        let rising = |names: &[FieldName]| names.is_sorted_by(|one, other| one < other);
        let custom = self.custom.as_deref().unwrap_or_default();
        let deadlines = self.deadlines.as_deref().unwrap_or_default();
        let calendar = self.calendar.as_deref().unwrap_or_default();
        let rules = [
            (rising(&self.fields), TermsError::Fields),
            (self.principals.is_sorted_by(|one, other| one < other), TermsError::Principals),
            (unique(custom, |field| field.key.as_str()), TermsError::Custom),
            (custom.iter().all(CustomField::choices_fit), TermsError::Custom),
            (unique(deadlines, |deadline| deadline.priority), TermsError::Deadlines),
            (calendar.is_sorted_by(|one, other| one.1 < other.0), TermsError::Calendar),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Deterministic CBOR: what is hashed and compared.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode_plain(self).expect("texts, numbers, lists and maps have a CBOR form")
    }

    /// SHA-256 of [`Terms::encode`].
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// Whether an optional field of an offer may travel.
    #[must_use]
    pub fn allows(&self, field: FieldName) -> bool {
        self.fields.contains(&field)
    }

    /// Whether this side may hand work over.
    #[must_use]
    pub fn may_delegate(&self, side: Side) -> bool {
        self.principals.contains(&side)
    }
}

impl Default for Terms {
    /// First terms to offer: both sides hand work over, every optional field and names travel, files of 1 GiB.
    fn default() -> Self {
        Self {
            v: Version::FIRST,
            file: 1 << 30,
            late: None,
            custom: None,
            fields: FieldName::ALL.to_vec(),
            person: PersonRule::Name,
            calendar: None,
            currency: None,
            deadlines: None,
            loop_tags: None,
            retention: None,
            tolerance: None,
            principals: List::new(vec![Side::Inviter, Side::Accepter]).expect("two sides"),
            redelegate: Redelegate::Allowed,
            auto_confirm: None,
        }
    }
}

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let terms = Self::deserialize(deserializer)?;
        terms.check().map_err(de::Error::custom)?;
        Ok(terms)
    }
}

fn unique<'a, T, K: PartialEq>(all: &'a [T], key: impl Fn(&'a T) -> K) -> bool {
    all.iter().enumerate().all(|(place, one)| all[..place].iter().all(|other| key(other) != key(one)))
}

/// What becomes of a late comment or file of the principal on a closed delegation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// The delegation is opened again.
    Reopen,
    /// A new one follows it.
    FollowUp,
    /// It is refused.
    Refuse,
}

/// An optional field of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the field of the offer that has its name")]
pub enum FieldName {
    Company,
    Contact,
    Custom,
    Equipment,
    Agreement,
    Category,
    Object,
    Priority,
    Deadline,
    Status,
    Price,
}

impl FieldName {
    /// All fields, sorted.
    pub const ALL: [Self; 11] = [
        Self::Company,
        Self::Contact,
        Self::Custom,
        Self::Equipment,
        Self::Agreement,
        Self::Category,
        Self::Object,
        Self::Priority,
        Self::Deadline,
        Self::Status,
        Self::Price,
    ];
}

/// What of an acting person travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonRule {
    /// Name and function.
    Name,
    /// The function alone.
    Function,
    /// Nothing.
    Nothing,
}

/// Business hours: UTC, the start included, the end not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Interval(pub Timestamp, pub Timestamp);

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (from, to) = <(Timestamp, Timestamp)>::deserialize(deserializer)?;
        if from < to { Ok(Self(from, to)) } else { Err(de::Error::custom("an interval that is empty")) }
    }
}

/// Response and resolution times for a priority, ms after the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// Time to resolve.
    pub resolve: u64,
    /// Time to respond.
    pub respond: u64,
    /// For this priority.
    pub priority: Priority,
}

/// Which side of the linking exchange a desk was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Made the invitation.
    Inviter,
    /// Accepted it.
    Accepter,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Inviter => Self::Accepter,
            Self::Accepter => Self::Inviter,
        }
    }
}

/// Whether the contractor may hand the work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redelegate {
    /// No.
    Forbidden,
    /// Yes; the principal learns that it was, not to whom.
    Allowed,
    /// Yes, and the next desk is named to the principal.
    Named,
}

/// A field that the two desks agreed on beside those of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// Key in an offer.
    pub key: Code,
    /// Name for people.
    pub name: Label,
    /// What its values are.
    pub r#type: FieldType,
    /// Allowed values, of a choice alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<List<Label, 0, 64>>,
}

impl CustomField {
    fn choices_fit(&self) -> bool {
        self.choices.is_some() == (self.r#type == FieldType::Choice)
    }
}

/// What the values of a custom field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// Any line.
    Text,
    /// A decimal number.
    Number,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// One of a list.
    Choice,
}

#[cfg(test)]
mod tests {
    //! Terms with two readings would be a contract with two readings.
    use super::*;
    use crate::cbor::Bounds;

    fn reread(terms: &Terms) -> Result<Terms, cbor::CborError> {
        cbor::decode(&cbor::encode(terms).unwrap(), Bounds::LARGE)
    }

    #[test]
    fn first_terms_survive_the_wire() {
        let terms = Terms::default();
        assert_eq!(reread(&terms).unwrap(), terms);
        assert!(terms.allows(FieldName::Price) && terms.may_delegate(Side::Accepter));
    }

    #[test]
    fn each_rule_beyond_the_shape_is_checked_when_reading() {
        let choice = CustomField {
            key: Code::new("floor").unwrap(),
            name: Label::new("Floor").unwrap(),
            r#type: FieldType::Choice,
            choices: None,
        };
        let number = CustomField { r#type: FieldType::Number, ..choice.clone() };
        let deadline = Deadline { resolve: 2, respond: 1, priority: Priority::High };
        let hours = |from, to| Interval(Timestamp(from), Timestamp(to));
        type Spoil = Box<dyn Fn(&mut Terms)>;
        let wrong: Vec<Spoil> = vec![
            Box::new(|terms| terms.fields.swap(0, 1)),
            Box::new(|terms| terms.fields[1] = terms.fields[0]),
            Box::new(|terms| terms.principals = List::new(vec![Side::Accepter, Side::Inviter]).unwrap()),
            Box::new(move |terms| terms.custom = Some(List::new(vec![choice.clone()]).unwrap())),
            Box::new(move |terms| {
                terms.custom = Some(List::new(vec![number.clone(), number.clone()]).unwrap())
            }),
            Box::new(move |terms| terms.deadlines = Some(List::new(vec![deadline, deadline]).unwrap())),
            Box::new(move |terms| terms.calendar = Some(List::new(vec![hours(1, 2), hours(2, 3)]).unwrap())),
            Box::new(move |terms| terms.calendar = Some(List::new(vec![hours(2, 2)]).unwrap())),
        ];
        for (place, spoil) in wrong.into_iter().enumerate() {
            let mut terms = Terms::default();
            spoil(&mut terms);
            assert!(reread(&terms).is_err(), "rule {place}");
        }
    }
}
