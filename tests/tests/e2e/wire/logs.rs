//! What strangers and partners say in order to write into the log of a desk.

use std::fs;

use deskwire_api_types::InviteRequest;
use deskwire_proto::{
    cbor,
    cose::Sign1,
    delivery::Delivery,
    key::SecretKey,
    message::Body,
    text::{FileName, Label, Line},
};
use deskwire_tests::{
    desk::Desk,
    https::{self, MEDIA},
    links::{offer, until},
    puppet::{Puppet, Unlinked, sign, signed},
    random::Random,
    stub::{Heard, Reply, Stub},
    world::{World, address},
};
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;

use super::{a_file, an_offer, case, comment};

/// A line of its own in the log, as whoever sends it wants; then what clears a terminal, and turns the reading order.
const EVIL: &str = "\r\n2026-11-23T00:00:00Z ERROR INJECTED \u{1b}[2J\u{7}\u{7f}\u{85}\u{9b}\u{202e}\u{2028}";
/// What a log of some minutes at the finest level has at least.
const LINES: usize = 100;

/// Whoever reads the log after an attack must not read what the attacker wrote there, nor have it change the terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_84_nobody_outside_writes_a_line_or_a_control_character_into_the_log() {
    for (name, format) in [("a_log_for_people", "readable"), ("a_log_for_programs", "json")] {
        let world = World::new(name);
        let mut acme = Desk::made(&world, "Acme").await;
        acme.set("log", "level", "\"trace\"");
        acme.set("log", "format", &format!("\"{format}\""));
        acme.start().await;
        let mut random = world.random();
        strangers_speak(&acme, &mut random).await;
        a_partner_speaks(&acme, &mut random).await;
        let log = fs::read(acme.daemon().log()).unwrap();
        let log = String::from_utf8(log).expect("a log is text");
        assert!(log.lines().count() > LINES && log.contains("TRACE"), "this log says too little: {log}");
        // What it says to whoever starts it is no line of the log.
        for line in log.lines().filter(|line| !line.starts_with("Acme is listening on ")) {
            look_at(line, format);
        }
    }
}

/// A line is one of the daemon's own, and nothing in it moves the cursor or turns the reading order.
fn look_at(line: &str, format: &str) {
    let own = match format {
        "json" => {
            serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["target"].is_string())
        }
        _ => {
            let mut words = line.split_whitespace();
            let time = words.next().is_some_and(|time| time.starts_with("20") && time.ends_with('Z'));
            let level =
                words.next().is_some_and(|it| ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&it));
            time && level && !line.contains(" ERROR INJECTED ")
        }
    };
    assert!(own, "this is no line of the daemon: {line:?}");
    let turns = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}', '\u{2028}'..='\u{2029}'];
    let harms = |it: char| it.is_control() || turns.iter().any(|range| range.contains(&it));
    assert!(!line.contains(harms), "{line:?}");
}

/// Requests that are none, with it in every place, and one to link by a desk of such a name.
async fn strangers_speak(acme: &Desk, random: &mut Random) {
    let flat = EVIL.replace(['\r', '\n'], "");
    let coded: String = EVIL.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let close = "host: x\r\nconnection: close\r\n";
    for evil in [EVIL, &flat, &coded] {
        for path in ["hello", "link/request", "nowhere"] {
            let body = format!("content-type: {MEDIA}\r\ncontent-length: {}\r\n\r\n{evil}", evil.len());
            let start = format!("POST /deskwire/1/{path} HTTP/1.1\r\n{close}");
            let requests = [
                format!("{start}{body}"),
                format!("{evil} /deskwire/1/{path} HTTP/1.1\r\n{close}\r\n"),
                format!("POST /deskwire/1/{path}{evil} HTTP/1.1\r\n{close}{body}"),
                format!("POST /deskwire/1/{path}?{evil} HTTP/1.1\r\n{close}{body}"),
                format!("{start}x-request-id: {evil}\r\nuser-agent: {evil}\r\nreferer: {evil}\r\n{body}"),
                format!("{start}content-type: {evil}\r\n\r\n"),
                format!("{start}content-length: {evil}\r\n\r\n"),
                format!("{start}transfer-encoding: {evil}\r\n\r\n"),
                format!("POST /deskwire/1/{path} HTTP/1.1\r\nconnection: close\r\nhost: {evil}\r\n{body}"),
            ];
            let at = acme.address;
            let raw = requests.map(|request| async move { https::raw(at, request.as_bytes()).await });
            raw.into_iter().collect::<JoinSet<_>>().join_all().await;
        }
    }
    let mut stranger = Unlinked::new(random.fork(), &mark(), address(), https::new_identity().spki());
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = acme.client().invite(&invite).await.unwrap().text.unwrap().parse().unwrap();
    let mut body = stranger.request(&invitation).0.into_parts().1;
    let descriptor = Sign1::parse(&body.descriptor).unwrap().unverified_payload().to_vec();
    body.descriptor = ByteBuf::from(sign("descriptor", &spoiled(&descriptor), &stranger.secret));
    let request = sign("link-request", &cbor::encode(&body).unwrap(), &stranger.secret);
    let answer = https::post(acme.address, "/deskwire/1/link/request", &request).await;
    assert_eq!(answer.status / 100, 4, "{answer:?}");
}

