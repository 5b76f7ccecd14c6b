//! Promises of the blobs.

use sha2::{Digest, Sha256};

use super::Harness;
use crate::{BlobId, Blobs, Error};

fn content(size: usize) -> (BlobId, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
    (BlobId(Sha256::digest(&bytes).into()), bytes)
}

/// The whole content of a blob, which must be here.
fn read(blobs: &dyn Blobs, id: &BlobId) -> Vec<u8> {
    let file = blobs.open(id).expect("opened").expect("it is here");
    let mut bytes = vec![0; file.size() as usize];
    assert_eq!(file.read_at(&mut bytes, 0).expect("read"), bytes.len());
    assert_eq!(file.read_at(&mut [0; 9], file.size()).expect("read at the end"), 0);
    bytes
}

/// Attachments of one's own: any size, the same one twice.
pub fn blobs_are_imported_and_read(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    for size in [0, 1, 300_000] {
        let (id, bytes) = content(size);
        for _ in 0..2 {
            let stored = opened.blobs.import(&mut bytes.as_slice()).expect("imported");
            assert_eq!(stored, (id, size as u64));
        }
        assert!(opened.blobs.exists(&id).expect("asked"));
        assert_eq!(read(opened.blobs.as_ref(), &id), bytes);
    }
    assert_eq!(opened.blobs.partials().expect("listed"), []);
    drop(opened);
    harness.power_cut();
    let opened = harness.open(1).expect("opened");
    assert_eq!(read(opened.blobs.as_ref(), &content(300_000).0), content(300_000).1);
}

/// Attachments of others arrive in pieces, in any order.
pub fn blobs_are_collected_in_pieces(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    let (id, bytes) = content(100_000);
    let partial = opened.blobs.begin(&id, bytes.len() as u64).expect("begun");
    for (number, piece) in bytes.chunks(1000).enumerate().rev() {
        partial.write_at(piece, number as u64 * 1000).expect("written");
    }
    let refused = partial.write_at(&[1, 2], 99_999);
    assert!(matches!(refused, Err(Error::BlobMismatch { .. })), "beyond the size: {refused:?}");
    assert!(partial.write_at(&[1], u64::MAX).is_err());
    assert!(!opened.blobs.exists(&id).expect("asked"), "half a blob is none");
    assert_eq!(opened.blobs.finish(&id).expect("finished"), 100_000);
    assert_eq!(opened.blobs.finish(&id).expect("finished again"), 100_000);
    assert_eq!(read(opened.blobs.as_ref(), &id), bytes);
    assert!(opened.blobs.partial(&id).expect("asked").is_none());
    drop(opened);
    harness.power_cut();
    assert_eq!(read(harness.open(1).expect("opened").blobs.as_ref(), &id), bytes);
}

/// A large transfer must not begin again because the desk was restarted.
pub fn a_partial_blob_is_resumed_after_a_kill(harness: &impl Harness) {
    let (id, bytes) = content(50_000);
    let opened = harness.open(1).expect("opened");
    let partial = opened.blobs.begin(&id, 50_000).expect("begun");
    partial.write_at(&bytes[..20_000], 0).expect("written");
    drop(partial);
    drop(opened);
    harness.kill();
    let opened = harness.open(1).expect("opened");
    assert_eq!(opened.blobs.partials().expect("listed"), [id]);
    let partial = opened.blobs.partial(&id).expect("asked").expect("it was begun");
    let mut found = vec![9; 50_000];
    assert_eq!((partial.size(), partial.read_at(&mut found, 0).expect("read")), (50_000, 50_000));
    assert_eq!(found[..20_000], bytes[..20_000]);
    assert!(found[20_000..].iter().all(|&byte| byte == 0), "what is missing reads as zeros");
    let partial = opened.blobs.begin(&id, 50_000).expect("begun again");
    partial.write_at(&bytes[20_000..], 20_000).expect("written");
    opened.blobs.finish(&id).expect("finished");
    assert_eq!(read(opened.blobs.as_ref(), &id), bytes);
}

