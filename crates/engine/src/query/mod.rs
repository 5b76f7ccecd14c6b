//! What is read: pure functions over the committed rows and the journal, for screens and programs.
//!
//! Nothing here changes anything. Whoever asks gets plain structures in the words of the protocol; how they are shown
//! is the business of the API.

mod accord;
mod account;
pub(crate) mod clock;
mod contribution;
mod delegation;
mod delivery;
mod digest;
mod ending;
mod export;
mod file;
mod handled;
mod health;
mod labels;
mod link;
mod log;
mod lookup;
mod message;
pub(crate) mod offer;
mod privacy;
pub(crate) mod queue;
mod repair;
mod report;
mod statement;
mod stored;
mod thread;
mod ticket;
pub(crate) mod timeline;
mod untold;
mod verify;

pub use accord::{
    Finding, LinkTerms, Proposal, SaidOnLink, check, ends, link_terms, mapping, rules, suspensions,
};
pub use account::{Detail, Verdict, Work, WorkLine, WorkSum, work};
pub use clock::{
    DelegationClock, DueFilter, DueState, ShownDue, delegation_clock, hours, reserve, shown_due, ticket_due,
};
pub use contribution::{
    Comment, Relay, Relayed, Retraction, Version, comment, comment_at, find_comment, relays,
};
pub use delegation::{Delegation, DelegationFilter, Undelivered, delegation, delegations, find_delegation};
pub use delivery::{Delivery, DeliveryState};
pub use digest::{Agreement, Answered, agreement, answer, own_digest, to_compare};
pub use ending::{LeftOpen, OpenCase, Unsettled, left_open};
pub use export::{Export, Others, export};
pub use file::{File, file, find_file, partial_key};
pub use health::{Health, HealthState, health};
pub use link::{
    Expected, Invitation, InvitationState, Link, LinkTrouble, expected, invitation, invitations, link,
    link_events, links,
};
pub use log::{LogEntry, LogPage, Outcome, Way, log};
pub use offer::{Changed, Offer, PendingChange};
pub use privacy::{
    Asked, Erasure, ErasureState, Found, Person, Shown, Work as ErasureWork, erasure, erasure_work, erasures,
    find_case, find_person, no_erasure, would_ask,
};
pub use queue::{QueueFilter, QueueItem, QueuePage, QueuePlace, QueueState, drop_preview, queue};
pub use repair::{Branches, branches};
pub use report::{PartnerFigures, partner_figures};
pub use statement::{
    SignedMessage, StatementDetail, StatementInfo, StatementState, open_account, signed_statements,
    statement, statements,
};
pub use thread::{Happened, Origin, SeenBy, ThreadEntry, What};
pub use ticket::{Page, Ticket, TicketDetail, TicketFilter, find_ticket, ticket, ticket_detail, tickets};
pub use timeline::{Fate, TimelineEvent};
pub use untold::Untold;
pub use verify::{JournalReport, Problem, Report, StreamReport, verify};
