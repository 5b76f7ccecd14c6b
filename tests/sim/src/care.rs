//! The care of a desk's store while everything else goes on: segments are rewritten without what is not needed any more,
//! snapshots are made, texts and files go, all is read over. Whatever dies in the middle, the view folded anew from what
//! is left is the same.

mod erasing;
mod sweeping;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_engine::command::erase::EndSegment;
use deskwire_engine::command::keep::FetchAgain;
use deskwire_engine::custody::{Custody, Finding};
use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::row::{Author, LinkState};
use deskwire_store::table::{FILES, Rows};
use deskwire_store::{BlobId, Error};

use crate::world::World;

pub(crate) use sweeping::Orphans;

/// One part of the care, as the product's thread does it one after the other.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// A snapshot of all closed segments.
    Snapshot,
    /// Closed segments are rewritten without what is not needed any more.
    GiveBack,
    /// Every byte is looked at.
    Scrub,
    /// Some file on the disk is damaged, and then every byte is looked at.
    Damage,
    /// Cases that have been over for long enough lose their texts.
    Expire,
    /// Answers and files that nobody asks for any more go.
    Sweep,
}

impl World {
    /// Some part of the care of some desk.
    pub(crate) fn some_care(&mut self) {
        let desks: Vec<usize> = (0..self.at_address.len()).filter(|desk| self.desks[*desk].runs()).collect();
        let Some(&desk) = self.care.pick(&desks) else { return };
        let part = match self.care.below(100) {
            0..=24 => Part::Snapshot,
            25..=59 => Part::GiveBack,
            60..=69 => Part::Scrub,
            70..=74 => Part::Damage,
            75..=89 => Part::Expire,
            _ => Part::Sweep,
        };
        if self.care.of_thousand(400) {
            return self.care_for(desk, part);
        }
        // What is written to now is a closed segment afterwards, as on a desk that has run for months.
        self.call(desk, EndSegment, move |world, _| {
            world.call(desk, EndSegment, move |world, ended| {
                if ended.is_ok() {
                    world.care_for(desk, part);
                }
            });
        });
    }

    fn care_for(&mut self, desk: usize, part: Part) {
        let Some(core) = &self.desks[desk].core else { return };
        let custody = core.custody();
        self.note(|| format!("desk{desk} cares for its store: {part:?}"));
        let done = match part {
            Part::Snapshot => custody.snapshot(&mut go_on).map(|made| made.map(|_| "snapshots")),
            Part::GiveBack => custody
                .give_back(&mut |_| true, 0, &mut go_on)
                .map(|given| (given.segments > 0).then_some("rewritings of segments")),
            Part::Scrub => self.read_over(desk, &custody),
            Part::Damage => {
                self.damage(desk);
                self.read_over(desk, &custody)
            }
            Part::Expire => self.expire(desk, &custody),
            Part::Sweep => self.sweep(desk, &custody),
        };
        self.cared(desk, done);
    }

    /// What became of it. A disk that is full, fails to sync or dies is met here as anywhere; the next care does it again.
    fn cared(&mut self, desk: usize, done: Result<Option<&'static str>, Error>) {
        if self.desks[desk].runs() && self.desks[desk].is_dead() {
            self.report.count("care cut short");
            return self.dies(desk);
        }
        match done {
            Ok(what) => what.into_iter().for_each(|what| self.report.count(what)),
            Err(Error::Full { .. } | Error::Io { .. }) => self.report.count("care in vain"),
            Err(error) => self.violate(format!("desk{desk}: the care of its store fails: {error}")),
        }
    }
}

