//! Torn tails are cut, damage is reported: never the one taken for the other.

use super::*;
use crate::{Damage, Error};

/// Two groups are durable; a third of some sectors was being written.
struct Scene {
    disk: SimDisk,
    whole: Vec<u8>,
    begin: usize,
    end: usize,
    before: Position,
}

impl Scene {
    fn new(last_text: usize) -> Self {
        let disk = SimDisk::default();
        let mut journal = open(&disk).unwrap();
        commit(&mut journal, 1, 700);
        let (before, _) = commit(&mut journal, 2, 20);
        let (end, _) = commit(&mut journal, 3, last_text);
        let whole = segment(&disk, 1);
        Self { disk, whole, begin: before.offset as usize, end: end.offset as usize, before }
    }

    /// Opens the journal with other bytes in place.
    fn open_with(&self, bytes: Vec<u8>) -> Result<Journal> {
        set_segment(&self.disk, 1, bytes);
        open(&self.disk)
    }

    /// The third group was cut off, the first two are there, and the journal goes on.
    fn expect_cut(&self, bytes: Vec<u8>, what: &str) {
        let is_blank = bytes[self.begin.min(bytes.len())..].iter().all(|&byte| byte == 0);
        let mut journal = self.open_with(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(journal.cut.is_none(), is_blank, "{what}");
        assert_eq!(journal.reader.tail(), self.before, "{what}");
        assert_eq!(contents(journal.reader.as_ref()).unwrap().len(), 2, "{what}");
        commit(&mut journal, 9, 100);
        let journal = open(&self.disk).unwrap();
        assert!(journal.cut.is_none(), "{what}");
        assert_eq!(contents(journal.reader.as_ref()).unwrap()[2].1, entry(9, 100), "{what}");
    }
}

/// After a crash in the middle of a write the desk must start by itself, with everything acknowledged.
#[test]
fn a_tail_torn_at_any_byte_is_cut() {
    let scene = Scene::new(60);
    for at in scene.begin..scene.end {
        if scene.whole[at..scene.end].iter().all(|&byte| byte == 0) {
            break;
        }
        let mut zeroed = scene.whole.clone();
        zeroed[at..].fill(0);
        scene.expect_cut(zeroed, &format!("zeros from {at}"));
        scene.expect_cut(scene.whole[..at].to_vec(), &format!("file ends at {at}"));
    }
}

#[test]
fn a_tail_torn_at_any_sector_is_cut() {
    let scene = Scene::new(3000);
    for at in (scene.begin..scene.end).step_by(512) {
        let mut zeroed = scene.whole.clone();
        zeroed[at..].fill(0);
        scene.expect_cut(zeroed, &format!("zeros from {at}"));
        scene.expect_cut(scene.whole[..at].to_vec(), &format!("file ends at {at}"));
    }
}

/// A disk writes the sectors of one write in any order.
#[test]
fn a_tail_with_any_sectors_missing_is_cut() {
    let scene = Scene::new(3000);
    let sectors = (scene.end - scene.begin) / 512;
    assert_eq!(sectors, 7);
    for missing in 1u32..1 << sectors {
        let mut torn = scene.whole.clone();
        for sector in (0..sectors).filter(|sector| missing & 1 << sector != 0) {
            torn[scene.begin + sector * 512..][..512].fill(0);
        }
        scene.expect_cut(torn, &format!("sectors {missing:b} missing"));
    }
}

/// Groups written together were acknowledged together: what is whole before the first torn one stays.
#[test]
fn of_several_groups_in_one_write_the_whole_ones_in_front_stay() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (before, _) = commit(&mut journal, 1, 100);
    let groups: Vec<_> =
        [600, 20, 900].iter().map(|size| group(&mut journal, &[entry(2, *size)]).0).collect();
    journal.sink.write(&groups).unwrap();
    let (whole, begin) = (segment(&disk, 1), before.offset as usize);
    let sectors: Vec<u64> = groups.iter().map(|group| group.bytes() / 512).collect();
    let total: u64 = sectors.iter().sum();
    for missing in 0u32..1 << total {
        let mut torn = whole.clone();
        for sector in (0..total as usize).filter(|sector| missing & 1 << sector != 0) {
            torn[begin + sector * 512..][..512].fill(0);
        }
        set_segment(&disk, 1, torn);
        let journal = open(&disk).unwrap_or_else(|error| panic!("{missing:b}: {error}"));
        let mut first = 0;
        let whole_groups = sectors.iter().take_while(|count| {
            let mask = ((1u32 << **count) - 1) << first;
            first += **count;
            missing & mask == 0
        });
        assert_eq!(journal.reader.tail().group, 1 + whole_groups.count() as u64, "{missing:b}");
    }
}

