//! What people do: chosen from what their desk shows them, and repeated when no answer came.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use deskwire_engine::command::act::{self, Action, OwnStatus, Reason};
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::file::AttachFile;
use deskwire_engine::command::link::Resume;
use deskwire_engine::command::queue::{DropItems, Park, Retry, Target};
use deskwire_engine::command::ticket::{NewTicket, SetStatus};
use deskwire_engine::sabotage::Sabotage;
use deskwire_engine::{Command, Fault, Keyed, Refusal};
use deskwire_machine::chunks::ChunkHasher;
use deskwire_machine::delegation::{EventKind, Role};
use deskwire_machine::disclosure::{Changes, Choice};
use deskwire_proto::id::{DelegationId, Hash};
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::message::status::Progress;
use deskwire_proto::text::{Code, FileName, Label, Line, Prose};
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::{Audience, DelegationRow, LinkState, TicketRow};
use deskwire_store::table::{Committed, DELEGATIONS, Rows, TICKET_DELEGATIONS, TICKETS};

use crate::model::{Token, TokenFate};
use crate::mutant::Mutant;
use crate::world::World;

/// Stands in everything that must not leave its desk.
pub const MARK: &str = "INTERNAL-ONLY";

/// One action of a person at a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A new ticket.
    Ticket,
    /// A ticket is handed to the partner of a link.
    Delegate {
        /// The ticket.
        ticket: TicketNumber,
        /// The link.
        link: usize,
    },
    /// A partner's ticket is handed on, once whatever happens.
    Forward {
        /// The delegation that it came with.
        origin: DelegationId,
        /// The ticket that it is here.
        ticket: TicketNumber,
        /// The link.
        link: usize,
    },
    /// Something that the fold of a delegation takes, or refuses.
    Event {
        /// The delegation.
        delegation: DelegationNo,
        /// What is said.
        kind: EventKind,
        /// The version that a proposal answered has.
        version: u64,
        /// Whether the desk's own status changes with it.
        status: bool,
    },
    /// A comment.
    Comment {
        /// The ticket.
        ticket: TicketNumber,
        /// Who sees it.
        audience: Audience,
        /// Bytes of it.
        size: u64,
    },
    /// A file.
    File {
        /// The ticket.
        ticket: TicketNumber,
        /// Who sees it.
        audience: Audience,
        /// Its size.
        size: u64,
    },
    /// The desk's own status.
    Status {
        /// The ticket.
        ticket: TicketNumber,
    },
}

impl World {
    /// Some person does something.
    pub(crate) fn some_act(&mut self) {
        let running: Vec<usize> = (0..self.originals()).filter(|desk| self.desks[*desk].runs()).collect();
        let Some(&desk) = self.script.pick(&running) else { return };
        if self.script.of_thousand(60) {
            return self.repeat(desk);
        }
        if self.script.of_thousand(25) {
            return self.queue(desk);
        }
        let Some(act) = self.choose(desk) else { return };
        self.begin(desk, act);
    }

    fn originals(&self) -> usize {
        self.at_address.len()
    }

    /// An operator takes what waits for a link out of the queue, sends it again, or drops it.
    fn queue(&mut self, desk: usize) {
        let links = self.links_of(desk);
        let Some(&link) = self.script.pick(&links) else { return };
        match self.script.below(5) {
            0..=1 => {
                self.report.count("queues parked");
                let (target, by) = (Target::Link(self.number(desk, link)), operator());
                self.call(desk, Park { target, by }, |_, _| {});
            }
            2..=3 => self.send_again(desk, link),
            _ => self.drop_all(desk, link),
        }
    }

    /// An operator drops what has no number yet.
    pub(crate) fn drop_all(&mut self, desk: usize, link: usize) {
        self.report.count("queues dropped");
        let (target, by) = (Target::Link(self.number(desk, link)), operator());
        self.call(desk, DropItems { target, by }, |_, _| {});
    }

    /// An operator sends everything again that was parked.
    pub(crate) fn send_again(&mut self, desk: usize, link: usize) {
        self.report.count("queues sent again");
        self.model.reached(desk, link);
        let target = Target::Link(self.number(desk, link));
        self.call(desk, Retry { target, parked: true }, |_, _| {});
    }

