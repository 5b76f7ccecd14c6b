//! Bytes that look like nothing and can be made again: SplitMix64.

/// So many bytes of the stream that this seed begins.
pub(crate) fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        bytes.extend_from_slice(&next(&mut state).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// A text of exactly so many bytes: letters and digits of which each says six bits.
pub(crate) fn text(seed: u64, count: usize) -> String {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789";
    bytes(seed, count).iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect()
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    //! A file that could be compressed or repeats itself would make the transfer look faster than it is.
    use super::*;

    #[test]
    fn noise_is_long_enough_differs_and_repeats_for_its_seed_alone() {
        assert_eq!(next(&mut 0), 0xe220_a839_7b1d_cdaf, "the published first output for the seed 0");
        assert_eq!(bytes(1, 20_001).len(), 20_001);
        assert_eq!(bytes(1, 64), bytes(1, 64));
        assert_ne!(bytes(1, 64), bytes(2, 64));
        let mut seen = [0_u32; 256];
        for byte in bytes(3, 256 << 10) {
            seen[usize::from(byte)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1250).contains(count)), "{seen:?}");
    }

    #[test]
    fn a_text_has_exactly_its_size() {
        for size in [1, 7, 2048, 48_000] {
            assert_eq!(text(9, size).len(), size);
        }
        assert_ne!(text(1, 32), text(2, 32));
    }
}
