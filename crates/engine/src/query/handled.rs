//! Who took an item out of the queue, or dropped it: the words about it name nobody, as they stay with the item. The name is
//! a text of its own, and goes when it is erased.

use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::{ActorText, decode_text};
use deskwire_store::row::{Effect, Refused};
use deskwire_store::table::{HANDLED, Rows};

use crate::command::queue::SOMEBODY;
use crate::{Reader, Refusal, refused};

/// Why an item is parked or was dropped, with the name of whoever did it as long as that is here.
pub(super) fn named(reader: &Reader, place: (LinkNo, Order), why: Refused) -> Result<Refused, Refusal> {
    let ours = matches!(why.code.as_str(), "parked" | "dropped") && why.words.as_str().contains(SOMEBODY);
    let Some(at) = (if ours { reader.rows().get(HANDLED, &place)? } else { None }) else { return Ok(why) };
    let text: Option<ActorText> = decode_text(&reader.entry(at)?)?;
    let Some(name) = text.and_then(|text| text.by.name) else { return Ok(why) };
    Ok(refused(why.code.as_str(), &why.words.as_str().replacen(SOMEBODY, name.as_str(), 1)))
}

/// The same of what became of an event.
pub(super) fn named_effect(
    reader: &Reader,
    place: (LinkNo, Order),
    effect: Effect,
) -> Result<Effect, Refusal> {
    Ok(match effect {
        Effect::Dropped(why) => Effect::Dropped(named(reader, place, why)?),
        Effect::Parked(why) => Effect::Parked(named(reader, place, why)?),
        Effect::Refused(_) | Effect::Fate { .. } => effect,
    })
}
