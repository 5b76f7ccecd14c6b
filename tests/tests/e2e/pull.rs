//! A desk that nobody can reach: it goes to its partners, fetches what they have for it, and brings its files.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deskwire_api_types::{Audience, CommentRequest, FileState, InviteRequest, TermsOffer, ThreadEntry};
use deskwire_proto::{
    batch::{Batch, BatchHead},
    delivery::Delivery,
    document::{Signed, V1},
    id::{DeskId, LinkId, Nonce, SessionId},
    message::Body,
    pull::{PullAnswer, PullHello, PullNothing, PullRequest},
    session::{Hello, Welcome},
};
use deskwire_tests::{
    cutter::Cutter,
    desk::Desk,
    https,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    puppet::{Puppet, Unlinked, now, signed},
    stub::{Heard, Reply, Stub},
    world::{World, address, say},
};
use tokio::task::JoinSet;

use crate::files::file_is;
use crate::kill::{Answered, Writer, streams_agree, thread_is_whole};
use crate::wire::an_offer;

/// The comments of a ticket, as they stand.
async fn comments(desk: &Desk, ticket: &str) -> Vec<String> {
    let thread = desk.client().ticket(ticket).await.unwrap().thread;
    let said = thread.into_iter().filter_map(|entry| match entry {
        ThreadEntry::Comment(comment) => comment.body,
        _ => None,
    });
    said.collect()
}

async fn comment(desk: &Desk, ticket: &str, body: &str) {
    let request = CommentRequest { body: body.to_owned(), audience: Audience::Thread };
    desk.client().comment(ticket, &request).await.unwrap();
}

/// How long a comment takes to be there, worst of some.
async fn latency(from: &Desk, ticket: &str, to: &Desk, theirs: &str) -> Duration {
    let mut worst = Duration::ZERO;
    for n in 0..10 {
        let body = format!("from {} {n}", from.name);
        let begun = Instant::now();
        comment(from, ticket, &body).await;
        until("The comment", async || Ok(comments(to, theirs).await.contains(&body).then_some(()))).await;
        worst = worst.max(begun.elapsed());
    }
    worst
}

/// The main job behind a router, as its two operators live it: link, offer, comments both ways, a file each way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_behind_a_router_does_its_work() {
    let world = World::new("a_desk_behind_a_router");
    let mut random = world.random();
    let (kassa, acme) = tokio::join!(Desk::new(&world, "Kassa"), Desk::hidden(&world, "Acme"));
    let id = acme.run(&["id"]).await.out;
    assert!(id.contains("goes to its partners") && id.contains("partners cannot reach it"), "{id}");
    acme.refuses(&["link", "invite"], "no-endpoint").await;
    link(&kassa, &acme, TermsOffer::default()).await;

    let begun = Instant::now();
    let (ticket, delegation) = offer(&kassa, "Acme", "Dead register").await;
    until("The offer", async || deskwire_tests::links::known(acme.client().delegation(&delegation.id).await))
        .await;
    let offered = begun.elapsed();
    let theirs = accept(&acme, &delegation.id).await.own.ticket;
    let fetched = latency(&kassa, &ticket, &acme, &theirs).await;
    let pushed = latency(&acme, &theirs, &kassa, &ticket).await;
    say(&format!(
        "to a desk behind a router: offer {} ms, slowest of ten comments {} ms; from it {} ms",
        offered.as_millis(),
        fetched.as_millis(),
        pushed.as_millis()
    ));
    let most = Duration::from_secs(2);
    assert!(offered < most && fetched < most && pushed < most);

    for (from, to, ticket) in [(&kassa, "acme", &ticket), (&acme, "kassa", &theirs)] {
        let path = world.path(&format!("for-{to}.bin"));
        fs::write(&path, random.bytes(3 << 20)).unwrap();
        from.json(&["ticket", "attach", ticket, path.to_str().unwrap(), "--to", to]).await;
    }
    for (desk, name) in [(&acme, "acme"), (&kassa, "kassa")] {
        let file = file_is(desk, &format!("for-{name}.bin"), FileState::Here).await;
        let copy = world.path(&format!("copy-{name}.bin"));
        desk.json(&["file", "get", &file.id, "-o", copy.to_str().unwrap()]).await;
        let original = fs::read(world.path(&format!("for-{name}.bin"))).unwrap();
        assert!(fs::read(copy).unwrap() == original, "the file for {name} has changed on its way");
    }
    quiet(PATIENCE, &acme, &kassa).await;
    let shown = kassa.run(&["link", "show", "acme"]).await.out;
    assert!(shown.contains("this partner fetches; last asked"), "{shown}");
    assert!(!shown.contains("last error"), "nothing is wrong with a partner that fetches: {shown}");
    let shown = acme.run(&["link", "show", "kassa"]).await.out;
    assert!(shown.contains("this desk goes to the partner"), "{shown}");
    streams_agree(&kassa, &acme).await;
    streams_agree(&acme, &kassa).await;
}

