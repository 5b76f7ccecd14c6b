//! Files that are too large, change, or are not what was announced.

use std::{
    fs::{self, File},
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use deskwire_api_types::{Audience, FileInfo, FileState, InviteRequest, TermsOffer, ThreadEntry};
use deskwire_proto::{
    document::Signed,
    id::{DelegationId, Hash, ItemId},
    message::{
        Body,
        common::{Audience as Reach, Own},
        file_add, offer as offering,
    },
    number::{ChunkCount, FileSize, Hops, Version},
    text::{Code, FileName, Label, Line},
    transfer::{BlobRequest, ChunkList, Part},
};
use deskwire_tests::{
    answers,
    desk::Desk,
    https,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    puppet::{Puppet, Unlinked, now},
    stub::{Reply, Stub},
    world::{World, address},
};

/// A file that cannot go must be refused before it is half on its way, and the ticket must be as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_too_large_or_changes_is_not_attached() {
    let world = World::new("a_file_that_is_too_large");
    let mut acme = Desk::made(&world, "Acme").await;
    acme.set("files", "largest", "\"4MiB\"");
    acme.start().await;
    let kassa = Desk::new(&world, "Kassa").await;
    link(&kassa, &acme, TermsOffer { file: Some(1 << 20), ..Default::default() }).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Files").await;
    accept(&kassa, &delegation.id).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let before = answers::of(&acme).await;

    let path = world.path("file.bin");
    let name = path.to_str().unwrap();
    fs::write(&path, vec![7; 2 << 20]).unwrap();
    let problem = acme.refuses(&["ticket", "attach", &ticket, name, "--to", "kassa"], "file-too-large").await;
    assert!(problem.detail.contains("Kassa"), "{problem:?} does not say whose limit it is");
    fs::write(&path, vec![7; 5 << 20]).unwrap();
    acme.refuses(&["ticket", "attach", &ticket, name], "file-too-large").await;
    acme.refuses(&["ticket", "attach", &ticket, "/nonexistent/file"], "file-unreadable").await;

    let growing = Growing::start(&path);
    acme.refuses(&["ticket", "attach", &ticket, name, "--name", "growing"], "file-changed").await;
    drop(growing);

    let head = format!(
        "POST /v1/tickets/{ticket}/files?name=x HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         idempotency-key: k\r\ncontent-length: 5\r\ndeskwire-content-sha256: {}\r\nconnection: close\r\n\r\nhello",
        acme.api(),
        acme.token(),
        "0".repeat(64)
    );
    let answer = plain(acme.api(), &head).await;
    assert!(answer.contains("\"code\":\"blob-mismatch\"") || answer.contains("\"code\":\"hash"), "{answer}");
    let cut =
        head.replace("content-length: 5", "content-length: 50").replace(&"0".repeat(64), &sha256("hello"));
    plain_cut(acme.api(), &cut).await;
    answers::assert_same("after refused files", &before, &answers::of(&acme).await);

    // What fits arrives.
    fs::write(&path, vec![7; 1 << 20]).unwrap();
    acme.json(&["ticket", "attach", &ticket, name, "--to", "kassa", "--name", "fits.bin"]).await;
    file_is(&kassa, "fits.bin", FileState::Here).await;
}

/// A file whose bytes are not what was announced must be shown as damaged, never as a file; and nobody gets what was not
/// announced to him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_wrong_hash_is_told_on_the_ticket_and_no_other_is_given_away() {
    let world = World::new("a_file_with_a_wrong_hash");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (at, tls) = (address(), https::new_identity());
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = acme.client().invite(&invite).await.unwrap().text.unwrap();
    let puppet = Unlinked::new(random.fork(), "Puppet", at, tls.spki());
    let mut puppet = puppet.accept(acme.address, &invitation).await;

    let content = random.bytes(1_500_000);
    let list = ChunkList::new(content.chunks(1 << 20).map(Hash::of).collect());
    let (bytes, chunks) = (content.clone(), list.clone());
    let _stub = Stub::https(at, &tls, move |heard| match part_of(heard) {
        None => Reply::problem(503, "busy"),
        Some(Part::ChunkList) => Reply::Answer(200, "application/octet-stream", chunks.encode()),
        Some(Part::Chunks { first, count }) => {
            let end = ((first + count.get()) << 20).min(bytes.len() as u64) as usize;
            let mut part = bytes[(first << 20) as usize..end].to_vec();
            part[0] ^= 1;
            Reply::Answer(200, "application/octet-stream", part)
        }
    })
    .await;

    let delegation = DelegationId::new(puppet.draw());
    let case = puppet.say(&an_offer(), Some(delegation));
    let wrong =
        announce(&mut puppet, delegation, "wrong.bin", Hash::of(&content), content.len() as u64, list.hash());
    let huge = announce(&mut puppet, delegation, "huge.bin", Hash::of(b"huge"), 1 << 40, list.hash());
    puppet.open_session().await;
    let receipt = puppet.receipt(&puppet.push(vec![case, wrong, huge]).await);
    let outcomes: Vec<_> = receipt.outcomes.iter().map(|it| (it.0, it.2.as_str().to_owned())).collect();
    assert_eq!(outcomes, [(3, "file-too-large".to_owned())], "{receipt:?}");

    let file = file_is(&acme, "wrong.bin", FileState::Failed).await;
    let trouble = file.trouble.clone().expect("why");
    assert_eq!(trouble.code, "blob-mismatch");
    deskwire_tests::cli::assert_sentence(&trouble.words);
    let target = world.path("got");
    let got = acme.run(&["file", "get", &file.id, "-o", target.to_str().unwrap(), "--json"]).await;
    assert_eq!(got.code, 1, "{got:?}");
    assert!(!target.exists(), "a damaged file was given out");

    // Acme's own files: one on this very ticket, but internal.
    let secret = world.path("secret");
    fs::write(&secret, "internal bytes").unwrap();
    let ticket = file.ticket.as_str();
    acme.json(&["ticket", "attach", ticket, secret.to_str().unwrap()]).await;
    let known = ask(&puppet, Hash::of(b"internal bytes")).await;
    let unknown = ask(&puppet, Hash::of(b"never heard of")).await;
    assert_eq!((known.0, known.1.as_str()), (404, "blob-unknown"));
    assert_eq!(known, unknown, "the answer tells that the file is there");
    assert!(link_with(&acme, "Puppet").await.last_error.is_none_or(|trouble| trouble.code == "busy"));
}

