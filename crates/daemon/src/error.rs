//! Why a desk was not made or did not start: for the person in front of the terminal, and for scripts.

use std::io;
use std::path::Path;

use deskwire_engine::Refusal;
use deskwire_http::server::BindError;
use deskwire_http::tls::TlsError;

use crate::config::ConfigErrors;

/// A refusal of `init` or `serve`. Nothing was made, or nothing runs any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct StartError {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What is wrong, in one or more sentences.
    pub words: String,
    /// What to do about it; empty when the words say it.
    pub next: String,
}

impl StartError {
    pub(crate) fn new(code: &'static str, words: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, words: words.into(), next: next.into() }
    }

    /// A file or folder that the system did not let us use.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let (code, next) = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                ("disk-full", "Free some space and try again.")
            }
            io::ErrorKind::PermissionDenied => {
                ("no-permission", "Check who owns it, and run deskwire as that user.")
            }
            _ => ("local-file", "Check the path, the rights and the disk."),
        };
        Self::new(code, format!("Cannot {doing} {}: {error}.", path.display()), next)
    }
}

impl From<ConfigErrors> for StartError {
    fn from(errors: ConfigErrors) -> Self {
        Self::new(
            errors.code(),
            errors.to_string(),
            "Correct it; every setting is explained in deskwire.toml.",
        )
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::new(error.code(), sentence(&error.to_string()), "")
    }
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> Self {
        Self::new(error.code(), sentence(&error.to_string()), "")
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, words: refusal.words, next: refusal.next }
    }
}

impl From<deskwire_store::Error> for StartError {
    fn from(error: deskwire_store::Error) -> Self {
        Self::new(error.code(), sentence(&error.to_string()), "")
    }
}

/// Words that begin small and end without a full stop, as errors of libraries do, as a sentence.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
