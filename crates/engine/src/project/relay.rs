//! What becomes of contributions: revisions by their authors, and what goes onward in a chain.

use deskwire_proto::id::Hash;
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{Later, Received, ThreadRecord};
use deskwire_store::row::{
    Audience, Author, DerivingRow, FileRow, FileState, RelayRow, Revised, Revision, Shared, ThreadKind,
    ThreadRow,
};
use deskwire_store::table::{
    BLOB_FILES, DERIVING, FETCHING, FILES, GRANTS, LOOP_TAGS, PASSED, RECEIVED, RELAYS, REVISIONS, Rows,
    RowsMut, SENT, THREADS, TICKETS,
};
use deskwire_store::{EntryRef, Result};

use super::{change, link};
use crate::overlay::Overlay;
use crate::refusal::refused;

/// Why a file is not here that its partner took back.
const RETRACTED: &str = "retracted";

/// A decision about a contribution.
pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &ThreadRecord) -> Result<()> {
    match record {
        ThreadRecord::KeyDrawn { key } => rows.put(DERIVING, &(), &DerivingRow { key: key.clone() }),
        ThreadRecord::Edited { ticket, of, at: when } => {
            own(rows, (*ticket, at), *of, Revision::Edited(0), *when).map(drop)
        }
        ThreadRecord::Retracted { ticket, of, kept, at: when } => {
            let what = if *kept { Revision::Hidden } else { Revision::Retracted };
            let row = own(rows, (*ticket, at), *of, what, *when)?;
            taken_back(rows, (*ticket, *of), row, *kept)
        }
        ThreadRecord::TakenBack { ticket, of, .. } => match rows.get(THREADS, &(*ticket, *of))? {
            Some(row) => taken_back(rows, (*ticket, *of), row, false),
            None => Ok(()),
        },
        ThreadRecord::Opened { ticket, of, audience, at: when } => {
            own(rows, (*ticket, at), *of, Revision::Opened, *when)?;
            change(rows, THREADS, &(*ticket, *of), |row| row.audience = audience.clone()).map(drop)
        }
        ThreadRecord::Withdrawn { no, seq, shown, .. } => {
            change(rows, SENT, &(*no, *seq), |row| row.withdrawn = true)?;
            let Some((key, delegation, order)) = shown else { return Ok(()) };
            let (link, delegation, order) = (*no, *delegation, *order);
            let shared = Shared { link, delegation, order, refused: None, item: None, retracted: false };
            change(rows, THREADS, key, |row| row.shared.push(shared)).map(drop)
        }
        ThreadRecord::RelaySet { no, setting, .. } => link::with(rows, *no, |row| row.relay = *setting),
        ThreadRecord::RelayWaits { ticket, of, delegation, why, at } => {
            let row = RelayRow { skipped: false, why: why.clone(), at: *at };
            rows.put(RELAYS, &(*ticket, (*of, *delegation)), &row)
        }
        ThreadRecord::RelaySkipped { ticket, of, delegation, .. } => {
            change(rows, RELAYS, &(*ticket, (*of, *delegation)), |row| row.skipped = true).map(drop)
        }
        ThreadRecord::RelayDone { ticket, of, delegation, .. } => {
            rows.delete(RELAYS, &(*ticket, (*of, *delegation)));
            Ok(())
        }
        ThreadRecord::Rejoined { no, seq, from, to, .. } => {
            let shown = super::need(rows, THREADS, from)?;
            rows.delete(THREADS, from);
            change(rows, THREADS, to, |row| row.shared.extend(shown.shared))?;
            change(rows, SENT, &(*no, *seq), |row| row.thread = Some(*to)).map(drop)
        }
        ThreadRecord::Tagged { tag, ticket, .. } => rows.put(LOOP_TAGS, tag, ticket),
        ThreadRecord::Passed { ticket, of, copy, .. } => {
            rows.put(PASSED, &(*ticket, (*of, *copy)), &())?;
            rows.put(PASSED, &(*ticket, (*copy, *of)), &())
        }
    }
}

