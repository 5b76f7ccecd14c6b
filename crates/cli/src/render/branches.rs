//! Both branches of a fork as text.

use deskwire_api_types::Branches;

use super::log::entry as log_entry;
use super::{Style, when};

/// What each side holds, and what to do.
pub(crate) fn show(branches: &Branches, style: Style) -> String {
    let whose = if branches.own { "This desk's own stream to" } else { "The stream from" };
    let link = style.bold(&branches.link);
    let mut text = format!(
        "{whose} {link} stands in two versions. Both are the same up to message {}.\n\n{}: up to message {}\n",
        branches.same,
        style.bold("Ours"),
        branches.length
    );
    for entry in &branches.ours {
        text.push_str(&log_entry(entry, style));
    }
    let theirs = match (&branches.theirs, branches.their_length) {
        (Some(message), _) => {
            format!("message {}, {}, {}", message.seq, message.kind, when(message.time))
        }
        (None, Some(length)) => format!("up to message {length}; what it says is not known here"),
        (None, None) => "not known here; the partner's operator sees it with the same command".to_owned(),
    };
    text.push_str(&format!("\n{}: {theirs}\n", style.bold("Theirs")));
    if branches.other_hex.is_some() {
        text.push_str("\nThe signed bytes that show it are `held_hex` and `other_hex` of `--json`; keep them before you choose.\n");
    }
    text.push_str(&format!(
        "\nSpeak with the partner's operator, and choose the same branch on both sides:\n  deskwire link repair {0} \
         --ours\n  deskwire link repair {0} --theirs\nWhat is called ours here is called theirs there.\n",
        branches.link
    ));
    text
}
