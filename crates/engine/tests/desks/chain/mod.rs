//! Chains of three and four desks: what goes onward, what is taken back, and what no desk learns of another.

mod again;
mod case;
mod erase;
mod forget;
mod onward;
mod passed;
mod revise;
mod rules;
mod steady;
mod words;

use std::sync::Arc;

use deskwire_engine::command::act::{Act, Action, OwnStatus};
use deskwire_engine::command::comment::{AddComment, CommentAdded};
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::linking::{Accepted, TakeLinkState, TakeReveal};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AskPage, Page, TakePage, Taken};
use deskwire_engine::command::relay::SetRelay;
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{AnswerHello, SayHello, TakeWelcome};
use deskwire_engine::port::SystemClock;
use deskwire_engine::query::{self, Comment, File, ThreadEntry};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::disclosure::Choice;
use deskwire_machine::relay::{Mode, Setting};
use deskwire_proto::batch::{Batch, BatchHead};
use deskwire_proto::code::Code;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::{Place, SALT_BYTES, Stream, accept, compose, seal};

use deskwire_proto::id::{DelegationId, Hash, ItemId, SessionId};
use deskwire_proto::invitation::Invitation;
use deskwire_proto::message::Body;
use deskwire_proto::terms::Terms;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::row::{Audience, StreamRow};
use deskwire_store::table::{DELEGATIONS, LINKS, RECEIVED, Rows, STREAMS, TICKETS};

use crate::harness::{Desk, ask, person, prose};

/// Several desks, the links between them, and every byte that went over them.
pub(crate) struct Chain {
    pub(crate) desks: Vec<Desk>,
    /// By inviter and accepter: the desk and its number of the link.
    links: Vec<[(usize, LinkNo); 2]>,
    /// From whom, to whom, and what.
    pub(crate) wire: Vec<(usize, usize, Vec<u8>)>,
    /// Links on which nothing is carried.
    pub(crate) cut: Vec<usize>,
}

const NAMES: [&str; 4] = ["Shop", "Acme", "Kassa", "Petrov"];

impl Chain {
    /// So many desks in a row under these terms; each may hand work to the next.
    pub(crate) fn of(length: usize, terms: &Terms) -> Self {
        let desks = NAMES[..length].iter().zip(1..).map(|(name, seed)| Desk::new(name, seed)).collect();
        let mut chain = Self { desks, links: Vec::new(), wire: Vec::new(), cut: Vec::new() };
        for first in 0..length - 1 {
            chain.link(first, first + 1, terms.clone());
        }
        chain
    }

    /// Links two desks.
    pub(crate) fn link(&mut self, inviter: usize, accepter: usize, terms: Terms) {
        let moment = self.desks[inviter].now.0.to_be_bytes();
        let draw = Hash::of(&[&[inviter as u8, accepter as u8][..], &moment].concat());
        let [one, other] = self.desks.get_disjoint_mut([inviter, accepter]).unwrap();
        let made = MakeInvitation { draw, life_ms: None, terms: terms.clone(), approved: false };
        let made = one.run(made).unwrap();
        let text = invitation_text(&one.identity, &made, &draw, &terms).unwrap();
        let invitation: Invitation = text.parse().unwrap();
        let (request, nonce, answer) = ask(one, other, &invitation).unwrap();
        let descriptor = one.identity.descriptor().clone();
        let accepted = Accepted { request, answer, nonce, descriptor, name: None, by_hand: false };
        let theirs = other.run(accepted).unwrap().0;
        let reveal = |one: &mut Desk, other: &mut Desk| {
            let Some(raw) = other.rows().get(LINKS, &theirs).unwrap().unwrap().reveal else { return };
            let reveal = Signed::open(&raw, other.identity.keys().current()).unwrap();
            let state = one.run(TakeReveal { reveal }).unwrap();
            let state = Signed::open(&state, one.identity.keys().current()).unwrap();
            other.run(TakeLinkState { link: theirs, state }).unwrap();
        };
        reveal(one, other);
        let ours = one.rows().list(LINKS, &(), 100).unwrap().last().unwrap().0;
        one.run(Approve { link: ours }).unwrap();
        reveal(one, other);
        self.links.push([(inviter, ours), (accepter, theirs)]);
    }

