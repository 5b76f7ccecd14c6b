//! The hash of a file and of the chunk that is read, in one pass.

use std::fmt;

use deskwire_proto::id::Hash;
use sha2::block_api::Sha256VarCore;
use sha2::digest::block_api::{Block, Buffer, CtOutWrapper, FixedOutputCore, UpdateCore};
use sha2::digest::consts::U32;

type Core = CtOutWrapper<Sha256VarCore, U32>;

/// SHA-256 of a file as far as it was read, and of its newest chunk. Both take in each block in turn: what the one waits for
/// inside the processor, the other uses.
#[derive(Clone, Default)]
pub(crate) struct Twofold {
    whole: Core,
    chunk: Core,
    /// What was read behind the last full block. Chunks are whole blocks, so that both hashes have the same.
    tail: Buffer<Core>,
}

impl Twofold {
    /// Reads the next bytes of the chunk.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let Self { whole, chunk, tail } = self;
        tail.digest_blocks(bytes, |blocks: &[Block<Core>]| {
            for block in blocks.chunks(1) {
                whole.update_blocks(block);
                chunk.update_blocks(block);
            }
        });
    }

    /// Reads the next bytes of a chunk whose own hash nobody asks for.
    pub(crate) fn update_whole(&mut self, bytes: &[u8]) {
        let Self { whole, chunk: _, tail } = self;
        tail.digest_blocks(bytes, |blocks: &[Block<Core>]| whole.update_blocks(blocks));
    }

    /// The hash of the chunk; what comes is the next one.
    pub(crate) fn end_chunk(&mut self) -> Hash {
        finish(std::mem::take(&mut self.chunk), self.tail.clone())
    }

    /// The hash of the file.
    pub(crate) fn finish(self) -> Hash {
        finish(self.whole, self.tail)
    }
}

impl fmt::Debug for Twofold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twofold").finish_non_exhaustive()
    }
}

fn finish(mut core: Core, mut tail: Buffer<Core>) -> Hash {
    let mut hash = Default::default();
    core.finalize_fixed_core(&mut tail, &mut hash);
    Hash::new(hash.into())
}

#[cfg(test)]
mod tests {
    //! A file must get the name that every other program gives it, in whatever pieces it comes.
    use super::*;

    #[test]
    fn both_hashes_are_those_of_the_bytes_in_whatever_pieces_they_come() {
        let bytes: Vec<u8> = (0..1_000_u32).map(|place| (place * 7 % 251) as u8).collect();
        for piece in [1, 63, 64, 65, 200, 1_000] {
            for end in [0, 1, 64, 127, 128, 448, 449, 999, 1_000] {
                let mut both = Twofold::default();
                let (first, second) = bytes[..end].split_at(end.min(448));
                first.chunks(piece).for_each(|piece| both.update(piece));
                assert_eq!(both.end_chunk(), Hash::of(first), "{piece} {end}");
                second.chunks(piece).for_each(|piece| both.update(piece));
                let mut whole = both.clone();
                if !second.is_empty() {
                    assert_eq!(both.end_chunk(), Hash::of(second), "{piece} {end}");
                }
                assert_eq!(both.finish(), Hash::of(&bytes[..end]), "{piece} {end}");
                bytes[end..].chunks(piece).for_each(|piece| whole.update_whole(piece));
                assert_eq!(whole.finish(), Hash::of(&bytes), "{piece} {end}");
            }
        }
    }
}
