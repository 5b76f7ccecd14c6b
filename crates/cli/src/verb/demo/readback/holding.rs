//! What one desk's API gives about the case.

use deskwire_api_types::{
    Delegation, DelegationQuery, Direction, Link, LogPage, LogQuery, ThreadEntry, TicketDetail, TicketQuery,
};
use deskwire_client::Client;
use serde::Serialize;

use crate::failure::{self, Failure};

/// Most entries that a page of a stream may have.
const PAGE: u32 = 500;

/// Everything that a desk's API gives.
pub(super) struct Holding {
    /// The ticket of the case.
    pub(super) detail: TicketDetail,
    /// Its delegations with their timelines.
    pub(super) delegations: Vec<Delegation>,
    /// The links.
    pub(super) links: Vec<Link>,
    /// Both streams of each link.
    pub(super) streams: Vec<LogPage>,
    /// All of it, and the lists, as one text in which can be searched.
    pub(super) everything: String,
}

impl Holding {
    /// Reads it from the daemon.
    pub(super) async fn read(
        client: &Client,
        ticket: &str,
        delegations: &[&str],
        links: &[&String],
    ) -> Result<Self, Failure> {
        let mut held = Self {
            detail: client.ticket(ticket).await?,
            delegations: Vec::new(),
            links: client.links().await?.links,
            streams: Vec::new(),
            everything: String::new(),
        };
        for id in delegations {
            held.delegations.push(client.delegation(id).await?);
        }
        for link in links {
            for direction in [Direction::Out, Direction::In] {
                let query = LogQuery { direction: Some(direction), limit: Some(PAGE), ..Default::default() };
                held.streams.push(client.log(link, &query).await?);
            }
        }
        let lists = (
            client.tickets(&TicketQuery::default()).await?,
            client.delegations(&DelegationQuery::default()).await?,
            client.invitations().await?,
        );
        held.everything = [
            json(&held.detail)?,
            json(&held.delegations)?,
            json(&held.links)?,
            json(&held.streams)?,
            json(&lists)?,
        ]
        .join("\n");
        Ok(held)
    }

    /// The comments of the ticket, in its order.
    pub(super) fn comments(&self) -> Vec<&str> {
        let entries = self.detail.thread.iter();
        let bodies = entries.filter_map(|entry| match entry {
            ThreadEntry::Comment(comment) => Some(comment.body.as_deref().unwrap_or("(no text)")),
            ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
        });
        bodies.collect()
    }

    /// The delegation of this id.
    pub(super) fn delegation(&self, id: &str) -> Option<&Delegation> {
        self.delegations.iter().find(|delegation| delegation.id == id)
    }

    /// One stream of the link of this name.
    pub(super) fn stream(&self, link: &str, direction: Direction) -> Option<&LogPage> {
        self.streams.iter().find(|page| page.link == link && page.direction == direction)
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| failure::usage(error.to_string()))
}
