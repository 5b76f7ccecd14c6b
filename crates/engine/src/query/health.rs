//! How a link fares: what is on its way, since when, and what stands in the way.

use deskwire_machine::retry::LATE_AFTER;
use deskwire_proto::time::Timestamp;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkState, StreamRow};
use deskwire_store::table::{PARKED, RECEIVED, Rows, SENT, WAITING};

use super::lookup::broken;
use crate::command::clock::Skew;
use crate::{Partner, Reader, Refusal};

/// How a link fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// All in one word.
    pub state: HealthState,
    /// Items without a number.
    pub waiting: u64,
    /// Numbered messages that no receipt covers.
    pub unacknowledged: u64,
    /// Items taken out of the queue.
    pub parked: u64,
    /// When the oldest item was accepted that is not delivered and not parked.
    pub oldest: Option<Timestamp>,
    /// When the oldest parked item was accepted.
    pub oldest_parked: Option<Timestamp>,
    /// Whether the oldest has waited for more than an hour.
    pub late: bool,
    /// Failed tries since the last contact.
    pub failures: u32,
    /// When an authenticated word of the partner last came.
    pub last_contact: Option<Timestamp>,
    /// How the partner's clock differs, as it was last seen since the daemon runs.
    pub skew: Option<Skew>,
    /// Since when the partner's desk has been the one that speaks now: its daemon started shortly before.
    pub instance_since: Option<Timestamp>,
    /// How many instances of the partner's desk are known to have been replaced.
    pub instances_retired: usize,
}

/// How a link fares, in one word, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// What there is goes.
    Good,
    /// Ended: nothing goes, and nothing should.
    Ended,
    /// Somebody still has to approve it.
    Unapproved,
    /// The last try failed.
    Troubled,
    /// Items are parked until somebody decides.
    Parked,
    /// Something has not been delivered for more than an hour.
    Late,
    /// Paused, or refused by the partner: people have to look at it.
    Stopped,
}

/// How a link fares.
///
/// # Errors
/// When the store fails.
pub fn health(reader: &Reader, partner: &Partner, stream: &StreamRow) -> Result<Health, Refusal> {
    let oldest = oldest(reader, partner, stream)?;
    let late = oldest.is_some_and(|oldest| reader.now().since(oldest) >= LATE_AFTER);
    let session = stream.session.as_ref();
    Ok(Health {
        state: state(partner, stream, late),
        waiting: stream.waiting,
        unacknowledged: stream.out_length.saturating_sub(stream.acked),
        parked: stream.parked,
        oldest,
        oldest_parked: oldest_parked(reader, partner, stream)?,
        late,
        failures: partner.row.retry.attempt,
        last_contact: last_contact(reader, partner, stream)?,
        skew: reader.skew(partner.no),
        instance_since: session.map(|session| answered(reader, session.entry)).transpose()?,
        instances_retired: stream.retired.len(),
    })
}

fn state(partner: &Partner, stream: &StreamRow, late: bool) -> HealthState {
    match &partner.row.state {
        LinkState::Closed => HealthState::Ended,
        LinkState::Paused(_) | LinkState::Quarantined(_) => HealthState::Stopped,
        LinkState::WaitingApproval | LinkState::WaitingPartner => HealthState::Unapproved,
        LinkState::Active if late => HealthState::Late,
        LinkState::Active if stream.parked > 0 => HealthState::Parked,
        LinkState::Active if partner.row.trouble.is_some() => HealthState::Troubled,
        LinkState::Active => HealthState::Good,
    }
}

fn oldest(reader: &Reader, partner: &Partner, stream: &StreamRow) -> Result<Option<Timestamp>, Refusal> {
    let entry = if stream.acked < stream.out_length {
        reader.rows().get(SENT, &(partner.no, stream.acked + 1))?.map(|row| row.item)
    } else if stream.waiting > 0 {
        reader.rows().list(WAITING, &partner.no, 1)?.into_iter().next().map(|(_, row)| row.entry)
    } else {
        None
    };
    entry.map(|entry| accepted(reader, entry)).transpose()
}

fn oldest_parked(
    reader: &Reader,
    partner: &Partner,
    stream: &StreamRow,
) -> Result<Option<Timestamp>, Refusal> {
    if stream.parked == 0 {
        return Ok(None);
    }
    let first = reader.rows().list(PARKED, &partner.no, 1)?;
    first.into_iter().next().map(|(_, row)| accepted(reader, row.item.entry)).transpose()
}

fn accepted(reader: &Reader, entry: deskwire_store::EntryRef) -> Result<Timestamp, Refusal> {
    match reader.record(entry)? {
        Record::ItemMade(made) => Ok(made.at),
        _ => Err(broken("an item that is another record")),
    }
}

fn answered(reader: &Reader, entry: deskwire_store::EntryRef) -> Result<Timestamp, Refusal> {
    match reader.record(entry)? {
        Record::HelloAnswered { at, .. } => Ok(at),
        _ => Err(broken("a session that is another record")),
    }
}

/// The newest of what is known in memory, and of what the journal proves.
fn last_contact(
    reader: &Reader,
    partner: &Partner,
    stream: &StreamRow,
) -> Result<Option<Timestamp>, Refusal> {
    let mut newest = reader.last_contact(partner.no);
    if let Some(at) = stream.receipt
        && let Record::ReceiptTaken { at, .. } = reader.record(at)?
    {
        newest = newest.max(Some(at));
    }
    if stream.in_length > 0
        && let Some(row) = reader.rows().get(RECEIVED, &(partner.no, stream.in_length))?
    {
        newest = newest.max(Some(row.at));
    }
    Ok(newest)
}
