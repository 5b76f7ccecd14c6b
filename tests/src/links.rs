//! Two desks become linked, hand work over, and become quiet.

use std::time::Duration;

use deskwire_api_types::{
    AcceptInvitation, AcceptOffer, Action, DelegateRequest, Delegation, InviteRequest, Link, LinkState,
    NewTicket, TermsOffer,
};
use deskwire_client::{Error, local::wait_for};

use crate::desk::Desk;

/// No delivery between two running desks takes so long, not even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until there is something; fails with `what` when it does not come.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Result<Option<T>, Error>) -> T {
    within(PATIENCE, what, look).await
}

/// Waits for so long until there is something; fails with `what` when it does not come.
pub async fn within<T>(
    limit: Duration,
    what: &str,
    look: impl AsyncFnMut() -> Result<Option<T>, Error>,
) -> T {
    wait_for(what, limit, look).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Links two desks by an invitation that is approved in advance, and waits until both may work.
pub async fn link(inviter: &Desk, accepter: &Desk, terms: TermsOffer) {
    let invite = InviteRequest { expires_in_seconds: None, terms: Some(terms), approved: true };
    let text = inviter.client().invite(&invite).await.unwrap().text.unwrap();
    accepter.client().accept_invitation(&AcceptInvitation { invitation: text, name: None }).await.unwrap();
    for (desk, partner) in [(inviter, accepter), (accepter, inviter)] {
        until(&format!("The link of {} with {}", desk.name, partner.name), async || {
            let link = find(desk, &partner.name).await?;
            Ok(link.filter(|link| link.state == LinkState::Active))
        })
        .await;
    }
}

/// The link with a partner, by the partner's display name.
pub async fn find(desk: &Desk, partner: &str) -> Result<Option<Link>, Error> {
    let links = desk.client().links().await?.links;
    Ok(links.into_iter().find(|link| link.partner.name == partner && link.state != LinkState::Closed))
}

/// The link with a partner that must be there.
pub async fn link_with(desk: &Desk, partner: &str) -> Link {
    find(desk, partner).await.unwrap().unwrap_or_else(|| panic!("{} has no link with {partner}", desk.name))
}

/// Opens a ticket and hands it to a partner; the ticket's number and the delegation.
pub async fn offer(from: &Desk, to: &str, title: &str) -> (String, Delegation) {
    let ticket = NewTicket { title: title.to_owned(), ..Default::default() };
    let number = from.client().new_ticket(&ticket).await.unwrap().number;
    let link = link_with(from, to).await.name;
    let request = DelegateRequest { link, ..Default::default() };
    let delegation = from.client().delegate(&number, &request).await.unwrap();
    (number, delegation)
}

/// Waits for an offer and accepts it; what the contractor then has.
pub async fn accept(contractor: &Desk, id: &str) -> Delegation {
    let client = contractor.client();
    until("The offer", async || known(client.delegation(id).await)).await;
    client.accept(id, &AcceptOffer::default()).await.unwrap()
}

/// An answer, or nothing as long as the thing asked for is not known.
pub fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::Refused(problem)) if problem.status == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until the delegation may be acted on so.
pub async fn able(desk: &Desk, id: &str, action: Action) -> Delegation {
    let client = desk.client();
    until(&format!("{} at {}", action.as_str(), desk.name), async || {
        Ok(known(client.delegation(id).await)?.filter(|delegation| delegation.actions.contains(&action)))
    })
    .await
}

/// Waits until everything said by either desk is held by the other, and receipts for it are back.
pub async fn quiet(limit: Duration, one: &Desk, other: &Desk) {
    let what = format!("Quiet between {} and {}", one.name, other.name);
    within(limit, &what, async || {
        let (here, there) = (link_with(one, &other.name).await, link_with(other, &one.name).await);
        let done = |from: &Link, to: &Link| {
            from.out.waiting == 0
                && from.out.acknowledged == from.out.length
                && to.incoming.length == from.out.length
        };
        Ok((done(&here, &there) && done(&there, &here)).then_some(()))
    })
    .await;
}
