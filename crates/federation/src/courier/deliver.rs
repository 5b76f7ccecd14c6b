//! Hello, welcome, and batches with up to four of them in flight. proto-spec, sections 5.3 and 5.4.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use deskwire_engine::command::link::{PauseTold, TakeDescriptor};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{Opened, SayHello, TakeWelcome};
use deskwire_engine::{Partner, Refusal};
use deskwire_machine::retry::Failure;
use deskwire_proto::code::{Class, Code};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::Welcome;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;

use super::{Courier, Setback};
use crate::peer::{Call, Trouble};
use crate::shared::Shared;
use crate::verify;

/// Batches of one stream in flight.
const FLIGHTS: usize = 4;
/// Times that the same request for a new hello is followed before it counts as a failure.
const RESYNCS: u32 = 3;

/// Recoveries one behind the other before it counts as a failure.
const LOSSES: u32 = 3;

/// Answers that are no refusal of this desk and no matter of trying again: people have to look. proto-spec, sections 5.9
/// and 5.10.
const fn pauses(code: Code) -> bool {
    matches!(code, Code::Fork | Code::BadPrev | Code::CloneSuspected)
}

/// What came of the batch that ends with this number.
type Landed = (u64, Result<Bytes, Trouble>);

/// Batches on their way, and how far they go.
struct Sky<'a> {
    flights: FuturesUnordered<BoxFuture<'a, Landed>>,
    /// With which numbers those end.
    ends: BTreeSet<u64>,
    /// Highest number in flight or covered; `None`: begin behind what is acknowledged.
    after: Option<u64>,
    /// How far the partner holds our messages, as its welcome and its receipts since then say. A partner that was restored
    /// takes again what it has acknowledged once, perhaps not all of a batch.
    reached: u64,
    /// What was acknowledged when this began.
    begun: u64,
    /// How far nothing had to be sent again when that was looked at last.
    covered: u64,
    /// There was nothing more to send.
    exhausted: bool,
    /// What ends this as soon as the batches before it have landed, and with which number that one ends.
    setback: Option<(u64, Setback)>,
}

impl Sky<'_> {
    /// Begins behind what the partner holds.
    fn beginning(held: u64, acknowledged: u64) -> Self {
        let after = Some(held).filter(|held| *held < acknowledged);
        let reached = after.unwrap_or(acknowledged);
        let flights = FuturesUnordered::new();
        let (begun, covered, ends) = (acknowledged, reached, BTreeSet::new());
        Self { flights, ends, after, reached, begun, covered, exhausted: false, setback: None }
    }

    /// Whether there is more to do although all answers are there: new items, or messages that no receipt covers. Those are
    /// sent again as long as that brings the stream forward; else how far the receipts go, and how far was sent.
    fn is_behind(&mut self, acknowledged: u64) -> Result<bool, (u64, u64)> {
        let covered = if acknowledged > self.begun { acknowledged } else { self.reached };
        let before = mem::replace(&mut self.covered, covered);
        let Some(last) = self.after.take().filter(|last| *last > covered) else { return Ok(!self.exhausted) };
        if covered == before {
            return Err((covered, last));
        }
        self.after = Some(covered).filter(|covered| *covered < acknowledged);
        self.exhausted = false;
        Ok(true)
    }

    fn takes_more(&self) -> bool {
        self.setback.is_none() && !self.exhausted && self.flights.len() < FLIGHTS
    }

    /// The earliest setback says why; what is behind it fails because of it.
    fn set_back(&mut self, end: u64, setback: Setback) {
        if self.setback.as_ref().is_none_or(|(before, _)| end < *before) {
            self.setback = Some((end, setback));
        }
    }

    /// The setback, once everything before it has landed. What is behind it is not waited for: the partner holds it back for
    /// a while, as what comes before might still come, and takes nothing of it.
    fn has_to_end(&mut self) -> Option<Setback> {
        let ends = &self.ends;
        self.setback
            .take_if(|(end, _)| ends.first().is_none_or(|first| first > end))
            .map(|(_, setback)| setback)
    }
}

impl Courier {
    /// Sends everything that there is to send.
    pub(super) async fn deliver(&mut self, partner: &Arc<Partner>) -> Result<(), Setback> {
        if partner.row.trouble.is_some() && !self.has_work()? {
            // Only an answer of the partner ends the trouble.
            self.session = None;
        }
        let mut resyncs = 0;
        loop {
            let opened = match self.session {
                Some(opened) => opened,
                None => self.open(partner).await?,
            };
            let trouble = match self.push(opened).await {
                Ok(()) => return Ok(self.contact().await?),
                Err(Setback::Resync(trouble)) => trouble,
                Err(setback) => return Err(setback),
            };
            self.session = None;
            resyncs += 1;
            tracing::debug!(link = %self.link, code = trouble.code, resyncs, "a new hello is needed");
            if resyncs == RESYNCS {
                return Err(Setback::Peer(trouble));
            }
        }
    }

