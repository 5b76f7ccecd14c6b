//! Each side's own words for those of a link: statuses, priorities, categories and custom fields (product.md: "Each side
//! keeps its own words"). A value that has no counterpart hurts its field alone and is told.

use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::{CustomField, FieldName, FieldType, Terms};
use deskwire_proto::text::{Code, Label, Line};
use serde::{Deserialize, Serialize};

use crate::disclosure::{Changes, Source, fits, priority_code};

/// Words of this desk and of the link. A list that is empty maps nothing: its values go as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mapping {
    /// Statuses.
    pub statuses: Vec<StatusPair>,
    /// Priorities.
    pub priorities: Vec<PriorityPair>,
    /// Categories.
    pub categories: Vec<CodePair>,
    /// Custom fields.
    pub custom: Vec<FieldPair>,
}

/// A status of this desk and what it is called on the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusPair {
    /// This desk's.
    pub own: Code,
    /// The link's.
    pub link: Code,
    /// How the partner is told to call it; this desk's own label if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// A priority of this desk and of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorityPair {
    /// This desk's.
    pub own: Priority,
    /// The link's.
    pub link: Priority,
}

/// A code of this desk and of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodePair {
    /// This desk's.
    pub own: Code,
    /// The link's.
    pub link: Code,
}

/// A custom field of this desk and of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPair {
    /// Key of this desk.
    pub own: Code,
    /// Key of the terms.
    pub link: Code,
    /// Values that are called otherwise; others go as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValuePair>,
}

/// A value of a custom field here and on the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValuePair {
    /// This desk's.
    pub own: Line,
    /// The link's.
    pub link: Line,
}

/// A value without a counterpart: the field that is left out, and the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The field, as a preview names it.
    pub field: String,
    /// The value.
    pub value: String,
}

/// Values of a partner's offer in this desk's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Here {
    /// Category.
    pub category: Option<Code>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Custom fields, by key.
    pub custom: Vec<(Code, Line)>,
    /// What has no counterpart, and stands above as the link has it.
    pub unmapped: Vec<Lost>,
}

/// A mapping that says two things of one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{list} has {value} twice")]
pub struct TwiceError {
    /// Which list.
    pub list: &'static str,
    /// Which value of this desk.
    pub value: String,
}

