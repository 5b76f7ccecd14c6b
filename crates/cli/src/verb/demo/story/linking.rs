//! Before the story: the desks get to know each other, agree on terms, and set what happens by itself.

use std::collections::BTreeMap;

use deskwire_api_types::{DelegationState, NewRule, Principals, RelayMode, RelaySetting, Role, TermsOffer};
use serde_json::json;

use super::{Cast, Links, Player, Transcript};
use crate::{
    desks::{self, Introduced},
    failure::{self, Done, Failure},
    verb::demo::props,
};

/// Links Shop with Acme, Acme with Kassa, and Petrov with both Kassa and Acme.
pub(super) async fn play(cast: &Cast, script: &Transcript) -> Result<Links, Failure> {
    let Cast { shop, acme, kassa, petrov } = cast;
    script.title("They get to know each other");
    let trade = || props::terms_of_trade(Principals::Me);
    let upper = link(shop, acme, props::terms_of_shop(), script).await?;
    let lower = link(acme, kassa, trade(), script).await?;
    let visit = link(kassa, petrov, trade(), script).await?;
    let circle = link(acme, petrov, props::terms_of_trade(Principals::Both), script).await?;
    let links = Links {
        shop_acme: upper.at_inviter,
        acme_shop: upper.at_accepter,
        acme_kassa: lower.at_inviter,
        kassa_acme: lower.at_accepter,
        kassa_petrov: visit.at_inviter,
        petrov_kassa: visit.at_accepter,
        acme_petrov: circle.at_inviter,
        petrov_acme: circle.at_accepter,
    };
    settings(cast, &links, script).await?;
    Ok(links)
}

async fn link(
    inviter: &Player,
    accepter: &Player,
    terms: TermsOffer,
    script: &Transcript,
) -> Result<Introduced, Failure> {
    // Nobody can knock at a desk behind a router: it would learn of the approval when it asks the next time.
    let approved = accepter.endpoint().is_none();
    let link = desks::introduce(&inviter.client, &accepter.client, terms, approved).await?;
    script.did(inviter.short, &format!("invites {0}; {0} opens the invitation and answers", accepter.short));
    let [ours, theirs] = &link.words;
    if ours != theirs {
        let detail =
            format!("The two desks show different words: {} and {}.", ours.en.join(" "), theirs.en.join(" "));
        let next = "Somebody may stand between them; on one machine it is a fault of Deskwire.";
        return Err(failure::refused("words-differ", "The words differ", detail, next));
    }
    script.more(|style| format!("on both screens: {}", style.bold(&ours.en.join(" "))));
    desks::approve(&inviter.client, &accepter.client, &link).await?;
    desks::verify(&inviter.client, &accepter.client, &link).await?;
    let both = [(&inviter.client, link.at_inviter.as_str()), (&accepter.client, link.at_accepter.as_str())];
    let changes = BTreeMap::from([("currency".into(), json!("EUR")), ("loop-tags".into(), json!(true))]);
    let version = desks::agree(both[0], both[1], changes).await?;
    let words = format!(
        "both read the words to each other: the same; terms version {version}, with EUR and loop tags, has both signatures"
    );
    script.did(inviter.short, &words);
    Ok(link)
}

/// What goes onward and what happens by itself: each desk's own business.
async fn settings(cast: &Cast, links: &Links, script: &Transcript) -> Done {
    let Cast { acme, kassa, .. } = cast;
    let relays = [
        (acme, &links.acme_kassa, RelayMode::Automatic),
        (acme, &links.acme_shop, RelayMode::Click),
        (kassa, &links.kassa_petrov, RelayMode::Automatic),
        (kassa, &links.kassa_acme, RelayMode::Automatic),
    ];
    for (player, link, mode) in relays {
        player.client.set_relay(link, &RelaySetting { mode, named: false, sign: false }).await?;
    }
    script
        .kept(acme.short, "what Shop says to all goes on to Kassa by itself; to Shop after Igor has looked");
    script.kept(kassa.short, "what partners say to all goes onward by itself, without their names");
    let rule = |when| NewRule {
        role: Some(Role::Principal),
        when,
        status: None,
        label: None,
        notify: None,
        confirm: false,
        resolve: false,
        solution: None,
        pass_solution: false,
    };
    let status = |status: &str, label: &str| (Some(status.to_owned()), Some(label.to_owned()));
    let (accepted, taken) = status("with-partner", "accepted by partner");
    let (solved, done) = status("solved", "solved by partner");
    let rules = [
        NewRule { status: accepted, label: taken, ..rule(DelegationState::Accepted) },
        NewRule {
            status: solved,
            label: done,
            notify: Some(props::RULE_NOTE.into()),
            ..rule(DelegationState::Resolved)
        },
        NewRule {
            resolve: true,
            solution: Some(props::ACME_SOLUTION.into()),
            ..rule(DelegationState::Confirmed)
        },
    ];
    for rule in rules {
        acme.client.add_rule(&links.acme_kassa, &rule).await?;
    }
    let words = "three rules for Kassa: accepted → “accepted by partner”; resolved → “solved by partner”; confirmed → \
                 the client gets the answer";
    script.kept(acme.short, words);
    Ok(())
}
