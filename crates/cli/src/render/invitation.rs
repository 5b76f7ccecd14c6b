//! Invitations as text and as QR codes.

use deskwire_api_types::{Invitation, InvitationList, InvitationState};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use super::{Style, Table, short, when};

/// A new invitation for somebody who sits in front of a terminal.
pub(crate) fn show(invitation: &Invitation, style: Style) -> String {
    let text = invitation.text.as_deref().unwrap_or_default();
    let approval = if invitation.approved {
        "Whoever accepts it is linked at once."
    } else {
        "When they have, approve the link here: deskwire link approve NAME"
    };
    format!(
        "An invitation for one desk, good until {}:\n\n{}\n\n{}\n\
         Give it to the partner by a way that you trust; it is a secret. They run:\n  \
         deskwire link accept '<the invitation>'\n{approval}\n",
        when(invitation.expires),
        style.bold(text),
        qr(text),
    )
}

/// All invitations that are remembered.
pub(crate) fn list(list: &InvitationList, style: Style) -> String {
    let mut table = Table::new(&["ID", "STATE", "MADE", "EXPIRES", "LINK"], style);
    for invitation in &list.invitations {
        let word = invitation.state.as_str();
        let state = match invitation.state {
            InvitationState::Open => style.green(word),
            InvitationState::Used | InvitationState::Expired | InvitationState::Withdrawn => style.dim(word),
        };
        table.row([
            short(&invitation.id).to_owned(),
            state,
            when(invitation.created),
            when(invitation.expires),
            invitation.link.clone().unwrap_or_default(),
        ]);
    }
    table.render("No invitations.")
}

/// The text as a QR code in half blocks, light on dark; nothing when it is too long for one.
pub(crate) fn qr(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return String::new() };
    // On a dark terminal the blocks are what shines: they have to be the light modules.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    picture + "\n"
}
