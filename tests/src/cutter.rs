//! A line between two desks that breaks: it passes bytes on, and cuts connections after so many of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use crate::random::Random;

/// A line that holds, until it is told to break.
#[derive(Debug)]
pub struct Cutter {
    state: Arc<State>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    left: AtomicU32,
    random: Mutex<Random>,
    now: Notify,
}

/// Cuts happen within so many bytes: a handshake and some batches.
const LONGEST: u64 = 12_000;

impl Cutter {
    /// Listens at `at` and passes on to `to`.
    pub async fn start(at: SocketAddr, to: SocketAddr, random: Random) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let state = State { left: AtomicU32::new(0), random: Mutex::new(random), now: Notify::new() };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(to).await {
                        let bytes = state.budget();
                        pass(near, far, bytes, &state.now).await;
                    }
                });
            }
        });
        Self { state, listening }
    }

    /// Cuts the connections of now, and so many of those that follow, each at a random byte of either direction.
    pub fn cut(&self, connections: u32) {
        self.state.left.store(connections, Ordering::Relaxed);
        self.state.now.notify_waiters();
    }

    /// How many connections will still be cut.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.state.left.load(Ordering::Relaxed)
    }
}

impl State {
    /// After how many bytes the next connection is cut; nothing when it holds.
    fn budget(&self) -> Option<u64> {
        let less = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(self.random.lock().unwrap().below(LONGEST))
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Passes bytes both ways, until either side ends or so many have passed in all.
async fn pass(mut near: TcpStream, mut far: TcpStream, bytes: Option<u64>, now: &Notify) {
    let left = Mutex::new(bytes.unwrap_or(u64::MAX));
    let (near_in, near_out) = near.split();
    let (far_in, far_out) = far.split();
    let cut = Notify::new();
    tokio::select! {
        () = cut.notified() => {}
        () = now.notified() => {}
        () = async {
            tokio::join!(copy(near_in, far_out, &left, &cut), copy(far_in, near_out, &left, &cut));
        } => {}
    }
    // Whatever is still on its way is lost: both ends are closed here without a good-bye of TLS.
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &Mutex<u64>,
    cut: &Notify,
) {
    let mut piece = vec![0; 4 << 10];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let passed = {
            let mut left = left.lock().unwrap();
            let passed = (count as u64).min(*left) as usize;
            *left -= passed as u64;
            passed
        };
        if to.write_all(&piece[..passed]).await.is_err() {
            break;
        }
        if passed < count {
            cut.notify_one();
            return;
        }
    }
    let _ = to.shutdown().await;
}
