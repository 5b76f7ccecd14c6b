//! A change of key takes effect at a place of each stream: chosen by the author, kept by the reader. proto-spec,
//! section 5.8.

mod placed;
mod receipts;

use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::{Hash, Nonce};
use deskwire_proto::session::{Cut, Hello, Welcome};
use deskwire_proto::text::{self, Line};
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::{ItemMade, MendRecord, Record};
use deskwire_store::row::{
    KeyChange, Leaving, LeavingOwn, LinkEventRow, LinkRow, LinkState, Refused, StreamRow,
};
use deskwire_store::table::{LINKS, OWN_FACE, OWN_KEYS, Rows};
use serde_bytes::ByteBuf;

use super::aside::{self, Away, set_aside};
use super::{find, key, recover, session};
use crate::port::Effect;
use crate::sabotage::{self, Sabotage};
use crate::{Fault, Refusal, Step, cut_words, refused};

pub(super) use placed::placed;
pub(super) use receipts::{given_by_newest, told_void};

/// How far a stream is ours whose desk was restored: as far as it comes back.
const RESTORED: u64 = u64::MAX;
/// Lines that an event of a link takes.
const LINES: usize = 12;

/// Compares the keys and the descriptor of this start with those that the journal knows. After a change of key every
/// stream gets the place where the new one begins, as far as that can be told yet; partners are told of a new
/// descriptor.
pub(crate) fn started(step: &mut Step<'_>) -> Result<(), Refusal> {
    let identity = step.identity;
    let (keys, count) = (identity.keys().head(), identity.keys().keys().len() as u64);
    let descriptor = Hash::of(identity.descriptor().raw());
    let version = identity.descriptor().body().version;
    let known = step.rows().get(OWN_KEYS, &())?;
    let raw = Some(ByteBuf::from(identity.descriptor().raw()));
    let now = Record::OwnKeys { keys, count, descriptor, version, at: step.now, raw };
    let Some(known) = known else { return step.record(&now, None).map(drop) };
    if known.count > count || (known.count == count && known.keys != keys) {
        return Err(older_keys());
    }
    if known.descriptor == descriptor && known.keys == keys {
        return Ok(());
    }
    if known.keys != keys {
        changed(step, &known.planned, keys)?;
    }
    own_lowered(step)?;
    step.record(&now, None)?;
    key::tell_descriptor(step)
}

/// Tells the operator what this desk does no longer, compared with what partners were told last. proto-spec, section 13.4.
fn own_lowered(step: &mut Step<'_>) -> Result<(), Refusal> {
    let Some(at) = step.rows().get(OWN_FACE, &())? else { return Ok(()) };
    let Record::OwnKeys { raw: Some(raw), .. } = step.read(at)? else { return Ok(()) };
    let before = Descriptor::open(&raw)?;
    let lost = key::lost(before.body(), step.identity.descriptor().body());
    if lost.is_empty() {
        return Ok(());
    }
    let words = format!("This desk tells its partners that it can do less than before: {}.", lost.join("; "));
    note(step, LinkNo(0), "own-lowered", &words, lines(lost))
}

/// Each as a line of an event.
pub(super) fn lines(all: Vec<String>) -> Vec<Line> {
    all.into_iter().filter_map(|line| Line::new(line).ok()).take(LINES).collect()
}

fn older_keys() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "keys-too-old",
        "This desk has changed its key since the files in its keys folder were written: with them it would speak under a \
         key that stands no more.",
        "Put the newest signing key and key log there, as `deskwire key rotate` or `deskwire key import` wrote them.",
    )
}

