//! The count of what is open, connections or requests, in all and per client network.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

#[derive(Debug)]
pub(super) struct Gate {
    max: usize,
    max_per_network: usize,
    /// Whether those who have shown nothing yet give way when all places are taken.
    gives_way: bool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
    next: u64,
    /// Those who have shown nothing yet, oldest first.
    newcomers: BTreeMap<u64, Option<AbortHandle>>,
}

impl Gate {
    /// For connections: when all places are taken, the oldest one that never got a good answer is closed for the next.
    /// So whoever holds places without using them keeps nobody out.
    pub(super) fn of_connections(max: usize, max_per_network: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_network, gives_way: true, open: Mutex::default() })
    }

    /// For requests: whoever is in stays until it is done.
    pub(super) fn of_requests(max: usize, max_per_network: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_network, gives_way: false, open: Mutex::default() })
    }

    /// A place for one more, given back when the permit is dropped.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Permit> {
        let network = network_of(client);
        let mut open = self.open();
        let theirs = open.by_network.get(&network).copied().unwrap_or(0);
        if theirs >= self.max_per_network || (open.total >= self.max && !open.evict()) {
            return None;
        }
        let id = open.next;
        open.next += 1;
        open.total += 1;
        open.by_network.insert(network, theirs + 1);
        if self.gives_way {
            open.newcomers.insert(id, None);
        }
        Some(Permit { gate: Arc::clone(self), network, id })
    }

    /// Tells how the holder of a place is put out.
    pub(super) fn watch(&self, id: u64, holder: AbortHandle) {
        if let Some(newcomer) = self.open().newcomers.get_mut(&id) {
            *newcomer = Some(holder);
        }
    }

    fn leave(&self, id: u64, network: IpAddr) {
        let mut open = self.open();
        open.total -= 1;
        open.newcomers.remove(&id);
        if let Entry::Occupied(mut theirs) = open.by_network.entry(network) {
            *theirs.get_mut() -= 1;
            if *theirs.get() == 0 {
                theirs.remove();
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Puts the oldest newcomer out; its place is free as soon as its task has ended.
    fn evict(&mut self) -> bool {
        let oldest = self.newcomers.iter().find_map(|(id, holder)| holder.is_some().then_some(*id));
        let holder = oldest.and_then(|id| self.newcomers.remove(&id)).flatten();
        holder.map(|holder| holder.abort()).is_some()
    }
}

#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    network: IpAddr,
    id: u64,
}

impl Permit {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The client got a good answer: it is no newcomer any more.
    pub(super) fn prove(&self) {
        self.gate.open().newcomers.remove(&self.id);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.leave(self.id, self.network);
    }
}

/// One customer line has one IPv4 address, but a /64 of IPv6 addresses.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// One client must not take every place, and gets its own back when it leaves.
    #[test]
    fn places_are_counted_per_network_and_given_back() {
        let gate = Gate::of_requests(3, 2);
        let first = gate.admit(ip("192.0.2.1")).unwrap();
        let _second = gate.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(gate.admit(ip("192.0.2.1")).is_none(), "two places per network");
        let _other = gate.admit(ip("192.0.2.2")).unwrap();
        assert!(gate.admit(ip("192.0.2.3")).is_none(), "three places in all");
        drop(first);
        assert!(gate.admit(ip("192.0.2.1")).is_some());
    }

    /// Whoever has a /64 has 2^64 addresses: they count as one client.
    #[test]
    fn addresses_of_one_ipv6_line_are_one_client() {
        let gate = Gate::of_connections(10, 1);
        let _one = gate.admit(ip("2001:4860:1:2::1")).unwrap();
        assert!(gate.admit(ip("2001:4860:1:2:ffff::9")).is_none());
        assert!(gate.admit(ip("2001:4860:1:3::1")).is_some());
    }

    /// Strangers that take every place and say nothing must not keep a partner out.
    #[tokio::test]
    async fn whoever_shows_nothing_gives_way_to_the_next() {
        let gate = Gate::of_connections(2, 2);
        let place = |client: &str| {
            let permit = gate.admit(ip(client)).unwrap();
            let id = permit.id();
            let task = tokio::spawn(async move {
                let _held = permit;
                std::future::pending::<()>().await
            });
            gate.watch(id, task.abort_handle());
            task
        };
        let proven = gate.admit(ip("192.0.2.1")).unwrap();
        proven.prove();
        let silent = place("192.0.2.2");
        let next = place("192.0.2.3");
        assert!(silent.await.unwrap_err().is_cancelled(), "the oldest that shows nothing is put out");
        let last = place("192.0.2.4");
        assert!(next.await.unwrap_err().is_cancelled());
        last.abort();
        assert!(last.await.unwrap_err().is_cancelled());
        assert_eq!(gate.open().total, 1, "the proven one keeps its place");
    }
}
