//! A partner that guesses the ids of others' delegations must learn nothing: neither from the answer nor from its time.

use std::time::{Duration, Instant};

use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::linking::Accepted;
use deskwire_engine::command::session::{AnswerHello, SayHello, TakeWelcome};
use deskwire_proto::batch::BatchHead;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::{Place, Stream, accept, compose, seal};
use deskwire_proto::id::{DelegationId, Hash, ItemId, SessionId};
use deskwire_proto::message::{Body, comment_add, common::Audience};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::terms::Terms;
use deskwire_store::local::LinkNo;
use deskwire_store::table::{LINKS, Rows};

use crate::harness::{Desk, LINK, ask, batch, link, prose, reveal, session, verify};

/// The second link of the desk in the middle.
const OTHER: LinkNo = LinkNo(2);
const TRIES: u64 = 1_000;

#[test]
fn an_unknown_delegation_and_one_of_another_link_cannot_be_told_apart() {
    let (mut acme, mut shop, mut kassa) = (Desk::new("Acme", 2), Desk::new("Shop", 1), Desk::new("Kassa", 3));
    link(&mut acme, &mut shop, Terms::default());
    let theirs = delegation_of(&mut kassa, &mut acme);
    let mut guesser = Guesser::new(shop, &mut acme);

    let (mut unknown, mut foreign) = (Vec::new(), Vec::new());
    for number in 0..TRIES {
        let mut nobodys = [0; DelegationId::SIZE];
        nobodys.copy_from_slice(&Hash::of(&number.to_be_bytes()).as_bytes()[..DelegationId::SIZE]);
        // In turn, so that whatever else the machine does meets both.
        let (one, time) = guesser.guess(&mut acme, DelegationId::new(nobodys));
        unknown.push(time);
        let (other, time) = guesser.guess(&mut acme, theirs);
        foreign.push(time);
        let told = |receipt: &Receipt| {
            receipt.outcomes.iter().map(|out| (out.2.clone(), out.3.clone())).collect::<Vec<_>>()
        };
        assert_eq!(told(&one), told(&other));
        assert_eq!(one.outcomes[0].2.as_str(), "unknown-delegation");
    }
    let (unknown, foreign) = (median(unknown), median(foreign));
    let ratio = foreign.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.8..1.25).contains(&ratio), "{unknown:?} for nobody's, {foreign:?} for another's");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Links a second desk with this one, and has it hand a ticket over.
fn delegation_of(kassa: &mut Desk, acme: &mut Desk) -> DelegationId {
    let (draw, terms) = (Hash::of(b"another draw"), Terms::default());
    let invite = MakeInvitation { draw, life_ms: None, terms: terms.clone(), approved: false };
    let made = acme.run(invite).unwrap();
    let text = invitation_text(&acme.identity, &made, &draw, &terms).unwrap();
    let (request, nonce, answer) = ask(acme, kassa, &text.parse().unwrap()).unwrap();
    let descriptor = acme.identity.descriptor().clone();
    kassa.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    reveal(acme, kassa);
    acme.run(Approve { link: OTHER }).unwrap();
    reveal(acme, kassa);
    let ticket = kassa.ticket("Nobody else's business");
    kassa.delegate(ticket).unwrap();

    let hello = kassa.run(SayHello { link: LINK }).unwrap();
    let hello = Signed::open(&hello, kassa.identity.keys().current()).unwrap();
    let welcome = acme.run(AnswerHello { link: OTHER, hello }).unwrap().unwrap();
    let welcome = Signed::open(&welcome, acme.identity.keys().current()).unwrap();
    let opened = kassa.run(TakeWelcome { link: LINK, welcome }).unwrap().unwrap();
    let sent = batch(kassa, opened.session, None).unwrap();
    let messages = verify(kassa, acme, &sent);
    let delegation = messages.iter().find_map(|message| message.head.delegation).unwrap();
    let delivered = acme.run(Deliver { link: OTHER, head: sent.head, messages }).unwrap();
    assert!(matches!(delivered, Delivered::Receipt(_)), "{delivered:?}");
    delegation
}

/// A partner that signs whatever it likes.
struct Guesser {
    desk: Desk,
    stream: Stream,
    session: SessionId,
    seq: u64,
    head: Hash,
}

impl Guesser {
    fn new(mut desk: Desk, acme: &mut Desk) -> Self {
        let session = session(&mut desk, acme);
        let link = desk.rows().get(LINKS, &LINK).unwrap().unwrap().link;
        let stream = Stream { link, from: desk.identity.desk(), to: acme.identity.desk() };
        Self { desk, stream, session, seq: 0, head: link.into() }
    }

    /// A comment on a delegation that is not its own: the receipt, and how long it took.
    #[expect(clippy::disallowed_methods, reason = "this test is about the time that passes")]
    fn guess(&mut self, acme: &mut Desk, delegation: DelegationId) -> (Receipt, Duration) {
        let facts = comment_add::Facts { audience: Audience::Thread };
        let body = prose("Is anybody there?");
        let text = comment_add::Text { by: None, body, proof: None, origin: None, relayed: None };
        let content = compose(&Body::CommentAdd { facts, text }, Some(delegation), [1; 16]).unwrap();
        self.seq += 1;
        let place = Place { seq: self.seq, prev: self.head, seen: 0, time: acme.now };
        let mut item = [0; ItemId::SIZE];
        item[..8].copy_from_slice(&self.seq.to_be_bytes());
        let identity = &self.desk.identity;
        let signed = seal(&self.stream, place, ItemId::new(item), &content, identity.secret()).unwrap();
        self.head = signed.hash();
        let messages = vec![accept(signed, &self.stream, identity.keys().current()).unwrap()];
        let head = BatchHead { v: V1, link: self.stream.link, known: self.seq - 1, session: self.session };
        let begun = Instant::now();
        let delivered = acme.run(Deliver { link: LINK, head, messages }).unwrap();
        let took = begun.elapsed();
        let Delivered::Receipt(raw) = delivered else { panic!("{delivered:?}") };
        let receipt = Signed::<Receipt>::open(&raw, acme.identity.keys().current()).unwrap();
        (receipt.into_parts().1, took)
    }
}
