//! Recovery of what a restored desk has lost: asking, verifying, taking. proto-spec, section 5.7.
//!
//! The stages are stored with the streams of the link, so that a restart goes on where it stopped. Nothing is numbered
//! on the link before the end of it.

mod answer;
mod page;
mod place;
mod told;

use std::collections::HashMap;

use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::Kind;
use deskwire_proto::number::Seq;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::Hello;
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::{ItemMade, Record};
use deskwire_store::row::{LinkRow, LinkState, Pause, Recovery, Revision, StreamRow, ThreadKind, WaitingRow};
use deskwire_store::table::{DROPPED, FILES, PARKED, Rows, SENT, THREADS, WAITING};

use serde_bytes::ByteBuf;

use super::{change, find, key, privacy, revise, session};
use crate::identity::Identity;
use crate::memory::{Asked, Claim};
use crate::{Command, Refusal, Step, refused};

pub use answer::{AnswerRecover, Laid};
pub use page::Page;
pub(super) use place::{Placing, place_due};
pub(super) use told::{Told, consume, told};

/// Asks for the next page of what this desk has lost on a link. Replies the signed request; nothing when there is
/// nothing to ask for.
#[derive(Debug, Clone, Copy)]
pub struct AskPage {
    /// The link.
    pub link: LinkNo,
    /// The time to sign with: now, but at least the highest used on this link.
    pub time: Timestamp,
}

impl Command for AskPage {
    type Reply = Option<Vec<u8>>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        let link = find::link(step, self.link)?;
        let stream = find::stream(step, self.link)?;
        if stream.leaving.is_some() {
            return Ok(None);
        }
        if let Some((welcome, next)) = change::fetching(step, self.link) {
            let from_seq = Seq::new(next).map_err(|_| find::broken("a stream longer than any can be"))?;
            let request = RecoverRequest {
                v: V1,
                to: link.partner,
                from: step.identity.desk(),
                link: link.link,
                time: self.time,
                upto: stream.in_length,
                welcome,
                from_seq,
            };
            return Ok(Some(Signed::seal(request, step.identity.secret()).into_parts().0));
        }
        let asking = stream.recovery.filter(|recovery| !recovery.complete);
        let Some(recovery) = asking.filter(|_| link.state == LinkState::Active) else { return Ok(None) };
        let from_seq =
            Seq::new(stream.out_length + 1).map_err(|_| find::broken("a stream longer than any can be"))?;
        let request = RecoverRequest {
            v: V1,
            to: link.partner,
            from: step.identity.desk(),
            link: link.link,
            time: self.time,
            upto: recovery.told,
            welcome: recovery.welcome,
            from_seq,
        };
        Ok(Some(Signed::seal(request, step.identity.secret()).into_parts().0))
    }
}

/// What came of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// There is more to ask for.
    More,
    /// Everything that the partner hands back is here; its own stream may still be on its way.
    Complete,
    /// The page is not what this desk lost, or nothing was asked for: nothing was taken.
    Refused(Code),
}

/// Takes a page of what this desk has lost. What does not fit pauses the link.
#[derive(Debug, Clone)]
pub struct TakePage {
    /// The link.
    pub link: LinkNo,
    /// What [`Page::open`] made of the partner's answer; its error pauses the link.
    pub page: Result<Page, Code>,
}

impl Command for TakePage {
    type Reply = Taken;

    fn run(self, step: &mut Step<'_>) -> Result<Taken, Refusal> {
        let no = self.link;
        let link = find::link(step, no)?;
        let stream = find::stream(step, no)?;
        if stream.leaving.is_some() {
            return Ok(Taken::Refused(Code::RecoveryNotOffered));
        }
        if change::fetching(step, no).is_some() {
            return foreign(step, no, &link, self.page);
        }
        let asked = stream.recovery.as_ref().is_some_and(|recovery| !recovery.complete);
        let Some(recovery) = stream.recovery.clone().filter(|_| asked && link.state == LinkState::Active)
        else {
            return Ok(Taken::Refused(Code::RecoveryNotOffered));
        };
        let last = last_key(step, no, &stream)?;
        let checked = self.page.and_then(|page| {
            stand(step.identity, &page, &stream, last)?;
            fits(&page, &stream, &recovery).map(|()| page)
        });
        let page = match checked {
            Ok(page) => page,
            Err(code) => return bad_page(step, no, &link, code).map(|()| Taken::Refused(code)),
        };
        let complete = !page.more;
        step.record(&Record::PageTaken { no, complete, at: step.now }, None)?;
        if let Some(version) = page.described
            && key::told_elsewhere(step, version)?
        {
            told_newer(step, no, &link)?;
        }
        let strikes = waiting(step, no, &stream)?;
        for (raw, _) in page.returned {
            step.record(&Record::ReceiptReturned { no, receipt: raw.into() }, None)?;
        }
        for message in page.messages {
            take(step, no, message, &strikes)?;
        }
        for receipt in page.receipts {
            take_receipt(step, no, &link, receipt)?;
        }
        step.memory.heard(no, step.now);
        place_due(step, no)?;
        step.wake(no);
        Ok(if complete { Taken::Complete } else { Taken::More })
    }
}

