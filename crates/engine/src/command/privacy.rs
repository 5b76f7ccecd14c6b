//! Erasing along a chain: texts go here, and every partner that has them is asked to do the same. proto-spec, section 9.7.
//!
//! What has to go is looked for beside the writer, by [`find_case`](crate::query::find_case) and its like; the commands
//! here get the list. An erasure that a partner asks for is acknowledged when nothing is left of it on this disk and every
//! desk further on has acknowledged.

mod standing;

use std::collections::BTreeSet;

use deskwire_machine::relay;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, Facts, Kind, erase, erase_done};
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;
use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::record::{PrivacyRecord, Record, Rest, Subject};
use deskwire_store::row::{ErasureRow, LinkState, RequestRow};
use deskwire_store::table::{
    ERASE_REQUESTS, ERASED_ITEMS, ERASING, ERASURE_REQUESTS, ERASURES, GONE_ITEMS, RECEIVED, Rows,
};

use super::erase::{self as local, Erase};
use super::find;
use super::relay::key;
use super::revise::drop_unsent;
use super::say::{Saying, say};
use crate::project::privacy::whole;
use crate::query::Found;
use crate::{Command, Fault, Refusal, Step};

pub(crate) use standing::{Standing, item_at, standing, ticket_of};

/// Most items, and most cases, that one request names.
pub(crate) const NAMED: usize = 256;
pub(crate) const CASES: usize = 64;

/// Most items that one record names.
const LISTED: usize = 50_000;

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
            return Err(still_open(step.identity.ticket_label(*ticket).as_str(), self.found.open.len()));
        }
        if self.found.is_empty() {
            return Err(nothing());
        }
        let (subject, basis, at) = (self.subject, self.basis, step.now);
        let erasure = step.record(&Record::Privacy(PrivacyRecord::Ordered { subject, basis, at }), None)?;
        Carry { erasure, found: self.found }.run(step)?;
        let row = find_erasure(step, erasure)?;
        if row.texts == 0 && row.rest.is_none() && step.rows().list(ERASURE_REQUESTS, &erasure, 1)?.is_empty()
        {
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
        let mut asking = Asking::default();
        for at in std::mem::take(&mut found.unsent) {
            match unsent(step, at)? {
                Unsent::Gone => drop(found.entries.insert(at)),
                Unsent::There(no, item) => {
                    found.entries.insert(at);
                    found.items.entry(no).or_default().insert(item);
                }
                Unsent::Waits => asking.rest.unsent.push(at),
            }
        }
        let cases = std::mem::take(&mut found.cases);
        for (no, items) in std::mem::take(&mut found.items) {
            let cases = cases.get(&no).cloned().unwrap_or_default();
            ask(step, &row, (no, items, cases), &mut asking)?;
        }
        tell_who_asks(step, &row, &found)?;
        let texts = found.entries.len() as u64;
        let orders = order_here(step, found)?;
        let Asking { requests, rest } = asking;
        let carried = PrivacyRecord::Carried { erasure, orders, texts, requests, rest, at: step.now };
        step.record(&Record::Privacy(carried), None).map(drop)
    }
}

/// Orders what goes from this disk.
fn order_here(step: &mut Step<'_>, found: Found) -> Result<Vec<EntryRef>, Refusal> {
    let Found { entries, tickets, files, statuses, .. } = found;
    let (entries, tickets) = (entries.into_iter().collect(), tickets.into_iter().collect());
    let (files, statuses) = (files.into_iter().collect(), statuses.into_iter().collect());
    // What is left of them is told by the erasure itself.
    local::erase(step, Erase { entries, tickets, files, left: false, statuses })
}

/// Whoever answers for this desk sees that texts went because a partner asked for it.
fn tell_who_asks(step: &mut Step<'_>, row: &ErasureRow, found: &Found) -> Result<(), Refusal> {
    let Subject::Partner(no, ..) = row.subject else { return Ok(()) };
    if row.carried || found.entries.is_empty() && found.files.is_empty() {
        return Ok(());
    }
    let partner = find::link(step, no)?.partner_name;
    let (texts, files) = (found.entries.len(), found.files.len());
    let words = format!(
        "{partner} has asked for an erasure, with the ground \"{}\": {texts} texts and {files} files go from this desk, and \
         from those to whom it gave them. See `deskwire erase list`.",
        row.basis
    );
    let event = find::event(step.now, "erasure-asked", &words, Vec::new());
    step.record(&Record::Noted { no, event }, None).map(drop)
}

