//! Nothing leaves the house but what the terms and the person let, and the preview hides none of it.
//!
//! Every value of a ticket is a marker that occurs nowhere else. What the rules of the specification let travel is
//! worked out here a second time, and looked for in the bytes that would be sent.

#![expect(clippy::unwrap_used, reason = "a test that cannot plant its markers fails")]

use std::collections::BTreeSet;

use deskwire_machine::disclosure::{
    Changes, Choice, Disclosed, Kept, Preview, Reason, Requester, Source, offer, own, update,
};
use deskwire_proto::cbor;
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Contact, Equipment, Money, Object, Person, Priority};
use deskwire_proto::message::{Body, Kind};
use deskwire_proto::number::Revision;
use deskwire_proto::terms::{CustomField, FieldName, FieldType, PersonRule, Terms};
use deskwire_proto::text::{Code, Currency, Decimal, Label, Line, Prose};
use deskwire_proto::time::Timestamp;
use proptest::prelude::*;

/// Everything that a run draws.
#[derive(Clone, Copy, Debug)]
struct Draw {
    /// Which optional values the ticket has.
    has: u16,
    /// Which fields the terms name, by their place in [`FieldName::ALL`].
    allowed: u16,
    /// Which fields the person chose; `None` is no choice.
    chosen: Option<u16>,
    person: PersonRule,
    foreign: bool,
    onward: bool,
    send_description: bool,
    other_description: bool,
    foreign_currency: bool,
}

prop_compose! {
    fn draws()(
        (has, allowed, chosen) in (any::<u16>(), any::<u16>(), any::<Option<u16>>()),
        person in prop_oneof![
            Just(PersonRule::Name), Just(PersonRule::Function), Just(PersonRule::Nothing)
        ],
        (foreign, onward, send_description) in any::<(bool, bool, bool)>(),
        (other_description, foreign_currency) in any::<(bool, bool)>(),
    ) -> Draw {
        Draw {
            has, allowed, chosen, person, foreign, onward, send_description, other_description, foreign_currency
        }
    }
}

/// Values by the bit of `has` that plants them.
#[derive(Clone, Copy)]
enum Has {
    StatusLabel,
    Description,
    Requester,
    Company,
    Object,
    Equipment,
    Agreement,
    Custom,
    Category,
    Priority,
    Respond,
    Resolve,
    Price,
    Name,
    Function,
}

impl Draw {
    fn has(&self, value: Has) -> bool {
        self.has & (1 << value as u16) != 0
    }

    fn if_has<T>(&self, value: Has, planted: T) -> Option<T> {
        self.has(value).then_some(planted)
    }