/// When the router is opened or closed in the middle of the work, no word may be lost, doubled or overtaken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_and_closing_the_router_under_traffic_costs_no_word() {
    let world = World::new("opening_and_closing_the_router");
    let (kassa, mut acme) = tokio::join!(Desk::new(&world, "Kassa"), Desk::hidden(&world, "Acme"));
    link(&kassa, &acme, TermsOffer::default()).await;
    let (ticket, delegation) = offer(&kassa, "Acme", "Router").await;
    let theirs = accept(&acme, &delegation.id).await.own.ticket;
    let (answered, stop) = (Answered::default(), Arc::new(AtomicBool::new(false)));
    let people = writers(&world, &[(&kassa, &ticket), (&acme, &theirs)], &answered, &stop);
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        acme.stop().await;
        acme.hide(round % 2 == 1);
        acme.start().await;
    }
    stop.store(true, Ordering::Relaxed);
    finished(people).await;
    whole(&kassa, &ticket, &acme, &theirs, &answered).await;
}

/// Two people, one at each desk, who write until they are told to stop.
fn writers(
    world: &World,
    places: &[(&Desk, &String)],
    answered: &Answered,
    stop: &Arc<AtomicBool>,
) -> JoinSet<()> {
    let (mut random, mut people) = (world.random(), JoinSet::new());
    for (desk, ticket) in places {
        let writer = Writer {
            client: desk.client().clone(),
            ticket: (*ticket).clone(),
            author: format!("{}-0", desk.name),
        };
        people.spawn(writer.write(Arc::clone(answered), Arc::clone(stop), random.fork()));
    }
    people
}

async fn finished(mut people: JoinSet<()>) {
    while let Some(person) = people.join_next().await {
        person.unwrap();
    }
}

/// Everything that was answered is at both desks, once and in order, and both hold the same streams.
async fn whole(kassa: &Desk, ticket: &str, acme: &Desk, theirs: &str, answered: &Answered) {
    quiet(Duration::from_secs(40), kassa, acme).await;
    let answered = answered.lock().unwrap().clone();
    let count: usize = answered.values().map(Vec::len).sum();
    say(&format!("{count} comments were answered"));
    assert!(count > 40, "only {count} comments: too few to prove anything");
    thread_is_whole(kassa, ticket, &answered).await;
    thread_is_whole(acme, theirs, &answered).await;
    streams_agree(kassa, acme).await;
    streams_agree(acme, kassa).await;
    for desk in [kassa, acme] {
        assert_eq!(desk.json(&["verify"]).await["ok"], true);
    }
}

/// Whoever got an answer must be able to rely on it, also where one of the desks fetches and either is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_daemons_lose_nothing_behind_a_router() {
    let world = World::new("killed_daemons_behind_a_router");
    let mut random = world.random();
    let (mut kassa, mut acme) = tokio::join!(Desk::new(&world, "Kassa"), Desk::hidden(&world, "Acme"));
    link(&kassa, &acme, TermsOffer::default()).await;
    let (ticket, delegation) = offer(&kassa, "Acme", "Under fire").await;
    let theirs = accept(&acme, &delegation.id).await.own.ticket;
    let (answered, stop) = (Answered::default(), Arc::new(AtomicBool::new(false)));
    let people = writers(&world, &[(&kassa, &ticket), (&acme, &theirs)], &answered, &stop);
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(3 + random.below(400))).await;
        let desk = if random.below(2) == 0 { &mut kassa } else { &mut acme };
        desk.kill().await;
        desk.start().await;
    }
    stop.store(true, Ordering::Relaxed);
    finished(people).await;
    whole(&kassa, &ticket, &acme, &theirs, &answered).await;
}

