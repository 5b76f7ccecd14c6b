//! Paths and query strings.

use deskwire_api_types::{PREFIX, encode_percent};

/// A path below `/v1` with its query, built piece by piece.
pub(crate) struct Path {
    text: String,
    asked: bool,
}

impl Path {
    /// A path of fixed words, such as `links/invitations`.
    pub(crate) fn new(words: &str) -> Self {
        Self { text: format!("{PREFIX}/{words}"), asked: false }
    }

    /// A path outside of `/v1`.
    pub(crate) fn root(path: &str) -> Self {
        Self { text: path.to_owned(), asked: false }
    }

    /// The path with one more segment that somebody typed.
    pub(crate) fn id(mut self, id: &str) -> Self {
        self.text.push('/');
        // A segment of dots alone would be taken for a step up by whatever normalises paths.
        if id.bytes().all(|byte| byte == b'.') {
            self.text.push_str(&id.replace('.', "%2E"));
        } else {
            self.text.push_str(&encode_percent(id));
        }
        self
    }

    /// The path with one more fixed word.
    pub(crate) fn word(mut self, word: &str) -> Self {
        self.text.push('/');
        self.text.push_str(word);
        self
    }

    /// The path with one more member of the query, when there is a value.
    pub(crate) fn ask(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.text.push(if self.asked { '&' } else { '?' });
            self.asked = true;
            self.text.push_str(name);
            self.text.push('=');
            self.text.push_str(&encode_percent(&value.to_string()));
        }
        self
    }

    /// The whole text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}