    /// The number of the link that one desk has with another.
    pub(crate) fn link_of(&self, desk: usize, other: usize) -> LinkNo {
        let ends = self.links.iter().flat_map(|[one, two]| [(one, two), (two, one)]);
        let (own, _) = ends.clone().find(|(own, there)| own.0 == desk && there.0 == other).unwrap();
        own.1
    }

    pub(crate) fn relay(&mut self, desk: usize, to: usize, mode: Mode, named: bool) {
        let setting = Setting { mode, named, sign: false };
        let link = self.link_of(desk, to);
        self.desks[desk].run(SetRelay { link, setting }).unwrap();
    }

    /// Every desk relays everything by itself.
    pub(crate) fn relay_all(&mut self, named: bool) {
        for [one, other] in self.links.clone() {
            let setting = Setting { mode: Mode::Automatic, named, sign: named };
            for (desk, link) in [one, other] {
                self.desks[desk].run(SetRelay { link, setting }).unwrap();
            }
        }
    }

    pub(crate) fn hand_over(&mut self, desk: usize, ticket: u64, to: usize) -> Result<DelegationNo, Refusal> {
        let link = self.link_of(desk, to);
        self.desks[desk].run(Delegate {
            ticket: TicketNumber(ticket),
            link,
            choice: Choice::default(),
            files: Vec::new(),
            anyway: false,
            by: person("Anna"),
        })
    }

    /// A case that begins at the first desk and has gone to the last, accepted by each.
    pub(crate) fn case(length: usize, terms: &Terms) -> Self {
        let mut chain = Self::of(length, terms);
        chain.desks[0].ticket("Dead cash register");
        chain.hand_down();
        chain
    }

    pub(crate) fn hand_down(&mut self) {
        for desk in 0..self.desks.len() - 1 {
            self.hand_over(desk, 1, desk + 1).unwrap();
            self.settle();
            self.act(desk + 1, 1, Action::Accept).unwrap();
            self.settle();
        }
    }

    pub(crate) fn act(&mut self, desk: usize, delegation: u64, action: Action) -> Result<(), Refusal> {
        let (delegation, own, by) = (DelegationNo(delegation), OwnStatus::default(), person("Boris"));
        self.desks[desk].run(Act { delegation, action, read: None, own, by })
    }

    pub(crate) fn say(&mut self, desk: usize, words: &str, audience: Audience) -> CommentAdded {
        let by = person(&format!("{}'s engineer", NAMES[desk]));
        let command = AddComment { ticket: TicketNumber(1), body: prose(words), audience, by };
        self.desks[desk].run(command).unwrap()
    }

    pub(crate) fn stream(&self, desk: usize, link: LinkNo) -> StreamRow {
        self.desks[desk].rows().get(STREAMS, &link).unwrap().unwrap()
    }

    /// Carries what one desk has for another, until nothing is left.
    pub(crate) fn carry(&mut self, from: usize, to: usize) {
        self.carry_from(from, to, None);
    }

    /// The same, from behind a message on.
    pub(crate) fn carry_from(&mut self, from: usize, to: usize, mut after: Option<u64>) {
        let (here, there) = (self.link_of(from, to), self.link_of(to, from));
        let [author, reader] = self.desks.get_disjoint_mut([from, to]).unwrap();
        let session = greet((author, here), (reader, there));
        let link = author.rows().get(LINKS, &here).unwrap().unwrap().link;
        let stream = Stream { link, from: author.identity.desk(), to: reader.identity.desk() };
        while let Next::Batch { bytes, last, .. } =
            author.run(NextBatch { link: here, session, after }).unwrap()
        {
            after = after.map(|_| last);
            let batch = Batch::decode(&bytes).unwrap();
            let identity = Arc::clone(&author.identity);
            let key = identity.keys().current();
            let messages = || batch.deliveries.iter().map(|one| accept(one.clone(), &stream, key).unwrap());
            let deliver = || Deliver { link: there, head: batch.head, messages: messages().collect() };
            let mut answer = reader.run(deliver()).unwrap();
            if answer == Delivered::Refused(Code::Busy) {
                // It asks first what of its own the author holds.
                greet((reader, there), (author, here));
                answer = reader.run(deliver()).unwrap();
            }
            let Delivered::Receipt(receipt) = answer else { panic!("{answer:?}") };
            self.wire.push((from, to, bytes));
            self.wire.push((to, from, receipt.clone()));
            let receipt = Signed::open(&receipt, reader.identity.keys().current()).unwrap();
            author.run(TakeReceipt { link: here, receipt }).unwrap();
        }
    }

