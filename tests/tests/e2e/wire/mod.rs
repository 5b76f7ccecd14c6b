//! What strangers and faulty partners send to the peer listener, and what they answer to the courier.

mod bodies;
mod envelopes;
mod files;
mod http;
mod linking;
mod logs;
mod receipts;
mod sessions;

use std::net::SocketAddr;

use deskwire_api_types::InviteRequest;
use deskwire_proto::{
    cbor,
    cose::Sign1,
    document::{Signed, V1},
    id::{DelegationId, Hash, LinkId, Nonce},
    key::SecretKey,
    message::{
        Body, comment_add,
        common::{Audience, Own},
        file_add, offer as offering,
    },
    number::{FileSize, Hops, Version},
    session::{Hello, Welcome},
    text::{Code, FileName, Label, Line, Prose},
};
use deskwire_tests::{
    desk::Desk,
    https,
    links::link_with,
    puppet::{Puppet, Unlinked, now},
    random::Random,
    stub::{Reply, Stub},
    world::address,
};

/// A desk that the test plays, linked with a real one; nobody listens at its address.
pub(crate) async fn puppet(desk: &Desk, name: &str, random: &mut Random) -> Puppet {
    linked(desk, (name, address(), https::new_identity().spki()), random).await
}

/// A desk that the test plays: its name, where it says that it listens, and with which TLS key.
pub(crate) async fn linked(
    desk: &Desk,
    (name, at, tls): (&str, SocketAddr, [u8; 32]),
    random: &mut Random,
) -> Puppet {
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = desk.client().invite(&invite).await.unwrap().text.unwrap();
    Unlinked::new(random.fork(), name, at, tls).accept(desk.address, &invitation).await
}

/// A desk that the test plays, and that welcomes the real one but takes nothing of it.
pub(crate) async fn welcoming(desk: &Desk, name: &str, random: &mut Random) -> (Puppet, Stub) {
    let (at, tls) = (address(), https::new_identity());
    let puppet = linked(desk, (name, at, tls.spki()), random).await;
    let (secret, link) = (SecretKey::from_seed(&puppet.secret.seed()), puppet.link);
    let mut nonce = random.array();
    let stub = Stub::https(at, &tls, move |heard| {
        nonce[0] = u8::wrapping_add(nonce[0], 1);
        match heard.what.as_str() {
            "POST /deskwire/1/hello" => welcome(&secret, (link, (0, link.into())), nonce, &heard.body),
            _ => Reply::problem(503, "busy"),
        }
    });
    (puppet, stub.await)
}

/// The answer to a hello by a desk with this key, which holds so many messages, the last one with this hash.
pub(crate) fn welcome(
    secret: &SecretKey,
    (link, (length, head)): (LinkId, (u64, Hash)),
    nonce: [u8; 32],
    hello: &[u8],
) -> Reply {
    let payload = Sign1::parse(hello).unwrap().unverified_payload();
    let hello: Hello = cbor::decode(payload, cbor::Bounds::LARGE).unwrap();
    let welcome = Welcome {
        v: V1,
        to: hello.from,
        from: hello.to,
        head,
        link,
        time: now(),
        hello: hello.nonce,
        known: 0,
        nonce: Nonce::new(nonce),
        length,
        placed: None,
        descriptor: None,
    };
    Reply::signed(Signed::seal(welcome, secret).raw().to_vec())
}

/// A comment on a delegation, which may not exist.
pub(crate) fn comment(words: &str) -> Body {
    Body::CommentAdd {
        facts: comment_add::Facts { audience: Audience::Thread },
        text: comment_add::Text {
            by: None,
            body: Prose::new(words).unwrap(),
            proof: None,
            origin: None,
            relayed: None,
        },
    }
}

/// How many messages of the puppet the desk holds.
pub(crate) async fn held(desk: &Desk, name: &str) -> u64 {
    link_with(desk, name).await.incoming.length
}

/// A file that is announced and cannot be fetched.
pub(crate) fn a_file(number: u8) -> Body {
    Body::FileAdd {
        facts: file_add::Facts {
            blob: Hash::of(&[number]),
            size: FileSize::new(1_000).unwrap(),
            chunks: Hash::of(&[number, 1]),
            comment: None,
            audience: Audience::Thread,
        },
        text: file_add::Text {
            by: None,
            name: FileName::new("note.txt").unwrap(),
            media: None,
            origin: None,
            relayed: None,
        },
    }
}

/// A delegation id out of a number.
pub(crate) fn case(number: u8) -> DelegationId {
    DelegationId::new([number; 16])
}

/// An offer of the puppet.
pub(crate) fn an_offer() -> Body {
    let own =
        Own { status: Code::new("new").unwrap(), ticket: Label::new("P-1").unwrap(), status_label: None };
    Body::Offer {
        facts: offering::Facts {
            own,
            hops: Hops::new(5).unwrap(),
            test: false,
            price: None,
            rules: Version::FIRST,
            resolve: None,
            respond: None,
            category: None,
            priority: None,
            loop_tags: None,
        },
        text: offering::Text {
            by: None,
            title: Line::new("A case of the puppet").unwrap(),
            custom: None,
            object: None,
            company: None,
            contact: None,
            agreement: None,
            equipment: None,
            description: None,
        },
    }
}
