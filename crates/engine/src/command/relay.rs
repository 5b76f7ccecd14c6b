//! Relaying in a chain: what a neighbour contributed for all partners of a case goes onward to the others, as this desk
//! has set for each link. proto-spec, section 9.4.
//!
//! Whatever leaves here is an item of this desk, made of [`Shareable`] content of a partner alone, whose id is derived
//! from the message that caused it, so that the same cause never makes two, also after a restore.

use deskwire_machine::delegation::Role;
use deskwire_machine::disclosure::{self, Preview};
use deskwire_machine::relay::{self, Onward, Setting, Verdict, verdict};
use deskwire_machine::thread::Shareable;
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::id::{Hash, ItemId, LoopTag};
use deskwire_proto::message::common::{Audience, ReasonText};
use deskwire_proto::message::{Body, Kind, comment_add, decline, file_add};
use deskwire_proto::number::Revision as Version;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code, Prose};
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{Later, Local, Received, Record, ThreadRecord};
use deskwire_store::row::{
    Author, DelegationRow, FileState, LinkRow, Refused, RelayRow, Revision, ThreadKind, ThreadRow,
};
use deskwire_store::table::{
    DERIVING, FILES, LOOP_TAGS, RECEIVED, RECOVERED_ITEMS, RELAYS, Rows, SENT, THREADS,
};
use deskwire_store::{Entry, EntryRef};
use serde_bytes::ByteBuf;

use super::comment::reachable;
use super::revise::{blank, numbered, revisions, standing_shares, take_back, version};
use super::say::{Saying, say};
use super::{find, late};
use crate::{Command, Fault, Reader, Refusal, Step};

/// Sets what of other partners' contributions goes onward over a link.
#[derive(Debug, Clone, Copy)]
pub struct SetRelay {
    /// The link.
    pub link: LinkNo,
    /// What goes, and how its authors are called.
    pub setting: Setting,
}

impl Command for SetRelay {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        find::link(step, self.link)?;
        let (no, setting, at) = (self.link, self.setting, step.now);
        step.record(&Record::Thread(ThreadRecord::RelaySet { no, setting, at }), None).map(drop)
    }
}

/// A partner's contribution, or newer words of one, that waits before it goes onward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Where it stands in the thread.
    pub of: EntryRef,
    /// Where it would go.
    pub delegation: DelegationNo,
}

/// Lets something go onward that waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Approve(pub Waiting);

impl Command for Approve {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Waiting { ticket, of, delegation } = self.0;
        waits(step, &self.0)?;
        let row = step.rows().get(THREADS, &(ticket, of))?;
        let row = row.ok_or_else(|| find::broken("what waits for a relay is not there"))?;
        let link = find::delegation(step, delegation)?.link;
        let went = row.shared.iter().any(|shared| shared.link == link);
        if went && standing_shares(&row).all(|shared| shared.link != link) {
            // Its item id is that of what was said: the partner would not take it a second time.
            return Err(Refusal::new(
                Fault::Conflict,
                "relay-ended",
                "This went there before, and was refused there or taken back.",
                "Write to the partner in words of your own, or skip it.",
            ));
        }
        send(step, (ticket, of), &row, delegation)?;
        done(step, self.0)
    }
}

/// Says that something does not go onward; it may still be approved later.
#[derive(Debug, Clone, Copy)]
pub struct Skip(pub Waiting);

impl Command for Skip {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Waiting { ticket, of, delegation } = self.0;
        if waits(step, &self.0)?.skipped {
            return Ok(());
        }
        let record = ThreadRecord::RelaySkipped { ticket, of, delegation, at: step.now };
        step.record(&Record::Thread(record), None).map(drop)
    }
}

fn waits(step: &Step<'_>, waiting: &Waiting) -> Result<RelayRow, Refusal> {
    let row = step.rows().get(RELAYS, &(waiting.ticket, (waiting.of, waiting.delegation)))?;
    row.ok_or_else(|| {
        Refusal::new(
            Fault::NotFound,
            "nothing-waits",
            "This does not wait to be relayed there: it went already, was taken back, or is not for other partners.",
            "See what waits with `deskwire relay list`.",
        )
    })
}

