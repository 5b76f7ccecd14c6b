//! Where the newest key begins is known to the partner of a desk that has lost it: what was disowned once stays so.

use super::*;

use deskwire_proto::session::{Cut, Welcome};
use serde_bytes::ByteBuf;

/// A theft that was over, and a backup from before it: both desks as they stand after the restore, and the place.
fn restored_after_a_theft() -> (Desk, Desk, Cut) {
    let (shop, mut acme) = working();
    let copy = shop.copy();
    let mut thief = Desk::new("Shop", 1).restore(&copy);
    thief.act(1, Action::Recall(because("Not needed."))).unwrap();
    carry(&mut thief, &mut acme);
    let mut shop = rotate(shop, 1);
    shop.comment(1, "When do you come?", Audience::Thread).unwrap();
    quiet(&mut shop, &mut acme);
    let place = acme.stream().in_change.unwrap().place.unwrap();
    assert_eq!((state(&shop, 1), state(&acme, 1), heard(&acme).1), (State::Accepted, State::Accepted, 1));
    let mut shop = shop.restore(&copy);
    assert_eq!(greet(&mut shop, &mut acme), Err(Code::RecoveryNeeded));
    fetch(&mut shop, &mut acme);
    (shop, acme, place)
}

/// Else the desk takes for its own what a thief had said, tells another place, and the link stands still as a fork.
#[test]
fn a_desk_restored_from_before_a_theft_disowns_again_what_it_had_disowned() {
    let (mut shop, mut acme, place) = restored_after_a_theft();
    resend(&mut acme, &mut shop);
    quiet(&mut shop, &mut acme);
    assert_eq!((acme.stream().in_change.unwrap().place, heard(&acme).1), (Some(place), 1));
    let sent = shop.rows().list(SENT, &LINK, usize::MAX).unwrap();
    let aside: Vec<_> =
        sent.iter().filter(|(_, row)| row.aside.is_some()).map(|((_, seq), _)| *seq).collect();
    assert_eq!(aside, [place.0 + 1], "what the thief said, and nothing of our own");
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Accepted, State::Accepted));
    assert!(!codes(&acme).iter().any(|code| code == "fork"));
    assert!(codes(&shop).contains(&"messages-disowned".to_owned()), "the operator is told");
    acme.act(1, Action::Resolve { solution: Some(prose("Plugged in.")), code: None }).unwrap();
    quiet(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Resolved, State::Resolved));
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// Else a partner could have a restored desk take back what it had promised under its old key.
#[test]
fn a_place_that_a_desk_did_not_tell_itself_is_not_taken_from_its_partner() {
    for retired in [true, false] {
        let (mut shop, mut acme, place) = restored_after_a_theft();
        let hello = say_hello(&mut shop);
        let mut forged = hello.body().clone();
        forged.change = Some(Cut(0, forged.link.into()));
        let welcome = acme.run(AnswerHello { link: LINK, hello }).unwrap().unwrap();
        let welcome: Signed<Welcome> = Signed::open(&welcome, acme.identity.keys().current()).unwrap();
        let mut body = welcome.body().clone();
        let shown = Signed::<Hello>::open(body.placed.as_ref().unwrap(), shop.identity.keys().current());
        assert_eq!(shown.unwrap().body().change, Some(place));
        // Under a key that stands no more, or by the partner itself.
        let secret = if retired { SecretKey::from_seed(&[1; 32]) } else { SecretKey::from_seed(&[2; 32]) };
        body.placed = Some(ByteBuf::from(Signed::seal(forged, &secret).raw()));
        let welcome = Signed::seal(body, acme.identity.secret());
        assert_eq!(shop.run(TakeWelcome { link: LINK, welcome }).unwrap(), Err(Code::SessionUnknown));
        let told = shop.stream().out_change.unwrap().place.unwrap();
        assert_eq!(told.0, place.0 + 1, "the last message that the newest key did not sign");
        assert!(
            shop.rows().list(SENT, &LINK, usize::MAX).unwrap().iter().all(|(_, row)| row.aside.is_none())
        );
    }
}
