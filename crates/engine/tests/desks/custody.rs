//! Snapshots and the look at every byte: what a desk begins with after a power cut, and how it finds what its disk has
//! damaged.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_engine::Keyed;
use deskwire_engine::command::erase::{EndSegment, Erase, ErasureDone};
use deskwire_engine::command::file::{BlobFailed, BlobHere};
use deskwire_engine::command::keep::{FetchAgain, TellFindings, WHOLE_DESK};
use deskwire_engine::command::link::Verify;
use deskwire_engine::command::revise::TakeBack;
use deskwire_engine::custody::{Erasure, Finding};
use deskwire_engine::query::file;
use deskwire_proto::id::Hash;
use deskwire_store::BlobId;
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::row::{Audience, FileState};
use deskwire_store::table::{EXCHANGES, FILES, KEYED, LINK_EVENTS, Rows, SCHEMA};
use deskwire_store::{Batch, Position, Snapshots};

use crate::harness::{Desk, LINK, attached, import, linked, person, settle};
use crate::rebuild::all;

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Two linked desks with several closed segments each.
fn long_lived() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    write_on(&mut shop, &mut acme, 120);
    (shop, acme)
}

fn write_on(shop: &mut Desk, acme: &mut Desk, comments: u32) {
    for number in 0..comments {
        let body = format!("{number} {}", "words and words ".repeat(300));
        shop.comment(1, &body, Audience::Thread).unwrap();
        if number % 20 == 0 {
            settle(shop, acme);
        }
    }
    settle(shop, acme);
}

fn snapshots(desk: &Desk) -> Vec<String> {
    let names = desk.store.disk().names();
    names.into_iter().filter(|name| name.starts_with("snapshots/")).collect()
}

/// All rows but the counters, which count the restart itself.
fn rows(desk: &Desk) -> Vec<(Vec<u8>, Vec<u8>)> {
    all(desk).into_iter().filter(|(key, _)| key[0] != b'c').collect()
}

/// A desk that began at a snapshot must be the desk that it was: from nothing, from a snapshot and live, byte for byte.
#[test]
fn rows_folded_from_a_snapshot_equal_those_folded_from_nothing_and_the_live_ones() {
    let (mut shop, mut acme) = long_lived();
    for round in 0..3 {
        for desk in [&shop, &acme] {
            assert!(desk.core.custody().snapshot_is_due(1).unwrap());
            let made = desk.core.custody().snapshot(&mut go_on).unwrap().expect("there are closed segments");
            assert!(made.position.group > 0 && made.bytes > 0);
            assert!(desk.core.custody().snapshot(&mut go_on).unwrap().is_none(), "there is one already");
            assert!(!desk.core.custody().snapshot_is_due(1).unwrap());
            assert_eq!(snapshots(desk).len(), 2.min(round + 1));
        }
        write_on(&mut shop, &mut acme, 70);
    }
    for desk in [shop, acme] {
        let live = rows(&desk);
        let from_snapshot = desk.restart_with_other_rows();
        assert_eq!(rows(&from_snapshot), live);
        for name in snapshots(&from_snapshot) {
            from_snapshot.store.disk().lose(&name);
        }
        from_snapshot.store.fail_view();
        assert_eq!(rows(&from_snapshot.restart()), live);
    }
}

/// Fault 31: a damaged snapshot costs time, never a row.
#[test]
fn a_damaged_snapshot_is_passed_over_wherever_it_is_damaged() {
    let (mut shop, mut acme) = long_lived();
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    write_on(&mut shop, &mut acme, 70);
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let live = rows(&shop);
    let names = snapshots(&shop);
    let disk = shop.store.disk().clone();
    let whole: Vec<_> = names.iter().map(|name| disk.content(name).unwrap()).collect();
    for at in (0..whole[1].len()).step_by(whole[1].len() / 23) {
        let mut damaged = whole[1].clone();
        damaged[at] ^= 0x10;
        disk.set_content(&names[1], damaged);
        if at % 2 == 0 {
            disk.lose(&names[0]);
        }
        shop.store.fail_view();
        shop = shop.restart();
        assert_eq!(rows(&shop), live, "byte {at}");
        for (name, content) in names.iter().zip(&whole) {
            disk.set_content(name, content.clone());
        }
    }
}

