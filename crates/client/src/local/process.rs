//! A child process that is never left behind by accident.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// A child process; killed when this is dropped, unless it is to run on.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: u32,
    runs_on: bool,
}

impl Process {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, pid, runs_on: false })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end (`SIGTERM`) and waits so long for it; `None` when it runs all the same.
    pub(super) async fn stop(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        // The child's own notion of its id: none once it was waited for, so that no later process of that id is hit.
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Kills it (`SIGKILL`) and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        // One that has ended already is as dead as this can make it.
        let _ = self.child.kill().await;
    }

    /// Lets it run on after this process.
    pub(super) fn run_on(mut self) -> u32 {
        self.runs_on = true;
        self.pid
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.runs_on {
            let _ = self.child.start_kill();
        }
    }
}

/// The command without what the environment of this process would change about it, in a process group of its own: an
/// interrupt from the terminal reaches this process alone.
pub(super) fn command(program: &Path, verb: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(verb).arg("--data").arg(folder).stdin(Stdio::null()).process_group(0);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"DESKWIRE_") {
            command.env_remove(name);
        }
    }
    command
}
