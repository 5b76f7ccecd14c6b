//! What two versions of terms have different, in words for the person who accepts.

use deskwire_proto::terms::{CustomField, Deadline, FieldType, Late, PersonRule, Redelegate, Side, Terms};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One member of the terms that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The member, as the specification calls it.
    pub member: String,
    /// What holds now.
    pub now: String,
    /// What would hold.
    pub then: String,
}

/// The members that differ; the version is no difference.
#[must_use]
pub fn differences(now: &Terms, then: &Terms) -> Vec<Difference> {
    let (before, after) = (lines(now), lines(then));
    let pairs = before.into_iter().zip(after);
    pairs
        .filter(|((member, before), (_, after))| {
            before != after || *member == "calendar" && now.calendar != then.calendar
        })
        .map(|((member, before), (_, after))| Difference {
            member: member.to_owned(),
            now: before,
            then: after,
        })
        .collect()
}

/// Whether these terms are the same but for their version and a newer calendar, where there was one before.
#[must_use]
pub fn is_calendar_renewal(now: &Terms, then: &Terms) -> bool {
    let same = Terms { v: now.v, calendar: now.calendar.clone(), ..then.clone() };
    now.calendar.is_some() && then.calendar.is_some() && same == *now && then.calendar != now.calendar
}

/// Each member, in the order in which people read it, with what it says.
#[must_use]
pub fn in_words(terms: &Terms) -> Vec<(&'static str, String)> {
    lines(terms)
}

fn lines(terms: &Terms) -> Vec<(&'static str, String)> {
    let Terms {
        v: _,
        file,
        late,
        custom,
        fields,
        person,
        calendar,
        currency,
        deadlines,
        loop_tags,
        retention,
        tolerance,
        principals,
        redelegate,
        auto_confirm,
    } = terms;
    let none = || "not agreed".to_owned();
    let list = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    vec![
        ("principals", list(principals.iter().map(|side| side_word(*side).to_owned()).collect())),
        ("fields", list(fields.iter().map(code).collect())),
        ("custom", list(custom.iter().flat_map(|all| all.iter()).map(field).collect())),
        ("person", person_words(*person).to_owned()),
        ("redelegate", redelegate_words(*redelegate).to_owned()),
        ("file", size(*file)),
        ("late", late_words(late.unwrap_or(Late::Refuse)).to_owned()),
        ("deadlines", list(deadlines.iter().flat_map(|all| all.iter()).map(deadline).collect())),
        ("calendar", calendar.as_ref().map_or_else(|| "always open".to_owned(), |hours| hours_words(hours))),
        ("auto-confirm", auto_confirm.map_or_else(|| "never".to_owned(), span)),
        ("tolerance", span(tolerance.unwrap_or(Terms::TOLERANCE))),
        ("currency", currency.as_ref().map_or_else(|| "any".to_owned(), ToString::to_string)),
        (
            "loop-tags",
            if loop_tags.unwrap_or(false) { "they travel" } else { "they do not travel" }.to_owned(),
        ),
        ("retention", retention.map_or_else(none, |days| format!("{days} days"))),
    ]
}

/// A size in the largest unit in which it is a whole number.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    whole.map_or_else(|| format!("{bytes} bytes"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

/// The word of a closed choice as it travels.
fn code(value: &impl Serialize) -> String {
    deskwire_proto::cbor::encode_plain(value)
        .ok()
        .and_then(|bytes| deskwire_proto::cbor::decode_plain::<String>(&bytes).ok())
        .unwrap_or_default()
}

const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Inviter => "the inviter hands work over",
        Side::Accepter => "the accepter hands work over",
    }
}

const fn person_words(person: PersonRule) -> &'static str {
    match person {
        PersonRule::Name => "name and function",
        PersonRule::Function => "the function alone",
        PersonRule::Nothing => "nothing",
    }
}

const fn redelegate_words(redelegate: Redelegate) -> &'static str {
    match redelegate {
        Redelegate::Forbidden => "forbidden",
        Redelegate::Allowed => "allowed, without saying to whom",
        Redelegate::Named => "allowed, and the next desk is named",
    }
}

