//! The bare path of a backlog: what this machine lets through when no ticket, no store and no rule is in the way.
//!
//! Texts that wait in a file are hashed and signed, the signatures are synced, batches go over HTTP/2 and TLS with some in
//! flight, are checked strictly and synced at the other end, and their signed receipts are synced here. What a desk needs
//! beyond that is its own work, so the share of this rate that it reaches says the same on any machine.

use std::{
    fs::File,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    time::Instant,
};

use axum::{Router, body::Bytes, extract::DefaultBodyLimit, extract::State, http::StatusCode, routing::post};
use deskwire_http::{
    server::{Limits, Listener, ShutdownTrigger, Transport},
    tls::{SelfSigned, ServerTls, pinned_client},
};
use deskwire_proto::{
    id::Hash,
    key::{PublicKey, SIGNATURE_BYTES, SecretKey},
    limits::BATCH_BYTES,
};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::{
    Request, Uri,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc, oneshot},
    task::{JoinSet, spawn_blocking},
};
use tokio_rustls::TlsConnector;

use super::process;
use crate::{
    desks::{self, noise},
    failure::{self, Failure},
};

/// Messages of one batch at most, and batches in flight, as between desks.
const BATCH: usize = 128;
const POSTS: usize = 4;
/// Batches in work at once: while some are on their way, others are signed and their receipts kept.
const AT_WORK: usize = 2 * POSTS;
/// What is signed of a message: its number, big endian, and the SHA-256 of its text.
const HEAD: usize = 8 + 32;
/// The files of both ends: texts that wait, what was signed and the receipts for it, what came.
const QUEUE: &str = "queue";
const SENT: &str = "sent";
const RECEIVED: &str = "received";

/// How fast the bare path is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Bare {
    messages_per_second: f64,
    /// CPU time of both ends together, microseconds.
    cpu_us_per_message: f64,
    /// What the processors allow at that cost, with no moment lost: the ceiling.
    ceiling_per_second: f64,
}

impl Bare {
    /// The way of so many texts of this size. Both ends keep their files in the folder, until this is over.
    pub(super) fn measure(folder: &Path, messages: u64, size: usize) -> Result<Self, Failure> {
        let failed = |error| failure::local("the bare path", &error);
        let own = tempfile::tempdir_in(folder).map_err(failed)?;
        fill(own.path(), messages, size).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
        let us = std::process::id();
        let before = process::cpu_micros(us)?;
        let run = async { run(own.path(), messages, size).await.map_err(failed) };
        let seconds = runtime.block_on(desks::unless_interrupted(run))?;
        let cpu = process::cpu_micros(us)? - before;
        Ok(Self::of(messages, seconds, cpu))
    }

    fn of(messages: u64, seconds: f64, cpu_us: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu_us_per_message = cpu_us as f64 / messages as f64;
        Self {
            messages_per_second: messages as f64 / seconds,
            cpu_us_per_message,
            ceiling_per_second: cores as f64 * 1e6 / cpu_us_per_message,
        }
    }

    /// The middle of two, so that a machine that becomes slower or faster between them counts with both.
    pub(super) fn mean([one, other]: [Self; 2]) -> Self {
        let mean = |of: fn(&Self) -> f64| f64::midpoint(of(&one), of(&other));
        Self {
            messages_per_second: mean(|bare| bare.messages_per_second),
            cpu_us_per_message: mean(|bare| bare.cpu_us_per_message),
            ceiling_per_second: mean(|bare| bare.ceiling_per_second),
        }
    }

    /// The share of the ceiling that a rate is.
    pub(super) fn share(&self, messages_per_second: f64) -> f64 {
        messages_per_second / self.ceiling_per_second
    }

    /// In one line.
    pub(super) fn render(&self) -> String {
        format!(
            "{:.0} messages/s, CPU {:.0} µs each: no more than {:.0}/s",
            self.messages_per_second, self.cpu_us_per_message, self.ceiling_per_second
        )
    }
}

/// The texts that wait, one behind the other.
fn fill(folder: &Path, messages: u64, size: usize) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(folder.join(QUEUE))?);
    for number in 0..messages {
        file.write_all(noise::text(number, size).as_bytes())?;
    }
    file.into_inner().map_err(|error| error.into_error())?.sync_all()
}

