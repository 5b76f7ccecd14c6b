//! The strict check in front of every decoder: core-deterministic CBOR and nothing else.

use crate::limits::SEQ_MAX;

/// How deep and how many items a value may have before it is refused unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nesting of arrays and maps.
    pub depth: usize,
    /// Data items in all.
    pub items: usize,
}

impl Bounds {
    /// For one message, its facts or its text part.
    pub const MESSAGE: Self = Self { depth: 8, items: 4_096 };
    /// For receipts, descriptors and terms with calendars.
    pub const LARGE: Self = Self { depth: 12, items: 32_768 };
}

/// What is not core-deterministic about the bytes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Violation {
    /// The rule that is broken, in words.
    pub what: &'static str,
    /// Offset of the item.
    pub at: usize,
}

impl Violation {
    /// Whether the bytes end too early, and might be the beginning of something good.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self.what, CUT | CUT_STRING | CUT_LIST)
    }
}

const CUT: &str = "the bytes end inside an item";
const CUT_STRING: &str = "a string longer than the bytes that follow";
const CUT_LIST: &str = "more items announced than bytes that follow";

/// Checks one CBOR data item that fills all of `bytes` (RFC 8949, 4.2.1, and no tags, floats or undefined).
///
/// # Errors
/// The first [`Violation`]. Nothing is allocated, and recursion is bounded by `bounds.depth`.
pub fn check(bytes: &[u8], bounds: Bounds) -> Result<(), Violation> {
    walk(bytes, bounds).map(|_: Walked| ())
}

/// Splits the first item off a CBOR sequence (RFC 8742), strictly checked; the rest is not looked at.
///
/// # Errors
/// The first [`Violation`] of the first item.
pub fn split(bytes: &[u8], bounds: Bounds) -> Result<(&[u8], &[u8]), Violation> {
    let mut walk = Walk { bytes, at: 0, items: bounds.items, wide: false };
    walk.item(bounds.depth)?;
    Ok(bytes.split_at(walk.at))
}

/// What the walk saw of bytes that are core-deterministic.
pub(super) struct Walked {
    /// An integer beyond 2^53 - 1 occurs, which no shape of this protocol takes.
    pub(super) wide: bool,
}

/// [`check`], with what else was seen on the way.
pub(super) fn walk(bytes: &[u8], bounds: Bounds) -> Result<Walked, Violation> {
    let mut walk = Walk { bytes, at: 0, items: bounds.items, wide: false };
    walk.item(bounds.depth)?;
    if walk.at != bytes.len() {
        return Err(Violation { what: "bytes after the end of the item", at: walk.at });
    }
    Ok(Walked { wide: walk.wide })
}

/// The bytes of the value of a text key in a map that was strictly checked before.
#[must_use]
pub fn member<'a>(map: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let (major, pairs, mut at) = head(map, 0).ok()?;
    if major != 5 {
        return None;
    }
    for _ in 0..pairs {
        let (name, rest) = split(map.get(at..)?, Bounds::MESSAGE).ok()?;
        let (value, _) = split(rest, Bounds::MESSAGE).ok()?;
        let (major, length, head) = head(name, 0).ok()?;
        if major == 3 && usize::try_from(length) == Ok(key.len()) && name[head..] == *key.as_bytes() {
            return Some(value);
        }
        at += name.len() + value.len();
    }
    None
}

/// Reads one item head: major type, argument and the length of the head itself; the shortest form only.
///
/// # Errors
/// A [`Violation`] for a cut, indefinite, reserved or over-long head.
pub fn head(bytes: &[u8], at: usize) -> Result<(u8, u64, usize), Violation> {
    let cut = Violation { what: CUT, at };
    let first = *bytes.get(at).ok_or(cut)?;
    let (major, info) = (first >> 5, first & 0x1f);
    let width = match info {
        0..=23 => return Ok((major, u64::from(info), 1)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        28..=30 => return Err(Violation { what: "reserved additional information", at }),
        _ => return Err(Violation { what: "an indefinite length", at }),
    };
    let raw = bytes.get(at + 1..at + 1 + width).ok_or(cut)?;
    let value = raw.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    let shortest = match width {
        1 => value >= 24,
        2 => value > 0xff,
        4 => value > 0xffff,
        _ => value > 0xffff_ffff,
    };
    if !shortest && major != 7 {
        return Err(Violation { what: "an integer or length that is not in its shortest form", at });
    }
    Ok((major, value, 1 + width))
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    items: usize,
    wide: bool,
}

impl Walk<'_> {
    fn item(&mut self, depth: usize) -> Result<(), Violation> {
        let at = self.at;
        self.items = self.items.checked_sub(1).ok_or(Violation { what: "too many items", at })?;
        let (major, argument, length) = head(self.bytes, at)?;
        self.at += length;
        match major {
            0 | 1 => {
                self.wide |= argument > SEQ_MAX - u64::from(major);
                Ok(())
            }
            2 => self.skip(argument, at).map(|_| ()),
            3 => {
                let text = self.skip(argument, at)?;
                std::str::from_utf8(text)
                    .map(|_| ())
                    .map_err(|_| Violation { what: "text that is not UTF-8", at })
            }
            4 => self.array(argument, depth, at),
            5 => self.map(argument, depth, at),
            6 => Err(Violation { what: "a tag", at }),
            _ => match self.bytes[at] & 0x1f {
                20..=22 => Ok(()),
                25..=27 => Err(Violation { what: "a floating-point number", at }),
                _ => Err(Violation { what: "a simple value other than false, true and null", at }),
            },
        }
    }

    fn skip(&mut self, length: u64, at: usize) -> Result<&[u8], Violation> {
        let cut = Violation { what: CUT_STRING, at };
        let length = usize::try_from(length).map_err(|_| cut)?;
        let end = self.at.checked_add(length).ok_or(cut)?;
        let content = self.bytes.get(self.at..end).ok_or(cut)?;
        self.at = end;
        Ok(content)
    }

    fn array(&mut self, count: u64, depth: usize, at: usize) -> Result<(), Violation> {
        let depth = self.deeper(count, depth, at)?;
        (0..count).try_for_each(|_| self.item(depth))
    }

    fn map(&mut self, count: u64, depth: usize, at: usize) -> Result<(), Violation> {
        let depth = self.deeper(count, depth, at)?;
        let mut previous: Option<(usize, usize)> = None;
        for _ in 0..count {
            let start = self.at;
            self.item(depth)?;
            let key = (start, self.at);
            if let Some(before) = previous {
                match self.bytes[before.0..before.1].cmp(&self.bytes[key.0..key.1]) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => {
                        return Err(Violation { what: "a map key that occurs twice", at: start });
                    }
                    std::cmp::Ordering::Greater => {
                        return Err(Violation { what: "map keys that are not sorted", at: start });
                    }
                }
            }
            previous = Some(key);
            self.item(depth)?;
        }
        Ok(())
    }

    fn deeper(&self, count: u64, depth: usize, at: usize) -> Result<usize, Violation> {
        // Each item takes at least a byte, so a larger count is a lie that need not be walked.
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(Violation { what: CUT_LIST, at });
        }
        depth.checked_sub(1).ok_or(Violation { what: "nesting that is too deep", at })
    }
}
