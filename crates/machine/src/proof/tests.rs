//! Whoever alters a proof file is found, and told where: otherwise it proves nothing.

use deskwire_proto::delivery::Delivery;
use deskwire_proto::descriptor::{Descriptor, DescriptorBody, Limits};
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::{Composed, Place, Stream, compose, seal};
use deskwire_proto::id::{DelegationId, Hash, ItemId, LinkId, Nonce};
use deskwire_proto::key::SecretKey;
use deskwire_proto::linking::LinkReveal;
use deskwire_proto::message::common::{Audience, Own};
use deskwire_proto::message::{Body, accept, comment_add, offer, recall, resolve};
use deskwire_proto::number::{Hops, Version};
use deskwire_proto::receipt::{NotApplied, Outcome, Receipt};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Code as Word, Label, Line, Prose, Words};
use deskwire_proto::time::Timestamp;
use serde_bytes::ByteBuf;

use super::*;
use crate::delegation::State;

mod left_out;
mod order;
mod seen;
mod vectors;

/// A desk of the file.
struct Desk {
    key: SecretKey,
    log: KeyLog,
}

impl Desk {
    fn new(seed: u8) -> Self {
        let key = SecretKey::from_seed(&[seed; 32]);
        let log = KeyLog::incept(&key, &SecretKey::from_seed(&[seed + 100; 32]).public());
        Self { key, log }
    }

    fn descriptor(&self) -> ByteBuf {
        let body = DescriptorBody {
            v: V1,
            tls: vec![deskwire_proto::id::Spki::new([1; 32])],
            desk: self.log.desk(),
            keys: self.log.events().to_vec(),
            name: Label::new("Desk").unwrap(),
            limits: Limits::with_file(1 << 20),
            version: Timestamp(1),
            features: Vec::new(),
            endpoints: Vec::new(),
            protocols: vec![1],
        };
        ByteBuf::from(Descriptor::seal(body, &self.key).unwrap().raw().to_vec())
    }
}

/// Two desks that handed over one case, finished it, and said a word about another.
struct Told {
    inviter: Desk,
    accepter: Desk,
    link: LinkId,
    linking: Item,
    /// Messages of both, as they stand in the file.
    streams: [Vec<Item>; 2],
    /// Number and hash at the end of each.
    heads: [(u64, Hash); 2],
}

const CASE: DelegationId = DelegationId::new([5; 16]);
const OTHER: DelegationId = DelegationId::new([6; 16]);

impl Told {
    fn new() -> Self {
        let (inviter, accepter) = (Desk::new(1), Desk::new(2));
        let nonce = Nonce::new([0xa0; 32]);
        let request = LinkRequest {
            v: V1,
            to: inviter.log.desk(),
            from: accepter.log.desk(),
            time: Timestamp(1),
            terms: Terms::default(),
            commit: commitment(&nonce),
            secret: Some(deskwire_proto::invitation::Secret::new([8; 16])),
            descriptor: accepter.descriptor(),
        };
        let request = Signed::seal(request, &accepter.key);
        let answer = LinkAnswer {
            v: V1,
            to: accepter.log.desk(),
            from: inviter.log.desk(),
            time: Timestamp(2),
            nonce: Nonce::new([0xb0; 32]),
            terms: Terms::default(),
            request: request.hash(),
            descriptor: inviter.descriptor(),
        };
        let answer = Signed::seal(answer, &inviter.key);
        let link = link_id(request.raw(), answer.raw(), &nonce);
        let reveal = LinkReveal {
            v: V1,
            to: inviter.log.desk(),
            from: accepter.log.desk(),
            nonce,
            answer: answer.hash(),
        };
        let bytes = |raw: &[u8]| ByteBuf::from(raw.to_vec());
        let linking = Item::Linking(bytes(request.raw()), bytes(answer.raw()), reveal.nonce);
        let heads = [(0, Hash::from(link)); 2];
        let mut told = Self { inviter, accepter, link, linking, streams: [vec![], vec![]], heads };
        told.story();
        told
    }

