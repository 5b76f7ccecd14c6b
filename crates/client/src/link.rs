//! Links, invitations and the signed streams.

use deskwire_api_types::{
    AcceptInvitation, AcceptTerms, AddLink, Branch, Branches, CloseLink, FindPartner, Invitation,
    InvitationList, InviteRequest, Link, LinkCheck, LinkLeftOpen, LinkList, LinkMapping, LinkTerms,
    LinkVerification, LogPage, LogQuery, NewRule, ProposeTerms, RepairRequest, RuleList, SuspendLink,
    TakeCalendars,
};

use crate::{Client, Error, query::Path};

impl Client {
    /// `GET /v1/links`: all links, by name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn links(&self) -> Result<LinkList, Error> {
        self.get(Path::new("links")).await
    }

    /// `GET /v1/links/{link}`: one link, by local name or id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn link(&self, link: &str) -> Result<Link, Error> {
        self.get(Path::new("links").id(link)).await
    }

    /// `POST /v1/links/invitations`: makes an invitation. Its text is only in this answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invite(&self, request: &InviteRequest) -> Result<Invitation, Error> {
        self.post(Path::new("links/invitations"), request).await
    }

    /// `GET /v1/links/invitations`: the invitations that are remembered, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invitations(&self) -> Result<InvitationList, Error> {
        self.get(Path::new("links/invitations")).await
    }

    /// `DELETE /v1/links/invitations/{id}`: takes an invitation back.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_invitation(&self, id: &str) -> Result<(), Error> {
        self.delete(Path::new("links/invitations").id(id)).await
    }

    /// `POST /v1/links/accept`: accepts a partner's invitation; the daemons finish the exchange before it answers.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn accept_invitation(&self, request: &AcceptInvitation) -> Result<Link, Error> {
        self.post(Path::new("links/accept"), request).await
    }

    /// `POST /v1/links/add`: links by hand, with a desk id that was learnt elsewhere.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_link(&self, request: &AddLink) -> Result<Link, Error> {
        self.post(Path::new("links/add"), request).await
    }

    /// `POST /v1/links/{link}/approve`: lets the partner in.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn approve_link(&self, link: &str) -> Result<Link, Error> {
        self.post_nothing(Path::new("links").id(link).word("approve")).await
    }

    /// `POST /v1/links/{link}/resume`: lets a link go on that the daemon has stopped.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resume_link(&self, link: &str) -> Result<Link, Error> {
        self.post_nothing(Path::new("links").id(link).word("resume")).await
    }

    /// `POST /v1/links/{link}/find`: looks for the partner at an address that a person gave.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_partner(&self, link: &str, request: &FindPartner) -> Result<Link, Error> {
        self.post(Path::new("links").id(link).word("find"), request).await
    }

    /// `GET /v1/links/{link}/repair`: both branches of a fork.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn branches(&self, link: &str) -> Result<Branches, Error> {
        self.get(Path::new("links").id(link).word("repair")).await
    }

    /// `POST /v1/links/{link}/repair`: chooses the branch on which a stream goes on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repair_link(&self, link: &str, branch: Branch) -> Result<Link, Error> {
        self.post(Path::new("links").id(link).word("repair"), &RepairRequest { branch }).await
    }

    /// `POST /v1/links/{link}/end`: ends a link on this side.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn end_link(&self, link: &str) -> Result<Link, Error> {
        self.post_nothing(Path::new("links").id(link).word("end")).await
    }

    /// `POST /v1/links/{link}/suspend`: takes and gives no new work for a while.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn suspend_link(&self, link: &str, request: &SuspendLink) -> Result<Link, Error> {
        self.post(Path::new("links").id(link).word("suspend"), request).await
    }

    /// `GET /v1/links/{link}/close`: what the link would leave behind if it ended now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn left_open(&self, link: &str) -> Result<LinkLeftOpen, Error> {
        self.get(Path::new("links").id(link).word("close")).await
    }

    /// `POST /v1/links/{link}/close`: ends a link together with the partner.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_link(&self, link: &str, request: &CloseLink) -> Result<Link, Error> {
        self.post(Path::new("links").id(link).word("close"), request).await
    }

    /// `GET /v1/links/{link}/terms`: the terms, in force and proposed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn link_terms(&self, link: &str) -> Result<LinkTerms, Error> {
        self.get(Path::new("links").id(link).word("terms")).await
    }

    /// `POST /v1/links/{link}/terms/propose`: proposes other terms.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn propose_terms(&self, link: &str, request: &ProposeTerms) -> Result<LinkTerms, Error> {
        self.post(Path::new("links").id(link).word("terms/propose"), request).await
    }

    /// `POST /v1/links/{link}/terms/accept`: accepts the newest proposal of the partner.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn accept_terms(&self, link: &str, request: &AcceptTerms) -> Result<LinkTerms, Error> {
        self.post(Path::new("links").id(link).word("terms/accept"), request).await
    }

    /// `POST /v1/links/{link}/terms/calendars`: whether a renewed calendar is accepted without a person.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn take_calendars(&self, link: &str, on: bool) -> Result<LinkTerms, Error> {
        self.post(Path::new("links").id(link).word("terms/calendars"), &TakeCalendars { on }).await
    }

    /// `GET /v1/links/{link}/map`: this desk's own words for those of the link.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn link_mapping(&self, link: &str) -> Result<LinkMapping, Error> {
        self.get(Path::new("links").id(link).word("map")).await
    }

    /// `POST /v1/links/{link}/map`: sets them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_link_mapping(&self, link: &str, mapping: &LinkMapping) -> Result<LinkMapping, Error> {
        self.post(Path::new("links").id(link).word("map"), mapping).await
    }

    /// `GET /v1/links/{link}/check`: what would be lost on the link or stands in its way.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn check_link(&self, link: &str) -> Result<LinkCheck, Error> {
        self.get(Path::new("links").id(link).word("check")).await
    }

    /// `GET /v1/links/{link}/rules`: what happens by itself.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rules(&self, link: &str) -> Result<RuleList, Error> {
        self.get(Path::new("links").id(link).word("rules")).await
    }

    /// `POST /v1/links/{link}/rules`: adds a rule.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_rule(&self, link: &str, rule: &NewRule) -> Result<RuleList, Error> {
        self.post(Path::new("links").id(link).word("rules"), rule).await
    }

    /// `DELETE /v1/links/{link}/rules/{rule}`: removes a rule.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_rule(&self, link: &str, rule: u32) -> Result<(), Error> {
        self.delete(Path::new("links").id(link).word("rules").id(&rule.to_string())).await
    }

    /// `POST /v1/links/{link}/verify`: says what came of reading the words to each other.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn verify_link(&self, link: &str, request: &LinkVerification) -> Result<Link, Error> {
        self.post(Path::new("links").id(link).word("verify"), request).await
    }

    /// `GET /v1/links/{link}/log`: a part of one of the link's signed streams.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn log(&self, link: &str, query: &LogQuery) -> Result<LogPage, Error> {
        let path = Path::new("links")
            .id(link)
            .word("log")
            .ask("direction", query.direction.map(|direction| direction.as_str()))
            .ask("from", query.from)
            .ask("limit", query.limit)
            .ask("signed", query.signed);
        self.get(path).await
    }
}
