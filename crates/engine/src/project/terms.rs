//! What the messages of a link say to it as a whole: they are kept as rows of their own, and whatever they come to is
//! folded from these anew when one of them comes, is refused, or stands no more.

use deskwire_machine::terms::{self, Agreement, Said, Word};
use deskwire_proto::envelope::read_head;
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::terms::{Side, Terms};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::{Reached, Received, TermsRecord};
use deskwire_store::row::{Accord, AgreedRow, ClosedRow, LinkRow, ProposalRow, StopRow, VersionRow, WordRow};
use deskwire_store::table::{DUE, LINKS, PARKED, RECEIVED, Rows, RowsMut, SENT, VERSIONS, WAITING, WORDS};
use deskwire_store::{EntryRef, Result};

use super::{contradiction, link, need};
use crate::overlay::Overlay;

const OURS: u64 = 1;
const THEIRS: u64 = 0;

/// What a message of a link without a delegation says to it, if anything.
pub(crate) fn word(kind: &str, facts: &[u8]) -> Option<Word> {
    let kind = Kind::from_name(kind)?;
    let of_link = matches!(
        kind,
        Kind::TermsPropose | Kind::TermsAccept | Kind::LinkSuspend | Kind::LinkResume | Kind::LinkClose
    );
    if !of_link {
        return None;
    }
    match Facts::decode(kind, facts).ok()? {
        Facts::TermsPropose(facts) => {
            Some(Word::Propose { version: facts.terms.v.get(), hash: facts.terms.hash() })
        }
        Facts::TermsAccept(facts) => Some(Word::Accept { version: facts.version.get(), hash: facts.hash }),
        Facts::LinkSuspend(facts) => Some(Word::Suspend { until: facts.until }),
        Facts::LinkResume(_) => Some(Word::Resume),
        Facts::LinkClose(_) => Some(Word::Close),
        _ => None,
    }
}

/// What both sides have said to a link as a whole and what stands, as the fold takes it.
pub(crate) fn said(rows: &Overlay, no: LinkNo, ours: Side) -> Result<(Vec<Said>, Vec<Said>)> {
    let mut words = Vec::new();
    for ((_, (own, seq)), row) in rows.list(WORDS, &no, usize::MAX)? {
        if stands(rows, no, own == OURS, seq, &row)? == Some(true) {
            words.push((own == OURS, seq, row));
        }
    }
    Ok(sides(&words, ours))
}

/// The terms that a signed `terms.propose` proposes.
pub(crate) fn proposed(signed: &[u8]) -> Option<Terms> {
    let facts = read_head(signed).ok()?.facts;
    match Facts::decode(Kind::TermsPropose, &facts).ok()? {
        Facts::TermsPropose(facts) => Some(facts.terms),
        _ => None,
    }
}

/// An item of ours without a delegation waits for its number, at this place; or does not any more.
pub(super) fn waits(
    rows: &mut Overlay,
    no: LinkNo,
    kind: &str,
    place: Option<(Order, EntryRef)>,
) -> Result<()> {
    match Kind::from_name(kind) {
        Some(Kind::LinkSuspend) => link::with(rows, no, |row| row.accord.stop_asked = place.map(|_| true)),
        Some(Kind::LinkResume) => link::with(rows, no, |row| row.accord.stop_asked = place.map(|_| false)),
        Some(Kind::LinkClose) => link::with(rows, no, |row| row.accord.close.asked = place),
        Some(Kind::TermsAccept) if place.is_none() => {
            link::with(rows, no, |row| row.accord.accept_asked = None)
        }
        Some(_) | None => Ok(()),
    }
}

/// An item of ours that accepts terms waits for its number.
pub(super) fn accepts(rows: &mut Overlay, no: LinkNo, kind: &str, facts: &[u8]) -> Result<()> {
    match word(kind, facts) {
        Some(Word::Accept { hash, .. }) => link::with(rows, no, |row| row.accord.accept_asked = Some(hash)),
        Some(Word::Propose { .. } | Word::Suspend { .. } | Word::Resume | Word::Close) | None => Ok(()),
    }
}

