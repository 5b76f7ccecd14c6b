//! Desks in memory: an engine over a store in memory, the API over it, and the way of messages between two of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::linking::{Accepted, AnswerRequest, ComposeRequest, TakeLinkState, TakeReveal};
use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{AnswerHello, SayHello, TakeWelcome};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::{Clock, Effect, Entropy, Linker, Notifier, Pending};
use deskwire_engine::{Core, Engine, Refusal, Running};
use deskwire_proto::batch::Batch;
use deskwire_proto::document::{Document, Signed};
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::envelope::accept;
use deskwire_proto::id::{DeskId, Hash, LinkId, SessionId, Spki};
use deskwire_proto::invitation::Invitation;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::linking::LinkRequest;
use deskwire_proto::message::common::Person;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Label, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::memory::MemoryStore;
use deskwire_store::table::SCHEMA;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{ApiState, Token};

pub(super) const TOKEN: &str = "a token of this desk";
pub(super) const FILE_LIMIT: u64 = 4 << 20;
const FREE_FLOOR: u64 = 1 << 20;

/// A desk with its API.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) store: MemoryStore,
    pub(super) router: Router,
    pub(super) linker: Arc<FakeLinker>,
    clock: Arc<Ticks>,
    running: Option<Running>,
    keys: AtomicU64,
}

/// Whoever would link: counts how often it was asked, and answers with a link that is there.
#[derive(Default)]
pub(super) struct FakeLinker {
    pub(super) accepted: AtomicUsize,
    pub(super) asked: Mutex<Vec<DeskId>>,
    pub(super) link: Mutex<Option<LinkId>>,
    pub(super) found: Mutex<Vec<(LinkNo, String)>>,
}

impl Linker for FakeLinker {
    fn accept(&self, _: String, _: Option<Label>) -> Pending<'_, Result<LinkId, Refusal>> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let link = *self.link.lock().unwrap();
        Box::pin(async move { link.ok_or_else(Refusal::stopping) })
    }

    fn ask(&self, desk: DeskId) {
        self.asked.lock().unwrap().push(desk);
    }

    fn find(&self, link: LinkNo, endpoint: Endpoint) -> Pending<'_, Result<(), Refusal>> {
        self.found.lock().unwrap().push((link, endpoint.to_string()));
        Box::pin(async { Ok(()) })
    }
}

struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

struct Counted(u64);

impl Entropy for Counted {
    fn fill(&mut self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(32) {
            self.0 += 1;
            piece.copy_from_slice(&Hash::of(&self.0.to_be_bytes()).as_bytes()[..piece.len()]);
        }
    }
}

struct Nobody;

impl Notifier for Nobody {
    fn notify(&self, _: &Effect) {}
}

impl Desk {
    pub(super) fn new(name: &str, prefix: &str, seed: u8) -> Self {
        let store = MemoryStore::new(u64::from(seed));
        let secret = SecretKey::from_seed(&[seed; 32]);
        let next = SecretKey::from_seed(&[seed + 100; 32]).public();
        let keys = KeyLog::incept(&secret, &next);
        let face = Face {
            name: Label::new(name).unwrap(),
            prefix: prefix.to_owned(),
            endpoints: vec![Url::new(format!("https://127.0.0.1:{}", 9000 + u16::from(seed))).unwrap()],
            tls: vec![Spki::new([seed; 32])],
            file_bytes: FILE_LIMIT,
        };
        let identity = Arc::new(Identity::new(keys, secret, face, Timestamp(1)).unwrap());
        let started = Timestamp(1_780_000_000_000);
        let entropy = Box::new(Counted(u64::from(seed) << 32));
        let core = Core::open(store.open(SCHEMA).unwrap(), identity, entropy, started, &mut |_| {}).unwrap();
        let clock = Arc::new(Ticks(AtomicU64::new(started.0)));
        let (engine, running) = Engine::start(core, Arc::<Ticks>::clone(&clock), Box::new(Nobody)).unwrap();
        let linker = Arc::new(FakeLinker::default());
        let person = Person { name: Label::new("Anna").ok(), function: Label::new("engineer").ok() };
        let router = crate::router(ApiState {
            engine: engine.clone(),
            linker: Arc::<FakeLinker>::clone(&linker),
            tokens: vec![
                Token { sha256: Hash::of(b"another token"), person: Person::default() },
                Token { sha256: Hash::of(TOKEN.as_bytes()), person },
            ],
            api: "127.0.0.1:8440".into(),
            listen: vec!["127.0.0.1:8441".into()],
            started,
            terms: Terms::default(),
            file_limit: FILE_LIMIT,
            free_floor: FREE_FLOOR,
            meters: Vec::new(),
        });
        Self { engine, store, router, linker, clock, running: Some(running), keys: AtomicU64::new(1) }
    }

