//! A partner must know a TLS key before it meets it, and a change that is interrupted leaves a desk that starts.

use deskwire_proto::time::Timestamp;

use super::*;
use crate::init::tests::new_desk;
use crate::material::Material;
use crate::{face, init, load};

fn desk() -> (tempfile::TempDir, Folder, Config) {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    let new = new_desk(folder.root());
    init(&new).unwrap();
    let config = load(&folder, Vec::new()).unwrap();
    (around, folder, config)
}

/// What a start would say: the TLS keys, the one in use first.
fn said(folder: &Folder, config: &Config, now: u64) -> Vec<Spki> {
    let material = Material::load(folder, config).unwrap();
    let identity =
        face::identity(folder, config, &material, config.peer.listen, (None, Timestamp(now))).unwrap();
    identity.descriptor().body().tls.clone()
}

#[test]
fn a_tls_key_is_announced_before_it_is_used() {
    let (_around, folder, config) = desk();
    let first = said(&folder, &config, 10);
    let TlsStep::Made(next) = rotate_tls(&folder, &config).unwrap() else { panic!("made") };
    assert_eq!(rotate_tls(&folder, &config).unwrap_err().code, "tls-key-not-announced");
    assert_eq!(said(&folder, &config, 20), [first[0], next]);
    assert_eq!(rotate_tls(&folder, &config).unwrap(), TlsStep::Used(next));
    assert_eq!(said(&folder, &config, 30), [next]);
    assert!(!folder.old_tls().exists() && !folder.next_tls().exists());
}

#[test]
fn an_interrupted_change_of_the_tls_key_is_finished_by_the_next_start() {
    let (_around, folder, config) = desk();
    let TlsStep::Made(next) = rotate_tls(&folder, &config).unwrap() else { panic!("made") };
    fs::rename(folder.tls(), folder.old_tls()).unwrap();
    assert_eq!(said(&folder, &config, 10), [next]);
    assert!(!folder.old_tls().exists());
}
