//! What was said: each desk has exactly the comments that are for it, each once, each author's in their order.

use super::{Checks, Holding, props};
use crate::verb::demo::cast::NAMES;

pub(super) fn check(held: &[Holding; 4], checks: &mut Checks) {
    for ((name, held), voices) in NAMES.iter().zip(held).zip(voices()) {
        let found = held.comments();
        let expected: usize = voices.iter().map(Vec::len).sum();
        let what = format!("it has exactly the {expected} comments that are for it, none twice");
        let mut wanted = voices.concat();
        let mut there = found.clone();
        wanted.sort_unstable();
        there.sort_unstable();
        checks.equal(name, what, &wanted, &there);
        let order: Vec<Vec<&str>> = voices
            .iter()
            .map(|voice| found.iter().copied().filter(|body| voice.contains(body)).collect())
            .collect();
        checks.equal(name, "each author's in the order of writing, those of the night too", &voices, &order);
    }
}

/// What each desk has to have, by author.
fn voices() -> [Vec<Vec<&'static str>>; 4] {
    use props::{
        ACME_NOTE, AT_DOOR, KASSA_AT_NIGHT, KASSA_NOTE, LEAVE_ON, LOG_ATTACHED, PETROV_AT_NIGHT, PETROV_NOTE,
        RED_LAMP, RING_TWICE, SEND_LOG, SHOP_AT_NIGHT, SHOP_NOTE, TAKE_PART, THANKS, WHICH_LAMP,
    };
    let shop = |first: &[&'static str], last: &[&'static str]| {
        [first, &[RING_TWICE], SHOP_AT_NIGHT.as_slice(), last].concat()
    };
    let kassa = |first: &[&'static str]| [first, KASSA_AT_NIGHT.as_slice()].concat();
    let petrov = vec![AT_DOOR, PETROV_AT_NIGHT];
    [
        vec![shop(&[SHOP_NOTE, RED_LAMP], &[THANKS]), vec![WHICH_LAMP, LEAVE_ON], kassa(&[]), petrov.clone()],
        vec![
            shop(&[RED_LAMP], &[THANKS]),
            vec![WHICH_LAMP, ACME_NOTE, LOG_ATTACHED, LEAVE_ON],
            vec![props::RULE_NOTE],
            kassa(&[SEND_LOG]),
            petrov.clone(),
        ],
        vec![shop(&[], &[]), vec![LOG_ATTACHED, LEAVE_ON], kassa(&[KASSA_NOTE, SEND_LOG, TAKE_PART]), petrov],
        vec![
            shop(&[], &[]),
            vec![LEAVE_ON],
            kassa(&[TAKE_PART]),
            vec![PETROV_NOTE, AT_DOOR, PETROV_AT_NIGHT],
        ],
    ]
}