/// Over a bad line everything must arrive all the same, once and in order, although one side has to ask for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_line_that_breaks_a_desk_that_asks_gets_everything() {
    const CUTS: u32 = 12;
    let world = World::new("over_a_line_that_breaks_a_desk_that_asks");
    let mut random = world.random();
    let mut kassa = Desk::made(&world, "Kassa").await;
    let announced = address();
    kassa.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
    kassa.start().await;
    let line = Cutter::start(announced, kassa.address, random.fork()).await;
    let acme = Desk::hidden(&world, "Acme").await;
    link(&kassa, &acme, TermsOffer::default()).await;
    let (ticket, delegation) = offer(&kassa, "Acme", "Bad line").await;
    let theirs = accept(&acme, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;
    let (mut said, mut back) = (Vec::new(), Vec::new());
    line.cut(CUTS);
    let begun = Instant::now();
    while line.left() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} cuts are left", line.left());
        said.push(format!("forth {:05} {}", said.len(), "x".repeat(random.below(2_000) as usize)));
        comment(&kassa, &ticket, said.last().unwrap()).await;
        back.push(format!("back {:05}", back.len()));
        comment(&acme, &theirs, back.last().unwrap()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if acme.json(&["link", "show", "kassa"]).await["last_error"].is_object() {
            acme.json(&["link", "resume", "kassa"]).await;
        }
    }
    say(&format!("{CUTS} cuts, {} comments each way", said.len()));
    quiet(Duration::from_secs(40), &acme, &kassa).await;
    for (desk, ticket) in [(&kassa, &ticket), (&acme, &theirs)] {
        let all = comments(desk, ticket).await;
        let (forth, answers): (Vec<_>, Vec<_>) = all.into_iter().partition(|body| body.starts_with("forth"));
        assert!(forth == said, "{}: {} comments instead of {}", desk.name, forth.len(), said.len());
        assert!(answers == back, "{}: {} answers instead of {}", desk.name, answers.len(), back.len());
    }
}

/// What a partner answers that is asked for its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// A later message, as if the one before had come.
    Gap,
    /// Another bit of the signature.
    Signature,
    /// Another text than the signed one.
    OfAnotherLink,
    /// Addressed to another desk.
    ToAnotherDesk,
    /// A batch of a session that nobody opened.
    UnknownSession,
    /// Nothing, for another link.
    NothingElsewhere,
    /// No CBOR at all.
    Garbage,
    /// Bytes without end.
    TooLong,
    /// The truth.
    None,
}

const LIES: [Lie; 8] = [
    Lie::Gap,
    Lie::Signature,
    Lie::OfAnotherLink,
    Lie::ToAnotherDesk,
    Lie::UnknownSession,
    Lie::NothingElsewhere,
    Lie::Garbage,
    Lie::TooLong,
];

/// A partner that the test plays, and what it answers.
struct Liar {
    puppet: Puppet,
    lie: Lie,
    /// How often it has lied.
    lied: u32,
    hello: Option<Nonce>,
    offer: Option<Delivery>,
    receipts: u32,
}

impl Liar {
    fn answer(&mut self, heard: &Heard) -> Reply {
        match heard.what.as_str() {
            "POST /deskwire/1/hello" => self.welcome(&heard.body),
            "POST /deskwire/1/pull" => Reply::signed(self.pulled(&heard.body)),
            _ => Reply::problem(503, "busy"),
        }
    }

    fn welcome(&mut self, hello: &[u8]) -> Reply {
        let hello = Signed::<Hello>::open(hello, &self.puppet.peer_key).unwrap();
        let welcome = Welcome {
            v: V1,
            to: self.puppet.peer,
            from: self.puppet.desk,
            head: self.puppet.link.into(),
            link: self.puppet.link,
            time: now(),
            hello: hello.body().nonce,
            known: 0,
            nonce: Nonce::new(self.puppet.draw()),
            length: 0,
            placed: None,
            descriptor: None,
        };
        Reply::signed(Signed::seal(welcome, &self.puppet.secret).into_parts().0)
    }

    fn pulled(&mut self, request: &[u8]) -> Vec<u8> {
        let asked = Signed::<PullRequest>::open(request, &self.puppet.peer_key).unwrap();
        let asked = asked.body();
        if asked.receipt.is_some() {
            self.receipts += 1;
        }
        let link = self.puppet.link;
        if asked.upto > 0 {
            return PullAnswer::Nothing(PullNothing { v: V1, link, wait: 1_000 }).encode();
        }
        if let (Some(hello), Some(welcome)) = (self.hello.take(), &asked.welcome) {
            let welcome = Signed::<Welcome>::open(welcome, &self.puppet.peer_key).unwrap();
            assert_eq!(welcome.body().hello, hello);
            self.puppet.session = SessionId::of(&hello, &welcome.body().nonce);
            return self.batch();
        }
        let hello = self.puppet.hello();
        self.hello = Some(hello.body().nonce);
        PullAnswer::Hello(PullHello { v: V1, link, hello: hello.raw().to_vec().into() }).encode()
    }

