//! The versioned data types of the operator API, version 1: what the daemon answers and what a caller sends, as JSON.
//!
//! One file per resource. Members are `snake_case`, words of enumerations `kebab-case`; they are the protocol's own
//! words where the protocol has one. Ids are text: 64 hexadecimal digits for links, blobs and messages, 32 for
//! delegations, comments and files. Times are RFC 3339 in UTC, sizes are bytes. Absent members mean "unknown" or
//! "none", never "empty text". Requests refuse members they do not know; readers of answers must ignore them, as later
//! versions add some.
#![deny(missing_docs)]

mod accord;
mod agreement;
mod audience;
mod clock;
mod comment;
mod contact;
mod delegation;
mod desk;
mod erasure;
mod export;
mod file;
mod header;
mod invitation;
mod key;
mod link;
mod log;
mod preview;
mod problem;
mod queue;
mod relay;
mod report;
mod statement;
mod terms;
mod ticket;
mod time;
mod verify;
mod work;

pub use accord::{
    AcceptTerms, CloseLink, LinkCheck, LinkFinding, LinkLeftOpen, LinkMapping, LinkTerms, MappedCode,
    MappedField, MappedPriority, MappedStatus, NewRule, OpenDelegation, ProposeTerms, Rule, RuleList,
    SaidOnLink, SuspendLink, TakeCalendars, TermsDifference, TermsProposal, UnsettledWork,
};
pub use agreement::{Agreement, Seen, SeenEntry, SeenLine};
pub use audience::{Audience, BadAudience};
pub use clock::{
    Breach, Calendar, CalendarQuery, ChainHop, ClockSplit, CountedTime, DelegationClock, Due, DueFilter,
    DueKind, DueState, Hours, LinkReserve, SetCalendar,
};
pub use comment::{Comment, CommentRequest, Delivery, DeliveryState};
pub use contact::{Contact, Equipment, Person, ServiceObject};
pub use delegation::{
    AcceptOffer, Action, Answer, Ask, ChangeDecline, ChangeTake, Confirm, Custom, Delegation, DelegationList,
    DelegationQuery, DelegationState, Effect, Money, OfferFields, OfferUpdate, OwnSide, PartnerSide,
    PendingChange, Reading, Reason, Resolve, Role, StatusChange, TimelineEvent, Turn, Undelivered,
    WaitingFor, WorkState,
};
pub use desk::{Desk, Health, Readiness};
pub use erasure::{
    EraseRequest, ErasedText, Erasure, ErasureAsked, ErasureList, ErasurePlan, ErasureQuery, ErasureState,
};
pub use export::{ExportQuery, OtherCases};
pub use file::{FileInfo, FileQuery, FileState};
pub use header::{
    ACTING_PERSON, CONTENT_SHA256, IDEMPOTENCY_KEY, PREFIX, PROBLEM_MEDIA, REQUEST_ID, decode_percent,
    encode_percent,
};
pub use invitation::{AcceptInvitation, Invitation, InvitationList, InvitationState, InviteRequest};
pub use key::{KeyLogImport, KeyLogImported, KeyLogOutcome};
pub use link::{
    AddLink, Branch, BranchMessage, Branches, FindPartner, HealthState, Incoming, Link, LinkEvent,
    LinkHealth, LinkList, LinkState, LinkVerification, Outgoing, PartnerDesk, RepairRequest, Trouble, Words,
};
pub use log::{Direction, LogEntry, LogOutcome, LogPage, LogQuery};
pub use preview::{DelegateRequest, FieldValue, Preview, PreviewFile, Withheld, WithheldReason};
pub use problem::Problem;
pub use queue::{
    QueueChanged, QueueItem, QueueList, QueueMoved, QueuePreview, QueueQuery, QueueRetry, QueueState,
    QueueTarget,
};
pub use relay::{
    AudienceChange, CommentEdit, CommentVersion, FilePreview, Handed, HandedState, Previews, RelayChoice,
    RelayList, RelayMode, RelayQuery, RelaySetting, RelayWaiting, Relayed, Retraction, Revised, TakeBack,
    Withdraw, Withdrawn,
};
pub use report::{PartnerFigures, PartnerReport, ReportQuery, Spread};
pub use statement::{
    Evidence, ExportFormat, Language, ProposeStatement, Statement, StatementDetail, StatementExportQuery,
    StatementLine, StatementList, StatementState, StatementSum,
};
pub use terms::{FieldName, PersonTerm, Principals, Redelegate, Side, Terms, TermsOffer};
pub use ticket::{
    NewTicket, Priority, ThreadEntry, ThreadEvent, Ticket, TicketDetail, TicketList, TicketQuery,
    TicketStatus, Untold,
};
pub use time::{BadTime, Time};
pub use verify::{JournalReport, StreamReport, VerifyProblem, VerifyReport, VerifyRequest};
pub use work::{
    ApproveWork, DisputeWork, LineState, NewWork, Rate, WorkLine, WorkList, WorkSum, WorkType, WorkVerdict,
};

#[cfg(test)]
mod tests;
