//! The walk along one stream of a proof file: signatures, chain, texts, and what the other desk's receipts say of it.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_proto::code::{Code, OutcomeCode};
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Head, Stream, Verified, accept, read_head};
use deskwire_proto::id::{DelegationId, DeskId, Hash};
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::proof::{About, Item};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::{Cut, Hello};

use super::cases::Cases;
use super::report::{Finding, StreamReport, Weight};
use super::seen::Seen;

/// What the receipts in the file say of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// None covers it.
    Nothing,
    /// Taken.
    Applied,
    /// Refused or unsupported.
    Refused,
}

/// One stream as far as it was read.
#[derive(Debug)]
pub(super) struct Walk {
    stream: Stream,
    /// Keys of the author, and of the reader, who gives the receipts.
    keys: (KeyLog, KeyLog),
    /// The delegation whose texts alone belong here.
    only: Option<DelegationId>,
    change: Option<Cut>,
    /// Number and hash of the last message; no hash where it cannot be told.
    last: (u64, Option<Hash>),
    /// Place of the last key among the author's.
    key: usize,
    seen: Seen,
    missing: BTreeSet<u64>,
    /// Ranges that receipts tell of.
    told: Vec<(u64, u64)>,
    refused: BTreeMap<u64, String>,
    /// What the receipts promise of their signer's stream: its length then, and up to where it had read.
    promises: Vec<(u64, u64)>,
    report: StreamReport,
}

impl Walk {
    pub(super) fn new(about: &About, author: KeyLog, reader: KeyLog) -> Self {
        let empty = Hash::from(about.link);
        let report = StreamReport {
            author: author.desk(),
            messages: 0,
            left_out: 0,
            texts: 0,
            texts_missing: 0,
            receipts: 0,
            length: 0,
            head: Some(empty),
            received: 0,
            disowned: 0,
        };
        Self {
            stream: Stream { link: about.link, from: author.desk(), to: reader.desk() },
            keys: (author, reader),
            only: about.delegation,
            change: None,
            last: (0, Some(empty)),
            key: 0,
            seen: Seen::default(),
            missing: BTreeSet::new(),
            told: Vec::new(),
            refused: BTreeMap::new(),
            promises: Vec::new(),
            report,
        }
    }

    pub(super) const fn author(&self) -> DeskId {
        self.stream.from
    }

    pub(super) fn told(&self, seq: u64) -> Told {
        if self.refused.contains_key(&seq) {
            Told::Refused
        } else if self.told.iter().any(|(first, last)| (*first..=*last).contains(&seq)) {
            Told::Applied
        } else {
            Told::Nothing
        }
    }

    /// Number of the last message.
    pub(super) const fn length(&self) -> u64 {
        self.last.0
    }

    /// Messages of which the hash alone is there.
    pub(super) const fn left_out(&self) -> u64 {
        self.report.left_out
    }

    pub(super) const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// What the receipts for this stream promise of that of their signer: its length then, and up to where it had read.
    pub(super) fn promises(&self) -> &[(u64, u64)] {
        &self.promises
    }

    /// Whether its reader refused the message for what it says to have seen (section 4.6).
    pub(super) fn is_refused_for_seen(&self, seq: u64) -> bool {
        let codes = [OutcomeCode::SeenAhead, OutcomeCode::SeenFalls, OutcomeCode::SeenBehindReceipt];
        self.refused.get(&seq).is_some_and(|told| codes.iter().any(|code| code.as_str() == told))
    }

    pub(super) fn report(mut self) -> StreamReport {
        (self.report.length, self.report.head) = self.last;
        self.report
    }

    pub(super) fn take(&mut self, item: Item, cases: &mut Cases, findings: &mut Vec<Finding>) {
        match item {
            Item::Change(hello) => self.change(&hello, findings),
            Item::Message(delivery) => self.message(delivery, cases, findings),
            Item::LeftOut(seq, hash) => self.leave_out(seq, hash, findings),
            Item::Receipt(receipt) => self.receipt(&receipt, findings),
            Item::Head(_) | Item::Keys(..) | Item::Linking(..) | Item::Stream(_) | Item::End(..) => {}
        }
    }

    fn find(
        &self,
        findings: &mut Vec<Finding>,
        code: &'static str,
        seq: Option<u64>,
        words: impl Into<String>,
    ) {
        let words = words.into();
        findings.push(Finding { code, words, weight: Weight::Broken, author: Some(self.author()), seq });
    }

