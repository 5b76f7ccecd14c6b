//! What the engine needs from the world: time, randomness, and somebody who wakes the couriers.

use std::future::Future;
use std::pin::Pin;

use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::{DeskId, LinkId};
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;

use crate::Refusal;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// Where random bytes come from.
pub trait Entropy: Send {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&mut self, buffer: &mut [u8]);
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The random numbers of this machine's kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws random bytes")]
    fn fill(&mut self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the kernel gives random bytes");
    }
}

/// Something that happens outside once a group is on stable storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// There is something to send on this link, or its state has changed.
    Wake(LinkNo),
    /// The set of links has changed.
    Links,
    /// There are files to fetch from this partner.
    Fetch(LinkNo),
    /// The partner's stream has come further.
    Advanced(LinkNo),
    /// Something has become due, or will be at another time than was told.
    Due,
}

/// Who carries effects out. Called after the commit, from the writer: it must not block.
pub trait Notifier: Send {
    /// Carries one effect out.
    fn notify(&self, effect: &Effect);
}

/// A future that API handlers wait for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Linking needs the network; whoever owns it implements this for the API.
pub trait Linker: Send + Sync {
    /// Accepts an invitation in its text form: authenticates the inviter, exchanges descriptors and nonces.
    fn accept(&self, invitation: String, name: Option<Label>) -> Pending<'_, Result<LinkId, Refusal>>;

    /// Tries at once to reach a desk that was added by hand.
    fn ask(&self, desk: DeskId);

    /// Reads at this address what the partner says of itself now, takes it if it is newer, and tries the link at once: for
    /// two desks of which neither knows where the other is.
    fn find(&self, link: LinkNo, endpoint: Endpoint) -> Pending<'_, Result<(), Refusal>>;
}
