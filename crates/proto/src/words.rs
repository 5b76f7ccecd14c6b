//! Words that people read to each other: the three lists of equal numbering and the six words of a link.
//! proto-spec, chapter on linking. The recovery words of a key live in [`Mnemonic`].

mod mnemonic;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

pub use mnemonic::{Mnemonic, MnemonicError};

/// How many words each list has; a word stands for eleven bits.
pub const LIST_LEN: usize = 2048;

/// How many words verify a link.
pub const VERIFICATION_WORDS: usize = 6;

const BITS_PER_WORD: usize = 11;
const WORD_MASK: u128 = LIST_LEN as u128 - 1;

/// A language there is a word list for. Index i of one list and index i of another stand for the same
/// bits; the words are not translations of each other, so both people must read in the same language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// The English list of BIP39.
    English,
    /// The Russian list of `python-mnemonic`, without the letter ё.
    Russian,
    /// A German list made for this protocol, with umlauts.
    German,
}

impl Language {
    /// Every language, in the order of the specification.
    pub const ALL: [Self; 3] = [Self::English, Self::Russian, Self::German];

    /// The two-letter tag of BCP 47.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
            Self::German => "de",
        }
    }

    /// Reads a tag such as `de`, `de-AT` or `de_AT.UTF-8` in any case; what follows the first two letters is ignored.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.']).next()?;
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The list: lower case, unique in the first four letters.
    #[must_use]
    pub fn words(self) -> &'static [&'static str; LIST_LEN] {
        match self {
            Self::English => &ENGLISH,
            Self::Russian => &RUSSIAN,
            Self::German => &GERMAN,
        }
    }
}

/// The first 66 bits of a 32-byte value, as six words or twenty digits, for two people to compare aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerificationWords(u128);

impl VerificationWords {
    /// Takes the first 66 bits of `value` (a link id), most significant bit first.
    #[must_use]
    pub fn new(value: &[u8; 32]) -> Self {
        let nine_bytes = value[..9].iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        Self(nine_bytes >> (9 * 8 - VERIFICATION_WORDS * BITS_PER_WORD))
    }

    /// The six words, in the order in which they are read.
    #[must_use]
    pub fn words(&self, language: Language) -> [&'static str; VERIFICATION_WORDS] {
        let list = language.words();
        std::array::from_fn(|place| {
            let shift = (VERIFICATION_WORDS - 1 - place) * BITS_PER_WORD;
            list[(self.0 >> shift & WORD_MASK) as usize]
        })
    }

    /// The same 66 bits as a decimal number of 20 digits with leading zeros: five groups of four, for
    /// people who share no language.
    #[must_use]
    pub fn digits(&self) -> String {
        let digits = format!("{:020}", self.0);
        let mut grouped = String::with_capacity(24);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// The six English words with single spaces between them.
impl fmt::Display for VerificationWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Language::English).join(" "))
    }
}

type List = [&'static str; LIST_LEN];

static ENGLISH: LazyLock<List> = LazyLock::new(|| list(include_str!("words/en.txt")));
static RUSSIAN: LazyLock<List> = LazyLock::new(|| list(include_str!("words/ru.txt")));
static GERMAN: LazyLock<List> = LazyLock::new(|| list(include_str!("words/de.txt")));

fn list(text: &'static str) -> List {
    let mut words = [""; LIST_LEN];
    for (slot, word) in words.iter_mut().zip(text.lines()) {
        *slot = word;
    }
    words
}
