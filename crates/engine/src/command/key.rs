//! Keys and descriptors: what partners are told of ours, what is taken of theirs, and the plan for a change after a
//! theft. proto-spec, sections 2.3, 2.4 and 5.8.

use deskwire_proto::code::Code;
use deskwire_proto::descriptor::{Descriptor, DescriptorBody};
use deskwire_proto::id::Hash;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, link_descriptor};
use deskwire_proto::text::KindName;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkRow, LinkState};
use deskwire_store::table::{LINKS, OWN_KEYS, Rows, SENT};
use serde_bytes::ByteBuf;

use super::say::{Saying, say};
use super::{change, find};
use crate::port::Effect;
use crate::{Command, Fault, Reader, Refusal, Step};

/// Tells every partner of our newest descriptor.
pub(super) fn tell_descriptor(step: &mut Step<'_>) -> Result<(), Refusal> {
    for (link, row) in step.rows().list(LINKS, &(), usize::MAX)? {
        match row.state {
            LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) => {}
            LinkState::WaitingApproval | LinkState::WaitingPartner | LinkState::Closed => continue,
        }
        if row.accord.close.is_begun() {
            continue;
        }
        say_descriptor(step, link)?;
    }
    Ok(())
}

/// Tells the partner of a link of our newest descriptor.
pub(super) fn say_descriptor(step: &mut Step<'_>, link: LinkNo) -> Result<(), Refusal> {
    let facts = link_descriptor::Facts { descriptor: ByteBuf::from(step.identity.descriptor().raw()) };
    let body = Body::LinkDescriptor { facts, text: NoText };
    say(step, Saying { link, delegation: None, body, thread: None, file: None, item: None }).map(drop)
}

/// Partners were told a descriptor of this desk with this version, by another copy of it: the next start signs one above
/// it. `true` if this is news. proto-spec, section 2.4.
pub(super) fn told_elsewhere(step: &mut Step<'_>, version: Timestamp) -> Result<bool, Refusal> {
    let Some(known) = step.rows().get(OWN_KEYS, &())?.filter(|known| known.version < version) else {
        return Ok(false);
    };
    let (keys, count, descriptor, at) = (known.keys, known.count, known.descriptor, step.now);
    step.record(&Record::OwnKeys { keys, count, descriptor, version, at, raw: None }, None)?;
    Ok(true)
}

/// What became of a descriptor of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the newest now.
    Newer,
    /// It is old, or known already: ignored without an error.
    Old,
    /// Its key log is forked: both are kept, and the link pauses.
    Forked,
}

/// Takes a descriptor of a partner, whose signature was checked, if section 2.4 lets it be taken.
///
/// # Errors
/// When the store fails.
pub(super) fn take(step: &mut Step<'_>, no: LinkNo, newer: &Descriptor) -> Result<Taken, Refusal> {
    let link = find::link(step, no)?;
    let known = find::descriptor(step, link.descriptor)?;
    if newer.desk() != link.partner || newer.raw() == known.raw() {
        return Ok(Taken::Old);
    }
    let keys = find::key_log(step, &link)?;
    if keys.continues(newer.keys()) && keys != *newer.keys() {
        return Ok(Taken::Old);
    }
    if !newer.keys().continues(&keys) {
        forked(step, no, &link, known.raw(), newer.raw())?;
        return Ok(Taken::Forked);
    }
    if newer.body().version <= known.body().version {
        return Ok(Taken::Old);
    }
    let descriptor = ByteBuf::from(newer.raw());
    step.record(&Record::DescriptorTaken { no, descriptor, at: step.now }, None)?;
    shown(step, no, &known, newer)?;
    step.wake(no);
    // It may have an address now at which its files can be fetched.
    step.after(Effect::Fetch(no));
    Ok(Taken::Newer)
}

/// Two key logs of one desk contradict each other: only somebody who held the next key can bring that about.
fn forked(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, held: &[u8], other: &[u8]) -> Result<(), Refusal> {
    if matches!(link.state, LinkState::Paused(_) | LinkState::Closed) {
        return Ok(());
    }
    let (held, other) = (ByteBuf::from(held), ByteBuf::from(other));
    step.record(&Record::Forked { no, held, other, at: step.now }, None)?;
    let words = format!(
        "Two key logs of {} contradict each other. Both are kept, the one known before stays in use, and the link pauses. Ask \
         its operator by telephone which key is right; if the other side's next key was stolen, link anew.",
        link.partner_name
    );
    change::note(step, no, "key-log-forked", &words, Vec::new())?;
    step.wake(no);
    Ok(())
}