/// Seconds from the first text taken from the queue to the last durable receipt.
async fn run(folder: &Path, messages: u64, size: usize) -> io::Result<f64> {
    let receiver = Receiver { key: sending().public(), size, tail: Tail::create(&folder.join(RECEIVED))? };
    let (address, pin, _stop) = receiver.listen().await?;
    let sender = Sender {
        queue: File::open(folder.join(QUEUE))?,
        size,
        tail: Tail::create(&folder.join(SENT))?,
        partner: connect(address, pin).await?,
        host: format!("https://{address}/").parse().map_err(io::Error::other)?,
        posts: Semaphore::new(POSTS),
    };
    let begun = Instant::now();
    Arc::new(sender).drain(messages).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// One HTTP/2 connection to the holder of this TLS key.
async fn connect(address: SocketAddr, pin: [u8; 32]) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(pinned_client([pin])));
    let stream = connector.connect(address.ip().into(), stream).await?;
    let (partner, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(partner)
}

/// Keys of a measurement, which protect nothing.
fn sending() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn receiving() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn head(number: u64, text: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&number.to_be_bytes());
    head[8..].copy_from_slice(Hash::of(text).as_bytes());
    head
}

/// The end that sends.
struct Sender {
    queue: File,
    size: usize,
    tail: Tail,
    partner: SendRequest<Full<Bytes>>,
    host: Uri,
    posts: Semaphore,
}

impl Sender {
    async fn drain(self: Arc<Self>, messages: u64) -> io::Result<()> {
        let batch = (BATCH_BYTES / (self.size + SIGNATURE_BYTES)).clamp(1, BATCH) as u64;
        let mut at_work = JoinSet::new();
        for first in (0..messages).step_by(batch as usize) {
            if at_work.len() == AT_WORK
                && let Some(done) = at_work.join_next().await
            {
                done.map_err(io::Error::other)??;
            }
            at_work.spawn(Arc::clone(&self).send(first, batch.min(messages - first)));
        }
        while let Some(done) = at_work.join_next().await {
            done.map_err(io::Error::other)??;
        }
        Ok(())
    }

    /// One batch, from the queue to its durable receipt. What is signed is durable before it leaves.
    async fn send(self: Arc<Self>, first: u64, count: u64) -> io::Result<()> {
        let this = Arc::clone(&self);
        let (signed, body) =
            spawn_blocking(move || this.sign(first, count)).await.map_err(io::Error::other)??;
        self.tail.keep(signed.into()).await?;
        let receipt = {
            let _turn = self.posts.acquire().await.map_err(io::Error::other)?;
            self.post(body.into()).await?
        };
        let (covered, signature) = receipt.split_last_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        receiving().public().verify(covered, signature).map_err(io::Error::other)?;
        if covered != range(first, count) {
            return Err(io::Error::other("a receipt for other messages"));
        }
        self.tail.keep(receipt).await
    }

    async fn post(&self, batch: Bytes) -> io::Result<Bytes> {
        let request = Request::post(&self.host).body(Full::new(batch)).map_err(io::Error::other)?;
        let answer = self.partner.clone().send_request(request).await.map_err(io::Error::other)?;
        match answer.status() {
            StatusCode::OK => answer.collect().await.map(Collected::to_bytes).map_err(io::Error::other),
            status => Err(io::Error::other(status.to_string())),
        }
    }

    /// The heads and signatures of a batch, and the batch: the number of its first message, then texts and signatures.
    fn sign(&self, first: u64, count: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut texts = vec![0; self.size * count as usize];
        self.queue.read_exact_at(&mut texts, first * self.size as u64)?;
        let key = sending();
        let mut kept = Vec::with_capacity(count as usize * (HEAD + SIGNATURE_BYTES));
        let mut body = first.to_be_bytes().to_vec();
        body.reserve(texts.len() + count as usize * SIGNATURE_BYTES);
        for (number, text) in (first..).zip(texts.chunks_exact(self.size)) {
            let head = head(number, text);
            let signature = key.sign(&head);
            kept.extend_from_slice(&head);
            kept.extend_from_slice(&signature);
            body.extend_from_slice(text);
            body.extend_from_slice(&signature);
        }
        Ok((kept, body))
    }
}

/// What a receipt says: the first number that it covers, and how many there are.
fn range(first: u64, count: u64) -> [u8; 16] {
    let mut range = [0; 16];
    range[..8].copy_from_slice(&first.to_be_bytes());
    range[8..].copy_from_slice(&count.to_be_bytes());
    range
}

/// The end that receives.
struct Receiver {
    key: PublicKey,
    size: usize,
    tail: Tail,
}

impl Receiver {
    /// Serves until the trigger is dropped, at a port of its own with a TLS key of its own.
    async fn listen(self) -> io::Result<(SocketAddr, [u8; 32], ShutdownTrigger)> {
        let made = SelfSigned::generate(&["localhost".to_owned()]).map_err(io::Error::other)?;
        let tls = ServerTls::new(&made.identity().map_err(io::Error::other)?);
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = Listener::bind(at).await.map_err(io::Error::other)?;
        let address = listener.local_addr();
        let router = Router::new().route("/", post(take)).layer(DefaultBodyLimit::disable());
        let router = router.with_state(Arc::new(self));
        let stop = ShutdownTrigger::new();
        let serving = listener.serve(router, Transport::Tls(tls), Limits::default(), stop.subscribe());
        tokio::spawn(serving);
        Ok((address, made.spki(), stop))
    }

