//! What authors of this desk do to their own comments and files afterwards: new words, taking back, other readers.
//! proto-spec, sections 6.9, 6.26, 6.27, 6.29 and 9.2.

use deskwire_machine::thread::{self, Draft};
use deskwire_proto::envelope::text_body;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::{NoText, Person};
use deskwire_proto::message::{Body, Kind, link_withdraw};
use deskwire_proto::number::{Revision as Version, Seq};
use deskwire_proto::text::{Label, Prose};
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{ActorText, CommentText, Record, ThreadRecord, decode_text, encode_text};
use deskwire_store::row::{Audience, Author, Refused, Revision, SentRow, Shared, ThreadKind, ThreadRow};
use deskwire_store::table::{FILES, PARKED, REVISIONS, Rows, SENT, THREADS, WAITING};
use serde::{Deserialize, Serialize};

use super::comment::{To, draft, recipients, recomposed, send};
use super::file::{Announce, file_text};
use super::find;
use super::queue::drop_item;
use super::say::{Saying, say};
use crate::{Command, Fault, Refusal, Step, refused};

/// Gives a comment of this desk new words, here and at every partner that has it.
#[derive(Debug, Clone)]
pub struct EditComment {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Where the comment stands in the thread.
    pub of: EntryRef,
    /// All of it anew, CommonMark.
    pub body: Prose,
    /// Who edits it.
    pub by: Person,
}

/// Takes a comment or a file of this desk back from every partner. What has not left never leaves; of what has left and
/// may not be read yet the text is withdrawn.
#[derive(Debug, Clone)]
pub struct TakeBack {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Where it stands in the thread.
    pub of: EntryRef,
    /// It stays here, as an internal one.
    pub keep: bool,
    /// Who takes it back.
    pub by: Person,
}

/// Sends a comment or a file of this desk to whom it did not go before.
#[derive(Debug, Clone)]
pub struct Open {
    /// The ticket.
    pub ticket: TicketNumber,
    /// Where it stands in the thread.
    pub of: EntryRef,
    /// Who sees it from now on; who has it already keeps it.
    pub audience: Audience,
    /// Who opens it.
    pub by: Person,
}

/// What became of it at partners.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Revised {
    /// Delegations whose partners are told.
    pub told: Vec<DelegationNo>,
    /// Delegations whose partners never got it, and never will.
    pub never: Vec<DelegationNo>,
    /// Delegations whose partners may have read it.
    pub read: Vec<DelegationNo>,
}

impl Command for EditComment {
    type Reply = Revised;

    fn run(self, step: &mut Step<'_>) -> Result<Revised, Refusal> {
        let (ticket, of) = (self.ticket, self.of);
        let row = standing(step, ticket, of)?;
        if row.kind != ThreadKind::Comment {
            return Err(not_a_comment());
        }
        let there: Vec<Shared> = standing_shares(&row).cloned().collect();
        for shared in &there {
            if step.rows().get(PARKED, &(shared.link, shared.order))?.is_some() {
                return Err(parked(shared.item));
            }
        }
        let text = encode_text(&CommentText { body: self.body.clone(), by: self.by.clone() })?;
        let record = ThreadRecord::Edited { ticket, of, at: step.now };
        let at = step.record(&Record::Thread(record), Some(text))?;
        let mut revised = Revised::default();
        if let Draft::Shared(words) = draft(self.body, &row.audience) {
            for shared in there {
                let delegation = find::delegation(step, shared.delegation)?;
                let link = find::link(step, shared.link)?;
                let Some(comment) = shared.item.filter(|_| find::speakable(&link).is_ok()) else { continue };
                let terms = find::terms(step, &link)?;
                let version = version(step, (ticket, of), shared.delegation)?;
                let to = To { link: &link, terms: &terms };
                let body = recomposed(step.identity, &to, &words, &self.by, (comment, step.now, version));
                let (delegation, thread) = (Some((shared.delegation, delegation.id)), Some((ticket, at)));
                say(step, Saying { link: shared.link, delegation, body, thread, file: None, item: None })?;
                revised.told.push(shared.delegation);
            }
        }
        Ok(revised)
    }
}

impl Command for TakeBack {
    type Reply = Revised;