/// A message of ours without a delegation was numbered.
pub(super) fn numbered(
    rows: &mut Overlay,
    at: EntryRef,
    (no, seq, seen): (LinkNo, u64, u64),
    signed: &[u8],
    when: Option<Timestamp>,
) -> Result<()> {
    let head = read_head(signed).map_err(|_| contradiction("a numbered message"))?;
    let Some(word) = word(head.kind.as_str(), &head.facts) else { return Ok(()) };
    let text = need(rows, SENT, &(no, seq))?.item;
    let at_time = when.unwrap_or(head.time);
    let row = WordRow { word, seen, signed: at, text, at: at_time, refused: false };
    rows.put(WORDS, &(no, (OURS, seq)), &row)?;
    if let Word::Accept { hash, .. } = word {
        link::with(rows, no, |row| {
            row.accord.accept_asked = row.accord.accept_asked.filter(|asked| *asked != hash)
        })?;
    }
    refold(rows, no)
}

/// A message of the partner without a delegation was applied.
pub(super) fn received(rows: &mut Overlay, at: EntryRef, message: &Received) -> Result<()> {
    let head = read_head(&message.signed).map_err(|_| contradiction("a stored message"))?;
    let Some(word) = word(head.kind.as_str(), &head.facts) else { return Ok(()) };
    let row = WordRow { word, seen: message.seen, signed: at, text: at, at: message.at, refused: false };
    rows.put(WORDS, &(message.no, (THEIRS, message.seq)), &row)?;
    refold(rows, message.no)
}

/// The partner refused a message of ours that may be one of these.
pub(super) fn refused(rows: &mut Overlay, no: LinkNo, seq: u64) -> Result<()> {
    let key = (no, (OURS, seq));
    let Some(row) = rows.get(WORDS, &key)? else { return Ok(()) };
    rows.put(WORDS, &key, &WordRow { refused: true, ..row })?;
    refold(rows, no)
}

/// Messages of the link were set aside, disowned, or belong to a branch that was left.
pub(super) fn changed(rows: &mut Overlay, no: LinkNo) -> Result<()> {
    if rows.list(WORDS, &no, 1)?.is_empty() { Ok(()) } else { refold(rows, no) }
}

/// Folds what stands.
fn refold(rows: &mut Overlay, no: LinkNo) -> Result<()> {
    let mut words = Vec::new();
    for ((_, (ours, seq)), row) in rows.list(WORDS, &no, usize::MAX)? {
        match stands(rows, no, ours == OURS, seq, &row)? {
            Some(true) => words.push((ours == OURS, seq, row)),
            Some(false) => {}
            None => rows.delete(WORDS, &(no, (ours, seq))),
        }
    }
    let row = need(rows, LINKS, &no)?;
    let (inviter, accepter) = sides(&words, row.side);
    let agreement = terms::fold(&inviter, &accepter);
    for (key, _) in rows.list(VERSIONS, &no, usize::MAX)? {
        rows.delete(VERSIONS, &key);
    }
    let mut newest = None;
    for agreed in &agreement.agreed {
        let accept = find(&words, row.side, agreed.accept)?;
        let agreed_row = AgreedRow {
            version: agreed.version,
            ours: agreed.accept.author == row.side,
            seq: agreed.accept.seq,
            since: accept.at,
        };
        let version =
            VersionRow { terms: find(&words, row.side, agreed.proposal)?.signed, agreed: agreed_row };
        rows.put(VERSIONS, &(no, agreed.version), &version)?;
        newest = Some(version);
    }
    let mut accord = accord(&row, &words, &agreement, newest)?;
    if accord.close.ours.is_none() {
        accord.close.asked = unsent(rows, no, accord.close.asked)?;
    }
    let first = accord.first.unwrap_or(row.terms);
    let in_force = newest.map_or(first, |version| version.terms);
    rows.put(LINKS, &no, &LinkRow { terms: in_force, accord, ..row })
}

/// An end of ours that has not left, if it is still there: one that somebody else had said with our key is neither said nor
/// on its way.
fn unsent(rows: &Overlay, no: LinkNo, asked: Option<(Order, EntryRef)>) -> Result<Option<(Order, EntryRef)>> {
    let Some((order, _)) = asked else { return Ok(None) };
    let waits = rows.get(WAITING, &(no, order))?.is_some() || rows.get(PARKED, &(no, order))?.is_some();
    Ok(asked.filter(|_| waits))
}

