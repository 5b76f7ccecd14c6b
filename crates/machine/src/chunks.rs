//! The chunks of one file: which are missing, whether bytes fit, and the list of a file that is read here (proto-spec,
//! sections 10.2 to 10.4).

use std::collections::BTreeSet;
use std::ops::Range;

use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::limits::CHUNK_BYTES;
use deskwire_proto::transfer::{ChunkList, chunk_count};
use sha2::{Digest, Sha256};

use crate::twofold::Twofold;

const CHUNK: u64 = CHUNK_BYTES as u64;

/// What is held of a file and what is missing, by its verified chunk list.
#[derive(Clone, Debug)]
pub struct Plan {
    size: u64,
    list: ChunkList,
    held: Vec<bool>,
    /// Chunks held from the first on, without a hole.
    have: usize,
    missing: u64,
    held_bytes: u64,
    /// Chunks that came wrong once.
    wrong: BTreeSet<u64>,
}

/// The hash of a file as far as its chunks came one behind the other, so that nobody has to read all of it again to check
/// the whole.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    hash: Twofold,
    chunks: u64,
}

impl Prefix {
    /// How many chunks are in it, from the first on.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// The hash of what is in it.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.hash.finish()
    }
}

/// Why bytes are not what the chunk list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The file has no such chunk.
    #[error("the file has no chunk {index}")]
    Outside {
        /// The chunk that was named.
        index: u64,
    },
    /// Not as many bytes as the chunk has.
    #[error("chunk {index} has {expected} bytes, {got} came")]
    Length {
        /// The chunk.
        index: u64,
        /// Bytes that it has.
        expected: u64,
        /// Bytes that came.
        got: u64,
    },
    /// Other bytes than announced.
    #[error("chunk {index} is not the one that was announced")]
    Content {
        /// The chunk.
        index: u64,
    },
}

impl Mismatch {
    /// The chunk that the bytes were to be.
    #[must_use]
    pub const fn index(self) -> u64 {
        match self {
            Self::Outside { index } | Self::Length { index, .. } | Self::Content { index } => index,
        }
    }
}

/// What to do about a chunk that came wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask for it once more.
    AskAgain,
    /// Give the file up: it is damaged at the desk that announced it.
    Damaged,
}

impl Plan {
    /// A plan for a file of `size` bytes of which nothing is held yet.
    ///
    /// # Errors
    /// [`Code::Malformed`] if a file of this size has another number of chunks than the list.
    pub fn new(size: u64, list: ChunkList) -> Result<Self, Code> {
        let chunks = list.hashes().len();
        if chunk_count(size) != chunks as u64 {
            return Err(Code::Malformed);
        }
        let missing = chunks as u64;
        let held = vec![false; chunks];
        Ok(Self { size, list, held, have: 0, missing, held_bytes: 0, wrong: BTreeSet::new() })
    }