    fn names(mask: u16) -> impl Iterator<Item = FieldName> {
        FieldName::ALL
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| mask & (1 << bit) != 0)
            .map(|(_, it)| it)
    }

    /// The rule of the specification for an optional field of the ticket.
    fn reason(&self, field: FieldName) -> Option<Reason> {
        if !Self::names(self.allowed).any(|it| it == field) {
            return Some(Reason::NotInTerms);
        }
        let chosen = self.chosen.is_none_or(|chosen| Self::names(chosen).any(|it| it == field));
        (!chosen).then_some(Reason::NotChosen)
    }

    fn allows(&self, field: FieldName) -> bool {
        Self::names(self.allowed).any(|it| it == field)
    }

    fn terms(&self) -> Terms {
        let custom = |key: &str, r#type| CustomField {
            key: Code::new(key).unwrap(),
            name: Label::new("Own field").unwrap(),
            r#type,
            choices: None,
        };
        let schema = vec![custom("floor", FieldType::Text), custom("count", FieldType::Number)];
        Terms {
            fields: Self::names(self.allowed).collect(),
            person: self.person,
            custom: Some(List::new(schema).unwrap()),
            currency: Currency::new(if self.foreign_currency { "USD" } else { "EUR" }).ok(),
            ..Terms::default()
        }
    }

    fn contact(&self) -> Contact {
        Contact {
            name: label("contact-name"),
            email: Some(label("contact-email")),
            phone: Some(label("contact-phone")),
            onward: self.onward,
        }
    }

    fn requester(&self) -> Option<Requester> {
        let of = if self.foreign { Requester::FromPartner } else { Requester::Own };
        self.if_has(Has::Requester, of(self.contact()))
    }

    fn custom(&self) -> Vec<(Code, Line)> {
        let value = |key: &str, value: &str| (Code::new(key).unwrap(), Line::new(mark(value)).unwrap());
        let all = vec![
            value("floor", "custom-floor"),
            value("floor", "custom-twice"),
            value("count", "custom-unfit"),
            value("mark-own-key", "custom-own"),
        ];
        self.if_has(Has::Custom, all).unwrap_or_default()
    }

    fn by(&self) -> Person {
        Person {
            name: self.if_has(Has::Name, label("by-name")),
            function: self.if_has(Has::Function, label("by-function")),
        }
    }

    fn price(&self) -> Option<Money> {
        self.if_has(Has::Price, Money(Decimal::new("73125.48").unwrap(), Currency::new("EUR").unwrap()))
    }

    fn source(&self) -> Source {
        Source {
            label: label("ticket"),
            status: Code::new("mark-status").unwrap(),
            status_label: self.if_has(Has::StatusLabel, label("status-label")),
            title: Line::new(mark("title")).unwrap(),
            description: self.if_has(Has::Description, Prose::new(mark("description")).unwrap()),
            requester: self.requester(),
            company: self.if_has(Has::Company, label("company")),
            object: self.if_has(Has::Object, object()),
            equipment: self.if_has(Has::Equipment, equipment()),
            agreement: self.if_has(Has::Agreement, label("agreement")),
            custom: self.custom(),
            category: self.if_has(Has::Category, Code::new("mark-category").unwrap()),
            priority: self.if_has(Has::Priority, Priority::Urgent),
            by: self.by(),
        }
    }

    fn choice(&self) -> Choice {
        Choice {
            fields: self.chosen.map(|chosen| Self::names(chosen).collect::<BTreeSet<_>>()),
            title: None,
            description: self.other_description.then(|| Prose::new(mark("other-description")).unwrap()),
            send_description: self.send_description,
            respond: self.if_has(Has::Respond, RESPOND),
            resolve: self.if_has(Has::Resolve, RESOLVE),
            reserve: None,
            price: self.price(),
            test: true,
        }
    }

    fn changes(&self) -> Changes {
        Changes {
            title: Some(Line::new(mark("title")).unwrap()),
            description: self.if_has(Has::Description, Prose::new(mark("description")).unwrap()),
            category: self.if_has(Has::Category, Code::new("mark-category").unwrap()),
            priority: self.if_has(Has::Priority, Priority::Urgent),
            respond: self.if_has(Has::Respond, RESPOND),
            resolve: self.if_has(Has::Resolve, RESOLVE),
            price: self.price(),
            requester: self.requester(),
            company: self.if_has(Has::Company, label("company")),
            object: self.if_has(Has::Object, object()),
            equipment: self.if_has(Has::Equipment, equipment()),
            agreement: self.if_has(Has::Agreement, label("agreement")),
            custom: self.custom(),
        }
    }
}

const RESPOND: Timestamp = Timestamp(0x0000_019b_abcd_ef01);
const RESOLVE: Timestamp = Timestamp(0x0000_019b_abcd_ef77);

fn mark(what: &str) -> String {
    format!("<{what}>")
}

fn label(what: &str) -> Label {
    Label::new(mark(what)).unwrap()
}

fn object() -> Object {
    Object {
        name: label("object-name"),
        address: Some(Line::new(mark("object-address")).unwrap()),
        coordinates: Some((Decimal::new("59.939095").unwrap(), Decimal::new("30.315868").unwrap())),
    }
}

fn equipment() -> Equipment {
    Equipment {
        kind: Some(label("equipment-kind")),
        maker: Some(label("equipment-maker")),
        model: Some(label("equipment-model")),
        serial: Some(label("equipment-serial")),
        inventory: Some(label("equipment-inventory")),
    }
}

