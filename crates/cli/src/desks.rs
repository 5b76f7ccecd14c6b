//! Desks that a verb starts for itself: where they lie, how they are linked, and how they end.

mod linking;
pub(crate) mod noise;
mod scratch;
mod waiting;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use deskwire_client::local::LocalDesk;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use linking::{Introduced, agree, approve, introduce, verify};
pub(crate) use scratch::Scratch;
pub(crate) use waiting::{
    LIMIT, comment_arrives, delegation_becomes, file_arrives, nothing_waits, offer_arrives,
};

use crate::failure::{self, Failure};

/// Runs it to its end on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failure::local("the runtime", &error))?
        .block_on(work)
}

/// Breaks the work off when somebody interrupts or ends this process, so that what it started can be put away.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let listen = |kind| signal(kind).map_err(|error| failure::local("signals", &error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let name = tokio::select! {
        done = work => return done,
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    };
    let detail = format!("Broken off by {name}.");
    Err(failure::refused(
        "interrupted",
        "Broken off",
        detail,
        "The desks were ended and their folders removed.",
    ))
}

/// The program that runs now, which is also the daemon.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| failure::local("the path of this program", &error))
}

/// Makes a desk below `root` and starts it.
pub(crate) async fn start(
    root: &Path,
    folder: &str,
    name: &str,
    listen: SocketAddr,
) -> Result<LocalDesk, Failure> {
    let (program, folder) = (program()?, root.join(folder));
    LocalDesk::init(&program, &folder, &["--name", name, "--listen", &listen.to_string()]).await?;
    LocalDesk::start(&program, &folder, &[]).await
}

/// Makes a desk below `root` that nobody can reach, as behind a router, and starts it.
pub(crate) async fn start_hidden(root: &Path, folder: &str, name: &str) -> Result<LocalDesk, Failure> {
    let (program, folder) = (program()?, root.join(folder));
    LocalDesk::init(&program, &folder, &["--name", name, "--no-endpoint"]).await?;
    // Its partners are on this machine, which no desk dials unless it is told to.
    LocalDesk::start(&program, &folder, &["--peer-allow-ranges", "127.0.0.0/8"]).await
}

/// Starts a desk again that has ended.
pub(crate) async fn start_again(desk: &LocalDesk) -> Result<LocalDesk, Failure> {
    LocalDesk::start(&program()?, desk.folder(), &[]).await
}

/// Ports of loopback that nobody listens on now. Desks get fixed ones, so that their partners find them again after a
/// restart.
pub(crate) fn free_ports<const N: usize>() -> Result<[SocketAddr; N], Failure> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for port in &mut ports {
        let listener = TcpListener::bind(*port).map_err(|error| failure::local("a free port", &error))?;
        *port = listener.local_addr().map_err(|error| failure::local("a free port", &error))?;
        // Held until all are chosen, so that no two are the same.
        held.push(listener);
    }
    Ok(ports)
}

/// Ends desks, all at once.
///
/// # Errors
/// The first desk that had to be killed or ended with another status than success.
pub(crate) async fn stop_all<const N: usize>(desks: [LocalDesk; N]) -> Result<(), Failure> {
    let stopping = desks.map(|desk| {
        tokio::spawn(async move {
            let folder = desk.folder().to_owned();
            let status = desk.stop().await?;
            if status.success() { Ok(()) } else { Err(ended_badly(&folder, &status.to_string())) }
        })
    });
    let mut first = Ok(());
    for stopping in stopping {
        let done = stopping.await.unwrap_or_else(|error| Err(failure::usage(error.to_string())));
        first = first.and(done);
    }
    first
}

fn ended_badly(folder: &Path, status: &str) -> Failure {
    let detail = format!("The daemon of {} was asked to end and ended with {status}.", folder.display());
    failure::refused("desk-ended-badly", "A daemon ended badly", detail, "Look into its log.")
}

#[cfg(test)]
mod tests;
