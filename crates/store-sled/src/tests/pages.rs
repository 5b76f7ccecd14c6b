//! Rows that share pages are found as others are, wherever a scan begins and ends, and while pages change.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicBool, Ordering};

use deskwire_store::{Batch, Direction, Position, View};

/// A small generator, so that each run is the same.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A key of a table in pages (1, 3) or of another one.
    fn key(&mut self) -> Vec<u8> {
        let number = self.below(3_000) as u16;
        vec![self.below(5) as u8 + 1, (number >> 8) as u8, number as u8]
    }
}

fn at(group: u64) -> Position {
    Position { group, segment: 1, offset: 512, chain: [0; 32] }
}

fn scan(view: &dyn View, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    view.scan(start, end, direction, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn scans_show_what_was_written_between_any_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let opened = super::open(folder.path()).unwrap();
    let view = opened.view.as_ref();
    let (mut draws, mut expected) = (Draws(3), BTreeMap::new());
    for round in 1..=80 {
        let mut batch = Batch::new();
        for _ in 0..draws.below(60) {
            let (key, value) = (draws.key(), vec![round as u8; draws.below(120) as usize]);
            if draws.below(4) > 0 {
                batch.put(key.clone(), value.clone());
                expected.insert(key, value);
            } else {
                batch.delete(key.clone());
                expected.remove(&key);
            }
        }
        view.apply(&batch, &at(round)).unwrap();
        if round % 3 == 0 {
            view.flush().unwrap();
        }
        for _ in 0..20 {
            let (start, end) = (draws.key(), draws.key());
            let end = (draws.below(5) > 0).then_some(end);
            let upper = end.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut wanted: Vec<(Vec<u8>, Vec<u8>)> = match &end {
                Some(end) if *end <= start => Vec::new(),
                Some(_) | None => expected
                    .range::<Vec<u8>, _>((Bound::Included(&start), upper))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            };
            assert_eq!(scan(view, &start, end.as_deref(), Direction::Forward), wanted);
            wanted.reverse();
            assert_eq!(scan(view, &start, end.as_deref(), Direction::Backward), wanted);
            assert_eq!(view.get(&start).unwrap(), expected.get(&start).cloned());
        }
    }
}

#[test]
fn rows_that_stay_are_seen_while_others_come_and_go_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let opened = super::open(folder.path()).unwrap();
    let view = &opened.view;
    let key = |number: u32| [&[1][..], &number.to_be_bytes()].concat();
    let mut batch = Batch::new();
    (0..2_000u32).step_by(10).for_each(|number| batch.put(key(number), [7; 40]));
    view.apply(&batch, &at(1)).unwrap();
    view.flush().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut draws = Draws(11);
            for group in 2..80 {
                let mut batch = Batch::new();
                for _ in 0..60 {
                    let number = draws.below(2_000) as u32;
                    match draws.below(3) {
                        _ if number.is_multiple_of(10) => {}
                        0 => batch.delete(key(number)),
                        _ => batch.put(key(number), vec![1; draws.below(300) as usize]),
                    }
                }
                view.apply(&batch, &at(group)).unwrap();
                view.flush().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        while !stop.load(Ordering::Relaxed) {
            for direction in [Direction::Forward, Direction::Backward] {
                let shown = scan(view.as_ref(), &[1], Some(&[2]), direction);
                let stays = shown.iter().filter(|(_, value)| *value == [7; 40]).count();
                assert_eq!(stays, 200);
                let sorted = match direction {
                    Direction::Forward => shown.is_sorted_by(|one, next| one.0 < next.0),
                    Direction::Backward => shown.is_sorted_by(|one, next| one.0 > next.0),
                };
                assert!(sorted, "each row once, in order");
            }
        }
    });
}
