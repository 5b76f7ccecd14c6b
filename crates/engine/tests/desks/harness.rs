//! Two desks whose messages are carried by the test.

use std::sync::Arc;

use deskwire_engine::command::act::{Act, Action, OwnStatus, Reason};
use deskwire_engine::command::comment::{AddComment, CommentAdded};
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::file::AttachFile;
use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::linking::{Accepted, AnswerRequest, ComposeRequest, TakeLinkState, TakeReveal};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::recover::{AnswerRecover, Laid};
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{AnswerHello, SayHello, TakeWelcome};
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::Entropy;
use deskwire_engine::query::{self, ThreadEntry};
use deskwire_engine::{Command, Core, Partner, Reader, Refusal};
use deskwire_machine::disclosure::Choice;
use deskwire_proto::batch::Batch;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Stream, Verified, accept};
use deskwire_proto::id::{Hash, SessionId, Spki};
use deskwire_proto::invitation::Invitation;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::linking::LinkRequest;
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::Hello;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{FileName, Label, Line, Prose, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::memory::MemoryStore;
use deskwire_store::row::{Audience, DelegationRow, StreamRow};
use deskwire_store::table::{Committed, DELEGATIONS, LINKS, RECEIVED, Rows, SCHEMA, STREAMS};

/// Random bytes that are the same in each run.
pub(crate) struct Counted(pub(crate) u64);

impl Entropy for Counted {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            self.0 += 1;
            let hash = Hash::of(&self.0.to_be_bytes());
            chunk.copy_from_slice(&hash.as_bytes()[..chunk.len()]);
        }
    }
}

/// One desk.
pub(crate) struct Desk {
    pub(crate) store: MemoryStore,
    pub(crate) core: Core,
    pub(crate) identity: Arc<Identity>,
    pub(crate) now: Timestamp,
    seed: u64,
}

pub(crate) const LINK: LinkNo = LinkNo(1);

pub(crate) fn person(name: &str) -> Person {
    Person { name: Some(Label::new(name).unwrap()), function: None }
}

pub(crate) fn because(text: &str) -> Reason {
    Reason { words: prose(text), code: None }
}

pub(crate) fn prose(text: &str) -> Prose {
    Prose::new(text).unwrap()
}

