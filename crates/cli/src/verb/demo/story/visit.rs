//! Third part: somebody has to drive there. Kassa hands the visit to Petrov, behind his router; a circle is refused.

use deskwire_api_types::{AcceptOffer, DelegateRequest, DelegationState, Role};

use super::{Cast, Told, Transcript, note, partner_side};
use crate::{
    desks,
    failure::{Done, Failure},
    render,
    verb::demo::props,
};

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &mut Told) -> Result<(), Failure> {
    let Cast { kassa, petrov, .. } = cast;
    script.title("Somebody has to drive there");
    let number = told.tickets[2].clone();
    let request = DelegateRequest {
        link: told.links.kassa_petrov.clone(),
        note: Some(props::NOTE_TO_PETROV.into()),
        ..Default::default()
    };
    let preview = kassa.client.preview(&number, &request).await?;
    script.did(kassa.short, &format!("Lena wants to hand the visit for {number} to Petrov, and looks"));
    script.more(|style| render::preview(&preview, style));
    let delegation = kassa.client.delegate(&number, &request).await?;
    told.visit.clone_from(&delegation.id);
    script.sent(kassa.short, &format!("Lena hands {number} on"), &["Petrov"]);
    desks::offer_arrives(&petrov.client, &told.visit).await?;
    let taken = AcceptOffer { status: Some("on-the-road".into()), ..Default::default() };
    let accepted = petrov.client.accept(&told.visit, &taken).await?;
    told.tickets[3].clone_from(&accepted.own.ticket);
    let words = format!("Ivan accepts; with him it is {}", accepted.own.ticket);
    script.sent(petrov.short, &words, &["Kassa"]);
    let seen = desks::delegation_becomes(&kassa.client, &told.visit, "The acceptance", |delegation| {
        delegation.state == DelegationState::Accepted && delegation.partner.ticket.is_some()
    })
    .await?;
    let words = format!("sees on {}: accepted by Petrov, {}", seen.own.ticket, partner_side(&seen));
    script.did(kassa.short, &words);
    note(petrov, &told.tickets[3], props::PETROV_NOTE, script).await?;
    circle(cast, script, told).await
}

/// Petrov is linked with Acme too, and does not know that the case came from there.
async fn circle(cast: &Cast, script: &Transcript, told: &mut Told) -> Done {
    let Cast { acme, petrov, .. } = cast;
    let number = told.tickets[3].clone();
    let request = DelegateRequest {
        link: told.links.petrov_acme.clone(),
        fields: Some(Vec::new()),
        description: Some(props::CIRCLE.into()),
        ..Default::default()
    };
    let delegation = petrov.client.delegate(&number, &request).await?;
    told.circle.clone_from(&delegation.id);
    script.sent(petrov.short, &format!("Ivan would rather hand {number} to Acme"), &["Acme"]);
    let seen = desks::delegation_becomes(&petrov.client, &told.circle, "The refusal", |delegation| {
        delegation.state == DelegationState::Declined && !delegation.provisional
    })
    .await?;
    let why = seen.timeline.iter().find_map(|event| event.reason.clone()).unwrap_or_default();
    script.sent(
        acme.short,
        &format!("declines by itself, for Acme's own mark is on it: “{why}”"),
        &["Petrov"],
    );
    desks::delegation_becomes(&acme.client, &told.circle, "The refusal", |delegation| {
        delegation.role == Role::Contractor && delegation.settled_state == DelegationState::Declined
    })
    .await
    .map(drop)
}
