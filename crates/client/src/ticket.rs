//! Tickets, comments, and handing a ticket over.

use deskwire_api_types::{
    Comment, CommentRequest, DelegateRequest, Delegation, NewTicket, Preview, Ticket, TicketDetail,
    TicketList, TicketQuery, TicketStatus,
};

use crate::{Client, Error, query::Path};

impl Client {
    /// `POST /v1/tickets`: opens a ticket.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn new_ticket(&self, ticket: &NewTicket) -> Result<Ticket, Error> {
        self.post(Path::new("tickets"), ticket).await
    }

    /// `GET /v1/tickets`: a page of tickets, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tickets(&self, query: &TicketQuery) -> Result<TicketList, Error> {
        let path = Path::new("tickets")
            .ask("status", query.status.as_ref())
            .ask("due", query.due.map(|due| due.as_str()))
            .ask("limit", query.limit)
            .ask("before", query.before);
        self.get(path).await
    }

    /// `GET /v1/tickets/{number}`: one ticket with its thread and delegations; `ACME-12` or `12`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ticket(&self, number: &str) -> Result<TicketDetail, Error> {
        self.get(Path::new("tickets").id(number)).await
    }

    /// `POST /v1/tickets/{number}/comments`: says something; internal unless the request names another audience.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn comment(&self, number: &str, request: &CommentRequest) -> Result<Comment, Error> {
        self.post(Path::new("tickets").id(number).word("comments"), request).await
    }

    /// `POST /v1/tickets/{number}/status`: sets this desk's own status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_status(&self, number: &str, request: &TicketStatus) -> Result<Ticket, Error> {
        self.post(Path::new("tickets").id(number).word("status"), request).await
    }

    /// `POST /v1/tickets/{number}/delegations/preview`: what would leave. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview(&self, number: &str, request: &DelegateRequest) -> Result<Preview, Error> {
        self.post_question(Path::new("tickets").id(number).word("delegations/preview"), request).await
    }

    /// `POST /v1/tickets/{number}/delegations`: hands the ticket over.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delegate(&self, number: &str, request: &DelegateRequest) -> Result<Delegation, Error> {
        self.post(Path::new("tickets").id(number).word("delegations"), request).await
    }
}