fn damage(result: Result<Journal>) -> Damage {
    match result {
        Err(Error::Damaged(damage)) => damage,
        Err(error) => panic!("another error: {error}"),
        Ok(journal) => panic!("opened, with the tail at {:?}, cut {:?}", journal.reader.tail(), journal.cut),
    }
}

/// Bit rot in what was acknowledged must never make the desk forget it in silence.
#[test]
fn two_flipped_bits_anywhere_are_reported_or_harmless() {
    let scene = Scene::new(600);
    let untouched = contents(open(&scene.disk).unwrap().reader.as_ref()).unwrap();
    for at in 0..scene.end {
        let mut flipped = scene.whole.clone();
        flipped[at] ^= 1 << (at % 8) | 1 << ((at + 3) % 8);
        match scene.open_with(flipped.clone()) {
            Ok(journal) => {
                assert!(journal.cut.is_none(), "byte {at} cut the journal");
                assert_eq!(contents(journal.reader.as_ref()).unwrap(), untouched, "byte {at}");
            }
            Err(error) => {
                let Error::Damaged(damage) = error else { panic!("byte {at}: {error}") };
                assert_eq!(damage.segment, 1);
                assert!(
                    damage.offset as usize <= at && at - damage.offset as usize <= 1100,
                    "byte {at}: {damage}"
                );
                assert_eq!(segment(&scene.disk, 1), flipped, "a damaged journal is left as it is");
            }
        }
    }
}

/// A whole sector lost under acknowledged groups is damage, although it looks like a torn write.
#[test]
fn a_sector_lost_before_a_later_write_is_damage() {
    let scene = Scene::new(600);
    for at in (512..scene.begin).step_by(512) {
        let mut lost = scene.whole.clone();
        lost[at..at + 512].fill(0);
        let damage = damage(scene.open_with(lost));
        assert!(damage.offset as usize <= at, "sector at {at}: {damage}");
        assert!(damage.reason.contains("it was durable before group"), "{damage}");
    }
}

/// Groups of a restored or foreign copy must not be taken for the desk's own.
#[test]
fn a_group_from_elsewhere_is_damage() {
    let scene = Scene::new(600);
    let mut journal = open(&SimDisk::default()).unwrap();
    commit(&mut journal, 1, 700);
    commit(&mut journal, 2, 21);
    let (sealed, _) = group(&mut journal, &[entry(3, 600)]);
    let mut bytes = scene.whole.clone();
    let mut foreign = Vec::new();
    sealed.append_to(&mut foreign, 3);
    bytes[scene.begin..scene.end].copy_from_slice(&foreign);
    assert!(damage(scene.open_with(bytes)).reason.contains("chain"));

    let mut moved = scene.whole.clone();
    moved.copy_within(512..scene.begin, scene.begin);
    damage(scene.open_with(moved));
}

/// Twelve groups over several segments.
fn several_segments() -> (SimDisk, Vec<EntryRef>) {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let refs: Vec<_> = (0..12).map(|number| commit(&mut journal, number, 3000).1).collect();
    assert!(refs[11].segment >= 4);
    (disk, refs)
}

