//! A desk with its listener and couriers, that can be stopped and started again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use deskwire_engine::command::act::{Act, Action, OwnStatus};
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::link::{Approve, MakeInvitation, invitation_text};
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::custody::Custody;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::{Clock, SystemClock, SystemEntropy};
use deskwire_engine::{Command, Core, Engine, Partner, Refusal, Running};
use deskwire_federation::{Config, Federation, bell};
use deskwire_http::server::{Drained, Limits, Listener, ShutdownTrigger, Transport};
use deskwire_http::tls::{SelfSigned, ServerTls, SpkiHash};
use deskwire_machine::disclosure::Choice;
use deskwire_proto::id::{DeskId, Hash, LinkId, Spki};
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Label, Line, Prose, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::memory::MemoryStore;
use deskwire_store::row::{Audience, LinkState, StreamRow, ThreadKind};
use deskwire_store::table::{DELEGATIONS, Rows, SCHEMA, THREADS};
use tokio::task::JoinHandle;

/// The one link of each desk here.
pub(crate) const LINK: LinkNo = LinkNo(1);
/// Only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What outlives a stop.
pub(crate) struct Site {
    name: &'static str,
    seed: u8,
    store: MemoryStore,
    /// Put away by [`Site::without_its_store`].
    put_away: Option<MemoryStore>,
    pub(crate) tls: SelfSigned,
    /// What becomes of the answers to batches.
    pub(crate) answers: Answers,
    /// Whether addresses of this machine may be dialled.
    pub(crate) dials_inside: bool,
    /// Whether partners are told of an address, and listened to.
    pub(crate) told: bool,
    pub(crate) listens: bool,
    /// Requests for streams that may be held.
    pub(crate) polls_held: usize,
    address: SocketAddr,
    /// The descriptor last made, and its version.
    said: Mutex<Option<(Timestamp, Vec<u8>)>>,
}

/// What somebody in between does to the answers to batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Whole,
    /// The last bit of each receipt is another one.
    Forged,
    /// A failing gateway stands in their place.
    Lost,
    /// The last bit of each answer to a pull is another one.
    PullsForged,
}

async fn spoil(answers: Answers, request: Request, next: Next) -> Response {
    let path = if answers == Answers::PullsForged { "/pull" } else { "/batch" };
    let is_batch = request.uri().path().ends_with(path);
    let response = next.run(request).await;
    if !is_batch || answers == Answers::Whole {
        return response;
    }
    if answers == Answers::Lost {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let (parts, body) = response.into_parts();
    let mut bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    Response::from_parts(parts, bytes.into())
}

/// A running desk.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    /// The care of its store.
    pub(crate) custody: Custody,
    pub(crate) federation: Federation,
    running: Running,
    trigger: ShutdownTrigger,
    server: Option<JoinHandle<Drained>>,
    site: Site,
}

/// Somebody in between.
pub(crate) struct Impostor {
    posts: Arc<AtomicU64>,
    trigger: ShutdownTrigger,
    server: JoinHandle<Drained>,
}

impl Impostor {
    pub(crate) fn posts(&self) -> u64 {
        self.posts.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.server.await.unwrap();
    }
}

pub(crate) fn certificate() -> SelfSigned {
    SelfSigned::generate(&["127.0.0.1".to_owned()]).unwrap()
}

impl Site {
    fn new(name: &'static str, seed: u8) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let (store, tls) = (MemoryStore::new(u64::from(seed)), certificate());
        Self {
            name,
            seed,
            store,
            put_away: None,
            tls,
            answers: Answers::Whole,
            dials_inside: true,
            told: true,
            listens: true,
            polls_held: 100,
            address,
            said: Mutex::default(),
        }
    }

    fn identity(&self) -> Identity {
        let key = SecretKey::from_seed(&[self.seed; 32]);
        let next = SecretKey::from_seed(&[self.seed ^ 0xff; 32]);
        let keys = KeyLog::incept(&key, &next.public());
        let face = Face {
            name: Label::new(self.name).unwrap(),
            prefix: self.name.to_uppercase(),
            endpoints: if self.told { vec![self.endpoint()] } else { Vec::new() },
            tls: vec![Spki::new(self.tls.spki())],
            file_bytes: 1 << 30,
        };
        let mut said = self.said.lock().unwrap();
        let sign = |version| {
            let key = SecretKey::from_seed(&[self.seed; 32]);
            Identity::new(keys.clone(), key, face.clone(), version).unwrap()
        };
        // As the daemon does: what was said last is said again, as long as nothing has changed.
        if let Some((version, raw)) = said.as_ref() {
            let same = sign(*version);
            if same.descriptor().raw() == raw {
                return same;
            }
        }
        let version = said.as_ref().map_or(0, |(version, _)| version.0 + 1).max(SystemClock.now().0);
        let identity = sign(Timestamp(version));
        *said = Some((Timestamp(version), identity.descriptor().raw().to_vec()));
        identity
    }

