//! The lowest layer: strict CBOR, COSE_Sign1.

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::EIGHT_TORSION;
use ed25519_dalek::Signer;
use serde_json::json;
use sha2::{Digest, Sha512};

use crate::case::{Cases, Group};
use crate::file::unhex;
use crate::value::{bstr, cbor, h, hex};
use crate::world::{A, array, cose, key, link, protected, public, sign, to_be_signed};

pub(crate) fn make(cases: &mut Cases) {
    good_cbor(cases);
    lax_cbor(cases);
    bombs(cases);
    good_cose(cases);
    cose_headers(cases);
    cose_lax(cases);
    cose_signatures(cases);
    cose_curve(cases);
    weak_keys(cases);
}

fn cbor_group() -> Group<'static> {
    Group::new("cbor", "4.1", "cbor", "any")
}

fn good_cbor(cases: &mut Cases) {
    let group = cbor_group();
    let integers = "8a0017181818ff19010019ffff1a000100001affffffff1b000000010000000020";
    let strings = array(&[bstr(b""), bstr(b"\0"), cbor(&json!("")), cbor(&json!("€"))]);
    for (name, description, bytes) in [
        ("integers", "Integers on both sides of every boundary of length.", unhex(integers)),
        ("negative", "The smallest integer that travels.", unhex("3b001ffffffffffffe")),
        ("strings", "Byte and text strings, empty and not.", strings),
        ("map-order", "Keys in the order of their encoded bytes.", cbor(&json!({"z": 1, "aa": 2, "bb": 3}))),
        ("simple", "False, true, null.", unhex("83f4f5f6")),
        ("nested-8", "As deep as a message may be.", [vec![0x81; 8], vec![0]].concat()),
    ] {
        cases.add(&group, name, description, &bytes, "ok");
    }
    let deep = [vec![0x81; 12], vec![0]].concat();
    cases
        .add(&group, "nested-12", "As deep as a signed body other than a message may be.", &deep, "ok")
        .set("bounds", json!("large"));
    let many = [vec![0x99, 0x0f, 0xff], vec![0; 4095]].concat();
    cases.add(&group, "items-4096", "As many items as a message may have.", &many, "ok");
}

fn lax_cbor(cases: &mut Cases) {
    let group = cbor_group();
    for (name, description, bytes) in [
        ("empty", "No bytes at all.", ""),
        ("int-long-1", "23 in two bytes.", "1817"),
        ("int-long-2", "255 in three bytes.", "1900ff"),
        ("int-long-4", "65535 in five bytes.", "1a0000ffff"),
        ("int-long-8", "4294967295 in nine bytes.", "1b00000000ffffffff"),
        ("negative-long", "-1 in two bytes.", "3800"),
        ("bstr-long", "The length of a byte string in two bytes where one does.", "580100"),
        ("tstr-long", "The length of a text in two bytes where one does.", "780161"),
        ("array-long", "The length of an array in two bytes where one does.", "980100"),
        ("map-long", "The length of a map in two bytes where one does.", "b801616100"),
        ("array-indefinite", "An array of indefinite length.", "9f00ff"),
        ("map-indefinite", "A map of indefinite length.", "bf616100ff"),
        ("bstr-indefinite", "A byte string of indefinite length.", "5f4100ff"),
        ("tstr-indefinite", "A text of indefinite length.", "7f6161ff"),
        ("break-alone", "A break that ends nothing.", "ff"),
        ("reserved-28", "Reserved additional information.", "1c"),
        ("reserved-30", "Reserved additional information in a map head.", "be"),
        ("tag", "A tag.", "c000"),
        ("tag-24", "Embedded CBOR marked by a tag.", "d8184100"),
        ("bignum", "An integer as a bignum.", "c24101"),
        ("float-half", "A float of two bytes.", "f93c00"),
        ("float-single", "A float of four bytes.", "fa3f800000"),
        ("float-double", "A float of eight bytes.", "fb3ff0000000000000"),
        ("undefined", "Undefined.", "f7"),
        ("simple-one-byte", "An unassigned simple value.", "e0"),
        ("simple-two-bytes", "A simple value in two bytes.", "f820"),
        ("true-two-bytes", "True in two bytes.", "f815"),
        ("map-unsorted", "Keys that are not sorted.", "a2616201616100"),
        ("map-sorted-by-text", "Keys sorted as texts, and not by their encoded bytes.", "a262616100617a00"),
        ("map-duplicate", "A key that occurs twice.", "a2616100616100"),
        ("map-odd", "A map that ends behind a key.", "a16161"),
        ("utf8-overlong", "A text with an over-long form.", "62c080"),
        ("utf8-surrogate", "A text with a surrogate.", "63eda080"),
        ("utf8-cut", "A text that ends inside a character.", "61e2"),
        ("trailing", "A byte behind the item.", "0000"),
        ("cut-head", "The bytes end inside a head.", "19ff"),
        ("cut-string", "The bytes end inside a string.", "4400"),
        ("cut-array", "The bytes end inside an array.", "8200"),
    ] {
        cases.add(&group, name, description, &unhex(bytes), "not-deterministic");
    }
}

