//! How two daemons compare that were measured in turns: a bound that holds although the machine is never the same twice.

use serde::Serialize;

use crate::verb::bench::spread::Spread;

/// By how much the troubled desk may be slower than the calm one.
const BOUND: f64 = 1.20;

/// How often a time of the troubled desk is as long as that of the calm one in the turns beside it.
///
/// Each turn gives one ratio, so that what the machine does for longer than a turn meets both sides of it. Of the ratios
/// the median is told, and between which ratios the true median lies with a probability of at least 95 %, whatever the
/// ratios are spread like (by ranks, from the binomial distribution).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Ratio {
    pub(super) turns: usize,
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What can be said of the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// All of the interval lies within.
    Within,
    /// All of it lies beyond.
    Beyond,
    /// The bound lies in it.
    Open,
}

/// The ratios of one kind of time.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Ratios {
    pub(super) p50: Ratio,
    pub(super) p99: Ratio,
}

impl Ratios {
    /// Of the times in each pair of turns, the calm one's first.
    pub(super) fn of<'a>(pairs: impl Iterator<Item = (&'a [f64], &'a [f64])>) -> Self {
        let (mut halves, mut tails) = (Vec::new(), Vec::new());
        for (calm, troubled) in pairs {
            let (calm, troubled) = (Spread::of(calm.to_vec()), Spread::of(troubled.to_vec()));
            halves.extend(ratio(calm.p50, troubled.p50));
            tails.extend(ratio(calm.p99, troubled.p99));
        }
        Self { p50: Ratio::of(halves), p99: Ratio::of(tails) }
    }
}

fn ratio(calm: f64, troubled: f64) -> Option<f64> {
    (calm > 0.0 && troubled > 0.0).then(|| troubled / calm)
}

impl Ratio {
    fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let turns = ratios.len();
        let Some(last) = turns.checked_sub(1) else { return Self::default() };
        let skipped = beyond(turns);
        let middle = (ratios[last / 2] + ratios[turns / 2]) / 2.0;
        Self { turns, median: middle, low: ratios[skipped], high: ratios[last - skipped] }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self {
            it if it.turns == 0 => Verdict::Open,
            it if it.high <= BOUND => Verdict::Within,
            it if it.low > BOUND => Verdict::Beyond,
            _ => Verdict::Open,
        }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let change = |ratio: f64| format!("{:+.0} %", (ratio - 1.0) * 100.0);
        let verdict = match self.verdict() {
            Verdict::Within => "within +20 %",
            Verdict::Beyond => "BEYOND +20 %",
            Verdict::Open => "open: take more seconds",
        };
        write!(f, "{} ({} to {}), {verdict}", change(self.median), change(self.low), change(self.high))
    }
}

/// How many of so many ratios may be left out at each end so that the median of all there could be lies among the rest
/// with a probability of at least 95 %. With less than six turns even all of them do not reach that.
fn beyond(turns: usize) -> usize {
    let mut at_most = 0.0;
    let mut exactly = 0.5_f64.powi(i32::try_from(turns).unwrap_or(i32::MAX));
    for count in 0..turns / 2 {
        at_most += exactly;
        if at_most > 0.025 {
            return count.saturating_sub(1);
        }
        exactly *= (turns - count) as f64 / (count + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    //! Noise must not pass for a result, nor hide one.
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Two-sided, 95 %: the ranks that are left out at each end, less one.
        for (turns, skipped) in [(6, 0), (9, 1), (12, 2), (20, 5), (30, 9), (60, 21), (100, 39)] {
            assert_eq!(beyond(turns), skipped, "{turns}");
        }
    }

    #[test]
    fn drift_that_meets_both_is_no_difference() {
        let calm: Vec<Vec<f64>> = (1..=30).map(|turn| vec![f64::from(turn); 50]).collect();
        let troubled: Vec<Vec<f64>> = (1..=30).map(|turn| vec![f64::from(turn) * 1.1; 50]).collect();
        let ratios = Ratios::of(calm.iter().zip(&troubled).map(|(calm, bad)| (&**calm, &**bad)));
        assert!((ratios.p50.median - 1.1).abs() < 1e-9 && (ratios.p99.high - 1.1).abs() < 1e-9);
        assert_eq!(ratios.p50.verdict(), Verdict::Within);
    }

    #[test]
    fn what_the_turns_do_not_settle_is_said_to_be_open() {
        let ratio = |ratios: &[f64]| Ratio::of(ratios.repeat(10)).verdict();
        assert_eq!(ratio(&[0.9, 1.0, 1.1]), Verdict::Within);
        assert_eq!(ratio(&[1.3, 1.5, 1.4]), Verdict::Beyond);
        assert_eq!(ratio(&[0.8, 1.5]), Verdict::Open);
        assert_eq!(Ratio::of(Vec::new()).verdict(), Verdict::Open);
    }
}
