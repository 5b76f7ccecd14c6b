//! A statement of account: made on each side from the same messages, the same to the byte. proto-spec, section 6.34.

use std::collections::BTreeMap;

use deskwire_proto::cbor;
use deskwire_proto::id::{DelegationId, DeskId, Hash, ItemId, LinkId};
use deskwire_proto::message::common::Money;
use deskwire_proto::message::work_add::WorkType;
use deskwire_proto::session::Cut;
use deskwire_proto::terms::{Interval, Side};
use deskwire_proto::text::{Code, Currency, Decimal, Label, Percent};
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::book::{Account, Booked};
use super::order::Upto;

/// Currencies that the totals of one statement can have.
const CURRENCIES: usize = 16;

/// What a statement is asked over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The link.
    pub link: LinkId,
    /// The desks, the inviter first.
    pub desks: (DeskId, DeskId),
    /// Who proposes it.
    pub proposer: Side,
    /// The cut of the proposer's stream, then of the other.
    pub cut: (Cut, Cut),
    /// From, included, and to, not included.
    pub period: Interval,
    /// The time zone in which the period was chosen.
    pub zone: Label,
}

impl Asked {
    fn desk(&self, side: Side) -> DeskId {
        match side {
            Side::Inviter => self.desks.0,
            Side::Accepter => self.desks.1,
        }
    }

    /// The place of the cut.
    #[must_use]
    pub const fn upto(&self) -> Upto {
        Upto::of(self.proposer, self.cut.0.0, self.cut.1.0)
    }
}

/// Why there is no statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// More currencies than totals have room.
    #[error("the lines are in more than {CURRENCIES} currencies")]
    Currencies,
    /// An amount of more than twelve digits.
    #[error("a sum has more than twelve digits")]
    TooMuch,
}

/// The CDDL rule `statement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement(
    /// The version, 1.
    pub u64,
    /// The link.
    pub LinkId,
    /// Both cuts.
    pub (Cut, Cut),
    /// The period.
    pub Interval,
    /// The time zone.
    pub Label,
    /// The lines, sorted by delegation and item.
    pub Vec<StatementLine>,
    /// What the proposer gets, by currency; what it owes is below zero.
    pub Vec<Money>,
);

/// The CDDL rule `statement-line`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine(
    /// The delegation.
    pub DelegationId,
    /// The line.
    pub ItemId,
    /// Who did the work.
    pub DeskId,
    /// What is counted.
    pub WorkType,
    /// How many.
    pub Decimal,
    /// Of what.
    pub Code,
    /// Price of one.
    pub Decimal,
    /// Its currency.
    pub Currency,
    /// Tax, per cent.
    pub Percent,
    /// Quantity times price.
    pub Decimal,
    /// The tax.
    pub Decimal,
);

impl Statement {
    /// The statement of an account as of a cut.
    ///
    /// # Errors
    /// [`StatementError`] when its totals cannot be written.
    pub fn of(account: &Account, asked: &Asked) -> Result<Self, StatementError> {
        let upto = asked.upto();
        let signed = account.signed(&upto);
        let mut lines = Vec::new();
        let mut totals: BTreeMap<&Currency, Amount> = BTreeMap::new();
        for (delegation, item, line) in account.lines() {
            if !line.belongs(&upto, &signed, asked.period.1.0) {
                continue;
            }
            let gross = line.net() + line.tax();
            let total = totals.entry(&line.facts.currency).or_default();
            *total += if line.contractor == asked.proposer { gross } else { -gross };
            lines.push(entry(*delegation, *item, line, asked)?);
        }
        if totals.len() > CURRENCIES {
            return Err(StatementError::Currencies);
        }
        let totals = totals.into_iter().map(|(currency, total)| {
            let total = total.to_decimal().ok_or(StatementError::TooMuch)?;
            Ok(Money(total, currency.clone()))
        });
        let totals = totals.collect::<Result<_, StatementError>>()?;
        Ok(Self(1, asked.link, asked.cut, asked.period, asked.zone.clone(), lines, totals))
    }

    /// The bytes that both sides come to.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        // Arrays of texts, bytes and small numbers have one shortest form, and that is what is written.
        cbor::encode_plain(self).expect("a statement has a CBOR form")
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.bytes())
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[StatementLine] {
        &self.5
    }

    /// What the proposer gets, by currency.
    #[must_use]
    pub fn totals(&self) -> &[Money] {
        &self.6
    }
}

fn entry(
    delegation: DelegationId,
    item: ItemId,
    line: &Booked,
    asked: &Asked,
) -> Result<StatementLine, StatementError> {
    let written = |amount: Amount| amount.to_decimal().ok_or(StatementError::TooMuch);
    let facts = &line.facts;
    Ok(StatementLine(
        delegation,
        item,
        asked.desk(line.contractor),
        facts.r#type,
        facts.quantity.clone(),
        facts.unit.clone(),
        facts.price.clone(),
        facts.currency.clone(),
        facts.tax.clone(),
        written(line.net())?,
        written(line.tax())?,
    ))
}
