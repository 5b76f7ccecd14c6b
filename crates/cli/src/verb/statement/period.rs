//! A period as a person says it, in a time zone, as two moments.

use deskwire_api_types::Time;
use jiff::{
    ToSpan as _,
    civil::{Date, date},
    tz::TimeZone,
};

/// From, included, and to, not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

/// A period from `2026-10`, `2026`, `2026-Q4`, or days with both included: `2026-10-01..2026-10-15`.
pub(crate) fn period(text: &str, zone: &str) -> Result<Period, String> {
    let zone = TimeZone::get(zone).map_err(|_| {
        format!("“{zone}” is no time zone: write it like Europe/Berlin or Asia/Yekaterinburg")
    })?;
    let (first, behind) = days(text.trim()).ok_or_else(|| {
        format!("“{text}” is no period: write it like 2026-10, 2026-Q4, 2026 or 2026-10-01..2026-10-15")
    })?;
    if first >= behind {
        return Err(format!("“{text}” ends before it begins"));
    }
    let moment = |day: Date| {
        let begin = day.to_zoned(zone.clone()).map_err(|error| error.to_string())?;
        Ok::<_, String>(Time::from_millis(begin.timestamp().as_millisecond()))
    };
    Ok(Period { from: moment(first)?, to: moment(behind)? })
}

/// The first day, and the day behind the last one.
fn days(text: &str) -> Option<(Date, Date)> {
    if let Some((first, last)) = text.split_once("..") {
        let (first, last): (Date, Date) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return Some((first, last.checked_add(1.day()).ok()?));
    }
    let (year, rest) = text.split_once('-').map_or((text, None), |(year, rest)| (year, Some(rest)));
    let year: i16 = year.parse().ok().filter(|_| year.len() == 4)?;
    let (month, months) = match rest {
        None => (1, 12),
        Some(quarter) if quarter.starts_with(['Q', 'q']) => {
            let quarter: i8 = quarter[1..].parse().ok().filter(|number| (1..=4).contains(number))?;
            (quarter * 3 - 2, 3)
        }
        Some(month) => {
            (month.parse().ok().filter(|number: &i8| (1..=12).contains(number) && month.len() == 2)?, 1)
        }
    };
    let first = date(year, month, 1);
    Some((first, first.checked_add(months.months()).ok()?))
}

#[cfg(test)]
mod tests {
    //! An hour at the end of a month is a bill of another month.
    use super::*;

    fn told(text: &str, zone: &str) -> (String, String) {
        let period = period(text, zone).unwrap();
        (period.from.to_string(), period.to.to_string())
    }

    #[test]
    fn a_month_begins_and_ends_at_midnight_where_it_was_chosen_also_when_clocks_change() {
        let october = ("2026-09-30T22:00:00.000Z".to_owned(), "2026-10-31T23:00:00.000Z".to_owned());
        assert_eq!(told("2026-10", "Europe/Berlin"), october);
        let year = ("2025-12-31T19:00:00.000Z".to_owned(), "2026-12-31T19:00:00.000Z".to_owned());
        assert_eq!(told("2026", "Asia/Yekaterinburg"), year);
        let quarter = ("2026-10-01T00:00:00.000Z".to_owned(), "2027-01-01T00:00:00.000Z".to_owned());
        assert_eq!(told("2026-Q4", "UTC"), quarter);
        let days = ("2026-10-01T00:00:00.000Z".to_owned(), "2026-10-02T00:00:00.000Z".to_owned());
        assert_eq!(told("2026-10-01..2026-10-01", "UTC"), days);
    }

    #[test]
    fn what_is_no_period_or_zone_is_told() {
        for bad in [
            "",
            "10-2026",
            "2026-13",
            "2026-1",
            "2026-Q5",
            "2026-10-32..2026-11-01",
            "2026-10-02..2026-10-01",
        ] {
            assert!(period(bad, "UTC").is_err(), "{bad}");
        }
        assert!(period("2026-10", "Europe/Berlim").unwrap_err().contains("time zone"));
    }
}
