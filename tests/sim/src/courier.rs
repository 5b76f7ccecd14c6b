//! The courier of one link, as the product's: hello, welcome, batches with up to four of them in flight, and the wait
//! for the next try by the engine's stored schedule.

use std::time::Duration;

use deskwire_engine::command::link::{Contact, DeliveryFailed, PauseTold, Resume, TakeDescriptor};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{Opened, SayHello, TakeWelcome};
use deskwire_engine::sabotage::Sabotage;
use deskwire_engine::{Fault, Refusal};
use deskwire_machine::retry::Failure;
use deskwire_proto::code::{Class, Code};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::Stream;
use deskwire_proto::id::SessionId;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::Welcome;
use deskwire_proto::time::Timestamp;
use deskwire_store::row::LinkState;

use crate::mutant::Mutant;
use crate::net::{Path, Trouble};
use crate::sky::Sky;
use crate::verify::{self, Partner};
use crate::world::World;

const RESYNCS: u32 = 3;
const LOSSES: u32 = 3;
const LONGEST: u64 = 3_600_000;
const OWN_FAILURE: u64 = 30_000;
const DAY: u64 = 86_400_000;

/// What a courier knows beside the stored link.
#[derive(Debug, Default)]
pub(crate) struct Courier {
    running: bool,
    bell: bool,
    overdue: bool,
    /// The pause that has begun: until when of the schedule, and when it is over.
    begun: Option<(Timestamp, u64)>,
    timer: u64,
    pub(crate) session: Option<Opened>,
    resyncs: u32,
    losses: u32,
    knock: Option<u64>,
    sky: Option<Sky>,
    /// Which sky an answer belongs to.
    skies: u64,
}

#[derive(Debug)]
pub(crate) enum Setback {
    Peer(Trouble),
    Resync(Trouble),
    Own,
    Halted,
}

impl From<Refusal> for Setback {
    fn from(refusal: Refusal) -> Self {
        match refusal.fault {
            Fault::Partner => Self::Peer(Trouble::silent(refusal.code)),
            _ => Self::Own,
        }
    }
}

enum Wait {
    Bell,
    For(u64),
}

/// Whether a courier is at work on a link.
impl World {
    pub(crate) fn is_working(&self, desk: usize, link: usize) -> bool {
        self.desks[desk].couriers.get(&link).is_some_and(|courier| courier.running)
    }

    /// The link has something to do, or has changed.
    pub(crate) fn ring(&mut self, desk: usize, link: usize) {
        self.poke(desk, link);
        self.pull(desk, link);
        self.bring(desk, link);
        self.contact_rings(desk, link);
    }

    /// The partner has shown itself: its courier tries at once.
    pub(crate) fn contact_rings(&mut self, desk: usize, link: usize) {
        let Some(courier) = self.desks[desk].couriers.get_mut(&link) else { return };
        if !courier.running {
            return self.round(desk, link);
        }
        match &mut courier.sky {
            Some(sky) if sky.exhausted => {
                sky.exhausted = false;
                self.fill(desk, link);
            }
            Some(_) | None => courier.bell = true,
        }
    }

    fn courier(&mut self, desk: usize, link: usize) -> &mut Courier {
        self.desks[desk].couriers.entry(link).or_default()
    }

    /// The partner as committed.
    pub(crate) fn known(&mut self, desk: usize, link: usize) -> Option<Partner> {
        let no = self.number(desk, link);
        let us = self.desks[desk].id();
        let row = self.desks[desk].link(no)?;
        let descriptor = self.desks[desk].descriptor(&row)?;
        Some(Partner { row, descriptor, us })
    }

