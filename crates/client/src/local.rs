//! A desk of this machine as a child process: made with `init`, started with `serve`, found by what it leaves in its
//! folder, and never left behind.

mod log;
mod process;
mod wait;

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use deskwire_api_types::Problem;

pub use wait::wait_for;

use crate::{Client, Error};
use process::{Process, command};

/// How long a daemon may take until it answers. An empty store takes far less than a second; the rest is for machines
/// that are busy with something else.
const START: Duration = Duration::from_secs(30);

/// How long a daemon may take to end after it was asked to, before it is killed.
const END: Duration = Duration::from_secs(10);

/// A running daemon that this process started. It is killed when the value is dropped, unless it was
/// [left running](LocalDesk::leave_running).
#[derive(Debug)]
pub struct LocalDesk {
    folder: PathBuf,
    log: PathBuf,
    process: Process,
    client: Client,
    took: Duration,
}

impl LocalDesk {
    /// Runs `init` for the folder to its end, with these further arguments; returns its document.
    ///
    /// # Errors
    /// [`Error::Refused`] with what `init` says, or with `program-not-started` or `init-failed`.
    pub async fn init(program: &Path, folder: &Path, args: &[&str]) -> Result<serde_json::Value, Error> {
        let output = command(program, "init", folder)
            .arg("--json")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| not_started(program, &error))?;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout)
                .map_err(|error| init_failed(folder, &format!("its answer is no JSON ({error})")));
        }
        Err(match serde_json::from_slice::<Problem>(&output.stdout) {
            Ok(problem) => Error::Refused(Box::new(problem)),
            Err(_) => {
                let said = String::from_utf8_lossy(&output.stderr);
                init_failed(folder, &format!("{}: {}", output.status, said.trim()))
            }
        })
    }

    /// Starts `serve` for the folder, with these further arguments, and waits until it takes work.
    ///
    /// What it prints is appended to the file beside the folder whose name ends in `.log`.
    ///
    /// # Errors
    /// [`Error::Refused`] with `program-not-started`, `local-file`, `desk-ended` (its last words are part of the
    /// sentence) or `waited-in-vain`.
    pub async fn start(program: &Path, folder: &Path, args: &[&str]) -> Result<Self, Error> {
        Self::start_within(program, folder, args, START).await
    }

    /// As [`LocalDesk::start`], with so much time for a store that may have to be folded anew.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start_within(
        program: &Path,
        folder: &Path,
        args: &[&str],
        patience: Duration,
    ) -> Result<Self, Error> {
        let log = beside(folder);
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let (out, err) =
            file.and_then(|file| Ok((file.try_clone()?, file))).map_err(|error| local_file(&log, &error))?;
        let (begun, moment) = (Instant::now(), wall_clock());
        let mut process =
            Process::start(command(program, "serve", folder).args(args).stdout(out).stderr(err))
                .map_err(|error| not_started(program, &error))?;
        let what = format!("The daemon of {}", folder.display());
        let client = wait_for(&what, patience, async || match process.ended() {
            Some(status) => Err(ended(folder, &log, status)),
            None => Ok(ready(folder, moment).await),
        })
        .await?;
        Ok(Self { folder: folder.to_owned(), log, process, client, took: begun.elapsed() })
    }

    /// The desk's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that holds what the daemon printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its last lines, at most so many.
    pub fn last_words(&self, lines: usize) -> Vec<String> {
        log::tail(&self.log, lines)
    }

    /// A client of the daemon with the token of its folder.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How long the daemon took from its start until it took work.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// How the daemon ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Asks the daemon to end (`SIGTERM`) and waits for it; kills it when it takes too long.
    ///
    /// # Errors
    /// [`Error::Refused`] with `desk-not-ended` when it had to be killed.
    pub async fn stop(mut self) -> Result<ExitStatus, Error> {
        match self.process.stop(END).await {
            Ok(Some(status)) => Ok(status),
            Ok(None) => {
                self.kill().await;
                Err(not_ended(
                    &self.folder,
                    &format!("it was asked to end, did not within {} s, and was killed", END.as_secs()),
                ))
            }
            Err(error) => Err(not_ended(&self.folder, &error.to_string())),
        }
    }

    /// Kills the daemon (`SIGKILL`) and waits until it is gone.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Lets the daemon run on after this process; returns its process id.
    pub fn leave_running(self) -> u32 {
        self.process.run_on()
    }
}

/// A client of the daemon that was started in this folder after the given moment, as soon as it takes work. The file of
/// an earlier daemon may still be there, and its port be somebody else's by now.
async fn ready(folder: &Path, moment: i64) -> Option<Client> {
    let address = fs::read_to_string(folder.join("api.addr")).ok()?;
    let token = fs::read_to_string(folder.join("token")).ok()?;
    let client = Client::new(&format!("http://{}", address.trim())).ok()?.with_token(&token).ok()?;
    let there = client.ready().await.ok()?.ready && client.desk().await.ok()?.started.millis() >= moment;
    there.then_some(client)
}

/// The log beside a folder.
fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".log");
    PathBuf::from(name)
}

/// Now, in milliseconds since 1970, as daemons of this machine tell it.
fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn not_started(program: &Path, error: &io::Error) -> Error {
    let detail = format!("{} cannot be started: {error}.", program.display());
    let next = "Check that it is there and may be run.";
    Error::local(500, "program-not-started", "A program cannot be started", detail, next)
}

fn local_file(path: &Path, error: &io::Error) -> Error {
    let detail = format!("{}: {error}.", path.display());
    let next = "Check the path, the rights and the space.";
    Error::local(500, "local-file", "A local file cannot be used", detail, next)
}

fn init_failed(folder: &Path, why: &str) -> Error {
    let detail = format!("The desk in {} could not be made: {why}.", folder.display());
    let next = "Make it with `deskwire init` to see more.";
    Error::local(500, "init-failed", "A desk could not be made", detail, next)
}

fn ended(folder: &Path, log: &Path, status: ExitStatus) -> Error {
    let mut detail =
        format!("The daemon of {} ended before it took work ({status}). Its last words:", folder.display());
    for line in log::tail(log, 12) {
        detail.push_str("\n    ");
        detail.push_str(&line);
    }
    let next = "Start it with `deskwire serve` to see more.";
    Error::local(500, "desk-ended", "A daemon has ended", detail, next)
}

fn not_ended(folder: &Path, why: &str) -> Error {
    let detail = format!("The daemon of {} could not be stopped: {why}.", folder.display());
    Error::local(500, "desk-not-ended", "A daemon did not end", detail, "Look into its log.")
}

#[cfg(test)]
mod tests;
