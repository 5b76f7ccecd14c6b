//! One partner of the hub, played by this process: real keys, the real wire, and nothing behind it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use deskwire_proto::{
    batch::{Batch, BatchHead},
    delivery::Delivery,
    descriptor::{Descriptor, DescriptorBody, Limits},
    document::{Signed, V1},
    envelope::{Place, Stream, compose, read_head, seal},
    id::{DelegationId, DeskId, Hash, InstanceId, ItemId, LinkId, Nonce, SessionId, Spki},
    invitation::Invitation,
    key::{PublicKey, SecretKey},
    keylog::KeyLog,
    linking::{LinkAnswer, LinkRequest, LinkReveal, commitment, link_id},
    message::{
        Body, comment_add,
        common::{Audience, Own},
        offer,
    },
    number::{Hops, Version},
    receipt::Receipt,
    session::{Hello, Welcome},
    text::{Code, Label, Line, Prose, Url},
    time::Timestamp,
};
use serde_bytes::ByteBuf;

use super::client::Line as Connection;
use crate::{
    desks::noise,
    failure::{self, Failure},
};

/// A linked partner.
pub(super) struct Peer {
    pub(super) link: LinkId,
    secret: SecretKey,
    desk: DeskId,
    hub: DeskId,
    hub_key: PublicKey,
    keys: KeyLog,
    descriptor: Descriptor,
    draw: u64,
    state: Mutex<State>,
}

struct State {
    /// The hub's stream as this partner holds it, with the times at which it took each message.
    times: Vec<u64>,
    head: Hash,
    /// When the hub was asked to send what has not come yet.
    begun: VecDeque<Instant>,
    /// How long each message took, milliseconds.
    took: Vec<f64>,
    /// This partner's own stream.
    own: (u64, Hash),
    session: SessionId,
    drawn: u64,
}

/// What becomes a peer: its place in the run, where it says that it is, and under which TLS key.
pub(super) struct Origin<'a> {
    pub(super) number: usize,
    pub(super) endpoint: &'a str,
    pub(super) tls: [u8; 32],
    pub(super) seed: u64,
}

impl Peer {
    /// Accepts an invitation of the hub.
    pub(super) async fn accept(
        origin: Origin<'_>,
        invitation: &str,
        hub: &mut Connection,
    ) -> Result<Self, Failure> {
        let draw = origin.seed.wrapping_add((origin.number as u64) << 32);
        let secret = SecretKey::from_seed(random(draw, 1).as_bytes());
        let keys = KeyLog::incept(&secret, &SecretKey::from_seed(random(draw, 2).as_bytes()).public());
        let descriptor = describe(&origin, &keys, &secret)?;
        let invitation: Invitation = invitation.parse().map_err(|error| odd("an invitation", error))?;
        let nonce = Nonce::new(*random(draw, 3).as_bytes());
        let request = LinkRequest {
            v: V1,
            to: invitation.desk,
            from: keys.desk(),
            time: now(),
            terms: invitation.terms.clone(),
            commit: commitment(&nonce),
            secret: Some(invitation.secret.clone()),
            descriptor: ByteBuf::from(descriptor.raw()),
        };
        let request = Signed::seal(request, &secret);
        let answered = hub.post("link/request", request.raw()).await?.good("link/request")?;
        let (answer, theirs) = LinkAnswer::open(&answered).map_err(|code| odd("a link-answer", code))?;
        let link = link_id(request.raw(), answer.raw(), &nonce);
        let (to, from) = (invitation.desk, keys.desk());
        let reveal = LinkReveal { v: V1, to, from, nonce, answer: answer.hash() };
        hub.post("link/reveal", Signed::seal(reveal, &secret).raw()).await?.good("link/reveal")?;
        let state = State {
            times: Vec::new(),
            head: link.into(),
            begun: VecDeque::new(),
            took: Vec::new(),
            own: (0, link.into()),
            session: SessionId::new([0; 32]),
            drawn: 3,
        };
        let hub_key = *theirs.keys().current();
        Ok(Self {
            link,
            secret,
            desk: from,
            hub: to,
            hub_key,
            keys,
            descriptor,
            draw,
            state: Mutex::new(state),
        })
    }

