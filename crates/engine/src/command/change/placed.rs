//! The place of a change of key, for an author that was restored and has forgotten what it told. proto-spec, section 5.8.

use deskwire_proto::document::Signed;
use deskwire_proto::session::{Cut, Hello, Welcome};
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkRow, StreamRow};
use deskwire_store::table::{PLACED, Rows};
use serde_bytes::ByteBuf;

use super::super::{find, session};
use crate::{Refusal, Step};

/// For the welcome to a hello that names no place: the author's own hello that told it.
pub(in crate::command) fn placed(
    step: &Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    hello: &Hello,
) -> Result<Option<ByteBuf>, Refusal> {
    if hello.change.is_some() || stream.in_change.and_then(|change| change.place).is_none() {
        return Ok(None);
    }
    let Some(at) = step.rows().get(PLACED, &no)? else { return Ok(None) };
    match step.read(at)? {
        Record::KeyPlaced { hello, .. } => Ok(hello),
        _ => Err(find::broken("a place of a key that is another record")),
    }
}

/// The place that this desk told for its newest key, where the partner shows our own hello and our stream has it.
pub(super) fn told_before(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    welcome: &Welcome,
) -> Result<Option<Cut>, Refusal> {
    let Some(raw) = &welcome.placed else { return Ok(None) };
    let keys = step.identity.keys();
    let Ok(hello) = Signed::<Hello>::open(raw, keys.current()) else { return Ok(None) };
    let hello = hello.body();
    let ours = hello.from == step.identity.desk() && hello.to == link.partner && hello.link == link.link;
    if !ours || hello.keys != keys.head() {
        return Ok(None);
    }
    let beginning = (hello.length == 0).then(|| Cut(0, link.link.into()));
    let Some(place) = hello.change.or(beginning) else { return Ok(None) };
    let length = find::stream(step, no)?.out_length;
    let is_there = place.0 <= length && session::sent_hash(step, no, link, place.0)? == place.1;
    Ok(is_there.then_some(place))
}
