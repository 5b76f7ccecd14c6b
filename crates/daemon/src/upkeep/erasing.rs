//! Erasures: what people order, what partners ask for, and what is kept longer than the desk wants to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use deskwire_engine::command::erase::{EndSegment, Erase, ErasureDone, of_ticket};
use deskwire_engine::custody::{Erasure, agreed_retention, expired_texts};
use deskwire_engine::query::{ErasureWork, erasure_work};
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::table::{ERASING, OPEN_ERASURES, Rows};

use super::Keeper;
use crate::erased::ErasedList;

/// So many times as long as a look or an erasure has taken, the next one is not begun: partners cause them, and the thread has
/// other work.
const PAUSE: u32 = 9;
/// When what has failed is tried again.
const AGAIN: Duration = Duration::from_secs(20);

/// When erasures are looked at, and what was written down of them.
pub(super) struct Erasing {
    list: ErasedList,
    /// Nothing is looked at before that.
    rests: Instant,
}

impl Erasing {
    pub(super) fn new(list: PathBuf) -> Self {
        Self { list: ErasedList::new(list), rests: Instant::now() }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

impl Keeper {
    /// Takes erasures further, as far as anything is to be done: what partners ask for is looked for, what could not be said
    /// before is said, what was ordered goes from this disk, what is done everywhere is acknowledged.
    pub(super) fn erase(&self, erasing: &mut Erasing) {
        let begin = Instant::now();
        if begin < erasing.rests || !erasing.list.waits() && !self.is_anything_open() {
            return;
        }
        let carried = self.carry_erasures();
        let erased = self.erase_ordered(&mut erasing.list);
        let carried = carried.and_then(|()| self.carry_erasures());
        let mut pause = begin.elapsed() * PAUSE;
        for error in [carried.err(), erased.err()].into_iter().flatten() {
            tracing::error!(%error, "an erasure could not be taken further; it is tried again");
            pause = pause.max(AGAIN);
        }
        erasing.rests = Instant::now() + pause;
    }

    fn is_anything_open(&self) -> bool {
        let reader = self.engine.reader();
        let open = reader.rows().list(OPEN_ERASURES, &(), 1).map(|open| !open.is_empty());
        let ordered = reader.rows().list(ERASING, &(), 1).map(|ordered| !ordered.is_empty());
        // What cannot be read is told by what does it.
        open.unwrap_or(true) || ordered.unwrap_or(true)
    }

    fn carry_erasures(&self) -> Done {
        for work in erasure_work(self.engine.reader(), &mut || self.waits(Duration::ZERO))? {
            if self.waits(Duration::ZERO) {
                return Ok(());
            }
            let done = match work {
                ErasureWork::Adopt(adopt) => self.runtime.block_on(self.engine.call(adopt)),
                ErasureWork::Carry(carry) => self.runtime.block_on(self.engine.call(*carry)),
                ErasureWork::Finish(finish) => self.runtime.block_on(self.engine.call(finish)),
            };
            if let Err(refusal) = done {
                tracing::warn!(%refusal, "one erasure could not be taken further; the others are");
            }
        }
        Ok(())
    }

    /// Carries out the erasures that were ordered, once they are written down beside the store.
    fn erase_ordered(&self, list: &mut ErasedList) -> Done {
        loop {
            list.note(&self.custody)?;
            match self.custody.erase_ordered(&mut self.pace(0))? {
                None | Some(Erasure::Stopped) => return Ok(()),
                Some(Erasure::SegmentOpen) => self.runtime.block_on(self.engine.call(EndSegment))?,
                Some(Erasure::Done(orders)) => {
                    let count = orders.len() as u64;
                    self.runtime.block_on(self.engine.call(ErasureDone(orders)))?;
                    self.cared.erasures.add(count);
                    tracing::info!(count, "erasures were carried out");
                }
            }
        }
    }

    /// Orders the erasure of what is kept longer than the desk wants to and has agreed to: cases, and what no case shows.
    pub(super) fn expire(&self) {
        let Some(retention) = self.retention else { return };
        self.expire_cases(retention);
        if let Err(error) = self.expire_texts(retention) {
            tracing::warn!(%error, "texts that no case shows and that are kept too long could not be erased");
        }
    }

    fn expire_cases(&self, retention: u64) {
        let agreed = |no: LinkNo| agreed_retention(self.engine.reader(), no);
        let mut after: Option<TicketNumber> = None;
        loop {
            let tickets = match self.custody.expired(self.engine.now(), retention, &agreed, after) {
                Ok(tickets) => tickets,
                Err(error) => return tracing::warn!(%error, "cases that are kept too long cannot be found"),
            };
            if tickets.is_empty() || self.waits(Duration::ZERO) {
                return;
            }
            after = tickets.last().copied();
            for ticket in tickets {
                match self.expire_one(ticket) {
                    Ok(()) => self.cared.expired.add(1),
                    Err(error) => {
                        tracing::warn!(%error, %ticket, "a case that is kept too long could not be erased")
                    }
                }
            }
        }
    }

    /// Texts of offers that were refused when they came, and the like.
    fn expire_texts(&self, retention: u64) -> Done {
        let mut after = None;
        loop {
            let found = expired_texts(self.engine.reader(), self.engine.now(), retention, after)?;
            if self.waits(Duration::ZERO) {
                return Ok(());
            }
            let what = Erase { entries: found.entries, ..Erase::default() };
            if !what.is_empty() {
                tracing::info!(count = what.entries.len(), "texts that no case shows were kept long enough");
                self.runtime.block_on(self.engine.call(what))?;
            }
            after = found.after;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn expire_one(&self, ticket: TicketNumber) -> Done {
        let what = of_ticket(self.engine.reader().rows(), ticket)?;
        self.runtime.block_on(self.engine.call(what)).map(drop)?;
        Ok(())
    }
}
