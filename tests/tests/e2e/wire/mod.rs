//! What strangers and faulty partners send to the peer listener, and what they answer to the courier.

mod bodies;
mod envelopes;
mod http;
mod receipts;
mod sessions;

use deskwire_api_types::InviteRequest;
use deskwire_proto::{
    id::DelegationId,
    message::{Body, comment_add, common::Audience},
    text::Prose,
};
use deskwire_tests::{
    desk::Desk,
    https,
    links::link_with,
    puppet::{Puppet, Unlinked},
    random::Random,
    world::address,
};

/// A desk that the test plays, linked with a real one; nobody listens at its address.
async fn puppet(desk: &Desk, name: &str, random: &mut Random) -> Puppet {
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = desk.client().invite(&invite).await.unwrap().text.unwrap();
    let unlinked = Unlinked::new(random.fork(), name, address(), https::new_identity().spki());
    unlinked.accept(desk.address, &invitation).await
}

/// A comment on a delegation, which may not exist.
fn comment(words: &str) -> Body {
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
async fn held(desk: &Desk, name: &str) -> u64 {
    link_with(desk, name).await.incoming.length
}

/// A delegation id out of a number.
fn case(number: u8) -> DelegationId {
    DelegationId::new([number; 16])
}
