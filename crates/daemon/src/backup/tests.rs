//! A backup that cannot be restored, or that was changed and passes, is worse than none.

use std::fs;
use std::path::{Path, PathBuf};

use deskwire_store::Entry;
use tempfile::TempDir;

use super::*;
use crate::init::tests::new_desk;
use crate::restore::{NewRestore, check_backup, restore};
use crate::{NewDesk, init};

/// A desk with a few groups in its journal and one file.
struct Desk {
    place: TempDir,
}

impl Desk {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let desk = Self { place };
        let recovery_file = Some(desk.path("words"));
        init(&NewDesk { recovery_file, ..new_desk(&desk.folder()) }).unwrap();
        desk.write(20);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn folder(&self) -> PathBuf {
        self.path("acme")
    }

    /// Adds groups to the journal, as a daemon does, with room behind them.
    fn write(&self, groups: u32) {
        let options = deskwire_store_sled::Options::new(deskwire_store::table::SCHEMA);
        let mut opened = deskwire_store_sled::open(&self.folder().join("store"), options).unwrap();
        for number in 0..groups {
            opened.stage.stage(&Entry::new(number.to_be_bytes().repeat(100).to_vec())).unwrap();
            let group = opened.stage.seal().unwrap();
            opened.sink.write(&[group]).unwrap();
        }
    }

    fn backup(&self, to: &str, keys: bool, passphrase: Option<&Path>) -> Result<Backup, StartError> {
        backup(&NewBackup {
            folder: self.folder(),
            to: self.path(to),
            keys,
            files: true,
            passphrase: passphrase.map(Path::to_owned),
        })
    }

    fn restore(
        &self,
        from: &str,
        to: &str,
        passphrase: Option<&Path>,
    ) -> Result<crate::Restored, StartError> {
        restore(&NewRestore {
            from: self.path(from),
            folder: self.path(to),
            passphrase: passphrase.map(Path::to_owned),
            erased: None,
        })
    }
}

#[test]
fn a_backup_with_its_keys_comes_back_as_the_same_desk() {
    let desk = Desk::new();
    let made = desk.backup("b.tar", true, None).unwrap();
    assert_eq!(made.group, 20);
    let restored = desk.restore("b.tar", "new", None).unwrap();
    assert_eq!((restored.desk, restored.group, restored.keys), (made.desk, 20, true));
    for name in
        ["deskwire.toml", "keys/signing.key", "keys/keylog.cbor", "tls/key.pem", "token", "tokens.toml"]
    {
        let (old, new) = (fs::read(desk.folder().join(name)), fs::read(desk.path("new").join(name)));
        assert_eq!(old.unwrap(), new.unwrap(), "{name}");
    }
    let options = deskwire_store_sled::Options::new(deskwire_store::table::SCHEMA);
    let opened = deskwire_store_sled::open(&desk.path("new/store"), options).unwrap();
    assert_eq!(opened.reader.tail().group, 20);
}

/// Whoever steals a backup must not be able to speak for the desk, nor read its API.
#[test]
fn a_backup_without_keys_holds_no_secret() {
    let desk = Desk::new();
    desk.backup("b.tar", false, None).unwrap();
    let archive = fs::read(desk.path("b.tar")).unwrap();
    let inside = |name: &str| {
        let secret = fs::read(desk.folder().join(name)).unwrap();
        let secret = secret.trim_ascii();
        archive.windows(secret.len()).any(|window| window == secret)
    };
    assert!(inside("deskwire.toml"), "this test would find what is there");
    for name in ["keys/signing.key", "tls/key.pem", "token"] {
        assert!(!inside(name), "{name}");
    }
    let restored = desk.restore("b.tar", "new", None).unwrap();
    assert!(!restored.keys && !desk.path("new/keys/signing.key").exists());
    assert!(desk.path("new/token").exists() && desk.path("new/tls/key.pem").exists(), "both are drawn anew");
}

#[test]
fn a_sealed_backup_opens_with_its_passphrase_alone() {
    let desk = Desk::new();
    let (right, wrong, short) = (desk.path("right"), desk.path("wrong"), desk.path("short"));
    fs::write(&right, "correct horse battery\n").unwrap();
    fs::write(&wrong, "another horse battery\n").unwrap();
    fs::write(&short, "1234\n").unwrap();
    assert_eq!(desk.backup("s", true, Some(&short)).unwrap_err().code, "passphrase-too-short");
    desk.backup("b.sealed", true, Some(&right)).unwrap();
    let sealed = fs::read(desk.path("b.sealed")).unwrap();
    assert!(!sealed.windows(13).any(|window| window == b"deskwire.toml"));
    assert_eq!(desk.restore("b.sealed", "x", None).unwrap_err().code, "passphrase-needed");
    assert_eq!(desk.restore("b.sealed", "x", Some(&wrong)).unwrap_err().code, "backup-damaged");
    assert!(!desk.path("x").exists(), "nothing half restored is left");
    desk.restore("b.sealed", "new", Some(&right)).unwrap();
    desk.backup("plain.tar", true, None).unwrap();
    let swapped = desk.restore("plain.tar", "x", Some(&right)).unwrap_err();
    assert_eq!(swapped.code, "backup-not-sealed", "the seal is what says that nobody changed it");
}