/// Fault 22: the power may fail at any operation of a snapshot, and again while the desk begins with one.
#[test]
fn a_power_cut_while_a_snapshot_is_made_loses_nothing() {
    let (shop, _) = long_lived();
    let copy = shop.copy();
    let live = rows(&shop);
    let mut shop = shop.restore(&copy);
    for operation in 1.. {
        shop.store.disk().crash_after(operation);
        let made = shop.core.custody().snapshot(&mut go_on);
        shop.store.power_cut(operation);
        shop = shop.restart();
        assert_eq!(rows(&shop), live, "operation {operation}");
        if made.is_ok() {
            assert!(!snapshots(&shop).is_empty());
            return;
        }
        shop = shop.restore(&copy);
    }
}

/// A desk that looks over healthy bytes and cries wolf would soon not be heard.
#[test]
fn a_healthy_store_has_no_findings() {
    let (shop, acme) = long_lived();
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    for desk in [&shop, &acme] {
        let done = desk.core.custody().scrub(&mut go_on).unwrap();
        assert_eq!(done.findings, []);
        assert!(done.whole && done.segments > 1 && done.rows > 100 && done.bytes > 100_000);
    }
}

/// After an upgrade that changes the rows, old snapshots must neither push out the new ones nor stay for ever: every
/// start would fold the whole journal.
#[test]
fn snapshots_of_another_schema_give_way_to_the_one_just_made() {
    let (shop, _) = long_lived();
    let made = shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let disk = shop.store.disk().clone();
    let [name] = &snapshots(&shop)[..] else { panic!("one snapshot") };
    disk.lose(name);
    let old = Snapshots::new(Arc::new(disk.session()));
    for group in [1, 8_000, 9_000] {
        let at = Position { group, ..made.position };
        old.seal(old.create(SCHEMA - 1, at).unwrap()).unwrap();
    }
    let foreign = Position { group: 7_000, ..made.position };
    old.seal(old.create(SCHEMA, foreign).unwrap()).unwrap();
    let again = shop.core.custody().snapshot(&mut go_on).unwrap().expect("it is made anew");
    assert_eq!(again, made);
    assert_eq!(snapshots(&shop).as_slice(), std::slice::from_ref(name));
    assert!(shop.core.custody().snapshot(&mut go_on).unwrap().is_none(), "it stays");
}

/// A process without free file handles must not delete good snapshots, nor a bad sector end the look.
#[test]
fn what_cannot_be_read_is_told_and_left_and_the_look_goes_on() {
    let (shop, _) = long_lived();
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let (blob, _) = shop.core.blobs().import(&mut b"a photo".as_slice()).unwrap();
    let disk = shop.store.disk().clone();
    let stored = disk.names().into_iter().find(|name| name.ends_with(&blob.to_string())).unwrap();
    let snapshot = snapshots(&shop).remove(0);
    let segment = "journal/00000000000000000001.seg";
    for name in [stored.as_str(), &snapshot, segment] {
        disk.fail_reads(Some(name));
        let done = shop.core.custody().scrub(&mut go_on).unwrap();
        assert!(done.whole);
        assert!(matches!(&done.findings[..], [Finding::Unread(..), ..]), "{name}: {:?}", done.findings);
        assert!(done.findings.iter().all(|found| matches!(found, Finding::Unread(..))), "{name}");
        disk.fail_reads(None);
        assert_eq!(snapshots(&shop).as_slice(), std::slice::from_ref(&snapshot));
        assert_eq!(shop.core.custody().scrub(&mut go_on).unwrap().findings, [], "{name}: nothing was done");
    }
}

