//! The body of a response on its way out, in pieces small enough to see whether the client takes them.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::activity::Ticket;
use super::gate::Permit;

/// What the client has to take within one stall limit.
const PIECE: usize = 64 * 1024;

pub(super) struct Watched {
    inner: AxumBody,
    rest: Bytes,
    ticket: Ticket,
    /// The place of the request, which it has until its response is gone.
    _place: Option<Permit>,
}

impl Watched {
    pub(super) fn new(inner: AxumBody, ticket: Ticket, place: Option<Permit>) -> Self {
        Self { inner, rest: Bytes::new(), ticket, _place: place }
    }

    fn next_piece(&mut self) -> Frame<Bytes> {
        self.ticket.owed_by_client();
        let length = self.rest.len().min(PIECE);
        Frame::data(self.rest.split_to(length))
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Being polled means that the connection has room again: the client took the piece before.
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_piece())));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        let Poll::Ready(Some(Ok(frame))) = polled else {
            self.ticket.owed_by_us();
            return polled;
        };
        match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                Poll::Ready(Some(Ok(self.next_piece())))
            }
            Err(trailers) => Poll::Ready(Some(Ok(trailers))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}
