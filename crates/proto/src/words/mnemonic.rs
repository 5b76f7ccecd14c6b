//! The recovery words of a key: 32 bytes as 24 English words, exactly as BIP39 has them.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{BITS_PER_WORD, Language, WORD_MASK};

/// How many words write down 32 bytes and their checksum.
const WORDS: usize = 24;
const SECRET_LEN: usize = 32;
const LONGEST_WORD: usize = 8;
/// A word of the list is told from all others by this many letters.
const UNIQUE_LETTERS: usize = 4;
/// A mistyped word that differs in more letters than this gets no suggestion.
const MAX_DIFFERENCE: usize = 2;
/// As many letters of a wrong word are repeated in an error.
const QUOTED_LETTERS: usize = 20;

/// 32 secret bytes that can be written down as 24 words. Wiped from memory when dropped; `Debug` hides it.
#[derive(Clone)]
pub struct Mnemonic(Zeroizing<[u8; SECRET_LEN]>);

impl Mnemonic {
    /// Takes the secret; it must come from a good source of randomness.
    #[must_use]
    pub fn new(secret: &[u8; SECRET_LEN]) -> Self {
        Self(Zeroizing::new(*secret))
    }

    /// The secret itself (the entropy of BIP39, not the seed that wallets stretch from it).
    #[must_use]
    pub fn secret(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }

    /// The 24 words, in order; the last one carries eight bits of checksum.
    #[must_use]
    pub fn words(&self) -> [&'static str; WORDS] {
        let list = Language::English.words();
        let mut words = [""; WORDS];
        let mut next = words.iter_mut();
        let (mut bits, mut held) = (0_u32, 0);
        for byte in self.0.iter().copied().chain([checksum(&self.0)]) {
            bits = bits << 8 | u32::from(byte);
            held += 8;
            if held >= BITS_PER_WORD {
                held -= BITS_PER_WORD;
                if let Some(word) = next.next() {
                    *word = list[(bits >> held & WORD_MASK as u32) as usize];
                }
                bits &= (1 << held) - 1;
            }
        }
        words
    }

    /// The 24 words with single spaces between them. Wiped from memory when dropped.
    #[must_use]
    pub fn phrase(&self) -> Zeroizing<String> {
        let mut phrase = Zeroizing::new(String::with_capacity(WORDS * (LONGEST_WORD + 1)));
        for word in self.words() {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(word);
        }
        phrase
    }

    /// Reads 24 words in any case, with any white space around them.
    ///
    /// # Errors
    /// Names the first word that is not in the list, otherwise a wrong number of words, otherwise a wrong checksum.
    pub fn parse(phrase: &str) -> Result<Self, MnemonicError> {
        let list = Language::English.words();
        let mut bytes = Zeroizing::new([0; SECRET_LEN + 1]);
        let (mut bits, mut held, mut filled, mut found) = (0_u32, 0, 0, 0);
        for typed in phrase.split_whitespace() {
            found += 1;
            let word = Zeroizing::new(typed.to_lowercase());
            let index = list.binary_search(&word.as_str()).map_err(|_| unknown(found, &word))?;
            bits = bits << BITS_PER_WORD | index as u32;
            held += BITS_PER_WORD;
            while held >= 8 {
                held -= 8;
                if let Some(byte) = bytes.get_mut(filled) {
                    *byte = (bits >> held) as u8;
                }
                filled += 1;
            }
            bits &= (1 << held) - 1;
        }
        if found != WORDS {
            return Err(MnemonicError::Count { found });
        }
        let [secret @ .., sum] = &*bytes;
        if checksum(secret) != *sum {
            return Err(MnemonicError::Checksum);
        }
        Ok(Self::new(secret))
    }
}

impl FromStr for Mnemonic {
    type Err = MnemonicError;

    fn from_str(phrase: &str) -> Result<Self, MnemonicError> {
        Self::parse(phrase)
    }
}

impl fmt::Debug for Mnemonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mnemonic(hidden)")
    }
}

/// Why recovery words were not understood. Always the fault of what was typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// A word that is not in the list.
    #[error("word {position} ({word:?}) is not a recovery word{}", did_you_mean(.nearest))]
    UnknownWord {
        /// Which word it is, counted from 1.
        position: usize,
        /// The word as typed, in lower case, cut after 20 letters.
        word: String,
        /// The word of the list that looks most like it, if any does.
        nearest: Option<&'static str>,
    },
    /// All words are in the list, but there are not 24 of them.
    #[error("there are {found} recovery words where 24 belong; check whether some are missing or repeated")]
    Count {
        /// How many words there are.
        found: usize,
    },
    /// 24 known words that do not belong together.
    #[error(
        "all 24 words are known but do not belong together: one is wrong or two are swapped; compare each with what you wrote down"
    )]
    Checksum,
}

impl MnemonicError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownWord { .. } => "recovery-word-unknown",
            Self::Count { .. } => "recovery-words-count",
            Self::Checksum => "recovery-words-checksum",
        }
    }
}

fn did_you_mean(nearest: &Option<&str>) -> String {
    match nearest {
        Some(word) => format!("; did you mean \"{word}\"?"),
        None => "; check it against what you wrote down".to_owned(),
    }
}

fn checksum(secret: &[u8; SECRET_LEN]) -> u8 {
    let mut hash = Sha256::digest(secret);
    let first = hash[0];
    hash.as_mut_slice().zeroize();
    first
}

fn unknown(position: usize, word: &str) -> MnemonicError {
    let nearest = nearest(word);
    MnemonicError::UnknownWord { position, word: word.chars().take(QUOTED_LETTERS).collect(), nearest }
}

fn nearest(word: &str) -> Option<&'static str> {
    let list = Language::English.words();
    let same_start = list.iter().find(|known| common_start(known, word) >= UNIQUE_LETTERS);
    let closest = || {
        list.iter()
            .filter(|known| difference(known, word) <= MAX_DIFFERENCE)
            .min_by_key(|known| (difference(known, word), Reverse(common_start(known, word))))
    };
    same_start.or_else(closest).copied()
}

fn common_start(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// How long the stretch is in which two words differ, between a common start and a common end.
fn difference(one: &str, other: &str) -> usize {
    let start = common_start(one, other);
    let shorter = one.len().min(other.len());
    let backwards = one.bytes().rev().zip(other.bytes().rev()).take(shorter - start);
    let end = backwards.take_while(|(a, b)| a == b).count();
    one.len().max(other.len()) - start - end
}
