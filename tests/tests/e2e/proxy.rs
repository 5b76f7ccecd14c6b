//! Real desks over a line with every fault that a network has: everything arrives, once, in order, and soon after the line
//! is well again.

use std::time::{Duration, Instant};

use deskwire_api_types::{Audience, CommentRequest, LinkState, ThreadEntry};
use deskwire_tests::{
    cli::assert_sentence,
    desk::Desk,
    https::identity_of,
    links::{accept, link, link_with, offer, quiet, until, within},
    proxy::{End, Fate, Proxy},
    stub::{Reply, Stub},
    world::{World, address, say},
};
use tokio::time::sleep;

/// Nothing takes so long once the line is well.
const SOON: Duration = Duration::from_secs(10);
/// A line that is silent is given up in this time: a ping, its answer, and the first pause.
const SILENT: Duration = Duration::from_secs(24);

/// Two desks. What Acme says goes over the line; what Kassa says goes straight, and is the sign of life after which Acme
/// tries again at once.
struct Pair {
    acme: Desk,
    kassa: Desk,
    line: Proxy,
    ticket: String,
    theirs: String,
    ours: Vec<String>,
    answers: Vec<String>,
}

impl Pair {
    async fn new(world: &World) -> Self {
        let acme = Desk::new(world, "Acme").await;
        let mut kassa = Desk::made(world, "Kassa").await;
        let announced = address();
        kassa.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
        kassa.start().await;
        let line = Proxy::start(announced, kassa.address).await;
        link(&kassa, &acme, Default::default()).await;
        let (ticket, delegation) = offer(&acme, "Kassa", "A bad line").await;
        let theirs = accept(&kassa, &delegation.id).await.own.ticket;
        quiet(SOON, &acme, &kassa).await;
        Self { acme, kassa, line, ticket, theirs, ours: Vec::new(), answers: Vec::new() }
    }

    /// Acme says something over the line.
    async fn say(&mut self, size: usize) {
        let body = format!("{:05} {}", self.ours.len(), "x".repeat(size));
        let comment = CommentRequest { body: body.clone(), audience: Audience::Thread };
        self.acme.client().comment(&self.ticket, &comment).await.unwrap();
        self.ours.push(body);
    }

    /// Kassa shows that it is there.
    async fn nudge(&mut self) {
        let body = format!("back {:05}", self.answers.len());
        let comment = CommentRequest { body: body.clone(), audience: Audience::Thread };
        self.kassa.client().comment(&self.theirs, &comment).await.unwrap();
        self.answers.push(body);
    }

    /// How many of Acme's messages Kassa has.
    async fn held(&self) -> u64 {
        link_with(&self.kassa, "Acme").await.incoming.length
    }

    /// Waits until Kassa has more of Acme's messages than before.
    async fn arrived(&self, before: u64) {
        within(SOON, "The message at Kassa", async || Ok((self.held().await > before).then_some(()))).await;
    }

    /// The line is well: all of it is there in the end, once, in order, at both, and the desks agree about it.
    async fn whole(&mut self) {
        let begun = Instant::now();
        self.nudge().await;
        quiet(SOON, &self.acme, &self.kassa).await;
        say(&format!("quiet {:.1} s after the line was well", begun.elapsed().as_secs_f64()));
        for (desk, ticket) in [(&self.acme, &self.ticket), (&self.kassa, &self.theirs)] {
            let (mut forth, mut back) = (Vec::new(), Vec::new());
            for entry in desk.client().ticket(ticket).await.unwrap().thread {
                if let ThreadEntry::Comment(comment) = entry {
                    let body = comment.body.unwrap();
                    if body.starts_with("back") { back.push(body) } else { forth.push(body) }
                }
            }
            assert!(
                forth == self.ours,
                "{}: {} comments instead of {}",
                desk.name,
                forth.len(),
                self.ours.len()
            );
            assert!(
                back == self.answers,
                "{}: {} answers instead of {}",
                desk.name,
                back.len(),
                self.answers.len()
            );
            assert_eq!(desk.json(&["verify"]).await["ok"], true);
        }
        let link = link_with(&self.acme, "Kassa").await;
        assert_eq!((link.state, link.last_error), (LinkState::Active, None));
    }