/// What a peer sends under a wrong name must never be shown under that name.
pub fn a_wrong_blob_is_not_finished(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    let (id, bytes) = content(5_000);
    assert!(matches!(opened.blobs.finish(&id), Err(Error::NoBlob(found)) if found == id));
    let partial = opened.blobs.begin(&id, 5_000).expect("begun");
    partial.write_at(&bytes, 0).expect("written");
    partial.write_at(&[bytes[77] ^ 1], 77).expect("written");
    let refused = opened.blobs.finish(&id);
    assert!(matches!(refused, Err(Error::BlobMismatch { .. })), "{refused:?}");
    assert!(!opened.blobs.exists(&id).expect("asked"));
    partial.write_at(&bytes[77..78], 77).expect("written");
    opened.blobs.finish(&id).expect("mended and finished");
    opened.blobs.discard(&id).expect("nothing to discard");
    assert_eq!(read(opened.blobs.as_ref(), &id), bytes);
}

/// A peer that lied about the size must not keep others from sending the file.
pub fn a_partial_blob_of_another_size_starts_over(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    let (id, bytes) = content(3_000);
    opened.blobs.begin(&id, 9_000).expect("begun").write_at(&[7; 9_000], 0).expect("written");
    let partial = opened.blobs.begin(&id, 3_000).expect("begun");
    assert_eq!(partial.size(), 3_000);
    let mut found = [1; 3_000];
    partial.read_at(&mut found, 0).expect("read");
    assert_eq!(found, [0; 3_000]);
    partial.write_at(&bytes, 0).expect("written");
    assert_eq!(opened.blobs.finish(&id).expect("finished"), 3_000);
    opened.blobs.begin(&content(10).0, 10).expect("begun");
    opened.blobs.discard(&content(10).0).expect("discarded");
    assert_eq!(opened.blobs.partials().expect("listed"), []);
}

/// A partner that announces another's file with a wrong size must not take away what the other has sent of it; and what
/// was installed before a kill is durable once it was settled.
pub fn one_blob_is_collected_twice_apart(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    let (id, bytes) = content(4_000);
    let (one, other) = (BlobId([1; 32]), BlobId([2; 32]));
    let partial = opened.blobs.begin(&one, 4_000).expect("begun");
    partial.write_at(&bytes, 0).expect("written");
    opened.blobs.begin(&other, 70).expect("begun by a liar").write_at(&[9; 70], 0).expect("written");
    let refused = opened.blobs.finish_as(&other, &id);
    assert!(matches!(refused, Err(Error::BlobMismatch { .. })), "{refused:?}");
    opened.blobs.discard(&other).expect("discarded");
    assert_eq!(opened.blobs.settle(&id).expect("asked"), None);
    assert_eq!(opened.blobs.finish_as(&one, &id).expect("finished"), 4_000);
    assert_eq!(opened.blobs.finish_as(&one, &id).expect("finished again"), 4_000);
    assert_eq!(opened.blobs.settle(&id).expect("settled"), Some(4_000));
    assert_eq!(opened.blobs.partials().expect("listed"), []);
    drop(opened);
    harness.power_cut();
    assert_eq!(read(harness.open(1).expect("opened").blobs.as_ref(), &id), bytes);
}

/// Erasure and clean-up find every blob, and what is removed stays removed.
pub fn blobs_are_listed_and_removed(harness: &impl Harness) {
    let opened = harness.open(1).expect("opened");
    let mut expected: Vec<BlobId> = (0..20)
        .map(|size| opened.blobs.import(&mut content(size).1.as_slice()).expect("imported").0)
        .collect();
    expected.sort();
    let listed = |blobs: &dyn Blobs| {
        let mut ids = blobs.list().expect("listed");
        ids.sort();
        ids
    };
    assert_eq!(listed(opened.blobs.as_ref()), expected);
    let gone = expected.remove(7);
    assert!(opened.blobs.remove(&gone).expect("removed"));
    assert!(!opened.blobs.remove(&gone).expect("nothing left to remove"));
    assert!(opened.blobs.open(&gone).expect("asked").is_none());
    assert_eq!(opened.blobs.size(&gone).expect("asked"), None);
    drop(opened);
    harness.power_cut();
    assert_eq!(listed(harness.open(1).expect("opened").blobs.as_ref()), expected);
}
