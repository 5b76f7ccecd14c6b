//! Bodies on a paused clock: sizes, deadlines, and whose waiting counts.

use std::convert::Infallible;
use std::io;

use axum::body::Body as AxumBody;
use futures_util::stream;
use http_body_util::Full;

use super::*;

const KIB: usize = 1024;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Pieces of `size` bytes, one each `every`, for ever.
fn dribble(size: usize, every: Duration) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((), move |()| async move {
        tokio::time::sleep(every).await;
        Some((Ok(Bytes::from(vec![7; size])), ()))
    })
}

fn pace(deadline: u64, grace: u64, rate: u64) -> Pace {
    Pace { deadline: seconds(deadline), grace: seconds(grace), min_bytes_per_second: rate }
}

#[tokio::test]
async fn a_body_within_its_limits_arrives_unchanged() {
    let pieces: Vec<_> = [&b"one"[..], b"", b"two", b"three"]
        .into_iter()
        .map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece)))
        .collect();
    let whole = read_stream(stream::iter(pieces), None, 11, Pace::default()).await.unwrap();
    assert_eq!(&whole[..], b"onetwothree");
    let whole = read(Full::new(Bytes::from_static(b"one")), 3, Pace::default()).await.unwrap();
    assert_eq!(&whole[..], b"one");
}

/// An announced 10 GB must cost nothing, not even the first read.
#[tokio::test]
async fn an_announced_excess_is_refused_unread() {
    let never = stream::pending::<Result<Bytes, Infallible>>();
    let error = read_stream(never, Some(10_000_000_000), KIB, Pace::default()).await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { announced: Some(10_000_000_000), .. }), "{error}");
    assert_eq!(error.problem().status(), 413);
}

/// An unannounced endless body must stop at the limit, not at the end of memory.
#[tokio::test(start_paused = true)]
async fn an_endless_body_is_refused_at_the_limit() {
    let error = read_stream(dribble(KIB, seconds(0)), None, 8 * KIB, Pace::default()).await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { announced: None, .. }), "{error}");
}

/// One byte a second stays under every size limit for years.
#[tokio::test(start_paused = true)]
async fn a_dribble_is_cut_by_its_rate_long_before_the_deadline() {
    let start = Instant::now();
    let error = read_stream(dribble(1, seconds(1)), None, KIB, pace(3600, 10, 100)).await.unwrap_err();
    assert!(matches!(error, BodyError::TooSlow { received: 10, .. }), "{error}");
    assert_eq!(error.problem().status(), 408);
    assert!(start.elapsed() < seconds(11));
}

#[tokio::test(start_paused = true)]
async fn a_silent_sender_is_cut_at_the_deadline() {
    let start = Instant::now();
    let never = stream::pending::<Result<Bytes, Infallible>>();
    let error = read_stream(never, None, KIB, Pace::within(seconds(5))).await.unwrap_err();
    assert!(matches!(error, BodyError::TooSlow { received: 0, .. }), "{error}");
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// A sender that keeps the pace must not be cut because its reader is slow (a full disk queue, a busy writer).
#[tokio::test(start_paused = true)]
async fn the_readers_own_slowness_does_not_count() {
    let pieces = (0..20).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))));
    let mut paced = Paced::new(StreamBody::new(stream::iter(pieces)), pace(10, 5, 1));
    let mut received = 0;
    while let Some(frame) = paced.frame().await {
        received += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(seconds(5)).await;
    }
    assert_eq!(received, 20);
}

/// A broken connection must not pass for a complete short body.
#[tokio::test]
async fn a_cut_body_is_an_error() {
    let pieces = [Ok(Bytes::from_static(b"half")), Err(io::Error::other("reset"))];
    let error = read_stream(stream::iter(pieces), None, KIB, Pace::default()).await.unwrap_err();
    assert!(matches!(error, BodyError::Cut(_)), "{error}");
}

/// The listener's own pace, inside the body a handler reads, must come out as itself and not as a cut connection.
#[tokio::test(start_paused = true)]
async fn the_inner_pace_is_recognised_through_adapters() {
    let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let watched = AxumBody::new(Paced::new(silent, Pace::within(seconds(1))));
    let error = read(watched, KIB, Pace::within(seconds(60))).await.unwrap_err();
    assert!(matches!(error, BodyError::TooSlow { .. }), "{error}");
    let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let watched = AxumBody::new(Paced::new(silent, Pace::within(seconds(1))));
    let extractor = axum::body::to_bytes(watched, KIB).await.unwrap_err();
    assert!(matches!(body_error(&extractor), Some(BodyError::TooSlow { .. })), "{extractor}");
}
