//! Words of an account in the order in which they count, and which statements they sign. proto-spec, sections 6.4 and
//! 6.34.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_proto::envelope::Head;
use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::message::{Facts, Kind, work_add};
use deskwire_proto::terms::{Interval, Side};
use serde::{Deserialize, Serialize};

/// One message of an account that was applied and that stands: neither refused, nor disowned, nor on a branch that was
/// left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Who said it.
    pub by: Side,
    /// Its number in the stream of its author.
    pub seq: u64,
    /// What its author had seen of the other stream.
    pub seen: u64,
    /// What it says.
    pub said: Said,
}

/// What a message says to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// A line of work, by the contractor.
    Line {
        /// The delegation.
        delegation: DelegationId,
        /// The id of the line.
        item: ItemId,
        /// What it says.
        facts: work_add::Facts,
        /// SHA-256 of its facts as they were signed.
        hash: Hash,
    },
    /// The principal agrees to a line, or does not.
    Verdict {
        /// The delegation.
        delegation: DelegationId,
        /// The line.
        work: ItemId,
        /// True for `work.approve`.
        approved: bool,
    },
    /// A statement is proposed.
    Propose {
        /// Its id.
        item: ItemId,
        /// Length of the proposer's stream and of the other, at the cut.
        cut: (u64, u64),
        /// Its period.
        period: Interval,
        /// Its hash.
        hash: Hash,
    },
    /// A statement is signed.
    Sign {
        /// Which.
        statement: ItemId,
        /// Its hash.
        hash: Hash,
    },
}

impl Said {
    /// What a message with this head says to the account; nothing if it is about something else, or of no shape.
    #[must_use]
    pub fn read(head: &Head) -> Option<Self> {
        let kind = Kind::from_name(head.kind.as_str())?;
        let (item, hash) = (head.item, Hash::of(&head.facts));
        let facts = Facts::decode(kind, &head.facts).ok()?;
        if let Facts::StatementPropose(facts) = facts {
            let cut = (facts.cut.0.0, facts.cut.1.0);
            return Some(Self::Propose { item, cut, period: facts.period, hash: facts.hash });
        }
        if let Facts::StatementSign(facts) = facts {
            return Some(Self::Sign { statement: facts.statement, hash: facts.hash });
        }
        let delegation = head.delegation?;
        if let Facts::WorkApprove(facts) = facts {
            return Some(Self::Verdict { delegation, work: facts.work, approved: true });
        }
        if let Facts::WorkDispute(facts) = facts {
            return Some(Self::Verdict { delegation, work: facts.work, approved: false });
        }
        let Facts::WorkAdd(facts) = facts else { return None };
        Some(Self::Line { delegation, item, facts, hash })
    }

    /// Whether it is about a statement rather than about a line.
    #[must_use]
    pub const fn is_statement(&self) -> bool {
        match self {
            Self::Line { .. } | Self::Verdict { .. } => false,
            Self::Propose { .. } | Self::Sign { .. } => true,
        }
    }
}

/// A place in both streams of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Upto {
    /// So many messages of the inviter.
    pub inviter: u64,
    /// So many messages of the accepter.
    pub accepter: u64,
}

impl Upto {
    /// Everything.
    pub const ALL: Self = Self { inviter: u64::MAX, accepter: u64::MAX };

    /// The place that names `own` messages of `side`, and `other` ones of the other side.
    #[must_use]
    pub const fn of(side: Side, own: u64, other: u64) -> Self {
        match side {
            Side::Inviter => Self { inviter: own, accepter: other },
            Side::Accepter => Self { inviter: other, accepter: own },
        }
    }

    /// How many messages of a side.
    #[must_use]
    pub const fn length(&self, side: Side) -> u64 {
        match side {
            Side::Inviter => self.inviter,
            Side::Accepter => self.accepter,
        }
    }

    /// Whether a message of a side is at or below.
    #[must_use]
    pub const fn covers(&self, side: Side, seq: u64) -> bool {
        seq <= self.length(side)
    }
}

/// A statement that both sides have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The item that proposed it.
    pub item: ItemId,
    /// Who proposed it.
    pub proposer: Side,
    /// The number of the proposal.
    pub proposed: u64,
    /// The number of the signature, in the other stream.
    pub signed: u64,
    /// What it counts.
    pub upto: Upto,
    /// Its period.
    pub period: Interval,
    /// Its hash.
    pub hash: Hash,
}

impl Signed {
    /// Whether proposal and signature are both at or below a place.
    #[must_use]
    pub const fn within(&self, upto: &Upto) -> bool {
        upto.covers(self.proposer, self.proposed) && upto.covers(self.proposer.other(), self.signed)
    }
}

/// The order of words on a link: the inviter's stream is the order, and a word of the accepter stands directly before
/// the first one of the inviter that has seen it.
pub(super) fn in_order<'a>(words: impl Iterator<Item = &'a Word>) -> Vec<&'a Word> {
    let (mut inviter, mut accepter): (Vec<_>, Vec<_>) = words.partition(|word| word.by == Side::Inviter);
    inviter.sort_by_key(|word| word.seq);
    accepter.sort_by_key(|word| word.seq);
    let mut accepter = accepter.into_iter().peekable();
    let mut ordered = Vec::with_capacity(inviter.len() + accepter.len());
    for word in inviter {
        while let Some(earlier) = accepter.next_if(|earlier| earlier.seq <= word.seen) {
            ordered.push(earlier);
        }
        ordered.push(word);
    }
    ordered.extend(accepter);
    ordered
}

/// The statements that are signed by the words at or below a place, in the order in which they were.
///
/// A signature has effect if it stands behind its proposal, and if the proposal knew every statement that was signed
/// before it: so no line is paid for twice, whatever crosses on the way.
pub(super) fn signed(words: &[Word], upto: &Upto) -> Vec<Signed> {
    let ordered = in_order(words.iter().filter(|word| upto.covers(word.by, word.seq)));
    let mut proposals: BTreeMap<(Side, ItemId), Vec<&Word>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let mut signed: Vec<Signed> = Vec::new();
    for word in ordered {
        match &word.said {
            Said::Line { .. } | Said::Verdict { .. } => {}
            Said::Propose { item, .. } => proposals.entry((word.by, *item)).or_default().push(word),
            Said::Sign { statement, hash } => {
                let key = (word.by.other(), *statement);
                if known.contains(&key) {
                    continue;
                }
                let of_it = proposals.get(&key).into_iter().flatten();
                let found = of_it.take(SAME_ITEM).find_map(|one| takes(one, word, (statement, hash)));
                let Some(new) = found else { continue };
                if signed.iter().all(|old| old.within(&new.upto)) {
                    known.insert(key);
                    signed.push(new);
                }
            }
        }
    }
    signed
}

/// Proposals under one item id that are looked at: an honest desk has one.
const SAME_ITEM: usize = 4;

/// The statement that a signature completes, if it signs this proposal.
fn takes(proposal: &Word, word: &Word, (statement, signed): (&ItemId, &Hash)) -> Option<Signed> {
    let Said::Propose { item, cut, period, hash } = &proposal.said else { return None };
    let fits = proposal.by != word.by && item == statement && hash == signed && word.seen >= proposal.seq;
    fits.then(|| Signed {
        item: *item,
        proposer: proposal.by,
        proposed: proposal.seq,
        signed: word.seq,
        upto: Upto::of(proposal.by, cut.0, cut.1),
        period: *period,
        hash: *hash,
    })
}
