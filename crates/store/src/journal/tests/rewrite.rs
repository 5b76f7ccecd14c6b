//! Rewritten segments: what was given back is gone, everything else stands where it stood.

use super::*;
use crate::journal::{Outline, ProblemKind, Rewritten, Verdict, cut_off, survey};
use crate::{Error, Text};

/// Groups of three entries over several segments.
fn filled(disk: &SimDisk) -> (Journal, Vec<(EntryRef, Entry)>) {
    let mut journal = open(disk).unwrap();
    for number in 0..12 {
        let entries = [entry(number, 900), entry(number + 100, 40), entry(number + 200, 700)];
        let (sealed, _) = group(&mut journal, &entries);
        journal.sink.write(&[sealed]).unwrap();
    }
    assert!(journal.reader.tail().segment >= 3);
    let all = contents(journal.reader.as_ref()).unwrap();
    (journal, all)
}

/// Of seven entries some are dropped, one loses its text, one gets other facts.
fn verdict(entry: &Entry) -> Verdict {
    let number: u64 = String::from_utf8_lossy(&entry.facts).rsplit(' ').next().unwrap().parse().unwrap_or(0);
    match number % 7 {
        0 | 2 | 3 => Verdict::Drop,
        5 => Verdict::Erase,
        6 => Verdict::Replace(b"f 6".to_vec()),
        _ => Verdict::Keep,
    }
}

fn rewrite(journal: &Journal, number: u64) -> Result<Option<Rewritten>> {
    journal.archive.rewrite(
        number,
        12,
        &mut |_, entry| Ok(verdict(entry)),
        &mut |_| ControlFlow::Continue(()),
    )
}

fn rewrite_all(journal: &Journal) -> Rewritten {
    let mut sum = Rewritten::default();
    for segment in journal.archive.segments().into_iter().filter(|segment| segment.closed) {
        let done = rewrite(journal, segment.number).unwrap().expect("it is worth it");
        sum.before += done.before;
        sum.after += done.after;
        sum.dropped += done.dropped;
    }
    sum
}

/// What is left of the entries when all closed segments were rewritten.
fn left(journal: &Journal, all: &[(EntryRef, Entry)]) -> Vec<(EntryRef, Entry)> {
    let open = journal.reader.tail().segment;
    let judged = |(at, entry): &(EntryRef, Entry)| {
        if at.segment == open {
            return Some((*at, entry.clone()));
        }
        let length = entry.text.bytes().map_or(0, |text| text.len() as u32);
        let erased = |facts: &[u8]| Entry { facts: facts.to_vec(), text: Text::Erased(length) };
        match verdict(entry) {
            Verdict::Keep => Some((*at, entry.clone())),
            Verdict::Erase => Some((*at, erased(&entry.facts))),
            Verdict::Replace(facts) => Some((*at, erased(&facts))),
            Verdict::Drop => None,
        }
    };
    all.iter().filter_map(judged).collect()
}

/// A reference into a rewritten segment that led elsewhere would show one person another's words.
#[test]
fn what_stays_keeps_its_address_and_the_chain_its_hashes() {
    let disk = SimDisk::default();
    let (journal, all) = filled(&disk);
    let (tail, points) = (journal.reader.tail(), ends(journal.reader.as_ref()));
    let expected = left(&journal, &all);
    let done = rewrite_all(&journal);
    assert!(done.dropped >= 10 && done.after * 10 < done.before * 7, "{done:?}");
    let stored: u64 = journal.archive.segments().iter().map(|segment| segment.stored).sum();
    assert!(stored <= disk.used(), "the sizes told are those on the disk");
    let check = |journal: &Journal| {
        assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected);
        assert_eq!((journal.reader.tail(), ends(journal.reader.as_ref())), (tail, points.clone()));
        for (at, entry) in &all {
            match expected.iter().find(|(kept, _)| kept == at) {
                Some((_, kept)) => assert_eq!(journal.reader.read(*at).unwrap(), *kept),
                None => {
                    let gone = journal.reader.read(*at).unwrap_err();
                    assert!(matches!(gone, Error::NoEntry { .. }), "{gone}: {entry:?}");
                }
            }
        }
        for point in &points {
            let mut first = None;
            let visit = &mut |step| {
                if let Replayed::GroupEnd(end) = step {
                    first.get_or_insert(end.group);
                }
                ControlFlow::Continue(())
            };
            journal.reader.replay(Some(*point), visit).unwrap();
            assert_eq!(first.unwrap_or(point.group + 1), point.group + 1, "a fold goes on from any group");
        }
        for segment in journal.archive.segments() {
            journal.archive.verify(segment.number, &mut |_| ControlFlow::Continue(())).unwrap();
        }
    };
    check(&journal);
    check(&open(&disk).unwrap());
    for (_, gone) in
        all.iter().filter(|(at, entry)| at.segment < tail.segment && !matches!(verdict(entry), Verdict::Keep))
    {
        let words = gone.text.bytes().unwrap();
        for name in disk.names() {
            let bytes = disk.content(&name).unwrap();
            assert!(!bytes.windows(words.len()).any(|window| window == words), "{name}");
        }
    }
}

