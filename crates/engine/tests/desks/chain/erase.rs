//! Fault 115 along a chain: what a person wrote, or what was written of one, goes from every desk, and every desk knows when
//! the last one has done it.

use std::ops::ControlFlow;

use deskwire_engine::Refusal;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::attest::{Attest, Attested};
use deskwire_engine::command::erase::{EndSegment, ErasureDone, of_ticket};
use deskwire_engine::command::privacy::Order;
use deskwire_engine::custody::{ErasedLine, Erasure, Listed};
use deskwire_engine::query::{
    self, ErasureState, ErasureWork, Export, Found, Person, erasure_work, erasures, export, find_case,
    find_person, own_digest, verify,
};
use deskwire_machine::proof::Verifier;
use deskwire_machine::relay::Mode;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, Facts, Kind, erase, erase_done};
use deskwire_proto::proof::Item;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{Record, Subject};
use deskwire_store::table::{DELEGATIONS, LINKS, Rows, STREAMS};

use super::{Chain, THREAD, recovered};
use crate::harness::{Desk, prose};
use crate::rebuild::all;

pub(super) const MARKER: &str = "Kowalewskaja";
pub(super) const CASE: TicketNumber = TicketNumber(1);

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(super) fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

/// A case that went down a chain of three desks with a person in it, said by each of them, and is over everywhere.
pub(super) fn personal() -> Chain {
    let mut chain = Chain::of(3, &Terms::default());
    chain.desks[0].ticket(&format!("{MARKER} cannot print"));
    chain.relay_all(false);
    chain.hand_down();
    for desk in 0..3 {
        chain.say(desk, &format!("{MARKER} called desk {desk}"), THREAD);
        chain.say(desk, &format!("an apple for desk {desk}"), THREAD);
    }
    chain.settle();
    let solution = || Some(prose(&format!("Told {MARKER}.")));
    chain.act(2, 1, Action::Resolve { solution: solution(), code: None }).unwrap();
    chain.settle();
    chain.act(1, 2, Action::Confirm).unwrap();
    chain.act(1, 1, Action::Resolve { solution: solution(), code: None }).unwrap();
    chain.settle();
    chain.act(0, 1, Action::Confirm).unwrap();
    chain.settle();
    chain
}

pub(super) fn order(
    chain: &mut Chain,
    desk: usize,
    subject: Subject,
    found: Found,
    open: bool,
) -> Result<EntryRef, Refusal> {
    chain.desks[desk].run(Order { subject, basis: code("request-of-person"), found, open })
}

pub(super) fn erase_case(chain: &mut Chain, desk: usize) -> EntryRef {
    let found = find_case(&chain.reader(desk), CASE).unwrap();
    order(chain, desk, Subject::Case(CASE), found, false).unwrap()
}

/// What the care of the store does at its next look.
pub(super) fn look(chain: &mut Chain, desk: usize) {
    loop {
        let work = erasure_work(&chain.reader(desk), &mut || false).unwrap();
        let desk = &mut chain.desks[desk];
        let idle = work.is_empty();
        for one in work {
            match one {
                ErasureWork::Adopt(one) => desk.run(one).unwrap(),
                ErasureWork::Carry(one) => desk.run(*one).unwrap(),
                ErasureWork::Finish(one) => desk.run(one).unwrap(),
            }
        }
        match desk.core.custody().erase_ordered(&mut go_on).unwrap() {
            Some(Erasure::SegmentOpen) => desk.run(EndSegment).unwrap(),
            Some(Erasure::Done(orders)) => drop(desk.run(ErasureDone(orders)).unwrap()),
            Some(Erasure::Stopped) => panic!("nothing stops it"),
            None if idle => return,
            None => {}
        }
    }
}

/// Looks and carries until nothing more happens.
pub(super) fn look_everywhere(chain: &mut Chain) {
    loop {
        let before = chain.lengths();
        (0..chain.desks.len()).for_each(|desk| look(chain, desk));
        chain.settle();
        (0..chain.desks.len()).for_each(|desk| look(chain, desk));
        if before == chain.lengths() {
            return;
        }
    }
}