impl Desk {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        let key = SecretKey::from_seed(&[seed; 32]);
        let next = SecretKey::from_seed(&[seed ^ 0xff; 32]);
        let keys = KeyLog::incept(&key, &next.public());
        let host = if name.is_ascii() { name.to_lowercase() } else { format!("desk-{seed}") };
        let face = Face {
            name: Label::new(name).unwrap(),
            prefix: host.to_uppercase(),
            endpoints: vec![Url::new(format!("https://{host}.example:8441")).unwrap()],
            tls: vec![Spki::new([seed; 32])],
            file_bytes: 1 << 30,
        };
        let now = Timestamp(1_790_000_000_000);
        let identity = Arc::new(Identity::new(keys, key, face, now).unwrap());
        let store = MemoryStore::new(u64::from(seed));
        let seed = u64::from(seed) << 32;
        let core = open(&store, &identity, (seed, SCHEMA), now);
        Self { store, core, identity, now, seed }
    }

    /// Runs a command as a group of its own.
    pub(crate) fn run<C: Command>(&mut self, command: C) -> Result<C::Reply, Refusal> {
        self.now = self.now.plus(1_000);
        let reply = self.core.step(self.now, command);
        self.core.commit().expect("the store in memory writes");
        reply
    }

    /// The daemon is killed and starts again.
    pub(crate) fn restart(self) -> Self {
        self.start_with(SCHEMA)
    }

    /// As [`Desk::restart`], with a program whose rows are of another version.
    pub(crate) fn restart_with_other_rows(self) -> Self {
        self.start_with(SCHEMA + 1)
    }

    /// As [`Desk::restart`], with other keys or another face.
    pub(crate) fn restart_as(self, identity: Identity) -> Self {
        Self { identity: Arc::new(identity), ..self }.start_with(SCHEMA)
    }

    /// As [`Desk::restart_as`], where it may be refused.
    pub(crate) fn try_restart_as(self, identity: Identity) -> Result<Core, Refusal> {
        let Self { store, core, now, seed, .. } = self;
        drop(core);
        store.kill(0);
        let opened = store.open(SCHEMA).expect("opens");
        Core::open(opened, Arc::new(identity), Box::new(Counted(seed + 1_000_000)), now, &mut |_| {})
    }

    /// The comments on a ticket, as they are shown, oldest first.
    pub(crate) fn bodies(&self, ticket: u64) -> Vec<String> {
        let thread = query::ticket_detail(&self.reader(), TicketNumber(ticket)).unwrap().thread;
        let body = |entry| match entry {
            ThreadEntry::Comment(comment) => comment.body.map(|body| body.to_string()),
            _ => None,
        };
        thread.into_iter().filter_map(body).collect()
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(&self.core, Arc::new(deskwire_engine::port::SystemClock))
    }

    /// What is known of the partner of the link.
    pub(crate) fn partner(&self) -> Arc<Partner> {
        self.reader().partner(LINK).unwrap().unwrap()
    }

    /// The keys of the partner, as they are known here.
    pub(crate) fn keys_of_partner(&self) -> KeyLog {
        self.partner().keys().clone()
    }

    /// What the partner says of itself, as it is known here.
    pub(crate) fn partners_descriptor(&self) -> Descriptor {
        Descriptor::clone(&self.partner().descriptor)
    }

    fn start_with(self, schema: u32) -> Self {
        let Self { store, core, identity, now, seed } = self;
        drop(core);
        store.kill(0);
        let seed = seed + 1_000_000;
        let core = open(&store, &identity, (seed, schema), now);
        Self { store, core, identity, now, seed }
    }

    /// A copy of the whole disk, as a backup has it.
    pub(crate) fn copy(&self) -> Vec<(String, Vec<u8>)> {
        let disk = self.store.disk();
        disk.names().into_iter().filter_map(|name| Some((name.clone(), disk.content(&name)?))).collect()
    }

    /// The daemon is killed, and starts again from an old copy of its disk.
    pub(crate) fn restore(self, copy: &[(String, Vec<u8>)]) -> Self {
        let disk = self.store.disk().clone();
        self.store.kill(0);
        for name in disk.names() {
            disk.lose(&name);
        }
        for (name, content) in copy {
            disk.set_content(name, content.clone());
        }
        self.store.fail_view();
        self.restart()
    }

    pub(crate) fn rows(&self) -> Committed {
        Committed(Arc::clone(self.core.view()))
    }

    pub(crate) fn stream(&self) -> StreamRow {
        self.rows().get(STREAMS, &LINK).unwrap().unwrap()
    }

    pub(crate) fn delegation(&self, no: u64) -> DelegationRow {
        self.rows().get(DELEGATIONS, &DelegationNo(no)).unwrap().unwrap()
    }

    pub(crate) fn ticket(&mut self, title: &str) -> TicketNumber {
        self.run(NewTicket {
            title: Line::new(title).unwrap(),
            description: Some(prose("It does not start.")),
            priority: Priority::High,
            category: None,
            requester: None,
            company: None,
            object: None,
            equipment: None,
            agreement: None,
            custom: Vec::new(),
            by: person("Anna"),
        })
        .unwrap()
    }

    pub(crate) fn delegate(&mut self, ticket: TicketNumber) -> Result<DelegationNo, Refusal> {
        let by = person("Anna");
        self.run(Delegate {
            ticket,
            link: LINK,
            choice: Choice::default(),
            files: Vec::new(),
            anyway: false,
            by,
        })
    }

    pub(crate) fn act(&mut self, delegation: u64, action: Action) -> Result<(), Refusal> {
        let (delegation, own) = (DelegationNo(delegation), OwnStatus::default());
        self.run(Act { delegation, action, read: None, own, by: person("Boris") })
    }

    pub(crate) fn comment(
        &mut self,
        ticket: u64,
        body: &str,
        audience: Audience,
    ) -> Result<CommentAdded, Refusal> {
        let ticket = TicketNumber(ticket);
        self.run(AddComment { ticket, body: prose(body), audience, by: person("Boris") })
    }

    /// Hands the restored partner a page of what it lost, as the endpoint does.
    pub(crate) fn hand_back(
        &mut self,
        link: LinkNo,
        request: Signed<RecoverRequest>,
        most: usize,
    ) -> Result<Vec<u8>, Code> {
        let laid = Laid::read(&self.reader(), link, request.body(), most).unwrap()?;
        self.run(AnswerRecover { link, request, laid }).unwrap().map(|page| page.encode())
    }

    fn stream_to(&self, other: &Self) -> Stream {
        let link = self.rows().get(LINKS, &LINK).unwrap().unwrap().link;
        Stream { link, from: self.identity.desk(), to: other.identity.desk() }
    }
}