impl Mapping {
    /// Checks that each own value occurs once in its list.
    ///
    /// # Errors
    /// The first that occurs twice.
    pub fn check(&self) -> Result<(), TwiceError> {
        once("statuses", self.statuses.iter().map(|pair| pair.own.to_string()))?;
        once("priorities", self.priorities.iter().map(|pair| priority_code(pair.own).to_owned()))?;
        once("categories", self.categories.iter().map(|pair| pair.own.to_string()))?;
        once("custom", self.custom.iter().map(|pair| pair.own.to_string()))?;
        self.custom
            .iter()
            .try_for_each(|field| once("custom.values", field.values.iter().map(|pair| pair.own.to_string())))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A status of this desk and its label as the link has them. Without a counterpart nothing but whether it is closed is
    /// told, and what is lost is named.
    #[must_use]
    pub fn status(&self, own: &Code, label: Option<&Label>) -> (Code, Option<Label>, Option<Lost>) {
        if self.statuses.is_empty() {
            return (own.clone(), label.cloned(), None);
        }
        match self.statuses.iter().find(|pair| pair.own == *own) {
            Some(pair) => (pair.link.clone(), pair.label.clone().or_else(|| label.cloned()), None),
            None => (plain(own), None, Some(lost("own.status", own))),
        }
    }

    /// What this desk calls a status of the partner; nothing where it has no counterpart.
    #[must_use]
    pub fn status_here(&self, link: &str) -> Option<&Code> {
        self.statuses.iter().find(|pair| pair.link.as_str() == link).map(|pair| &pair.own)
    }

    /// What this desk calls a category of the link; nothing where it has no counterpart.
    #[must_use]
    pub fn category_here(&self, link: &Code) -> Option<Code> {
        if self.categories.is_empty() {
            return Some(link.clone());
        }
        self.categories.iter().find(|pair| pair.link == *link).map(|pair| pair.own.clone())
    }

    /// What this desk calls a priority of the link; nothing where it has no counterpart.
    #[must_use]
    pub fn priority_here(&self, link: Priority) -> Option<Priority> {
        if self.priorities.is_empty() {
            return Some(link);
        }
        self.priorities.iter().find(|pair| pair.link == link).map(|pair| pair.own)
    }

    /// What this desk calls a custom field of the link and its value; nothing where it has no counterpart.
    #[must_use]
    pub fn custom_here(&self, key: &Code, value: &Line) -> Option<(Code, Line)> {
        if self.custom.is_empty() {
            return Some((key.clone(), value.clone()));
        }
        let pair = self.custom.iter().find(|pair| pair.link == *key)?;
        let said = pair.values.iter().find(|one| one.link == *value).map_or(value, |one| &one.own);
        Some((pair.own.clone(), said.clone()))
    }

    /// What a partner's offer says in this desk's own words. What has no counterpart keeps the word of the link, and is
    /// named.
    #[must_use]
    pub fn here(&self, category: Option<&Code>, priority: Option<Priority>, custom: &[(Code, Line)]) -> Here {
        let mut unmapped = Vec::new();
        let category = category.map(|link| {
            self.category_here(link).unwrap_or_else(|| {
                unmapped.push(lost("category", link));
                link.clone()
            })
        });
        let priority = priority.map(|link| {
            self.priority_here(link).unwrap_or_else(|| {
                unmapped.push(lost("priority", priority_code(link)));
                link
            })
        });
        let custom = custom.iter().map(|(key, value)| {
            self.custom_here(key, value).unwrap_or_else(|| {
                unmapped.push(lost(&format!("custom.{key}"), value));
                (key.clone(), value.clone())
            })
        });
        let custom = custom.collect();
        Here { category, priority, custom, unmapped }
    }

    /// Puts a ticket into the words of the link. What has no counterpart is left out of it, field by field, and named.
    pub fn apply(&self, source: &mut Source) -> Vec<Lost> {
        let mut gone = Vec::new();
        let (status, label, lost_status) = self.status(&source.status, source.status_label.as_ref());
        (source.status, source.status_label) = (status, label);
        gone.extend(lost_status);
        gone.extend(self.fields(&mut source.category, &mut source.priority, &mut source.custom));
        gone
    }

    /// Puts a change of an offer into the words of the link, as [`Mapping::apply`] does the offer.
    pub fn apply_to_change(&self, changes: &mut Changes) -> Vec<Lost> {
        self.fields(&mut changes.category, &mut changes.priority, &mut changes.custom)
    }

    fn fields(
        &self,
        category: &mut Option<Code>,
        priority: &mut Option<Priority>,
        custom: &mut Vec<(Code, Line)>,
    ) -> Vec<Lost> {
        let mut gone = Vec::new();
        if let Some(own) = category.take() {
            match self.category(&own) {
                Some(link) => *category = Some(link),
                None => gone.push(lost("category", &own)),
            }
        }
        if let Some(own) = priority.take() {
            match self.priority(own) {
                Some(link) => *priority = Some(link),
                None => gone.push(lost("priority", priority_code(own))),
            }
        }
        if !self.custom.is_empty() {
            *custom = std::mem::take(custom)
                .into_iter()
                .filter_map(|(key, value)| {
                    let found = self.field(&key, &value);
                    if found.is_none() {
                        gone.push(lost(&format!("custom.{key}"), &value));
                    }
                    found
                })
                .collect();
        }
        gone
    }

    /// A category of this desk as the link has it.
    #[must_use]
    pub fn category(&self, own: &Code) -> Option<Code> {
        if self.categories.is_empty() {
            return Some(own.clone());
        }
        self.categories.iter().find(|pair| pair.own == *own).map(|pair| pair.link.clone())
    }

    /// A priority of this desk as the link has it.
    #[must_use]
    pub fn priority(&self, own: Priority) -> Option<Priority> {
        if self.priorities.is_empty() {
            return Some(own);
        }
        self.priorities.iter().find(|pair| pair.own == own).map(|pair| pair.link)
    }

    fn field(&self, key: &Code, value: &Line) -> Option<(Code, Line)> {
        let pair = self.custom.iter().find(|pair| pair.own == *key)?;
        let said = pair.values.iter().find(|one| one.own == *value).map_or(value, |one| &one.link);
        Some((pair.link.clone(), said.clone()))
    }
}

/// What a mapping and the terms leave out, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Stable word for what is wrong.
    pub code: &'static str,
    /// What it is about.
    pub about: String,
    /// A sentence.
    pub words: String,
}

/// Words that a desk uses on its tickets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Used {
    /// Statuses.
    pub statuses: Vec<Code>,
    /// Categories.
    pub categories: Vec<Code>,
}

