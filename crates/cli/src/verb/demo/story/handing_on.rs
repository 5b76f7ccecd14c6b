//! Second part: it is the vendor's fault, and Acme hands the repair to Kassa, choosing what leaves the house.

use deskwire_api_types::{
    AcceptOffer, DelegateRequest, DelegationState, StatusChange, TicketStatus, WorkState,
};

use super::{Cast, Told, Transcript, note, partner_side};
use crate::{desks, failure::Failure, render, verb::demo::props};

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &mut Told) -> Result<(), Failure> {
    let Cast { acme, .. } = cast;
    script.title("It is the vendor's fault");
    let number = told.tickets[1].clone();
    let request = DelegateRequest {
        link: told.links.acme_kassa.clone(),
        fields: Some(props::chosen()),
        note: Some(props::NOTE_TO_KASSA.into()),
        ..Default::default()
    };
    let preview = acme.client.preview(&number, &request).await?;
    script.did(acme.short, &format!("Igor wants to hand {number} on to Kassa, chooses fields, and looks"));
    script.more(|style| render::preview(&preview, style));
    let delegation = acme.client.delegate(&number, &request).await?;
    told.lower.clone_from(&delegation.id);
    script.sent(acme.short, &format!("Igor hands {number} on"), &["Kassa"]);
    accept(cast, script, told).await?;
    statuses(cast, script, told).await
}

async fn accept(cast: &Cast, script: &Transcript, told: &mut Told) -> Result<(), Failure> {
    let Cast { shop, acme, kassa, .. } = cast;
    desks::offer_arrives(&kassa.client, &told.lower).await?;
    let taken = AcceptOffer {
        status: Some("queued".into()),
        label: Some("in the queue".into()),
        ..Default::default()
    };
    let accepted = kassa.client.accept(&told.lower, &taken).await?;
    told.tickets[2].clone_from(&accepted.own.ticket);
    script.sent(kassa.short, &format!("Lena accepts; at Kassa it is {}", accepted.own.ticket), &["Acme"]);
    let seen = desks::delegation_becomes(&acme.client, &told.lower, "The acceptance", |delegation| {
        delegation.state == DelegationState::Accepted && delegation.partner.ticket.is_some()
    })
    .await?;
    script
        .did(acme.short, &format!("sees on {}: accepted by Kassa, {}", seen.own.ticket, partner_side(&seen)));
    let seen = desks::delegation_becomes(&shop.client, &told.upper, "What Acme's rule tells", |delegation| {
        delegation.partner.status.as_deref() == Some("with-partner")
    })
    .await?;
    script.sent(acme.short, "by rule: its ticket is “accepted by partner”", &["Shop"]);
    script.did(shop.short, &format!("sees on {}: {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}

async fn statuses(cast: &Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let Cast { shop, acme, kassa, .. } = cast;
    let working = StatusChange {
        state: Some(WorkState::InProgress),
        status: Some("diagnosing".into()),
        label: Some("being diagnosed".into()),
    };
    kassa.client.status(&told.lower, &working).await?;
    script.sent(kassa.short, "Lena begins: “being diagnosed”", &["Acme"]);
    let seen = desks::delegation_becomes(&acme.client, &told.lower, "The status", |delegation| {
        delegation.state == DelegationState::InProgress
    })
    .await?;
    script.did(acme.short, &format!("sees on {}: in progress, {}", seen.own.ticket, partner_side(&seen)));
    note(kassa, &told.tickets[2], props::KASSA_NOTE, script).await?;

    let waiting = TicketStatus { status: "specialist".into(), label: Some("with a specialist".into()) };
    acme.client.set_status(&told.tickets[1], &waiting).await?;
    script.sent(acme.short, "Igor sets his ticket to “with a specialist”", &["Shop", "Kassa"]);
    for (player, id) in [(shop, &told.upper), (kassa, &told.lower)] {
        let seen = desks::delegation_becomes(&player.client, id, "The status", |delegation| {
            delegation.partner.status.as_deref() == Some("specialist")
        })
        .await?;
        script.did(player.short, &format!("sees on {}: {}", seen.own.ticket, partner_side(&seen)));
    }
    Ok(())
}
