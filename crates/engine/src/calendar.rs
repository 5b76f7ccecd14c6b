//! Business hours become UTC intervals: the one place that knows time zones. Folds and clocks see the intervals alone.
//! proto-spec, section 3.2.

use std::ops::ControlFlow;

use deskwire_proto::terms::Interval;
use deskwire_proto::time::Timestamp;
pub use deskwire_store::row::{Hours, Span};
use jiff::civil::{Date, DateTime, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span as Length, Timestamp as Moment};

/// How far a calendar reaches, months. proto-spec, section 3.2.
pub const MONTHS: u32 = 13;
/// Intervals that terms take.
pub const INTERVALS: usize = 800;

/// Why hours are no hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No such zone.
    #[error("there is no time zone “{0}”; write it like Europe/Berlin")]
    Zone(String),
    /// Not seven days.
    #[error("a week has seven days, not {0}")]
    Week(usize),
    /// No date.
    #[error("“{0}” is no date; write it like 2027-12-24")]
    Date(String),
    /// Ends before it begins, lies outside the day, or overlaps.
    #[error("the hours of {0} are not in order: each has to begin before it ends, and after the one before")]
    Order(String),
    /// Never open.
    #[error("there are no hours at all; without business hours the clocks always run")]
    Never,
    /// Too many exceptions.
    #[error("{0} days with other hours are too many; 400 are enough for more than a year")]
    Days(usize),
}

/// The open intervals of some months, as terms take them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervals {
    /// Ascending, not touching, at most [`INTERVALS`].
    pub open: Vec<Interval>,
    /// Up to where they tell the hours: the end of the months, or less when there was no room for more.
    pub until: Timestamp,
    /// There was no room for all.
    pub cut: bool,
}

/// Checks hours, also of days that are long past.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(hours: &Hours) -> Result<(), HoursError> {
    zone(hours)?;
    if hours.week.len() != 7 {
        return Err(HoursError::Week(hours.week.len()));
    }
    if hours.days.len() > 400 {
        return Err(HoursError::Days(hours.days.len()));
    }
    for (name, spans) in WEEKDAYS.iter().zip(&hours.week) {
        in_order(name, spans)?;
    }
    for (day, spans) in &hours.days {
        day.parse::<Date>().map_err(|_| HoursError::Date(day.clone()))?;
        in_order(day, spans)?;
    }
    let never = hours.week.iter().chain(hours.days.values()).all(Vec::is_empty);
    if never { Err(HoursError::Never) } else { Ok(()) }
}

/// Names of the days of [`Hours::week`].
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The intervals in which a desk with these hours is open, from the day of `from` on for so many months. What begins when
/// clocks are put forward begins at once behind the gap; an hour that comes twice counts twice.
///
/// # Errors
/// Hours that [`check`] refuses.
pub fn intervals(hours: &Hours, from: Timestamp, months: u32) -> Result<Intervals, HoursError> {
    check(hours)?;
    let zone = zone(hours)?;
    let start = moment(from).to_zoned(zone.clone()).date();
    let months = i64::from(months.min(120));
    let end = start.checked_add(Length::new().months(months)).unwrap_or(Date::MAX);
    let mut made = Intervals {
        open: Vec::new(),
        until: at(&zone, end.to_datetime(time(0, 0, 0, 0)), false),
        cut: false,
    };
    let mut day = start;
    while day < end {
        if add_day(hours, &zone, day, &mut made).is_break() {
            break;
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    Ok(made)
}

fn add_day(hours: &Hours, zone: &TimeZone, day: Date, made: &mut Intervals) -> ControlFlow<()> {
    let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
    let usual = hours.week.get(weekday).map(Vec::as_slice).unwrap_or_default();
    let spans = hours.days.get(&day.to_string()).map_or(usual, Vec::as_slice);
    for span in spans {
        let (from, to) = (at(zone, clock(day, span.0), false), at(zone, clock(day, span.1), true));
        if from >= to {
            continue;
        }
        let full = made.open.len() == INTERVALS;
        match made.open.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None if full => {
                (made.until, made.cut) = (from, true);
                return ControlFlow::Break(());
            }
            Some(_) | None => made.open.push(Interval(from, to)),
        }
    }
    ControlFlow::Continue(())
}

/// Minutes of a day as a local time; the end of the day is the beginning of the next.
fn clock(day: Date, minutes: u16) -> DateTime {
    let (hour, minute) = (minutes / 60, minutes % 60);
    match (i8::try_from(hour), i8::try_from(minute)) {
        (Ok(hour @ 0..24), Ok(minute)) => day.to_datetime(time(hour, minute, 0, 0)),
        _ => day.tomorrow().unwrap_or(day).to_datetime(time(0, 0, 0, 0)),
    }
}

/// A local time in UTC. A time that the clocks skip becomes the one just behind the gap; of a time that comes twice, the
/// first to open and the second to close.
fn at(zone: &TimeZone, local: DateTime, closes: bool) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let chosen = if closes && !skipped { ambiguous.later() } else { ambiguous.compatible() };
    let milliseconds = chosen.map_or(0, |moment| moment.as_millisecond());
    Timestamp(u64::try_from(milliseconds).unwrap_or(0))
}

