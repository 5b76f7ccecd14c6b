//! What there was in a history, in numbers.

use std::collections::BTreeMap;
use std::fmt;

/// Counts of one history, or of many.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Histories.
    pub histories: u64,
    /// Things that happened.
    pub events: u64,
    /// Groups that were written.
    pub groups: u64,
    /// Requests between desks.
    pub requests: u64,
    /// Bytes between desks.
    pub bytes: u64,
    /// Messages at stake, each counted once.
    pub messages: u64,
    /// Actions of people that were answered.
    pub acts: u64,
    /// Actions that were refused in words.
    pub refused: u64,
    /// Ends of processes.
    pub crashes: u64,
    /// Milliseconds that went by in the simulation.
    pub simulated: u64,
    /// Everything else by name, faults above all.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Counts one more of this kind.
    pub fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.events += other.events;
        self.groups += other.groups;
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.messages += other.messages;
        self.acts += other.acts;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.simulated += other.simulated;
        for (name, count) in &other.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} histories, {} days simulated, {} actions answered ({} refused), {} messages, {} requests, {} KiB, \
             {} groups, {} crashes",
            self.histories,
            self.simulated / 86_400_000,
            self.acts,
            self.refused,
            self.messages,
            self.requests,
            self.bytes / 1_024,
            self.groups,
            self.crashes,
        )?;
        let counts: Vec<String> = self.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        write!(f, "{}", counts.join(", "))
    }
}
