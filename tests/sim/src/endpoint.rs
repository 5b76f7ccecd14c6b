//! What a desk answers to its partners, as the product's endpoint does: hello, batch with early ones held, files.

use std::sync::Arc;

use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::file::{BlobFailed, BlobHere};
use deskwire_engine::command::link::{Contact, Resume, TakeDescriptor};
use deskwire_engine::command::recover::{AnswerRecover, Laid};
use deskwire_engine::command::session::AnswerHello;
use deskwire_engine::port::SystemClock;
use deskwire_engine::{Fault, Reader, Refusal};
use deskwire_proto::batch::{Batch, BatchHead};
use deskwire_proto::code::Code;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{self, Composed, Place, Signers, Stream, Verified};
use deskwire_proto::id::Hash;
use deskwire_proto::limits::{AHEAD_WAIT, BATCH_BYTES};
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::Hello;
use deskwire_store::BlobId;
use deskwire_store::local::FileNo;
use deskwire_store::row::{Author, FileState, LinkState};
use deskwire_store::table::{BLOB_FILES, FETCHING, FILES, GRANTS, Rows};

use crate::net::{Arrived, Path};
use crate::verify::{self, Partner};
use crate::world::World;

/// A batch whose turn has not come.
pub(crate) struct Early {
    arrived: Arrived,
    head: BatchHead,
    messages: Vec<Verified>,
    until: u64,
}

impl World {
    pub(crate) fn take_hello(&mut self, desk: usize, arrived: Arrived) {
        let Some(partner) = self.known(desk, arrived.link) else { return };
        let opened = match verify::open::<Hello>(&arrived.body, &partner) {
            Ok(opened) => opened,
            Err(code) => return self.reply(desk, &arrived, Err(code)),
        };
        let keys = opened.descriptor.as_ref().map_or(partner.descriptor.keys(), |newer| newer.keys());
        if opened.signed.body().keys != keys.head() {
            return self.reply(desk, &arrived, Err(Code::KeyUnknown));
        }
        let (link, no) = (arrived.link, self.number(desk, arrived.link));
        // Whatever comes of it, the partner has spoken: its schedule may begin anew.
        self.model.reached(desk, link);
        if let Some(descriptor) = opened.descriptor {
            self.call(desk, TakeDescriptor { link: no, descriptor }, |_, _| {});
        }
        self.call(desk, AnswerHello { link: no, hello: opened.signed }, move |world, answer| {
            let answer = answer.unwrap_or_else(|refusal| Err(code_of(&refusal)));
            if answer.is_ok() {
                world.heard(desk, link);
            }
            world.reply(desk, &arrived, answer);
        });
    }

    pub(crate) fn take_recover(&mut self, desk: usize, arrived: Arrived) {
        let Some(partner) = self.known(desk, arrived.link) else { return };
        let opened = verify::open::<RecoverRequest>(&arrived.body, &partner)
            .and_then(|opened| closed(&partner.row.state).map_or(Ok(opened), Err));
        let request = match opened {
            Ok(opened) => opened.signed,
            Err(code) => return self.reply(desk, &arrived, Err(code)),
        };
        self.hand_back(desk, (arrived.link, BATCH_BYTES), request, move |world, answer| {
            let answer = answer.unwrap_or_else(|refusal| Err(code_of(&refusal)));
            world.reply(desk, &arrived, answer);
        });
    }

    /// Lays out a page of what a restored partner has lost, beside the writer, and has the engine answer with it. What is
    /// read may be another stream by then.
    pub(crate) fn hand_back(
        &mut self,
        desk: usize,
        (link, most): (usize, usize),
        request: Signed<RecoverRequest>,
        then: impl FnOnce(&mut Self, Result<Result<Vec<u8>, Code>, Refusal>) + 'static,
    ) {
        let no = self.number(desk, link);
        let Some(core) = &self.desks[desk].core else { return };
        let reader = Reader::new(core, Arc::new(SystemClock));
        let laid = match Laid::read(&reader, no, request.body(), most) {
            Ok(Ok(laid)) => laid,
            Ok(Err(code)) => return then(self, Ok(Err(code))),
            Err(refusal) => return then(self, Err(refusal)),
        };
        let (pause, process) = (self.chance.below(40), self.process(desk));
        self.after(pause, move |world| {
            if world.lives(process) {
                world.call(desk, AnswerRecover { link: no, request, laid }, move |world, page| {
                    then(world, page.map(|page| page.map(|page| page.encode())));
                });
            }
        });
    }