/// Our key is another one than at the last start.
fn changed(
    step: &mut Step<'_>,
    planned: &Option<(Hash, deskwire_store::EntryRef)>,
    keys: Hash,
) -> Result<(), Refusal> {
    let current = step.identity.keys().current().commitment();
    let (chosen, restored) = match planned {
        Some((key, at)) if *key == current => match step.read(*at)? {
            Record::KeyPlanned { places, restored, .. } => (places, restored),
            _ => return Err(find::broken("a planned key that is another record")),
        },
        // Whoever changes the key has it written down here first: what does not know of that is from a time before.
        Some(_) | None => (Vec::new(), true),
    };
    for (no, link) in step.rows().list(LINKS, &(), usize::MAX)? {
        if link.state == LinkState::Closed {
            continue;
        }
        if matches!(link.state, LinkState::Quarantined(_)) {
            // What a partner refused under the old key it has not refused under this one.
            step.record(&Record::Resumed { no, at: step.now }, None)?;
        } else if link.trouble.is_some() || link.retry.attempt > 0 {
            step.record(&Record::DeliveryBack { no, at: step.now }, None)?;
        }
        // What an older change has left to be done is done under the older key.
        while aside::go_on(step, no)? {}
        let stream = find::stream(step, no)?;
        let vouched = chosen.iter().find(|(link, _)| *link == no).map(|(_, most)| *most);
        // What comes back just now was said under the key that goes.
        let lost = restored || (vouched.is_none() && stream.recovery.is_some());
        let whole = if lost { RESTORED } else { stream.out_length };
        // What was disowned stays so, also for a partner that never heard of that change.
        let unheard = stream.out_change.filter(|change| !change.confirmed && !restored);
        let disowned = unheard.and_then(|change| change.place).map_or(u64::MAX, |place| place.0);
        let most = vouched.unwrap_or(whole).min(disowned);
        let change = KeyChange { keys, place: None, most, confirmed: lost };
        step.record(&Record::OwnKeyPlaced { no, change, at: step.now }, None)?;
        // Where receipts cover all of it, the partner's history is known to be ours.
        if stream.acked >= stream.out_length && !lost {
            let (agreed, held) = (stream.out_length, stream.out_length);
            decide(step, no, &link, Known { agreed, held, told: None })?;
        }
    }
    let words = "The signing key of this desk was changed. Partners learn of it by themselves.";
    note(step, LinkNo(0), "own-key-changed", words, Vec::new())
}

/// What our hello says of our stream.
pub(super) struct Told {
    pub(super) length: u64,
    pub(super) head: Hash,
    pub(super) change: Option<Cut>,
    pub(super) later: bool,
}

/// Until the place of a change can be told, the hello tells no more than what the partner surely holds alike.
pub(super) fn told(step: &Step<'_>, no: LinkNo, link: &LinkRow, stream: &StreamRow) -> Result<Told, Refusal> {
    match stream.out_change {
        Some(KeyChange { place: None, .. }) => {
            let head = session::sent_hash(step, no, link, stream.acked)?;
            // What the partner has counted it held once, also where it was restored since and does not know.
            let later = stream.acked == 0 && stream.in_seen > 0;
            Ok(Told { length: stream.acked, head, change: None, later })
        }
        Some(KeyChange { place, .. }) => {
            Ok(Told { length: stream.out_length, head: stream.out_head, change: place, later: false })
        }
        None => Ok(Told { length: stream.out_length, head: stream.out_head, change: None, later: false }),
    }
}

/// Up to which of our numbers a message may stand that was numbered before now: what our receipts call the length of our
/// stream. What a change of key will leave out, whatever its place, is nothing that the partner has to wait for.
pub(super) fn counted(stream: &StreamRow) -> u64 {
    match stream.out_change {
        Some(KeyChange { place: None, most, confirmed: false, .. }) => {
            stream.out_length.min(most.max(stream.acked))
        }
        Some(_) | None => stream.out_length,
    }
}

/// Up to which number our stream is surely the one that the partner has counted. A desk from before its change of key may
/// have used numbers again since, until the place of that change is known.
pub(super) fn surely_ours(stream: &StreamRow) -> u64 {
    match stream.out_change {
        Some(KeyChange { place: None, confirmed: true, .. }) => stream.acked.max(stream.in_seen),
        Some(_) | None => stream.out_length,
    }
}

/// What a welcome means for changes of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing: it is a welcome like any other.
    Plain,
    /// The place was decided: a hello that tells it has to follow.
    SayAgain,
    /// The partner holds messages that are not ours: they have to be fetched before the place can be decided.
    Fetch,
}

