//! Waiting until something has come from one desk to another.

use std::time::Duration;

use deskwire_api_types::{
    Comment, Delegation, DelegationQuery, DelegationState, FileInfo, FileState, Role, ThreadEntry,
};
use deskwire_client::{Client, local::wait_for};

use crate::failure::Failure;

/// How long something small may take from one desk of this machine to another.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);
/// How long a file may take.
const FILE_LIMIT: Duration = Duration::from_secs(60);

/// The offer of this delegation, as soon as the contractor has it.
pub(crate) async fn offer_arrives(contractor: &Client, id: &str) -> Result<Delegation, Failure> {
    let query = DelegationQuery {
        role: Some(Role::Contractor),
        state: Some(DelegationState::Offered),
        ..Default::default()
    };
    wait_for("The offer", LIMIT, async || {
        let offered = contractor.delegations(&query).await?.delegations;
        Ok(offered.into_iter().find(|offer| offer.id == id))
    })
    .await
}

/// The delegation, as soon as it is as described. `what` completes "… did not come within 15 s".
pub(crate) async fn delegation_becomes(
    client: &Client,
    id: &str,
    what: &str,
    described: impl Fn(&Delegation) -> bool,
) -> Result<Delegation, Failure> {
    wait_for(what, LIMIT, async || Ok(Some(client.delegation(id).await?).filter(&described))).await
}

/// The comment with this text, as soon as it stands on the ticket.
pub(crate) async fn comment_arrives(client: &Client, ticket: &str, body: &str) -> Result<Comment, Failure> {
    wait_for("The comment", LIMIT, async || {
        let thread = client.ticket(ticket).await?.thread;
        Ok(thread.into_iter().find_map(|entry| match entry {
            ThreadEntry::Comment(comment) if comment.body.as_deref() == Some(body) => Some(comment),
            ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
        }))
    })
    .await
}

/// The file of this name, as soon as all of it is there or it is known that it will not be.
pub(crate) async fn file_arrives(client: &Client, ticket: &str, name: &str) -> Result<FileInfo, Failure> {
    wait_for("The file", FILE_LIMIT, async || {
        let thread = client.ticket(ticket).await?.thread;
        Ok(thread.into_iter().find_map(|entry| match entry {
            ThreadEntry::File(file) if file.name == name && file.state != FileState::Fetching => Some(file),
            ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
        }))
    })
    .await
}

/// Waits until everything that the desk has for its partners has arrived, and the receipts are back.
pub(crate) async fn nothing_waits(client: &Client) -> Result<(), Failure> {
    wait_for("The last receipt", LIMIT, async || {
        let links = client.links().await?.links;
        Ok(links.iter().all(|link| link.out.waiting == 0 && link.out.unacknowledged == 0).then_some(()))
    })
    .await
}