    fn run(self, step: &mut Step<'_>) -> Result<Revised, Refusal> {
        let (ticket, of, kept) = (self.ticket, self.of, self.keep);
        let row = standing(step, ticket, of)?;
        if kept && row.audience == Audience::Internal && standing_shares(&row).next().is_none() {
            return Err(Refusal::new(
                Fault::Conflict,
                "already-internal",
                "This is internal already.",
                "Nothing has to be done.",
            ));
        }
        let text = encode_text(&ActorText { by: self.by })?;
        let record = ThreadRecord::Retracted { ticket, of, kept, at: step.now };
        let at = step.record(&Record::Thread(record), Some(text))?;
        take_back(step, (ticket, of), &row, at, None)
    }
}

impl Command for Open {
    type Reply = Revised;

    fn run(self, step: &mut Step<'_>) -> Result<Revised, Refusal> {
        let (ticket, of) = (self.ticket, self.of);
        let row = standing(step, ticket, of)?;
        let mut to = recipients(step.rows(), step.identity, ticket, &self.audience)?;
        to.retain(|(no, _)| standing_shares(&row).all(|shared| shared.delegation != *no));
        if to.is_empty() && self.audience == row.audience {
            return Err(Refusal::new(
                Fault::Conflict,
                "nothing-to-do",
                "It is for these readers already.",
                "Choose others, or leave it as it is.",
            ));
        }
        let (text, audience) = (encode_text(&ActorText { by: self.by.clone() })?, self.audience.clone());
        let record = ThreadRecord::Opened { ticket, of, audience, at: step.now };
        step.record(&Record::Thread(record), Some(text))?;
        for (no, delegation) in &to {
            if let ThreadKind::File(file) = row.kind {
                let stored = step.rows().get(FILES, &file)?;
                let stored = stored.ok_or_else(|| find::broken("a file without a row"))?;
                let text = file_text(step, &stored)?;
                let audience = &self.audience;
                Announce { file, thread: (ticket, of), audience, text: &text, item: None }
                    .to(step, (*no, delegation))?;
            } else {
                let CommentText { body, by } = newest_text(step, ticket, of)?;
                if let Draft::Shared(words) = draft(body, &self.audience) {
                    send(step, (ticket, of), (*no, None), &words, &by)?;
                }
            }
        }
        Ok(Revised { told: to.into_iter().map(|(no, _)| no).collect(), ..Revised::default() })
    }
}

/// An own comment or file that was not taken back for good.
fn standing(step: &Step<'_>, ticket: TicketNumber, of: EntryRef) -> Result<ThreadRow, Refusal> {
    let row = step.rows().get(THREADS, &(ticket, of))?;
    let row = row.ok_or_else(|| find::broken("a contribution that was found is not there"))?;
    if !matches!(row.kind, ThreadKind::Comment | ThreadKind::File(_)) {
        return Err(not_a_comment());
    }
    if row.author != Author::Own {
        return Err(Refusal::new(
            Fault::Forbidden,
            "not-your-comment",
            "A partner wrote this; only its author edits it or takes it back.",
            "Ask the partner to do it.",
        ));
    }
    if revisions(step.rows(), (ticket, of))?.iter().any(|(_, _, what)| *what == Revision::Retracted) {
        return Err(Refusal::new(
            Fault::Conflict,
            "already-retracted",
            "This was taken back, and that cannot be undone.",
            "Write a new one.",
        ));
    }
    Ok(row)
}

/// What was done to a contribution and stands, oldest first.
pub(super) fn revisions(
    rows: &impl Rows,
    key: (TicketNumber, EntryRef),
) -> Result<Vec<(EntryRef, ThreadRow, Revision)>, Refusal> {
    let mut found = Vec::new();
    for ((_, (_, at)), ()) in rows.list(REVISIONS, &key, usize::MAX)? {
        let Some(row) = rows.get(THREADS, &(key.0, at))?.filter(|row| row.aside.is_none()) else { continue };
        if let ThreadKind::Revised(revised) = row.kind {
            found.push((at, row, revised.what));
        }
    }
    Ok(found)
}

/// The items by which partners have it.
pub(super) fn standing_shares(row: &ThreadRow) -> impl Iterator<Item = &Shared> {
    row.shared.iter().filter(|shared| !shared.retracted && shared.refused.is_none())
}

/// The version that the next edit makes for one partner.
pub(super) fn version(
    step: &Step<'_>,
    key: (TicketNumber, EntryRef),
    delegation: DelegationNo,
) -> Result<Version, Refusal> {
    let goes = |row: &ThreadRow| row.shared.iter().any(|shared| shared.delegation == delegation);
    let edits = revisions(step.rows(), key)?;
    let mut version = 1;
    for (_, row, what) in &edits {
        // One that came back after a restore has the version under which it had left; others count on from there.
        if let Revision::Edited(known) = what
            && goes(row)
        {
            version = (version + 1).max(*known);
        }
    }
    Version::new(version + 1).map_err(|error| Refusal::invalid("version", error))
}

