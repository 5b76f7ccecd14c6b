//! `deskwire bench file`: how fast a large file comes from one desk to another, beside a plain copy over the same TLS.

use std::{
    io::{self, Read as _, Write as _},
    net::Ipv4Addr,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use deskwire_api_types::{FileQuery, FileState, ThreadEntry};
use deskwire_client::Client;
use deskwire_http::tls::{SelfSigned, ServerTls, observing_client};
use deskwire_proto::id::Hash;
use rustix::fs::{Advice, fadvise};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls::pki_types::ServerName};

use super::{machine::Machine, pair::Pair, process};
use crate::{
    context::Context,
    desks::{self, Scratch, noise},
    failure::{self, Done, Failure},
    output::Output,
    parse,
    render::{Fields, Style, bytes},
};

/// Bytes that the plain copy reads and writes at once.
const PIECE: usize = 256 << 10;
/// So far into its buffer a piece begins, as at a desk: from the very beginning of a page TLS copies it much slower on some
/// processors.
const LEAD: usize = 128;
/// After so many bytes the disk begins with what came, and of so many before them it has what left the memory, as it does
/// with a file that a desk fetches.
const STRETCH: u64 = 4 << 20;
const TAKEN: u64 = 32 << 20;
/// How often the receiver is asked for the file, and for how long at most.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);

/// Measure how fast a large file comes from one desk to another.
///
/// The file is attached to a ticket that the other desk has, and the run ends when the other desk has fetched, checked and
/// synced it. Before that and after it, the file is copied plainly: one thread reads it in pieces of 256 KiB and sends
/// them through one TLS 1.3 connection on loopback, another one receives them and writes them to a new file on the same
/// disk, which the disk begins with early, as with a file that is fetched, and which is synced once at the end. Nothing is
/// hashed, no HTTP is spoken. The fetch is compared with the mean of both copies, so that a machine that becomes slower or
/// faster meanwhile meets both.
///
/// A fetched file is hashed (section 10 of the protocol). What the copy and this hash cost bounds the comparison where both
/// desks share few processors; the run measures that too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Size of the file, such as 256MiB.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse::size)]
    size: u64,
    /// Folder for the desks and the file, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench file
  deskwire bench file --size 256MiB --json";

/// The document of `deskwire bench file --json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    size: u64,
    /// Seconds of the plain copy before and the one after the fetch, their mean, and bytes per second.
    copies_seconds: [f64; 2],
    copy_seconds: f64,
    copy_bytes_per_second: f64,
    /// Seconds until the file was attached: sent to the sender's API, hashed and synced there.
    attach_seconds: f64,
    /// Seconds from then until the receiver had it, and bytes per second.
    fetch_seconds: f64,
    fetch_bytes_per_second: f64,
    /// How fast that is, compared with the plain copy.
    ratio: f64,
    /// CPU time of the plain copies, both ends together, mean, seconds.
    copy_cpu_seconds: f64,
    /// CPU time of what section 10 of the protocol asks for beside that: SHA-256 of every byte.
    hash_cpu_seconds: f64,
    /// What the ratio could be at most, with the hash, if no processor lost a moment.
    ratio_at_most: f64,
    /// By how much the most memory that each had resident lies above what it had before.
    sender_extra_bytes: u64,
    receiver_extra_bytes: u64,
    /// CPU time of both daemons while the file was fetched, seconds.
    fetch_cpu_seconds: f64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let root = scratch.path();
        let machine = Machine::look(root).map_err(|error| local(root, &error))?;
        let report = desks::block_on(self.measure(root, machine, context.out))?;
        context.out.document(&report, |style| report.render(style))
    }

    async fn measure(&self, root: &Path, machine: Machine, out: Output) -> Result<Report, Failure> {
        let (source, copy) = (root.join("source"), root.join("copy"));
        out.note("The file is made.");
        make(&source, self.size).map_err(|error| local(&source, &error))?;
        out.note("It is copied through a plain TLS connection.");
        let first = copied(&source, &copy).await?;
        let pair = desks::unless_interrupted(Pair::start(root)).await?;
        out.note("It is attached and fetched.");
        let report = pair.measured(out, async |pair| {
            let before = memory(pair)?;
            let begun = Instant::now();
            attach(pair, &source).await?;
            let attached = begun.elapsed();
            let cpu = cpu(pair)?;
            arrives(pair.receiver(), self.size).await?;
            let fetch_seconds = (begun.elapsed() - attached).as_secs_f64();
            let extra =
                |side: usize| Ok(process::peak_memory(pair.pids()[side])?.saturating_sub(before[side]));
            let rate = |seconds: f64| self.size as f64 / seconds;
            Ok::<_, Failure>(Report {
                machine,
                size: self.size,
                copies_seconds: [first.seconds; 2],
                copy_seconds: 0.0,
                copy_bytes_per_second: 0.0,
                copy_cpu_seconds: 0.0,
                ratio: 0.0,
                hash_cpu_seconds: 0.0,
                ratio_at_most: 0.0,
                attach_seconds: attached.as_secs_f64(),
                fetch_seconds,
                fetch_bytes_per_second: rate(fetch_seconds),
                sender_extra_bytes: extra(0)?,
                receiver_extra_bytes: extra(1)?,
                fetch_cpu_seconds: (self::cpu(pair)? - cpu) as f64 / 1e6,
            })
        });
        let mut report = report.await?;
        out.note("It is copied plainly once more.");
        let second = copied(&source, &copy).await?;
        report.compare([first, second], hashed(self.size)?);
        Ok(report)
    }
}