    pub(crate) fn take_batch(&mut self, desk: usize, arrived: Arrived) {
        let Some(partner) = self.known(desk, arrived.link) else { return };
        let refused = closed(&partner.row.state);
        let batch = match refused.map_or_else(|| Batch::decode(&arrived.body), Err) {
            Ok(batch) => batch,
            Err(code) => return self.reply(desk, &arrived, Err(code)),
        };
        let Some(stream) = self.desks[desk].stream(self.number(desk, arrived.link)) else { return };
        let mut sessions = stream.session.iter().chain(&stream.pending);
        if !sessions.any(|session| session.session == batch.head.session) {
            return self.reply(desk, &arrived, Err(Code::SessionUnknown));
        }
        self.forge(desk, &arrived, &batch, &partner, stream.in_length);
        let (mut messages, mut failed) = (Vec::new(), None);
        for delivery in batch.deliveries {
            match accept(&partner, stream.older_keys_upto(), delivery) {
                Ok(message) => messages.push(message),
                Err(code) => {
                    failed = Some(code);
                    break;
                }
            }
        }
        let news = messages.last().is_some_and(|message| message.head.seq > stream.in_length);
        match failed.filter(|_| !news) {
            Some(code) => self.reply(desk, &arrived, Err(code)),
            None => {
                let until = self.now + AHEAD_WAIT;
                self.take(desk, Early { arrived, head: batch.head, messages, until });
            }
        }
    }

    fn take(&mut self, desk: usize, early: Early) {
        let Early { arrived, head, messages, until } = early;
        let (link, no) = (arrived.link, self.number(desk, arrived.link));
        self.report.count("batches taken");
        let again = messages.clone();
        self.deliver_to_engine(desk, Deliver { link: no, head, messages }, move |world, delivered| {
            let answer = match delivered {
                Ok(Delivered::Receipt(receipt)) => {
                    world.heard(desk, link);
                    Ok(receipt)
                }
                Ok(Delivered::Gap { .. }) if world.now < until => {
                    world.report.count("batches held");
                    world.desks[desk].early.push(Early { arrived, head, messages: again, until });
                    world.look_again(desk, link, until);
                    return world.try_early(desk, link);
                }
                Ok(Delivered::Gap { .. }) => Err(Code::Gap),
                Ok(Delivered::Refused(code)) => Err(code),
                Err(refusal) => Err(code_of(&refusal)),
            };
            world.reply(desk, &arrived, answer);
        });
    }

    /// A receipt may leave only with the commit; a mutant lets it go before.
    fn deliver_to_engine(
        &mut self,
        desk: usize,
        command: Deliver,
        then: impl FnOnce(&mut Self, Result<Delivered, Refusal>) + 'static,
    ) {
        if self.mutant != Some(crate::mutant::Mutant::ReceiptBeforeCommit) {
            return self.call(desk, command, then);
        }
        let now = self.now;
        let Some(outcome) = self.desks[desk].step(now, command) else { return };
        self.desks[desk].building.push(Box::new(|_, _| {}));
        self.schedule_launch(desk);
        then(self, outcome);
    }

    fn look_again(&mut self, desk: usize, link: usize, until: u64) {
        let process = self.process(desk);
        self.after(until - self.now, move |world| {
            if world.lives(process) {
                world.try_early(desk, link);
            }
        });
    }

    /// The stream has come further, or time is up: batches that were held are taken or given up.
    pub(crate) fn try_early(&mut self, desk: usize, link: usize) {
        let Some(stream) = self.desks[desk].stream(self.number(desk, link)) else { return };
        let now = self.now;
        let due = |early: &Early| {
            let first = early.messages.first().map_or(0, |message| message.head.seq);
            early.arrived.link == link && (first <= stream.in_length + 1 || early.until <= now)
        };
        let held = std::mem::take(&mut self.desks[desk].early);
        let (due, held): (Vec<_>, Vec<_>) = held.into_iter().partition(due);
        self.desks[desk].early = held;
        for early in due {
            self.take(desk, Early { until: 0, ..early });
        }
    }

    /// An authenticated word of the partner ends what stood in the way of delivery.
    pub(crate) fn heard(&mut self, desk: usize, link: usize) {
        let no = self.number(desk, link);
        let Some(row) = self.desks[desk].link(no) else { return };
        self.model.reached(desk, link);
        match row.state {
            LinkState::Quarantined(_) => self.call(desk, Resume { link: no }, move |world, _| {
                world.contact_rings(desk, link);
            }),
            _ if row.trouble.is_some() || row.retry.attempt > 0 => {
                self.call(desk, Contact { link: no }, move |world, _| world.contact_rings(desk, link));
            }
            _ => {}
        }
    }

