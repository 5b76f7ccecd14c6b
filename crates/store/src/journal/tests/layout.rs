//! The bytes themselves: journals written by a released version must stay readable.

use sha2::{Digest, Sha256};

use super::*;
use crate::Text;

/// A user whose journal was written by an older version would lose it if the layout changed unnoticed.
#[test]
fn the_layout_is_frozen() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let entries =
        [Entry::new(*b"first"), Entry::with_text(*b"second", *b"text"), Entry::with_text(*b"third", *b"")];
    let erased = Entry { facts: b"fourth".to_vec(), text: Text::Erased(5) };
    let (one, _) = group(&mut journal, &entries);
    let (two, _) = group(&mut journal, &[erased]);
    journal.sink.write(&[one, two]).unwrap();
    let bytes = segment(&disk, 1);
    let digest = Hex(&Sha256::digest(&bytes[..1536]));
    assert_eq!(digest.to_string(), "953827a64d1fe2fd7ec2bc63ea22e8b3c1d718817d5b4824eda381440b3dd269");
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The table in the documentation is what a second reader of the format would be written from.
#[test]
fn the_documented_offsets_hold() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (sealed, refs) = group(&mut journal, &[Entry::with_text(*b"facts", *b"words")]);
    let end = journal.sink.write(&[sealed]).unwrap();
    let bytes = segment(&disk, 1);
    assert_eq!(&bytes[0..12], b"DWJRNSEG\0\0\0\x01");
    assert_eq!(&bytes[16..32], &ID.0);
    assert_eq!(&bytes[32..40], &1u64.to_be_bytes());
    let frame = &bytes[512..1024];
    let length = 64 + 24 + 5 + 5 + 1;
    assert_eq!(&frame[0..4], b"DWGR");
    assert_eq!(&frame[4..8], &(length as u32).to_be_bytes());
    assert_eq!(&frame[8..16], &1u64.to_be_bytes());
    assert_eq!(&frame[16..24], &1u64.to_be_bytes());
    assert_eq!(&frame[24..28], &1u32.to_be_bytes());
    assert_eq!(&frame[32..64], &end.chain);
    assert_eq!(refs[0], EntryRef { segment: 1, offset: 512 + 64 });
    assert_eq!(&frame[64..73], &[0, 0, 0, 5, 0, 0, 0, 5, 1]);
    assert_eq!(&frame[88..98], b"factswords");
    assert_eq!(frame[98], 0xff);
    assert!(frame[99..].iter().all(|&byte| byte == 0));
    assert_eq!((end.group, end.offset), (1, 1024));
}

/// A chain hash that somebody else computes from the documentation must be ours, or audits disagree.
#[test]
fn the_chain_hash_is_as_documented_and_leaves_texts_out() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let start = Sha256::new().chain_update(b"deskwire journal 1").chain_update(ID.0).finalize();
    assert_eq!(journal.reader.tail().chain[..], start[..]);
    let (sealed, _) = group(&mut journal, &[Entry::with_text(*b"facts", *b"words"), Entry::new(*b"more")]);
    let expected = Sha256::new()
        .chain_update(b"deskwire journal 1")
        .chain_update(start)
        .chain_update(1u64.to_be_bytes())
        .chain_update(2u32.to_be_bytes())
        .chain_update([0, 0, 0, 5, 1, 0, 0, 0, 5])
        .chain_update(b"facts")
        .chain_update([0, 0, 0, 4, 0, 0, 0, 0, 0])
        .chain_update(b"more")
        .finalize();
    assert_eq!(sealed.end().chain[..], expected[..]);
}