/// Everything on a disk, and every row, in which the person stands.
pub(super) fn traces(desk: &Desk) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
    let disk = desk.store.disk();
    let mut found: Vec<_> =
        disk.names().into_iter().filter(|name| holds(&disk.content(name).unwrap())).collect();
    found.extend(all(desk).into_iter().filter(|(_, row)| holds(row)).map(|(key, _)| format!("row {key:?}")));
    found
}

pub(super) fn is_gone(chain: &Chain) {
    for (place, desk) in chain.desks.iter().enumerate() {
        assert_eq!(traces(desk), Vec::<String>::new(), "desk {place}");
    }
}

pub(super) fn state(chain: &Chain, desk: usize, erasure: EntryRef) -> ErasureState {
    query::erasure(&chain.reader(desk), erasure).unwrap().state
}

/// What must stay as it is: folds, streams, clocks, digests, and what a proof file shows.
fn facts(chain: &mut Chain) -> Vec<String> {
    let mut facts = Vec::new();
    for desk in 0..chain.desks.len() {
        let reader = chain.reader(desk);
        for (no, row) in reader.rows().list(DELEGATIONS, &(), 9).unwrap() {
            facts.push(format!("{desk} {no:?} {:?} {}", row.case.settled(), row.version));
            let clock = query::delegation_clock(&reader, no, &row).unwrap();
            facts.push(format!("{:?} {:?} {:?} {:?}", clock.counted, clock.time, clock.wall, clock.breaches));
            let digest = own_digest(&reader, no).unwrap();
            facts.push(format!("{:?} {:?} {:?}", digest.work, digest.state, digest.thread));
        }
        for (no, _) in reader.rows().list(LINKS, &(), 9).unwrap() {
            facts.push(format!(
                "{desk} {no:?} {:?}",
                query::statements(&reader, &reader.partner(no).unwrap().unwrap()).unwrap()
            ));
        }
    }
    facts
}

/// The cases that a proof file of each link of each desk shows; it must verify without findings.
fn proofs(chain: &mut Chain) -> Vec<String> {
    let mut shown = Vec::new();
    for desk in 0..chain.desks.len() {
        let links: Vec<LinkNo> =
            chain.desks[desk].rows().list(LINKS, &(), 9).unwrap().into_iter().map(|(no, _)| no).collect();
        for link in links {
            let mut attested: Vec<Attested> = Vec::new();
            while let Some(next) = chain.desks[desk]
                .run(Attest { link, known: attested.last().map_or(0, |last| last.upto) })
                .unwrap()
            {
                attested.push(next);
            }
            let reader = chain.reader(desk);
            assert!(verify(&reader, None).unwrap().problems.is_empty());
            let partner = reader.partner(link).unwrap().unwrap();
            let mut verifier = Verifier::new();
            export(&reader, &partner, Export { about: None, attested }, &mut |bytes| {
                let (item, _) = Item::take(&bytes).unwrap();
                verifier.take(item, &bytes);
                ControlFlow::Continue(())
            })
            .unwrap();
            let report = verifier.finish();
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            shown.push(format!("{:?}", report.cases));
        }
    }
    shown
}

