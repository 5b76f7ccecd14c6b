//! The world of one history: the desks, what happens when, and what has gone wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deskwire_engine::command::tick::Tick;
use deskwire_engine::port::Effect;
use deskwire_engine::{Command, Refusal};
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_proto::time::Timestamp;
use deskwire_store::WriteError;
use deskwire_store::local::LinkNo;

use crate::chance::Chance;
use crate::desk::{Desk, Fate, Release, Work, woken};
use crate::model::Model;
use crate::mutant::Mutant;
use crate::net::Net;
use crate::report::Report;

/// What one history is made from.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many steps at most; as many as the seed says, if not given.
    pub steps: Option<usize>,
    /// How many times as long as usual; 0 is 1.
    pub length: usize,
    /// Whether what happens is written down.
    pub trace: bool,
    /// The mistake that is made.
    pub mutant: Option<Mutant>,
}

/// A link between two desks, by their places.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The two desks; the first has invited.
    pub ends: [usize; 2],
    /// Each side's own number of it.
    pub numbers: [LinkNo; 2],
}

impl Link {
    /// Which side of it a desk is.
    #[must_use]
    pub const fn side(&self, who: usize) -> usize {
        if self.ends[0] == who { 0 } else { 1 }
    }
}

pub(crate) type Happening = Box<dyn FnOnce(&mut World)>;

/// A process: what began in an earlier one is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) desk: usize,
    pub(crate) generation: u64,
}

/// Everything.
pub struct World {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// The desks; copies of desks come behind the others.
    pub desks: Vec<Desk>,
    /// The links.
    pub links: Vec<Link>,
    /// Which process answers at a desk's address.
    pub at_address: Vec<usize>,
    /// What should be.
    pub model: Model,
    /// What there was.
    pub report: Report,
    /// What happened, if it is written down.
    pub trace: Option<Vec<String>>,
    /// What has gone wrong first.
    pub broken: Option<String>,
    /// What acts and faults are drawn from.
    pub script: Chance,
    /// What the network and the disks draw from.
    pub chance: Chance,
    /// What the care of the stores is drawn from.
    pub care: Chance,
    /// The mistake that is made.
    pub mutant: Option<Mutant>,
    /// Histories are so many times as long.
    pub length: usize,
    /// No new faults: the history comes to its end.
    pub quiet: bool,
    /// When the network became whole.
    pub rest_began: u64,
    pub(crate) net: Net,
    pub(crate) backups: Vec<crate::fault::Backup>,
    /// Desks with files that were damaged on purpose.
    pub(crate) damaged: BTreeSet<usize>,
    pub(crate) orphans: crate::care::Orphans,
    events: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    pace: Pace,
}

/// How much happens at one moment, and within one minute.
#[derive(Debug, Default)]
struct Pace {
    moment: (u64, u32),
    minute: (u64, u32),
}

/// More at one moment is a loop without a pause.
const MOMENT_MOST: u32 = 10_000;
/// More within a minute is a loop with pauses that are too short.
const MINUTE_MOST: u32 = 30_000;

impl Pace {
    /// One more thing happens now; whether that is bearable.
    fn bears(&mut self, now: u64) -> bool {
        let more = |(at, count): &mut (u64, u32), place: u64| {
            *count = if *at == place { *count + 1 } else { 1 };
            *at = place;
            *count
        };
        more(&mut self.moment, now) <= MOMENT_MOST && more(&mut self.minute, now / 60_000) <= MINUTE_MOST
    }
}

const HOUR: u64 = 3_600_000;