/// Looks at a welcome of the partner, whose signature was checked, before anything else does.
pub(super) fn welcomed(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    welcome: &Welcome,
) -> Result<Meaning, Refusal> {
    step.memory.fetching.remove(&no);
    if receipts::void_foreign_receipts(step, no, link, welcome)? {
        return Ok(Meaning::SayAgain);
    }
    let stream = find::stream(step, no)?;
    let open = |change: &KeyChange| !change.confirmed || change.place.is_none();
    let Some(change) = stream.out_change.filter(open) else {
        return Ok(Meaning::Plain);
    };
    let held = welcome.length;
    let beyond = held > stream.out_length;
    let alike = !beyond && session::sent_hash(step, no, link, held)? == welcome.head;
    match (change.place, alike) {
        (None, true) => {
            // A hello that names nothing tells a reader that holds nothing that the key stands from the beginning.
            let beginning = held == 0 && stream.acked == 0 && stream.in_seen == 0;
            let agreed = if beginning { 0 } else { stream.out_length };
            // A reader that was restored gets back its receipts and its messages, and counts as held what they cover.
            let had = stream.acked.max(stream.in_seen);
            let told = placed::told_before(step, no, link, welcome)?.filter(|place| place.0 <= agreed);
            decide(step, no, link, Known { agreed, held: held.max(had), told })?;
            Ok(Meaning::SayAgain)
        }
        (Some(_), true) => {
            let change = KeyChange { confirmed: true, ..change };
            step.record(&Record::OwnKeyPlaced { no, change, at: step.now }, None)?;
            Ok(Meaning::Plain)
        }
        (None, false) if change.confirmed && aside::wait_again(step, no, &stream)? => Ok(Meaning::SayAgain),
        (Some(_), false) if !beyond => Ok(Meaning::Plain),
        // It was said by this desk before it was restored, and comes back like everything else that was lost.
        (_, false) if change.confirmed => Ok(Meaning::Plain),
        (place, false) => {
            let known = if place.is_some() { stream.out_length } else { stream.acked };
            step.memory.fetching.insert(no, (welcome.nonce, known + 1));
            Ok(Meaning::Fetch)
        }
    }
}

/// From where on, and with which nonce, what the partner holds of our stream is fetched because our key has changed.
pub(super) fn fetching(step: &Step<'_>, no: LinkNo) -> Option<(Nonce, u64)> {
    step.memory.fetching.get(&no).copied()
}

/// Takes a page of what the partner holds of our stream. `true` when that was all: a new hello follows.
///
/// # Errors
/// Inside: the [`Code`] of what does not fit; nothing was taken.
pub(super) fn take_page(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    (messages, mut more): (Vec<Verified>, bool),
) -> Result<Result<bool, Code>, Refusal> {
    let Some((nonce, mut next)) = fetching(step, no) else { return Ok(Err(Code::RecoveryNotOffered)) };
    if messages.is_empty() && more {
        return Ok(Err(Code::RecoveryNeeded));
    }
    if let Err(code) = chained(next, session::sent_hash(step, no, link, next - 1)?, &messages) {
        return Ok(Err(code));
    }
    let before = find::stream(step, no)?.out_length;
    let mut foreign: Option<(u64, u64)> = None;
    for message in messages {
        let stream = find::stream(step, no)?;
        let Some(change) = stream.out_change else { return Ok(Err(Code::RecoveryNotOffered)) };
        let seq = message.head.seq;
        next += 1;
        if change.place.is_none() {
            if seq <= stream.out_length && session::sent_hash(step, no, link, seq)? == message.hash {
                continue;
            }
            if decide(step, no, link, Known { agreed: seq - 1, held: seq - 1, told: None })? {
                // What is not ours is fetched again when all of that is done.
                step.memory.fetching.remove(&no);
                return Ok(Ok(true));
            }
        }
        if message.key + 1 == step.identity.keys().keys().len() {
            // Our newest key signed it: it is ours and was lost, which is for a recovery.
            confirm(step, no)?;
            more = false;
            break;
        }
        keep(step, no, message)?;
        foreign = Some((foreign.map_or(seq, |(first, _)| first), seq));
    }
    if let Some(range) = foreign {
        fetched(step, no, link, range)?;
    }
    if more {
        step.memory.fetching.insert(no, (nonce, next));
        return Ok(Ok(false));
    }
    step.memory.fetching.remove(&no);
    if find::stream(step, no)?.out_change.is_some_and(|change| change.place.is_none()) {
        decide(step, no, link, Known { agreed: before, held: next - 1, told: None })?;
    }
    Ok(Ok(true))
}