fn bombs(cases: &mut Cases) {
    let group = cbor_group();
    for (name, description, bytes) in [
        ("bomb-array", "An array that announces 2^64 - 1 items.", "9bffffffffffffffff00"),
        ("bomb-map", "A map that announces 2^64 - 1 members.", "bbffffffffffffffff00"),
        ("bomb-bstr", "A byte string that announces 2^64 - 1 bytes.", "5bffffffffffffffff00"),
        ("bomb-tstr", "A text that announces 2^63 bytes.", "7b800000000000000061"),
        ("bomb-array-4g", "An array that announces 4294967295 items.", "9affffffff00"),
    ] {
        cases.add(&group, name, description, &unhex(bytes), "not-deterministic");
    }
    let deep = [vec![0x81; 9], vec![0]].concat();
    cases.add(&group, "nested-9", "Deeper than a message may be.", &deep, "not-deterministic");
    let deep = [vec![0x81; 13], vec![0]].concat();
    cases
        .add(&group, "nested-13", "Deeper than any signed body may be.", &deep, "not-deterministic")
        .set("bounds", json!("large"));
    cases.add(
        &group,
        "nested-3000",
        "An array inside an array, 3000 times.",
        &vec![0x81; 3000],
        "not-deterministic",
    );
    let many = [vec![0x99, 0x10, 0x00], vec![0; 4096]].concat();
    cases.add(&group, "items-4097", "More items than a message may have.", &many, "not-deterministic");
}

fn cose_group() -> Group<'static> {
    Group::new("cose", "4.2", "link-state", "link-state").keys(&[A.key_hex(0)])
}

const PURPOSE: &str = "link-state";

fn payload() -> Vec<u8> {
    let peer = crate::world::B.id();
    cbor(&json!({"v": 1, "to": h(&peer), "from": h(&A.id()), "link": h(&link()), "state": "active"}))
}

/// The four parts of a good one: protected, unprotected, payload, signature.
fn parts() -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) {
    let bytes = sign(PURPOSE, &payload(), 1);
    let signature = bytes[bytes.len() - 64..].to_vec();
    (protected(1), vec![0xa0], payload(), signature)
}

/// Signs whatever the protected header is.
fn sign_with(protected: &[u8], aad: &str) -> Vec<u8> {
    let signature = key(1).sign(&to_be_signed(protected, aad, &payload())).to_bytes();
    cose(protected, &[0xa0], &payload(), &signature)
}

fn good_cose(cases: &mut Cases) {
    cases.add(&cose_group(), "good", "A COSE_Sign1 in its one form.", &sign(PURPOSE, &payload(), 1), "ok");
}

