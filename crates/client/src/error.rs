//! What can come of a call instead of an answer.

use std::fmt;

use deskwire_api_types::Problem;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The daemon refused, or this client did before anything was sent: nothing has changed.
    Refused(Box<Problem>),
    /// No answer came.
    Unreachable {
        /// Where the daemon was expected.
        url: String,
        /// What is wrong, as a sentence.
        words: String,
        /// Whether something answered the connection: a daemon that is not running does not.
        connected: bool,
        /// For a changing call that may have had effect: its `Idempotency-Key`, with which it can be repeated safely.
        key: Option<String>,
    },
    /// The caller's arguments cannot be used.
    Usage(String),
}

impl Error {
    /// A refusal of this client itself.
    pub(crate) fn local(status: u16, code: &str, title: &str, detail: String, next: &str) -> Self {
        Self::Refused(Box::new(Problem::new(status, code, title, detail).with_next(next)))
    }

    /// The stable code of what went wrong.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.code,
            Self::Unreachable { .. } => "daemon-unreachable",
            Self::Usage(_) => "usage",
        }
    }

    /// The same as a problem document, whatever it was.
    pub fn to_problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => (**problem).clone(),
            Self::Unreachable { url, words, key, .. } => {
                let mut problem =
                    Problem::new(503, self.code(), "The daemon does not answer", words.as_str())
                        .with_extra("url", url.as_str());
                if let Some(key) = key {
                    problem = problem.with_extra("idempotency_key", key.as_str());
                }
                problem
            }
            Self::Usage(words) => {
                Problem::new(400, self.code(), "The command cannot be used so", words.as_str())
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(problem) => f.write_str(&problem.detail),
            Self::Unreachable { words, .. } | Self::Usage(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for Error {}