fn open(store: &MemoryStore, identity: &Arc<Identity>, (seed, schema): (u64, u32), now: Timestamp) -> Core {
    let opened = store.open(schema).expect("opens");
    Core::open(opened, Arc::clone(identity), Box::new(Counted(seed)), now, &mut |_| {}).expect("folds")
}

/// Two desks linked by an invitation of the first.
pub(crate) fn linked() -> (Desk, Desk) {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms::default());
    (shop, acme)
}

pub(crate) fn link(inviter: &mut Desk, accepter: &mut Desk, terms: Terms) {
    link_with(inviter, accepter, terms);
    inviter.run(Approve { link: LINK }).unwrap();
    reveal(inviter, accepter);
}

/// Up to the point at which the inviter has to approve.
pub(crate) fn link_unapproved(inviter: &mut Desk, accepter: &mut Desk) {
    link_with(inviter, accepter, Terms::default());
}

fn link_with(inviter: &mut Desk, accepter: &mut Desk, terms: Terms) {
    let draw = Hash::of(b"draw");
    let made =
        inviter.run(MakeInvitation { draw, life_ms: None, terms: terms.clone(), approved: false }).unwrap();
    let text = invitation_text(&inviter.identity, &made, &draw, &terms).unwrap();
    let invitation: Invitation = text.parse().unwrap();
    let (request, nonce, answer) = ask(inviter, accepter, &invitation).unwrap();
    let descriptor = inviter.identity.descriptor().clone();
    accepter.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    reveal(inviter, accepter);
}

type Asked = (Vec<u8>, deskwire_proto::id::Nonce, Vec<u8>);

pub(crate) fn ask(
    inviter: &mut Desk,
    accepter: &mut Desk,
    invitation: &Invitation,
) -> Result<Asked, Refusal> {
    let (to, terms, secret) = (invitation.desk, invitation.terms.clone(), Some(invitation.secret.clone()));
    let composed = accepter.run(ComposeRequest { to, terms, secret })?;
    let request = Signed::<LinkRequest>::open(&composed.raw, accepter.identity.keys().current()).unwrap();
    let descriptor = Descriptor::open(&request.body().descriptor).unwrap();
    let answer = inviter.run(AnswerRequest { request, descriptor })?;
    Ok((composed.raw, composed.nonce, answer))
}

/// Posts the accepter's reveal and takes the state that it is answered with.
pub(crate) fn reveal(inviter: &mut Desk, accepter: &mut Desk) {
    let row = accepter.rows().get(LINKS, &LINK).unwrap().unwrap();
    let Some(raw) = row.reveal else { return };
    let reveal = Signed::open(&raw, accepter.identity.keys().current()).unwrap();
    let state = inviter.run(TakeReveal { reveal }).unwrap();
    let state = Signed::open(&state, inviter.identity.keys().current()).unwrap();
    accepter.run(TakeLinkState { link: LINK, state }).unwrap();
}

/// Opens a session for what `from` says to `to`.
pub(crate) fn session(from: &mut Desk, to: &mut Desk) -> SessionId {
    let said = say_hello(from);
    answer_hello(from, to, said).unwrap()
}

