//! Erasing along a chain: texts go here, and every partner that has them is asked to do the same. proto-spec, section 9.7.
//!
//! What has to go is looked for beside the writer, by [`erasure_work`](crate::query::erasure_work) and its like; the
//! commands here get the list. An erasure that a partner asks for is acknowledged when nothing is left of it on this disk
//! and every desk further on has acknowledged.

use std::collections::BTreeSet;

use deskwire_machine::relay;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, Facts, Kind, erase, erase_done};
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{PrivacyRecord, Record, Rest, Subject};
use deskwire_store::row::ErasureRow;
use deskwire_store::table::{ERASE_REQUESTS, ERASED_ITEMS, ERASING, ERASURES, PARKED, Rows, WAITING};

use super::erase::{self as local, Erase};
use super::find;
use super::relay::key;
use super::revise::drop_unsent;
use super::say::{Saying, say};
use crate::query::Found;
use crate::{Command, Fault, Refusal, Step};

/// Most items that one request names.
const NAMED: usize = 256;

/// Erases what was found, here and at every partner that has it.
#[derive(Debug, Clone)]
pub struct Order {
    /// A case or a person.
    pub subject: Subject,
    /// Code of the ground, which partners are told.
    pub basis: Code,
    /// What has to go.
    pub found: Found,
    /// Cases that are not over are erased too.
    pub open: bool,
}

impl Command for Order {
    /// The record with which the erasure begins.
    type Reply = EntryRef;

    fn run(self, step: &mut Step<'_>) -> Result<EntryRef, Refusal> {
        if let Some(ticket) = self.found.open.first().filter(|_| !self.open) {
            let ticket = step.identity.ticket_label(*ticket);
            return Err(Refusal::new(
                Fault::Conflict,
                "case-open",
                format!("The case {ticket} is not over: partners still work with what it says."),
                "End it first, or say that open cases are erased too (`--open`).",
            ));
        }
        if self.found.is_empty() {
            return Err(nothing());
        }
        let (subject, basis, at) = (self.subject, self.basis, step.now);
        let erasure = step.record(&Record::Privacy(PrivacyRecord::Ordered { subject, basis, at }), None)?;
        Carry { erasure, found: self.found }.run(step)?;
        let row = find_erasure(step, erasure)?;
        if row.texts == 0 && row.requests.is_empty() && row.rest.is_none() {
            return Err(nothing());
        }
        Ok(erasure)
    }
}

/// Carries an erasure a step further: with what was found for it, or what could not be done before.
#[derive(Debug, Clone)]
pub struct Carry {
    /// The erasure.
    pub erasure: EntryRef,
    /// What has to go.
    pub found: Found,
}

impl Command for Carry {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Self { erasure, mut found } = self;
        let row = find_erasure(step, erasure)?;
        let mut rest = Rest::default();
        for at in std::mem::take(&mut found.unsent) {
            match unsent(step, at)? {
                Unsent::Gone => drop(found.entries.insert(at)),
                Unsent::There(no, item) => {
                    found.entries.insert(at);
                    found.items.entry(no).or_default().insert(item);
                }
                Unsent::Waits => rest.unsent.push(at),
            }
        }
        let mut requests = Vec::new();
        for (no, items) in std::mem::take(&mut found.items) {
            ask(step, &row, (no, items), (&mut requests, &mut rest))?;
        }
        let Found { entries, tickets, files, .. } = found;
        let texts = entries.len() as u64;
        let (entries, tickets) = (entries.into_iter().collect(), tickets.into_iter().collect());
        let what = Erase { entries, tickets, files: files.into_iter().collect() };
        let order = if what.is_empty() { None } else { Some(local::erase(step, what)?) };
        let carried = PrivacyRecord::Carried { erasure, order, texts, requests, rest, at: step.now };
        step.record(&Record::Privacy(carried), None).map(drop)
    }
}

/// How an item of ours stands whose text has to go.
enum Unsent {
    /// It never left, and never will.
    Gone,
    /// The partner has it, or nothing reaches the partner any more.
    There(LinkNo, ItemId),
    /// It has to reach the partner first.
    Waits,
}

fn unsent(step: &mut Step<'_>, at: EntryRef) -> Result<Unsent, Refusal> {
    let Record::ItemMade(made) = step.read(at)? else {
        return Err(find::broken("an item is another record"));
    };
    let place = (made.no, made.order);
    let waits = step.rows().get(WAITING, &place)?.is_some() || step.rows().get(PARKED, &place)?.is_some();
    if waits && made.event.is_none() {
        drop_unsent(step, made.no, made.order)?;
        return Ok(Unsent::Gone);
    }
    let acked = !waits && made.order.0 <= find::stream(step, made.no)?.acked_order;
    let reaches = find::speakable(&find::link(step, made.no)?).is_ok();
    Ok(if acked || !reaches { Unsent::There(made.no, made.item) } else { Unsent::Waits })
}

