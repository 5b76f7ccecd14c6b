//! What a snapshot shows wrongly, the whole desk shows wrongly after its next power cut.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::*;
use crate::memory::SimDisk;
use crate::{Batch, Direction, Disk, View};

const SCHEMA: u32 = 7;

fn position(group: u64) -> Position {
    Position { group, segment: 1, offset: 512 * group, chain: [group as u8; 32] }
}

fn rows(count: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let key = |n: u32| [&[b'a' + (n / 400) as u8][..], &n.to_be_bytes()].concat();
    (0..count).map(|n| (key(n), vec![n as u8; 1 + (n * 37 % 300) as usize])).collect()
}

fn write(snapshots: &Snapshots, group: u64, rows: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
    let mut writer = snapshots.create(SCHEMA, position(group))?;
    rows.iter().try_for_each(|(key, value)| writer.put(key, value))?;
    snapshots.seal(writer)
}

fn dump(view: &dyn View, direction: Direction) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut found = Vec::new();
    view.scan(&[1], None, direction, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn flip(disk: &SimDisk, name: &str, bit: u64) {
    let mut bytes = disk.content(name).unwrap();
    bytes[bit as usize / 8] ^= 1 << (bit % 8);
    disk.set_content(name, bytes);
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn what_was_written_is_read_by_key_by_range_and_as_a_whole() {
    let snapshots = Snapshots::new(Arc::new(SimDisk::default().session()));
    let rows = rows(1_000);
    write(&snapshots, 5, &rows).unwrap();
    let snapshot = snapshots.open(5, SCHEMA).map_err(|why| why.reason).unwrap();
    assert_eq!(snapshot.position(), position(5));
    snapshot.verify(go_on).unwrap();
    assert_eq!(snapshot.tables().iter().map(|table| table.rows).sum::<u64>(), 1_000);
    for (key, value) in &rows {
        assert_eq!(snapshot.get(key).unwrap().as_ref(), Some(value));
        assert_eq!(snapshot.get(&[key.as_slice(), &[0]].concat()).unwrap(), None);
    }
    let mut found = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        found.push(key.to_vec());
        if found.len() < 300 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    snapshot.scan(&rows[100].0, Some(&rows[900].0), Direction::Backward, &mut visit).unwrap();
    assert!(found.into_iter().eq(rows[600..900].iter().rev().map(|(key, _)| key.clone())));
}

/// The fold continues over a snapshot, and what it makes is a snapshot again.
#[test]
fn a_fold_over_a_snapshot_equals_one_over_everything() {
    let snapshots = Snapshots::new(Arc::new(SimDisk::default().session()));
    let mut rows = rows(1_000);
    write(&snapshots, 5, &rows).unwrap();
    let fold = FoldView::new(snapshots.open(5, SCHEMA).ok());
    let mut batch = Batch::new();
    for (key, _) in rows.iter().step_by(3) {
        batch.delete(key.clone());
    }
    batch.put(*b"zz", *b"new");
    fold.apply(&batch, &position(6)).unwrap();
    let mut number = 0;
    rows.retain(|_| {
        number += 1;
        number % 3 != 1
    });
    rows.push((b"zz".to_vec(), b"new".to_vec()));
    assert_eq!(dump(&fold, Direction::Forward).unwrap(), rows);
    let mut writer = snapshots.create(SCHEMA, position(6)).unwrap();
    assert!(fold.write_to(&mut writer, go_on).unwrap());
    snapshots.seal(writer).unwrap();
    let second = FoldView::new(snapshots.open(6, SCHEMA).ok());
    assert_eq!(dump(&second, Direction::Forward).unwrap(), rows);
    rows.reverse();
    assert_eq!(dump(&second, Direction::Backward).unwrap(), rows);
    snapshots.keep(1).unwrap();
    assert_eq!(snapshots.groups().unwrap(), [6]);
}

/// Faults 22 and 31: a power cut anywhere leaves the old snapshots, and the new one whole or not at all.
#[test]
fn a_power_cut_at_any_operation_leaves_whole_snapshots_only() {
    for seed in 0..3 {
        for operation in 1.. {
            let disk = SimDisk::default();
            let before = Snapshots::new(Arc::new(disk.session()));
            write(&before, 1, &rows(50)).unwrap();
            disk.crash_after(operation);
            let crashed = write(&before, 2, &rows(200)).and_then(|()| before.keep(1)).is_err();
            disk.power_cut(seed * 1_000 + operation);
            let after = Snapshots::new(Arc::new(disk.session()));
            let groups = after.groups().unwrap();
            assert!(!groups.is_empty(), "operation {operation}");
            for group in groups {
                let snapshot = after.open(group, SCHEMA).map_err(|why| why.reason).unwrap();
                snapshot.verify(go_on).unwrap();
                assert_eq!(
                    dump(&FoldView::new(Some(snapshot)), Direction::Forward).unwrap().len(),
                    [50, 200][group as usize - 1]
                );
            }
            after.tidy().unwrap();
            if !crashed {
                break;
            }
        }
    }
}

/// Fault 31: any flipped bit is found, or changes nothing.
#[test]
fn a_flipped_bit_anywhere_is_found_or_harmless() {
    let disk = SimDisk::default();
    let snapshots = Snapshots::new(Arc::new(disk.session()));
    let rows = rows(60);
    write(&snapshots, 1, &rows).unwrap();
    let name = file_name(1);
    let bytes = disk.content(&name).unwrap().len() as u64;
    let mut found = 0;
    for bit in 0..bytes * 8 {
        flip(&disk, &name, bit);
        let read = snapshots.open(1, SCHEMA).map_err(|why| why.reason);
        match read.map(|snapshot| {
            (snapshot.verify(go_on), dump(&FoldView::new(Some(snapshot)), Direction::Forward))
        }) {
            Ok((Ok(()), Ok(shown))) => assert_eq!(shown, rows, "bit {bit}"),
            Ok((Err(_), _) | (_, Err(_))) | Err(_) => found += 1,
        }
        flip(&disk, &name, bit);
    }
    assert!(found > bytes * 8 * 9 / 10);
}

/// Fault 32: a snapshot of another version is not read as if it were of this one.
#[test]
fn another_version_is_refused_with_both() {
    let disk = SimDisk::default();
    let snapshots = Snapshots::new(Arc::new(disk.session()));
    write(&snapshots, 1, &rows(10)).unwrap();
    let refused = snapshots.open(1, SCHEMA + 1).err().unwrap();
    assert!(
        refused.kind == Unfit::Version
            && refused.reason.contains("schema 7")
            && refused.reason.contains("uses 8")
    );
    let file = disk.session().open(&file_name(1)).unwrap();
    let mut header = disk.content(&file_name(1)).unwrap()[..HEADER - 4].to_vec();
    header[8..12].copy_from_slice(&2u32.to_be_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_be_bytes());
    file.write_at(&header, 0).unwrap();
    let refused = snapshots.open(1, SCHEMA).err().unwrap();
    assert!(
        refused.kind == Unfit::Version
            && refused.reason.contains("version 2")
            && refused.reason.contains("knows 1")
    );
}
