//! Texts of cases that have been over for long enough: ordered, carried out, and gone.

use std::sync::Arc;

use deskwire_engine::command::erase::{EndSegment, Erase, ErasureDone, of_ticket};
use deskwire_engine::custody::{Custody, Erasure};
use deskwire_proto::time::Timestamp;
use deskwire_store::journal::Text;
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::table::{ERASING, Rows};
use deskwire_store::{EntryRef, Error, JournalReader};

use super::go_on;
use crate::model::token_in;
use crate::world::World;

const YEAR: u64 = 365 * 24 * 3_600_000;

impl World {
    /// Orders the erasure of cases that are kept longer than the desk wants to. Now and then years have gone by for who
    /// looks, and for nobody else.
    pub(super) fn expire(&mut self, desk: usize, custody: &Custody) -> Result<Option<&'static str>, Error> {
        let ahead = if self.care.of_thousand(700) { 2 * YEAR } else { 0 };
        let now = Timestamp(self.desks[desk].clock.at(self.now) + ahead);
        let Some(rows) = self.desks[desk].rows() else { return Ok(None) };
        let tickets = custody.expired(now, 0, &|_| Ok(0), None)?;
        let mut orders = Vec::new();
        for ticket in tickets {
            orders.push(of_ticket(&rows, ticket)?);
        }
        let ordered = orders.iter().any(|what| !what.is_empty());
        for what in orders {
            self.lose_texts(desk, &what);
            self.call(desk, what, |_, _| {});
        }
        self.call(desk, EndSegment, move |world, _| world.carry_erasures(desk));
        Ok(ordered.then_some("cases erased"))
    }

    /// What these actions left cannot be known by its text any more.
    fn lose_texts(&mut self, desk: usize, what: &Erase) {
        let Some(core) = &self.desks[desk].core else { return };
        let texts = what.entries.iter().filter_map(|at| core.journal().read(*at).ok()?.text.into_bytes());
        let tokens: Vec<usize> = texts.filter_map(|text| token_in(&text)).collect();
        self.note(|| format!("desk{desk} erases {:?} of {:?}: {tokens:?}", what.entries.len(), what.tickets));
        self.model.erased(desk, tokens);
    }

    /// Carries out what was ordered, as far as it goes.
    pub(crate) fn carry_erasures(&mut self, desk: usize) {
        let Some(core) = &self.desks[desk].core else { return };
        let (custody, journal) = (core.custody(), Arc::clone(core.journal()));
        let done = match custody.erase_ordered(&mut go_on) {
            Ok(None | Some(Erasure::Stopped)) => Ok(None),
            Ok(Some(Erasure::SegmentOpen)) => {
                self.call(desk, EndSegment, move |world, ended| {
                    if ended.is_ok() {
                        world.carry_erasures(desk);
                    }
                });
                Ok(None)
            }
            Ok(Some(Erasure::Done(orders))) => match orders.iter().find_map(|order| kept(&journal, *order)) {
                Some(at) => Err(Error::BadRow(format!("the text of {at:?} was erased and is there"))),
                None => {
                    self.call(desk, ErasureDone(orders), |_, _| {});
                    Ok(Some("erasures carried out"))
                }
            },
            Err(error) => Err(error),
        };
        self.cared(desk, done);
    }

    /// Takes erasures further that were ordered; whether there are any.
    pub(crate) fn are_erasures_open(&mut self) -> bool {
        let mut open = false;
        for desk in 0..self.at_address.len() {
            let ordered = self.desks[desk].rows().and_then(|rows| rows.list(ERASING, &(), 1).ok());
            if ordered.is_some_and(|ordered| !ordered.is_empty()) {
                open = true;
                self.carry_erasures(desk);
            }
        }
        open
    }
}

/// A text that an order names and that is there all the same.
fn kept(journal: &Arc<dyn JournalReader>, order: EntryRef) -> Option<EntryRef> {
    let Ok(Record::Keep(KeepRecord::Erased { entries, .. })) = Record::read(&journal.read(order).ok()?)
    else {
        return Some(order);
    };
    let is_there = |at: &EntryRef| journal.read(*at).is_ok_and(|entry| matches!(entry.text, Text::Kept(_)));
    entries.into_iter().find(is_there)
}
