//! What `init` makes is a desk's only identity: it must be whole, private, and never overwritten.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::folder::{Readers, check_secret};
use crate::{signing_key, token};

/// What is asked for in tests.
pub(crate) fn new_desk(folder: &Path) -> NewDesk {
    NewDesk {
        folder: folder.to_owned(),
        name: Label::new("Acme Service").unwrap(),
        prefix: None,
        listen: Some(Listen(Some("127.0.0.1:8441".parse().unwrap()))),
        endpoints: List::default(),
        person: Label::new("Anna").unwrap(),
        recovery_file: None,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const WHOLE: [&str; 5] = ["deskwire.toml", "keys", "tls", "token", "tokens.toml"];

#[test]
fn a_desk_is_made_whole_and_for_its_owner_alone() {
    let around = tempfile::tempdir().unwrap();
    let path = around.path().join("acme");
    let made = init(&new_desk(&path)).unwrap();
    assert_eq!(names(around.path()), ["acme"], "nothing is left beside it");
    assert_eq!(names(&path), WHOLE);
    for folder in ["", "keys", "tls"] {
        assert_eq!(mode(&path.join(folder)), 0o700, "{folder}");
    }
    let folder = Folder::new(&path);
    for file in [folder.signing_key(), folder.token(), path.join("tls/key.pem")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        check_secret(&file, Readers::None).unwrap();
    }
    assert_eq!(made.config.desk.prefix.as_str(), "ACME");
    assert_eq!(made.endpoints[0].to_string(), "https://127.0.0.1:8441");
    assert_eq!(made.config.peer.allow_ranges.literal(), "[\"127.0.0.0/8\"]");
}

#[test]
fn the_keys_belong_together_and_the_recovery_words_are_the_next_key() {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    let made = init(&new_desk(folder.root())).unwrap();
    let log = KeyLog::decode(&fs::read(folder.key_log()).unwrap()).unwrap();
    let key = signing_key::load(&folder.signing_key()).unwrap();
    assert_eq!(log.current(), &key.public());
    assert_eq!(log.desk(), made.desk);
    let Recovery::Words(words) = made.recovery else { panic!("the words are to be shown") };
    let next = SecretKey::from_seed(words.secret());
    assert_eq!(log.next(), next.public().commitment());
    let phrase = words.phrase();
    let first = phrase.split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert!(!everything_in(folder.root()).contains(&first), "the recovery key is not kept");
}

fn everything_in(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &everything_in(&path);
        } else {
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    text
}

#[test]
fn the_token_file_opens_what_the_hash_says_and_the_settings_do_not_hold_it() {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    init(&new_desk(folder.root())).unwrap();
    let token = fs::read_to_string(folder.token()).unwrap();
    let entries = token::load(&folder.tokens()).unwrap();
    assert_eq!(entries[0].person.as_str(), "Anna");
    assert_eq!(entries[0].sha256, deskwire_proto::id::Hash::of(token.trim().as_bytes()));
}

/// A second `init` must never replace the keys of a desk that has partners.
#[test]
fn a_folder_that_holds_something_is_refused_and_left_alone() {
    let around = tempfile::tempdir().unwrap();
    let path = around.path().join("acme");
    let first = init(&new_desk(&path)).unwrap();
    let before = everything_in(&path);
    let error = init(&new_desk(&path)).unwrap_err();
    assert_eq!(error.code, "desk-exists");
    assert_eq!(everything_in(&path), before);
    assert!(first.config.desk.name.as_str() == "Acme Service");

    let full = around.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("letter.txt"), "x").unwrap();
    let error = init(&new_desk(&full)).unwrap_err();
    assert_eq!(error.code, "folder-not-empty");
    assert!(error.words.contains("letter.txt"), "{error}");

    let file = full.join("letter.txt");
    assert_eq!(init(&new_desk(&file)).unwrap_err().code, "not-a-folder");
    assert_eq!(names(around.path()), ["acme", "full"]);
}

#[test]
fn an_empty_folder_is_taken_and_closed_to_others() {
    let around = tempfile::tempdir().unwrap();
    let path = around.path().join("volume");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(path.join("lost+found")).unwrap();
    init(&new_desk(&path)).unwrap();
    let mut expected: Vec<&str> = WHOLE.into();
    expected.insert(2, "lost+found");
    assert_eq!(names(&path), expected);
    assert_eq!(mode(&path), 0o700);
}

/// What a crash left is no desk: it does not stand in the way, and the next `init` removes it.
#[test]
fn the_rest_of_an_interrupted_init_is_swept_away() {
    let around = tempfile::tempdir().unwrap();
    let path = around.path().join("acme");
    let rest = around.path().join(".acme.unfinished-0102");
    let others = around.path().join(".acme2.unfinished-0102");
    for folder in [&rest, &others] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("token"), "x").unwrap();
    }
    init(&new_desk(&path)).unwrap();
    assert_eq!(names(around.path()), [".acme2.unfinished-0102", "acme"]);
}