/// What was planted under one name of the preview, and why it has to stay, if it has to.
struct Planted {
    field: &'static str,
    bytes: Vec<Vec<u8>>,
    stays: Option<Reason>,
}

/// Everything planted, with what the specification says about it. `reason` is the rule for optional fields.
fn planted(draw: &Draw, reason: impl Fn(FieldName) -> Option<Reason>) -> Vec<Planted> {
    let mut all = Vec::new();
    let mut plant = |has, field, marks: &[&str], stays| {
        if draw.has(has) {
            let bytes = marks.iter().map(|mark| mark.as_bytes().to_vec()).collect();
            all.push(Planted { field, bytes, stays });
        }
    };
    let given = |field| (!draw.allows(field)).then_some(Reason::NotInTerms);
    let price = given(FieldName::Price).or(draw.foreign_currency.then_some(Reason::NotInTerms));
    let onward = (draw.foreign && !draw.onward).then_some(Reason::NotOnward);
    let contact = ["<contact-name>", "<contact-email>", "<contact-phone>"];
    let places = ["<object-name>", "<object-address>", "59.939095", "30.315868"];
    let parts = ["<equipment-kind>", "<equipment-maker>", "<equipment-model>", "<equipment-serial>"];
    let custom = reason(FieldName::Custom);
    plant(Has::Category, "category", &["mark-category"], reason(FieldName::Category));
    plant(Has::Priority, "priority", &["urgent"], reason(FieldName::Priority));
    plant(Has::Price, "price", &["73125.48", "EUR"], price);
    plant(Has::Requester, "contact", &contact, reason(FieldName::Contact).or(onward));
    plant(Has::Company, "company", &["<company>"], reason(FieldName::Company));
    plant(Has::Object, "object", &places, reason(FieldName::Object));
    plant(Has::Equipment, "equipment", &parts, reason(FieldName::Equipment));
    plant(Has::Equipment, "equipment", &["<equipment-inventory>"], reason(FieldName::Equipment));
    plant(Has::Agreement, "agreement", &["<agreement>"], reason(FieldName::Agreement));
    plant(Has::Custom, "custom.floor", &["<custom-floor>", "floor"], custom);
    plant(Has::Custom, "custom.floor", &["<custom-twice>"], custom.or(Some(Reason::Unfit)));
    plant(Has::Custom, "custom.count", &["<custom-unfit>"], custom.or(Some(Reason::Unfit)));
    let own_key = custom.or(Some(Reason::NotInTerms));
    plant(Has::Custom, "custom.mark-own-key", &["<custom-own>", "mark-own-key"], own_key);
    let name = (draw.person != PersonRule::Name).then_some(Reason::NotInTerms);
    let function = (draw.person == PersonRule::Nothing).then_some(Reason::NotInTerms);
    plant(Has::Name, "by.name", &["<by-name>"], name);
    plant(Has::Function, "by.function", &["<by-function>"], function);
    for (has, field, time) in
        [(Has::Respond, "deadline.respond", RESPOND), (Has::Resolve, "deadline.resolve", RESOLVE)]
    {
        if draw.has(has) {
            let bytes = vec![time.0.to_be_bytes().to_vec()];
            all.push(Planted { field, bytes, stays: given(FieldName::Deadline) });
        }
    }
    all
}

/// The marks of the offer that an update does not have.
fn planted_in_offer_alone(draw: &Draw) -> Vec<Planted> {
    let status = draw.reason(FieldName::Status);
    let mut all = vec![
        Planted { field: "status", bytes: vec![b"mark-status".to_vec()], stays: status },
        Planted { field: "ticket", bytes: vec![b"<ticket>".to_vec()], stays: None },
    ];
    if draw.has(Has::StatusLabel) {
        all.push(Planted { field: "status", bytes: vec![b"<status-label>".to_vec()], stays: status });
    }
    let unsent = (!draw.send_description).then_some(Reason::NotChosen);
    if draw.other_description {
        all.push(Planted {
            field: "description",
            bytes: vec![b"<other-description>".to_vec()],
            stays: unsent,
        });
    } else if draw.has(Has::Description) {
        all.push(Planted { field: "description", bytes: vec![b"<description>".to_vec()], stays: unsent });
    }
    all
}

