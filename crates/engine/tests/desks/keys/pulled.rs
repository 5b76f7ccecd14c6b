//! A partner without an address: what it holds is asked for in answer to its own requests. proto-spec, section 5.6.

use super::*;

use deskwire_engine::command::pull::{AnswerPull, Pulled};

/// Answers the requests of the partner, as an endpoint does, until there is nothing for it.
fn answer_all(from: &mut Desk, to: &mut Desk) {
    let mut doubt = false;
    for _ in 0..20 {
        let doubted = std::mem::take(&mut doubt);
        if !doubted && from.stream().may_lack() && page(from, to).is_some() {
            continue;
        }
        let upto = to.stream().in_length;
        match from.run(AnswerPull { link: LINK, upto, doubt: doubted }).unwrap() {
            Pulled::Nothing => return,
            Pulled::Hello(hello) => {
                doubt = !matches!(welcomed(from, to, &hello), Ok(_) | Err(Code::RecoveryNeeded));
            }
            Pulled::Batch(bytes) => match deliver(from, to, &Batch::decode(&bytes).unwrap()).unwrap() {
                Delivered::Receipt(receipt) => take_receipt(from, to, &receipt).unwrap(),
                // There is no answer to say so in: the next request brings nothing.
                Delivered::Refused(_) | Delivered::Gap { .. } => doubt = true,
            },
            Pulled::Refused(code) => panic!("{code}"),
        }
    }
    panic!("the partner asks without an end");
}

/// The link stood still, and the partner asked without a pause.
#[test]
fn what_a_thief_said_is_fetched_from_a_partner_that_asks() {
    let (mut shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();

    let mut shop = rotate(shop, 1);
    answer_all(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert_eq!((heard(&acme).1, shop.stream().waiting), (1, 0));
    assert_eq!(shop.stream().acked, shop.stream().out_length);
    assert!(!shop.stream().may_lack(), "nothing is asked for any more");
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}
