//! How two desks of this machine become linked: by invitation, as people do it.

use std::{collections::BTreeMap, time::Duration};

use deskwire_api_types::{
    AcceptInvitation, AcceptTerms, InviteRequest, Link, LinkState, LinkVerification, ProposeTerms,
    TermsOffer, Words,
};
use deskwire_client::{Client, local::wait_for};

use crate::failure::{self, Failure};

/// How long the two daemons may take for each part of the exchange.
const LIMIT: Duration = Duration::from_secs(15);

/// Two desks that have exchanged their keys, and the name of the link on each of them.
#[derive(Clone, Debug)]
pub(crate) struct Introduced {
    /// Name of the link at the desk that invited.
    pub(crate) at_inviter: String,
    /// Name of the link at the desk that accepted.
    pub(crate) at_accepter: String,
    /// What the two desks show to their people, the inviter's first.
    pub(crate) words: [Words; 2],
}

/// One desk invites, approving in advance or not, and the other accepts; both then show words.
pub(crate) async fn introduce(
    inviter: &Client,
    accepter: &Client,
    terms: TermsOffer,
    approved: bool,
) -> Result<Introduced, Failure> {
    let request = InviteRequest { terms: Some(terms), approved, ..Default::default() };
    let text = inviter.invite(&request).await?.text.ok_or_else(|| odd("The new invitation has no text."))?;
    let accepted = accepter.accept_invitation(&AcceptInvitation { invitation: text, name: None }).await?.name;
    let other = accepter.desk().await?.id_hex;
    let theirs = wait_for("The link of the desk that accepted", LIMIT, async || {
        Ok(Some(accepter.link(&accepted).await?).filter(|link| link.words.is_some()))
    });
    let ours = wait_for("The link of the desk that invited", LIMIT, async || {
        let links = inviter.links().await?.links;
        Ok(links.into_iter().find(|link| link.partner.id_hex == other && link.words.is_some()))
    });
    let (ours, theirs) = tokio::try_join!(ours, theirs)?;
    let words = |link: &Link| link.words.clone().ok_or_else(|| odd("The link has no words."));
    Ok(Introduced {
        words: [words(&ours)?, words(&theirs)?],
        at_inviter: ours.name,
        at_accepter: theirs.name,
    })
}

/// Approves on each side that has to, and waits until work may be handed over.
pub(crate) async fn approve(inviter: &Client, accepter: &Client, link: &Introduced) -> Result<(), Failure> {
    let sides = [(inviter, &link.at_inviter), (accepter, &link.at_accepter)];
    for (client, name) in sides {
        if client.link(name).await?.state == LinkState::WaitingApproval {
            client.approve_link(name).await?;
        }
    }
    for (client, name) in sides {
        wait_for("The approval", LIMIT, async || {
            Ok((client.link(name).await?.state == LinkState::Active).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Each side types the words that the other one reads; the daemons compare them.
pub(crate) async fn verify(inviter: &Client, accepter: &Client, link: &Introduced) -> Result<(), Failure> {
    let [ours, theirs] = &link.words;
    let heard = |words: &Words| LinkVerification { matches: true, words: Some(words.en.join(" ")) };
    inviter.verify_link(&link.at_inviter, &heard(theirs)).await?;
    accepter.verify_link(&link.at_accepter, &heard(ours)).await?;
    Ok(())
}

/// One side proposes changes of the terms and the other accepts them; they hold on both when this returns.
pub(crate) async fn agree(
    proposer: (&Client, &str),
    accepter: (&Client, &str),
    changes: BTreeMap<String, serde_json::Value>,
) -> Result<u64, Failure> {
    let request = ProposeTerms { base: None, set: changes };
    proposer.0.propose_terms(proposer.1, &request).await?;
    let proposal =
        wait_for("The proposal", LIMIT, async || Ok(accepter.0.link_terms(accepter.1).await?.theirs));
    let proposal = proposal.await?;
    let request = AcceptTerms { version: Some(proposal.version), hash: Some(proposal.hash) };
    accepter.0.accept_terms(accepter.1, &request).await?;
    for (client, link) in [proposer, accepter] {
        wait_for("The new terms", LIMIT, async || {
            Ok((client.link_terms(link).await?.version == proposal.version).then_some(()))
        })
        .await?;
    }
    Ok(proposal.version)
}

fn odd(words: &str) -> Failure {
    failure::refused("unexpected-answer", "An unexpected answer", words, "Look into the logs of the daemons.")
}