const fn late_words(late: Late) -> &'static str {
    match late {
        Late::Reopen => "it opens the case again",
        Late::FollowUp => "a new case follows",
        Late::Refuse => "it is refused",
    }
}

fn field(field: &CustomField) -> String {
    let what = match field.r#type {
        FieldType::Text => "text",
        FieldType::Number => "number",
        FieldType::Date => "date",
        FieldType::Choice => "choice",
    };
    let choices: Vec<&str> =
        field.choices.iter().flat_map(|all| all.iter()).map(|choice| choice.as_str()).collect();
    let choices = if choices.is_empty() { String::new() } else { format!(": {}", choices.join(" | ")) };
    format!("{} ({}, {what}{choices})", field.key, field.name)
}

fn deadline(deadline: &Deadline) -> String {
    let (respond, resolve) = (span(deadline.respond), span(deadline.resolve));
    format!("{}: answer in {respond}, done in {resolve}", code(&deadline.priority))
}

fn hours_words(hours: &[deskwire_proto::terms::Interval]) -> String {
    let end = hours.last().map(|last| day(last.1));
    let end = end.map_or_else(String::new, |end| format!(" until {end}"));
    format!("{} intervals{end}", hours.len())
}

/// The day of a moment in UTC, `YYYY-MM-DD`; by the civil calendar counted in days from March of year 0.
fn day(at: Timestamp) -> String {
    let days = at.0 / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + u64::from(month <= 2))
}

/// A length of time, exactly.
fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = UNITS.iter().find(|(length, _)| ms >= *length && ms.is_multiple_of(*length));
    unit.map_or_else(|| format!("{ms} ms"), |(length, unit)| format!("{} {unit}", ms / length))
}

#[cfg(test)]
mod tests {
    //! Who accepts terms has to see what becomes different, and nothing else.
    use deskwire_proto::list::List;
    use deskwire_proto::message::common::Priority;
    use deskwire_proto::number::Version;
    use deskwire_proto::terms::{FieldName, Interval};

    use super::*;

    fn calendar(end: u64) -> Option<List<Interval, 0, 800>> {
        List::new(vec![Interval(Timestamp(0), Timestamp(end))]).ok()
    }

    #[test]
    fn every_difference_is_named_in_words_and_the_version_is_none() {
        let now = Terms::default();
        let mut then = Terms { v: Version::new(2).unwrap(), ..now.clone() };
        assert_eq!(differences(&now, &then), []);
        then.fields.retain(|field| *field != FieldName::Price);
        then.late = Some(Late::Reopen);
        then.auto_confirm = Some(3 * 86_400_000);
        then.calendar = calendar(1_767_225_600_000);
        let urgent = Deadline { resolve: 14_400_000, respond: 1_800_000, priority: Priority::Urgent };
        then.deadlines = List::new(vec![urgent]).ok();
        let found = differences(&now, &then);
        let said: Vec<_> = found.iter().map(|one| (one.member.as_str(), one.then.as_str())).collect();
        assert_eq!(
            said,
            [
                (
                    "fields",
                    "company, contact, custom, equipment, agreement, category, object, priority, deadline, status"
                ),
                ("late", "it opens the case again"),
                ("deadlines", "urgent: answer in 30 min, done in 4 h"),
                ("calendar", "1 intervals until 2026-01-01"),
                ("auto-confirm", "3 d"),
            ]
        );
    }

    #[test]
    fn only_a_newer_calendar_in_place_of_an_older_is_a_renewal() {
        let now = Terms { calendar: calendar(10), ..Terms::default() };
        let then = Terms { v: Version::new(2).unwrap(), calendar: calendar(20), ..Terms::default() };
        assert!(is_calendar_renewal(&now, &then));
        assert!(!is_calendar_renewal(&now, &Terms { file: 1, ..then.clone() }));
        assert!(!is_calendar_renewal(&Terms::default(), &then), "always open is no calendar");
    }
}
