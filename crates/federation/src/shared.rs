//! What all couriers, fetchers and requests share, and the one way to call a partner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use deskwire_engine::command::link::{Resume, TakeDescriptor};
use deskwire_engine::{Engine, Partner, Refusal};
use deskwire_http::address::AddressPolicy;
use deskwire_machine::retry::Failure;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::DeskId;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use tokio::sync::watch;

use crate::Config;
use crate::ask::Askers;
use crate::lane::Lanes;
use crate::memory::Pool;
use crate::numbers::Counters;
use crate::peer::{Answer, Call, Cause, Peer, Trouble, endpoints, read_descriptor};

/// Bytes of partners' bodies that may be on their way in at once: batches, and chunks of files that are brought.
const BODIES: usize = 72 * 1024 * 1024;

/// One per daemon.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) policy: Arc<AddressPolicy>,
    pub(crate) lanes: Lanes,
    pub(crate) counters: Counters,
    pub(crate) askers: Askers,
    /// Room on the disk that no file of a partner may take, bytes.
    pub(crate) disk_floor: u64,
    /// Requests of partners for our streams that may be held at once.
    pub(crate) polls_held: usize,
    /// Rings when something has become due before its time.
    pub(crate) due: tokio::sync::Notify,
    /// The desk is about to end: what is held is answered.
    pub(crate) leaving: watch::Sender<bool>,
    /// For bodies of partners that are still coming.
    pub(crate) bodies: Arc<Pool<LinkNo>>,
    peers: Mutex<HashMap<LinkNo, Known>>,
}

/// A client made for one version of a partner's descriptor.
struct Known {
    version: Timestamp,
    peer: Arc<Peer>,
}

impl Shared {
    pub(crate) fn new(engine: Engine, config: &Config) -> Self {
        Self {
            engine,
            policy: Arc::new(AddressPolicy::allowing(config.allowed_ranges.clone())),
            disk_floor: config.disk_floor,
            due: tokio::sync::Notify::new(),
            polls_held: config.polls_held,
            leaving: watch::Sender::new(false),
            lanes: Lanes::default(),
            counters: Counters::default(),
            askers: Askers::default(),
            bodies: Pool::new(BODIES),
            peers: Mutex::default(),
        }
    }

    /// This desk.
    pub(crate) fn us(&self) -> DeskId {
        self.engine.identity().desk()
    }

    /// Whether this desk tells partners of an address at which they can reach it.
    pub(crate) fn is_reachable(&self) -> bool {
        !self.engine.identity().descriptor().body().endpoints.is_empty()
    }

    /// The link as it stands.
    ///
    /// # Errors
    /// When the store fails; `None` is a link that is not there.
    pub(crate) fn partner(&self, link: LinkNo) -> Result<Option<Arc<Partner>>, Refusal> {
        Ok(self.engine.reader().partner(link)?)
    }

    /// Calls a partner. If its server shows a TLS key that is not known, its newest descriptor is read, and if that
    /// one vouches for the key, the call is made again, once.
    ///
    /// # Errors
    /// Why there is no usable answer.
    pub(crate) async fn call(&self, link: LinkNo, call: &Call) -> Result<Bytes, Trouble> {
        self.open(link, call).await?.whole().await
    }

    /// As [`Shared::call`], up to the head of the answer.
    ///
    /// # Errors
    /// Why there is no usable answer.
    pub(crate) async fn open(&self, link: LinkNo, call: &Call) -> Result<Answer, Trouble> {
        let partner = self.known(link)?;
        match self.peer(&partner)?.open(call).await {
            Err(trouble) if trouble.cause == Cause::OtherKey => {
                self.renew(&partner, trouble).await?;
                let renewed = self.known(link)?;
                self.peer(&renewed)?.open(call).await
            }
            Err(trouble) if trouble.wire() == Some(Code::Slow) => {
                // Not all that was said arrived: the line may be dead in that direction alone. The next call takes another.
                self.peers.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
                Err(trouble)
            }
            outcome => outcome,
        }
    }

    fn known(&self, link: LinkNo) -> Result<Arc<Partner>, Trouble> {
        let gone = || Trouble::new(Failure::Unreachable, "unknown-link", "The link is gone.".into());
        self.partner(link).map_err(|refusal| Self::not_ours(&refusal))?.ok_or_else(gone)
    }

