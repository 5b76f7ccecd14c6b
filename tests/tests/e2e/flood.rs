//! Strangers and partners by the thousand, slow, silent, or sending rubbish: an honest partner is served all the same, and
//! the daemon's memory stays bounded.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use deskwire_http::tls::observing_client;
use deskwire_proto::{delivery::Delivery, id::DelegationId};
use deskwire_tests::{
    desk::Desk,
    https::{self, MEDIA, stream_zeros},
    puppet::Puppet,
    random::Random,
    world::{World, say},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client, rustls::pki_types::ServerName};

use crate::wire::{an_offer, case, comment, puppet};

/// How many of each kind there are.
const MANY: u32 = 1_000;
/// An honest partner's longest exchange but one in a hundred, over a new connection each.
const HONEST: Duration = Duration::from_secs(1);
/// Above what the daemon had before.
const MEMORY: u64 = 64 << 20;
/// So much of a head fits into what lies between two programs on one machine, before the reader has had enough.
const TAKEN: usize = 16 << 20;
/// Exchanges of the honest partner during each attack.
const EXCHANGES: usize = 100;

/// Those who connect and never say who they are must not keep a partner out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_handshakes_keep_nobody_out() {
    let mut honest = Honest::new("a_thousand_idle_handshakes").await;
    let at = honest.acme.address;
    let held = many(|number| async move {
        let mut stream = connect(at, number).await?;
        // Half of them begin: a record that announces a ClientHello and does not bring it.
        if number % 2 == 0 {
            stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.ok()?;
        }
        Some(stream)
    })
    .await;
    honest.is_served("idle handshakes", held.len()).await;
}

/// Heads that come byte by byte hold a place each, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_headers_keep_nobody_out() {
    let mut honest = Honest::new("a_thousand_slow_headers").await;
    let at = honest.acme.address;
    let held = many(|number| async move {
        let mut stream = secure(at, number).await?;
        stream.write_all(b"POST /deskwire/1/hello HTTP/1.1\r\nhost: x\r\nx: ").await.ok()?;
        Some(drip(stream))
    })
    .await;
    honest.is_served("slow headers", held.len()).await;
}

/// Bodies that are announced large and come byte by byte take no memory for what they announce.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_bodies_keep_nobody_out() {
    let mut honest = Honest::new("a_thousand_slow_bodies").await;
    let at = honest.acme.address;
    let held = many(|number| async move {
        let mut stream = secure(at, number).await?;
        let path = ["hello", "batch", "blob", "link/request"][number as usize % 4];
        let head = format!(
            "POST /deskwire/1/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: {MEDIA}\r\ncontent-length: 250000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        // Some send nearly all of it at once, and then nothing.
        let begun = if number % 3 == 0 { 200_000 } else { 10 };
        let _ = timeout(Duration::from_secs(1), stream.write_all(&vec![0xa1; begun])).await;
        Some(drip(stream))
    })
    .await;
    honest.is_served("slow bodies", held.len()).await;
}

/// Those who ask and never read the answers must not fill this desk's memory with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_readers_keep_nobody_out() {
    let mut honest = Honest::new("a_thousand_slow_readers").await;
    let at = honest.acme.address;
    let held = many(|number| async move {
        let mut stream = secure(at, number).await?;
        let asked = "GET /.well-known/deskwire HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
        let _ = timeout(Duration::from_secs(1), stream.write_all(asked.as_bytes())).await;
        Some(stream)
    })
    .await;
    honest.is_served("slow readers", held.len()).await;
}

