//! Chapter 6: every kind of message, good in its largest and its least form, and bad in each of its members.

mod account;
mod delegation;
mod link;
mod thread;

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::messages::{Content, context, part};
use crate::value::{cbor, members, with};
use crate::world::{B, array};

/// The text part of a kind.
pub(crate) enum Text {
    None,
    By,
    Reason,
    /// Every member, and which of them may be absent.
    Needed(Value, &'static [&'static str]),
}

/// Which half of the content a bad vector changes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Half {
    Facts,
    Text,
}

/// Name, description, half, member, and what stands there.
pub(crate) type Bad = (&'static str, &'static str, Half, &'static str, Value);

/// Members of a text part, by name.
pub(crate) type Members = Vec<(&'static str, Value)>;

/// A kind: all its facts, which of them may be absent, its text, and what else can be wrong.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) section: &'static str,
    pub(crate) delegation: bool,
    pub(crate) facts: Value,
    pub(crate) optional: &'static [&'static str],
    pub(crate) text: Text,
    /// Refused by the CDDL.
    pub(crate) bad: Vec<Bad>,
    /// Refused by the section alone.
    pub(crate) beyond: Vec<Bad>,
    /// Good with one member more: name, description, member, value.
    pub(crate) more: Option<(&'static str, &'static str, &'static str, Value)>,
    /// Good with more members in its text: name, description, members.
    pub(crate) more_text: Option<(&'static str, &'static str, Members)>,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            name: "",
            section: "",
            delegation: true,
            facts: json!({}),
            optional: &[],
            text: Text::None,
            bad: Vec::new(),
            beyond: Vec::new(),
            more: None,
            more_text: None,
        }
    }
}

pub(crate) fn make(cases: &mut Cases) {
    let kinds = [link::kinds(), delegation::kinds(), thread::kinds(), account::kinds()];
    for kind in kinds.into_iter().flatten() {
        Maker { group: group(&kind), kind, cases }.make();
    }
}

fn group(kind: &Kind) -> Group<'static> {
    Group::new(kind.name, kind.section, "message", "delivery").keys(&[B.key_hex(0)]).context(context())
}

struct Maker<'a> {
    kind: Kind,
    group: Group<'static>,
    cases: &'a mut Cases,
}

fn by() -> Value {
    json!({"name": "Ann Example", "function": "dispatcher"})
}

fn least(full: &Value, optional: &[&str]) -> Value {
    let gone: Vec<_> = optional.iter().map(|name| (*name, Value::Null)).collect();
    with(full, &gone)
}

/// A value of another type.
fn other_type(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::String(_) | Value::Null => json!(1),
        Value::Number(_) => json!("1"),
        Value::Array(_) => json!("x"),
        Value::Object(_) => json!([]),
    }
}

