//! A test vector as a file: `proto-spec/vectors/README.md` describes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One case: bytes, and what a correct reader makes of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vector {
    pub(crate) description: String,
    pub(crate) section: String,
    pub(crate) purpose: String,
    pub(crate) cddl: String,
    pub(crate) hex: String,
    pub(crate) expect: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notes: Option<String>,
}

impl Vector {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    /// A member of the context that is a hex string.
    pub(crate) fn context_bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.context.as_ref()?.get(name)?.as_str().map(unhex)
    }

    /// A member of the context that is a text.
    pub(crate) fn context_text(&self, name: &str) -> Option<&str> {
        self.context.as_ref()?.get(name)?.as_str()
    }
}

/// The folder of all vectors.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto-spec/vectors")
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex of a vector")
}
