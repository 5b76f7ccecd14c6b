//! Every number that bounds what a peer may send. proto-spec, chapter 12.

/// Largest signed message together with its text part, bytes.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// Largest batch in bytes, its head included.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// Most messages of one batch.
pub const BATCH_MESSAGES: usize = 256;
/// Most messages that one receipt may list.
pub const RECEIPT_MESSAGES: usize = 4_096;
/// Largest signed thing other than a message or a batch: descriptor, receipt, linking bodies.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
/// Verified bytes that a receiver holds ahead of its cursor, per link.
pub const AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// How long a receiver holds a batch that is ahead of its cursor before it answers `gap`, milliseconds.
pub const AHEAD_WAIT: u64 = 2_000;
/// Bytes of one chunk of a file.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// Most chunks that one request may ask for.
pub const CHUNKS_PER_REQUEST: u64 = 8;
/// Largest file that the protocol can name, bytes: its chunk list stays under 32 MiB.
pub const FILE_BYTES: u64 = 1 << 40;
/// Largest sequence number, so that a number fits a double in any language.
pub const SEQ_MAX: u64 = (1 << 53) - 1;
/// Most events of one key log.
pub const KEY_EVENTS: usize = 64;
/// How long an invitation is good for unless said otherwise, milliseconds.
pub const INVITATION_LIFE: u64 = 7 * 24 * 3_600 * 1_000;
/// Largest invitation in CBOR, bytes.
pub const INVITATION_BYTES: usize = 16 * 1024;
/// Largest recovery page inside a pull request, bytes.
pub const PULL_PAGE_BYTES: usize = 128 * 1024;
/// Largest body that brings a part of a file, bytes.
pub const UPLOAD_BYTES: usize = 8 * 1024 * 1024 + 64 * 1024;
/// Longest that a pull request is held, milliseconds.
pub const PULL_WAIT: u64 = 60_000;
/// How far below the highest seen the time of a signed request may lie, milliseconds.
pub const FRESHNESS: u64 = 600_000;
