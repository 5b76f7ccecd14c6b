//! Pull: a desk without an endpoint asks, its partner answers. proto-spec, section 5.6.

use deskwire_proto::code::Code;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::Nonce;
use deskwire_proto::pull::PullRequest;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::LinkState;
use deskwire_store::table::{RECEIVED, Rows};
use serde_bytes::ByteBuf;

use super::aside;
use super::find;
use super::recover;
use super::send::{Next, NextBatch};
use super::session::SayHello;
use crate::sabotage::{self, Sabotage};
use crate::{Command, Refusal, Step};

/// Lays out what a partner that asks is answered. The session may have been opened by a push or by a pull: there is one,
/// and the partner's cursor is the only truth, so that the two never fight over it.
#[derive(Debug, Clone, Copy)]
pub struct AnswerPull {
    /// The link.
    pub link: LinkNo,
    /// How many of our messages the partner says it holds.
    pub upto: u64,
    /// The partner could not use the answer before, so that a new hello has to come first.
    pub doubt: bool,
}

/// What there is for a partner that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// A signed hello: there is no session.
    Hello(Vec<u8>),
    /// The body of a batch.
    Batch(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// The link does not work.
    Refused(Code),
}

impl Command for AnswerPull {
    type Reply = Pulled;

    fn run(self, step: &mut Step<'_>) -> Result<Pulled, Refusal> {
        let row = find::link(step, self.link)?;
        if let Some(code) = closed(&row.state) {
            return Ok(Pulled::Refused(code));
        }
        step.memory.was_asked(self.link, step.now);
        if find::stream(step, self.link)?.leaving.is_some() && aside::go_on(step, self.link)? {
            return Ok(Pulled::Refused(Code::Busy));
        }
        let stream = find::stream(step, self.link)?;
        let open = step.memory.sessions.get(&self.link).copied();
        let Some(session) = open.filter(|_| !self.doubt && self.upto <= stream.out_length) else {
            return self.hello(step).map(Pulled::Hello);
        };
        // What the partner holds and no receipt covers is sent again, for the receipt.
        let believed = sabotage::makes(Sabotage::PullWithoutReceipt);
        let covered = if believed { self.upto } else { self.upto.min(stream.acked) };
        // The first one opens the session at the partner, though there is nothing new.
        let confirmed = step.memory.confirmed.contains(&self.link);
        let after = Some(covered).filter(|covered| confirmed || *covered < stream.out_length);
        match (NextBatch { link: self.link, session, after }).run(step)? {
            Next::Batch { bytes, .. } => Ok(Pulled::Batch(bytes)),
            Next::Idle => Ok(Pulled::Nothing),
            Next::NoSession => self.hello(step).map(Pulled::Hello),
        }
    }
}

impl AnswerPull {
    /// A hello that is on its way to the partner by a push is said here too: a second one would make it void.
    fn hello(&self, step: &mut Step<'_>) -> Result<Vec<u8>, Refusal> {
        match step.memory.hellos.get(&self.link) {
            Some(said) if !self.doubt && !said.welcomed => Ok(said.raw.clone()),
            Some(_) | None => SayHello { link: self.link }.run(step),
        }
    }
}

fn closed(state: &LinkState) -> Option<Code> {
    match state {
        LinkState::Active | LinkState::Quarantined(_) => None,
        LinkState::WaitingApproval | LinkState::WaitingPartner => Some(Code::LinkWaiting),
        LinkState::Paused(_) => Some(Code::LinkPaused),
        LinkState::Closed => Some(Code::LinkClosed),
    }
}

/// Composes and signs a request for the partner's messages.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The link.
    pub link: LinkNo,
    /// How long the partner may hold it while there is nothing, milliseconds.
    pub wait: u64,
    /// Our time, never lower than one used before.
    pub time: Timestamp,
    /// Our newest receipt, where the partner may not have it.
    pub receipt: Option<Vec<u8>>,
    /// Our answer to its hello.
    pub welcome: Option<Vec<u8>>,
    /// Our answer to its request for recovery.
    pub page: Option<Vec<u8>>,
}

impl Command for Ask {
    type Reply = Vec<u8>;

    fn run(self, step: &mut Step<'_>) -> Result<Vec<u8>, Refusal> {
        let row = find::link(step, self.link)?;
        let stream = find::stream(step, self.link)?;
        let request = PullRequest {
            v: V1,
            to: row.partner,
            from: step.identity.desk(),
            link: row.link,
            page: self.page.map(ByteBuf::from),
            time: self.time,
            upto: stream.in_length,
            wait: self.wait,
            nonce: Nonce::new(step.random()),
            receipt: self.receipt.map(ByteBuf::from),
            welcome: self.welcome.map(ByteBuf::from),
        };
        Ok(Signed::seal(request, step.identity.secret()).into_parts().0)
    }
}

/// Pauses a link because a message that the partner answered a pull with contradicts what is held: there is no answer
/// into which the problem could be put.
#[derive(Debug, Clone)]
pub struct PauseForked {
    /// The link.
    pub link: LinkNo,
    /// The signed message.
    pub other: Vec<u8>,
}

impl Command for PauseForked {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        if !matches!(row.state, LinkState::Active | LinkState::Quarantined(_)) {
            return Ok(());
        }
        let stream = find::stream(step, self.link)?;
        // The one with the same number, if there is one; else the last, onto which it does not chain.
        let seq = read_head(&self.other).map_or(stream.in_length, |head| head.seq.min(stream.in_length));
        let held = match step.rows().get(RECEIVED, &(self.link, seq))? {
            Some(held) => match step.read(held.entry)? {
                Record::Received(held) => held.signed,
                _ => return Err(find::broken("a received message that is another record")),
            },
            None => ByteBuf::new(),
        };
        let other = ByteBuf::from(self.other);
        recover::forked(step, self.link, false, held, other)
    }
}