    pub(crate) fn endpoint(&self) -> Url {
        Url::new(format!("https://{}", self.address)).unwrap()
    }

    fn core(&self) -> Core {
        let opened = self.store.open(SCHEMA).unwrap();
        let identity = Arc::new(self.identity());
        Core::open(opened, identity, Box::new(SystemEntropy), SystemClock.now(), &mut |_| {}).unwrap()
    }

    pub(crate) async fn start(mut self) -> Desk {
        let listener = match self.listens {
            true => Some(Listener::bind(self.address).await.unwrap()),
            false => None,
        };
        self.address = listener.as_ref().map_or(self.address, Listener::local_addr);
        let (bell, effects) = bell();
        let core = self.core();
        let custody = core.custody();
        let (engine, running) = Engine::start(core, Arc::new(SystemClock), Box::new(bell)).unwrap();
        let inside = self.dials_inside.then(|| "127.0.0.0/8".parse().unwrap());
        let allowed_ranges = inside.into_iter().collect();
        let grace = Duration::from_millis(200);
        let config = Config { allowed_ranges, grace, disk_floor: 0, polls_held: self.polls_held };
        let federation = Federation::start(engine.clone(), effects, config);
        let trigger = ShutdownTrigger::new();
        let transport = Transport::Tls(ServerTls::new(&self.tls.identity().unwrap()));
        let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
        let answers = self.answers;
        let layer = from_fn(move |request: Request, next: Next| spoil(answers, request, next));
        let router = federation.router().layer(layer);
        let server = listener.map(|listener| listener.serve(router, transport, limits, trigger.subscribe()));
        let server = server.map(tokio::spawn);
        Desk { engine, custody, federation, running, trigger, server, site: self }
    }

    /// The same desk with the memory of a newborn.
    pub(crate) fn without_its_store(mut self) -> Self {
        let empty = MemoryStore::new(u64::from(self.seed) + 1_000);
        self.put_away = Some(std::mem::replace(&mut self.store, empty));
        self
    }

    pub(crate) fn with_its_store_again(mut self) -> Self {
        self.store = self.put_away.take().unwrap();
        self
    }

    /// Whether partners can reach this desk after the next start.
    pub(crate) fn reachable(mut self, reachable: bool) -> Self {
        (self.told, self.listens) = (reachable, reachable);
        self
    }

    /// Takes another address at the next start.
    pub(crate) fn move_away(&mut self) {
        self.address = "127.0.0.1:0".parse().unwrap();
    }

    /// A socket at this desk's address that nobody answers.
    pub(crate) async fn hang(&self) -> tokio::net::TcpListener {
        tokio::net::TcpListener::bind(self.address).await.unwrap()
    }

    /// A server at this desk's address with a TLS key of its own, which shows this desk's old descriptor and counts
    /// what else is asked of it.
    pub(crate) async fn impostor(self) -> (Self, Impostor) {
        let listener = Listener::bind(self.address).await.unwrap();
        let (descriptor, posts) = (self.identity().descriptor().raw().to_vec(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&posts);
        let router = axum::Router::new()
            .route(
                "/.well-known/deskwire",
                axum::routing::get(async || ([("content-type", "application/deskwire+cbor")], descriptor)),
            )
            .fallback(async move || {
                counted.fetch_add(1, Ordering::Relaxed);
            });
        let transport = Transport::Tls(ServerTls::new(&certificate().identity().unwrap()));
        let trigger = ShutdownTrigger::new();
        let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
        let server = tokio::spawn(listener.serve(router, transport, limits, trigger.subscribe()));
        (self, Impostor { posts, trigger, server })
    }

    /// The engine alone, whose messages the test carries itself.
    pub(crate) fn start_engine(self) -> (Engine, Running) {
        let (bell, _unheard) = bell();
        Engine::start(self.core(), Arc::new(SystemClock), Box::new(bell)).unwrap()
    }
}

impl Desk {
    pub(crate) async fn new(name: &'static str, seed: u8) -> Self {
        Site::new(name, seed).start().await
    }

    /// A desk whose operator allowed no addresses but public ones.
    pub(crate) async fn careful(name: &'static str, seed: u8) -> Self {
        let mut site = Site::new(name, seed);
        site.dials_inside = false;
        site.start().await
    }

    /// A desk that nobody can reach.
    pub(crate) async fn hidden(name: &'static str, seed: u8) -> Self {
        Site::new(name, seed).reachable(false).start().await
    }

    pub(crate) async fn stop(self) -> Site {
        self.trigger.request();
        self.federation.release();
        if let Some(server) = self.server {
            server.await.unwrap();
        }
        self.federation.stop().await;
        drop((self.engine, self.custody));
        self.running.stop().unwrap();
        self.site
    }

