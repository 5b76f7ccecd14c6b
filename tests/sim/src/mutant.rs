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
    /// The engine makes it.
    Engine(Sabotage),
}

impl Mutant {
    const AROUND: [(Self, &'static str); 5] = [
        (Self::DiskLies, "disk-lies"),
        (Self::ReplyBeforeCommit, "reply-before-commit"),
        (Self::ReceiptBeforeCommit, "receipt-before-commit"),
        (Self::FullDiskAnswered, "full-disk-answered"),
        (Self::FailedSyncAnswered, "failed-sync-answered"),
    ];

    /// Every one, with the name by which the runner knows it.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let inside = Sabotage::ALL.iter().map(|(mistake, name)| (Self::Engine(*mistake), *name));
        Self::AROUND.into_iter().chain(inside)
    }

    /// The mistake inside the engine, if it is one.
    #[must_use]
    pub const fn sabotage(self) -> Option<Sabotage> {
        match self {
            Self::DiskLies
            | Self::ReplyBeforeCommit
            | Self::ReceiptBeforeCommit
            | Self::FullDiskAnswered
            | Self::FailedSyncAnswered => None,
            Self::Engine(mistake) => Some(mistake),
        }
    }
}
