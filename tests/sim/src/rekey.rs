//! Keys that are changed, and addresses that come and go: what an operator does with a desk that is stopped.

use std::sync::Arc;

use deskwire_engine::Reader;
use deskwire_engine::command::key::{Places, PlanKey, doubtful};
use deskwire_engine::port::SystemClock;
use deskwire_proto::time::Timestamp;

use crate::world::World;

/// Rotations of one desk: its log has room for a few more.
const MOST: u8 = 20;

/// From the beginning some desks have no address, none of them linked with one another.
pub(crate) fn hide(world: &mut World) {
    for desk in 0..world.desks.len() {
        if world.script.of_thousand(180) && world.may_hide(desk) {
            world.desks[desk].end();
            world.desks[desk].renew(0, false);
            world.desks[desk].start(0).expect("a desk without an address starts");
            world.report.count("desks without an address");
        }
    }
}

impl World {
    fn may_hide(&self, desk: usize) -> bool {
        self.links_of(desk).into_iter().all(|link| self.desks[self.partner(desk, link)].reachable)
    }

    /// A desk is stopped and gets an address, or loses it.
    pub(crate) fn change_mode(&mut self, desk: usize) {
        let reachable = !self.desks[desk].reachable;
        // Whoever hides before it knows where its partners are is found by nobody, nor finds them.
        let known = self
            .links_of(desk)
            .into_iter()
            .all(|link| self.known(desk, link).is_some_and(|partner| partner.is_reachable()));
        let may_hide = known && self.may_hide(desk);
        if !(reachable || may_hide) {
            return;
        }
        self.report.count("changes of mode");
        self.note(|| {
            format!("desk{desk} is stopped: it will have {} address", if reachable { "an" } else { "no" })
        });
        self.stop(desk);
        let rotations = self.desks[desk].rotations;
        self.desks[desk].renew(rotations, reachable);
        let pause = self.script.within(500, 20_000);
        self.start_later(desk, pause);
    }

    /// A desk is stopped, and its next key comes into use. Now and then its operator does not vouch for what was said
    /// last.
    pub(crate) fn rotate(&mut self, desk: usize) {
        let theft = self.script.of_thousand(300);
        let since = self.script.below(120_000);
        let pause = self.script.within(500, 20_000);
        if self.desks[desk].rotations >= MOST || !self.desks[desk].runs() {
            return;
        }
        let since = Timestamp(self.desks[desk].clock.at(self.now).saturating_sub(since));
        let unaware = self.unaware(desk);
        self.stop(desk);
        let plan = self.plan(desk, theft.then_some(since));
        let done = plan.and_then(|plan| self.desks[desk].run_stopped(self.now, plan));
        let dead = self.desks[desk].is_dead();
        self.desks[desk].end();
        if dead {
            let store = self.desks[desk].store.clone();
            self.after_the_end(&store, false);
        } else {
            self.desks[desk].store.kill(0);
        }
        match done {
            Ok(()) => {
                self.report.count(if theft { "keys changed after a theft" } else { "keys changed" });
                self.note(|| format!("desk{desk} changes its key, theft: {theft}"));
                let (rotations, reachable) = (self.desks[desk].rotations + 1, self.desks[desk].reachable);
                self.desks[desk].renew(rotations, reachable);
                self.model.voids(desk, &unaware);
                for link in self.links_of(desk) {
                    let partner = self.partner(desk, link);
                    let no = self.number(partner, link);
                    let held = self.desks[partner].stream(no).or_else(|| {
                        // One that is down holds what its disk says.
                        let mut copy = self.desks[partner].copy();
                        copy.start(self.now).ok()?;
                        copy.stream(no)
                    });
                    if let Some(stream) = held {
                        self.model.rekeyed(desk, link, stream.in_length);
                    }
                }
                if theft {
                    let links = self.links_of(desk);
                    self.model.disowned(desk, rotations, &links);
                    // A desk from before cannot know what was disowned.
                    self.backups.retain(|backup| backup.who != desk);
                }
            }
            Err(why) => self.note(|| format!("desk{desk} cannot change its key: {why}")),
        }
        self.start_later(desk, pause);
    }

    /// The links on which a restored desk has not learned yet that it lost something: what it told there under the key that
    /// goes, it does not know.
    fn unaware(&self, desk: usize) -> Vec<usize> {
        let mut links = self.links_of(desk);
        links.retain(|link| !self.has_spoken(desk, *link) || self.has_lost_unknowingly(desk, *link));
        links
    }

    /// Whether a restored desk holds less than it has told its partner, and nothing has shown it that yet, as where both
    /// met but no welcome came through.
    fn has_lost_unknowingly(&self, desk: usize, link: usize) -> bool {
        let stream = self.desks[desk].stream(self.number(desk, link));
        self.model.was_restored(link, desk)
            && stream.is_some_and(|stream| {
                stream.recovery.is_none() && stream.in_length < self.model.told_upto(link, desk)
            })
    }

    fn plan(&mut self, desk: usize, since: Option<Timestamp>) -> Result<PlanKey, String> {
        let one = &mut self.desks[desk];
        let key = one.key(one.rotations + 1).public().commitment();
        let mut places: Places = Vec::new();
        if let Some(since) = since {
            one.start(self.now)?;
            let core = one.core.as_ref().ok_or("it is down")?;
            let reader = Reader::new(core, Arc::new(SystemClock));
            places = doubtful(&reader, since).map_err(|refusal| refusal.to_string())?.0;
            one.end();
            one.store.kill(0);
        }
        Ok(PlanKey { key, places, restored: false })
    }

    /// The process is ended by its operator.
    fn stop(&mut self, desk: usize) {
        self.report.crashes += 1;
        self.desks[desk].end();
        self.model.ended(desk);
        self.desks[desk].store.kill(0);
    }
}
