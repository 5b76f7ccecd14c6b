//! What one test has for itself: a folder, a seed, and addresses that nobody else uses.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use crate::random::Random;

/// The folder and the seed of one test. The folder goes away with the value, unless the test failed.
#[derive(Debug)]
pub struct World {
    name: &'static str,
    seed: u64,
    folder: Option<TempDir>,
}

impl World {
    /// A world for the test of this name. `DESKWIRE_TEST_SEED` replays one that was printed.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let seed = std::env::var("DESKWIRE_TEST_SEED").ok().map_or_else(drawn, |text| text.parse().unwrap());
        let folder = tempfile::Builder::new().prefix(&format!("deskwire-{name}-")).tempdir().unwrap();
        say(&format!("{name}: seed {seed}, logs in {}", folder.path().display()));
        Self { name, seed, folder: Some(folder) }
    }

    /// The folder; each desk has one in it, and beside that the log of its daemon.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The choices of this test's seed.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// What to say when something that was drawn fails: how it is played again.
    #[must_use]
    pub fn replay(&self) -> String {
        format!("DESKWIRE_TEST_SEED={} cargo nextest run -p deskwire-tests {}", self.seed, self.name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            let path = folder.keep();
            say(&format!("failed; logs are kept in {}; again with {}", path.display(), self.replay()));
        }
    }
}

fn drawn() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    // Short, as people type it.
    u64::from_le_bytes(bytes) % 1_000_000
}

/// Says something beside the result of a test; the runner shows it when the test fails.
#[expect(clippy::print_stderr, reason = "this is how a test speaks")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// An address on which nobody listens and which nobody else takes, also while a daemon is down for a moment.
///
/// Every desk has a loopback address of its own where the system has them all (Linux): connections that go out begin at
/// 127.0.0.1, so no other program gets hold of its ports.
#[must_use]
pub fn address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let process = std::process::id();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let own =
            Ipv4Addr::new(127, 64 + (process >> 8) as u8 % 128, process as u8, 1 + (number % 250) as u8);
        for address in [SocketAddr::new(own.into(), 8441), SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0)] {
            if let Ok(free) = TcpListener::bind(address) {
                return free.local_addr().unwrap();
            }
        }
    }
}
