//! A desk without a daemon: it has real keys, links by a real invitation, and then says whatever a test wants, well or
//! badly signed.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use deskwire_proto::{
    batch::{Batch, BatchHead},
    cbor,
    delivery::Delivery,
    descriptor::{Descriptor, DescriptorBody, Limits},
    document::{Signed, V1},
    envelope::{Composed, Head, compose},
    id::{DelegationId, DeskId, Hash, InstanceId, ItemId, LinkId, Nonce, SessionId, Spki},
    invitation::Invitation,
    key::{PublicKey, SecretKey},
    keylog::KeyLog,
    linking::{LinkAnswer, LinkRequest, LinkReveal, LinkState, commitment, link_id},
    message::Body,
    receipt::Receipt,
    session::{Hello, Welcome},
    text::{Label, Url},
    time::Timestamp,
};
use serde_bytes::ByteBuf;

use crate::{
    https::{self, Answer},
    random::Random,
};

/// A desk that the test plays, linked with a real one.
pub struct Puppet {
    /// Its signing key.
    pub secret: SecretKey,
    /// Who it is.
    pub desk: DeskId,
    /// The real desk.
    pub peer: DeskId,
    /// The real desk's key.
    pub peer_key: PublicKey,
    /// Their link.
    pub link: LinkId,
    /// How many messages of its own stream it has numbered.
    pub length: u64,
    /// Hash of the last of them.
    pub head: Hash,
    /// The open session.
    pub session: SessionId,
    /// Where the real desk listens.
    pub at: SocketAddr,
    keys: KeyLog,
    descriptor: Descriptor,
    instance: InstanceId,
    random: Random,
}

/// What is drawn for a desk before it is linked.
pub struct Unlinked {
    /// Its signing key.
    pub secret: SecretKey,
    keys: KeyLog,
    descriptor: Descriptor,
    random: Random,
}

impl Unlinked {
    /// A desk of this name that says it is reached at `endpoint`, under this TLS key.
    #[must_use]
    pub fn new(mut random: Random, name: &str, endpoint: SocketAddr, tls: [u8; 32]) -> Self {
        let secret = SecretKey::from_seed(&random.array());
        let next = SecretKey::from_seed(&random.array());
        let keys = KeyLog::incept(&secret, &next.public());
        let body = DescriptorBody {
            v: V1,
            tls: vec![Spki::new(tls)],
            desk: keys.desk(),
            keys: keys.events().to_vec(),
            name: Label::new(name).unwrap(),
            limits: Limits::with_file(1 << 30),
            version: now(),
            features: Vec::new(),
            endpoints: vec![Url::new(format!("https://{endpoint}")).unwrap()],
            protocols: vec![1],
        };
        let descriptor = Descriptor::seal(body, &secret).unwrap();
        Self { secret, keys, descriptor, random }
    }

    /// The signed request with which it accepts an invitation, and the nonce behind it.
    pub fn request(&mut self, invitation: &Invitation) -> (Signed<LinkRequest>, Nonce) {
        let nonce = Nonce::new(self.random.array());
        let body = LinkRequest {
            v: V1,
            to: invitation.desk,
            from: self.keys.desk(),
            time: now(),
            terms: invitation.terms.clone(),
            commit: commitment(&nonce),
            secret: Some(invitation.secret.clone()),
            descriptor: ByteBuf::from(self.descriptor.raw()),
        };
        (Signed::seal(body, &self.secret), nonce)
    }

    /// Accepts an invitation of the desk that listens there.
    pub async fn accept(mut self, at: SocketAddr, invitation: &str) -> Puppet {
        let invitation: Invitation = invitation.parse().unwrap();
        let (request, nonce) = self.request(&invitation);
        let answered = https::post(at, "/deskwire/1/link/request", request.raw()).await;
        assert_eq!(answered.status, 200, "{}", answered.code());
        let (answer, theirs) = LinkAnswer::open(&answered.body).unwrap();
        let link = link_id(request.raw(), answer.raw(), &nonce);
        let (to, from) = (invitation.desk, self.keys.desk());
        let reveal = LinkReveal { v: V1, to, from, nonce, answer: answer.hash() };
        let reveal = Signed::seal(reveal, &self.secret);
        let state = https::post(at, "/deskwire/1/link/reveal", reveal.raw()).await;
        let state = Signed::<LinkState>::open(&state.body, theirs.keys().current()).unwrap();
        assert_eq!(state.body().link, link);
        Puppet {
            desk: from,
            peer: to,
            peer_key: *theirs.keys().current(),
            link,
            length: 0,
            head: link.into(),
            session: SessionId::new([0; 32]),
            at,
            instance: InstanceId::new(self.random.array()),
            secret: self.secret,
            keys: self.keys,
            descriptor: self.descriptor,
            random: self.random,
        }
    }
}

