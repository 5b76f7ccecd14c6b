//! Hellos that are repeated, delayed or somebody else's.

use deskwire_proto::{
    document::Signed,
    id::{Hash, SessionId},
    session::Welcome,
};
use deskwire_tests::{desk::Desk, https, puppet::sign, world::World};

use super::{an_offer, case, comment, held, puppet};

/// A stranger who replays what he has recorded must not end the session of two desks that work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_hello_gets_the_same_welcome_and_an_old_one_changes_nothing() {
    let world = World::new("a_repeated_hello");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = puppet(&acme, "Puppet", &mut random).await;
    let say = async |bytes: Vec<u8>| https::post(acme.address, "/deskwire/1/hello", &bytes).await;

    let first = puppet.hello();
    let welcome = say(first.raw().to_vec()).await;
    assert_eq!(welcome.status, 200, "{}", welcome.code());
    assert_eq!(say(first.raw().to_vec()).await.body, welcome.body, "the same bytes get the same answer");
    let (_, opened) = Signed::<Welcome>::open(&welcome.body, &puppet.peer_key).unwrap().into_parts();
    let old = SessionId::of(&first.body().nonce, &opened.nonce);

    puppet.open_session().await;
    let message = puppet.say(&an_offer(), Some(case(1)));
    puppet.receipt(&puppet.push(vec![message]).await);

    // The second session is in use: the first is over, and its hello opens nothing any more.
    assert_eq!(say(first.raw().to_vec()).await.code(), "session-unknown");
    let session = std::mem::replace(&mut puppet.session, old);
    let next = puppet.say(&comment("Late"), Some(case(1)));
    assert_eq!(puppet.push(vec![next.clone()]).await.code(), "session-unknown");
    puppet.session = session;
    puppet.receipt(&puppet.push(vec![next]).await);
    assert_eq!(held(&acme, "Puppet").await, 2);

    // Hellos that are not this desk's, or contradict what is held.
    let mut wrong = puppet.hello().body().clone();
    wrong.head = Hash::of(b"another history");
    assert_eq!(say(Signed::seal(wrong, &puppet.secret).raw().to_vec()).await.code(), "fork");
    let mut wrong = puppet.hello().body().clone();
    wrong.keys = Hash::of(b"another key log");
    assert_eq!(say(Signed::seal(wrong, &puppet.secret).raw().to_vec()).await.code(), "key-unknown");
    let payload = deskwire_proto::cbor::encode(puppet.hello().body()).unwrap();
    assert_eq!(say(sign("welcome", &payload, &puppet.secret)).await.code(), "bad-signature");
}