    fn remark(&self, findings: &mut Vec<Finding>, code: &'static str, seq: u64, words: impl Into<String>) {
        let (words, author) = (words.into(), Some(self.author()));
        findings.push(Finding { code, words, weight: Weight::Remark, author, seq: Some(seq) });
    }

    /// The hello that says where the newest key begins. proto-spec, section 5.8.
    fn change(&mut self, hello: &[u8], findings: &mut Vec<Finding>) {
        let newest = *self.keys.0.current();
        let body = Signed::<Hello>::open(hello, &newest).map(|hello| hello.into_parts().1);
        let place = match body {
            Ok(body) if body.from == self.stream.from && body.link == self.stream.link => body.change,
            Ok(_) => None,
            Err(code) => {
                let words = format!("The change of key does not verify ({code}).");
                return self.find(findings, "bad-change", None, words);
            }
        };
        match place {
            Some(place) if self.change.is_none() && self.last.0 == 0 => self.change = Some(place),
            Some(_) | None => {
                self.find(
                    findings,
                    "bad-change",
                    None,
                    "The change of key does not belong to this stream here.",
                );
            }
        }
    }

    fn message(&mut self, delivery: Delivery, cases: &mut Cases, findings: &mut Vec<Finding>) {
        let claimed = read_head(delivery.signed()).ok().map(|head| head.seq);
        let (verified, place) = match self.accepted(delivery) {
            Ok(accepted) => accepted,
            Err(code) => {
                let seq = claimed.unwrap_or(self.last.0 + 1);
                let words = format!(
                    "The message does not verify ({code}): it was changed after it was signed, or nobody of this stream signed it."
                );
                self.find(findings, code.as_str(), Some(seq), words);
                if seq == self.last.0 + 1 {
                    self.last = (seq, None);
                }
                return;
            }
        };
        let head = &verified.head;
        if !self.follows(head.seq, verified.hash, Some(head.prev), findings) {
            return;
        }
        self.report.messages += 1;
        self.signer(head, place, findings);
        self.text(&verified, findings);
        if !self.is_disowned(head.seq, place) {
            self.seen.add(head.seq, head.seen);
            cases.add(head);
        }
    }

    fn accepted(&self, delivery: Delivery) -> Result<(Verified, usize), Code> {
        let id = Sign1::parse(delivery.signed())?.key_id();
        let keys = self.keys.0.keys();
        let place = keys.iter().rposition(|key| key.id() == id).ok_or(Code::KeyUnknown)?;
        accept(delivery, &self.stream, &keys[place]).map(|verified| (verified, place))
    }

    /// Takes the number and the hash before into account; false where the message has no place of its own.
    fn follows(&mut self, seq: u64, hash: Hash, prev: Option<Hash>, findings: &mut Vec<Finding>) -> bool {
        if seq <= self.last.0 {
            if self.missing.remove(&seq) {
                findings.retain(|finding| {
                    !(finding.code == "removed"
                        && finding.seq == Some(seq)
                        && finding.author == Some(self.author()))
                });
                self.find(findings, "swapped", Some(seq), "The message stands behind a later one.");
            } else {
                self.find(findings, "added", Some(seq), "A message with this number stands there already.");
            }
            return false;
        }
        for missing in self.last.0 + 1..seq.min(self.last.0 + 1 + MISSING_NAMED) {
            self.missing.insert(missing);
            self.find(findings, "removed", Some(missing), "The message is not there.");
        }
        let known = self.last.1.filter(|_| seq == self.last.0 + 1);
        if let (Some(known), Some(prev)) = (known, prev)
            && known != prev
        {
            let words = "The message names another one before it: that one was changed or replaced.";
            self.find(findings, "chain-broken", Some(seq), words);
        }
        if let Some(Cut(length, head)) = self.change
            && length == seq
            && head != hash
        {
            self.find(
                findings,
                "bad-change",
                Some(seq),
                "The change of key names another message with this number.",
            );
        }
        self.last = (seq, Some(hash));
        true
    }

    /// The place of the signing key never falls; behind the change an older one is disowned.
    fn signer(&mut self, head: &Head, place: usize, findings: &mut Vec<Finding>) {
        if place < self.key {
            let words = "The message is signed with a key that was retired before it.";
            self.find(findings, "retired-key", Some(head.seq), words);
        }
        self.key = self.key.max(place);
        if self.is_disowned(head.seq, place) {
            self.report.disowned += 1;
            let words = "The author's newer key disowns this message: it has no effect.";
            self.remark(findings, "disowned", head.seq, words);
        }
    }