    /// A failure of this desk in the middle of a call: the partner is not to blame, the schedule goes on.
    fn not_ours(refusal: &Refusal) -> Trouble {
        tracing::warn!(code = refusal.code, "a call to a partner failed on this side");
        Trouble::new(Failure::Unreachable, "internal", refusal.words.clone())
    }

    /// The client for a partner's newest descriptor.
    fn peer(&self, partner: &Partner) -> Result<Arc<Peer>, Trouble> {
        let version = partner.descriptor.body().version;
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&partner.no).filter(|known| known.version == version) {
            return Ok(Arc::clone(&known.peer));
        }
        let pins = partner.tls().iter().map(|spki| *spki.as_bytes());
        let peer = Arc::new(Peer::new(&self.policy, endpoints(partner.endpoints()), pins)?);
        peers.insert(partner.no, Known { version, peer: Arc::clone(&peer) });
        Ok(peer)
    }

    /// Reads the descriptor at the partner's endpoints and takes it if it may be taken and vouches for the key met.
    async fn renew(&self, partner: &Partner, trouble: Trouble) -> Result<(), Trouble> {
        for endpoint in endpoints(partner.endpoints()) {
            let Ok((descriptor, key)) = read_descriptor(&self.policy, &endpoint).await else { continue };
            let vouched = descriptor.body().tls.iter().any(|spki| *spki.as_bytes() == key);
            if !vouched || !is_newer(&descriptor, partner) {
                continue;
            }
            let take = TakeDescriptor { link: partner.no, descriptor };
            self.engine.call(take).await.map_err(|refusal| Self::not_ours(&refusal))?;
            tracing::info!(link = %partner.no, "the partner announced a new TLS key; its descriptor was taken");
            return Ok(());
        }
        Err(trouble)
    }
}

impl Shared {
    /// Reads the partner's newest descriptor where it signs with a key that is not known yet. `true` if there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn refresh(&self, partner: &Partner) -> Result<bool, Refusal> {
        for endpoint in endpoints(partner.endpoints()) {
            let Ok((descriptor, _)) = read_descriptor(&self.policy, &endpoint).await else { continue };
            if is_newer(&descriptor, partner) {
                self.engine.call(TakeDescriptor { link: partner.no, descriptor }).await?;
                tracing::info!(link = %partner.no, "the partner has a newer key; its descriptor was taken");
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Why a partner was not found at an address.
pub(crate) enum Missed {
    /// Nothing of use came from there.
    Unread(Trouble),
    /// Another desk is there, which calls itself so.
    OtherDesk(String),
    /// The descriptor there does not vouch for the TLS key that was met.
    Unvouched,
    /// The descriptor there is older than the known one.
    Older,
    /// This desk refused it.
    Refused(Refusal),
}

impl Shared {
    /// Looks for a partner at an address that a person gave, and tries the link at once if it is there.
    ///
    /// # Errors
    /// Why it was not found there; nothing was changed.
    pub(crate) async fn find(&self, link: LinkNo, endpoint: &Endpoint) -> Result<(), Missed> {
        let partner = self.partner(link).map_err(Missed::Refused)?;
        let partner =
            partner.ok_or_else(|| Missed::Refused(Refusal::unknown("link", link, "deskwire link list")))?;
        let (descriptor, key) = read_descriptor(&self.policy, endpoint).await.map_err(Missed::Unread)?;
        if descriptor.desk() != partner.desk() {
            return Err(Missed::OtherDesk(descriptor.body().name.to_string()));
        }
        if !descriptor.body().tls.iter().any(|spki| *spki.as_bytes() == key) {
            return Err(Missed::Unvouched);
        }
        let known = descriptor.raw() == partner.descriptor.raw();
        let newer = is_newer(&descriptor, &partner);
        let forked =
            !descriptor.keys().continues(partner.keys()) && !partner.keys().continues(descriptor.keys());
        if !known && !newer && !forked {
            return Err(Missed::Older);
        }
        self.engine.call(TakeDescriptor { link, descriptor }).await.map_err(Missed::Refused)?;
        self.engine.call(Resume { link }).await.map_err(Missed::Refused)
    }
}

/// Whether a descriptor is one that takes the place of the partner's known one. proto-spec, section 2.4.
pub(crate) fn is_newer(descriptor: &Descriptor, partner: &Partner) -> bool {
    descriptor.desk() == partner.desk()
        && descriptor.keys().continues(partner.keys())
        && descriptor.body().version > partner.descriptor.body().version
}
