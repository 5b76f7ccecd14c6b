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

use deskwire_api_types::{Audience, FileInfo, FileState, TermsOffer, ThreadEntry};
use deskwire_proto::id::Hash;
use deskwire_tests::{
    answers,
    desk::Desk,
    links::{PATIENCE, accept, link, offer, quiet, until},
    recorder::Recorder,
    world::{World, address, say},
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
    let theirs = file_is(&kassa, "fits.bin", FileState::Here).await;

    // Taken back, its bytes are given to nobody at the partner any more, and its author still has them.
    let ours = file_is(&acme, "fits.bin", FileState::Here).await;
    acme.json(&["ticket", "retract", &ticket, &ours.id]).await;
    until("the retraction at the partner", async || {
        Ok(kassa.client().file(&theirs.id).await?.retracted.then_some(()))
    })
    .await;
    let got = world.path("got.bin");
    kassa.refuses(&["file", "get", &theirs.id, "-o", got.to_str().unwrap()], "file-retracted").await;
    assert!(!got.exists(), "nothing is left of it");
    acme.json(&["file", "get", &ours.id, "-o", got.to_str().unwrap()]).await;
    assert_eq!(fs::read(&got).unwrap().len(), 1 << 20);
}

/// A large file must not begin anew each time a machine restarts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_on_where_it_was_after_each_crash() {
    let world = World::new("a_large_file_goes_on");
    let mut random = world.random();
    let mut acme = Desk::made(&world, "Acme").await;
    let announced = address();
    acme.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
    let line = Recorder::start(&acme.folder, announced, acme.address).await;
    acme.start().await;
    let mut kassa = Desk::new(&world, "Kassa").await;
    link(&kassa, &acme, TermsOffer::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "A large file").await;
    accept(&kassa, &delegation.id).await;
    let path = world.path("large.bin");
    let content = random.bytes(SIZE);
    fs::write(&path, &content).unwrap();
    acme.json(&["ticket", "attach", &ticket, path.to_str().unwrap(), "--to", "kassa"]).await;

    for part in [SIZE / 8, SIZE / 3, SIZE / 2, SIZE * 3 / 4] {
        until("A part of it", async || Ok((line.answered() > part).then_some(()))).await;
        kassa.kill().await;
        assert!(line.answered() < SIZE, "the file was faster than the crash");
        kassa.start().await;
    }
    let file = file_is(&kassa, "large.bin", FileState::Here).await;
    let copy = world.path("copy.bin");
    kassa.json(&["file", "get", &file.id, "-o", copy.to_str().unwrap()]).await;
    assert!(fs::read(copy).unwrap() == content, "the file has changed on its way");
    // After each crash at most the two requests of that moment come again: one is open while another is written.
    let most = SIZE + 4 * (18 << 20);
    let all = line.answered();
    say(&format!("{} MiB crossed the wire for {} MiB", all >> 20, SIZE >> 20));
    assert!(all < most, "{all} bytes crossed the wire for a file of {SIZE}");
}

const SIZE: usize = 96 << 20;

/// Waits until a file of this name is in that state at a desk.
pub(crate) async fn file_is(desk: &Desk, name: &str, state: FileState) -> FileInfo {
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