/// The words of an own comment as they stand.
fn newest_text(step: &Step<'_>, ticket: TicketNumber, of: EntryRef) -> Result<CommentText, Refusal> {
    let edits = revisions(step.rows(), (ticket, of))?;
    let newest = edits.iter().rev().find(|(_, _, what)| matches!(what, Revision::Edited(_)));
    let entry = step.entry(newest.map_or(of, |(at, ..)| *at))?;
    let text = match Record::read(&entry)? {
        Record::CommentMade { .. } | Record::Thread(ThreadRecord::Edited { .. }) => decode_text(&entry)?,
        // It came back after a restore, as it was said.
        Record::ItemMade(made) => {
            let body = entry.text.bytes().and_then(text_body);
            let kind = Kind::from_name(made.kind.as_str());
            match kind.and_then(|kind| Body::decode(kind, &made.facts, body).ok()) {
                Some(Body::CommentAdd { text, .. } | Body::CommentEdit { text, .. }) => {
                    Some(CommentText { body: text.body, by: text.by.unwrap_or_default() })
                }
                Some(_) | None => None,
            }
        }
        _ => return Err(find::broken("a comment is another record")),
    };
    text.ok_or_else(|| {
        Refusal::new(Fault::Conflict, "erased", "The text of this comment was erased.", "Write a new one.")
    })
}

/// The id of the item for a link.
pub(super) type ItemIds<'a> = dyn Fn(&Step<'_>, LinkNo) -> Result<ItemId, Refusal> + 'a;

/// Takes a contribution back from whoever has it through this desk. `ids` makes the id of the item for a link; without it
/// they are new ones.
pub(super) fn take_back(
    step: &mut Step<'_>,
    (ticket, of): (TicketNumber, EntryRef),
    row: &ThreadRow,
    at: EntryRef,
    ids: Option<&ItemIds<'_>>,
) -> Result<Revised, Refusal> {
    let mut revised = Revised::default();
    for shared in standing_shares(row) {
        let (no, delegation) = (shared.link, shared.delegation);
        unsent_edits(step, (ticket, of), no)?;
        if is_unsent(step, no, shared.order)? {
            drop_unsent(step, no, shared.order)?;
            revised.never.push(delegation);
            continue;
        }
        let link = find::link(step, no)?;
        revised.read.push(delegation);
        if find::speakable(&link).is_err() {
            continue;
        }
        let seq = withdrawable(step, no, shared.order)?;
        if let Some(seq) = seq {
            withdraw(step, no, seq, Some(((ticket, at), delegation)))?;
        }
        let is_file = matches!(row.kind, ThreadKind::File(_));
        if seq.is_none() || is_file {
            let Some(item) = shared.item else { continue };
            let body = if is_file { thread::retract_file(item) } else { thread::retract(item) };
            let id = find::delegation(step, delegation)?.id;
            let new = ids.map(|ids| ids(step, no)).transpose()?;
            let thread = Some((ticket, at));
            let delegation = Some((delegation, id));
            say(step, Saying { link: no, delegation, body, thread, file: None, item: new })?;
        }
        revised.told.push(delegation);
    }
    Ok(revised)
}

fn is_unsent(step: &Step<'_>, no: LinkNo, order: Order) -> Result<bool, Refusal> {
    Ok(step.rows().get(WAITING, &(no, order))?.is_some() || step.rows().get(PARKED, &(no, order))?.is_some())
}

pub(super) fn drop_unsent(step: &mut Step<'_>, no: LinkNo, order: Order) -> Result<(), Refusal> {
    drop_item(step, (no, order), never_sent(), None)
}

/// Why what was taken back does not leave.
pub(super) fn never_sent() -> Refused {
    refused("retracted", "It was taken back before it was sent: the partner never got it.")
}

/// Edits that have not left never leave; of those that have, and may not be read yet, the text is withdrawn.
fn unsent_edits(step: &mut Step<'_>, key: (TicketNumber, EntryRef), no: LinkNo) -> Result<(), Refusal> {
    let edits = revisions(step.rows(), key)?;
    for (_, row, _) in edits {
        for shared in row.shared.iter().filter(|shared| shared.link == no && shared.refused.is_none()) {
            if is_unsent(step, no, shared.order)? {
                drop_unsent(step, no, shared.order)?;
            } else if shared.item.is_some()
                && let Some(seq) = withdrawable(step, no, shared.order)?
                && find::speakable(&find::link(step, no)?).is_ok()
            {
                withdraw(step, no, seq, None)?;
            }
        }
    }
    Ok(())
}

