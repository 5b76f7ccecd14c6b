//! The lines of a link with what was said to each, and what has become of them.

use std::collections::{BTreeMap, HashMap};

use deskwire_proto::cbor;
use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::message::work_add;
use deskwire_proto::terms::Side;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::order::{Said, Signed, Upto, Word, signed};

/// What has become of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// The principal has not said anything.
    Open,
    /// The principal agrees.
    Approved,
    /// The principal does not agree.
    Disputed,
}

impl LineState {
    /// The name used in the specification, in digests and by programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Disputed => "disputed",
        }
    }
}

/// A line as it is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Who did the work.
    pub contractor: Side,
    /// The number of the line in the contractor's stream.
    pub seq: u64,
    /// What it says.
    pub facts: work_add::Facts,
    /// SHA-256 of the facts as signed.
    pub hash: Hash,
    /// What the principal said to it: number and whether it agreed, in the order of numbers.
    verdicts: Vec<(u64, bool)>,
}

impl Booked {
    /// Quantity times price.
    #[must_use]
    pub fn net(&self) -> Amount {
        Amount::net(&self.facts.quantity, &self.facts.price)
    }

    /// The tax on it.
    #[must_use]
    pub fn tax(&self) -> Amount {
        self.net().tax(&self.facts.tax)
    }

    /// Whether it is there and its newest verdict agrees, at a place.
    fn approved_at(&self, upto: &Upto) -> bool {
        upto.covers(self.contractor, self.seq) && self.verdict_at(upto) == Some(true)
    }

    fn verdict_at(&self, upto: &Upto) -> Option<bool> {
        let principal = self.contractor.other();
        self.verdicts
            .iter()
            .rev()
            .find(|(seq, _)| upto.covers(principal, *seq))
            .map(|(_, approved)| *approved)
    }

    /// What the principal said to it last: whether it agrees. A statement over an earlier place may hold the line all the same.
    #[must_use]
    pub fn newest_verdict(&self) -> Option<bool> {
        self.verdicts.last().map(|(_, approved)| *approved)
    }

    /// The first of the signed statements that holds it.
    #[must_use]
    pub fn held_by(&self, signed: &[Signed]) -> Option<usize> {
        let holds = |one: &Signed| self.facts.date < one.period.1 && self.approved_at(&one.upto);
        signed.iter().position(holds)
    }

    /// Its state at a place, when these statements are signed there.
    #[must_use]
    pub fn state(&self, upto: &Upto, signed: &[Signed]) -> LineState {
        match self.verdict_at(upto) {
            _ if self.held_by(signed).is_some() => LineState::Approved,
            Some(true) => LineState::Approved,
            Some(false) => LineState::Disputed,
            None => LineState::Open,
        }
    }

    /// Whether it belongs into a statement over everything at or below a place.
    pub(super) fn belongs(&self, upto: &Upto, signed: &[Signed], before: u64) -> bool {
        self.facts.date.0 < before && self.approved_at(upto) && self.held_by(signed).is_none()
    }
}

/// Which line.
type LineKey = (DelegationId, ItemId);

/// Everything that was said to the account of a link. Words may be put in in any order.
#[derive(Debug, Clone, Default)]
pub struct Account {
    lines: BTreeMap<LineKey, Booked>,
    verdicts: HashMap<LineKey, Vec<(Side, u64, bool)>>,
    statements: Vec<Word>,
}

impl Account {
    /// The account of these words.
    pub fn of(words: impl IntoIterator<Item = Word>) -> Self {
        let mut account = Self::default();
        words.into_iter().for_each(|word| account.take(word));
        account.close();
        account
    }

    fn take(&mut self, word: Word) {
        let (by, seq) = (word.by, word.seq);
        match word.said {
            Said::Line { delegation, item, facts, hash } => {
                let line = Booked { contractor: by, seq, facts, hash, verdicts: Vec::new() };
                // The id of an item occurs once; whatever came first stands.
                let known = self.lines.get(&(delegation, item)).is_some_and(|known| known.seq < seq);
                if !known {
                    self.lines.insert((delegation, item), line);
                }
            }
            Said::Verdict { delegation, work, approved } => {
                self.verdicts.entry((delegation, work)).or_default().push((by, seq, approved));
            }
            Said::Propose { .. } | Said::Sign { .. } => self.statements.push(word),
        }
    }

    /// Puts what was said to each line with it.
    fn close(&mut self) {
        for (key, line) in &mut self.lines {
            let said = self.verdicts.remove(key).unwrap_or_default();
            let principal = line.contractor.other();
            line.verdicts = said
                .into_iter()
                .filter(|(by, ..)| *by == principal)
                .map(|(_, seq, yes)| (seq, yes))
                .collect();
            line.verdicts.sort_unstable();
        }
        self.verdicts.clear();
    }

    /// The statements that are signed at a place, in their order.
    #[must_use]
    pub fn signed(&self, upto: &Upto) -> Vec<Signed> {
        signed(&self.statements, upto)
    }

    /// All lines, sorted by delegation and item.
    pub fn lines(&self) -> impl Iterator<Item = (&DelegationId, &ItemId, &Booked)> {
        self.lines.iter().map(|((delegation, item), line)| (delegation, item, line))
    }

    /// The lines of one delegation, sorted by item.
    pub fn of_delegation(&self, delegation: DelegationId) -> impl Iterator<Item = (&ItemId, &Booked)> {
        let (first, last) = (ItemId::new([0; ItemId::SIZE]), ItemId::new([0xff; ItemId::SIZE]));
        self.lines.range((delegation, first)..=(delegation, last)).map(|((_, item), line)| (item, line))
    }

    /// One line.
    #[must_use]
    pub fn line(&self, delegation: DelegationId, item: ItemId) -> Option<&Booked> {
        self.lines.get(&(delegation, item))
    }

    /// The hash `digest-work` of a delegation over everything at or below a place. proto-spec, section 6.24.
    #[must_use]
    pub fn digest(&self, delegation: DelegationId, upto: &Upto) -> Hash {
        let signed = self.signed(upto);
        let within =
            self.of_delegation(delegation).filter(|(_, line)| upto.covers(line.contractor, line.seq));
        digest_work(within.map(|(item, line)| (*item, line.hash, line.state(upto, &signed))))
    }
}

/// SHA-256 of the CDDL rule `digest-work`: item, SHA-256 of the facts and state of each line. proto-spec, section 6.24.
#[must_use]
pub fn digest_work(lines: impl IntoIterator<Item = (ItemId, Hash, LineState)>) -> Hash {
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_unstable_by_key(|(item, ..)| *item);
    let bytes = cbor::encode_plain(&lines).expect("arrays of ids, hashes and words have a CBOR form");
    Hash::of(&bytes)
}
