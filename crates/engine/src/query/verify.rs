//! The check of what is stored: signatures, chains and text hashes of every stream, receipts, the journal's checksums.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::code::{Code, OutcomeCode};
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Stream, accept};
use deskwire_proto::id::Hash;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::text::Label;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::StreamRow;
use deskwire_store::table::{LEFT_RECEIVED, RECEIVED, Rows};
use deskwire_store::{Replayed, Text};

use super::log::Way;
use super::stored::{Stored, stored};
use crate::project::stream::read_receipt;
use crate::{Partner, Reader, Refusal};

/// More problems than this are not listed: what follows from one damage helps nobody.
const PROBLEMS: usize = 1_000;

/// What was checked, and what was found wrong.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The streams, two of each link.
    pub streams: Vec<StreamReport>,
    /// The journal; nothing when one link was asked for.
    pub journal: Option<JournalReport>,
    /// Everything found wrong.
    pub problems: Vec<Problem>,
}

/// One stream that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// How this desk calls the link.
    pub link: Label,
    /// Which stream.
    pub way: Way,
    /// Messages checked.
    pub messages: u64,
    /// Receipts checked against them.
    pub receipts: u64,
    /// Text parts that were erased.
    pub erased: u64,
    /// Hash of the last message; the link id for an empty stream.
    pub head: Hash,
}

/// The journal as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalReport {
    /// Segments.
    pub segments: u64,
    /// Records whose checksums were checked.
    pub records: u64,
    /// Bytes of these records.
    pub bytes: u64,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub words: String,
    /// How this desk calls the link; nothing for the journal.
    pub link: Option<Label>,
    /// Which stream.
    pub way: Option<Way>,
    /// The number of the message.
    pub seq: Option<u64>,
}

/// Checks everything, or one link. Reads the whole journal: it may take long.
///
/// # Errors
/// When the rows cannot be read; what is found wrong is part of the report and no error.
pub fn verify(reader: &Reader, only: Option<LinkNo>) -> Result<Report, Refusal> {
    let mut report = Report::default();
    let (journal, mut receipts) = replay(reader, only, &mut report)?;
    if only.is_none() {
        report.journal = Some(journal);
    }
    for partner in reader.partners()? {
        if only.is_some_and(|only| only != partner.no) {
            continue;
        }
        let rows = reader.stream(partner.no)?;
        for way in [Way::Out, Way::In] {
            let receipts = receipts.remove(&(partner.no, way == Way::In)).unwrap_or_default();
            let walk = Walk::new(reader, &partner, way, &rows, receipts, &mut report.problems);
            report.streams.push(walk.run());
        }
    }
    Ok(report)
}

/// The receipts of each stream, by link and "the partner's", in the order in which they were journalled.
type Receipts = BTreeMap<(LinkNo, bool), VecDeque<Kept>>;

/// A receipt as it is kept.
struct Kept {
    raw: Vec<u8>,
    /// Whether it binds nobody any more: it stays, and says nothing of the stream as it goes on.
    void: bool,
}