/// Damage in an old segment is found by whoever reads it: no entry is skipped, none is wrong.
#[test]
fn damage_in_a_closed_segment_is_reported_with_its_place() {
    let (disk, refs) = several_segments();
    let in_second = refs.iter().position(|at| at.segment == 2).unwrap();
    let whole = segment(&disk, 2);
    for (what, change) in [("a byte", 1000..1001), ("a sector", 1024..1536), ("everything", 512..whole.len())]
    {
        let mut bytes = whole.clone();
        bytes[change].iter_mut().for_each(|byte| *byte = if what == "a byte" { *byte ^ 0x55 } else { 0 });
        set_segment(&disk, 2, bytes);
        let journal = open(&disk).unwrap();
        let mut seen = 0;
        let result = journal.reader.replay(None, &mut |step| {
            seen += usize::from(matches!(step, Replayed::Entry(..)));
            ControlFlow::Continue(())
        });
        let Err(Error::Damaged(damage)) = result else { panic!("{what}: {result:?}") };
        assert_eq!(damage.segment, 2, "{what}");
        assert_eq!(seen, in_second, "{what}: what comes before it is read");
        let Err(Error::Damaged(damage)) = journal.reader.read(refs[in_second]) else { panic!("{what}") };
        assert_eq!((damage.segment, damage.offset), (2, refs[in_second].offset), "{what}");
    }
    set_segment(&disk, 2, whole[..whole.len() - 512].to_vec());
    let result = contents(open(&disk).unwrap().reader.as_ref());
    assert!(
        matches!(result, Err(Error::Damaged(Damage { segment: 2, .. }))),
        "a segment cut short: {result:?}"
    );
}

/// A file deleted by mistake, or restored from another desk, must stop the start with its number.
#[test]
fn a_missing_or_foreign_segment_is_reported() {
    let (disk, _) = several_segments();
    let whole = segment(&disk, 2);
    disk.lose(&file_name(2));
    let found = damage(open(&disk));
    assert_eq!((found.segment, found.reason.as_str()), (2, "the segment is missing"));

    let other = SimDisk::default();
    let mut journal = Journal::open(Arc::new(other.session()), SMALL, Some(JournalId([9; 16]))).unwrap();
    for number in 0..12 {
        commit(&mut journal, number, 3000);
    }
    set_segment(&disk, 2, segment(&other, 2));
    assert_eq!(damage(open(&disk)).reason, "the segment belongs to another journal");

    set_segment(&disk, 2, segment(&other, 3));
    assert_eq!(damage(open(&disk)).reason, "the file holds segment 3");

    let mut header = whole.clone();
    header[60] ^= 3;
    set_segment(&disk, 2, header);
    assert_eq!(damage(open(&disk)).offset, 0);
    set_segment(&disk, 2, whole);
    open(&disk).unwrap();
}

/// A file put back from an older backup of the same desk verifies in itself; only the chain tells.
#[test]
fn a_segment_of_another_history_is_reported() {
    let (disk, refs) = several_segments();
    let other = SimDisk::default();
    let mut journal = open(&other).unwrap();
    for number in 100..112 {
        commit(&mut journal, number, 3000);
    }
    set_segment(&disk, 2, segment(&other, 2));
    let result = contents(open(&disk).unwrap().reader.as_ref());
    let Err(Error::Damaged(damage)) = result else { panic!("{result:?}") };
    assert_eq!((damage.segment, damage.offset), (2, 0));

    let (disk, _) = several_segments();
    set_segment(&disk, refs[11].segment, segment(&other, refs[11].segment));
    let journal = open(&disk).unwrap();
    let nothing = &mut |_| ControlFlow::Continue(());
    assert!(matches!(journal.reader.replay(None, nothing), Err(Error::Damaged(_))));
}

/// A desk whose journal is gone must say so instead of beginning a new life.
#[test]
fn a_journal_is_created_only_when_that_is_asked_for() {
    let disk = SimDisk::default();
    let result = Journal::open(Arc::new(disk.session()), SMALL, None);
    assert!(matches!(result, Err(Error::NotAStore { .. })));
    open(&disk).unwrap();
    Journal::open(Arc::new(disk.session()), SMALL, None).unwrap();
}