fn cose_headers(cases: &mut Cases) {
    let group = cose_group();
    let aad = "deskwire/1/link-state";
    let kid = hex(&protected(1)[5..]);
    for (name, description, header) in [
        ("alg-ed25519", "alg -19 (Ed25519) in the place of -8.", format!("a2013204 50{kid}")),
        ("alg-es256", "alg -7 (ES256).", format!("a2012604 50{kid}")),
        ("alg-missing", "No alg.", format!("a104 50{kid}")),
        ("kid-missing", "No kid.", "a10127".to_owned()),
        ("kid-15-bytes", "A kid of 15 bytes.", format!("a2012704 4f{}", &kid[..30])),
        ("kid-text", "A kid that is text.", "a2012704 646b657931".to_owned()),
        ("header-more", "A third protected header (content type).", format!("a3012703 0004 50{kid}")),
        ("header-crit", "A critical header.", format!("a3012702 8104 0450{kid}")),
        ("header-empty", "No protected headers at all.", String::new()),
    ] {
        let header = unhex(&header.replace(' ', ""));
        cases.add(&group, name, description, &sign_with(&header, aad), "malformed");
    }
    let (protected, _, payload, signature) = parts();
    let with_kid = [&[0xa1, 0x04, 0x50][..], &protected[5..]].concat();
    let bytes = cose(&protected, &with_kid, &payload, &signature);
    cases.add(&group, "unprotected-kid", "An unprotected header.", &bytes, "malformed");
    let detached = array(&[bstr(&protected), vec![0xa0], vec![0xf6], bstr(&signature)]);
    cases.add(&group, "payload-detached", "The payload is null.", &detached, "malformed");
    let three = array(&[bstr(&protected), vec![0xa0], bstr(&payload)]);
    cases.add(&group, "signature-missing", "An array of three.", &three, "malformed");
    let five = array(&[bstr(&protected), vec![0xa0], bstr(&payload), bstr(&signature), vec![0]]);
    cases.add(&group, "array-of-five", "An array of five.", &five, "malformed");
    let short = cose(&protected, &[0xa0], &payload, &signature[..63]);
    cases.add(&group, "signature-63", "A signature of 63 bytes.", &short, "malformed");
    let text = array(&[bstr(&protected), vec![0xa0], bstr(&payload), cbor(&json!("x".repeat(64)))]);
    cases.add(&group, "signature-text", "A signature that is text.", &text, "malformed");
    let map = cbor(&json!({"payload": h(&payload)}));
    cases.add(&group, "not-an-array", "A map in the place of the array.", &map, "malformed");
}

fn cose_lax(cases: &mut Cases) {
    let group = cose_group();
    let good = sign(PURPOSE, &payload(), 1);
    let (protected, _, payload, signature) = parts();
    let tagged = [&[0xd2][..], &good].concat();
    cases.add(&group, "tag-18", "The COSE_Sign1 with its tag.", &tagged, "not-deterministic");
    let indefinite = [&[0x9f][..], &good[1..], &[0xff]].concat();
    cases.add(
        &group,
        "array-indefinite",
        "The array of indefinite length.",
        &indefinite,
        "not-deterministic",
    );
    let trailing = [&good[..], &[0]].concat();
    cases.add(&group, "trailing", "A byte behind the end.", &trailing, "not-deterministic");
    cases.add(&group, "cut", "The last byte is missing.", &good[..good.len() - 1], "not-deterministic");
    let long = [&[0x84, 0x58, 21][..], &good[2..]].concat();
    cases.add(
        &group,
        "protected-long",
        "The length of the protected header in two bytes.",
        &long,
        "not-deterministic",
    );
    let mut payload_long = vec![0x84];
    payload_long.extend(bstr(&protected));
    payload_long.extend_from_slice(&[0xa0, 0x59, 0x00, payload.len() as u8]);
    payload_long.extend_from_slice(&payload);
    payload_long.extend(bstr(&signature));
    cases.add(
        &group,
        "payload-long",
        "The length of the payload in three bytes where two do.",
        &payload_long,
        "not-deterministic",
    );
    let inside = [&payload[..], &[0]].concat();
    cases.add(
        &group,
        "payload-trailing",
        "A byte behind the map inside the payload.",
        &sign(PURPOSE, &inside, 1),
        "not-deterministic",
    );
    let mut other = payload.clone();
    assert_eq!(&other[..4], &[0xa5, 0x61, b'v', 0x01]);
    other[2] = b'w';
    cases.add(
        &group,
        "payload-member-missing",
        "The payload lacks `v`.",
        &sign(PURPOSE, &other, 1),
        "malformed",
    );
    let swapped = {
        let mut members = crate::value::members(&json!({"v": 1, "state": "active"}));
        members.reverse();
        crate::value::map(&members)
    };
    cases.add(
        &group,
        "payload-unsorted",
        "Unsorted keys inside the payload.",
        &sign(PURPOSE, &swapped, 1),
        "not-deterministic",
    );
}

