//! `POST /deskwire/1/pull`: a partner without an endpoint asks for our stream. proto-spec, section 5.6.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use deskwire_engine::command::link::TakeDescriptor;
use deskwire_engine::command::pull::{AnswerPull, Pulled};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_engine::command::session::TakeWelcome;
use deskwire_engine::{Partner, Refusal};
use deskwire_proto::code::Code;
use deskwire_proto::document::V1;
use deskwire_proto::limits::PULL_WAIT;
use deskwire_proto::pull::{PullAnswer, PullHello, PullNothing, PullRecover, PullRequest};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::Welcome;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, body, document, open_link};
use crate::lane::Lane;
use crate::verify;

/// About what a hello or a welcome that was taken takes with its rows.
const GREETING: usize = 2_048;
/// How long a partner waits before it asks a desk again that is about to end, milliseconds.
const LEAVING: u64 = 1_000;

/// What the requests of one partner for our stream share.
#[derive(Default)]
pub(crate) struct Polls {
    /// How many there were: the newest one ends those before it.
    newest: watch::Sender<u64>,
    /// A hello or a batch went out as an answer, and the partner has to answer it with its next request.
    open: AtomicBool,
}

impl Polls {
    /// Ends the request that is held.
    fn begin(&self) -> watch::Receiver<u64> {
        self.newest.send_modify(|count| *count += 1);
        self.newest.subscribe()
    }
}

pub(super) async fn pull(State(endpoint): Shelf, request: Request) -> Answer {
    let bytes = body::document(request).await?;
    let (partner, lane, permit) = endpoint.door(&verify::link_of::<PullRequest>(&bytes)?)?;
    let opened = verify::open::<PullRequest>(&bytes, &partner, endpoint.shared.us())?;
    open_link(&partner.row.state)?;
    lane.meter.spend().map_err(Refused::limited)?;
    let asked = opened.signed.body();
    lane.fresh(asked.time).map_err(Refused::stale)?;
    let newer = lane.polls.begin();
    endpoint.heard(partner.no, &lane).await;
    let doubt = endpoint.take_riders(&partner, &lane, asked).await?;
    let poll = Poll { partner: &partner, lane: &lane, newer, upto: asked.upto, doubt };
    let until = Instant::now() + Duration::from_millis(asked.wait.min(PULL_WAIT));
    endpoint.answer_pull(poll, permit, until).await.map(document)
}

/// One request, verified.
struct Poll<'a> {
    partner: &'a Partner,
    lane: &'a Arc<Lane>,
    newer: watch::Receiver<u64>,
    upto: u64,
    doubt: bool,
}

impl Endpoint {
    /// Takes what rides on a request: the same bodies with the same checks as when they are pushed. Whether the partner
    /// could not use the answer before, so that a new hello has to come.
    async fn take_riders(
        &self,
        partner: &Partner,
        lane: &Lane,
        asked: &PullRequest,
    ) -> Result<bool, Refused> {
        let open = lane.polls.open.swap(false, Ordering::AcqRel);
        let mut answered = false;
        if let Some(welcome) = &asked.welcome {
            answered |= self.take_welcome(partner, lane, welcome).await?;
        }
        if let Some(page) = &asked.page {
            answered |= self.take_page(partner, page).await?;
        }
        if let Some(receipt) = &asked.receipt {
            answered |= self.take_receipt(partner, lane, receipt).await?;
        }
        Ok(open && !answered)
    }

    /// Whether the welcome opened a session. One that does not verify counts as none.
    async fn take_welcome(&self, partner: &Partner, lane: &Lane, bytes: &[u8]) -> Result<bool, Refused> {
        let opened = match verify::open::<Welcome>(bytes, partner, self.shared.us()) {
            Ok(opened) => opened,
            Err(code) => return Ok(not_taken(partner, "welcome", code)),
        };
        // Each welcome is stored, whether it is needed or not.
        lane.idle.open().map_err(Refused::limited)?;
        lane.idle.charge(bytes.len() + GREETING);
        let link = partner.no;
        if let Some(descriptor) = opened.descriptor {
            self.shared.engine.call(TakeDescriptor { link, descriptor }).await?;
        }
        match self.shared.engine.call(TakeWelcome { link, welcome: opened.signed }).await? {
            Ok(session) => {
                tracing::debug!(%link, held = session.held, "a partner that asks has opened a session");
                Ok(true)
            }
            // It shows that we have lost something: that comes first.
            Err(Code::RecoveryNeeded) => Ok(true),
            Err(code) => Ok(not_taken(partner, "welcome", code)),
        }
    }

    /// Whether a page of what we lost was taken. One that is not what we lost pauses the link.
    async fn take_page(&self, partner: &Partner, bytes: &[u8]) -> Result<bool, Refused> {
        let page = Page::open(bytes, self.shared.engine.identity(), &partner.stream_out(), partner.keys());
        match self.shared.engine.call(TakePage { link: partner.no, page }).await? {
            Taken::More | Taken::Complete => Ok(true),
            Taken::Refused(code) => Ok(not_taken(partner, "page", code)),
        }
    }

