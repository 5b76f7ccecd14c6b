//! What becomes of contributions after they were made: edits, what is taken back, and what goes onward in a chain.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Audience, Delivery, Person, Preview, Time};

/// One version of a comment of this desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommentVersion {
    /// When it was written.
    pub time: Time,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// What it says, CommonMark; absent when it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How far an edit has come, one per partner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
}

/// How a comment or a file of this desk was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retraction {
    /// When.
    pub time: Time,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Whether it stays here as an internal one.
    #[serde(default)]
    pub kept: bool,
    /// How far that has come, one per partner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
}

/// What a partner says of the desk that wrote something, where that is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Relayed {
    /// Its name; absent where it is "a partner".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its desk id, where a signature of its own over the words was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<String>,
}

/// A place to which a partner's contribution does not go onward, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayWaiting {
    /// Number of the ticket.
    pub ticket: String,
    /// Id of the comment or the file.
    pub item: String,
    /// Id of the delegation by which it would go.
    pub delegation: String,
    /// Name of the partner there.
    pub partner: String,
    /// Whether somebody said that it does not go; it may still be approved.
    #[serde(default)]
    pub skipped: bool,
    /// The stable code of the reason for which it could not go by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Since when it waits.
    pub since: Time,
}

/// The answer of `GET /v1/relays`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayList {
    /// What waits, by ticket.
    pub relays: Vec<RelayWaiting>,
}

/// The query of `GET /v1/relays`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RelayQuery {
    /// Only what stands on this ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How many at most: 1 to 500, 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The body of `POST /v1/relays/approve`, `…/skip` and `…/preview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayChoice {
    /// Number of the ticket.
    pub ticket: String,
    /// Id of the comment or the file, or the beginning of it.
    pub item: String,
    /// Id of the delegation; every place for which it waits when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
}

/// What of other partners' contributions goes onward over a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelaySetting {
    /// What goes.
    pub mode: RelayMode,
    /// Whether authors are named there, where they may be; otherwise they are "a partner".
    #[serde(default)]
    pub named: bool,
    /// Whether this desk's own contributions for all partners carry its proof there, so that the partner may name it
    /// further on.
    #[serde(default)]
    pub sign: bool,
}

/// Whether what partners contribute goes onward over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelayMode {
    /// It does not.
    #[default]
    Off,
    /// Each contribution waits for somebody of this desk.
    Click,
    /// By itself.
    Automatic,
}

/// The body of `POST /v1/tickets/{number}/comments/{id}/edit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentEdit {
    /// All of it anew, CommonMark.
    pub body: String,
}

/// The body of `…/retract` of a comment or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBack {
    /// It stays here, as an internal one.
    #[serde(default)]
    pub keep: bool,
}

/// The body of `…/audience` of a comment or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudienceChange {
    /// Who may read it from now on; who has it keeps it.
    pub audience: Audience,
}

/// What became of a contribution at partners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revised {
    /// Id of the comment or the file.
    pub id: String,
    /// Names of the partners who are told.
    pub told: Vec<String>,
    /// Names of the partners who never got it, and never will.
    pub never: Vec<String>,
    /// Names of the partners who may have read it: what was read cannot be taken back.
    pub read: Vec<String>,
}

/// What a comment or a file would say to each partner; computed by the function that makes the messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Previews {
    /// One for each partner; none for what stays here.
    pub previews: Vec<Preview>,
}

/// The body of `POST /v1/tickets/{number}/files/preview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePreview {
    /// File name without folders.
    pub name: String,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// Size, bytes.
    pub size: u64,
    /// Who may read it; internal when absent.
    #[serde(default)]
    pub audience: Audience,
}

/// The body of `POST /v1/links/{link}/withdraw`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Number of this desk's own message.
    pub seq: u64,
}

/// The answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// Number of the message.
    pub seq: u64,
    /// Whether the partner has said that it has the message: somebody may have read it.
    pub read: bool,
}

/// Where the work stands that this desk has handed out of one ticket, all of it as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Handed {
    /// Where it stands.
    pub state: HandedState,
    /// Whether this desk has something to do.
    pub our_turn: bool,
    /// Whether a contractor has.
    pub their_turn: bool,
}

/// Where the work stands that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HandedState {
    /// Every contractor has still to answer.
    Offered,
    /// Somebody has taken it, nobody has begun.
    Accepted,
    /// Somebody works.
    InProgress,
    /// Nobody who has not finished can go on, because of somebody else.
    WaitingThird,
    /// Somebody has asked this desk something.
    WaitingPrincipal,
    /// Everybody is done; this desk has to confirm.
    Resolved,
    /// Everything is confirmed.
    Confirmed,
    /// Nobody has the work any more, and nobody has done it.
    Back,
}
