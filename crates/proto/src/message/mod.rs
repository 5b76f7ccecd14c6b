//! The kinds of message, one file each, and the table that joins them. proto-spec, chapter 6.

pub mod accept;
pub mod answer;
pub mod ask;
pub mod chain_report;
pub mod change_decline;
pub mod change_take;
pub mod comment_add;
pub mod comment_edit;
pub mod comment_retract;
pub mod common;
pub mod confirm;
pub mod decline;
pub mod digest;
pub mod erase;
pub mod erase_done;
pub mod file_add;
pub mod file_retract;
pub mod link_close;
pub mod link_descriptor;
pub mod link_resume;
pub mod link_suspend;
pub mod link_withdraw;
mod members;
pub mod offer;
mod part;
pub mod rate;
pub mod recall;
pub mod reopen;
pub mod resolve;
pub mod return_;
pub mod statement_propose;
pub mod statement_sign;
pub mod status;
pub mod terms_accept;
pub mod terms_propose;
pub mod update;
pub mod work_add;
pub mod work_approve;
pub mod work_dispute;

use crate::code::OutcomeCode;
use part::TextPart;

/// Who may send a kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The side that handed the work over.
    Principal,
    /// The side that does it.
    Contractor,
    /// Both sides of a delegation.
    Either,
    /// Both desks of the link; no delegation is concerned.
    Desk,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident, $module:ident, $name:literal, $section:literal, $sender:ident;)*) => {
        /// What a message says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// All kinds, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of a name on the wire, if this version knows it.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Its section in the specification.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$variant => $section,)* }
            }

            /// Who may send it.
            #[must_use]
            pub const fn sender(self) -> Sender {
                match self { $(Self::$variant => Sender::$sender,)* }
            }

            /// Whether its head names a delegation; otherwise it must not.
            #[must_use]
            pub const fn needs_delegation(self) -> bool {
                !matches!(self.sender(), Sender::Desk)
            }

            /// The members of its facts that this version knows: what a head's `must` may list.
            #[must_use]
            pub fn fact_keys(self) -> &'static [&'static str] {
                match self { $(Self::$variant => members::members::<$module::Facts>(),)* }
            }
        }

        /// The decoded content of a message: facts, and what persons wrote.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $variant {
                /// What folds, clocks and statements need.
                facts: $module::Facts,
                /// What a person wrote, which erasure may take away.
                text: $module::Text,
            },)*
        }

        impl Body {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$variant { .. } => Kind::$variant,)* }
            }

            /// Deterministic CBOR of the facts and, if there is one, of the text body without its salt.
            #[must_use]
            pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
                match self { $(Self::$variant { facts, text } => (part::encode(facts), text.encode()),)* }
            }

            /// Strictly checks and decodes facts and text body.
            ///
            /// # Errors
            /// Why the message is consumed without effect.
            pub fn decode(kind: Kind, facts: &[u8], text_body: Option<&[u8]>) -> Result<Self, OutcomeCode> {
                match kind {
                    $(Kind::$variant => Ok(Self::$variant {
                        facts: part::facts(facts)?,
                        text: TextPart::decode(text_body)?,
                    }),)*
                }
            }

            /// The facts alone.
            #[must_use]
            pub fn facts(&self) -> Facts {
                match self { $(Self::$variant { facts, .. } => Facts::$variant(facts.clone()),)* }
            }
        }

        /// The facts of a message alone: all that is left when its text has been erased.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Facts {
            $($(#[$doc])* $variant($module::Facts),)*
        }

        impl Facts {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$variant(_) => Kind::$variant,)* }
            }

            /// Strictly checks and decodes facts.
            ///
            /// # Errors
            /// [`OutcomeCode::MalformedFacts`].
            pub fn decode(kind: Kind, facts: &[u8]) -> Result<Self, OutcomeCode> {
                match kind { $(Kind::$variant => part::facts(facts).map(Self::$variant),)* }
            }
        }
    };
}

