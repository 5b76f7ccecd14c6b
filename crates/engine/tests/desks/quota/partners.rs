//! Two partners who want everything, and an honest one who has to be served all the same.

use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_proto::batch::Batch;
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Stream, accept};
use deskwire_proto::id::Hash;
use deskwire_proto::terms::Terms;
use deskwire_store::local::TicketNumber;
use deskwire_store::row::Audience;
use deskwire_store::table::{LINKS, RECEIVED, Rows};

use super::limited;
use crate::chain::{Chain, greet};
use crate::harness::attached;

/// The desk in the middle, and its partners.
const ACME: usize = 1;
const GREEDY: [usize; 2] = [0, 2];
const HONEST: usize = 3;
const DAY: u64 = 86_400_000;

/// Three partners of one desk; each has handed one case to it.
fn partners() -> Chain {
    let mut chain = Chain::of(4, &Terms::default());
    chain.link(ACME, HONEST, Terms::default());
    for partner in [GREEDY[0], GREEDY[1], HONEST] {
        offer(&mut chain, partner);
    }
    chain.settle();
    chain
}

fn offer(chain: &mut Chain, partner: usize) {
    let ticket = chain.desks[partner].ticket("Dead cash register");
    chain.hand_over(partner, ticket.0, ACME).unwrap();
}

/// A partner says its next batch.
fn push(chain: &mut Chain, partner: usize) -> Delivered {
    let (here, there) = (chain.link_of(partner, ACME), chain.link_of(ACME, partner));
    let [author, acme] = chain.desks.get_disjoint_mut([partner, ACME]).unwrap();
    let session = greet((author, here), (acme, there));
    let next = author.run(NextBatch { link: here, session, after: None }).unwrap();
    let Next::Batch { bytes, .. } = next else { panic!("{next:?}") };
    let batch = Batch::decode(&bytes).unwrap();
    let link = author.rows().get(LINKS, &here).unwrap().unwrap().link;
    let stream = Stream { link, from: author.identity.desk(), to: acme.identity.desk() };
    let key = author.identity.keys().current();
    let messages = batch.deliveries.into_iter().map(|one| accept(one, &stream, key).unwrap()).collect();
    let answer = acme.run(Deliver { link: there, head: batch.head, messages }).unwrap();
    if let Delivered::Receipt(receipt) = &answer {
        let receipt = Signed::open(receipt, acme.identity.keys().current()).unwrap();
        author.run(TakeReceipt { link: here, receipt }).unwrap();
    }
    answer
}

/// A partner comments with so many bytes until it has said so much or is stopped: how often it was heard, and how it was
/// stopped.
fn talk(chain: &mut Chain, partner: usize, bytes: usize, most: usize) -> (usize, Option<Code>) {
    for said in 0..most {
        chain.say(partner, &"x".repeat(bytes), Audience::Thread);
        match push(chain, partner) {
            Delivered::Receipt(_) => {}
            Delivered::Refused(code) => return (said, Some(code)),
            other => panic!("{other:?}"),
        }
    }
    (most, None)
}

/// A partner attaches files of these sizes: what is answered to each, and in which words.
fn attach(chain: &mut Chain, partner: usize, sizes: &[u64]) -> Vec<Option<(String, String)>> {
    let link = chain.link_of(ACME, partner);
    let before = chain.stream(ACME, link).in_length;
    for size in sizes {
        let file = (Hash::of(&[partner as u8, before as u8]), *size);
        let file = attached(TicketNumber(1), "photo.jpg", file, Audience::Thread);
        chain.desks[partner].run(file).unwrap();
    }
    assert!(matches!(push(chain, partner), Delivered::Receipt(_)));
    refusals(chain, partner, before)
}

/// What came of what a partner said behind this number.
fn refusals(chain: &Chain, partner: usize, behind: u64) -> Vec<Option<(String, String)>> {
    let rows = chain.desks[ACME].rows().list(RECEIVED, &chain.link_of(ACME, partner), usize::MAX).unwrap();
    let new = rows.into_iter().filter(|((_, seq), _)| *seq > behind);
    new.map(|(_, row)| row.refused.map(|(_, why)| (why.code.to_string(), why.words.to_string()))).collect()
}

/// Which of them were refused; each with `quota`, and for all partners together or for this one alone.
fn refused(outcomes: &[Option<(String, String)>], together: bool) -> Vec<bool> {
    for (code, words) in outcomes.iter().flatten() {
        assert_eq!(code, "quota", "{words}");
        assert_eq!(words.contains("of all its partners together"), together, "{words}");
    }
    outcomes.iter().map(Option::is_some).collect()
}

fn later(chain: &mut Chain, milliseconds: u64) {
    chain.desks.iter_mut().for_each(|desk| desk.now = desk.now.plus(milliseconds));
}

