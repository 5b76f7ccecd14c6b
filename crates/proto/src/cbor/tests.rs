//! A lax decoder would let two desks read one signed message in two ways.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Pair {
    a: u64,
    bb: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    First,
    SecondOne,
}

fn violation(bytes: &[u8]) -> &'static str {
    check(bytes, Bounds::MESSAGE).expect_err("must be refused").what
}

#[test]
fn round_trip_keeps_the_value() {
    let pair = Pair { a: 300, bb: Some("x".into()) };
    let bytes = encode(&pair).unwrap();
    assert_eq!(decode::<Pair>(&bytes, Bounds::MESSAGE).unwrap(), pair);
}

#[test]
fn each_lax_form_is_refused() {
    assert_eq!(violation(&[0x18, 0x17]), "an integer or length that is not in its shortest form");
    assert_eq!(violation(&[0x19, 0x00, 0xff]), "an integer or length that is not in its shortest form");
    assert_eq!(
        violation(&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        "an integer or length that is not in its shortest form"
    );
    assert_eq!(violation(&[0x78, 0x01, b'a']), "an integer or length that is not in its shortest form");
    assert_eq!(violation(&[0x9f, 0xff]), "an indefinite length");
    assert_eq!(violation(&[0xbf, 0xff]), "an indefinite length");
    assert_eq!(violation(&[0x5f, 0x41, 0x00, 0xff]), "an indefinite length");
    assert_eq!(violation(&[0xa2, 0x61, b'b', 0x01, 0x61, b'a', 0x01]), "map keys that are not sorted");
    assert_eq!(violation(&[0xa2, 0x61, b'a', 0x01, 0x61, b'a', 0x01]), "a map key that occurs twice");
    assert_eq!(violation(&[0xc0, 0x61, b'a']), "a tag");
    assert_eq!(violation(&[0xf9, 0x3c, 0x00]), "a floating-point number");
    assert_eq!(violation(&[0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]), "a floating-point number");
    assert_eq!(violation(&[0xf7]), "a simple value other than false, true and null");
    assert_eq!(violation(&[0xf8, 0x20]), "a simple value other than false, true and null");
    assert_eq!(violation(&[0x62, 0xc3, 0x28]), "text that is not UTF-8");
    assert_eq!(violation(&[0x01, 0x01]), "bytes after the end of the item");
    assert_eq!(violation(&[0x1c]), "reserved additional information");
    assert_eq!(violation(&[]), "the bytes end inside an item");
}

#[test]
fn bombs_are_refused_without_walking_them() {
    assert_eq!(violation(&vec![0x81; 100_000]), "nesting that is too deep");
    assert_eq!(
        violation(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        "more items announced than bytes that follow"
    );
    assert_eq!(
        violation(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        "a string longer than the bytes that follow"
    );
    let mut many = vec![0x99, 0x20, 0x00];
    many.extend(vec![0x00; 0x2000]);
    assert_eq!(violation(&many), "too many items");
}

#[test]
fn arrays_for_maps_and_numbers_for_names_are_refused() {
    let positional = encode(&(7u64, "x")).unwrap();
    assert!(serde_cbor::from_slice::<Pair>(&positional).is_ok(), "serde_cbor itself takes it");
    assert!(decode::<Pair>(&positional, Bounds::MESSAGE).is_err());
    assert!(decode::<Pair>(&[0xa1, 0x00, 0x07], Bounds::MESSAGE).is_err(), "integer key for a member");
    assert!(decode::<Choice>(&[0x01], Bounds::MESSAGE).is_err(), "number of a variant");
    assert_eq!(
        decode::<Choice>(&encode(&Choice::SecondOne).unwrap(), Bounds::MESSAGE).unwrap(),
        Choice::SecondOne
    );
}

#[test]
fn one_type_is_never_taken_for_another() {
    use serde_bytes::ByteBuf;
    let taken = |bytes: &[u8]| decode::<Pair>(bytes, Bounds::MESSAGE).is_ok();
    assert!(taken(&[0xa2, 0x61, b'a', 1, 0x62, b'b', b'b', 0x61, b'x']));
    assert!(!taken(&[0xa2, 0x61, b'a', 1, 0x62, b'b', b'b', 0x41, b'x']), "bytes for text");
    assert!(!taken(&[0xa2, 0x61, b'a', 1, 0x62, b'b', b'b', 0xf6]), "null for an absent member");
    assert!(!taken(&[0xa2, 0x61, b'A', 1, 0x61, b'a', 1]), "a member whose name is no code");
    assert!(
        taken(&[0xa2, 0x61, b'a', 1, 0x61, b'z', 0xa1, 0x01, 0x80]),
        "an unknown member may hold anything"
    );
    assert!(decode::<ByteBuf>(&[0x61, b'x'], Bounds::MESSAGE).is_err(), "text for bytes");
    assert!(decode::<ByteBuf>(&[0x81, 1], Bounds::MESSAGE).is_err(), "numbers for bytes");
    assert!(decode::<ByteBuf>(&[0x41, 1], Bounds::MESSAGE).is_ok());
    let map = encode(&std::collections::BTreeMap::from([("first", 0)])).unwrap();
    assert!(decode::<Choice>(&map, Bounds::MESSAGE).is_err(), "a map for a word");
    assert!(decode::<Choice>(&encode(&["first"]).unwrap(), Bounds::MESSAGE).is_err(), "an array for a word");
}

#[test]
fn integers_beyond_what_a_double_holds_are_refused() {
    let taken = |bytes: &[u8]| decode::<Pair>(&[&[0xa1, 0x61, b'a'][..], bytes].concat(), Bounds::MESSAGE);
    assert!(taken(&[0x1b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_ok(), "2^53 - 1");
    assert!(matches!(taken(&[0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]), Err(CborError::Shape(_))), "2^53");
    assert!(matches!(
        taken(&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(CborError::Shape(_))
    ));
}

#[test]
fn unsorted_members_of_our_own_are_noticed_before_they_leave() {
    #[derive(Serialize)]
    struct Wrong {
        bb: u8,
        a: u8,
    }
    assert!(matches!(encode(&Wrong { bb: 1, a: 2 }), Err(CborError::Own(_))));
}

#[test]
fn json_for_people_escapes_what_a_terminal_would_obey() {
    #[derive(Serialize)]
    struct Shown {
        a: &'static str,
    }
    assert_eq!(
        to_json_text(&encode(&Shown { a: "x\u{1b}[2J\"" }).unwrap()).unwrap(),
        r#"{"a":"x\u001b[2J\""}"#
    );
}
