//! Messages that no desk makes: each is answered with its code, nothing of it is taken, and the link goes on.

use deskwire_api_types::{Direction, LinkState, LogQuery};
use deskwire_proto::{
    cbor,
    delivery::Delivery,
    envelope::{Composed, read_head},
    id::{DeskId, Hash, LinkId, SessionId},
    key::SecretKey,
};
use deskwire_tests::{
    desk::Desk,
    links::link_with,
    puppet::{Puppet, sign, signed},
    world::World,
};

use super::{an_offer, case, comment, held, puppet};

/// A forged, misdirected or misplaced message must never be taken for the partner's word, and must not harm the link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_no_desk_makes_are_refused_one_by_one() {
    let world = World::new("messages_that_no_desk_makes");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = puppet(&acme, "Puppet", &mut random).await;
    let other_link = super::puppet(&acme, "Other", &mut random).await.link;
    puppet.open_session().await;
    let body = puppet.content(&an_offer(), Some(case(1)));
    for (what, delivery, code) in forged(&mut puppet, &body, other_link) {
        let answer = puppet.push(vec![delivery]).await;
        assert_eq!(answer.code(), code, "{what}: {answer:?}");
        if code == "gap" {
            assert_eq!(
                (answer.member("length"), answer.member("head")),
                (0.into(), puppet.link.to_hex().into())
            );
        }
        assert_eq!(held(&acme, "Puppet").await, 0, "{what} was taken");
    }
    let good = puppet.say(&an_offer(), Some(case(1)));

    let session = puppet.session;
    puppet.session = SessionId::new([9; 32]);
    assert_eq!(puppet.push(vec![good.clone()]).await.code(), "session-unknown");
    puppet.session = session;
    let link = std::mem::replace(&mut puppet.link, LinkId::new([9; 32]));
    assert_eq!(puppet.push(vec![good.clone()]).await.code(), "unknown-link");
    puppet.link = other_link;
    assert_eq!(
        puppet.push(vec![good.clone()]).await.code(),
        "session-unknown",
        "the session of another link"
    );
    puppet.link = link;
    assert_eq!(puppet.push(vec![good.clone(); 257]).await.code(), "too-many");

    // After all of this the right message is taken; and a second time, without effect.
    for _ in 0..2 {
        let receipt = puppet.receipt(&puppet.push(vec![good.clone()]).await);
        assert_eq!((receipt.upto, receipt.hash), (1, good.hash()));
        assert_eq!(held(&acme, "Puppet").await, 1);
    }
    assert_eq!(acme.client().delegations(&Default::default()).await.unwrap().delegations.len(), 1);
    assert_eq!(link_with(&acme, "Puppet").await.state, LinkState::Active);
}

/// A partner that says two different things under one number must be stopped, and both kept for the operators.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_messages_with_one_number_pause_the_link_and_are_told() {
    let world = World::new("two_messages_with_one_number");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = puppet(&acme, "Puppet", &mut random).await;
    puppet.open_session().await;
    let (length, head) = (puppet.length, puppet.head);
    let first = puppet.say(&an_offer(), Some(case(1)));
    let signed = first.signed().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let own = (puppet.length, puppet.head);
    puppet.receipt(&puppet.push(vec![first]).await);
    (puppet.length, puppet.head) = (length, head);
    let second = puppet.say(&an_offer(), Some(case(2)));
    let other = read_head(second.signed()).unwrap();
    let answer = puppet.push(vec![second]).await;
    assert_eq!(answer.code(), "fork", "{answer:?}");
    let link = link_with(&acme, "Puppet").await;
    assert_eq!(link.state, LinkState::Paused, "{link:?}");
    let trouble = link.last_error.expect("the operator is told");
    assert_eq!(trouble.code, "fork");
    deskwire_tests::cli::assert_sentence(&trouble.words);
    assert_eq!(link.incoming.length, 1, "the first message stands");
    let branches = acme.client().branches(&link.name).await.unwrap();
    let theirs = branches.theirs.expect("the second message is kept");
    assert_eq!((theirs.seq, theirs.kind.as_str()), (1, "delegation.offer"));
    assert_eq!(theirs.time.millis(), other.time.0 as i64);
    let query = LogQuery { direction: Some(Direction::In), signed: Some(true), ..LogQuery::default() };
    let log = acme.client().log(&link.name, &query).await.unwrap().entries;
    assert_eq!(log[0].signed_hex, Some(signed), "the first is kept byte for byte");

    (puppet.length, puppet.head) = own;
    let third = puppet.say(&comment("And then?"), Some(case(1)));
    assert_eq!(puppet.push(vec![third]).await.code(), "link-paused");
}

