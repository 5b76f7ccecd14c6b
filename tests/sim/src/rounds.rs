//! One history from beginning to end: steps of people and faults, then rest, then everything is checked.

use deskwire_engine::sabotage;

use crate::report::Report;
use crate::world::{Config, World};

/// How long everything has to have come to an end, once the network is whole again.
const REST: u64 = 3 * 24 * 3_600_000;
/// Rest is looked for so often.
const LOOK: u64 = 60_000;

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
    if world.broken.is_none() {
        world.come_to_rest();
    }
    world.report.histories = 1;
    world.report.simulated = world.now;
    world.report.messages = world.model.messages();
    match world.broken {
        None => Ok(world.report),
        Some(what) => {
            let trace = world.trace.unwrap_or_default();
            Err(Box::new(Failure { seed: config.seed, steps: done, what, trace }))
        }
    }
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
        let until = self.now + pause;
        self.run_until(until);
        self.check_step();
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
            if (end - self.now) < REST - 6 * 3_600_000 {
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
