//! A line between two desks with every fault that a network has: it waits, trickles, stops in the middle of a byte
//! stream, goes silent in one direction, resets, and comes and goes.
//!
//! What happens is a script: one fate for each connection, in the order in which they are made, and another one for all
//! that follow. The fate of the connections that are open can be changed as well.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What becomes of one connection. Made with [`Fate::good`] and changed from there.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Each piece of bytes is under way for so long.
    pub delay: Duration,
    /// So many bytes pass in a second, each way.
    pub rate: Option<u64>,
    /// After so many bytes from the near side to the far one: the end.
    pub forth: Option<(u64, End)>,
    /// After so many bytes from the far side to the near one: the end.
    pub back: Option<(u64, End)>,
}

/// How a connection stops being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides see the end of the stream; TLS has said no good-bye.
    Cut,
    /// Both sides see a reset.
    Reset,
    /// This direction brings nothing any more; the other one goes on.
    Silence,
}

impl Fate {
    /// Nothing bad happens.
    #[must_use]
    pub fn good() -> Self {
        Self { delay: Duration::ZERO, rate: None, forth: None, back: None }
    }

    /// Every piece comes later by so much.
    #[must_use]
    pub fn delayed(delay: Duration) -> Self {
        Self { delay, ..Self::good() }
    }

    /// So many bytes a second.
    #[must_use]
    pub fn throttled(rate: u64) -> Self {
        Self { rate: Some(rate), ..Self::good() }
    }

    /// Ends after so many bytes from the near side, where requests come from.
    #[must_use]
    pub fn forth(bytes: u64, end: End) -> Self {
        Self { forth: Some((bytes, end)), ..Self::good() }
    }

    /// Ends after so many bytes from the far side, where answers come from.
    #[must_use]
    pub fn back(bytes: u64, end: End) -> Self {
        Self { back: Some((bytes, end)), ..Self::good() }
    }
}

/// The line.
#[derive(Debug)]
pub struct Proxy {
    state: Arc<State>,
    listening: JoinHandle<()>,
    at: SocketAddr,
}

#[derive(Debug)]
struct State {
    to: SocketAddr,
    script: Mutex<Script>,
    /// Grows when the connections that are open have to end; with how they end.
    broken: watch::Sender<Option<End>>,
    /// Whether answers get lost from now on, on every connection.
    deaf: watch::Sender<bool>,
    made: AtomicU64,
    forth: AtomicU64,
    back: AtomicU64,
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Option<Fate>>,
    then: Option<Fate>,
}

impl Proxy {
    /// Listens at `at` and passes everything on to `to`.
    pub async fn start(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = loop {
            // Something else may have stood there a moment ago.
            match TcpListener::bind(at).await {
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tokio::task::yield_now().await,
                bound => break bound.unwrap(),
            }
        };
        let script = Mutex::new(Script { next: VecDeque::new(), then: Some(Fate::good()) });
        let state = Arc::new(State {
            to,
            script,
            broken: watch::Sender::new(None),
            deaf: watch::Sender::new(false),
            made: AtomicU64::new(0),
            forth: AtomicU64::new(0),
            back: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                shared.made.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(near, Arc::clone(&shared)));
            }
        });
        Self { state, listening, at }
    }

    /// The fates of the next connections; `None` is one that is refused with a reset.
    pub fn script(&self, next: impl IntoIterator<Item = Option<Fate>>) {
        self.state.script.lock().unwrap().next.extend(next);
    }

    /// What becomes of all connections behind the script.
    pub fn then(&self, fate: Option<Fate>) {
        self.state.script.lock().unwrap().then = fate;
    }

    /// How many fates of the script have not been used.
    #[must_use]
    pub fn left(&self) -> usize {
        self.state.script.lock().unwrap().next.len()
    }

    /// Ends every connection that is open, so.
    pub fn end(&self, end: End) {
        self.state.broken.send_replace(Some(end));
    }

    /// Loses everything that comes back from the far side, or no more of it: requests arrive, answers do not.
    pub fn lose_answers(&self, lose: bool) {
        self.state.deaf.send_replace(lose);
    }

    /// No connection is made any more, and those that are open are reset; or everything is well again.
    pub fn down(&self, down: bool) {
        self.then((!down).then(Fate::good));
        if down {
            self.end(End::Reset);
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// Connections that were made so far.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.state.made.load(Ordering::Relaxed)
    }

    /// Bytes that have passed from the near side, and from the far side.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        (self.state.forth.load(Ordering::Relaxed), self.state.back.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(near: TcpStream, state: Arc<State>) {
    let fate = {
        let mut script = state.script.lock().unwrap();
        let next = script.next.pop_front();
        next.unwrap_or_else(|| script.then.clone())
    };
    let Some(fate) = fate else { return reset(&near) };
    let Ok(far) = TcpStream::connect(state.to).await else { return reset(&near) };
    let mut broken = state.broken.subscribe();
    broken.mark_unchanged();
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let always = watch::Sender::new(false);
    let forth = Way { limit: fate.forth, fate: &fate, passed: &state.forth, deaf: always.subscribe() };
    let back = Way { limit: fate.back, fate: &fate, passed: &state.back, deaf: state.deaf.subscribe() };
    // The halves stay here, so that a connection that is reset is reset on both sides.
    let (mut there, mut here) = ((near_in, far_out), (far_in, near_out));
    let end = tokio::select! {
        _ = broken.changed() => broken.borrow().unwrap_or(End::Cut),
        end = async {
            let (forth, back) = (forth.copy(&mut there), back.copy(&mut here));
            tokio::pin!(forth, back);
            // One direction that ended well, or is silent, does not end the other.
            tokio::select! {
                end = &mut forth => match end { Some(end) => end, None => back.await.unwrap_or(End::Cut) },
                end = &mut back => match end { Some(end) => end, None => forth.await.unwrap_or(End::Cut) },
            }
        } => end,
    };
    let near = there.0.reunite(here.1).unwrap();
    let far = here.0.reunite(there.1).unwrap();
    if end == End::Reset {
        reset(&near);
        reset(&far);
    }
}

