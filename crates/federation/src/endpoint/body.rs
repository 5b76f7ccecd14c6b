//! Request bodies of the peer listener: of the one media type, within their size and pace.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use deskwire_http::body::{self, BodyError, Pace};
use deskwire_proto::code::Code;
use deskwire_proto::limits::DOCUMENT_BYTES;
use deskwire_store::local::LinkNo;
use futures_util::StreamExt;

use super::refuse::Refused;
use crate::memory::{Pool, Share};
use crate::peer::MEDIA_TYPE;
use crate::shared::Shared;

/// Memory for bodies of whom nobody knows yet, by address; in the extensions of each request.
pub(super) type Strangers = Arc<Pool<Option<IpAddr>>>;

/// Bytes of them that may be on their way in at once, beyond the beginning of each.
pub(super) const STRANGERS: usize = 8 * 1024 * 1024;
/// So much of a document needs no memory of the pool: nearly all are smaller.
const SMALL: usize = 4 * 1024;

/// Reads one signed document.
///
/// # Errors
/// The refusal for the sender.
pub(super) async fn document(request: Request) -> Result<Bytes, Refused> {
    let strangers = request.extensions().get::<Strangers>().cloned();
    let who = super::address(&request);
    let begun = begin(request, SMALL, DOCUMENT_BYTES).await?;
    if begun.ended {
        return begun.whole().await;
    }
    let strangers = strangers.ok_or(Code::Internal)?;
    let _share = strangers.lend(who, begun.announced).ok_or(Code::Busy)?;
    begun.whole().await
}

/// A body whose beginning has come.
pub(super) struct Begun {
    beginning: BytesMut,
    rest: BodyDataStream,
    /// There is nothing more.
    ended: bool,
    /// Bytes that there will be at most.
    announced: usize,
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
    let rest = request.into_body().into_data_stream();
    let announced = announced.unwrap_or(max);
    let mut begun = Begun { beginning: BytesMut::new(), rest, ended: false, announced };
    let reading = async {
        while begun.beginning.len() < enough {
            match begun.rest.next().await {
                Some(piece) => begun.beginning.extend_from_slice(&piece.map_err(|error| of_axum(&error))?),
                None => {
                    begun.ended = true;
                    break;
                }
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

    /// Reads the rest of a known partner's body, and gives all of it, with the memory that it may take.
    ///
    /// # Errors
    /// The refusal for the sender; `busy` when too much is on its way in.
    pub(super) async fn whole_of(
        self,
        shared: &Shared,
        link: LinkNo,
    ) -> Result<(Bytes, Share<LinkNo>), Refused> {
        let share = shared.bodies.lend(link, self.announced).ok_or(Code::Busy)?;
        Ok((self.whole().await?, share))
    }

    async fn whole(self) -> Result<Bytes, Refused> {
        let Self { mut beginning, rest, announced, .. } = self;
        let room = announced.checked_sub(beginning.len()).ok_or(Code::TooLarge)?;
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