/// How an item of ours stands whose text has to go.
enum Unsent {
    /// It never left, and never will.
    Gone,
    /// The partner has it, or may have it while nothing reaches it any more.
    There(LinkNo, ItemId),
    /// It has to reach the partner first.
    Waits,
}

fn unsent(step: &mut Step<'_>, at: EntryRef) -> Result<Unsent, Refusal> {
    let Record::ItemMade(made) = step.read(at)? else {
        return Err(find::broken("an item is another record"));
    };
    let closed = find::link(step, made.no)?.state == LinkState::Closed;
    Ok(match standing(step.rows(), made.no, at, made.order)? {
        Standing::Waits(order) if made.event.is_none() => {
            drop_unsent(step, made.no, order)?;
            Unsent::Gone
        }
        // Nothing leaves any more on a link that has ended.
        Standing::Waits(_) if closed => Unsent::Gone,
        Standing::Never => Unsent::Gone,
        Standing::Numbered(acked) if acked || closed => Unsent::There(made.no, made.item),
        Standing::Waits(_) | Standing::Numbered(_) => Unsent::Waits,
    })
}

/// What partners were asked in a step, and what they could not be asked.
#[derive(Default)]
struct Asking {
    requests: Vec<(LinkNo, ItemId)>,
    rest: Rest,
}

/// Asks a partner for what it was not asked before, and waits for the requests that name the rest.
fn ask(
    step: &mut Step<'_>,
    row: &ErasureRow,
    (no, items, cases): (LinkNo, BTreeSet<ItemId>, BTreeSet<DelegationId>),
    asking: &mut Asking,
) -> Result<(), Refusal> {
    let any = items.first().copied();
    let mut new = Vec::new();
    for item in items {
        if is_new(step, row, (no, item), asking)? {
            new.push(item);
        }
    }
    let mut whole_cases = Vec::new();
    for case in cases {
        if is_new(step, row, (no, whole(case)), asking)? {
            whole_cases.push(case);
        }
    }
    if new.is_empty() && whole_cases.is_empty() {
        return Ok(());
    }
    // A request names an item at least.
    if new.is_empty() {
        new.extend(any);
    }
    if find::speakable(&find::link(step, no)?).is_ok() {
        let said = step.attempt(|step| say_requests(step, row, no, (&new, &whole_cases)));
        match said {
            Ok(requests) => {
                asking.requests.extend(requests);
                return Ok(());
            }
            Err(refusal) if refusal.fault == Fault::Ours => return Err(refusal),
            Err(refusal) => tracing::warn!(link = %no, %refusal, "a partner is asked to erase later"),
        }
    }
    asking.rest.unasked.extend(new.into_iter().map(|item| (no, item)));
    asking.rest.cases.extend(whole_cases.into_iter().map(|case| (no, case)));
    Ok(())
}

/// Whether a partner was not asked for this yet. If it was, the answer is waited for, unless the partner waits for ours.
fn is_new(
    step: &Step<'_>,
    row: &ErasureRow,
    (no, item): (LinkNo, ItemId),
    asking: &mut Asking,
) -> Result<bool, Refusal> {
    let Some(asked) = standing_request(step.rows(), (no, item))? else { return Ok(true) };
    let Some((request, before)) = asked else { return Ok(false) };
    let back = matches!(row.subject, Subject::Partner(from, ..) if from == no);
    if !back && before.done.is_none() && !asking.requests.contains(&(no, request)) {
        asking.requests.push((no, request));
    }
    Ok(false)
}

