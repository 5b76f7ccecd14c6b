//! Daemons that are killed at any moment: what was answered stays, once, in order.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deskwire_api_types::{
    Audience, CommentRequest, Delegation, Direction, LogQuery, OfferUpdate, StatusChange, ThreadEntry,
    WorkState,
};
use deskwire_client::{Client, Error};
use deskwire_tests::{
    desk::Desk,
    links::{accept, link, link_with, offer, quiet},
    random::Random,
    world::{World, say},
};
use tokio::task::JoinSet;

/// In an ordinary run; `DESKWIRE_ROUNDS` asks for more.
const ROUNDS: u32 = 50;
/// So many people write at each desk.
const WRITERS: u32 = 2;

/// What was answered, by its author, in the order of the answers.
pub(crate) type Answered = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Whoever got an answer must be able to rely on it, whatever happens to either machine a moment later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_daemons_lose_nothing_double_nothing_and_keep_the_order() {
    let world = World::new("killed_daemons");
    let rounds = std::env::var("DESKWIRE_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut random = world.random();
    let (mut acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Under fire").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;

    let (answered, stop) = (Answered::default(), Arc::new(AtomicBool::new(false)));
    let mut people = JoinSet::new();
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        for number in 0..WRITERS {
            let author = format!("{}-{number}", desk.name);
            let writer = Writer { client: desk.client().clone(), ticket: ticket.clone(), author };
            people.spawn(writer.write(Arc::clone(&answered), Arc::clone(&stop), random.fork()));
        }
        let actor = Actor {
            client: desk.client().clone(),
            delegation: delegation.id.clone(),
            desk: desk.name.clone(),
        };
        people.spawn(actor.act(Arc::clone(&stop), random.fork()));
    }
    let begun = Instant::now();
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(3 + random.below(300))).await;
        let which = random.below(5);
        if which != 0 {
            acme.kill().await;
        }
        if which == 0 || which == 1 {
            kassa.kill().await;
            kassa.start().await;
        }
        if which != 0 {
            acme.start().await;
        }
        std::mem::swap(&mut acme, &mut kassa);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(person) = people.join_next().await {
        person.unwrap();
    }
    say(&format!("{rounds} rounds in {:.1} s", begun.elapsed().as_secs_f64()));

    quiet(Duration::from_secs(20), &acme, &kassa).await;
    let answered = answered.lock().unwrap().clone();
    let count: usize = answered.values().map(Vec::len).sum();
    say(&format!("{count} comments were answered"));
    assert!(count > 100, "only {count} comments: too few to prove anything");
    let (acme, kassa) = if acme.name == "Acme" { (acme, kassa) } else { (kassa, acme) };
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        thread_is_whole(desk, ticket, &answered).await;
    }
    for (author, reader) in [(&acme, &kassa), (&kassa, &acme)] {
        streams_agree(author, reader).await;
    }
    same_fold(&acme, &kassa, &delegation.id).await;
    for desk in [&acme, &kassa] {
        assert_eq!(desk.json(&["verify"]).await["ok"], true);
    }
}

/// A person who writes one comment after the other, and repeats each until it is answered.
pub(crate) struct Writer {
    pub(crate) client: Client,
    pub(crate) ticket: String,
    pub(crate) author: String,
}

impl Writer {
    pub(crate) async fn write(self, answered: Answered, stop: Arc<AtomicBool>, mut random: Random) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let body = format!("{} {number:05}", self.author);
            let key = format!("key-{}-{number}", self.author);
            let request = CommentRequest { body: body.clone(), audience: Audience::Thread };
            let client = self.client.clone().with_key(&key).unwrap();
            let done = until_answered(|| client.comment(&self.ticket, &request)).await;
            done.unwrap_or_else(|error| panic!("{body}: {error:?}"));
            answered.lock().unwrap().entry(self.author.clone()).or_default().push(body);
            number += 1;
            tokio::time::sleep(Duration::from_millis(random.below(8))).await;
        }
    }
}