    /// An operator lets a link that was refused be tried again.
    pub(crate) fn resume(&mut self, desk: usize, link: usize) {
        let no = self.number(desk, link);
        let quarantined = |state: &LinkState| matches!(state, LinkState::Quarantined(_));
        if self.desks[desk].link(no).is_some_and(|row| quarantined(&row.state)) {
            self.report.count("links resumed");
            self.model.reached(desk, link);
            self.call(desk, Resume { link: no }, |_, _| {});
        }
    }

    fn begin(&mut self, desk: usize, act: Act) {
        let token = match &act {
            Act::Forward { origin, link, .. } => {
                let place = (desk, *origin, *link);
                match self.model.forwards.get(&place) {
                    Some(token) => *token,
                    None => {
                        let link_id = (*link as u64).to_be_bytes();
                        let key = Hash::of_parts(&[b"forward", origin.as_bytes(), &link_id]);
                        let token = self.new_token(desk, act.clone(), Some(key));
                        self.model.forwards.insert(place, token);
                        token
                    }
                }
            }
            _ => {
                let keyed = self.script.of_thousand(800);
                let number = (self.model.tokens.len() as u64).to_be_bytes();
                self.new_token(desk, act.clone(), keyed.then(|| Hash::of_parts(&[b"key", &number])))
            }
        };
        self.perform(token);
    }

    fn new_token(&mut self, desk: usize, act: Act, key: Option<Hash>) -> usize {
        self.model.tokens.push(Token {
            desk,
            act,
            key,
            fate: TokenFate::Unknown,
            lost: false,
            erased: BTreeSet::new(),
        });
        self.model.tokens.len() - 1
    }

    /// Does it, the first time or once more with the same key.
    pub(crate) fn perform(&mut self, number: usize) {
        let Token { desk, act, key, .. } = self.model.tokens[number].clone();
        if !self.desks[desk].runs() {
            return;
        }
        self.note(|| format!("desk{desk} act {number}: {act:?}"));
        let text =
            Words { number, by: Person { name: Some(label(&format!("tok#{number};"))), function: None } };
        let call = Call { desk, number, key, request: Hash::of(format!("{act:?}").as_bytes()) };
        match act {
            Act::Ticket => self.keyed(call, text.ticket(), |_| Vec::new()),
            Act::Delegate { ticket, link } | Act::Forward { ticket, link, .. } => {
                let link = self.number(desk, link);
                let (choice, by) = (Choice::default(), text.by);
                let command = Delegate { ticket, link, choice, files: Vec::new(), anyway: true, by };
                self.keyed(call, command, |delegation| vec![*delegation]);
            }
            Act::Event { delegation, kind, version, status } => {
                let Some(action) = text.action(kind, version) else { return };
                let own = if status {
                    OwnStatus { status: Some(code("in-work")), label: None }
                } else {
                    OwnStatus::default()
                };
                let command = act::Act { delegation, action, read: None, own, by: text.by };
                self.keyed(call, command, move |()| vec![delegation]);
            }
            Act::Comment { ticket, audience, size } => {
                let body = text.body(&audience, size);
                let command = AddComment { ticket, body, audience, by: text.by };
                self.keyed(call, command, |added| added.told.clone());
            }
            Act::File { ticket, audience, size } => {
                let Some(command) = self.file(&text, ticket, audience, size) else { return };
                self.keyed(call, command, |attached| attached.told.clone());
            }
            Act::Status { ticket } => {
                let command = SetStatus { ticket, status: code("in-work"), label: None, by: text.by };
                self.keyed(call, command, |told| told.delegations.clone());
            }
        }
    }

