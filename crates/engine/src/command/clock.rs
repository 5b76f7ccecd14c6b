//! What partners say of the time. Nothing depends on it but what people read: so a wrong clock is shown, and harms nobody.

use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::LinkEventRow;

use crate::{Refusal, Step, cut_words};

/// A clock that differs by more, milliseconds, is shown as wrong.
pub const SKEW_SHOWN: u64 = 300_000;

/// How a partner's clock differs from this desk's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// By how much it is ahead, milliseconds; negative when it is behind.
    pub ahead: i64,
    /// When that was seen.
    pub at: Timestamp,
}

impl Skew {
    /// Whether people should look at one of the two clocks.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        self.ahead.unsigned_abs() > SKEW_SHOWN
    }

    /// In words: `3 hours ahead`.
    #[must_use]
    pub fn words(&self) -> String {
        let seconds = self.ahead.unsigned_abs() / 1_000;
        let (count, unit) = match seconds {
            0..120 => (seconds, "seconds"),
            120..7_200 => (seconds / 60, "minutes"),
            7_200..172_800 => (seconds / 3_600, "hours"),
            _ => (seconds / 86_400, "days"),
        };
        format!("{count} {unit} {}", if self.ahead < 0 { "behind" } else { "ahead" })
    }
}

/// A partner said just now what time it has. The operator is told when the difference becomes worth a look.
///
/// # Errors
/// When the store fails.
pub(super) fn told(step: &mut Step<'_>, no: LinkNo, theirs: Timestamp) -> Result<(), Refusal> {
    let difference = i128::from(theirs.0) - i128::from(step.now.0);
    let ahead = i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX });
    let skew = Skew { ahead, at: step.now };
    let before = step.memory.told_time(no, skew);
    if !skew.is_shown() || before.is_some_and(|before| before.is_shown()) {
        return Ok(());
    }
    let words = skew.words();
    tracing::warn!(link = %no, skew = words, "the partner's clock and this desk's differ");
    let event = LinkEventRow {
        at: step.now,
        code: Code::new("clock-skew").expect("a code"),
        words: cut_words(&format!(
            "The partner's clock is {words} of this desk's. The order of messages does not depend on it, but times that \
             people read and deadlines may be wrong: set the clock that is wrong."
        )),
        details: Vec::new(),
    };
    step.record(&Record::Noted { no, event }, None).map(drop)
}

#[cfg(test)]
mod tests {
    //! A person has to understand at once which clock is wrong and by how much.
    use super::*;

    #[test]
    fn a_difference_is_told_in_the_unit_that_a_person_would_use() {
        let words = |ahead| Skew { ahead, at: Timestamp(0) }.words();
        assert_eq!(words(90_000), "90 seconds ahead");
        assert_eq!(words(-600_000), "10 minutes behind");
        assert_eq!(words(7_200_000), "2 hours ahead");
        assert_eq!(words(-315_360_000_000), "3650 days behind");
        assert_eq!(words(i64::MIN), "106751991167 days behind");
    }
}