/// The request of ours that names something and stands, or that the partner has named it itself; nothing when it is to be
/// asked for.
pub(crate) fn standing_request(
    rows: &impl Rows,
    (no, item): (LinkNo, ItemId),
) -> deskwire_store::Result<Option<Option<(ItemId, RequestRow)>>> {
    let Some(asked) = rows.get(ERASED_ITEMS, &(no, item))? else { return Ok(None) };
    let Some(request) = asked else { return Ok(Some(None)) };
    let row = rows.get(ERASE_REQUESTS, &(no, request))?.filter(|row| row.refused.is_none());
    Ok(row.map(|row| Some((request, row))))
}

fn say_requests(
    step: &mut Step<'_>,
    row: &ErasureRow,
    no: LinkNo,
    (items, cases): (&[ItemId], &[DelegationId]),
) -> Result<Vec<(LinkNo, ItemId)>, Refusal> {
    let mut requests = Vec::new();
    let (mut items, mut cases) = (items.chunks(NAMED).peekable(), cases.chunks(CASES));
    let mut last = None;
    loop {
        let whole_cases = cases.next();
        let Some(named) = items.next().or(if whole_cases.is_some() { last } else { None }) else { break };
        last = named.get(..1);
        let list = |error| Refusal::invalid("items", error);
        let facts = erase::Facts {
            basis: row.basis.clone(),
            cases: whole_cases.map(|cases| List::new(cases.to_vec())).transpose().map_err(list)?,
            items: List::new(named.to_vec()).map_err(list)?,
        };
        let body = Body::Erase { facts, text: NoText };
        let saying = Saying { link: no, delegation: None, body, thread: None, file: None, item: None };
        requests.push((no, say(step, saying)?));
    }
    Ok(requests)
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
        let stands = stands(step.rows(), erasure, &row)?;
        if row.done.is_some() || stands && !is_done(step.rows(), erasure, &row)? {
            return Ok(());
        }
        if let Subject::Partner(no, request, _) = row.subject
            && stands
        {
            acknowledge(step, erasure, (no, request))?;
        }
        let finished = PrivacyRecord::Finished { erasure, at: step.now };
        step.record(&Record::Privacy(finished), None).map(drop)
    }
}

/// Whether what asks for an erasure stands: a partner's message may have been disowned, or be on a branch that was left.
pub(crate) fn stands(rows: &impl Rows, erasure: EntryRef, row: &ErasureRow) -> deskwire_store::Result<bool> {
    let Subject::Partner(no, _, seq) = row.subject else { return Ok(true) };
    let message = rows.get(RECEIVED, &(no, seq))?;
    Ok(message.is_some_and(|message| message.entry == erasure && message.aside.is_none()))
}