/// Draws the key of derived ids once in the life of a desk.
pub(crate) fn draw_key(step: &mut Step<'_>) -> Result<(), Refusal> {
    if step.rows().get(DERIVING, &())?.is_some() {
        return Ok(());
    }
    let key = ByteBuf::from(step.random::<32>().to_vec());
    step.record(&Record::Thread(ThreadRecord::KeyDrawn { key }), None).map(drop)
}

pub(super) fn key(rows: &impl Rows) -> Result<ByteBuf, Refusal> {
    let row = rows.get(DERIVING, &())?;
    row.map(|row| row.key).ok_or_else(|| find::broken("the key of derived ids is missing"))
}

/// A message of a partner that was applied and may concern other partners.
pub(super) struct Came {
    hash: Hash,
    local: Local,
}

impl Came {
    /// As it was consumed; nothing for what concerns no thread.
    pub(super) fn of(record: &Received) -> Option<Self> {
        let threads = record.event.is_none()
            && record.refused.is_none()
            && (record.local.ticket.is_some() || record.local.later.is_some());
        threads.then_some(Self { hash: record.hash, local: record.local })
    }
}

/// A contribution of a partner, or what it did to one, has come and stands at `at`: what of it goes onward does.
pub(super) fn came(
    step: &mut Step<'_>,
    no: LinkNo,
    at: EntryRef,
    came: &Came,
    body: &Body,
) -> Result<(), Refusal> {
    if let Some(Later::Withdraws(seq)) = came.local.later {
        return withdrawn(step, no, seq);
    }
    let Some(ticket) = came.local.ticket else { return Ok(()) };
    match came.local.later {
        Some(Later::Edits(of, _)) => edited(step, (ticket, of), at),
        Some(Later::Retracts(of)) => retracted(step, (ticket, of), at, came.hash),
        Some(Later::Withdraws(_)) => Ok(()),
        None => match audience(body) {
            Some(Audience::Thread) => added(step, no, (ticket, at)),
            Some(Audience::Delegation) | None => Ok(()),
        },
    }
}

fn audience(body: &Body) -> Option<Audience> {
    if let Body::CommentAdd { facts, .. } = body {
        return Some(facts.audience);
    }
    if let Body::FileAdd { facts, .. } = body { Some(facts.audience) } else { None }
}

/// The bytes of a partner's file are here: where it goes onward by itself, it goes now.
pub(super) fn file_here(step: &mut Step<'_>, file: FileNo) -> Result<(), Refusal> {
    let Some(row) = step.rows().get(FILES, &file)? else { return Ok(()) };
    let Author::Partner(no) = row.author else { return Ok(()) };
    let key = (row.ticket, row.entry);
    match contribution(&step.entry(row.entry)?)? {
        Some(Contribution { audience: Audience::Thread, .. }) => added(step, no, key),
        Some(_) | None => Ok(()),
    }
}

/// An offer that carries one of our own loop tags is a case that has come back: it is declined at once. proto-spec,
/// section 9.6.
pub(super) fn looped(
    step: &mut Step<'_>,
    no: LinkNo,
    delegation: DelegationNo,
    (cause, tags): (Hash, &[LoopTag]),
) -> Result<(), Refusal> {
    let mut known = None;
    for tag in tags {
        known = known.or(step.rows().get(LOOP_TAGS, tag)?);
    }
    if known.is_none() || find::stream(step, no)?.recovery.is_some() {
        // What a restored desk gets again it has answered already.
        return Ok(());
    }
    let id = find::delegation(step, delegation)?.id;
    let words = "This case came from this desk and has come back to it: it would go in a circle.";
    let text = ReasonText { by: None, reason: Prose::new(words).expect("plain words") };
    let code = Some(Code::new("loop").expect("a code"));
    let body = Body::Decline { facts: decline::Facts { code }, text };
    let item = Some(relay::item(&key(step.rows())?, &cause, &find::link(step, no)?.link, 0));
    match step.attempt(|step| say(step, Saying { item, ..Saying::event(no, (delegation, id), body) })) {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.fault == Fault::Ours => Err(refusal),
        Err(refusal) => {
            tracing::warn!(link = %no, %refusal, "an offer that goes in a circle could not be declined");
            Ok(())
        }
    }
}

