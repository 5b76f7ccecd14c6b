//! Percentiles of measured times.

use serde::Serialize;

/// How measured times are spread, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    /// Half of them took at most so long.
    pub(super) p50: f64,
    /// 99 of 100 took at most so long.
    pub(super) p99: f64,
    /// All took at most so long.
    pub(super) max: f64,
}

impl Spread {
    /// The spread of these times in milliseconds, by the nearest-rank method; zeros when there are none.
    pub(super) fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100);
            times.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p99: rank(99), max: rank(100) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", self.p50, self.p99, self.max)
    }
}

#[cfg(test)]
mod tests {
    //! A percentile off by one flatters the slowest calls away.
    use super::*;

    #[test]
    fn each_percentile_is_a_time_that_was_measured() {
        let times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(Spread::of(times), Spread { p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { p50: 2.0, p99: 3.0, max: 3.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { p50: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn one_slow_call_in_a_hundred_is_not_in_p99_and_two_are() {
        let mut times = vec![1.0; 99];
        times.push(500.0);
        assert_eq!(Spread::of(times.clone()).p99, 1.0);
        times[0] = 400.0;
        assert_eq!(Spread::of(times).p99, 400.0);
    }
}
