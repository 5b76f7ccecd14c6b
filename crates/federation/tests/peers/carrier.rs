//! A desk without couriers: the test carries its messages, and can lose, repeat and swap them.

use deskwire_engine::command::receipt::TakeReceipt;
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{SayHello, TakeWelcome};
use deskwire_engine::{Engine, Running};
use deskwire_http::tls::pinned_client;
use deskwire_proto::document::Signed;
use deskwire_proto::id::SessionId;
use deskwire_proto::receipt::Receipt;

use crate::support::{Desk, LINK, Site, hand_over, new_ticket};

/// What a listener answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        problem["type"].as_str().unwrap().trim_start_matches("urn:deskwire:problem:").to_owned()
    }

    pub(crate) fn member(&self, name: &str) -> serde_json::Value {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        problem[name].clone()
    }
}

/// A client that trusts one desk's TLS key.
pub(crate) fn client(desk: &Desk) -> reqwest::Client {
    let tls = pinned_client([desk.pin()]);
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

pub(crate) async fn post(to: &Desk, path: &str, body: Vec<u8>) -> Answer {
    post_as(to, path, "application/deskwire+cbor", body).await
}

pub(crate) async fn post_as(to: &Desk, path: &str, media: &str, body: Vec<u8>) -> Answer {
    let url = to.url(&format!("/deskwire/1/{path}"));
    let response = client(to).post(url).header("content-type", media).body(body).send().await.unwrap();
    Answer { status: response.status().as_u16(), body: response.bytes().await.unwrap().to_vec() }
}

/// The engine of a linked desk, whose messages are carried by hand.
pub(crate) struct Carrier {
    pub(crate) engine: Engine,
    pub(crate) running: Running,
}

impl Carrier {
    pub(crate) fn new(site: Site) -> Self {
        let (engine, running) = site.start_engine();
        Self { engine, running }
    }

    /// Hands one more ticket over: one more message.
    pub(crate) async fn say(&self, title: &str) {
        let ticket = self.engine.call(new_ticket(title)).await.unwrap();
        self.engine.call(hand_over(ticket, Vec::new())).await.unwrap();
    }

    /// Opens a session with the other desk.
    pub(crate) async fn session(&self, with: &Desk) -> SessionId {
        let hello = self.engine.call(SayHello { link: LINK }).await.unwrap();
        let answer = post(with, "hello", hello).await;
        assert_eq!(answer.status, 200);
        let welcome = Signed::open(&answer.body, with.engine.identity().keys().current()).unwrap();
        self.engine.call(TakeWelcome { link: LINK, welcome }).await.unwrap().unwrap().session
    }

    /// The bytes of the next batch.
    pub(crate) async fn batch(&self, session: SessionId, after: Option<u64>) -> Vec<u8> {
        match self.engine.call(NextBatch { link: LINK, session, after }).await.unwrap() {
            Next::Batch { bytes, .. } => bytes,
            Next::Idle => panic!("there is something to send"),
            Next::NoSession => panic!("the session is open"),
        }
    }

    pub(crate) async fn take(&self, answer: &Answer, of: &Desk) -> Receipt {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let receipt: Signed<Receipt> =
            Signed::open(&answer.body, of.engine.identity().keys().current()).unwrap();
        let body = receipt.body().clone();
        self.engine.call(TakeReceipt { link: LINK, receipt }).await.unwrap();
        body
    }
}
