//! The preview of an offer as text: what leaves, and what stays.

use deskwire_api_types::{Preview, Withheld, WithheldReason};

use super::{Fields, Style, bytes};

/// What would leave this desk and what would not.
pub(crate) fn show(preview: &Preview, style: Style) -> String {
    let words = if preview.verified {
        "its words were compared".to_owned()
    } else {
        style.yellow("its words were not compared yet")
    };
    let mut text = format!(
        "To {} (link {}, {words})\n  {}\n\n{}\n",
        style.bold(&preview.to.name),
        preview.link,
        style.dim(&preview.to.id),
        style.bold("This leaves your desk"),
    );
    let mut fields = Fields::default();
    for sent in &preview.will_send {
        fields = fields.put(&sent.field, &sent.value);
    }
    for file in &preview.files {
        fields = fields.put("file", format!("{}, {}", file.name, bytes(file.size)));
    }
    text.push_str(&fields.render(style));
    if !preview.will_not_send.is_empty() {
        text.push_str(&format!("\n{}\n", style.bold("This stays here")));
        let mut fields = Fields::default();
        for withheld in &preview.will_not_send {
            fields = fields.put(&withheld.field, why(withheld));
        }
        text.push_str(&fields.render(style));
    }
    text
}

fn why(withheld: &Withheld) -> String {
    let words = match withheld.reason {
        WithheldReason::NotInTerms => "the terms of the link do not let it travel",
        WithheldReason::Internal => "internal",
        WithheldReason::NotChosen => "not chosen",
        WithheldReason::NotOnward => "it was given to you not to be handed on",
        WithheldReason::Unmapped => "your mapping for this link has no counterpart",
    };
    withheld.words.clone().unwrap_or_else(|| words.to_owned())
}