impl Maker<'_> {
    fn make(mut self) {
        self.good();
        self.facts();
        self.shapes();
        self.texts();
        self.special();
    }

    /// The whole text of the kind, if it has one.
    fn text(&self) -> Option<Value> {
        match &self.kind.text {
            Text::None => None,
            Text::By => Some(json!({"by": by()})),
            Text::Reason => Some(json!({"by": by(), "reason": "The part is not in stock."})),
            Text::Needed(full, _) => Some(with(full, &[("by", by())])),
        }
    }

    fn add(
        &mut self,
        name: &str,
        description: &str,
        facts: Vec<u8>,
        text: Option<&Value>,
        expect: &str,
    ) -> &mut crate::file::Vector {
        let content =
            Content { kind: self.kind.name, facts, text: text.map(part), delegation: self.kind.delegation };
        self.cases.add(&self.group, name, description, &content.delivery(), expect)
    }

    fn good(&mut self) {
        let (facts, text) = (self.kind.facts.clone(), self.text());
        let least_text = match &self.kind.text {
            Text::None | Text::By => None,
            Text::Reason => Some(json!({"reason": "x"})),
            Text::Needed(full, optional) => Some(least(full, optional)),
        };
        let least_facts = least(&facts, self.kind.optional);
        self.add("full", "Every member.", cbor(&facts), text.as_ref(), "ok");
        if least_facts != facts || least_text != text {
            self.add("least", "Only what must be there.", cbor(&least_facts), least_text.as_ref(), "ok");
        }
        let more = with(&facts, &[("x-later", json!({"a": [true]}))]);
        self.add("unknown-member", "A fact that a reader ignores.", cbor(&more), text.as_ref(), "ok")
            .unknown();
        if let Some((name, description, member, value)) = self.kind.more.take() {
            let more = cbor(&with(&facts, &[(member, value)]));
            self.add(name, description, more, text.as_ref(), "ok");
        }
        if let (Some((name, description, members)), Some(text)) = (self.kind.more_text.take(), &text) {
            self.add(name, description, cbor(&facts), Some(&with(text, &members)), "ok");
        }
    }

    fn facts(&mut self) {
        let (facts, text) = (self.kind.facts.clone(), self.text());
        for (name, value) in facts.as_object().expect("facts are a map").clone() {
            if !self.kind.optional.contains(&name.as_str()) {
                let bytes = cbor(&with(&facts, &[(&name, Value::Null)]));
                let description = format!("No `{name}` in the facts.");
                self.add(
                    &format!("facts-{name}-missing"),
                    &description,
                    bytes,
                    text.as_ref(),
                    "malformed-facts",
                );
            }
            let bytes = cbor(&with(&facts, &[(&name, other_type(&value))]));
            let description = format!("`{name}` in the facts of another type.");
            self.add(&format!("facts-{name}-type"), &description, bytes, text.as_ref(), "malformed-facts");
        }
    }

    fn shapes(&mut self) {
        let (facts, text) = (self.kind.facts.clone(), self.text());
        let values: Vec<_> = members(&facts).into_iter().map(|member| member.1).collect();
        self.add(
            "facts-array",
            "The values of the facts as an array.",
            array(&values),
            text.as_ref(),
            "malformed-facts",
        );
        let capital = cbor(&with(&facts, &[("Later", json!(1))]));
        self.add(
            "facts-member-no-code",
            "A fact whose name is no code.",
            capital,
            text.as_ref(),
            "malformed-facts",
        );
        let (name, description) = if self.kind.delegation {
            ("delegation-missing", "The head names no delegation.")
        } else {
            ("delegation-odd", "The head names a delegation.")
        };
        self.kind.delegation = !self.kind.delegation;
        self.add(name, description, cbor(&facts), text.as_ref(), "malformed-facts");
        self.kind.delegation = !self.kind.delegation;
    }

    fn texts(&mut self) {
        let facts = cbor(&self.kind.facts);
        let reason = match &self.kind.text {
            Text::None => {
                let text = json!({"by": by()});
                self.add(
                    "text-odd",
                    "A text part where the kind has none.",
                    facts,
                    Some(&text),
                    "malformed-text",
                );
                return;
            }
            Text::By => false,
            Text::Reason => {
                self.add("text-absent", "No text part.", facts.clone(), None, "reason-missing");
                let blank = json!({"by": by()});
                self.add("reason-absent", "No reason.", facts.clone(), Some(&blank), "reason-missing");
                true
            }
            Text::Needed(..) => {
                self.add("text-absent", "No text part.", facts.clone(), None, "malformed-text");
                false
            }
        };
        let full = self.text().expect("a text");
        for (name, value) in full.as_object().expect("a text is a map").clone() {
            let text = with(&full, &[(&name, other_type(&value))]);
            let description = format!("`{name}` in the text of another type.");
            self.add(
                &format!("text-{name}-type"),
                &description,
                facts.clone(),
                Some(&text),
                "malformed-text",
            );
            let needed = matches!(&self.kind.text, Text::Needed(_, optional) if name != "by" && !optional.contains(&name.as_str()));
            if needed && !reason {
                let text = with(&full, &[(&name, Value::Null)]);
                let description = format!("No `{name}` in the text.");
                self.add(
                    &format!("text-{name}-missing"),
                    &description,
                    facts.clone(),
                    Some(&text),
                    "malformed-text",
                );
            }
        }
    }

    fn special(&mut self) {
        let (facts, text) = (self.kind.facts.clone(), self.text());
        let (bad, beyond) = (std::mem::take(&mut self.kind.bad), std::mem::take(&mut self.kind.beyond));
        let all = bad.into_iter().map(|bad| (bad, false)).chain(beyond.into_iter().map(|bad| (bad, true)));
        for ((name, description, half, member, value), beyond) in all {
            let (facts, text, expect) = match half {
                Half::Facts => (with(&facts, &[(member, value)]), text.clone(), "malformed-facts"),
                Half::Text => {
                    let text = with(text.as_ref().expect("a text"), &[(member, value)]);
                    (facts.clone(), Some(text), "malformed-text")
                }
            };
            let vector = self.add(name, description, cbor(&facts), text.as_ref(), expect);
            if beyond {
                vector.beyond();
            }
        }
    }
}