/// What a plain copy took.
#[derive(Clone, Copy)]
struct Copied {
    seconds: f64,
    cpu_seconds: f64,
}

/// CPU seconds that the hash of so many bytes takes here.
fn hashed(size: u64) -> Result<f64, Failure> {
    const SAMPLE: usize = 256 << 20;
    let piece = noise::bytes(size, 1 << 20);
    let us = std::process::id();
    let before = process::cpu_micros(us)?;
    for _ in 0..SAMPLE / piece.len() {
        std::hint::black_box(Hash::of(std::hint::black_box(&piece)));
    }
    let taken = (process::cpu_micros(us)? - before) as f64 / 1e6;
    Ok(taken * size as f64 / SAMPLE as f64)
}

/// Copies the file plainly, and removes the copy.
async fn copied(source: &Path, copy: &Path) -> Result<Copied, Failure> {
    let us = std::process::id();
    let cpu = process::cpu_micros(us)?;
    let took = desks::unless_interrupted(async {
        plain(source, copy).await.map_err(|error| failure::local("the plain copy", &error))
    });
    let seconds = took.await?.as_secs_f64();
    let cpu_seconds = (process::cpu_micros(us)? - cpu) as f64 / 1e6;
    std::fs::remove_file(copy).map_err(|error| local(copy, &error))?;
    Ok(Copied { seconds, cpu_seconds })
}

fn memory(pair: &Pair) -> Result<[u64; 2], Failure> {
    let [sender, receiver] = pair.pids();
    Ok([process::memory(sender)?, process::memory(receiver)?])
}

fn cpu(pair: &Pair) -> Result<u64, Failure> {
    let [sender, receiver] = pair.pids();
    Ok(process::cpu_micros(sender)? + process::cpu_micros(receiver)?)
}

async fn attach(pair: &Pair, source: &Path) -> Result<(), Failure> {
    let names = pair.names();
    let audience = Some(format!("delegations:{}", names.delegation));
    let query = FileQuery { name: "measured.bin".into(), media: None, audience };
    pair.sender().attach(&names.ticket, &query, source).await.map(drop)
}

