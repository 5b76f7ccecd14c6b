//! Files that were altered in any way: an error or the truth, never a panic, never something else.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;

/// What can happen to a file behind our back.
#[derive(Debug, Clone)]
enum Harm {
    Flip { at: prop::sample::Index, mask: u8 },
    Fill { at: prop::sample::Index, length: usize, byte: u8 },
    Move { from: prop::sample::Index, to: prop::sample::Index, sectors: usize },
    Cut { at: prop::sample::Index },
    Grow { bytes: Vec<u8> },
}

fn harm() -> impl Strategy<Value = Harm> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1u8..).prop_map(|(at, mask)| Harm::Flip { at, mask }),
        (index(), 1usize..2000, any::<u8>()).prop_map(|(at, length, byte)| Harm::Fill { at, length, byte }),
        (index(), index(), 1usize..8).prop_map(|(from, to, sectors)| Harm::Move { from, to, sectors }),
        index().prop_map(|at| Harm::Cut { at }),
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(|bytes| Harm::Grow { bytes }),
    ]
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip { at, mask } => *at.get_mut(bytes) ^= mask,
            Self::Fill { at, length, byte } => {
                let (begin, end) = (at.index(bytes.len()), bytes.len());
                bytes[begin..end.min(begin + length)].fill(*byte);
            }
            Self::Move { from, to, sectors } => {
                let places = (bytes.len() / 512).saturating_sub(*sectors) + 1;
                let (from, to) = (from.index(places) * 512, to.index(places) * 512);
                if bytes.len() >= sectors * 512 {
                    bytes.copy_within(from..from + sectors * 512, to);
                }
            }
            Self::Cut { at } => bytes.truncate(at.index(bytes.len())),
            Self::Grow { bytes: more } => bytes.extend(more),
        }
    }
}

/// Nine groups over several segments, and their entries.
fn filled() -> (SimDisk, Vec<(EntryRef, Entry)>) {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    for number in 0..9 {
        commit(&mut journal, number, 2500);
    }
    let entries = contents(journal.reader.as_ref()).unwrap();
    (disk, entries)
}

/// Whatever can be read is what was written.
fn check(disk: &SimDisk, written: &[(EntryRef, Entry)], may_end_early: bool) -> Result<(), TestCaseError> {
    let Ok(journal) = open(disk) else { return Ok(()) };
    let mut found = Vec::new();
    let visit = &mut |step| {
        if let Replayed::Entry(at, entry) = step {
            found.push((at, entry));
        }
        ControlFlow::Continue(())
    };
    let whole = journal.reader.replay(None, visit).is_ok();
    prop_assert!(written.starts_with(&found));
    prop_assert!(may_end_early || !whole || found.len() == written.len(), "entries are missing in silence");
    for (at, entry) in written {
        if let Ok(found) = journal.reader.read(*at) {
            prop_assert_eq!(&found, entry);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes from the disk are not to be trusted: a desk must not die of them, nor show what nobody wrote.
    #[test]
    fn an_altered_closed_segment_is_reported_or_whole(harms in prop::collection::vec(harm(), 1..4)) {
        let (disk, written) = filled();
        let mut bytes = segment(&disk, 2);
        harms.iter().for_each(|harm| harm.apply(&mut bytes));
        set_segment(&disk, 2, bytes);
        check(&disk, &written, false)?;
    }

    /// In the last segment zeros and missing ends may look like a torn write; nothing else is lost in silence.
    #[test]
    fn an_altered_last_segment_gives_the_truth_up_to_some_group(harms in prop::collection::vec(harm(), 1..4)) {
        let (disk, written) = filled();
        let last = written.last().unwrap().0.segment;
        let mut bytes = segment(&disk, last);
        harms.iter().for_each(|harm| harm.apply(&mut bytes));
        set_segment(&disk, last, bytes);
        let may_end_early = !harms.iter().all(|harm| matches!(harm, Harm::Flip { .. } | Harm::Grow { .. }));
        check(&disk, &written, may_end_early)?;
    }
}