/// A journal that has been rewritten goes on as any other, and can be rewritten again.
#[test]
fn a_rewritten_journal_goes_on_and_is_rewritten_again() {
    let disk = SimDisk::default();
    let (journal, all) = filled(&disk);
    let expected = left(&journal, &all);
    rewrite_all(&journal);
    assert_eq!(rewrite(&journal, 1).unwrap(), None, "there is nothing more to give back");
    let mut journal = open(&disk).unwrap();
    for number in 300..310 {
        commit(&mut journal, number, 2000);
    }
    let keep = journal.reader.read(expected[0].0).unwrap();
    let at = expected[0].0;
    let gone = &mut |found: EntryRef, _: &Entry| Ok(if found == at { Verdict::Drop } else { Verdict::Keep });
    let done = journal.archive.purge(1, gone, &mut |_| ControlFlow::Continue(())).unwrap().unwrap();
    assert_eq!(done.dropped, 1);
    assert!(keep.text.bytes().is_some());
    let journal = open(&disk).unwrap();
    let found = contents(journal.reader.as_ref()).unwrap();
    assert_eq!(found[..expected.len() - 1], expected[1..]);
    assert_eq!(found.len(), expected.len() - 1 + 10);
}

/// The last segment is being written: nobody rewrites it.
#[test]
fn the_open_segment_is_left_alone() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    let open = journal.reader.tail().segment;
    assert!(matches!(rewrite(&journal, open), Err(Error::SegmentOpen { .. })));
    assert!(matches!(rewrite(&journal, 99), Err(Error::NoEntry { .. })));
}

/// Whatever happens while a segment is rewritten, it is the old one or the new one.
#[test]
fn a_rewriting_interrupted_anywhere_leaves_the_old_or_the_new() {
    let operations = {
        let disk = SimDisk::default();
        let (journal, _) = filled(&disk);
        let before = disk.operations();
        rewrite_all(&journal);
        disk.operations() - before
    };
    assert!(operations > 10);
    for at in 0..operations {
        for seed in 0..8 {
            let disk = SimDisk::default();
            let (journal, all) = filled(&disk);
            let expected = left(&journal, &all);
            disk.crash_after(at);
            for segment in 1..journal.reader.tail().segment {
                let _ = rewrite(&journal, segment);
            }
            if seed == 0 {
                disk.kill()
            } else {
                disk.power_cut(seed * 7919 + at)
            }
            let journal = open(&disk).unwrap_or_else(|error| panic!("cut at {at}: {error}"));
            for segment in journal.archive.segments() {
                let of = |entries: &[(EntryRef, Entry)]| -> Vec<_> {
                    entries.iter().filter(|(at, _)| at.segment == segment.number).cloned().collect()
                };
                let found = of(&contents(journal.reader.as_ref()).unwrap());
                assert!(found == of(&all) || found == of(&expected), "cut at {at}, seed {seed}");
            }
            rewrite_all_again(&journal);
            assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected);
            assert!(disk.names().iter().all(|name| !name.ends_with(".new")));
        }
    }
}

fn rewrite_all_again(journal: &Journal) {
    for segment in 1..journal.reader.tail().segment {
        rewrite(journal, segment).unwrap();
    }
}

/// Fault: one flipped bit anywhere in a rewritten segment is corrected, reported or without meaning; never another text.
#[test]
fn a_flipped_bit_in_a_rewritten_segment_is_never_silent() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    rewrite_all(&journal);
    let expected = contents(journal.reader.as_ref()).unwrap();
    let whole = segment(&disk, 1);
    assert_eq!(&whole[8..12], &[0, 0, 0, 2], "an older program refuses it");
    let mut corrected = 0;
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        set_segment(&disk, 1, flipped);
        let found = survey(&disk.session()).unwrap();
        assert!(found.first_damage().is_none(), "byte {at}: {:?}", found.first_damage());
        let journal = open(&disk).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected, "byte {at}");
        let told = journal.archive.corrections().len();
        assert_eq!(found.problems.len(), told, "a check tells what a start corrects, byte {at}");
        if told > 0 {
            corrected += 1;
            assert_eq!(segment(&disk, 1), whole, "byte {at} is as it was");
        }
    }
    assert!(corrected * 10 > whole.len() * 8, "{corrected} of {}", whole.len());
}

