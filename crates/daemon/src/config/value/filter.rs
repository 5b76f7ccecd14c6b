//! How much is logged, as a setting.

use super::{FromText, quoted};

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

    /// As written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
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