    /// A partner gone mad says the next message with another `prev`: it must be refused, and nothing come of it.
    fn forge(&mut self, desk: usize, arrived: &Arrived, batch: &Batch, partner: &Partner, length: u64) {
        if self.quiet || !self.chance.of_thousand(60) || self.model.is_odd(arrived.link) {
            return;
        }
        let Some(first) = batch.deliveries.first() else { return };
        let Ok(head) = envelope::read_head(first.signed()) else { return };
        let one = &self.desks[desk];
        if head.seq != length + 1 || one.sealed.is_some() || !one.building.is_empty() {
            return;
        }
        let secret = self.desks[arrived.from].secret();
        let stream = Stream { link: head.link, from: head.from, to: head.to };
        let prev = Hash::of(b"another history");
        let place = Place { seq: head.seq, prev, seen: head.seen, time: head.time };
        let text = first.text().map(|text| text.to_vec().into());
        let content = Composed { kind: head.kind, facts: head.facts, text, delegation: head.delegation };
        let Ok(forged) = envelope::seal(&stream, place, head.item, &content, &secret) else { return };
        let Ok(message) = accept(partner, 0, forged) else { return };
        self.report.count("forged messages");
        let no = self.number(desk, arrived.link);
        let command = Deliver { link: no, head: batch.head, messages: vec![message] };
        self.call(desk, command, move |world, delivered| match delivered {
            Ok(Delivered::Refused(Code::BadPrev | Code::SessionUnknown | Code::Busy)) | Err(_) => {}
            Ok(other) => world.violate(format!("desk{desk} took a message of another history: {other:?}")),
        });
    }
}

/// Files: announced on a link, fetched over it.
impl World {
    /// Fetches what was announced and is not here.
    pub(crate) fn fetch(&mut self, desk: usize, link: usize) {
        let no = self.number(desk, link);
        let Some(rows) = self.desks[desk].rows() else { return };
        if self.desks[desk].fetching.get(&link).is_some_and(|until| *until > self.now) {
            return;
        }
        let Ok(keys) = rows.list(FETCHING, &no, 1) else { return };
        let Some(((_, file), ())) = keys.into_iter().next() else { return };
        let Ok(Some(row)) = rows.get(FILES, &file) else { return };
        if !self.known(desk, link).is_some_and(|partner| partner.is_reachable()) {
            return;
        }
        self.desks[desk].fetching.insert(link, self.now + 120_000);
        let process = self.process(desk);
        self.after(120_000, move |world| {
            if world.lives(process) {
                world.fetch(desk, link);
            }
        });
        let blob = row.blob;
        self.request(desk, link, (Path::Blob, blob.as_bytes().to_vec()), move |world, answer| {
            let bytes = match answer {
                Ok(bytes) => bytes,
                Err(trouble) if trouble.wire == Some(Code::BlobUnknown) => {
                    return world.give_up(desk, link, file);
                }
                Err(_) => return,
            };
            if Hash::of(&bytes) != blob {
                return;
            }
            if !world.import(desk, &bytes) {
                return;
            }
            world.call(desk, BlobHere { file }, move |world, done| {
                if let Ok(wanted) = done {
                    world.leave_unless(wanted, desk, blob);
                    world.report.count("files fetched");
                    world.desks[desk].fetching.remove(&link);
                    world.fetch(desk, link);
                }
            });
        });
    }

    /// The partner does not have the file, or does not let it be had: its row says so, and the next one is fetched.
    fn give_up(&mut self, desk: usize, link: usize, file: FileNo) {
        self.report.count("files given up");
        let (code, words) = (Code::BlobUnknown.as_str().to_owned(), "Not there.".to_owned());
        self.call(desk, BlobFailed { file, code, words }, move |world, done| {
            if done.is_ok() {
                world.desks[desk].fetching.remove(&link);
                world.fetch(desk, link);
            }
        });
    }

    /// The bytes of a file are put on the disk.
    fn import(&mut self, desk: usize, bytes: &[u8]) -> bool {
        let Some(core) = &self.desks[desk].core else { return false };
        let taken = core.blobs().import(&mut &*bytes);
        if self.desks[desk].is_dead() {
            self.dies(desk);
            return false;
        }
        taken.is_ok()
    }

    /// Bytes of a file that is not wanted any more are taken away, unless another file has the same.
    fn leave_unless(&mut self, wanted: bool, desk: usize, blob: Hash) {
        let Some(core) = self.desks[desk].core.as_ref().filter(|_| !wanted) else { return };
        let Some(rows) = self.desks[desk].rows() else { return };
        let Ok(files) = rows.list(BLOB_FILES, &blob, usize::MAX) else { return };
        let needed = files.into_iter().any(|((_, file), ())| {
            let row = rows.get(FILES, &file).ok().flatten();
            row.is_some_and(|row| matches!(row.state, FileState::Here | FileState::Fetching))
        });
        if !needed {
            let _ = core.blobs().remove(&BlobId(*blob.as_bytes()));
        }
        if self.desks[desk].is_dead() {
            self.dies(desk);
        }
    }

