//! Hello and welcome, on both sides. proto-spec, section 5.3.

use std::ops::ControlFlow;

use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::{Hash, Nonce, SessionId};
use deskwire_proto::session::{Hello, Welcome};
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{MendRecord, Record};
use deskwire_store::row::{LinkRow, LinkState, StreamRow};
use deskwire_store::table::{ANNOUNCED, BROUGHT, BROUGHT_AT, HELLOS, Key, RECEIVED, Rows, SENT, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

use super::change::{self, Meaning};
use super::{aside, clock, find, key, recover};
use crate::memory::{Asked, Said};
use crate::port::Effect;
use crate::{Command, Refusal, Step};

/// Says hello for our own stream of a link; the bytes go to the partner.
#[derive(Debug, Clone, Copy)]
pub struct SayHello {
    /// The link.
    pub link: LinkNo,
}

impl Command for SayHello {
    type Reply = Vec<u8>;

    fn run(self, step: &mut Step<'_>) -> Result<Vec<u8>, Refusal> {
        let link = find::link(step, self.link)?;
        let stream = find::stream(step, self.link)?;
        if stream.leaving.is_some() {
            // Our stream changes just now; whoever waits is woken at the end of it.
            return Err(Refusal::busy());
        }
        step.memory.sessions.remove(&self.link);
        // A partner that did not welcome the last hello may not know our newest key.
        let greeted = step.memory.greeted.remove(&self.link);
        let descriptor = (!greeted).then(|| ByteBuf::from(step.identity.descriptor().raw()));
        let told = change::told(step, self.link, &link, &stream)?;
        let hello = Hello {
            v: V1,
            to: link.partner,
            from: step.identity.desk(),
            head: told.head,
            keys: step.identity.keys().head(),
            link: link.link,
            time: step.now,
            later: told.later.then_some(true),
            nonce: Nonce::new(step.random()),
            change: told.change,
            length: told.length,
            instance: step.memory.instance,
            descriptor,
        };
        let nonce = hello.nonce;
        let raw = Signed::seal(hello, step.identity.secret()).into_parts().0;
        let record = Record::HelloSaid {
            no: self.link,
            hello: raw.clone().into(),
            nonce,
            length: told.length,
            at: step.now,
        };
        step.record(&record, None)?;
        step.memory.hellos.insert(self.link, Said { raw: raw.clone(), welcomed: false });
        let claim = step.memory.claims.get_mut(&self.link);
        if let Some(claim) = claim.filter(|claim| claim.asked == Asked::NotYet) {
            claim.asked = Asked::Hello;
        }
        Ok(raw)
    }
}

/// A session of our own stream that a welcome opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The session, to be named by each batch.
    pub session: SessionId,
    /// How many of our messages the partner holds: sending goes on behind them.
    pub held: u64,
}

/// Takes the partner's welcome: opens the session, or pauses the link if our stream stands differently there.
#[derive(Debug, Clone)]
pub struct TakeWelcome {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key.
    pub welcome: Signed<Welcome>,
}

impl Command for TakeWelcome {
    type Reply = Result<Opened, Code>;