    fn story(&mut self) {
        self.say(0, 0, CASE, offered("Dead register"));
        self.say(0, 0, OTHER, offered("Another client"));
        self.say(0, 0, CASE, words("It is the one by the door."));
        self.receipt(0, 0, 0, None);
        let accept = accept::Facts { own: own("K-1"), version: Version::new(1).unwrap() };
        self.say(1, 3, CASE, Body::Accept { facts: accept, text: None });
        self.receipt(1, 0, 3, None);
        self.say(1, 3, CASE, words("On its way."));
        let resolve = resolve::Facts { own: own("K-1"), code: None };
        let text = resolve::Text { solution: Prose::new("A new cable.").ok(), ..resolve::Text::default() };
        self.say(1, 3, CASE, Body::Resolve { facts: resolve, text });
        self.receipt(1, 1, 4, None);
        let recall = recall::Facts { own: None, code: None };
        let text = deskwire_proto::message::common::ReasonText {
            by: None,
            reason: Prose::new("Too slow.").unwrap(),
        };
        self.say(0, 1, CASE, Body::Recall { facts: recall, text });
        self.receipt(0, 3, 3, None);
    }

    fn say(&mut self, side: usize, seen: u64, delegation: DelegationId, body: Body) {
        self.say_of(side, seen, Some(delegation), body);
    }

    fn say_of(&mut self, side: usize, seen: u64, delegation: Option<DelegationId>, body: Body) {
        let composed: Composed = compose(&body, delegation, [7; 16]).unwrap();
        let (from, to) = self.sides(side);
        let stream = Stream { link: self.link, from: from.log.desk(), to: to.log.desk() };
        let (seq, prev) = self.heads[side];
        let place = Place { seq: seq + 1, prev, seen, time: Timestamp(100 + seq) };
        let item = ItemId::new([u8::try_from(10 * side + seq as usize).unwrap(); 16]);
        let delivery = seal(&stream, place, item, &composed, &from.key).unwrap();
        self.heads[side] = (seq + 1, delivery.hash());
        self.streams[side].push(Item::Message(delivery));
    }

    /// The other desk's receipt for all that this side has said.
    fn receipt(&mut self, side: usize, base: u64, length: u64, refused: Option<u64>) {
        self.receipt_with(side, base, length, refused.map(|seq| (seq, "not-allowed-by-terms")));
    }

    fn receipt_with(&mut self, side: usize, base: u64, length: u64, refused: Option<(u64, &str)>) {
        let (upto, hash) = self.heads[side];
        let (author, signer) = self.sides(side);
        let outcome = |(seq, code)| {
            let code = Word::new(code).unwrap();
            Outcome(seq, NotApplied::Refused, code, Words::new("No.").unwrap())
        };
        let receipt = Receipt {
            v: V1,
            to: author.log.desk(),
            base,
            from: signer.log.desk(),
            hash,
            link: self.link,
            upto,
            times: (base..upto).map(|_| 1_000).collect(),
            length,
            outcomes: refused.into_iter().map(outcome).collect(),
        };
        let raw = Signed::seal(receipt, &signer.key).raw().to_vec();
        self.streams[side].push(Item::Receipt(ByteBuf::from(raw)));
    }

    fn sides(&self, side: usize) -> (&Desk, &Desk) {
        if side == 0 { (&self.inviter, &self.accepter) } else { (&self.accepter, &self.inviter) }
    }

    fn about(&self, delegation: Option<DelegationId>) -> About {
        let (inviter, accepter) = (self.inviter.log.desk(), self.accepter.log.desk());
        About { link: self.link, made: Timestamp(9), inviter, accepter, delegation }
    }

