//! Every COSE structure of the good vectors, read and verified by a library that is not ours.

use coset::cbor::Value;
use coset::{Algorithm, CborSerializable, CoseSign1, iana};
use deskwire_proto::cose::Purpose;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::file::Vector;
use crate::load::load_all;

/// Any COSE library in any language must come to the same bytes to be signed.
#[test]
fn good_signatures_verify_with_another_library() {
    let mut verified = 0;
    for (path, vector) in
        load_all().into_iter().filter(|(_, vector)| vector.is_good() && !vector.keys.is_empty())
    {
        let Some(purpose) = Purpose::ALL.into_iter().find(|purpose| purpose.name() == vector.purpose) else {
            continue;
        };
        let sign1 = CoseSign1::from_slice(&signed(&vector)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(sign1.protected.header.alg, Some(Algorithm::Assigned(iana::Algorithm::EdDSA)), "{path}");
        assert_eq!(sign1.protected.header.key_id.len(), 16, "{path}");
        assert!(sign1.unprotected.is_empty(), "{path}");
        let aad = format!("deskwire/1/{}", purpose.name());
        sign1
            .verify_signature(aad.as_bytes(), |signature, bytes| verify(&vector, signature, bytes))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(
            sign1.clone().to_vec().expect("encodes"),
            signed(&vector),
            "{path}: another deterministic form"
        );
        verified += 1;
    }
    assert!(verified > 100, "only {verified} vectors hold a signature");
}

/// Bad signatures are bad for others too: the refusal is not a whim of ours.
#[test]
fn changed_bytes_and_other_purposes_fail_with_another_library() {
    let mut refused = 0;
    for (path, vector) in load_all().into_iter().filter(|(_, vector)| vector.expect == "bad-signature") {
        let Some(purpose) = Purpose::ALL.into_iter().find(|purpose| purpose.name() == vector.purpose) else {
            continue;
        };
        let retired = vector.keys.len() > 1;
        if vector.keys.is_empty() || retired {
            continue;
        }
        let sign1 = CoseSign1::from_slice(&signed(&vector)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let aad = format!("deskwire/1/{}", purpose.name());
        let outcome =
            sign1.verify_signature(aad.as_bytes(), |signature, bytes| verify(&vector, signature, bytes));
        assert!(outcome.is_err(), "{path}");
        refused += 1;
    }
    assert!(refused > 20, "only {refused} vectors hold a bad signature");
}

/// The signed bytes inside the bytes of a vector.
fn signed(vector: &Vector) -> Vec<u8> {
    let bytes = vector.bytes();
    match vector.cddl.as_str() {
        "delivery" => {
            let delivery: Value = coset::cbor::from_reader(bytes.as_slice()).expect("a delivery");
            delivery.into_array().expect("an array").swap_remove(0).into_bytes().expect("a message")
        }
        "blob-upload" => {
            let mut rest = bytes.as_slice();
            let _: Value = coset::cbor::from_reader(&mut rest).expect("a put");
            bytes[..bytes.len() - rest.len()].to_vec()
        }
        _ => bytes,
    }
}

fn verify(vector: &Vector, signature: &[u8], bytes: &[u8]) -> Result<(), String> {
    let newest = crate::file::unhex(vector.keys.last().expect("a key"));
    let key =
        VerifyingKey::from_bytes(&newest.try_into().expect("32 bytes")).map_err(|error| error.to_string())?;
    let signature = Signature::from_slice(signature).map_err(|error| error.to_string())?;
    key.verify_strict(bytes, &signature).map_err(|error| error.to_string())
}
