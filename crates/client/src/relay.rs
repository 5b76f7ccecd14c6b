//! What becomes of comments and files after they were made, and what goes onward in a chain.

use deskwire_api_types::{
    AudienceChange, Comment, CommentEdit, CommentRequest, FilePreview, Previews, RelayChoice, RelayList,
    RelayQuery, RelaySetting, Revised, TakeBack, Withdraw, Withdrawn,
};

use crate::{Client, Error, query::Path};

impl Client {
    /// `POST /v1/tickets/{number}/comments/preview`: what would leave. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_comment(&self, number: &str, request: &CommentRequest) -> Result<Previews, Error> {
        self.post_question(Path::new("tickets").id(number).word("comments/preview"), request).await
    }

    /// `POST /v1/tickets/{number}/files/preview`: what would leave. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_file(&self, number: &str, request: &FilePreview) -> Result<Previews, Error> {
        self.post_question(Path::new("tickets").id(number).word("files/preview"), request).await
    }

    /// `POST /v1/tickets/{number}/comments/{id}/edit`: new words, here and at every partner that has it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn edit_comment(&self, number: &str, id: &str, body: &CommentEdit) -> Result<Comment, Error> {
        self.post(Path::new("tickets").id(number).word("comments").id(id).word("edit"), body).await
    }

    /// `POST /v1/tickets/{number}/comments/{id}/retract`: takes a comment or a file back from every partner.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn retract(&self, number: &str, id: &str, how: &TakeBack) -> Result<Revised, Error> {
        self.post(Path::new("tickets").id(number).word("comments").id(id).word("retract"), how).await
    }

    /// `POST /v1/tickets/{number}/comments/{id}/audience`: sends a comment or a file to whom it did not go before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn share(&self, number: &str, id: &str, to: &AudienceChange) -> Result<Revised, Error> {
        self.post(Path::new("tickets").id(number).word("comments").id(id).word("audience"), to).await
    }

    /// `POST /v1/files/{id}/retract`: takes a file back from every partner.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn retract_file(&self, id: &str, how: &TakeBack) -> Result<Revised, Error> {
        self.post(Path::new("files").id(id).word("retract"), how).await
    }

    /// `POST /v1/files/{id}/audience`: sends a file to whom it did not go before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn share_file(&self, id: &str, to: &AudienceChange) -> Result<Revised, Error> {
        self.post(Path::new("files").id(id).word("audience"), to).await
    }

    /// `GET /v1/relays`: what waits before it goes onward.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn relays(&self, query: &RelayQuery) -> Result<RelayList, Error> {
        let path = Path::new("relays").ask("ticket", query.ticket.as_ref()).ask("limit", query.limit);
        self.get(path).await
    }

    /// `POST /v1/relays/approve`: lets something go onward.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn approve_relay(&self, choice: &RelayChoice) -> Result<RelayList, Error> {
        self.post(Path::new("relays/approve"), choice).await
    }

    /// `POST /v1/relays/skip`: says that something does not go onward.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn skip_relay(&self, choice: &RelayChoice) -> Result<RelayList, Error> {
        self.post(Path::new("relays/skip"), choice).await
    }

    /// `POST /v1/relays/preview`: what approving would send. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn preview_relay(&self, choice: &RelayChoice) -> Result<Previews, Error> {
        self.post_question(Path::new("relays/preview"), choice).await
    }

    /// `GET /v1/links/{link}/relay`: what goes onward over a link.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn relay_setting(&self, link: &str) -> Result<RelaySetting, Error> {
        self.get(Path::new("links").id(link).word("relay")).await
    }

    /// `POST /v1/links/{link}/relay`: sets what goes onward over a link.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_relay(&self, link: &str, setting: &RelaySetting) -> Result<RelaySetting, Error> {
        self.post(Path::new("links").id(link).word("relay"), setting).await
    }

    /// `POST /v1/links/{link}/withdraw`: takes back the text of a message that was sent.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_message(&self, link: &str, seq: u64) -> Result<Withdrawn, Error> {
        self.post(Path::new("links").id(link).word("withdraw"), &Withdraw { seq }).await
    }
}