    /// The items of the file, without its end.
    fn items(&self, delegation: Option<DelegationId>) -> Vec<Item> {
        let keys = |desk: &Desk| Item::Keys(desk.log.desk(), desk.log.events().to_vec());
        let mut items = vec![
            Item::Head(self.about(delegation)),
            keys(&self.inviter),
            keys(&self.accepter),
            self.linking.clone(),
        ];
        items.push(Item::Stream(self.inviter.log.desk()));
        items.extend(self.streams[0].iter().cloned());
        items.push(Item::Stream(self.accepter.log.desk()));
        items.extend(self.streams[1].iter().cloned());
        items
    }
}

fn own(ticket: &str) -> Own {
    Own { status: Word::new("open").unwrap(), ticket: Label::new(ticket).unwrap(), status_label: None }
}

fn offered(title: &str) -> Body {
    let facts = offer::Facts {
        own: own("A-1"),
        hops: Hops::new(5).unwrap(),
        test: false,
        price: None,
        rules: Version::new(1).unwrap(),
        resolve: None,
        respond: None,
        category: None,
        priority: None,
        loop_tags: None,
    };
    let text = offer::Text {
        by: None,
        title: Line::new(title).unwrap(),
        custom: None,
        object: None,
        company: None,
        contact: None,
        agreement: None,
        equipment: None,
        description: None,
    };
    Body::Offer { facts, text }
}

fn words(body: &str) -> Body {
    let text = comment_add::Text {
        by: None,
        body: Prose::new(body).unwrap(),
        proof: None,
        origin: None,
        relayed: None,
    };
    Body::CommentAdd { facts: comment_add::Facts { audience: Audience::Delegation }, text }
}

/// Verifies items as a file that ends as it should.
fn verify(items: &[Item]) -> Report {
    let mut verifier = Verifier::new();
    let mut tally = Tally::default();
    for item in items {
        let bytes = item.encode();
        tally.add(&bytes);
        verifier.take(item.clone(), &bytes);
    }
    let end = tally.end();
    verifier.take(end.clone(), &end.encode());
    verifier.finish()
}

fn found(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.code, finding.seq)).collect()
}

fn at_message(items: &[Item], nth: usize) -> usize {
    let messages = items.iter().enumerate().filter(|(_, item)| matches!(item, Item::Message(_)));
    messages.map(|(at, _)| at).nth(nth).unwrap()
}

fn change_message(items: &mut [Item], nth: usize, change: impl FnOnce(&mut Delivery)) {
    let at = at_message(items, nth);
    let Item::Message(delivery) = &mut items[at] else { unreachable!() };
    change(delivery);
}

#[test]
fn an_untouched_file_holds_and_tells_where_the_cases_stand() {
    let told = Told::new();
    let report = verify(&told.items(None));
    assert!(report.holds() && report.findings.is_empty(), "{:?}", report.findings);
    let states: Vec<_> = report.cases.iter().map(|case| (case.id, case.state, case.provisional)).collect();
    // The recall had not seen the resolution: it is superseded.
    assert_eq!(states, [(CASE, State::Resolved, false), (OTHER, State::Offered, false)]);
    assert_eq!(report.cases[0].without_effect, 1);
    let numbers: Vec<_> =
        report.streams.iter().map(|stream| (stream.messages, stream.receipts, stream.received)).collect();
    assert_eq!(numbers, [(4, 2, 4), (3, 2, 3)]);
}

#[test]
fn one_changed_bit_of_any_message_is_found_and_named() {
    let told = Told::new();
    let whole = told.items(None);
    for (nth, seq) in [1, 2, 3, 4, 1, 2, 3].into_iter().enumerate() {
        let Item::Message(message) = &whole[at_message(&whole, nth)] else { unreachable!() };
        for at in (0..message.signed().len()).step_by(7) {
            let mut items = whole.clone();
            change_message(&mut items, nth, |delivery| delivery.0[at] ^= 1 << (at % 8));
            let report = verify(&items);
            assert!(!report.holds(), "bit of byte {at} of message {nth}");
            let author = if nth < 4 { &told.inviter } else { &told.accepter };
            let named = report.findings.iter().any(|finding| {
                finding.author == Some(author.log.desk()) && finding.seq.is_some_and(|s| s.abs_diff(seq) <= 1)
            });
            assert!(named, "byte {at} of message {nth}: {:?}", report.findings);
        }
        if message.text().is_some() {
            let mut items = whole.clone();
            change_message(&mut items, nth, |delivery| delivery.1.as_mut().unwrap()[20] ^= 1);
            assert_eq!(found(&verify(&items)), [("text-differs", Some(seq))]);
        }
    }
}