/// The hello of a desk, as its partner reads it.
pub(crate) fn say_hello(from: &mut Desk) -> Signed<Hello> {
    let hello = from.run(SayHello { link: LINK }).unwrap();
    Signed::open(&hello, from.identity.keys().current()).unwrap()
}

/// `to` answers a hello of `from`, which takes the welcome.
pub(crate) fn answer_hello(from: &mut Desk, to: &mut Desk, said: Signed<Hello>) -> Result<SessionId, Code> {
    let welcome = to.run(AnswerHello { link: LINK, hello: said }).unwrap()?;
    let welcome = Signed::open(&welcome, to.identity.keys().current()).unwrap();
    from.run(TakeWelcome { link: LINK, welcome }).unwrap().map(|opened| opened.session)
}

/// The next batch, if there is one.
pub(crate) fn batch(from: &mut Desk, session: SessionId, after: Option<u64>) -> Option<Batch> {
    match from.run(NextBatch { link: LINK, session, after }).unwrap() {
        Next::Batch { bytes, .. } => Some(Batch::decode(&bytes).unwrap()),
        Next::Idle => None,
        Next::NoSession => panic!("the session is open"),
    }
}

pub(crate) fn verify(from: &Desk, to: &Desk, batch: &Batch) -> Vec<Verified> {
    let stream = from.stream_to(to);
    let key = from.identity.keys().current();
    batch.deliveries.iter().map(|delivery| accept(delivery.clone(), &stream, key).unwrap()).collect()
}

pub(crate) fn deliver(from: &Desk, to: &mut Desk, batch: &Batch) -> Delivered {
    let messages = verify(from, to, batch);
    to.run(Deliver { link: LINK, head: batch.head, messages }).unwrap()
}

/// Delivers once more what the reader does not believe before it has said hello.
pub(crate) fn insist(from: &mut Desk, to: &mut Desk, batch: &Batch) -> Delivered {
    let delivered = deliver(from, to, batch);
    if delivered != Delivered::Refused(Code::Busy) {
        return delivered;
    }
    session(to, from);
    deliver(from, to, batch)
}

pub(crate) fn take_receipt(from: &mut Desk, to: &Desk, receipt: &[u8]) -> Result<(), Refusal> {
    let receipt = Signed::open(receipt, to.identity.keys().current()).unwrap();
    from.run(TakeReceipt { link: LINK, receipt })
}

/// Carries everything that `from` has to say, receipts included.
pub(crate) fn pump(from: &mut Desk, to: &mut Desk) {
    let session = session(from, to);
    while let Some(batch) = batch(from, session, None) {
        let Delivered::Receipt(receipt) = insist(from, to, &batch) else { panic!("a receipt") };
        take_receipt(from, to, &receipt).unwrap();
    }
}

/// When each of the partner's messages was committed first, and why it had no effect.
pub(crate) fn receipts_of(desk: &Desk) -> Vec<(Timestamp, bool)> {
    let rows = desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    rows.into_iter().map(|(_, row)| (row.at, row.refused.is_some())).collect()
}

/// Carries both ways until both are quiet.
pub(crate) fn settle(one: &mut Desk, other: &mut Desk) {
    loop {
        let before = (one.stream().out_length, other.stream().out_length);
        pump(one, other);
        pump(other, one);
        if before == (one.stream().out_length, other.stream().out_length) {
            return;
        }
    }
}

/// A file with these bytes, which are kept here or nowhere, as somebody attaches it to a ticket.
pub(crate) fn attached(
    ticket: TicketNumber,
    name: &str,
    (blob, size): (Hash, u64),
    audience: Audience,
) -> AttachFile {
    AttachFile {
        ticket,
        name: FileName::new(name).unwrap(),
        media: None,
        blob,
        size,
        chunks: Hash::of(b"chunks"),
        audience,
        by: person("Anna"),
    }
}

/// Keeps bytes of files at a desk: by what they are found, and how many they are.
pub(crate) fn import(desk: &Desk, mut bytes: &[u8]) -> (Hash, u64) {
    let (blob, size) = desk.core.blobs().import(&mut bytes).unwrap();
    (Hash::new(blob.0), size)
}
