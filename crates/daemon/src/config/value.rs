//! The types of settings: what may be written for each, and how it is written back.

mod filter;
mod measure;
mod own;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use deskwire_http::address::AllowedRange;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::terms::{FieldName, PersonRule, Redelegate};
use deskwire_proto::text::Label;

pub use filter::Filter;
pub use measure::{Count, Days, Size};
pub use own::{Listen, Loopback, Prefix};

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
    Prefix: "1 to 8 letters A-Z and digits, beginning with a letter", |prefix| prefix.as_str().to_owned();
    SocketAddr: "an address and a port such as \"0.0.0.0:8441\" or \"[::]:8441\"", ToString::to_string;
    Listen: "\"none\", or an address and a port such as \"0.0.0.0:8441\" or \"[::]:8441\"", ToString::to_string;
    Loopback: "an address of this machine alone and a port, such as \"127.0.0.1:0\" or \"[::1]:8440\"", |own| own.address().to_string();
    Endpoint: "an address such as \"https://desk.example.com:8441\"", ToString::to_string;
    AllowedRange: "a range of addresses such as \"10.20.0.0/16\"", ToString::to_string;
    PathBuf: "the path of a file", |path| path.display().to_string();
    Filter: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"", |filter| filter.as_str().to_owned();
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

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Readable,
    /// One JSON object a line.
    Json,
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