#[test]
fn a_removed_an_added_and_a_swapped_message_are_named() {
    let told = Told::new();
    let whole = told.items(None);

    let mut removed = whole.clone();
    removed.remove(at_message(&whole, 1));
    assert_eq!(found(&verify(&removed)), [("removed", Some(2))]);

    let mut swapped = whole.clone();
    let (one, other) = (at_message(&whole, 1), at_message(&whole, 2));
    swapped.swap(one, other);
    assert!(found(&verify(&swapped)).contains(&("swapped", Some(2))));

    let mut added = whole.clone();
    added.insert(at_message(&whole, 2), whole[at_message(&whole, 1)].clone());
    assert_eq!(found(&verify(&added)), [("added", Some(2))]);

    // A message of the other stream, of its own author, and one that an outsider signed.
    let mut foreign = whole.clone();
    foreign.insert(at_message(&whole, 2), whole[at_message(&whole, 5)].clone());
    assert!(!verify(&foreign).holds());
    let mut forged = Told::new();
    forged.accepter.key = SecretKey::from_seed(&[9; 32]);
    forged.say(1, 3, CASE, words("I pay nothing."));
    assert!(found(&verify(&forged.items(None))).contains(&("key-unknown", Some(4))));
}

#[test]
fn the_last_message_is_missed_by_the_receipt_that_covers_it() {
    let whole = Told::new().items(None);
    let mut cut = whole.clone();
    cut.remove(at_message(&whole, 3));
    assert!(!verify(&cut).holds());
}

#[test]
fn an_erased_text_takes_nothing_from_the_proof() {
    let whole = Told::new().items(None);
    let mut erased = whole.clone();
    for nth in 0..7 {
        change_message(&mut erased, nth, |delivery| delivery.1 = None);
    }
    let (before, after) = (verify(&whole), verify(&erased));
    assert!(after.findings.is_empty(), "{:?}", after.findings);
    assert_eq!(after.cases, before.cases);
    assert_eq!(after.streams[0].texts_missing, 4);
}

#[test]
fn a_file_about_one_case_discloses_no_other_and_still_shows_gaps() {
    let told = Told::new();
    let mut items = told.items(Some(CASE));
    change_message(&mut items, 1, |delivery| delivery.1 = None);
    let report = verify(&items);
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!(report.cases.len(), 1);

    let mut with_text = told.items(Some(CASE));
    assert_eq!(found(&verify(&with_text)), [("bad-form", Some(2))]);

    let at = at_message(&with_text, 1);
    let Item::Message(other) = with_text[at].clone() else { unreachable!() };
    with_text[at] = Item::LeftOut(2, other.hash());
    let report = verify(&with_text);
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!(report.streams[0].left_out, 1);

    with_text[at] = Item::LeftOut(2, Hash::of(b"something else"));
    assert_eq!(found(&verify(&with_text)), [("chain-broken", Some(3))]);
}

#[test]
fn a_refusal_in_a_receipt_takes_the_effect_away() {
    let mut told = Told::new();
    told.say(1, 4, OTHER, {
        let facts = accept::Facts { own: own("K-2"), version: Version::new(1).unwrap() };
        Body::Accept { facts, text: None }
    });
    let provisional = verify(&told.items(None));
    assert_eq!((provisional.cases[1].state, provisional.cases[1].provisional), (State::Accepted, true));
    told.receipt(1, 3, 4, Some(4));
    let refused = verify(&told.items(None));
    assert_eq!((refused.cases[1].state, refused.cases[1].provisional), (State::Offered, false));

    told.receipt(1, 3, 4, None);
    let contradicting = verify(&told.items(None));
    assert_eq!(found(&contradicting), [("receipts-contradict", Some(4))]);
    assert_eq!(contradicting.cases[1].state, State::Offered);
}

