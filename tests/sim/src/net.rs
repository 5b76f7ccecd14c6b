//! The network: requests and answers as bytes, which it loses, doubles, delays, reorders and cuts.

use std::collections::BTreeMap;

use deskwire_machine::retry::Failure;
use deskwire_proto::code::{Class, Code};

use crate::world::{Process, World};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// `POST /deskwire/1/hello`.
    Hello,
    /// `POST /deskwire/1/batch`.
    Batch,
    /// `POST /deskwire/1/recover`.
    Recover,
    /// The bytes of a file, by hash.
    Blob,
    /// The bytes of a file, brought.
    Bring,
    /// `POST /deskwire/1/pull`.
    Pull,
    /// `GET /.well-known/deskwire`.
    WellKnown,
}

/// Why there was no usable answer.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// What it means for the schedule.
    pub failure: Failure,
    /// Stable code.
    pub code: &'static str,
    /// The partner's own code, if it gave one.
    pub wire: Option<Code>,
}

impl Trouble {
    /// The partner was not reached, or what came is no answer.
    #[must_use]
    pub const fn silent(code: &'static str) -> Self {
        Self { failure: Failure::Unreachable, code, wire: None }
    }

    /// The partner answered with a problem, judged as the product judges it.
    #[must_use]
    pub fn of(code: Code) -> Self {
        let failure = match code.class() {
            Class::Final => Failure::Refused,
            Class::Retry | Class::Resync => {
                let retry_after = match code {
                    Code::Busy => Some(5_000),
                    Code::DiskFull | Code::RateLimited => Some(60_000),
                    _ => None,
                };
                Failure::Busy { retry_after }
            }
        };
        Self { failure, code: code.as_str(), wire: Some(code) }
    }
}

pub(crate) type Answer = Result<Vec<u8>, Code>;
type Then = Box<dyn FnOnce(&mut World, Result<Vec<u8>, Trouble>)>;

/// The weather between the desks.
#[derive(Default)]
pub(crate) struct Net {
    /// Requests without an answer so far.
    open: BTreeMap<u64, (Process, Then)>,
    /// From whom to whom nothing passes, and until when.
    pub(crate) walls: BTreeMap<(usize, usize), Wall>,
    /// Of a thousand packets so many are lost, doubled, cut.
    pub(crate) loss: u64,
    pub(crate) doubles: u64,
    pub(crate) cuts: u64,
    /// Slowest way, milliseconds.
    pub(crate) slowest: u64,
}

/// Nothing passes until a moment; a flapping one lets pass every other period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    pub(crate) until: u64,
    pub(crate) period: Option<u64>,
    /// Whether who asks is told so at once; else there is silence.
    pub(crate) refuses: bool,
}

/// A request that has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) id: u64,
    pub(crate) from: usize,
    pub(crate) link: usize,
    pub(crate) path: Path,
    pub(crate) body: Vec<u8>,
}

/// How long a request waits for its answer.
const PATIENCE: u64 = 60_000;
/// How long one waits that the partner may hold.
const PATIENCE_HELD: u64 = 75_000;

impl World {
    /// Sends a request to the partner of a link.
    pub(crate) fn request(
        &mut self,
        desk: usize,
        link: usize,
        (path, body): (Path, Vec<u8>),
        then: impl FnOnce(&mut Self, Result<Vec<u8>, Trouble>) + 'static,
    ) {
        self.report.requests += 1;
        self.crosses(desk, link, (path, false), &body);
        let id = self.serial();
        let process = self.process(desk);
        self.net.open.insert(id, (process, Box::new(then)));
        let patience = if path == Path::Pull { PATIENCE_HELD } else { PATIENCE };
        self.after(patience, move |world| world.answered(id, Err(Trouble::silent("answer-timeout"))));
        let to = self.partner(desk, link);
        if self.is_lost(self.desks[desk].who, to) {
            if self.net.walls.get(&(self.desks[desk].who, to)).is_some_and(|wall| wall.refuses) {
                let pause = self.pause();
                self.after(pause, move |world| world.answered(id, Err(Trouble::silent("no-route"))));
            }
            return self.report.count("requests lost");
        }
        let arrived = Arrived { id, from: desk, link, path, body };
        if self.chance.of_thousand(self.net.doubles) {
            self.report.count("requests doubled");
            let (copy, pause) = (arrived.clone(), self.pause() * 3);
            self.after(pause, move |world| world.arrive(copy));
        }
        let pause = self.pause();
        self.after(pause, move |world| world.arrive(arrived));
    }

