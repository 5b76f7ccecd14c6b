//! Erasing and copying segments, and a journal whose first ones are gone.

use super::*;
use crate::{Error, Text};

/// Twelve groups of two entries over several segments.
fn filled(disk: &SimDisk) -> (Journal, Vec<EntryRef>) {
    let mut journal = open(disk).unwrap();
    let mut refs = Vec::new();
    for number in 0..12 {
        let (sealed, staged) = group(&mut journal, &[entry(number, 1500), entry(number + 100, 40)]);
        journal.sink.write(&[sealed]).unwrap();
        refs.extend(staged);
    }
    assert!(journal.reader.tail().segment >= 3);
    (journal, refs)
}

fn closed(journal: &Journal, refs: &[EntryRef]) -> Vec<EntryRef> {
    refs.iter().copied().filter(|at| at.segment < journal.reader.tail().segment).collect()
}

fn erased(entry: Entry) -> Entry {
    let length = entry.text.bytes().map_or(0, |text| text.len() as u32);
    Entry { text: Text::Erased(length), ..entry }
}

/// Fault 115: a person's words are gone from every byte of the journal, and everything else is as it was.
#[test]
fn an_erased_text_is_gone_and_nothing_else_is() {
    let disk = SimDisk::default();
    let (journal, refs) = filled(&disk);
    let before = contents(journal.reader.as_ref()).unwrap();
    let tail = journal.reader.tail();
    let chosen: Vec<_> = closed(&journal, &refs).into_iter().step_by(3).collect();
    let words: Vec<_> =
        chosen.iter().map(|at| journal.reader.read(*at).unwrap().text.into_bytes().unwrap()).collect();
    assert_eq!(journal.archive.erase(&chosen).unwrap(), chosen.len());
    let expected: Vec<_> = before
        .into_iter()
        .map(|(at, entry)| if chosen.contains(&at) { (at, erased(entry)) } else { (at, entry) })
        .collect();
    let check = |journal: Journal| {
        assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected);
        assert_eq!(journal.reader.tail(), tail, "the chain is the same");
        assert!(expected.iter().all(|(at, entry)| journal.reader.read(*at).unwrap() == *entry));
        assert_eq!(journal.archive.erase(&chosen).unwrap(), 0, "what is erased is left alone");
    };
    check(journal);
    check(open(&disk).unwrap());
    for name in disk.names() {
        let bytes = disk.content(&name).unwrap();
        for words in &words {
            assert!(!bytes.windows(words.len()).any(|window| window == words), "{name}");
        }
    }
}

/// An erasure must not wait for ever for the segment to fill, nor hurt one that is being written.
#[test]
fn texts_of_the_open_segment_wait_for_the_next_one() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (_, at) = commit(&mut journal, 1, 100);
    assert!(matches!(journal.archive.erase(&[at]), Err(Error::SegmentOpen { segment: 1 })));
    journal.stage.stage(&entry(2, 10)).unwrap();
    journal.stage.begin_segment();
    let open_group = journal.stage.stage(&entry(3, 10)).unwrap();
    assert_eq!(open_group.segment, 1, "a group is never split");
    let sealed = journal.stage.seal().unwrap();
    journal.sink.write(&[sealed]).unwrap();
    assert_eq!(commit(&mut journal, 4, 10).1.segment, 2);
    assert_eq!(commit(&mut journal, 5, 10).1.segment, 2, "only once");
    assert_eq!(journal.archive.erase(&[at]).unwrap(), 1);
    assert_eq!(journal.reader.read(at).unwrap(), erased(entry(1, 100)));
    assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), 5);
}

/// Two who ask for the next segment within one group must not move what is staged already: the journal would end.
#[test]
fn a_group_that_begins_a_segment_stays_there_when_another_one_is_asked_for() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    commit(&mut journal, 1, 100);
    journal.stage.begin_segment();
    let one = journal.stage.stage(&entry(2, 10)).unwrap();
    journal.stage.begin_segment();
    let other = journal.stage.stage(&entry(3, 10)).unwrap();
    assert_eq!((one.segment, other.segment), (2, 2));
    assert_eq!(journal.stage.get(one), Some(entry(2, 10)));
    let sealed = journal.stage.seal().unwrap();
    journal.sink.write(&[sealed]).unwrap();
    assert_eq!(journal.reader.read(one).unwrap(), entry(2, 10));
    assert_eq!(commit(&mut journal, 4, 10).1.segment, 3);
    assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), 4);
}

