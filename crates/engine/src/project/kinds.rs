//! What each kind of message leaves on a ticket: in one place, so that whatever looks at messages of every kind, at their
//! first coming, after a restore or when they are set aside, agrees about which rows there are.

use deskwire_proto::message::Kind;

/// What a message of a kind leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// An event of its delegation, shown in the thread.
    Event,
    /// A comment in the thread.
    Comment,
    /// A file in the thread.
    File,
    /// Something done to an earlier contribution of its author, shown in the thread.
    Revision,
    /// A line of the account, shown in the thread.
    Work,
    /// What its author sees of a delegation: nothing in the thread.
    Digest,
    /// How a case stands further down: nothing in the thread.
    Report,
    /// Something of the link as a whole: nothing in a thread.
    Link,
}

/// What messages of this kind leave.
pub(crate) const fn leaves(kind: Kind) -> Leaves {
    match kind {
        Kind::Offer
        | Kind::Accept
        | Kind::Decline
        | Kind::Return
        | Kind::Recall
        | Kind::Status
        | Kind::Resolve
        | Kind::Confirm
        | Kind::Reopen
        | Kind::Update
        | Kind::ChangeTake
        | Kind::ChangeDecline
        | Kind::Ask
        | Kind::Answer
        | Kind::Rate => Leaves::Event,
        Kind::CommentAdd => Leaves::Comment,
        Kind::FileAdd => Leaves::File,
        Kind::CommentEdit | Kind::CommentRetract | Kind::FileRetract => Leaves::Revision,
        Kind::WorkAdd | Kind::WorkApprove | Kind::WorkDispute => Leaves::Work,
        Kind::Digest => Leaves::Digest,
        Kind::ChainReport => Leaves::Report,
        Kind::TermsPropose
        | Kind::TermsAccept
        | Kind::LinkSuspend
        | Kind::LinkResume
        | Kind::LinkClose
        | Kind::LinkDescriptor
        | Kind::LinkWithdraw
        | Kind::StatementPropose
        | Kind::StatementSign
        | Kind::Erase
        | Kind::EraseDone => Leaves::Link,
    }
}