/// To each other partner of the case, as its link is set.
fn added(step: &mut Step<'_>, no: LinkNo, key: (TicketNumber, EntryRef)) -> Result<(), Refusal> {
    for (delegation, row) in find::delegations(step, key.0)? {
        if row.link == no || !reachable(step.rows(), delegation, &row)? {
            continue;
        }
        if rejoined(step, key, row.link)? {
            continue;
        }
        let setting = find::link(step, row.link)?.relay;
        match late::onward(step, &row, verdict(Audience::Thread, setting))? {
            Verdict::Stays => {}
            Verdict::Waits => wait(step, key, delegation, None)?,
            Verdict::Goes => go(step, key, delegation)?,
        }
    }
    Ok(())
}

/// Whether a comment went onward there before a restore, and its message came back before it did: what is shown of that
/// message belongs to the comment then, and not beside it.
fn rejoined(step: &mut Step<'_>, to: (TicketNumber, EntryRef), no: LinkNo) -> Result<bool, Refusal> {
    if !find::stream(step, no)?.out_returned {
        return Ok(false);
    }
    let Record::Received(message) = step.read(to.1)? else { return Ok(false) };
    let item = relay::item(&key(step.rows())?, &message.hash, &find::link(step, no)?.link, 0);
    let Some(seq) = step.rows().get(RECOVERED_ITEMS, &(no, item))? else { return Ok(false) };
    let thread = step.rows().get(SENT, &(no, seq))?.and_then(|row| row.thread);
    let Some(from) = thread.filter(|from| from.0 == to.0 && *from != to) else { return Ok(false) };
    let alone = |row: &ThreadRow| {
        row.kind == ThreadKind::Comment && row.author == Author::Own && !row.revised && row.shared.len() == 1
    };
    if !step.rows().get(THREADS, &from)?.is_some_and(|row| alone(&row)) {
        return Ok(false);
    }
    let record = ThreadRecord::Rejoined { no, seq, from, to, at: step.now };
    step.record(&Record::Thread(record), None)?;
    Ok(true)
}

/// Lets something go onward by itself; what cannot go waits for a person, with the reason.
fn go(step: &mut Step<'_>, key: (TicketNumber, EntryRef), delegation: DelegationNo) -> Result<(), Refusal> {
    let row = step.rows().get(THREADS, &key)?.ok_or_else(|| find::broken("a contribution without a row"))?;
    if let ThreadKind::File(file) = row.kind
        && step.rows().get(FILES, &file)?.is_none_or(|file| file.state != FileState::Here)
    {
        // It goes when its bytes are here.
        return Ok(());
    }
    match step.attempt(|step| send(step, key, &row, delegation)) {
        Ok(()) => Ok(()),
        Err(refusal) if refusal.fault == Fault::Ours => Err(refusal),
        Err(refusal) => wait(step, key, delegation, Some(refusal.kept())),
    }
}

fn wait(
    step: &mut Step<'_>,
    (ticket, of): (TicketNumber, EntryRef),
    delegation: DelegationNo,
    why: Option<Refused>,
) -> Result<(), Refusal> {
    if step.rows().get(RELAYS, &(ticket, (of, delegation)))?.is_some() {
        return Ok(());
    }
    let row = step.rows().get(THREADS, &(ticket, of))?;
    if row.is_some_and(|row| row.shared.iter().any(|shared| shared.delegation == delegation)) {
        return Ok(());
    }
    let record = ThreadRecord::RelayWaits { ticket, of, delegation, why, at: step.now };
    step.record(&Record::Thread(record), None).map(drop)
}

fn done(step: &mut Step<'_>, waiting: Waiting) -> Result<(), Refusal> {
    let Waiting { ticket, of, delegation } = waiting;
    if step.rows().get(RELAYS, &(ticket, (of, delegation)))?.is_none() {
        return Ok(());
    }
    let record = ThreadRecord::RelayDone { ticket, of, delegation, at: step.now };
    step.record(&Record::Thread(record), None).map(drop)
}