    pub(crate) async fn run<C: Command>(&self, command: C) -> Result<C::Reply, Refusal> {
        self.engine.call(command).await
    }

    /// The names of all files on its disk.
    pub(crate) fn names(&self) -> Vec<String> {
        self.site.store.disk().names()
    }

    /// What the disk makes of a file by itself.
    pub(crate) fn set_content(&self, name: &str, content: Vec<u8>) {
        self.site.store.disk().set_content(name, content);
    }

    pub(crate) fn id(&self) -> DeskId {
        self.engine.identity().desk()
    }

    pub(crate) fn pin(&self) -> SpkiHash {
        self.site.tls.spki()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.endpoint())
    }

    pub(crate) fn endpoint(&self) -> Url {
        self.site.endpoint()
    }

    pub(crate) fn link(&self) -> Option<Arc<Partner>> {
        self.engine.reader().partner(LINK).unwrap()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.link().is_some_and(|partner| partner.row.state == LinkState::Active)
    }

    pub(crate) fn stream(&self) -> StreamRow {
        self.engine.reader().stream(LINK).unwrap()
    }

    /// The partner has said hello.
    pub(crate) fn has_welcomed(&self) -> bool {
        self.federation.numbers().hellos_answered > 0
    }

    /// Everything that was said is covered by receipts, and nothing waits.
    pub(crate) fn is_settled(&self) -> bool {
        let stream = self.stream();
        stream.waiting == 0 && stream.out_length > 0 && stream.acked == stream.out_length
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.link()?.row.trouble.as_ref().map(|trouble| trouble.last.code.as_str().to_owned())
    }

    /// Makes an invitation; its text.
    pub(crate) async fn invite(&self, approved: bool, life_ms: Option<u64>) -> String {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        let draw = Hash::of(&DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let terms = Terms::default();
        let made = MakeInvitation { draw, life_ms, terms: terms.clone(), approved };
        let made = self.run(made).await.unwrap();
        invitation_text(self.engine.identity(), &made, &draw, &terms).unwrap()
    }

    pub(crate) async fn accept(&self, invitation: &str) -> Result<LinkId, Refusal> {
        self.federation.linker().accept(invitation.to_owned(), None).await
    }

    pub(crate) async fn approve(&self) {
        self.run(Approve { link: LINK }).await.unwrap();
    }

    pub(crate) async fn ticket(&self, title: &str) -> TicketNumber {
        self.run(new_ticket(title)).await.unwrap()
    }

    pub(crate) async fn delegate(&self, ticket: TicketNumber, files: Vec<FileNo>) -> DelegationNo {
        self.run(hand_over(ticket, files)).await.unwrap()
    }

    pub(crate) async fn act(&self, delegation: DelegationNo, action: Action) {
        self.run(Act { delegation, action, read: None, own: OwnStatus::default(), by: person() })
            .await
            .unwrap();
    }

    pub(crate) async fn comment(&self, ticket: TicketNumber, body: &str) {
        let body = Prose::new(body).unwrap();
        self.run(AddComment { ticket, body, audience: Audience::Thread, by: person() }).await.unwrap();
    }

    /// The ticket and the delegation that came over the link.
    pub(crate) fn received(&self) -> Option<(TicketNumber, DelegationNo)> {
        let rows = self.engine.reader().rows().list(DELEGATIONS, &(), 1).unwrap();
        rows.into_iter().next().map(|(no, row)| (row.ticket, no))
    }

    pub(crate) fn comments(&self, ticket: TicketNumber) -> usize {
        let rows = self.engine.reader().rows().list(THREADS, &ticket, 1_000).unwrap();
        rows.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).count()
    }
}

pub(crate) fn person() -> Person {
    Person { name: Some(Label::new("Anna").unwrap()), function: None }
}

pub(crate) fn new_ticket(title: &str) -> NewTicket {
    NewTicket {
        title: Line::new(title).unwrap(),
        description: Some(Prose::new("It does not start.").unwrap()),
        priority: Priority::High,
        category: None,
        requester: None,
        company: None,
        object: None,
        equipment: None,
        agreement: None,
        custom: Vec::new(),
        by: person(),
    }
}

pub(crate) fn hand_over(ticket: TicketNumber, files: Vec<FileNo>) -> Delegate {
    Delegate { ticket, link: LINK, choice: Choice::default(), files, anyway: false, by: person() }
}

/// Two desks with an active link.
pub(crate) async fn linked() -> (Desk, Desk) {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::new("Acme", 2).await);
    let invitation = shop.invite(true, None).await;
    acme.accept(&invitation).await.unwrap();
    until("both links are active", || shop.is_active() && acme.is_active()).await;
    (shop, acme)
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
