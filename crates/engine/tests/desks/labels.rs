//! Names of statuses stand in signed facts: whoever puts a person there can never be forgotten, and is warned before.

use deskwire_engine::command::rule::SetMapping;
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::query;
use deskwire_machine::mapping::{Mapping, StatusPair};
use deskwire_proto::text::{Code, Label};

use crate::harness::{Desk, LINK, linked, person};

fn warned(desk: &Desk) -> Vec<String> {
    let reader = desk.reader();
    let link = query::link(&reader, "acme").unwrap();
    let found = query::check(&reader, &link).unwrap().into_iter();
    found.filter(|finding| finding.code == "name-personal").map(|finding| finding.about).collect()
}

#[test]
fn a_status_that_is_called_like_somebody_is_told_before_work_goes_over_the_link() {
    let (mut shop, _acme) = linked();
    let code = |code: &str| Code::new(code).unwrap();
    let label = |label: &str| Some(Label::new(label).unwrap());
    let pair = |own: &str, name: &str| StatusPair { own: code(own), link: code("open"), label: label(name) };
    assert_eq!(warned(&shop), Vec::<String>::new());
    let statuses = vec![pair("new", "In the workshop"), pair("waiting", "Waits for anna@shop.example")];
    shop.run(SetMapping { link: LINK, mapping: Mapping { statuses, ..Mapping::default() } }).unwrap();
    assert_eq!(warned(&shop), ["Waits for anna@shop.example"]);
    shop.run(SetMapping { link: LINK, mapping: Mapping::default() }).unwrap();
    let ticket = shop.ticket("Printer");
    let (status, by) = (code("waiting"), person("Boris"));
    let label = label("Call +49 30 1234567");
    shop.run(SetStatus { ticket, status, label, by }).unwrap();
    assert_eq!(warned(&shop), Vec::<String>::new(), "no partner is told of it");
    shop.delegate(ticket).unwrap();
    assert_eq!(warned(&shop), ["Call +49 30 1234567"]);
}