#[test]
fn a_running_init_is_not_taken_for_the_rest_of_a_crash() {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    let slow = Workplace::begin(&folder).unwrap();
    fill_some(slow.path());
    init(&new_desk(folder.root())).unwrap();
    assert!(slow.path().join("token").exists());
    let error = slow.publish(&folder).unwrap_err();
    assert_eq!(error.code, "folder-not-empty");
    assert_eq!(names(around.path()), ["acme"]);
}

fn fill_some(folder: &Path) {
    fs::write(folder.join("token"), "x").unwrap();
}

#[test]
fn the_recovery_key_goes_into_a_file_outside_of_the_desk() {
    let around = tempfile::tempdir().unwrap();
    let path = around.path().join("acme");
    let stick = around.path().join("recovery.txt");
    let inside = NewDesk { recovery_file: Some(path.join("recovery.txt")), ..new_desk(&path) };
    assert_eq!(init(&inside).unwrap_err().code, "recovery-file-inside");
    let new = NewDesk { recovery_file: Some(stick.clone()), ..new_desk(&path) };
    let made = init(&new).unwrap();
    assert!(matches!(made.recovery, Recovery::File(file) if file == stick));
    assert_eq!(mode(&stick), 0o600);
    let text = fs::read_to_string(&stick).unwrap();
    let words: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let log = KeyLog::decode(&fs::read(path.join("keys/keylog.cbor")).unwrap()).unwrap();
    let key = SecretKey::from_seed(Mnemonic::parse(&words.join(" ")).unwrap().secret());
    assert_eq!(log.next(), key.public().commitment());

    let other = around.path().join("kassa");
    let again = NewDesk { recovery_file: Some(stick.clone()), ..new_desk(&other) };
    assert_eq!(init(&again).unwrap_err().code, "recovery-file-exists");
    assert_eq!(fs::read_to_string(&stick).unwrap(), text, "the first desk's key is not replaced");
    assert!(!other.exists());
}

/// Words on a stick for a desk that does not exist would be believed one day.
#[test]
fn a_failed_init_takes_the_recovery_file_back() {
    let around = tempfile::tempdir().unwrap();
    let stick = around.path().join("recovery.txt");
    fs::write(around.path().join("file"), "x").unwrap();
    let new =
        NewDesk { recovery_file: Some(stick.clone()), ..new_desk(&around.path().join("file/below/acme")) };
    init(&new).unwrap_err();
    assert!(!stick.exists());
}

#[test]
fn a_desk_on_every_interface_does_not_know_its_address_and_allows_no_range() {
    let around = tempfile::tempdir().unwrap();
    let new = NewDesk { listen: None, ..new_desk(&around.path().join("acme")) };
    let made = init(&new).unwrap();
    assert!(made.endpoints.is_empty());
    assert!(made.config.peer.allow_ranges.0.is_empty());
    let named: Endpoint = "https://desk.acme.example".parse().unwrap();
    let new = NewDesk { endpoints: List(vec![named.clone()]), ..new_desk(&around.path().join("named")) };
    assert_eq!(init(&new).unwrap().endpoints, [named]);
}

#[test]
fn an_exposed_key_file_is_refused_with_what_to_do() {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    init(&new_desk(folder.root())).unwrap();
    let path = folder.signing_key();
    for exposed in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).unwrap();
        let error = signing_key::load(&path).unwrap_err();
        assert_eq!(error.code, "key-file-exposed");
        assert!(error.next.contains("chmod 600"), "{error:?}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    signing_key::load(&path).unwrap();
}
