//! How long one delegation with ten thousand events takes: its fold, and its clock with a calendar of a year.
//!
//! `cargo bench -p deskwire-machine`. The fold has to stay under 20 ms.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use deskwire_machine::clock::{Calendar, Clock, Timed};
use deskwire_machine::delegation::{Event, Memory, Place, Role};
use deskwire_proto::terms::Interval;
use deskwire_proto::time::Timestamp;

const EVENTS: u64 = 10_000;
const HOUR: u64 = 3_600_000;

fn main() {
    let hours: Vec<_> = (0..400)
        .map(|day| Interval(Timestamp(day * 24 * HOUR + 8 * HOUR), Timestamp(day * 24 * HOUR + 17 * HOUR)))
        .collect();
    let events = events(Calendar::new(&hours));
    let fold = best(|| {
        let mut memory = Memory::default();
        for event in &events {
            memory.apply(event.author, event.place, event.seen, &event.event);
        }
        black_box(memory);
    });
    let clock = best(|| {
        black_box(Clock::read(&events, Timestamp(400 * 24 * HOUR), 25));
    });
    println!("{EVENTS} events: fold {fold:?}, clock {clock:?}");
}

/// The shortest of ten runs.
fn best(run: impl Fn()) -> Duration {
    let once = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..10).map(once).min().unwrap_or_default()
}

/// An offer, an accept, and questions with their answers.
fn events(calendar: Calendar<'_>) -> Vec<Timed<'_>> {
    let mut lengths = [0, 0];
    let event = |index: u64| {
        let (author, event) = match (index, index % 2) {
            (0, _) => (Role::Principal, Event::Offer { rules: 1 }),
            (1, _) => (Role::Contractor, Event::Accept { version: 1 }),
            (_, 0) => (Role::Contractor, Event::Ask),
            (_, _) => (Role::Principal, Event::Answer { needed: !index.is_multiple_of(7) }),
        };
        lengths[author as usize] += 1;
        let time = Timestamp(index * HOUR / 2);
        Timed {
            author,
            place: Place::Numbered(lengths[author as usize]),
            seen: lengths[author.other() as usize],
            event,
            refused: false,
            time,
            committed: Some(time),
            tolerance: 900_000,
            calendar,
            respond: None,
            resolve: (index == 0).then_some(Timestamp(300 * 24 * HOUR)),
        }
    };
    (0..EVENTS).map(event).collect()
}