    /// The bytes of a file come before the call that names them.
    fn file(
        &mut self,
        text: &Words,
        ticket: TicketNumber,
        audience: Audience,
        size: u64,
    ) -> Option<AttachFile> {
        let desk = self.model.tokens[text.number].desk;
        let bytes: Vec<u8> =
            text.number.to_be_bytes().into_iter().cycle().take(usize::try_from(size).ok()?).collect();
        let mut hasher = ChunkHasher::new();
        hasher.update(&bytes);
        let hashed = hasher.finish();
        let core = self.desks[desk].core.as_ref()?;
        let taken = core.blobs().import(&mut bytes.as_slice());
        if self.desks[desk].is_dead() {
            self.dies(desk);
            return None;
        }
        taken.ok()?;
        let secret = matches!(audience, Audience::Internal | Audience::Requester);
        let name = if secret { format!("{MARK}.txt") } else { "notes.txt".to_owned() };
        let (name, media) = (FileName::new(name).expect("a file name"), None);
        let (blob, chunks) = (hashed.blob, hashed.chunks);
        Some(AttachFile { ticket, name, media, blob, size, chunks, audience, by: text.by.clone() })
    }

    fn keyed<C>(&mut self, call: Call, command: C, told: impl Fn(&C::Reply) -> Vec<DelegationNo> + 'static)
    where
        C: Command,
        C::Reply: serde::Serialize + serde::de::DeserializeOwned + Debug,
    {
        let Call { desk, number, key, request } = call;
        let then = move |world: &mut Self, reply: Result<C::Reply, Refusal>| {
            let reply = reply.map(|reply| (format!("{reply:?}"), told(&reply)));
            world.answered_call(desk, number, reply);
        };
        match key {
            Some(key) => self.call(desk, Keyed { key, request, command }, then),
            None => self.call(desk, command, then),
        }
    }

    fn answered_call(
        &mut self,
        desk: usize,
        number: usize,
        reply: Result<(String, Vec<DelegationNo>), Refusal>,
    ) {
        let before = self.model.tokens[number].fate.clone();
        let fate = match reply {
            Ok((reply, told)) => {
                self.report.acts += 1;
                if let TokenFate::Done(said, _) = &before
                    && *said != reply
                {
                    return self.violate(format!("call {number} was answered {said}, and again {reply}"));
                }
                if matches!(before, TokenFate::Done(..)) {
                    return self.report.count("calls repeated");
                }
                let links = self.links_told(desk, &self.model.tokens[number].act.clone(), &told);
                TokenFate::Done(reply, links)
            }
            Err(refusal) if refusal.fault == Fault::Passing => return,
            Err(refusal) => {
                self.report.acts += 1;
                self.report.refused += 1;
                self.note(|| format!("desk{desk} refuses act {number}: {refusal}"));
                if matches!(before, TokenFate::Done(..)) {
                    return self
                        .violate(format!("call {number} was done, and refused when repeated: {refusal}"));
                }
                // What it names may be another thing since a restore.
                if self.model.tokens[number].lost { TokenFate::Forgiven } else { TokenFate::Refused }
            }
        };
        self.model.tokens[number].fate = fate;
        self.model.tokens[number].fade(&self.model.came_back);
    }

    fn links_told(&self, desk: usize, act: &Act, told: &[DelegationNo]) -> BTreeMap<usize, u64> {
        let mut links = BTreeMap::new();
        if let Act::Delegate { link, .. } | Act::Forward { link, .. } = act {
            return BTreeMap::from([(*link, 1)]);
        }
        let Some(rows) = self.desks[desk].rows() else { return links };
        for delegation in told {
            let Ok(Some(row)) = rows.get(DELEGATIONS, delegation) else { continue };
            if let Some(link) = self.link_by_number(desk, row.link) {
                *links.entry(link).or_default() += 1;
            }
        }
        links
    }

    /// A caller whose answer was lost asks again; another one uses its key for something else.
    fn repeat(&mut self, desk: usize) {
        let all: Vec<usize> = (0..self.model.tokens.len())
            .filter(|number| {
                let token = &self.model.tokens[*number];
                token.desk == desk
                    && token.key.is_some()
                    && matches!(token.fate, TokenFate::Done(..) | TokenFate::Unknown)
            })
            .collect();
        let Some(&number) = self.script.pick(&all) else { return };
        self.perform(number);
        let token = self.model.tokens[number].clone();
        if let (Some(key), TokenFate::Done(..)) = (token.key, &token.fate)
            && self.mutant != Some(Mutant::Engine(Sabotage::KeysForgotten))
        {
            let text = Words { number, by: Person::default() };
            let request = Hash::of(b"another request");
            self.call(desk, Keyed { key, request, command: text.ticket() }, |world, reply| match reply {
                Err(refusal) if refusal.code == "idempotency-key-reused" => {}
                Err(refusal) if refusal.fault == Fault::Passing => {}
                other => world.violate(format!("a key used for two requests was answered {other:?}")),
            });
        }
    }

    /// What callers without an answer do once their desk is back.
    pub(crate) fn ask_again(&mut self, desk: usize) {
        for number in 0..self.model.tokens.len() {
            let token = &self.model.tokens[number];
            if token.desk == desk && token.key.is_some() && token.fate == TokenFate::Unknown {
                let process = self.process(desk);
                let pause = self.chance.within(10, 3_000);
                self.after(pause, move |world| {
                    if world.lives(process) && world.model.tokens[number].fate == TokenFate::Unknown {
                        world.perform(number);
                    }
                });
            }
        }
    }
}

struct Call {
    desk: usize,
    number: usize,
    key: Option<Hash>,
    request: Hash,
}

/// Choosing.
impl World {
    fn choose(&mut self, desk: usize) -> Option<Act> {
        let rows = self.desks[desk].rows()?;
        let tickets: Vec<(TicketNumber, TicketRow)> = rows.list(TICKETS, &(), 200).ok()?;
        let delegations: Vec<(DelegationNo, DelegationRow)> = rows.list(DELEGATIONS, &(), 200).ok()?;
        if tickets.is_empty() || (tickets.len() < 12 && self.script.of_thousand(80)) {
            return Some(Act::Ticket);
        }
        if let Some(forward) = self.forward(desk, &rows, &tickets) {
            return Some(forward);
        }
        let links = self.links_of(desk);
        if delegations.len() < 4 * links.len() && self.script.of_thousand(120) {
            let own: Vec<_> = tickets.iter().filter(|(_, row)| row.origin.is_none()).collect();
            let (ticket, _) = self.script.pick(&own)?;
            return Some(Act::Delegate { ticket: *ticket, link: *self.script.pick(&links)? });
        }
        match self.script.below(10) {
            0..=5 if !delegations.is_empty() => self.event(desk, &delegations),
            0..=7 => {
                let (ticket, _) = self.script.pick(&tickets)?;
                let audience = self.audience();
                let size = if self.script.of_thousand(30) { 30_000 } else { 20 };
                Some(Act::Comment { ticket: *ticket, audience, size })
            }
            8 => {
                let (ticket, _) = self.script.pick(&tickets)?;
                let audience = self.audience();
                let size = if self.script.of_thousand(250) {
                    crate::desk::FILE_BYTES + 500
                } else {
                    self.script.within(8, 900)
                };
                Some(Act::File { ticket: *ticket, audience, size })
            }
            _ => Some(Act::Status { ticket: self.script.pick(&tickets)?.0 }),
        }
    }