    /// Numbers what one desk has for another, and loses it on its way.
    pub(crate) fn lose(&mut self, from: usize, to: usize) {
        let (here, there) = (self.link_of(from, to), self.link_of(to, from));
        let [author, reader] = self.desks.get_disjoint_mut([from, to]).unwrap();
        let session = greet((author, here), (reader, there));
        let next = author.run(NextBatch { link: here, session, after: None }).unwrap();
        let Next::Batch { bytes, .. } = next else { panic!("{next:?}") };
        self.wire.push((from, to, bytes));
    }

    /// A desk that does not keep to the rules says this on its delegation 1; the code with which it is refused.
    pub(crate) fn forge(&mut self, from: usize, to: usize, body: &Body) -> Option<String> {
        let id = self.desks[from].rows().get(DELEGATIONS, &DelegationNo(1)).unwrap().unwrap().id;
        self.forge_in(from, to, id, body)
    }

    /// The same, on a delegation of this id.
    pub(crate) fn forge_in(
        &mut self,
        from: usize,
        to: usize,
        id: DelegationId,
        body: &Body,
    ) -> Option<String> {
        self.forge_all((from, to), Some(id), std::slice::from_ref(body)).pop().map(|(_, code)| code)
    }

    /// The same, of several on no delegation or on this one: the numbers and codes of those that are refused.
    pub(crate) fn forge_all(
        &mut self,
        (from, to): (usize, usize),
        id: Option<DelegationId>,
        bodies: &[Body],
    ) -> Vec<(u64, String)> {
        self.carry(from, to);
        let (here, there) = (self.link_of(from, to), self.link_of(to, from));
        let own = self.stream(from, here);
        let [author, reader] = self.desks.get_disjoint_mut([from, to]).unwrap();
        let session = greet((author, here), (reader, there));
        let link = author.rows().get(LINKS, &here).unwrap().unwrap().link;
        let stream = Stream { link, from: author.identity.desk(), to: reader.identity.desk() };
        let (mut prev, mut messages) = (own.out_head, Vec::new());
        for (seq, body) in (own.out_length + 1..).zip(bodies) {
            let composed = compose(body, id, [7; SALT_BYTES]).unwrap();
            let place = Place { seq, prev, seen: own.in_length, time: author.now };
            let mut item = [9; 16];
            item[..8].copy_from_slice(&seq.to_be_bytes());
            let delivery =
                seal(&stream, place, ItemId::new(item), &composed, author.identity.secret()).unwrap();
            messages.push(accept(delivery, &stream, author.identity.keys().current()).unwrap());
            prev = messages.last().unwrap().hash;
        }
        let head = BatchHead { v: V1, link, known: own.acked, session };
        let answer = reader.run(Deliver { link: there, head, messages }).unwrap();
        assert!(matches!(answer, Delivered::Receipt(_)), "{answer:?}");
        let rows = reader.rows().list(RECEIVED, &there, usize::MAX).unwrap().into_iter();
        rows.filter(|((_, seq), _)| *seq > own.out_length)
            .filter_map(|((_, seq), row)| row.refused.map(|(_, why)| (seq, why.code.to_string())))
            .collect()
    }

    /// Carries everything everywhere until all is quiet.
    pub(crate) fn settle(&mut self) {
        loop {
            let before = self.lengths();
            for (place, [one, other]) in self.links.clone().into_iter().enumerate() {
                if !self.cut.contains(&place) {
                    self.carry(one.0, other.0);
                    self.carry(other.0, one.0);
                }
            }
            if before == self.lengths() {
                return;
            }
        }
    }

    fn lengths(&self) -> Vec<(u64, u64)> {
        let ends = self.links.iter().flatten();
        ends.map(|(desk, link)| {
            let stream = self.stream(*desk, *link);
            (stream.out_length, stream.waiting)
        })
        .collect()
    }

    pub(crate) fn reader(&self, desk: usize) -> Reader {
        Reader::new(&self.desks[desk].core, Arc::new(SystemClock))
    }