    /// Goes on until every fate of the script was met.
    async fn play(&mut self, size: usize) {
        let begun = Instant::now();
        while self.line.left() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{} fates are left", self.line.left());
            self.say(size).await;
            self.nudge().await;
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Whatever part of a request was on its way when the line broke, what it said must arrive, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_breaks_at_any_byte_is_said_again() {
    let world = World::new("a_request_that_breaks");
    let mut random = world.random();
    let mut pair = Pair::new(&world).await;
    // Within the handshake, the hello and the batches; by the end of the stream and by a reset.
    let places: Vec<u64> = (1..60).map(|step| step * 130 + random.below(130)).collect();
    let ends = [End::Cut, End::Reset];
    let fates = places.iter().enumerate().map(|(place, bytes)| Some(Fate::forth(*bytes, ends[place % 2])));
    pair.line.script(fates);
    pair.line.end(End::Cut);
    pair.play(1_500).await;
    pair.whole().await;
}

/// Whatever part of an answer was on its way, the desk that did not get it must find out what came of its words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_at_any_byte_is_asked_for_again() {
    let world = World::new("an_answer_that_breaks");
    let mut random = world.random();
    let mut pair = Pair::new(&world).await;
    let places: Vec<u64> = (0..50).map(|step| step * 70 + random.below(70)).collect();
    let ends = [End::Reset, End::Cut];
    let fates = places.iter().enumerate().map(|(place, bytes)| Some(Fate::back(*bytes, ends[place % 2])));
    pair.line.script(fates);
    pair.line.end(End::Reset);
    pair.play(300).await;
    pair.whole().await;
}

/// A receipt that is lost after the commit must neither double the message nor leave its author in doubt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_lost_after_the_commit_double_nothing() {
    let world = World::new("receipts_lost");
    let mut pair = Pair::new(&world).await;
    for round in 0..6 {
        // A session is open, so the request is the batch itself.
        pair.say(10).await;
        quiet(SOON, &pair.acme, &pair.kassa).await;
        pair.line.lose_answers(true);
        let before = pair.held().await;
        for _ in 0..=round {
            pair.say(700).await;
        }
        pair.arrived(before).await;
        let acme = link_with(&pair.acme, "Kassa").await;
        assert!(acme.out.acknowledged < acme.out.length, "no receipt has come through: {:?}", acme.out);
        pair.line.lose_answers(false);
        pair.line.end(if round % 2 == 0 { End::Reset } else { End::Cut });
        pair.whole().await;
    }
}

/// A line on which one direction is dead looks alive from one side: both must notice and go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_dead_in_one_direction_is_given_up_in_time() {
    let world = World::new("a_line_dead_in_one_direction");
    let mut forth = Pair::new(&world).await;
    let back_world = World::new("a_line_dead_in_the_other");
    let mut back = Pair::new(&back_world).await;
    // The next connection shakes hands and says hello; then requests, or answers, vanish.
    for (pair, fate) in [(&forth, Fate::forth(3_000, End::Silence)), (&back, Fate::back(3_000, End::Silence))]
    {
        pair.line.script([Some(fate)]);
        pair.line.end(End::Reset);
    }
    for pair in [&mut forth, &mut back] {
        while pair.line.left() > 0 {
            pair.nudge().await;
            pair.say(100).await;
            sleep(Duration::from_millis(20)).await;
        }
        for _ in 0..10 {
            pair.say(3_000).await;
        }
    }
    let begun = Instant::now();
    for pair in [&mut forth, &mut back] {
        // Nobody nudges: the courier finds out by itself.
        within(SILENT, "The delivery by itself", async || {
            let link = link_with(&pair.acme, "Kassa").await;
            Ok((link.out.acknowledged == link.out.length && link.out.waiting == 0).then_some(()))
        })
        .await;
    }
    say(&format!("found out and made good after {:.1} s", begun.elapsed().as_secs_f64()));
    for pair in [&mut forth, &mut back] {
        pair.whole().await;
    }
}