/// Two partners who talk all day would leave no day for a third; and what they were not heard with must not be lost.
#[test]
fn fault_76_bytes_of_a_day_are_bounded_for_each_partner_and_for_all() {
    let mut chain = partners();
    limited(&mut chain.desks[ACME], |quotas| {
        quotas.link.bytes_per_day = 20_000;
        quotas.all.bytes_per_day = 45_000;
    });
    for greedy in GREEDY {
        let (heard, stopped) = talk(&mut chain, greedy, 3_000, 20);
        assert_eq!(stopped, Some(Code::RateLimited));
        assert_eq!(heard, 6, "six of them are more than a day's bytes");
    }
    assert_eq!(talk(&mut chain, HONEST, 100, 2), (2, None), "its own day is its own");
    let (heard, stopped) = talk(&mut chain, HONEST, 3_000, 20);
    assert_eq!(stopped, Some(Code::RateLimited), "all together have said enough");
    assert!((1..4).contains(&heard), "{heard}");
    later(&mut chain, DAY);
    for partner in [GREEDY[0], GREEDY[1], HONEST] {
        assert!(matches!(push(&mut chain, partner), Delivered::Receipt(_)), "what waited is heard now");
    }
    chain.settle();
    assert_eq!(chain.bodies(GREEDY[0]).len(), chain.bodies(ACME).len());
}

/// Two partners who announce files as large as the disk would leave no room for the photo of a third.
#[test]
fn fault_76_bytes_of_files_are_bounded_for_each_partner_and_for_all() {
    let mut chain = partners();
    limited(&mut chain.desks[ACME], |quotas| {
        quotas.link.file_bytes_per_day = 1_000;
        quotas.all.file_bytes_per_day = 2_500;
    });
    for greedy in GREEDY {
        let outcomes = attach(&mut chain, greedy, &[600, 600, 400, 1]);
        assert_eq!(refused(&outcomes, false), [false, true, false, true]);
    }
    let outcomes = attach(&mut chain, HONEST, &[300, 200]);
    assert_eq!(refused(&outcomes, true), [false, false], "its own day is its own");
    let outcomes = attach(&mut chain, HONEST, &[100]);
    assert_eq!(refused(&outcomes, true), [true], "all together have announced enough");

    // Half a day gives half of it back.
    later(&mut chain, DAY / 2);
    let outcomes = attach(&mut chain, GREEDY[0], &[500, 100]);
    assert_eq!(refused(&outcomes, false), [false, true]);
    let outcomes = attach(&mut chain, HONEST, &[500]);
    assert_eq!(refused(&outcomes, true), [false]);
}

/// As with their bytes, two partners who announce a great many small files.
#[test]
fn fault_76_files_are_bounded_for_each_partner_and_for_all() {
    let mut chain = partners();
    limited(&mut chain.desks[ACME], |quotas| {
        quotas.link.files_per_day = 3;
        quotas.all.files_per_day = 8;
    });
    for greedy in GREEDY {
        let outcomes = attach(&mut chain, greedy, &[1; 5]);
        assert_eq!(refused(&outcomes, false), [false, false, false, true, true]);
    }
    let outcomes = attach(&mut chain, HONEST, &[1; 3]);
    assert_eq!(refused(&outcomes, true), [false, false, true]);
}

/// Two partners who hand over all they have would fill the desk, and the case of a third would be turned away.
#[test]
fn fault_76_open_delegations_are_bounded_for_each_partner_and_for_all() {
    let mut chain = partners();
    limited(&mut chain.desks[ACME], |quotas| {
        quotas.link.open_delegations = 3;
        quotas.all.open_delegations = 8;
    });
    let mut offers = |partner, count| {
        let before = chain.stream(ACME, chain.link_of(ACME, partner)).in_length;
        (0..count).for_each(|_| offer(&mut chain, partner));
        assert!(matches!(push(&mut chain, partner), Delivered::Receipt(_)));
        refusals(&chain, partner, before)
    };
    for greedy in GREEDY {
        assert_eq!(refused(&offers(greedy, 4), false), [false, false, true, true]);
    }
    assert_eq!(refused(&offers(HONEST, 1), true), [false], "its own share is its own");
    assert_eq!(refused(&offers(HONEST, 1), true), [true], "all together have handed over enough");
}

/// Two partners who say something each moment would have the desk listen to nobody else.
#[test]
fn fault_76_messages_of_an_hour_are_bounded_for_each_partner_and_for_all() {
    let mut chain = partners();
    limited(&mut chain.desks[ACME], |quotas| {
        quotas.link.messages_per_hour = 10;
        quotas.all.messages_per_hour = 25;
    });
    for greedy in GREEDY {
        let (heard, stopped) = talk(&mut chain, greedy, 10, 20);
        assert_eq!((heard, stopped), (10, Some(Code::RateLimited)));
    }
    assert_eq!(talk(&mut chain, HONEST, 10, 5), (5, None), "its own hour is its own");
    assert_eq!(talk(&mut chain, HONEST, 10, 1), (0, Some(Code::RateLimited)), "all together said enough");
    later(&mut chain, DAY / 24);
    assert!(matches!(push(&mut chain, HONEST), Delivered::Receipt(_)), "what waited is heard now");
}
