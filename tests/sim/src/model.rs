//! The reference model: what callers were answered, what crossed the wire, what receipts told, and what must follow.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_proto::batch::Batch;
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::cose::Sign1;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, Hash};
use deskwire_proto::pull::{PullAnswer, PullRequest};
use deskwire_proto::receipt::Receipt;

use crate::act::Act;

/// Pauses after failures, milliseconds, as the specification has them.
const PAUSES: [u64; 6] = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];

/// What is known of one action of a person. Its number stands in every text that comes of it.
#[derive(Debug, Clone)]
pub struct Token {
    /// At which desk.
    pub desk: usize,
    /// What was done.
    pub act: Act,
    /// Its idempotency key, if the call had one.
    pub key: Option<Hash>,
    /// What the caller knows.
    pub fate: TokenFate,
    /// Whether its desk went on from an older backup since.
    pub lost: bool,
    /// The desks at which texts that it left were erased.
    pub erased: BTreeSet<usize>,
}

impl Token {
    /// Texts name what came of a call: without them it cannot be known. A desk that was restored, or ran twice, has them
    /// back from its partners, unless they are erased there.
    pub fn fade(&mut self, came_back: &BTreeSet<usize>) {
        let faded =
            self.erased.contains(&self.desk) || (!self.erased.is_empty() && came_back.contains(&self.desk));
        if faded && matches!(self.fate, TokenFate::Done(..)) {
            self.fate = TokenFate::Forgiven;
        }
    }
}

/// What a caller knows of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFate {
    /// No answer came so far, or the desk said that it passes.
    Unknown,
    /// Done: the answer, and how many items it brought on which link.
    Done(String, BTreeMap<usize, u64>),
    /// Refused in words.
    Refused,
    /// Done, and forgotten by a desk that was restored from an older backup, or erased.
    Forgiven,
}

/// What the receipts of one reader have told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The furthest, and the hash of that message.
    pub upto: u64,
    /// The hash that receipts name by place.
    pub hashes: BTreeMap<u64, Hash>,
    /// Time and outcome of each message.
    pub outcomes: BTreeMap<u64, (u64, Option<String>)>,
}

/// What should be.
#[derive(Debug, Default)]
pub struct Model {
    /// Every action by its number.
    pub tokens: Vec<Token>,
    /// The tickets that operators handed on: by desk, the delegation they came with, and the link they went over.
    pub forwards: BTreeMap<(usize, DelegationId, usize), usize>,
    /// By link and reader.
    pub receipts: BTreeMap<(usize, usize), Told>,
    /// The hash of every message that crossed, by link, author and number.
    wire: BTreeMap<(usize, usize, u64), Hash>,
    failures: BTreeMap<(usize, usize), usize>,
    odd: BTreeMap<usize, Odd>,
    disowned: BTreeSet<usize>,
    /// Changes of key by which a desk disowned what it had said last: the desk, and how many changes that made.
    pub thefts: BTreeSet<(usize, u8)>,
    /// Desks that have lost something which only partners give back.
    pub came_back: BTreeSet<usize>,
}

/// What happened to the desks of a link that does not happen to all.
#[derive(Debug, Default)]
struct Odd {
    restored: BTreeSet<usize>,
    copied: bool,
}

impl Model {
    /// Whether a desk at this link was restored from an old backup, or ran twice.
    #[must_use]
    pub fn is_odd(&self, link: usize) -> bool {
        self.odd.contains_key(&link)
    }

    /// Whether nothing but one old backup of one side stands between the two desks: then they mend it by themselves.
    #[must_use]
    pub fn mends_itself(&self, link: usize) -> bool {
        self.odd.get(&link).is_none_or(|odd| !odd.copied && odd.restored.len() == 1)
    }

    /// Whether a desk at this link went on from an old backup: the bytes of its later files are gone with that.
    #[must_use]
    pub fn was_restored(&self, link: usize, who: usize) -> bool {
        self.odd.get(&link).is_some_and(|odd| odd.restored.contains(&who))
    }

    /// A desk at these links disowned what it said last: what never arrived is said anew under the same numbers.
    pub fn disowned(&mut self, who: usize, rotations: u8, links: &[usize]) {
        self.thefts.insert((who, rotations));
        self.wire.retain(|(link, author, _), _| *author != who || !links.contains(link));
        for link in links {
            self.disowned.insert(*link);
        }
    }