    /// Opens a session; what this desk has lost comes back first.
    pub(super) async fn open(&mut self, partner: &Arc<Partner>) -> Result<Opened, Setback> {
        let mut losses = 0;
        loop {
            if let Some(opened) = self.hello(partner).await? {
                return Ok(opened);
            }
            losses += 1;
            if losses > LOSSES {
                let words =
                    "The partner says again and again that this desk has lost something, and hands back \
                             nothing more. Deskwire goes on trying; if it stays so, speak with its operator."
                        .to_owned();
                return Err(Setback::Peer(Trouble::new(Failure::Unreachable, "recovery-needed", words)));
            }
            self.recover(partner).await?;
        }
    }

    /// Says hello; nothing if the welcome shows that this desk has lost something.
    async fn hello(&mut self, partner: &Partner) -> Result<Option<Opened>, Setback> {
        let hello = self.shared.engine.call(SayHello { link: self.link }).await?;
        let call = Call::document("hello", hello);
        let answer = match self.shared.call(self.link, &call).await {
            Ok(answer) => answer,
            Err(trouble) => return Err(self.told(trouble).await?),
        };
        let welcome = match verify::open::<Welcome>(&answer, partner, self.shared.us()) {
            Ok(welcome) => welcome,
            Err(Code::KeyUnknown) if self.shared.refresh(partner).await? => return Ok(None),
            Err(code) => {
                if let Some(descriptor) = verify::forked::<Welcome>(&answer, partner) {
                    self.shared.engine.call(TakeDescriptor { link: self.link, descriptor }).await?;
                    return Err(Setback::Halted);
                }
                return Err(Setback::Peer(Trouble::unverified_answer("welcome", code)));
            }
        };
        if let Some(descriptor) = welcome.descriptor {
            self.shared.engine.call(TakeDescriptor { link: self.link, descriptor }).await?;
        }
        let taken = TakeWelcome { link: self.link, welcome: welcome.signed };
        let opened = match self.shared.engine.call(taken).await? {
            Ok(opened) => opened,
            // With the second, the place of a change of key can be told now, by another hello.
            Err(Code::RecoveryNeeded | Code::SessionUnknown) => return Ok(None),
            Err(Code::Fork | Code::BadKeyLog) => return Err(Setback::Halted),
            Err(code) => return Err(Setback::Peer(Trouble::unverified_answer("welcome", code))),
        };
        // The trouble is over when what there is to send has got through, not before: a partner that welcomes and then
        // fails is not tried ever faster.
        tracing::debug!(link = %self.link, held = opened.held, "a session is open");
        self.session = Some(opened);
        Ok(Some(opened))
    }

    /// Sends batches until there is nothing more.
    async fn push(&mut self, opened: Opened) -> Result<(), Setback> {
        let shared = Arc::clone(&self.shared);
        // A partner that was restored holds less than it has acknowledged; the welcome is the truth.
        let mut sky = Sky::beginning(opened.held, self.acknowledged()?);
        loop {
            while sky.takes_more() && !self.stop.is_requested() {
                self.launch(&shared, &mut sky, opened).await?;
            }
            if let Some(setback) = sky.has_to_end() {
                return Err(setback);
            }
            if sky.flights.is_empty() {
                if !self.stop.is_requested() && self.is_behind(&mut sky)? {
                    continue;
                }
                self.session = Some(Opened { held: u64::MAX, ..opened });
                return Ok(());
            }
            tokio::select! {
                Some(landed) = sky.flights.next() => self.land(&mut sky, landed).await?,
                () = self.lane.wake.notified(), if sky.exhausted => sky.exhausted = false,
            }
        }
    }

