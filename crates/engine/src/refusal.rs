//! Why the desk did not do what it was asked: for the person who asked, for programs, and for the log.

use deskwire_machine::delegation;
use deskwire_proto::code::Code;
use deskwire_proto::text::{self, Words};
use deskwire_store::row::Refused;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something that does not exist.
    NotFound,
    /// The caller asked for something that is not well formed.
    Invalid,
    /// What was asked for does not fit the present state.
    Conflict,
    /// The terms, the role or the rules do not allow it.
    Forbidden,
    /// More than is taken.
    TooLarge,
    /// A partner is at fault or cannot be reached.
    Partner,
    /// It passes by itself: a full disk, a desk that is stopping.
    Passing,
    /// A failure of this desk.
    Ours,
}

/// A refusal: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words} [{code}]")]
pub struct Refusal {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong.
    pub words: String,
    /// What to do about it.
    pub next: String,
    /// Whose fault.
    pub fault: Fault,
}

impl Refusal {
    /// A refusal with this code, these words and this advice.
    pub fn new(fault: Fault, code: &'static str, words: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, words: words.into(), next: next.into(), fault }
    }

    /// Something that does not exist here.
    pub fn unknown(what: &str, name: impl std::fmt::Display, list: &str) -> Self {
        let code = match what {
            "ticket" => "unknown-ticket",
            "delegation" => "unknown-delegation",
            "link" => "unknown-link",
            "file" => "unknown-file",
            _ => "unknown",
        };
        let next = format!("See what there is with `{list}`.");
        Self::new(Fault::NotFound, code, format!("There is no {what} {name} at this desk."), next)
    }

    /// A value that cannot be taken.
    pub fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        let words = format!("The value of '{field}' cannot be taken: {why}.");
        Self::new(Fault::Invalid, "invalid-value", words, "Correct it and try again.")
    }

    /// A full disk.
    #[must_use]
    pub fn disk_full() -> Self {
        Self::new(
            Fault::Passing,
            "disk-full",
            "The disk of this desk is full; nothing was changed.",
            "Free some space; the desk goes on by itself.",
        )
    }

    /// Less room on the disk than has to stay.
    #[must_use]
    pub fn disk_floor(floor: u64) -> Self {
        let words = format!(
            "Less than {} MiB of the disk of this desk are free, and so many stay free (files.disk_floor): it takes no \
             new work, and nothing was changed.",
            floor >> 20
        );
        Self::new(Fault::Passing, "disk-full", words, "Free some space; the desk goes on by itself.")
    }

    /// More waits for the writer than it takes in.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(
            Fault::Passing,
            "busy",
            "This desk has more work than it gets done; nothing was changed.",
            "Try again in some seconds.",
        )
    }

    /// The desk is stopping.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(
            Fault::Passing,
            "stopping",
            "The desk is stopping; nothing is known of what came of this call.",
            "Repeat it with the same key when the desk is back.",
        )
    }

    /// How it is kept on a ticket or a link.
    #[must_use]
    pub fn kept(&self) -> Refused {
        refused(self.code, format!("{} {}", self.words, self.next).trim_end())
    }
}

/// A refusal as rows keep it, cut to what fits.
#[must_use]
pub fn refused(code: &str, words: &str) -> Refused {
    Refused {
        code: text::Code::new(code).unwrap_or_else(|_| text::Code::new("internal").expect("a code")),
        words: cut_words(words),
    }
}

/// Words of at most the size that travels, without what may not stand in them.
#[must_use]
pub fn cut_words(words: &str) -> Words {
    let mut clean: String =
        words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    while clean.len() > Words::MAX {
        clean.pop();
    }
    Words::new(clean).unwrap_or_else(|_| Words::new("No reason was given.").expect("words"))
}

impl From<deskwire_store::Error> for Refusal {
    fn from(error: deskwire_store::Error) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(
            Fault::Ours,
            error.code(),
            format!("The store of this desk failed: {error}."),
            "Look at the log of the daemon; nothing was changed.",
        )
    }
}

impl From<delegation::Refusal> for Refusal {
    fn from(refusal: delegation::Refusal) -> Self {
        Self::new(Fault::Conflict, refusal.code(), refusal.to_string(), refusal.next())
    }
}

impl From<Code> for Refusal {
    /// A refusal of bytes that came from a partner.
    fn from(code: Code) -> Self {
        Self::new(
            Fault::Partner,
            code.as_str(),
            format!("What the partner sent was refused ({code})."),
            "If it goes on, tell the partner's operator this code.",
        )
    }
}