/// The next close sends a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

struct Way<'a> {
    limit: Option<(u64, End)>,
    fate: &'a Fate,
    passed: &'a AtomicU64,
    deaf: watch::Receiver<bool>,
}

impl Way<'_> {
    /// Passes bytes on until the stream ends (nothing) or its fate ends it.
    async fn copy(self, (from, to): &mut (OwnedReadHalf, OwnedWriteHalf)) -> Option<End> {
        let mut left = self.limit.map_or(u64::MAX, |(bytes, _)| bytes);
        let mut piece =
            vec![0; self.fate.rate.map_or(16 << 10, |rate| (rate as usize / 20).clamp(1, 16 << 10))];
        loop {
            let Ok(count @ 1..) = from.read(&mut piece).await else {
                let _ = to.shutdown().await;
                return None;
            };
            if !self.fate.delay.is_zero() {
                sleep(self.fate.delay).await;
            }
            if let Some(rate) = self.fate.rate {
                sleep(Duration::from_secs_f64(count as f64 / rate as f64)).await;
            }
            if *self.deaf.borrow() {
                continue;
            }
            let passed = (count as u64).min(left) as usize;
            left -= passed as u64;
            self.passed.fetch_add(passed as u64, Ordering::Relaxed);
            if to.write_all(&piece[..passed]).await.is_err() {
                return Some(End::Reset);
            }
            match self.limit {
                Some((_, End::Silence)) if left == 0 => std::future::pending().await,
                Some((_, end)) if left == 0 => return Some(end),
                Some(_) | None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! A line that does not break as told makes every test over it worthless.
    use super::*;
    use crate::world::address;

    /// Echoes what comes, whole.
    async fn echo() -> SocketAddr {
        let at = address();
        let listener = TcpListener::bind(at).await.unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        at
    }

    async fn talk(at: SocketAddr, say: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(say).await?;
        stream.shutdown().await?;
        let mut came = Vec::new();
        stream.read_to_end(&mut came).await?;
        Ok(came)
    }

    #[tokio::test]
    async fn each_connection_has_its_fate() {
        let at = address();
        let line = Proxy::start(at, echo().await).await;
        assert_eq!(talk(at, b"hello").await.unwrap(), b"hello");
        line.script([
            Some(Fate::back(3, End::Cut)),
            Some(Fate::back(2, End::Reset)),
            None,
            Some(Fate::delayed(Duration::from_millis(30))),
            Some(Fate::throttled(100)),
        ]);
        assert_eq!(talk(at, b"hello").await.unwrap(), b"hel");
        assert!(talk(at, b"hello").await.is_err());
        assert!(talk(at, b"hello").await.is_err());
        let begun = std::time::Instant::now();
        assert_eq!(talk(at, b"hello").await.unwrap(), b"hello");
        assert!(begun.elapsed() >= Duration::from_millis(60));
        assert_eq!(talk(at, b"hello").await.unwrap(), b"hello");
        assert!(begun.elapsed() >= Duration::from_millis(160));
        assert_eq!((line.left(), line.made()), (0, 6));
    }

    #[tokio::test]
    async fn silence_is_one_way_and_open_connections_can_be_ended() {
        let at = address();
        let line = Proxy::start(at, echo().await).await;
        line.script([Some(Fate::back(2, End::Silence))]);
        let mut stream = TcpStream::connect(at).await.unwrap();
        let mut two = [0; 2];
        stream.write_all(b"ab").await.unwrap();
        stream.read_exact(&mut two).await.unwrap();
        stream.write_all(b"cd").await.unwrap();
        while line.passed().0 < 4 {
            tokio::task::yield_now().await;
        }
        line.end(End::Reset);
        assert!(stream.read(&mut two).await.is_err(), "nothing came, and then a reset");
    }
}
