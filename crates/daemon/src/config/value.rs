//! The types of settings: what may be written for each, and how it is written back.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use deskwire_http::address::AllowedRange;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::terms::{FieldName, PersonRule, Redelegate};
use deskwire_proto::text::Label;

/// A value as it was written, before its meaning is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A list.
    List(Vec<Raw>),
    /// What no setting takes, as it is to be shown: a table, a date, a fraction.
    Other(String),
}

/// How a value is written in the file, and hence how a text of the environment is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In quotation marks.
    Text,
    /// As digits.
    Number,
    /// In square brackets; in the environment and in flags with commas between the items.
    List,
}

/// A type of setting.
pub trait Value: Sized {
    /// How it is written.
    const SHAPE: Shape;

    /// What may be written, to follow the word "takes".
    fn takes() -> String;

    /// Reads a value.
    ///
    /// # Errors
    /// Why not, when there is more to say than [`Value::takes`] does; else an empty text.
    fn read(raw: &Raw) -> Result<Self, String>;

    /// The value as it stands in the file.
    fn literal(&self) -> String;
}

impl Raw {
    /// A value from the environment or from a flag, where everything is text.
    pub(super) fn from_text(shape: Shape, text: &str) -> Self {
        match shape {
            Shape::Text => Self::Text(text.to_owned()),
            Shape::Number => text.trim().parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number),
            Shape::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Self::List(items.map(|item| Self::Text(item.to_owned())).collect())
            }
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Number(number) => number.fmt(f),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Other(shown) => f.write_str(shown),
        }
    }
}

/// A text in quotation marks, as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Values that are a text in the file and read by `FromStr`.
macro_rules! text_values {
    ($($kind:ty: $takes:expr, $shown:expr;)+) => {$(
        impl Value for $kind {
            const SHAPE: Shape = Shape::Text;

            fn takes() -> String {
                $takes.into()
            }

            fn read(raw: &Raw) -> Result<Self, String> {
                let Raw::Text(text) = raw else { return Err(String::new()) };
                read_text::<Self>(text)
            }

            fn literal(&self) -> String {
                let shown: fn(&Self) -> String = $shown;
                quoted(&shown(self))
            }
        }
    )+};
}

text_values! {
    Label: "a text on one line of 1 to 120 bytes", |label| label.as_str().to_owned();
    Prefix: "1 to 8 letters A-Z and digits, beginning with a letter", |prefix| prefix.0.clone();
    SocketAddr: "an address and a port such as \"0.0.0.0:8441\" or \"[::]:8441\"", ToString::to_string;
    Loopback: "an address of this machine alone and a port, such as \"127.0.0.1:0\" or \"[::1]:8440\"", |own| own.0.to_string();
    Endpoint: "an address such as \"https://desk.example.com:8441\"", ToString::to_string;
    AllowedRange: "a range of addresses such as \"10.20.0.0/16\"", ToString::to_string;
    PathBuf: "the path of a file", |path| path.display().to_string();
    Filter: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"", |filter| filter.text.clone();
}

/// Values that are one of a few words.
macro_rules! word_values {
    ($($kind:ty { $($variant:ident => $word:literal,)+ })+) => {$(
        impl Value for $kind {
            const SHAPE: Shape = Shape::Text;

            fn takes() -> String {
                either(&[$($word),+])
            }

            fn read(raw: &Raw) -> Result<Self, String> {
                let Raw::Text(text) = raw else { return Err(String::new()) };
                match text.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(String::new()),
                }
            }

            fn literal(&self) -> String {
                quoted(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    )+};
}

word_values! {
    LogFormat {
        Readable => "readable",
        Json => "json",
    }
    PersonRule {
        Name => "name",
        Function => "function",
        Nothing => "nothing",
    }
    Redelegate {
        Forbidden => "forbidden",
        Allowed => "allowed",
        Named => "named",
    }
    FieldName {
        Company => "company",
        Contact => "contact",
        Custom => "custom",
        Equipment => "equipment",
        Agreement => "agreement",
        Category => "category",
        Object => "object",
        Priority => "priority",
        Deadline => "deadline",
        Status => "status",
        Price => "price",
    }
}

/// The words in quotation marks, as a choice.
fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Reading from a text with a reason that can follow a colon.
trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
}

fn read_text<T: FromText>(text: &str) -> Result<T, String> {
    T::from_text(text)
}

impl FromText for Label {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::new(text.trim()).map_err(|error| error.to_string())
    }
}