/// Whether the message behind a row has effect; nothing when it is there no more.
fn stands(rows: &Overlay, no: LinkNo, ours: bool, seq: u64, row: &WordRow) -> Result<Option<bool>> {
    let aside = if ours {
        rows.get(SENT, &(no, seq))?.filter(|sent| sent.signed == row.signed).map(|sent| sent.aside.is_some())
    } else {
        let held = rows.get(RECEIVED, &(no, seq))?;
        held.filter(|held| held.entry == row.signed).map(|held| held.aside.is_some())
    };
    Ok(aside.map(|aside| !aside && !row.refused))
}

type Words = [(bool, u64, WordRow)];

/// The words of both sides as the fold takes them.
fn sides(words: &Words, ours: Side) -> (Vec<Said>, Vec<Said>) {
    let of = |own: bool| {
        let side = words.iter().filter(|(is_ours, ..)| *is_ours == own);
        side.map(|(_, seq, row)| Said { seq: *seq, seen: row.seen, word: row.word }).collect()
    };
    match ours {
        Side::Inviter => (of(true), of(false)),
        Side::Accepter => (of(false), of(true)),
    }
}

fn find(words: &Words, ours: Side, place: terms::Place) -> Result<WordRow> {
    let is = |(own, seq, _): &&(bool, u64, WordRow)| *own == (place.author == ours) && *seq == place.seq;
    let found = words.iter().find(is).map(|(_, _, row)| *row);
    found.ok_or_else(|| contradiction("an agreement without its message"))
}

fn accord(row: &LinkRow, words: &Words, agreement: &Agreement, newest: Option<VersionRow>) -> Result<Accord> {
    let proposal = |of: Side| -> Result<Option<ProposalRow>> {
        let Some((place, hash)) = agreement.proposal(of) else { return Ok(None) };
        let said = find(words, row.side, place)?;
        let version = agreement.version() + 1;
        Ok(Some(ProposalRow { version, hash, entry: said.signed, at: said.at }))
    };
    let last = |own: bool, wanted: fn(&Word) -> bool| {
        let mut of = words.iter().rev().filter(|(ours, ..)| *ours == own);
        of.find(|(_, _, row)| wanted(&row.word)).copied()
    };
    let stop = |own: bool| {
        let last = last(own, |word| matches!(word, Word::Suspend { .. } | Word::Resume))?;
        match last.2.word {
            Word::Suspend { until } => Some(StopRow { until, text: last.2.text, at: last.2.at }),
            Word::Resume | Word::Propose { .. } | Word::Accept { .. } | Word::Close => None,
        }
    };
    let closed = |own: bool| {
        let (_, seq, said) = last(own, |word| matches!(word, Word::Close))?;
        Some(ClosedRow { seq, seen: said.seen, text: said.text, at: said.at })
    };
    let mut accord = row.accord.clone();
    accord.first = accord.first.or(newest.map(|_| row.terms));
    accord.agreed = newest.map(|version| version.agreed);
    (accord.ours, accord.theirs) = (proposal(row.side)?, proposal(row.side.other())?);
    (accord.our_stop, accord.their_stop) = (stop(true), stop(false));
    accord.stop_asked = None;
    (accord.close.ours, accord.close.theirs) = (closed(true), closed(false));
    Ok(accord)
}

/// Decisions of this desk about a link.
pub(super) fn decided(rows: &mut Overlay, at: EntryRef, record: &TermsRecord) -> Result<()> {
    match record {
        TermsRecord::Ended { no, cases, upto, at: when } => {
            for case in cases {
                super::ending::end(rows, *no, *case, *when)?;
            }
            link::with(rows, *no, |row| match upto {
                Some(Reached::Upto(id)) => row.accord.close.folded = Some(*id),
                Some(Reached::All) => row.accord.close.done = true,
                None => {}
            })
        }
        TermsRecord::Mapped { no, .. } => link::with(rows, *no, |row| row.accord.mapping = Some(at)),
        TermsRecord::Ruled { no, rules, at: _ } => {
            link::with(rows, *no, |row| row.accord.rules = (!rules.is_empty()).then_some(at))
        }
        TermsRecord::RulesRan { no, delegation, .. } => {
            rows.delete(DUE, &(*no, *delegation));
            Ok(())
        }
        TermsRecord::TakesCalendars { no, on, at: _ } => {
            link::with(rows, *no, |row| row.accord.takes_calendars = *on)
        }
    }
}
