//! A proof file that a desk writes: whoever has it needs to believe neither desk.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_engine::Reader;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::attest::{Attest, Attested};
use deskwire_engine::command::closing::Close;
use deskwire_engine::port::SystemClock;
use deskwire_engine::query::{Export, Others, export};
use deskwire_machine::delegation::State;
use deskwire_machine::proof::{Report, Verifier};
use deskwire_proto::proof::Item;
use deskwire_store::row::Audience;

use crate::harness::{Desk, LINK, because, linked, person, prose, pump, settle};

/// Two cases at Acme: one is done, the other was declined.
fn story() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let (till, door) = (shop.ticket("Till"), shop.ticket("The vault door"));
    shop.delegate(till).unwrap();
    shop.delegate(door).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    acme.act(2, Action::Decline(because("No vaults."))).unwrap();
    settle(&mut shop, &mut acme);
    shop.comment(1, "By the door.", Audience::Thread).unwrap();
    shop.comment(1, "The client is late with money.", Audience::Internal).unwrap();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

fn file(desk: &mut Desk, about: Option<(u64, Others)>) -> Vec<u8> {
    let mut attested: Vec<Attested> = Vec::new();
    while let Some(next) =
        desk.run(Attest { link: LINK, known: attested.last().map_or(0, |last| last.upto) }).unwrap()
    {
        attested.push(next);
    }
    let about = about.map(|(no, others)| (desk.delegation(no).id, others));
    let reader = Reader::new(&desk.core, Arc::new(SystemClock));
    let mut bytes = Vec::new();
    export(&reader, &desk.partner(), Export { about, attested }, &mut |item| {
        bytes.extend_from_slice(&item);
        ControlFlow::Continue(())
    })
    .unwrap();
    bytes
}

fn verify(mut bytes: &[u8]) -> Report {
    let mut verifier = Verifier::new();
    while !bytes.is_empty() {
        let (item, rest) = Item::take(bytes).unwrap();
        verifier.take(item, &bytes[..bytes.len() - rest.len()]);
        bytes = rest;
    }
    verifier.finish()
}

fn holds(text: &[u8], bytes: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn the_files_of_both_desks_hold_and_tell_the_same() {
    let (mut shop, mut acme) = story();
    let (ours, theirs) = (file(&mut shop, None), file(&mut acme, None));
    for bytes in [&ours, &theirs] {
        let report = verify(bytes);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let mut states: Vec<_> = report.cases.iter().map(|case| case.state.name()).collect();
        states.sort_unstable();
        assert_eq!(states, [State::Declined.name(), State::Resolved.name()]);
        assert!(!holds(b"late with money", bytes));
    }
    assert_eq!(verify(&ours).cases, verify(&theirs).cases);
}

#[test]
fn every_byte_of_a_file_counts() {
    let (mut shop, _) = story();
    let bytes = file(&mut shop, None);
    for at in (0..bytes.len()).step_by(41) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let mut rest = altered.as_slice();
        let mut verifier = Verifier::new();
        while let Ok((item, behind)) = Item::take(rest) {
            verifier.take(item, &rest[..rest.len() - behind.len()]);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        assert!(!verifier.finish().holds(), "byte {at} of {} can be changed unseen", bytes.len());
    }
}

#[test]
fn a_file_about_one_case_has_no_word_of_another() {
    let (mut shop, _) = story();
    for others in [Others::Signed, Others::LeftOut] {
        let bytes = file(&mut shop, Some((1, others)));
        let report = verify(&bytes);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.cases.len(), 1);
        assert!(holds(b"By the door.", &bytes) && !holds(b"vault", &bytes) && !holds(b"No vaults", &bytes));
    }
}

/// A case that the end of the link gave back would stand in the file as if its contractor still had it.
#[test]
fn the_end_of_the_link_is_never_left_out() {
    let (mut shop, mut acme) = story();
    let door = shop.ticket("The back door");
    shop.delegate(door).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(3, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    acme.run(Close { link: LINK, reason: prose("We part."), by: person("Anna") }).unwrap();
    pump(&mut acme, &mut shop);
    let mut state = |others| verify(&file(&mut shop, Some((3, others)))).cases[0].state;
    assert_eq!([Others::LeftOut, Others::Signed].map(&mut state), [State::Returned; 2]);
}

#[test]
fn a_file_is_whole_after_a_restart() {
    let (shop, _) = story();
    let mut shop = shop.restart_with_other_rows();
    let report = verify(&file(&mut shop, None));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}
