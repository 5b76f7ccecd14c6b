//! Accepting something to be said: it becomes an item, which waits for its number.

use deskwire_machine::saying::said;
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::{ComposeError, SALT_BYTES, compose};
use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::message::Body;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{FoldEvent, ItemMade, Record};
use deskwire_store::row::{LinkRow, LinkState};
use deskwire_store::table::{RECOVERED_ITEMS, Rows};

use super::{find, queue};
use crate::{Fault, Refusal, Step, quota};

/// Something to be said to one partner.
pub(super) struct Saying {
    pub(super) link: LinkNo,
    pub(super) delegation: Option<(DelegationNo, DelegationId)>,
    pub(super) body: Body,
    /// Where it is shown on a ticket; an event of a fold is shown under the item itself.
    pub(super) thread: Option<(TicketNumber, EntryRef)>,
    pub(super) file: Option<(FileNo, Hash)>,
    /// The id of what it carries, where that goes to one partner alone; several partners must not be able to compare.
    pub(super) item: Option<ItemId>,
}

impl Saying {
    /// An event of a delegation.
    pub(super) const fn event(link: LinkNo, delegation: (DelegationNo, DelegationId), body: Body) -> Self {
        Self { link, delegation: Some(delegation), body, thread: None, file: None, item: None }
    }
}

/// Checks the item against the state as it stands, records it and wakes the courier.
pub(super) fn say(step: &mut Step<'_>, saying: Saying) -> Result<ItemId, Refusal> {
    let link = find::link(step, saying.link)?;
    if !is_last_word(&link, &saying.body) {
        find::speakable(&link)?;
    }
    let stream = find::stream(step, saying.link)?;
    let item = saying.item.unwrap_or_else(|| step.item_id());
    if stream.out_returned && step.rows().get(RECOVERED_ITEMS, &(saying.link, item))?.is_some() {
        // It was said before a restore, and its message came back.
        return Ok(item);
    }
    let event = said(&saying.body);
    if let (Some(event), Some((delegation, _))) = (&event, saying.delegation) {
        let row = find::delegation(step, delegation)?;
        row.case.check(&event.event, stream.in_length)?;
        find::has_room(&row)?;
    }
    let salt = step.random::<SALT_BYTES>();
    let id = saying.delegation.map(|(_, id)| id);
    let composed = compose(&saying.body, id, salt).map_err(|error| not_composed(&error))?;
    let size = composed.facts.len() + composed.text.as_ref().map_or(0, |text| text.len());
    let said = event.as_ref().map(|event| &event.event);
    quota::says(step, (saying.link, &link), &stream, (said, is_owed(&saying.body)), size)?;
    let place =
        (Order(stream.next_order), saying.delegation.filter(|_| stream.parked > 0 && event.is_none()));
    let made = ItemMade {
        no: saying.link,
        order: Order(stream.next_order),
        item,
        kind: composed.kind,
        facts: composed.facts,
        delegation: saying.delegation,
        thread: saying.thread,
        file: saying.file,
        event: event.map(|event| FoldEvent(event.event, event.words)),
        at: step.now,
    };
    step.record(&Record::ItemMade(made), composed.text.map(|text| text.into_vec()))?;
    if let (order, Some((delegation, _))) = place {
        queue::hold(step, saying.link, order, (delegation, false))?;
    }
    step.wake(saying.link);
    Ok(item)
}

/// How a case stands further down is still told to a partner that ends the link, before this desk's own end.
fn is_last_word(link: &LinkRow, body: &Body) -> bool {
    let end = &link.accord.close;
    matches!(body, Body::ChainReport { .. })
        && link.state != LinkState::Closed
        && end.theirs.is_some()
        && end.asked.is_none()
        && end.ours.is_none()
}

/// What takes back something that was said, and the answer to who asks for an erasure: it is owed, and at most one for each,
/// so that no quota stands before it. Otherwise one partner's full queue would keep another one's retraction from being taken.
const fn is_owed(body: &Body) -> bool {
    matches!(
        body,
        Body::CommentRetract { .. }
            | Body::FileRetract { .. }
            | Body::LinkWithdraw { .. }
            | Body::EraseDone { .. }
    )
}

fn not_composed(error: &ComposeError) -> Refusal {
    let words = format!("{error}.");
    match error {
        ComposeError::TooLong { .. } => {
            Refusal::new(Fault::TooLarge, "text-too-long", words, "Attach the text as a file.")
        }
        ComposeError::Refused(OutcomeCode::ReasonMissing) => {
            Refusal::new(Fault::Invalid, "reason-missing", "This needs a reason.", "Give one and try again.")
        }
        ComposeError::Refused(_) => {
            Refusal::new(Fault::Invalid, "invalid-value", words, "Correct what was entered and try again.")
        }
    }
}
