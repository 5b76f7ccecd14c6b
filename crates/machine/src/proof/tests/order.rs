//! The order of the form.

use super::*;

/// What one reader takes and another refuses is no proof.
#[test]
fn keys_linking_and_streams_stand_in_their_order_and_once() {
    let told = Told::new();
    let whole = told.items(None);
    let broken = |change: &dyn Fn(&mut Vec<Item>)| {
        let mut items = whole.clone();
        change(&mut items);
        found(&verify(&items)).contains(&("bad-form", None))
    };
    assert!(broken(&|items| items.insert(2, items[1].clone())), "keys twice");
    assert!(broken(&|items| items.insert(8, items[1].clone())), "keys in a stream");
    assert!(broken(&|items| items.swap(2, 3)), "the linking before the keys");
    assert!(broken(&|items| items.swap(3, 4)), "a stream before the linking");
    assert!(broken(&|items| items.insert(5, items[3].clone())), "the linking twice");
    let log = Desk::new(9).log;
    assert!(
        broken(&|items| items.insert(3, Item::Keys(log.desk(), log.events().to_vec()))),
        "keys of a third"
    );
    let mut either = whole.clone();
    either.swap(1, 2);
    assert!(verify(&either).findings.is_empty(), "the keys stand in any order");
}
