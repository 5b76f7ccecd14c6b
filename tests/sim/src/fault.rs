//! What goes wrong: with the network, the clocks, the disks and the processes.

use std::collections::BTreeSet;

use deskwire_store::memory::MemoryStore;

use crate::desk::{self, Clock};
use crate::net::Wall;
use crate::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const YEAR: u64 = 365 * 24 * HOUR;

/// The files of a desk at some moment.
pub(crate) struct Backup {
    pub(crate) who: usize,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// How often its key had been changed.
    pub(crate) rotations: u8,
    /// The actions that it holds.
    pub(crate) held: BTreeSet<usize>,
}

impl World {
    /// Something goes wrong.
    pub(crate) fn some_fault(&mut self) {
        let desk = usize::try_from(self.script.below(self.at_address.len() as u64)).unwrap_or_default();
        match self.script.below(100) {
            0..=11 => self.kill(desk),
            12..=23 => self.power_cut(desk),
            24..=37 => self.crash_within(desk),
            38..=43 => self.fail_sync(desk),
            44..=51 => self.fill_disk(desk),
            52..=54 => self.fail_view(desk),
            55..=62 => self.set_clock(desk),
            63..=71 => self.wall(),
            72..=79 => self.weather(),
            80..=81 => self.stop_in_order(desk),
            82..=83 => self.back_up(desk),
            84..=90 => self.restore(desk),
            91..=94 => self.rotate(desk),
            95..=98 => self.change_mode(desk),
            _ => self.run_twice(desk),
        }
    }

    /// The weather of the beginning.
    pub(crate) fn weather(&mut self) {
        let odd = |script: &mut crate::chance::Chance, most: u64| {
            if script.of_thousand(500) { script.below(most) } else { 0 }
        };
        self.net.loss = odd(&mut self.script, 300);
        self.net.doubles = odd(&mut self.script, 300);
        self.net.cuts = odd(&mut self.script, 100);
        self.net.slowest = self.script.within(10, 4_000);
        self.report.count("changes of weather");
        self.note(|| "another weather".to_owned());
    }

    fn kill(&mut self, desk: usize) {
        if self.desks[desk].runs() {
            self.report.count("kills");
            self.crash(desk, false);
        }
    }

    fn power_cut(&mut self, desk: usize) {
        if self.desks[desk].runs() {
            self.report.count("power cuts");
            self.crash(desk, true);
        }
    }

    /// The process dies in the middle of some operation of its disk.
    fn crash_within(&mut self, desk: usize) {
        let operations = self.script.below(30);
        self.report.count("crashes within the disk");
        self.note(|| format!("desk{desk} will die after {operations} operations of its disk"));
        self.desks[desk].store.disk().crash_after(operations);
    }

    fn fail_sync(&mut self, desk: usize) {
        self.report.count("failing syncs");
        self.desks[desk].store.disk().fail_syncs(1);
    }

    fn fill_disk(&mut self, desk: usize) {
        self.report.count("full disks");
        let room = self.script.below(3_000);
        let disk = self.desks[desk].store.disk();
        disk.set_capacity(Some(disk.used() + room));
        self.note(|| format!("the disk of desk{desk} has {room} bytes left"));
        let pause = self.script.within(1_000, 3 * MINUTE);
        self.after(pause, move |world| world.desks[desk].store.disk().set_capacity(None));
    }

    fn fail_view(&mut self, desk: usize) {
        if self.desks[desk].runs() {
            self.report.count("lost views");
            self.desks[desk].store.fail_view();
            self.crash(desk, false);
        }
    }

    fn set_clock(&mut self, desk: usize) {
        self.report.count("clocks set");
        let (now, shows) = (self.now, self.desks[desk].clock.at(self.now));
        let far = self.script.within(1, 6) * YEAR;
        let (shows, rate) = match self.script.below(6) {
            0 => (shows + far, 1_000),
            1 => (shows.saturating_sub(far), 1_000),
            2 => (shows.saturating_sub(self.script.below(2 * HOUR)), 1_000),
            3 => (shows + self.script.below(2 * HOUR), 1_000),
            4 => (shows, self.script.within(300, 900)),
            _ => (shows, self.script.within(1_100, 3_000)),
        };
        self.note(|| format!("the clock of desk{desk} shows {shows}, and goes at {rate}"));
        self.desks[desk].clock = Clock { shows, since: now, rate };
    }

    /// Nothing passes between two desks, in one direction or both, for a while or every other second.
    fn wall(&mut self) {
        let links = self.links.clone();
        let Some(link) = self.script.pick(&links).copied() else { return };
        let long = if self.script.of_thousand(200) { 6 * HOUR } else { 5 * MINUTE };
        let until = self.now + self.script.within(1_000, long);
        let period = self.script.of_thousand(300).then_some(1_000);
        let way = self.script.below(3);
        self.report.count(match (way, period) {
            (_, Some(_)) => "flapping lines",
            (0, None) => "partitions",
            (_, None) => "one-way partitions",
        });
        for side in 0..2 {
            if way == 0 || way == side + 1 {
                let side = usize::try_from(side).unwrap_or_default();
                self.net
                    .walls
                    .insert((link.ends[side], link.ends[1 - side]), Wall { until, period, refuses: false });
            }
        }
        self.note(|| format!("a wall between {:?} until {until}, {period:?}, way {way}", link.ends));
    }

    fn stop_in_order(&mut self, desk: usize) {
        let one = &mut self.desks[desk];
        if one.sealed.is_some() || !one.building.is_empty() {
            return;
        }
        let Some(core) = &one.core else { return };
        if core.has_group() || core.keeper().close().is_err() {
            return;
        }
        self.report.count("orderly stops");
        self.end(desk);
    }