fn cose_signatures(cases: &mut Cases) {
    let group = cose_group();
    let aad = "deskwire/1/link-state";
    let (protected_a, _, payload, signature) = parts();
    for (name, description, aad) in [
        ("purpose-receipt", "Signed for the purpose `receipt`.", "deskwire/1/receipt"),
        ("purpose-message", "Signed for the purpose `message`.", "deskwire/1/message"),
        ("aad-empty", "Signed with an empty external_aad.", ""),
        ("aad-version-2", "Signed for another version of the protocol.", "deskwire/2/link-state"),
    ] {
        cases.add(&group, name, description, &sign_with(&protected_a, aad), "bad-signature");
    }
    let mut changed = payload.clone();
    let last = changed.len() - 1;
    changed[last - 40] ^= 1;
    let bytes = cose(&protected_a, &[0xa0], &changed, &signature);
    cases.add(&group, "payload-bit", "One bit of the payload is changed.", &bytes, "bad-signature");
    let mut wrong = signature.clone();
    wrong[0] ^= 1;
    cases.add(
        &group,
        "signature-bit",
        "One bit of R is changed.",
        &cose(&protected_a, &[0xa0], &payload, &wrong),
        "bad-signature",
    );
    let zero = cose(&protected_a, &[0xa0], &payload, &[0; 64]);
    cases.add(&group, "signature-zero", "A signature of zero bytes.", &zero, "bad-signature");
    let by_other = key(3).sign(&to_be_signed(&protected_a, aad, &payload)).to_bytes();
    cases.add(
        &group,
        "other-key",
        "Signed with another key under the kid of this one.",
        &cose(&protected_a, &[0xa0], &payload, &by_other),
        "bad-signature",
    );
    cases.add(
        &group,
        "kid-unknown",
        "Signed with a key that the desk does not have.",
        &sign(PURPOSE, &payload, 3),
        "key-unknown",
    );
    cases
        .add(
            &group,
            "key-retired",
            "Signed with a key that was rotated away.",
            &sign(PURPOSE, &payload, 1),
            "bad-signature",
        )
        .keys(&[A.key_hex(0), A.key_hex(1)]);
    cases
        .add(&group, "key-newest", "Signed with the newest of two keys.", &sign(PURPOSE, &payload, 2), "ok")
        .keys(&[A.key_hex(0), A.key_hex(1)]);
    let bare = key(1).sign(&payload).to_bytes();
    cases.add(
        &group,
        "signed-payload-alone",
        "The signature covers the payload without Sig_structure.",
        &cose(&protected_a, &[0xa0], &payload, &bare),
        "bad-signature",
    );
}