/// Whatever happens during an erasure, each segment is the old one or the new one.
#[test]
fn an_erasure_interrupted_anywhere_can_be_repeated() {
    for at in 0..20 {
        for power_cut in [false, true] {
            let disk = SimDisk::default();
            let (journal, refs) = filled(&disk);
            let before = contents(journal.reader.as_ref()).unwrap();
            let chosen: Vec<_> = closed(&journal, &refs).into_iter().step_by(3).collect();
            disk.crash_after(at);
            let _ = journal.archive.erase(&chosen);
            if power_cut {
                disk.power_cut(at)
            } else {
                disk.kill()
            }
            let journal = open(&disk).unwrap();
            for ((found_at, found), (at, entry)) in
                contents(journal.reader.as_ref()).unwrap().into_iter().zip(before)
            {
                assert_eq!(found_at, at);
                assert!(found == entry || chosen.contains(&at) && found == erased(entry));
            }
            journal.archive.erase(&chosen).unwrap();
            assert!(
                chosen.iter().all(|at| matches!(journal.reader.read(*at).unwrap().text, Text::Erased(_)))
            );
            assert!(disk.names().iter().all(|name| name.ends_with(".seg")));
        }
    }
}

/// A full disk must not leave half a rewritten segment about.
#[test]
fn an_erasure_on_a_full_disk_is_refused_whole() {
    let disk = SimDisk::default();
    let (journal, refs) = filled(&disk);
    disk.set_capacity(Some(disk.used() + 1000));
    assert!(journal.archive.erase(&refs[..1]).unwrap_err().is_full());
    assert_eq!(journal.reader.read(refs[0]).unwrap(), entry(0, 1500));
    assert!(disk.names().iter().all(|name| name.ends_with(".seg")));
    disk.set_capacity(None);
    assert_eq!(journal.archive.erase(&refs[..1]).unwrap(), 1);
}

/// An erasure must find the damage, not bless it with new checksums.
#[test]
fn a_damaged_segment_is_not_rewritten() {
    let disk = SimDisk::default();
    let (_, refs) = filled(&disk);
    let mut bytes = segment(&disk, 1);
    bytes[refs[1].offset as usize + 26] ^= 3;
    set_segment(&disk, 1, bytes.clone());
    let journal = open(&disk).unwrap();
    assert!(matches!(journal.archive.erase(&refs[..1]), Err(Error::Damaged(_))), "beside the damage");
    assert!(matches!(journal.archive.erase(&refs[1..2]), Err(Error::Damaged(_))));
    let nowhere = EntryRef { offset: refs[0].offset + 8, ..refs[0] };
    assert!(journal.archive.erase(&[nowhere]).is_err());
    for (segment, offset) in [(0, 600), (1, 0), (1, u64::MAX), (1, refs[2].offset + 500)] {
        assert!(journal.archive.erase(&[EntryRef { segment, offset }]).is_err());
    }
    assert_eq!(segment(&disk, 1), bytes);
}

/// What is left is a whole journal that begins later.
#[test]
fn a_journal_whose_first_segment_is_gone_begins_with_the_next_one_and_goes_on() {
    let disk = SimDisk::default();
    let (journal, refs) = filled(&disk);
    let start = journal.archive.segments()[1].start;
    drop(journal);
    disk.lose(&file_name(1));
    let mut journal = open(&disk).unwrap();
    assert_eq!(journal.reader.start(), start);
    assert!(matches!(journal.reader.read(refs[0]), Err(Error::NoEntry { .. })));
    let kept: Vec<_> = refs.iter().copied().filter(|at| at.segment >= 2).collect();
    commit(&mut journal, 200, 10);
    let again = open(&disk).unwrap();
    let found = contents(again.reader.as_ref()).unwrap();
    assert_eq!(found[..kept.len()].iter().map(|(at, _)| *at).collect::<Vec<_>>(), kept);
    assert_eq!(found.len(), kept.len() + 1);
    let older = Position { group: 1, segment: 1, offset: 1024, chain: [0; 32] };
    let nothing = &mut |_| ControlFlow::Continue(());
    assert!(matches!(again.reader.replay(Some(older), nothing), Err(Error::NoPosition { .. })));
}

/// A backup taken while the desk works is the journal up to some group.
#[test]
fn copied_segments_are_a_journal() {
    let disk = SimDisk::default();
    let (mut journal, refs) = filled(&disk);
    let before = contents(journal.reader.as_ref()).unwrap();
    let copy = SimDisk::default();
    drop(open(&copy).unwrap());
    let files: Vec<_> = journal
        .archive
        .segments()
        .iter()
        .map(|info| (info.number, journal.archive.open_segment(info.number).unwrap()))
        .collect();
    for number in 50..60 {
        commit(&mut journal, number, 900);
    }
    // What is erased meanwhile is in the copy still: its segments were there when it began.
    journal.archive.erase(&refs[..2]).unwrap();
    for (number, file) in files {
        let mut bytes = vec![0; file.size() as usize + 100];
        let count = file.read_at(&mut bytes, 0).unwrap();
        assert_eq!(count as u64, file.size());
        bytes.truncate(count);
        set_segment(&copy, number, bytes);
    }
    let restored = open(&copy).unwrap();
    assert!(restored.cut.is_none());
    assert_eq!(contents(restored.reader.as_ref()).unwrap(), before);
    assert!(journal.archive.open_segment(77).is_err());
}
