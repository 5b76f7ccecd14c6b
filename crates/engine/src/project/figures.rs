//! What is settled of each delegation, kept small beside it, so that figures over many of them are read fast.

use deskwire_machine::clock::{Due, Verdict, counts};
use deskwire_machine::delegation::{EventKind, Fate, Place, Role};
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::Result;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{ClockRow, DelegationEventRow, DelegationRow, FigureRow};
use deskwire_store::table::{DELEGATIONS, FIGURES, Rows, RowsMut};

use super::need;
use crate::overlay::Overlay;

/// About a month, ms: what is offered near another one's begin is looked for on both sides of it.
pub(crate) const MONTH: u64 = 2_629_746_000;
/// Ratings that are remembered until one settles.
const RATINGS: usize = 4;

type Key = (LinkNo, (u64, DelegationNo));

fn place(no: DelegationNo, row: &DelegationRow) -> Key {
    (row.link, (row.created.0 / MONTH, no))
}

/// Nothing can change an event any more that was not refused.
pub(super) fn settled(
    rows: &mut Overlay,
    (no, row): (DelegationNo, &DelegationRow),
    (at, fate): (Place, Fate),
    event: &DelegationEventRow,
) -> Result<()> {
    let key = place(no, row);
    let mut figures = rows.get(FIGURES, &key)?.unwrap_or_default();
    // As the clock of a delegation counts it, by the terms that are usual.
    let committed = if event.by == row.case.role() { event.committed } else { Some(event.stored) };
    figures.inexact |= event.by == Role::Contractor && committed.is_none();
    let (asked, before) = (figures.asked, figures.last);
    let (time, _) = counts(event.by, (event.at, committed), Terms::TOLERANCE, (asked, before));
    figures.last = time;
    if event.by == Role::Principal {
        figures.asked = time;
    }
    if fate.is_effective() {
        tell(&mut figures, row.case.role(), (at, time), event.kind);
    }
    rows.put(FIGURES, &key, &figures)
}

/// What an event with effect adds.
fn tell(figures: &mut FigureRow, ours: Role, (at, time): (Place, Timestamp), kind: EventKind) {
    match kind {
        EventKind::Offer => {
            figures.theirs = ours == Role::Principal;
            figures.offered = time;
        }
        EventKind::Accept => figures.accepted = Some(time),
        EventKind::Decline => figures.declined = Some(time),
        EventKind::Resolve => figures.resolved = figures.resolved.or(Some(time)),
        EventKind::Reopen => figures.reopened += 1,
        EventKind::Rate => rated(figures, at),
        EventKind::Return
        | EventKind::Recall
        | EventKind::Status
        | EventKind::StatusInProgress
        | EventKind::StatusWaitingThird
        | EventKind::Confirm
        | EventKind::Update
        | EventKind::ChangeTake
        | EventKind::ChangeDecline
        | EventKind::Ask
        | EventKind::Answer
        | EventKind::AnswerNotNeeded
        | EventKind::LinkClose => {}
    }
}

/// The newest settled rating counts.
fn rated(figures: &mut FigureRow, at: Place) {
    let Place::Numbered(seq) = at else { return };
    let stars = figures.said.iter().find(|(said, _)| *said == seq).map(|(_, stars)| *stars);
    figures.stars = stars.or(figures.stars);
}

/// The stars of a rating that was said with this number.
pub(super) fn said(rows: &mut Overlay, no: DelegationNo, seq: u64, facts: &[u8]) -> Result<()> {
    match stars(Kind::Rate, facts) {
        Some(stars) => gave(rows, no, seq, stars),
        None => Ok(()),
    }
}

/// The stars that the facts of a message give, if it is a rating.
pub(crate) fn stars(kind: Kind, facts: &[u8]) -> Option<u8> {
    match Facts::decode(kind, facts) {
        Ok(Facts::Rate(facts)) => Some(u8::try_from(facts.stars.get()).unwrap_or(u8::MAX)),
        Ok(_) | Err(_) => None,
    }
}

/// The message with this number gives so many stars.
pub(super) fn gave(rows: &mut Overlay, no: DelegationNo, seq: u64, stars: u8) -> Result<()> {
    let Some(row) = rows.get(DELEGATIONS, &no)? else { return Ok(()) };
    let key = place(no, &row);
    let mut figures = rows.get(FIGURES, &key)?.unwrap_or_default();
    figures.said.retain(|(known, _)| *known != seq);
    figures.said.push((seq, stars));
    let surplus = figures.said.len().saturating_sub(RATINGS);
    figures.said.drain(..surplus);
    rows.put(FIGURES, &key, &figures)
}

/// Its clock was looked at.
pub(super) fn clocked(rows: &mut Overlay, no: DelegationNo, clock: &ClockRow) -> Result<()> {
    let row = need(rows, DELEGATIONS, &no)?;
    let key = place(no, &row);
    let Some(figures) = rows.get(FIGURES, &key)? else { return Ok(()) };
    let (response_kept, resolution_kept) = (clock.respond.and_then(kept), clock.resolve.and_then(kept));
    let closed = row.case.open().is_empty() && row.case.settled().state.is_terminal();
    rows.put(FIGURES, &key, &FigureRow { response_kept, resolution_kept, closed, ..figures })
}

/// Something has happened since.
pub(super) fn touched(rows: &mut Overlay, no: DelegationNo, row: &DelegationRow) -> Result<()> {
    let key = place(no, row);
    match rows.get(FIGURES, &key)?.filter(|figures| figures.closed) {
        Some(figures) => rows.put(FIGURES, &key, &FigureRow { closed: false, ..figures }),
        None => Ok(()),
    }
}

/// Whether a deadline was kept; nothing as long as that is open, and where it ended before.
pub(crate) const fn kept(due: Due) -> Option<bool> {
    match due.verdict {
        Verdict::Met(_) => Some(true),
        Verdict::Breached(_) => Some(false),
        Verdict::Open | Verdict::Void => None,
    }
}

/// The delegation gets another past: what is settled of it is told anew.
pub(super) fn anew(rows: &mut Overlay, no: DelegationNo, row: &DelegationRow) -> Result<()> {
    let key = place(no, row);
    match rows.get(FIGURES, &key)? {
        Some(FigureRow { said, .. }) => rows.put(FIGURES, &key, &FigureRow { said, ..FigureRow::default() }),
        None => Ok(()),
    }
}
