//! What holds for any bytes: no panic, one reading, nothing forged by a flipped bit.

use deskwire_proto::batch::Batch;
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::delivery::Delivery;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::{self, SALT_BYTES, Stream};
use deskwire_proto::id::{DeskId, LinkId};
use deskwire_proto::invitation::Invitation;
use deskwire_proto::key::PublicKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::linking::{LinkAnswer, LinkRequest};
use deskwire_proto::message::{Body, Facts, Kind};
use deskwire_proto::pull::PullAnswer;
use deskwire_proto::recover::RecoverPage;
use deskwire_proto::terms::Terms;
use deskwire_proto::transfer::Upload;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::file::Vector;
use crate::load::load_all;
use crate::verdict;

/// Good deliveries of every kind: kind, facts, text body.
fn bodies() -> Vec<(Kind, Vec<u8>, Option<Vec<u8>>)> {
    let good = load_all().into_iter().filter(|(path, vector)| vector.is_good() && path.ends_with("/full"));
    good.filter(|(_, vector)| vector.cddl == "delivery")
        .map(|(path, vector)| {
            let kind = Kind::from_name(path.trim_end_matches("/full")).expect("a kind");
            let delivery = Delivery::decode(&vector.bytes()).expect("a delivery");
            let head = envelope::read_head(delivery.signed()).expect("a head");
            (kind, head.facts.into_vec(), delivery.text().map(|part| part[SALT_BYTES + 2..].to_vec()))
        })
        .collect()
}