/// What would be lost on this link, both ways: fields that do not travel, custom fields and values without a place in the
/// terms, statuses, categories and priorities without a counterpart.
#[must_use]
pub fn gaps(mapping: &Mapping, terms: &Terms, used: &Used) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for field in FieldName::ALL.into_iter().filter(|field| !terms.allows(*field)) {
        let name = name(field);
        gaps.push(gap(
            "field-not-in-terms",
            name,
            format!("The terms do not let '{name}' travel: it stays here."),
        ));
    }
    if terms.allows(FieldName::Status) && !mapping.statuses.is_empty() {
        for own in used.statuses.iter().filter(|own| !mapping.statuses.iter().any(|pair| pair.own == **own)) {
            let words = format!(
                "The status '{own}' has no counterpart: the partner is told 'open' or 'closed' instead."
            );
            gaps.push(gap("status-unmapped", own, words));
        }
    }
    if terms.allows(FieldName::Category) {
        for own in used.categories.iter().filter(|own| mapping.category(own).is_none()) {
            let words = format!("The category '{own}' has no counterpart: it stays here.");
            gaps.push(gap("category-unmapped", own, words));
        }
    }
    if terms.allows(FieldName::Priority) {
        gaps.extend(priorities(mapping));
    }
    gaps.extend(custom(mapping, terms));
    gaps
}

/// Priorities without a counterpart, ours and the link's.
fn priorities(mapping: &Mapping) -> Vec<Gap> {
    let ours = Priority::ALL.into_iter().filter(|own| mapping.priority(*own).is_none()).map(|own| {
        let own = priority_code(own);
        gap("priority-unmapped", own, format!("The priority '{own}' has no counterpart: it stays here."))
    });
    let theirs =
        Priority::ALL.into_iter().filter(|link| mapping.priority_here(*link).is_none()).map(|link| {
            let link = priority_code(link);
            let words =
                format!("The partner's priority '{link}' has no counterpart here: it is shown as it is.");
            gap("priority-unmapped-here", link, words)
        });
    ours.chain(theirs).collect()
}

fn custom(mapping: &Mapping, terms: &Terms) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let schema = terms.custom.as_deref().unwrap_or_default();
    for pair in &mapping.custom {
        match schema.iter().find(|field| field.key == pair.link) {
            None => {
                let words =
                    format!("The terms have no custom field '{}': '{}' stays here.", pair.link, pair.own);
                gaps.push(gap("custom-not-in-terms", &pair.own, words));
            }
            Some(field) => gaps.extend(unfit(pair, field)),
        }
    }
    for field in schema.iter().filter(|field| !mapping.custom.iter().any(|pair| pair.link == field.key)) {
        if !mapping.custom.is_empty() {
            let words =
                format!("The custom field '{}' of the terms has no counterpart at this desk.", field.key);
            gaps.push(gap("custom-unmapped", &field.key, words));
        }
    }
    gaps
}

fn unfit(pair: &FieldPair, field: &CustomField) -> Vec<Gap> {
    let one = |value: &ValuePair| {
        let kind = match field.r#type {
            FieldType::Text => "a text",
            FieldType::Number => "a number",
            FieldType::Date => "a date",
            FieldType::Choice => "one of the choices",
        };
        let about = format!("{}={}", pair.own, value.own);
        let words =
            format!("'{}' is not {kind} that '{}' of the terms takes: it stays here.", value.link, field.key);
        gap("custom-value-unfit", about, words)
    };
    pair.values.iter().filter(|value| !fits(field, &value.link)).map(one).collect()
}

fn gap(code: &'static str, about: impl ToString, words: String) -> Gap {
    Gap { code, about: about.to_string(), words }
}

fn lost(field: &str, value: &(impl ToString + ?Sized)) -> Lost {
    Lost { field: field.to_owned(), value: value.to_string() }
}

/// A status that tells no more than whether it is closed.
fn plain(own: &Code) -> Code {
    Code::new(if own.as_str() == "closed" { "closed" } else { "open" }).expect("a short word")
}

fn once(list: &'static str, values: impl Iterator<Item = String>) -> Result<(), TwiceError> {
    let mut seen = std::collections::BTreeSet::new();
    for value in values {
        if !seen.insert(value.clone()) {
            return Err(TwiceError { list, value });
        }
    }
    Ok(())
}

const fn name(field: FieldName) -> &'static str {
    match field {
        FieldName::Company => "company",
        FieldName::Contact => "contact",
        FieldName::Custom => "custom",
        FieldName::Equipment => "equipment",
        FieldName::Agreement => "agreement",
        FieldName::Category => "category",
        FieldName::Object => "object",
        FieldName::Priority => "priority",
        FieldName::Deadline => "deadline",
        FieldName::Status => "status",
        FieldName::Price => "price",
    }
}

#[cfg(test)]
mod tests;
