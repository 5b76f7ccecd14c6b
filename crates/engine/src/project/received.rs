//! A partner's message becomes rows, as was decided when it was consumed.

use deskwire_machine::delegation::{Case, Role};
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::message::{Body, Facts, Kind, common::Priority};
use deskwire_proto::text::{Code, Line};
use deskwire_store::local::{DelegationNo, FileNo, TicketNumber};
use deskwire_store::record::Received;
use deskwire_store::row::{
    Audience, Author, DelegationRow, FileRow, FileState, ReceivedRow, ThreadKind, ThreadRow, TicketRow,
};
use deskwire_store::table::{
    BLOB_FILES, DELEGATION_IDS, DELEGATIONS, FETCHING, FILES, RECEIVED, Rows, RowsMut, THREADS, TICKETS,
};
use deskwire_store::{EntryRef, Result};

use super::delegation::{self, Entering};
use super::{account, clock, contradiction, count, privacy, relay, stream, terms};
use crate::overlay::Overlay;

pub(super) fn project(
    rows: &mut Overlay,
    at: EntryRef,
    message: &Received,
    text: Option<&[u8]>,
) -> Result<()> {
    let row = ReceivedRow {
        entry: at,
        hash: message.hash,
        at: message.at,
        refused: message.refused.clone(),
        aside: None,
        withdrawn: false,
        about: message.local.delegation,
    };
    rows.put(RECEIVED, &(message.no, message.seq), &row)?;
    stream::with(rows, message.no, |row| {
        row.in_length = message.seq;
        row.in_head = message.hash;
        row.in_seen = message.seen;
        row.in_key = message.key;
    })?;
    privacy::unshown(rows, at, message)?;
    match message.refused {
        Some(_) => Ok(()),
        None => applied(rows, at, message, text),
    }
}

fn applied(rows: &mut Overlay, at: EntryRef, message: &Received, text: Option<&[u8]>) -> Result<()> {
    if let Some(done) = message.local.later {
        return relay::later(rows, at, message, done);
    }
    let (Some(ticket), Some(delegation)) = (message.local.ticket, message.local.delegation) else {
        return of_link(rows, at, message);
    };
    let head = read_head(&message.signed).map_err(|_| contradiction("a stored message"))?;
    if account::received(rows, at, message, &head)? {
        return Ok(());
    }
    let kind = Kind::from_name(head.kind.as_str()).ok_or_else(|| contradiction("a kind that was applied"))?;
    if let Some(event) = &message.event {
        if kind == Kind::Offer {
            let title = offered_title(&head.facts, text);
            offer(rows, at, message, (ticket, delegation), (title, &head.facts))?;
        }
        let entering =
            Entering { delegation, at, said: event.clone().into(), times: (head.time, message.at) };
        if kind == Kind::Rate {
            super::figures::said(rows, delegation, message.seq, &head.facts)?;
        }
        delegation::theirs(rows, entering, (message.seq, message.seen), message.no)?;
        return match kind {
            Kind::Offer | Kind::Update => clock::said(rows, delegation, kind, &head.facts),
            _ => Ok(()),
        };
    }
    if kind == Kind::Digest {
        return super::agreement::heard(rows, at, delegation, message);
    }
    if kind == Kind::ChainReport {
        return clock::reported(rows, at, delegation, message);
    }
    let thread = match message.local.file {
        Some(file) => {
            announced(rows, at, message, (ticket, file), &head.facts)?;
            ThreadKind::File(file)
        }
        None => ThreadKind::Comment,
    };
    let row = ThreadRow {
        kind: thread,
        author: Author::Partner(message.no),
        audience: Audience::Delegations(vec![delegation]),
        at: message.at,
        shared: Vec::new(),
        item: Some(head.item),
        revised: false,
        aside: None,
    };
    rows.put(THREADS, &(ticket, at), &row)
}

/// A message that is about no delegation.
fn of_link(rows: &mut Overlay, at: EntryRef, message: &Received) -> Result<()> {
    let head = read_head(&message.signed).map_err(|_| contradiction("a stored message"))?;
    if account::received(rows, at, message, &head)? || privacy::received(rows, at, message, &head)? {
        return Ok(());
    }
    terms::received(rows, at, message)
}

/// The title that the partner gave; what stands there once its text is erased.
fn offered_title(facts: &[u8], text: Option<&[u8]>) -> Line {
    let body = text.and_then(text_body).and_then(|body| Body::decode(Kind::Offer, facts, Some(body)).ok());
    match body {
        Some(Body::Offer { text, .. }) => text.title,
        _ => Line::new("(erased)").expect("one short line"),
    }
}

fn offer(
    rows: &mut Overlay,
    at: EntryRef,
    message: &Received,
    (ticket, delegation): (TicketNumber, DelegationNo),
    (title, facts): (Line, &[u8]),
) -> Result<()> {
    let Ok(Facts::Offer(facts)) = Facts::decode(Kind::Offer, facts) else {
        return Err(contradiction("an offer"));
    };
    let id = read_head(&message.signed).ok().and_then(|head| head.delegation);
    let id = id.ok_or_else(|| contradiction("an offer without a delegation"))?;
    if let Some(mut known) = rows.get(DELEGATIONS, &delegation)? {
        // It stands on both branches of a fork: the ticket and what this desk said of it stay.
        known.offer = at;
        rows.put(DELEGATION_IDS, &(message.no, id), &delegation)?;
        return rows.put(DELEGATIONS, &delegation, &known);
    }
    let (category, priority) = match &message.here {
        Some(here) => (here.category.clone(), here.priority),
        None => (facts.category, facts.priority),
    };
    let row = TicketRow {
        title,
        status: Code::new("new").expect("a code"),
        status_label: None,
        priority: priority.unwrap_or(Priority::Normal),
        category,
        origin: Some(delegation),
        body: at,
        created: message.at,
        changed: message.at,
        erased: None,
    };
    rows.put(TICKETS, &ticket, &row)?;
    count(rows, |counters| counters.ticket = counters.ticket.max(ticket.0 + 1))?;
    let row = DelegationRow {
        link: message.no,
        id,
        ticket,
        offer: at,
        created: message.at,
        version: 1,
        case: Case::new(Role::Contractor),
        resolved: None,
        ended: (false, false),
        watched: false,
    };
    delegation::begin(rows, delegation, &row)
}

fn announced(
    rows: &mut Overlay,
    at: EntryRef,
    message: &Received,
    (ticket, file): (TicketNumber, FileNo),
    facts: &[u8],
) -> Result<()> {
    let Ok(Facts::FileAdd(facts)) = Facts::decode(Kind::FileAdd, facts) else {
        return Err(contradiction("an announced file"));
    };
    let item = read_head(&message.signed).map_err(|_| contradiction("a stored message"))?.item;
    // It is here already if it was announced on both branches of a fork.
    let here = rows.get(FILES, &file)?.is_some_and(|row| row.state == FileState::Here);
    let row = FileRow {
        ticket,
        item,
        blob: facts.blob,
        size: facts.size.into(),
        chunks: facts.chunks,
        author: Author::Partner(message.no),
        entry: at,
        state: if here { FileState::Here } else { FileState::Fetching },
        at: message.at,
    };
    rows.put(FILES, &file, &row)?;
    rows.put(BLOB_FILES, &(facts.blob, file), &())?;
    if !here {
        rows.put(FETCHING, &(message.no, file), &())?;
    }
    count(rows, |counters| counters.file = counters.file.max(file.0 + 1))
}