    /// A partner without an address brings a file that it announced, or says that it has lost it.
    pub(crate) fn take_brought(&mut self, desk: usize, arrived: Arrived) {
        let no = self.number(desk, arrived.link);
        let Some((hash, rest)) = arrived.body.split_first_chunk::<32>() else { return };
        let (hash, rest) = (Hash::new(*hash), rest.to_vec());
        let Some(rows) = self.desks[desk].rows() else { return };
        let Ok(files) = rows.list(BLOB_FILES, &hash, usize::MAX) else { return };
        let mut files: Vec<_> = files
            .into_iter()
            .filter_map(|((_, file), ())| Some((file, rows.get(FILES, &file).ok()??)))
            .filter(|(_, row)| row.author == Author::Partner(no))
            .collect();
        let here = files.iter().any(|(_, row)| row.state == FileState::Here);
        files.retain(|(_, row)| row.state == FileState::Fetching);
        let Some((file, _)) = files.first().cloned() else {
            let answer = if here { Ok(vec![1]) } else { Err(Code::BlobUnknown) };
            return self.reply(desk, &arrived, answer);
        };
        match rest.split_first() {
            Some((1, bytes)) if Hash::of(bytes) == hash => {
                if !self.import(desk, bytes) {
                    return self.reply(desk, &arrived, Err(Code::Busy));
                }
                self.call(desk, BlobHere { file }, move |world, done| {
                    world.leave_unless(!matches!(done, Ok(false)), desk, hash);
                    world.report.count("files brought");
                    world.reply(desk, &arrived, done.map(|_| vec![1]).map_err(|refusal| code_of(&refusal)));
                });
            }
            Some((0, [])) => {
                let failed = BlobFailed { file, code: "blob-mismatch".to_owned(), words: "Lost.".to_owned() };
                self.call(desk, failed, move |world, _| {
                    world.reply(desk, &arrived, Err(Code::BlobUnknown));
                });
            }
            _ => self.reply(desk, &arrived, Err(Code::BlobMismatch)),
        }
    }

    /// What this desk says of itself, for everybody.
    pub(crate) fn give_descriptor(&mut self, desk: usize, arrived: Arrived) {
        let raw = self.desks[desk].face().descriptor().raw().to_vec();
        self.reply(desk, &arrived, Ok(raw));
    }

    pub(crate) fn give_blob(&mut self, desk: usize, arrived: Arrived) {
        let no = self.number(desk, arrived.link);
        let bytes = arrived.body.as_slice().try_into().ok().and_then(|bytes: [u8; 32]| {
            let rows = self.desks[desk].rows()?;
            let file = rows.get(GRANTS, &(no, Hash::new(bytes))).ok()??;
            let row = rows.get(FILES, &file).ok()??;
            (row.state == FileState::Here).then(|| self.desks[desk].blob(&row.blob))?
        });
        self.reply(desk, &arrived, bytes.ok_or(Code::BlobUnknown));
    }
}

pub(crate) const fn closed(state: &LinkState) -> Option<Code> {
    match state {
        LinkState::WaitingApproval | LinkState::WaitingPartner => Some(Code::LinkWaiting),
        LinkState::Active | LinkState::Quarantined(_) => None,
        LinkState::Paused(_) => Some(Code::LinkPaused),
        LinkState::Closed => Some(Code::LinkClosed),
    }
}

/// A message of the partner's stream; up to `older` its older keys stand.
pub(crate) fn accept(partner: &Partner, older: u64, delivery: Delivery) -> Result<Verified, Code> {
    let signers = Signers { keys: partner.descriptor.keys().keys(), older };
    let stream = Stream { link: partner.row.link, from: partner.row.partner, to: partner.us };
    envelope::accept_by(delivery, &stream, signers)
}

pub(crate) fn code_of(refusal: &Refusal) -> Code {
    if let Some(code) = Code::from_text(refusal.code) {
        return code;
    }
    match refusal.fault {
        Fault::Passing => Code::Busy,
        Fault::NotFound | Fault::Invalid | Fault::Conflict | Fault::Forbidden => Code::Malformed,
        Fault::TooLarge => Code::TooLarge,
        Fault::Partner | Fault::Ours => Code::Internal,
    }
}
