//! The frozen vectors of proof files: what this verifier finds in each is what every other one has to find.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Serialize, Deserialize)]
struct Vector {
    description: String,
    section: String,
    purpose: String,
    cddl: String,
    hex: String,
    /// `ok`, or the code of a finding that has to be among those that break the file.
    expect: String,
    /// Whose stream it is in, and the number of the message there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    desk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "proto-spec", "vectors", "proof"].iter().collect()
}

/// One case: its name, what it is, the file, what has to be found, and where.
type Case = (&'static str, &'static str, Vec<u8>, &'static str, Option<(usize, u64)>);

fn good(told: &Told) -> Vec<Case> {
    let whole = told.items(None);
    let mut erased = whole.clone();
    (0..7).for_each(|nth| change_message(&mut erased, nth, |delivery| delivery.1 = None));
    let mut one = told.items(Some(CASE));
    let at = at_message(&one, 1);
    if let Item::Message(other) = one[at].clone() {
        one[at] = Item::LeftOut(2, other.hash());
    }
    vec![
        (
            "link",
            "A whole link: two delegations, one of them finished, the other one offered.",
            written(&whole),
            "ok",
            None,
        ),
        ("texts-erased", "The same link after all texts were erased.", written(&erased), "ok", None),
        (
            "one-delegation",
            "One delegation; of the other one the hash of its message alone.",
            written(&one),
            "ok",
            None,
        ),
        (
            "seen-refused",
            "A `seen` that is ahead, and one that falls, of messages that their reader refused for it: they are not used.",
            written(&seen::refused_for_seen().items(None)),
            "ok",
            None,
        ),
    ]
}

fn bad(told: &Told) -> Vec<Case> {
    let whole = told.items(None);
    let changed = |change: &dyn Fn(&mut Vec<Item>)| {
        let mut items = whole.clone();
        change(&mut items);
        written(&items)
    };
    let at = |nth| at_message(&whole, nth);
    let bit = changed(&|items| {
        change_message(items, 2, |delivery| {
            let last = delivery.0.len() - 1;
            delivery.0[last] ^= 1;
        });
    });
    let text = changed(&|items| change_message(items, 0, |delivery| delivery.1.as_mut().unwrap()[20] ^= 1));
    let receipt = changed(&|items| {
        let at = items.iter().position(|item| matches!(item, Item::Receipt(_))).unwrap();
        let Item::Receipt(raw) = &mut items[at] else { unreachable!() };
        let last = raw.len() - 1;
        raw[last] ^= 1;
    });
    let nonce = changed(&|items| {
        let Item::Linking(_, _, nonce) = &mut items[3] else { unreachable!() };
        *nonce = Nonce::new([0xa1; 32]);
    });
    let mut cut = written(&whole);
    let mut tally = Tally::default();
    whole.iter().for_each(|item| tally.add(&item.encode()));
    cut.truncate(cut.len() - tally.end().encode().len());
    let mut altered = written(&whole);
    let last = altered.len() - 1;
    altered[last] ^= 1;
    vec![
        ("bit-of-a-signature", "One bit of a signature is another one.", bit, "bad-signature", Some((0, 3))),
        ("text-of-another", "One bit of a text part is another one.", text, "text-differs", Some((0, 1))),
        (
            "message-removed",
            "A message is not there.",
            changed(&|items| drop(items.remove(at(1)))),
            "removed",
            Some((0, 2)),
        ),
        (
            "message-twice",
            "A message is there twice.",
            changed(&|items| items.insert(at(2), items[at(1)].clone())),
            "added",
            Some((0, 2)),
        ),
        (
            "messages-swapped",
            "Two messages have changed places.",
            changed(&|items| items.swap(at(1), at(2))),
            "swapped",
            Some((0, 2)),
        ),
        (
            "bit-of-a-receipt",
            "One bit of the signature of a receipt is another one.",
            receipt,
            "bad-receipt",
            Some((0, 3)),
        ),
        (
            "other-nonce",
            "The nonce is not the one that the request was bound to.",
            nonce,
            "bad-linking",
            None,
        ),
        (
            "keys-twice",
            "The key log of one desk is there twice.",
            changed(&|items| items.insert(2, items[1].clone())),
            "bad-form",
            None,
        ),
        (
            "keys-in-a-stream",
            "A key log stands between messages.",
            changed(&|items| items.insert(at(1), items[1].clone())),
            "bad-form",
            None,
        ),
        (
            "stream-before-linking",
            "A stream begins before the linking.",
            changed(&|items| items.swap(3, 4)),
            "bad-form",
            None,
        ),
        ("end-missing", "The file was cut off before its end.", cut, "cut-off", None),
        ("end-altered", "The hash at the end is not that of the bytes before.", altered, "altered", None),
    ]
}

fn read(bytes: &[u8]) -> Report {
    let mut verifier = Verifier::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok((item, behind)) = Item::take(rest) else {
            verifier.broken("an item that cannot be read");
            break;
        };
        verifier.take(item, &rest[..rest.len() - behind.len()]);
        rest = behind;
    }
    verifier.finish()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A verifier of another maker would call a file good that ours calls altered, or the reverse.
#[test]
fn each_frozen_proof_file_gets_exactly_its_result() {
    let mut expected = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let vector: Vector = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let report = read(&bytes(&vector.hex));
        let name = path.display();
        assert_eq!(report.holds(), vector.expect == "ok", "{name}: {:?}", report.findings);
        let place = (vector.desk.clone(), vector.seq);
        let named = report.findings.iter().any(|finding| {
            let desk = finding.author.map(|desk| desk.to_hex());
            finding.code == vector.expect && (desk, finding.seq) == place
        });
        assert!(named || vector.expect == "ok", "{name}: {:?}", report.findings);
        expected.insert(vector.expect);
    }
    assert!(expected.contains("ok") && expected.len() >= 9, "{expected:?}");
}

/// Makes the vectors, once for each new one; `MANIFEST.sha256` has to list them.
#[test]
#[ignore = "writes into the folder of vectors"]
fn write_the_vectors() {
    let told = Told::new();
    let desks = [told.inviter.log.desk(), told.accepter.log.desk()];
    std::fs::create_dir_all(folder()).unwrap();
    for (name, description, file, expect, place) in good(&told).into_iter().chain(bad(&told)) {
        let vector = Vector {
            description: description.to_owned(),
            section: "8.8".to_owned(),
            purpose: "proof".to_owned(),
            cddl: "proof-file".to_owned(),
            hex: file.iter().map(|byte| format!("{byte:02x}")).collect(),
            expect: expect.to_owned(),
            desk: place.map(|(side, _)| desks[side].to_hex()),
            seq: place.map(|(_, seq)| seq),
        };
        let text = serde_json::to_string_pretty(&vector).unwrap() + "\n";
        std::fs::write(folder().join(format!("{name}.json")), text).unwrap();
    }
}
