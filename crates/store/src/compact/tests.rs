//! A row that comes back as another one shows people what never happened.
use std::collections::BTreeMap;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Nothing,
    One(u64),
    Two(bool, i32),
    Named { text: Option<String>, more: Vec<Kind> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    kind: Kind,
    bytes: serde_bytes::ByteBuf,
    pair: (u8, Option<u16>),
    map: BTreeMap<String, u32>,
    letter: char,
    unit: (),
}

fn row() -> Row {
    let inner = vec![Kind::Nothing, Kind::One(u64::MAX), Kind::Two(true, i32::MIN)];
    Row {
        kind: Kind::Named { text: Some("ä\0".into()), more: inner },
        bytes: serde_bytes::ByteBuf::from(vec![0; 300]),
        pair: (255, Some(127)),
        map: BTreeMap::from([("a".into(), 1), ("b".into(), 128)]),
        letter: 'ß',
        unit: (),
    }
}

#[test]
fn a_row_comes_back_as_it_was() {
    let bytes = encode(&row()).unwrap();
    assert_eq!(decode::<Row>(&bytes).unwrap(), row());
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX - 1, u64::MAX] {
        assert_eq!(decode::<u64>(&encode(&number).unwrap()).unwrap(), number);
    }
    for number in [0, -1, 1, i64::MIN, i64::MAX] {
        assert_eq!(decode::<i64>(&encode(&number).unwrap()).unwrap(), number);
    }
}

#[test]
fn bytes_that_are_cut_or_too_long_are_no_row() {
    let bytes = encode(&row()).unwrap();
    assert!((0..bytes.len()).all(|end| decode::<Row>(&bytes[..end]).is_err()));
    assert!(decode::<Row>(&[bytes, vec![0]].concat()).is_err());
    assert!(decode::<u64>(&[0xff; 10]).is_err(), "more than 64 bits");
    assert!(decode::<Vec<u64>>(&[0xff, 0xff, 0xff, 0xff, 0x7f]).is_err(), "many announced, none there");
}

#[test]
fn a_member_that_may_be_left_out_is_refused_and_not_misread() {
    #[derive(Serialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<u8>,
        second: u8,
    }
    assert!(encode(&Sparse { first: None, second: 1 }).is_err());
}