/// Whether a whole page follows the message before it, one message after the other: nothing of a page may be kept if a
/// later message of it does not fit.
fn chained(first: u64, before: Hash, messages: &[Verified]) -> Result<(), Code> {
    let (mut seq, mut prev) = (first, before);
    for message in messages {
        if message.head.seq != seq {
            return Err(Code::Gap);
        }
        if message.head.prev != prev {
            return Err(Code::BadPrev);
        }
        (seq, prev) = (seq + 1, message.hash);
    }
    Ok(())
}

/// From now on what the partner holds beyond our stream is our own.
fn confirm(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    let Some(change) = find::stream(step, no)?.out_change else { return Ok(()) };
    let change = KeyChange { confirmed: true, ..change };
    step.record(&Record::OwnKeyPlaced { no, change, at: step.now }, None).map(drop)
}

/// Keeps a message that somebody else wrote in our name, under its number.
fn keep(step: &mut Step<'_>, no: LinkNo, message: Verified) -> Result<(), Refusal> {
    let order = Order(find::stream(step, no)?.next_order);
    let head = message.head;
    let made = ItemMade {
        no,
        order,
        item: head.item,
        kind: head.kind,
        facts: head.facts,
        delegation: None,
        thread: None,
        file: None,
        event: None,
        at: head.time,
    };
    let (signed, text) = (message.delivery.0, message.delivery.1);
    step.record(&Record::ItemMade(made), text.map(|text| text.into_vec()))?;
    let (seq, seen, hash) = (head.seq, head.seen, message.hash);
    step.record(&Record::Numbered { no, order, seq, hash, seen, signed, at: None }, None).map(drop)
}

/// Up to which number both sides have the same stream of ours, and how many messages the partner holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// The whole of our stream if nothing of it contradicts what the partner holds.
    pub(super) agreed: u64,
    pub(super) held: u64,
    /// The place that this desk told before it was restored, as the partner has shown.
    pub(super) told: Option<Cut>,
}

/// Decides where our newest key begins. What the partner holds behind it loses its effect here too; what it does not
/// hold, because a thief used its numbers, is numbered again; what is in doubt is not sent any more. `true` when that is
/// more than one step does, and goes on.
pub(super) fn decide(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, known: Known) -> Result<bool, Refusal> {
    let stream = find::stream(step, no)?;
    let Some(change) = stream.out_change else { return Ok(false) };
    let older = match change.most {
        RESTORED => before_newest(step, no, stream.out_length.min(known.agreed))?,
        most => most.min(known.agreed),
    };
    let told = known.told.filter(|_| change.most == RESTORED);
    let place = told.map_or(older, |told| told.0.min(older));
    let cut = Cut(place, session::sent_hash(step, no, link, place)?);
    let change = KeyChange { place: Some(cut), ..change };
    step.record(&Record::OwnKeyPlaced { no, change, at: step.now }, None)?;
    if change.most == RESTORED && known.agreed >= stream.out_length {
        if place == older {
            return Ok(false);
        }
        // What the newest key signed stands behind what was disowned before the loss.
        let (first, stays, most) = (place + 1, stream.out_length, stream.out_length);
        let own = LeavingOwn { first, next: first, shared: older, stays, most, dropped: 0 };
        return aside::begin(step, no, Leaving::Disowned(own));
    }
    // What both have alike and the operator does not vouch for.
    let shared = known.held.min(known.agreed);
    let stays = shared.max(place);
    if place >= shared && stays >= stream.out_length {
        return Ok(false);
    }
    let first = place + 1;
    let most = change.most.min(stream.out_length);
    let own = LeavingOwn { first, next: first, shared, stays, most, dropped: 0 };
    aside::begin(step, no, Leaving::Disowned(own))
}