/// Asks for a file as the puppet; status, code and whole body of the answer.
async fn ask(puppet: &Puppet, blob: Hash) -> (u16, String, Vec<u8>) {
    let request = BlobRequest {
        v: deskwire_proto::document::V1,
        to: puppet.peer,
        blob,
        from: puppet.desk,
        link: puppet.link,
        part: Part::Chunks { first: 0, count: ChunkCount::new(1).unwrap() },
        time: now(),
    };
    let answer =
        https::post(puppet.at, "/deskwire/1/blob", Signed::seal(request, &puppet.secret).raw()).await;
    (answer.status, answer.code(), answer.body)
}

fn part_of(heard: &deskwire_tests::stub::Heard) -> Option<Part> {
    let signed = deskwire_proto::cose::Sign1::parse(&heard.body).ok()?;
    let request: BlobRequest =
        deskwire_proto::cbor::decode(signed.unverified_payload(), deskwire_proto::cbor::Bounds::LARGE)
            .ok()?;
    (heard.what == "POST /deskwire/1/blob").then_some(request.part)
}

pub(crate) fn an_offer() -> Body {
    let own =
        Own { status: Code::new("new").unwrap(), ticket: Label::new("P-1").unwrap(), status_label: None };
    Body::Offer {
        facts: offering::Facts {
            own,
            hops: Hops::new(5).unwrap(),
            test: false,
            price: None,
            rules: Version::FIRST,
            resolve: None,
            respond: None,
            category: None,
            priority: None,
            loop_tags: None,
        },
        text: offering::Text {
            by: None,
            title: Line::new("A case of the puppet").unwrap(),
            custom: None,
            object: None,
            company: None,
            contact: None,
            agreement: None,
            equipment: None,
            description: None,
        },
    }
}

fn announce(
    puppet: &mut Puppet,
    delegation: DelegationId,
    name: &str,
    blob: Hash,
    size: u64,
    chunks: Hash,
) -> deskwire_proto::delivery::Delivery {
    let size = FileSize::new(size).unwrap();
    let facts = file_add::Facts { blob, size, chunks, comment: None::<ItemId>, audience: Reach::Thread };
    let name = FileName::new(name).unwrap();
    let text = file_add::Text { by: None, name, media: None, origin: None, relayed: None };
    puppet.say(&Body::FileAdd { facts, text }, Some(delegation))
}

/// Waits until a file of this name is in that state at a desk.
async fn file_is(desk: &Desk, name: &str, state: FileState) -> FileInfo {
    until(&format!("{name} at {}", desk.name), async || {
        for ticket in desk.client().tickets(&Default::default()).await?.tickets {
            for entry in desk.client().ticket(&ticket.number).await?.thread {
                if let ThreadEntry::File(file) = entry
                    && file.name == name
                    && file.state == state
                {
                    assert!(file.audience != Audience::Internal);
                    return Ok(Some(file));
                }
            }
        }
        Ok(None)
    })
    .await
}

fn sha256(text: &str) -> String {
    Hash::of(text.as_bytes()).to_hex()
}

/// Sends a request in clear and reads to the end.
async fn plain(at: std::net::SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a part of a request and goes away.
async fn plain_cut(at: std::net::SocketAddr, request: &str) {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// A file to which somebody writes all the time.
struct Growing {
    stop: Arc<AtomicBool>,
    writer: Option<thread::JoinHandle<()>>,
}

impl Growing {
    fn start(path: &std::path::Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut file = File::create(path).unwrap();
        file.write_all(&vec![1; 3 << 20]).unwrap();
        let writer = thread::spawn(move || {
            // At most half a MiB in all, so that it never becomes too large.
            for _ in 0..5_000 {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                file.write_all(b"more\n").unwrap();
                thread::sleep(Duration::from_micros(500));
            }
        });
        Self { stop, writer: Some(writer) }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.writer.take().map(thread::JoinHandle::join);
    }
}
