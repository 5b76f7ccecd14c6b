//! The one place that lets a field out or notes why it stays.

use std::collections::BTreeSet;

use deskwire_proto::list::List;
use deskwire_proto::message::common::{
    Contact, CustomValue, Equipment, Money, Object, Own, Person, Priority,
};
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_proto::time::Timestamp;

use super::{Changes, Choice, Kept, Reason, Requester, Source, custom, person, plain_own};

/// Stands between a ticket and a message.
pub(super) struct Gate<'a> {
    terms: &'a Terms,
    chosen: Option<&'a BTreeSet<FieldName>>,
    kept: Vec<Kept>,
}

/// The optional fields that came through.
pub(super) struct Passed {
    pub(super) category: Option<Code>,
    pub(super) priority: Option<Priority>,
    pub(super) respond: Option<Timestamp>,
    pub(super) resolve: Option<Timestamp>,
    pub(super) price: Option<Money>,
    pub(super) contact: Option<Contact>,
    pub(super) company: Option<Label>,
    pub(super) object: Option<Object>,
    pub(super) equipment: Option<Equipment>,
    pub(super) agreement: Option<Label>,
    pub(super) custom: Option<List<CustomValue, 0, 32>>,
}

impl<'a> Gate<'a> {
    /// A gate for these terms and the optional fields chosen, all of them without a choice.
    pub(super) const fn new(terms: &'a Terms, chosen: Option<&'a BTreeSet<FieldName>>) -> Self {
        Self { terms, chosen, kept: Vec::new() }
    }

    /// What stayed here.
    pub(super) fn into_kept(self) -> Vec<Kept> {
        self.kept
    }

    /// Lets the optional fields through that may pass, in the order in which people read them.
    pub(super) fn pass(&mut self, wanted: &Changes) -> Passed {
        let equipment = wanted.equipment.as_ref().filter(|equipment| **equipment != Equipment::default());
        Passed {
            category: self.chosen(FieldName::Category, "category", wanted.category.as_ref()),
            priority: self.chosen(FieldName::Priority, "priority", wanted.priority.as_ref()),
            respond: self.given(FieldName::Deadline, "deadline.respond", wanted.respond.as_ref()),
            resolve: self.given(FieldName::Deadline, "deadline.resolve", wanted.resolve.as_ref()),
            price: self.price(wanted.price.as_ref()),
            contact: self.contact(wanted.requester.as_ref()),
            company: self.chosen(FieldName::Company, "company", wanted.company.as_ref()),
            object: self.chosen(FieldName::Object, "object", wanted.object.as_ref()),
            equipment: self.chosen(FieldName::Equipment, "equipment", equipment),
            agreement: self.chosen(FieldName::Agreement, "agreement", wanted.agreement.as_ref()),
            custom: self.custom(&wanted.custom),
        }
    }

    pub(super) fn own(&mut self, source: &Source) -> Own {
        let full = Own {
            status: source.status.clone(),
            ticket: source.label.clone(),
            status_label: source.status_label.clone(),
        };
        let plain = plain_own(source.label.clone(), &source.status);
        if full == plain {
            return plain;
        }
        self.chosen(FieldName::Status, "status", Some(&full)).unwrap_or(plain)
    }

    pub(super) fn person(&mut self, by: &Person) -> Option<Person> {
        let passed = person(by, self.terms);
        let left = passed.clone().unwrap_or_default();
        if left.name != by.name {
            self.keep("by.name", Reason::NotInTerms);
        }
        if left.function != by.function {
            self.keep("by.function", Reason::NotInTerms);
        }
        passed
    }

    pub(super) fn description(&mut self, source: &Source, choice: &Choice) -> Option<Prose> {
        let description = choice.description.as_ref().or(source.description.as_ref());
        if !choice.send_description && description.is_some() {
            self.keep("description", Reason::NotChosen);
            return None;
        }
        description.cloned()
    }

    /// A field that passes if the terms let it and it was chosen.
    fn chosen<T: Clone>(&mut self, field: FieldName, name: &str, value: Option<&T>) -> Option<T> {
        let value = value?;
        match self.hindrance(field) {
            Some(reason) => self.keep(name, reason),
            None => return Some(value.clone()),
        }
        None
    }

    /// A field that somebody gave for this message alone: it passes if the terms let it.
    fn given<T: Clone>(&mut self, field: FieldName, name: &str, value: Option<&T>) -> Option<T> {
        let value = value?;
        if self.terms.allows(field) {
            return Some(value.clone());
        }
        self.keep(name, Reason::NotInTerms);
        None
    }

    fn price(&mut self, price: Option<&Money>) -> Option<Money> {
        let price = self.given(FieldName::Price, "price", price)?;
        if self.terms.currency.as_ref().is_none_or(|currency| *currency == price.1) {
            return Some(price);
        }
        self.keep("price", Reason::NotInTerms);
        None
    }

    fn contact(&mut self, requester: Option<&Requester>) -> Option<Contact> {
        let requester = self.chosen(FieldName::Contact, "contact", requester)?;
        if requester.may_be_sent() {
            return Some(requester.contact().clone());
        }
        self.keep("contact", Reason::NotOnward);
        None
    }

    fn custom(&mut self, values: &[(Code, Line)]) -> Option<List<CustomValue, 0, 32>> {
        let mut passed: Vec<CustomValue> = Vec::new();
        for (key, value) in values {
            let twice = passed.iter().any(|sent| sent.0 == *key);
            let hindrance = self
                .hindrance(FieldName::Custom)
                .or_else(|| custom::hindrance(self.terms, key, value))
                .or(twice.then_some(Reason::Unfit));
            match hindrance {
                Some(reason) => self.keep(&format!("custom.{key}"), reason),
                None => passed.push(CustomValue(key.clone(), value.clone())),
            }
        }
        // As many keys as the terms define pass at most, once each.
        let passed = List::new(passed).expect("terms define at most 32 custom fields");
        (!passed.is_empty()).then_some(passed)
    }

    fn hindrance(&self, field: FieldName) -> Option<Reason> {
        if !self.terms.allows(field) {
            return Some(Reason::NotInTerms);
        }
        self.chosen.is_some_and(|chosen| !chosen.contains(&field)).then_some(Reason::NotChosen)
    }

    fn keep(&mut self, field: &str, reason: Reason) {
        self.kept.push(Kept { field: field.to_owned(), reason });
    }
}