    fn audience(&mut self) -> Audience {
        match self.script.below(10) {
            0..=2 => Audience::Internal,
            3 => Audience::Requester,
            _ => Audience::Thread,
        }
    }

    /// A partner's ticket that nobody has handed on, where there is somebody to hand it on to.
    fn forward(
        &mut self,
        desk: usize,
        rows: &Committed,
        tickets: &[(TicketNumber, TicketRow)],
    ) -> Option<Act> {
        let links = self.links_of(desk);
        if links.len() != 2 || !self.script.of_thousand(400) {
            return None;
        }
        for (ticket, row) in tickets {
            let Some(origin) = row.origin else { continue };
            let here = rows.list(TICKET_DELEGATIONS, ticket, 10).ok()?;
            let origin = rows.get(DELEGATIONS, &origin).ok()??;
            let onward = links.iter().find(|link| self.number(desk, **link) != origin.link)?;
            if here.len() == 1 {
                return Some(Act::Forward { origin: origin.id, ticket: *ticket, link: *onward });
            }
        }
        None
    }

    fn event(&mut self, desk: usize, delegations: &[(DelegationNo, DelegationRow)]) -> Option<Act> {
        let (delegation, row) = self.script.pick(delegations)?.clone();
        let role = row.case.role();
        let cursor = self.desks[desk].stream(row.link)?.in_length;
        let view = row.case.view(cursor);
        let version = view.proposals.first().map_or(2, |proposal| proposal.version);
        let impossible = self.script.of_thousand(120);
        let kind = if impossible {
            *self.script.pick(&EventKind::ALL)?
        } else {
            let allowed = row.case.allowed(role);
            *self.script.pick(&allowed)?
        };
        if matches!(kind, EventKind::Offer | EventKind::Rate | EventKind::LinkClose) {
            return None;
        }
        // Ends are rarer than what lies before them, or there would be little to see.
        let ending = matches!(kind, EventKind::Decline | EventKind::Return | EventKind::Recall);
        if ending && role == Role::Principal && self.script.of_thousand(600) {
            return None;
        }
        let status = impossible || self.script.of_thousand(100);
        Some(Act::Event { delegation, kind, version, status })
    }
}

/// The texts of one action: all of them name it.
struct Words {
    number: usize,
    by: Person,
}

impl Words {
    fn ticket(&self) -> NewTicket {
        NewTicket {
            title: Line::new(format!("Dead cash register {}", self.number)).expect("a line"),
            description: Some(self.prose()),
            priority: Priority::High,
            category: None,
            requester: None,
            company: Some(label(&format!("{MARK} & Sons"))),
            object: None,
            equipment: None,
            agreement: None,
            custom: Vec::new(),
            by: self.by.clone(),
        }
    }