/// A bit that flipped while the daemon runs must not cost a backup what was written after it.
#[test]
fn a_backup_of_a_damaged_journal_is_corrected_or_refused_and_never_short() {
    let desk = Desk::new();
    let path = desk.folder().join("store/journal/00000000000000000001.seg");
    let whole = fs::read(&path).unwrap();
    let written = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for place in (512..written).step_by(written / 40) {
        let mut bytes = whole.clone();
        bytes[place] ^= 4;
        fs::write(&path, &bytes).unwrap();
        match desk.backup(&format!("one-{place}.tar"), false, None) {
            Ok(made) => assert_eq!(made.group, 20, "bit in byte {place}"),
            Err(error) => assert!(error.words.contains("damage"), "{}", error.words),
        }
        for byte in &mut bytes[place..place + 40] {
            *byte ^= 0xa5;
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(made) = desk.backup(&format!("many-{place}.tar"), false, None) {
            // The end of the very last group cannot be told from a write that was under way.
            assert!(made.group >= 19, "{} bytes from {place} are passed over", 40);
        }
    }
}

#[test]
fn a_changed_or_cut_backup_is_found_out_and_nothing_is_restored() {
    let desk = Desk::new();
    desk.backup("b.tar", true, None).unwrap();
    let whole = fs::read(desk.path("b.tar")).unwrap();
    // Which program made it decides nothing.
    let program = whole.windows(9).position(|window| window == b"\"program\"").unwrap();
    let mut tried = 0;
    for place in (0..whole.len()).step_by(whole.len() / 60) {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        fs::write(desk.path("changed.tar"), &changed).unwrap();
        // Rights and times in the headers of a tar are protected by their own checksum; padding says nothing.
        if let Err(error) = desk.restore("changed.tar", "new", None) {
            assert!(!desk.path("new").exists() && !error.words.is_empty());
            tried += 1;
        } else {
            let idle = whole[place] == 0 || (program..program + 40).contains(&place);
            assert!(idle, "a change of byte {place} was not noticed");
            fs::remove_dir_all(desk.path("new")).unwrap();
        }
        fs::write(desk.path("cut.tar"), &whole[..place]).unwrap();
        // A tar ends with blocks of zeros; without those it is whole as well.
        let padding = whole[place..].iter().all(|byte| *byte == 0);
        assert!(padding || check_backup(&desk.path("cut.tar"), None).is_err(), "cut at {place}");
    }
    assert!(tried > 20, "only {tried} changes hit anything");
}

/// A tar that somebody else made must not write anywhere else.
#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    let desk = Desk::new();
    for name in ["keys/../../evil", "/etc/evil", "evil", "store/journal/../../../evil"] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, &b"evil"[..]).unwrap();
        fs::write(desk.path("evil.tar"), tar.into_inner().unwrap()).unwrap();
        assert_eq!(desk.restore("evil.tar", "new", None).unwrap_err().code, "backup-damaged", "{name}");
        assert!(!desk.path("new").exists() && !desk.path("evil").exists());
    }
}

#[test]
fn a_file_that_rotted_is_left_out_and_named() {
    let desk = Desk::new();
    let name = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let folder = desk.folder().join("store/blobs/9f/86");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), b"test").unwrap();
    assert_eq!(desk.backup("good.tar", false, None).unwrap().files, 1);
    assert_eq!(desk.restore("good.tar", "good", None).unwrap().files, 1);
    assert_eq!(fs::read(desk.path("good/store/blobs/9f/86").join(name)).unwrap(), b"test");
    fs::write(folder.join(name), b"rest").unwrap();
    let made = desk.backup("bad.tar", false, None).unwrap();
    assert_eq!((made.files, made.damaged), (0, vec![name.to_owned()]));
}

#[test]
fn an_existing_file_or_folder_is_never_overwritten() {
    let desk = Desk::new();
    desk.backup("b.tar", true, None).unwrap();
    assert_eq!(desk.backup("b.tar", true, None).unwrap_err().code, "backup-exists");
    assert_eq!(desk.restore("b.tar", "acme", None).unwrap_err().code, "desk-exists");
}
