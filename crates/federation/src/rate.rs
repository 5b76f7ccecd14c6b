//! Token buckets: one for each address in bounded memory, one for each link.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many tokens, filled up evenly within a minute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate(u32);

impl Rate {
    pub(crate) const fn per_minute(count: u32) -> Self {
        Self(count)
    }
}

/// One bucket for each address, and one for all together.
#[derive(Debug)]
pub(crate) struct Limiter {
    each: Rate,
    all: Option<Rate>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    by_address: HashMap<IpAddr, Bucket>,
    all: Option<Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a token, so that slow rates fill evenly.
    tokens: u64,
    at: Instant,
}

/// One bucket by itself.
#[derive(Debug)]
pub(crate) struct Meter {
    rate: Rate,
    bucket: Mutex<Bucket>,
}

impl Meter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, bucket: Mutex::new(Bucket::full(rate, Instant::now())) }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(crate) fn spend(&self) -> Result<(), Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.fill(self.rate, Instant::now());
        bucket.has_token(self.rate)?;
        bucket.tokens -= TOKEN;
        Ok(())
    }

    /// Takes more tokens, as far as there are: the request was one that no honest partner sends.
    pub(crate) fn fine(&self, count: u32) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.tokens = bucket.tokens.saturating_sub(u64::from(count) * TOKEN);
    }

    /// Gives a token back: the request was a good one.
    pub(crate) fn refund(&self) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.tokens = (bucket.tokens + TOKEN).min(self.rate.full());
    }
}

/// So many bytes, filled up evenly within an hour. What was not known before is charged after, so it may be overdrawn
/// once.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    left: Mutex<(u64, Instant)>,
}

impl Budget {
    pub(crate) fn per_hour(most: u64) -> Self {
        Self { most, left: Mutex::new((most, Instant::now())) }
    }

    /// Whether something is left.
    ///
    /// # Errors
    /// How long until there is a little again.
    pub(crate) fn open(&self) -> Result<(), Duration> {
        if self.filled().0 > 0 { Ok(()) } else { Err(Duration::from_secs(60)) }
    }

    /// Takes as many, as far as there are.
    pub(crate) fn charge(&self, bytes: usize) {
        let mut left = self.filled();
        left.0 = left.0.saturating_sub(bytes as u64);
    }

    fn filled(&self) -> std::sync::MutexGuard<'_, (u64, Instant)> {
        const HOUR: u128 = 3_600_000;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = left.1.elapsed().as_millis().min(HOUR);
        let earned = u64::try_from(waited * u128::from(self.most) / HOUR).unwrap_or(self.most);
        if earned > 0 {
            *left = (left.0.saturating_add(earned).min(self.most), Instant::now());
        }
        left
    }
}

/// Addresses remembered. When that many are short of tokens, newcomers share one bucket.
const ADDRESSES: usize = 4_096;
const TOKEN: u64 = 1_000;

impl Limiter {
    pub(crate) fn new(each: Rate, all: Option<Rate>) -> Self {
        Self { each, all, buckets: Mutex::default() }
    }

    /// Takes a token of this address, and one of all.
    ///
    /// # Errors
    /// How long until there is one again.
    pub(crate) fn spend(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let own = buckets.of(address, self.each, now);
        own.has_token(self.each)?;
        if let Some(rate) = self.all {
            let all = buckets.all.get_or_insert(Bucket::full(rate, now));
            all.fill(rate, now);
            all.has_token(rate)?;
            all.tokens -= TOKEN;
        }
        buckets.of(address, self.each, now).tokens -= TOKEN;
        Ok(())
    }

    /// Gives a token back: the request was a good one.
    pub(crate) fn refund(&self, address: Option<IpAddr>) {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let own = buckets.of(address, self.each, now);
        own.tokens = (own.tokens + TOKEN).min(self.each.full());
        if let (Some(rate), Some(all)) = (self.all, &mut buckets.all) {
            all.tokens = (all.tokens + TOKEN).min(rate.full());
        }
    }
}

impl Rate {
    fn full(self) -> u64 {
        u64::from(self.0) * TOKEN
    }
}

impl Buckets {
    fn of(&mut self, address: Option<IpAddr>, rate: Rate, now: Instant) -> &mut Bucket {
        let mut key = address.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        if self.by_address.len() >= ADDRESSES && !self.by_address.contains_key(&key) {
            self.by_address.retain(|_, bucket| {
                bucket.fill(rate, now);
                bucket.tokens < rate.full()
            });
            if self.by_address.len() >= ADDRESSES {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let bucket = self.by_address.entry(key).or_insert(Bucket::full(rate, now));
        bucket.fill(rate, now);
        bucket
    }
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.full(), at: now }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let waited = u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let earned = waited.saturating_mul(rate.full()) / 60_000;
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(rate.full());
            self.at = now;
        }
    }

    fn has_token(&self, rate: Rate) -> Result<(), Duration> {
        match TOKEN.checked_sub(self.tokens) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(Duration::from_millis(missing * 60_000 / rate.full().max(1) + 1)),
        }
    }
}

/// One customer of an Internet provider: an IPv4 address, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    //! Guessing secrets must be slow for one, for many together, and must not fill the memory.
    use super::*;

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(n.into()))
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_is_slowed_and_served_again() {
        let limiter = Limiter::new(Rate::per_minute(10), None);
        for _ in 0..10 {
            limiter.spend(address(1)).unwrap();
        }
        let wait = limiter.spend(address(1)).unwrap_err();
        assert!(wait <= Duration::from_secs(7), "{wait:?}");
        limiter.spend(address(2)).unwrap();
        tokio::time::advance(wait).await;
        limiter.spend(address(1)).unwrap();
        assert!(limiter.spend(address(1)).is_err());
        limiter.refund(address(1));
        limiter.spend(address(1)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_are_slowed_too() {
        let limiter = Limiter::new(Rate::per_minute(10), Some(Rate::per_minute(100)));
        let taken = (0..1_000).filter(|n| limiter.spend(address(*n)).is_ok()).count();
        assert_eq!(taken, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_overdrawn_comes_back_within_the_hour() {
        let budget = Budget::per_hour(3_600);
        budget.charge(10_000);
        assert_eq!(budget.open(), Err(Duration::from_secs(60)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(budget.filled().0, 60);
        tokio::time::advance(Duration::from_secs(36_000)).await;
        assert_eq!(budget.filled().0, 3_600);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_newcomers_share_a_bucket() {
        let limiter = Limiter::new(Rate::per_minute(2), None);
        let taken = (0..10_000).filter(|n| limiter.spend(address(*n)).is_ok()).count();
        assert_eq!(taken, ADDRESSES + 2);
        assert!(limiter.buckets.lock().unwrap().by_address.len() <= ADDRESSES + 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        limiter.spend(address(20_000)).unwrap();
        assert_eq!(limiter.buckets.lock().unwrap().by_address.len(), 1, "full buckets are forgotten");
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let two: IpAddr = "2001:db8::ffff:1".parse().unwrap();
        assert_eq!(network(one), network(two));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
