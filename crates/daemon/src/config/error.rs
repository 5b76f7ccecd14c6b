//! What is wrong with a configuration: where, and what to write instead.

use std::fmt;
use std::path::PathBuf;

/// Where something was set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// By a variable of the environment.
    Variable(String),
    /// By a flag, named without its hyphens.
    Flag(String),
    /// Not at all.
    Nowhere,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What.
    pub(super) fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax { why: String },
    UnknownSection { name: String, nearest: Option<String>, known: Vec<String> },
    NotASection { name: String, nearest: Option<String>, known: Vec<String> },
    UnknownKey { section: String, key: String, nearest: Option<String>, known: Vec<String> },
    UnknownVariable { name: String, nearest: Option<String> },
    Value { name: String, takes: String, shown: String, why: String },
    Missing { name: String, takes: String },
}

/// Everything that is wrong, at least one thing, in the order of the places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn new(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by(|one, other| one.place.cmp(&other.place));
        Self(errors)
    }

    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[ConfigError] {
        &self.0
    }

    /// The stable code of the first.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.first().map_or("config-invalid", ConfigError::code)
    }
}

impl ConfigError {
    /// A stable name for scripts and documentation.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.fault {
            Fault::Syntax { .. } => "config-syntax",
            Fault::UnknownSection { .. }
            | Fault::NotASection { .. }
            | Fault::UnknownKey { .. }
            | Fault::UnknownVariable { .. } => "config-unknown-setting",
            Fault::Value { .. } => "config-value",
            Fault::Missing { .. } => "config-missing-setting",
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)?;
        match &self.fault {
            Fault::Syntax { why } => {
                write!(f, "this is not TOML: {}.", why.trim_end_matches('.').replace('\n', ", "))
            }
            Fault::UnknownSection { name, nearest, known } => {
                write!(f, "there is no section [{name}]; {}", instead(nearest, "the sections are", known))
            }
            Fault::NotASection { name, nearest, known } => {
                let others = "the sections are";
                write!(f, "{name} stands in no section and sets nothing; {}", instead(nearest, others, known))
            }
            Fault::UnknownKey { section, key, nearest, known } => {
                let others = format!("[{section}] has");
                write!(f, "there is no setting {section}.{key}; {}", instead(nearest, &others, known))
            }
            Fault::UnknownVariable { name, nearest } => {
                let others = "deskwire.toml names all of them";
                write!(f, "no setting is called {name}; {}", instead(nearest, others, &[]))
            }
            Fault::Value { name, takes, shown, why } => {
                write!(f, "{name} takes {takes}; it is {shown}")?;
                let why = why.trim_end_matches('.');
                if why.is_empty() { f.write_str(".") } else { write!(f, " ({why}).") }
            }
            Fault::Missing { name, takes } => {
                write!(f, "{name} is not set and has no default; it takes {takes}.")
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}, line {line}: ", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}: "),
            Self::Flag(name) => write!(f, "--{name}: "),
            Self::Nowhere => Ok(()),
        }
    }
}

/// The end of a sentence that says what to write instead.
fn instead(nearest: &Option<String>, others: &str, known: &[String]) -> String {
    match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => format!("{} {}", others, known.join(", ")).trim_end().to_owned() + ".",
    }
}

/// The name that was probably meant, if one looks like it.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    nearest_within(name.chars().count().div_ceil(3).max(2), name, known)
}

/// The name that differs least, in at most so many letters.
pub(super) fn nearest_within(far: usize, name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, &known), known));
    near.filter(|(distance, _)| *distance <= far).min().map(|(_, known)| known)
}