#[test]
fn an_erased_case_is_gone_from_every_desk_of_the_chain_and_nothing_that_was_signed_changes() {
    let mut chain = personal();
    chain.desks.iter().for_each(|desk| assert!(!traces(desk).is_empty()));
    let (before, proven) = (facts(&mut chain), proofs(&mut chain));
    let erasure = erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    is_gone(&chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    assert_eq!(facts(&mut chain), before);
    assert_eq!(proofs(&mut chain), proven);
    for desk in 0..3 {
        assert!(chain.bodies(desk).iter().all(Option::is_none), "desk {desk}");
        let open = erasures(&chain.reader(desk), 9).unwrap();
        assert!(open.iter().all(|one| one.state == ErasureState::Done), "{open:?}");
        assert!(open.len() <= 2, "nobody asks in a circle: {open:?}");
    }
    let desks = std::mem::take(&mut chain.desks);
    chain.desks = desks.into_iter().map(Desk::restart_with_other_rows).collect();
    is_gone(&chain);
    assert_eq!(facts(&mut chain), before, "folded anew");
}

#[test]
fn an_erased_person_goes_and_what_others_wrote_stays() {
    let mut chain = personal();
    let person = Person::new(&[MARKER.to_owned()]).unwrap();
    let found = find_person(&chain.reader(0), &person, &[]).unwrap();
    assert!(found.open.is_empty() && found.shown.len() >= 5, "{:?}", found.shown);
    let erasure = order(&mut chain, 0, Subject::Person, found, false).unwrap();
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    let bodies = chain.bodies(0).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(bodies.len(), 3, "{bodies:?}");
    assert_eq!(traces(&chain.desks[0]), Vec::<String>::new());
    assert!(find_person(&chain.reader(0), &person, &[]).unwrap().is_empty());
    // What two other desks said to each other alone they search for themselves.
    let found = find_person(&chain.reader(1), &person, &[]).unwrap();
    assert!(found.shown.iter().all(|shown| shown.kind == "delegation.resolve"), "{:?}", found.shown);
    order(&mut chain, 1, Subject::Person, found, false).unwrap();
    look_everywhere(&mut chain);
    is_gone(&chain);
}

/// Whoever asked must not be told that a text is gone while somebody still has it.
#[test]
fn nothing_is_acknowledged_before_the_last_desk_has_done_it() {
    let mut chain = personal();
    chain.cut = vec![1];
    let erasure = erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    let shown = query::erasure(&chain.reader(0), erasure).unwrap();
    assert_eq!((shown.state, shown.asked.len()), (ErasureState::Partners, 1));
    assert!(shown.asked[0].done.is_none() && shown.asked[0].since.is_some());
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new(), "it waits for nobody here");
    assert!(!traces(&chain.desks[2]).is_empty(), "the last desk is away");
    let middle = erasures(&chain.reader(1), 9).unwrap();
    assert_eq!(middle.len(), 1);
    assert_eq!(middle[0].state, ErasureState::Partners);
    assert!(middle[0].by.is_some());
    chain.cut.clear();
    chain.settle();
    assert_eq!(state(&chain, 0, erasure), ErasureState::Partners, "it has come, and is not done");
    look_everywhere(&mut chain);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Done);
    is_gone(&chain);
}

#[test]
fn what_waits_for_a_partner_who_is_away_never_leaves() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay(1, 2, Mode::Automatic, false);
    chain.cut = vec![1];
    chain.say(0, &format!("{MARKER} again"), THREAD);
    chain.settle();
    assert!(!traces(&chain.desks[1]).is_empty(), "it waits there");
    let found = find_case(&chain.reader(0), CASE).unwrap();
    order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
    look_everywhere(&mut chain);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    chain.cut.clear();
    look_everywhere(&mut chain);
    assert!(!chain.reached(2, MARKER));
    is_gone(&chain);
    let open = erasures(&chain.reader(0), 9).unwrap();
    assert!(open.iter().all(|one| one.state == ErasureState::Done), "{open:?}");
}

/// A partner that is gone for good must not look like one that has erased.
#[test]
fn a_partner_whose_link_has_ended_is_named_and_nothing_is_acknowledged() {
    let mut chain = personal();
    let link = chain.link_of(1, 2);
    chain.desks[1].run(deskwire_engine::command::closing::End { link }).unwrap();
    chain.cut = vec![1];
    let erasure = erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    let middle = erasures(&chain.reader(1), 9).unwrap().remove(0);
    assert_eq!((middle.state, middle.asked.len()), (ErasureState::Partners, 1));
    let asked = &middle.asked[0];
    assert!(asked.since.is_none() && !asked.reachable && asked.link == link);
    assert_eq!(state(&chain, 0, erasure), ErasureState::Partners);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new(), "it is gone here all the same");
}

