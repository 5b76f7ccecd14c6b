//! Money to two places, computed exactly from the decimal texts of work lines. proto-spec, section 6.34.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use deskwire_proto::text::{Decimal, Percent};

/// Amounts at or above 10^12 cannot be written as a `decimal`.
const BOUND: i128 = 100_000_000_000_000;

/// An amount of money in hundredths. Exact: nothing is ever a binary fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Quantity times price, rounded half-even to two places. No input overflows.
    #[must_use]
    pub fn net(quantity: &Decimal, price: &Decimal) -> Self {
        let ((quantity, left), (price, right)) = (parts(quantity.as_str()), parts(price.as_str()));
        Self(scaled(quantity * price, left + right))
    }

    /// The tax on an amount, rounded half-even to two places.
    #[must_use]
    pub fn tax(self, percent: &Percent) -> Self {
        let (percent, places) = parts(percent.as_str());
        Self(half_even(self.0 * percent, 100 * power(places)))
    }

    /// Hundredths.
    #[must_use]
    pub const fn hundredths(self) -> i128 {
        self.0
    }

    /// An amount of so many hundredths.
    #[must_use]
    pub const fn of_hundredths(hundredths: i128) -> Self {
        Self(hundredths)
    }

    /// The amount as it stands in a statement, with exactly two places; nothing if it has more than twelve digits.
    #[must_use]
    pub fn to_decimal(self) -> Option<Decimal> {
        Decimal::new(self.to_string()).ok()
    }

    /// Whether it can stand in a statement.
    #[must_use]
    pub const fn fits(self) -> bool {
        self.0 > -BOUND && self.0 < BOUND
    }
}

/// Whether a line of work can count so many: more than nothing. proto-spec, section 6.30.
#[must_use]
pub fn is_quantity(quantity: &Decimal) -> bool {
    let digits = quantity.as_str();
    !digits.starts_with('-') && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", all / 100, all % 100)
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// All digits of a decimal text as one whole number, and how many of them stand behind the point.
fn parts(text: &str) -> (i128, u32) {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut places = 0;
    let mut behind = false;
    let mut whole = 0_i128;
    for digit in digits.bytes() {
        if digit == b'.' {
            behind = true;
            continue;
        }
        whole = whole * 10 + i128::from(digit - b'0');
        places += u32::from(behind);
    }
    (sign * whole, places)
}

/// A number with so many places, in hundredths.
fn scaled(number: i128, places: u32) -> i128 {
    match places.checked_sub(2) {
        Some(surplus) => half_even(number, power(surplus)),
        None => number * power(2 - places),
    }
}

const fn power(places: u32) -> i128 {
    10_i128.pow(places)
}

/// Division that rounds to the nearest, and halves to the even neighbour.
const fn half_even(number: i128, by: i128) -> i128 {
    let (below, rest) = (number.div_euclid(by), number.rem_euclid(by));
    let twice = rest * 2;
    if twice > by || twice == by && below % 2 != 0 { below + 1 } else { below }
}

#[cfg(test)]
mod tests {
    //! A cent that one side rounds otherwise makes two statements out of one.
    use super::*;

    fn net(quantity: &str, price: &str) -> String {
        Amount::net(&Decimal::new(quantity).unwrap(), &Decimal::new(price).unwrap()).to_string()
    }

    fn tax(hundredths: i128, percent: &str) -> String {
        Amount(hundredths).tax(&Percent::new(percent).unwrap()).to_string()
    }

    #[test]
    fn halves_are_rounded_to_the_even_cent_on_both_sides_of_zero() {
        assert_eq!(net("1", "0.005"), "0.00");
        assert_eq!(net("1", "0.015"), "0.02");
        assert_eq!(net("1", "0.025"), "0.02");
        assert_eq!(net("1", "-0.005"), "0.00");
        assert_eq!(net("1", "-0.015"), "-0.02");
        assert_eq!(net("-1", "0.025"), "-0.02");
        assert_eq!(net("1", "0.025000"), "0.02");
        assert_eq!(net("0.5", "0.050001"), "0.03");
    }

    #[test]
    fn hours_and_kilometres_cost_what_they_cost() {
        assert_eq!(net("1.25", "95.00"), "118.75");
        assert_eq!(net("3", "33.333333"), "100.00");
        assert_eq!(net("0.1", "0.2"), "0.02");
        assert_eq!(net("7", "5"), "35.00");
        assert_eq!(tax(11_875, "20"), "23.75");
        assert_eq!(tax(11_875, "19"), "22.56");
        assert_eq!(tax(-11_875, "19"), "-22.56");
        assert_eq!(tax(250, "0.2"), "0.00");
        assert_eq!(tax(750, "0.2"), "0.02");
        assert_eq!(tax(10_000, "0"), "0.00");
    }

    #[test]
    fn the_largest_numbers_do_not_overflow_and_do_not_fit_a_statement() {
        let most = Decimal::new("999999999999.999999").unwrap();
        let net = Amount::net(&most, &most);
        assert!(!net.fits() && net.to_decimal().is_none());
        assert!(!net.tax(&Percent::new("999.999").unwrap()).fits());
        let least = Amount::net(&most, &Decimal::new("1").unwrap());
        assert_eq!(least.to_string(), "1000000000000.00");
        assert!(!least.fits());
        let last = Amount(BOUND - 1);
        assert_eq!(last.to_decimal().unwrap().as_str(), "999999999999.99");
    }
}
