//! The count of open connections, in all and per client network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Gate {
    max: usize,
    max_per_network: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

impl Gate {
    pub(super) fn new(max: usize, max_per_network: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_network, open: Mutex::default() })
    }

    /// A place for one more connection, given back when the permit is dropped.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Permit> {
        let network = network_of(client);
        let mut open = self.open();
        let theirs = open.by_network.get(&network).copied().unwrap_or(0);
        if open.total >= self.max || theirs >= self.max_per_network {
            return None;
        }
        open.total += 1;
        open.by_network.insert(network, theirs + 1);
        Some(Permit { gate: Arc::clone(self), network })
    }

    fn leave(&self, network: IpAddr) {
        let mut open = self.open();
        open.total -= 1;
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

#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    network: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.leave(self.network);
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
        let gate = Gate::new(3, 2);
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
        let gate = Gate::new(10, 1);
        let _one = gate.admit(ip("2001:4860:1:2::1")).unwrap();
        assert!(gate.admit(ip("2001:4860:1:2:ffff::9")).is_none());
        assert!(gate.admit(ip("2001:4860:1:3::1")).is_some());
    }
}
