//! The linking exchange from the side that asks: descriptor, request, answer. proto-spec, section 3.4.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Refusal;
use deskwire_engine::command::linking::{Accepted, ComposeRequest, ComposedRequest};
use deskwire_machine::retry::Failure;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::{DeskId, Hash, LinkId};
use deskwire_proto::invitation::Secret;
use deskwire_proto::linking::LinkAnswer;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Label;
use deskwire_store::local::LinkNo;

use crate::peer::{Call, Peer, Trouble, read_descriptor};
use crate::shared::Shared;

/// The same stored request is repeated after a lost answer; a second one would find the invitation used.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// What this desk asks for, and whom.
pub(crate) struct Exchange {
    pub(crate) desk: DeskId,
    pub(crate) endpoint: Endpoint,
    pub(crate) terms: Terms,
    /// That of the invitation; none for a link by hand.
    pub(crate) secret: Option<Secret>,
    pub(crate) name: Option<Label>,
}

/// A verified answer.
pub(crate) struct Heard {
    answer: Vec<u8>,
    descriptor: Descriptor,
}

impl Exchange {
    /// Composes the request, to be kept and repeated until there is an answer.
    ///
    /// # Errors
    /// When this desk cannot.
    pub(crate) async fn compose(&self, shared: &Shared) -> Result<ComposedRequest, Refusal> {
        let (to, terms, secret) = (self.desk, self.terms.clone(), self.secret.clone());
        shared.engine.call(ComposeRequest { to, terms, secret }).await
    }

    /// Asks, and verifies the answer. Nothing is recorded yet.
    ///
    /// # Errors
    /// Why there is no answer, with words for a person.
    pub(crate) async fn converse(
        &self,
        shared: &Shared,
        composed: &ComposedRequest,
    ) -> Result<Heard, Trouble> {
        let (met, peer) = self.meet(shared).await?;
        if met.body().endpoints.is_empty() && !shared.is_reachable() {
            return Err(Trouble::neither_has_an_endpoint());
        }
        let answer = self.ask(&peer, composed).await?;
        let descriptor = self.open(&answer, composed, shared.us())?;
        let newest = if descriptor.body().version > met.body().version { descriptor } else { met };
        Ok(Heard { answer: answer.to_vec(), descriptor: newest })
    }

    /// Records the link; its courier does the rest.
    ///
    /// # Errors
    /// When this desk cannot.
    pub(crate) async fn conclude(
        &self,
        shared: &Shared,
        composed: &ComposedRequest,
        heard: Heard,
    ) -> Result<(LinkNo, LinkId), Refusal> {
        let accepted = Accepted {
            request: composed.raw.clone(),
            answer: heard.answer,
            nonce: composed.nonce,
            descriptor: heard.descriptor,
            name: self.name.clone(),
            by_hand: self.secret.is_none(),
        };
        let (no, link) = shared.engine.call(accepted).await?;
        tracing::info!(link = %no, desk = %self.desk, "linked; the reveal goes out");
        Ok((no, link))
    }

    /// Who is there? Only a server whose TLS key the right desk's descriptor names gets to see the request.
    async fn meet(&self, shared: &Shared) -> Result<(Descriptor, Peer), Trouble> {
        let (descriptor, key) = read_descriptor(&shared.policy, &self.endpoint).await?;
        if descriptor.desk() != self.desk {
            let words = format!(
                "{} is another desk ({}) than the one expected ({}). Nothing was sent to it; check the address.",
                self.endpoint,
                descriptor.desk(),
                self.desk
            );
            return Err(Trouble::new(Failure::Refused, "other-desk", words));
        }
        if !descriptor.body().tls.iter().any(|spki| *spki.as_bytes() == key) {
            return Err(Trouble::other_key(&self.endpoint));
        }
        let pins: Vec<_> = descriptor.body().tls.iter().map(|spki| *spki.as_bytes()).collect();
        let peer = Peer::new(&Arc::clone(&shared.policy), vec![self.endpoint.clone()], pins)?;
        Ok((descriptor, peer))
    }

    async fn ask(&self, peer: &Peer, composed: &ComposedRequest) -> Result<bytes::Bytes, Trouble> {
        let call = Call::document("link/request", composed.raw.clone());
        let mut tries = 1;
        loop {
            match peer.call(&call).await {
                Err(trouble) if trouble.failure == Failure::Unreachable && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Checks that the answer is the other desk's, and to this request.
    fn open(&self, answer: &[u8], composed: &ComposedRequest, us: DeskId) -> Result<Descriptor, Trouble> {
        let mut found = None;
        let opened = Signed::open_with(answer, |said: &LinkAnswer| {
            let descriptor = Descriptor::open(&said.descriptor)?;
            if descriptor.desk() != self.desk || said.from != self.desk || said.to != us {
                return Err(Code::WrongDesk);
            }
            if said.request != Hash::of(&composed.raw) {
                return Err(Code::Malformed);
            }
            if said.terms != self.terms {
                return Err(Code::TermsDiffer);
            }
            let key = *descriptor.keys().current();
            found = Some(descriptor);
            Ok(key)
        });
        let verified = opened.and_then(|_: Signed<LinkAnswer>| found.ok_or(Code::Malformed));
        verified.map_err(|code| Trouble::unverified(&self.endpoint, "answer", code))
    }
}