/// Whoever does not trust an answer asks again, and is answered again.
#[test]
fn a_request_that_is_repeated_or_names_nothing_known_is_answered_like_the_first() {
    let mut chain = personal();
    erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    let first = erasures(&chain.reader(1), 99).unwrap();
    let Some(Record::Received(request)) = first.last().map(|first| chain.reader(1).record(first.at).unwrap())
    else {
        panic!("a request")
    };
    let head = read_head(&request.signed).unwrap();
    let Ok(Facts::Erase(again)) = Facts::decode(Kind::Erase, &head.facts) else { panic!("a request") };
    let unknown = erase::Facts {
        basis: code("request-of-person"),
        cases: Some(List::new(vec![DelegationId::new([7; 16])]).unwrap()),
        items: List::new(vec![ItemId::new([5; 16])]).unwrap(),
    };
    let bodies = [again, unknown].map(|facts| Body::Erase { facts, text: NoText });
    assert_eq!(chain.forge_all((0, 1), None, &bodies), []);
    look(&mut chain, 1);
    let all = erasures(&chain.reader(1), 99).unwrap();
    assert_eq!(all.len(), first.len() + 2);
    assert!(all.iter().all(|one| one.state == ErasureState::Done), "{all:?}");
    let out = chain.stream(1, chain.link_of(1, 0));
    assert_eq!(out.waiting, 2, "both are answered");
}

/// Requests cost a look at both streams each: a partner cannot have thousands of them looked for.
#[test]
fn a_partner_can_have_only_so_many_requests_open() {
    let mut chain = Chain::of(2, &Terms::default());
    let bodies: Vec<Body> = (0..1_026u32)
        .map(|number| {
            let mut item = [0; 16];
            item[..4].copy_from_slice(&number.to_be_bytes());
            let items = List::new(vec![ItemId::new(item)]).unwrap();
            Body::Erase { facts: erase::Facts { basis: code("spite"), cases: None, items }, text: NoText }
        })
        .collect();
    let refused = chain.forge_all((0, 1), None, &bodies);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|(_, code)| code == "quota"));
}

#[test]
fn a_case_on_which_partners_work_is_erased_only_when_that_is_said() {
    let mut chain = Chain::case(3, &Terms::default());
    let found = find_case(&chain.reader(0), CASE).unwrap();
    let before = chain.stream(0, chain.link_of(0, 1));
    let refused = order(&mut chain, 0, Subject::Case(CASE), found.clone(), false).unwrap_err();
    assert_eq!(refused.code, "case-open");
    assert_eq!(chain.stream(0, chain.link_of(0, 1)), before);
    assert!(erasures(&chain.reader(0), 9).unwrap().is_empty());
    order(&mut chain, 0, Subject::Case(CASE), found, true).unwrap();
    look_everywhere(&mut chain);
    let nothing = order(&mut chain, 0, Subject::Person, Found::default(), true).unwrap_err();
    assert_eq!(nothing.code, "nothing-to-erase");
    chain.act(1, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    let state = chain.desks[0].rows().get(DELEGATIONS, &DelegationNo(1)).unwrap().unwrap();
    assert_eq!(state.case.settled().state.name(), "resolved", "the case goes on without its words");
}

/// A desk that is told of an erasure that it never asked for takes it for no proof of anything.
#[test]
fn an_acknowledgement_that_nobody_asked_for_is_refused() {
    let mut chain = personal();
    let request = ItemId::new([3; 16]);
    let facts = erase_done::Facts { items: List::new(vec![request]).unwrap(), request };
    let refused = chain.forge_all((1, 0), None, &[Body::EraseDone { facts, text: NoText }]);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].1, "malformed-facts");
}

