//! Last part: the answer comes back up the chain.

use deskwire_api_types::{Audience, Confirm, DelegationState, Resolve};

use super::{Cast, Player, Told, Transcript, partner_side, say};
use crate::{desks, failure::Failure, verb::demo::props};

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let Cast { shop, acme, kassa } = cast;
    script.title("The answer comes back up");
    resolve(kassa, acme, &told.lower, props::KASSA_SOLUTION, script).await?;
    confirm(acme, kassa, &told.lower, None, script).await?;
    resolve(acme, shop, &told.upper, props::ACME_SOLUTION, script).await?;
    let [at_shop, at_acme, _] = &told.tickets;
    say(shop, at_shop, props::THANKS, Audience::Thread, &[(acme, at_acme)], script).await?;
    confirm(shop, acme, &told.upper, Some("closed"), script).await
}

async fn resolve(
    contractor: &Player,
    principal: &Player,
    id: &str,
    solution: &str,
    script: &Transcript,
) -> Result<(), Failure> {
    let request = Resolve { solution: Some(solution.to_owned()), ..Default::default() };
    contractor.client.resolve(id, &request).await?;
    let words = format!("{} resolves: “{solution}”", super::first_name(contractor));
    script.sent(contractor.short, &words, &[principal.short]);
    let seen = desks::delegation_becomes(&principal.client, id, "The solution", |delegation| {
        delegation.state == DelegationState::Resolved
    })
    .await?;
    script.did(principal.short, &format!("sees on {}: resolved, {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}

/// The principal agrees; it is over when nothing can supersede that on either side.
async fn confirm(
    principal: &Player,
    contractor: &Player,
    id: &str,
    status: Option<&str>,
    script: &Transcript,
) -> Result<(), Failure> {
    let request = Confirm { status: status.map(str::to_owned), label: None };
    principal.client.confirm(id, &request).await?;
    let words = format!("{} confirms", super::first_name(principal));
    script.sent(principal.short, &words, &[contractor.short]);
    for player in [principal, contractor] {
        desks::delegation_becomes(&player.client, id, "The settled end", |delegation| {
            delegation.settled_state == DelegationState::Confirmed && !delegation.provisional
        })
        .await?;
    }
    script.did(contractor.short, "sees it confirmed, and on both desks it is settled");
    Ok(())
}