/// The look at every byte.
impl World {
    /// All that is stored is as it was written, and the view is what the newest snapshot and the journal say.
    fn read_over(&mut self, desk: usize, custody: &Custody) -> Result<Option<&'static str>, Error> {
        for finding in custody.scrub(&mut go_on)?.findings {
            if self.desks[desk].is_dead() {
                return Ok(None);
            }
            match finding {
                Finding::Snapshot(..) if self.damaged.contains(&desk) => {
                    self.report.count("damaged snapshots found");
                }
                Finding::Blob(id, files) if self.damaged.contains(&desk) => {
                    self.fetch_again(desk, custody, id, files)?;
                }
                // The disk was told to fail; it is read over again.
                Finding::Unread(_, reason) if reason.contains("simulated failure") => {
                    self.report.count("care in vain");
                }
                finding => return Err(Error::BadRow(finding.words())),
            }
        }
        Ok(Some("stores read over"))
    }

    /// At rest nothing is found, but what was damaged and could not be had again.
    pub(crate) fn check_stored(&self, desk: usize) -> Result<(), String> {
        let core = self.desks[desk].core.as_ref().ok_or("the desk is down")?;
        let found = core.custody().scrub(&mut go_on).map_err(|error| format!("desk{desk}: {error}"))?;
        let damaged = self.damaged.contains(&desk);
        let wrong = found.findings.into_iter().find(|finding| match finding {
            Finding::Snapshot(..) | Finding::Blob(..) => !damaged,
            _ => true,
        });
        wrong.map_or(Ok(()), |wrong| Err(format!("desk{desk}: {}", wrong.words())))
    }

    /// A damaged file comes again from those partners who can be asked for it.
    fn fetch_again(
        &mut self,
        desk: usize,
        custody: &Custody,
        id: BlobId,
        files: Vec<(FileNo, bool)>,
    ) -> Result<(), Error> {
        let mut files: Vec<FileNo> =
            files.into_iter().filter(|(_, partner)| *partner).map(|(file, _)| file).collect();
        files.retain(|file| self.can_be_asked(desk, *file));
        if files.is_empty() {
            return Ok(());
        }
        custody.set_blob_aside(&id)?;
        self.report.count("damaged files fetched again");
        files.into_iter().for_each(|file| self.call(desk, FetchAgain(file), |_, _| {}));
        Ok(())
    }

    fn can_be_asked(&mut self, desk: usize, file: FileNo) -> bool {
        let row = self.desks[desk].rows().and_then(|rows| rows.get(FILES, &file).ok()?);
        let Some(Author::Partner(no)) = row.map(|row| row.author) else { return false };
        let Some(link) = self.link_by_number(desk, no) else { return false };
        self.known(desk, link)
            .is_some_and(|partner| partner.row.state == LinkState::Active && partner.is_reachable())
    }

    /// A bit of a snapshot, or of a file that came from a partner, is another one than was written.
    fn damage(&mut self, desk: usize) {
        let disk = self.desks[desk].store.disk().clone();
        let Some(rows) = self.desks[desk].rows() else { return };
        let files = rows.list(FILES, &(), usize::MAX).unwrap_or_default();
        let of_partners: BTreeSet<String> = files
            .into_iter()
            .filter(|(_, row)| matches!(row.author, Author::Partner(_)))
            .map(|(_, row)| BlobId(*row.blob.as_bytes()).to_string())
            .collect();
        let mut names = disk.names();
        names.retain(|name| {
            name.ends_with(".snap") || name.rsplit('/').next().is_some_and(|name| of_partners.contains(name))
        });
        let Some(name) = self.care.pick(&names) else { return };
        let Some(mut bytes) = disk.content(name).filter(|bytes| !bytes.is_empty()) else { return };
        let bit = self.care.below(bytes.len() as u64 * 8);
        bytes[usize::try_from(bit / 8).unwrap_or_default()] ^= 1 << (bit % 8);
        disk.set_content(name, bytes);
        self.damaged.insert(desk);
        self.report.count("flipped bits");
        self.note(|| format!("bit {bit} of {name} of desk{desk} is flipped"));
    }
}

/// Whether what is not needed any more may be missing in the journal that is read, since the desk started last.
#[derive(Debug, Default)]
pub(crate) struct Thinned {
    rewritten: BTreeSet<u64>,
    pub(crate) lacks: bool,
}

impl Thinned {
    pub(crate) fn of(custody: &Custody) -> Self {
        Self { rewritten: custody.rewritten(), lacks: false }
    }

    /// The reader has come to a record of this segment.
    pub(crate) fn reach(&mut self, segment: u64) {
        let later = self.rewritten.split_off(&segment);
        self.lacks |= !self.rewritten.is_empty() || later.contains(&segment);
        self.rewritten = later;
    }

    /// The reader has come to a start of the desk, which has no session.
    pub(crate) fn start(&mut self, sessions: &mut BTreeSet<LinkNo>) {
        sessions.clear();
        self.lacks = false;
    }
}

/// Nobody hurries.
const fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
