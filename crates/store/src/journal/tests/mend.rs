//! A desk must not be lost for one bit that a disk or a memory turned over.

use super::*;
use crate::Error;
use crate::journal::{ProblemKind, cut_off, survey};

/// Three segments of a few small groups, and what they hold.
fn scene() -> (SimDisk, Vec<(EntryRef, Entry)>) {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    for number in 0..3 {
        commit(&mut journal, number, 120);
        journal.stage.begin_segment();
    }
    let several = [entry(8, 30), Entry::new("without a text"), entry(9, 0)];
    let (sealed, _) = group(&mut journal, &several);
    journal.sink.write(&[sealed]).unwrap();
    let held = contents(journal.reader.as_ref()).unwrap();
    (disk, held)
}

/// Fault 31: any single bit of the journal may flip; nothing is lost, and where it counts it is put right on the disk.
#[test]
fn a_flipped_bit_anywhere_is_corrected_on_the_disk_or_harmless() {
    let (disk, held) = scene();
    let mut corrected = 0;
    for number in 1..=4 {
        let whole = segment(&disk, number);
        // The rest of the last segment is room that was never used.
        for bit in 0..whole.len().min(1280) * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            set_segment(&disk, number, flipped.clone());
            let journal = open(&disk).unwrap_or_else(|error| panic!("segment {number}, bit {bit}: {error}"));
            assert!(
                journal.cut.is_none() || bit / 8 >= 1024,
                "segment {number}, bit {bit}: {:?}",
                journal.cut
            );
            assert_eq!(contents(journal.reader.as_ref()).unwrap(), held, "segment {number}, bit {bit}");
            let told = journal.archive.corrections();
            assert!(journal.archive.corrections().is_empty(), "each is told once");
            if let [one] = told.as_slice() {
                corrected += 1;
                assert_eq!(
                    (one.segment, one.offset, usize::from(one.bit)),
                    (number, bit as u64 / 8, bit % 8)
                );
                assert!(segment(&disk, number)[..1024] == whole[..1024], "segment {number}, bit {bit}");
            } else {
                assert!(told.is_empty());
            }
            set_segment(&disk, number, whole.clone());
        }
    }
    assert!(corrected > 4 * 8 * 200, "{corrected}");
}

/// A bit that flips while the desk runs is corrected by whoever reads the entry.
#[test]
fn a_reader_of_one_entry_corrects_it_too() {
    let (disk, held) = scene();
    let journal = open(&disk).unwrap();
    for (at, entry) in held {
        let whole = segment(&disk, at.segment);
        let mut flipped = whole.clone();
        flipped[at.offset as usize + 26] ^= 16;
        set_segment(&disk, at.segment, flipped);
        assert_eq!(journal.reader.read(at).unwrap(), entry);
        assert_eq!(journal.archive.corrections().len(), 1);
        assert!(segment(&disk, at.segment) == whole);
    }
}

/// Fault 22: the power may fail while a bit is corrected.
#[test]
fn a_power_cut_during_a_correction_leaves_what_can_be_read() {
    for seed in 0..20 {
        for operation in 1..6 {
            let (disk, held) = scene();
            let mut flipped = segment(&disk, 2);
            flipped[700] ^= 32;
            set_segment(&disk, 2, flipped);
            disk.kill();
            disk.crash_after(operation);
            let _ = Journal::open(Arc::new(disk.session()), SMALL, Some(ID))
                .map(|journal| contents(journal.reader.as_ref()));
            disk.power_cut(seed);
            let journal = open(&disk).unwrap();
            assert_eq!(
                contents(journal.reader.as_ref()).unwrap(),
                held,
                "operation {operation}, seed {seed}"
            );
        }
    }
}

/// The look from outside changes nothing, and tells what a start would say.
#[test]
fn a_survey_tells_bits_from_damage_and_finds_what_is_readable_behind_it() {
    let (disk, _) = scene();
    assert!(survey(&disk.session()).unwrap().problems.is_empty());
    let whole = segment(&disk, 2);
    let mut bit = whole.clone();
    bit[700] ^= 1;
    set_segment(&disk, 2, bit.clone());
    let found = survey(&disk.session()).unwrap();
    assert!(
        matches!(&found.problems[..], [one] if matches!(one.kind, ProblemKind::Bits(_)) && one.group == 2)
    );
    assert!(segment(&disk, 2) == bit);
    let mut rot = whole.clone();
    rot[600..620].fill(0x5a);
    set_segment(&disk, 2, rot);
    let found = survey(&disk.session()).unwrap();
    let damage = found.first_damage().unwrap();
    assert_eq!((damage.segment, damage.begin, damage.group), (2, 512, 2));
    assert_eq!(found.segments.iter().map(|segment| segment.groups).collect::<Vec<_>>(), [1, 0, 1, 1]);
}

/// What a torn write left is no damage.
#[test]
fn a_survey_takes_a_torn_tail_for_what_it_is() {
    let (disk, _) = scene();
    let mut torn = segment(&disk, 4);
    torn[540..1024].fill(0);
    set_segment(&disk, 4, torn);
    let found = survey(&disk.session()).unwrap();
    assert_eq!(found.problems[0].kind, ProblemKind::Torn);
    assert!(found.first_damage().is_none());
    open(&disk).unwrap();
}

/// A desk whose journal is damaged goes on with what comes before, and nothing of the rest is thrown away.
#[test]
fn a_journal_cut_off_at_the_damage_opens_with_all_before_it() {
    for operation in 0..12 {
        let (disk, held) = scene();
        let third = segment(&disk, 3);
        let mut rot = third.clone();
        rot[600..620].fill(0x5a);
        set_segment(&disk, 3, rot.clone());
        let journal = open(&disk).unwrap();
        assert!(matches!(contents(journal.reader.as_ref()), Err(Error::Damaged(_))));
        drop(journal);
        let damage = survey(&disk.session()).unwrap().first_damage().unwrap().clone();
        if operation > 0 {
            disk.crash_after(operation);
            let cut = cut_off(&disk.session(), &damage, "aside");
            disk.power_cut(operation);
            if cut.is_err() {
                let damage = survey(&disk.session()).unwrap().first_damage().cloned();
                if let Some(damage) = damage {
                    cut_off(&disk.session(), &damage, "aside").unwrap();
                }
            }
        } else {
            assert_eq!(cut_off(&disk.session(), &damage, "aside").unwrap(), 2);
        }
        let mut journal = open(&disk).unwrap();
        assert_eq!(contents(journal.reader.as_ref()).unwrap(), held[..2], "operation {operation}");
        assert!(disk.content("aside/00000000000000000003.seg").unwrap() == rot, "operation {operation}");
        assert!(disk.content("aside/00000000000000000004.seg").is_some());
        commit(&mut journal, 50, 100);
        assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), 3);
    }
}