impl World {
    /// Desks, running and linked, as the seed says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut script = Chance::new(config.seed, 1);
        let ends = topology(&mut script);
        let count = ends.iter().flatten().max().map_or(0, |last| last + 1);
        let mut world = Self {
            now: 0,
            desks: (0..count).map(|who| Desk::new(who, config.seed.wrapping_mul(1_000_003))).collect(),
            links: Vec::new(),
            at_address: (0..count).collect(),
            model: Model::default(),
            report: Report::default(),
            trace: config.trace.then(Vec::new),
            broken: None,
            script,
            chance: Chance::new(config.seed, 2),
            care: Chance::new(config.seed, 3),
            mutant: config.mutant,
            length: config.length.max(1),
            quiet: false,
            rest_began: 0,
            net: Net::default(),
            backups: Vec::new(),
            damaged: BTreeSet::new(),
            orphans: crate::care::Orphans::default(),
            events: BTreeMap::new(),
            serial: 0,
            pace: Pace::default(),
        };
        world.desks.iter_mut().for_each(|desk| desk.start(0).expect("an empty desk starts"));
        for pair in ends {
            crate::linking::link(&mut world, pair, &terms());
        }
        crate::rekey::hide(&mut world);
        for desk in 0..count {
            world.desks[desk].store.disk().lie_about_syncs(config.mutant == Some(Mutant::DiskLies));
            world.supervise(desk);
        }
        world
    }

    /// Writes down what happens.
    pub fn note(&mut self, words: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12} {}", self.now, words()));
        }
    }

    /// Something is wrong: the history ends here.
    pub fn violate(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("WRONG: {what}"));
        if self.trace.is_some() {
            self.note_streams();
        }
        self.broken.get_or_insert(what);
    }

    /// Writes down where all streams stand.
    fn note_streams(&mut self) {
        for desk in 0..self.desks.len() {
            for link in self.links_of(desk) {
                let no = self.number(desk, link);
                let (row, stream) = (self.desks[desk].link(no), self.desks[desk].stream(no));
                self.note(|| format!("desk{desk}, link {link}: {:?}\n{stream:?}", row.map(|row| row.state)));
            }
            for line in self.desks[desk].told() {
                self.note(|| format!("desk{desk} has {line}"));
            }
        }
    }

    /// Lets something happen later.
    pub(crate) fn after(&mut self, milliseconds: u64, what: impl FnOnce(&mut Self) + 'static) {
        self.serial += 1;
        self.events.insert((self.now + milliseconds, self.serial), Box::new(what));
    }

    /// A number that is given once.
    pub(crate) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Lets everything happen that is due up to a moment.
    pub fn run_until(&mut self, moment: u64) {
        while self.broken.is_none() {
            match self.events.first_key_value() {
                Some((&(at, _), _)) if at <= moment => {}
                Some(_) | None => break,
            }
            let Some(((at, _), what)) = self.events.pop_first() else { break };
            self.now = self.now.max(at);
            if !self.pace.bears(self.now) {
                return self.violate(format!("livelock: at {} ms the desks never stop", self.now));
            }
            what(self);
            self.report.events += 1;
        }
        self.now = self.now.max(moment);
    }

    pub(crate) fn process(&self, desk: usize) -> Process {
        Process { desk, generation: self.desks[desk].generation }
    }

    pub(crate) fn lives(&self, process: Process) -> bool {
        let desk = &self.desks[process.desk];
        desk.generation == process.generation && desk.runs()
    }

    /// The number that a desk has given to a link.
    #[must_use]
    pub fn number(&self, desk: usize, link: usize) -> LinkNo {
        let link = self.links[link];
        link.numbers[link.side(self.desks[desk].who)]
    }

    /// The desk at the other end of a link.
    #[must_use]
    pub fn partner(&self, desk: usize, link: usize) -> usize {
        let link = self.links[link];
        link.ends[1 - link.side(self.desks[desk].who)]
    }

    /// The links of a desk.
    #[must_use]
    pub fn links_of(&self, desk: usize) -> Vec<usize> {
        let who = self.desks[desk].who;
        (0..self.links.len()).filter(|link| self.links[*link].ends.contains(&who)).collect()
    }

    /// The link that a desk knows by this number.
    #[must_use]
    pub fn link_by_number(&self, desk: usize, no: LinkNo) -> Option<usize> {
        self.links_of(desk).into_iter().find(|link| self.number(desk, *link) == no)
    }
}

/// The two stages of the writer, as the product's threads run them.
impl World {
    /// Has a desk's engine run a command; the answer comes when its group is on stable storage. Nothing comes of it if
    /// the desk is down or goes down before.
    pub(crate) fn call<C: Command>(
        &mut self,
        desk: usize,
        command: C,
        then: impl FnOnce(&mut Self, Result<C::Reply, Refusal>) + 'static,
    ) {
        let now = self.now;
        let Some(outcome) = self.desks[desk].step(now, command) else { return };
        if self.desks[desk].is_dead() {
            return self.dies(desk);
        }
        if let Err(refusal) = &outcome
            && refusal.fault == deskwire_engine::Fault::Ours
        {
            let words = format!("{}: the engine failed: {refusal}", self.desks[desk].name());
            return self.violate(words);
        }
        if self.mutant == Some(Mutant::ReplyBeforeCommit) {
            self.schedule_launch(desk);
            return then(self, outcome);
        }
        self.desks[desk].building.push(Box::new(move |world, fate| match fate {
            Fate::Done => then(world, outcome),
            Fate::Full => then(world, Err(Refusal::disk_full())),
        }));
        self.schedule_launch(desk);
    }

    pub(crate) fn schedule_launch(&mut self, desk: usize) {
        let one = &self.desks[desk];
        if one.launching || one.sealed.is_some() || !one.runs() {
            return;
        }
        self.desks[desk].launching = true;
        let process = self.process(desk);
        let pause = self.chance.below(3);
        self.after(pause, move |world| {
            if world.lives(process) {
                world.desks[desk].launching = false;
                world.launch(desk);
            }
        });
    }