    /// The welcome for a hello of the hub.
    pub(super) fn welcome(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let hello = Signed::<Hello>::open(bytes, &self.hub_key).ok()?;
        let mut state = self.state();
        let welcome = Welcome {
            v: V1,
            to: self.hub,
            from: self.desk,
            head: state.head,
            link: self.link,
            time: now(),
            hello: hello.body().nonce,
            known: 0,
            nonce: Nonce::new(self.random(&mut state)),
            length: state.times.len() as u64,
            placed: None,
            descriptor: Some(ByteBuf::from(self.descriptor.raw())),
        };
        drop(state);
        Some(Signed::seal(welcome, &self.secret).raw().to_vec())
    }

    /// Takes a batch and gives the receipt.
    pub(super) fn take(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (came, batch) = (Instant::now(), Batch::decode(bytes).ok()?);
        let mut state = self.state();
        for delivery in &batch.deliveries {
            let seq = read_head(delivery.signed()).ok()?.seq;
            if seq != state.times.len() as u64 + 1 {
                continue;
            }
            state.times.push(now().0);
            state.head = delivery.hash();
            if let Some(begun) = state.begun.pop_front() {
                state.took.push((came - begun).as_secs_f64() * 1e3);
            }
        }
        let base = batch.head.known.min(state.times.len() as u64);
        let mut before = 0;
        let since = state.times.iter().skip(base as usize).map(|time| {
            let since = time.saturating_sub(before);
            before = *time.max(&before);
            since
        });
        let times = since.collect();
        let receipt = Receipt {
            v: V1,
            to: self.hub,
            base,
            from: self.desk,
            hash: state.head,
            link: self.link,
            upto: state.times.len() as u64,
            times,
            length: state.own.0,
            outcomes: Vec::new(),
        };
        drop(state);
        Some(Signed::seal(receipt, &self.secret).raw().to_vec())
    }

    /// The hub is about to be asked to say something.
    pub(super) fn expect(&self) {
        self.state().begun.push_back(Instant::now());
    }

    /// How many messages of the hub it holds.
    pub(super) fn held(&self) -> usize {
        self.state().times.len()
    }

    /// Whether something that the hub was asked to say has not come.
    pub(super) fn is_waiting(&self) -> bool {
        !self.state().begun.is_empty()
    }

    /// What a faulty or hostile partner sends: a batch of its own session with forged messages, a batch of no session,
    /// and no CBOR at all.
    pub(super) fn rubbish(&self) -> Vec<(&'static str, Vec<u8>)> {
        let session = self.state().session;
        let forged = vec![Delivery::new(vec![0x84; 400], None); 64];
        let batch = |session| {
            let head = BatchHead { v: V1, link: self.link, known: 0, session };
            Batch { head, deliveries: forged.clone() }.encode()
        };
        vec![
            ("batch", batch(session)),
            ("batch", batch(SessionId::new([9; 32]))),
            ("hello", vec![0x81; 100_000]),
            ("pull", vec![0xff; 100]),
        ]
    }

    /// How long the messages took that have come since the last call, and how many have not come.
    pub(super) fn took(&self) -> (Vec<f64>, usize) {
        let mut state = self.state();
        (std::mem::take(&mut state.took), std::mem::take(&mut state.begun).len())
    }

    /// Says hello, and offers a delegation to talk about.
    pub(super) async fn begin(&self, hub: &mut Connection) -> Result<(), Failure> {
        let hello = {
            let mut state = self.state();
            Hello {
                v: V1,
                to: self.hub,
                from: self.desk,
                head: state.own.1,
                keys: self.keys.head(),
                link: self.link,
                time: now(),
                later: None,
                nonce: Nonce::new(self.random(&mut state)),
                change: None,
                length: state.own.0,
                instance: InstanceId::new(self.random(&mut state)),
                descriptor: Some(ByteBuf::from(self.descriptor.raw())),
            }
        };
        let nonce = hello.nonce;
        let answer = hub.post("hello", Signed::seal(hello, &self.secret).raw()).await?.good("hello")?;
        let welcome =
            Signed::<Welcome>::open(&answer, &self.hub_key).map_err(|code| odd("a welcome", code))?;
        self.state().session = SessionId::of(&nonce, &welcome.body().nonce);
        self.push(&an_offer()?, hub).await
    }