/// What a message of a partner does to an earlier contribution of it.
pub(super) fn later(rows: &mut Overlay, at: EntryRef, message: &Received, later: Later) -> Result<()> {
    let local = (message.local.ticket, message.local.delegation);
    let (of, what) = match (later, local) {
        (Later::Withdraws(seq), _) => return withdrawn(rows, message, seq),
        (Later::Edits(..) | Later::Retracts(_), (None, _) | (_, None)) => return Ok(()),
        (Later::Edits(of, version), _) => (of, Revision::Edited(version)),
        (Later::Retracts(of), _) => (of, Revision::Retracted),
    };
    let (Some(ticket), Some(delegation)) = local else { return Ok(()) };
    if what == Revision::Retracted {
        give_up(rows, message.no, (ticket, of))?;
    }
    let row = ThreadRow {
        kind: ThreadKind::Revised(Revised { of, what }),
        author: Author::Partner(message.no),
        audience: Audience::Delegations(vec![delegation]),
        at: message.at,
        shared: Vec::new(),
        item: None,
        revised: false,
        aside: None,
    };
    revise(rows, (ticket, at), of, &row)
}

/// What this desk did to a contribution of its own, and told in a message that came back.
pub(super) fn came_back(
    rows: &mut Overlay,
    key: (TicketNumber, EntryRef),
    later: Later,
    (delegation, shared): (DelegationNo, Shared),
    at: Timestamp,
) -> Result<()> {
    let (of, what) = match later {
        Later::Edits(of, version) => (of, Revision::Edited(version)),
        Later::Retracts(of) => (of, Revision::Retracted),
        Later::Withdraws(_) => return Ok(()),
    };
    if what == Revision::Retracted
        && let Some(mut root) = rows.get(THREADS, &(key.0, of))?
    {
        root.shared
            .iter_mut()
            .filter(|one| one.delegation == delegation)
            .for_each(|one| one.retracted = true);
        rows.put(THREADS, &(key.0, of), &root)?;
    }
    let row = ThreadRow {
        kind: ThreadKind::Revised(Revised { of, what }),
        author: Author::Own,
        audience: Audience::Delegations(vec![delegation]),
        at,
        shared: vec![shared],
        item: None,
        revised: false,
        aside: None,
    };
    revise(rows, key, of, &row)
}

/// Something that people of this desk did to a contribution; that one as it stands.
fn own(
    rows: &mut Overlay,
    key: (TicketNumber, EntryRef),
    of: EntryRef,
    what: Revision,
    at: Timestamp,
) -> Result<ThreadRow> {
    let root = super::need(rows, THREADS, &(key.0, of))?;
    let row = ThreadRow {
        kind: ThreadKind::Revised(Revised { of, what }),
        author: Author::Own,
        audience: root.audience.clone(),
        at,
        shared: Vec::new(),
        item: None,
        revised: false,
        aside: None,
    };
    revise(rows, key, of, &row)?;
    super::need(rows, THREADS, &(key.0, of))
}

fn revise(rows: &mut Overlay, key: (TicketNumber, EntryRef), of: EntryRef, row: &ThreadRow) -> Result<()> {
    rows.put(THREADS, &key, row)?;
    rows.put(REVISIONS, &(key.0, (of, key.1)), &())?;
    // What stood on a branch that was left may be gone.
    match rows.get(THREADS, &(key.0, of))? {
        Some(mut root) => {
            root.revised = true;
            rows.put(THREADS, &(key.0, of), &root)
        }
        None => Ok(()),
    }
}