    /// How many chunks the file has.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.held.len() as u64
    }

    /// Where a chunk lies in the file, bytes; `None` if the file has no such chunk.
    #[must_use]
    pub fn range(&self, index: u64) -> Option<Range<u64>> {
        (index < self.chunks()).then(|| index * CHUNK..((index + 1) * CHUNK).min(self.size))
    }

    /// Whether these bytes, in whatever pieces, are that chunk. Nothing is noted: [`Plan::hold`] does, once they are on the
    /// disk. If it is the next one of `prefix`, and right, it is added there.
    ///
    /// # Errors
    /// [`Mismatch`] says how they differ; the prefix is as before then.
    pub fn verify_pieces<'a>(
        &self,
        index: u64,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        prefix: &mut Prefix,
    ) -> Result<(), Mismatch> {
        self.measure(index, pieces.clone())?;
        let (found, longer) = if prefix.chunks == index {
            let mut hash = prefix.hash.clone();
            pieces.for_each(|piece| hash.update(piece));
            (hash.end_chunk(), Some(hash))
        } else {
            let mut hash = Sha256::new();
            pieces.for_each(|piece| hash.update(piece));
            (Hash::new(hash.finalize().into()), None)
        };
        if place(index).and_then(|place| self.list.hashes().get(place)) != Some(&found) {
            return Err(Mismatch::Content { index });
        }
        if let Some(hash) = longer {
            *prefix = Prefix { hash, chunks: index + 1 };
        }
        Ok(())
    }

    /// As [`Plan::verify_pieces`], but the next chunk of `prefix` is added there by its length alone: whether it is right is
    /// told by the hash of the whole, and each byte is hashed once instead of twice. One that came wrong before is verified.
    ///
    /// # Errors
    /// As [`Plan::verify_pieces`].
    pub fn follow_pieces<'a>(
        &self,
        index: u64,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
        prefix: &mut Prefix,
    ) -> Result<(), Mismatch> {
        if prefix.chunks != index || self.wrong.contains(&index) {
            return self.verify_pieces(index, pieces, prefix);
        }
        self.measure(index, pieces.clone())?;
        pieces.for_each(|piece| prefix.hash.update_whole(piece));
        prefix.chunks += 1;
        Ok(())
    }

    /// Whether these are as many bytes as the chunk has.
    fn measure<'a>(&self, index: u64, pieces: impl Iterator<Item = &'a [u8]>) -> Result<(), Mismatch> {
        let range = self.range(index).ok_or(Mismatch::Outside { index })?;
        let expected = range.end - range.start;
        let got = pieces.map(|piece| piece.len() as u64).sum();
        if expected == got { Ok(()) } else { Err(Mismatch::Length { index, expected, got }) }
    }

    /// Notes that a chunk is on the disk. A chunk outside the file is ignored.
    pub fn hold(&mut self, index: u64) {
        let Some(range) = self.range(index) else { return };
        let Some(held) = place(index).and_then(|place| self.held.get_mut(place)) else { return };
        if !std::mem::replace(held, true) {
            self.missing -= 1;
            self.held_bytes += range.end - range.start;
        }
        self.wrong.remove(&index);
        while self.held.get(self.have).is_some_and(|held| *held) {
            self.have += 1;
        }
    }

    /// Notes that a chunk came with wrong bytes. It is missing from then on, also if it was held.
    pub fn came_wrong(&mut self, index: u64) -> Verdict {
        if let Some(place) = place(index).filter(|place| self.held.get(*place) == Some(&true)) {
            self.held[place] = false;
            self.have = self.have.min(place);
            self.missing += 1;
            self.held_bytes -= self.range(index).map_or(0, |range| range.end - range.start);
        }
        if self.wrong.insert(index) { Verdict::AskAgain } else { Verdict::Damaged }
    }

    /// Chunks held from the first on, without a hole: `have` of a `blob-have`.
    #[must_use]
    pub fn have(&self) -> u64 {
        self.have as u64
    }

    /// How many bytes the chunks have that are held.
    #[must_use]
    pub const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// True when every chunk is held; the whole file is still to be checked against its hash.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The missing chunks, rising.
    fn missing(&self) -> impl Iterator<Item = u64> {
        (self.have()..).zip(&self.held[self.have..]).filter(|(_, held)| !**held).map(|(index, _)| index)
    }

    /// The missing chunks as ranges, rising.
    #[must_use]
    pub fn holes(&self) -> Vec<Range<u64>> {
        let mut holes: Vec<Range<u64>> = Vec::new();
        for index in self.missing() {
            match holes.last_mut().filter(|hole| hole.end == index) {
                Some(hole) => hole.end += 1,
                None => holes.push(index..index + 1),
            }
        }
        holes
    }
}

fn place(index: u64) -> Option<usize> {
    usize::try_from(index).ok()
}

/// What a `file.add` names of a file, and the list behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-256 of the file.
    pub blob: Hash,
    /// Its size, bytes.
    pub size: u64,
    /// The chunk list as it travels: 32 bytes for each chunk.
    pub list: Vec<u8>,
    /// SHA-256 of the chunk list.
    pub chunks: Hash,
}

/// Hashes a file and its chunks while it is read, in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct ChunkHasher {
    hash: Twofold,
    /// Bytes of the chunk that is not full yet.
    filled: usize,
    size: u64,
    list: Vec<u8>,
}

