//! Files as text.

use deskwire_api_types::{FileInfo, FileState};

use super::{
    Fields, Style, bytes, when,
    words::{author, deliveries},
};

/// One file.
pub(crate) fn show(file: &FileInfo, style: Style) -> String {
    let fields = Fields::default()
        .put("id", &file.id)
        .put("ticket", &file.ticket)
        .put("size", bytes(file.size))
        .maybe("media type", file.media.as_ref())
        .put("sha256", &file.sha256)
        .put(
            "attached",
            format!("{} by {}", when(file.time), author(file.by.as_ref(), file.partner.as_ref())),
        )
        .put("audience", file.audience.to_string())
        .put("state", state(file, style));
    format!("{}\n{}{}", style.bold(&file.name), fields.render(style), deliveries(&file.deliveries, style))
}

/// Whether the bytes are here, in a few words.
pub(crate) fn state(file: &FileInfo, style: Style) -> String {
    let why = file.trouble.as_ref().map(|trouble| format!(": {} ({})", trouble.words, trouble.code));
    let why = why.unwrap_or_default();
    match file.state {
        FileState::Here => "here".to_owned(),
        FileState::Fetching => {
            style.yellow(&format!("being fetched, {} of {}{why}", bytes(file.fetched), bytes(file.size)))
        }
        FileState::Failed => style.red(&format!("could not be fetched{why}")),
    }
}
