//! The texts of this desk's own records, which can be erased: what was written, and by whom.

use deskwire_proto::cbor;
use deskwire_proto::message::common::{Contact, Equipment, Object, Person};
use deskwire_proto::text::{Code, FileName, Label, Line, Prose};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Entry, Error, Result, Text};

/// What a ticket says, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TicketText {
    /// As CommonMark.
    pub description: Option<Prose>,
    /// Who asked.
    pub requester: Option<Contact>,
    /// Whose ticket it is.
    pub company: Option<Label>,
    /// Where.
    pub object: Option<Object>,
    /// What.
    pub equipment: Option<Equipment>,
    /// Under which agreement.
    pub agreement: Option<Label>,
    /// Own fields.
    pub custom: Vec<(Code, Line)>,
    /// Who made it.
    pub by: Person,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActorText {
    /// The acting person.
    pub by: Person,
}

/// What a comment says, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentText {
    /// As CommonMark.
    pub body: Prose,
    /// Who wrote it.
    pub by: Person,
}

/// What a file is called, and who attached it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileText {
    /// The name of the file.
    pub name: FileName,
    /// Its media type.
    pub media: Option<Label>,
    /// Who attached it.
    pub by: Person,
}

/// Encodes the text of a local record.
///
/// # Errors
/// [`Error::BadRow`] if it has no stored form.
pub fn encode_text<T: Serialize>(text: &T) -> Result<Vec<u8>> {
    cbor::encode_plain(text).map_err(|error| Error::BadRow(error.to_string()))
}

/// Decodes the text of a local record; `None` once it has been erased.
///
/// # Errors
/// [`Error::BadRow`] for a text of another shape.
pub fn decode_text<T: DeserializeOwned>(entry: &Entry) -> Result<Option<T>> {
    match &entry.text {
        Text::Kept(text) => {
            let text = cbor::decode_plain(text);
            text.map(Some).map_err(|error| Error::BadRow(format!("the text of a record: {error}")))
        }
        Text::None | Text::Erased(_) => Ok(None),
    }
}
