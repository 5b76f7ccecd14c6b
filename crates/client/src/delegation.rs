//! Delegations and the actions in them.

use deskwire_api_types::{
    AcceptOffer, Action, Agreement, Answer, Ask, ChangeDecline, ChangeTake, Confirm, Delegation,
    DelegationList, DelegationQuery, OfferUpdate, Reason, Resolve, StatusChange,
};
use serde::Serialize;

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/delegations`: a page of delegations, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delegations(&self, query: &DelegationQuery) -> Result<DelegationList, Error> {
        let path = Path::new("delegations")
            .ask("state", query.state.map(|state| state.as_str()))
            .ask("role", query.role.map(|role| role.as_str()))
            .ask("link", query.link.as_ref())
            .ask("due", query.due.map(|due| due.as_str()))
            .ask("limit", query.limit)
            .ask("before", query.before.as_ref());
        self.get(path).await
    }

    /// `GET /v1/delegations/{id}`: one delegation with its timeline.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delegation(&self, id: &str) -> Result<Delegation, Error> {
        self.get(Path::new("delegations").id(id)).await
    }

    /// `GET /v1/delegations/{id}/agreement`: whether the partner sees the same, as far as it has said.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn agreement(&self, id: &str) -> Result<Agreement, Error> {
        self.get(Path::new("delegations").id(id).word("agreement")).await
    }

    /// `POST /v1/delegations/{id}/digest`: tells the partner what this desk sees, to be compared there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn say_digest(&self, id: &str) -> Result<Agreement, Error> {
        self.post(Path::new("delegations").id(id).word("digest"), &serde_json::json!({})).await
    }

    /// `POST /v1/delegations/{id}/accept`; contractor: takes the offer, and opens a ticket for it here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn accept(&self, id: &str, body: &AcceptOffer) -> Result<Delegation, Error> {
        self.act(id, Action::Accept, body).await
    }

    /// `POST /v1/delegations/{id}/decline`; contractor: does not take the offer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn decline(&self, id: &str, body: &Reason) -> Result<Delegation, Error> {
        self.act(id, Action::Decline, body).await
    }

    /// `POST /v1/delegations/{id}/status`; either side: tells the partner the own status; the contractor also the state of the work.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self, id: &str, body: &StatusChange) -> Result<Delegation, Error> {
        self.act(id, Action::Status, body).await
    }

    /// `POST /v1/delegations/{id}/resolve`; contractor: says that the work is done.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resolve(&self, id: &str, body: &Resolve) -> Result<Delegation, Error> {
        self.act(id, Action::Resolve, body).await
    }

    /// `POST /v1/delegations/{id}/confirm`; principal: agrees that the work is done.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn confirm(&self, id: &str, body: &Confirm) -> Result<Delegation, Error> {
        self.act(id, Action::Confirm, body).await
    }

    /// `POST /v1/delegations/{id}/reopen`; principal: says that the work is not done.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reopen(&self, id: &str, body: &Reason) -> Result<Delegation, Error> {
        self.act(id, Action::Reopen, body).await
    }

    /// `POST /v1/delegations/{id}/return`; contractor: gives the work back.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn return_back(&self, id: &str, body: &Reason) -> Result<Delegation, Error> {
        self.act(id, Action::Return, body).await
    }

    /// `POST /v1/delegations/{id}/recall`; principal: takes the work back.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recall(&self, id: &str, body: &Reason) -> Result<Delegation, Error> {
        self.act(id, Action::Recall, body).await
    }

    /// `POST /v1/delegations/{id}/update`; principal: changes the offer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(&self, id: &str, body: &OfferUpdate) -> Result<Delegation, Error> {
        self.act(id, Action::Update, body).await
    }

    /// `POST /v1/delegations/{id}/change-take`; contractor: takes a change of what binds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn take_change(&self, id: &str, body: &ChangeTake) -> Result<Delegation, Error> {
        self.act(id, Action::ChangeTake, body).await
    }

    /// `POST /v1/delegations/{id}/change-decline`; contractor: does not take a change of what binds.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn decline_change(&self, id: &str, body: &ChangeDecline) -> Result<Delegation, Error> {
        self.act(id, Action::ChangeDecline, body).await
    }

    /// `POST /v1/delegations/{id}/ask`; contractor: asks the principal and waits.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ask(&self, id: &str, body: &Ask) -> Result<Delegation, Error> {
        self.act(id, Action::Ask, body).await
    }

    /// `POST /v1/delegations/{id}/answer`; principal: answers the question.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn answer(&self, id: &str, body: &Answer) -> Result<Delegation, Error> {
        self.act(id, Action::Answer, body).await
    }

    async fn act<B: Serialize>(&self, id: &str, action: Action, body: &B) -> Result<Delegation, Error> {
        self.post(Path::new("delegations").id(id).word(action.as_str()), body).await
    }
}