/// Signatures that lax verifiers take: see "Taming the many EdDSAs" (SSR 2020).
fn cose_curve(cases: &mut Cases) {
    let group = cose_group();
    let (protected_a, _, payload, signature) = parts();
    let curve = |signature: &[u8]| cose(&protected_a, &[0xa0], &payload, signature);
    let doubled = [&signature[..32], &plus_order(&signature[32..])].concat();
    cases
        .add(
            &group,
            "s-plus-l",
            "S is larger than the order of the group: S + L.",
            &curve(&doubled),
            "bad-signature",
        )
        .section("2.1");

    let bytes = to_be_signed(&protected_a, "deskwire/1/link-state", &payload);
    let small = forge(&EIGHT_TORSION[0].compress().to_bytes(), &bytes, Scalar::ZERO);
    cases
        .add(
            &group,
            "r-neutral",
            "R is the neutral point, and the equation holds.",
            &curve(&small),
            "bad-signature",
        )
        .section("2.1");
    let other_form = neutral_again();
    let small = forge(&other_form, &bytes, Scalar::ZERO);
    cases
        .add(
            &group,
            "r-not-canonical",
            "R is the neutral point in its second encoding.",
            &curve(&small),
            "bad-signature",
        )
        .section("2.1");
    let nonce = Scalar::from(7u8);
    let point = curve25519_dalek::EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[1];
    let mixed = forge(&point.compress().to_bytes(), &bytes, nonce);
    cases
        .add(
            &group,
            "r-mixed-order",
            "R has a component of small order: only a verifier with the cofactor takes it.",
            &curve(&mixed),
            "bad-signature",
        )
        .section("2.1");
}

/// Keys with which anybody could sign, and keys of two spellings.
fn weak_keys(cases: &mut Cases) {
    let group = cose_group();
    let payload = payload();
    let other_form = neutral_again();
    let neutral = EIGHT_TORSION[0].compress().to_bytes();
    for (name, description, weak) in [
        (
            "weak-key-neutral",
            "The key is the neutral point; R neutral and S zero satisfy the equation.",
            neutral.to_vec(),
        ),
        ("weak-key-zero", "The key is all zero: a point of order 4.", vec![0; 32]),
        (
            "weak-key-order-8",
            "The key is a point of order 8.",
            EIGHT_TORSION[1].compress().to_bytes().to_vec(),
        ),
        ("weak-key-not-canonical", "The key is a point in its second encoding.", other_form.to_vec()),
        ("weak-key-no-point", "The key is no point of the curve.", [&[2][..], &[0; 31]].concat()),
    ] {
        let header = [&[0xa2, 0x01, 0x27, 0x04, 0x50][..], &crate::world::sha(&weak)[..16]].concat();
        let signature = [&neutral[..], &[0; 32]].concat();
        let bytes = cose(&header, &[0xa0], &payload, &signature);
        cases.add(&group, name, description, &bytes, "weak-key").section("2.1").keys(&[hex(&weak)]);
    }
}

/// The neutral point in its second encoding: y is p + 1.
fn neutral_again() -> [u8; 32] {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xee, 0x7f);
    bytes
}

/// A signature with this R, by the key of seed 1: S = r + k a.
fn forge(r: &[u8; 32], bytes: &[u8], nonce: Scalar) -> Vec<u8> {
    let mut secret = [0; 32];
    secret.copy_from_slice(&Sha512::digest([1; 32])[..32]);
    let secret = Scalar::from_bytes_mod_order(curve25519_dalek::scalar::clamp_integer(secret));
    let mut hash = [0; 64];
    hash.copy_from_slice(&Sha512::digest([&r[..], &public(1), bytes].concat()));
    let s = nonce + Scalar::from_bytes_mod_order_wide(&hash) * secret;
    [&r[..], s.as_bytes()].concat()
}

/// A little-endian number plus the order of the group.
fn plus_order(number: &[u8]) -> Vec<u8> {
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    let sum = number.iter().zip(order).map(|(one, other)| {
        let sum = u16::from(*one) + u16::from(other) + carry;
        carry = sum >> 8;
        (sum & 0xff) as u8
    });
    sum.collect()
}