/// The last of our messages that is not signed with our newest key. Along a stream keys never grow older.
fn before_newest(step: &Step<'_>, no: LinkNo, length: u64) -> Result<u64, Refusal> {
    let newest = step.identity.keys().current().id();
    let (mut older, mut end) = (0, length + 1);
    while older + 1 < end {
        let middle = u64::midpoint(older, end);
        let Record::Numbered { signed, .. } = step.read(aside::sent(step, no, middle)?.signed)? else {
            return Err(find::broken("a sent message that is another record"));
        };
        let parsed = Sign1::parse(&signed).map_err(|_| find::broken("a message of our own"))?;
        if parsed.key_id() == newest { end = middle } else { older = middle }
    }
    Ok(older)
}

/// Tells the operator which of our messages were disowned.
pub(super) fn told_of(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    range: (u64, u64),
    dropped: u64,
) -> Result<(), Refusal> {
    let count = (range.1 + 1).saturating_sub(range.0);
    if count + dropped == 0 {
        return Ok(());
    }
    let mut lines = Vec::new();
    for seq in (range.0..=range.1).take(LINES) {
        let row = aside::sent(step, no, seq)?;
        if let Record::Numbered { signed, .. } = step.read(row.signed)? {
            lines.extend(line(seq, &signed));
        }
    }
    let words = format!(
        "This desk disowned {count} messages that {} holds under the old key, and holds back {dropped} more. They are kept \
         and have no effect on either side. Say again what was true.",
        link.partner_name
    );
    note(step, no, "messages-disowned", &words, lines)
}

/// Takes note of what was fetched from the partner and is not ours: kept, without effect.
pub(super) fn fetched(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    range: (u64, u64),
) -> Result<(), Refusal> {
    let why = disowned_here();
    set_aside(step, Away { no, ours: true, range, given_up: None, end: None, why, left: None })?;
    step.record(&Record::Mend(MendRecord::WaitsBehind { no }), None)?;
    told_of(step, no, link, range, 0)
}

/// Why a message of ours has no effect.
pub(super) fn disowned_here() -> Refused {
    refused(
        "disowned",
        "It was signed with a key that this desk has replaced, behind the place up to which that key stands. It has no \
         effect on either side.",
    )
}

/// Checks and takes the place that a hello tells for the author's newest key. `true` when the session has to wait for
/// the place to be told.
pub(super) fn heard(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    signed: &Signed<Hello>,
) -> Result<Result<bool, Code>, Refusal> {
    aside::disown_more(step, no, link.partner_name.as_str())?;
    let hello = signed.body();
    let stream = find::stream(step, no)?;
    let beginning = Cut(0, link.link.into());
    match (stream.in_change, hello.change) {
        (None, None) => Ok(Ok(false)),
        // The key stood before the link did: it stands from the beginning.
        (None, Some(told)) => Ok(if told == beginning { Ok(false) } else { Err(Code::Fork) }),
        (Some(KeyChange { place: Some(_), .. }), None) => Ok(Ok(false)),
        (Some(KeyChange { place: Some(known), .. }), Some(told)) if told == known => Ok(Ok(false)),
        (Some(KeyChange { place: Some(known), .. }), Some(told)) if !may_move(&stream, known, told) => {
            Ok(Err(Code::Fork))
        }
        (Some(change @ KeyChange { place: None, .. }), None) => {
            if hello.length > 0 || stream.in_length > 0 || hello.later == Some(true) {
                return Ok(Ok(true));
            }
            take_place(step, (no, link, &stream), KeyChange { place: Some(beginning), ..change }, signed)?;
            Ok(Ok(false))
        }
        (Some(KeyChange { place: None, .. }), Some(_)) if sabotage::makes(Sabotage::ChangeIgnored) => {
            Ok(Ok(false))
        }
        (Some(change), Some(told)) => {
            if told.0 <= stream.in_length && hash_of_theirs(step, no, link, told.0)? != told.1 {
                return Ok(Err(Code::Fork));
            }
            let change = KeyChange { place: Some(told), most: hello.length, ..change };
            take_place(step, (no, link, &stream), change, signed)?;
            Ok(Ok(false))
        }
    }
}