    /// How many messages a batch has, and the number of the first, once every signature is found to fit.
    fn check(&self, batch: &[u8]) -> Option<(u64, u64)> {
        let (first, messages) =
            batch.split_first_chunk().map(|(first, rest)| (u64::from_be_bytes(*first), rest))?;
        let messages = messages.chunks_exact(self.size + SIGNATURE_BYTES);
        let count = messages.len() as u64;
        if count == 0 || !messages.remainder().is_empty() {
            return None;
        }
        for (number, message) in (first..).zip(messages) {
            let (text, signature) = message.split_last_chunk()?;
            self.key.verify(&head(number, text), signature).ok()?;
        }
        Some((first, count))
    }
}

/// Takes a batch: checked on any core, then durable, then receipted.
async fn take(State(receiver): State<Arc<Receiver>>, batch: Bytes) -> Result<Vec<u8>, StatusCode> {
    let (this, checked) = (Arc::clone(&receiver), batch.clone());
    let range_of = spawn_blocking(move || this.check(&checked)).await;
    let (first, count) =
        range_of.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.ok_or(StatusCode::BAD_REQUEST)?;
    receiver.tail.keep(batch).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let covered = range(first, count);
    Ok([&covered[..], &receiving().sign(&covered)].concat())
}

/// The end of a file, to which a thread of its own writes whatever waits, and syncs it once.
struct Tail(mpsc::UnboundedSender<Waiting>);

/// Bytes, and who wants to know that they are durable.
type Waiting = (Bytes, oneshot::Sender<io::Result<()>>);

impl Tail {
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (tail, waiting) = mpsc::unbounded_channel();
        std::thread::spawn(move || follow(file, waiting));
        Ok(Self(tail))
    }

    async fn keep(&self, bytes: Bytes) -> io::Result<()> {
        let (done, kept) = oneshot::channel();
        self.0.send((bytes, done)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        kept.await.map_err(io::Error::other)?
    }
}

fn follow(mut file: File, mut waiting: mpsc::UnboundedReceiver<Waiting>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while let Ok(next) = waiting.try_recv() {
            group.push(next);
        }
        let mut bytes = group.iter().map(|(bytes, _)| bytes);
        let kept = bytes.try_for_each(|bytes| file.write_all(bytes)).and_then(|()| file.sync_data());
        for (_, done) in group {
            // Who does not wait any more has failed elsewhere.
            let _ = done.send(kept.as_ref().copied().map_err(|error| error.kind().into()));
        }
    }
}

#[cfg(test)]
mod tests {
    //! A path that checks nothing would be faster than any desk may be.
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_text_arrives_signed_in_whole_batches_and_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), 300, 1000).unwrap();
        run(folder.path(), 300, 1000).await.unwrap();
        let size = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
        let batches = 3;
        assert_eq!(size(RECEIVED), 300 * (1000 + 64) + batches * 8);
        assert_eq!(size(SENT), 300 * (40 + 64) + batches * (16 + 64));
    }

    #[test]
    fn a_measurement_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        Bare::measure(folder.path(), 10, 100).unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn the_ceiling_is_what_all_processors_do_at_the_cost_of_one_message() {
        let cores = std::thread::available_parallelism().unwrap().get() as f64;
        let (slow, fast) = (Bare::of(1000, 1.0, 200_000), Bare::of(1000, 0.5, 100_000));
        assert_eq!((slow.ceiling_per_second, slow.share(1000.0 * cores)), (5000.0 * cores, 0.2));
        assert_eq!(Bare::mean([slow, fast]).messages_per_second, 1500.0);
    }

    #[test]
    fn one_bit_that_differs_in_a_batch_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tail = || Tail::create(&folder.path().join("tail")).unwrap();
        let receiver = Receiver { key: sending().public(), size: 5, tail: tail() };
        let signature = sending().sign(&head(7, b"hello"));
        let batch = [&7_u64.to_be_bytes()[..], b"hello", &signature].concat();
        assert_eq!(receiver.check(&batch), Some((7, 1)));
        for bit in 0..batch.len() * 8 {
            let mut batch = batch.clone();
            batch[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receiver.check(&batch), None, "bit {bit}");
        }
        assert_eq!(receiver.check(&batch[..batch.len() - 1]), None);
    }
}
