//! Names that partners keep for good: of statuses, and of this desk. They stand in signed facts, which no erasure reaches
//! (proto-spec, section 9.7), so nobody should be named in them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::mapping::Mapping;
use deskwire_proto::terms::FieldName;
use deskwire_proto::text::Label;
use deskwire_store::Direction;
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::table::{DELEGATIONS, Rows, TICKET_DELEGATIONS, TICKETS};

use super::accord::{Finding, TICKETS_LOOKED_AT, rules};
use crate::{Partner, Reader, Refusal};

/// Fewest digits that are taken for a telephone number.
const NUMBER: usize = 7;

/// The names that the partner of a link is told and that look like a person's address or number. What people are called
/// nobody can tell from a name of something else.
///
/// # Errors
/// When the store fails.
pub(super) fn personal(
    reader: &Reader,
    partner: &Partner,
    mapping: &Mapping,
) -> Result<Vec<Finding>, Refusal> {
    let mut found = Vec::new();
    let name = &reader.identity().descriptor().body().name;
    if is_personal(name.as_str()) {
        found.push(finding(name, "The name of this desk", "give it a name of the organisation"));
    }
    if partner.terms.allows(FieldName::Status) {
        let mut labels: BTreeSet<Label> =
            mapping.statuses.iter().filter_map(|pair| pair.label.clone()).collect();
        let set = rules(reader, &partner.row)?;
        labels.extend(set.into_iter().filter_map(|rule| rule.then.status.and_then(|(_, label)| label)));
        labels.extend(of_tickets(reader, partner.no)?);
        let personal = labels.iter().filter(|label| is_personal(label.as_str()));
        found.extend(
            personal.map(|label| finding(label, "The name of a status", "call it by what fits every case")),
        );
    }
    Ok(found)
}

fn finding(label: &Label, what: &str, next: &str) -> Finding {
    let words = format!(
        "{what}, '{label}', looks like the address or the number of a person. Partners have it in signed messages, where no \
         erasure reaches it: {next}."
    );
    Finding { code: "name-personal".to_owned(), serious: false, about: label.to_string(), words }
}

/// Names of statuses of tickets that went over the link, newest tickets first.
fn of_tickets(reader: &Reader, no: LinkNo) -> Result<Vec<Label>, Refusal> {
    let (rows, mut found, mut looked) = (reader.rows(), Vec::new(), 0);
    let went = |ticket: TicketNumber| -> deskwire_store::Result<bool> {
        for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
            if rows.get(DELEGATIONS, &delegation)?.is_some_and(|row| row.link == no) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    rows.scan(TICKETS, &(), None, Direction::Backward, &mut |ticket, row| {
        if let Some(label) = row.status_label.filter(|label| is_personal(label.as_str()))
            && went(ticket)?
        {
            found.push(label);
        }
        looked += 1;
        Ok(if looked < TICKETS_LOOKED_AT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// Whether there is an e-mail address in it, or a telephone number; a date is none.
fn is_personal(name: &str) -> bool {
    let address = name.split_whitespace().any(|word| {
        word.split_once('@')
            .is_some_and(|(who, host)| !who.is_empty() && host.chars().any(char::is_alphanumeric))
    });
    let number = |c: char| c.is_ascii_digit() || " +-()/.".contains(c);
    let is_number = |run: &str| {
        let digits = run.chars().filter(char::is_ascii_digit).count();
        let parts: Vec<usize> = run.trim().split(['-', '.', '/']).map(|part| part.trim().len()).collect();
        digits >= NUMBER && !matches!(parts[..], [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4])
    };
    address || name.split(|c| !number(c)).any(is_number)
}

#[cfg(test)]
mod tests {
    //! Whoever is warned of every date does not read warnings.
    use super::is_personal;

    #[test]
    fn addresses_and_numbers_are_seen_and_dates_and_names_are_not() {
        for personal in ["Waits for anna@shop.example", "Call +49 (30) 1234-567", "030/1234567"] {
            assert!(is_personal(personal), "{personal}");
        }
        for plain in
            ["In the workshop", "Due 2026-11-22", "Bis 22.11.2026", "Level 3", "@ the shop", "Order 4711"]
        {
            assert!(!is_personal(plain), "{plain}");
        }
    }
}
