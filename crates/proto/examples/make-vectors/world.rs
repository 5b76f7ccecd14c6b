//! The desks, keys and link that the vectors are about, and signing apart from the crate's own code.

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::value::{bstr, cbor, h, head, hex};

/// A moment in 2026, UTC milliseconds.
pub(crate) const NOW: u64 = 1_790_000_100_000;

/// SHA-256.
pub(crate) fn sha(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The key whose seed is 32 times this byte.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Its public half.
pub(crate) fn public(seed: u8) -> Vec<u8> {
    key(seed).verifying_key().to_bytes().to_vec()
}

/// SHA-256 of the public half: what an event before commits to.
pub(crate) fn next(seed: u8) -> Value {
    h(&sha(&public(seed)))
}

/// The protected header.
pub(crate) fn protected(seed: u8) -> Vec<u8> {
    [&[0xa2, 0x01, 0x27, 0x04, 0x50][..], &sha(&public(seed))[..16]].concat()
}

/// `Sig_structure`.
pub(crate) fn to_be_signed(protected: &[u8], aad: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x84];
    out.extend(cbor(&json!("Signature1")));
    out.extend(bstr(protected));
    out.extend(bstr(aad.as_bytes()));
    out.extend(bstr(payload));
    out
}

/// A COSE_Sign1 of its four parts, whatever they are.
pub(crate) fn cose(protected: &[u8], unprotected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = vec![0x84];
    out.extend(bstr(protected));
    out.extend_from_slice(unprotected);
    out.extend(bstr(payload));
    out.extend(bstr(signature));
    out
}

/// Signs a payload for a purpose with the key of a seed.
pub(crate) fn sign(purpose: &str, payload: &[u8], seed: u8) -> Vec<u8> {
    let protected = protected(seed);
    let bytes = to_be_signed(&protected, &format!("deskwire/1/{purpose}"), payload);
    cose(&protected, &[0xa0], payload, &key(seed).sign(&bytes).to_bytes())
}

/// Signs a body given as JSON.
pub(crate) fn seal(purpose: &str, body: &Value, seed: u8) -> Vec<u8> {
    sign(purpose, &cbor(body), seed)
}

/// A desk: seeds of its first, second and third key.
pub(crate) struct Desk {
    pub(crate) seeds: [u8; 3],
    pub(crate) name: &'static str,
    pub(crate) endpoint: &'static str,
}

/// The desk of the examples of chapter 2.
pub(crate) const A: Desk = Desk { seeds: [1, 2, 5], name: "Desk A", endpoint: "https://a.example:8443" };
/// The desk that writes in the example of chapter 4.
pub(crate) const B: Desk = Desk { seeds: [3, 4, 6], name: "Desk B", endpoint: "https://b.example" };

impl Desk {
    /// Body of the inception event.
    pub(crate) fn inception(&self) -> Value {
        json!({"v": 1, "key": h(&public(self.seeds[0])), "next": next(self.seeds[1]), "type": "inception"})
    }

    /// The desk id.
    pub(crate) fn id(&self) -> Vec<u8> {
        sha(&cbor(&self.inception()))
    }

    /// The first signed event.
    pub(crate) fn first_event(&self) -> Vec<u8> {
        seal("key-event", &self.inception(), self.seeds[0])
    }

    /// Body of the first rotation.
    pub(crate) fn rotation(&self) -> Value {
        json!({
            "v": 1, "key": h(&public(self.seeds[1])), "seq": 1, "next": next(self.seeds[2]),
            "prev": h(&sha(&self.first_event())), "type": "rotation",
        })
    }

    /// The second signed event.
    pub(crate) fn second_event(&self) -> Vec<u8> {
        seal("key-event", &self.rotation(), self.seeds[1])
    }

    /// Body of the descriptor before any rotation.
    pub(crate) fn descriptor_body(&self) -> Value {
        json!({
            "v": 1, "tls": [h(&sha(self.name.as_bytes()))], "desk": h(&self.id()),
            "keys": [h(&self.first_event())], "name": self.name,
            "limits": {"file": 1_073_741_824, "batch": 1_048_576, "message": 65_536},
            "version": NOW, "features": ["files", "pull"], "endpoints": [self.endpoint], "protocols": [1],
        })
    }

    /// The signed descriptor before any rotation.
    pub(crate) fn descriptor(&self) -> Vec<u8> {
        seal("descriptor", &self.descriptor_body(), self.seeds[0])
    }

    /// Public key of one of its seeds, hex.
    pub(crate) fn key_hex(&self, place: usize) -> String {
        hex(&public(self.seeds[place]))
    }
}

/// The link of the example of section 3.4.
pub(crate) fn link() -> Vec<u8> {
    crate::file::unhex("29b2c0be37e16127ae97ee6600e694d03bd677906b04a59f0497021fed1db9b8")
}

/// Terms as in the example of section 3.3.
pub(crate) fn terms() -> Value {
    json!({
        "v": 1, "file": 26_214_400, "fields": ["company", "contact", "object", "priority", "deadline"],
        "person": "name", "principals": ["inviter"], "redelegate": "named",
    })
}

/// An array of encoded items.
pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    head(4, items.len() as u64, &mut out);
    items.iter().for_each(|item| out.extend_from_slice(item));
    out
}