    fn round(&mut self, desk: usize, link: usize) {
        let Some(partner) = self.known(desk, link) else { return };
        let (now, local) = (self.now, Timestamp(self.desks[desk].clock.at(self.now)));
        let courier = self.courier(desk, link);
        courier.running = true;
        courier.timer += 1;
        let next_at = partner.row.retry.next_at;
        let over = courier.begun.is_some_and(|(until, end)| until == next_at && end <= now);
        let pause = next_at.since(local).min(LONGEST);
        let due = courier.overdue || over || pause == 0;
        if !partner.is_reachable() {
            return self.rest(desk, link, Wait::Bell);
        }
        match partner.row.state {
            LinkState::WaitingApproval
            | LinkState::WaitingPartner
            | LinkState::Paused(_)
            | LinkState::Closed => self.rest(desk, link, Wait::Bell),
            LinkState::Active if due => self.deliver(desk, link, &partner),
            LinkState::Active => self.pause_until(desk, link, next_at, pause),
            LinkState::Quarantined(_) => self.knock_if_due(desk, link),
        }
    }

    /// Waits for the schedule; the bell makes no pause longer.
    fn pause_until(&mut self, desk: usize, link: usize, next_at: Timestamp, pause: u64) {
        let now = self.now;
        let courier = self.courier(desk, link);
        let begun = courier.begun.filter(|(until, _)| *until == next_at).map(|(_, end)| end);
        let end = begun.map_or(now + pause, |end| end.min(now + pause));
        courier.begun = Some((next_at, end));
        self.rest(desk, link, Wait::For(end.saturating_sub(now)));
    }

    fn rest(&mut self, desk: usize, link: usize, wait: Wait) {
        let process = self.process(desk);
        let courier = self.courier(desk, link);
        courier.running = false;
        courier.overdue = false;
        courier.sky = None;
        courier.timer += 1;
        let timer = courier.timer;
        let (pause, slept) = match (std::mem::take(&mut courier.bell), wait) {
            (true, _) => (0, false),
            (false, Wait::For(pause)) => (pause.min(LONGEST), true),
            (false, Wait::Bell) => return,
        };
        self.after(pause, move |world| {
            if world.lives(process) {
                let courier = world.courier(desk, link);
                if courier.timer == timer && !courier.running {
                    courier.overdue = slept;
                    world.round(desk, link);
                }
            }
        });
    }

    fn knock_if_due(&mut self, desk: usize, link: usize) {
        let now = self.now;
        let courier = self.courier(desk, link);
        let at = *courier.knock.get_or_insert(now + DAY);
        if at > now {
            return self.rest(desk, link, Wait::For(at - now));
        }
        courier.knock = None;
        courier.session = None;
        self.hello(desk, link, true);
    }

    fn deliver(&mut self, desk: usize, link: usize, partner: &Partner) {
        let no = self.number(desk, link);
        let Some(stream) = self.desks[desk].stream(no) else { return };
        let has_work = stream.waiting > 0 || stream.out_length > stream.acked;
        let courier = self.courier(desk, link);
        (courier.resyncs, courier.losses) = (0, 0);
        if partner.row.trouble.is_some() && !has_work {
            courier.session = None;
        }
        self.go_on(desk, link);
    }

    fn go_on(&mut self, desk: usize, link: usize) {
        if self.mutant == Some(Mutant::Engine(Sabotage::NumberWithoutSession))
            && self.courier(desk, link).session.is_none()
        {
            let next =
                NextBatch { link: self.number(desk, link), session: SessionId::new([0; 32]), after: None };
            self.call(desk, next, |_, _| {});
        }
        match self.courier(desk, link).session {
            Some(opened) => self.push(desk, link, opened),
            None => self.hello(desk, link, false),
        }
    }

    fn hello(&mut self, desk: usize, link: usize, knock: bool) {
        let no = self.number(desk, link);
        self.call(desk, SayHello { link: no }, move |world, said| match said {
            Ok(hello) => {
                world.note(|| format!("desk{desk} says hello on link {link}"));
                world.request(desk, link, (Path::Hello, hello), move |world, answer| {
                    world.welcomed(desk, link, knock, answer);
                });
            }
            Err(refusal) => world.hello_failed(desk, link, knock, refusal.into()),
        });
    }