/// A time for people, to the minute: `2026-07-01 09:30Z`.
pub(crate) fn in_utc(at: Timestamp) -> String {
    moment(at).strftime("%Y-%m-%d %H:%MZ").to_string()
}

fn moment(at: Timestamp) -> Moment {
    i64::try_from(at.0).ok().and_then(|at| Moment::from_millisecond(at).ok()).unwrap_or(Moment::MAX)
}

fn zone(hours: &Hours) -> Result<TimeZone, HoursError> {
    TimeZone::get(&hours.zone).map_err(|_| HoursError::Zone(hours.zone.clone()))
}

fn in_order(day: &str, spans: &[Span]) -> Result<(), HoursError> {
    let whole = spans.iter().all(|span| span.0 < span.1 && span.1 <= 24 * 60);
    if whole && spans.is_sorted_by(|one, other| one.1 <= other.0) {
        return Ok(());
    }
    Err(HoursError::Order(day.to_owned()))
}

#[cfg(test)]
mod tests {
    //! Two desks in two zones agree about a deadline only if the owner's hours become the right moments.
    use deskwire_machine::clock::{Calendar, inherit};

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn hours(zone: &str, from: u16, to: u16) -> Hours {
        let week = (0..7).map(|_| vec![Span(from * 60, to * 60)]).collect();
        Hours { zone: zone.to_owned(), week, days: [].into() }
    }

    fn utc(text: &str) -> Timestamp {
        Timestamp(u64::try_from(text.parse::<Moment>().unwrap().as_millisecond()).unwrap())
    }

    fn first(hours: &Hours, from: &str, count: usize) -> Vec<(Timestamp, Timestamp)> {
        let made = intervals(hours, utc(from), 13).unwrap();
        made.open.iter().take(count).map(|open| (open.0, open.1)).collect()
    }

    /// At eight in the morning people are at work, in winter and in summer.
    #[test]
    fn opening_follows_the_clock_on_the_wall() {
        let berlin = first(&hours("Europe/Berlin", 8, 17), "2027-03-27T12:00:00Z", 2);
        let expected = [
            ("2027-03-27T07:00:00Z", "2027-03-27T16:00:00Z"),
            ("2027-03-28T06:00:00Z", "2027-03-28T15:00:00Z"),
        ];
        assert_eq!(berlin, expected.map(|(from, to)| (utc(from), utc(to))));
        let new_york = first(&hours("America/New_York", 8, 17), "2027-11-06T12:00:00Z", 2);
        let expected = [
            ("2027-11-06T12:00:00Z", "2027-11-06T21:00:00Z"),
            ("2027-11-07T13:00:00Z", "2027-11-07T22:00:00Z"),
        ];
        assert_eq!(new_york, expected.map(|(from, to)| (utc(from), utc(to))));
    }

    /// The night in which clocks go forward has an hour less, the one in which they go back one more.
    #[test]
    fn nights_with_a_change_are_as_long_as_they_are() {
        let length = |zone: &str, day: &str, from, to| {
            let open = first(&hours(zone, from, to), day, 1)[0];
            open.1.since(open.0)
        };
        assert_eq!(length("Europe/Berlin", "2027-03-28T10:00:00Z", 1, 6), 4 * HOUR);
        assert_eq!(length("Europe/Berlin", "2027-10-31T10:00:00Z", 1, 6), 6 * HOUR);
        assert_eq!(length("America/New_York", "2027-03-14T12:00:00Z", 1, 6), 4 * HOUR);
        // Both ends lie in the hour that does not exist, or that comes twice.
        let mut odd = hours("Europe/Berlin", 8, 9);
        odd.days = [
            ("2027-03-28".to_owned(), vec![Span(130, 170)]),
            ("2027-10-31".to_owned(), vec![Span(130, 170)]),
        ]
        .into();
        assert_eq!(first(&odd, "2027-03-28T10:00:00Z", 1)[0].0, utc("2027-03-28T01:10:00Z"));
        let twice = first(&odd, "2027-10-31T10:00:00Z", 1)[0];
        assert_eq!(twice, (utc("2027-10-31T00:10:00Z"), utc("2027-10-31T01:50:00Z")));
    }