    fn run(self, step: &mut Step<'_>) -> Result<Result<Opened, Code>, Refusal> {
        let link = find::link(step, self.link)?;
        let stream = find::stream(step, self.link)?;
        let (raw, welcome) = self.welcome.into_parts();
        if welcome.link != link.link {
            return Ok(Err(Code::WrongLink));
        }
        if welcome.to != step.identity.desk() || welcome.from != link.partner {
            return Ok(Err(Code::WrongDesk));
        }
        // A session ends with the process of its author: a welcome to a hello of the process before opens none.
        let said = step.memory.hellos.contains_key(&self.link);
        if !said || stream.hello.is_none_or(|(nonce, _)| nonce != welcome.hello) {
            return Ok(Err(Code::SessionUnknown));
        }
        let (no, at) = (self.link, step.now);
        step.memory.receipted.entry(no).or_insert(welcome.known > 0);
        if stream.leaving.is_some() && aside::go_on(step, no)? {
            return Ok(Err(Code::SessionUnknown));
        }
        if let Some(raw) = &welcome.descriptor
            && take_descriptor(step, no, raw)? == key::Taken::Forked
        {
            return Ok(Err(Code::BadKeyLog));
        }
        match change::welcomed(step, no, &link, &welcome)? {
            Meaning::Plain => {}
            Meaning::SayAgain => return Ok(Err(Code::SessionUnknown)),
            Meaning::Fetch => return Ok(Err(Code::RecoveryNeeded)),
        }
        let stream = find::stream(step, no)?;
        let told = stream.recovery.as_ref().map_or(0, |recovery| recovery.told).max(stream.in_length);
        if welcome.length > stream.out_length || welcome.known > told {
            tracing::warn!(link = %no, held = welcome.length, known = welcome.known, "this desk has lost something");
            step.record(&Record::RecoveryNeeded { no, welcome: raw.into(), at }, None)?;
            return Ok(Err(Code::RecoveryNeeded));
        }
        if sent_hash(step, no, &link, welcome.length)? != welcome.head {
            let held = sent_bytes(step, no, welcome.length)?;
            recover::forked(step, no, true, held, raw.into())?;
            return Ok(Err(Code::Fork));
        }
        if let Some(recovery) = &stream.recovery {
            if !recovery.complete {
                // Nothing more is missing than what is here already.
                step.record(&Record::PageTaken { no, complete: true, at }, None)?;
            }
            recover::place_due(step, no)?;
        }
        files_lost(step, no, welcome.length, &stream)?;
        step.record(&Record::Welcomed { no, welcome: raw.into(), at }, None)?;
        let session = SessionId::of(&welcome.hello, &welcome.nonce);
        step.memory.heard(no, at);
        clock::told(step, no, welcome.time)?;
        step.once_kept(move |memory| {
            if let Some(claim) = memory.claims.get_mut(&no).filter(|claim| claim.asked == Asked::Hello) {
                claim.asked = Asked::NothingMore;
            }
            memory.greeted.insert(no);
            memory.sessions.insert(no, session);
            memory.held.insert(no, welcome.length);
            if let Some(said) = memory.hellos.get_mut(&no) {
                said.welcomed = true;
            }
        });
        Ok(Ok(Opened { session, held: welcome.length }))
    }
}

/// A partner that holds less than its receipts say was restored, and has lost the files that came behind that. So has one
/// that holds less than what files were brought for, where its receipts are void.
fn files_lost(step: &mut Step<'_>, no: LinkNo, behind: u64, stream: &StreamRow) -> Result<(), Refusal> {
    let short = behind < stream.acked;
    let mut lost = has_behind(step, BROUGHT, no, (no, behind + 1))?;
    lost |= short && has_behind(step, ANNOUNCED, no, (no, behind + 1))?;
    if lost {
        step.record(&Record::Mend(MendRecord::FilesLost { no, behind }), None)?;
    }
    if !lost && !short {
        step.once_kept(move |memory| {
            memory.doubted.remove(&no);
        });
        // It may be of a backup with all of our messages and not with all files.
        return files_doubted(step, no, behind);
    }
    // What was brought since it lost them is there, however often it is welcomed before it has its messages again.
    if step.memory.doubted.get(&no).is_some_and(|before| behind >= *before) {
        return Ok(());
    }
    step.once_kept(move |memory| {
        memory.doubted.insert(no, behind);
    });
    files_doubted(step, no, behind)
}

/// A partner that may have been restored, and holds so many of our messages: nothing tells whether its backup had the bytes
/// of the files that were brought since. They are brought once more; it says which it has.
fn files_doubted(step: &mut Step<'_>, no: LinkNo, behind: u64) -> Result<(), Refusal> {
    if has_behind(step, BROUGHT_AT, no, (no, (behind, 0)))? {
        step.record(&Record::Mend(MendRecord::FilesDoubted { no, behind }), None)?;
        step.after(Effect::Advanced(no));
    }
    Ok(())
}