/// Fault 31: what rots is found before somebody needs it, and told.
#[test]
fn what_is_damaged_is_found_told_and_mended_where_it_can_be() {
    let (mut shop, _) = long_lived();
    shop.core.custody().snapshot(&mut go_on).unwrap().unwrap();
    let content = import(&shop, b"a photo");
    let blob = BlobId(*content.0.as_bytes());
    let file = shop.run(attached(TicketNumber(1), "photo.jpg", content, Audience::Internal)).unwrap().file;
    let disk = shop.store.disk().clone();
    let damage = |name: &str, at: usize, mask: u8| {
        let mut bytes = disk.content(name).unwrap();
        bytes[at] ^= mask;
        disk.set_content(name, bytes);
    };
    damage("journal/00000000000000000001.seg", 5_000, 1);
    damage("journal/00000000000000000002.seg", 5_000, 0x55);
    damage(&snapshots(&shop)[0], 3_000, 1);
    let stored = disk.names().into_iter().find(|name| name.ends_with(&blob.to_string())).unwrap();
    damage(&stored, 0, 1);
    let mut wrong = Batch::new();
    wrong.put(*b"t-wrong-", *b"a row that the journal does not know");
    shop.core.view().apply(&wrong, &shop.core.journal().tail()).unwrap();
    let codes = |findings: &[Finding]| findings.iter().map(Finding::code).collect::<Vec<_>>();
    let done = shop.core.custody().scrub(&mut go_on).unwrap();
    assert_eq!(
        codes(&done.findings),
        ["journal-damaged", "journal-bit-corrected", "file-damaged", "snapshot-damaged"]
    );
    damage("journal/00000000000000000002.seg", 5_000, 0x55);
    damage("journal/00000000000000000001.seg", 7_000, 1);
    let done = shop.core.custody().scrub(&mut go_on).unwrap();
    assert_eq!(codes(&done.findings), ["journal-bit-corrected", "file-damaged", "view-differs"]);
    assert!(
        matches!(&done.findings[1], Finding::Blob(id, files) if *id == blob && files[..] == [(file, false)])
    );
    assert_eq!(done.findings[2], Finding::View(1));
    let look_at = |id: &BlobId| shop.core.custody().look_at(id, &mut go_on).unwrap();
    assert_eq!(look_at(&blob).as_ref(), Some(&done.findings[1]), "one file by itself is found as well");
    damage(&stored, 0, 1);
    assert_eq!(look_at(&blob), None);
    shop.core.blobs().remove(&blob).unwrap();
    assert!(matches!(look_at(&blob), Some(Finding::Blob(id, _)) if id == blob), "a missing one too");
    assert_eq!(look_at(&BlobId([7; 32])), None, "a file of nobody");
    shop.run(TellFindings(done.findings)).unwrap();
    shop.run(FetchAgain(file)).unwrap();
    let told = shop.rows().list(LINK_EVENTS, &WHOLE_DESK, 10).unwrap();
    assert_eq!(told.len(), 3);
    let shop = shop.restart();
    assert!(shop.rows().raw_get(b"t-wrong-").unwrap().is_none(), "the next start folds the view anew");
}

/// A file of a partner is found damaged while the link with it ends: before the end or after it, it would be on its way for
/// ever. The ticket says that it does not come.
#[test]
fn a_file_that_is_to_be_fetched_again_when_its_link_ends_is_told_not_to_come() {
    for end_first in [false, true] {
        let (mut shop, mut acme) = linked();
        let ticket = shop.ticket("Printer");
        shop.delegate(ticket).unwrap();
        let attach = attached(ticket, "photo.jpg", (Hash::of(b"a photo"), 7), Audience::Thread);
        shop.run(attach).unwrap();
        settle(&mut shop, &mut acme);
        let no = FileNo(1);
        acme.core.blobs().import(&mut b"a photo".as_slice()).unwrap();
        acme.run(BlobHere { file: no }).unwrap();
        assert_eq!(file(&acme.reader(), no).unwrap().row.state, FileState::Here);
        let end = Verify { link: LINK, matches: false };
        if end_first {
            acme.run(end).unwrap();
            acme.run(FetchAgain(no)).unwrap();
        } else {
            acme.run(FetchAgain(no)).unwrap();
            assert_eq!(file(&acme.reader(), no).unwrap().row.state, FileState::Fetching);
            acme.run(end).unwrap();
        }
        let acme = acme.restart();
        let state = file(&acme.reader(), no).unwrap().row.state;
        assert!(matches!(&state, FileState::Failed(why) if why.code.as_str() == "link-closed"), "{state:?}");
    }
}

