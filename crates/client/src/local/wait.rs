//! Waiting for a condition instead of for a time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::Error;

/// The first pause between two looks; each is half as long again as the one before.
const FIRST: Duration = Duration::from_millis(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_millis(25);

/// Looks again and again until there is something, at most for so long. `what` completes "… did not come within 5 s".
///
/// # Errors
/// What looking fails with, at once; [`Error::Refused`] with `waited-in-vain` when the time is over.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let end = Instant::now() + limit;
    let mut pause = FIRST;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // A look that gets no answer must not outlast the limit either.
        match timeout(left.max(FIRST), look()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) if !left.is_zero() => {}
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) | Err(_) => return Err(in_vain(what, limit)),
        }
        sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

fn in_vain(what: &str, limit: Duration) -> Error {
    let detail = format!("{what} did not come within {} s.", limit.as_secs_f64());
    Error::local(
        504,
        "waited-in-vain",
        "Something did not come in time",
        detail,
        "Look into the logs of the daemons.",
    )
}
