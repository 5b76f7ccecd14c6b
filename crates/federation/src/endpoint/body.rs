//! Request bodies of the peer listener: of the one media type, within their size and pace.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use deskwire_http::body::{self, BodyError, Pace};
use deskwire_proto::code::Code;
use deskwire_proto::limits::DOCUMENT_BYTES;
use futures_util::StreamExt;

use super::refuse::Refused;
use crate::peer::MEDIA_TYPE;

/// Reads one signed document.
///
/// # Errors
/// The refusal for the sender.
pub(super) async fn document(request: Request) -> Result<Bytes, Refused> {
    check_media(&request)?;
    let bytes = body::read(request.into_body(), DOCUMENT_BYTES, Pace::default()).await;
    bytes.map_err(|error| refused(&error))
}

/// A body whose beginning has come.
pub(super) struct Begun {
    beginning: BytesMut,
    rest: BodyDataStream,
    max: usize,
}

/// Reads the first `enough` bytes (or all, where there are fewer), so that a stranger's megabyte is refused before
/// it is taken in.
///
/// # Errors
/// The refusal for the sender.
pub(super) async fn begin(request: Request, enough: usize, max: usize) -> Result<Begun, Refused> {
    check_media(&request)?;
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > max) {
        return Err(Code::TooLarge.into());
    }
    let mut begun = Begun { beginning: BytesMut::new(), rest: request.into_body().into_data_stream(), max };
    let reading = async {
        while begun.beginning.len() < enough {
            match begun.rest.next().await {
                Some(piece) => begun.beginning.extend_from_slice(&piece.map_err(|error| of_axum(&error))?),
                None => break,
            }
        }
        Ok::<_, Refused>(())
    };
    tokio::time::timeout(FIRST, reading).await.map_err(|_elapsed| Code::Slow)??;
    Ok(begun)
}

/// For the beginning alone.
const FIRST: Duration = Duration::from_secs(20);

impl Begun {
    /// What has come.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Reads the rest, and gives all of it.
    ///
    /// # Errors
    /// The refusal for the sender.
    pub(super) async fn whole(self) -> Result<Bytes, Refused> {
        let Self { mut beginning, rest, max } = self;
        let room = max.checked_sub(beginning.len()).ok_or(Code::TooLarge)?;
        let rest =
            body::read_stream(rest, None, room, Pace::default()).await.map_err(|error| refused(&error))?;
        beginning.extend_from_slice(&rest);
        Ok(beginning.freeze())
    }
}

fn check_media(request: &Request) -> Result<(), Code> {
    let value = request.headers().get(CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
    let fits = value.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()));
    if fits { Ok(()) } else { Err(Code::UnsupportedMedia) }
}

fn refused(error: &BodyError) -> Refused {
    match error {
        BodyError::TooLarge { .. } => Code::TooLarge.into(),
        BodyError::TooSlow { .. } => Code::Slow.into(),
        BodyError::Cut(_) => Code::Malformed.into(),
    }
}

fn of_axum(error: &axum::Error) -> Refused {
    body::body_error(error).map_or_else(|| Code::Malformed.into(), refused)
}
