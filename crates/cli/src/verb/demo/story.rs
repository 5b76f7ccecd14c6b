//! The story: Shop hands a ticket to Acme, Acme the repair to Kassa, Kassa the visit to Petrov; and the answer, the bill
//! and the proof come back up.

mod ending;
mod handing_on;
mod linking;
mod night;
mod opening;
mod proof;
mod settling;
mod visit;
mod work;

use std::{path::Path, time::Duration};

use deskwire_api_types::{Audience, CommentRequest, Delegation, RelayChoice, RelayQuery};
use deskwire_client::local::wait_for;
use serde::Serialize;

use super::{cast::Cast, cast::Player, transcript::Transcript};
use crate::{desks, failure::Failure};

pub(super) use proof::Proof;
pub(super) use settling::Settled;
pub(super) use work::SentFile;

/// What came about, for the checks and for the document.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Told {
    /// Names of the links, each with the desk where it has this name.
    pub(super) links: Links,
    /// Ticket numbers: Shop's, Acme's, Kassa's, Petrov's.
    pub(super) tickets: [String; 4],
    /// Id of the delegation between Shop and Acme.
    pub(super) upper: String,
    /// Id of the delegation between Acme and Kassa.
    pub(super) lower: String,
    /// Id of the delegation between Kassa and Petrov.
    pub(super) visit: String,
    /// Id of the delegation with which Petrov tried to hand the case to Acme.
    pub(super) circle: String,
    /// The file from Acme to Kassa.
    pub(super) file: SentFile,
    /// The photo from Petrov, as Shop has it.
    pub(super) photo: SentFile,
    /// The statements that both sides signed, from the top of the chain down.
    pub(super) statements: Vec<Settled>,
    /// What was exported and verified without a desk.
    pub(super) proof: Proof,
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
    /// At Kassa, the link to Petrov.
    pub(super) kassa_petrov: String,
    /// At Petrov, the link to Kassa.
    pub(super) petrov_kassa: String,
    /// At Acme, the link to Petrov.
    pub(super) acme_petrov: String,
    /// At Petrov, the link to Acme.
    pub(super) petrov_acme: String,
}

/// Tells it, with files made below `root`.
pub(super) async fn tell(cast: &mut Cast, root: &Path, script: &Transcript) -> Result<Told, Failure> {
    let mut told = Told { links: linking::play(cast, script).await?, ..Told::default() };
    opening::play(cast, script, &mut told).await?;
    handing_on::play(cast, script, &mut told).await?;
    visit::play(cast, script, &mut told).await?;
    work::play(cast, root, script, &mut told).await?;
    night::play(cast, script, &told).await?;
    ending::play(cast, script, &told).await?;
    told.statements = settling::play(cast, script, &told).await?;
    told.proof = proof::play(cast, root, script, &told).await?;
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

/// Somebody looks at what partners said and lets so many of it go onward to the other partners.
async fn let_onward(player: &Player, ticket: &str, count: usize) -> Result<(), Failure> {
    let query = RelayQuery { ticket: Some(ticket.to_owned()), limit: None };
    let waiting = wait_for("What waits to go onward", Duration::from_secs(15), async || {
        Ok(Some(player.client.relays(&query).await?.relays).filter(|relays| relays.len() >= count))
    })
    .await?;
    for one in waiting {
        let choice = RelayChoice { ticket: one.ticket, item: one.item, delegation: Some(one.delegation) };
        player.client.approve_relay(&choice).await?;
    }
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
