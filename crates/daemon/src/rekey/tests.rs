//! A key changes as a whole or not at all, and only with the words that were kept for it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::folder::write_new;
use crate::init::tests::new_desk;
use crate::material::Material;
use crate::{init, load};

struct Desk {
    _around: tempfile::TempDir,
    folder: Folder,
    words: Mnemonic,
    outside: PathBuf,
}

fn desk() -> Desk {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    let new = new_desk(folder.root());
    let Recovery::Words(words) = init(&new).unwrap().recovery else { panic!("words") };
    let outside = around.path().join("stick");
    Desk { _around: around, folder, words, outside }
}

fn hold(folder: &Folder) -> Stopped {
    Stopped::hold(folder, &load(folder, Vec::new()).unwrap()).unwrap()
}

fn words_in(path: &Path) -> Mnemonic {
    let text = fs::read_to_string(path).unwrap();
    Mnemonic::parse(text.lines().last().unwrap()).unwrap()
}

fn keys(folder: &Folder) -> (KeyLog, SecretKey) {
    let material = Material::load(folder, &load(folder, Vec::new()).unwrap()).unwrap();
    (material.keys, material.secret)
}

#[test]
fn the_words_bring_the_next_key_into_use_and_new_words_follow() {
    let desk = desk();
    let (before, old) = keys(&desk.folder);
    let held = hold(&desk.folder);
    let prepared = held.prepare(&desk.words, Some(&desk.outside)).unwrap();
    let rotated = held.adopt(prepared, &Theft::default()).unwrap();
    let (after, secret) = keys(&desk.folder);
    assert!(after.continues(&before) && after.events().len() == 2);
    assert_eq!(rotated.desk, before.desk());
    assert_eq!(
        (secret.public(), *after.current()),
        (SecretKey::from_seed(desk.words.secret()).public(), secret.public())
    );
    assert_ne!(secret.public(), old.public());
    // The old words are spent; the new ones go on.
    let held = hold(&desk.folder);
    assert_eq!(held.prepare(&desk.words, None).unwrap_err().code, "recovery-words-wrong");
    let next = words_in(&desk.outside);
    let prepared = held.prepare(&next, None).unwrap();
    held.adopt(prepared, &Theft::default()).unwrap();
    assert_eq!(keys(&desk.folder).0.events().len(), 3);
}

#[test]
fn an_interrupted_change_leaves_the_old_key_or_the_new_one() {
    let desk = desk();
    let (log, _) = keys(&desk.folder);
    let next = SecretKey::from_seed(desk.words.secret());
    let newer = log.rotate(&next, &SecretKey::from_seed(&[9; 32]).public()).unwrap();
    // Cut after the new key was laid beside the old one: the old one stands, and nothing secret is left over.
    let text = signing_key::encode(&next, log.desk());
    write_new(&desk.folder.next_signing_key(), text.as_bytes(), 0o600).unwrap();
    assert_eq!(keys(&desk.folder).0, log);
    assert!(!desk.folder.next_signing_key().exists());
    // Cut after the log was replaced: the start goes on from there.
    write_new(&desk.folder.next_signing_key(), text.as_bytes(), 0o600).unwrap();
    replace(&desk.folder.key_log(), &newer.encode(), 0o600).unwrap();
    let (found, secret) = keys(&desk.folder);
    assert_eq!((found, secret.public()), (newer, next.public()));
    assert!(!desk.folder.next_signing_key().exists());
}

#[test]
fn a_second_change_of_key_waits_for_the_first_and_touches_nothing_of_it() {
    let desk = desk();
    let held = hold(&desk.folder);
    let beside = desk.folder.next_signing_key();
    let text = signing_key::encode(&SecretKey::from_seed(desk.words.secret()), held.log().desk());
    write_new(&beside, text.as_bytes(), 0o600).unwrap();
    let config = load(&desk.folder, Vec::new()).unwrap();
    let refused = Stopped::hold(&desk.folder, &config).err().unwrap();
    assert_eq!(refused.code, "desk-running");
    assert!(beside.exists());
    // Who comes after the first one sees what it wrote.
    let prepared = held.prepare(&desk.words, None).unwrap();
    let rotated = held.adopt(prepared, &Theft::default()).unwrap();
    assert_eq!(*hold(&desk.folder).log(), rotated.log);
}