/// Damage of more than a bit is found by the seal or a checksum, also where the chain cannot be computed any more.
#[test]
fn damage_of_a_rewritten_segment_is_found() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    rewrite_all(&journal);
    let expected = contents(journal.reader.as_ref()).unwrap();
    let whole = segment(&disk, 1);
    for at in (0..whole.len() - 1).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        damaged[at + 1] ^= 0xa5;
        set_segment(&disk, 1, damaged);
        let read = open(&disk).and_then(|journal| contents(journal.reader.as_ref()));
        if let Ok(found) = read {
            assert_eq!(found, expected, "byte {at}");
        }
    }
}

/// A damaged rewritten segment is cut off for a salvage, and the desk goes on behind what is left.
#[test]
fn a_damaged_rewritten_segment_can_be_cut_off() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    rewrite_all(&journal);
    let expected = contents(journal.reader.as_ref()).unwrap();
    let whole = segment(&disk, 2);
    for at in [40, 700, whole.len() / 2, whole.len() - 5] {
        let disk = SimDisk::default();
        filled(&disk);
        rewrite_all(&open(&disk).unwrap());
        let mut damaged = whole.clone();
        damaged[at..at + 4].iter_mut().for_each(|byte| *byte ^= 0x3c);
        set_segment(&disk, 2, damaged.clone());
        let found = survey(&disk.session()).unwrap();
        let damage = found.first_damage().unwrap_or_else(|| panic!("byte {at}")).clone();
        assert_eq!((damage.segment, &damage.kind), (2, &ProblemKind::Damage));
        cut_off(&disk.session(), &damage, "journal.damaged-1").unwrap();
        assert_eq!(disk.content("journal.damaged-1/00000000000000000002.seg"), Some(damaged));
        let mut journal = open(&disk).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        let kept = contents(journal.reader.as_ref()).unwrap();
        assert_eq!(kept, expected[..kept.len()], "what is left is a prefix");
        assert!(kept.iter().filter(|(at, _)| at.segment == 1).count() > 0);
        commit(&mut journal, 1, 100);
        assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), kept.len() + 1);
    }
}

/// When everything behind a rewritten segment is lost, the desk still starts and writes on.
#[test]
fn a_rewritten_segment_that_is_last_can_be_appended_to() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    rewrite_all(&journal);
    let all = contents(journal.reader.as_ref()).unwrap();
    for number in 3..=journal.reader.tail().segment {
        disk.lose(&file_name(number));
    }
    let mut journal = open(&disk).unwrap();
    let kept = contents(journal.reader.as_ref()).unwrap();
    assert_eq!(kept, all[..kept.len()]);
    let (_, at) = commit(&mut journal, 77, 300);
    let journal = open(&disk).unwrap();
    assert_eq!(journal.reader.read(at).unwrap(), entry(77, 300));
}

/// A backup copies rewritten segments as they are, and a restore verifies them.
#[test]
fn rewritten_segments_are_verified_on_their_way_into_a_backup() {
    let disk = SimDisk::default();
    let (journal, _) = filled(&disk);
    rewrite_all(&journal);
    let (expected, tail) = (contents(journal.reader.as_ref()).unwrap(), journal.reader.tail());
    let copy = SimDisk::default();
    let mut outline = Outline::new();
    for number in 1..=tail.segment {
        let bytes = segment(&disk, number);
        let (_, bytes) = outline.segment(number, bytes, number == tail.segment).unwrap();
        set_segment(&copy, number, bytes);
    }
    assert_eq!(outline.end().unwrap().1, tail);
    assert_eq!(contents(open(&copy).unwrap().reader.as_ref()).unwrap(), expected);
    let mut damaged = segment(&disk, 1);
    let middle = damaged.len() / 2;
    damaged[middle..middle + 3].iter_mut().for_each(|byte| *byte ^= 0x5a);
    assert!(Outline::new().segment(1, damaged, false).is_err());
}

/// A folder whose sync failed is not asked again as if nothing had happened: the second time may lie.
#[test]
fn after_a_failed_sync_of_the_folder_nothing_is_rewritten_before_the_next_start() {
    let disk = SimDisk::default();
    let (journal, all) = filled(&disk);
    let expected = left(&journal, &all);
    // The new file is synced, its name is not.
    let mut failed = false;
    for skip in 0..6 {
        let disk = SimDisk::default();
        let (journal, _) = filled(&disk);
        disk.fail_syncs_after(skip, 1);
        if rewrite(&journal, 1).is_err() && journal.archive.segments()[0].judged.is_some() {
            failed = true;
            disk.fail_syncs(0);
            assert!(rewrite(&journal, 2).is_err(), "not before a start");
            assert!(journal.archive.erase(&[all[0].0]).is_err());
            let journal = open(&disk).unwrap();
            rewrite_all_again(&journal);
            assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected);
        }
    }
    assert!(failed, "one of the syncs is that of the folder");
}