    /// Seals what was built and has it synced.
    fn launch(&mut self, desk: usize) {
        let one = &mut self.desks[desk];
        let Some(core) = &mut one.core else { return };
        let releases = std::mem::take(&mut one.building);
        match core.seal() {
            None => {
                let effects = core.take_effects();
                self.release(desk, releases);
                self.carry_out(desk, effects);
            }
            Some(group) => {
                one.syncing = releases;
                one.sealed = Some(group);
                let process = self.process(desk);
                let pause = self.chance.within(1, 8);
                self.after(pause, move |world| {
                    if world.lives(process) {
                        world.sync(desk);
                    }
                });
            }
        }
    }

    fn sync(&mut self, desk: usize) {
        let one = &mut self.desks[desk];
        let (Some(sink), Some(group)) = (&mut one.sink, &one.sealed) else { return };
        let written = sink.write(std::slice::from_ref(Arc::as_ref(group)));
        self.report.groups += 1;
        let process = self.process(desk);
        let pause = self.chance.below(3);
        self.after(pause, move |world| {
            if world.lives(process) {
                world.land(desk, written);
            }
        });
    }

    fn land(&mut self, desk: usize, written: Result<deskwire_store::Position, WriteError>) {
        let one = &mut self.desks[desk];
        one.sealed = None;
        let Some(core) = &mut one.core else { return };
        match core.land(written) {
            Ok(effects) => {
                let releases = std::mem::take(&mut one.syncing);
                self.release(desk, releases);
                self.carry_out(desk, effects);
                self.schedule_launch(desk);
            }
            Err(WriteError::Full(_)) => {
                let mut lost = std::mem::take(&mut one.syncing);
                lost.append(&mut one.building);
                let fate =
                    if self.mutant == Some(Mutant::FullDiskAnswered) { Fate::Done } else { Fate::Full };
                self.report.count("full disk met");
                lost.into_iter().for_each(|release| release(self, fate));
            }
            Err(WriteError::Fatal(why)) => {
                if self.mutant == Some(Mutant::FailedSyncAnswered) {
                    let releases = std::mem::take(&mut one.syncing);
                    releases.into_iter().for_each(|release| release(self, Fate::Done));
                }
                self.note(|| format!("desk{desk} stops: {why}"));
                self.dies(desk);
            }
        }
    }

    /// Lets answers go whose group is on stable storage. A process that its disk has ended meanwhile answers nobody.
    fn release(&mut self, desk: usize, releases: Vec<Release>) {
        let process = self.process(desk);
        for release in releases {
            if self.lives(process) && !self.desks[desk].is_dead() {
                release(self, Fate::Done);
            }
        }
    }

    fn carry_out(&mut self, desk: usize, effects: impl IntoIterator<Item = Effect>) {
        for (work, no) in woken(effects) {
            let Some(link) = self.link_by_number(desk, no) else { continue };
            match work {
                Work::Courier => self.ring(desk, link),
                Work::Early => self.try_early(desk, link),
                Work::Files => self.fetch(desk, link),
            }
        }
    }

    /// What a starting daemon does with its links.
    pub(crate) fn supervise(&mut self, desk: usize) {
        self.tick(desk);
        for link in self.links_of(desk) {
            self.desks[desk].couriers.insert(link, crate::courier::Courier::default());
            if !self.desks[desk].reachable {
                self.desks[desk].pullers.insert(link, crate::pull::Puller::default());
            }
            self.ring(desk, link);
            self.fetch(desk, link);
        }
    }
}

impl World {
    /// Does what is due by time, and comes back when more is due, at least once an hour.
    fn tick(&mut self, desk: usize) {
        self.call(desk, Tick, move |world, next| {
            let local = Timestamp(world.desks[desk].clock.at(world.now));
            let due = next.ok().flatten().map_or(HOUR, |next| next.since(local));
            let process = world.process(desk);
            world.after(due.clamp(1_000, HOUR), move |world| {
                if world.lives(process) {
                    world.tick(desk);
                }
            });
        });
    }
}

/// Chains of three and four, pairs, and a hub.
fn topology(script: &mut Chance) -> Vec<[usize; 2]> {
    match script.below(20) {
        0..=7 => vec![[0, 1], [1, 2]],
        8..=11 => vec![[0, 1], [1, 2], [2, 3]],
        12..=17 => vec![[0, 1]],
        18 => (1..=4).map(|leaf| [0, leaf]).collect(),
        _ => (1..=usize::try_from(script.within(6, 19)).unwrap_or(6)).map(|leaf| [0, leaf]).collect(),
    }
}

/// Everything but the name of the company may travel.
fn terms() -> Terms {
    let fields = FieldName::ALL.into_iter().filter(|field| *field != FieldName::Company).collect();
    Terms { fields, ..Terms::default() }
}
