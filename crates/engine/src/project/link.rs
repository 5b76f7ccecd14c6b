//! Links, and what leads to them.

use deskwire_machine::retry::Retry;
use deskwire_proto::descriptor::Descriptor;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{LinkOpened, Record};
use deskwire_store::row::{
    ExchangeRow, ExpectedRow, InvitationRow, LinkRow, LinkState, Pause, StreamRow, Trouble,
};
use deskwire_store::table::{EXCHANGES, EXPECTED, INVITATIONS, LINK_IDS, LINKS, Rows, RowsMut, STREAMS};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction, count};
use crate::overlay::Overlay;

pub(super) fn project(rows: &mut Overlay, at: EntryRef, record: &Record) -> Result<()> {
    match record {
        Record::InvitationMade { secret, expires, approved, terms: _, at: when } => {
            let row = InvitationRow {
                expires: *expires,
                approved: *approved,
                entry: at,
                used: None,
                revoked: false,
                created: *when,
            };
            rows.put(INVITATIONS, secret, &row)
        }
        Record::InvitationRevoked { secret, .. } => {
            change(rows, INVITATIONS, secret, |row| row.revoked = true).map(drop)
        }
        Record::LinkExpected { desk, endpoint, name, terms: _, at: when } => {
            let row = ExpectedRow {
                endpoint: endpoint.clone(),
                name: name.clone(),
                entry: at,
                retry: Retry::reset(*when),
                trouble: None,
                created: *when,
            };
            rows.put(EXPECTED, desk, &row)
        }
        Record::AskFailed { desk, attempt, next, why, .. } => {
            let Some(mut row) = rows.get(EXPECTED, desk)? else { return Ok(()) };
            row.retry = Retry { attempt: *attempt, next_at: *next };
            row.trouble = Some(why.clone());
            rows.put(EXPECTED, desk, &row)
        }
        Record::LinkAnswered { request: _, answer, invitation, terms: _, at: when } => {
            let row = ExchangeRow { entry: at, invitation: *invitation, link: None, at: *when };
            rows.put(EXCHANGES, &deskwire_proto::id::Hash::of(answer), &row)
        }
        Record::LinkOpened(opened) => open(rows, at, opened),
        other => state(rows, at, other),
    }
}

fn open(rows: &mut Overlay, at: EntryRef, opened: &LinkOpened) -> Result<()> {
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
        terms: at,
        reveal: opened.reveal.clone(),
        retry: Retry::reset(opened.at),
        trouble: None,
        created: opened.at,
    };
    rows.put(LINKS, &opened.no, &row)?;
    rows.put(LINK_IDS, &opened.link, &opened.no)?;
    rows.put(STREAMS, &opened.no, &StreamRow::new(opened.link))?;
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

/// Records that change where a link stands.
fn state(rows: &mut Overlay, at: EntryRef, record: &Record) -> Result<()> {
    match record {
        Record::LinkApproved { no, at: when } | Record::LinkActive { no, at: when } => {
            go_on(rows, *no, *when)
        }
        Record::Resumed { no, at: when } => go_on(rows, *no, *when),
        Record::LinkChecked { no, matches, .. } => with(rows, *no, |row| row.verified = Some(*matches)),
        Record::Forked { no, .. } => with(rows, *no, |row| row.state = LinkState::Paused(Pause::Fork(at))),
        Record::RecoveryNeeded { no, .. } => {
            with(rows, *no, |row| row.state = LinkState::Paused(Pause::Recovery))
        }
        Record::CloneFound { no, .. } => with(rows, *no, |row| row.state = LinkState::Paused(Pause::Clone)),
        Record::Quarantined { no, why, at: when } => with(rows, *no, |row| {
            row.state = LinkState::Quarantined(why.clone());
            row.trouble = Some(Trouble { last: why.clone(), since: *when });
        }),
        Record::DescriptorTaken { no, descriptor, at: when } => {
            let descriptor =
                Descriptor::open(descriptor).map_err(|_| contradiction("a partner's descriptor"))?;
            with(rows, *no, |row| {
                row.partner_name = descriptor.body().name.clone();
                row.descriptor = at;
                row.retry = Retry::reset(*when);
            })
        }
        Record::DeliveryFailed { no, attempt, next, why, at: when } => with(rows, *no, |row| {
            row.retry = Retry { attempt: *attempt, next_at: *next };
            let since = row.trouble.as_ref().map_or(*when, |trouble| trouble.since);
            row.trouble = Some(Trouble { last: why.clone(), since });
        }),
        Record::DeliveryBack { no, at: when } => with(rows, *no, |row| {
            row.retry = Retry::reset(*when);
            row.trouble = None;
        }),
        _ => Err(contradiction("a record that is none of a link")),
    }
}

fn go_on(rows: &mut Overlay, no: LinkNo, when: deskwire_proto::time::Timestamp) -> Result<()> {
    with(rows, no, |row| {
        row.state = LinkState::Active;
        row.reveal = None;
        row.retry = Retry::reset(when);
        row.trouble = None;
    })
}

fn with(rows: &mut Overlay, no: LinkNo, changes: impl FnOnce(&mut LinkRow)) -> Result<()> {
    change(rows, LINKS, &no, changes).map(drop)
}
