//! Laying out groups: addresses, marks, limits.

use super::*;
use crate::journal::{MAX_ENTRY, MAX_GROUP};
use crate::{Error, Text};

/// A row of the view would lead to somebody else's words if an address changed after staging.
#[test]
fn addresses_given_at_staging_are_those_on_disk() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let mut expected = Vec::new();
    for round in 0..20 {
        let entries: Vec<_> =
            (0..round % 4 + 1).map(|at| entry(round * 10 + at, 300 * at as usize)).collect();
        let (sealed, refs) = group(&mut journal, &entries);
        journal.sink.write(&[sealed]).unwrap();
        expected.extend(refs.into_iter().zip(entries));
    }
    assert!(expected.last().unwrap().0.segment > 1, "the test crosses segments");
    assert!(expected.is_sorted_by(|a, b| a.0 < b.0));
    for (at, entry) in &expected {
        assert_eq!(&journal.reader.read(*at).unwrap(), entry);
    }
    assert_eq!(contents(journal.reader.as_ref()).unwrap(), expected);
}

/// A refused command must leave nothing behind in the group of the others.
#[test]
fn a_rollback_leaves_no_trace() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let empty = journal.stage.mark();
    journal.stage.stage(&entry(1, 10)).unwrap();
    let mark = journal.stage.mark();
    let gone = journal.stage.stage(&entry(2, 10)).unwrap();
    journal.stage.rollback(mark);
    assert_eq!(journal.stage.stage(&entry(3, 10)).unwrap(), gone);
    assert_eq!(journal.stage.get(gone), Some(entry(3, 10)));
    let sealed = journal.stage.seal().unwrap();
    assert_eq!(sealed.get(gone), Some(entry(3, 10)));
    journal.sink.write(&[sealed]).unwrap();
    let found: Vec<_> =
        contents(journal.reader.as_ref()).unwrap().into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(found, [entry(1, 10), entry(3, 10)]);
    assert!(journal.stage.seal().is_none());

    let mut other = open(&SimDisk::default()).unwrap();
    other.stage.stage(&entry(1, 10)).unwrap();
    other.stage.rollback(empty);
    assert!(other.stage.seal().is_none(), "a group rolled back to nothing is no group");
}

#[test]
#[should_panic(expected = "within the group it was made in")]
fn a_mark_of_an_earlier_group_is_refused() {
    let mut journal = open(&SimDisk::default()).unwrap();
    let mark = journal.stage.mark();
    group(&mut journal, &[entry(1, 1)]);
    journal.stage.rollback(mark);
}

/// One huge message must be refused alone, not take down the group it came with.
#[test]
fn limits_are_kept_and_leave_the_group_as_it_was() {
    let mut journal = open(&SimDisk::default()).unwrap();
    let over = Entry { facts: vec![1], text: Text::Erased(MAX_ENTRY as u32) };
    assert!(matches!(journal.stage.stage(&over), Err(Error::TooLarge { what: "an entry", .. })));
    let large = Entry::new(vec![7; MAX_ENTRY as usize]);
    let mut count = 0;
    let refused = loop {
        match journal.stage.stage(&large) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(count, 3, "{MAX_GROUP} bytes take three of them and the headers");
    assert_eq!(refused.code(), "store-too-large");
    let sealed = journal.stage.seal().unwrap();
    journal.sink.write(&[sealed]).unwrap();
    assert_eq!(contents(journal.reader.as_ref()).unwrap().len(), 3);
}

/// Every kind of text part comes back as what it was.
#[test]
fn texts_absent_empty_kept_and_erased_are_told_apart() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let texts =
        [Text::None, Text::Kept(vec![]), Text::Kept(vec![0; 700]), Text::Erased(700), Text::Erased(0)];
    let entries: Vec<_> = texts.into_iter().map(|text| Entry { facts: vec![1], text }).collect();
    let (sealed, refs) = group(&mut journal, &entries);
    journal.sink.write(&[sealed]).unwrap();
    let journal = open(&disk).unwrap();
    let found: Vec<_> = refs.iter().map(|at| journal.reader.read(*at).unwrap()).collect();
    assert_eq!(found, entries);
}
