//! Links made by the engines' own commands, at once: how desks link is tested elsewhere.

use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::linking::{Accepted, AnswerRequest, ComposeRequest, TakeLinkState, TakeReveal};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::id::Hash;
use deskwire_proto::invitation::Invitation;
use deskwire_proto::linking::LinkRequest;
use deskwire_proto::terms::Terms;
use deskwire_store::local::LinkNo;
use deskwire_store::table::{LINK_IDS, Rows};

use crate::world::{Link, World};

/// Links two desks; the first invites.
pub(crate) fn link(world: &mut World, [inviter, accepter]: [usize; 2], terms: &Terms) {
    let now = world.now;
    let (secret_of_accepter, secret_of_inviter) =
        (*world.desks[accepter].face().keys().current(), *world.desks[inviter].face().keys().current());
    let draw = Hash::of_parts(&[b"invitation", &(accepter as u64).to_be_bytes()]);
    let make = MakeInvitation { draw, life_ms: None, terms: terms.clone(), approved: false };
    let made = world.desks[inviter].run(now, make).expect("an invitation");
    let text = invitation_text(&world.desks[inviter].face(), &made, &draw, terms).expect("an address");
    let invitation: Invitation = text.parse().expect("its own text");
    let (to, secret) = (invitation.desk, Some(invitation.secret.clone()));
    let compose = ComposeRequest { to, terms: terms.clone(), secret };
    let composed = world.desks[accepter].run(now, compose).expect("a request");
    let request = Signed::<LinkRequest>::open(&composed.raw, &secret_of_accepter).expect("its own key");
    let descriptor = Descriptor::open(&request.body().descriptor).expect("its own descriptor");
    let answer = world.desks[inviter].run(now, AnswerRequest { request, descriptor }).expect("an answer");
    let descriptor = world.desks[inviter].face().descriptor().clone();
    let (request, nonce) = (composed.raw, composed.nonce);
    let accepted = Accepted { request, answer, nonce, descriptor, name: None, by_hand: false };
    let (no, id) = world.desks[accepter].run(now, accepted).expect("a link");
    let mut other = None;
    for approved in [false, true] {
        let row = world.desks[accepter].link(no).expect("the link");
        let reveal = Signed::open(&row.reveal.expect("a reveal"), &secret_of_accepter).expect("its own key");
        let state = world.desks[inviter].run(now, TakeReveal { reveal }).expect("a state");
        let rows = world.desks[inviter].rows().expect("it runs");
        let theirs: LinkNo = rows.get(LINK_IDS, &id).expect("a sound view").expect("the same link");
        other = Some(theirs);
        if !approved {
            world.desks[inviter].run(now, Approve { link: theirs }).expect("an approval");
            continue;
        }
        let state = Signed::open(&state, &secret_of_inviter).expect("its own key");
        world.desks[accepter].run(now, TakeLinkState { link: no, state }).expect("an active link");
    }
    let numbers = [other.expect("a link"), no];
    world.links.push(Link { ends: [inviter, accepter], numbers });
}