    fn hello_failed(&mut self, desk: usize, link: usize, knock: bool, setback: Setback) {
        if knock {
            return self.rest(desk, link, Wait::For(LONGEST));
        }
        self.outcome(desk, link, Err(setback));
    }

    fn welcomed(&mut self, desk: usize, link: usize, knock: bool, answer: Result<Vec<u8>, Trouble>) {
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(trouble) if self.told(desk, link, &trouble) => {
                return self.hello_failed(desk, link, knock, Setback::Halted);
            }
            Err(trouble) => return self.hello_failed(desk, link, knock, Setback::Peer(trouble)),
        };
        let Some(partner) = self.known(desk, link) else { return };
        let verify::Opened { signed, descriptor } = match verify::open::<Welcome>(&bytes, &partner) {
            Ok(opened) => opened,
            Err(Code::KeyUnknown) => return self.refresh(desk, link, knock),
            Err(_) => {
                let trouble = Trouble::silent("answer-unverified");
                return self.hello_failed(desk, link, knock, Setback::Peer(trouble));
            }
        };
        let no = self.number(desk, link);
        if let Some(descriptor) = descriptor {
            self.model.reached(desk, link);
            self.call(desk, TakeDescriptor { link: no, descriptor }, |_, _| {});
        }
        self.call(desk, TakeWelcome { link: no, welcome: signed }, move |world, taken| match taken {
            Ok(Ok(opened)) => world.opened(desk, link, knock, opened),
            Ok(Err(Code::RecoveryNeeded | Code::SessionUnknown)) => world.recover(desk, link, knock),
            Ok(Err(Code::Fork | Code::BadKeyLog)) => world.hello_failed(desk, link, knock, Setback::Halted),
            Ok(Err(_)) => {
                let trouble = Trouble::silent("answer-unverified");
                world.hello_failed(desk, link, knock, Setback::Peer(trouble));
            }
            Err(refusal) => world.hello_failed(desk, link, knock, refusal.into()),
        });
    }

    /// The partner signs with a key that is not known yet: it tells everybody who asks.
    fn refresh(&mut self, desk: usize, link: usize, knock: bool) {
        self.report.count("newer keys asked for");
        let then = move |world: &mut Self, answer: Result<Vec<u8>, Trouble>| {
            let Some(partner) = world.known(desk, link) else { return };
            let newer = answer.ok().and_then(|raw| Descriptor::open(&raw).ok());
            let Some(descriptor) = newer.filter(|newer| verify::is_newer(newer, &partner)) else {
                let trouble = Trouble::silent("answer-unverified");
                return world.hello_failed(desk, link, knock, Setback::Peer(trouble));
            };
            let no = world.number(desk, link);
            world.model.reached(desk, link);
            world.call(desk, TakeDescriptor { link: no, descriptor }, move |world, taken| match taken {
                Ok(_) => world.recover(desk, link, knock),
                Err(refusal) => world.hello_failed(desk, link, knock, refusal.into()),
            });
        };
        self.request(desk, link, (Path::WellKnown, Vec::new()), then);
    }

    fn opened(&mut self, desk: usize, link: usize, knock: bool, opened: Opened) {
        self.courier(desk, link).session = Some(opened);
        if !knock {
            return self.push(desk, link, opened);
        }
        let no = self.number(desk, link);
        self.model.reached(desk, link);
        self.call(desk, Resume { link: no }, move |world, _| world.rest(desk, link, Wait::For(0)));
    }

    /// What this desk has lost comes back, page by page; then the hello is said again.
    fn recover(&mut self, desk: usize, link: usize, knock: bool) {
        let courier = self.courier(desk, link);
        courier.losses += 1;
        if courier.losses > LOSSES {
            let trouble = Trouble::silent("recovery-needed");
            return self.hello_failed(desk, link, knock, Setback::Peer(trouble));
        }
        self.report.count("recoveries");
        self.next_page(desk, link, knock);
    }

    fn next_page(&mut self, desk: usize, link: usize, knock: bool) {
        let no = self.number(desk, link);
        let time = Timestamp(self.desks[desk].clock.at(self.now));
        self.call(desk, AskPage { link: no, time }, move |world, asked| match asked {
            Ok(None) => world.hello(desk, link, knock),
            Ok(Some(request)) => {
                world.note(|| format!("desk{desk} asks for what it lost on link {link}"));
                world.request(desk, link, (Path::Recover, request), move |world, answer| match answer {
                    Ok(page) => world.take_page(desk, link, knock, &page),
                    Err(trouble) => world.hello_failed(desk, link, knock, Setback::Peer(trouble)),
                });
            }
            Err(refusal) => world.hello_failed(desk, link, knock, refusal.into()),
        });
    }

    fn take_page(&mut self, desk: usize, link: usize, knock: bool, page: &[u8]) {
        let Some(partner) = self.known(desk, link) else { return };
        let identity = self.desks[desk].face();
        let stream = Stream { link: partner.row.link, from: partner.us, to: partner.row.partner };
        let page = Page::open(page, &identity, &stream, partner.descriptor.keys());
        let no = self.number(desk, link);
        self.call(desk, TakePage { link: no, page }, move |world, taken| match taken {
            Ok(Taken::More) => world.next_page(desk, link, knock),
            Ok(Taken::Complete) => world.hello(desk, link, knock),
            Ok(Taken::Refused(code)) => {
                world.note(|| format!("desk{desk} refuses what came back on link {link}: {code}"));
                world.hello_failed(desk, link, knock, Setback::Halted);
            }
            Err(refusal) => world.hello_failed(desk, link, knock, refusal.into()),
        });
    }

    /// A partner that stops the link is no partner that refuses this desk: this side pauses as well.
    fn told(&mut self, desk: usize, link: usize, trouble: &Trouble) -> bool {
        let stops = [Code::Fork, Code::BadPrev, Code::CloneSuspected];
        let Some(code) = trouble.wire.filter(|code| stops.contains(code)) else { return false };
        let no = self.number(desk, link);
        self.report.count("links paused as told");
        self.note(|| format!("desk{desk} pauses link {link} as told: {code}"));
        if !self.model.is_odd(link) {
            self.violate(format!("desk{desk} is told {code} on link {link}, for no reason"));
        }
        self.call(desk, PauseTold { link: no, code }, |_, _| {});
        true
    }

    /// The partner has answered: the trouble is over.
    fn contact(&mut self, desk: usize, link: usize) {
        let no = self.number(desk, link);
        if self.desks[desk].link(no).is_some_and(|row| row.trouble.is_some()) {
            self.model.reached(desk, link);
            self.call(desk, Contact { link: no }, move |world, done| match done {
                Ok(()) => world.fetch(desk, link),
                Err(_) if world.is_working(desk, link) => {}
                Err(_) => world.rest(desk, link, Wait::For(OWN_FAILURE)),
            });
        }
    }

    fn push(&mut self, desk: usize, link: usize, opened: Opened) {
        let acknowledged = self.acknowledged(desk, link);
        let courier = self.courier(desk, link);
        courier.skies += 1;
        courier.sky = Some(Sky::beginning(opened, acknowledged));
        self.fill(desk, link);
    }

    fn acknowledged(&self, desk: usize, link: usize) -> u64 {
        self.desks[desk].stream(self.number(desk, link)).map_or(0, |stream| stream.acked)
    }

    /// Sends batches as long as there are any and the sky has room.
    fn fill(&mut self, desk: usize, link: usize) {
        let no = self.number(desk, link);
        let courier = self.courier(desk, link);
        let skies = courier.skies;
        let Some(sky) = &mut courier.sky else { return };
        if sky.launching {
            return;
        }
        if !sky.takes_more() {
            if sky.flights == 0 {
                self.landed_all(desk, link);
            }
            return;
        }
        sky.launching = true;
        let next = NextBatch { link: no, session: sky.opened.session, after: sky.after };
        self.call(desk, next, move |world, next| world.launched(desk, link, skies, next));
    }

    fn launched(&mut self, desk: usize, link: usize, skies: u64, next: Result<Next, Refusal>) {
        let courier = self.courier(desk, link);
        if courier.skies != skies {
            return;
        }
        let Some(sky) = &mut courier.sky else { return };
        sky.launching = false;
        match next {
            Ok(Next::Batch { bytes, first, last }) => {
                sky.after = Some(last);
                sky.flights += 1;
                self.report.count("batches");
                self.note(|| format!("desk{desk} sends {first}..{last} on link {link}"));
                self.request(desk, link, (Path::Batch, bytes), move |world, answer| {
                    world.landed(desk, link, skies, answer);
                });
            }
            Ok(Next::Idle) => sky.exhausted = true,
            Ok(Next::NoSession) => {
                sky.setback = Some(Setback::Resync(Trouble::silent("session-unknown")));
            }
            Err(refusal) => return self.outcome(desk, link, Err(refusal.into())),
        }
        self.fill(desk, link);
    }

    fn landed(&mut self, desk: usize, link: usize, skies: u64, answer: Result<Vec<u8>, Trouble>) {
        if self.courier(desk, link).skies != skies {
            return;
        }
        let setback = match answer {
            Ok(bytes) => match self.receipt(desk, link, skies, &bytes) {
                None => return,
                Some(trouble) if trouble.wire == Some(Code::KeyUnknown) => Setback::Resync(trouble),
                Some(trouble) => Setback::Peer(trouble),
            },
            Err(trouble) => match trouble.wire.map(Code::class) {
                Some(Class::Resync) => Setback::Resync(trouble),
                _ if self.told(desk, link, &trouble) => Setback::Halted,
                Some(Class::Final | Class::Retry) | None => Setback::Peer(trouble),
            },
        };
        self.flight_over(desk, link, skies, Err(setback));
    }

    /// One batch less is on its way; how far its receipt goes.
    fn flight_over(&mut self, desk: usize, link: usize, skies: u64, landed: Result<u64, Setback>) {
        let courier = self.courier(desk, link);
        if courier.skies != skies {
            return;
        }
        let Some(sky) = &mut courier.sky else { return };
        sky.flights -= 1;
        match landed {
            Ok(upto) => sky.reached = sky.reached.max(upto),
            Err(setback @ (Setback::Own | Setback::Halted)) => {
                return self.outcome(desk, link, Err(setback));
            }
            Err(setback) => sky.setback = sky.setback.take().or(Some(setback)),
        }
        self.fill(desk, link);
    }

    /// Takes a receipt; why it is none.
    fn receipt(&mut self, desk: usize, link: usize, skies: u64, bytes: &[u8]) -> Option<Trouble> {
        let unverified = Trouble::silent("answer-unverified");
        let partner = self.known(desk, link)?;
        let opened = match verify::open::<Receipt>(bytes, &partner) {
            Ok(opened) => opened,
            Err(Code::KeyUnknown) => {
                let trouble = Trouble { wire: Some(Code::KeyUnknown), ..unverified };
                return Some(trouble);
            }
            Err(_) => return Some(unverified),
        };
        if opened.signed.body().check().is_err() {
            return Some(unverified);
        }
        let no = self.number(desk, link);
        let troubled = partner.row.trouble.is_some();
        let upto = opened.signed.body().upto;
        self.call(desk, TakeReceipt { link: no, receipt: opened.signed }, move |world, taken| {
            if taken.is_ok() && troubled {
                world.contact(desk, link);
            }
            world.flight_over(desk, link, skies, taken.map(|()| upto).map_err(Setback::from));
        });
        None
    }

    fn landed_all(&mut self, desk: usize, link: usize) {
        let acknowledged = self.acknowledged(desk, link);
        let courier = self.courier(desk, link);
        let Some(sky) = &mut courier.sky else { return };
        let now_covered = sky.now_covered(acknowledged);
        match sky.setback.take() {
            Some(Setback::Resync(trouble)) => {
                courier.session = None;
                courier.sky = None;
                courier.resyncs += 1;
                if courier.resyncs == RESYNCS {
                    return self.outcome(desk, link, Err(Setback::Peer(trouble)));
                }
                return self.go_on(desk, link);
            }
            Some(setback) => return self.outcome(desk, link, Err(setback)),
            None => {}
        }
        let before = std::mem::replace(&mut sky.covered, now_covered);
        let behind = sky.after.take().is_some_and(|last| last > now_covered);
        sky.after = Some(now_covered).filter(|covered| behind && *covered < acknowledged);
        if behind && now_covered == before {
            return self.outcome(desk, link, Err(Setback::Peer(Trouble::silent("receipt-behind"))));
        }
        if behind || !sky.exhausted {
            sky.exhausted = false;
            return self.fill(desk, link);
        }
        courier.session = Some(Opened { held: u64::MAX, ..sky.opened });
        self.contact(desk, link);
        self.outcome(desk, link, Ok(()));
    }

    fn outcome(&mut self, desk: usize, link: usize, outcome: Result<(), Setback>) {
        let courier = self.courier(desk, link);
        courier.knock = None;
        courier.sky = None;
        courier.skies += 1;
        match outcome {
            Ok(()) => self.rest(desk, link, Wait::Bell),
            Err(Setback::Halted) => self.rest(desk, link, Wait::For(0)),
            Err(Setback::Own) => self.rest(desk, link, Wait::For(OWN_FAILURE)),
            Err(Setback::Peer(trouble) | Setback::Resync(trouble)) => self.failed(desk, link, trouble),
        }
    }

    fn failed(&mut self, desk: usize, link: usize, trouble: Trouble) {
        self.courier(desk, link).session = None;
        let no = self.number(desk, link);
        let words = "The partner cannot be reached.".to_owned();
        let (failure, code) = (trouble.failure, trouble.code);
        self.note(|| format!("desk{desk} fails on link {link}: {code}"));
        let local = self.desks[desk].clock.at(self.now);
        let least = if matches!(failure, Failure::Unreachable) { self.model.failed(desk, link) } else { 0 };
        let failed = DeliveryFailed { link: no, failure, code: code.to_owned(), words };
        self.call(desk, failed, move |world, next| match next {
            Ok(Some(next)) => {
                if matches!(failure, Failure::Busy { .. }) {
                    // It is there: what it has for this desk can be asked for.
                    world.poke(desk, link);
                    world.pull(desk, link);
                }
                let pause = next.0.saturating_sub(local);
                if pause < least {
                    world.violate(format!(
                        "desk{desk} tries link {link} again after {pause} ms, and its failures ask for {least} ms"
                    ));
                }
                let local = Timestamp(world.desks[desk].clock.at(world.now));
                world.courier(desk, link).begun = None;
                world.pause_until(desk, link, next, next.since(local).clamp(1_000, LONGEST));
            }
            Ok(None) => {
                world.refused_by_partner(desk, link, code);
                let second = u64::try_from(Duration::from_secs(1).as_millis()).unwrap_or(1_000);
                world.rest(desk, link, Wait::For(second));
            }
            Err(_) => {
                // Not counted: the disk is full.
                world.model.reached(desk, link);
                world.rest(desk, link, Wait::For(OWN_FAILURE));
            }
        });
    }

    /// The partner refuses: only what this history did to it may be the reason.
    pub(crate) fn refused_by_partner(&mut self, desk: usize, link: usize, code: &'static str) {
        self.report.count("links refused");
        if !self.model.is_odd(link) {
            self.violate(format!("desk{desk} is refused on link {link} with {code}, for no reason"));
        }
    }
}
