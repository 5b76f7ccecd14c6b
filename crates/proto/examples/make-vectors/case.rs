//! How a vector is written down, and the list of all.

use serde_json::{Value, json};

use crate::file::Vector;
use crate::value::hex;

/// All vectors made so far: `group/name` and the vector.
#[derive(Default)]
pub(crate) struct Cases(pub(crate) Vec<(String, Vector)>);

/// What the vectors of one group share.
#[derive(Clone)]
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) section: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) cddl: &'a str,
    pub(crate) keys: Vec<String>,
    pub(crate) context: Option<Value>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(name: &'a str, section: &'a str, purpose: &'a str, cddl: &'a str) -> Self {
        Self { name, section, purpose, cddl, keys: Vec::new(), context: None }
    }

    pub(crate) fn keys(mut self, keys: &[String]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    pub(crate) fn context(mut self, context: Value) -> Self {
        self.context = Some(context);
        self
    }
}

impl Cases {
    /// Adds a vector; the caller may change what it differs in.
    pub(crate) fn add(
        &mut self,
        group: &Group<'_>,
        name: &str,
        description: &str,
        bytes: &[u8],
        expect: &str,
    ) -> &mut Vector {
        let vector = Vector {
            description: description.to_owned(),
            section: group.section.to_owned(),
            purpose: group.purpose.to_owned(),
            cddl: group.cddl.to_owned(),
            hex: hex(bytes),
            expect: expect.to_owned(),
            keys: group.keys.clone(),
            context: group.context.clone(),
            value: None,
            notes: None,
        };
        let path = format!("{}/{name}", group.name);
        assert!(self.0.iter().all(|(other, _)| *other != path), "{path} is there twice");
        self.0.push((path, vector));
        &mut self.0.last_mut().expect("just pushed").1
    }
}

impl Vector {
    /// The rule is written in the section and not in the CDDL.
    pub(crate) fn beyond(&mut self) -> &mut Self {
        self.set("cddl", json!("accepts"))
    }

    /// The schema is not asked: what is wrong lies below it, or beside it.
    pub(crate) fn skipped(&mut self) -> &mut Self {
        self.set("cddl", json!("skipped"))
    }

    /// There are members which a reader may drop when it encodes again.
    pub(crate) fn unknown(&mut self) -> &mut Self {
        self.set("again", json!("differs"))
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) -> &mut Self {
        self.context.get_or_insert_with(|| json!({}))[name] = value;
        self
    }

    pub(crate) fn section(&mut self, section: &str) -> &mut Self {
        section.clone_into(&mut self.section);
        self
    }

    pub(crate) fn keys(&mut self, keys: &[String]) -> &mut Self {
        self.keys = keys.to_vec();
        self
    }

    pub(crate) fn notes(&mut self, notes: &str) -> &mut Self {
        self.notes = Some(notes.to_owned());
        self
    }

    pub(crate) fn value(&mut self, value: Value) -> &mut Self {
        self.value = Some(value);
        self
    }
}
