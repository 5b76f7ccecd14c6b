//! Documents of the API as text for people: pure functions, each from data to a string.

mod accord;
mod account;
mod branches;
mod clock;
mod delegation;
mod erasure;
mod file;
mod invitation;
mod layout;
mod link;
mod log;
mod preview;
mod queue;
mod relay;
mod style;
mod ticket;
mod verify;
mod words;

pub(crate) use accord::{
    check as link_check, left_open, mapping as link_mapping, proposal as terms_proposal, rules,
    terms as link_terms,
};
pub(crate) use account::{report as partner_report, statement, statement_list, work};
pub(crate) use branches::show as branches;
pub(crate) use clock::{calendar, intervals};
pub(crate) use delegation::{brief as delegation_brief, list as delegation_list, show as delegation};
pub(crate) use erasure::{list as erasures, one as erasure, plan as erasure_plan};
pub(crate) use file::show as file;
pub(crate) use invitation::{list as invitation_list, qr, show as invitation};
pub(crate) use layout::{Fields, Table, indent};
pub(crate) use link::{list as link_list, show as link, words_to_compare};
pub(crate) use log::show as log;
pub(crate) use preview::show as preview;
pub(crate) use queue::{changed as queue_changed, list as queue_list, preview as queue_preview};
pub(crate) use relay::{list as relays, previews, setting as relay_setting, shared, taken_back};
pub(crate) use style::{Style, visible};
pub(crate) use ticket::{brief as ticket_brief, comment, list as ticket_list, show as ticket};
pub(crate) use verify::show as verify;
pub(crate) use words::{bytes, person, short, when};

use deskwire_client::Error;

/// Why a verb failed, what to do next, and the code to search for.
pub(crate) fn failure(failure: &Error, style: Style) -> String {
    let mut text = format!("{} {failure}\n", style.red("error:"));
    match failure {
        Error::Refused(problem) => {
            if let Some(next) = &problem.next {
                text.push_str(&format!("  {next}\n"));
            }
            if let (true, Some(limit)) = (
                problem.code == "file-too-large",
                problem.extra.get("limit").and_then(serde_json::Value::as_u64),
            ) {
                text.push_str(&format!("  The limit is {}.\n", bytes(limit)));
            }
            if let Some(seconds) = problem.retry_after {
                text.push_str(&format!("  Try again in {seconds} s.\n"));
            }
            let request = problem.request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
            text.push_str(&style.dim(&format!("  ({}{request})", problem.code)));
            text.push('\n');
        }
        Error::Unreachable { key: Some(key), .. } => {
            text.push_str(&format!(
                "  It may have had effect. Repeat the same command with --key {key}: it will not be done twice.\n"
            ));
        }
        Error::Unreachable { .. } => {}
        Error::Usage(_) => text.push_str("  Add --help for the arguments and examples.\n"),
    }
    text
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
