//! One history from beginning to end: steps of people and faults, then rest, then everything is checked.

use deskwire_engine::sabotage;

use crate::net::Wall;
use crate::report::Report;
use crate::world::{Config, World};

const HOUR: u64 = 3_600_000;
/// How long everything has to have come to an end, once the network is whole again.
const REST: u64 = 3 * 24 * HOUR;
/// Rest is looked for so often.
const LOOK: u64 = 60_000;

/// How many messages arrived while the lines flapped.
pub const ARRIVED: &str = "messages over flapping lines";

/// A history that went wrong.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Steps after which it went wrong.
    pub steps: usize,
    /// What is wrong.
    pub what: String,
    /// What happened, if it was written down.
    pub trace: Vec<String>,
}

/// Runs one history.
///
/// # Errors
/// The first thing that is wrong.
pub fn run(config: &Config) -> Result<Report, Box<Failure>> {
    sabotage::make(config.mutant.and_then(crate::Mutant::sabotage));
    let outcome = history(config);
    sabotage::make(None);
    outcome
}

fn history(config: &Config) -> Result<Report, Box<Failure>> {
    let mut world = World::new(config);
    let drawn = usize::try_from(world.script.within(25, 75)).unwrap_or(25) * world.length;
    let steps = config.steps.map_or(drawn, |most| most.min(drawn));
    world.weather();
    let mut done = 0;
    while done < steps && world.broken.is_none() {
        done += 1;
        world.step();
    }
    world.finish(config, done)
}

/// Runs an hour in which every line is up for a second and down for the next one; `refuses` says what it does then.
/// People speak in its first half.
///
/// # Errors
/// The first thing that is wrong.
pub fn flapping_hour(config: &Config, refuses: bool) -> Result<Report, Box<Failure>> {
    let mut world = World::new(config);
    for link in world.links.clone() {
        let [one, other] = link.ends;
        for way in [(one, other), (other, one)] {
            world.net.walls.insert(way, Wall { until: HOUR, period: Some(1_000), refuses });
        }
    }
    let mut done = 0;
    while world.now < HOUR / 2 && world.broken.is_none() {
        done += 1;
        world.some_act();
        let pause = world.script.within(1_000, 30_000);
        world.pass(pause);
    }
    while world.now < HOUR && world.broken.is_none() {
        world.pass(LOOK);
    }
    for desk in 0..world.desks.len() {
        for link in world.links_of(desk) {
            let acked = world.desks[desk].stream(world.number(desk, link)).map_or(0, |stream| stream.acked);
            *world.report.counts.entry(ARRIVED).or_default() += acked;
        }
    }
    world.finish(config, done)
}

/// The shortest beginning of a failed history that, brought to rest, still fails, as far as halving finds it.
#[must_use]
pub fn shrink(config: &Config, failure: &Failure) -> Failure {
    let mut shortest = failure.clone();
    let (mut low, mut high) = (0, failure.steps);
    while low < high {
        let middle = usize::midpoint(low, high);
        match run(&Config { steps: Some(middle), trace: false, ..config.clone() }) {
            Err(failed) => {
                high = middle;
                shortest = Failure { steps: middle, ..*failed };
            }
            Ok(_) => low = middle + 1,
        }
    }
    shortest
}

impl World {
    fn step(&mut self) {
        if self.care.of_thousand(120) {
            self.some_care();
        }
        if self.script.of_thousand(180) {
            self.some_fault();
        } else {
            // People come in bursts.
            for _ in 0..self.script.within(1, 3) {
                self.some_act();
            }
        }
        let pause = match self.script.below(100) {
            0..=54 => self.script.below(60),
            55..=84 => self.script.below(3_000),
            85..=96 => self.script.below(120_000),
            _ => self.script.below(7_200_000),
        };
        self.pass(pause);
    }

    /// Time goes by.
    fn pass(&mut self, pause: u64) {
        let until = self.now + pause;
        self.run_until(until);
        self.check_step();
    }

    /// Brings everything to rest, and says what there was.
    fn finish(mut self, config: &Config, steps: usize) -> Result<Report, Box<Failure>> {
        if self.broken.is_none() {
            self.come_to_rest();
        }
        self.report.histories = 1;
        self.report.simulated = self.now;
        self.report.messages = self.model.messages();
        match self.broken {
            None => Ok(self.report),
            Some(what) => {
                let trace = self.trace.unwrap_or_default();
                Err(Box::new(Failure { seed: config.seed, steps, what, trace }))
            }
        }
    }

    fn come_to_rest(&mut self) {
        self.quiet = true;
        self.rest_began = self.now;
        self.note(|| "the network is whole again".to_owned());
        self.net.walls.clear();
        (self.net.loss, self.net.doubles, self.net.cuts, self.net.slowest) = (0, 0, 0, 50);
        let originals = self.at_address.len();
        for desk in originals..self.desks.len() {
            let who = self.desks[desk].who;
            self.desks[desk].end();
            // Whoever has ended a copy starts the desk anew: it learns then what the copy has said.
            self.crash(who, false);
        }
        for desk in 0..originals {
            let disk = self.desks[desk].store.disk();
            disk.set_capacity(None);
            disk.fail_syncs(0);
            if !self.desks[desk].is_dead() {
                disk.crash_after(u64::MAX - 1);
            }
        }
        let end = self.now + REST;
        while self.broken.is_none() {
            if self.now >= end {
                let waits = self.what_waits();
                return self.violate(format!("after three days of rest: {waits}"));
            }
            let until = self.now + LOOK;
            self.run_until(until);
            self.bury();
            if !self.are_erasures_open() && self.is_at_rest() {
                break;
            }
            if (end - self.now) < REST - 6 * HOUR {
                self.operators_look();
            }
            (0..self.at_address.len()).for_each(|desk| self.people_look(desk));
        }
        if self.broken.is_none() {
            self.check_all();
        }
    }

    /// Callers without an answer ask again, and operators send again what was parked.
    fn people_look(&mut self, desk: usize) {
        self.ask_again(desk);
        for link in self.links_of(desk) {
            let no = self.number(desk, link);
            if self.desks[desk].stream(no).is_some_and(|stream| stream.parked > 0) {
                if self.now < self.rest_began + 600_000 {
                    self.send_again(desk, link);
                } else {
                    // What cannot be said any more stays parked until somebody drops it.
                    self.drop_all(desk, link);
                }
            }
        }
    }

    /// Operators let refused links go on.
    fn operators_look(&mut self) {
        for desk in 0..self.at_address.len() {
            for link in self.links_of(desk) {
                if self.desks[desk].runs() {
                    self.resume(desk, link);
                }
            }
        }
        for link in 0..self.links.len() {
            self.operators_mend(link);
            self.operators_find(link);
        }
    }
}
