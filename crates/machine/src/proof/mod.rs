//! What a proof file proves, item by item as it is read: no disk, no desk, public keys alone (proto-spec, sections 8.5
//! and 8.8).

mod cases;
mod compare;
mod report;
mod seen;
mod stream;

use deskwire_proto::id::DeskId;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::linking::{LinkAnswer, LinkRequest, commitment, link_id};
use deskwire_proto::proof::{About, Item, Tally};

pub use compare::{Difference, Listing};
pub use report::{CaseReport, Finding, Report, StreamReport, Weight};

use cases::Cases;
use stream::Walk;

/// Reads a proof file from its first item to its last. Memory grows with the delegations, not with the messages.
#[derive(Debug, Default)]
pub struct Verifier {
    about: Option<About>,
    /// Key logs in the order in which they came; nothing where one does not verify.
    keys: Vec<(DeskId, Option<KeyLog>)>,
    linked: bool,
    /// The stream that is read, and the one before it.
    walks: Vec<Walk>,
    cases: Cases,
    tally: Tally,
    ended: bool,
    findings: Vec<Finding>,
}

impl Verifier {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next item into account; `bytes` are its own in the file.
    pub fn take(&mut self, item: Item, bytes: &[u8]) {
        if self.ended {
            return self.find("bad-form", "Something stands behind the end of the file.".to_owned());
        }
        if !matches!(item, Item::End(..)) {
            self.tally.add(bytes);
        }
        match (item, &self.about) {
            (Item::Head(about), None) => self.about = Some(about),
            (Item::End(items, hash), _) => self.end(&Item::End(items, hash)),
            (_, None) => self.find("bad-form", "The file does not begin as a proof file does.".to_owned()),
            (Item::Head(_), Some(_)) => self.find("bad-form", "The file begins a second time.".to_owned()),
            (Item::Keys(desk, events), Some(about)) => {
                let place = desk == about.inviter || desk == about.accepter;
                self.keys(desk, place, &events);
            }
            (Item::Linking(request, answer, nonce), Some(about)) => {
                let expected = about.clone();
                self.linking(&expected, (&request, &answer), &nonce);
            }
            (Item::Stream(author), Some(about)) => {
                let about = about.clone();
                self.begin(&about, author);
            }
            (item @ (Item::Change(_) | Item::Message(_) | Item::LeftOut(..) | Item::Receipt(_)), Some(_)) => {
                match self.walks.last_mut() {
                    Some(walk) => walk.take(item, &mut self.cases, &mut self.findings),
                    None => self.find("bad-form", "A message stands before its stream begins.".to_owned()),
                }
            }
        }
    }

    /// Something in the file is no item: what is wrong with it.
    pub fn broken(&mut self, words: &str) {
        self.find("bad-form", format!("What stands behind is no part of a proof file: {words}."));
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if !self.ended {
            self.find("cut-off", "The end of the file is missing: it was cut off.".to_owned());
        }
        if self.walks.len() < 2 || !self.linked {
            self.find("incomplete", "The file does not have both streams and the linking.".to_owned());
        }
        if let [inviter, accepter] = &self.walks[..] {
            seen::compare(inviter, accepter, &mut self.findings);
            seen::compare(accepter, inviter, &mut self.findings);
        }
        let only = self.about.as_ref().and_then(|about| about.delegation);
        let cases = self.cases.fold(only, &self.walks);
        let streams = self.walks.into_iter().map(Walk::report).collect();
        Report { about: self.about, streams, cases, findings: self.findings }
    }

    fn find(&mut self, code: &'static str, words: String) {
        self.findings.push(Finding::of_file(code, words));
    }

    fn end(&mut self, end: &Item) {
        self.ended = true;
        if *end != self.tally.end() {
            let words = "The end does not fit what stands before it: the file was altered.";
            self.find("altered", words.to_owned());
        }
    }

    fn keys(&mut self, desk: DeskId, of_link: bool, events: &[serde_bytes::ByteBuf]) {
        let again = self.keys.iter().any(|(known, _)| *known == desk);
        if !of_link || again || self.linked || !self.walks.is_empty() {
            return self.find("bad-form", format!("The key log of desk {desk} has no place here."));
        }
        let log = match KeyLog::verify(events) {
            Ok(log) if log.desk() == desk => Some(log),
            Ok(_) => {
                self.find("bad-key-log", format!("The key log is not that of desk {desk}."));
                None
            }
            Err(code) => {
                self.find("bad-key-log", format!("The key log of desk {desk} does not verify ({code})."));
                None
            }
        };
        self.keys.push((desk, log));
    }

    fn log(&self, desk: DeskId) -> Option<&KeyLog> {
        self.keys.iter().find(|(known, _)| *known == desk).and_then(|(_, log)| log.as_ref())
    }

    fn linking(
        &mut self,
        about: &About,
        (request, answer): (&[u8], &[u8]),
        nonce: &deskwire_proto::id::Nonce,
    ) {
        if self.linked || self.keys.len() < 2 || !self.walks.is_empty() {
            let words = "The linking stands once, behind the keys of both desks and before the streams.";
            return self.find("bad-form", words.to_owned());
        }
        self.linked = true;
        if let Err(words) = self.linked_by(about, (request, answer), nonce) {
            self.find("bad-linking", words);
        }
    }

    fn linked_by(
        &self,
        about: &About,
        (request, answer): (&[u8], &[u8]),
        nonce: &deskwire_proto::id::Nonce,
    ) -> Result<(), String> {
        let unsigned = |what: &str, code| format!("The {what} of the linking does not verify ({code}).");
        let (asked, asker) = LinkRequest::open(request).map_err(|code| unsigned("request", code))?;
        let (answered, answerer) = LinkAnswer::open(answer).map_err(|code| unsigned("answer", code))?;
        let known = |log: &KeyLog| self.log(log.desk()).is_some_and(|newest| newest.continues(log));
        if !known(asker.keys()) || !known(answerer.keys()) {
            return Err("The keys of the linking are not those of the two desks.".to_owned());
        }
        let (asked_by, answered_by) = (asked.body(), answered.body());
        // By hand either desk may have asked; the one with the smaller id counts as the inviter (section 3.8).
        let sides = (answered_by.from, asked_by.from);
        let sides = match asked_by.secret {
            Some(_) => sides,
            None => (sides.0.min(sides.1), sides.0.max(sides.1)),
        };
        let fits = sides == (about.inviter, about.accepter)
            && asked_by.to == answered_by.from
            && answered_by.to == asked_by.from
            && answered_by.request == asked.hash()
            && answered_by.terms == asked_by.terms
            && commitment(nonce) == asked_by.commit;
        if !fits {
            return Err("Request, answer and nonce of the linking do not belong together.".to_owned());
        }
        if link_id(request, answer, nonce) != about.link {
            return Err("The linking made another link than the one that the file names.".to_owned());
        }
        Ok(())
    }

    fn begin(&mut self, about: &About, author: DeskId) {
        if !self.linked {
            self.find("bad-form", format!("The stream of desk {author} begins before the linking."));
        }
        let reader = match self.walks.len() {
            0 if author == about.inviter => about.accepter,
            1 if author == about.accepter => about.inviter,
            _ => return self.find("bad-form", format!("The stream of desk {author} has no place here.")),
        };
        match (self.log(author).cloned(), self.log(reader).cloned()) {
            (Some(author), Some(reader)) => self.walks.push(Walk::new(about, author, reader)),
            _ => self.find("bad-form", format!("The keys for the stream of desk {author} are missing.")),
        }
    }
}

#[cfg(test)]
mod tests;
