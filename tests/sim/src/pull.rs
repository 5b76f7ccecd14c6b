//! Asking: a desk without an endpoint, which comes for the stream of its partner and brings its files, as the product's.

use std::collections::VecDeque;

use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::{Contact, DeliveryFailed, TakeDescriptor};
use deskwire_engine::command::pull::{AnswerPull, Ask, PauseForked, Pulled};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_engine::command::session::{AnswerHello, TakeWelcome};
use deskwire_engine::{Fault, Refusal};
use deskwire_machine::retry::{Failure, Retry};
use deskwire_proto::batch::Batch;
use deskwire_proto::code::Code;
use deskwire_proto::document::V1;
use deskwire_proto::envelope::Stream;
use deskwire_proto::limits::{PULL_PAGE_BYTES, PULL_WAIT};
use deskwire_proto::pull::{PullAnswer, PullHello, PullNothing, PullRecover, PullRequest};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::{Hello, Welcome};
use deskwire_proto::time::Timestamp;
use deskwire_store::row::LinkState;

use crate::endpoint::{accept, closed, code_of};
use crate::net::{Arrived, Path, Trouble};
use crate::verify::{self, Partner};
use crate::world::World;

const HOLD: u64 = 55_000;
const OWN_FAILURE: u64 = 30_000;
const AT_ONCE: u64 = 200;
const LONGEST: u64 = 60_000;
const BARREN: u32 = 4;
const HELD: u64 = 1_000;
const HOUR: u64 = 3_600_000;

/// What rides on the next request.
#[derive(Debug, Clone, Default)]
struct Riders {
    receipt: Option<Vec<u8>>,
    welcome: Option<Vec<u8>>,
    page: Option<Vec<u8>>,
}

/// Who asks on one link.
#[derive(Debug, Default)]
pub(crate) struct Puller {
    asking: bool,
    bell: bool,
    timer: u64,
    riders: Riders,
    handed: Option<(u64, u64)>,
    barren: u32,
    through: bool,
    retry: Option<Retry>,
    /// Until when nothing more is brought.
    pub(crate) bringing: u64,
}

/// Requests of the partner for our stream.
#[derive(Default)]
pub(crate) struct Polls {
    newest: u64,
    open: bool,
    held: Option<Poll>,
}

impl Polls {
    /// Whether the partner has come often enough to know what this desk has lost.
    pub(crate) const fn are_several(&self) -> bool {
        self.newest > 2
    }
}

struct Poll {
    arrived: Arrived,
    number: u64,
    upto: u64,
    until: u64,
    doubt: bool,
}

enum Then {
    Ask,
    Bell,
    Pause(u64),
}

enum Failed {
    Peer(Trouble),
    Own,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal.fault {
            Fault::Partner => Self::Peer(Trouble::silent(refusal.code)),
            _ => Self::Own,
        }
    }
}

fn unverified() -> Failed {
    Failed::Peer(Trouble::silent("answer-unverified"))
}

type Outcome = Result<Then, Failed>;

/// Asking.
impl World {
    pub(crate) fn puller(&mut self, desk: usize, link: usize) -> &mut Puller {
        self.desks[desk].pullers.entry(link).or_default()
    }

    /// The link has changed, or there is something to do.
    pub(crate) fn pull(&mut self, desk: usize, link: usize) {
        if self.desks[desk].reachable || !self.desks[desk].pullers.contains_key(&link) {
            return;
        }
        let puller = self.puller(desk, link);
        if puller.asking {
            puller.bell = true;
        } else {
            self.ask(desk, link);
        }
    }

    fn may_ask(&self, partner: &Partner) -> bool {
        let trouble = partner.row.trouble.as_ref();
        partner.row.state == LinkState::Active
            && trouble.is_none_or(|trouble| trouble.last.code.as_str() == Code::Busy.as_str())
            && partner.is_reachable()
    }

    fn ask(&mut self, desk: usize, link: usize) {
        let Some(partner) = self.known(desk, link) else { return };
        let (may, begun) = (self.may_ask(&partner), self.now);
        let (no, time) = (self.number(desk, link), Timestamp(self.desks[desk].clock.at(self.now)));
        let puller = self.puller(desk, link);
        (puller.bell, puller.asking) = (false, true);
        puller.timer += 1;
        let Riders { receipt, welcome, page } = puller.riders.clone();
        if !may {
            return self.asked(desk, link, Then::Bell);
        }
        let ask = Ask { link: no, wait: HOLD, time, receipt, welcome, page };
        self.call(desk, ask, move |world, body| match body {
            Ok(body) => world.request(desk, link, (Path::Pull, body), move |world, answer| {
                world.pulled(desk, link, begun, answer);
            }),
            Err(refusal) => world.ask_over(desk, link, Err(refusal.into())),
        });
    }

