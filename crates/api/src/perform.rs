//! An action on a delegation with what the caller says beside it: the version of the offer that was read, and the
//! desk's own status. All of it happens in one step of the writer, or nothing.

use deskwire_engine::command::act::{Act, Action};
use deskwire_engine::{Command, Fault, Refusal, Step};
use deskwire_proto::message::common::Person;
use deskwire_proto::text::{Code, Label};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{ActorText, Record, encode_text};
use deskwire_store::row::DelegationRow;
use deskwire_store::table::{DELEGATIONS, Rows, STREAMS, TICKETS};

/// An action, and what goes with it.
pub(crate) struct Perform {
    pub(crate) delegation: DelegationNo,
    pub(crate) action: Action,
    pub(crate) by: Person,
    /// The version of the offer that the caller has read.
    pub(crate) read: Option<u64>,
    /// This desk's own status, as it shall be from now on.
    pub(crate) own: Own,
}

/// What changes of the desk's own status; a label alone gives the present status new words.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) status: Option<Code>,
    pub(crate) label: Option<Label>,
}

impl Command for Perform {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Self { delegation, action, by, read, own } = self;
        if let Some(row) = step.rows().get(DELEGATIONS, &delegation)? {
            check_version(step, &row, read)?;
            own.record(step, row.ticket, &by)?;
        }
        Act { delegation, action, by }.run(step)
    }
}

impl Own {
    fn record(self, step: &mut Step<'_>, ticket: TicketNumber, by: &Person) -> Result<(), Refusal> {
        let (status, label) = match (self.status, self.label) {
            (None, None) => return Ok(()),
            (Some(status), label) => (status, label),
            (None, Some(label)) => match step.rows().get(TICKETS, &ticket)? {
                Some(row) => (row.status, Some(label)),
                None => return Ok(()),
            },
        };
        let text = encode_text(&ActorText { by: by.clone() })?;
        let record = Record::TicketStatus { ticket, status, label, at: step.now };
        step.record(&record, Some(text)).map(drop)
    }
}

fn check_version(step: &Step<'_>, row: &DelegationRow, read: Option<u64>) -> Result<(), Refusal> {
    let Some(read) = read else { return Ok(()) };
    let cursor = step.rows().get(STREAMS, &row.link)?.map_or(0, |stream| stream.in_length);
    let newest = row.case.view(cursor).version;
    if read == newest {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Conflict,
        "offer-changed",
        format!("Version {read} of the offer was read; the newest is {newest}."),
        "Look at the offer again, then accept or decline it.",
    ))
}
