//! The last step of linking on the accepter's side: shows nonce A, and asks until the partner has approved.
//! proto-spec, sections 3.4 and 3.7.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Partner;
use deskwire_engine::command::linking::TakeLinkState;
use deskwire_machine::retry::Retry;
use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::document::Signed;
use deskwire_proto::id::DeskId;
use deskwire_proto::linking::{Approval, LinkState};
use deskwire_proto::time::Timestamp;
use tokio::time::Instant;

use super::{Courier, Setback, Wait};
use crate::peer::{Call, Trouble};
use crate::verify::standing;

/// Every half minute for ten minutes, then on the schedule of delivery from two minutes on.
const OFTEN: Duration = Duration::from_secs(30);
const TIMES: u32 = 20;
const THEN: u32 = 2;

/// When to ask next whether a person on the other side has approved.
#[derive(Debug, Default)]
pub(super) struct Asking {
    asked: u32,
    next: Option<Instant>,
}

impl Asking {
    /// The pause after one more answer that says "waiting".
    fn pause(&mut self) -> Duration {
        self.asked = self.asked.saturating_add(1);
        if self.asked <= TIMES {
            return OFTEN;
        }
        let retry = Retry { attempt: (self.asked - TIMES - 1).saturating_add(THEN), next_at: Timestamp(0) };
        Duration::from_millis(retry.failed(Timestamp(0), 0).next_at.0)
    }
}

impl Courier {
    /// Shows the nonce, unless the partner said "waiting" a moment ago.
    pub(super) async fn reveal_if_due(&mut self, partner: &Arc<Partner>) -> Wait {
        if let Some(next) = self.asking.next {
            let left = next.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return Wait::For(left);
            }
        }
        match self.reveal(partner).await {
            Ok(Approval::Active) => {
                self.asking = Asking::default();
                Wait::For(Duration::ZERO)
            }
            Ok(Approval::Waiting) => {
                let pause = self.asking.pause();
                self.asking.next = Some(Instant::now() + pause);
                Wait::For(pause)
            }
            Err(setback) => {
                self.asking.next = None;
                self.outcome(Err(setback), partner).await
            }
        }
    }

    async fn reveal(&mut self, partner: &Arc<Partner>) -> Result<Approval, Setback> {
        let Some(reveal) = &partner.row.reveal else { return Ok(Approval::Waiting) };
        let call = Call::document("link/reveal", reveal.to_vec());
        let answer = self.shared.call(self.link, &call).await.map_err(Setback::Peer)?;
        let state = open(&answer, partner, self.shared.us())
            .map_err(|code| Setback::Peer(Trouble::unverified_answer("link-state", code)))?;
        let approval = state.body().state;
        self.shared.engine.call(TakeLinkState { link: self.link, state }).await?;
        self.lane.told.send_modify(|told| *told += 1);
        self.contact().await?;
        tracing::info!(link = %self.link, active = approval == Approval::Active, "the partner answered the reveal");
        Ok(approval)
    }
}

fn open(bytes: &[u8], partner: &Partner, us: DeskId) -> Result<Signed<LinkState>, Code> {
    let kid = Sign1::parse(bytes)?.key_id();
    Signed::open_with(bytes, |state: &LinkState| {
        if state.from != partner.desk() || state.to != us {
            return Err(Code::WrongDesk);
        }
        if state.link != partner.row.link {
            return Err(Code::WrongLink);
        }
        standing(partner.keys(), kid)
    })
}

#[cfg(test)]
mod tests {
    //! Whoever waits for approval sees it within half a minute, and does not pester the partner for a month.
    use super::*;

    #[test]
    fn asking_is_frequent_first_and_rare_then() {
        let mut asking = Asking::default();
        let seconds: Vec<u64> = (0..26).map(|_| asking.pause().as_secs()).collect();
        assert!(seconds[..20].iter().all(|pause| *pause == 30));
        assert_eq!(seconds[20..], [120, 600, 1_800, 3_600, 3_600, 3_600]);
    }
}