/// Partners that send what is dearest to check must be slowed, and not the others with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_dear_to_check_cost_their_sender_alone() {
    let mut honest = Honest::new("batches_that_are_dear").await;
    let mut hostile = Vec::new();
    for number in 0..8 {
        let mut random = Random::new(honest.world.random().bits() ^ (number + 1));
        let mut puppet = puppet(&honest.acme, &format!("Hostile{number}"), &mut random).await;
        puppet.open_session().await;
        hostile.push(puppet);
    }
    let mut attackers = JoinSet::new();
    for mut puppet in hostile {
        attackers.spawn(async move {
            let batch = dear(&mut puppet);
            loop {
                let answer = puppet.push(batch.clone()).await;
                assert_ne!(answer.status, 200, "nothing of it is taken");
                if answer.status == 429 {
                    assert!(answer.head.contains("retry-after:"), "{answer:?}");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    honest.is_served("dear batches", 8).await;
    attackers.abort_all();
    while let Some(ended) = attackers.join_next().await {
        assert!(ended.unwrap_err().is_cancelled(), "an attacker has met something else than a refusal");
    }
}

/// 256 messages of which only the last one is forged, and of no use without the first.
fn dear(puppet: &mut Puppet) -> Vec<Delivery> {
    let (length, head) = (puppet.length, puppet.head);
    let body = comment(&"x".repeat(3_000));
    let mut batch: Vec<Delivery> =
        (0..256).map(|_| puppet.say(&body, Some(DelegationId::new([9; 16])))).collect();
    (puppet.length, puppet.head) = (length, head);
    let first = batch[0].clone();
    let mut forged = first.signed().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    // The first fails last: all are checked side by side.
    batch[0] = Delivery::new(forged, None);
    batch
}

/// Bodies without end and nests without bottom are thrown away as they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_bodies_and_deep_nests_take_no_memory() {
    let mut honest = Honest::new("huge_bodies_and_deep_nests").await;
    let at = honest.acme.address;
    let mut attackers = JoinSet::new();
    for number in 0..8usize {
        attackers.spawn(async move {
            let path =
                ["hello", "batch", "link/request", "blob", "link/reveal", "pull", "recover", "blob/put"]
                    [number];
            let head = format!("POST /deskwire/1/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: {MEDIA}\r\n");
            let nests = [vec![0x81; 250_000], vec![0x9f; 250_000], [0xa1, 0x61, 0x61].repeat(80_000)];
            loop {
                let whole = format!("{head}transfer-encoding: chunked\r\n\r\n");
                let said = stream_zeros(at, &whole, true, 1 << 30).await;
                assert!(said.written < 256 << 20, "{path}: {} bytes were taken", said.written);
                for nest in &nests {
                    let answer = https::post(at, &format!("/deskwire/1/{path}"), nest).await;
                    assert!((400..600).contains(&answer.status), "{path}: {answer:?}");
                }
            }
        });
    }
    honest.is_served("huge bodies and deep nests", 8).await;
    attackers.abort_all();
    while let Some(ended) = attackers.join_next().await {
        assert!(ended.unwrap_err().is_cancelled(), "an attacker has met something else than a refusal");
    }
}

/// Heads of HTTP/2 that never end (CVE-2024-27316) must cost their sender its connection, and nobody anything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_80_heads_that_never_end_cost_their_sender_its_connection() {
    let mut honest = Honest::new("heads_that_never_end").await;
    let at = honest.acme.address;
    let ended = Arc::new(AtomicU32::new(0));
    let mut attackers = JoinSet::new();
    for number in 0..8 {
        let ended = Arc::clone(&ended);
        attackers.spawn(async move {
            // Empty pieces of a head are counted; full ones are measured, too.
            let field = [&[0, 1, b'a', 100][..], &[b'b'; 100]].concat();
            let piece = if number % 2 == 0 { Vec::new() } else { field.repeat(150) };
            loop {
                if let Some(stream) = secure_as(at, number, "h2").await {
                    let (written, why) = endless_head(stream, &piece).await;
                    assert!(written < TAKEN, "{written} bytes of a head without an end were taken");
                    // Where the connection is reset with bytes unread, the reason may be lost.
                    assert!(why.is_none_or(|why| why == CALM), "ended for another reason: {why:?}");
                    ended.fetch_add(u32::from(why.is_some()), Ordering::Relaxed);
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
    }
    honest.is_served("heads that never end", 8).await;
    attackers.abort_all();
    while let Some(ended) = attackers.join_next().await {
        assert!(ended.unwrap_err().is_cancelled(), "an attacker has met something else than the end");
    }
    let ended = ended.load(Ordering::Relaxed);
    say(&format!("{ended} connections with endless heads were ended with a reason"));
    assert!(ended > 8, "only {ended} connections were ended with a reason");
}

/// `ENHANCE_YOUR_CALM` (RFC 9113, section 7).
const CALM: u32 = 11;

/// Begins a request whose head goes on and on; how many bytes of it could be written until the connection ended, and
/// the reason that was given.
async fn endless_head(stream: client::TlsStream<TcpStream>, piece: &[u8]) -> (usize, Option<u32>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = tokio::spawn(async move {
        let mut came = Vec::new();
        let _ = reader.read_to_end(&mut came).await;
        came
    });
    let (settings, headers, continuation) = (4, 1, 9);
    // POST, https and the path `/`, of the static table; no frame says that the head is complete.
    let begun = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(settings, 0, &[]),
        frame(headers, 1, &[0x83, 0x87, 0x84]),
    ];
    let (mut next, more, mut written) = (begun.concat(), frame(continuation, 1, piece).repeat(8), 0);
    while written < TAKEN && !reading.is_finished() {
        match timeout(https::PATIENCE, writer.write_all(&next)).await {
            Ok(Ok(())) => written += next.len(),
            Ok(Err(_)) => break,
            Err(_) => panic!("the connection is neither read nor ended"),
        }
        next.clone_from(&more);
    }
    let came = timeout(https::PATIENCE, reading).await.expect("the connection ends").unwrap();
    (written, goodbye(&came))
}

/// The reason in the frame with which the other side takes its leave (GOAWAY).
fn goodbye(mut frames: &[u8]) -> Option<u32> {
    while let Some((&[high, middle, low, kind, ..], rest)) = frames.split_first_chunk::<9>() {
        if kind == 7 {
            return rest.get(4..8)?.try_into().ok().map(u32::from_be_bytes);
        }
        frames = rest.get(u32::from_be_bytes([0, high, middle, low]) as usize..)?;
    }
    None
}

/// A frame of HTTP/2 without flags.
fn frame(kind: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, stream], payload].concat()
}

/// A desk, and a partner that behaves.
struct Honest {
    world: World,
    acme: Desk,
    puppet: Puppet,
    memory: u64,
}

impl Honest {
    async fn new(name: &'static str) -> Self {
        let world = World::new(name);
        let acme = Desk::new(&world, "Acme").await;
        let mut puppet = puppet(&acme, "Honest", &mut world.random()).await;
        puppet.open_session().await;
        let offer = puppet.say(&an_offer(), Some(case(1)));
        puppet.receipt(&puppet.push(vec![offer]).await);
        for _ in 0..20 {
            let message = puppet.say(&comment("Warming up"), Some(case(1)));
            puppet.receipt(&puppet.push(vec![message]).await);
        }
        let memory = acme.memory();
        Self { world, acme, puppet, memory }
    }

    /// Says one thing after the other, each over a new connection, while the attack goes on.
    async fn is_served(&mut self, attack: &str, attackers: usize) {
        let (mut times, mut most) = (Vec::new(), 0);
        for number in 0..EXCHANGES {
            let message = self.puppet.say(&comment(&format!("Number {number}")), Some(case(1)));
            let begun = Instant::now();
            let receipt = self.puppet.receipt(&self.puppet.push(vec![message]).await);
            times.push(begun.elapsed());
            assert_eq!((receipt.upto, receipt.outcomes.len()), (self.puppet.length, 0));
            most = most.max(self.acme.memory());
            sleep(Duration::from_millis(20)).await;
        }
        times.sort_unstable();
        let (p50, p99) = (times[EXCHANGES / 2], times[EXCHANGES * 99 / 100 - 1]);
        let grown = most.saturating_sub(self.memory);
        say(&format!(
            "{attackers} {attack}: p50 {:.1} ms, p99 {:.1} ms, {} KiB above the {} KiB before",
            p50.as_secs_f64() * 1e3,
            p99.as_secs_f64() * 1e3,
            grown >> 10,
            self.memory >> 10
        ));
        assert!(p99 < HONEST, "{attack}: p99 is {p99:?}");
        assert!(grown < MEMORY, "{attack}: the daemon has grown by {grown} bytes");
        assert!(self.acme.client().ready().await.unwrap().ready);
    }
}

/// Runs a thousand of them side by side; what they hold. Nearly all must have got in, or this is no attack.
async fn many<T: Send + 'static, F>(mut one: impl FnMut(u32) -> F) -> Vec<T>
where
    F: Future<Output = Option<T>> + Send + 'static,
{
    let begun = Instant::now();
    let (mut starting, mut held) = (JoinSet::new(), Vec::new());
    for number in 0..MANY {
        starting.spawn(one(number));
        if starting.len() >= 64 {
            held.extend(starting.join_next().await.unwrap().unwrap());
        }
    }
    while let Some(started) = starting.join_next().await {
        held.extend(started.unwrap());
    }
    say(&format!("{} attackers in {:.1} s", held.len(), begun.elapsed().as_secs_f64()));
    assert!(held.len() as u32 > MANY * 9 / 10, "only {} got in", held.len());
    held
}

/// A connection from one of fifty addresses: one address alone has few places.
async fn connect(at: SocketAddr, number: u32) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 250, 1, 1 + (number % 50) as u8);
    socket.bind(SocketAddr::new(from.into(), 0)).unwrap();
    socket.connect(at).await.ok()
}

async fn secure(at: SocketAddr, number: u32) -> Option<client::TlsStream<TcpStream>> {
    secure_as(at, number, "http/1.1").await
}

async fn secure_as(at: SocketAddr, number: u32, protocol: &str) -> Option<client::TlsStream<TcpStream>> {
    let (mut config, _) = observing_client();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::IpAddress(at.ip().into());
    TlsConnector::from(Arc::new(config)).connect(name, connect(at, number).await?).await.ok()
}

/// Sends a byte now and then, until the other side has had enough; reads nothing.
fn drip(stream: client::TlsStream<TcpStream>) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(stream);
        while writer.write_all(b"a").await.is_ok() && writer.flush().await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        let _ = reader.read(&mut [0; 1]).await;
    });
    task
}

