//! The story: Shop hands a ticket to Acme, Acme hands the repair to Kassa, and the answer comes back up.

mod ending;
mod handing_on;
mod linking;
mod opening;
mod work;

use std::path::Path;

use deskwire_api_types::{Audience, CommentRequest, Delegation};
use serde::Serialize;

use super::{cast::Cast, cast::Player, transcript::Transcript};
use crate::{desks, failure::Failure};

pub(super) use work::SentFile;

/// What came about, for the checks and for the document.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Told {
    /// Names of the links, each with the desk where it has this name.
    pub(super) links: Links,
    /// Ticket numbers: Shop's, Acme's, Kassa's.
    pub(super) tickets: [String; 3],
    /// Id of the delegation between Shop and Acme.
    pub(super) upper: String,
    /// Id of the delegation between Acme and Kassa.
    pub(super) lower: String,
    /// The file from Acme to Kassa.
    pub(super) file: SentFile,
}

/// Names of the links.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Links {
    /// At Shop, the link to Acme.
    pub(super) shop_acme: String,
    /// At Acme, the link to Shop.
    pub(super) acme_shop: String,
    /// At Acme, the link to Kassa.
    pub(super) acme_kassa: String,
    /// At Kassa, the link to Acme.
    pub(super) kassa_acme: String,
}

/// Tells it, with files made below `root`.
pub(super) async fn tell(cast: &Cast, root: &Path, script: &Transcript) -> Result<Told, Failure> {
    let mut told = Told { links: linking::play(cast, script).await?, ..Told::default() };
    opening::play(cast, script, &mut told).await?;
    handing_on::play(cast, script, &mut told).await?;
    work::play(cast, root, script, &mut told).await?;
    ending::play(cast, script, &told).await?;
    for player in cast.players() {
        desks::nothing_waits(&player.client).await?;
    }
    Ok(told)
}

/// Somebody writes a comment that stays in the house.
async fn note(player: &Player, ticket: &str, body: &str, script: &Transcript) -> Result<(), Failure> {
    let request = CommentRequest { body: body.to_owned(), audience: Audience::Internal };
    player.client.comment(ticket, &request).await?;
    script.kept(player.short, &format!("{} notes: “{body}”", first_name(player)));
    Ok(())
}

/// Somebody writes a comment for others; it has come to each reader, with the number of the ticket there, when this
/// returns.
async fn say(
    player: &Player,
    ticket: &str,
    body: &str,
    audience: Audience,
    readers: &[(&Player, &str)],
    script: &Transcript,
) -> Result<(), Failure> {
    let request = CommentRequest { body: body.to_owned(), audience };
    player.client.comment(ticket, &request).await?;
    for (reader, ticket) in readers {
        desks::comment_arrives(&reader.client, ticket, body).await?;
    }
    let names: Vec<_> = readers.iter().map(|(reader, _)| reader.short).collect();
    script.sent(player.short, &format!("{}: “{body}”", first_name(player)), &names);
    Ok(())
}

/// "Igor" of "Igor Sokolov".
fn first_name(player: &Player) -> &'static str {
    player.person.split_whitespace().next().unwrap_or(player.person)
}

/// How a desk sees the partner's side: "KASSA-1, diagnosing".
fn partner_side(delegation: &Delegation) -> String {
    let side = &delegation.partner;
    let number = side.ticket.as_deref().unwrap_or("no number yet");
    match side.label.as_ref().or(side.status.as_ref()) {
        Some(status) => format!("{number}, “{status}”"),
        None => number.to_owned(),
    }
}
