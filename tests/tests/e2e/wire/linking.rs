//! Requests to link that are guessed, repeated, altered or meant for somebody else; and what is left when a link has ended.

use deskwire_api_types::InviteRequest;
use deskwire_proto::{
    document::{Signed, V1},
    id::{DeskId, Hash},
    invitation::{Invitation, Secret},
    number::ChunkCount,
    transfer::{BlobRequest, Part},
};
use deskwire_tests::{
    desk::Desk,
    https::{self, Answer},
    links::link_with,
    puppet::{Puppet, Unlinked, now, sign},
    random::Random,
    world::{World, address},
};

use super::{an_offer, case, comment, puppet};

/// An invitation must open one link, for the desk that holds it, under the terms that stand in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_guessed_or_altered_opens_nothing() {
    let world = World::new("a_request_that_is_guessed");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let invitation = invite(&acme).await;
    let mut stranger = unlinked(&mut random);
    let ask = async |bytes: &[u8]| https::post(acme.address, "/deskwire/1/link/request", bytes).await;
    let change = |change: &dyn Fn(&mut Invitation)| {
        let mut invitation = invitation.clone();
        change(&mut invitation);
        invitation
    };

    let other = change(&|it| it.desk = DeskId::new([9; 32]));
    assert_eq!(ask(stranger.request(&other).0.raw()).await.code(), "wrong-desk");
    let more = change(&|it| it.terms.file = 1);
    let differ = ask(stranger.request(&more).0.raw()).await;
    assert_eq!(differ.code(), "terms-differ");
    assert!(differ.member("terms").is_string(), "both must be shown side by side: {differ:?}");
    let good = stranger.request(&invitation).0;
    let mut altered = good.raw().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(ask(&altered).await.code(), "bad-signature");
    let payload = deskwire_proto::cbor::encode(good.body()).unwrap();
    let key = deskwire_proto::key::SecretKey::from_seed(&[4; 32]);
    assert_eq!(ask(&sign("link-request", &payload, &key)).await.code(), "key-unknown");

    // None of this has spent it. The same bytes get the same answer, and another desk gets none.
    let answer = ask(good.raw()).await;
    assert_eq!(answer.status, 200, "{}", answer.code());
    assert_eq!(ask(good.raw()).await.body, answer.body);
    assert_eq!(ask(unlinked(&mut random).request(&invitation).0.raw()).await.code(), "invitation-used");
    // The same desk may begin anew after a crash, a few times.
    let mut begun = 1;
    let refused = loop {
        let again = ask(stranger.request(&invitation).0.raw()).await;
        if again.status != 200 {
            break again;
        }
        begun += 1;
    };
    assert_eq!((refused.code().as_str(), begun), ("invitation-used", 16));

    // Guessing is slow.
    let guess = |number| change(&|it| it.secret = Secret::new([number; 16]));
    let mut last = Answer { status: 0, head: String::new(), body: Vec::new() };
    for number in 0..20 {
        last = ask(unlinked(&mut random).request(&guess(number)).0.raw()).await;
        if last.status == 429 {
            break;
        }
        assert_eq!(last.code(), "invitation-unknown");
    }
    assert_eq!(last.code(), "rate-limited");
    assert!(last.head.contains("retry-after:"), "{last:?}");
}

/// What has ended must stay ended: no message, no file, also not by way of a new link with the same desk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_of_a_link_nothing_of_it_is_left() {
    let world = World::new("after_the_end_of_a_link");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = puppet(&acme, "Puppet", &mut random).await;
    puppet.open_session().await;
    let message = puppet.say(&an_offer(), Some(case(1)));
    puppet.receipt(&puppet.push(vec![message]).await);
    let name = link_with(&acme, "Puppet").await.name;
    acme.json(&["link", "verify", &name, "--mismatch"]).await;

    let late = puppet.say(&comment("Still here"), Some(case(1)));
    assert_eq!(puppet.push(vec![late]).await.code(), "link-closed");
    let hello = puppet.hello();
    assert_eq!(https::post(acme.address, "/deskwire/1/hello", hello.raw()).await.code(), "link-closed");
    assert_eq!(ask_for_file(&puppet).await.code(), "link-closed");
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

async fn ask_for_file(puppet: &Puppet) -> Answer {
    let request = BlobRequest {
        v: V1,
        to: puppet.peer,
        blob: Hash::of(b"anything"),
        from: puppet.desk,
        link: puppet.link,
        part: Part::Chunks { first: 0, count: ChunkCount::new(1).unwrap() },
        time: now(),
    };
    https::post(puppet.at, "/deskwire/1/blob", Signed::seal(request, &puppet.secret).raw()).await
}

async fn invite(desk: &Desk) -> Invitation {
    let request = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    desk.client().invite(&request).await.unwrap().text.unwrap().parse().unwrap()
}

fn unlinked(random: &mut Random) -> Unlinked {
    Unlinked::new(random.fork(), "Stranger", address(), https::new_identity().spki())
}