/// A partner with a million delegations, messages or files must meet its own bound, and the others must not feel it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_above_its_quota_is_bounded_alone() {
    let world = World::new("a_partner_above_its_quota");
    let mut random = world.random();
    let mut acme = Desk::made(&world, "Acme").await;
    acme.set("limits", "link_open_delegations", "10");
    acme.set("limits", "link_files_per_day", "5");
    acme.set("limits", "link_messages_per_hour", "400");
    acme.start().await;
    let mut greedy = puppet(&acme, "Greedy", &mut random).await;
    greedy.open_session().await;
    let mut honest = puppet(&acme, "Honest", &mut random).await;
    honest.open_session().await;

    // What a person has to change is told on each message.
    let number = |number: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        DelegationId::new(id)
    };
    let offers: Vec<Delivery> = (0..200).map(|count| greedy.say(&an_offer(), Some(number(count)))).collect();
    let receipt = greedy.receipt(&greedy.push(offers).await);
    assert_eq!((receipt.upto, receipt.outcomes.len()), (200, 190));
    assert!(
        receipt.outcomes.iter().all(|outcome| outcome.2.as_str() == "quota" && outcome.3.as_str().len() > 40)
    );
    let files: Vec<Delivery> =
        (0..20u8).map(|count| greedy.say(&crate::wire::a_file(count), Some(number(1)))).collect();
    let receipt = greedy.receipt(&greedy.push(files).await);
    assert_eq!(receipt.outcomes.iter().filter(|outcome| outcome.0 > 200).count(), 15);
    assert!(receipt.outcomes.iter().all(|outcome| outcome.2.as_str() == "quota"));

    // What passes by itself is not even consumed.
    let mut taken = greedy.length;
    loop {
        let batch: Vec<Delivery> =
            (0..50).map(|_| greedy.say(&comment("And more"), Some(number(1)))).collect();
        let answer = greedy.push(batch).await;
        if answer.status != 200 {
            assert_eq!((answer.status, answer.code().as_str()), (429, "rate-limited"));
            assert!(answer.head.contains("retry-after:"), "{answer:?}");
            break;
        }
        taken = greedy.length;
        assert!(taken < 1_000, "nothing stops it");
    }
    assert_eq!(crate::wire::held(&acme, "Greedy").await, taken);

    let begun = Instant::now();
    let mut messages = vec![honest.say(&an_offer(), Some(number(7)))];
    messages.push(honest.say(&comment("And I?"), Some(number(7))));
    let receipt = honest.receipt(&honest.push(messages).await);
    assert_eq!((receipt.upto, receipt.outcomes.len()), (2, 0), "another partner has its own");
    assert!(begun.elapsed() < HONEST);
    assert_eq!(acme.client().tickets(&Default::default()).await.unwrap().tickets.len(), 11);
}