fn replay(
    reader: &Reader,
    only: Option<LinkNo>,
    report: &mut Report,
) -> Result<(JournalReport, Receipts), Refusal> {
    let mut journal = JournalReport::default();
    let mut receipts = Receipts::new();
    let mut segment = None;
    let outcome = reader.journal().replay(None, &mut |replayed| {
        let Replayed::Entry(at, entry) = replayed else { return ControlFlow::Continue(()) };
        if segment != Some(at.segment) {
            segment = Some(at.segment);
            journal.segments += 1;
        }
        journal.records += 1;
        journal.bytes += (entry.facts.len() + entry.text.bytes().map_or(0, <[u8]>::len)) as u64;
        match Record::read(&entry) {
            Ok(record) => collect(&mut receipts, record, only),
            Err(error) => report.problems.push(Problem::of_journal("bad-record", &error.to_string())),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = outcome {
        report.problems.push(Problem::of_journal("journal-damaged", &error.to_string()));
    }
    Ok((journal, receipts))
}

fn collect(receipts: &mut Receipts, record: Record, only: Option<LinkNo>) {
    let (no, given, raw) = match record {
        Record::ReceiptTaken { no, receipt, .. } => (no, false, receipt),
        Record::ReceiptGiven { no, receipt, .. } => (no, true, receipt),
        Record::ReceiptsVoid { no, upto, .. } => return void(receipts, no, upto),
        Record::SetAside(aside) => {
            let Some(end) = aside.end else { return };
            return void(receipts, aside.no, end.0);
        }
        _ => return,
    };
    if only.is_none_or(|only| only == no) {
        receipts.entry((no, given)).or_default().push_back(Kept { raw: raw.into_vec(), void: false });
    }
}

/// Receipts of the partner for our messages behind this one bind nobody: somebody else gave them, or those numbers were
/// given up.
fn void(receipts: &mut Receipts, no: LinkNo, upto: u64) {
    for kept in receipts.entry((no, false)).or_default() {
        kept.void |= read_receipt(&kept.raw).is_some_and(|receipt| receipt.upto > upto);
    }
}

impl Problem {
    fn of_journal(code: &'static str, words: &str) -> Self {
        Self { code, words: words.to_owned(), link: None, way: None, seq: None }
    }
}

/// The walk along one stream.
struct Walk<'a> {
    reader: &'a Reader,
    partner: &'a Arc<Partner>,
    way: Way,
    stream: Stream,
    /// Keys of the stream's author, and of its reader, who gives the receipts.
    keys: (&'a KeyLog, &'a KeyLog),
    /// Length and last hash as the rows say.
    length: u64,
    head: Hash,
    /// Up to here there are messages of branches that were left.
    left: u64,
    receipts: VecDeque<Checked>,
    problems: &'a mut Vec<Problem>,
    report: StreamReport,
}

/// What a good receipt says: the hash of the message up to which it tells.
struct Checked {
    upto: u64,
    hash: Hash,
}

impl<'a> Walk<'a> {
    fn new(
        reader: &'a Reader,
        partner: &'a Arc<Partner>,
        way: Way,
        rows: &StreamRow,
        receipts: VecDeque<Kept>,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        let (ours, theirs) = (reader.identity().keys(), partner.keys());
        // A branch of this desk's own is left behind the last message that a receipt covers.
        let (stream, keys, (length, head, left)) = match way {
            Way::Out => (partner.stream_out(), (ours, theirs), (rows.out_length, rows.out_head, 0)),
            Way::In => (partner.stream_in(), (theirs, ours), (rows.in_length, rows.in_head, rows.in_left)),
        };
        let report = StreamReport {
            link: partner.row.name.clone(),
            way,
            messages: 0,
            receipts: 0,
            erased: 0,
            head: partner.row.link.into(),
        };
        let mut walk = Self {
            reader,
            partner,
            way,
            stream,
            keys,
            length,
            head,
            left,
            receipts: VecDeque::new(),
            problems,
            report,
        };
        for kept in receipts {
            walk.take_receipt(&kept);
        }
        walk
    }

    fn run(mut self) -> StreamReport {
        self.compare_receipts(0);
        for seq in 1..=self.length {
            match stored(self.reader, self.partner.no, self.way, seq) {
                Ok(stored) => self.message(seq, &stored),
                Err(refusal) => self.problem("message-unreadable", Some(seq), refusal.words),
            }
            self.compare_receipts(seq);
        }
        if self.report.head != self.head {
            let words = "The last message of the stream is another one than the rows say: start the desk with its \
                         view set aside, so that it is folded anew from the journal.";
            self.problem("head-differs", None, words.to_owned());
        }
        if let Some(beyond) = self.receipts.front().map(|receipt| receipt.upto) {
            let words = format!(
                "A receipt tells of messages up to {beyond}, and there are {}: restore the newest backup.",
                self.length
            );
            self.problem("receipt-beyond", Some(beyond), words);
        }
        self.report
    }

    /// Signature, numbers, chain and text of one message; then the chain goes on behind it.
    fn message(&mut self, seq: u64, stored: &Stored) {
        let erased = matches!(stored.text, Text::Erased(_));
        let text = stored.text.bytes().map(<[u8]>::to_vec);
        let delivery = Delivery::new(stored.signed.clone(), text);
        let hash = delivery.hash();
        if hash != stored.hash {
            self.problem("hash-differs", Some(seq), "The stored hash is not that of the message.".to_owned());
        }
        match self.accepted(delivery) {
            Ok(verified) => {
                if verified.head.seq != seq || verified.head.prev != self.report.head {
                    let words =
                        "The message does not follow the one before it: one was removed, added or swapped.";
                    self.problem("chain-broken", Some(seq), words.to_owned());
                }
                let whole = !matches!(verified.body, Err(OutcomeCode::TextMismatch));
                let there = erased || !matches!(verified.body, Err(OutcomeCode::TextMissing));
                // A partner's message may have come without its text, or with a wrong one: then it was refused for it.
                if self.way == Way::Out && !(whole && there) {
                    let words = "The text is not the one whose hash was signed.";
                    self.problem("text-differs", Some(seq), words.to_owned());
                } else if self.way == Way::In && !whole && !self.was_refused(seq) {
                    let words = "The text is not the one whose hash the partner signed.";
                    self.problem("text-differs", Some(seq), words.to_owned());
                }
            }
            Err(code) => {
                let words =
                    format!("The message does not verify ({code}): it was changed after it was signed.");
                self.problem(code.as_str(), Some(seq), words);
            }
        }
        self.report.head = hash;
        self.report.messages += 1;
        self.report.erased += u64::from(erased);
    }

    fn accepted(&self, delivery: Delivery) -> Result<deskwire_proto::envelope::Verified, Code> {
        let key = self.keys.0.key(Sign1::parse(delivery.signed())?.key_id()).ok_or(Code::KeyUnknown)?;
        accept(delivery, &self.stream, key)
    }

    fn was_refused(&self, seq: u64) -> bool {
        let row = self.reader.rows().get(RECEIVED, &(self.partner.no, seq));
        row.is_ok_and(|row| row.is_some_and(|row| row.refused.is_some()))
    }

    fn take_receipt(&mut self, kept: &Kept) {
        match self.receipt(&kept.raw) {
            Ok(receipt) if kept.void || self.is_of_left_branch(&receipt) => self.report.receipts += 1,
            Ok(receipt) => self.receipts.push_back(Checked { upto: receipt.upto, hash: receipt.hash }),
            Err(code) => {
                let words =
                    format!("A stored receipt does not verify ({code}): it was changed after it was signed.");
                self.problem("bad-receipt", None, words);
            }
        }
    }

    fn receipt(&self, raw: &[u8]) -> Result<Receipt, Code> {
        let key = self.keys.1.key(Sign1::parse(raw)?.key_id()).ok_or(Code::KeyUnknown)?;
        let (_, receipt) = Signed::<Receipt>::open(raw, key)?.into_parts();
        receipt.check()?;
        if receipt.link != self.stream.link {
            return Err(Code::WrongLink);
        }
        if receipt.from != self.stream.to || receipt.to != self.stream.from {
            return Err(Code::WrongDesk);
        }
        Ok(receipt)
    }

    /// Whether a receipt of this desk tells of a message on a branch that the operators have left since: it stays true,
    /// and says nothing of the stream as it goes on.
    fn is_of_left_branch(&self, receipt: &Receipt) -> bool {
        if receipt.upto > self.left {
            return false;
        }
        let left = self.reader.rows().list(LEFT_RECEIVED, &(self.partner.no, receipt.upto), usize::MAX);
        left.is_ok_and(|left| left.iter().any(|(_, row)| row.hash == receipt.hash))
    }

    /// Compares the receipts that tell up to here with the chain.
    fn compare_receipts(&mut self, seq: u64) {
        while let Some(receipt) = self.receipts.pop_front_if(|receipt| receipt.upto <= seq) {
            self.report.receipts += 1;
            if receipt.upto < seq {
                // Receipts ascend; one that falls back tells of a place that was compared before.
                continue;
            }
            if receipt.hash != self.report.head {
                let words = "A signed receipt names another message with this number.";
                self.problem("receipt-differs", Some(seq), words.to_owned());
            }
        }
    }

    fn problem(&mut self, code: &'static str, seq: Option<u64>, words: String) {
        if self.problems.len() < PROBLEMS {
            let link = Some(self.partner.row.name.clone());
            self.problems.push(Problem { code, words, link, way: Some(self.way), seq });
        }
    }
}