    fn back_up(&mut self, desk: usize) {
        self.report.count("backups");
        let files = desk::files(&self.desks[desk].store);
        let held = self.model.done(desk);
        let rotations = self.desks[desk].rotations;
        self.backups.push(Backup { who: desk, files, rotations, held });
    }

    /// A desk goes on from an older copy of its disk.
    fn restore(&mut self, desk: usize) {
        let own = self.backups.iter().rposition(|backup| backup.who == desk);
        let Some(place) = own.or(self.backups.len().checked_sub(1)) else { return self.back_up(desk) };
        let desk = self.backups[place].who;
        self.report.count("restored backups");
        self.note(|| format!("desk{desk} is restored from an old backup"));
        if self.desks[desk].runs() {
            self.desks[desk].end();
            self.report.crashes += 1;
        } else {
            // A start that was on its way is void.
            self.desks[desk].generation += 1;
        }
        self.desks[desk].store.kill(0);
        self.desks[desk].store.disk().set_capacity(None);
        desk::put_files(&self.desks[desk].store, &self.backups[place].files);
        self.desks[desk].forget();
        let held = self.backups[place].held.clone();
        let links = self.links_of(desk);
        // A receipt that its partner does not hold has told nobody anything.
        for link in &links {
            let partner = self.partner(desk, *link);
            let stream = self.desks[partner].stream(self.number(partner, *link));
            self.model.told_to_nobody(desk, *link, stream.map_or(0, |stream| stream.acked));
        }
        self.model.restored(desk, &links, &held);
        if self.backups[place].rotations < self.desks[desk].rotations {
            self.report.count("restored backups from before a change of key");
            self.model.voids(desk, &links);
        }
        // Nothing of what it said before is on its way any more when it starts.
        self.start_later(desk, 90_000);
    }

    /// A copy of a desk runs beside it for a while, and asks the partners as if it were the desk.
    fn run_twice(&mut self, desk: usize) {
        if self.desks.len() > self.at_address.len() || !self.desks[desk].runs() {
            return;
        }
        self.report.count("copies run");
        self.note(|| format!("a copy of desk{desk} starts"));
        let mut copy = self.desks[desk].copy();
        let links = self.links_of(desk);
        self.model.copied(desk, &links);
        if let Err(why) = copy.start(self.now) {
            return self.violate(format!("a copy of desk{desk} does not start: {why}"));
        }
        let place = self.desks.len();
        self.desks.push(copy);
        self.supervise(place);
        let life = self.script.within(1_000, 10 * MINUTE);
        self.after(life, move |world| world.desks[place].end());
    }
}

/// The end of a process and its next start.
impl World {
    /// Processes that died where nobody looked are down.
    pub(crate) fn bury(&mut self) {
        for desk in 0..self.desks.len() {
            if self.desks[desk].runs() && self.desks[desk].is_dead() {
                self.dies(desk);
            }
        }
    }

    /// The disk, or the journal, has ended the process.
    pub(crate) fn dies(&mut self, desk: usize) {
        let power = self.chance.of_thousand(500);
        self.crash(desk, power);
    }

    pub(crate) fn crash(&mut self, desk: usize, power: bool) {
        self.note(|| format!("desk{desk} ends, {}", if power { "the power is cut" } else { "killed" }));
        self.report.crashes += 1;
        let store = self.desks[desk].store.clone();
        self.end(desk);
        self.after_the_end(&store, power);
    }

    pub(crate) fn after_the_end(&mut self, store: &MemoryStore, power: bool) {
        if power {
            let seed = self.chance.next();
            store.power_cut(seed);
        } else {
            let lost = usize::try_from(self.chance.below(4)).unwrap_or_default();
            store.kill(lost);
        }
    }

    fn end(&mut self, desk: usize) {
        self.desks[desk].end();
        self.model.ended(desk);
        if desk >= self.at_address.len() {
            return;
        }
        let down = match self.chance.below(10) {
            0..=6 => self.chance.within(5, 5_000),
            7..=8 => self.chance.within(5_000, 5 * MINUTE),
            _ => self.chance.within(5 * MINUTE, 3 * HOUR),
        };
        self.start_later(desk, down);
    }

    pub(crate) fn start_later(&mut self, desk: usize, pause: u64) {
        let generation = self.desks[desk].generation;
        self.after(pause, move |world| {
            if world.desks[desk].generation == generation && !world.desks[desk].runs() {
                world.start(desk);
            }
        });
    }

    fn start(&mut self, desk: usize) {
        if self.chance.of_thousand(100) && !self.quiet {
            // It dies again while it starts.
            let operations = self.chance.below(12);
            self.desks[desk].store.disk().crash_after(operations);
        }
        let now = self.now;
        match self.desks[desk].start(now) {
            Ok(()) => {
                self.note(|| format!("desk{desk} starts"));
                self.check_start(desk);
                self.supervise(desk);
                self.ask_again(desk);
            }
            Err(why) => {
                self.model.ended(desk);
                let store = self.desks[desk].store.clone();
                let dead = self.desks[desk].is_dead();
                let full = store.disk().free().is_some();
                self.desks[desk].end();
                if !dead && !full && !why.contains("sync") {
                    return self.violate(format!("desk{desk} does not start: {why}"));
                }
                self.note(|| format!("desk{desk} does not start: {why}"));
                let power = self.chance.of_thousand(500);
                self.after_the_end(&store, power);
                self.start_later(desk, 10_000);
            }
        }
    }
}
