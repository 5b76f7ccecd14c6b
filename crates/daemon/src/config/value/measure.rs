//! Numbers and sizes with bounds, as settings.

use super::{Raw, Shape, Value, quoted};

/// A number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Value for Count<MIN, MAX> {
    const SHAPE: Shape = Shape::Number;

    fn takes() -> String {
        format!("a number from {MIN} to {MAX}")
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        let Raw::Number(number) = raw else { return Err(String::new()) };
        let fitting = u32::try_from(*number).ok().filter(|number| (MIN..=MAX).contains(number));
        fitting.map(Self).ok_or_else(String::new)
    }

    fn literal(&self) -> String {
        self.0.to_string()
    }
}

/// A number of days from `MIN` to `MAX`, or 0 for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Days<MIN, MAX> {
    /// As milliseconds; nothing for ever.
    #[must_use]
    pub fn milliseconds(self) -> Option<u64> {
        (self.0 > 0).then(|| u64::from(self.0) * 24 * 60 * 60 * 1_000)
    }
}

impl<const MIN: u32, const MAX: u32> Value for Days<MIN, MAX> {
    const SHAPE: Shape = Shape::Number;

    fn takes() -> String {
        format!("a number of days from {MIN} to {MAX}, or 0 for ever")
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        let Raw::Number(number) = raw else { return Err(String::new()) };
        let fitting =
            u32::try_from(*number).ok().filter(|number| *number == 0 || (MIN..=MAX).contains(number));
        fitting.map(Self).ok_or_else(String::new)
    }

    fn literal(&self) -> String {
        self.0.to_string()
    }
}

/// A number of bytes from `MIN` to `MAX`, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size<const MIN: u64, const MAX: u64>(pub u64);

/// Units of sizes, largest first.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

impl<const MIN: u64, const MAX: u64> Value for Size<MIN, MAX> {
    const SHAPE: Shape = Shape::Text;

    fn takes() -> String {
        format!("a size from {} to {}, such as \"500 MiB\" or \"2 GiB\"", size_text(MIN), size_text(MAX))
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        let bytes = match raw {
            Raw::Text(text) => size(text),
            Raw::Number(number) => u64::try_from(*number).ok(),
            Raw::List(_) | Raw::Other(_) => None,
        };
        bytes.filter(|bytes| (MIN..=MAX).contains(bytes)).map(Self).ok_or_else(String::new)
    }

    fn literal(&self) -> String {
        quoted(&size_text(self.0))
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = match unit {
        "" | "B" => 1,
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn size_text(bytes: u64) -> String {
    let fitting = UNITS.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    fitting.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{} {name}", bytes / factor))
}