    fn prose(&self) -> Prose {
        Prose::new(format!("About {}.", self.number)).expect("prose")
    }

    fn body(&self, audience: &Audience, size: u64) -> Prose {
        let secret = matches!(audience, Audience::Internal | Audience::Requester);
        let mark = if secret { MARK } else { "for all" };
        let size = usize::try_from(size).unwrap_or_default();
        Prose::new(format!("{mark} {} {}", self.number, "x".repeat(size))).expect("prose")
    }

    fn reason(&self) -> Reason {
        Reason { words: self.prose(), code: None }
    }

    fn action(&self, kind: EventKind, version: u64) -> Option<Action> {
        Some(match kind {
            EventKind::Accept => Action::Accept,
            EventKind::Decline => Action::Decline(self.reason()),
            EventKind::Return => Action::Return(self.reason()),
            EventKind::Recall => Action::Recall(self.reason()),
            EventKind::Status => Action::Status(None),
            EventKind::StatusInProgress => Action::Status(Some(Progress::InProgress)),
            EventKind::StatusWaitingThird => Action::Status(Some(Progress::WaitingThird)),
            EventKind::Resolve => Action::Resolve { solution: Some(self.prose()), code: None },
            EventKind::Confirm => Action::Confirm,
            EventKind::Reopen => Action::Reopen(self.reason()),
            EventKind::Update => {
                let priority = if self.number.is_multiple_of(2) { Some(Priority::Low) } else { None };
                let description = priority.is_none().then(|| self.prose());
                Action::Update(Box::new(Changes { priority, description, ..Changes::default() }))
            }
            EventKind::ChangeTake => Action::ChangeTake(version),
            EventKind::ChangeDecline => Action::ChangeDecline { version, reason: self.prose() },
            EventKind::Ask => Action::Ask { question: self.prose() },
            EventKind::Answer => Action::Answer { answer: self.prose(), needed: true },
            EventKind::AnswerNotNeeded => Action::Answer { answer: self.prose(), needed: false },
            EventKind::Offer | EventKind::Rate | EventKind::LinkClose => return None,
        })
    }
}

fn operator() -> Person {
    Person { name: Some(label("The operator")), function: None }
}

fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}

fn code(text: &str) -> Code {
    Code::new(text).expect("a code")
}