/// New words of what went onward follow it in the same way. What still waits goes with its newest words.
fn edited(step: &mut Step<'_>, root: (TicketNumber, EntryRef), at: EntryRef) -> Result<(), Refusal> {
    let Some(row) = step.rows().get(THREADS, &root)? else { return Ok(()) };
    let there: Vec<_> = standing_shares(&row).map(|shared| (shared.delegation, shared.link)).collect();
    for (delegation, link) in there {
        for (earlier, ..) in revisions(step.rows(), root)? {
            done(step, Waiting { ticket: root.0, of: earlier, delegation })?;
        }
        let setting = find::link(step, link)?.relay;
        match verdict(Audience::Thread, setting) {
            Verdict::Stays => {}
            Verdict::Waits => wait(step, (root.0, at), delegation, None)?,
            Verdict::Goes => go(step, (root.0, at), delegation)?,
        }
    }
    Ok(())
}

/// What went onward is taken back wherever it went, whatever is set now; what waits goes nowhere.
fn retracted(
    step: &mut Step<'_>,
    (ticket, of): (TicketNumber, EntryRef),
    at: EntryRef,
    cause: Hash,
) -> Result<(), Refusal> {
    let Some(row) = step.rows().get(THREADS, &(ticket, of))? else { return Ok(()) };
    let edits = revisions(step.rows(), (ticket, of))?;
    for stands in edits.iter().map(|(at, ..)| *at).chain([of]) {
        for ((_, (_, delegation)), _) in step.rows().list(RELAYS, &(ticket, stands), usize::MAX)? {
            done(step, Waiting { ticket, of: stands, delegation })?;
        }
    }
    if standing_shares(&row).next().is_none() {
        return Ok(());
    }
    let record = ThreadRecord::TakenBack { ticket, of, at: step.now };
    step.record(&Record::Thread(record), None)?;
    let key = key(step.rows())?;
    let ids = |step: &Step<'_>, no: LinkNo| -> Result<ItemId, Refusal> {
        Ok(relay::item(&key, &cause, &find::link(step, no)?.link, 0))
    };
    take_back(step, (ticket, of), &row, at, Some(&ids)).map(drop)
}

/// The partner withdrew the text of a message: what of it went onward is withdrawn too.
fn withdrawn(step: &mut Step<'_>, no: LinkNo, seq: u64) -> Result<(), Refusal> {
    let Some(held) = step.rows().get(RECEIVED, &(no, seq))? else { return Ok(()) };
    let Record::Received(message) = step.read(held.entry)? else {
        return Err(find::broken("a received message that is another record"));
    };
    let Some(ticket) = message.local.ticket else { return Ok(()) };
    super::rule::source_withdrawn(step, (ticket, held.entry))?;
    let Some(row) = step.rows().get(THREADS, &(ticket, held.entry))? else { return Ok(()) };
    for ((_, (_, delegation)), _) in step.rows().list(RELAYS, &(ticket, held.entry), usize::MAX)? {
        done(step, Waiting { ticket, of: held.entry, delegation })?;
    }
    let shared: Vec<_> = standing_shares(&row).filter(|shared| shared.item.is_some()).cloned().collect();
    for shared in shared {
        match numbered(step, shared.link, shared.order)? {
            Some((seq, sent)) => blank(step, shared.link, (seq, &sent))?,
            None => super::revise::drop_unsent(step, shared.link, shared.order)?,
        }
    }
    Ok(())
}

/// What a partner contributed, as its message says it.
struct Contribution {
    audience: Audience,
    hash: Hash,
    said: Said,
}

enum Said {
    Comment(comment_add::Text),
    File(file_add::Facts, file_add::Text),
    /// New words of an earlier comment.
    Edit(comment_add::Text),
}