    /// Says something about the delegation; the time until the receipt was here, milliseconds.
    pub(super) async fn comment(
        &self,
        number: u64,
        size: usize,
        hub: &mut Connection,
    ) -> Result<f64, Failure> {
        let text = comment_add::Text {
            by: None,
            body: Prose::new(noise::text(number, size)).map_err(|error| odd("a comment", error))?,
            proof: None,
            origin: None,
            relayed: None,
        };
        let body = Body::CommentAdd { facts: comment_add::Facts { audience: Audience::Thread }, text };
        let begun = Instant::now();
        self.push(&body, hub).await?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    async fn push(&self, body: &Body, hub: &mut Connection) -> Result<(), Failure> {
        let batch = self.batch(body)?;
        let answer = hub.post("batch", &batch).await?.good("batch")?;
        Signed::<Receipt>::open(&answer, &self.hub_key).map_err(|code| odd("a receipt", code)).map(drop)
    }

    /// The next message, in a batch of its own.
    fn batch(&self, body: &Body) -> Result<Vec<u8>, Failure> {
        let mut state = self.state();
        let delegation = DelegationId::new([7; DelegationId::SIZE]);
        let content = compose(body, Some(delegation), self.random(&mut state))
            .map_err(|error| odd("a message", error))?;
        let stream = Stream { link: self.link, from: self.desk, to: self.hub };
        let place = Place { seq: state.own.0 + 1, prev: state.own.1, seen: 0, time: now() };
        let item = ItemId::new(self.random(&mut state));
        let delivery: Delivery =
            seal(&stream, place, item, &content, &self.secret).map_err(|error| odd("a message", error))?;
        state.own = (place.seq, delivery.hash());
        let head = BatchHead { v: V1, link: self.link, known: place.seq - 1, session: state.session };
        Ok(Batch { head, deliveries: vec![delivery] }.encode())
    }

    fn random<const N: usize>(&self, state: &mut State) -> [u8; N] {
        state.drawn += 1;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&random(self.draw, state.drawn).as_bytes()[..N]);
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(origin: &Origin<'_>, keys: &KeyLog, secret: &SecretKey) -> Result<Descriptor, Failure> {
    let body = DescriptorBody {
        v: V1,
        tls: vec![Spki::new(origin.tls)],
        desk: keys.desk(),
        keys: keys.events().to_vec(),
        name: Label::new(format!("Peer {}", origin.number)).map_err(|error| odd("a name", error))?,
        limits: Limits::with_file(1 << 30),
        version: now(),
        features: Vec::new(),
        endpoints: vec![Url::new(origin.endpoint).map_err(|error| odd("an endpoint", error))?],
        protocols: vec![1],
    };
    Descriptor::seal(body, secret).map_err(|code| odd("a descriptor", code))
}

fn an_offer() -> Result<Body, Failure> {
    let own = Own {
        status: Code::new("new").map_err(|error| odd("a code", error))?,
        ticket: Label::new("P-1").map_err(|error| odd("a label", error))?,
        status_label: None,
    };
    let facts = offer::Facts {
        own,
        hops: Hops::new(5).map_err(|error| odd("hops", error))?,
        test: false,
        price: None,
        rules: Version::FIRST,
        resolve: None,
        respond: None,
        category: None,
        priority: None,
        loop_tags: None,
    };
    let text = offer::Text {
        by: None,
        title: Line::new("Measured").map_err(|error| odd("a title", error))?,
        custom: None,
        object: None,
        company: None,
        contact: None,
        agreement: None,
        equipment: None,
        description: None,
    };
    Ok(Body::Offer { facts, text })
}

/// Unpredictable enough for a run on one machine, and the same for the same seed.
fn random(draw: u64, number: u64) -> Hash {
    Hash::of_parts(&[b"deskwire bench links", &draw.to_be_bytes(), &number.to_be_bytes()])
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as u64)
}

pub(super) fn odd(what: &str, why: impl std::fmt::Display) -> Failure {
    let next = "This is a fault of Deskwire: please report it.";
    failure::refused(
        "bench-odd",
        "Something is not as it should be",
        format!("The bench met {what}: {why}."),
        next,
    )
}