/// What can happen to bytes on their way.
#[derive(Debug, Clone)]
enum Harm {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => (any::<Index>(), 0..8u8).prop_map(|(place, bit)| Harm::Flip(place, 1 << bit)),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Harm::Set(place, byte)),
        1 => any::<Index>().prop_map(Harm::Remove),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Harm::Insert(place, byte)),
        1 => any::<Index>().prop_map(Harm::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, harm: &Harm) {
    if bytes.is_empty() {
        return;
    }
    let at = |place: &Index| place.index(bytes.len());
    match harm {
        Harm::Flip(place, bits) => {
            let at = at(place);
            bytes[at] ^= bits;
        }
        Harm::Set(place, byte) => {
            let at = at(place);
            bytes[at] = *byte;
        }
        Harm::Remove(place) => {
            bytes.remove(at(place));
        }
        Harm::Insert(place, byte) => bytes.insert(at(place), *byte),
        Harm::Cut(place) => bytes.truncate(at(place)),
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Whatever is taken has one reading: encoded again it gives the same bytes. Harm to facts and text stays
/// shallow here, so that many harmed bodies are still good ones.
#[test]
fn a_body_that_is_taken_encodes_to_the_bytes_it_came_from() {
    let bodies = bodies();
    assert_eq!(bodies.len(), Kind::ALL.len());
    let mut runner = proptest::test_runner::TestRunner::new(config(3_000));
    let strategy = (any::<Index>(), any::<bool>(), proptest::collection::vec(harm(), 0..3));
    let outcome = runner.run(&strategy, |(which, facts_first, harms)| {
        let (kind, mut facts, mut text) = which.get(&bodies).clone();
        for harm in &harms {
            match &mut text {
                Some(text) if !facts_first => apply(text, harm),
                _ => apply(&mut facts, harm),
            }
        }
        if let Ok(body) = Body::decode(kind, &facts, text.as_deref()) {
            let (facts_again, text_again) = body.encode();
            let (again, before) = (Body::decode(kind, &facts_again, text_again.as_deref()), body.facts());
            prop_assert_eq!(again.as_ref(), Ok(&body));
            prop_assert_eq!(&before, &Facts::decode(kind, &facts_again).expect("facts alone"));
            // A harmed name of a member makes it unknown, and unknown members are not encoded again.
            prop_assert!(facts_again.len() <= facts.len());
            if facts_again.len() == facts.len() {
                prop_assert_eq!(&facts_again, &facts);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    for (kind, facts, text) in &bodies {
        let body = Body::decode(*kind, facts, text.as_deref()).expect("a good body");
        assert_eq!(body.encode(), (facts.clone(), text.clone()), "{}", kind.name());
        assert_eq!(body.kind(), *kind);
    }
}

fn offer() -> (Vector, Stream, PublicKey) {
    let (_, vector) =
        load_all().into_iter().find(|(path, _)| path == "delegation.offer/full").expect("an offer");
    let id = |name: &str| vector.context_bytes(name).expect("an id");
    let stream = Stream {
        link: LinkId::try_from(id("link").as_slice()).expect("a link id"),
        from: DeskId::try_from(id("from").as_slice()).expect("a desk id"),
        to: DeskId::try_from(id("to").as_slice()).expect("a desk id"),
    };
    let key = crate::file::unhex(&vector.keys[0]);
    let key = PublicKey::new(&key.try_into().expect("32 bytes")).expect("a key");
    (vector, stream, key)
}

/// Nobody between two desks can make one accept what the other did not say.
#[test]
fn a_harmed_message_is_never_taken_as_another_one() {
    let (vector, stream, key) = offer();
    let good = Delivery::decode(&vector.bytes()).expect("a delivery");
    let mut runner = proptest::test_runner::TestRunner::new(config(2_000));
    let outcome = runner.run(&proptest::collection::vec(harm(), 1..4), |harms| {
        let mut bytes = vector.bytes();
        harms.iter().for_each(|harm| apply(&mut bytes, harm));
        let Ok(delivery) = Delivery::decode(&bytes) else { return Ok(()) };
        let text_is_good = delivery.text() == good.text();
        if let Ok(verified) = envelope::accept(delivery, &stream, &key) {
            prop_assert_eq!(verified.delivery.signed(), good.signed());
            prop_assert_eq!(verified.body.is_ok(), text_is_good);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Whatever a stranger sends, the daemon goes on.
fn decode_everything(bytes: &[u8]) {
    let _ = cbor::check(bytes, Bounds::LARGE);
    let _ = cbor::to_json_text(bytes);
    let _ = Batch::decode(bytes);
    let _ = Delivery::decode(bytes);
    let _ = Descriptor::open(bytes);
    let _ = KeyLog::decode(bytes);
    let _ = LinkRequest::open(bytes);
    let _ = LinkAnswer::open(bytes);
    let _ = PullAnswer::decode(bytes);
    let _ = RecoverPage::decode(bytes);
    let _ = Upload::decode(bytes);
    let _ = cbor::decode::<Terms>(bytes, Bounds::LARGE);
    let _ = Invitation::decode(bytes);
    let _ = envelope::read_head(bytes);
    for kind in Kind::ALL {
        let _ = Body::decode(*kind, bytes, Some(bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Invitation>();
        let _ = text.parse::<DeskId>();
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_everything(&bytes);
    }

    #[test]
    fn random_text_never_panics(text in ".{0,80}", glue in "https://a.example/deskwire/1/link#[A-Za-z0-9_-]{0,40}") {
        decode_everything(text.as_bytes());
        decode_everything(glue.as_bytes());
    }
}

/// The same with bytes that are nearly good, which reach deeper.
#[test]
fn harmed_vectors_never_panic() {
    let vectors: Vec<_> = load_all()
        .into_iter()
        .map(|(_, vector)| vector)
        .filter(|vector| vector.hex.len() < 4_000 && vector.keys.len() < 2)
        .filter(|vector| {
            !vector.purpose.ends_with("-text") && !matches!(vector.cddl.as_str(), "link-id" | "any")
        })
        .collect();
    let mut runner = proptest::test_runner::TestRunner::new(config(3_000));
    let strategy = (any::<Index>(), proptest::collection::vec(harm(), 1..4));
    let outcome = runner.run(&strategy, |(which, harms)| {
        let mut vector = which.get(&vectors).clone();
        let mut bytes = vector.bytes();
        harms.iter().for_each(|harm| apply(&mut bytes, harm));
        decode_everything(&bytes);
        vector.hex = data_encoding::HEXLOWER.encode(&bytes);
        let _ = verdict::of(&vector);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