kinds! {
    /// New terms for the link are proposed.
    TermsPropose, terms_propose, "terms.propose", "6.3", Desk;
    /// Proposed terms are accepted.
    TermsAccept, terms_accept, "terms.accept", "6.4", Desk;
    /// The sender takes no new work over this link for a while.
    LinkSuspend, link_suspend, "link.suspend", "6.5", Desk;
    /// The suspension ends.
    LinkResume, link_resume, "link.resume", "6.6", Desk;
    /// The link ends; open delegations are returned or recalled.
    LinkClose, link_close, "link.close", "6.7", Desk;
    /// The sender has a newer descriptor.
    LinkDescriptor, link_descriptor, "link.descriptor", "6.8", Desk;
    /// The text of an own message that no receipt covered yet is blanked.
    LinkWithdraw, link_withdraw, "link.withdraw", "6.9", Desk;
    /// Work is handed over.
    Offer, offer, "delegation.offer", "6.10", Principal;
    /// The contractor takes the work.
    Accept, accept, "delegation.accept", "6.11", Contractor;
    /// The contractor does not take the work.
    Decline, decline, "delegation.decline", "6.12", Contractor;
    /// The contractor gives accepted work back.
    Return, return_, "delegation.return", "6.13", Contractor;
    /// The principal takes the work back.
    Recall, recall, "delegation.recall", "6.14", Principal;
    /// The status of the sender’s own ticket changed.
    Status, status, "delegation.status", "6.15", Either;
    /// The contractor says that the work is done.
    Resolve, resolve, "delegation.resolve", "6.16", Contractor;
    /// The principal agrees that the work is done.
    Confirm, confirm, "delegation.confirm", "6.17", Principal;
    /// The principal does not agree, or the fault came back.
    Reopen, reopen, "delegation.reopen", "6.18", Principal;
    /// The principal changes what it offered; absent members stay as they were.
    Update, update, "delegation.update", "6.19", Principal;
    /// The contractor agrees to a proposed change.
    ChangeTake, change_take, "delegation.change-take", "6.20", Contractor;
    /// The contractor does not agree to a proposed change.
    ChangeDecline, change_decline, "delegation.change-decline", "6.21", Contractor;
    /// The contractor asks, and waits for the principal.
    Ask, ask, "delegation.ask", "6.22", Contractor;
    /// The principal answers.
    Answer, answer, "delegation.answer", "6.23", Principal;
    /// What the sender holds of the shared view, for comparison.
    Digest, digest, "delegation.digest", "6.24", Either;
    /// A comment.
    CommentAdd, comment_add, "comment.add", "6.25", Either;
    /// The author replaces the words of a comment.
    CommentEdit, comment_edit, "comment.edit", "6.26", Either;
    /// The author takes a comment back.
    CommentRetract, comment_retract, "comment.retract", "6.27", Either;
    /// A file is announced; its bytes travel apart.
    FileAdd, file_add, "file.add", "6.28", Either;
    /// The author takes a file back.
    FileRetract, file_retract, "file.retract", "6.29", Either;
    /// A line of work to be paid for.
    WorkAdd, work_add, "work.add", "6.30", Contractor;
    /// A work line is approved.
    WorkApprove, work_approve, "work.approve", "6.31", Principal;
    /// A work line is disputed.
    WorkDispute, work_dispute, "work.dispute", "6.32", Principal;
    /// The principal rates the work.
    Rate, rate, "delegation.rate", "6.33", Principal;
    /// A statement of account over a period.
    StatementPropose, statement_propose, "statement.propose", "6.34", Desk;
    /// A statement is agreed.
    StatementSign, statement_sign, "statement.sign", "6.35", Desk;
    /// How the case stands further down its chain.
    ChainReport, chain_report, "chain.report", "6.36", Contractor;
    /// The texts of these items are to be erased.
    Erase, erase, "privacy.erase", "6.37", Desk;
    /// The texts of these items are erased.
    EraseDone, erase_done, "privacy.erased", "6.38", Desk;
}
