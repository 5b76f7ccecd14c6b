//! The process of a desk: settings, log, runtime, signals, and the end.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, Sources};
use crate::daemon::{Daemon, Serving};
use crate::error::StartError;
use crate::folder::Folder;
use crate::logging;

/// Threads that serve connections. The writer has one of its own.
const WORKERS: usize = 2;
/// Threads for files and the view at most; each is there only while it is needed.
const BLOCKING: usize = 32;
/// How long the end waits for such threads. Whatever they do is safe to cut.
const LINGER: Duration = Duration::from_millis(500);

/// Runs the desk in a folder until the process is asked to end (SIGTERM, SIGINT), and calls `ready` once it takes work.
/// A second signal ends it at once. Flags are names of settings, such as `peer.listen`, with their values.
///
/// # Errors
/// Why it did not start, or why it could not go on.
pub fn serve(
    folder: &Folder,
    flags: Vec<(String, String)>,
    ready: impl FnOnce(&Serving),
) -> Result<(), StartError> {
    let config = load(folder, flags)?;
    logging::start(&config.log);
    raise_open_files();
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let result = runtime.block_on(run(folder, &config, ready));
    runtime.shutdown_timeout(LINGER);
    result
}

/// The settings of a desk: its file, the environment of this process, and flags.
///
/// # Errors
/// That there is no desk, or what is wrong with its settings.
pub fn load(folder: &Folder, flags: Vec<(String, String)>) -> Result<Config, StartError> {
    let path = folder.config();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let root = folder.root().display();
            return Err(StartError::new(
                "no-desk",
                format!("There is no desk in {root}."),
                format!(
                    "Name its folder with --data DIR, or make one with `deskwire init --data {root} --name NAME`."
                ),
            ));
        }
        Err(error) => return Err(StartError::file("read", &path, &error)),
    };
    let sources = Sources { flags, ..Sources::of_file(path, text).with_process_environment() };
    Ok(Config::load(&sources)?)
}

async fn run(folder: &Folder, config: &Config, ready: impl FnOnce(&Serving)) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
    let mut daemon = tokio::select! {
        started = Daemon::start(folder, config) => started?,
        // Nothing was promised to anybody yet.
        () = signals.next() => return Ok(()),
    };
    let serving = daemon.serving();
    tracing::info!(desk = %serving.desk, listen = %serving.listen, api = %serving.api, "the desk takes work");
    ready(serving);
    tokio::select! {
        () = signals.next() => tracing::info!("the desk was asked to end"),
        () = daemon.failed() => tracing::error!("the store failed: the desk ends"),
    }
    tokio::select! {
        ended = daemon.stop() => ended,
        () = signals.next() => {
            tracing::warn!("the desk was asked to end twice and ends without tidying up");
            Ok(())
        }
    }
}

/// The signals that ask a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when one comes.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .thread_name("deskwire")
        .enable_all()
        .build()
}

fn no_runtime(error: &io::Error) -> StartError {
    let words = format!("The system does not give what a daemon needs: {error}.");
    StartError::new(
        "no-runtime",
        words,
        "Raise the limits of processes, memory and open files for this user.",
    )
}

/// Each connection takes a file, and so does each segment of the journal: the usual soft limit of 1024 is soon too low.
fn raise_open_files() {
    const ENOUGH: u64 = 65_536;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted) {
        // Where it is not granted, the listeners say so when it matters.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}