/// Tells the operator that partners know another address, or another TLS key, than this desk has now.
fn told_newer(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<(), Refusal> {
    let words = format!(
        "{} knows a newer descriptor of this desk (addresses, TLS keys, name) than the backup had. Stop the daemon and start \
         it once more: then partners are told what is so now.",
        link.partner_name
    );
    change::note(step, no, "descriptor-newer", &words, Vec::new())
}

/// Takes a page of what was said in our name under a key that we have replaced since.
fn foreign(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    page: Result<Page, Code>,
) -> Result<Taken, Refusal> {
    let taken = match page {
        Ok(page) => change::take_page(step, no, link, (page.messages, page.more))?,
        Err(code) => Err(code),
    };
    step.memory.heard(no, step.now);
    match taken {
        Ok(true) => Ok(Taken::Complete),
        Ok(false) => Ok(Taken::More),
        Err(code) => bad_page(step, no, link, code).map(|()| Taken::Refused(code)),
    }
}

/// The place of the key that signed our last message among our keys; 0 if there is none.
fn last_key(step: &Step<'_>, no: LinkNo, stream: &StreamRow) -> Result<usize, Refusal> {
    let Some(row) = step.rows().get(SENT, &(no, stream.out_length))? else { return Ok(0) };
    let Record::Numbered { signed, .. } = step.read(row.signed)? else {
        return Err(find::broken("a sent message that is another record"));
    };
    let signer = Sign1::parse(&signed)?.key_id();
    let keys = step.identity.keys().keys();
    keys.iter().rposition(|key| key.id() == signer).ok_or_else(|| find::broken("a key of this desk"))
}

/// Whether the key of each message stands at its place: never an older one behind a newer, and behind the place of our
/// last change of key the newest alone. proto-spec, section 5.8.
fn stand(identity: &Identity, page: &Page, stream: &StreamRow, mut last: usize) -> Result<(), Code> {
    let newest = identity.keys().keys().len() - 1;
    let older = older_keys_upto(stream);
    for message in &page.messages {
        if message.key < last || (message.key != newest && message.head.seq > older) {
            return Err(Code::BadSignature);
        }
        last = message.key;
    }
    Ok(())
}

/// Up to which of our messages keys that we have replaced stand.
fn older_keys_upto(stream: &StreamRow) -> u64 {
    match stream.out_change {
        // The key has not changed since the link was made.
        None => 0,
        Some(change) => change.place.map_or(u64::MAX, |place| place.0),
    }
}

/// Whether a verified page goes on exactly where this desk's own history ends, and brings something.
fn fits(page: &Page, stream: &StreamRow, recovery: &Recovery) -> Result<(), Code> {
    let (mut length, mut head, mut told) = (stream.out_length, stream.out_head, recovery.told);
    for message in &page.messages {
        if message.head.seq != length + 1 {
            return Err(Code::Gap);
        }
        if message.head.prev != head {
            return Err(Code::BadPrev);
        }
        (length, head) = (message.head.seq, message.hash);
    }
    for (_, receipt) in &page.returned {
        if receipt.upto > told {
            if receipt.base > told {
                return Err(Code::Gap);
            }
            told = receipt.upto;
        }
    }
    let stuck = (length, told) == (stream.out_length, recovery.told);
    let missing = length < recovery.length || told < recovery.known;
    if (page.more && stuck) || (!page.more && missing) { Err(Code::RecoveryNeeded) } else { Ok(()) }
}

/// Pauses a link, and tells its operator why.
pub(super) fn pause(
    step: &mut Step<'_>,
    no: LinkNo,
    pause: Pause,
    code: &str,
    words: &str,
) -> Result<(), Refusal> {
    let event = find::event(step.now, code, words, Vec::new());
    step.record(&Record::LinkPaused { no, pause, event }, None)?;
    step.memory.sessions.remove(&no);
    step.wake(no);
    Ok(())
}

/// Two histories of one stream: both are kept as evidence, and the link pauses. proto-spec, section 5.10.
pub(super) fn forked(
    step: &mut Step<'_>,
    no: LinkNo,
    ours: bool,
    held: ByteBuf,
    other: ByteBuf,
) -> Result<(), Refusal> {
    let link = find::link(step, no)?;
    let at = step.record(&Record::Forked { no, held, other, at: step.now }, None)?;
    let (name, partner) = (&link.name, &link.partner_name);
    let (why, words) = if ours {
        key::told_elsewhere(step, step.now)?;
        (Pause::OwnFork(at), format!("{partner} holds another history of this desk's own messages."))
    } else {
        (Pause::Fork(at), format!("{partner} has signed two different messages with one number."))
    };
    let words = format!(
        "{words} Both are kept, and the link stands still. Look at both with `deskwire link repair {name}`, speak with \
         the other operator, and choose the same one."
    );
    pause(step, no, why, "fork", &words)
}

/// This desk may have lost something: it says hello before it sends anything more.
pub(super) fn doubt(step: &mut Step<'_>, no: LinkNo) {
    step.memory.sessions.remove(&no);
    step.wake(no);
}

/// Whether everything was handed back already, so that only the partner's own stream is still to come.
pub(super) fn is_complete_again(stream: &StreamRow) -> bool {
    stream.recovery.as_ref().is_some_and(|recovery| recovery.complete)
}

/// A new session of the partner: if its stream is shorter than a receipt of it said, what it had counted is gone.
pub(super) fn shorten(
    step: &mut Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    session: EntryRef,
) -> Result<(), Refusal> {
    // What the partner has said of its length since this hello is newer than the hello.
    if stream.promises.is_empty() || stream.receipt.is_some_and(|receipt| receipt > session) {
        return Ok(());
    }
    let Record::HelloAnswered { hello, .. } = step.read(session)? else {
        return Err(find::broken("a session is another record"));
    };
    let payload = Sign1::parse(&hello)?.unverified_payload();
    let hello: Hello =
        cbor::decode(payload, Bounds::LARGE).map_err(|_| find::broken("a hello that was answered"))?;
    let length = hello.length.max(stream.in_length);
    // Under a new key the author does not hold to what somebody promised under the old one: its receipts will tell, as
    // those do that the new key signed already.
    let void = stream.promises.iter().any(|promise| promise.void);
    let own = !void || change::given_by_newest(step, no, &find::link(step, no)?, 0)?;
    if own && stream.promises.iter().any(|promise| promise.length > length) {
        step.record(&Record::Shortened { no, length, at: step.now }, None)?;
    }
    Ok(())
}

/// What the partner's hello gets where it shows that it does not have what our recovered messages have seen: both were
/// restored, and nobody holds it any more. What came back takes effect without it, some in each step; then the link pauses
/// until the operators have spoken.
pub(super) fn beyond(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    stream: &StreamRow,
    hello: &Hello,
) -> Result<Option<Code>, Refusal> {
    let upto =
        stream.recovery.as_ref().filter(|recovery| recovery.complete).map_or(0, |recovery| recovery.upto);
    if hello.length >= upto || hello.length != stream.in_length {
        return Ok(None);
    }
    if !Placing::without_the_rest().place(step, no)? {
        return Ok(Some(Code::Busy));
    }
    let words = format!(
        "This desk and {0} were both restored: this desk has seen message {upto} of {0}, which {0} does not have any \
         more. Speak with its operator, then go on with what there is: `deskwire link repair {1} --theirs`.",
        link.partner_name, link.name
    );
    pause(step, no, Pause::Beyond(upto), "history-lost", &words)?;
    Ok(Some(Code::LinkPaused))
}

fn bad_page(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, code: Code) -> Result<(), Refusal> {
    let words = format!(
        "{} handed back something that is not what this desk lost ({code}). Nothing of it was taken, and the link stands \
         still. Restore a newer backup of this desk, or speak with the partner's operator and try again with \
         `deskwire link resume {}`.",
        link.partner_name, link.name
    );
    let why = refused("recovery-failed", &words);
    pause(step, no, Pause::BadPage(why), "recovery-failed", &words)
}

/// The items that wait, are parked, or were dropped before this desk knew of its loss, by their ids.
fn waiting(step: &Step<'_>, no: LinkNo, stream: &StreamRow) -> Result<HashMap<ItemId, Order>, Refusal> {
    let mut items = HashMap::new();
    for ((_, order), row) in step.rows().list(DROPPED, &no, usize::MAX)? {
        if !is_taken_back(step, &row)? {
            items.insert(row.item, order);
        }
    }
    if stream.waiting > 0 {
        let rows = step.rows().list(WAITING, &no, usize::MAX)?;
        items.extend(rows.into_iter().map(|((_, order), row)| (row.item, order)));
    }
    if stream.parked > 0 {
        let rows = step.rows().list(PARKED, &no, usize::MAX)?;
        items.extend(rows.into_iter().map(|((_, order), row)| (row.item.item, order)));
    }
    Ok(items)
}

/// Whether what an item shows on its ticket was taken back there. Where the partner has it all the same, it is shown anew,
/// so that it can be taken back from there too.
fn is_taken_back(step: &Step<'_>, row: &WaitingRow) -> Result<bool, Refusal> {
    let Some((ticket, at)) = row.thread else { return Ok(false) };
    let of = match step.rows().get(THREADS, &(ticket, at))?.map(|row| row.kind) {
        Some(ThreadKind::Revised(revised)) => revised.of,
        Some(_) | None => at,
    };
    let revisions = revise::revisions(step.rows(), (ticket, of))?;
    Ok(revisions.iter().any(|(_, _, what)| *what == Revision::Retracted))
}

/// An item in this place, waiting, parked or dropped.
fn unsent(step: &Step<'_>, key: &(LinkNo, Order)) -> Result<Option<WaitingRow>, Refusal> {
    if let Some(row) = step.rows().get(WAITING, key)? {
        return Ok(Some(row));
    }
    match step.rows().get(PARKED, key)? {
        Some(parked) => Ok(Some(parked.item)),
        None => Ok(step.rows().get(DROPPED, key)?),
    }
}

/// Takes one message of our own back in, under its number. It takes effect once what it had seen is here.
fn take(
    step: &mut Step<'_>,
    no: LinkNo,
    message: Verified,
    strikes: &HashMap<ItemId, Order>,
) -> Result<(), Refusal> {
    let head = message.head;
    let (mut thread, mut file) = (None, None);
    if let Some(order) = strikes.get(&head.item).copied()
        && let Some(row) = unsent(step, &(no, order))?
    {
        thread = row.thread.filter(|_| row.event.is_none());
        // What was announced with it still has to be brought, where the partner cannot fetch it.
        if let Some(no) = row.file {
            file = step.rows().get(FILES, &no)?.map(|row| (no, row.blob));
        }
        step.record(&Record::Struck { no, order }, None)?;
    }
    let order = Order(find::stream(step, no)?.next_order);
    // It enters no fold before its delegation is known here again.
    let kind = Kind::from_name(head.kind.as_str());
    let event =
        kind.and_then(|kind| told::event_of(kind, &head, message.body.as_ref().ok())).map(told::folded);
    let made = ItemMade {
        no,
        order,
        item: head.item,
        kind: head.kind,
        facts: head.facts,
        delegation: None,
        thread,
        file,
        event,
        at: head.time,
    };
    let gone = privacy::is_gone(step, no, head.item)?;
    let (signed, text) = (message.delivery.0, message.delivery.1.filter(|_| !gone));
    step.record(&Record::ItemMade(made), text.map(|text| text.into_vec()))?;
    let (seq, seen, hash) = (head.seq, head.seen, message.hash);
    step.record(&Record::Numbered { no, order, seq, hash, seen, signed, at: None }, None)?;
    Ok(())
}

/// Takes a receipt of the partner as far as it says something new that joins what is known.
fn take_receipt(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    receipt: Signed<Receipt>,
) -> Result<(), Refusal> {
    let stream = find::stream(step, no)?;
    let body = receipt.body();
    let joins = body.base <= stream.acked && body.upto > stream.acked && body.upto <= stream.out_length;
    if !joins || session::sent_hash(step, no, link, body.upto)? != body.hash {
        return Ok(());
    }
    let receipt = receipt.into_parts().0.into();
    step.record(&Record::ReceiptTaken { no, receipt, at: step.now }, None)?;
    Ok(())
}

/// Whether the partner was asked, since its message `seq` came, what it holds of ours, and holds no more than is here: then a
/// `seen` above that is a lie. A welcome of before tells nothing, as another copy of this desk may have said more since. What
/// came along, up to `last`, is asked for with it. Notes that there is something to ask. proto-spec, section 5.7.
pub(super) fn holds_no_more(step: &mut Step<'_>, no: LinkNo, (seq, last): (u64, u64)) -> bool {
    let new = || Claim { upto: last, asked: Asked::NotYet };
    let claim = step.memory.claims.entry(no).or_insert_with(new);
    if claim.upto < seq {
        *claim = new();
    }
    claim.asked == Asked::NothingMore
}