/// A backup from before an erasure has what was erased: what the desk asked for, and was asked for, comes back from its
/// partners, and is done again.
#[test]
fn a_desk_restored_from_before_an_erasure_erases_again() {
    for restored in [0, 1, 2] {
        let mut chain = personal();
        let copy = chain.desks[restored].copy();
        erase_case(&mut chain, 0);
        look_everywhere(&mut chain);
        is_gone(&chain);
        let desk = chain.desks.remove(restored);
        chain.desks.insert(restored, desk.restore(&copy));
        assert!(!traces(&chain.desks[restored]).is_empty());
        let partners: Vec<usize> = match restored {
            0 => vec![1],
            1 => vec![0, 2],
            _ => vec![1],
        };
        for _ in 0..2 {
            for partner in &partners {
                recovered(&mut chain, restored, *partner);
            }
        }
        let over = chain.desks[restored].rows().list(STREAMS, &(), 9).unwrap();
        assert!(over.iter().all(|(_, stream)| stream.recovery.is_none()), "desk {restored}");
        look(&mut chain, restored);
        assert_eq!(traces(&chain.desks[restored]), Vec::<String>::new(), "desk {restored}");
        look_everywhere(&mut chain);
        for desk in 0..3 {
            let all = erasures(&chain.reader(desk), 9).unwrap();
            assert!(all.iter().all(|one| one.state == ErasureState::Done), "{restored} at {desk}: {all:?}");
        }
    }
}

/// What is written down beside the store, as the care of the store does it before it erases.
pub(super) fn write_down(chain: &Chain, desk: usize, list: &mut Vec<String>) {
    let lines = chain.desks[desk].core.custody().erased_lines(&mut Listed::default()).unwrap();
    list.extend(lines.iter().map(ToString::to_string));
}

/// What a desk erased without telling anybody, because it was old or for a person, no partner knows of: a backup from before
/// would bring it back, and so would the partners who still have it.
#[test]
fn what_was_erased_here_alone_comes_back_neither_from_a_backup_nor_from_partners() {
    let mut chain = personal();
    let early = chain.desks[1].copy();
    let mut list = Vec::new();
    for words in ["early", "late"] {
        if words == "late" {
            chain.hand_over(0, 1, 1).unwrap();
            chain.settle();
            let second = TicketNumber(2);
            let what = of_ticket(&chain.desks[1].rows(), second).unwrap();
            chain.desks[1].run(what).unwrap();
        } else {
            let what = of_ticket(&chain.desks[1].rows(), CASE).unwrap();
            chain.desks[1].run(what).unwrap();
        }
        write_down(&chain, 1, &mut list);
        look(&mut chain, 1);
    }
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    let lines: Vec<ErasedLine> = list.iter().map(|line| line.parse().unwrap()).collect();
    let custody = chain.desks[1].core.custody().clone();
    assert!(custody.erased_since(&lines).unwrap().is_none(), "it is the store of the list");
    drop(custody);
    let desk = chain.desks.remove(1);
    chain.desks.insert(1, desk.restore(&early));
    assert!(!traces(&chain.desks[1]).is_empty());
    let apply = chain.desks[1].core.custody().erased_since(&lines).unwrap().expect("an older state");
    let applied = chain.desks[1].run(apply).unwrap();
    list.push(chain.desks[1].core.custody().order_line(applied).unwrap().to_string());
    look(&mut chain, 1);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new(), "before it speaks");
    for _ in 0..2 {
        recovered(&mut chain, 1, 0);
        recovered(&mut chain, 1, 2);
    }
    chain.settle();
    look(&mut chain, 1);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new(), "partners hand it back without its texts");
    assert_eq!(chain.tickets(1), 2, "the second one is there again");
    let lines: Vec<ErasedLine> = list.iter().map(|line| line.parse().unwrap()).collect();
    assert!(chain.desks[1].core.custody().erased_since(&lines).unwrap().is_none(), "it is applied once");
    assert!(verify(&chain.reader(1), None).unwrap().problems.is_empty());
}
