//! The account of a link, put together from its rows, for commands and for readers alike.

use deskwire_machine::account::{Account, Asked, Upto, Word};
use deskwire_proto::id::{DelegationId, DeskId};
use deskwire_proto::message::statement_propose;
use deskwire_proto::terms::Side;
use deskwire_store::local::LinkNo;
use deskwire_store::row::{AccountRow, LinkRow, StreamRow};
use deskwire_store::table::{ACCOUNT, Rows};
use deskwire_store::{Direction, Result};

/// What of the account is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Everything that has a number, as if the partner took it all.
    Numbered,
    /// What nothing can change: the partner's applied messages, and own ones that a receipt says are applied.
    Settled,
}

/// The words of a link's account, of one delegation if that is asked; statements are always there.
pub(crate) fn words(
    rows: &impl Rows,
    (no, link): (LinkNo, &LinkRow),
    stream: &StreamRow,
    counting: Counting,
) -> Result<Vec<Word>> {
    let mut words = Vec::new();
    rows.scan(ACCOUNT, &no, None, Direction::Forward, &mut |(_, (_, (ours, seq))), row| {
        if counts(&row, ours, seq, stream, counting) {
            words.push(word(link.side, ours, seq, row));
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(words)
}

/// The words about statements alone.
pub(crate) fn statement_words(
    rows: &impl Rows,
    (no, link): (LinkNo, &LinkRow),
    stream: &StreamRow,
    counting: Counting,
) -> Result<Vec<(AccountRow, Word)>> {
    let found = rows.list(ACCOUNT, &(no, true), usize::MAX)?;
    let counted =
        found.into_iter().filter(|((_, (_, (ours, seq))), row)| counts(row, *ours, *seq, stream, counting));
    Ok(counted.map(|((_, (_, (ours, seq))), row)| (row.clone(), word(link.side, ours, seq, row))).collect())
}

fn counts(row: &AccountRow, ours: bool, seq: u64, stream: &StreamRow, counting: Counting) -> bool {
    let known = match counting {
        Counting::Numbered => true,
        Counting::Settled => !ours || seq <= stream.acked,
    };
    known && !row.refused && !row.aside
}

pub(crate) fn word(side: Side, ours: bool, seq: u64, row: AccountRow) -> Word {
    Word { by: if ours { side } else { side.other() }, seq, seen: row.seen, said: row.said }
}

/// The desks of a link, the inviter first.
pub(crate) fn desks(link: &LinkRow, us: DeskId) -> (DeskId, DeskId) {
    match link.side {
        Side::Inviter => (us, link.partner),
        Side::Accepter => (link.partner, us),
    }
}

/// What a proposal asks a statement over.
pub(crate) fn asked(link: &LinkRow, us: DeskId, proposer: Side, facts: &statement_propose::Facts) -> Asked {
    Asked {
        link: link.link,
        desks: desks(link, us),
        proposer,
        cut: facts.cut,
        period: facts.period,
        zone: facts.zone.clone(),
    }
}

/// Whether the outcomes of everything at or below the cut of a statement are known here.
pub(crate) fn outcomes_known(side: Side, stream: &StreamRow, upto: &Upto) -> bool {
    upto.length(side) <= stream.acked && upto.length(side.other()) <= stream.in_length
}

/// The hash `digest-work` of a delegation over `own` messages of ours and `theirs` of the partner's. proto-spec, section
/// 6.24.
///
/// # Errors
/// When the store fails.
pub fn digest_work(
    rows: &impl Rows,
    (no, link): (LinkNo, &LinkRow),
    stream: &StreamRow,
    delegation: DelegationId,
    (own, theirs): (u64, u64),
) -> Result<deskwire_proto::id::Hash> {
    let account = Account::of(words(rows, (no, link), stream, Counting::Settled)?);
    Ok(account.digest(delegation, &Upto::of(link.side, own, theirs)))
}
