//! Figures about a partner over a period: how many, how fast, how often, how good, how dear.

use std::collections::BTreeMap;

use deskwire_proto::text::Currency;
use deskwire_proto::time::Timestamp;

use super::amount::Amount;

/// What is settled of one delegation, as far as the figures need it. All times count as the protocol counts them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Times {
    /// When it was offered.
    pub offered: Timestamp,
    /// When it was accepted, if it was.
    pub accepted: Option<Timestamp>,
    /// When it was declined, if it was.
    pub declined: Option<Timestamp>,
    /// When it was resolved first.
    pub resolved: Option<Timestamp>,
    /// How often it was reopened.
    pub reopened: u32,
    /// Whether the time to respond was kept; nothing without one, or while that is open.
    pub response_kept: Option<bool>,
    /// Whether the time to resolve was kept.
    pub resolution_kept: Option<bool>,
    /// The rating.
    pub stars: Option<u8>,
}

/// Figures over many delegations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Offers.
    pub offers: u64,
    /// Those that were accepted.
    pub accepted: u64,
    /// Those that were declined.
    pub declined: u64,
    /// Those that were resolved.
    pub resolved: u64,
    /// Those that were reopened.
    pub reopened: u64,
    /// Deadlines that were kept, and those that were not.
    pub deadlines: (u64, u64),
    /// Ratings: how many, and all stars together.
    pub ratings: (u64, u64),
    /// What the approved lines cost with tax, by currency.
    pub cost: BTreeMap<Currency, Amount>,
    response: Vec<u64>,
    resolution: Vec<u64>,
}

/// Median and 90th percentile, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Half of them took no longer.
    pub median: u64,
    /// Nine of ten took no longer.
    pub p90: u64,
}

impl Figures {
    /// Counts one delegation.
    pub fn count(&mut self, one: &Times) {
        self.offers += 1;
        self.accepted += u64::from(one.accepted.is_some());
        self.declined += u64::from(one.declined.is_some());
        self.reopened += u64::from(one.reopened > 0);
        if let Some(answered) = one.accepted.or(one.declined) {
            self.response.push(answered.since(one.offered));
        }
        if let Some(resolved) = one.resolved {
            self.resolved += 1;
            self.resolution.push(resolved.since(one.offered));
        }
        for kept in [one.response_kept, one.resolution_kept].into_iter().flatten() {
            if kept {
                self.deadlines.0 += 1;
            } else {
                self.deadlines.1 += 1;
            }
        }
        if let Some(stars) = one.stars {
            self.ratings.0 += 1;
            self.ratings.1 += u64::from(stars);
        }
    }

    /// Adds what an approved line costs.
    pub fn pay(&mut self, currency: &Currency, amount: Amount) {
        match self.cost.get_mut(currency) {
            Some(sum) => *sum += amount,
            None => drop(self.cost.insert(currency.clone(), amount)),
        }
    }

    /// From the offer to the answer.
    pub fn response(&mut self) -> Option<Spread> {
        spread(&mut self.response)
    }

    /// From the offer to the first resolution.
    pub fn resolution(&mut self) -> Option<Spread> {
        spread(&mut self.resolution)
    }
}

fn spread(times: &mut [u64]) -> Option<Spread> {
    Some(Spread { median: rank(times, 50)?, p90: rank(times, 90)? })
}

/// The smallest of the numbers that at least so many per cent of them do not exceed (nearest rank).
fn rank(times: &mut [u64], percent: usize) -> Option<u64> {
    let place = (times.len() * percent).div_ceil(100).checked_sub(1)?;
    Some(*times.select_nth_unstable(place).1)
}

#[cfg(test)]
mod tests {
    //! A partner is chosen, and paid, by these figures.
    use super::*;

    #[test]
    fn median_and_ninetieth_percentile_are_times_that_happened() {
        let mut figures = Figures::default();
        assert_eq!(figures.response(), None);
        for minutes in (1..=10).rev() {
            let accepted = Some(Timestamp(minutes * 60_000));
            figures.count(&Times { accepted, ..Times::default() });
        }
        assert_eq!(figures.response(), Some(Spread { median: 300_000, p90: 540_000 }));
        assert_eq!((figures.offers, figures.accepted, figures.declined), (10, 10, 0));
        assert_eq!(figures.resolution(), None);
    }

    #[test]
    fn what_did_not_happen_is_counted_nowhere() {
        let mut figures = Figures::default();
        figures.count(&Times { declined: Some(Timestamp(5)), ..Times::default() });
        figures.count(&Times {
            resolved: Some(Timestamp(9)),
            accepted: Some(Timestamp(3)),
            resolution_kept: Some(false),
            response_kept: Some(true),
            reopened: 2,
            stars: Some(4),
            ..Times::default()
        });
        figures.count(&Times::default());
        assert_eq!((figures.offers, figures.accepted, figures.declined, figures.resolved), (3, 1, 1, 1));
        assert_eq!((figures.deadlines, figures.ratings, figures.reopened), ((1, 1), (1, 4), 1));
        assert_eq!(figures.response(), Some(Spread { median: 3, p90: 5 }));
        let eur = Currency::new("EUR").unwrap();
        figures.pay(&eur, Amount::of_hundredths(150));
        figures.pay(&eur, Amount::of_hundredths(-50));
        assert_eq!(figures.cost[&eur].to_string(), "1.00");
    }
}
