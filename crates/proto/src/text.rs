//! Texts with their bounds: parsed once, valid ever after. proto-spec, section 1.4.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Empty, or more UTF-8 bytes than allowed.
    #[error("takes 1 to {max} bytes of UTF-8, not {got}")]
    Size {
        /// Largest allowed size in bytes.
        max: usize,
        /// The size met.
        got: usize,
    },
    /// Characters that do not belong into this kind of text.
    #[error("holds a character that is not allowed here ({0})")]
    Character(&'static str),
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $max:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Largest size in bytes of UTF-8.
            pub const MAX: usize = $max;

            /// Takes a text that fits.
            ///
            /// # Errors
            /// [`TextError`] names what does not fit.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                if text.is_empty() || text.len() > $max {
                    return Err(TextError::Size { max: $max, got: text.len() });
                }
                $check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = TextError;

            fn try_from(text: &str) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

text_type!(
    /// A short name on one line: a person, a status, a serial number.
    Label,
    120,
    one_line
);
text_type!(
    /// A file's name for people, without folders; never a path.
    FileName,
    120,
    file_name
);
text_type!(
    /// A title or an address on one line.
    Line,
    240,
    one_line
);
text_type!(
    /// A sentence or two for a person.
    Words,
    1_000,
    no_controls
);
text_type!(
    /// What a person wrote, as CommonMark.
    Prose,
    48_000,
    no_controls
);
text_type!(
    /// An absolute URL; what may stand in it is checked where it is used.
    Url,
    300,
    one_line
);
text_type!(
    /// A stable word for programs: `a-z`, digits and hyphens, beginning with a letter.
    Code,
    40,
    code_letters
);
text_type!(
    /// The kind of a message, such as `delegation.offer`.
    KindName,
    40,
    kind_letters
);
text_type!(
    /// A decimal number of at most 12 digits and 6 places, without a superfluous zero in front.
    Decimal,
    20,
    decimal_digits
);
text_type!(
    /// A percentage of at most 3 digits and 3 places.
    Percent,
    7,
    percent_digits
);
text_type!(
    /// A currency of ISO 4217.
    Currency,
    3,
    currency_letters
);

/// The letters of which most texts consist, looked at byte by byte: a compiler makes that many at once.
fn is_plain(text: &str, breaks: bool) -> bool {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) || breaks && matches!(byte, b'\n' | b'\t');
    text.as_bytes().chunks(64).all(|chunk| chunk.iter().fold(true, |all, byte| all & plain(byte)))
}

fn one_line(text: &str) -> Result<(), TextError> {
    if is_plain(text, false) {
        return Ok(());
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Character("a line break or control character"));
    }
    no_tricks(text)
}

fn file_name(text: &str) -> Result<(), TextError> {
    if text.contains(['/', '\\']) || matches!(text, "." | "..") {
        return Err(TextError::Character("a slash or backslash, or nothing but dots"));
    }
    one_line(text)
}

fn no_controls(text: &str) -> Result<(), TextError> {
    if is_plain(text, true) {
        return Ok(());
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return Err(TextError::Character("a control character other than line feed and tab"));
    }
    no_tricks(text)
}

/// Characters that turn the direction of what follows can make one text look like another.
fn no_tricks(text: &str) -> Result<(), TextError> {
    let turns = |letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    if text.chars().any(turns) {
        return Err(TextError::Character("a character that changes the direction or the line"));
    }
    Ok(())
}

fn code_letters(text: &str) -> Result<(), TextError> {
    if is_code(text) { Ok(()) } else { Err(TextError::Character("only a-z, 0-9 and - after a first letter")) }
}

/// Whether this is the shape of a code: of values, and of the names of members.
pub(crate) fn is_code(text: &str) -> bool {
    let good = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    text.len() <= Code::MAX
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(good)
}

fn kind_letters(text: &str) -> Result<(), TextError> {
    if text.bytes().all(|letter| letter.is_ascii_lowercase() || matches!(letter, b'.' | b'-')) {
        return Ok(());
    }
    Err(TextError::Character("only a-z, . and -"))
}

fn decimal_digits(text: &str) -> Result<(), TextError> {
    number(text.strip_prefix('-').unwrap_or(text), 12, 6)
}

fn percent_digits(text: &str) -> Result<(), TextError> {
    number(text, 3, 3)
}

fn number(text: &str, whole_most: usize, places_most: usize) -> Result<(), TextError> {
    let (whole, places) = match text.split_once('.') {
        Some((whole, places)) => (whole, Some(places)),
        None => (text, None),
    };
    let digits =
        |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let plain = digits(whole, whole_most) && (whole.len() == 1 || !whole.starts_with('0'));
    if plain && places.is_none_or(|places| digits(places, places_most)) {
        return Ok(());
    }
    Err(TextError::Character("only a plain decimal number"))
}

fn currency_letters(text: &str) -> Result<(), TextError> {
    if text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(TextError::Character("three capital letters"))
}

#[cfg(test)]
mod tests {
    //! What a peer writes ends on somebody's screen and in somebody's statement.
    use super::*;

    #[test]
    fn texts_keep_to_their_bounds() {
        assert!(Label::new("Dead cash register").is_ok());
        assert!(Label::new("").is_err());
        assert!(Label::new("x".repeat(121)).is_err());
        assert!(Label::new("two\nlines").is_err());
        assert!(Label::new("\u{1b}[2J").is_err());
        assert!(Label::new("abc\u{202e}gpj.exe").is_err());
        assert!(Prose::new("two\nlines").is_ok());
        assert!(Prose::new("\0").is_err());
        assert!(FileName::new("photo 1.jpg").is_ok() && FileName::new("...").is_ok());
        for wrong in [".", "..", "a/b", "..\\b", "a\nb"] {
            assert!(FileName::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn codes_and_numbers_have_one_form() {
        assert!(Code::new("in-progress").is_ok());
        assert!(Code::new("In").is_err());
        assert!(Code::new("1a").is_err());
        for good in ["0", "-1", "12.50", "999999999999.999999"] {
            assert!(Decimal::new(good).is_ok(), "{good}");
        }
        for bad in ["", "01", "1.", ".5", "1e3", "+1", "--1", "1.1234567", "1234567890123"] {
            assert!(Decimal::new(bad).is_err(), "{bad}");
        }
        assert!(Currency::new("EUR").is_ok() && Currency::new("eur").is_err());
        assert!(Percent::new("20.5").is_ok() && Percent::new("-1").is_err());
    }
}
