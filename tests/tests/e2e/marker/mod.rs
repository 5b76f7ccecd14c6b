//! Nothing leaves by accident: marks are planted wherever text can stand, four desks in a chain work at random, and every
//! byte of every connection, file, log and proof is searched for them.
//!
//! `DESKWIRE_OPERATIONS=100000` plays longer.

mod accord;
mod act;
mod capture;
mod case;
mod flow;
mod ledger;
mod play;
mod thread;

use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use deskwire_api_types::{
    AcceptInvitation, Audience, CommentRequest, FieldName, InviteRequest, LinkState, NewTicket, PersonTerm,
    Redelegate, TermsOffer,
};
use deskwire_tests::{
    answers,
    desk::Desk,
    links::{find, quiet, until},
    recorder::Recorder,
    world::{World, address, say},
};

use capture::{Ears, search_around, search_files};
use flow::Agreed;
use ledger::{Ledger, Place, Who, text};
use play::Play;

/// So many random operations in an ordinary run.
const OPERATIONS: u32 = 1_500;

/// The custom field that terms define once they are agreed anew.
const ROOM: &str = "room";

/// What may travel between the desks of each link when the play begins.
const FIELDS: [&[FieldName]; 3] = [
    &[FieldName::Contact, FieldName::Object, FieldName::Priority, FieldName::Status],
    &[FieldName::Contact, FieldName::Equipment, FieldName::Category, FieldName::Deadline],
    &[FieldName::Contact, FieldName::Equipment, FieldName::Object, FieldName::Status],
];

/// Without this an internal remark about a client could be in a partner's hands tomorrow. Fault cases 93, 96, 97, 98, 100.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_internal_or_outside_the_terms_never_crosses_the_wire() {
    let world = World::new("what_is_internal");
    let wanted = std::env::var("DESKWIRE_OPERATIONS").ok().map_or(OPERATIONS, |text| text.parse().unwrap());
    let part = (wanted / 50).max(500);
    let (mut desks, mut ears, ledger, agreed) = stage(&world).await;
    let begun = Instant::now();
    let mut play = Play::new(&desks, agreed, ledger, &world).await;
    let mut done = 0;
    while done < wanted {
        play.agree_anew().await;
        for _ in 0..part.min(wanted - done) {
            play.act().await;
            done += 1;
        }
        rest(&desks).await;
        ears.search(&mut play.ledger);
        play.judge();
        play.turn_page();
        let wrongs = play.ledger.known();
        say(&format!(
            "{done} operations in {} s, {} MiB searched, {} wrong",
            begun.elapsed().as_secs(),
            play.ledger.searched >> 20,
            wrongs.len()
        ));
        assert!(wrongs.is_empty(), "{}:\n{}", world.replay(), some_of(wrongs));
    }
    say(&format!("{done} operations: {:?}", play.done()));
    let mut ledger = play.ledger;
    look_everywhere(&mut ledger, &mut desks, &world).await;
    let (all, open, closed) = ledger.counts();
    let searched = ledger.searched >> 20;
    say(&format!(
        "{all} marks, {open} had to reach a partner, {closed} were for nobody else; {searched} MiB searched"
    ));
    assert!(open > 100 && closed > 200, "the play was too poor: {open} open, {closed} closed");
    let wrongs = ledger.wrongs();
    assert!(wrongs.is_empty(), "{} of {}:\n{}", wrongs.len(), world.replay(), some_of(&wrongs));
}

/// A search that finds nothing proves nothing unless it finds what was leaked on purpose.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leak_made_on_purpose_is_found_on_the_wire_and_on_the_disk() {
    let world = World::new("a_leak_made_on_purpose");
    let (mut desks, mut ears, mut ledger, _) = stage(&world).await;
    let leaked = ledger.plant(1, None, "an internal remark");
    let ticket = NewTicket { title: "Till 3".to_owned(), ..Default::default() };
    let number = desks[1].client().new_ticket(&ticket).await.unwrap().number;
    let link = deskwire_tests::links::link_with(&desks[1], &desks[2].name).await.name;
    let request = deskwire_api_types::DelegateRequest { link, ..Default::default() };
    desks[1].client().delegate(&number, &request).await.unwrap();
    let request = CommentRequest { body: text(leaked), audience: Audience::Thread };
    desks[1].client().comment(&number, &request).await.unwrap();
    rest(&desks).await;
    for name in 0..4 {
        (0..4).for_each(|who| ledger.allow(name, who));
    }
    ears.search(&mut ledger);
    look_everywhere(&mut ledger, &mut desks, &world).await;
    let wrongs = ledger.wrongs();
    for place in ["Acme -> Kassa", "the files of Kassa", "a backup of Kassa"] {
        let found = format!("{place}: an internal remark of Acme ({leaked})");
        assert!(wrongs.contains(&found), "{found} is not among {wrongs:?}");
    }
    assert_eq!(wrongs.len(), 3, "{wrongs:?}");
}

