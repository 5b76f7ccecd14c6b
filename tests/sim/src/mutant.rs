//! Mistakes that are made on purpose: a simulation that does not find them finds nothing.

use deskwire_engine::sabotage::Sabotage;

/// One mistake, of the engine or of what stands around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The disk says that it has synced, and has not.
    DiskLies,
    /// Callers are answered before their group is on the disk.
    ReplyBeforeCommit,
    /// Receipts leave before the messages are on the disk.
    ReceiptBeforeCommit,
    /// A full disk is answered as if all were well.
    FullDiskAnswered,
    /// A failed sync is answered as if all were well.
    FailedSyncAnswered,
    /// See [`Sabotage::NumberWithoutSession`].
    NumberWithoutSession,
    /// See [`Sabotage::KeysForgotten`].
    KeysForgotten,
    /// See [`Sabotage::DedupeByWindow`].
    DedupeByWindow,
    /// See [`Sabotage::DecideAgain`].
    DecideAgain,
    /// See [`Sabotage::PrevNotChecked`].
    PrevNotChecked,
    /// See [`Sabotage::GapAccepted`].
    GapAccepted,
    /// See [`Sabotage::OutcomeNotRepeated`].
    OutcomeNotRepeated,
    /// See [`Sabotage::RetryRenumbers`].
    RetryRenumbers,
    /// See [`Sabotage::UndoForgotten`].
    UndoForgotten,
    /// See [`Sabotage::BackOffForgotten`].
    BackOffForgotten,
    /// See [`Sabotage::SeenForgotten`].
    SeenForgotten,
}

impl Mutant {
    /// Every one, with the name by which the runner knows it.
    pub const ALL: [(Self, &'static str); 16] = [
        (Self::DiskLies, "disk-lies"),
        (Self::ReplyBeforeCommit, "reply-before-commit"),
        (Self::ReceiptBeforeCommit, "receipt-before-commit"),
        (Self::FullDiskAnswered, "full-disk-answered"),
        (Self::FailedSyncAnswered, "failed-sync-answered"),
        (Self::NumberWithoutSession, "number-without-session"),
        (Self::KeysForgotten, "keys-forgotten"),
        (Self::DedupeByWindow, "dedupe-by-window"),
        (Self::DecideAgain, "decide-again"),
        (Self::PrevNotChecked, "prev-not-checked"),
        (Self::GapAccepted, "gap-accepted"),
        (Self::OutcomeNotRepeated, "outcome-not-repeated"),
        (Self::RetryRenumbers, "retry-renumbers"),
        (Self::UndoForgotten, "undo-forgotten"),
        (Self::BackOffForgotten, "back-off-forgotten"),
        (Self::SeenForgotten, "seen-forgotten"),
    ];

    /// The mistake inside the engine, if it is one.
    #[must_use]
    pub const fn sabotage(self) -> Option<Sabotage> {
        Some(match self {
            Self::DiskLies
            | Self::ReplyBeforeCommit
            | Self::ReceiptBeforeCommit
            | Self::FullDiskAnswered
            | Self::FailedSyncAnswered => return None,
            Self::NumberWithoutSession => Sabotage::NumberWithoutSession,
            Self::KeysForgotten => Sabotage::KeysForgotten,
            Self::DedupeByWindow => Sabotage::DedupeByWindow,
            Self::DecideAgain => Sabotage::DecideAgain,
            Self::PrevNotChecked => Sabotage::PrevNotChecked,
            Self::GapAccepted => Sabotage::GapAccepted,
            Self::OutcomeNotRepeated => Sabotage::OutcomeNotRepeated,
            Self::RetryRenumbers => Sabotage::RetryRenumbers,
            Self::UndoForgotten => Sabotage::UndoForgotten,
            Self::BackOffForgotten => Sabotage::BackOffForgotten,
            Self::SeenForgotten => Sabotage::SeenForgotten,
        })
    }
}