    /// A desk changed its key: what the reader of a stream never took is said anew under the same number.
    pub fn rekeyed(&mut self, who: usize, link: usize, held: u64) {
        self.wire.retain(|(other, author, seq), _| *author != who || *other != link || *seq <= held);
    }

    /// A desk is of a time before it changed its key: what it told with the older one binds nobody.
    pub fn voids(&mut self, who: usize, links: &[usize]) {
        links.iter().for_each(|link| drop(self.receipts.remove(&(*link, who))));
    }

    /// Whether the operators of a link, where it forks, go on with what the author of a stream holds.
    #[must_use]
    pub const fn prefers_authors(&self, link: usize) -> bool {
        link.is_multiple_of(2) == self.tokens.len().is_multiple_of(2)
    }

    /// A copy of a desk at these links ran beside it.
    pub fn copied(&mut self, who: usize, links: &[usize]) {
        for link in links {
            self.odd.entry(*link).or_default().copied = true;
            self.forget(who, *link);
        }
        self.forgive(who, &BTreeSet::new());
    }

    /// A desk at these links went on from a backup that holds these actions.
    pub fn restored(&mut self, who: usize, links: &[usize], held: &BTreeSet<usize>) {
        for link in links {
            let odd = self.odd.entry(*link).or_default();
            odd.restored.insert(who);
            if odd.restored.len() > 1 {
                // What neither holds any more is gone, and its numbers are used again.
                let others: Vec<usize> = odd.restored.iter().copied().collect();
                others.iter().for_each(|other| self.forget(*other, *link));
            }
            if let Some(told) = self.receipts.get_mut(&(*link, who)) {
                told.upto = 0;
            }
            // What was sent and never arrived is as good as not said.
            self.wire.retain(|(other, author, _), _| other != link || *author != who);
        }
        self.ended(who);
        self.forgive(who, held);
    }

    /// The last message of which a reader told something.
    #[must_use]
    pub fn told_upto(&self, link: usize, reader: usize) -> u64 {
        let told = self.receipts.get(&(link, reader));
        told.and_then(|told| told.outcomes.keys().max().copied()).unwrap_or(0)
    }

    /// Of what a reader told nothing is left behind this message.
    pub fn told_to_nobody(&mut self, reader: usize, link: usize, behind: u64) {
        if let Some(told) = self.receipts.get_mut(&(link, reader)) {
            told.outcomes.retain(|seq, _| *seq <= behind);
            told.hashes.retain(|seq, _| *seq <= behind);
        }
    }

    fn forget(&mut self, who: usize, link: usize) {
        self.receipts.remove(&(link, who));
        self.wire.retain(|(other, author, _), _| *other != link || *author != who);
    }

    fn forgive(&mut self, who: usize, held: &BTreeSet<usize>) {
        self.came_back.insert(who);
        for (number, token) in self.tokens.iter_mut().enumerate().filter(|(_, token)| token.desk == who) {
            token.fade(&self.came_back);
            if held.contains(&number) {
                continue;
            }
            // What it caused may have reached the partner, and comes back from there.
            token.lost = true;
            if matches!(token.fate, TokenFate::Done(..)) {
                token.fate = TokenFate::Forgiven;
            }
        }
    }

    /// Texts that these actions left are erased at a desk.
    pub fn erased(&mut self, who: usize, tokens: Vec<usize>) {
        for number in tokens {
            let Some(token) = self.tokens.get_mut(number) else { continue };
            token.erased.insert(who);
            token.fade(&self.came_back);
        }
    }

    /// Whether somebody may still repeat the call with this key.
    #[must_use]
    pub fn is_asked(&self, who: usize, key: &Hash) -> bool {
        let mut calls =
            self.tokens.iter().enumerate().filter(|(_, token)| token.desk == who && token.key == Some(*key));
        calls.any(|(number, token)| {
            token.fate == TokenFate::Unknown || self.forwards.values().any(|forward| *forward == number)
        })
    }

    /// The answers to these calls are forgotten: nobody repeats them any more.
    pub fn forgets_answers(&mut self, who: usize, keys: &[Hash]) {
        let calls = self.tokens.iter_mut().filter(|token| token.desk == who);
        calls
            .filter(|token| token.key.is_some_and(|key| keys.contains(&key)))
            .for_each(|token| token.key = None);
    }

    /// The actions of a desk that were answered.
    #[must_use]
    pub fn done(&self, who: usize) -> BTreeSet<usize> {
        let done = |token: &Token| token.desk == who && matches!(token.fate, TokenFate::Done(..));
        self.tokens.iter().enumerate().filter(|(_, token)| done(token)).map(|(number, _)| number).collect()
    }

