//! Sixth part: the answer comes back up the chain, with what it cost; Acme's part of it by its rules.

use deskwire_api_types::{
    ApproveWork, Audience, Confirm, DelegationState, LineState, NewWork, Rate, Resolve, WorkType,
};
use deskwire_client::local::wait_for;

use super::{Cast, Player, Told, Transcript, first_name, partner_side, say};
use crate::{
    desks,
    failure::{Done, Failure},
    verb::demo::props,
};

pub(super) async fn play(cast: &Cast, script: &Transcript, told: &Told) -> Result<(), Failure> {
    let Cast { shop, acme, kassa, petrov } = cast;
    let [at_shop, at_acme, _, _] = &told.tickets;
    script.title("The answer comes back up");
    let [travel, part] = props::PETROV_LINES;
    book(petrov, kassa, &told.visit, &[(WorkType::Travel, travel), (WorkType::Material, part)], script)
        .await?;
    resolve(petrov, kassa, &told.visit, props::PETROV_SOLUTION, script).await?;
    agree(kassa, petrov, &told.visit, script).await?;
    confirm(kassa, petrov, &told.visit, None, script).await?;
    book(kassa, acme, &told.lower, &[(WorkType::Fixed, props::KASSA_LINE)], script).await?;
    resolve(kassa, acme, &told.lower, props::KASSA_SOLUTION, script).await?;
    by_rule(cast, script, told).await?;

    book(acme, shop, &told.upper, &[(WorkType::Fixed, props::ACME_LINE)], script).await?;
    agree(acme, kassa, &told.lower, script).await?;
    confirm(acme, kassa, &told.lower, None, script).await?;
    let (stars, words) = props::RATING;
    acme.client.rate(&told.lower, &Rate { stars, words: Some(words.into()) }).await?;
    script.sent(acme.short, &format!("Igor gives {stars} of 5 stars: “{words}”"), &["Kassa"]);
    let seen = resolved(shop, &told.upper).await?;
    script.sent(acme.short, &format!("by rule: resolved, “{}”", props::ACME_SOLUTION), &["Shop"]);
    script.did(shop.short, &format!("sees on {}: resolved, {}", seen.own.ticket, partner_side(&seen)));
    say(shop, at_shop, props::THANKS, Audience::Thread, &[(acme, at_acme)], script).await?;
    agree(shop, acme, &told.upper, script).await?;
    confirm(shop, acme, &told.upper, Some("closed"), script).await
}

/// Nobody at Acme does anything: the ticket moves by itself, and the client reads it.
async fn by_rule(cast: &Cast, script: &Transcript, told: &Told) -> Done {
    let Cast { shop, acme, .. } = cast;
    let at_acme = &told.tickets[1];
    wait_for("What the rule says", desks::LIMIT, async || {
        Ok((acme.client.ticket(at_acme).await?.ticket.status == "solved").then_some(()))
    })
    .await?;
    let seen = desks::delegation_becomes(&shop.client, &told.upper, "The status", |delegation| {
        delegation.partner.status.as_deref() == Some("solved")
    })
    .await?;
    script.sent(acme.short, &format!("by rule: {at_acme} is “solved by partner”"), &["Shop"]);
    script.did(shop.short, &format!("sees on {}: {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}

/// The contractor books lines of work; the principal has them when this returns.
async fn book(
    contractor: &Player,
    principal: &Player,
    id: &str,
    lines: &[(WorkType, [&str; 4])],
    script: &Transcript,
) -> Done {
    for (kind, [what, quantity, unit, price]) in lines {
        let line = NewWork {
            r#type: *kind,
            quantity: (*quantity).into(),
            unit: (*unit).into(),
            price: (*price).into(),
            currency: Some("EUR".into()),
            tax: Some("20".into()),
            date: None,
            what: (*what).into(),
        };
        contractor.client.add_work(id, &line).await?;
        let words = format!("{} books: “{what}”, {quantity} {unit} at {price} EUR", first_name(contractor));
        script.sent(contractor.short, &words, &[principal.short]);
    }
    wait_for("The lines of work", desks::LIMIT, async || {
        Ok((principal.client.work(id).await?.lines.len() == lines.len()).then_some(()))
    })
    .await?;
    Ok(())
}

/// The principal approves all lines; that is settled on both sides when this returns.
async fn agree(principal: &Player, contractor: &Player, id: &str, script: &Transcript) -> Done {
    let lines = principal.client.work(id).await?.lines;
    let count = lines.len();
    for line in lines {
        principal.client.approve_work(id, &ApproveWork { line: line.id }).await?;
    }
    for player in [principal, contractor] {
        wait_for("The approval", desks::LIMIT, async || {
            let lines = player.client.work(id).await?.lines;
            Ok(lines.iter().all(|line| line.settled_state == Some(LineState::Approved)).then_some(()))
        })
        .await?;
    }
    let words = format!("{} approves {count} line(s) of work", first_name(principal));
    script.sent(principal.short, &words, &[contractor.short]);
    Ok(())
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
    let words = format!("{} resolves: “{solution}”", first_name(contractor));
    script.sent(contractor.short, &words, &[principal.short]);
    let seen = resolved(principal, id).await?;
    script.did(principal.short, &format!("sees on {}: resolved, {}", seen.own.ticket, partner_side(&seen)));
    Ok(())
}

async fn resolved(principal: &Player, id: &str) -> Result<deskwire_api_types::Delegation, Failure> {
    let resolved =
        |delegation: &deskwire_api_types::Delegation| delegation.state == DelegationState::Resolved;
    desks::delegation_becomes(&principal.client, id, "The solution", resolved).await
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
    let words = format!("{} confirms", first_name(principal));
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
