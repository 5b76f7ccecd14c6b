//! Both branches of a fork, for the operators who choose one. proto-spec, section 5.10.

use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::cose::Sign1;
use deskwire_proto::envelope::read_head;
use deskwire_proto::session::{Hello, Welcome};
use deskwire_proto::text::KindName;
use deskwire_proto::time::Timestamp;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkState, Pause};
use serde_bytes::ByteBuf;

use super::log::{LogEntry, Way, log};
use crate::command::repair::{Fork, fork_of, nothing_to_repair};
use crate::{Partner, Reader, Refusal};

/// Messages of a branch that are shown.
const SHOWN: usize = 100;

/// A fork, as far as this desk knows both branches.
#[derive(Debug, Clone)]
pub struct Branches {
    /// Whether the stream is this desk's own.
    pub own: bool,
    /// Both branches are surely the same up to this message.
    pub same: u64,
    /// What this desk holds behind it, at most a hundred messages.
    pub ours: Vec<LogEntry>,
    /// How long this desk's branch is.
    pub length: u64,
    /// The message of the other branch that is known here, with number, kind and time.
    pub theirs: Option<(u64, KindName, Timestamp)>,
    /// How long the other branch is, as far as the partner has said.
    pub their_length: Option<u64>,
    /// What this desk held when the fork showed, signed; empty when that was nothing.
    pub held: ByteBuf,
    /// What does not fit it, signed.
    pub other: ByteBuf,
}

/// The branches between which an operator has to choose.
///
/// # Errors
/// `nothing-to-repair`, or when the store fails.
pub fn branches(reader: &Reader, partner: &Partner) -> Result<Branches, Refusal> {
    let row = &partner.row;
    let fork = fork_of(&row.state).ok_or_else(|| nothing_to_repair(row))?;
    let stream = reader.stream(partner.no)?;
    let (held, other) = match &row.state {
        LinkState::Paused(Pause::Fork(at) | Pause::OwnFork(at)) => match reader.record(*at)? {
            Record::Forked { held, other, .. } => (held, other),
            _ => return Err(super::lookup::broken("a fork is another record")),
        },
        _ => Default::default(),
    };
    let own = fork == Fork::Own;
    let message = (!own && !held.is_empty()).then(|| read_head(&other).ok()).flatten();
    let their_length = if own {
        body::<Welcome>(&other).map(|welcome| welcome.length)
    } else if message.is_none() {
        body::<Hello>(&other).map(|hello| hello.length)
    } else {
        None
    };
    let (same, length, way) = match fork {
        Fork::Own => (stream.acked, stream.out_length, Way::Out),
        Fork::Partners | Fork::Beyond => {
            let known = message.as_ref().map(|head| head.seq.saturating_sub(1));
            (known.unwrap_or(stream.agreed).min(stream.in_length), stream.in_length, Way::In)
        }
    };
    let ours = log(reader, partner.no, way, same + 1, SHOWN)?.entries;
    let theirs = message.map(|head| (head.seq, head.kind, head.time));
    Ok(Branches { own, same, ours, length, theirs, their_length, held, other })
}

fn body<T: serde::de::DeserializeOwned>(raw: &[u8]) -> Option<T> {
    cbor::decode(Sign1::parse(raw).ok()?.unverified_payload(), Bounds::LARGE).ok()
}