    fn batch(&mut self) -> Vec<u8> {
        if self.lie != Lie::None {
            self.lied += 1;
        }
        let (link, mut session) = (self.puppet.link, self.puppet.session);
        let delivery = match self.lie {
            Lie::None | Lie::UnknownSession => self.offer.clone().unwrap(),
            Lie::Gap => self.altered(|head| head.seq += 1),
            Lie::OfAnotherLink => self.altered(|head| head.link = LinkId::new([7; 32])),
            Lie::ToAnotherDesk => self.altered(|head| head.to = DeskId::new([7; 32])),
            Lie::Signature => {
                let mut bytes = self.offer.clone().unwrap().signed().to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                Delivery::new(bytes, None)
            }
            Lie::NothingElsewhere => {
                let link = LinkId::new([7; 32]);
                return PullAnswer::Nothing(PullNothing { v: V1, link, wait: 1_000 }).encode();
            }
            Lie::Garbage => return vec![0xff; 100],
            Lie::TooLong => return vec![0; 3 << 20],
        };
        if self.lie == Lie::UnknownSession {
            session = SessionId::new([7; 32]);
        }
        let head = BatchHead { v: V1, link, known: 0, session };
        Batch { head, deliveries: vec![delivery] }.encode()
    }

    /// The offer with another head, well signed.
    fn altered(&mut self, change: impl FnOnce(&mut deskwire_proto::envelope::Head)) -> Delivery {
        let body: Body = an_offer();
        let content = self.puppet.content(&body, Some(deskwire_proto::id::DelegationId::new([1; 16])));
        let mut head = self.puppet.next(&content);
        (head.seq, head.prev) = (1, self.puppet.link.into());
        change(&mut head);
        signed(&head, &content, &self.puppet.secret)
    }
}

/// A partner that answers what it should not, or somebody in its place, brings nothing into the desk; the truth is taken
/// as soon as it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_in_answers_bring_nothing_into_a_desk_that_asks() {
    let world = World::new("lies_in_answers");
    let mut random = world.random();
    let mut acme = Desk::new(&world, "Acme").await;
    let (at, identity) = (address(), https::new_identity());
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = acme.client().invite(&invite).await.unwrap().text.unwrap();
    let unlinked = Unlinked::new(random.fork(), "Liar", at, identity.spki());
    let mut puppet = unlinked.accept(acme.address, &invitation).await;
    let offer = puppet.say(&an_offer(), Some(deskwire_proto::id::DelegationId::new([1; 16])));
    let liar = Liar { puppet, lie: Lie::None, lied: 0, hello: None, offer: Some(offer), receipts: 0 };
    let liar = Arc::new(Mutex::new(liar));
    let played = Arc::clone(&liar);
    let _stub = Stub::https(at, &identity, move |heard| played.lock().unwrap().answer(heard)).await;
    acme.stop().await;
    acme.hide(true);
    for lie in LIES {
        {
            let mut liar = liar.lock().unwrap();
            (liar.lie, liar.lied, liar.hello) = (lie, 0, None);
        }
        acme.start().await;
        acme.json(&["link", "resume", "liar"]).await;
        until(&format!("{lie:?}"), async || Ok((liar.lock().unwrap().lied > 0).then_some(()))).await;
        if lie != Lie::UnknownSession {
            until(&format!("The operator is told of {lie:?}"), async || {
                Ok(deskwire_tests::links::find(&acme, "Liar").await?.filter(|link| link.last_error.is_some()))
            })
            .await;
        }
        assert_eq!(link_with(&acme, "Liar").await.incoming.length, 0, "{lie:?} was taken");
        acme.stop().await;
    }
    liar.lock().unwrap().lie = Lie::None;
    acme.start().await;
    acme.json(&["link", "resume", "liar"]).await;
    until("The truth", async || {
        let link = deskwire_tests::links::find(&acme, "Liar").await?;
        Ok(link.filter(|link| link.incoming.length == 1))
    })
    .await;
    until("Its receipt", async || Ok((liar.lock().unwrap().receipts > 0).then_some(()))).await;
    let tickets = acme.client().tickets(&Default::default()).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1, "an offer makes one ticket");
}