/// Shows the operator what a partner says of itself now. proto-spec, section 13.4.
fn shown(step: &mut Step<'_>, no: LinkNo, known: &Descriptor, newer: &Descriptor) -> Result<(), Refusal> {
    let (before, now) = (known.body(), newer.body());
    let mut said = Vec::new();
    if before.name != now.name {
        said.push(format!("it is called {} now", now.name));
    }
    if before.endpoints != now.endpoints {
        let all: Vec<&str> = now.endpoints.iter().map(|url| url.as_str()).collect();
        said.push(match all.is_empty() {
            true => "it has no address any more and comes to ask".to_owned(),
            false => format!("it is at {} now", all.join(", ")),
        });
    }
    if before.tls != now.tls {
        said.push("its TLS key changes".to_owned());
    }
    if !said.is_empty() {
        let words = format!("{} says of itself: {}.", before.name, said.join("; "));
        change::note(step, no, "partner-changed", &words, Vec::new())?;
    }
    let lost = lost(before, now);
    if lost.is_empty() {
        return Ok(());
    }
    let words = format!("{} says that it can do less than before: {}.", now.name, lost.join("; "));
    change::note(step, no, "partner-lowered", &words, change::lines(lost))
}

/// What a descriptor has less than the one before it. proto-spec, section 13.4.
pub(super) fn lost(before: &DescriptorBody, now: &DescriptorBody) -> Vec<String> {
    let features = before.features.iter().filter(|feature| !now.features.contains(feature));
    let mut lost: Vec<String> = features.map(|feature| format!("no more {feature}")).collect();
    let protocols = before.protocols.iter().filter(|version| !now.protocols.contains(version));
    lost.extend(protocols.map(|version| format!("no more version {version} of the protocol")));
    let limits = [
        ("files", before.limits.file, now.limits.file),
        ("batches", before.limits.batch, now.limits.batch),
        ("messages", before.limits.message, now.limits.message),
    ];
    let lower = limits.iter().filter(|(_, before, now)| now < before);
    lost.extend(
        lower.map(|(what, before, now)| format!("{what} of at most {now} bytes instead of {before}")),
    );
    lost
}

/// A partner's key log that somebody brought: an operator, or another partner. Events prove themselves.
#[derive(Debug, Clone)]
pub struct ImportKeyLog {
    /// The log.
    pub log: KeyLog,
}

/// What became of a key log that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Imported {
    /// Nobody with this desk id is known here.
    Unknown,
    /// It is known already.
    Known,
    /// It continues what was known: nothing signed by the older keys is taken any more until the desk has come itself.
    Newer,
    /// It contradicts what was known: the links are paused.
    Forked,
}

impl Command for ImportKeyLog {
    type Reply = Imported;

    fn run(self, step: &mut Step<'_>) -> Result<Imported, Refusal> {
        let mut outcome = Imported::Unknown;
        for (no, link) in step.rows().list(LINKS, &(), usize::MAX)? {
            if link.partner != self.log.desk() || link.state == LinkState::Closed {
                continue;
            }
            let known = find::descriptor(step, link.descriptor)?;
            let stream = find::stream(step, no)?;
            let newest = find::key_log(step, &link)?;
            if !self.log.continues(&newest) && !newest.continues(&self.log) {
                let brought = self.log.encode();
                forked(step, no, &link, known.raw(), &brought)?;
                return Ok(Imported::Forked);
            }
            if newest.continues(&self.log) || stream.in_keys == Some(self.log.head()) {
                outcome = Imported::Known;
                continue;
            }
            let log = ByteBuf::from(self.log.encode());
            step.record(&Record::KeyLogTaken { no, log, at: step.now }, None)?;
            let words = format!(
                "A newer key log of {} was brought. Its older keys are taken no more; the link goes on as soon as its desk says \
                 hello under the new key.",
                link.partner_name
            );
            change::note(step, no, "key-log-brought", &words, Vec::new())?;
            step.wake(no);
            outcome = Imported::Newer;
        }
        Ok(outcome)
    }
}