    fn is_disowned(&self, seq: u64, place: usize) -> bool {
        let newest = place + 1 == self.keys.0.keys().len();
        !newest && self.change.is_some_and(|Cut(length, _)| seq > length)
    }

    fn text(&mut self, verified: &Verified, findings: &mut Vec<Finding>) {
        let seq = verified.head.seq;
        let theirs = self.only.is_some_and(|only| verified.head.delegation != Some(only));
        match (&verified.body, verified.delivery.text()) {
            (Err(OutcomeCode::TextMismatch), _) => {
                self.find(
                    findings,
                    "text-differs",
                    Some(seq),
                    "The text is not the one whose hash was signed.",
                );
            }
            (_, Some(_)) if theirs => {
                self.find(
                    findings,
                    "bad-form",
                    Some(seq),
                    "The text is of another delegation than the file.",
                );
            }
            (_, Some(_)) => self.report.texts += 1,
            (_, None) => self.report.texts_missing += u64::from(verified.head.text.is_some()),
        }
    }

    fn leave_out(&mut self, seq: u64, hash: Hash, findings: &mut Vec<Finding>) {
        if self.only.is_none() {
            self.find(findings, "bad-form", Some(seq), "A file about a whole link leaves nothing out.");
        }
        if self.follows(seq, hash, None, findings) {
            self.report.left_out += 1;
        }
    }

    fn receipt(&mut self, raw: &[u8], findings: &mut Vec<Finding>) {
        let receipt = match self.opened(raw) {
            Ok(receipt) => receipt,
            Err(code) => {
                let words = format!(
                    "A receipt does not verify ({code}): it was changed after it was signed, or tells of another stream."
                );
                return self.find(findings, "bad-receipt", Some(self.last.0), words);
            }
        };
        let upto = receipt.upto;
        if upto != self.last.0 {
            let words = "A receipt stands elsewhere than behind the message up to which it tells.";
            return self.find(findings, "bad-form", Some(upto), words);
        }
        if self.last.1.is_some_and(|hash| hash != receipt.hash) {
            let words = "A signed receipt names another message with this number.";
            self.find(findings, "receipt-differs", Some(upto), words);
        }
        self.report.receipts += 1;
        self.report.received = self.report.received.max(upto);
        self.promises.push((receipt.length, upto));
        self.outcomes(&receipt, findings);
    }

    fn opened(&self, raw: &[u8]) -> Result<Receipt, Code> {
        let key = self.keys.1.key(Sign1::parse(raw)?.key_id()).ok_or(Code::KeyUnknown)?;
        let receipt = Signed::<Receipt>::open(raw, key)?.into_parts().1;
        receipt.check()?;
        if receipt.link != self.stream.link {
            return Err(Code::WrongLink);
        }
        if receipt.from != self.stream.to || receipt.to != self.stream.from {
            return Err(Code::WrongDesk);
        }
        Ok(receipt)
    }

    /// The first outcome stands; a later receipt that tells another one is named.
    fn outcomes(&mut self, receipt: &Receipt, findings: &mut Vec<Finding>) {
        for seq in receipt.base + 1..=receipt.upto {
            let now = receipt.outcome(seq).map(|outcome| outcome.2.to_string());
            let before = match self.told(seq) {
                Told::Nothing => {
                    if let Some(code) = now {
                        self.refused.insert(seq, code);
                    }
                    continue;
                }
                Told::Applied | Told::Refused => self.refused.get(&seq),
            };
            if before != now.as_ref() {
                let words = "Two receipts tell different outcomes of this message; the first stands.";
                self.remark(findings, "receipts-contradict", seq, words);
            }
        }
        if receipt.base < receipt.upto {
            self.cover(receipt.base + 1, receipt.upto);
        }
    }

    fn cover(&mut self, first: u64, last: u64) {
        match self.told.last_mut() {
            Some(range) if first <= range.1 + 1 && first >= range.0 => range.1 = range.1.max(last),
            Some(_) | None => self.told.push((first, last)),
        }
    }
}

/// Of a longer gap the first are named: what follows from one cut helps nobody.
const MISSING_NAMED: u64 = 100;