impl FromText for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| match text.parse::<IpAddr>() {
            Ok(_) => "the port is missing".to_owned(),
            Err(_) if text.parse::<u16>().is_ok() => "the address is missing".to_owned(),
            Err(_) => String::new(),
        })
    }
}

impl FromText for Endpoint {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: deskwire_proto::endpoint::EndpointError| error.to_string())
    }
}

impl FromText for AllowedRange {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: deskwire_http::address::RangeError| error.to_string())
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.into()) }
    }
}

/// What stands before ticket numbers: 1 to 8 of `A-Z0-9`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Most letters and digits.
    pub const MAX: usize = 8;

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for Prefix {
    fn from_text(text: &str) -> Result<Self, String> {
        let good = (1..=Self::MAX).contains(&text.len())
            && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            && text.starts_with(|first: char| first.is_ascii_uppercase());
        if good { Ok(Self(text.to_owned())) } else { Err(String::new()) }
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_text(text).map_err(|_| Self::takes())
    }
}

/// An address that only programs of this machine reach, with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// Any free port of 127.0.0.1.
    #[must_use]
    pub const fn free_port() -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromText for Loopback {
    fn from_text(text: &str) -> Result<Self, String> {
        let address = SocketAddr::from_text(text)?;
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err("other machines could reach that one, and the token would cross the network in clear; to reach the API from \
             another machine forward a port over SSH"
            .to_owned())
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Readable,
    /// One JSON object a line.
    Json,
}

/// How much is logged: a level for the whole program, and others for parts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    /// The level of everything not named.
    pub level: tracing::Level,
    /// Modules of this program by the beginning of their name, each with its level.
    pub parts: Vec<(String, tracing::Level)>,
}

impl Filter {
    /// The default.
    #[must_use]
    pub fn info() -> Self {
        Self { text: "info".to_owned(), level: tracing::Level::INFO, parts: Vec::new() }
    }
}

impl FromText for Filter {
    fn from_text(text: &str) -> Result<Self, String> {
        let mut filter = Self { text: text.to_owned(), ..Self::info() };
        for item in text.split(',').map(str::trim) {
            match item.split_once('=') {
                None => filter.level = level(item)?,
                // What libraries say of connections at their lowest levels is not ours to vouch for.
                Some((part, _)) if !part.starts_with("deskwire") => {
                    return Err(format!("{part} is no part of this program; those begin with deskwire_"));
                }
                Some((part, word)) => filter.parts.push((part.to_owned(), level(word)?)),
            }
        }
        Ok(filter)
    }
}

fn level(word: &str) -> Result<tracing::Level, String> {
    match word {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err(format!("{} is no level", quoted(word))),
    }
}

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

/// At most `MAX` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Value, const MAX: usize> Value for List<T, MAX> {
    const SHAPE: Shape = Shape::List;

    fn takes() -> String {
        format!("a list in square brackets of at most {MAX} items; each of them takes {}", T::takes())
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        let Raw::List(items) = raw else { return Err(String::new()) };
        if items.len() > MAX {
            return Err(format!("there are {}", items.len()));
        }
        let read = |item| T::read(item).map_err(|why| join(&item.to_string(), &why));
        items.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn literal(&self) -> String {
        let items: Vec<String> = self.0.iter().map(Value::literal).collect();
        format!("[{}]", items.join(", "))
    }
}

fn join(item: &str, why: &str) -> String {
    if why.is_empty() { format!("{item} does not fit") } else { format!("{item}: {why}") }
}