/// A line that comes and goes must lose nothing, and must not make the desk hammer at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_line_that_flaps_everything_arrives_in_order() {
    let world = World::new("over_a_line_that_flaps");
    let mut random = world.random();
    let mut pair = Pair::new(&world).await;
    let (made, mut nudges) = (pair.line.made(), 0);
    for round in 0..60 {
        pair.line.down(round % 2 == 0);
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            pair.say(random.below(2_000) as usize).await;
            if random.one_in(3) {
                pair.nudge().await;
                nudges += 1;
            }
            sleep(Duration::from_millis(random.below(20))).await;
        }
    }
    pair.line.down(false);
    let tries = pair.line.made() - made;
    say(&format!("{tries} connections for {nudges} signs of life and 30 breaks"));
    // One try for each sign of life or break, over at most four connections side by side.
    assert!(tries <= 5 * (nudges + 30), "{tries} connections");
    pair.whole().await;
}

/// A line that is slow and thin must still bring everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_slow_and_thin_line_everything_arrives() {
    let world = World::new("over_a_slow_and_thin_line");
    let mut pair = Pair::new(&world).await;
    let thin = Fate { rate: Some(60_000), ..Fate::delayed(Duration::from_millis(60)) };
    pair.line.then(Some(thin));
    pair.line.end(End::Reset);
    pair.nudge().await;
    for _ in 0..40 {
        pair.say(2_000).await;
    }
    pair.whole().await;
}

/// Failing servers in front of a partner are waited for; nothing is lost, and nobody is quarantined for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_failing_gateways_is_waited_out() {
    let world = World::new("a_storm_of_failing_gateways");
    let mut pair = Pair::new(&world).await;
    let at = moved(&mut pair).await;
    let (mut turn, statuses) = (0, [500, 502, 503, 504]);
    let stub = Stub::https(at, &identity_of(&pair.kassa.folder), move |_| {
        turn += 1;
        Reply::Answer(statuses[turn % 4], "text/html", b"<html>Bad gateway</html>".to_vec())
    })
    .await;
    let mut nudges = 0;
    while stub.heard().len() < 12 {
        assert!(nudges < 400, "only {} requests", stub.heard().len());
        pair.say(50).await;
        pair.nudge().await;
        nudges += 1;
        sleep(Duration::from_millis(20)).await;
    }
    let told = until("The trouble in words", async || {
        let link = link_with(&pair.acme, "Kassa").await;
        assert_eq!(link.state, LinkState::Active, "a failing gateway is no refusal");
        Ok(link.last_error)
    })
    .await;
    assert_sentence(&told.words);
    let asked = stub.heard().len();
    assert!(asked <= nudges + 2, "{asked} requests for {nudges} signs of life");
    drop(stub);
    pair.line = Proxy::start(at, pair.kassa.address).await;
    pair.whole().await;
}

/// A partner that asks to come back in a thousand years is asked again within the hour, and at once when it speaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_retry_after_is_followed_for_an_hour_at_most() {
    let world = World::new("a_huge_retry_after");
    let mut pair = Pair::new(&world).await;
    let at = moved(&mut pair).await;
    let later =
        b"HTTP/1.1 429 X\r\nretry-after: 31536000000\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let stub = Stub::https(at, &identity_of(&pair.kassa.folder), move |_| Reply::Raw(later.to_vec())).await;
    pair.nudge().await;
    pair.say(50).await;
    let next = until("The pause", async || {
        let link = link_with(&pair.acme, "Kassa").await;
        Ok(link.last_error.filter(|trouble| trouble.code == "busy").and(link.next_attempt))
    })
    .await;
    let wait = next.millis() - i64::try_from(deskwire_tests::puppet::now().0).unwrap();
    assert!((1_000_000..=3_600_000).contains(&wait), "the next try is in {wait} ms");
    drop(stub);
    pair.line = Proxy::start(at, pair.kassa.address).await;
    pair.whole().await;
}

/// Takes the line away; its address, for something else to stand there.
async fn moved(pair: &mut Pair) -> std::net::SocketAddr {
    let line = std::mem::replace(&mut pair.line, Proxy::start(address(), pair.kassa.address).await);
    let at = line.address();
    line.end(End::Reset);
    drop(line);
    // The address is free when its listener is gone.
    while tokio::net::TcpStream::connect(at).await.is_ok() {
        tokio::task::yield_now().await;
    }
    at
}
