//! Erasures: what goes, who is asked, and who has acknowledged.

use deskwire_api_types::{EraseRequest, Erasure, ErasureList, ErasurePlan, ErasureQuery};

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/erasures`: the erasures of the desk, the newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn erasures(&self, query: &ErasureQuery) -> Result<ErasureList, Error> {
        self.get(Path::new("erasures").ask("limit", query.limit)).await
    }

    /// `GET /v1/erasures/{id}`: one erasure.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn erasure(&self, id: &str) -> Result<Erasure, Error> {
        self.get(Path::new("erasures").id(id)).await
    }

    /// `POST /v1/erasures/preview`: what would go, and who would be asked. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_erasure(&self, request: &EraseRequest) -> Result<ErasurePlan, Error> {
        self.post_question(Path::new("erasures/preview"), request).await
    }

    /// `POST /v1/erasures`: erases a case or a person, here and at every partner who has it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn erase(&self, request: &EraseRequest) -> Result<Erasure, Error> {
        self.post(Path::new("erasures"), request).await
    }
}
