//! Promises of the view.

use std::ops::ControlFlow;

use super::{Harness, commit, dump};
use crate::{Batch, Direction, Error, MAX_KEY, MAX_VALUE, Opened, Position, View};

/// An opened store with one group, and the position after it.
fn opened(harness: &impl Harness) -> (Opened, Position) {
    let mut opened = harness.open(1).expect("opened");
    let (position, _) = commit(&mut opened, &[1]);
    opened.view.clear().expect("cleared");
    (opened, position)
}

fn put(view: &dyn View, position: &Position, rows: &[(&[u8], &[u8])]) {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(*key, *value);
    }
    view.apply(&batch, position).expect("applied");
}

/// The rows of a scan, at most `limit`.
fn scan(
    view: &dyn View,
    start: &[u8],
    end: Option<&[u8]>,
    direction: Direction,
    limit: usize,
) -> Vec<String> {
    let mut found = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.push(format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
        if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    view.scan(start, end, direction, visit).expect("a scan");
    found
}

/// The plainest use.
pub fn rows_are_put_replaced_and_deleted(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.as_ref();
    put(view, &position, &[(b"a", b"1"), (b"b", b"2"), (b"c", b"")]);
    assert_eq!(view.get(b"a").expect("read"), Some(b"1".to_vec()));
    assert_eq!(view.get(b"c").expect("read"), Some(Vec::new()), "an empty value is a value");
    assert_eq!(view.get(b"d").expect("read"), None);
    let mut batch = Batch::new();
    batch.delete(*b"a");
    batch.delete(*b"never there");
    batch.put(*b"b", *b"22");
    view.apply(&batch, &position).expect("applied");
    assert_eq!(dump(view), [(b"b".to_vec(), b"22".to_vec()), (b"c".to_vec(), Vec::new())]);
}

/// Machines may touch a row several times in one group.
pub fn the_last_change_of_a_key_counts(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let mut batch = Batch::new();
    batch.put(*b"a", *b"1");
    batch.put(*b"a", *b"2");
    batch.put(*b"b", *b"1");
    batch.delete(*b"b");
    batch.delete(*b"c");
    batch.put(*b"c", *b"3");
    opened.view.apply(&batch, &position).expect("applied");
    assert_eq!(dump(opened.view.as_ref()), [(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())]);
}

/// Pages of lists, newest first and oldest first.
pub fn scans_go_both_ways_within_their_bounds(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.as_ref();
    put(view, &position, &[(b"a1", b"1"), (b"a2", b"2"), (b"a3", b"3"), (b"b1", b"4")]);
    let (forward, backward) = (Direction::Forward, Direction::Backward);
    assert_eq!(scan(view, b"a", Some(b"b"), forward, 9), ["a1=1", "a2=2", "a3=3"]);
    assert_eq!(scan(view, b"a", Some(b"b"), backward, 9), ["a3=3", "a2=2", "a1=1"]);
    assert_eq!(scan(view, b"a2", None, forward, 9), ["a2=2", "a3=3", "b1=4"], "the start is included");
    assert_eq!(scan(view, b"a2", None, backward, 9), ["b1=4", "a3=3", "a2=2"]);
    assert_eq!(scan(view, b"a1", Some(b"a3"), forward, 9), ["a1=1", "a2=2"], "the end is not");
    assert_eq!(scan(view, b"a1", Some(b"a3"), backward, 9), ["a2=2", "a1=1"]);
    assert_eq!(scan(view, b"a", None, forward, 2), ["a1=1", "a2=2"], "a break ends it");
    assert_eq!(scan(view, b"a", None, backward, 1), ["b1=4"]);
    assert_eq!(scan(view, b"", None, forward, 9).len(), 4, "the position is no row");
    assert_eq!(scan(view, b"", None, backward, 9).len(), 4);
    for (start, end) in [(b"a3", b"a1"), (b"a2", b"a2"), (b"c1", b"c9")] {
        assert_eq!(scan(view, start, Some(end), forward, 9), [""; 0]);
        assert_eq!(scan(view, start, Some(end), backward, 9), [""; 0]);
    }
}

/// Big-endian numbers must sort as numbers, in large views as in small ones.
pub fn keys_are_ordered_by_their_bytes(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.as_ref();
    let mut numbers: Vec<u64> = (0..3000).map(|number| number * 2_654_435_761 % 1_000_003).collect();
    for chunk in numbers.chunks(100) {
        let mut batch = Batch::new();
        for number in chunk {
            batch.put([&[7][..], &number.to_be_bytes()].concat(), number.to_string());
        }
        view.apply(&batch, &position).expect("applied");
    }
    put(
        view,
        &position,
        &[(&[7], b"before"), (&[7, 255, 255], b"after"), (&[6, 255], b"other"), (&[8], b"other")],
    );
    numbers.sort_unstable();
    let mut expected: Vec<String> = numbers.iter().map(u64::to_string).collect();
    expected.insert(0, "before".into());
    expected.push("after".into());
    let values = |direction| {
        let mut found = Vec::new();
        let visit = &mut |_: &[u8], value: &[u8]| {
            found.push(String::from_utf8_lossy(value).into_owned());
            ControlFlow::Continue(())
        };
        view.scan(&[7], Some(&[8]), direction, visit).expect("a scan");
        found
    };
    assert_eq!(values(Direction::Forward), expected);
    expected.reverse();
    assert_eq!(values(Direction::Backward), expected);
}

/// Lists look up what their rows refer to.
pub fn a_scan_may_read_the_view(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.as_ref();
    put(view, &position, &[(b"a1", b"x1"), (b"a2", b"x2"), (b"x1", b"one"), (b"x2", b"two")]);
    let mut found = Vec::new();
    let visit = &mut |_: &[u8], value: &[u8]| {
        found.push(view.get(value).expect("read"));
        found.push(scan(view, value, None, Direction::Forward, 1).pop().map(String::into_bytes));
        ControlFlow::Continue(())
    };
    view.scan(b"a", Some(b"b"), Direction::Forward, visit).expect("a scan");
    let words = ["one", "x1=one", "two", "x2=two"];
    assert_eq!(found, words.map(|word| Some(word.as_bytes().to_vec())));
}

/// Large values kill sled after a power cut; a refused batch must leave nothing behind.
pub fn rows_outside_the_limits_are_refused_whole(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.as_ref();
    let cases: [(&[u8], usize, bool); 7] = [
        (b"k", MAX_VALUE, true),
        (b"k", MAX_VALUE + 1, false),
        (b"", 1, false),
        (&[0], 1, false),
        (&[0, 1], 1, false),
        (&[1; MAX_KEY], 1, true),
        (&[1; MAX_KEY + 1], 1, false),
    ];
    for (key, size, fits) in cases {
        view.clear().expect("cleared");
        let mut batch = Batch::new();
        batch.put(*b"beside", *b"it");
        batch.put(key, vec![3; size]);
        let result = view.apply(&batch, &position);
        if fits {
            result.expect("applied");
            assert_eq!(view.get(key).expect("read"), Some(vec![3; size]));
        } else {
            assert!(matches!(result, Err(Error::BadRow(_))), "{result:?}");
            assert_eq!((dump(view), view.position().expect("read")), (Vec::new(), None));
        }
    }
    let mut batch = Batch::new();
    batch.delete(Vec::new());
    assert!(matches!(view.apply(&batch, &position), Err(Error::BadRow(_))));
}

/// Replays begin where the view says it stands.
pub fn the_position_moves_with_the_batch(harness: &impl Harness) {
    let (mut opened, first) = opened(harness);
    assert_eq!(opened.view.position().expect("read"), None);
    opened.view.apply(&Batch::new(), &first).expect("an empty batch is applied too");
    assert_eq!(opened.view.position().expect("read"), Some(first));
    let (second, _) = commit(&mut opened, &[2]);
    assert_eq!(opened.view.position().expect("read"), Some(second));
    assert_eq!(opened.view.get(&[0]).expect("read"), None, "the position is no row");
}

/// A rebuild begins with nothing.
pub fn a_cleared_view_is_empty(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    put(opened.view.as_ref(), &position, &[(b"a", b"1"), (&[255; 20], b"2")]);
    opened.view.clear().expect("cleared");
    assert_eq!(dump(opened.view.as_ref()), []);
    assert_eq!(opened.view.position().expect("read"), None);
    put(opened.view.as_ref(), &position, &[(b"b", b"1")]);
    assert_eq!(dump(opened.view.as_ref()), [(b"b".to_vec(), b"1".to_vec())]);
}

/// A request that reads while the writer writes gets an old value or a new one.
pub fn readers_see_whole_values_while_batches_are_applied(harness: &impl Harness) {
    let (opened, position) = opened(harness);
    let view = opened.view.clone();
    put(view.as_ref(), &position, &[(b"row", &[0; 900])]);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 200 {
                        let value = view.get(b"row").expect("read").expect("it is always there");
                        assert!(
                            value.len() == 900 && value.iter().all(|byte| *byte == value[0]),
                            "a torn value"
                        );
                        assert!(value[0] >= last, "time runs backwards");
                        last = value[0];
                    }
                })
            })
            .collect();
        for round in 1..=200u8 {
            put(view.as_ref(), &position, &[(b"row", &[round; 900]), (&[9, round], b"another")]);
        }
        readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
    });
}