    /// Time goes by, while the daemon runs and ticks.
    pub(super) async fn live(&self, hours: u64) {
        for _ in 0..hours {
            self.clock.0.fetch_add(3_600_000, Ordering::Relaxed);
            self.engine.call(Tick).await.unwrap();
        }
    }

    pub(super) fn id(&self) -> DeskId {
        self.engine.identity().desk()
    }

    pub(super) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:8440".parse().unwrap());
        headers.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        if method != Method::GET {
            let key = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
            headers.insert("idempotency-key", key.parse().unwrap());
        }
        Call { desk: self, method, path: path.to_owned(), headers, body: Vec::new() }
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    /// A changing call that must succeed.
    pub(super) async fn post(&self, path: &str, document: Value) -> Value {
        let answer = self.call(Method::POST, path).json(document).send().await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer.body
    }

    /// A changing call that must be refused; gives its code.
    pub(super) async fn refused(&self, path: &str, document: Value) -> (u16, String) {
        let answer = self.call(Method::POST, path).json(document).send().await;
        answer.refusal()
    }

    fn opened<T: Document>(&self, raw: &[u8]) -> Signed<T> {
        Signed::open(raw, self.engine.identity().keys().current()).unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop();
        }
    }
}

/// One call to the API.
pub(super) struct Call<'a> {
    desk: &'a Desk,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call<'_> {
    pub(super) fn json(self, document: Value) -> Self {
        self.header("content-type", "application/json").bytes(document.to_string().into_bytes())
    }

    pub(super) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(super) async fn send(self) -> Answer {
        let body = Body::from(self.body);
        Self::sent(self.desk, self.method, &self.path, self.headers, body).await
    }

    pub(super) async fn stream(self, body: Body) -> Answer {
        Self::sent(self.desk, self.method, &self.path, self.headers, body).await
    }

    /// The body of the answer as it comes, for what breaks off.
    pub(super) async fn body(self) -> Body {
        let body = Body::from(self.body);
        Self::answered(self.desk, self.method, &self.path, self.headers, body).await.into_body()
    }

    async fn answered(
        desk: &Desk,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Response<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = headers;
        desk.router.clone().oneshot(request).await.unwrap()
    }

    async fn sent(desk: &Desk, method: Method, path: &str, headers: HeaderMap, body: Body) -> Answer {
        let (head, body) = Self::answered(desk, method, path, headers, body).await.into_parts();
        let raw = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
        Answer { status: head.status, headers: head.headers, body, raw: raw.to_vec() }
    }
}

/// What the API answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) raw: Vec<u8>,
}

impl Answer {
    /// Status and code of a refusal, whose form is checked.
    pub(super) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        let problem: deskwire_api_types::Problem = serde_json::from_value(self.body.clone()).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(problem.kind, format!("urn:deskwire:problem:{}", problem.code));
        assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        assert_eq!(problem.request_id.as_deref(), self.headers["deskwire-request-id"].to_str().ok());
        (problem.status, problem.code)
    }
}