    /// Whole days are one interval and not hundreds; a holiday is a hole in it.
    #[test]
    fn what_touches_is_one_interval() {
        let mut always = hours("Europe/Moscow", 0, 24);
        assert_eq!(intervals(&always, utc("2027-01-01T12:00:00Z"), 13).unwrap().open.len(), 1);
        always.days.insert("2027-05-09".to_owned(), Vec::new());
        let open = intervals(&always, utc("2027-01-01T12:00:00Z"), 13).unwrap().open;
        assert_eq!(open.len(), 2);
        assert_eq!(open[1].0.since(open[0].1), 24 * HOUR);
    }

    /// Two intervals a day fit for thirteen months; with three it is said how far the calendar reaches.
    #[test]
    fn what_does_not_fit_is_told() {
        let split = |spans: &[Span]| Hours { week: vec![spans.to_vec(); 7], ..hours("Asia/Tokyo", 8, 9) };
        let two = split(&[Span(480, 720), Span(780, 1_020)]);
        let made = intervals(&two, utc("2027-01-01T12:00:00Z"), MONTHS).unwrap();
        assert!(!made.cut && made.open.len() <= INTERVALS && made.until >= utc("2028-01-31T00:00:00Z"));
        let three = split(&[Span(480, 600), Span(660, 780), Span(840, 960)]);
        let made = intervals(&three, utc("2027-01-01T12:00:00Z"), MONTHS).unwrap();
        assert!(made.cut && made.open.len() == INTERVALS);
        assert!(made.until > utc("2027-09-20T00:00:00Z") && made.until < utc("2027-10-01T00:00:00Z"));
    }

    /// What cannot be is refused with words.
    #[test]
    fn wrong_hours_are_refused() {
        let berlin = hours("Europe/Berlin", 8, 17);
        let zone = Hours { zone: "Berlin".to_owned(), ..berlin.clone() };
        assert_eq!(check(&zone), Err(HoursError::Zone("Berlin".to_owned())));
        assert_eq!(check(&Hours { week: Vec::new(), ..berlin.clone() }), Err(HoursError::Week(0)));
        assert_eq!(check(&Hours { week: vec![Vec::new(); 7], ..berlin.clone() }), Err(HoursError::Never));
        let backwards = Hours { week: vec![vec![Span(600, 480)]; 7], ..berlin.clone() };
        assert_eq!(check(&backwards), Err(HoursError::Order("monday".to_owned())));
        let day = Hours { days: [("2027-02-30".to_owned(), Vec::new())].into(), ..berlin };
        assert_eq!(check(&day), Err(HoursError::Date("2027-02-30".to_owned())));
    }

    /// Case 104: the client in New York, the service company in Berlin, the contractor in Moscow; the nights of both
    /// changes lie between. The work below is never due after the work above.
    #[test]
    fn a_deadline_is_inherited_across_zones_and_changes_of_clocks() {
        for (now, reserve) in [("2027-03-12T18:00:00Z", 4 * HOUR), ("2027-10-29T18:00:00Z", 4 * HOUR)] {
            let (now, months) = (utc(now), 13);
            let new_york = intervals(&hours("America/New_York", 9, 18), now, months).unwrap().open;
            let moscow = intervals(&hours("Europe/Moscow", 10, 19), now, months).unwrap().open;
            for open in [9 * HOUR, 40 * HOUR, 140 * HOUR, 400 * HOUR] {
                let above = Calendar::new(&new_york).advance(now, open);
                assert_eq!(Calendar::new(&new_york).open(now, above), open, "no hour is lost or gained");
                let own = Calendar::new(&moscow).advance(now, open);
                let below = inherit(Some(own), Some(above), reserve, now).unwrap();
                assert!(below.plus(reserve) <= above || below == above);
            }
        }
    }
}
