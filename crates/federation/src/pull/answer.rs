//! What a partner answers: its hello, its messages, or nothing. The checks are those of the peer listener.
//! proto-spec, sections 5.3, 5.4 and 5.6.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::TakeDescriptor;
use deskwire_engine::command::pull::PauseForked;
use deskwire_engine::command::session::AnswerHello;
use deskwire_engine::{Partner, Refusal};
use deskwire_machine::retry::Failure;
use deskwire_proto::batch::Batch;
use deskwire_proto::code::Code;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::LinkId;
use deskwire_proto::limits::PULL_PAGE_BYTES;
use deskwire_proto::pull::PullAnswer;
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::Hello;

use super::{Failed, LONGEST, Puller, Then};
use crate::endpoint::recover::{hand_back, stored};
use crate::peer::Trouble;
use crate::verify;

/// About what a hello that is answered takes with its welcome and rows.
const WELCOME: usize = 2_048;
/// While the partner has had this desk store too much without saying anything new, it is asked this seldom.
const SATED: Duration = LONGEST;
/// An answer that came after less was not held.
const HELD: Duration = Duration::from_secs(1);

impl Puller {
    /// Takes an answer that came after so long.
    pub(super) async fn take(
        &mut self,
        partner: &Arc<Partner>,
        answer: &[u8],
        waited: Duration,
    ) -> Result<Then, Failed> {
        let answer = PullAnswer::decode(answer).map_err(|code| unverified("answer", code))?;
        if link_of(&answer) != partner.row.link {
            return Err(unverified("answer", Code::WrongLink));
        }
        match answer {
            PullAnswer::Nothing(nothing) => {
                self.barren = if waited < HELD && nothing.wait == 0 { self.barren + 1 } else { 0 };
                let pause = Duration::from_millis(nothing.wait).min(LONGEST);
                Ok(if pause.is_zero() { Then::Ask } else { Then::Pause(pause) })
            }
            PullAnswer::Hello(hello) => {
                self.barren += 1;
                self.welcome(partner, &hello.hello).await
            }
            PullAnswer::Recover(recover) => self.hand_back(partner, &recover.recover).await,
            PullAnswer::Batch(batch) => self.consume(partner, batch).await,
        }
    }

    /// Answers a hello; the welcome rides on the next request.
    async fn welcome(&mut self, partner: &Arc<Partner>, hello: &[u8]) -> Result<Then, Failed> {
        let link = self.link;
        let opened = verify::open::<Hello>(hello, partner, self.shared.us())
            .map_err(|code| unverified("hello", code))?;
        if self.lane.idle.open().is_err() {
            return Ok(self.sated());
        }
        self.lane.idle.charge(hello.len() + WELCOME);
        let keys = opened.descriptor.as_ref().map_or(partner.keys(), Descriptor::keys);
        if opened.signed.body().keys != keys.head() {
            return Err(unverified("hello", Code::KeyUnknown));
        }
        if let Some(descriptor) = opened.descriptor {
            self.shared.engine.call(TakeDescriptor { link, descriptor }).await?;
        }
        match self.shared.engine.call(AnswerHello { link, hello: opened.signed }).await? {
            Ok(welcome) => {
                tracing::debug!(%link, "welcomed the partner that was asked");
                self.shared.counters.hellos_answered.one();
                self.riders.welcome = Some(welcome);
                Ok(Then::Ask)
            }
            Err(code) => self.refused(code, None).await,
        }
    }

    /// Hands the restored partner a page of what it has lost; it rides on the next request. proto-spec, section 5.7.
    async fn hand_back(&mut self, partner: &Arc<Partner>, request: &[u8]) -> Result<Then, Failed> {
        let opened = verify::open::<RecoverRequest>(request, partner, self.shared.us())
            .map_err(|code| unverified("request for lost messages", code))?;
        self.lane
            .fresh(opened.signed.body().time)
            .map_err(|_| unverified("request for lost messages", Code::StaleRequest))?;
        if self.lane.idle.open().is_err() {
            return Ok(self.sated());
        }
        let asked = (opened.signed.body().from_seq.get(), opened.signed.body().upto);
        match hand_back(&self.shared, self.link, opened.signed, PULL_PAGE_BYTES).await? {
            Ok(page) => {
                tracing::info!(link = %self.link, bytes = page.len(), "handing back what the partner lost");
                self.lane.idle.charge(stored(&page));
                self.barren = if goes_on(self.handed, asked) { 0 } else { self.barren + 1 };
                self.handed = Some(asked);
                self.riders.page = Some(page);
                Ok(Then::Ask)
            }
            Err(code) => {
                self.barren += 1;
                self.refused(code, None).await
            }
        }
    }