/// Two desks with a link between them: the first has invited the second.
pub(super) async fn linked() -> (Desk, Desk) {
    let (acme, kassa) = (Desk::new("Acme Service", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    link(&acme, &kassa, json!({"approved": true})).await;
    (acme, kassa)
}

pub(super) async fn link(inviter: &Desk, accepter: &Desk, request: Value) {
    let made = inviter.post("/v1/links/invitations", request).await;
    let invitation: Invitation = made["text"].as_str().unwrap().parse().unwrap();
    let compose =
        ComposeRequest { to: inviter.id(), terms: invitation.terms, secret: Some(invitation.secret) };
    let composed = accepter.engine.call(compose).await.unwrap();
    let (request, descriptor) = LinkRequest::open(&composed.raw).unwrap();
    let answer = inviter.engine.call(AnswerRequest { request, descriptor }).await.unwrap();
    let accepted = Accepted {
        request: composed.raw,
        answer,
        nonce: composed.nonce,
        descriptor: inviter.engine.identity().descriptor().clone(),
        name: None,
        by_hand: false,
    };
    let (no, id) = accepter.engine.call(accepted).await.unwrap();
    let partner = accepter.engine.reader().partner(no).unwrap().unwrap();
    let reveal = accepter.opened(partner.row.reveal.as_ref().unwrap());
    let state = inviter.engine.call(TakeReveal { reveal }).await.unwrap();
    accepter.engine.call(TakeLinkState { link: no, state: inviter.opened(&state) }).await.unwrap();
    *accepter.linker.link.lock().unwrap() = Some(id);
}

/// Carries everything both ways, until both know that the other has it.
pub(super) async fn talk(one: &Desk, other: &Desk) {
    for _ in 0..2 {
        carry(one, other).await;
        carry(other, one).await;
    }
}

/// Numbers and signs what a desk has to say, and loses it on the way.
pub(super) async fn lose(from: &Desk, to: &Desk) {
    let session = session(from, to).await;
    let link = link_no(from, to);
    let next = from.engine.call(NextBatch { link, session, after: None }).await.unwrap();
    assert!(matches!(next, Next::Batch { .. }));
}

async fn session(from: &Desk, to: &Desk) -> SessionId {
    let (out, into) = (link_no(from, to), link_no(to, from));
    let hello = from.engine.call(SayHello { link: out }).await.unwrap();
    let hello = from.opened(&hello);
    let welcome = to.engine.call(AnswerHello { link: into, hello }).await.unwrap().unwrap();
    let welcome = to.opened(&welcome);
    from.engine.call(TakeWelcome { link: out, welcome }).await.unwrap().unwrap().session
}

/// Carries what one desk has to say to the other, with the receipts back.
pub(super) async fn carry(from: &Desk, to: &Desk) {
    let session = session(from, to).await;
    let (out, into) = (link_no(from, to), link_no(to, from));
    loop {
        let next = from.engine.call(NextBatch { link: out, session, after: None }).await.unwrap();
        let bytes = match next {
            Next::Batch { bytes, .. } => bytes,
            Next::Idle => return,
            Next::NoSession => panic!("no session"),
        };
        let batch = Batch::decode(&bytes).unwrap();
        let partner = to.engine.reader().partner(into).unwrap().unwrap();
        let (stream, key) = (partner.stream_in(), *from.engine.identity().keys().current());
        let messages = batch.deliveries.into_iter().map(|one| accept(one, &stream, &key).unwrap());
        let deliver = Deliver { link: into, head: batch.head, messages: messages.collect() };
        match to.engine.call(deliver).await.unwrap() {
            Delivered::Receipt(receipt) => {
                let receipt = to.opened(&receipt);
                from.engine.call(TakeReceipt { link: out, receipt }).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

fn link_no(of: &Desk, to: &Desk) -> LinkNo {
    let partners = of.engine.reader().partners().unwrap();
    partners.iter().find(|partner| partner.desk() == to.id()).unwrap().no
}