/// Asks a partner for what it was not asked before, and waits for the requests that name the rest.
fn ask(
    step: &mut Step<'_>,
    row: &ErasureRow,
    (no, items): (LinkNo, BTreeSet<ItemId>),
    (requests, rest): (&mut Vec<(LinkNo, ItemId)>, &mut Rest),
) -> Result<(), Refusal> {
    let mut new = Vec::new();
    for item in items {
        match step.rows().get(ERASED_ITEMS, &(no, item))? {
            None => new.push(item),
            Some(Some(request)) if !requests.contains(&(no, request)) => {
                let open = step.rows().get(ERASE_REQUESTS, &(no, request))?;
                // Who asks waits for us, not we for it.
                let back = matches!(row.subject, Subject::Partner(from, ..) if from == no);
                if !back && open.is_some_and(|row| row.done.is_none()) {
                    requests.push((no, request));
                }
            }
            Some(_) => {}
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    if find::speakable(&find::link(step, no)?).is_err() {
        rest.unasked.extend(new.into_iter().map(|item| (no, item)));
        return Ok(());
    }
    for items in new.chunks(NAMED) {
        let items = named(items.to_vec())?;
        let body = Body::Erase { facts: erase::Facts { basis: row.basis.clone(), items }, text: NoText };
        let saying = Saying { link: no, delegation: None, body, thread: None, file: None, item: None };
        requests.push((no, say(step, saying)?));
    }
    Ok(())
}

fn named(items: Vec<ItemId>) -> Result<List<ItemId, 1, NAMED>, Refusal> {
    List::new(items).map_err(|error| Refusal::invalid("items", error))
}

/// A request of ours that came back after a restore becomes an erasure of its own: its answer may come any day, and what it
/// names has to go from here again.
#[derive(Debug, Clone, Copy)]
pub struct Adopt(pub EntryRef);

impl Command for Adopt {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Record::ItemMade(made) = step.read(self.0)? else {
            return Err(find::broken("a request to erase is another record"));
        };
        let Ok(Facts::Erase(facts)) = Facts::decode(Kind::Erase, &made.facts) else {
            return Err(find::broken("a request to erase cannot be read"));
        };
        let (subject, basis) = (Subject::Returned(made.no, made.item), facts.basis);
        let ordered = PrivacyRecord::Ordered { subject, basis, at: step.now };
        step.record(&Record::Privacy(ordered), None).map(drop)
    }
}

/// Nothing is left of an erasure here and further on: whoever asked for it is told.
#[derive(Debug, Clone, Copy)]
pub struct Finish(pub EntryRef);

impl Command for Finish {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let erasure = self.0;
        let row = find_erasure(step, erasure)?;
        if row.done.is_some() || !is_done(step.rows(), &row)? {
            return Ok(());
        }
        if let Subject::Partner(no, request, _) = row.subject {
            acknowledge(step, erasure, (no, request))?;
        }
        let finished = PrivacyRecord::Finished { erasure, at: step.now };
        step.record(&Record::Privacy(finished), None).map(drop)
    }
}

/// Whether everything of an erasure is gone here and acknowledged from everywhere.
pub(crate) fn is_done(rows: &impl Rows, row: &ErasureRow) -> deskwire_store::Result<bool> {
    if !row.carried || row.rest.is_some() {
        return Ok(false);
    }
    for order in &row.orders {
        if rows.get(ERASING, order)?.is_some() {
            return Ok(false);
        }
    }
    for request in &row.requests {
        if rows.get(ERASE_REQUESTS, request)?.is_none_or(|row| row.done.is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn acknowledge(
    step: &mut Step<'_>,
    erasure: EntryRef,
    (no, request): (LinkNo, ItemId),
) -> Result<(), Refusal> {
    let link = find::link(step, no)?;
    if find::speakable(&link).is_err() {
        return Ok(());
    }
    let Record::Received(message) = step.read(erasure)? else {
        return Err(find::broken("a request to erase is another record"));
    };
    let head = deskwire_proto::envelope::read_head(&message.signed)?;
    let Ok(Facts::Erase(facts)) = Facts::decode(Kind::Erase, &head.facts) else {
        return Err(find::broken("a request to erase cannot be read"));
    };
    let body = Body::EraseDone { facts: erase_done::Facts { items: facts.items, request }, text: NoText };
    let cause: Hash = message.hash;
    let item = relay::item(&key(step.rows())?, &cause, &link.link, 0);
    let (delegation, thread, file) = (None, None, None);
    say(step, Saying { link: no, delegation, body, thread, file, item: Some(item) }).map(drop)
}

fn find_erasure(step: &Step<'_>, erasure: EntryRef) -> Result<ErasureRow, Refusal> {
    step.rows().get(ERASURES, &erasure)?.ok_or_else(|| find::broken("an erasure without a row"))
}

fn nothing() -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "nothing-to-erase",
        "Nothing was found here that is not erased already, or being erased.",
        "Look with `--dry-run`, and write names, addresses and numbers as they stand in the texts.",
    )
}