/// Messages and answers of a linked desk with it in every text.
async fn a_partner_speaks(acme: &Desk, random: &mut Random) {
    let (at, tls) = (address(), https::new_identity());
    let mut puppet = super::linked(acme, ("Puppet", at, tls.spki()), random).await;
    let (secret, link, mut nonce) =
        (SecretKey::from_seed(&puppet.secret.seed()), puppet.link, random.array());
    let mut number = 0;
    let stub = Stub::https(at, &tls, move |heard| {
        number += 1;
        nonce[0] = number;
        match (heard.what.as_str(), number % 6) {
            ("POST /deskwire/1/hello", 0) => {
                super::welcome(&secret, (link, (0, link.into())), nonce, &heard.body)
            }
            (_, kind) => answer_with_it(kind, heard),
        }
    })
    .await;
    puppet.open_session().await;
    for body in bodies() {
        let delivery = say_spoiled(&mut puppet, &body);
        let answer = puppet.push(vec![delivery.clone()]).await;
        if answer.status == 200 {
            puppet.length += 1;
            puppet.head = delivery.hash();
        }
    }
    let good =
        vec![puppet.say(&an_offer(), Some(case(1))), puppet.say(&comment("One\nINJECTED"), Some(case(1)))];
    puppet.receipt(&puppet.push(good).await);

    offer(acme, "Puppet", "Who answers?").await;
    for round in 1..=24 {
        // A sign of life, so that it is tried again at once.
        puppet.open_session().await;
        until("Another try", async || Ok((stub.heard().len() >= round).then_some(()))).await;
    }
}

/// Answers that are none.
fn answer_with_it(kind: u8, _: &Heard) -> Reply {
    let problem = |code: &str| {
        let problem = serde_json::json!({
            "type": format!("urn:deskwire:problem:{code}"), "title": EVIL, "status": 503, "code": code,
            "detail": EVIL, "next": EVIL, "instance": EVIL, EVIL: EVIL,
        });
        Reply::Answer(503, "application/problem+json", problem.to_string().into_bytes())
    };
    match kind {
        1 => problem("busy"),
        2 => problem(EVIL),
        3 => Reply::Answer(200, MEDIA, EVIL.into()),
        4 => Reply::Raw(format!("HTTP/1.1 503 {EVIL}\r\nretry-after: {EVIL}\r\nx: {EVIL}\r\n\r\n").into()),
        _ => Reply::Raw(
            format!("HTTP/1.1 307 x\r\nlocation: https://x/{EVIL}\r\ncontent-length: 0\r\n\r\n").into(),
        ),
    }
}

/// Bodies whose texts are to be spoiled.
fn bodies() -> Vec<Body> {
    let (mut file, mut title, mut ticket) = (a_file(1), an_offer(), an_offer());
    if let Body::FileAdd { text, .. } = &mut file {
        text.name = FileName::new(mark()).unwrap();
    }
    if let Body::Offer { text, .. } = &mut title {
        text.title = Line::new(mark()).unwrap();
    }
    if let Body::Offer { facts, .. } = &mut ticket {
        facts.own.ticket = Label::new(mark()).unwrap();
    }
    vec![file, title, ticket, comment(&mark())]
}

/// The next message, signed as it should be, with what no desk lets into a text.
fn say_spoiled(puppet: &mut Puppet, body: &Body) -> Delivery {
    let mut content = puppet.content(body, Some(case(1)));
    let (facts, text) = (spoiled(&content.facts), content.text.as_ref().map(|text| spoiled(text)));
    assert!(facts != *content.facts || text.as_deref() != content.text.as_ref().map(|text| text.as_slice()));
    (content.facts, content.text) = (ByteBuf::from(facts), text.map(ByteBuf::from));
    let head = puppet.next(&content);
    signed(&head, &content, &puppet.secret)
}

/// Stands where it is to stand, with as many bytes.
fn mark() -> String {
    "M".repeat(EVIL.len())
}

fn spoiled(bytes: &[u8]) -> Vec<u8> {
    let (mark, mut spoiled) = (mark(), bytes.to_vec());
    let places: Vec<_> = memchr::memmem::find_iter(bytes, mark.as_bytes()).collect();
    for place in places {
        spoiled[place..place + mark.len()].copy_from_slice(EVIL.as_bytes());
    }
    spoiled
}