impl Puppet {
    /// A hello as it stands now.
    pub fn hello(&mut self) -> Signed<Hello> {
        let body = Hello {
            v: V1,
            to: self.peer,
            from: self.desk,
            head: self.head,
            keys: self.keys.head(),
            link: self.link,
            time: now(),
            later: None,
            nonce: Nonce::new(self.random.array()),
            change: None,
            length: self.length,
            instance: self.instance,
            descriptor: Some(ByteBuf::from(self.descriptor.raw())),
        };
        Signed::seal(body, &self.secret)
    }

    /// Says hello and goes on in the session that the welcome opens.
    pub async fn open_session(&mut self) -> Welcome {
        let hello = self.hello();
        let answer = https::post(self.at, "/deskwire/1/hello", hello.raw()).await;
        assert_eq!(answer.status, 200, "{}", answer.code());
        let (_, welcome) = Signed::<Welcome>::open(&answer.body, &self.peer_key).unwrap().into_parts();
        self.session = SessionId::of(&hello.body().nonce, &welcome.nonce);
        welcome
    }

    /// The head of the next message with this content, for a test to change.
    pub fn next(&mut self, content: &Composed) -> Head {
        Head {
            v: V1,
            to: self.peer,
            seq: self.length + 1,
            from: self.desk,
            item: ItemId::new(self.random.array()),
            kind: content.kind.clone(),
            link: self.link,
            must: None,
            prev: self.head,
            seen: 0,
            text: content.text.as_ref().map(|text| Hash::of(text)),
            time: now(),
            facts: content.facts.clone(),
            delegation: content.delegation,
        }
    }

    /// A body with a salt, as it travels.
    pub fn content(&mut self, body: &Body, delegation: Option<DelegationId>) -> Composed {
        compose(body, delegation, self.random.array()).unwrap()
    }

    /// Numbers and signs the next message.
    pub fn say(&mut self, body: &Body, delegation: Option<DelegationId>) -> Delivery {
        let content = self.content(body, delegation);
        let head = self.next(&content);
        let delivery = signed(&head, &content, &self.secret);
        self.length += 1;
        self.head = delivery.hash();
        delivery
    }

    /// Sends messages in the open session.
    pub async fn push(&self, deliveries: Vec<Delivery>) -> Answer {
        let head = BatchHead { v: V1, link: self.link, known: 0, session: self.session };
        https::post(self.at, "/deskwire/1/batch", &Batch { head, deliveries }.encode()).await
    }

    /// The receipt in an answer, which there must be.
    pub fn receipt(&self, answer: &Answer) -> Receipt {
        assert_eq!(answer.status, 200, "{}", answer.code());
        let (_, receipt) = Signed::<Receipt>::open(&answer.body, &self.peer_key).unwrap().into_parts();
        receipt.check().unwrap();
        receipt
    }

    /// A new id.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.random.array()
    }
}

/// Signs a head whatever stands in it, and puts the text beside it.
#[must_use]
pub fn signed(head: &Head, content: &Composed, key: &SecretKey) -> Delivery {
    let payload = cbor::encode(head).unwrap();
    Delivery::new(sign("message", &payload, key), content.text.as_ref().map(|text| text.to_vec()))
}

/// A COSE_Sign1 for a purpose, over whatever payload. The product has no function for this: it signs only what passed
/// its own check.
#[must_use]
pub fn sign(purpose: &str, payload: &[u8], key: &SecretKey) -> Vec<u8> {
    let mut protected = vec![0xa2, 0x01, 0x27, 0x04, 0x50];
    protected.extend_from_slice(key.public().id().as_bytes());
    let mut covered = vec![0x84];
    push(3, b"Signature1", &mut covered);
    push(2, &protected, &mut covered);
    push(2, format!("deskwire/1/{purpose}").as_bytes(), &mut covered);
    push(2, payload, &mut covered);
    let mut bytes = vec![0x84];
    push(2, &protected, &mut bytes);
    bytes.push(0xa0);
    push(2, payload, &mut bytes);
    push(2, &key.sign(&covered), &mut bytes);
    bytes
}

/// A string with its head in the shortest form.
fn push(major: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let major = major << 5;
    match bytes.len() {
        length @ 0..=23 => out.push(major | length as u8),
        length @ 24..=0xff => out.extend_from_slice(&[major | 24, length as u8]),
        length @ 0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(major | 26);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// Now.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as u64)
}
