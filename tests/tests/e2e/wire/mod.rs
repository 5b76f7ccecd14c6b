//! What strangers and faulty partners send to the peer listener, and what they answer to the courier.

mod bodies;
mod envelopes;
mod files;
mod http;
mod linking;
mod receipts;
mod sessions;

use deskwire_api_types::InviteRequest;
use deskwire_proto::{
    id::{DelegationId, Hash},
    message::{
        Body, comment_add,
        common::{Audience, Own},
        file_add, offer as offering,
    },
    number::{FileSize, Hops, Version},
    text::{Code, FileName, Label, Line, Prose},
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
pub(crate) async fn puppet(desk: &Desk, name: &str, random: &mut Random) -> Puppet {
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = desk.client().invite(&invite).await.unwrap().text.unwrap();
    let unlinked = Unlinked::new(random.fork(), name, address(), https::new_identity().spki());
    unlinked.accept(desk.address, &invitation).await
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