/// Somebody who moves the delegation about, so that there is something to fold.
struct Actor {
    client: Client,
    delegation: String,
    desk: String,
}

impl Actor {
    async fn act(self, stop: Arc<AtomicBool>, mut random: Random) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let client = self.client.clone().with_key(&format!("act-{}-{number}", self.desk)).unwrap();
            let id = self.delegation.as_str();
            let done = if self.desk == "Kassa" {
                let state = *random.pick(&[WorkState::InProgress, WorkState::WaitingThird]);
                let body = StatusChange { state: Some(state), ..Default::default() };
                until_answered(|| client.status(id, &body)).await
            } else {
                let body = OfferUpdate { company: Some(format!("Company {number}")), ..Default::default() };
                until_answered(|| client.update(id, &body)).await
            };
            // The state may not allow it just now.
            if let Err(error) = done {
                assert!(matches!(&error, Error::Refused(problem) if problem.status == 409), "{error:?}");
            }
            number += 1;
            tokio::time::sleep(Duration::from_millis(20 + random.below(60))).await;
        }
    }
}

/// Makes a call again and again, under the key that its client has, until there is an answer that is final.
async fn until_answered<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match call().await {
            Err(Error::Unreachable { .. }) => {}
            Err(Error::Refused(problem)) if problem.status >= 500 => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every answered comment is there once, and those of one author stand in the order in which they were answered.
pub(crate) async fn thread_is_whole(desk: &Desk, ticket: &str, answered: &BTreeMap<String, Vec<String>>) {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in desk.client().ticket(ticket).await.unwrap().thread {
        if let ThreadEntry::Comment(comment) = entry {
            let body = comment.body.unwrap();
            let author = body.split(' ').next().unwrap().to_owned();
            found.entry(author).or_default().push(body);
        }
    }
    for (author, comments) in answered {
        let here = found.remove(author).unwrap_or_default();
        assert_eq!(&here, comments, "{} does not have what {author} said as it was said", desk.name);
    }
    assert!(found.is_empty(), "{} has more than was said: {found:?}", desk.name);
}

/// What one desk wrote is what the other holds, message by message, and all of it is covered by receipts.
pub(crate) async fn streams_agree(author: &Desk, reader: &Desk) {
    let out = link_with(author, &reader.name).await;
    let incoming = link_with(reader, &author.name).await;
    assert_eq!(out.out.acknowledged, out.out.length, "receipts are missing");
    assert_eq!(out.out.length, incoming.incoming.length);
    let (written, read) =
        tokio::join!(log(author, &out.name, Direction::Out), log(reader, &incoming.name, Direction::In));
    assert_eq!(written.len() as u64, out.out.length);
    assert_eq!(written, read, "{} and {} hold different streams", author.name, reader.name);
}

/// Number, hash, item and outcome of each message.
async fn log(desk: &Desk, link: &str, direction: Direction) -> Vec<(u64, String, String, &'static str)> {
    let mut all = Vec::new();
    let mut from = Some(1);
    while let Some(first) = from {
        let query = LogQuery {
            direction: Some(direction),
            from: Some(first),
            limit: Some(500),
            ..Default::default()
        };
        let page = desk.client().log(link, &query).await.unwrap();
        let rows =
            page.entries.into_iter().map(|entry| (entry.seq, entry.hash, entry.item, entry.outcome.as_str()));
        all.extend(rows);
        from = page.next;
    }
    all
}

/// Both desks see the same case.
async fn same_fold(acme: &Desk, kassa: &Desk, id: &str) {
    let (here, there) =
        (acme.client().delegation(id).await.unwrap(), kassa.client().delegation(id).await.unwrap());
    let shared = |seen: &Delegation| {
        let events: Vec<_> = seen
            .timeline
            .iter()
            .map(|event| (event.item.clone(), event.kind.clone(), event.from, event.effect, event.state))
            .collect();
        (seen.state, seen.settled_state, seen.version, seen.offer.clone(), events)
    };
    assert_eq!(shared(&here), shared(&there), "the two desks disagree");
    assert!(!here.provisional && !there.provisional);
}
