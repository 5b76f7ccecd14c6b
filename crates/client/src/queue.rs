//! What is on its way to partners.

use deskwire_api_types::{QueueChanged, QueueList, QueuePreview, QueueQuery, QueueRetry, QueueTarget};

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/queue`: a page of what is on its way, by link.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn queue(&self, query: &QueueQuery) -> Result<QueueList, Error> {
        let path = Path::new("queue")
            .ask("link", query.link.as_ref())
            .ask("state", query.state.map(|state| state.as_str()))
            .ask("limit", query.limit)
            .ask("after", query.after.as_ref());
        self.get(path).await
    }

    /// `POST /v1/queue/retry`: sends a parked item again under its id, or tries a link at once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn retry_queue(&self, request: &QueueRetry) -> Result<QueueChanged, Error> {
        self.post(Path::new("queue/retry"), request).await
    }

    /// `POST /v1/queue/park`: takes an item, or all that waits on a link, out of the queue.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn park_queue(&self, request: &QueueTarget) -> Result<QueueChanged, Error> {
        self.post(Path::new("queue/park"), request).await
    }

    /// `POST /v1/queue/drop`: drops an item, or all of a link, as far as they have no number.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn drop_queue(&self, request: &QueueTarget) -> Result<QueueChanged, Error> {
        self.post(Path::new("queue/drop"), request).await
    }

    /// `POST /v1/queue/drop/preview`: what dropping would throw away.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_drop(&self, request: &QueueTarget) -> Result<QueuePreview, Error> {
        self.post_question(Path::new("queue/drop/preview"), request).await
    }
}