    /// A batch crosses: no two messages of a stream have one number.
    ///
    /// # Errors
    /// What is wrong.
    pub fn sent(&mut self, link: usize, author: usize, bytes: &[u8]) -> Result<(), String> {
        let Ok(batch) = Batch::decode(bytes) else { return Err("a batch that cannot be read".into()) };
        self.said(link, author, &batch)
    }

    /// An answer to a request for a stream crosses.
    ///
    /// # Errors
    /// What is wrong.
    pub fn answered(&mut self, link: usize, author: usize, bytes: &[u8]) -> Result<(), String> {
        match PullAnswer::decode(bytes) {
            Ok(PullAnswer::Batch(batch)) => self.said(link, author, &batch),
            Ok(PullAnswer::Nothing(_) | PullAnswer::Hello(_) | PullAnswer::Recover(_)) => Ok(()),
            Err(code) => Err(format!("an answer to a request for messages: {code}")),
        }
    }

    /// A request for a stream crosses, and a receipt with it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn rode(&mut self, link: usize, reader: usize, bytes: &[u8]) -> Result<(), String> {
        let payload = Sign1::parse(bytes).map_err(|code| format!("a request: {code}"))?.unverified_payload();
        let request: PullRequest =
            cbor::decode(payload, Bounds::LARGE).map_err(|error| format!("a request: {error}"))?;
        request.receipt.map_or(Ok(()), |receipt| self.told(link, reader, &receipt))
    }

    fn said(&mut self, link: usize, author: usize, batch: &Batch) -> Result<(), String> {
        for delivery in &batch.deliveries {
            let head = read_head(delivery.signed()).map_err(|code| format!("a message: {code}"))?;
            let before = self.wire.insert((link, author, head.seq), delivery.hash());
            if before.is_some_and(|before| before != delivery.hash()) && !self.is_odd(link) {
                return Err(format!("desk{author} sent two messages {} on link {link}", head.seq));
            }
        }
        Ok(())
    }

    /// Messages that have crossed.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.wire.len() as u64
    }

    /// A receipt crosses: it tells of each message what was told before.
    ///
    /// # Errors
    /// What is wrong.
    pub fn told(&mut self, link: usize, reader: usize, bytes: &[u8]) -> Result<(), String> {
        let payload = Sign1::parse(bytes).map_err(|code| format!("a receipt: {code}"))?.unverified_payload();
        let receipt: Receipt =
            cbor::decode(payload, Bounds::LARGE).map_err(|error| format!("a receipt: {error}"))?;
        if self.odd.get(&link).is_some_and(|odd| odd.copied) {
            // Each copy tells for itself.
            return Ok(());
        }
        let known = self.receipts.entry((link, reader)).or_default();
        let other = |what: &str, seq: u64| {
            Err(format!("desk{reader} told another {what} of message {seq} on link {link} than before"))
        };
        if known.hashes.insert(receipt.upto, receipt.hash).is_some_and(|hash| hash != receipt.hash) {
            return other("hash", receipt.upto);
        }
        for (seq, time) in receipt.commit_times() {
            let outcome = receipt.outcome(seq).map(|outcome| outcome.2.as_str().to_owned());
            let now = (time.0, outcome);
            match known.outcomes.get(&seq) {
                Some(before) if *before != now => return other("time or outcome", seq),
                Some(_) => {}
                None => {
                    known.outcomes.insert(seq, now);
                }
            }
        }
        known.upto = known.upto.max(receipt.upto);
        Ok(())
    }

    /// The partner of a link was heard: the schedule of the next tries begins anew.
    pub fn reached(&mut self, desk: usize, link: usize) {
        self.failures.remove(&(desk, link));
    }

    /// A desk has gone down: what it had counted may be gone.
    pub fn ended(&mut self, desk: usize) {
        self.failures.retain(|(other, _), _| *other != desk);
    }

    /// A try has failed: how long the pause before the next one is at least, milliseconds.
    pub fn failed(&mut self, desk: usize, link: usize) -> u64 {
        let failures = self.failures.entry((desk, link)).or_default();
        let wanted = PAUSES[(*failures).min(PAUSES.len() - 1)];
        *failures += 1;
        wanted - wanted / 4
    }
}

/// The number of the action that a text came of.
#[must_use]
pub fn token_in(text: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(text, b"tok#")? + 4;
    let rest = text.get(at..)?;
    let end = rest.iter().position(|byte| *byte == b';')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}
