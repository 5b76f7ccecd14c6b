//! Sums of lines by who did the work, currency and tax rate: what a person compares with an invoice.

use std::collections::BTreeMap;

use deskwire_proto::id::DeskId;
use deskwire_proto::text::{Currency, Decimal, Percent};

use super::amount::Amount;
use super::statement::StatementLine;

/// The sum of the lines of one contractor in one currency at one tax rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Who did the work.
    pub contractor: DeskId,
    /// The currency.
    pub currency: Currency,
    /// The rate, without superfluous zeros.
    pub tax: Percent,
    /// How many lines.
    pub lines: u64,
    /// Sum of the nets.
    pub net: Amount,
    /// Sum of the taxes.
    pub tax_amount: Amount,
}

/// Rate, number of lines, net and tax.
type Counted = (Percent, u64, Amount, Amount);

/// The sums of lines by contractor, currency and tax rate, in this order; `20` and `20.0` are one rate.
#[must_use]
pub fn sums(lines: &[StatementLine]) -> Vec<Sum> {
    let mut all: BTreeMap<(DeskId, &Currency, u64), Counted> = BTreeMap::new();
    for line in lines {
        let (rate, thousandths) = rate(&line.8);
        let sum = all.entry((line.2, &line.7, thousandths)).or_insert((rate, 0, Amount::ZERO, Amount::ZERO));
        sum.1 += 1;
        sum.2 += read(&line.9);
        sum.3 += read(&line.10);
    }
    let sums = all.into_iter().map(|((contractor, currency, _), (tax, lines, net, tax_amount))| Sum {
        contractor,
        currency: currency.clone(),
        tax,
        lines,
        net,
        tax_amount,
    });
    sums.collect()
}

/// An amount of a statement, which has two places.
fn read(text: &Decimal) -> Amount {
    Amount::net(text, &Decimal::new("1").expect("one"))
}

fn rate(percent: &Percent) -> (Percent, u64) {
    let text = percent.as_str();
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    let (whole, part) = short.split_once('.').unwrap_or((short, ""));
    let thousandths = format!("{whole}{part:0<3}").parse().unwrap_or(u64::MAX);
    (Percent::new(short).unwrap_or_else(|_| percent.clone()), thousandths)
}
