//! The tokens of the operator API: drawn by `init`, kept as hashes, each with the person it speaks for.

use std::path::Path;

use data_encoding::BASE32_NOPAD;
use deskwire_proto::id::Hash;
use deskwire_proto::text::Label;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::error::StartError;

/// A token that was drawn and not yet written.
pub(crate) struct Drawn {
    /// One line for the file of its owner.
    pub(crate) line: Zeroizing<String>,
    /// What the daemon knows of it.
    pub(crate) entry: TokenEntry,
}

/// A token as the daemon knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenEntry {
    /// Who acts, unless the call names somebody else.
    pub(crate) person: Label,
    /// What the person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<Label>,
    /// SHA-256 of the token; 64 hexadecimal digits in the file.
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub(crate) sha256: Hash,
}

fn write_hex<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hash.to_hex())
}

fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    Hash::from_hex(&text).ok_or_else(|| de::Error::custom("a sha256 has 64 hexadecimal digits"))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    #[serde(default)]
    token: Vec<TokenEntry>,
}

const HEAD: &str = "\
# Who may use the operator API of this desk. The tokens themselves are not here, only their SHA-256:
# a token is the whole content of its file without the line's end. Remove an entry to withdraw a token.

";

/// Draws a token of 256 bits. `tr` and a double click take it whole: letters and digits alone.
pub(crate) fn draw(person: Label, random: &[u8; 32]) -> Drawn {
    let line = Zeroizing::new(format!("dw{}", BASE32_NOPAD.encode(random).to_lowercase()));
    let sha256 = Hash::of(line.as_bytes());
    Drawn { line, entry: TokenEntry { person, function: None, sha256 } }
}

/// The text of `tokens.toml`.
pub(crate) fn encode(tokens: Vec<TokenEntry>) -> String {
    let body = toml::to_string(&TokenFile { token: tokens }).expect("texts have a TOML form");
    format!("{HEAD}{body}")
}

/// Reads `tokens.toml`.
pub(crate) fn load(path: &Path) -> Result<Vec<TokenEntry>, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| StartError::file("read", path, &error))?;
    let file: TokenFile = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        let why = error.message().trim_end_matches('.');
        let next = "Each entry has a person and the sha256 of a token as 64 hexadecimal digits.";
        StartError::new("tokens-unreadable", format!("{}, line {line}: {why}.", path.display()), next)
    })?;
    Ok(file.token)
}

#[cfg(test)]
mod tests {
    //! A token file that is read wrongly locks the owner out, or lets a stranger in.
    use super::*;

    #[test]
    fn a_drawn_token_is_known_by_its_hash_alone() {
        let drawn = draw(Label::new("Anna \"A\" Weber").unwrap(), &[9; 32]);
        let text = encode(vec![drawn.entry.clone()]);
        assert!(!text.contains(drawn.line.as_str()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        std::fs::write(&path, text).unwrap();
        let read = load(&path).unwrap();
        assert_eq!(read, [drawn.entry]);
        assert_eq!(read[0].sha256, Hash::of(drawn.line.as_bytes()));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        for (text, words) in [
            ("[[token]]\nperson = \"A\"\nsha265 = \"00\"\n", "line 3"),
            ("[[token]]\nperson = \"A\"\nsha256 = \"00\"\n", "line 3: a sha256 has 64"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = load(&path).unwrap_err();
            assert!(error.words.contains(words), "{error}");
        }
    }
}