    fn arrive(&mut self, mut arrived: Arrived) {
        let id = arrived.id;
        let desk = self.at_address[self.partner(arrived.from, arrived.link)];
        if !self.desks[desk].runs() || !self.desks[desk].reachable {
            let pause = self.pause();
            return self
                .after(pause, move |world| world.answered(id, Err(Trouble::silent("connection-refused"))));
        }
        if self.chance.of_thousand(self.net.cuts) {
            // The line breaks in the middle: a reader that took the beginning must not be harmed by it.
            self.report.count("requests cut");
            let keep = self.chance.below(arrived.body.len() as u64);
            arrived.body.truncate(usize::try_from(keep).unwrap_or_default());
            // Nobody hears what the reader answers to the beginning.
            arrived.id = 0;
            let pause = self.pause();
            self.after(pause, move |world| world.answered(id, Err(Trouble::silent("connection-failed"))));
        }
        match arrived.path {
            Path::Hello => self.take_hello(desk, arrived),
            Path::Batch => self.take_batch(desk, arrived),
            Path::Recover => self.take_recover(desk, arrived),
            Path::Blob => self.give_blob(desk, arrived),
            Path::Bring => self.take_brought(desk, arrived),
            Path::Pull => self.take_pull(desk, arrived),
            Path::WellKnown => self.give_descriptor(desk, arrived),
        }
    }

    /// The answer to a request goes back.
    pub(crate) fn reply(&mut self, desk: usize, to: &Arrived, answer: Answer) {
        if let Ok(bytes) = &answer {
            self.crosses(desk, to.link, (to.path, true), bytes);
        }
        let (id, asker) = (to.id, self.desks[to.from].who);
        if self.is_lost(self.desks[desk].who, asker) {
            return self.report.count("answers lost");
        }
        if self.chance.of_thousand(self.net.cuts) {
            self.report.count("answers cut");
            let pause = self.pause();
            return self
                .after(pause, move |world| world.answered(id, Err(Trouble::silent("connection-failed"))));
        }
        let pause = self.pause();
        self.after(pause, move |world| world.answered(id, answer.map_err(Trouble::of)));
    }

    fn answered(&mut self, id: u64, answer: Result<Vec<u8>, Trouble>) {
        let Some((process, then)) = self.net.open.remove(&id) else { return };
        if self.lives(process) {
            then(self, answer);
        }
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        let now = self.now;
        if let Some(wall) = self.net.walls.get(&(from, to)) {
            let up = wall.period.is_some_and(|period| now / period % 2 == 1);
            if now < wall.until && !up {
                return true;
            }
        }
        self.chance.of_thousand(self.net.loss)
    }

    fn pause(&mut self) -> u64 {
        let slowest = self.net.slowest.max(2);
        // Mostly quick; now and then so slow that others overtake.
        if self.chance.of_thousand(150) { self.chance.within(1, slowest) } else { self.chance.within(1, 12) }
    }

    /// Everything that leaves a desk is looked at.
    fn crosses(&mut self, desk: usize, link: usize, (path, answer): (Path, bool), bytes: &[u8]) {
        self.report.bytes += bytes.len() as u64;
        if !matches!(path, Path::Blob | Path::Bring)
            && memchr::memmem::find(bytes, crate::act::MARK.as_bytes()).is_some()
        {
            let words = format!("desk{desk} sent internal text on link {link}");
            self.violate(words);
        }
        let at = self.desks[desk].who;
        let seen = match (path, answer) {
            (Path::Batch, false) => self.model.sent(link, at, bytes),
            (Path::Batch, true) => self.model.told(link, at, bytes),
            (Path::Pull, false) => self.model.rode(link, at, bytes),
            (Path::Pull, true) => self.model.answered(link, at, bytes),
            (Path::Hello | Path::Recover | Path::Blob | Path::Bring | Path::WellKnown, _) => Ok(()),
        };
        if let Err(what) = seen {
            self.violate(what);
        }
    }
}
