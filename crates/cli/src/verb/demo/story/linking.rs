//! Before the story: the desks get to know each other.

use deskwire_api_types::TermsOffer;

use super::{Cast, Links, Player, Transcript};
use crate::{
    desks::{self, Introduced},
    failure::{self, Failure},
    verb::demo::props,
};

/// Links Shop with Acme and Acme with Kassa.
pub(super) async fn play(cast: &Cast, script: &Transcript) -> Result<Links, Failure> {
    script.title("They get to know each other");
    let upper = link(&cast.shop, &cast.acme, props::terms_of_shop(), script).await?;
    let lower = link(&cast.acme, &cast.kassa, props::terms_of_acme(), script).await?;
    Ok(Links {
        shop_acme: upper.at_inviter,
        acme_shop: upper.at_accepter,
        acme_kassa: lower.at_inviter,
        kassa_acme: lower.at_accepter,
    })
}

async fn link(
    inviter: &Player,
    accepter: &Player,
    terms: TermsOffer,
    script: &Transcript,
) -> Result<Introduced, Failure> {
    let link = desks::introduce(&inviter.client, &accepter.client, terms).await?;
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
    script.did(inviter.short, "approves; both read the words to each other: the same");
    Ok(link)
}
