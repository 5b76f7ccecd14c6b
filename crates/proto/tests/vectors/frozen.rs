//! The vectors as released: nothing changed in silence, and this crate gives each its result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use deskwire_proto::cose::Purpose;
use deskwire_proto::id::Hash;
use deskwire_proto::message::Kind;

use crate::file::folder;
use crate::load::load_all;
use crate::verdict;

/// A desk that was written by the vectors of a release would not understand ours.
#[test]
fn released_vectors_have_not_changed() {
    let manifest = fs::read_to_string(folder().join("MANIFEST.sha256")).expect("the manifest");
    let mut listed = BTreeSet::new();
    for line in manifest.lines() {
        let (hash, path) = line.split_once("  ").expect("hash and path");
        let bytes = fs::read(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(Hash::of(&bytes).to_hex(), hash, "{path} is frozen and has changed");
        if !path.starts_with("proof/") {
            listed.insert(path.trim_end_matches(".json").to_owned());
        }
    }
    let found: BTreeSet<_> = load_all().into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, listed, "run the make-vectors example to list new vectors");
}

/// A desk that takes what the specification refuses, or the reverse, does not work with the others.
#[test]
fn each_vector_gets_exactly_its_result() {
    let mut wrong = String::new();
    for (path, vector) in load_all() {
        let found = match verdict::of(&vector) {
            Ok(again) if vector.holds_unknown() || again == vector.bytes() => "ok".to_owned(),
            Ok(_) => "ok, but encodes to other bytes again".to_owned(),
            Err(code) => code,
        };
        if found != vector.expect {
            writeln!(wrong, "{path}: {} expected, {found} found", vector.expect)
                .expect("a String takes any write");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whoever adds a kind or a signed thing is told here what is missing.
#[test]
fn each_kind_and_each_signed_thing_has_good_and_bad_vectors() {
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut purposes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (path, vector) in load_all() {
        let group = path.split('/').next().expect("a group").to_owned();
        for count in [groups.entry(group).or_default(), purposes.entry(vector.purpose.clone()).or_default()] {
            if vector.is_good() {
                count.0 += 1;
            } else {
                count.1 += 1;
            }
        }
    }
    for kind in Kind::ALL {
        let (good, bad) = groups.get(kind.name()).copied().unwrap_or_default();
        assert!(good >= 1 && bad >= 3, "vectors/{}: {good} good, {bad} bad", kind.name());
    }
    for purpose in Purpose::ALL {
        let (good, bad) = purposes.get(purpose.name()).copied().unwrap_or_default();
        assert!(good >= 1 && bad >= 3, "purpose {}: {good} good, {bad} bad", purpose.name());
    }
}
