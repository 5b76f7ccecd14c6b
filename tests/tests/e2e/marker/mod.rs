//! Nothing leaves by accident: marks are planted wherever text can stand, three desks work at random, and every byte that
//! crossed the wire is searched for them.

mod act;
mod case;
mod ledger;
mod play;

use std::time::Duration;

use data_encoding::HEXLOWER;
use deskwire_api_types::{FieldName, PersonTerm, Redelegate, TermsOffer};
use deskwire_tests::{
    answers,
    desk::Desk,
    links::{link, quiet, until},
    recorder::{Recorder, marks},
    world::{World, address, say},
};

use ledger::{Ledger, Sent, text};
use play::Play;

/// So many random actions.
const ACTIONS: u32 = 400;

/// What may travel between Acme and Beta: no acting person.
const TO_BETA: &[FieldName] =
    &[FieldName::Contact, FieldName::Object, FieldName::Priority, FieldName::Status];
/// What may travel between Acme and Gamma: the acting person, and other fields.
const TO_GAMMA: &[FieldName] =
    &[FieldName::Contact, FieldName::Equipment, FieldName::Category, FieldName::Deadline];

/// Without this an internal remark about a client could be in a partner's hands tomorrow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_internal_or_outside_the_terms_never_crosses_the_wire() {
    let world = World::new("what_is_internal");
    let mut ledger = Ledger::default();
    let names = ["Acme".to_owned(), partner_name(&mut ledger, 1), partner_name(&mut ledger, 2)];
    let (acme, beta, gamma) =
        tokio::join!(recorded(&world, &names[0]), recorded(&world, &names[1]), recorded(&world, &names[2]));
    link(&beta.0, &acme.0, terms(TO_BETA, PersonTerm::Nothing)).await;
    link(&acme.0, &gamma.0, terms(TO_GAMMA, PersonTerm::Name)).await;

    let desks = [&acme.0, &beta.0, &gamma.0];
    let mut play = Play::new(desks, world.random(), ledger, &world).await;
    for _ in 0..ACTIONS {
        play.act().await;
    }
    say(&format!("{} actions: {:?}", ACTIONS, play.done()));
    for partner in [&beta.0, &gamma.0] {
        quiet(Duration::from_secs(30), &acme.0, partner).await;
    }
    for desk in desks {
        until("The files", async || {
            let all = answers::of(desk).await.to_string();
            Ok((!all.contains(r#""state":"fetching""#)).then_some(()))
        })
        .await;
    }

    let ids = [id(&acme.0).await, id(&beta.0).await, id(&gamma.0).await];
    let mut sent = Sent::default();
    sort(&mut sent, &acme.1, 0, &[(1, &ids[1]), (2, &ids[2])]);
    sort(&mut sent, &beta.1, 1, &[(0, &ids[0])]);
    sort(&mut sent, &gamma.1, 2, &[(0, &ids[0])]);
    let ledger = play.into_ledger();
    let (open, closed) = ledger.counts();
    say(&format!("{open} marks had to be seen by a partner, {closed} by nobody"));
    assert!(open > 100 && closed > 200, "the play was too poor: {open} open, {closed} closed");
    logs_are_silent(&mut [acme.0, beta.0, gamma.0]).await;
    let wrongs = ledger.wrongs(&sent, &["Acme", "Beta", "Gamma"]);
    assert!(wrongs.is_empty(), "{} of {}:\n{}", wrongs.len(), world.replay(), wrongs.join("\n"));
}

/// Whoever may read a log must not read tickets, names of people or keys in it.
async fn logs_are_silent(desks: &mut [Desk]) {
    for desk in desks {
        let log = std::fs::read(desk.daemon().log()).unwrap();
        say(&format!("{} has logged {} KiB", desk.name, log.len() >> 10));
        let mut found = marks(&log);
        // The names of the two partners are the first marks, and no secret to their operators.
        found.retain(|number| *number > 1);
        let shown = found.first().map(|number| line_with(&log, &text(*number)));
        assert!(found.is_empty(), "{} logs {} texts, such as {shown:?}", desk.name, found.len());
        assert_eq!(line_with(&log, &desk.token()), "", "the token is in the log");
    }
}

fn line_with(log: &[u8], text: &str) -> String {
    let log = String::from_utf8_lossy(log);
    log.lines().find(|line| line.contains(text)).unwrap_or_default().chars().take(400).collect()
}

/// Neither partner may learn that the other exists.
fn partner_name(ledger: &mut Ledger, who: usize) -> String {
    let name = ledger.plant(who, "the name of the desk");
    ledger.expect(name, 0);
    text(name)
}

fn terms(fields: &[FieldName], person: PersonTerm) -> TermsOffer {
    TermsOffer {
        fields: Some(fields.to_vec()),
        person: Some(person),
        redelegate: Some(Redelegate::Allowed),
        file: Some(4 << 20),
        ..Default::default()
    }
}

/// A desk whose partners reach it through a recorder.
async fn recorded(world: &World, name: &str) -> (Desk, Recorder) {
    let mut desk = Desk::made(world, name).await;
    let announced = address();
    desk.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
    // The log says no word of a ticket at any level.
    desk.set("log", "level", "\"trace\"");
    let recorder = Recorder::start(&desk.folder, announced, desk.address).await;
    desk.start().await;
    (desk, recorder)
}

async fn id(desk: &Desk) -> Vec<u8> {
    HEXLOWER.decode(desk.client().desk().await.unwrap().id_hex.as_bytes()).unwrap()
}

/// Sorts what one recorder heard by the desk that dialled: its id stands in everything it signs. What nobody signed, the
/// reading of a descriptor, counts for each.
fn sort(sent: &mut Sent, recorder: &Recorder, behind: usize, dialling: &[(usize, &Vec<u8>)]) {
    for conversation in recorder.conversations() {
        let holds = |id: &Vec<u8>| conversation.asked.windows(id.len()).any(|window| window == id.as_slice());
        let known: Vec<usize> = dialling.iter().filter(|(_, id)| holds(id)).map(|(who, _)| *who).collect();
        let all: Vec<usize> = dialling.iter().map(|(who, _)| *who).collect();
        for who in if known.is_empty() { all } else { known } {
            sent.add(who, behind, &conversation.asked);
            sent.add(behind, who, &conversation.answered);
        }
    }
}