/// Messages that come out of order within a moment are put in order; nobody loses one because two requests overtook
/// each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_overtake_each_other_are_put_in_order() {
    let world = World::new("batches_that_overtake");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = puppet(&acme, "Puppet", &mut random).await;
    puppet.open_session().await;
    let mut messages = vec![puppet.say(&an_offer(), Some(case(1)))];
    for number in 0..5 {
        messages.push(puppet.say(&comment(&format!("comment {number}")), Some(case(1))));
    }
    let pushes = messages.chunks(2).rev().map(|batch| puppet.push(batch.to_vec()));
    let answers = join(pushes.collect()).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(held(&acme, "Puppet").await, 6);
    let number = &acme.client().tickets(&Default::default()).await.unwrap().tickets[0].number;
    let thread = serde_json::to_string(&acme.client().ticket(number).await.unwrap().thread).unwrap();
    let places: Vec<_> = (0..5).map(|number| thread.find(&format!("comment {number}")).unwrap()).collect();
    assert!(places.is_sorted(), "{thread}");
}

/// Every way in which a message can be wrong before its content is looked at, and the code that belongs to it.
fn forged(
    puppet: &mut Puppet,
    body: &Composed,
    other: LinkId,
) -> Vec<(&'static str, Delivery, &'static str)> {
    let key = SecretKey::from_seed(&puppet.secret.seed());
    let stranger = SecretKey::from_seed(&[0x5a; 32]);
    let (me, peer) = (puppet.desk, puppet.peer);
    let mut cases = Vec::new();
    let mut change = |what, code, change: &dyn Fn(&mut deskwire_proto::envelope::Head)| {
        let mut head = puppet.next(body);
        change(&mut head);
        cases.push((what, signed(&head, body, &key), code));
    };
    change("number 0", "malformed", &|head| head.seq = 0);
    change("a number of 2^53", "malformed", &|head| head.seq = 1 << 53);
    change("a number of 2^64 - 1", "malformed", &|head| head.seq = u64::MAX);
    change("a number too high", "gap", &|head| head.seq = 3);
    change("another desk's", "wrong-desk", &|head| head.to = DeskId::new([8; 32]));
    change("our own message, sent back", "wrong-desk", &|head| (head.from, head.to) = (peer, me));
    change("from another desk", "wrong-desk", &|head| head.from = DeskId::new([8; 32]));
    change("of another link", "wrong-link", &|head| head.link = other);
    change("another message before", "bad-prev", &|head| head.prev = Hash::of(b"something"));
    let head = puppet.next(body);
    let payload = cbor::encode(&head).unwrap();
    let text = || body.text.as_ref().map(|text| text.to_vec());
    let whole = signed(&head, body, &key).signed().to_vec();
    let altered = |place: usize, to: u8| {
        let mut bytes = whole.clone();
        bytes[place] = to;
        Delivery::new(bytes, text())
    };
    let last = whole.len() - 1;
    cases.push(("another signature", altered(last, whole[last] ^ 1), "bad-signature"));
    cases.push(("a changed content", altered(last - 80, whole[last - 80] ^ 1), "bad-signature"));
    cases.push(("signed by a stranger", signed(&head, body, &stranger), "key-unknown"));
    cases.push((
        "signed as a receipt",
        Delivery::new(sign("receipt", &payload, &key), text()),
        "bad-signature",
    ));
    cases.push(("in an indefinite array", altered(0, 0x9f), "not-deterministic"));
    let version = payload.windows(3).position(|window| window == [0x61, b'v', 1]).unwrap();
    let mut second = payload.clone();
    second[version + 2] = 2;
    cases.push(("version 2", Delivery::new(sign("message", &second, &key), text()), "unsupported-version"));
    let trailing = [payload.as_slice(), &[0]].concat();
    cases.push((
        "with a byte behind",
        Delivery::new(sign("message", &trailing, &key), text()),
        "not-deterministic",
    ));
    let deep = [vec![0x81; 100_000], vec![0]].concat();
    cases.push(("too deep and too large", Delivery::new(sign("message", &deep, &key), None), "too-large"));
    let deep = [vec![0x81; 20_000], vec![0]].concat();
    cases.push(("too deep", Delivery::new(sign("message", &deep, &key), None), "not-deterministic"));
    let endless = [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    cases.push(("2^64 members", Delivery::new(sign("message", &endless, &key), None), "not-deterministic"));
    cases
}

/// Waits for all, at once.
async fn join<F: Future<Output = T>, T>(futures: Vec<F>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