/// Whether the place may be told anew, as an author does that was restored: what was lost up to the known place never came
/// here, and nothing that did stands behind the new one.
fn may_move(stream: &StreamRow, known: Cut, told: Cut) -> bool {
    let held = stream.recovery.as_ref().map_or(0, |recovery| recovery.told).max(stream.in_length);
    held < known.0 && held <= told.0
}

/// The place is taken; what is held behind it was disowned by its author.
fn take_place(
    step: &mut Step<'_>,
    (no, link, stream): (LinkNo, &LinkRow, &StreamRow),
    change: KeyChange,
    hello: &Signed<Hello>,
) -> Result<(), Refusal> {
    let Some(place) = change.place else { return Ok(()) };
    let seen = seen_at(step, no, stream, place.0)?;
    let hello = Some(ByteBuf::from(hello.raw()));
    step.record(&Record::KeyPlaced { no, change, seen, at: step.now, hello }, None)?;
    let range = (place.0 + 1, stream.in_length);
    if range.0 > range.1 {
        let words = format!("{} has changed its signing key.", link.partner_name);
        return note(step, no, "key-changed", &words, Vec::new());
    }
    let mut lines = Vec::new();
    for seq in (range.0..=range.1).take(LINES) {
        if let Record::Received(message) = step.read(aside::received(step, no, seq)?.entry)? {
            lines.extend(line(seq, &message.signed));
        }
    }
    if aside::disown_more(step, no, link.partner_name.as_str())? {
        step.after(Effect::Due);
    }
    let words = format!(
        "{} has changed its signing key and disowned {} messages that were signed with the old one. They are kept and have no \
         effect; ask its operator before you act on them.",
        link.partner_name,
        range.1 + 1 - range.0
    );
    note(step, no, "messages-disowned", &words, lines)
}

/// The highest `seen` of the partner's messages up to this number.
fn seen_at(step: &Step<'_>, no: LinkNo, stream: &StreamRow, seq: u64) -> Result<u64, Refusal> {
    if seq >= stream.in_length {
        return Ok(stream.in_seen);
    }
    if seq == 0 {
        return Ok(0);
    }
    match step.read(aside::received(step, no, seq)?.entry)? {
        Record::Received(message) => Ok(message.seen),
        _ => Err(find::broken("a received message that is another record")),
    }
}

fn hash_of_theirs(step: &Step<'_>, no: LinkNo, link: &LinkRow, seq: u64) -> Result<Hash, Refusal> {
    if seq == 0 { Ok(link.link.into()) } else { Ok(aside::received(step, no, seq)?.hash) }
}

/// Whether a message that is next in the partner's stream stands where the partner's keys do: its key, and the hash at
/// the place of the change.
pub(super) fn stands(stream: &StreamRow, seq: u64, key: u64, hash: Hash) -> Result<(), Code> {
    if !stream.key_stands(seq, key) {
        return Err(Code::BadSignature);
    }
    match stream.in_change.and_then(|change| change.place) {
        Some(place) if place.0 == seq && place.1 != hash => Err(Code::Fork),
        Some(_) | None => Ok(()),
    }
}

/// Keeps a hello that contradicts what is known of the author's keys, and pauses the link.
pub(super) fn forked(step: &mut Step<'_>, no: LinkNo, hello: &[u8]) -> Result<(), Refusal> {
    recover::forked(step, no, false, ByteBuf::new(), ByteBuf::from(hello))
}

/// One line about a message, without anything that a person wrote in it.
fn line(seq: u64, signed: &[u8]) -> Option<Line> {
    let head = deskwire_proto::envelope::read_head(signed).ok()?;
    Line::new(format!("message {seq}: {}", head.kind)).ok()
}

/// Tells the operator.
pub(super) fn note(
    step: &mut Step<'_>,
    no: LinkNo,
    code: &str,
    words: &str,
    details: Vec<Line>,
) -> Result<(), Refusal> {
    let event = LinkEventRow {
        at: step.now,
        code: text::Code::new(code).expect("a code"),
        words: cut_words(words),
        details,
    };
    step.record(&Record::Noted { no, event }, None).map(drop)
}
