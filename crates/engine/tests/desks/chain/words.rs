//! Whose words stand where: a partner's offer in those of the desk that got it, what changes it later, and what goes onward
//! of both.

use deskwire_engine::command::act::{Act, Action, OwnStatus};
use deskwire_engine::command::rule::SetMapping;
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::query::{self, Changed, Delegation, Ticket, TicketDetail};
use deskwire_machine::disclosure::Changes;
use deskwire_machine::mapping::{CodePair, FieldPair, Mapping, PriorityPair, ValuePair};
use deskwire_proto::list::List;
use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::{CustomField, FieldName, FieldType, Terms};
use deskwire_proto::text::{Code, Label, Line};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::TicketRow;
use deskwire_store::table::{Rows, TICKETS};

use super::Chain;
use crate::harness::{person, prose};

fn code(text: &str) -> Code {
    Code::new(text).unwrap()
}

fn line(text: &str) -> Line {
    Line::new(text).unwrap()
}

fn pair(own: &str, link: &str) -> CodePair {
    CodePair { own: code(own), link: code(link) }
}

fn field(key: &str, r#type: FieldType) -> CustomField {
    CustomField { key: code(key), name: Label::new(key).unwrap(), r#type, choices: None }
}

/// Three desks in a row, with two custom fields.
fn chain() -> Chain {
    let custom = List::new(vec![field("floor", FieldType::Text), field("account", FieldType::Number)]).ok();
    Chain::of(3, &Terms { custom, ..Terms::default() })
}

fn map(chain: &mut Chain, desk: usize, to: usize, mapping: Mapping) {
    let link = chain.link_of(desk, to);
    chain.desks[desk].run(SetMapping { link, mapping }).unwrap();
}

/// Acme's words for those of its link with Shop.
fn of_shop() -> Mapping {
    Mapping {
        priorities: vec![PriorityPair { own: Priority::Low, link: Priority::Urgent }],
        categories: vec![pair("kassen", "tills")],
        custom: vec![FieldPair {
            own: code("etage"),
            link: code("floor"),
            values: vec![ValuePair { own: line("EG"), link: line("ground") }],
        }],
        ..Mapping::default()
    }
}

/// Acme's words for those of its link with Kassa.
fn of_kassa() -> Mapping {
    Mapping {
        priorities: vec![PriorityPair { own: Priority::Low, link: Priority::Normal }],
        categories: vec![pair("kassen", "pos")],
        custom: vec![FieldPair { own: code("etage"), link: code("floor"), values: Vec::new() }],
        ..Mapping::default()
    }
}

fn open(chain: &mut Chain, custom: &[(&str, &str)]) {
    let ticket = NewTicket {
        title: line("Dead cash register"),
        description: Some(prose("It does not start.")),
        priority: Priority::Urgent,
        category: Some(code("tills")),
        requester: None,
        company: None,
        object: None,
        equipment: None,
        agreement: None,
        custom: custom.iter().map(|(key, value)| (code(key), line(value))).collect(),
        by: person("Anna"),
    };
    chain.desks[0].run(ticket).unwrap();
}

fn act(chain: &mut Chain, desk: usize, delegation: u64, action: Action) {
    let (delegation, own) = (DelegationNo(delegation), OwnStatus::default());
    chain.desks[desk].run(Act { delegation, action, read: None, own, by: person("Boris") }).unwrap();
    chain.settle();
}

fn change(chain: &mut Chain, desk: usize, delegation: u64, changes: Changes) {
    act(chain, desk, delegation, Action::Update(Box::new(changes)));
}

fn detail(chain: &Chain, desk: usize) -> TicketDetail {
    query::ticket_detail(&chain.reader(desk), TicketNumber(1)).unwrap()
}

fn ticket(chain: &Chain, desk: usize) -> Ticket {
    detail(chain, desk).ticket
}

fn row(chain: &Chain, desk: usize) -> TicketRow {
    chain.desks[desk].rows().get(TICKETS, &TicketNumber(1)).unwrap().unwrap()
}

fn delegation(chain: &Chain, desk: usize, no: u64) -> Delegation {
    query::delegation(&chain.reader(desk), DelegationNo(no)).unwrap()
}

#[test]
fn a_partners_offer_is_read_in_the_words_of_this_desk_and_goes_onward_in_those_of_the_next_link() {
    let mut chain = chain();
    map(&mut chain, 1, 0, of_shop());
    map(&mut chain, 1, 2, of_kassa());
    open(&mut chain, &[("floor", "ground"), ("account", "4711")]);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    let here = ticket(&chain, 1);
    assert_eq!((here.row.priority, here.row.category.clone()), (Priority::Low, Some(code("kassen"))));
    let custom = here.text.unwrap().custom;
    assert_eq!(custom, [(code("etage"), line("EG")), (code("account"), line("4711"))]);
    let lost: Vec<_> = here.unmapped.iter().map(|lost| (lost.field.as_str(), lost.value.as_str())).collect();
    assert_eq!(lost, [("custom.account", "4711")], "it is said that this desk has no word for it");
    assert_eq!(
        delegation(&chain, 1, 1).offer.priority,
        Some(Priority::Urgent),
        "what was said stays as it is"
    );
    chain.hand_over(1, 1, 2).unwrap();
    chain.settle();
    let below = delegation(&chain, 2, 1).offer;
    assert_eq!((below.priority, below.category), (Some(Priority::Normal), Some(code("pos"))));
    assert_eq!(below.custom, [(code("floor"), line("EG"))]);
}

#[test]
fn a_mapping_counts_for_what_comes_after_it_and_a_rebuild_reads_as_it_was_read() {
    let mut chain = chain();
    map(&mut chain, 1, 0, of_shop());
    open(&mut chain, &[("floor", "ground")]);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    map(&mut chain, 1, 0, Mapping { categories: vec![pair("drucker", "printers")], ..Mapping::default() });
    let before = (row(&chain, 1), ticket(&chain, 1));
    assert_eq!(before.0.category, Some(code("kassen")), "the offer was read before");
    let desk = chain.desks.remove(1);
    chain.desks.insert(1, desk.restart_with_other_rows());
    assert_eq!((row(&chain, 1), ticket(&chain, 1)), before);
    change(&mut chain, 0, 1, Changes { category: Some(code("printers")), ..Changes::default() });
    let after = ticket(&chain, 1);
    assert_eq!(after.row.category, Some(code("drucker")), "the change came after it");
    assert_eq!(after.row.priority, Priority::Low);
    change(&mut chain, 0, 1, Changes { category: Some(code("scales")), ..Changes::default() });
    let after = ticket(&chain, 1);
    assert_eq!(after.row.category, Some(code("scales")), "what has no counterpart keeps the partner's word");
    assert_eq!(after.unmapped.iter().map(|lost| lost.field.as_str()).collect::<Vec<_>>(), ["category"]);
}

#[test]
fn what_the_principal_changes_stands_on_the_ticket_goes_onward_and_is_told_to_be_untold_below() {
    let mut chain = chain();
    open(&mut chain, &[]);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    act(&mut chain, 1, 1, Action::Accept);
    chain.hand_over(1, 1, 2).unwrap();
    chain.settle();
    let title = |text: &str| Changes { title: Line::new(text).ok(), ..Changes::default() };
    change(&mut chain, 0, 1, title("Dead cash register 4"));
    assert_eq!(ticket(&chain, 1).row.title, line("Dead cash register"), "it is only proposed");
    assert_eq!(detail(&chain, 1).untold, []);
    act(&mut chain, 1, 1, Action::ChangeTake(2));
    assert_eq!(ticket(&chain, 1).row.title, line("Dead cash register 4"));
    let untold = detail(&chain, 1).untold;
    assert_eq!(untold.len(), 1);
    assert_eq!((untold[0].partner.as_str(), &untold[0].changed[..]), ("Kassa", &[Changed::Title][..]));
    change(&mut chain, 1, 2, title("Dead cash register 4"));
    assert_eq!(detail(&chain, 1).untold, [], "an update tells it");
    // A change of the description leaves the title as it was taken.
    let changes = Changes { description: Some(prose("It smokes.")), ..Changes::default() };
    change(&mut chain, 0, 1, changes);
    act(&mut chain, 1, 1, Action::ChangeTake(3));
    let now = ticket(&chain, 1);
    assert_eq!(
        (now.row.title, now.text.unwrap().description),
        (line("Dead cash register 4"), Some(prose("It smokes.")))
    );
    assert_eq!(detail(&chain, 1).untold[0].changed, [Changed::Description]);
    act(&mut chain, 1, 2, Action::Recall(crate::harness::because("Somebody else does it.")));
    assert_eq!(detail(&chain, 1).untold, []);
    let by_now = query::delegation(&chain.reader(1), DelegationNo(1)).unwrap().offer;
    assert_eq!(by_now.title, Some(line("Dead cash register 4")));
    chain.hand_over(1, 1, 2).unwrap();
    chain.settle();
    let below = delegation(&chain, 2, 2).offer;
    assert_eq!(
        (below.title, below.description),
        (Some(line("Dead cash register 4")), Some(prose("It smokes.")))
    );
}

#[test]
fn every_open_proposal_is_shown() {
    let mut chain = chain();
    open(&mut chain, &[]);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    act(&mut chain, 1, 1, Action::Accept);
    change(&mut chain, 0, 1, Changes { title: Line::new("Two tills").ok(), ..Changes::default() });
    change(&mut chain, 0, 1, Changes { priority: Some(Priority::Low), ..Changes::default() });
    let changes = delegation(&chain, 1, 1).changes;
    let shown: Vec<_> =
        changes.iter().map(|one| (one.version, one.fields.title.clone(), one.fields.priority)).collect();
    assert_eq!(shown, [(2, Line::new("Two tills").ok(), None), (3, None, Some(Priority::Low))]);
}

#[test]
fn a_field_that_the_terms_do_not_define_stays_here_and_one_of_another_type_too() {
    let mut chain = chain();
    open(&mut chain, &[("floor", "2"), ("account", "none"), ("colour", "red")]);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    assert_eq!(delegation(&chain, 1, 1).offer.custom, [(code("floor"), line("2"))]);
    assert_eq!(ticket(&chain, 1).text.unwrap().custom, [(code("floor"), line("2"))]);
    let wrong = Changes { custom: vec![(code("account"), line("none"))], ..Changes::default() };
    let wrong = Act {
        delegation: DelegationNo(1),
        action: Action::Update(Box::new(wrong)),
        read: None,
        own: OwnStatus::default(),
        by: person("Anna"),
    };
    assert_eq!(chain.desks[0].run(wrong).unwrap_err().code, "not-allowed-by-terms");
    let custom = vec![(code("floor"), line("3")), (code("account"), line("12"))];
    change(&mut chain, 0, 1, Changes { custom: custom.clone(), ..Changes::default() });
    assert_eq!(ticket(&chain, 1).text.unwrap().custom, custom);
    assert!(Terms::default().allows(FieldName::Custom));
}
