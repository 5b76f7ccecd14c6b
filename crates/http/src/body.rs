//! Bodies from the other side, request or response: read whole within a size and a pace, or refused with the reason.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::problem::Problem;

/// How fast a sender must be. Only time spent waiting for the sender counts, not what the reader does in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait in all.
    pub deadline: Duration,
    /// The wait at the beginning that needs no bytes.
    pub grace: Duration,
    /// After `grace`, at least so many bytes for each second of waiting; 0 switches this off.
    pub min_bytes_per_second: u64,
}

impl Pace {
    /// A deadline alone.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, grace: deadline, min_bytes_per_second: 0 }
    }

    /// How long the sender of `received` bytes may have let us wait.
    fn allowance(&self, received: u64) -> Duration {
        let earned = received
            .checked_mul(1000)
            .and_then(|thousands| thousands.checked_div(self.min_bytes_per_second))
            .map_or(Duration::MAX, Duration::from_millis);
        self.deadline.min(self.grace.saturating_add(earned))
    }
}

impl Default for Pace {
    /// 60 s in all; after 10 s at least 1 KiB per second.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(60), grace: Duration::from_secs(10), min_bytes_per_second: 1024 }
    }
}

/// Reads a whole body, of a request or of a response, of at most `max_bytes`.
///
/// A length announced above the limit is refused before a byte is read.
///
/// # Errors
/// [`BodyError`]: too large, too slow, or cut.
pub async fn read<B>(body: B, max_bytes: usize, pace: Pace) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let announced = body.size_hint().lower();
    if announced > max_bytes as u64 {
        return Err(BodyError::TooLarge { max_bytes, announced: Some(announced) });
    }
    let mut paced = Paced::new(Box::pin(body), pace);
    let mut whole = Gathered::default();
    while let Some(frame) = paced.frame().await {
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.len() > max_bytes {
                return Err(BodyError::TooLarge { max_bytes, announced: None });
            }
            whole.push(data);
        }
    }
    Ok(whole.into_bytes())
}

/// Reads a whole body given as a stream of pieces, as HTTP clients give it; `announced` is its Content-Length.
///
/// # Errors
/// As [`read`].
pub async fn read_stream<S, E>(
    pieces: S,
    announced: Option<u64>,
    max_bytes: usize,
    pace: Pace,
) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    if let Some(length) = announced.filter(|length| *length > max_bytes as u64) {
        return Err(BodyError::TooLarge { max_bytes, announced: Some(length) });
    }
    read(StreamBody::new(pieces.map_ok(Frame::data)), max_bytes, pace).await
}

/// Why a body was not read to its end. The fault is the sender's or the world's, never the reader's.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed; nothing was kept.
    #[error("the body is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
        /// The announced length, when that already gave it away.
        announced: Option<u64>,
    },
    /// The sender let us wait too long.
    #[error("the body came too slowly: {received} bytes in {} ms of waiting", waited.as_millis())]
    TooSlow {
        /// What had come.
        received: u64,
        /// How long we had waited for it.
        waited: Duration,
    },
    /// The connection ended, or broke the rules of HTTP, in the middle.
    #[error("the body was cut off: {0}")]
    Cut(#[source] BoxError),
}

impl BodyError {
    /// The refusal for whoever sent the body: 413, 408 or, mostly unread, 400.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::TooLarge { max_bytes, .. } => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The request is too large")
                    .detail(format!("{self}."))
                    .next("Send less in one request.")
                    .with("max_bytes", *max_bytes)
            }
            Self::TooSlow { .. } => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The request came too slowly")
                    .detail(format!("{self}."))
                    .next("Check the line and send the request again.")
            }
            Self::Cut(_) => {
                Problem::new(StatusCode::BAD_REQUEST, "body-cut", "The request ended in the middle")
                    .detail("The connection ended before the whole body had come.")
                    .next("Send the request again.")
            }
        }
    }

    /// Finds our own error again under what body adapters wrap around it.
    fn from_source(source: BoxError) -> Self {
        match source.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => match other.downcast::<axum::Error>() {
                Ok(wrapped) => Self::from_wrapped(wrapped.into_inner()),
                Err(other) => Self::Cut(other),
            },
        }
    }

    fn from_wrapped(inner: BoxError) -> Self {
        match inner.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::Cut(other),
        }
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}

/// A body that fails with [`BodyError::TooSlow`] when its sender falls below a [`Pace`].
#[derive(Debug)]
pub struct Paced<B> {
    inner: B,
    pace: Pace,
    received: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Paced<B> {
    /// Watches `inner` from the first time it lets its reader wait.
    pub fn new(inner: B, pace: Pace) -> Self {
        Self { inner, pace, received: 0, waited: Duration::ZERO, waiting_since: None, timer: None }
    }

    fn arrived(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited = self.waited.saturating_add(since.elapsed());
        }
    }

    /// Ready when the sender's time is used up.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            let left = self.pace.allowance(self.received).saturating_sub(self.waited);
            let until = now.checked_add(left).unwrap_or_else(|| now + Duration::from_secs(86_400));
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(sleep_until(until))),
            }
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        timer.as_mut().poll(cx).map(|()| {
            self.arrived();
            BodyError::TooSlow { received: self.received, waited: self.waited }
        })
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.arrived();
                if let Some(Ok(frame)) = &frame {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    self.received = self.received.saturating_add(length as u64);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError::from_source(error.into()))))
            }
            Poll::Pending => self.poll_patience(cx).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that is read piece by piece, at a [`Pace`].
#[derive(Debug)]
pub struct Pieces<B>(Paced<B>);

impl<B> Pieces<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Watches `body` from the first time it lets its reader wait.
    pub fn new(body: B, pace: Pace) -> Self {
        Self(Paced::new(body, pace))
    }

    /// The next piece, not empty; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError`]: too slow, or cut.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        while let Some(frame) = self.0.frame().await {
            if let Ok(piece) = frame?.into_data()
                && !piece.is_empty()
            {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// The [`BodyError`] behind the error of a body adapter or extractor, when there is one.
#[must_use]
pub fn body_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a BodyError> {
    crate::error_chain::find(error, |cause| cause.downcast_ref())
}

/// Pieces joined at the end; a body of one piece is not copied. Grows with what came, never with what was announced.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    joined: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

#[cfg(test)]
mod tests;