    /// What comes next.
    fn asked(&mut self, desk: usize, link: usize, then: Then) {
        let process = self.process(desk);
        let puller = self.puller(desk, link);
        puller.asking = false;
        puller.timer += 1;
        let timer = puller.timer;
        let pause = match then {
            Then::Ask => 0,
            Then::Bell | Then::Pause(_) if puller.bell => 0,
            Then::Pause(pause) => pause,
            Then::Bell => return,
        };
        self.after(pause, move |world| {
            if world.lives(process) {
                let puller = world.puller(desk, link);
                if puller.timer == timer && !puller.asking {
                    world.ask(desk, link);
                }
            }
        });
    }

    fn pulled(&mut self, desk: usize, link: usize, begun: u64, answer: Result<Vec<u8>, Trouble>) {
        let answer = match answer {
            Ok(bytes) => PullAnswer::decode(&bytes).map_err(|_| unverified()),
            Err(trouble) => Err(Failed::Peer(trouble)),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failed) => return self.ask_over(desk, link, Err(failed)),
        };
        let waited = self.now - begun;
        self.note(|| {
            let what = match &answer {
                PullAnswer::Nothing(_) => "nothing",
                PullAnswer::Hello(_) => "a hello",
                PullAnswer::Recover(_) => "to hand back",
                PullAnswer::Batch(_) => "a batch",
            };
            format!("desk{desk} is answered {what} on link {link}")
        });
        let puller = self.puller(desk, link);
        puller.riders = Riders::default();
        match answer {
            PullAnswer::Nothing(nothing) => {
                puller.barren = if waited < HELD && nothing.wait == 0 { puller.barren + 1 } else { 0 };
                let pause = nothing.wait.min(LONGEST);
                let then = if pause == 0 { Then::Ask } else { Then::Pause(pause) };
                self.ask_over(desk, link, Ok(then));
            }
            PullAnswer::Hello(hello) => {
                puller.barren += 1;
                self.hello_asked_for(desk, link, &hello.hello);
            }
            PullAnswer::Recover(recover) => self.page_asked_for(desk, link, &recover.recover),
            PullAnswer::Batch(batch) => self.batch_asked_for(desk, link, batch),
        }
    }

    fn hello_asked_for(&mut self, desk: usize, link: usize, hello: &[u8]) {
        let Some(partner) = self.known(desk, link) else { return };
        let Ok(opened) = verify::open::<Hello>(hello, &partner) else {
            return self.ask_over(desk, link, Err(unverified()));
        };
        let keys = opened.descriptor.as_ref().map_or(partner.descriptor.keys(), |newer| newer.keys());
        if opened.signed.body().keys != keys.head() {
            return self.ask_over(desk, link, Err(unverified()));
        }
        let no = self.number(desk, link);
        if let Some(descriptor) = opened.descriptor {
            self.model.reached(desk, link);
            self.call(desk, TakeDescriptor { link: no, descriptor }, |_, _| {});
        }
        self.call(desk, AnswerHello { link: no, hello: opened.signed }, move |world, answer| match answer {
            Ok(Ok(welcome)) => {
                world.puller(desk, link).riders.welcome = Some(welcome);
                world.ask_over(desk, link, Ok(Then::Ask));
            }
            Ok(Err(code)) => world.not_taken(desk, link, code, None),
            Err(refusal) => world.ask_over(desk, link, Err(refusal.into())),
        });
    }

    fn page_asked_for(&mut self, desk: usize, link: usize, request: &[u8]) {
        let Some(partner) = self.known(desk, link) else { return };
        let Ok(opened) = verify::open::<RecoverRequest>(request, &partner) else {
            return self.ask_over(desk, link, Err(unverified()));
        };
        let asked = (opened.signed.body().from_seq.get(), opened.signed.body().upto);
        self.hand_back(desk, (link, PULL_PAGE_BYTES), opened.signed, move |world, answer| match answer {
            Ok(Ok(page)) => {
                world.report.count("pages that rode on requests");
                let puller = world.puller(desk, link);
                let goes_on = puller
                    .handed
                    .is_none_or(|before| asked.0 >= before.0 && asked.1 >= before.1 && asked != before);
                puller.barren = if goes_on { 0 } else { puller.barren + 1 };
                puller.handed = Some(asked);
                puller.riders.page = Some(page);
                world.ask_over(desk, link, Ok(Then::Ask));
            }
            Ok(Err(code)) => {
                world.puller(desk, link).barren += 1;
                world.not_taken(desk, link, code, None);
            }
            Err(refusal) => world.ask_over(desk, link, Err(refusal.into())),
        });
    }

    fn batch_asked_for(&mut self, desk: usize, link: usize, batch: Batch) {
        let Some(partner) = self.known(desk, link) else { return };
        let no = self.number(desk, link);
        let Some(stream) = self.desks[desk].stream(no) else { return };
        let (before, older) = (stream.in_length, stream.older_keys_upto());
        let (mut messages, mut failed) = (Vec::new(), false);
        for delivery in batch.deliveries {
            match accept(&partner, older, delivery) {
                Ok(message) => messages.push(message),
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        let next = messages.iter().find(|message| message.head.seq > before);
        if failed && next.is_none() {
            return self.ask_over(desk, link, Err(unverified()));
        }
        let next = next.map(|message| message.delivery.0.to_vec());
        self.report.count("batches asked for");
        let command = Deliver { link: no, head: batch.head, messages };
        self.call(desk, command, move |world, delivered| match delivered {
            Ok(Delivered::Receipt(receipt)) => {
                let length = world.desks[desk].stream(no).map_or(0, |stream| stream.in_length);
                let puller = world.puller(desk, link);
                puller.barren = if length > before { 0 } else { puller.barren + 1 };
                puller.riders.receipt = Some(receipt);
                if !world.loses_receipt(desk) {
                    world.ask_over(desk, link, Ok(Then::Ask));
                }
            }
            Ok(Delivered::Gap { .. }) => world.ask_over(desk, link, Err(unverified())),
            Ok(Delivered::Refused(code)) => world.not_taken(desk, link, code, next),
            Err(refusal) => world.ask_over(desk, link, Err(refusal.into())),
        });
    }

    /// Whoever asks ends with the receipt in hand: the messages are on its disk, and nobody is told so. Also in the first
    /// hour of rest, when nothing follows that would be told together with them.
    fn loses_receipt(&mut self, desk: usize) -> bool {
        let may = !self.quiet || self.now < self.rest_began + HOUR;
        let ends = may && desk < self.at_address.len() && self.chance.of_thousand(30);
        if ends {
            self.report.count("receipts lost with who asks");
            let (power, process) = (self.chance.of_thousand(500), self.process(desk));
            self.after(0, move |world| {
                if world.lives(process) {
                    world.crash(desk, power);
                }
            });
        }
        ends
    }

    /// What would be answered with a problem, were there an answer to put it into.
    fn not_taken(&mut self, desk: usize, link: usize, code: Code, message: Option<Vec<u8>>) {
        let no = self.number(desk, link);
        self.note(|| format!("desk{desk} does not take what it was answered on link {link}: {code}"));
        match code {
            Code::Fork | Code::CloneSuspected | Code::LinkPaused | Code::LinkClosed | Code::LinkWaiting => {
                self.ask_over(desk, link, Ok(Then::Bell));
            }
            Code::BadPrev => {
                let other = message.unwrap_or_default();
                self.call(desk, PauseForked { link: no, other }, move |world, _| {
                    world.ask_over(desk, link, Ok(Then::Bell));
                });
            }
            Code::SessionUnknown | Code::RecoveryNeeded | Code::RecoveryNotOffered | Code::Busy => {
                self.puller(desk, link).barren += 1;
                self.ask_over(desk, link, Ok(Then::Ask));
            }
            _ => self.ask_over(desk, link, Err(unverified())),
        }
    }

    fn ask_over(&mut self, desk: usize, link: usize, outcome: Outcome) {
        let no = self.number(desk, link);
        let puller = self.puller(desk, link);
        let then = match outcome {
            Ok(_) if puller.barren >= BARREN => {
                puller.barren = 0;
                return self.ask_failed(desk, link, Trouble::silent("pull-barren"));
            }
            Ok(then) => then,
            Err(Failed::Own) => return self.asked(desk, link, Then::Pause(OWN_FAILURE)),
            Err(Failed::Peer(trouble)) => return self.ask_failed(desk, link, trouble),
        };
        puller.through = true;
        puller.retry = Some(Retry::reset());
        if puller.riders.page.is_some() {
            return self.asked(desk, link, then);
        }
        self.model.reached(desk, link);
        self.call(desk, Contact { link: no }, move |world, done| {
            let then = if done.is_ok() { then } else { Then::Pause(OWN_FAILURE) };
            world.bring(desk, link);
            world.asked(desk, link, then);
        });
    }

    fn ask_failed(&mut self, desk: usize, link: usize, trouble: Trouble) {
        let now = Timestamp(self.desks[desk].clock.at(self.now));
        let no = self.number(desk, link);
        self.note(|| format!("desk{desk} asks in vain on link {link}: {}", trouble.code));
        let jitter = u16::try_from(self.chance.below(65_536)).unwrap_or_default();
        let puller = self.puller(desk, link);
        let reached = trouble.code != "connection-refused";
        if std::mem::take(&mut puller.through) && reached && trouble.failure == Failure::Unreachable {
            return self.asked(desk, link, Then::Pause(AT_ONCE));
        }
        let retry = puller.retry.unwrap_or(Retry::reset());
        let retry = match trouble.failure {
            Failure::Busy { retry_after } => retry.busy(now, retry_after, jitter),
            Failure::Unreachable | Failure::Refused => retry.failed(now, jitter),
        };
        puller.retry = Some(retry);
        let pause = retry.next_at.since(now);
        let (code, words) = (trouble.code.to_owned(), "asking failed".to_owned());
        self.call(
            desk,
            DeliveryFailed { link: no, failure: trouble.failure, code, words },
            move |world, failed| match failed {
                Ok(next) => {
                    if next.is_none() {
                        world.refused_by_partner(desk, link, trouble.code);
                    }
                    world.contact_rings(desk, link);
                    world.asked(desk, link, Then::Pause(pause));
                }
                Err(_) => world.asked(desk, link, Then::Pause(OWN_FAILURE)),
            },
        );
    }
}

/// Being asked.
impl World {
    pub(crate) fn take_pull(&mut self, desk: usize, arrived: Arrived) {
        let Some(partner) = self.known(desk, arrived.link) else { return };
        let opened = verify::open::<PullRequest>(&arrived.body, &partner)
            .and_then(|opened| closed(&partner.row.state).map_or(Ok(opened), Err));
        let asked = match opened {
            Ok(opened) => opened.signed.into_parts().1,
            Err(code) => return self.reply(desk, &arrived, Err(code)),
        };
        let link = arrived.link;
        self.heard(desk, link);
        let polls = self.desks[desk].polls.entry(link).or_default();
        polls.newest += 1;
        let (number, open) = (polls.newest, std::mem::take(&mut polls.open));
        if let Some(older) = polls.held.take() {
            self.answer_nothing(desk, &older.arrived);
        }
        let until = self.now + asked.wait.min(PULL_WAIT);
        let poll = Poll { arrived, number, upto: asked.upto, until, doubt: open };
        let riders = [
            asked.welcome.map(|bytes| (Rider::Welcome, bytes.into_vec())),
            asked.page.map(|bytes| (Rider::Page, bytes.into_vec())),
            asked.receipt.map(|bytes| (Rider::Receipt, bytes.into_vec())),
        ];
        self.next_rider(desk, poll, riders.into_iter().flatten().collect());
    }

    fn next_rider(&mut self, desk: usize, poll: Poll, mut riders: VecDeque<(Rider, Vec<u8>)>) {
        let Some((rider, bytes)) = riders.pop_front() else { return self.lay_out(desk, poll) };
        let link = poll.arrived.link;
        let Some(partner) = self.known(desk, link) else { return };
        let no = self.number(desk, link);
        match rider {
            Rider::Welcome => {
                let Ok(opened) = verify::open::<Welcome>(&bytes, &partner) else {
                    return self.next_rider(desk, poll, riders);
                };
                if let Some(descriptor) = opened.descriptor {
                    self.model.reached(desk, link);
                    self.call(desk, TakeDescriptor { link: no, descriptor }, |_, _| {});
                }
                self.call(desk, TakeWelcome { link: no, welcome: opened.signed }, move |world, taken| {
                    match taken {
                        Ok(Ok(_) | Err(Code::RecoveryNeeded)) => {
                            world.next_rider(desk, Poll { doubt: false, ..poll }, riders);
                        }
                        Ok(Err(_)) => world.next_rider(desk, poll, riders),
                        Err(refusal) => world.reply(desk, &poll.arrived, Err(code_of(&refusal))),
                    }
                });
            }
            Rider::Page => {
                let identity = self.desks[desk].face();
                let stream = Stream { link: partner.row.link, from: partner.us, to: partner.row.partner };
                let page = Page::open(&bytes, &identity, &stream, partner.descriptor.keys());
                self.call(desk, TakePage { link: no, page }, move |world, taken| match taken {
                    Ok(Taken::More | Taken::Complete) => {
                        world.next_rider(desk, Poll { doubt: false, ..poll }, riders);
                    }
                    Ok(Taken::Refused(_)) => world.next_rider(desk, poll, riders),
                    Err(refusal) => world.reply(desk, &poll.arrived, Err(code_of(&refusal))),
                });
            }
            Rider::Receipt => {
                let opened = verify::open::<Receipt>(&bytes, &partner);
                let opened = opened.and_then(|opened| opened.signed.body().check().map(|()| opened.signed));
                let Ok(receipt) = opened else { return self.next_rider(desk, poll, riders) };
                self.call(desk, TakeReceipt { link: no, receipt }, move |world, taken| match taken {
                    Ok(()) => world.next_rider(desk, Poll { doubt: false, ..poll }, riders),
                    Err(refusal) if Code::from_text(refusal.code).is_some() => {
                        world.next_rider(desk, poll, riders);
                    }
                    Err(refusal) => world.reply(desk, &poll.arrived, Err(code_of(&refusal))),
                });
            }
        }
    }

    /// The answer to a request, as soon as there is one.
    fn lay_out(&mut self, desk: usize, poll: Poll) {
        let no = self.number(desk, poll.arrived.link);
        let Some(stream) = self.desks[desk].stream(no) else { return };
        if poll.doubt || !stream.may_lack() {
            return self.lay_out_stream(desk, poll);
        }
        let time = Timestamp(self.desks[desk].clock.at(self.now));
        self.call(desk, AskPage { link: no, time }, move |world, asked| match asked {
            Ok(Some(request)) => {
                world.report.count("recoveries asked for by answers");
                let Some(partner) = world.known(desk, poll.arrived.link) else { return };
                let answer = PullRecover { v: V1, link: partner.row.link, recover: request.into() };
                world.answer_poll(desk, &poll, PullAnswer::Recover(answer).encode());
            }
            Ok(None) => world.lay_out_stream(desk, poll),
            Err(refusal) => world.reply(desk, &poll.arrived, Err(code_of(&refusal))),
        });
    }

    fn lay_out_stream(&mut self, desk: usize, mut poll: Poll) {
        let (link, no) = (poll.arrived.link, self.number(desk, poll.arrived.link));
        let doubt = std::mem::take(&mut poll.doubt);
        self.call(desk, AnswerPull { link: no, upto: poll.upto, doubt }, move |world, pulled| match pulled {
            Ok(Pulled::Nothing) => world.hold(desk, poll),
            Ok(Pulled::Refused(code)) => world.reply(desk, &poll.arrived, Err(code)),
            Ok(Pulled::Hello(hello)) => {
                let Some(partner) = world.known(desk, link) else { return };
                let answer = PullHello { v: V1, link: partner.row.link, hello: hello.into() };
                world.answer_poll(desk, &poll, PullAnswer::Hello(answer).encode());
            }
            Ok(Pulled::Batch(bytes)) => world.answer_poll(desk, &poll, bytes),
            Err(refusal) => world.reply(desk, &poll.arrived, Err(code_of(&refusal))),
        });
    }

    fn answer_poll(&mut self, desk: usize, poll: &Poll, answer: Vec<u8>) {
        self.desks[desk].polls.entry(poll.arrived.link).or_default().open = true;
        self.reply(desk, &poll.arrived, Ok(answer));
    }

    fn answer_nothing(&mut self, desk: usize, arrived: &Arrived) {
        let Some(partner) = self.known(desk, arrived.link) else { return };
        let nothing = PullNothing { v: V1, link: partner.row.link, wait: 0 };
        self.reply(desk, arrived, Ok(PullAnswer::Nothing(nothing).encode()));
    }

    fn hold(&mut self, desk: usize, poll: Poll) {
        let (link, number, until) = (poll.arrived.link, poll.number, poll.until);
        let newer = self.desks[desk].polls.get(&link).is_some_and(|polls| polls.newest > number);
        if newer || self.now >= until {
            return self.answer_nothing(desk, &poll.arrived);
        }
        self.desks[desk].polls.entry(link).or_default().held = Some(poll);
        let process = self.process(desk);
        self.after(until - self.now, move |world| {
            if world.lives(process) {
                world.poke(desk, link);
            }
        });
    }

    /// There may be something to say to who is held, or its time is up.
    pub(crate) fn poke(&mut self, desk: usize, link: usize) {
        if let Some(poll) = self.desks[desk].polls.get_mut(&link).and_then(|polls| polls.held.take()) {
            self.lay_out(desk, poll);
        }
    }
}

enum Rider {
    Welcome,
    Page,
    Receipt,
}