/// The bytes of a file may come just when it is erased: whoever brought them is told to take them away, as nobody else knows
/// of them.
#[test]
fn bytes_that_came_for_a_file_that_was_erased_meanwhile_are_not_wanted() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    for name in ["here.jpg", "erased.jpg", "retracted.jpg"] {
        let attach = attached(ticket, name, (Hash::of(name.as_bytes()), 7), Audience::Thread);
        shop.run(attach).unwrap();
    }
    settle(&mut shop, &mut acme);
    let (of, by) = (shop.rows().get(FILES, &FileNo(3)).unwrap().unwrap().entry, person("Anna"));
    shop.run(TakeBack { ticket, of, keep: false, by }).unwrap();
    settle(&mut shop, &mut acme);
    acme.run(Erase { files: vec![FileNo(2)], ..Erase::default() }).unwrap();
    let here = |acme: &mut Desk, file| acme.run(BlobHere { file: FileNo(file) }).unwrap();
    assert!(here(&mut acme, 1) && here(&mut acme, 1), "twice is once");
    assert!(!here(&mut acme, 2) && !here(&mut acme, 3) && !here(&mut acme, 9));
    assert!(!acme.reader().is_wanted(&Hash::of(b"erased.jpg")).unwrap());
}

/// A file that was announced a second time, wrongly, keeps nothing of the first one alive.
#[test]
fn bytes_go_with_an_erased_file_though_another_one_of_the_same_name_never_came() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Printer");
    shop.delegate(ticket).unwrap();
    let (blob, size) = import(&acme, b"a photo");
    for size in [size, size + 1] {
        let attach = attached(ticket, "photo.jpg", (blob, size), Audience::Thread);
        shop.run(attach).unwrap();
    }
    settle(&mut shop, &mut acme);
    assert!(acme.run(BlobHere { file: FileNo(1) }).unwrap());
    let (code, words) = ("file-announced-wrongly".to_owned(), "Its size is another one.".to_owned());
    acme.run(BlobFailed { file: FileNo(2), code, words }).unwrap();
    acme.run(Erase { files: vec![FileNo(1)], ..Erase::default() }).unwrap();
    while let Some(done) = acme.core.custody().erase_ordered(&mut go_on).unwrap() {
        match done {
            Erasure::SegmentOpen => acme.run(EndSegment).unwrap(),
            Erasure::Done(orders) => drop(acme.run(ErasureDone(orders)).unwrap()),
            Erasure::Stopped => panic!("nothing stops it"),
        }
    }
    assert!(!acme.core.blobs().exists(&BlobId(*blob.as_bytes())).unwrap());
}

/// Answers that nobody will ask for again, and files of no ticket, must not fill the disk for ever; those of last week
/// must be there for whoever repeats a call.
#[test]
fn old_answers_and_files_of_no_ticket_are_given_up_and_young_ones_kept() {
    let (mut shop, _) = linked();
    let exchanges = shop.rows().list(EXCHANGES, &(), 10).unwrap().len();
    let keyed =
        |key: &[u8]| Keyed { key: Hash::of(key), request: Hash::of(b"x"), command: FetchAgain(FileNo(9)) };
    shop.run(keyed(b"old")).unwrap();
    shop.now = shop.now.plus(31 * 24 * 60 * 60 * 1_000);
    shop.run(keyed(b"young")).unwrap();
    let (blob, _) = shop.core.blobs().import(&mut b"nobody's".as_slice()).unwrap();
    let sweep = shop.core.custody().sweepable(shop.now).unwrap();
    assert_eq!((sweep.keyed.len(), sweep.exchanges.len()), (1, exchanges));
    let custody = shop.core.custody();
    assert_eq!(custody.orphans().unwrap(), [blob]);
    assert_eq!(custody.remove_orphans(&[blob]).unwrap(), [], "it has only just come");
    assert_eq!(custody.remove_orphans(&[blob]).unwrap(), [blob], "nobody asked for it since");
    shop.run(sweep).unwrap();
    assert!(shop.core.custody().sweepable(shop.now).unwrap().is_empty());
    assert_eq!(shop.rows().list(KEYED, &(), 10).unwrap().len(), 1);
    let live = rows(&shop);
    assert_eq!(rows(&shop.restart_with_other_rows()), live);
}

/// Fault 32: records of a newer program are not skipped by an older one.
#[test]
fn a_record_of_a_newer_program_is_refused_with_both_versions() {
    let newer = deskwire_store::Entry::new([deskwire_store::record::RECORD_VERSION + 1, 0xf6]);
    let refused = deskwire_store::record::Record::read(&newer).unwrap_err().to_string();
    assert!(
        refused.contains("version 2") && refused.contains("knows 1") && refused.contains("newer program")
    );
}