/// Nothing for another record, or one whose text was erased.
fn contribution(entry: &Entry) -> Result<Option<Contribution>, Refusal> {
    let Record::Received(message) = Record::read(entry)? else { return Ok(None) };
    let head = read_head(&message.signed)?;
    let Some(kind) = Kind::from_name(head.kind.as_str()) else { return Ok(None) };
    let body = Body::decode(kind, &head.facts, entry.text.bytes().and_then(text_body));
    let (audience, said) = match body {
        Ok(Body::CommentAdd { facts, text }) => (facts.audience, Said::Comment(text)),
        Ok(Body::FileAdd { facts, text }) => (facts.audience, Said::File(facts, text)),
        // It is for whom the comment was.
        Ok(Body::CommentEdit { text, .. }) => (Audience::Thread, Said::Edit(text)),
        Ok(_) | Err(_) => return Ok(None),
    };
    Ok(Some(Contribution { audience, hash: message.hash, said }))
}

/// The partner that something goes to in a chain.
struct Next<'a> {
    row: &'a DelegationRow,
    link: &'a LinkRow,
    terms: &'a Terms,
}

/// What a relay has to know of the desk, for the command and for its preview.
struct Scene<'a, R> {
    rows: &'a R,
    entry: &'a dyn Fn(EntryRef) -> Result<Entry, Refusal>,
}

/// The message that carries a contribution onward, and the hash of what caused it.
fn compose<R: Rows>(
    scene: &Scene<'_, R>,
    (ticket, at): (TicketNumber, EntryRef),
    row: &ThreadRow,
    next: &Next<'_>,
    edit: Option<(ItemId, Version)>,
) -> Result<(Body, Hash), Refusal> {
    let contribution = contribution(&(scene.entry)(at)?)?.ok_or_else(erased)?;
    let Author::Partner(from) = row.author else { return Err(not_relayable()) };
    let from = scene.rows.get(deskwire_store::table::LINKS, &from)?;
    let from = from.ok_or_else(|| find::broken("a contribution of a link that is not there"))?;
    let upward = next.row.case.role() == Role::Contractor;
    let onward = Onward { from: &from.partner_name, setting: next.link.relay, terms: next.terms, upward };
    let (audience, hash) = (contribution.audience, contribution.hash);
    let body = match contribution.said {
        Said::Comment(text) => {
            let text = newest(scene, (ticket, at), text)?;
            relay::comment(&Shareable::of_partner(text, audience).ok_or_else(not_relayable)?, &onward)
        }
        Said::Edit(text) => {
            let (comment, version) = edit.ok_or_else(not_relayable)?;
            let words = Shareable::of_partner(text, audience).ok_or_else(not_relayable)?;
            relay::edit(&words, comment, version, &onward)
        }
        Said::File(facts, text) => {
            let file = Shareable::of_partner((facts, text), audience).ok_or_else(not_relayable)?;
            relay::file(&file, &onward)
        }
    };
    Ok((body, hash))
}

/// The words of a comment as they stand: what goes onward late goes with its edits.
fn newest<R: Rows>(
    scene: &Scene<'_, R>,
    root: (TicketNumber, EntryRef),
    text: comment_add::Text,
) -> Result<comment_add::Text, Refusal> {
    let done = revisions(scene.rows, root)?;
    if done.iter().any(|(_, _, what)| *what == Revision::Retracted) {
        return Err(erased());
    }
    let Some((at, ..)) = done.iter().rev().find(|(_, _, what)| matches!(what, Revision::Edited(_))) else {
        return Ok(text);
    };
    match contribution(&(scene.entry)(*at)?)?.map(|edit| edit.said) {
        // Whether it was relayed, and whose it is, an edit says as its comment does.
        Some(Said::Edit(text)) => Ok(text),
        Some(_) | None => Err(erased()),
    }
}

/// The comment that an edit is of, as a partner knows it, with the version that the edit makes there.
fn known_as(
    step: &Step<'_>,
    ticket: TicketNumber,
    row: &ThreadRow,
    delegation: DelegationNo,
) -> Result<Option<(ItemId, Version)>, Refusal> {
    let ThreadKind::Revised(revised) = row.kind else { return Ok(None) };
    let Some(root) = step.rows().get(THREADS, &(ticket, revised.of))? else { return Ok(None) };
    let item = standing_shares(&root).find(|shared| shared.delegation == delegation);
    let Some(item) = item.and_then(|shared| shared.item) else { return Ok(None) };
    Ok(Some((item, version(step, (ticket, revised.of), delegation)?)))
}