    /// Consumes messages; the receipt rides on the next request.
    async fn consume(&mut self, partner: &Arc<Partner>, batch: Batch) -> Result<Then, Failed> {
        let link = self.link;
        let before = self.length()?;
        let count = batch.deliveries.len();
        let older = self.shared.engine.reader().stream(self.link).map_err(Refusal::from)?.older_keys_upto();
        let (messages, failed) = check(partner, older, batch.deliveries).await?;
        let news = messages.last().is_some_and(|message| message.head.seq > before);
        if let Some(code) = failed {
            tracing::warn!(%link, %code, "a message of the partner does not verify");
            if !news {
                return Err(unverified("message", code));
            }
        }
        let next = messages.iter().find(|message| message.head.seq > before);
        let next = next.map(|message| message.delivery.0.to_vec());
        match self.shared.engine.call(Deliver { link, head: batch.head, messages }).await? {
            Delivered::Receipt(receipt) => {
                self.barren = if self.length()? > before { 0 } else { self.barren + 1 };
                tracing::trace!(%link, count, "took a batch that was asked for");
                self.shared.counters.batches_taken.one();
                self.riders.receipt = Some(receipt);
                Ok(Then::Ask)
            }
            Delivered::Gap { .. } => Err(unverified("batch", Code::Gap)),
            Delivered::Refused(code) => self.refused(code, next).await,
        }
    }

    /// What would be answered with a problem, were there an answer to put it into: the next request has the true cursor
    /// and nothing else, and the partner says hello.
    async fn refused(&mut self, code: Code, message: Option<Vec<u8>>) -> Result<Then, Failed> {
        tracing::info!(link = %self.link, %code, "what the partner answered is not taken");
        match code {
            Code::Fork | Code::CloneSuspected | Code::LinkPaused | Code::LinkClosed | Code::LinkWaiting => {
                Ok(Then::Bell)
            }
            Code::BadPrev => {
                let other = message.unwrap_or_default();
                self.shared.engine.call(PauseForked { link: self.link, other }).await?;
                Ok(Then::Bell)
            }
            Code::SessionUnknown | Code::RecoveryNeeded | Code::RecoveryNotOffered | Code::Busy => {
                self.barren += 1;
                Ok(Then::Ask)
            }
            _ => Err(unverified("answer", code)),
        }
    }

    /// Leaves the partner alone for a while.
    fn sated(&self) -> Then {
        tracing::warn!(link = %self.link, "the partner makes this desk store much and says nothing new");
        Then::Pause(SATED)
    }

    fn length(&self) -> Result<u64, Refusal> {
        Ok(self.shared.engine.reader().stream(self.link)?.in_length)
    }
}

/// Whether a restored partner asks for more than it asked for before, as one does that took the page.
fn goes_on(before: Option<(u64, u64)>, now: (u64, u64)) -> bool {
    before.is_none_or(|before| now.0 >= before.0 && now.1 >= before.1 && now != before)
}

fn link_of(answer: &PullAnswer) -> LinkId {
    match answer {
        PullAnswer::Nothing(nothing) => nothing.link,
        PullAnswer::Hello(hello) => hello.link,
        PullAnswer::Recover(recover) => recover.link,
        PullAnswer::Batch(batch) => batch.head.link,
    }
}

/// The messages before the first that does not verify, and why that one does not.
async fn check(
    partner: &Arc<Partner>,
    older: u64,
    deliveries: Vec<Delivery>,
) -> Result<(Vec<Verified>, Option<Code>), Failed> {
    let partner = Arc::clone(partner);
    let checked = tokio::task::spawn_blocking(move || {
        let mut good = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match verify::message(&partner, older, delivery) {
                Ok(message) => good.push(message),
                Err(code) => return (good, Some(code)),
            }
        }
        (good, None)
    });
    checked.await.map_err(|_| {
        let words = "The check of messages was given up. The log of the daemon has more.".to_owned();
        Trouble::new(Failure::Unreachable, "internal", words).into()
    })
}

fn unverified(what: &str, code: Code) -> Failed {
    Trouble::unverified_answer(what, code).into()
}

#[cfg(test)]
mod tests {
    //! A partner that asks for the same lost page for ever is asked less often.
    use super::*;

    #[test]
    fn the_same_page_again_is_no_progress() {
        assert!(goes_on(None, (1, 0)));
        assert!(goes_on(Some((1, 0)), (257, 0)), "more messages came");
        assert!(goes_on(Some((257, 0)), (257, 50)), "more receipts came");
        assert!(!goes_on(Some((257, 50)), (257, 50)));
        assert!(!goes_on(Some((257, 50)), (1, 51)), "back and forth");
        assert!(!goes_on(Some((257, 50)), (300, 49)), "back and forth");
    }
}