#[test]
fn altered_receipts_keys_and_linkings_are_found() {
    let told = Told::new();
    let whole = told.items(None);
    let receipt = whole.iter().position(|item| matches!(item, Item::Receipt(_))).unwrap();
    let mut items = whole.clone();
    if let Item::Receipt(raw) = &mut items[receipt] {
        let middle = raw.len() / 2;
        raw[middle] ^= 4;
    }
    assert_eq!(found(&verify(&items)), [("bad-receipt", Some(3))]);

    let mut items = whole.clone();
    items[1] = Item::Keys(told.inviter.log.desk(), Desk::new(3).log.events().to_vec());
    assert!(found(&verify(&items)).contains(&("bad-key-log", None)));

    let mut items = whole.clone();
    if let Item::Linking(_, _, nonce) = &mut items[3] {
        *nonce = Nonce::new([0xa1; 32]);
    }
    assert_eq!(found(&verify(&items)), [("bad-linking", None)]);
}

#[test]
fn a_file_that_was_cut_or_altered_anywhere_says_so() {
    let told = Told::new();
    let mut verifier = Verifier::new();
    for item in told.items(None) {
        verifier.take(item.clone(), &item.encode());
    }
    assert_eq!(found(&verifier.finish()), [("cut-off", None)]);

    let mut verifier = Verifier::new();
    for item in told.items(None) {
        verifier.take(item.clone(), &item.encode());
    }
    let end = Item::End(3, Hash::of(b"another file"));
    verifier.take(end.clone(), &end.encode());
    assert_eq!(found(&verifier.finish()), [("altered", None)]);
    assert!(!verify(&[]).holds());
}

#[test]
fn two_files_that_part_are_told_apart_message_by_message() {
    let listing = |items: &[Item]| {
        let mut listing = Listing::default();
        items.iter().for_each(|item| listing.take(item));
        listing
    };
    let (mut one, mut other) = (Told::new(), Told::new());
    assert!(listing(&one.items(None)).differences(&listing(&other.items(None))).is_empty());
    one.say(0, 3, CASE, words("Thanks."));
    other.say(0, 3, CASE, words("No thanks."));
    one.receipt(0, 4, 3, None);
    other.receipt(0, 4, 3, Some(5));
    let found = listing(&one.items(None)).differences(&listing(&other.items(None)));
    let places: Vec<_> = found.iter().map(|found| (found.seq, found.what)).collect();
    assert_eq!(places, [(5, "message"), (5, "outcome")]);
    assert_eq!((found[1].here.as_str(), found[1].there.as_str()), ("applied", "not-allowed-by-terms"));
}

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/proof/case.deskwire-proof");

/// The bytes of a file that ends as it should.
fn written(items: &[Item]) -> Vec<u8> {
    let mut tally = Tally::default();
    let mut bytes = Vec::new();
    for item in items {
        let item = item.encode();
        tally.add(&item);
        bytes.extend(item);
    }
    bytes.extend(tally.end().encode());
    bytes
}

/// Proof files are kept for years: each later program has to read them.
#[test]
fn a_file_of_an_earlier_program_still_holds() {
    let kept = std::fs::read(KEPT).unwrap();
    let mut verifier = Verifier::new();
    let mut rest = kept.as_slice();
    while !rest.is_empty() {
        let (item, behind) = Item::take(rest).unwrap();
        verifier.take(item, &rest[..rest.len() - behind.len()]);
        rest = behind;
    }
    assert_eq!(verifier.finish(), verify(&Told::new().items(None)));
}

/// Makes the file of the test above and of the command line's, once for each new form of proof files.
#[test]
#[ignore = "writes into the folder of fixtures"]
fn write_the_kept_file() {
    std::fs::write(KEPT, written(&Told::new().items(None))).unwrap();
}