    /// The comments on the ticket of a desk, oldest first.
    pub(crate) fn comments(&self, desk: usize) -> Vec<Comment> {
        let thread = query::ticket_detail(&self.reader(desk), TicketNumber(1)).unwrap().thread;
        let comment = |entry| match entry {
            ThreadEntry::Comment(comment) => Some(comment),
            _ => None,
        };
        thread.into_iter().filter_map(comment).collect()
    }

    /// What a desk reads on its ticket; nothing for what is gone.
    pub(crate) fn bodies(&self, desk: usize) -> Vec<Option<String>> {
        let body = |comment: Comment| comment.body.map(|body| body.to_string());
        self.comments(desk).into_iter().map(body).collect()
    }

    pub(crate) fn files(&self, desk: usize) -> Vec<File> {
        let thread = query::ticket_detail(&self.reader(desk), TicketNumber(1)).unwrap().thread;
        let file = |entry| match entry {
            ThreadEntry::File(file) => Some(file),
            _ => None,
        };
        thread.into_iter().filter_map(file).collect()
    }

    /// How often these bytes went from one desk to another.
    pub(crate) fn crossed(&self, from: usize, to: usize, marker: &str) -> usize {
        let sent = self.wire.iter().filter(|(one, other, _)| (*one, *other) == (from, to));
        let marker = marker.as_bytes();
        sent.map(|(.., bytes)| bytes.windows(marker.len()).filter(|window| *window == marker).count()).sum()
    }

    /// Whether these bytes went to a desk at all.
    pub(crate) fn reached(&self, to: usize, marker: &str) -> bool {
        (0..self.desks.len()).any(|from| self.crossed(from, to, marker) > 0)
    }

    pub(crate) fn tickets(&self, desk: usize) -> usize {
        self.desks[desk].rows().list(TICKETS, &(), usize::MAX).unwrap().len()
    }
}

/// Opens a session for what one desk says to another.
pub(crate) fn greet((author, here): (&mut Desk, LinkNo), (reader, there): (&mut Desk, LinkNo)) -> SessionId {
    let hello = author.run(SayHello { link: here }).unwrap();
    let hello = Signed::open(&hello, author.identity.keys().current()).unwrap();
    let welcome = reader.run(AnswerHello { link: there, hello }).unwrap().unwrap();
    let welcome = Signed::open(&welcome, reader.identity.keys().current()).unwrap();
    author.run(TakeWelcome { link: here, welcome }).unwrap().unwrap().session
}

/// A restored desk gets back from a partner what it lost, and what the partner has said meanwhile.
pub(crate) fn recovered(chain: &mut Chain, restored: usize, other: usize) {
    let (here, there) = (chain.link_of(restored, other), chain.link_of(other, restored));
    {
        let [desk, partner] = chain.desks.get_disjoint_mut([restored, other]).unwrap();
        let hello = desk.run(SayHello { link: here }).unwrap();
        let hello = Signed::open(&hello, desk.identity.keys().current()).unwrap();
        let welcome = partner.run(AnswerHello { link: there, hello }).unwrap().unwrap();
        let welcome = Signed::open(&welcome, partner.identity.keys().current()).unwrap();
        let _ = desk.run(TakeWelcome { link: here, welcome }).unwrap();
        let link = desk.rows().get(LINKS, &here).unwrap().unwrap().link;
        let own = Stream { link, from: desk.identity.desk(), to: partner.identity.desk() };
        loop {
            let time = desk.now;
            let Some(raw) = desk.run(AskPage { link: here, time }).unwrap() else { break };
            let request = Signed::open(&raw, desk.identity.keys().current()).unwrap();
            let most = deskwire_proto::limits::BATCH_BYTES;
            let page = partner.hand_back(there, request, most).unwrap();
            let page = Page::open(&page, &desk.identity, &own, partner.identity.keys());
            let taken = desk.run(TakePage { link: here, page }).unwrap();
            assert!(!matches!(taken, Taken::Refused(_)), "{taken:?}");
        }
    }
    let cursor = chain.stream(restored, here).in_length;
    chain.carry_from(other, restored, Some(cursor));
}

/// Who reads a comment, by its place in the thread.
pub(crate) const THREAD: Audience = Audience::Thread;
