//! First part: a cash register is dead, and Shop hands the ticket to Acme.

use deskwire_api_types::{
    AcceptOffer, Audience, DelegateRequest, DelegationState, StatusChange, TicketStatus, WorkState,
};

use super::{Cast, Told, Transcript, note, partner_side, say};
use crate::{desks, failure::Failure, render, verb::demo::props};

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &mut Told) -> Result<(), Failure> {
    let Cast { shop, acme, .. } = cast;
    script.title("A cash register is dead");
    let ticket = shop.client.new_ticket(&props::ticket()).await?;
    told.tickets[0].clone_from(&ticket.number);
    script.did(shop.short, &format!("Olga opens {} “{}”", ticket.number, ticket.title));
    note(shop, &ticket.number, props::SHOP_NOTE, script).await?;

    let request = DelegateRequest { link: told.links.shop_acme.clone(), ..Default::default() };
    let preview = shop.client.preview(&ticket.number, &request).await?;
    script.did(
        shop.short,
        &format!("Olga wants to hand {} to Acme, and looks at what would leave", ticket.number),
    );
    script.more(|style| render::preview(&preview, style));
    let delegation = shop.client.delegate(&ticket.number, &request).await?;
    told.upper.clone_from(&delegation.id);
    script.sent(shop.short, &format!("Olga hands {} over", ticket.number), &["Acme"]);
    accept(cast, script, told).await?;
    statuses(cast, script, told).await?;

    let [at_shop, at_acme, ..] = &told.tickets;
    say(acme, at_acme, props::WHICH_LAMP, Audience::Thread, &[(shop, at_shop)], script).await?;
    say(shop, at_shop, props::RED_LAMP, Audience::Thread, &[(acme, at_acme)], script).await?;
    note(acme, at_acme, props::ACME_NOTE, script).await
}

async fn accept(cast: &Cast, script: &Transcript, told: &mut Told) -> Result<(), Failure> {
    let Cast { shop, acme, .. } = cast;
    desks::offer_arrives(&acme.client, &told.upper).await?;
    let taken =
        AcceptOffer { status: Some("open".into()), label: Some("taken in".into()), ..Default::default() };
    let accepted = acme.client.accept(&told.upper, &taken).await?;
    told.tickets[1].clone_from(&accepted.own.ticket);
    script.sent(acme.short, &format!("Igor accepts; at Acme it is {}", accepted.own.ticket), &["Shop"]);
    let seen = desks::delegation_becomes(&shop.client, &told.upper, "The acceptance", |delegation| {
        delegation.state == DelegationState::Accepted && delegation.partner.ticket.is_some()
    })
    .await?;
    script
        .did(shop.short, &format!("sees on {}: accepted by Acme, {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}

/// Each side tells the other its own words for where it stands.
async fn statuses(cast: &Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let Cast { shop, acme, .. } = cast;
    let working = StatusChange {
        state: Some(WorkState::InProgress),
        status: Some("second-line".into()),
        label: Some("with the second line".into()),
    };
    acme.client.status(&told.upper, &working).await?;
    script.sent(acme.short, "Igor begins: “with the second line”", &["Shop"]);
    let seen = desks::delegation_becomes(&shop.client, &told.upper, "The status", |delegation| {
        delegation.state == DelegationState::InProgress
    })
    .await?;
    script.did(shop.short, &format!("sees on {}: in progress, {}", seen.own.ticket, partner_side(&seen)));
    let waiting = TicketStatus { status: "waiting".into(), label: Some("with the service company".into()) };
    shop.client.set_status(&told.tickets[0], &waiting).await?;
    script.sent(shop.short, "Olga sets her ticket to “with the service company”", &["Acme"]);
    let seen = desks::delegation_becomes(&acme.client, &told.upper, "The status", |delegation| {
        delegation.partner.status.as_deref() == Some("waiting")
    })
    .await?;
    script.did(acme.short, &format!("sees on {}: {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}