    /// Sends one more batch off, if there is one.
    async fn launch<'a>(&self, shared: &'a Shared, sky: &mut Sky<'a>, opened: Opened) -> Result<(), Setback> {
        let link = self.link;
        let next = NextBatch { link, session: opened.session, after: sky.after };
        match shared.engine.call(next).await? {
            Next::Batch { bytes, last, .. } => {
                sky.after = Some(last);
                shared.counters.batches_sent.one();
                let call = Call::document("batch", bytes);
                sky.ends.insert(last);
                sky.flights.push(async move { (last, shared.call(link, &call).await) }.boxed());
            }
            Next::Idle => sky.exhausted = true,
            Next::NoSession => {
                let words = "The session with the partner has ended. Deskwire opens a new one.".to_owned();
                let trouble = Trouble::new(Failure::Unreachable, "session-unknown", words);
                sky.set_back(u64::MAX, Setback::Resync(trouble));
            }
        }
        Ok(())
    }

    /// Takes the answer to one batch.
    async fn land(&self, sky: &mut Sky<'_>, (end, landed): Landed) -> Result<(), Setback> {
        sky.ends.remove(&end);
        let taken = match landed {
            Ok(answer) => self.receipt(&answer).await.map(|upto| sky.reached = sky.reached.max(upto)),
            Err(trouble) => match trouble.wire().map(Code::class) {
                Some(Class::Resync) => Err(Setback::Resync(trouble)),
                Some(Class::Final | Class::Retry) | None => Err(self.told(trouble).await?),
            },
        };
        match taken {
            Ok(()) => {}
            Err(setback @ (Setback::Own(_) | Setback::Halted)) => return Err(setback),
            Err(setback) => sky.set_back(end, setback),
        }
        Ok(())
    }

    /// A partner that stops the link is no partner that refuses this desk: this side pauses as well.
    async fn told(&self, trouble: Trouble) -> Result<Setback, Setback> {
        let Some(code) = trouble.wire().filter(|code| pauses(*code)) else {
            return Ok(Setback::Peer(trouble));
        };
        tracing::warn!(link = %self.link, %code, "the partner stops the link: this side pauses as well");
        self.shared.engine.call(PauseTold { link: self.link, code }).await?;
        Ok(Setback::Halted)
    }

    /// Takes a receipt: how far it goes.
    async fn receipt(&self, answer: &[u8]) -> Result<u64, Setback> {
        let unverified = |code| Setback::Peer(Trouble::unverified_answer("receipt", code));
        let Some(partner) = self.shared.partner(self.link)? else { return Ok(0) };
        let opened = match verify::open::<Receipt>(answer, &partner, self.shared.us()) {
            // The partner has a newer key: its welcome will tell.
            Err(code @ Code::KeyUnknown) => {
                return Err(Setback::Resync(Trouble::unverified_answer("receipt", code)));
            }
            opened => opened.map_err(unverified)?,
        };
        opened.signed.body().check().map_err(unverified)?;
        let upto = opened.signed.body().upto;
        self.shared.engine.call(TakeReceipt { link: self.link, receipt: opened.signed }).await?;
        self.shared.counters.receipts_taken.one();
        tracing::trace!(link = %self.link, upto, "took a receipt");
        if partner.row.trouble.is_some() {
            self.contact().await?;
        }
        Ok(upto)
    }

    fn is_behind(&self, sky: &mut Sky<'_>) -> Result<bool, Setback> {
        sky.is_behind(self.acknowledged()?).map_err(|(covered, last)| {
            let words = format!(
                "The partner's receipts stop at message {covered} although messages up to {last} were sent. \
                 Deskwire goes on trying."
            );
            Setback::Peer(Trouble::new(Failure::Unreachable, "receipt-behind", words))
        })
    }

    fn acknowledged(&self) -> Result<u64, Setback> {
        Ok(self.shared.engine.reader().stream(self.link).map_err(Refusal::from)?.acked)
    }

    fn has_work(&self) -> Result<bool, Setback> {
        let stream = self.shared.engine.reader().stream(self.link).map_err(Refusal::from)?;
        Ok(stream.waiting > 0 || stream.out_length > stream.acked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(held: u64, acknowledged: u64, last: u64) -> Sky<'static> {
        let mut sky = Sky::beginning(held, acknowledged);
        (sky.after, sky.exhausted) = (Some(last), true);
        sky
    }

    #[test]
    fn what_no_receipt_covers_is_sent_again_as_long_as_that_brings_the_stream_forward() {
        let mut sky = sent(u64::MAX, 5, 9);
        assert_eq!((sky.is_behind(7), sky.after), (Ok(true), None), "behind what is acknowledged");
        sky.after = Some(9);
        assert_eq!(sky.is_behind(7), Err((7, 9)));
    }

    fn broken(words: &str) -> Setback {
        Setback::Peer(Trouble::new(Failure::Unreachable, "connection-broken", words.to_owned()))
    }

    /// A partner holds such a batch back for two seconds, in which no sign of life of it was heeded.
    #[test]
    fn a_batch_behind_one_that_failed_is_not_waited_for() {
        let mut sky = sent(u64::MAX, 5, 30);
        sky.ends = BTreeSet::from([10, 20, 30]);
        assert!(sky.has_to_end().is_none());
        sky.ends.remove(&20);
        sky.set_back(20, broken("in the middle"));
        assert!(sky.has_to_end().is_none(), "the receipt for the first may still come");
        sky.ends.remove(&30);
        sky.set_back(30, broken("because of it"));
        sky.ends.remove(&10);
        let Some(Setback::Peer(trouble)) = sky.has_to_end() else { panic!("it ends with the setback") };
        assert_eq!(trouble.words, "in the middle");
        assert!(sky.has_to_end().is_none());
        sky.ends.insert(40);
        sky.set_back(39, broken("before it"));
        assert!(sky.has_to_end().is_some(), "the last is behind it");
    }

    /// Else the rest waits until there is something new to say, for it was acknowledged once.
    #[test]
    fn a_restored_partner_that_took_a_part_gets_the_rest() {
        let mut sky = sent(3, 22, 22);
        sky.reached = 7;
        assert_eq!((sky.is_behind(22), sky.after), (Ok(true), Some(7)));
        (sky.after, sky.reached, sky.exhausted) = (Some(22), 22, true);
        assert_eq!(sky.is_behind(22), Ok(false));
        let mut stuck = sent(3, 22, 22);
        assert_eq!(stuck.is_behind(22), Err((3, 22)));
    }
}