/// Waits until the one file of the receiver's one ticket is there.
async fn arrives(receiver: &Client, size: u64) -> Result<(), Failure> {
    let ticket = receiver.tickets(&Default::default()).await?.tickets.into_iter().next();
    let ticket = ticket.map(|ticket| ticket.number).unwrap_or_default();
    let begun = Instant::now();
    let mut known = None;
    loop {
        if known.is_none() {
            let thread = receiver.ticket(&ticket).await?.thread;
            known = thread.into_iter().find_map(|entry| match entry {
                ThreadEntry::File(file) if file.size == size => Some(file.id),
                ThreadEntry::File(_) | ThreadEntry::Comment(_) | ThreadEntry::Event(_) => None,
            });
        }
        if let Some(id) = &known {
            let file = receiver.file(id).await?;
            match file.state {
                FileState::Here => return Ok(()),
                FileState::Failed => return Err(not_there(&format!("{:?}", file.trouble))),
                FileState::Fetching => {}
            }
        }
        if begun.elapsed() > PATIENCE {
            return Err(not_there("it took too long"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn not_there(why: &str) -> Failure {
    let detail = format!("The file did not arrive: {why}.");
    failure::refused(
        "bench-stuck",
        "The file does not arrive",
        detail,
        "Look at the last lines of the desks above.",
    )
}

/// A file like no other of its size.
fn make(path: &Path, size: u64) -> io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let mut left = size;
    while left > 0 {
        let piece = left.min(1 << 20);
        file.write_all(&noise::bytes(left, piece as usize))?;
        left -= piece;
    }
    file.sync_all()
}

/// Copies a file through TLS as it is between desks, each end on a thread of its own; how long until all was synced.
async fn plain(source: &Path, copy: &Path) -> io::Result<Duration> {
    let made = SelfSigned::generate(&["localhost".to_owned()]).map_err(io::Error::other)?;
    let identity = made.identity().map_err(io::Error::other)?;
    let acceptor = TlsAcceptor::from(ServerTls::new(&identity).config());
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (source, copy) = (source.to_owned(), copy.to_owned());
    let begun = Instant::now();
    let giving = on_a_thread(async move {
        let (stream, _) = TcpListener::from_std(listener)?.accept().await?;
        stream.set_nodelay(true)?;
        let mut stream = acceptor.accept(stream).await?;
        pour(&mut std::fs::File::open(&source)?, &mut stream).await?;
        stream.shutdown().await
    });
    let taking = on_a_thread(async move {
        let connector = TlsConnector::from(Arc::new(observing_client().0));
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut stream = connector.connect(name, stream).await?;
        let mut file = std::fs::File::create(&copy)?;
        let (mut piece, mut size, mut begun) = (vec![0; PIECE], 0, 0);
        loop {
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                return file.sync_all();
            }
            file.write_all(&piece[..read])?;
            size += read as u64;
            if size - begun >= STRETCH {
                let from = begun.saturating_sub(TAKEN);
                fadvise(&file, from, NonZeroU64::new(size - from), Advice::DontNeed)?;
                begun = size;
            }
        }
    });
    giving.await.map_err(io::Error::other)??;
    taking.await.map_err(io::Error::other)??;
    Ok(begun.elapsed())
}

/// Reads a file and sends it, piece by piece.
async fn pour(file: &mut std::fs::File, to: &mut (impl AsyncWriteExt + Unpin)) -> io::Result<()> {
    let mut buffer = vec![0; LEAD + PIECE];
    let piece = &mut buffer[LEAD..];
    loop {
        match file.read(piece)? {
            0 => return Ok(()),
            read => to.write_all(&piece[..read]).await?,
        }
    }
}

/// Runs on a thread with nothing else to do, which may therefore wait for a disk.
fn on_a_thread<T: Send + 'static>(
    work: impl Future<Output = io::Result<T>> + Send + 'static,
) -> JoinHandle<io::Result<T>> {
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    })
}

impl Report {
    /// Enters the plain copies before and after, and the CPU time of the hash.
    fn compare(&mut self, copies: [Copied; 2], hash_cpu_seconds: f64) {
        let mean = |of: fn(&Copied) -> f64| copies.iter().map(of).sum::<f64>() / 2.0;
        self.copies_seconds = copies.map(|copy| copy.seconds);
        self.copy_seconds = mean(|copy| copy.seconds);
        self.copy_cpu_seconds = mean(|copy| copy.cpu_seconds);
        self.copy_bytes_per_second = self.size as f64 / self.copy_seconds;
        self.ratio = self.copy_seconds / self.fetch_seconds;
        self.hash_cpu_seconds = hash_cpu_seconds;
        let least = (self.copy_cpu_seconds + hash_cpu_seconds) / self.machine.cores() as f64;
        self.ratio_at_most = (self.copy_seconds / least).min(1.0);
    }

    fn render(&self, style: Style) -> String {
        let speed = |rate: f64| format!("{}/s", bytes(rate as u64));
        let fields = Fields::default()
            .put(
                "plain copy",
                format!(
                    "{} in {:.2} s before and {:.2} s after (read, TLS on loopback, written, synced once; CPU {:.2} s)",
                    speed(self.copy_bytes_per_second),
                    self.copies_seconds[0],
                    self.copies_seconds[1],
                    self.copy_cpu_seconds
                ),
            )
            .put("attached", format!("in {:.2} s", self.attach_seconds))
            .put(
                "fetched",
                format!(
                    "{} in {:.2} s, {} of the plain copy",
                    speed(self.fetch_bytes_per_second),
                    self.fetch_seconds,
                    style.bold(&format!("{:.0} %", self.ratio * 100.0))
                ),
            )
            .put(
                "at most",
                format!(
                    "{:.0} %: the copy and SHA-256 of every byte, {:.2} s, keep {} processors busy that long",
                    self.ratio_at_most * 100.0,
                    self.hash_cpu_seconds,
                    self.machine.cores()
                ),
            )
            .put("CPU meanwhile", format!("{:.2} s", self.fetch_cpu_seconds))
            .put(
                "extra memory",
                format!(
                    "sender {}, receiver {}",
                    bytes(self.sender_extra_bytes),
                    bytes(self.receiver_extra_bytes)
                ),
            );
        let title = format!("A file of {}", bytes(self.size));
        format!("{}\n\n{}\n{}", style.dim(&self.machine.render()), style.bold(&title), fields.render(style))
    }
}

fn local(path: &Path, error: &io::Error) -> Failure {
    failure::local(&path.display().to_string(), error)
}
