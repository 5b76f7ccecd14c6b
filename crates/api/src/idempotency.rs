//! Changing calls: each carries a key, under which it has effect once and is answered alike ever after.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use deskwire_api_types::IDEMPOTENCY_KEY;
use deskwire_engine::{Command, Keyed, Refusal, Step};
use deskwire_proto::cbor;
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::Person;
use deskwire_store::table::{KEYED, Rows};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::guard::Caller;
use crate::state::Shared;

/// A changing call: who makes it and under which key.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The person who acts.
    pub(crate) by: Person,
    /// Hash over the caller and its key: unpredictable to nobody but new for each call.
    pub(crate) key: Hash,
    /// Hash over method, path, query and person.
    head: Hash,
}

impl Change {
    /// The command, to be run once for this key and this body.
    pub(crate) fn keyed<C: Command>(&self, body: &[u8], command: C) -> Keyed<C> {
        Keyed { key: self.key, request: self.request(body), command }
    }

    fn request(&self, body: &[u8]) -> Hash {
        Hash::of_parts(&[b"deskwire api request", self.head.as_bytes(), Hash::of(body).as_bytes()])
    }

    /// The answer that this call got before, where something outside of the engine makes the change.
    pub(crate) async fn answered<R>(&self, api: &Shared, body: &[u8]) -> Result<Option<R>, ApiError>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let (key, request) = (self.key, self.request(body));
        let known = api.read(move |reader| Ok(reader.rows().get(KEYED, &key)?)).await?;
        match known {
            None => Ok(None),
            Some(row) if row.request != request => Err(ApiError::new(
                StatusCode::CONFLICT,
                "idempotency-key-reused",
                "This idempotency key was used for another request.",
                "Draw a new key for each new request; repeat a key only with the same request.",
            )),
            Some(row) => cbor::decode_plain(&row.reply).map(Some).map_err(|_| ApiError::internal()),
        }
    }

    /// Keeps the answer of a change that was made outside of the engine.
    pub(crate) fn remember<R>(&self, body: &[u8], reply: R) -> Keyed<Remember<R>>
    where
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.keyed(body, Remember(reply))
    }
}

/// Does nothing but reply: the key is what is stored.
pub(crate) struct Remember<R>(R);

impl<R: Serialize + DeserializeOwned + Send + 'static> Command for Remember<R> {
    type Reply = R;

    fn run(self, _: &mut Step<'_>) -> Result<R, Refusal> {
        Ok(self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Change {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(ApiError::internal)?;
        let key = key(parts)?;
        let person = cbor::encode_plain(&caller.person).map_err(|_| ApiError::internal())?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let pieces = [parts.method.as_str().as_bytes(), path.as_bytes(), &person].map(Hash::of);
        let pieces = pieces.each_ref().map(|hash| hash.as_bytes().as_slice());
        Ok(Self {
            key: Hash::of_parts(&[b"deskwire api key", caller.token.as_bytes(), key.as_bytes()]),
            head: Hash::of_parts(&pieces),
            by: caller.person,
        })
    }
}

fn key(parts: &Parts) -> Result<&str, ApiError> {
    let refused = |code: &str, detail: &str| {
        let next = "Send an Idempotency-Key of 1 to 128 visible ASCII characters, drawn anew for each change, and the \
                    same one when you repeat a call that got no answer.";
        ApiError::new(StatusCode::BAD_REQUEST, code, detail, next)
    };
    let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let value = values.next().ok_or_else(|| {
        refused("idempotency-key-missing", "This call changes something and carries no Idempotency-Key.")
    })?;
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    let bad = || refused("idempotency-key-invalid", "The Idempotency-Key is not one that can be taken.");
    key.filter(|_| values.next().is_none()).ok_or_else(bad)
}
