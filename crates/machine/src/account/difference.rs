//! Where two statements over the same cut part.

use deskwire_proto::id::{DelegationId, ItemId};

use super::statement::{Statement, StatementLine};

/// The first thing in which two statements differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// They are about something else: another link, cut, period or zone.
    Asked(&'static str),
    /// A line that the other one does not have.
    Missing(Box<StatementLine>),
    /// A line that only the other one has.
    Surplus(Box<StatementLine>),
    /// A line that says something else there.
    Changed(Box<(StatementLine, StatementLine)>),
    /// The same lines, and other totals.
    Totals,
}

/// The first difference between our statement and another one, in the order of lines; nothing when they are the same.
#[must_use]
pub fn first_difference(ours: &Statement, theirs: &Statement) -> Option<Difference> {
    let asked = [
        (ours.0 == theirs.0, "version"),
        (ours.1 == theirs.1, "link"),
        (ours.2 == theirs.2, "cut"),
        (ours.3 == theirs.3, "period"),
        (ours.4 == theirs.4, "zone"),
    ];
    if let Some((_, what)) = asked.into_iter().find(|(same, _)| !same) {
        return Some(Difference::Asked(what));
    }
    let (mut left, mut right) = (ours.5.iter().peekable(), theirs.5.iter().peekable());
    loop {
        let (one, other) = match (left.peek(), right.peek()) {
            (None, None) => return (ours.6 != theirs.6).then_some(Difference::Totals),
            (Some(one), None) => return Some(Difference::Missing(Box::new((*one).clone()))),
            (None, Some(other)) => return Some(Difference::Surplus(Box::new((*other).clone()))),
            (Some(one), Some(other)) => (*one, *other),
        };
        match key(one).cmp(&key(other)) {
            std::cmp::Ordering::Less => return Some(Difference::Missing(Box::new(one.clone()))),
            std::cmp::Ordering::Greater => return Some(Difference::Surplus(Box::new(other.clone()))),
            std::cmp::Ordering::Equal if one != other => {
                return Some(Difference::Changed(Box::new((one.clone(), other.clone()))));
            }
            std::cmp::Ordering::Equal => {}
        }
        left.next();
        right.next();
    }
}

const fn key(line: &StatementLine) -> (DelegationId, ItemId) {
    (line.0, line.1)
}