/// Makes the item that carries a contribution onward: at most one for each link, and none back to where it came from.
fn send(
    step: &mut Step<'_>,
    key: (TicketNumber, EntryRef),
    row: &ThreadRow,
    delegation: DelegationNo,
) -> Result<(), Refusal> {
    let to = find::delegation(step, delegation)?;
    if row.shared.iter().any(|shared| shared.link == to.link) || row.author == Author::Partner(to.link) {
        return Ok(());
    }
    let link = find::link(step, to.link)?;
    let terms = find::terms(step, &link)?;
    let next = Next { row: &to, link: &link, terms: &terms };
    let edit = known_as(step, key.0, row, delegation)?;
    let entry = |at| step.entry(at);
    let scene = Scene { rows: step.rows(), entry: &entry };
    let (body, cause) = compose(&scene, key, row, &next, edit)?;
    let file = bytes(step.rows(), row, &terms)?;
    let item = Some(relay::item(&self::key(step.rows())?, &cause, &link.link, 0));
    let delegation = Some((delegation, to.id));
    say(step, Saying { link: to.link, delegation, body, thread: Some(key), file, item }).map(drop)
}

/// The file that goes onward: its bytes have to be here, and within the terms there.
fn bytes(rows: &impl Rows, row: &ThreadRow, terms: &Terms) -> Result<Option<(FileNo, Hash)>, Refusal> {
    let ThreadKind::File(no) = row.kind else { return Ok(None) };
    let file = rows.get(FILES, &no)?.ok_or_else(|| find::broken("a file without a row"))?;
    if file.state != FileState::Here {
        return Err(Refusal::new(
            Fault::Conflict,
            "file-not-here",
            "The bytes of this file have not arrived here yet.",
            "Relay it when the ticket says that it is here.",
        ));
    }
    if file.size > terms.file {
        return Err(Refusal::new(
            Fault::TooLarge,
            "file-too-large",
            format!("The file has {} bytes; the terms there allow {}.", file.size, terms.file),
            "Agree new terms with the partner.",
        ));
    }
    Ok(Some((no, file.blob)))
}

/// What approving a relay would send, by the same function; nothing is changed.
///
/// # Errors
/// The refusal that [`Approve`] would give.
pub fn preview(reader: &Reader, waiting: Waiting) -> Result<(LinkNo, Preview), Refusal> {
    let Waiting { ticket, of, delegation } = waiting;
    let rows = reader.rows();
    let row = rows.get(THREADS, &(ticket, of))?.ok_or_else(not_relayable)?;
    let to = rows.get(deskwire_store::table::DELEGATIONS, &delegation)?;
    let to = to.ok_or_else(|| Refusal::unknown("delegation", delegation, "deskwire delegation list"))?;
    let partner = reader.partner(to.link)?;
    let partner = partner.ok_or_else(|| Refusal::unknown("link", to.link, "deskwire link list"))?;
    let next = Next { row: &to, link: &partner.row, terms: &partner.terms };
    let entry = |at| Ok(reader.entry(at)?);
    let edit = Some((ItemId::new([0; ItemId::SIZE]), Version::new(2).expect("2 is a revision")));
    let (body, _) = compose(&Scene { rows, entry: &entry }, (ticket, of), &row, &next, edit)?;
    bytes(rows, &row, &partner.terms)?;
    let mut preview = disclosure::contribution(&body);
    // They are its partner's alone, and known when it is sent.
    preview.sent.retain(|sent| sent.field != "comment" && sent.field != "version");
    Ok((to.link, preview))
}

fn erased() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "retracted",
        "The text of this is gone: its author took it back, or it was erased.",
        "Nothing is left to relay.",
    )
}

fn not_relayable() -> Refusal {
    Refusal::new(
        Fault::Forbidden,
        "not-relayable",
        "Only what a partner wrote for all partners of the case goes onward.",
        "Write a comment of your own.",
    )
}
