//! Two desks that read their terms differently would refuse each other's work for no reason that anybody can see.

use super::*;

fn hash(of: u8) -> Hash {
    Hash::of(&[of])
}

fn said(seq: u64, seen: u64, word: Word) -> Said {
    Said { seq, seen, word }
}

fn propose(version: u64, of: u8) -> Word {
    Word::Propose { version, hash: hash(of) }
}

fn accept(version: u64, of: u8) -> Word {
    Word::Accept { version, hash: hash(of) }
}

#[test]
fn proposed_and_accepted_terms_hold_from_the_accept_on_for_whoever_knows_it() {
    let inviter = [said(3, 0, propose(2, 1))];
    let accepter = [said(5, 3, accept(2, 1))];
    let agreement = fold(&inviter, &accepter);
    assert_eq!(agreement.version(), 2);
    let of = |author, seq, seen| agreement.for_message(author, seq, seen).map(|agreed| agreed.version);
    assert_eq!(of(Side::Accepter, 5, 3), None, "the accept itself is still under the old terms");
    assert_eq!(of(Side::Accepter, 6, 3), Some(2));
    assert_eq!(of(Side::Inviter, 9, 4), None, "the inviter has not seen the accept");
    assert_eq!(of(Side::Inviter, 10, 5), Some(2));
}

#[test]
fn a_newer_proposal_of_the_same_side_replaces_the_older() {
    let inviter = [said(1, 0, propose(2, 1)), said(2, 0, propose(2, 2))];
    let agreement = fold(&inviter, &[said(1, 2, accept(2, 1))]);
    assert_eq!((agreement.version(), agreement.superseded.len()), (FIRST, 1));
    assert_eq!(agreement.proposal(Side::Inviter), Some((Place { author: Side::Inviter, seq: 2 }, hash(2))));
    // The accept crossed with the newer proposal: it stands behind it, as its author had not seen it.
    let crossed = fold(&inviter, &[said(1, 1, accept(2, 1))]);
    assert_eq!(crossed.version(), FIRST);
    // And the other way round the accept stands first: it is the inviter that accepts.
    let accepter = [said(1, 0, propose(2, 1)), said(2, 0, propose(2, 2))];
    assert_eq!(fold(&[said(1, 1, accept(2, 1))], &accepter).version(), 2);
}

#[test]
fn of_two_accepts_that_cross_the_inviters_counts() {
    let inviter = [said(1, 0, propose(2, 1)), said(2, 1, accept(2, 2))];
    let accepter = [said(1, 0, propose(2, 2)), said(2, 1, accept(2, 1))];
    let agreement = fold(&inviter, &accepter);
    assert_eq!(agreement.agreed.len(), 1);
    assert_eq!(agreement.agreed[0].accept, Place { author: Side::Inviter, seq: 2 });
    assert_eq!(agreement.superseded, [Place { author: Side::Accepter, seq: 2 }]);
    assert_eq!(agreement.proposal(Side::Inviter), None, "its version has been passed");
}

#[test]
fn a_version_is_not_skipped_and_not_taken_twice() {
    let inviter = [said(1, 0, propose(3, 1)), said(4, 0, propose(2, 2))];
    let accepter = [said(1, 1, accept(3, 1)), said(2, 4, accept(2, 2)), said(3, 4, accept(2, 2))];
    let agreement = fold(&inviter, &accepter);
    assert_eq!((agreement.version(), agreement.agreed.len(), agreement.superseded.len()), (2, 1, 2));
}

#[test]
fn an_offer_is_refused_only_if_its_author_knew_of_the_suspension() {
    let inviter = [said(4, 0, Word::Suspend { until: None }), said(9, 0, Word::Resume)];
    let knew = |author, seq, seen| suspended(&inviter, &[], (author, seq, seen));
    assert!(!knew(Side::Accepter, 1, 3));
    assert!(knew(Side::Accepter, 2, 4) && knew(Side::Accepter, 3, 8));
    assert!(!knew(Side::Accepter, 4, 9));
    assert!(knew(Side::Inviter, 5, 0), "whoever takes no work gives none either");
    assert!(!knew(Side::Inviter, 10, 0));
}

/// Draws numbers that are the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// One desk: what it has said, what it has consumed, and each verdict that it gave.
#[derive(Default)]
struct Desk {
    length: u64,
    seen: u64,
    words: Vec<Said>,
}

/// Two desks that say whatever they like, deliver whenever they like: each message of either is checked by the same
/// version on both sides, then and for ever, and both end with the same terms.
#[test]
fn both_sides_agree_on_the_version_and_on_the_verdict_for_each_message() {
    for seed in 1..2_000_u64 {
        let mut draw = Draw(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
        let mut desks = [Desk::default(), Desk::default()];
        let sides = [Side::Inviter, Side::Accepter];
        let mut verdicts: Vec<((Side, u64, u64), u64)> = Vec::new();
        for _ in 0..60 {
            let who = usize::from(draw.below(2) == 1);
            if draw.below(2) == 0 {
                speak(&mut draw, &mut desks, who, sides[who]);
                continue;
            }
            // Consumes the next message of the other one, and decides by which terms it is checked.
            let other = 1 - who;
            if desks[who].seen == desks[other].length {
                continue;
            }
            let seq = desks[who].seen + 1;
            let upto = |words: &[Said], last: u64| -> Vec<Said> {
                words.iter().filter(|said| said.seq <= last).copied().collect()
            };
            let seen = message_seen(&desks[other], seq);
            let own = upto(&desks[who].words, desks[who].length);
            let theirs = upto(&desks[other].words, seq - 1);
            let (inviter, accepter) = if who == 0 { (own, theirs) } else { (theirs, own) };
            let place = (sides[other], seq, seen);
            let agreement = fold(&inviter, &accepter);
            let version = agreement.for_message(place.0, seq, seen).map_or(FIRST, |agreed| agreed.version);
            verdicts.push((place, version));
            desks[who].seen = seq;
        }
        let [one, two] = &desks;
        let last = fold(&one.words, &two.words);
        for ((author, seq, seen), version) in verdicts {
            let now = last.for_message(author, seq, seen).map_or(FIRST, |agreed| agreed.version);
            assert_eq!(now, version, "seed {seed}: message {seq} of {author:?}");
        }
    }
}

/// What a message had seen: that of the last word at or before it, as nothing else keeps it here.
fn message_seen(desk: &Desk, seq: u64) -> u64 {
    desk.words.iter().rev().find(|said| said.seq <= seq).map_or(0, |said| said.seen)
}

fn speak(draw: &mut Draw, desks: &mut [Desk; 2], who: usize, side: Side) {
    let other = 1 - who;
    let (seq, seen) = (desks[who].length + 1, desks[who].seen);
    let theirs: Vec<Said> = desks[other].words.iter().filter(|said| said.seq <= seen).copied().collect();
    let (inviter, accepter) =
        if who == 0 { (desks[0].words.clone(), theirs) } else { (theirs, desks[1].words.clone()) };
    let agreement = fold(&inviter, &accepter);
    let word = match (draw.below(3), agreement.proposal(side.other())) {
        (0, _) => propose(agreement.version() + 1, draw.below(200) as u8),
        (1, Some((_, hash))) => Word::Accept { version: agreement.version() + 1, hash },
        // Some other message: it only shows how far its author has seen.
        (_, _) => Word::Resume,
    };
    desks[who].words.push(said(seq, seen, word));
    desks[who].length = seq;
}
