//! A word that the partner does not know must not stop a ticket, nor travel unsaid.

use deskwire_proto::list::List;
use deskwire_proto::message::common::Person;

use super::*;

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn line(text: &str) -> Line {
    Line::new(text).unwrap()
}

fn source() -> Source {
    Source {
        label: Label::new("A-1").unwrap(),
        status: code("in-werkstatt"),
        status_label: Label::new("In der Werkstatt").ok(),
        title: line("Till"),
        description: None,
        requester: None,
        company: None,
        object: None,
        equipment: None,
        agreement: None,
        custom: vec![(code("etage"), line("EG")), (code("kostenstelle"), line("4711"))],
        category: Some(code("kasse")),
        priority: Some(Priority::Urgent),
        by: Person::default(),
    }
}

fn mapping() -> Mapping {
    Mapping {
        statuses: vec![StatusPair { own: code("in-werkstatt"), link: code("in-progress"), label: None }],
        priorities: vec![PriorityPair { own: Priority::Urgent, link: Priority::High }],
        categories: vec![CodePair { own: code("kasse"), link: code("till") }],
        custom: vec![FieldPair {
            own: code("etage"),
            link: code("floor"),
            values: vec![ValuePair { own: line("EG"), link: line("ground") }],
        }],
    }
}

#[test]
fn own_words_become_those_of_the_link_and_back() {
    let mut ticket = source();
    let lost = mapping().apply(&mut ticket);
    assert_eq!(ticket.status.as_str(), "in-progress");
    assert_eq!(ticket.status_label.as_ref().unwrap().as_str(), "In der Werkstatt");
    assert_eq!((ticket.category.as_ref().unwrap().as_str(), ticket.priority), ("till", Some(Priority::High)));
    assert_eq!(ticket.custom, [(code("floor"), line("ground"))]);
    assert_eq!(lost, [Lost { field: "custom.kostenstelle".into(), value: "4711".into() }]);
    assert_eq!(mapping().status_here("in-progress"), Some(&code("in-werkstatt")));
    assert_eq!(
        mapping().here(Some(&code("till")), Some(Priority::High), &[(code("floor"), line("ground"))]),
        Here {
            category: Some(code("kasse")),
            priority: Some(Priority::Urgent),
            custom: vec![(code("etage"), line("EG"))],
            unmapped: Vec::new(),
        }
    );
    assert_eq!(mapping().status_here("unknown"), None);
}

#[test]
fn a_value_without_a_counterpart_hurts_its_own_field_alone() {
    let mut ticket = Source { status: code("wartet"), category: Some(code("drucker")), ..source() };
    let lost = mapping().apply(&mut ticket);
    assert_eq!((ticket.status.as_str(), &ticket.status_label, &ticket.category), ("open", &None, &None));
    assert_eq!(ticket.priority, Some(Priority::High), "the others are mapped all the same");
    let fields: Vec<&str> = lost.iter().map(|lost| lost.field.as_str()).collect();
    assert_eq!(fields, ["own.status", "category", "custom.kostenstelle"]);
}

#[test]
fn a_partners_value_without_a_counterpart_keeps_its_word_and_is_named() {
    let custom = [(code("floor"), line("attic")), (code("account"), line("7"))];
    let here = mapping().here(Some(&code("printer")), Some(Priority::Low), &custom);
    assert_eq!((here.category, here.priority), (Some(code("printer")), Some(Priority::Low)));
    assert_eq!(here.custom, [(code("etage"), line("attic")), (code("account"), line("7"))]);
    let fields: Vec<&str> = here.unmapped.iter().map(|lost| lost.field.as_str()).collect();
    assert_eq!(fields, ["category", "priority", "custom.account"]);
}

#[test]
fn an_empty_mapping_changes_nothing() {
    let mut ticket = source();
    assert_eq!(Mapping::default().apply(&mut ticket), []);
    assert_eq!(ticket, source());
    let here = Mapping::default().here(ticket.category.as_ref(), ticket.priority, &ticket.custom);
    assert_eq!(
        (here.category, here.priority, here.custom),
        (ticket.category, ticket.priority, ticket.custom)
    );
    assert_eq!(here.unmapped, []);
}

#[test]
fn what_would_be_lost_is_known_before_anything_is_sent() {
    let floor = CustomField {
        key: code("floor"),
        name: Label::new("Floor").unwrap(),
        r#type: FieldType::Choice,
        choices: Some(List::new(vec![Label::new("first").unwrap()]).unwrap()),
    };
    let fields = FieldName::ALL.into_iter().filter(|field| *field != FieldName::Price).collect();
    let terms = Terms { custom: Some(List::new(vec![floor]).unwrap()), fields, ..Terms::default() };
    let mut mapping = mapping();
    mapping.custom.push(FieldPair { own: code("konto"), link: code("account"), values: Vec::new() });
    let used = Used {
        statuses: vec![code("in-werkstatt"), code("wartet")],
        categories: vec![code("kasse"), code("drucker")],
    };
    let found = gaps(&mapping, &terms, &used);
    let codes: Vec<_> = found.iter().map(|gap| (gap.code, gap.about.as_str())).collect();
    assert_eq!(
        codes,
        [
            ("field-not-in-terms", "price"),
            ("status-unmapped", "wartet"),
            ("category-unmapped", "drucker"),
            ("priority-unmapped", "low"),
            ("priority-unmapped", "normal"),
            ("priority-unmapped", "high"),
            ("priority-unmapped-here", "low"),
            ("priority-unmapped-here", "normal"),
            ("priority-unmapped-here", "urgent"),
            ("custom-value-unfit", "etage=EG"),
            ("custom-not-in-terms", "konto"),
        ]
    );
    let fine = Terms::default();
    assert_eq!(gaps(&Mapping::default(), &fine, &used), []);
}

#[test]
fn a_mapping_that_says_two_things_is_refused() {
    let mut twice = mapping();
    twice.categories.push(CodePair { own: code("kasse"), link: code("other") });
    assert_eq!(twice.check().unwrap_err().to_string(), "categories has kasse twice");
    assert_eq!(mapping().check(), Ok(()));
}
