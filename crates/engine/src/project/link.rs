//! Links, and what leads to them.

use deskwire_machine::relay::Setting;
use deskwire_machine::retry::Retry;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::id::{DeskId, Hash};
use deskwire_proto::text::{Label, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::LinkOpened;
use deskwire_store::row::{
    Accord, ExchangeRow, ExpectedRow, InvitationRow, LinkEventRow, LinkRow, LinkState, Pause, Refused,
    StreamRow, Trouble,
};
use deskwire_store::table::{
    EXCHANGES, EXPECTED, INVITATIONS, LINK_EVENTS, LINK_IDS, LINKS, Rows, RowsMut, STREAMS,
};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction, count};
use crate::overlay::Overlay;

pub(super) fn invited(
    rows: &mut Overlay,
    at: EntryRef,
    secret: &Hash,
    (expires, approved): (Timestamp, bool),
    created: Timestamp,
) -> Result<()> {
    let row = InvitationRow {
        expires,
        approved,
        entry: at,
        desk: None,
        asked: Vec::new(),
        used: None,
        revoked: false,
        created,
    };
    rows.put(INVITATIONS, secret, &row)
}

/// A request was answered. The invitation is bound to the desk that used it first, and its last exchange counts.
pub(super) fn answered(
    rows: &mut Overlay,
    at: EntryRef,
    desk: DeskId,
    (request, answer): (&[u8], &[u8]),
    invitation: Option<Hash>,
    when: Timestamp,
) -> Result<()> {
    let (request, answer) = (Hash::of(request), Hash::of(answer));
    if let Some(secret) = &invitation {
        change(rows, INVITATIONS, secret, |row| {
            row.desk = Some(desk);
            row.asked.push((request, answer));
        })?;
    }
    rows.put(EXCHANGES, &answer, &ExchangeRow { entry: at, invitation, link: None, at: when })
}

pub(super) fn expected(
    rows: &mut Overlay,
    at: EntryRef,
    desk: &DeskId,
    (endpoint, name): (Option<Url>, Option<Label>),
    created: Timestamp,
) -> Result<()> {
    let retry = Retry::reset();
    rows.put(EXPECTED, desk, &ExpectedRow { endpoint, name, entry: at, retry, trouble: None, created })
}

pub(super) fn ask_failed(
    rows: &mut Overlay,
    desk: &DeskId,
    (attempt, next_at): (u32, Timestamp),
    why: &Refused,
) -> Result<()> {
    // The desk may have linked with us meanwhile.
    let Some(mut row) = rows.get(EXPECTED, desk)? else { return Ok(()) };
    row.retry = Retry { attempt, next_at };
    row.trouble = Some(why.clone());
    rows.put(EXPECTED, desk, &row)
}

pub(super) fn open(rows: &mut Overlay, at: EntryRef, opened: &LinkOpened) -> Result<()> {
    let descriptor =
        Descriptor::open(&opened.descriptor).map_err(|_| contradiction("a partner's descriptor"))?;
    let state = match (opened.waiting, opened.reveal.is_some()) {
        (true, true) => LinkState::WaitingPartner,
        (true, false) => LinkState::WaitingApproval,
        (false, _) => LinkState::Active,
    };
    let row = LinkRow {
        link: opened.link,
        partner: descriptor.desk(),
        name: opened.name.clone(),
        partner_name: descriptor.body().name.clone(),
        side: opened.side,
        state,
        verified: None,
        descriptor: at,
        key_log: None,
        terms: at,
        reveal: opened.reveal.clone(),
        retry: Retry::reset(),
        trouble: None,
        created: opened.at,
        accord: Accord::default(),
        relay: Setting::default(),
        opened: at,
    };
    rows.put(LINKS, &opened.no, &row)?;
    rows.put(LINK_IDS, &opened.link, &opened.no)?;
    rows.put(STREAMS, &opened.no, &StreamRow::new(opened.link))?;
    let keys = descriptor.keys();
    super::aside::partners_keys(rows, opened.no, keys.head(), keys.keys().len())?;
    rows.delete(EXPECTED, &descriptor.desk());
    if let Some(secret) = &opened.invitation {
        change(rows, INVITATIONS, secret, |row| row.used = Some(opened.no))?;
    }
    if let Some(mut exchange) = rows.get(EXCHANGES, &opened.answer)? {
        exchange.link = Some(opened.no);
        rows.put(EXCHANGES, &opened.answer, &exchange)?;
    }
    count(rows, |counters| counters.link = counters.link.max(opened.no.0 + 1))
}

/// The link goes on: approved, active, or resumed by an operator.
pub(super) fn go_on(rows: &mut Overlay, no: LinkNo) -> Result<()> {
    with(rows, no, |row| {
        row.state = LinkState::Active;
        row.reveal = None;
        row.retry = Retry::reset();
        row.trouble = None;
    })
}

pub(super) fn pause(rows: &mut Overlay, no: LinkNo, why: Pause) -> Result<()> {
    with(rows, no, |row| row.state = LinkState::Paused(why))
}

pub(super) fn quarantine(rows: &mut Overlay, no: LinkNo, why: &Refused, since: Timestamp) -> Result<()> {
    with(rows, no, |row| {
        row.state = LinkState::Quarantined(why.clone());
        row.trouble = Some(Trouble { last: why.clone(), since });
    })
}

pub(super) fn described(rows: &mut Overlay, at: EntryRef, no: LinkNo, descriptor: &[u8]) -> Result<()> {
    let descriptor = Descriptor::open(descriptor).map_err(|_| contradiction("a partner's descriptor"))?;
    let keys = descriptor.keys();
    super::aside::partners_keys(rows, no, keys.head(), keys.keys().len())?;
    with(rows, no, |row| {
        row.partner_name = descriptor.body().name.clone();
        row.descriptor = at;
        row.retry = Retry::reset();
    })
}

pub(super) fn failed(
    rows: &mut Overlay,
    no: LinkNo,
    (attempt, next_at): (u32, Timestamp),
    why: &Refused,
    when: Timestamp,
) -> Result<()> {
    with(rows, no, |row| {
        row.retry = Retry { attempt, next_at };
        let since = row.trouble.as_ref().map_or(when, |trouble| trouble.since);
        row.trouble = Some(Trouble { last: why.clone(), since });
    })
}

pub(super) fn back(rows: &mut Overlay, no: LinkNo) -> Result<()> {
    with(rows, no, |row| {
        row.retry = Retry::reset();
        row.trouble = None;
    })
}

/// Something happened that the operator is told; each record tells at most one thing.
pub(super) fn note(rows: &mut Overlay, place: (LinkNo, EntryRef), event: &LinkEventRow) -> Result<()> {
    rows.put(LINK_EVENTS, &place, event)
}

pub(super) fn with(rows: &mut Overlay, no: LinkNo, changes: impl FnOnce(&mut LinkRow)) -> Result<()> {
    change(rows, LINKS, &no, changes).map(drop)
}