/// Up to where our streams are ours, chosen after a theft, for the key that comes into use next.
#[derive(Debug, Clone)]
pub struct PlanKey {
    /// Hash of the key that comes into use.
    pub key: Hash,
    /// The last message of each stream that is ours; of streams that are not named, all.
    pub places: Vec<(LinkNo, u64)>,
    /// The desk was restored: what partners hold beyond its streams was said by it and lost.
    pub restored: bool,
}

impl Command for PlanKey {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        if step.rows().get(OWN_KEYS, &())?.is_none() {
            return Err(find::broken("a desk that never started"));
        }
        for (no, most) in &self.places {
            let stream = find::stream(step, *no)?;
            if *most > stream.out_length {
                let link = find::link(step, *no)?;
                return Err(Refusal::new(
                    Fault::Invalid,
                    "no-such-message",
                    format!(
                        "The stream to {} has {} messages, so it cannot be ours up to {most}.",
                        link.name, stream.out_length
                    ),
                    format!("See them with `deskwire log {}`.", link.name),
                ));
            }
        }
        let Self { key, places, restored } = self;
        step.record(&Record::KeyPlanned { key, places, restored, at: step.now }, None).map(drop)
    }
}

/// A message of ours that is in doubt after a theft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubtful {
    /// The link.
    pub link: LinkNo,
    /// How this desk calls it.
    pub name: String,
    /// Its number.
    pub seq: u64,
    /// What was said.
    pub kind: KindName,
    /// When it was said, as the message itself says.
    pub time: Timestamp,
    /// Whether the partner has given a receipt for it.
    pub delivered: bool,
}

/// How far streams of ours are beyond doubt, by link: the number of the last message.
pub type Places = Vec<(LinkNo, u64)>;

/// The places up to which our streams are beyond doubt if the key was stolen at `since`, and every message behind them.
/// Doubt begins with the first message that was numbered since then and does not end again: an item that waited long has
/// an old time, and a thief writes any.
///
/// # Errors
/// When the store fails.
pub fn doubtful(reader: &Reader, since: Timestamp) -> Result<(Places, Vec<Doubtful>), Refusal> {
    let (mut places, mut all) = (Vec::new(), Vec::new());
    for partner in reader.partners()? {
        if partner.row.state == LinkState::Closed {
            continue;
        }
        let stream = reader.stream(partner.no)?;
        let place = before(reader, partner.no, stream.out_length, since)?;
        all.extend(behind(reader, partner.no, partner.row.name.as_str(), place)?);
        places.push((partner.no, place));
    }
    Ok((places, all))
}

/// Our messages of one link behind a place.
///
/// # Errors
/// When the store fails.
pub fn behind(reader: &Reader, no: LinkNo, name: &str, place: u64) -> Result<Vec<Doubtful>, Refusal> {
    let stream = reader.stream(no)?;
    let one = |seq| {
        let Said { time, kind, .. } = said(reader, no, seq)?;
        Ok(Doubtful { link: no, name: name.to_owned(), seq, kind, time, delivered: seq <= stream.acked })
    };
    (place + 1..=stream.out_length).map(one).collect()
}

/// The last message before the first one that was numbered at `since` or later.
fn before(reader: &Reader, no: LinkNo, length: u64, since: Timestamp) -> Result<u64, Refusal> {
    for seq in 1..=length {
        let Said { time, numbered, .. } = said(reader, no, seq)?;
        if numbered.unwrap_or(time) >= since {
            return Ok(seq - 1);
        }
    }
    Ok(length)
}

/// A message of ours.
struct Said {
    /// When it was said, as the message itself says.
    time: Timestamp,
    /// When it was numbered here; not known of one that came back from the partner.
    numbered: Option<Timestamp>,
    kind: KindName,
}

fn said(reader: &Reader, no: LinkNo, seq: u64) -> Result<Said, Refusal> {
    let row =
        reader.rows().get(SENT, &(no, seq))?.ok_or_else(|| find::broken("a sent message without a row"))?;
    let Record::Numbered { signed, at: numbered, .. } = reader.record(row.signed)? else {
        return Err(find::broken("a sent message that is another record"));
    };
    let head = deskwire_proto::envelope::read_head(&signed).map_err(|code: Code| Refusal::from(code))?;
    Ok(Said { time: head.time, numbered, kind: head.kind })
}
