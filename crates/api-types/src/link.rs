//! Links: the relation to a partner desk, its streams and how it fares.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{LogEntry, SaidOnLink, Side, Terms, TermsOffer, Time};

/// The relation to one partner desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Link id, 64 hexadecimal digits; absent until both desks have finished the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Local short name, unique on this desk; made from the partner's name unless it was chosen.
    pub name: String,
    /// The desk at the other end.
    pub partner: PartnerDesk,
    /// Where the link stands.
    pub state: LinkState,
    /// Whether somebody compared the words and said that they match.
    pub verified: bool,
    /// What the two sides read to each other; absent as long as there is no link id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// The terms in force, or as offered while the link is made.
    pub terms: Terms,
    /// Which side this desk is.
    pub side: Side,
    /// This desk's stream to the partner.
    pub out: Outgoing,
    /// The partner's stream to this desk.
    #[serde(rename = "in")]
    pub incoming: Incoming,
    /// When the link was made here.
    pub created: Time,
    /// Last authenticated contact in either direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Time>,
    /// What went wrong last; absent when the last contact was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Trouble>,
    /// When the next attempt is due; absent when nothing waits or nothing will be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Time>,
    /// The partner has no address: it comes and fetches what this desk has for it.
    #[serde(default)]
    pub partner_fetches: bool,
    /// When the partner last came to fetch, since the daemon runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_asked: Option<Time>,
    /// This desk has no address: it goes to the partner and fetches what that has for it.
    #[serde(default)]
    pub fetches: bool,
    /// How it fares; absent until both desks have finished the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<LinkHealth>,
    /// Who takes and gives no new work over it for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<SaidOnLink>,
    /// Who has said that it ends. It has ended when its state is `closed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<SaidOnLink>,
    /// Whether it is being ended: nothing more can be said over it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    /// What happened to the link, newest first: the last twenty events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LinkEvent>,
}

/// How a link fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkHealth {
    /// All in one word.
    pub state: HealthState,
    /// Items that were taken out of the queue until somebody sends them again.
    pub parked: u64,
    /// When the oldest item was accepted that is neither delivered nor parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Time>,
    /// The same, once it is more than an hour ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_delivered_since: Option<Time>,
    /// When the oldest parked item was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_parked: Option<Time>,
    /// Failed tries since the last contact.
    pub failures: u32,
    /// By how much the partner's clock is ahead of this desk's, milliseconds; negative when it is behind. As last seen
    /// since the daemon runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// The same in words, if it is more than five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Since when the partner's daemon has been the one that speaks now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_started: Option<Time>,
    /// How many starts of the partner's daemon are remembered; many in a short time are a reason to ask.
    pub partner_instances: u64,
}

/// How a link fares, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// What there is goes.
    Good,
    /// Ended.
    Ended,
    /// Somebody still has to approve it.
    Unapproved,
    /// The last try failed.
    Troubled,
    /// Items are parked until somebody decides.
    Parked,
    /// Something has not been delivered for more than an hour.
    Late,
    /// Paused, or refused by the partner.
    Stopped,
}

impl HealthState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Ended => "ended",
            Self::Unapproved => "unapproved",
            Self::Troubled => "troubled",
            Self::Parked => "parked",
            Self::Late => "late",
            Self::Stopped => "stopped",
        }
    }
}

/// Something that happened to a link, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkEvent {
    /// When.
    pub at: Time,
    /// Stable, kebab-case.
    pub code: String,
    /// What happened, and what to do if anything.
    pub words: String,
    /// What it is about, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

/// The desk at the other end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerDesk {
    /// Desk id in groups with check characters.
    pub id: String,
    /// The same id as 64 hexadecimal digits.
    pub id_hex: String,
    /// Display name, as its descriptor says.
    pub name: String,
    /// URLs under which it is reached; none for a desk that can only ask.
    pub endpoints: Vec<String>,
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// This desk's operator has to approve.
    WaitingApproval,
    /// The partner has to answer or approve.
    WaitingPartner,
    /// Work may be handed over.
    Active,
    /// Stopped by either side, or by a doubt that people have to settle.
    Paused,
    /// The partner refuses this desk, or failed a check.
    Quarantined,
    /// Ended.
    Closed,
}

impl LinkState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitingApproval => "waiting-approval",
            Self::WaitingPartner => "waiting-partner",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Quarantined => "quarantined",
            Self::Closed => "closed",
        }
    }
}

/// What both sides of a link read to each other: 66 bits of the link id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Words {
    /// Six English words.
    pub en: Vec<String>,
    /// The same in Russian.
    pub ru: Vec<String>,
    /// The same in German.
    pub de: Vec<String>,
    /// The same as 20 decimal digits.
    pub digits: String,
}

/// This desk's stream to a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outgoing {
    /// Items accepted and not yet numbered.
    pub waiting: u64,
    /// Numbered messages that no receipt covers yet.
    pub unacknowledged: u64,
    /// Numbered messages.
    pub length: u64,
    /// Highest number that a receipt covers.
    pub acknowledged: u64,
}

/// The partner's stream to this desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incoming {
    /// Messages taken in.
    pub length: u64,
}

/// Something that went wrong, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// Stable, kebab-case.
    pub code: String,
    /// A sentence: what is wrong and what to do.
    pub words: String,
    /// When it happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// The answer of `GET /v1/links`, ordered by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkList {
    /// All links, closed ones included.
    pub links: Vec<Link>,
}

/// The body of `POST /v1/links/add`: link by hand; the partner does the same with this desk's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddLink {
    /// The partner's desk id, in groups or as 64 hexadecimal digits.
    pub desk: String,
    /// URL under which the partner is reached; absent when it will come to this desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Local short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Terms to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsOffer>,
}

/// The body of `POST /v1/links/{link}/find`: where the partner is reached now, as its operator says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindPartner {
    /// URL under which the partner is reached.
    pub endpoint: String,
}

/// The body of `POST /v1/links/{link}/verify`: what came of reading the words to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkVerification {
    /// Whether the words matched; `false` ends the link: somebody stands between the desks.
    pub matches: bool,
    /// The words or digits that the partner read aloud: compared by the daemon, and refused if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// The two branches of a fork: `GET /v1/links/{link}/repair`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Branches {
    /// Local name of the link.
    pub link: String,
    /// Whether the stream that forks is this desk's own.
    pub own: bool,
    /// Both branches are surely the same up to the message with this number.
    pub same: u64,
    /// Length of this desk's branch.
    pub length: u64,
    /// What this desk holds behind `same`: at most a hundred messages.
    pub ours: Vec<LogEntry>,
    /// The message of the other branch that is known here, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<BranchMessage>,
    /// Length of the other branch, as far as the partner has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub their_length: Option<u64>,
    /// What this desk held when the fork showed, as it was signed (COSE_Sign1), hexadecimal: a message, a receipt, or what
    /// was said at the start of a session. Absent when it held nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_hex: Option<String>,
    /// The signed bytes that do not fit it, hexadecimal. With `held_hex` they show anybody that there are two histories. Absent
    /// at a desk that knows of the fork only because its partner refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_hex: Option<String>,
}

/// A message of the other branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchMessage {
    /// Its number.
    pub seq: u64,
    /// What kind of message it is.
    pub kind: String,
    /// When its author says that it was said.
    pub time: Time,
}

/// A branch of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Branch {
    /// What this desk holds.
    Ours,
    /// What the partner holds.
    Theirs,
}

/// The body of `POST /v1/links/{link}/repair`: the operators of both desks choose the same branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairRequest {
    /// The branch on which the stream goes on.
    pub branch: Branch,
}