fn check(kind: Kind, body: &Body, preview: &Preview, planted: &[Planted]) -> Result<(), TestCaseError> {
    let (facts, text) = body.encode();
    let text = text.unwrap();
    prop_assert_eq!(&Body::decode(kind, &facts, Some(&text)).unwrap(), body);
    let bytes = [&facts[..], &text[..]].concat();
    for Planted { field, bytes: marks, stays } in planted {
        for mark in marks {
            let leaves = contains(&bytes, mark);
            prop_assert_eq!(leaves, stays.is_none(), "{}: {}", field, String::from_utf8_lossy(mark));
        }
        let kept = |reason: &Reason| Kept { field: (*field).to_owned(), reason: *reason };
        prop_assert!(stays.as_ref().is_none_or(|reason| preview.kept.contains(&kept(reason))), "{}", field);
    }
    for Kept { field, reason } in &preview.kept {
        let known = planted.iter().any(|it| it.field == field && it.stays == Some(*reason));
        prop_assert!(known, "said to stay: {}", field);
    }
    for part in [&facts, &text] {
        for value in texts(part) {
            let shown = preview.sent.iter().any(|sent| sent.value.contains(&value));
            prop_assert!(shown, "sent and not shown: {}", value);
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// All text values of a CBOR item; keys of maps are names, not values.
fn texts(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    assert_eq!(walk(bytes, 0, false, &mut out), bytes.len());
    out
}

fn walk(bytes: &[u8], at: usize, key: bool, out: &mut Vec<String>) -> usize {
    let (major, argument, length) = cbor::head(bytes, at).unwrap();
    let (start, count) = (at + length, argument as usize);
    match major {
        2 => start + count,
        3 => {
            let text = String::from_utf8(bytes[start..start + count].to_vec()).unwrap();
            out.extend((!key).then_some(text));
            start + count
        }
        4 => (0..count).fold(start, |at, _| walk(bytes, at, false, out)),
        5 => (0..count).fold(start, |at, _| {
            let value = walk(bytes, at, true, out);
            walk(bytes, value, false, out)
        }),
        _ => start,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_offer_says_what_terms_and_person_let_and_the_preview_says_it_too(draw in draws()) {
        let Disclosed { facts, text, preview } = offer(&draw.source(), &draw.choice(), &draw.terms(), 6);
        let mut all = planted(&draw, |field| draw.reason(field));
        all.extend(planted_in_offer_alone(&draw));
        check(Kind::Offer, &Body::Offer { facts, text }, &preview, &all)?;
    }

    #[test]
    fn an_update_says_what_the_terms_let_and_the_preview_says_it_too(draw in draws()) {
        let version = Revision::new(2).unwrap();
        let disclosed = update(&draw.changes(), &draw.by(), &draw.terms(), version);
        let Disclosed { facts, text, preview } = disclosed;
        let in_terms = |field| (!draw.allows(field)).then_some(Reason::NotInTerms);
        let mut all = planted(&draw, in_terms);
        if draw.has(Has::Description) {
            all.push(Planted { field: "description", bytes: vec![b"<description>".to_vec()], stays: None });
        }
        check(Kind::Update, &Body::Update { facts, text }, &preview, &all)?;
    }
}

/// A ticket with everything, terms that allow everything, no choice.
const EVERYTHING: Draw = Draw {
    has: u16::MAX,
    allowed: u16::MAX,
    chosen: None,
    person: PersonRule::Name,
    foreign: false,
    onward: true,
    send_description: true,
    other_description: false,
    foreign_currency: false,
};

/// The preview is what a person decides by: its names and its order are part of the product.
#[test]
fn the_preview_reads_from_the_work_to_the_sender() {
    let shown = offer(&EVERYTHING.source(), &EVERYTHING.choice(), &EVERYTHING.terms(), 6).preview.sent;
    let shown: Vec<_> = shown.iter().map(|sent| (sent.field.as_str(), sent.value.as_str())).collect();
    assert_eq!(
        shown[..6],
        [
            ("title", "<title>"),
            ("description", "<description>"),
            ("category", "mark-category"),
            ("priority", "urgent"),
            ("deadline.respond", "2026-01-11T06:45:58.657Z"),
            ("deadline.resolve", "2026-01-11T06:45:58.775Z"),
        ]
    );
    let names: Vec<_> = shown[6..].iter().map(|(field, _)| *field).collect();
    assert_eq!(
        names,
        [
            "price",
            "contact.name",
            "contact.phone",
            "contact.email",
            "contact.onward",
            "company",
            "object.name",
            "object.address",
            "object.coordinates",
            "equipment.kind",
            "equipment.maker",
            "equipment.model",
            "equipment.serial",
            "equipment.inventory",
            "agreement",
            "custom.floor",
            "by.name",
            "by.function",
            "ticket",
            "status",
            "status.label",
            "hops",
            "test",
        ]
    );
}

/// A client whose contact was given to one desk alone is not passed down the chain.
#[test]
fn a_contact_that_a_partner_gave_for_this_desk_alone_goes_no_further() {
    let draw = Draw { foreign: true, onward: false, ..EVERYTHING };
    let disclosed = offer(&draw.source(), &draw.choice(), &draw.terms(), 6);
    assert_eq!(disclosed.text.contact, None);
    let kept = Kept { field: "contact".into(), reason: Reason::NotOnward };
    assert!(disclosed.preview.kept.contains(&kept));
    let own = Draw { foreign: false, onward: false, ..EVERYTHING };
    assert!(offer(&own.source(), &own.choice(), &own.terms(), 6).text.contact.is_some());
}

/// A desk that does not tell its status still tells that the matter is closed, and nothing more.
#[test]
fn a_status_outside_the_terms_is_open_or_closed() {
    let terms = Terms { fields: Vec::new(), ..Terms::default() };
    let status = |status: &str| {
        own(label("ticket"), &Code::new(status).unwrap(), Some(&label("status-label")), &terms)
    };
    let (waiting, closed) = (status("waits-for-budget"), status("closed"));
    assert_eq!((waiting.status.as_str(), waiting.status_label), ("open", None));
    assert_eq!((closed.status.as_str(), closed.status_label), ("closed", None));
}

/// A budget for handing on must never grow by a slip.
#[test]
fn a_hop_budget_has_its_bound() {
    let hops = |hops| offer(&EVERYTHING.source(), &Choice::default(), &Terms::default(), hops).facts.hops;
    assert_eq!((hops(0).get(), hops(8).get(), hops(200).get()), (0, 8, 8));
}

/// An update of which nothing may travel must not become an empty message.
#[test]
fn an_update_without_content_is_known_as_such() {
    let terms = Terms { fields: Vec::new(), ..Terms::default() };
    let version = Revision::new(2).unwrap();
    let changes = Changes { company: Some(label("company")), ..Changes::default() };
    let nothing = update(&changes, &EVERYTHING.by(), &terms, version);
    assert!(!nothing.preview.has_content());
    assert!(update(&changes, &EVERYTHING.by(), &Terms::default(), version).preview.has_content());
}

/// What a person chose is kept with the call that may be repeated after a crash.
#[test]
fn a_choice_that_says_nothing_is_the_usual_one() {
    let empty = cbor::encode_plain(&std::collections::BTreeMap::<String, u8>::new()).unwrap();
    assert_eq!(cbor::decode_plain::<Choice>(&empty).unwrap(), Choice::default());
    let chosen = EVERYTHING.choice();
    assert_eq!(cbor::decode_plain::<Choice>(&cbor::encode_plain(&chosen).unwrap()).unwrap(), chosen);
}