/// No partner gets it any more, nor the bytes of a file; with `kept` it is an internal one from now on.
fn taken_back(
    rows: &mut Overlay,
    key: (TicketNumber, EntryRef),
    mut row: ThreadRow,
    kept: bool,
) -> Result<()> {
    row.shared.iter_mut().for_each(|shared| shared.retracted = true);
    if kept {
        row.audience = Audience::Internal;
    }
    if let ThreadKind::File(file) = row.kind {
        let blob = super::need(rows, FILES, &file)?.blob;
        for link in row.shared.iter().map(|shared| shared.link) {
            if rows.get(GRANTS, &(link, blob))? == Some(file) {
                match announced(rows, (link, blob), file)? {
                    Some(other) => rows.put(GRANTS, &(link, blob), &other)?,
                    None => rows.delete(GRANTS, &(link, blob)),
                }
            }
        }
    }
    rows.put(THREADS, &key, &row)
}

/// Another file with the same bytes that the partner of the link was told of and that was not taken back.
fn announced(rows: &Overlay, (link, blob): (LinkNo, Hash), not: FileNo) -> Result<Option<FileNo>> {
    let mut found = None;
    for ((_, file), ()) in rows.list(BLOB_FILES, &blob, usize::MAX)? {
        let here = |row: &FileRow| row.state == FileState::Here && file != not;
        let Some(row) = rows.get(FILES, &file)?.filter(here) else { continue };
        let shared = rows.get(THREADS, &(row.ticket, row.entry))?.map(|row| row.shared).unwrap_or_default();
        let stands = |one: &Shared| one.link == link && !one.retracted && one.refused.is_none();
        if shared.iter().any(stands) {
            found = Some(file);
        }
    }
    Ok(found)
}

/// A partner's file is fetched no more, and its bytes are of no use to it.
fn give_up(rows: &mut Overlay, no: LinkNo, key: (TicketNumber, EntryRef)) -> Result<()> {
    let Some(ThreadKind::File(file)) = rows.get(THREADS, &key)?.map(|row| row.kind) else { return Ok(()) };
    rows.delete(FETCHING, &(no, file));
    change(rows, FILES, &file, |row| {
        if matches!(row.state, FileState::Fetching | FileState::Here) {
            row.state = FileState::Failed(refused(RETRACTED, "The partner has taken the file back."));
        }
    })
    .map(drop)
}

/// What took back a partner's file was set aside: it is fetched as if it had been announced just now. Bytes that are here
/// still are not fetched twice.
pub(super) fn given_back(rows: &mut Overlay, no: LinkNo, key: (TicketNumber, EntryRef)) -> Result<()> {
    let Some(ThreadKind::Revised(Revised { of, what: Revision::Retracted })) =
        rows.get(THREADS, &key)?.map(|row| row.kind)
    else {
        return Ok(());
    };
    let Some(ThreadKind::File(file)) = rows.get(THREADS, &(key.0, of))?.map(|row| row.kind) else {
        return Ok(());
    };
    let Some(mut row) = rows.get(FILES, &file)?.filter(|row| is_retracted(&row.state)) else { return Ok(()) };
    row.state = FileState::Fetching;
    rows.put(FILES, &file, &row)?;
    rows.put(FETCHING, &(no, file), &())
}

/// Whether a partner took the file back.
fn is_retracted(state: &FileState) -> bool {
    matches!(state, FileState::Failed(why) if why.code.as_str() == RETRACTED)
}

/// The text of a message is shown nowhere any more; the message keeps its effect.
fn withdrawn(rows: &mut Overlay, message: &Received, seq: u64) -> Result<()> {
    let Some(mut row) = rows.get(RECEIVED, &(message.no, seq))? else { return Ok(()) };
    row.withdrawn = true;
    rows.put(RECEIVED, &(message.no, seq), &row)?;
    let Some(ticket) = message.local.ticket else { return Ok(()) };
    let Some(mut shown) = rows.get(TICKETS, &ticket)?.filter(|ticket| ticket.body == row.entry) else {
        return Ok(());
    };
    shown.title = Line::new("(withdrawn)").expect("one short line");
    rows.put(TICKETS, &ticket, &shown)
}
