//! The desk itself, its health, and the check of what it stores.

use deskwire_api_types::{
    Calendar, CalendarQuery, Desk, Health, LinkReserve, Readiness, SetCalendar, VerifyReport, VerifyRequest,
};

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/desk`: what this desk is and where it listens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn desk(&self) -> Result<Desk, Error> {
        self.get(Path::new("desk")).await
    }

    /// `GET /v1/calendar`: when this desk is open.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn calendar(&self, query: &CalendarQuery) -> Result<Calendar, Error> {
        self.get(Path::new("calendar").ask("months", query.months)).await
    }

    /// `GET /v1/links/{link}/reserve`: how much of an inherited deadline stays with this desk.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn link_reserve(&self, link: &str) -> Result<LinkReserve, Error> {
        self.get(Path::new("links").id(link).word("reserve")).await
    }

    /// `POST /v1/links/{link}/reserve`: sets how much of an inherited deadline stays with this desk.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_link_reserve(&self, link: &str, setting: &LinkReserve) -> Result<LinkReserve, Error> {
        self.post(Path::new("links").id(link).word("reserve"), setting).await
    }

    /// `POST /v1/calendar`: says when this desk is open.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_calendar(&self, body: &SetCalendar) -> Result<Calendar, Error> {
        self.post(Path::new("calendar"), body).await
    }

    /// `POST /v1/verify`: checks signatures, chains, receipts and the journal's checksums.
    ///
    /// # Errors
    /// See [`Error`]; what is found wrong is part of the report and no error.
    pub async fn verify(&self, request: &VerifyRequest) -> Result<VerifyReport, Error> {
        self.post_question(Path::new("verify"), request).await
    }

    /// `GET /v1/openapi.json`: the API's description.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn openapi(&self) -> Result<serde_json::Value, Error> {
        self.get(Path::new("openapi.json")).await
    }

    /// `GET /healthz`: whether the process answers; asked once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn health(&self) -> Result<Health, Error> {
        let bytes = self.probe("/healthz").await?;
        self.parse(&bytes)
    }

    /// `GET /readyz`: whether new work is taken; asked once.
    ///
    /// # Errors
    /// See [`Error`]; "not ready" is an answer and no error.
    pub async fn ready(&self) -> Result<Readiness, Error> {
        match self.probe("/readyz").await {
            Ok(bytes) => self.parse(&bytes),
            Err(Error::Refused(problem)) => Ok(Readiness { ready: false, reason: Some(problem.detail) }),
            Err(error) => Err(error),
        }
    }

    async fn probe(&self, path: &str) -> Result<bytes::Bytes, Error> {
        let request = self.request(&hyper::Method::GET, &Path::root(path), None)?;
        self.attempt(request, None).await.map_err(|broken| self.give_up(broken, None))
    }
}