    /// Our request for what we lost, if we did.
    async fn lost(&self, poll: &Poll<'_>) -> Result<Option<Vec<u8>>, Refused> {
        let link = poll.partner.no;
        let stream = self.shared.engine.reader().stream(link).map_err(Refusal::from)?;
        if !stream.may_lack() {
            return Ok(None);
        }
        let time = poll.lane.time_for(self.shared.engine.now());
        let request = self.shared.engine.call(AskPage { link, time }).await?;
        let link = poll.partner.row.link;
        Ok(request.map(|request| {
            PullAnswer::Recover(PullRecover { v: V1, link, recover: request.into() }).encode()
        }))
    }

    /// Whether the receipt was taken. One that does not verify never counts as delivery.
    async fn take_receipt(&self, partner: &Partner, lane: &Lane, bytes: &[u8]) -> Result<bool, Refused> {
        let opened = verify::open::<Receipt>(bytes, partner, self.shared.us());
        let receipt = match opened.and_then(|opened| opened.signed.body().check().map(|()| opened.signed)) {
            Ok(receipt) => receipt,
            Err(code) => return Ok(not_taken(partner, "receipt", code)),
        };
        let link = partner.no;
        let before = self.acknowledged(link)?;
        match self.shared.engine.call(TakeReceipt { link, receipt }).await {
            Ok(()) => {
                self.shared.counters.receipts_taken.one();
                if self.acknowledged(link)? > before {
                    lane.meter.refund();
                }
                Ok(true)
            }
            Err(refusal) => match Code::from_text(refusal.code) {
                Some(code) => Ok(not_taken(partner, "receipt", code)),
                None => Err(refusal.into()),
            },
        }
    }

    fn acknowledged(&self, link: deskwire_store::local::LinkNo) -> Result<u64, Refusal> {
        Ok(self.shared.engine.reader().stream(link)?.acked)
    }

    /// The answer, as soon as there is one. While there is none the request is held; it gives its permit back then, so
    /// that held requests do not keep the partner's others out.
    async fn answer_pull(
        &self,
        mut poll: Poll<'_>,
        permit: OwnedSemaphorePermit,
        until: Instant,
    ) -> Result<Vec<u8>, Refused> {
        let mut bell = poll.lane.bell.subscribe();
        let mut leaving = self.shared.leaving.subscribe();
        let (mut permit, mut held) = (Some(permit), None);
        loop {
            bell.mark_unchanged();
            if let Some(answer) = self.lay_out(&mut poll).await? {
                return Ok(answer);
            }
            if Instant::now() >= until {
                return Ok(nothing(poll.partner, 0));
            }
            if held.is_none() {
                let place = Arc::clone(&self.holding).try_acquire_owned();
                held = Some(place.map_err(|_| self.refused_at(poll.partner.no, Code::Busy))?);
                drop(permit.take());
            }
            tokio::select! {
                rung = bell.changed() => rung.map_err(|_| Code::Busy)?,
                _ = poll.newer.changed() => return Ok(nothing(poll.partner, 0)),
                _ = leaving.wait_for(|leaving| *leaving) => return Ok(nothing(poll.partner, LEAVING)),
                () = sleep_until(until) => {}
            }
        }
    }

    /// What there is to say now.
    async fn lay_out(&self, poll: &mut Poll<'_>) -> Result<Option<Vec<u8>>, Refused> {
        let (link, upto) = (poll.partner.no, poll.upto);
        let doubt = std::mem::take(&mut poll.doubt);
        if !doubt && let Some(request) = self.lost(poll).await? {
            poll.lane.polls.open.store(true, Ordering::Release);
            return Ok(Some(request));
        }
        let stream = self.shared.engine.reader().stream(link).map_err(Refusal::from)?;
        if doubt || upto > stream.out_length {
            // There is going to be a hello, and each is stored.
            poll.lane.idle.open().map_err(Refused::limited)?;
        }
        let answer = match self.shared.engine.call(AnswerPull { link, upto, doubt }).await? {
            Pulled::Nothing => return Ok(None),
            Pulled::Refused(code) => return Err(self.refused_at(link, code)),
            Pulled::Hello(hello) => {
                poll.lane.idle.charge(hello.len() + GREETING);
                let link = poll.partner.row.link;
                PullAnswer::Hello(PullHello { v: V1, link, hello: hello.into() }).encode()
            }
            Pulled::Batch(bytes) => {
                self.shared.counters.batches_sent.one();
                bytes
            }
        };
        poll.lane.polls.open.store(true, Ordering::Release);
        Ok(Some(answer))
    }
}

fn nothing(partner: &Partner, wait: u64) -> Vec<u8> {
    PullAnswer::Nothing(PullNothing { v: V1, link: partner.row.link, wait }).encode()
}

fn not_taken(partner: &Partner, what: &str, code: Code) -> bool {
    tracing::info!(link = %partner.no, %code, "a {what} that came with a request is not taken");
    false
}
