//! Fault 115 along a chain: what a person wrote, or what was written of one, goes from every desk, and every desk knows when
//! the last one has done it.

use std::ops::ControlFlow;

use deskwire_engine::Refusal;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::attest::{Attest, Attested};
use deskwire_engine::command::erase::{EndSegment, ErasureDone};
use deskwire_engine::command::privacy::Order;
use deskwire_engine::custody::Erasure;
use deskwire_engine::query::{
    self, ErasureState, ErasureWork, Export, Found, Person, erasure_work, erasures, export, find_case,
    find_person, own_digest, verify,
};
use deskwire_machine::proof::Verifier;
use deskwire_machine::relay::Mode;
use deskwire_proto::id::ItemId;
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, erase_done};
use deskwire_proto::proof::Item;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::Subject;
use deskwire_store::table::{DELEGATIONS, LINKS, Rows, STREAMS};

use super::{Chain, THREAD, recovered};
use crate::harness::{Desk, prose};
use crate::rebuild::all;

const MARKER: &str = "Kowalewskaja";
const CASE: TicketNumber = TicketNumber(1);

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

/// A case that went down a chain of three desks with a person in it, said by each of them, and is over everywhere.
fn personal() -> Chain {
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

fn order(
    chain: &mut Chain,
    desk: usize,
    subject: Subject,
    found: Found,
    open: bool,
) -> Result<EntryRef, Refusal> {
    chain.desks[desk].run(Order { subject, basis: code("request-of-person"), found, open })
}

fn erase_case(chain: &mut Chain, desk: usize) -> EntryRef {
    let found = find_case(&chain.reader(desk), CASE).unwrap();
    order(chain, desk, Subject::Case(CASE), found, false).unwrap()
}

/// What the care of the store does at its next look.
fn look(chain: &mut Chain, desk: usize) {
    loop {
        let work = erasure_work(&chain.reader(desk)).unwrap();
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

fn look_everywhere(chain: &mut Chain) {
    for _ in 0..4 {
        (0..chain.desks.len()).for_each(|desk| look(chain, desk));
        chain.settle();
    }
}

/// Everything on a disk, and every row, in which the person stands.
fn traces(desk: &Desk) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
    let disk = desk.store.disk();
    let mut found: Vec<_> =
        disk.names().into_iter().filter(|name| holds(&disk.content(name).unwrap())).collect();
    found.extend(all(desk).into_iter().filter(|(_, row)| holds(row)).map(|(key, _)| format!("row {key:?}")));
    found
}

fn is_gone(chain: &Chain) {
    for (place, desk) in chain.desks.iter().enumerate() {
        assert_eq!(traces(desk), Vec::<String>::new(), "desk {place}");
    }
}

fn state(chain: &Chain, desk: usize, erasure: EntryRef) -> ErasureState {
    query::erasure(&chain.reader(desk), erasure).unwrap().state
}

/// What must stay as it is: folds, streams, clocks, digests, and what a proof file shows.
fn facts(chain: &mut Chain) -> Vec<String> {
    let mut facts = Vec::new();
    for desk in 0..chain.desks.len() {
        let reader = chain.reader(desk);
        for (no, row) in reader.rows().list(DELEGATIONS, &(), 9).unwrap() {
            facts.push(format!("{desk} {no:?} {:?} {}", row.case.settled(), row.version));
            facts.push(format!("{desk} {no:?} {:?}", query::delegation_clock(&reader, no, &row).unwrap()));
            facts.push(format!("{desk} {no:?} {:?}", own_digest(&reader, no).unwrap()));
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
    for desk in [0, 1] {
        assert_eq!(traces(&chain.desks[desk]), Vec::<String>::new(), "desk {desk}");
    }
    // What two other desks said to each other alone they search for themselves.
    let found = find_person(&chain.reader(2), &person, &[]).unwrap();
    assert!(found.shown.iter().all(|shown| shown.kind == "delegation.resolve"), "{:?}", found.shown);
    assert!(find_person(&chain.reader(0), &person, &[]).unwrap().is_empty());
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
    let mut chain = personal();
    chain.relay(1, 2, Mode::Automatic, false);
    chain.cut = vec![1];
    chain.say(0, &format!("{MARKER} again"), THREAD);
    chain.settle();
    erase_case(&mut chain, 0);
    look_everywhere(&mut chain);
    assert_eq!(traces(&chain.desks[1]), Vec::<String>::new());
    chain.wire.clear();
    chain.cut.clear();
    look_everywhere(&mut chain);
    assert!(!chain.reached(2, MARKER));
    is_gone(&chain);
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
    let refused = chain.forge(1, 0, &Body::EraseDone { facts, text: NoText });
    assert_eq!(refused.as_deref(), Some("malformed-facts"));
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