#[tokio::test]
async fn a_start_that_finds_the_store_in_use_leaves_the_keys_alone() {
    let desk = desk();
    let held = hold(&desk.folder);
    let beside = desk.folder.next_signing_key();
    let text = signing_key::encode(&SecretKey::from_seed(desk.words.secret()), held.log().desk());
    write_new(&beside, text.as_bytes(), 0o600).unwrap();
    let config = load(&desk.folder, Vec::new()).unwrap();
    assert_eq!(crate::Daemon::start(&desk.folder, &config).await.err().unwrap().code, "desk-running");
    assert!(beside.exists());
}

#[test]
fn a_key_that_cannot_be_read_stays_where_it_may_be_the_one_in_use() {
    let desk = desk();
    let (log, _) = keys(&desk.folder);
    let next = SecretKey::from_seed(desk.words.secret());
    let newer = log.rotate(&next, &SecretKey::from_seed(&[9; 32]).public()).unwrap();
    let beside = desk.folder.next_signing_key();
    // Others may read it, so it is refused; the log names it already.
    write_new(&beside, signing_key::encode(&next, log.desk()).as_bytes(), 0o644).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
    replace(&desk.folder.key_log(), &newer.encode(), 0o600).unwrap();
    assert_eq!(finish(&desk.folder, &newer).unwrap_err().code, "key-file-exposed");
    assert!(beside.exists());
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(keys(&desk.folder).1.public(), next.public());
    // Half a file of a change that never happened is in nobody's way.
    write_new(&beside, b"-----BEGIN", 0o600).unwrap();
    assert_eq!(keys(&desk.folder).1.public(), next.public());
    assert!(!beside.exists());
}

#[test]
fn a_key_is_changed_on_another_machine_and_taken_with_its_words_alone() {
    let desk = desk();
    let log = own_key_log(&desk.folder).unwrap();
    let elsewhere = rotate_offline(&log, &desk.words, Some(&desk.outside)).unwrap();
    assert_eq!(own_key_log(&desk.folder).unwrap(), log, "nothing changes before it is brought");
    let held = hold(&desk.folder);
    let wrong = words_in(&desk.outside);
    let refused = held.prepare_import(elsewhere.log.clone(), &wrong).unwrap_err();
    assert_eq!(refused.code, "recovery-words-wrong");
    assert_eq!(held.prepare_import(log.clone(), &desk.words).unwrap_err().code, "key-log-known");
    let prepared = held.prepare_import(elsewhere.log.clone(), &desk.words).unwrap();
    held.adopt(prepared, &Theft::default()).unwrap();
    assert_eq!(keys(&desk.folder).0, elsewhere.log);
    // The words of the one after it never were on the desk's machine.
    let held = hold(&desk.folder);
    held.prepare(&words_in(&desk.outside), None).unwrap();
}

#[test]
fn a_full_key_log_is_told_before_anything_is_written() {
    let mut log = KeyLog::incept(&SecretKey::from_seed(&[0; 32]), &SecretKey::from_seed(&[1; 32]).public());
    for event in 1..64u8 {
        let next = SecretKey::from_seed(&[event; 32]);
        log = log.rotate(&next, &SecretKey::from_seed(&[event + 1; 32]).public()).unwrap();
    }
    let refused = rotate_offline(&log, &Mnemonic::new(&[64; 32]), None).unwrap_err();
    assert_eq!(refused.code, "key-log-full");
}

#[test]
fn the_recovery_words_never_lie_in_the_desks_own_folder() {
    let desk = desk();
    let held = hold(&desk.folder);
    let inside = desk.folder.root().join("words");
    assert_eq!(held.prepare(&desk.words, Some(&inside)).unwrap_err().code, "recovery-file-inside");
}