/// Files, logs, figures and backups of all desks.
async fn look_everywhere(ledger: &mut Ledger, desks: &mut [Desk], world: &World) {
    for (who, desk) in desks.iter_mut().enumerate() {
        search_files(ledger, Place::Own(who, "the files"), &desk.folder);
        search_around(ledger, who, desk, world.folder()).await;
    }
}

/// Everything that was said has arrived, and every file.
async fn rest(desks: &[Desk]) {
    for _ in 0..2 {
        for (one, other) in desks.iter().zip(&desks[1..]) {
            quiet(Duration::from_secs(120), one, other).await;
        }
    }
    for desk in desks {
        until("The files", async || {
            let all = answers::of(desk).await.to_string();
            Ok((!all.contains(r#""state":"fetching""#)).then_some(()))
        })
        .await;
    }
    for (one, other) in desks.iter().zip(&desks[1..]) {
        quiet(Duration::from_secs(120), one, other).await;
    }
}

fn some_of(wrongs: &[String]) -> String {
    wrongs[..wrongs.len().min(40)].join("\n")
}

/// Four desks in a chain; Petrov has no address. Their names are the first four marks.
async fn stage(world: &World) -> (Vec<Desk>, Ears, Ledger, [Agreed; 3]) {
    let mut ledger = Ledger::default();
    let names: Vec<String> = (0..4)
        .map(|who| {
            let name = ledger.plant(who, None, "the name of the desk");
            ledger.for_operators(name);
            text(name)
        })
        .collect();
    let (mut desks, mut recorders, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (who, name) in names.iter().enumerate() {
        let (desk, recorder) = recorded(world, name, who == 3).await;
        let id = desk.client().desk().await.unwrap().id_hex;
        ids.push(HEXLOWER.decode(id.as_bytes()).unwrap());
        desks.push(desk);
        recorders.extend(recorder.map(|recorder| (who, recorder)));
    }
    let mut agreed = Vec::new();
    for (lower, fields) in FIELDS.iter().enumerate() {
        let person = if lower == 0 { PersonTerm::Nothing } else { PersonTerm::Name };
        let redelegate = if lower == 1 { Redelegate::Allowed } else { Redelegate::Named };
        link(&mut ledger, &desks, lower, terms(fields, person, redelegate)).await;
        let (names, named) = (person == PersonTerm::Name, redelegate == Redelegate::Named);
        agreed.push(Agreed { fields: fields.to_vec(), room: false, names, named });
    }
    (desks, Ears::new(recorders, ids), ledger, agreed.try_into().ok().unwrap())
}

/// Links a desk with the next one, which calls the link by a name of its own.
async fn link(ledger: &mut Ledger, desks: &[Desk], lower: Who, terms: TermsOffer) {
    let name = ledger.plant(lower + 1, None, "the own name of a link");
    ledger.for_operators(name);
    let (inviter, accepter) = (&desks[lower], &desks[lower + 1]);
    let invite = InviteRequest { expires_in_seconds: None, terms: Some(terms), approved: true };
    let invitation = inviter.client().invite(&invite).await.unwrap().text.unwrap();
    let accepted = AcceptInvitation { invitation, name: Some(text(name)) };
    accepter.client().accept_invitation(&accepted).await.unwrap();
    for (desk, partner) in [(inviter, accepter), (accepter, inviter)] {
        until("The link", async || {
            let link = find(desk, &partner.name).await?;
            Ok(link.filter(|link| link.state == LinkState::Active))
        })
        .await;
    }
}

fn terms(fields: &[FieldName], person: PersonTerm, redelegate: Redelegate) -> TermsOffer {
    TermsOffer {
        fields: Some(fields.to_vec()),
        person: Some(person),
        redelegate: Some(redelegate),
        file: Some(4 << 20),
        ..Default::default()
    }
}

/// A desk whose partners reach it through a recorder, or one that nobody can reach.
async fn recorded(world: &World, name: &str, hidden: bool) -> (Desk, Option<Recorder>) {
    let mut desk = Desk::made(world, name).await;
    // The log says no word of a ticket at any level.
    let long = std::env::var_os("DESKWIRE_OPERATIONS").is_some();
    desk.set("log", "level", if long { "\"debug\"" } else { "\"trace\"" });
    let mut recorder = None;
    if hidden {
        desk.hide(true);
    } else {
        let announced = address();
        desk.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
        recorder = Some(Recorder::start(&desk.folder, announced, desk.address).await);
    }
    desk.start().await;
    (desk, recorder)
}
