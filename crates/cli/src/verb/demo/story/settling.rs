//! Seventh part: the month's statement of each pair, computed on both sides, the same, and signed by both.

use deskwire_api_types::{Money, ProposeStatement, StatementDetail, StatementState};
use deskwire_client::local::wait_for;
use serde::Serialize;

use super::{Cast, Player, Told, Transcript, first_name};
use crate::{
    desks,
    failure::{self, Failure},
    render::short,
    verb::statement::period,
};

/// A statement that both sides signed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Settled {
    /// Its id.
    pub(crate) id: String,
    /// What the principal and the contractor have of it, in this order: hash, and hash as computed there.
    pub(crate) hashes: [[String; 2]; 2],
    /// How many lines each has.
    pub(crate) lines: [usize; 2],
    /// The totals of each.
    pub(crate) totals: [Vec<Money>; 2],
    /// Whether it bears both signatures there.
    pub(crate) signed: [bool; 2],
}

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &Told) -> Result<Vec<Settled>, Failure> {
    let (Cast { shop, acme, kassa, petrov }, links) = (cast, &told.links);
    script.title("The month is settled");
    let pairs = [
        ((shop, &links.shop_acme), (acme, &links.acme_shop)),
        ((acme, &links.acme_kassa), (kassa, &links.kassa_acme)),
        ((kassa, &links.kassa_petrov), (petrov, &links.petrov_kassa)),
    ];
    let mut settled = Vec::with_capacity(pairs.len());
    for (principal, contractor) in pairs {
        settled.push(settle(principal, contractor, script).await?);
    }
    Ok(settled)
}

async fn settle(
    principal: (&Player, &String),
    contractor: (&Player, &String),
    script: &Transcript,
) -> Result<Settled, Failure> {
    const ZONE: &str = "Asia/Yekaterinburg";
    let ((payer, theirs), (seller, ours)) = (principal, contractor);
    let month = month(seller.info.started.millis(), ZONE)?;
    let request = ProposeStatement { from: month.from, to: month.to, zone: ZONE.into() };
    let proposed = seller.client.propose_statement(ours, &request).await?.statement;
    let totals = proposed.totals.iter().map(|total| format!("{} {}", total.amount, total.currency));
    let words = format!(
        "{} proposes the month's statement: {}, SHA-256 {}…",
        first_name(seller),
        totals.collect::<Vec<_>>().join(", "),
        short(&proposed.hash)
    );
    script.sent(seller.short, &words, &[payer.short]);
    let id = wait_for("The statement", desks::LIMIT, async || {
        let list = payer.client.statements(theirs).await?.statements;
        Ok(list.into_iter().find(|one| one.state == StatementState::ToSign).map(|one| one.id))
    })
    .await?;
    payer.client.sign_statement(&id).await?;
    let (first, second) = tokio::try_join!(signed(payer, &id), signed(seller, &proposed.id))?;
    let words = format!("{} computes the same to the byte, and signs", first_name(payer));
    script.sent(payer.short, &words, &[seller.short]);
    let both = [&first, &second];
    Ok(Settled {
        id,
        hashes: both
            .map(|side| [side.statement.hash.clone(), side.computed_hash.clone().unwrap_or_default()]),
        lines: both.map(|side| side.lines.len()),
        totals: both.map(|side| side.totals.clone()),
        signed: both.map(|side| side.statement.state == StatementState::Signed),
    })
}

async fn signed(player: &Player, id: &str) -> Result<StatementDetail, Failure> {
    let detail = wait_for("Both signatures", desks::LIMIT, async || {
        let detail = player.client.statement(id).await?;
        Ok((detail.statement.state == StatementState::Signed).then_some(detail))
    });
    detail.await
}

/// The month in which this moment lies.
fn month(millis: i64, zone: &str) -> Result<period::Period, Failure> {
    let local = jiff::Timestamp::from_millisecond(millis).and_then(|moment| moment.in_tz(zone));
    let local = local.map_err(|error| failure::usage(error.to_string()))?;
    period::period(&local.strftime("%Y-%m").to_string(), zone).map_err(failure::usage)
}
