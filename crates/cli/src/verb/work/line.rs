//! Which line of work was meant: by id or the beginning of it.

use deskwire_api_types::WorkList;

use crate::failure::{self, Failure};

/// The whole id of the line that was meant.
pub(super) fn find(list: &WorkList, typed: &str) -> Result<String, Failure> {
    let wanted = typed.trim().to_lowercase();
    if wanted.len() == 32 {
        return Ok(wanted);
    }
    let mut found = list.lines.iter().filter(|line| wanted.len() >= 4 && line.id.starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(line), None) => Ok(line.id.clone()),
        (Some(_), Some(_)) => {
            Err(failure::usage(format!("“{typed}” means several lines: type more of the id")))
        }
        (None, _) => Err(failure::usage(format!(
            "no line of this delegation begins with “{typed}”: see them with `deskwire work list`"
        ))),
    }
}