/// Whether a table has a row of a link from a place on.
pub(super) fn has_behind<K: Key, R: Serialize + DeserializeOwned>(
    step: &Step<'_>,
    table: Table<K, R>,
    no: LinkNo,
    from: K,
) -> Result<bool, Refusal> {
    let mut found = false;
    step.rows().scan(table, &no, Some(&from), Direction::Forward, &mut |_, _| {
        found = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// Our own signed message with this number; nothing for 0.
fn sent_bytes(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<ByteBuf, Refusal> {
    let Some(row) = step.rows().get(SENT, &(no, seq))? else { return Ok(ByteBuf::new()) };
    match step.read(row.signed)? {
        Record::Numbered { signed, .. } => Ok(signed),
        _ => Err(find::broken("a sent message that is another record")),
    }
}

/// Takes a descriptor that came in a hello or a welcome, if section 2.4 lets it be taken.
fn take_descriptor(step: &mut Step<'_>, no: LinkNo, raw: &[u8]) -> Result<key::Taken, Refusal> {
    match Descriptor::open(raw) {
        Ok(newer) => key::take(step, no, &newer),
        Err(_) => Ok(key::Taken::Old),
    }
}

/// Hash of our own message with this number; the link id for 0.
pub(super) fn sent_hash(step: &Step<'_>, no: LinkNo, link: &LinkRow, seq: u64) -> Result<Hash, Refusal> {
    if seq == 0 {
        return Ok(link.link.into());
    }
    let row =
        step.rows().get(SENT, &(no, seq))?.ok_or_else(|| find::broken("a sent message without a row"))?;
    match step.read(row.signed)? {
        Record::Numbered { hash, .. } => Ok(hash),
        _ => Err(find::broken("a sent message that is another record")),
    }
}

/// Answers the partner's hello. A hello already answered gets the same welcome.
#[derive(Debug, Clone)]
pub struct AnswerHello {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key.
    pub hello: Signed<Hello>,
}

impl Command for AnswerHello {
    type Reply = Result<Vec<u8>, Code>;

    fn run(self, step: &mut Step<'_>) -> Result<Result<Vec<u8>, Code>, Refusal> {
        let link = find::link(step, self.link)?;
        let hello = self.hello.body();
        if hello.link != link.link {
            return Ok(Err(Code::WrongLink));
        }
        if hello.to != step.identity.desk() || hello.from != link.partner {
            return Ok(Err(Code::WrongDesk));
        }
        if let Some(raw) = &hello.descriptor
            && take_descriptor(step, self.link, raw)? == key::Taken::Forked
        {
            return Ok(Err(Code::BadKeyLog));
        }
        let known = find::link(step, self.link)?;
        if find::key_log(step, &known)?.head() != hello.keys {
            return Ok(Err(Code::KeyUnknown));
        }
        if let Err(code) = welcome_back(step, self.link, &link)? {
            return Ok(Err(code));
        }
        step.memory.heard(self.link, step.now);
        if find::stream(step, self.link)?.leaving.is_some() && aside::go_on(step, self.link)? {
            return Ok(Err(Code::Busy));
        }
        let stream = find::stream(step, self.link)?;
        let hash = self.hello.hash();
        let mut open = stream.pending.iter().chain(&stream.session);
        if let Some(session) = open.find(|session| session.hello == hash) {
            return welcome_of(step, session.entry).map(Ok);
        }
        if step.rows().get(HELLOS, &(self.link, hash))?.is_some() {
            return Ok(Err(Code::SessionUnknown));
        }
        let waits = match change::heard(step, self.link, &link, &self.hello)? {
            Ok(waits) => waits,
            Err(code) => {
                change::forked(step, self.link, self.hello.raw())?;
                return Ok(Err(code));
            }
        };
        if !is_held(step, self.link, &link, &stream, self.hello.body())? {
            let (held, other) = (ByteBuf::new(), ByteBuf::from(self.hello.raw()));
            recover::forked(step, self.link, false, held, other)?;
            return Ok(Err(Code::Fork));
        }
        if !waits && let Some(code) = recover::beyond(step, self.link, &link, &stream, self.hello.body())? {
            return Ok(Err(code));
        }
        clock::told(step, self.link, self.hello.body().time)?;
        self.welcome(step, &link, &stream, waits).map(Ok)
    }
}

/// Whether the end of the author's stream, as far as we hold it, is what we hold.
fn is_held(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    stream: &StreamRow,
    hello: &Hello,
) -> Result<bool, Refusal> {
    if hello.length > stream.in_length {
        return Ok(true);
    }
    let held = match hello.length {
        0 => link.link.into(),
        length => {
            let row = step.rows().get(RECEIVED, &(no, length))?;
            row.ok_or_else(|| find::broken("a received message without a row"))?.hash
        }
    };
    Ok(held == hello.head)
}

impl AnswerHello {
    /// With `waits` the session is good for a recovery alone: the place of a change of key is not told yet.
    fn welcome(
        self,
        step: &mut Step<'_>,
        link: &LinkRow,
        stream: &StreamRow,
        waits: bool,
    ) -> Result<Vec<u8>, Refusal> {
        let (raw, hello) = self.hello.into_parts();
        let known = stream.session.as_ref().is_some_and(|session| session.instance == hello.instance);
        let descriptor = (!known).then(|| ByteBuf::from(step.identity.descriptor().raw()));
        let welcome = Welcome {
            v: V1,
            to: link.partner,
            from: step.identity.desk(),
            head: stream.in_head,
            link: link.link,
            time: step.now,
            hello: hello.nonce,
            known: stream.acked,
            nonce: Nonce::new(step.random()),
            length: stream.in_length,
            placed: change::placed(step, self.link, stream, &hello)?,
            descriptor,
        };
        let session = SessionId::of(&hello.nonce, &welcome.nonce);
        let answer = Signed::seal(welcome, step.identity.secret()).into_parts().0;
        let record = Record::HelloAnswered {
            no: self.link,
            hello: raw.into(),
            welcome: answer.clone().into(),
            session,
            instance: hello.instance,
            short: waits || hello.length < stream.in_length,
            at: step.now,
        };
        step.record(&record, None)?;
        let no = self.link;
        step.once_kept(move |memory| {
            memory.answered.insert(no);
        });
        let mut met = stream.session.iter().chain(&stream.pending);
        if !met.any(|session| session.instance == hello.instance) {
            // It was started anew, perhaps from a backup with all of our messages and not with all files.
            step.once_kept(move |memory| {
                memory.doubted.remove(&no);
            });
            files_doubted(step, no, stream.acked)?;
        }
        Ok(answer)
    }
}

/// Whether the state of the link lets its partner speak; a partner that speaks again is no longer quarantined, and
/// one that had to approve has approved.
fn welcome_back(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<Result<(), Code>, Refusal> {
    let at = step.now;
    match &link.state {
        LinkState::Active => Ok(Ok(())),
        LinkState::WaitingPartner => {
            step.record(&Record::LinkActive { no, at }, None)?;
            step.wake(no);
            Ok(Ok(()))
        }
        LinkState::Quarantined(_) => {
            step.record(&Record::Resumed { no, at }, None)?;
            step.wake(no);
            step.after(Effect::Fetch(no));
            Ok(Ok(()))
        }
        LinkState::WaitingApproval => Ok(Err(Code::LinkWaiting)),
        LinkState::Paused(_) => Ok(Err(Code::LinkPaused)),
        LinkState::Closed => Ok(Err(Code::LinkClosed)),
    }
}

fn welcome_of(step: &Step<'_>, at: deskwire_store::EntryRef) -> Result<Vec<u8>, Refusal> {
    match step.read(at)? {
        Record::HelloAnswered { welcome, .. } => Ok(welcome.into_vec()),
        _ => Err(find::broken("a session that is another record")),
    }
}