impl ChunkHasher {
    /// A hasher that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reads the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.filled));
            self.hash.update(piece);
            self.filled += piece.len();
            if self.filled == CHUNK_BYTES {
                self.end_chunk();
            }
            bytes = rest;
        }
    }

    /// The hashes of all that was read.
    #[must_use]
    pub fn finish(mut self) -> Hashed {
        if self.filled > 0 {
            self.end_chunk();
        }
        let blob = self.hash.finish();
        Hashed { blob, size: self.size, chunks: Hash::of(&self.list), list: self.list }
    }

    fn end_chunk(&mut self) {
        self.list.extend_from_slice(self.hash.end_chunk().as_bytes());
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    //! A file arrives whole and unchanged whatever was lost on the way, or its damage is named.
    use super::*;

    fn hashed(file: &[u8], piece: usize) -> Hashed {
        let mut hasher = ChunkHasher::new();
        file.chunks(piece).for_each(|bytes| hasher.update(bytes));
        hasher.finish()
    }

    fn plan(file: &[u8]) -> Plan {
        let hashed = hashed(file, 1 << 16);
        Plan::new(hashed.size, ChunkList::decode(&hashed.list, hashed.size, hashed.chunks).unwrap()).unwrap()
    }

    /// A plan for so many chunks, the last of five bytes, of which these are held.
    fn holding(chunks: usize, held: impl IntoIterator<Item = u64>) -> Plan {
        let size = (chunks as u64 - 1) * CHUNK + 5;
        let mut plan = Plan::new(size, ChunkList::new(vec![Hash::of(b""); chunks])).unwrap();
        held.into_iter().for_each(|index| plan.hold(index));
        plan
    }

    #[test]
    fn the_example_of_the_specification_comes_out_whatever_the_pieces() {
        let mut file = vec![0; CHUNK_BYTES];
        file.extend_from_slice(b"abc");
        for piece in [7_919, 1 << 16, CHUNK_BYTES, file.len()] {
            let hashed = hashed(&file, piece);
            assert_eq!(
                hashed.chunks.to_hex(),
                "d42609bc4b1914d8db6601c2be9fc4094e18756913e47143c8dd76e0063e5d5f"
            );
            assert_eq!(
                hashed.blob.to_hex(),
                "3b6404689f6fb3b40515a0385428aa00378bf8008a3ba2ba2ea03a2209fc80b7"
            );
            assert_eq!((hashed.size, hashed.list.len()), (1_048_579, 64));
        }
    }

    #[test]
    fn a_file_that_ends_with_its_chunk_has_no_empty_one() {
        assert_eq!(hashed(&vec![1; CHUNK_BYTES], 4_096).list.len(), 32);
        let empty = ChunkHasher::new().finish();
        assert_eq!((empty.blob, empty.size, empty.list.len()), (Hash::of(b""), 0, 0));
        let plan = plan(b"");
        assert!(plan.is_complete() && plan.holes().is_empty() && plan.have() == 0);
    }

    #[test]
    fn a_file_is_complete_when_the_last_hole_is_filled_and_not_before() {
        let mut plan = holding(3, [2, 0, 0, 99]);
        assert_eq!((plan.have(), plan.is_complete()), (1, false));
        plan.hold(1);
        assert_eq!((plan.have(), plan.is_complete(), plan.missing().count()), (3, true, 0));
    }

    #[test]
    fn a_chunk_of_other_bytes_or_another_length_is_named() {
        let mut file = vec![7; CHUNK_BYTES];
        file.extend_from_slice(b"rest");
        let plan = plan(&file);
        let verify =
            |index, bytes: &[u8]| plan.verify_pieces(index, bytes.chunks(1 << 16), &mut Prefix::default());
        let (first, last) = file.split_at(CHUNK_BYTES);
        assert_eq!((verify(0, first), verify(1, last)), (Ok(()), Ok(())));
        assert_eq!(verify(0, &vec![8; CHUNK_BYTES]), Err(Mismatch::Content { index: 0 }));
        assert_eq!(verify(1, b"tser"), Err(Mismatch::Content { index: 1 }));
        assert_eq!(verify(1, b"res"), Err(Mismatch::Length { index: 1, expected: 4, got: 3 }));
        assert_eq!(verify(2, b""), Err(Mismatch::Outside { index: 2 }));
        assert_eq!(verify(u64::MAX, b"x").unwrap_err().index(), u64::MAX);
    }

    #[test]
    fn a_chunk_that_came_wrong_is_asked_for_once_more() {
        let mut plan = holding(2, []);
        assert_eq!(plan.came_wrong(1), Verdict::AskAgain);
        assert_eq!(plan.came_wrong(0), Verdict::AskAgain);
        assert_eq!(plan.came_wrong(1), Verdict::Damaged);
    }

    #[test]
    fn a_chunk_that_was_held_and_is_wrong_is_missing_again() {
        let mut plan = holding(4, [0, 1, 2, 3]);
        assert_eq!((plan.came_wrong(1), plan.came_wrong(3)), (Verdict::AskAgain, Verdict::AskAgain));
        assert_eq!((plan.have(), plan.is_complete(), plan.held_bytes()), (1, false, 2 * CHUNK));
        assert_eq!(plan.holes(), [1..2, 3..4]);
        plan.hold(1);
        assert_eq!((plan.have(), plan.came_wrong(3)), (3, Verdict::Damaged));
        plan.hold(3);
        assert!(plan.is_complete() && plan.have() == 4 && plan.held_bytes() == 3 * CHUNK + 5);
    }

    /// The whole is what its chunks make, however they came, and a wrong chunk leaves no trace in it.
    #[test]
    fn the_hash_of_the_whole_grows_with_the_chunks() {
        let mut file = vec![7; CHUNK_BYTES + 100];
        file.extend_from_slice(b"rest");
        let (plan, mut prefix) = (plan(&file), Prefix::default());
        let (first, last) = file.split_at(CHUNK_BYTES);
        assert!(plan.verify_pieces(1, last.chunks(7), &mut prefix).is_ok());
        assert_eq!(prefix.chunks(), 0, "not its turn");
        let wrong = vec![8; CHUNK_BYTES];
        assert!(plan.verify_pieces(0, wrong.chunks(50_000), &mut prefix).is_err());
        assert!(plan.verify_pieces(0, first.chunks(50_000), &mut prefix).is_ok());
        assert!(plan.verify_pieces(0, first.chunks(64), &mut prefix).is_ok(), "once more, and not counted");
        assert!(plan.verify_pieces(1, last.chunks(50), &mut prefix).is_ok());
        assert_eq!((prefix.chunks(), prefix.finish()), (2, Hash::of(&file)));
    }

    /// Who takes chunks without a hash of their own learns from the whole that one was wrong, and from the list which.
    #[test]
    fn chunks_that_follow_each_other_are_known_by_the_whole() {
        let mut file = vec![7; 2 * CHUNK_BYTES];
        file.extend_from_slice(b"rest");
        let plan = plan(&file);
        let taken = |file: &[u8], order: [u64; 3]| {
            let mut prefix = Prefix::default();
            let chunk = |index| file.chunks(CHUNK_BYTES).nth(place(index).unwrap()).unwrap();
            let take = |index| plan.follow_pieces(index, chunk(index).chunks(50_000), &mut prefix);
            (order.map(take), prefix.chunks(), prefix.finish())
        };
        assert_eq!(taken(&file, [0, 1, 2]), ([Ok(()); 3], 3, Hash::of(&file)));
        let mut other = file.clone();
        other[CHUNK_BYTES] ^= 1;
        assert_eq!(taken(&other, [0, 1, 2]), ([Ok(()); 3], 3, Hash::of(&other)));
        let wrong = Err(Mismatch::Content { index: 1 });
        assert_eq!(taken(&other, [1, 0, 2]).0, [wrong, Ok(()), Ok(())], "not its turn, so by the list");
        let (mut plan, mut prefix) = (plan, Prefix::default());
        let short = plan.follow_pieces(0, std::iter::once(&file[..9]), &mut prefix);
        assert_eq!(short, Err(Mismatch::Length { index: 0, expected: CHUNK, got: 9 }));
        plan.came_wrong(0);
        let again = plan.follow_pieces(0, vec![8; CHUNK_BYTES].chunks(50_000), &mut prefix);
        assert_eq!(again, Err(Mismatch::Content { index: 0 }), "it came wrong once");
        assert_eq!(prefix.chunks(), 0);
    }

    #[test]
    fn holes_are_what_is_missing() {
        let plan = holding(12, [0, 1, 4, 11]);
        assert_eq!(plan.holes(), [2..4, 5..11]);
        assert_eq!(plan.held_bytes(), 3 * CHUNK + 5);
        assert!(holding(2, [0, 1]).holes().is_empty());
    }

    #[test]
    fn a_list_of_another_size_makes_no_plan() {
        assert_eq!(Plan::new(CHUNK + 1, ChunkList::new(vec![Hash::of(b"")])).unwrap_err(), Code::Malformed);
    }
}