/// The number of a message of ours that has a text and that no receipt covers.
fn withdrawable(step: &Step<'_>, no: LinkNo, order: Order) -> Result<Option<u64>, Refusal> {
    let stream = find::stream(step, no)?;
    if order.0 <= stream.acked_order {
        return Ok(None);
    }
    Ok(numbered(step, no, order)?
        .filter(|(seq, row)| *seq > stream.acked && !row.withdrawn)
        .map(|(seq, _)| seq))
}

/// The message that the item in this place became. Items are numbered in their order, so it is found by halving.
pub(super) fn numbered(step: &Step<'_>, no: LinkNo, order: Order) -> Result<Option<(u64, SentRow)>, Refusal> {
    let (mut low, mut high) = (1, find::stream(step, no)?.out_length);
    while low <= high {
        let middle = low + (high - low) / 2;
        let row = step.rows().get(SENT, &(no, middle))?;
        let row = row.ok_or_else(|| find::broken("a message of an own stream has no row"))?;
        match row.order.cmp(&order) {
            std::cmp::Ordering::Equal => return Ok(Some((middle, row))),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle - 1,
        }
    }
    Ok(None)
}

/// Takes the text of a message of ours back: it is sent without it from now on, and the partner is told.
pub(super) fn withdraw(
    step: &mut Step<'_>,
    no: LinkNo,
    seq: u64,
    shown: Option<((TicketNumber, EntryRef), DelegationNo)>,
) -> Result<(), Refusal> {
    let order = Order(find::stream(step, no)?.next_order);
    let shown = shown.map(|(key, delegation)| (key, delegation, order));
    step.record(&Record::Thread(ThreadRecord::Withdrawn { no, seq, shown, at: step.now }), None)?;
    let seq = Seq::new(seq).map_err(|error| Refusal::invalid("seq", error))?;
    let body = Body::LinkWithdraw { facts: link_withdraw::Facts { seq }, text: NoText };
    say(step, Saying { link: no, delegation: None, body, thread: None, file: None, item: None }).map(drop)
}

/// Takes the text of a message of ours back where that has not happened and the link can still be spoken on.
pub(super) fn blank(step: &mut Step<'_>, no: LinkNo, (seq, sent): (u64, &SentRow)) -> Result<(), Refusal> {
    if sent.withdrawn || find::speakable(&find::link(step, no)?).is_err() {
        return Ok(());
    }
    withdraw(step, no, seq, None)
}

/// Takes the text of a message of ours back, whatever it says: for what went to the wrong partner.
#[derive(Debug, Clone, Copy)]
pub struct Withdraw {
    /// The link.
    pub link: LinkNo,
    /// The number of the message.
    pub seq: u64,
}

impl Command for Withdraw {
    /// Whether the partner may have read it: a receipt covers it.
    type Reply = bool;

    fn run(self, step: &mut Step<'_>) -> Result<bool, Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let stream = find::stream(step, self.link)?;
        let row = step.rows().get(SENT, &(self.link, self.seq))?;
        let row = row.ok_or_else(|| unknown_message(&link.name, self.seq))?;
        if row.withdrawn || step.entry(row.item)?.text.bytes().is_none() {
            return Err(Refusal::new(
                Fault::Conflict,
                "no-text",
                format!("Message {} on {} has no text that could be withdrawn.", self.seq, link.name),
                "See what was sent with `deskwire log`.",
            ));
        }
        withdraw(step, self.link, self.seq, None)?;
        Ok(self.seq <= stream.acked)
    }
}

fn unknown_message(link: &Label, seq: u64) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-message",
        format!("This desk has sent no message {seq} on {link}."),
        "See what was sent with `deskwire log`.",
    )
}

fn not_a_comment() -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "not-a-comment",
        "Only comments have words that can be edited.",
        "Take the file back and attach another one.",
    )
}

fn parked(item: Option<ItemId>) -> Refusal {
    let name = item.map(|item| item.to_string()).unwrap_or_default();
    Refusal::new(
        Fault::Conflict,
        "rests-on-parked",
        "This comment is parked on its way to a partner, so an edit would overtake it.",
        format!("Send it first with `deskwire queue retry {name}`, or take it back."),
    )
}