/// Whether everything of an erasure is gone here and acknowledged from everywhere.
pub(crate) fn is_done(rows: &impl Rows, erasure: EntryRef, row: &ErasureRow) -> deskwire_store::Result<bool> {
    if !row.carried || row.rest.is_some() {
        return Ok(false);
    }
    for order in &row.orders {
        if rows.get(ERASING, order)?.is_some() {
            return Ok(false);
        }
    }
    for ((_, request), ()) in rows.list(ERASURE_REQUESTS, &erasure, usize::MAX)? {
        // One that was lost with a restore and could not be said again stands in what is left, until it is.
        if rows.get(ERASE_REQUESTS, &request)?.is_some_and(|row| row.done.is_none() && !row.replaced) {
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
    let item = relay::item(&key(step.rows())?, &message.hash, &link.link, 0);
    let (delegation, thread, file) = (None, None, None);
    say(step, Saying { link: no, delegation, body, thread, file, item: Some(item) }).map(drop)
}

/// Items that were erased before this desk was restored, as they were written down beside its store: what is here of them
/// goes, and what comes back of them comes without its text.
#[derive(Debug, Clone, Default)]
pub struct ApplyErased {
    /// Records that are here, with what belongs to them.
    pub here: Erase,
    /// All items.
    pub items: Vec<(LinkNo, ItemId)>,
    /// What partners had been asked for and had not answered.
    pub ask: Vec<AskAgain>,
}

/// A request to a partner that this desk has lost with a restore, perhaps before it left.
#[derive(Debug, Clone)]
pub struct AskAgain {
    /// The link.
    pub no: LinkNo,
    /// The item that it was: said again as the same one, it is none that the partner has twice.
    pub request: ItemId,
    /// Code of the ground.
    pub basis: Code,
    /// The items that it named.
    pub items: Vec<ItemId>,
    /// The delegations of which everything goes.
    pub cases: Vec<DelegationId>,
}

impl Command for ApplyErased {
    /// A record of it: as long as the journal has that, nothing has to be applied again.
    type Reply = EntryRef;

    fn run(self, step: &mut Step<'_>) -> Result<EntryRef, Refusal> {
        let Self { here, items, ask } = self;
        for items in items.chunks(LISTED) {
            let (items, at) = (items.to_vec(), step.now);
            step.record(&Record::Privacy(PrivacyRecord::Listed { items, at }), None)?;
        }
        local::erase(step, here)?;
        for ask in ask {
            ask_again(step, ask)?;
        }
        let (items, at) = (Vec::new(), step.now);
        step.record(&Record::Privacy(PrivacyRecord::Listed { items, at }), None)
    }
}

/// Asks a partner once more. If it had got the request before the loss it hands that back, and this one is struck.
fn ask_again(step: &mut Step<'_>, ask: AskAgain) -> Result<(), Refusal> {
    let AskAgain { no, request, basis, items, cases } = ask;
    let (subject, at) = (Subject::Returned(no, request), step.now);
    let ordered = Record::Privacy(PrivacyRecord::Ordered { subject, basis: basis.clone(), at });
    let list = |error| Refusal::invalid("items", error);
    let whole_cases = if cases.is_empty() { None } else { Some(List::new(cases.clone()).map_err(list)?) };
    let facts = erase::Facts { basis, cases: whole_cases, items: List::new(items.clone()).map_err(list)? };
    let body = Body::Erase { facts, text: NoText };
    let (delegation, thread, file) = (None, None, None);
    let saying = Saying { link: no, delegation, body, thread, file, item: Some(request) };
    match step.attempt(|step| say(step, saying)) {
        Ok(_) => return step.record(&ordered, None).map(drop),
        Err(refusal) if refusal.fault == Fault::Ours => return Err(refusal),
        Err(refusal) => tracing::warn!(link = %no, %refusal, "a partner is asked again to erase later"),
    }
    let erasure = step.record(&ordered, None)?;
    let unasked = items.into_iter().map(|item| (no, item)).collect();
    let rest =
        Rest { unsent: Vec::new(), unasked, cases: cases.into_iter().map(|case| (no, case)).collect() };
    let (orders, requests) = (Vec::new(), Vec::new());
    let carried = PrivacyRecord::Carried { erasure, orders, texts: 0, requests, rest, at };
    step.record(&Record::Privacy(carried), None).map(drop)
}

/// Whether what comes was erased before this desk was restored, or one of both desks has asked for its erasure before it
/// came: it is taken without its text.
pub(super) fn is_gone(step: &Step<'_>, no: LinkNo, item: ItemId) -> Result<bool, Refusal> {
    let rows = step.rows();
    Ok(rows.get(GONE_ITEMS, &(no, item))?.is_some() || rows.get(ERASED_ITEMS, &(no, item))?.is_some())
}

/// The bytes of a file that came back announced and was erased are not fetched.
pub(super) fn forget_file(step: &mut Step<'_>, file: FileNo) -> Result<(), Refusal> {
    local::erase(step, Erase { files: vec![file], ..Erase::default() }).map(drop)
}

fn find_erasure(step: &Step<'_>, erasure: EntryRef) -> Result<ErasureRow, Refusal> {
    step.rows().get(ERASURES, &erasure)?.ok_or_else(|| find::broken("an erasure without a row"))
}

fn still_open(ticket: &str, count: usize) -> Refusal {
    let others = match count {
        0 | 1 => String::new(),
        count => format!(" Nor are {} others.", count - 1),
    };
    Refusal::new(
        Fault::Conflict,
        "case-open",
        format!("The case {ticket} is not over: partners still work with what it says.{others}"),
        "End it first, or say that open cases are erased too (`--open`).",
    )
}

fn nothing() -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "nothing-to-erase",
        "Nothing was found here that is not erased already, or being erased.",
        "Look with `--dry-run`, and write names, addresses and numbers as they stand in the texts.",
    )
}
