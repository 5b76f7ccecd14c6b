//! One call: headers, the repeats with the same key, and reading the answer.

use std::time::Duration;

use bytes::Bytes;
use deskwire_api_types::{ACTING_PERSON, IDEMPOTENCY_KEY, PROBLEM_MEDIA, Problem};
use http_body_util::{BodyExt as _, Empty, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Body, Client, Error, query::Path};

/// How long to wait before each repeat of a call whose connection broke.
pub(crate) const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1500)];

/// Largest document that is read into memory.
const DOCUMENT: usize = 64 << 20;

/// Why one attempt brought no answer.
pub(crate) enum Broken {
    /// No connection: nothing has been sent.
    Connect(String),
    /// The connection broke after something may have been sent.
    Cut(String),
    /// The time was over.
    Late(Duration),
    /// An answer came, and the call is over.
    Final(Error),
}

impl Client {
    /// `GET`, answered with a document.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: Path) -> Result<T, Error> {
        self.repeated(&Method::GET, &path, None, None).await.and_then(|bytes| self.parse(&bytes))
    }

    /// `GET`, answered with bytes of any kind.
    pub(crate) async fn get_bytes(&self, path: Path) -> Result<Bytes, Error> {
        self.repeated(&Method::GET, &path, None, None).await
    }

    /// `POST` of a document, answered with a document.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: Path,
        body: &B,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Usage(error.to_string()))?;
        let key = self.new_key();
        let answer = self.repeated(&Method::POST, &path, Some(body.into()), Some(&key)).await?;
        self.parse(&answer)
    }

    /// `POST` of a document that changes nothing: never under a key that was chosen for a change.
    pub(crate) async fn post_question<B: Serialize, T: DeserializeOwned>(
        &self,
        path: Path,
        body: &B,
    ) -> Result<T, Error> {
        Self { key: None, ..self.clone() }.post(path, body).await
    }

    /// `POST` without a body, answered with a document.
    pub(crate) async fn post_nothing<T: DeserializeOwned>(&self, path: Path) -> Result<T, Error> {
        let key = self.new_key();
        self.repeated(&Method::POST, &path, None, Some(&key)).await.and_then(|bytes| self.parse(&bytes))
    }

    /// `DELETE`, answered with nothing.
    pub(crate) async fn delete(&self, path: Path) -> Result<(), Error> {
        let key = self.new_key();
        self.repeated(&Method::DELETE, &path, None, Some(&key)).await.map(drop)
    }

    /// The key of the next changing call.
    pub(crate) fn new_key(&self) -> String {
        self.key.clone().unwrap_or_else(|| {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
            data_encoding::HEXLOWER.encode(&bytes)
        })
    }

    /// Headers of every call.
    pub(crate) fn request(
        &self,
        method: &Method,
        path: &Path,
        key: Option<&str>,
    ) -> Result<Request<()>, Error> {
        let unusable = |what: &str| Error::Usage(format!("{what} holds characters that cannot be sent"));
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        *request.uri_mut() =
            format!("{}{}", self.base, path.as_str()).parse().map_err(|_| unusable("an argument"))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if let Some(person) = &self.person {
            headers.insert(ACTING_PERSON, person.clone());
        }
        if let Some(key) = key {
            let key = HeaderValue::from_str(key).map_err(|_| unusable("the idempotency key"))?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        Ok(request)
    }

    /// Runs attempts until one brings an answer or all are used up.
    async fn repeated(
        &self,
        method: &Method,
        path: &Path,
        body: Option<Bytes>,
        key: Option<&str>,
    ) -> Result<Bytes, Error> {
        for attempt in 0.. {
            let broken = match self.attempt(self.request(method, path, key)?, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(broken) => broken,
            };
            self.judge(broken, attempt, key).await?;
        }
        unreachable!("the attempts end with an error")
    }

    /// After a broken attempt: waits when it is worth another one, and ends with the error otherwise.
    pub(crate) async fn judge(&self, broken: Broken, attempt: usize, key: Option<&str>) -> Result<(), Error> {
        let again = match &broken {
            // A daemon that was never there gets no second try; one that has just gone may be back in a moment.
            Broken::Connect(_) => attempt > 0,
            Broken::Cut(_) => true,
            Broken::Late(_) | Broken::Final(_) => false,
        };
        match PAUSES.get(attempt) {
            Some(pause) if again => {
                tokio::time::sleep(*pause).await;
                Ok(())
            }
            _ => {
                let nothing_sent = attempt == 0 && matches!(broken, Broken::Connect(_));
                Err(self.give_up(broken, key.filter(|_| !nothing_sent)))
            }
        }
    }

    /// The error that a broken attempt ends with; the key belongs to a call that may have had effect.
    pub(crate) fn give_up(&self, broken: Broken, key: Option<&str>) -> Error {
        let url = self.base.clone();
        let connected = !matches!(broken, Broken::Connect(_));
        let words = match broken {
            Broken::Final(error) => return error,
            Broken::Connect(why) => format!("no daemon answers at {url}: {why}"),
            Broken::Cut(why) => format!("the daemon at {url} broke off without an answer: {why}"),
            Broken::Late(limit) => format!("the daemon at {url} gave no answer within {} s", limit.as_secs()),
        };
        Error::Unreachable { url, words, connected, key: key.map(str::to_owned) }
    }

    /// Sends the call once.
    pub(crate) async fn attempt(
        &self,
        mut request: Request<()>,
        body: Option<Bytes>,
    ) -> Result<Bytes, Broken> {
        let body: Body = match body {
            Some(bytes) => {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
            }
            None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let request = request.map(|()| body);
        let exchange = async { read(self.send(request).await?).await };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Broken::Late(self.timeout)),
        }
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Broken> {
        self.http.request(request).await.map_err(|error| {
            let words = innermost(&error);
            if error.is_connect() { Broken::Connect(words) } else { Broken::Cut(words) }
        })
    }

    /// Reads a document; what cannot be read came from something else than a daemon of this version.
    pub(crate) fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::Unreachable {
            url: self.base.clone(),
            words: format!(
                "what answers at {} does not speak this version of the Deskwire API: {error}",
                self.base
            ),
            connected: true,
            key: None,
        })
    }
}

/// Reads a whole answer: the bytes of a good one, the problem of another.
pub(crate) async fn read(answer: Response<Incoming>) -> Result<Bytes, Broken> {
    let (head, body) = answer.into_parts();
    let bytes = match Limited::new(body, DOCUMENT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(Broken::Cut(innermost(error.as_ref()))),
    };
    if head.status.is_success() {
        return Ok(bytes);
    }
    Err(Broken::Final(Error::Refused(Box::new(problem(head.status, &head.headers, &bytes)))))
}

/// The problem document, or one made of the status when something else answered.
fn problem(status: StatusCode, headers: &HeaderMap, bytes: &[u8]) -> Problem {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let parsed = if media.starts_with(PROBLEM_MEDIA) { serde_json::from_slice(bytes).ok() } else { None };
    let mut problem: Problem = parsed.unwrap_or_else(|| {
        let detail = format!("The call was answered with HTTP {status} and no explanation.");
        Problem::new(status.as_u16(), "unexplained", "Unexplained refusal", detail)
            .with_next("Look whether a Deskwire daemon of this version is running there, and into its log.")
    });
    problem.retry_after = problem.retry_after.or(retry_after);
    problem
}

/// The cause at the bottom, which is the one that says something.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
